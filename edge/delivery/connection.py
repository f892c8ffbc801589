"""One MQTT 5 connection, from its first byte to its end; the next one is a new object.

paho's network thread turns its callbacks into events on a queue and does nothing else; the thread that opened
the connection takes them with `events()`. Paho neither reconnects nor resends here: every connection starts
clean and fails once, so that the courier alone decides what is sent again.
"""

import queue
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.delivery.failure import CLOSED, Cause, Failure, failure_of, refusal_of
from edge.errors import InputError, WorkError

POLITE_WAIT_S = 1.0  # for the last bytes of a connection that is closed gracefully
HEARD_MAX = 100  # received messages that wait; more are dropped, and the collector asks again
HEARD_BYTES_MAX = 65_536
TAKEN_OVER = 0x8E
RETAIN_NOT_SUPPORTED = 0x9A
TOO_LARGE = 0x95
TWIN_HINT = (
    "is there a second device of this site and name, or a replay with this device's user name at a broker that takes"
    " user names for client ids?"
)


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is and how to be let in. TLS is on, and verified, unless it is turned off."""

    host: str
    port: int = 8883
    username: str = ""
    password_file: Path | None = None
    tls: bool = True
    ca_file: Path | None = None
    """Certificate authority to trust instead of the system's."""
    certificate_file: Path | None = None
    key_file: Path | None = None
    keepalive_s: int = 30

    def __str__(self) -> str:
        return f"broker {self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Message:
    """One publication. QoS 1 is acknowledged by an event, QoS 0 by nothing."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """CONNACK of success, with the limits of the broker (None: any).

    `receive_max` unacknowledged messages, packets of `packet_max` bytes, messages of QoS `qos_max`; `retains`:
    whether it retains messages.
    """

    receive_max: int | None
    packet_max: int | None = None
    qos_max: int = 2
    retains: bool = True


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """PUBACK of success."""

    token: int


@dataclass(frozen=True, slots=True)
class Refused:
    """PUBACK of failure."""

    token: int
    reason: str
    code: int = 0


@dataclass(frozen=True, slots=True)
class Received:
    """A message on a subscribed topic."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class SubscriptionRefused:
    """SUBACK of failure."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The connection ended, or was refused; `reason` is a sentence. `taken_over`: by a client of the same id."""

    reason: str
    taken_over: bool = False
    cause: Cause = "lost"
    code: int = 0


class UnreachableError(WorkError):
    """No connection could be opened; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.sentence)
        self.failure = failure


Event = Accepted | Acknowledged | Refused | Received | SubscriptionRefused | Ended


class Link(Protocol):
    """A connection as the publisher sees it, so that a simulated network can stand in."""

    def publish(self, message: Message) -> int:
        """Hand a message to the network; the token comes back in its acknowledgement."""
        ...

    def listen(self, topics: Sequence[str], *, needed: bool = True) -> None:
        """Subscribe to these topic filters; `SubscriptionRefused` if that is refused, unless it is not needed."""
        ...

    def events(self, wait_s: float) -> list[Event]:
        """What happened since the last call; waits up to `wait_s` for the first event."""
        ...

    def close(self, *, graceful: bool) -> None:
        """End the connection; unless it is graceful, the broker publishes the last will."""
        ...


class Connection:
    """Connects at once; UnreachableError where nobody answers, InputError where the credentials cannot be read."""

    def __init__(self, broker: Broker, client_id: str, *, will: Message | None, timeout_s: float = 10.0) -> None:
        self.broker = broker
        self._name = client_id
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._accepted = False
        self._needed: int | None = None  # the packet identifier of the subscription that is needed
        self.dropped = 0
        """Received messages dropped beyond the bounds."""
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        client.suppress_exceptions = True  # else an exception in a callback ends paho's thread silently
        client.connect_timeout = timeout_s
        client.max_inflight_messages = 65_535  # the courier bounds what is in flight; paho must not queue
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe
        if will is not None:
            client.will_set(will.topic, will.payload, qos=will.qos, retain=will.retain)
        _identify(client, broker)
        self._client = client
        try:
            client.connect(broker.host, broker.port, broker.keepalive_s, clean_start=True)
        except OSError as error:
            self._let_go()
            raise UnreachableError(failure_of(str(broker), error)) from error
        client.loop_start()

    def publish(self, message: Message) -> int:
        """Hand a message to the network; the token comes back in its acknowledgement."""
        return self._client.publish(message.topic, message.payload, message.qos, message.retain).mid

    def listen(self, topics: Sequence[str], *, needed: bool = True) -> None:
        """Subscribe to these topic filters; `SubscriptionRefused` if that is refused, unless it is not needed."""
        _, number = self._client.subscribe([(topic, 1) for topic in topics])
        if needed:
            self._needed = number

    def events(self, wait_s: float) -> list[Event]:
        """What happened since the last call; waits up to `wait_s` for the first event."""
        found: list[Event] = []
        with suppress(queue.Empty):
            found.append(self._events.get(timeout=max(0.0, wait_s)))
            while True:
                found.append(self._events.get_nowait())
        return found

    def close(self, *, graceful: bool) -> None:
        """End the connection; unless it is graceful, the broker publishes the last will."""
        if graceful and self._client.disconnect() is MQTTErrorCode.MQTT_ERR_SUCCESS:
            deadline = time.monotonic() + POLITE_WAIT_S
            while (wait_s := deadline - time.monotonic()) > 0:
                if any(isinstance(event, Ended) for event in self.events(wait_s)):
                    break
        network = self._client.socket()
        if isinstance(network, socket.socket):  # else paho's thread waits for acknowledgements that may never come
            with suppress(OSError):
                network.shutdown(socket.SHUT_RDWR)
        self._client.loop_stop()
        self._let_go()

    def _let_go(self) -> None:
        """Drop the callbacks: without the reference cycle paho's socket pair is closed now."""
        client = self._client
        client.on_connect = client.on_disconnect = client.on_publish = client.on_message = client.on_subscribe = None

    def _on_connect(
        self, _: Client, _data: Any, _flags: ConnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        if code.is_failure:
            failure = refusal_of(str(self.broker), code.value, str(code))
            self._events.put(Ended(failure.sentence, cause=failure.cause, code=code.value))
            return
        self._accepted = True
        self._events.put(
            Accepted(
                getattr(properties, "ReceiveMaximum", None),
                packet_max=getattr(properties, "MaximumPacketSize", None),
                qos_max=getattr(properties, "MaximumQoS", 2),
                retains=bool(getattr(properties, "RetainAvailable", 1)),
            )
        )

    def _on_disconnect(
        self, _: Client, _data: Any, flags: DisconnectFlags, code: ReasonCode, _more: Properties | None
    ) -> None:
        taken_over = flags.is_disconnect_packet_from_server and code.value == TAKEN_OVER
        cause: Cause = "lost"
        if not self._accepted:
            cause, how = "rejected", CLOSED
        elif taken_over:
            how = f"let another client take our name {self._name} over: {TWIN_HINT}"
        elif flags.is_disconnect_packet_from_server:
            cause = "too-large" if code.value == TOO_LARGE else "lost"
            how = f"ended the connection: {code}"
        else:
            how = f"lost the connection: {code}"
        self._events.put(Ended(f"{self.broker} {how}", taken_over, cause, code.value))

    def _on_message(self, _: Client, _data: Any, message: MQTTMessage) -> None:
        if len(message.payload) > HEARD_BYTES_MAX or self._events.qsize() > HEARD_MAX:
            self.dropped += 1
            return
        self._events.put(Received(message.topic, bytes(message.payload)))

    def _on_subscribe(
        self, _: Client, _data: Any, number: int, codes: list[ReasonCode], _more: Properties | None
    ) -> None:
        refused = [code for code in codes if code.is_failure]
        if refused and self._needed in (number, None):
            self._events.put(SubscriptionRefused(f"{self.broker} does not let us hear commands: {refused[0]}"))

    def _on_publish(self, _: Client, _data: Any, token: int, code: ReasonCode, _more: Properties | None) -> None:
        self._events.put(Refused(token, str(code), code.value) if code.is_failure else Acknowledged(token))


def packet_bytes(message: Message) -> int:
    """The size of its PUBLISH packet, as MQTT 5 counts it."""
    rest = 2 + len(message.topic.encode()) + 2 * (message.qos > 0) + 1 + len(message.payload)
    return 1 + max(1, (rest.bit_length() + 6) // 7) + rest


def _identify(client: Client, broker: Broker) -> None:
    if broker.username:
        client.username_pw_set(broker.username, _password(broker.password_file))
    if broker.tls:
        try:
            context = ssl.create_default_context(cafile=broker.ca_file)
            if broker.certificate_file:
                context.load_cert_chain(broker.certificate_file, broker.key_file)
        except OSError as error:
            raise InputError(f"mqtt: the TLS files cannot be used: {error}") from error
        client.tls_set_context(context)


def _password(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"mqtt.password_file {path} cannot be read: {error}") from error
