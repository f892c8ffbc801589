"""Reports of many devices, and a publisher that costs little beside what is measured.

The publisher writes MQTT 3.1.1 by hand, QoS 1, with a bounded number unacknowledged.
"""

import socket
import struct
import time
from collections.abc import Iterable, Iterator

from edge.wire.report import Report, encode
from edge.wire.times import rfc3339
from edge.wire.topics import topic_of

FROM_MS = 1_795_608_000_000
MINUTE_MS = 60_000
UNACKNOWLEDGED_MAX = 1_000
CLASSES = ("bicycle", "bus", "car", "motorcycle", "truck", "unclassified", "van")


def a_report(device: int, seq: int, *, from_ms: int = FROM_MS) -> Report:
    """As in the README: one line, two directions, seven classes, a few of them above zero."""
    out = dict.fromkeys(CLASSES, 0) | {"car": seq % 5, "truck": 7, "van": seq % 2}
    back = dict.fromkeys(CLASSES, 0) | {"car": 1 + seq % 3}
    return Report(
        site="friendship-bridge",
        device=f"mast-{device}",
        run="run-512313aeb77bc03a",
        seq=seq,
        start=rfc3339(from_ms + seq * MINUTE_MS),
        width_ms=MINUTE_MS,
        watched_ms=MINUTE_MS,
        state="ok",
        lines={"deck": {"outbound": out, "return": back}},
    )


def messages(reports: int, *, devices: int) -> Iterator[tuple[str, bytes]]:
    """Topic and payload: the devices take turns, minute by minute."""
    for i in range(reports):
        device, seq = i % devices, i // devices + 1
        yield topic_of("friendship-bridge", f"mast-{device}", "report"), encode(a_report(device, seq))


def publish(port: int, reports: int, devices: int, per_second: float = 0.0) -> None:
    """Publish so many reports, as `send` does."""
    send(port, messages(reports, devices=devices), per_second)


def send(port: int, stream: Iterable[tuple[str, bytes]], per_second: float = 0.0) -> None:
    """Publish topics and payloads, and return when the broker has acknowledged all (0: as fast as it takes them)."""
    with socket.create_connection(("127.0.0.1", port)) as broker:
        broker.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        broker.sendall(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04load")
        assert broker.recv(4) == b"\x20\x02\x00\x00", "the broker did not let us in"
        unacknowledged, in_hand = 0, b""
        packets: list[bytes] = []
        started = time.monotonic()
        for i, (topic, payload) in enumerate(stream):
            if per_second and (early_s := started + i / per_second - time.monotonic()) > 0:
                broker.sendall(b"".join(packets))
                packets.clear()
                time.sleep(early_s)
            packets.append(_packet(topic.encode(), payload, i % 65_535 + 1))
            unacknowledged += 1
            if len(packets) == 100:
                broker.sendall(b"".join(packets))
                packets.clear()
            while unacknowledged >= UNACKNOWLEDGED_MAX:
                in_hand += broker.recv(65_536)
                unacknowledged -= len(in_hand) // 4
                in_hand = in_hand[len(in_hand) // 4 * 4 :]
        broker.sendall(b"".join(packets))
        while unacknowledged > 0:
            in_hand += broker.recv(65_536)
            unacknowledged -= len(in_hand) // 4
            in_hand = in_hand[len(in_hand) // 4 * 4 :]
        broker.sendall(b"\xe0\x00")


def _packet(topic: bytes, payload: bytes, number: int) -> bytes:
    length = 2 + len(topic) + 2 + len(payload)
    assert 128 <= length < 16_384, "two bytes of length"
    head = struct.pack("!BBBH", 0x32, length % 128 | 128, length // 128, len(topic))
    return head + topic + struct.pack("!H", number) + payload
