"""A broker that answers with the reason codes it was given, and has the limits it was given: what real brokers do."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BufferedReader

CONNECT, PUBLISH = 1, 3
SUCCESS, NOT_AUTHORIZED, PACKET_TOO_LARGE, PAYLOAD_FORMAT_INVALID, RETAIN_NOT_SUPPORTED = 0x00, 0x87, 0x95, 0x99, 0x9A


@dataclass
class Taken:
    """What a broker took: topics with payloads; and how many connections it served."""

    messages: list[tuple[str, bytes]] = field(default_factory=list)
    connections: int = 0


@contextmanager
def refusing_broker(*, connect: int = SUCCESS, publish: int = SUCCESS, channel: str = "report") -> Iterator[int]:
    """Serve one connection; PUBACKs of topics that end in `channel` say `publish`, all others success."""
    with limited_broker(connect=connect, publish={channel: publish}, connections_max=1) as (port, _):
        yield port


@contextmanager
def limited_broker(
    *,
    connect: int = SUCCESS,
    publish: Mapping[str, int] | None = None,
    packet_max: int | None = None,
    says_packet_max: bool = True,
    says_why: bool = True,
    retains: bool = True,
    connections_max: int = 1_000,
) -> Iterator[tuple[int, Taken]]:
    """Serve connections, one after another, with the rules of MQTT 5.

    PUBACKs say what `publish` has for the topic, or for the end of it. A packet over `packet_max` ends the connection
    (0x95), and so does a retained message where it does not retain (0x9A), with a last will in the CONNECT as well.
    """
    taken = Taken()

    def serve(peer: socket.socket, stream: BufferedReader) -> None:
        while head := stream.read(1):
            length = _length(stream.read)
            body = stream.read(length)
            if head[0] >> 4 == CONNECT:
                if not retains and body[7] & 0x20:
                    peer.sendall(bytes((0x20, 3, 0, RETAIN_NOT_SUPPORTED, 0)))
                    return
                said = b"" if retains else b"\x25\x00"
                if packet_max is not None and says_packet_max:
                    said += b"\x27" + packet_max.to_bytes(4, "big")
                peer.sendall(bytes((0x20, 3 + len(said), 0, connect, len(said))) + said)
            elif head[0] >> 4 == PUBLISH:
                size = 1 + max(1, (length.bit_length() + 6) // 7) + length
                if packet_max is not None and size > packet_max:
                    if says_why:
                        _end(peer, stream, PACKET_TOO_LARGE)
                    return
                if head[0] & 1 and not retains:
                    _end(peer, stream, RETAIN_NOT_SUPPORTED)
                    return
                end = 2 + int.from_bytes(body[:2])
                topic, quality = body[2:end].decode(), head[0] >> 1 & 3
                rules = publish or {}
                reason = rules.get(topic, rules.get(topic.rsplit("/", 1)[-1], SUCCESS))
                if reason == SUCCESS:
                    taken.messages.append((topic, body[end + 2 * (quality > 0) + 1 :]))
                if quality:
                    peer.sendall(bytes((0x40, 3, *body[end : end + 2], reason)))

    def accept() -> None:
        with suppress(OSError):
            while taken.connections < connections_max:
                peer, _ = server.accept()
                taken.connections += 1
                with suppress(ConnectionError), peer, peer.makefile("rb") as stream:
                    serve(peer, stream)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server.getsockname()[1], taken
        finally:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            thread.join()


def _end(peer: socket.socket, stream: BufferedReader, reason: int) -> None:
    """Say why the connection ends, and read on until the client has closed it: closing with unread bytes resets the
    connection, and what was said last may never be read."""
    peer.sendall(bytes((0xE0, 2, reason, 0)))
    peer.shutdown(socket.SHUT_WR)
    stream.read()


def _length(read: Callable[[int], bytes]) -> int:
    value, shift = 0, 0
    while True:
        (byte,) = read(1)
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value
