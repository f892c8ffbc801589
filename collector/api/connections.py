"""The connections to the pages: bounded in number and in time, so that they take nothing from the intake.

1. `Listener` closes at once what comes beyond its bound: the pages never hold more descriptors than that.
2. At the bound of `Connections`, or of one address, whoever has waited longest without a whole request makes room;
   where all are being answered, the new connection is closed.
3. A request's head, its body, and the reader of an answer have a time each; then the connection is cut.

All of it runs in the loop of the server.
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
"""From the connection until the head of its first request is whole."""
IDLE_S = 30.0
"""From an answer until the head of the next request is whole."""
BODY_S = 10.0
STALL_S = 60.0
"""For a reader that takes nothing of its answer."""
RESERVED = 256
"""Descriptors that the pages leave to the intake, the stores and what is sent."""
WANTED = 4_096
BURST = 32
"""Connections accepted before the loop has looked at them."""
LINES_PER_MINUTE = 20


def room_for(wanted: int) -> int:
    """How many connections of those wanted the limit of this process allows, raised as far as it may be."""
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
    """A listening socket of which no more than so many accepted ones are open at a time."""

    at_most = 0
    _open: tuple[socket.socket, ...] = ()

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection within the bound; those beyond it are closed. BlockingIOError where none waits."""
        while True:
            accepted, address = super().accept()
            if len(self._open) >= self.at_most:
                self._open = tuple(one for one in self._open if one.fileno() != -1)
            if len(self._open) < self.at_most:
                self._open += (accepted,)
                return accepted, address
            accepted.close()


class Connections:
    """`told` hears of every connection that was closed for want of room."""

    def __init__(self, at_most: int, *, per_address: int, told: Callable[[], None] = lambda: None) -> None:
        self._at_most = at_most
        self._per_address = per_address
        self._told = told
        self._all: dict[Bounded, str] = {}
        self._addresses: Counter[str] = Counter()
        self._waiting: dict[Bounded, str] = {}  # without a whole request, the longest first

    def protocol(self) -> type["Bounded"]:
        """The protocol for uvicorn whose connections are these."""
        return type("Bounded", (Bounded,), {"book": self})

    def opened(self, one: "Bounded", address: str) -> None:
        """A new one; where there is no room for it, another is cut, or this one."""
        self._all[one] = address
        self._addresses[address] += 1
        if self._addresses[address] > self._per_address:
            self._make_room(one, address)
        elif len(self._all) > self._at_most:
            self._make_room(one, None)
        self.idle(one)

    def closed(self, one: "Bounded") -> None:
        """It is gone."""
        self._waiting.pop(one, None)
        address = self._all.pop(one, None)
        if address is not None:
            self._addresses[address] -= 1
            if not self._addresses[address]:
                del self._addresses[address]

    def busy(self, one: "Bounded") -> None:
        """It has a request that is being answered."""
        self._waiting.pop(one, None)

    def idle(self, one: "Bounded") -> None:
        """It waits for a request."""
        if one in self._all:
            self._waiting[one] = self._all[one]

    def _make_room(self, new: "Bounded", address: str | None) -> None:
        oldest = next((one for one, of in self._waiting.items() if address in (None, of)), new)
        self._told()
        self.closed(oldest)
        oldest.cut()


class Bounded(H11Protocol):
    """One connection: uvicorn's, with times."""

    book: Connections
    _timer: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client came."""
        super().connection_made(transport)
        self._within(HEAD_S)
        self.book.opened(self, self.client[0] if self.client else "")

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._within(None)
        self.resume_writing()
        self.book.closed(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """More of a request."""
        answering = self._is_answering
        super().data_received(data)
        if self._is_answering:
            if not answering:
                self.book.busy(self)
            if self.conn.their_state is not h11.SEND_BODY:
                self._within(None)
            elif not answering:
                self._within(BODY_S)

    def on_response_complete(self) -> None:
        """The next request may come, and may be here."""
        self.book.idle(self)
        self._within(IDLE_S)
        super().on_response_complete()
        if self._is_answering:
            self.book.busy(self)
            self._within(BODY_S if self.conn.their_state is h11.SEND_BODY else None)

    def pause_writing(self) -> None:
        """The reader is slower than the answer."""
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(STALL_S, self.cut)

    def resume_writing(self) -> None:
        """It took some."""
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        super().resume_writing()

    def cut(self) -> None:
        """End it now."""
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
    """Lets so many lines a minute through, and says how many it left out: strangers can provoke any number of them."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic_s = monotonic_s
        self._since_s = monotonic_s()
        self._lines = self._left_out = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is said."""
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
