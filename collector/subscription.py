"""One MQTT 5 connection that receives reports, from its first byte to its end; the next one is a new object.

Paho's network thread only puts what happens on a queue. Nothing is acknowledged by itself: `acknowledge`
goes to this very connection, so it can never hit a message of another one that has the same number.
"""

import queue
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

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


Event = Arrival | Subscribed | Ended


class Subscription:
    """Connects at once and subscribes to the reports of all devices.

    CollectorError where nobody answers, InputError where the credentials cannot be read. At most
    `unacknowledged_max` messages wait for their acknowledgement; the broker keeps the others.
    """

    def __init__(self, mqtt: Mqtt, *, unacknowledged_max: int) -> None:
        self._mqtt = mqtt
        self._backlog_max = 2 * unacknowledged_max
        self._filter = f"{mqtt.root}/v1/+/+/report"
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._accepted = False
        self._resumed = False
        self.dropped = 0
        """Messages sent at QoS 0 beyond the bound: no device of ours does that."""
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=mqtt.client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.suppress_exceptions = True  # else a bug in a callback quietly ends paho's thread
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
        client.loop_start()

    def events(self, wait_s: float, at_most: int) -> list[Event]:
        """What happened since the last call; waits up to `wait_s` for the first event."""
        found: list[Event] = []
        with suppress(queue.Empty):
            found.append(self._events.get(timeout=wait_s))
            while len(found) < at_most:
                found.append(self._events.get_nowait())
        return found

    def acknowledge(self, arrival: Arrival) -> None:
        """Tell the broker that it need not keep this one; on a connection that ended, nothing happens."""
        if arrival.qos > 0:
            self._client.ack(arrival.number, arrival.qos)

    def close(self) -> None:
        """End it; the broker keeps the session."""
        if self._client.disconnect() is MQTTErrorCode.MQTT_ERR_SUCCESS:
            deadline = time.monotonic() + POLITE_WAIT_S
            while (wait_s := deadline - time.monotonic()) > 0:
                if any(isinstance(event, Ended) for event in self.events(wait_s, at_most=1)):
                    break
        network = self._client.socket()
        if isinstance(network, socket.socket):  # the broker does not read: paho's thread would wait for it
            with suppress(OSError):
                network.shutdown(socket.SHUT_RDWR)
        self._client.loop_stop()

    def _on_connect(
        self, client: Client, _data: Any, flags: ConnectFlags, code: ReasonCode, _more: Properties | None
    ) -> None:
        if code.is_failure:
            self._events.put(Ended(f"{self._mqtt} refused the connection: {code}"))
            return
        self._accepted = True
        self._resumed = flags.session_present
        client.subscribe(self._filter, qos=1)

    def _on_subscribe(
        self, _: Client, _data: Any, _number: int, codes: list[ReasonCode], _more: Properties | None
    ) -> None:
        if any(code.is_failure for code in codes):
            self._events.put(Ended(f"{self._mqtt} refused the subscription to {self._filter}: {codes[0]}"))
        else:
            self._events.put(Subscribed(self._resumed))

    def _on_message(self, _: Client, _data: Any, message: MQTTMessage) -> None:
        if message.qos == 0 and self._events.qsize() >= self._backlog_max:
            self.dropped += 1
            return
        self._events.put(Arrival(message.topic, bytes(message.payload), message.qos, message.mid))

    def _on_disconnect(
        self, _: Client, _data: Any, flags: DisconnectFlags, code: ReasonCode, _more: Properties | None
    ) -> None:
        if not self._accepted:
            how = "closed the connection without accepting it; are the user name and the password right?"
        elif flags.is_disconnect_packet_from_server:
            how = f"ended the connection: {code}"
        else:
            how = f"lost the connection: {code}"
        self._events.put(Ended(f"{self._mqtt} {how}"))


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
