"""How a running service answers `crossing-edge status`: a Unix socket in its state folder, and a thread that serves it.

A socket rather than a file: nothing is written while nobody asks, it works with a full disk, and the socket of a killed
service does not answer. Only the user of the service, and root, can open the folder.
"""

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

log = logging.getLogger(__name__)

NAME = "status.sock"
ANSWER_S = 5.0
ANSWER_BYTES_MAX = 4_000_000
RETRY_S = 10.0
"""Between two attempts on a disk that is missing or full."""
_PATH_BYTES_MAX = 100  # of 108 in a socket's address


class StatusSocket:
    """Answers each connection with `answer()` while the `with` block lasts, one at a time."""

    def __init__(self, folder: Path, answer: Callable[[], bytes]) -> None:
        self._path = folder / NAME
        self._answer = answer
        self._closing = threading.Event()
        self._server: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name="status", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop answering and remove the socket."""
        self._closing.set()
        if self._server is not None:
            with suppress(OSError):
                self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join(ANSWER_S + 1)

    def _run(self) -> None:
        last_error = ""
        while not self._closing.is_set():
            try:
                with self._listening() as server:
                    last_error = ""
                    self._serve(server)
            except OSError as error:
                if str(error) != last_error and not self._closing.is_set():
                    last_error = str(error)
                    log.warning("`crossing-edge status` gets no answer: %s: %s", self._path, error.strerror or error)
            self._closing.wait(RETRY_S)

    @contextmanager
    def _listening(self) -> Iterator[socket.socket]:
        """Create the socket. One that nobody serves is replaced; another service's is not."""
        if self._path.exists():
            if ask(self._path.parent) is not None:
                raise OSError("another service answers there")
            self._path.unlink()
        with socket.socket(socket.AF_UNIX) as server, _address_of(self._path) as address:
            server.bind(address)
            server.listen(4)
            self._server = server
            try:
                yield server
            finally:
                with suppress(OSError):
                    self._path.unlink()

    def _serve(self, server: socket.socket) -> None:
        while not self._closing.is_set():
            peer, _ = server.accept()
            with peer:
                try:
                    peer.settimeout(ANSWER_S)
                    peer.sendall(self._answer())
                except Exception:  # the thread's outermost loop: whoever asked sees no answer, and the log says why
                    log.exception("a question for the status was not answered")


def ask(folder: Path) -> bytes | None:
    """The answer of the service with this state folder; None where none runs, empty while it starts.

    OSError without permission.
    """
    path = folder / NAME
    with socket.socket(socket.AF_UNIX) as client, _address_of(path) as address:
        client.settimeout(ANSWER_S)
        try:
            client.connect(address)
            answer = bytearray()
            while (part := client.recv(65_536)) and len(answer) < ANSWER_BYTES_MAX:
                answer += part
        except (FileNotFoundError, ConnectionRefusedError, ConnectionResetError, TimeoutError):
            return None
        return bytes(answer)


@contextmanager
def _address_of(path: Path) -> Iterator[str]:
    """A path short enough for a socket's address."""
    if len(os.fsencode(path)) <= _PATH_BYTES_MAX:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
