"""One MQTT 5 connection that hears the devices, from its first byte to its end; the next one is a new object.

All of it runs in the thread that calls it. Nothing is acknowledged by itself: `acknowledge` goes to this very
connection, so it can never hit a message of another one that has the same number. What nobody takes with `events`
stays in the socket, and the broker sends no more than it may have unacknowledged.
"""

import select
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from collector.config import Mqtt
from collector.errors import CollectorError, InputError
from collector.mqtt.packets import (
    DISCONNECT,
    PING,
    TAKEN_OVER,
    Accepted,
    Arrival,
    Decoder,
    Goodbye,
    Granted,
    Packet,
    ProtocolError,
    Taken,
    acknowledgements,
    connect,
    publish,
    subscribe,
    unsubscribe,
)
from collector.protocol.intake import LIVE

KEEP_ALIVE_S = 30
CONNECT_WAIT_S = 10.0
POLITE_WAIT_S = 2.0  # for the last acknowledgements to leave
HANDFUL = 20
GATHER_S = 0.05
"""Fewer messages than a handful wait this long for more: a commit costs the same for one as for many."""
RECEIVE_BYTES = 262_144
NUMBERS = 65_535


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


Event = Arrival | Subscribed | Taken | Ended


class Link(Protocol):
    """A connection as the subscriber sees it."""

    def events(self, wait_s: float, at_most: int) -> Sequence[Event]:
        """What happened since the last call; waits up to `wait_s` for the first event."""

    def acknowledge(self, arrivals: Sequence[Arrival]) -> None:
        """Tell the broker that it need not keep these; on a connection that ended, nothing happens."""

    def publish(self, topic: str, payload: bytes) -> int:
        """Send a message (QoS 1, not retained); the number under which the broker says that it has it, if it does."""

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
        self._decoder = Decoder()
        self._out = bytearray()
        self._accepted: Accepted | None = None
        self._number = 0
        self._keep_alive_s = KEEP_ALIVE_S
        hello = connect(
            mqtt.client_id,
            keep_alive_s=KEEP_ALIVE_S,
            session_s=mqtt.session_hours * 3_600,
            receive_max=min(unacknowledged_max, 65_535),
            username=mqtt.username,
            password=_password_of(mqtt),
        )
        self._network: socket.socket | None = _network_of(mqtt)
        self._heard_s = self._said_s = time.monotonic()
        self._send(hello)

    def events(self, wait_s: float, at_most: int) -> list[Event]:
        """What happened since the last call; waits up to `wait_s` for the first event, and a little for company."""
        deadline_s = time.monotonic() + wait_s
        gathering = False
        while True:
            if len(self._found) < at_most:
                self._receive()
            found = self._found
            if found and not gathering:
                gathering = True
                deadline_s = min(deadline_s, time.monotonic() + GATHER_S)
            now_s = time.monotonic()
            self._keep_alive(now_s)
            over = self._network is None or not all(isinstance(event, Arrival) for event in found[:1])
            if over or len(found) >= min(HANDFUL, at_most) or now_s >= deadline_s:
                break
            self._wait(deadline_s - now_s)
        self._found = found[at_most:]
        return found[:at_most]

    def acknowledge(self, arrivals: Sequence[Arrival]) -> None:
        """Tell the broker that it need not keep these; on a connection that ended, nothing happens."""
        self._send(acknowledgements([arrival.number for arrival in arrivals if arrival.qos > 0]))

    def publish(self, topic: str, payload: bytes) -> int:
        """Send a message (QoS 1, not retained); the number under which the broker says that it has it, if it does."""
        number = self._next_number()
        self._send(publish(number, topic, payload))
        return number

    def close(self) -> None:
        """End it; the broker keeps the session."""
        self._send(DISCONNECT)
        deadline_s = time.monotonic() + POLITE_WAIT_S
        with suppress(OSError, ValueError):
            while self._out and self._network is not None and (wait_s := deadline_s - time.monotonic()) > 0:
                select.select([], [self._network], [], wait_s)
                self._send(b"")
            if self._network is not None:  # what is still on its way to us would make the broker lose our last words
                self._network.shutdown(socket.SHUT_WR)
                while deadline_s > time.monotonic() and select.select([self._network], [], [], 0.2)[0]:
                    if not self._network.recv(RECEIVE_BYTES):
                        break
        self._hang_up()

    def _receive(self) -> None:
        """Take what the network has, once; without waiting."""
        if self._network is None:
            return
        try:
            received = self._network.recv(RECEIVE_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError as error:
            self._end(f"lost the connection: {error.strerror or error}")
            return
        if not received:
            hint = f"as some brokers do when another client comes with the id {self._mqtt.client_id}"
            self._end(f"closed the connection without a word, {hint}")
            return
        self._heard_s = time.monotonic()
        try:
            packets = self._decoder.feed(received)
        except ProtocolError as error:
            self._end(f"sent {error}")
            return
        for packet in packets:
            if type(packet) is Arrival:
                self._found.append(packet)
            else:
                self._take(packet)

    def _take(self, packet: Packet) -> None:
        match packet:
            case Accepted(reason="") if self._accepted is None:
                self._accepted = packet
                if packet.keep_alive_s is not None:
                    self._keep_alive_s = packet.keep_alive_s or 65_535
                if self._mqtt.share is not None:  # a session from before it was shared would get everything twice
                    self._send(unsubscribe(self._next_number(), self._mqtt.filter_of("report", shared=False)))
                if not self._mqtt.live:  # as it may have been when the session began
                    self._send(unsubscribe(self._next_number(), self._mqtt.filter_of(LIVE, shared=False)))
                self._send(subscribe(self._next_number(), self._mqtt.filters))
            case Accepted(reason=reason):
                self._accepted = packet
                self._end(f"refused the connection: {reason}")
            case Taken():
                self._found.append(packet)
            case Granted(reasons):
                refused = [one for one in zip(self._mqtt.filters, reasons, strict=False) if one[1]]
                if refused:
                    self._end("refused the subscription to {}: {}".format(*refused[0]))
                else:
                    self._found.append(Subscribed(self._accepted is not None and self._accepted.resumed))
            case Goodbye(code) if code == TAKEN_OVER:
                whose = f"another client with the id {self._mqtt.client_id}"
                self._end(f"gave our session to {whose}; does a second collector run?", taken_over=True)
            case Goodbye(reason=reason):
                self._end(f"ended the connection: {reason}")

    def _send(self, more: bytes) -> None:
        """As far as the network takes it; the rest with the next call."""
        if self._network is None:
            return
        self._out += more
        try:
            while self._out:
                del self._out[: self._network.send(self._out)]
                self._said_s = time.monotonic()
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError as error:
            self._end(f"lost the connection: {error.strerror or error}")

    def _wait(self, wait_s: float) -> None:
        """For something to read, or for room to write."""
        network = self._network
        if network is None or (isinstance(network, ssl.SSLSocket) and network.pending()):
            return
        _, writable, _ = select.select([network], [network] if self._out else [], [], min(wait_s, 1.0))
        if writable:
            self._send(b"")

    def _keep_alive(self, now_s: float) -> None:
        if self._network is None or self._accepted is None or self._found:
            return
        if now_s - self._heard_s >= 1.5 * self._keep_alive_s:
            self._end(f"lost the connection: nothing heard for {now_s - self._heard_s:.0f} s")
        elif now_s - self._said_s >= self._keep_alive_s / 2:
            self._send(PING)

    def _next_number(self) -> int:
        self._number = self._number % NUMBERS + 1
        return self._number

    def _end(self, how: str, *, taken_over: bool = False) -> None:
        if self._network is not None:
            if self._accepted is None:
                how = (
                    "closed the connection without an answer: does it speak MQTT 5 (3.1.1 is not enough),"
                    " and are the user name and the password right?"
                )
            self._found.append(Ended(f"{self._mqtt} {how}", taken_over))
            self._hang_up()

    def _hang_up(self) -> None:
        if self._network is not None:
            self._network.close()
            self._network = None


def _network_of(mqtt: Mqtt) -> socket.socket:
    context = _tls_of(mqtt) if mqtt.tls else None
    try:
        network = socket.create_connection((mqtt.host, mqtt.port), timeout=CONNECT_WAIT_S)
        try:
            network.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is not None:
                network = context.wrap_socket(network, server_hostname=mqtt.host)
            network.settimeout(0.0)
        except BaseException:
            network.close()
            raise
    except ssl.SSLError as error:
        raise CollectorError(f"{mqtt} failed the TLS handshake: {error.reason or error}") from error
    except OSError as error:
        raise CollectorError(f"{mqtt} cannot be reached: {error.strerror or error}") from error
    return network


def _tls_of(mqtt: Mqtt) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=mqtt.ca_file)
        if mqtt.certificate_file:
            context.load_cert_chain(mqtt.certificate_file, mqtt.key_file)
    except OSError as error:
        raise InputError(f"mqtt: the TLS files cannot be used: {error}") from error
    return context


def _password_of(mqtt: Mqtt) -> str | None:
    if mqtt.password_file is None or not mqtt.username:
        return None
    try:
        return mqtt.password_file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"mqtt.password_file {mqtt.password_file} cannot be read: {error}") from error
