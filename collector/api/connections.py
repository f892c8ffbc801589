"""Bounds the HTTP connections in number and time, so that they take no resources from the subscriber.

1. `Listener` closes connections beyond its bound at once: the server never holds more descriptors than that.
2. At the bound of `Connections`, or of one address, the connection that has waited longest without a complete request
   is closed; if all are being answered, the new one is closed.
3. The head of a request, its body, and reading the response have a time limit each; then the connection is aborted.

All of this runs in the event loop of the server.
"""

import asyncio
import logging
import resource
import socket
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 10.0
"""From the connection until the head of its first request is complete."""
IDLE_S = 30.0
"""From a response until the head of the next request is complete."""
BODY_S = 10.0
STALL_S = 60.0
"""For a client that reads nothing of its response."""
RESERVED = 256
"""Descriptors that are left to the subscriber, the stores and the notifications."""
WANTED = 4_096
BURST = 32
"""Connections that are accepted before the event loop handles them."""
LINES_PER_MINUTE = 20


def room_for(wanted: int) -> int:
    """How many of the wanted connections the descriptor limit of the process allows; raises that limit if possible."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < WANTED:
        with suppress(OSError, ValueError):
            resource.setrlimit(
                resource.RLIMIT_NOFILE, (WANTED if hard == resource.RLIM_INFINITY else min(hard, WANTED), hard)
            )
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, soft - RESERVED - BURST, soft // 2))


class Listener(socket.socket):
    """A listening socket with at most `at_most` accepted connections open at a time."""

    at_most = 0
    _open: tuple[socket.socket, ...] = ()

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection within the bound; those beyond it are closed. BlockingIOError if none waits."""
        while True:
            accepted, address = super().accept()
            if len(self._open) >= self.at_most:
                self._open = tuple(one for one in self._open if one.fileno() != -1)
            if len(self._open) < self.at_most:
                self._open += (accepted,)
                return accepted, address
            accepted.close()


class Connections:
    """All open connections. `on_full` is called for every connection that is closed because a bound was reached."""

    def __init__(self, at_most: int, *, per_address: int, on_full: Callable[[], None] = lambda: None) -> None:
        self._at_most = at_most
        self._per_address = per_address
        self._on_full = on_full
        self._all: dict[Bounded, str] = {}
        self._addresses: Counter[str] = Counter()
        self._waiting: dict[Bounded, str] = {}  # without a complete request, the longest first

    def protocol(self) -> type["Bounded"]:
        """The protocol class for uvicorn that registers its connections here."""
        return type("Bounded", (Bounded,), {"registry": self})

    def opened(self, one: "Bounded", address: str) -> None:
        """A new connection; at a bound another one is aborted, or this one."""
        self._all[one] = address
        self._addresses[address] += 1
        if self._addresses[address] > self._per_address:
            self._make_room(one, address)
        elif len(self._all) > self._at_most:
            self._make_room(one, None)
        self.idle(one)

    def closed(self, one: "Bounded") -> None:
        """A connection has ended."""
        self._waiting.pop(one, None)
        address = self._all.pop(one, None)
        if address is not None:
            self._addresses[address] -= 1
            if not self._addresses[address]:
                del self._addresses[address]

    def busy(self, one: "Bounded") -> None:
        """A connection has a request that is being answered."""
        self._waiting.pop(one, None)

    def idle(self, one: "Bounded") -> None:
        """A connection waits for a request."""
        if one in self._all:
            self._waiting[one] = self._all[one]

    def _make_room(self, new: "Bounded", address: str | None) -> None:
        oldest = next((one for one, of in self._waiting.items() if address in (None, of)), new)
        self._on_full()
        self.closed(oldest)
        oldest.cut()


class Bounded(H11Protocol):
    """A connection of uvicorn with time limits."""

    registry: Connections
    _timer: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        super().connection_made(transport)
        self._within(HEAD_S)
        self.registry.opened(self, self.client[0] if self.client else "")

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self._within(None)
        self.resume_writing()
        self.registry.closed(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """More of a request."""
        answering = self._is_answering
        super().data_received(data)
        if self._is_answering:
            if not answering:
                self.registry.busy(self)
            if self.conn.their_state is not h11.SEND_BODY:
                self._within(None)
            elif not answering:
                self._within(BODY_S)

    def on_response_complete(self) -> None:
        """The next request may come, or has been received already."""
        self.registry.idle(self)
        self._within(IDLE_S)
        super().on_response_complete()
        if self._is_answering:
            self.registry.busy(self)
            self._within(BODY_S if self.conn.their_state is h11.SEND_BODY else None)

    def pause_writing(self) -> None:
        """The client reads more slowly than the response is written."""
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(STALL_S, self.cut)

    def resume_writing(self) -> None:
        """The client has read some."""
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        super().resume_writing()

    def cut(self) -> None:
        """Abort the connection."""
        self._within(None)
        if self.transport is not None:
            self.transport.abort()

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _within(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self.cut)


class FewLines(logging.Filter):
    """Passes LINES_PER_MINUTE log lines and counts the others, since strangers can provoke any number of them."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic_s = monotonic_s
        self._since_s = monotonic_s()
        self._lines = self._left_out = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is logged."""
        now_s = self._monotonic_s()
        if now_s - self._since_s >= 60:
            if self._left_out:
                record.msg = f"{record.getMessage()} (and {self._left_out} more lines in the last minutes)"
                record.args = ()
            self._since_s, self._lines, self._left_out = now_s, 0, 0
        self._lines += 1
        if self._lines <= LINES_PER_MINUTE:
            return True
        self._left_out += 1
        return False
