"""One MQTT 5 connection of the collector, from CONNECT to its end; the next connection is a new object.

paho does the protocol; the thread that calls `events` drives it, so no other thread and no lock is involved. A message
is acknowledged only by `acknowledge`, on the connection that brought it. The broker sends no more messages than may be
unacknowledged, and what `events` has not taken yet stays in the socket.
"""

import logging
import select
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from collector.config import Mqtt
from collector.protocol.intake import LIVE
from edge.errors import InputError, WorkError

PACKET_BYTES_MAX = 262_144
"""The broker is told not to send larger packets; it drops such messages as delivered."""
KEEP_ALIVE_S = 30
CONNECT_WAIT_S = 10.0
CLOSE_WAIT_S = 2.0
"""At most, for the last acknowledgements to reach the broker."""
GATHER_MESSAGES = 20
GATHER_S = 0.05
"""Fewer messages wait this long for more, because a commit costs the same for one as for many."""
PACKET_IDS = 65_535
REASON_STRING_CHARACTERS_MAX = 200
UNSUPPORTED_PROTOCOL, KEEP_ALIVE_TIMEOUT, PROTOCOL_ERROR, TAKEN_OVER = 0x84, 0x8D, 0x82, 0x8E
"""Reason codes of MQTT 5 that get a sentence of their own."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message that arrived, and the packet identifier by which to acknowledge it."""

    topic: str
    payload: bytes
    qos: int
    packet_id: int
    retained: bool = False
    """It was published before we subscribed."""


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The broker granted all subscriptions; `resumed`: it had kept our session."""

    resumed: bool


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker has the message that we published with this packet identifier, or refuses it (`refusal` says why)."""

    packet_id: int
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """The connection is over, or was never made; the sentence says why."""

    reason: str
    taken_over: bool = False
    """Another client connected with our client id."""


Event = Message | Subscribed | Acknowledged | Ended


class Link(Protocol):
    """A connection as the subscriber sees it."""

    def events(self, wait_s: float, at_most: int) -> Sequence[Event]:
        """What happened since the last call; waits up to `wait_s` for the first event."""

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Tell the broker that these are stored; does nothing on a connection that has ended."""

    def publish(self, topic: str, payload: bytes) -> int:
        """Publish with QoS 1, not retained; returns the packet identifier that `Acknowledged` will name."""

    def close(self) -> None:
        """Disconnect; the broker keeps the session."""


class Connect(Protocol):
    """Makes a connection and subscribes. CrossingError where the broker cannot be reached."""

    def __call__(self, mqtt: Mqtt, *, unacknowledged_max: int) -> Link: ...  # noqa: D102


class Connection:
    """Connects at once and subscribes to the topics of all devices.

    CrossingError where the broker cannot be reached, InputError where the credentials cannot be read. The broker is
    told to send at most `unacknowledged_max` messages before it waits for acknowledgements.
    """

    def __init__(self, mqtt: Mqtt, *, unacknowledged_max: int) -> None:
        self._mqtt = mqtt
        self._found: list[Event] = []
        self._accepted = self._resumed = self._ended = False
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=mqtt.client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.enable_logger(logging.getLogger(f"{__name__}.paho"))
        client.connect_timeout = CONNECT_WAIT_S
        client.max_inflight_messages = PACKET_IDS  # the subscriber bounds what it publishes; paho must not queue it
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_disconnect = self._on_disconnect
        _identify(client, mqtt)
        self._client = client
        try:
            client.connect(
                *(mqtt.host, mqtt.port, KEEP_ALIVE_S),
                clean_start=False,
                properties=_session_of(mqtt, receive_max=min(unacknowledged_max, PACKET_IDS)),
            )
        except ssl.SSLError as error:
            raise WorkError(f"{mqtt} failed the TLS handshake: {error.reason or error}") from error
        except OSError as error:
            raise WorkError(f"{mqtt} cannot be reached: {error.strerror or error}") from error

    def events(self, wait_s: float, at_most: int) -> list[Event]:
        """What happened since the last call; waits up to `wait_s` for the first event, and shortly for more."""
        deadline_s = time.monotonic() + wait_s
        gathering = False
        while True:
            self._read(at_most)
            found = self._found
            if found and not gathering:
                gathering = True
                deadline_s = min(deadline_s, time.monotonic() + GATHER_S)
            if not found:  # else the broker lives, and an answer to our ping may stand behind the messages
                self._client.loop_misc()
            left_s = deadline_s - time.monotonic()
            is_other = bool(found) and not isinstance(found[0], Message)
            if self._ended or is_other or len(found) >= min(GATHER_MESSAGES, at_most) or left_s <= 0:
                break
            self._wait(left_s)
        found = self._found
        self._found = found[at_most:]
        return found[:at_most]

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Tell the broker that these are stored; does nothing on a connection that has ended."""
        for message in messages:
            self._client.ack(message.packet_id, message.qos)

    def publish(self, topic: str, payload: bytes) -> int:
        """Publish with QoS 1, not retained; returns the packet identifier that `Acknowledged` will name."""
        return self._client.publish(topic, payload, qos=1).mid

    def close(self) -> None:
        """Disconnect; the broker keeps the session."""
        client = self._client
        client.on_message = None
        client.on_socket_close = _drain
        client.disconnect()
        deadline_s = time.monotonic() + CLOSE_WAIT_S
        while client.want_write() and (network := _socket_of(client)) and (left_s := deadline_s - time.monotonic()) > 0:
            select.select([], [network], [], left_s)
            client.loop_write()
        if network := _socket_of(client):  # the broker takes nothing
            network.close()
        client.on_connect = client.on_subscribe = client.on_publish = client.on_disconnect = None

    def _read(self, at_most: int) -> None:
        """Take what the network has, until there are `at_most` events or nothing more."""
        while len(self._found) < at_most and not self._ended:
            before = len(self._found)
            self._client.loop_read()
            if len(self._found) == before:
                break

    def _wait(self, wait_s: float) -> None:
        """For something to read, or for room to write; then write."""
        network = _socket_of(self._client)
        if network is None or (isinstance(network, ssl.SSLSocket) and network.pending()):
            return
        writing = [network] if self._client.want_write() else []
        _, writable, _ = select.select([network], writing, [], min(wait_s, 1.0))
        if writable:
            self._client.loop_write()

    def _on_connect(
        self, client: Client, _data: Any, flags: ConnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        if code.is_failure:
            self._end(f"refused the connection: {_reason(code, properties)}")
            return
        self._accepted, self._resumed = True, flags.session_present
        if self._mqtt.share is not None:  # a session from before it was shared would get every report twice
            client.unsubscribe(self._mqtt.filter_of("report", shared=False))
        if not self._mqtt.live:  # the session may have begun with it
            client.unsubscribe(self._mqtt.filter_of(LIVE, shared=False))
        client.subscribe([(topic_filter, 1) for topic_filter in self._mqtt.filters])

    def _on_subscribe(
        self, _client: Client, _data: Any, _packet_id: int, codes: list[ReasonCode], properties: Properties | None
    ) -> None:
        for topic_filter, code in zip(self._mqtt.filters, codes, strict=False):
            if code.is_failure:
                self._end(f"refused the subscription to {topic_filter}: {_reason(code, properties)}")
                return
        self._found.append(Subscribed(self._resumed))

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError as error:  # refused and acknowledged like any topic that is not ours
            topic = error.object.decode(errors="replace")
        self._found.append(Message(topic, bytes(message.payload), message.qos, message.mid, message.retain))

    def _on_publish(
        self, _client: Client, _data: Any, packet_id: int, code: ReasonCode, properties: Properties
    ) -> None:
        self._found.append(Acknowledged(packet_id, _reason(code, properties) if code.is_failure else ""))

    def _on_disconnect(
        self, _client: Client, _data: Any, flags: DisconnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        client_id = self._mqtt.client_id
        if not self._accepted:
            self._end(
                "closed the connection without an answer: does it speak MQTT 5 (3.1.1 is not enough),"
                " and are the user name and the password right?"
            )
        elif flags.is_disconnect_packet_from_server and code.value == TAKEN_OVER:
            whose = f"another client with the id {client_id}"
            self._end(f"gave our session to {whose}; does a second collector run?", taken_over=True)
        elif flags.is_disconnect_packet_from_server:
            self._end(f"ended the connection: {_reason(code, properties)}")
        elif code.value == KEEP_ALIVE_TIMEOUT:
            self._end("lost the connection: it does not answer pings")
        elif code.value == PROTOCOL_ERROR:
            self._end("sent a packet that is not MQTT 5")
        else:
            hint = f"as some brokers do when another client comes with the id {client_id}"
            self._end(f"closed or lost the connection without a reason, {hint}")

    def _end(self, how: str, *, taken_over: bool = False) -> None:
        """The first reason counts: paho reports a refusal, and then the disconnection that follows."""
        if not self._ended:
            self._ended = True
            self._found.append(Ended(f"{self._mqtt} {how}", taken_over))


def _socket_of(client: Client) -> socket.socket | None:
    """Of a connection that is open; paho types it for its websockets, too."""
    network = client.socket()
    assert network is None or isinstance(network, socket.socket), "the transport is TCP"
    return network


def _session_of(mqtt: Mqtt, *, receive_max: int) -> Properties:
    """The broker keeps the session while we are away, and sends no more than we can take."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = mqtt.session_hours * 3_600
    properties.ReceiveMaximum = receive_max
    properties.MaximumPacketSize = PACKET_BYTES_MAX
    return properties


def _reason(code: ReasonCode, properties: Properties | None) -> str:
    """In a few words, with the broker's own in brackets."""
    words = str(code)
    words = words[0].lower() + words[1:]
    if code.value == UNSUPPORTED_PROTOCOL:
        words = "it does not speak MQTT 5 (3.1.1 only?), which is needed"
    said = str(getattr(properties, "ReasonString", ""))
    return f"{words} ({said[:REASON_STRING_CHARACTERS_MAX]})" if said and said.isprintable() else words


def _drain(_client: Client, _data: Any, network: Any) -> None:
    """Read what is still on its way to us: a socket closed with unread bytes makes the broker lose our last packets."""
    deadline_s = time.monotonic() + CLOSE_WAIT_S
    with suppress(OSError, ValueError):
        network.shutdown(socket.SHUT_WR)
        while deadline_s > time.monotonic() and select.select([network], [], [], 0.2)[0]:
            if not network.recv(PACKET_BYTES_MAX):
                break


def _identify(client: Client, mqtt: Mqtt) -> None:
    """InputError where a file cannot be used."""
    if mqtt.username:
        client.username_pw_set(mqtt.username, _password_of(mqtt))
    if not mqtt.tls:
        return
    try:
        context = ssl.create_default_context(cafile=mqtt.ca_file)
        if mqtt.certificate_file:
            context.load_cert_chain(mqtt.certificate_file, mqtt.key_file)
    except OSError as error:
        raise InputError(f"mqtt: the TLS files cannot be used: {error}") from error
    client.tls_set_context(context)


def _password_of(mqtt: Mqtt) -> str | None:
    if mqtt.password_file is None:
        return None
    try:
        return mqtt.password_file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"mqtt.password_file {mqtt.password_file} cannot be read: {error}") from error
