"""The file of an outbox: opened, locked, upgraded, set aside where it is corrupt; every access is one transaction.

1. A file that is corrupt is set aside, never overwritten, and a new one begun, whose numbers start at 1 under another
   `journal`.
2. A disk that is full, read-only or broken raises WorkError and loses nothing stored before. The next call tries again
   from the beginning, so a disk that works again is all it takes.

One process owns an outbox (a lock on `<path>.lock`, which dies with its owner); its threads may share the
object, every call is one transaction under one mutex.
"""

import fcntl
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Self

from edge.delivery.entry import kind_of
from edge.delivery.outbox_schema import APPLICATION_ID, SCHEMA, UPGRADES, VERSION
from edge.errors import WorkError

SET_ASIDE_MAX = 8
"""Corrupt files kept; a disk that corrupts more needs replacing."""

_CORRUPT = (11, 26)  # SQLITE_CORRUPT, SQLITE_NOTADB
_FULL = 13  # SQLITE_FULL
_BUSY_S = 5.0


class OutboxFile:
    """An SQLite file at `path`, made where there is none.

    With `patient`, a disk that does not work yet raises at the first call instead of here. `set_aside` is the corrupt
    file that this one replaced, if any. `connection` is the class of connections to SQLite.
    """

    def __init__(
        self,
        path: Path,
        *,
        patient: bool = False,
        connection: type[sqlite3.Connection] = sqlite3.Connection,
    ) -> None:
        self.path = path
        self.set_aside: Path | None = None
        self._connection = connection
        self._mutex = threading.Lock()
        self._lock_file: IO[str] | None = None
        self._database: sqlite3.Connection | None = None
        self.generation = 0
        """Changes when another file is open under the path: entries have other numbers then."""
        self._log = Path(f"{path}-wal")
        self._inode: tuple[int, int] | None = None
        self._log_inode: tuple[int, int] | None = None
        self._lost_file = False  # the open file was deleted; the next one may get its inode
        self._lost_with_file = Counter[str]()  # pending entries by kind of a file that was deleted
        if not patient:
            try:
                with self._mutex, self._explained():
                    self._open()
            except BaseException:
                self.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and its lock. Nothing has to be saved: every call was committed."""
        with self._mutex:
            self._disconnect()
            if self._lock_file is not None:
                self._lock_file.close()
                self._lock_file = None

    def _begin_file(self, database: sqlite3.Connection) -> None:
        """Fill the tables of a new file, inside the transaction that makes them."""
        raise NotImplementedError

    def _take_over(self, database: sqlite3.Connection, *, replaced: bool) -> None:
        """The file is open; `replaced`: in the place of another one that was open before."""
        raise NotImplementedError

    def _open(self) -> sqlite3.Connection:
        if self._database is not None and self._is_replaced():
            self._let_go_of_lost_file()
        if self._lock_file is None:
            lock_file = Path(f"{self.path}.lock").open("w")  # noqa: SIM115  # held as long as the outbox
            try:
                fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                lock_file.close()
                if isinstance(error, BlockingIOError):
                    raise WorkError(f"outbox {self.path} is in use by another process") from None
                raise
            self._lock_file = lock_file
        if self._database is None:
            try:
                self._connect()
            except sqlite3.DatabaseError as error:
                self._disconnect()
                if error.sqlite_errorcode & 0xFF not in _CORRUPT:
                    raise
                self._put_aside()
                try:
                    self._connect()
                except sqlite3.Error:
                    self._disconnect()
                    raise
        assert self._database is not None, "an outbox that opened has a database"
        return self._database

    def _is_replaced(self) -> bool:
        """Whether another file, or none, is at the path of the open one."""
        try:
            return _inode_of(self.path) != self._inode
        except OSError:  # a disk that does not answer replaces nothing
            return False

    def _let_go_of_lost_file(self) -> None:
        """The open file was deleted: its pending entries are lost, and declared in the next one."""
        assert self._database is not None, "a file that is open"
        with suppress(sqlite3.Error):
            query = "SELECT address, count(*) FROM letter WHERE sent = 0 GROUP BY address"
            for address, entries in self._database.execute(query).fetchall():
                self._lost_with_file[kind_of(address)] += entries
        self._lost_file = True
        self._disconnect()
        if self._log_inode is not None and _inode_of(self._log) == self._log_inode:
            self._log.unlink()  # else SQLite would use it as the log of the new file
        if self._lock_file is not None:
            self._lock_file.close()
            self._lock_file = None

    def _connect(self) -> None:
        database = self._connection(self.path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        self._database = database
        (tables,) = database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        application, version = (
            database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
        )
        if tables and (application != APPLICATION_ID or version not in (VERSION, *UPGRADES)):
            self._disconnect()
            raise WorkError(f"{self.path} is not an outbox of version {VERSION}: name another file")
        if tables and database.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            error = sqlite3.DatabaseError("database disk image is malformed")
            error.sqlite_errorcode = _CORRUPT[0]
            raise error
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA journal_size_limit = 4000000")
        self._upgrade(database, version if tables else 0)
        inode = _inode_of(self.path)
        replaced = self._lost_file or self._inode not in (None, inode)
        self._take_over(database, replaced=replaced)
        if replaced:
            self._lost_file = False
            self.generation += 1
        self._inode, self._log_inode = inode, _inode_of(self._log)

    def _upgrade(self, database: sqlite3.Connection, version: int) -> None:
        """Make the tables of a new file (version 0), or bring those of an older one up to date: all or nothing."""
        if version == VERSION:
            return
        steps = [SCHEMA] if version == 0 else []
        steps += [step for older, step in sorted(UPGRADES.items()) if older >= version]
        pragmas = f"PRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {VERSION};"
        database.executescript("\n".join(("BEGIN;", pragmas, *steps)))
        if version == 0:
            self._begin_file(database)
        database.execute("COMMIT")

    def _disconnect(self) -> None:
        if self._database is not None:
            with suppress(sqlite3.Error):  # it may fail to tidy up on a disk that is full; the next opening does
                self._database.close()
            self._database = None

    def _put_aside(self) -> None:
        """Rename a corrupt file and what belongs to it."""
        for number in range(1, SET_ASIDE_MAX + 1):
            aside = Path(f"{self.path}.corrupt-{number}")
            if not aside.exists():
                break
        else:
            raise WorkError(
                f"outbox {self.path} is corrupt, and {SET_ASIDE_MAX} such files lie beside it already; "
                "replace the disk, then move them away"
            )
        for suffix in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{self.path}{suffix}").rename(f"{aside}{suffix}")
        self.path.rename(aside)  # last: a kill before it leaves a corrupt file, to be put aside at the next start
        self.set_aside = aside
        self._inode = None
        self.generation += 1

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._mutex, self._explained():
            yield self._open()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._mutex, self._explained():
            database = self._open()
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
                database.execute("COMMIT")
            except BaseException:
                if database.in_transaction:  # a full disk makes SQLite roll back by itself
                    database.execute("ROLLBACK")
                raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            full = getattr(error, "sqlite_errorcode", 0) & 0xFF == _FULL
            if self._database is None or self._database.in_transaction or not full:
                self._disconnect()  # the next call begins anew, on a disk that may work again
            raise WorkError(f"outbox {self.path} cannot be used: {error}; {_advice(error)}") from error


def _inode_of(path: Path) -> tuple[int, int] | None:
    """None where there is no file. OSError where that cannot be told."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _advice(error: Exception) -> str:
    if isinstance(error, sqlite3.OperationalError) and "full" in str(error):
        return "free some space, what was stored before is safe"
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
        return "it is set aside at the next call, and a new one begun"
    return "the folder must exist and be writable"
