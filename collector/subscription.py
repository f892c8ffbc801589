"""One MQTT 5 connection that hears the devices, from its first byte to its end; the next one is a new object.

All of it runs in the thread that calls it: paho's own network thread would cost a switch of threads per message and
one more per acknowledgement. Nothing is acknowledged by itself: `acknowledge` goes to this very connection, so it can
never hit a message of another one that has the same number. What nobody takes with `events` stays in the socket.
"""

import select
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from collector.config import Mqtt
from collector.errors import CollectorError, InputError

KEEPALIVE_S = 30
CONNECT_WAIT_S = 10.0
POLITE_WAIT_S = 2.0  # for the last acknowledgements to leave
HANDFUL = 20
GATHER_S = 0.05
"""Fewer messages than a handful wait this long for more: a commit costs the same for one as for many."""
TAKEN_OVER = 142


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message, and the number by which to acknowledge it."""

    topic: str
    payload: bytes
    qos: int
    number: int


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The broker will send us everything; `resumed` says that it had kept our session."""

    resumed: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """The connection is over, or was never made; the sentence says why."""

    reason: str
    taken_over: bool = False
    """Another client came with our client id."""


Event = Arrival | Subscribed | Ended


class Link(Protocol):
    """A connection as the subscriber sees it."""

    def events(self, wait_s: float, at_most: int) -> Sequence[Event]:
        """What happened since the last call; waits up to `wait_s` for the first event."""

    def acknowledge(self, arrivals: Sequence[Arrival]) -> None:
        """Tell the broker that it need not keep these; on a connection that ended, nothing happens."""

    def publish(self, topic: str, payload: bytes) -> None:
        """Send a command (QoS 1, not retained); whether it arrives is not promised."""

    def close(self) -> None:
        """End it; the broker keeps the session."""


class Connect(Protocol):
    """Makes a connection and subscribes. CollectorError where nobody answers."""

    def __call__(self, mqtt: Mqtt, *, unacknowledged_max: int) -> Link: ...  # noqa: D102


class Subscription:
    """Connects at once and subscribes to what all devices say.

    CollectorError where nobody answers, InputError where the credentials cannot be read. At most
    `unacknowledged_max` messages wait for their acknowledgement; the broker keeps the others.
    """

    def __init__(self, mqtt: Mqtt, *, unacknowledged_max: int) -> None:
        self._mqtt = mqtt
        self._found: list[Event] = []
        self._accepted = False
        self._resumed = False
        self._misc_at = 0.0
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=mqtt.client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.suppress_exceptions = True  # a bug in a callback must not leave paho's state half-changed
        client.connect_timeout = CONNECT_WAIT_S
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        _identify(client, mqtt)
        session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        session.SessionExpiryInterval = mqtt.session_hours * 3600
        session.ReceiveMaximum = min(unacknowledged_max, 65_535)
        self._client = client
        try:
            client.connect(mqtt.host, mqtt.port, KEEPALIVE_S, clean_start=False, properties=session)
        except ssl.SSLError as error:
            raise CollectorError(f"{mqtt} failed the TLS handshake: {error.reason or error}") from error
        except OSError as error:
            raise CollectorError(f"{mqtt} cannot be reached: {error.strerror or error}") from error

    def events(self, wait_s: float, at_most: int) -> list[Event]:
        """What happened since the last call; waits up to `wait_s` for the first event, and a little for company."""
        found = self._found
        now = time.monotonic()
        if now >= self._misc_at:  # keeps the connection alive, and ends one that is dead
            self._misc_at = now + 1.0
            self._client.loop_misc()
        deadline = now + wait_s
        gathering = False
        while True:
            self._read(at_most)
            if found and not gathering:
                gathering = True
                deadline = time.monotonic() + GATHER_S
            wait_s = deadline - time.monotonic()
            over = any(not isinstance(event, Arrival) for event in found[:1]) or self._client.socket() is None
            if len(found) >= min(HANDFUL, at_most) or over or wait_s <= 0:
                break
            self._wait(wait_s)
        self._found = found[at_most:]
        return found[:at_most]

    def acknowledge(self, arrivals: Sequence[Arrival]) -> None:
        """Tell the broker that it need not keep these; on a connection that ended, nothing happens."""
        acknowledge = self._client.ack
        for arrival in arrivals:
            if arrival.qos > 0:
                acknowledge(arrival.number, arrival.qos)

    def publish(self, topic: str, payload: bytes) -> None:
        """Send a command (QoS 1, not retained); whether it arrives is not promised."""
        self._client.publish(topic, payload, qos=1)

    def close(self) -> None:
        """End it; the broker keeps the session."""
        deadline = time.monotonic() + POLITE_WAIT_S
        while self._client.want_write() and (wait_s := deadline - time.monotonic()) > 0:
            if self._client.socket() is None:
                break
            self._wait(wait_s)
        self._client.disconnect()
        if self._client.socket() is not None and self._client.want_write():
            self._wait(max(0.0, deadline - time.monotonic()))
        network: Any = self._client.socket()
        if network is not None:  # the broker does not read
            with suppress(OSError):
                network.close()

    def _read(self, at_most: int) -> None:
        """Take in whole packets, as far as they are there."""
        client, found = self._client, self._found
        while len(found) < at_most:
            before = len(found)
            if client.loop_read() is not MQTTErrorCode.MQTT_ERR_SUCCESS:
                return
            if len(found) == before and not self._is_readable():
                return

    def _is_readable(self) -> bool:
        network: Any = self._client.socket()
        if network is None:
            return False
        return _pending(network) > 0 or bool(select.select([network], [], [], 0)[0])

    def _wait(self, wait_s: float) -> None:
        """For something to read, or for room to write."""
        network: Any = self._client.socket()
        if network is None or _pending(network) > 0:
            return
        writing = [network] if self._client.want_write() else []
        _, writable, _ = select.select([network], writing, [], wait_s)
        if writable:
            self._client.loop_write()

    def _on_connect(
        self, client: Client, _data: Any, flags: ConnectFlags, code: ReasonCode, _more: Properties | None
    ) -> None:
        if code.is_failure:
            self._found.append(Ended(f"{self._mqtt} refused the connection: {code}"))
            return
        self._accepted = True
        self._resumed = flags.session_present
        if self._mqtt.share is not None:  # a session from before it was shared would get everything twice
            client.unsubscribe(self._mqtt.filter_of("report", shared=False))
        client.subscribe([(topic_filter, 1) for topic_filter in self._mqtt.filters])

    def _on_subscribe(
        self, _: Client, _data: Any, _number: int, codes: list[ReasonCode], _more: Properties | None
    ) -> None:
        for topic_filter, code in zip(self._mqtt.filters, codes, strict=False):
            if code.is_failure:
                self._found.append(Ended(f"{self._mqtt} refused the subscription to {topic_filter}: {code}"))
                return
        self._found.append(Subscribed(self._resumed))

    def _on_message(self, _: Client, _data: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:  # no broker lets that through
            topic = ""
        self._found.append(Arrival(topic, bytes(message.payload), message.qos, message.mid))

    def _on_disconnect(
        self, _: Client, _data: Any, flags: DisconnectFlags, code: ReasonCode, _more: Properties | None
    ) -> None:
        taken_over = flags.is_disconnect_packet_from_server and code.value == TAKEN_OVER
        if not self._accepted:
            how = "closed the connection without accepting it; are the user name and the password right?"
        elif taken_over:
            how = f"gave our session to another client with the id {self._mqtt.client_id}; does a second collector run?"
        elif flags.is_disconnect_packet_from_server:
            how = f"ended the connection: {code}"
        else:
            how = f"lost the connection: {code}"
        self._found.append(Ended(f"{self._mqtt} {how}", taken_over=taken_over))


def _pending(network: Any) -> int:
    """Bytes that TLS has read from the socket and nobody has taken: select does not see them."""
    return int(network.pending()) if isinstance(network, ssl.SSLSocket) else 0


def _identify(client: Client, mqtt: Mqtt) -> None:
    if mqtt.username:
        password = None
        if mqtt.password_file is not None:
            try:
                password = mqtt.password_file.read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                raise InputError(f"mqtt.password_file {mqtt.password_file} cannot be read: {error}") from error
        client.username_pw_set(mqtt.username, password)
    if mqtt.tls:
        try:
            context = ssl.create_default_context(cafile=mqtt.ca_file)
            if mqtt.certificate_file:
                context.load_cert_chain(mqtt.certificate_file, mqtt.key_file)
        except OSError as error:
            raise InputError(f"mqtt: the TLS files cannot be used: {error}") from error
        client.tls_set_context(context)
