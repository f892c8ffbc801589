"""A broker that speaks MQTT 3.1.1 only: it refuses an MQTT 5 CONNECT in the form of its own version, or hangs up."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

UNACCEPTABLE_PROTOCOL = bytes((0x20, 2, 0, 1))
"""CONNACK of MQTT 3.1.1, return code 1."""


@contextmanager
def old_broker(*, answers: bool = True) -> Iterator[int]:
    """Serve one connection after the other on the loopback, on the port that it gives; without `answers`, hang up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    peer, _ = server.accept()
                    with peer:
                        peer.settimeout(5)
                        connect = peer.recv(1_000)
                        assert connect[:1] == b"\x10", "the first packet is a CONNECT"
                        assert b"\x00\x04MQTT\x05" in connect[:10], "of MQTT 5"
                        if answers:
                            peer.sendall(UNACCEPTABLE_PROTOCOL)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            thread.join()
