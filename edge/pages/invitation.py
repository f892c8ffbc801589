"""Prints the address of a page and serves it until Ctrl+C or SIGTERM."""

import getpass
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from edge.pages.server import PageServer


def invitation(server: PageServer, *, lan: bool) -> str:
    """The address, and how to reach it from another computer."""
    port, host = server.port, socket.gethostname()
    path = f"/?token={server.token}"
    if lan:
        return (
            f"Open   http://{host}:{port}{path}\n"
            "Everybody on this network can read what passes between you and this page; without --lan it is for this\n"
            "computer and SSH tunnels only."
        )
    return (
        f"Open   http://127.0.0.1:{port}{path}\n"
        f"From another computer, first   ssh -L {port}:127.0.0.1:{port} {_user()}@{host}   and then the same address."
    )


LOOK_UP_S = 0.5
"""A signal that arrives just before the wait is seen when the wait ends, so waits are short."""


def serve_until_stopped(server: PageServer, *, lan: bool, stopping: threading.Event | None = None) -> None:
    """Serve until SIGINT or SIGTERM, or until `told`."""
    stopping = stopping or threading.Event()
    with server, _signals(stopping):
        print(f"{invitation(server, lan=lan)}\nCtrl+C ends it.", flush=True)  # noqa: T201  # what the command is for
        while not stopping.wait(LOOK_UP_S):
            pass


@contextmanager
def _signals(stopping: threading.Event) -> Iterator[None]:
    """Either signal is the usual end of a page, not a failure."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: stopping.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a service user without a name
        return "user"
