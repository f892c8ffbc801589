"""A pool of threads for queries; each has its own connection, since a store belongs to one thread.

Beyond WAITING_MAX waiting queries a further one is refused at once. A query that takes longer than `seconds_max` is
ended. `write` uses a thread of its own with a connection that may write. `close` waits for queries in progress.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from collector.store.interface import Reading, Store
from edge.errors import CrossingError, InputError, WorkError

WAITING_MAX = 200
CLOSE_WAIT_S = 10.0
_Answer = TypeVar("_Answer")


class BusyError(WorkError):
    """Too many queries wait."""


class QueryPool:
    """`open_store(write)` opens the store; each of the `workers` threads calls it with its first query."""

    def __init__(self, open_store: Callable[[bool], Store], *, workers: int, seconds_max: float) -> None:
        self._open_store = open_store
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="note")
        self._workers = workers
        self._seconds_max = seconds_max
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="question")
        self._mine = threading.local()
        self._lock = threading.Lock()
        self._waiting = 0

    async def read(self, question: Callable[[Reading], _Answer]) -> _Answer:
        """The result of `question` on one consistent view of the store. BusyError, or an error of the store."""
        return await self._in(self._pool, self._answer, question)

    async def write(self, note: Callable[[Store], _Answer]) -> _Answer:
        """The result of `note`, which may write into the store."""
        return await self._in(self._writer, self._note, note)

    def close(self) -> None:
        """Close the connection of every thread."""
        together = threading.Barrier(self._workers)

        def let_go() -> None:
            with suppress(threading.BrokenBarrierError):
                together.wait(CLOSE_WAIT_S)  # so that no thread takes two of these
            self._close_mine()

        for _ in range(self._workers):
            self._pool.submit(let_go)
        self._writer.submit(self._close_mine)
        self._pool.shutdown(wait=True)
        self._writer.shutdown(wait=True)

    async def _in(
        self, pool: ThreadPoolExecutor, act: Callable[[Callable[..., _Answer]], _Answer], what: Callable[..., _Answer]
    ) -> _Answer:
        with self._lock:
            if self._waiting >= WAITING_MAX:
                raise BusyError("too many questions at once; try again in a moment")
            self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, act, what)
        finally:
            with self._lock:
                self._waiting -= 1

    def _answer(self, question: Callable[[Reading], _Answer]) -> _Answer:
        try:
            with self._opened(write=False).reading(seconds_max=self._seconds_max) as reading:
                return question(reading)
        except InputError:
            raise
        except CrossingError:
            self._close_mine()  # the next query connects again, as after a restart of the database
            raise

    def _note(self, note: Callable[[Store], _Answer]) -> _Answer:
        try:
            return note(self._opened(write=True))
        except InputError:
            raise
        except CrossingError:
            self._close_mine()
            raise

    def _opened(self, *, write: bool) -> Store:
        store: Store | None = getattr(self._mine, "store", None)
        if store is None:
            try:
                store = self._mine.store = self._open_store(write)
            except InputError as error:  # in the configuration, not in the request
                raise WorkError(str(error)) from error
        return store

    def _close_mine(self) -> None:
        store: Store | None = getattr(self._mine, "store", None)
        self._mine.store = None
        if store is not None:
            store.close()
