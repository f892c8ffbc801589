"""Questions to the store, answered by a few threads of which each has opened it for itself: a store is of one thread.

`ask` may be awaited by as many as like; beyond WAITING_MAX that wait, a question is refused at once. A question that takes
longer than `seconds_max` is given up. `close` waits for the questions in hand.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from collector.errors import CollectorError
from collector.store import Reading, Store

WAITING_MAX = 200
CLOSE_WAIT_S = 10.0
_Answer = TypeVar("_Answer")


class BusyError(CollectorError):
    """Too many ask at once."""


class Desk:
    """`open_reader` opens the store to read from; each of the `workers` threads calls it once it is asked something."""

    def __init__(self, open_reader: Callable[[], Store], *, workers: int, seconds_max: float) -> None:
        self._open_reader = open_reader
        self._workers = workers
        self._seconds_max = seconds_max
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="question")
        self._mine = threading.local()
        self._lock = threading.Lock()
        self._waiting = 0

    async def ask(self, question: Callable[[Reading], _Answer]) -> _Answer:
        """The answer of `question` over one consistent view of the store."""
        with self._lock:
            if self._waiting >= WAITING_MAX:
                raise BusyError("too many questions at once; try again in a moment")
            self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._answer, question)
        finally:
            with self._lock:
                self._waiting -= 1

    def close(self) -> None:
        """Let every thread close its own store."""
        together = threading.Barrier(self._workers)

        def let_go() -> None:
            with suppress(threading.BrokenBarrierError):
                together.wait(CLOSE_WAIT_S)  # so that no thread takes two of these
            self._close_mine()

        for _ in range(self._workers):
            self._pool.submit(let_go)
        self._pool.shutdown(wait=True)

    def _answer(self, question: Callable[[Reading], _Answer]) -> _Answer:
        store: Store | None = getattr(self._mine, "store", None)
        if store is None:
            store = self._mine.store = self._open_reader()
        try:
            with store.reading(seconds_max=self._seconds_max) as reading:
                return question(reading)
        except CollectorError:
            self._close_mine()  # a database that restarts is opened anew
            raise

    def _close_mine(self) -> None:
        store: Store | None = getattr(self._mine, "store", None)
        self._mine.store = None
        if store is not None:
            store.close()
