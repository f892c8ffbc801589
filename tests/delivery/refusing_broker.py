"""A broker that does one thing: answer with the reason codes it was given. What real brokers' ACLs say."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

CONNECT, PUBLISH = 1, 3
SUCCESS, NOT_AUTHORIZED = 0x00, 0x87


@contextmanager
def refusing_broker(*, connect: int = SUCCESS, publish: int = SUCCESS) -> Iterator[int]:
    """Serve one connection; PUBACKs of topics that end in `report` say `publish`, all others success."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                peer, _ = server.accept()
                with peer, peer.makefile("rb") as stream:
                    while head := stream.read(1):
                        body = stream.read(_length(stream.read))
                        if head[0] >> 4 == CONNECT:
                            peer.sendall(bytes((0x20, 3, 0, connect, 0)))
                        elif head[0] >> 4 == PUBLISH:
                            end = 2 + int.from_bytes(body[:2])
                            reason = publish if body[2:end].endswith(b"report") else SUCCESS
                            peer.sendall(bytes((0x40, 3, *body[end : end + 2], reason)))

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            thread.join()


def _length(read: Callable[[int], bytes]) -> int:
    value, shift = 0, 0
    while True:
        (byte,) = read(1)
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value
