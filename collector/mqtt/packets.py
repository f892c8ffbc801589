"""As much of MQTT 5 as a subscriber of QoS 1 needs: packets to bytes, bytes to packets. Pure, no I/O.

Written out here because intake is what the collector does all day: a general client reads a packet in four system
calls, and sends every acknowledgement in one of its own. OASIS MQTT Version 5.0, sections 2 and 3.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PACKET_BYTES_MAX = 262_144
"""Told to the broker, which must not send us a larger one; it counts as delivered there."""
TAKEN_OVER = 0x8E
REASONS = {
    0x80: "unspecified error",
    0x81: "malformed packet",
    0x82: "protocol error",
    0x84: "it does not speak MQTT 5 (3.1.1 only?), which is needed",
    0x85: "client identifier not valid",
    0x86: "bad user name or password",
    0x87: "not authorized",
    0x88: "server unavailable",
    0x89: "server busy",
    0x8A: "banned",
    0x8B: "server shutting down",
    0x8D: "keep alive timeout",
    0x8E: "session taken over",
    0x8F: "topic filter invalid",
    0x93: "receive maximum exceeded",
    0x95: "packet too large",
    0x96: "message rate too high",
    0x97: "quota exceeded",
    0x98: "administrative action",
    0x9E: "shared subscriptions not supported",
    0xA2: "wildcard subscriptions not supported",
}
_CONNECT, _CONNACK, _PUBLISH, _PUBACK, _SUBSCRIBE, _SUBACK, _UNSUBSCRIBE = 1, 2, 3, 4, 8, 9, 10
_DISCONNECT = 14
_FAILURE = 0x80
_NOT_MQTT_5 = 0x84
_CONNACK_3_BYTES = 2
"""Of MQTT 3.1.1, whose return codes are others; one of MQTT 5 is longer by its properties."""
_SERVER_KEEP_ALIVE = 0x13
_REASON_STRING = 0x1F
_SIZES = dict.fromkeys((0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A), 1)
_SIZES |= dict.fromkeys((0x13, 0x21, 0x22, 0x23), 2)
_SIZES |= dict.fromkeys((0x02, 0x11, 0x18, 0x27), 4)
_TEXTS = (0x03, 0x08, 0x09, 0x12, 0x15, 0x16, 0x1A, 0x1C, 0x1F)
_PAIR = 0x26

PING = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"


class ProtocolError(Exception):
    """The broker sent something that is not MQTT 5, or larger than it may be."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message, and the number by which to acknowledge it."""

    topic: str
    payload: bytes
    qos: int
    number: int
    retained: bool = False
    """It was said before we subscribed."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The broker let us in, or said why not (`reason`); `resumed` means that it had kept our session."""

    resumed: bool
    reason: str
    keep_alive_s: int | None
    """What the broker wants instead of what we said."""


@dataclass(frozen=True, slots=True)
class Granted:
    """One reason per filter, in their order; empty where it was granted."""

    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The broker ends the connection."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Taken:
    """The broker has the message that we published under this number, or says why it does not take it (`reason`)."""

    number: int
    reason: str


Packet = Arrival | Accepted | Granted | Goodbye | Taken


def connect(
    client_id: str,
    *,
    keep_alive_s: int,
    session_s: int,
    receive_max: int,
    username: str = "",
    password: str | None = None,
) -> bytes:
    """Ask to be let in, with the session as it was left."""
    flags = (0x80 if username else 0) | (0x40 if password is not None else 0)
    properties = (
        b"\x11" + session_s.to_bytes(4, "big")
        + b"\x21" + receive_max.to_bytes(2, "big")
        + b"\x27" + PACKET_BYTES_MAX.to_bytes(4, "big")
    )  # fmt: skip
    body = b"\x00\x04MQTT\x05" + bytes([flags]) + keep_alive_s.to_bytes(2, "big")
    body += _varint(len(properties)) + properties + _text(client_id)
    if username:
        body += _text(username)
    if password is not None:
        body += _text(password)
    return _packet(_CONNECT << 4, body)


def subscribe(number: int, filters: Sequence[str]) -> bytes:
    """To all of these with QoS 1, retained messages included."""
    body = b"".join(_text(topic_filter) + b"\x01" for topic_filter in filters)
    return _packet(_SUBSCRIBE << 4 | 2, number.to_bytes(2, "big") + b"\x00" + body)


def unsubscribe(number: int, topic_filter: str) -> bytes:
    """From this one, whether we were or not."""
    return _packet(_UNSUBSCRIBE << 4 | 2, number.to_bytes(2, "big") + b"\x00" + _text(topic_filter))


def publish(number: int, topic: str, payload: bytes) -> bytes:
    """A message of QoS 1, not retained."""
    return _packet(_PUBLISH << 4 | 2, _text(topic) + number.to_bytes(2, "big") + b"\x00" + payload)


def acknowledgements(numbers: Iterable[int]) -> bytes:
    """That these messages need not be kept."""
    return b"".join([b"\x40\x02" + number.to_bytes(2, "big") for number in numbers])


class Decoder:
    """Takes bytes as they come and gives the packets that are whole."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, received: bytes) -> list[Packet]:
        """The packets that matter here, in their order. ProtocolError ends the stream for good."""
        data = self._rest + received if self._rest else received
        packets: list[Packet] = []
        at, size = 0, len(data)
        try:
            while size - at >= 2:
                length, body = data[at + 1], at + 2
                if length & 0x80:
                    found = _varint_at(data, at + 1)
                    if found is None:
                        break
                    length, body = found
                    if length > PACKET_BYTES_MAX:
                        raise ProtocolError(f"a packet of {length} bytes, at most {PACKET_BYTES_MAX} were agreed")
                end = body + length
                if end > size:
                    break
                if data[at] >> 4 == _PUBLISH:
                    packets.append(_arrival(data, data[at], body, end))
                elif (packet := _other(data[at] >> 4, data[body:end])) is not None:
                    packets.append(packet)
                at = end
        except (IndexError, UnicodeDecodeError) as error:
            raise ProtocolError(f"a packet that is not MQTT 5: {error}") from error
        self._rest = data[at:]
        return packets


def _arrival(data: bytes, head: int, body: int, end: int) -> Arrival:
    at = body + 2 + (data[body] << 8 | data[body + 1])
    topic = data[body + 2 : at].decode()
    qos, number = head >> 1 & 3, 0
    if qos:
        number = data[at] << 8 | data[at + 1]
        at += 2
    length, at = (data[at], at + 1) if data[at] < 0x80 else _varint_at(data, at) or (end, end)
    if at + length > end:
        raise ProtocolError("a message that ends before it has begun")
    return Arrival(topic, data[at + length : end], qos, number, bool(head & 1))


def _other(kind: int, body: bytes) -> Packet | None:
    if kind == _CONNACK:
        if len(body) == _CONNACK_3_BYTES:
            return Accepted(resumed=False, reason=REASONS[_NOT_MQTT_5], keep_alive_s=None)
        properties = _properties(body, 2)
        keep_alive = properties.get(_SERVER_KEEP_ALIVE)
        keep_alive_s = None if keep_alive is None else int.from_bytes(keep_alive, "big")
        return Accepted(bool(body[0] & 1), _reason(body[1], properties), keep_alive_s)
    if kind == _PUBACK:
        reason = _reason(body[2], _properties(body, 3) if len(body) > 3 else {}) if len(body) > 2 else ""
        return Taken(body[0] << 8 | body[1], reason)
    if kind == _SUBACK:
        found = _varint_at(body, 2)
        codes = body[found[0] + found[1] :] if found else b""
        return Granted(tuple(_reason(code, {}) for code in codes))
    if kind == _DISCONNECT:
        code = body[0] if body else 0
        return Goodbye(code, _reason(code, _properties(body, 1) if len(body) > 1 else {}) or "it said goodbye")
    return None


def _reason(code: int, properties: dict[int, bytes]) -> str:
    """A few words; empty for success."""
    if code < _FAILURE:
        return ""
    words = REASONS.get(code, f"reason {code:#x}")
    said = properties.get(_REASON_STRING, b"").decode()
    return f"{words} ({said[:200]})" if said.isprintable() and said else words


def _properties(body: bytes, at: int) -> dict[int, bytes]:
    """By number, as they stand there; of one that comes twice the last."""
    length, at = _varint_at(body, at) or (0, len(body))
    end = at + length
    found = {}
    while at < end:
        number, at = body[at], at + 1
        if number in _SIZES:
            size = _SIZES[number]
        elif number in _TEXTS or number == _PAIR:
            size = int.from_bytes(body[at : at + 2], "big")
            at += 2
        else:
            raise ProtocolError(f"a property {number:#x} that does not exist")
        found[number] = body[at : at + size]
        at += size
        if number == _PAIR:
            at += 2 + int.from_bytes(body[at : at + 2], "big")
    return found


def _varint_at(data: bytes, at: int) -> tuple[int, int] | None:
    """The number at `at` and where it ends; None where the data end before it does."""
    value = 0
    for i in range(4):
        if at + i >= len(data):
            return None
        value |= (data[at + i] & 0x7F) << 7 * i
        if data[at + i] < 0x80:
            return value, at + i + 1
    raise ProtocolError("a length of more than four bytes")


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _text(text: str) -> bytes:
    encoded = text.encode()
    return len(encoded).to_bytes(2, "big") + encoded


def _packet(head: int, body: bytes) -> bytes:
    return bytes([head]) + _varint(len(body)) + body
