"""The outbox: closed buckets on disk, from the moment they are counted until a broker has acknowledged them.

A report is committed here (SQLite, write-ahead log, synchronous FULL) before anyone is told of it, with a
sequence number taken in the same transaction: numbers have no holes, over restarts and kills alike. Sent
reports stay, so that they can be sent again, until their age or the bytes held push them out.

One process owns an outbox (a lock on `<path>.lock`, which dies with its owner); its threads may share the
object, every call is one transaction under one mutex.
"""

import fcntl
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from edge.delivery.letter import Letter
from edge.delivery.report import Report, encode
from edge.errors import WorkError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS letter (
  seq INTEGER PRIMARY KEY,
  address TEXT NOT NULL,      -- site/device/channel: the topic without its root
  payload BLOB NOT NULL,
  stored_ms INTEGER NOT NULL,
  sent INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS letter_unsent ON letter (seq) WHERE sent = 0;
CREATE INDEX IF NOT EXISTS letter_sent ON letter (seq) WHERE sent = 1;
CREATE TABLE IF NOT EXISTS ledger (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  seq_next INTEGER NOT NULL,
  bytes_held INTEGER NOT NULL,
  forgotten INTEGER NOT NULL,
  dropped INTEGER NOT NULL
);
INSERT OR IGNORE INTO ledger VALUES (1, 1, 0, 0, 0);
"""


@dataclass(frozen=True, slots=True)
class OutboxState:
    """How full the outbox is. `forgotten`: sent, then pushed out; `dropped`: never sent, lost."""

    unsent: int
    held: int
    bytes_held: int
    seq_next: int
    forgotten: int
    dropped: int


class Outbox:
    """The outbox in the file `path`, made where there is none.

    At `keep_bytes` the oldest sent reports go first, then the oldest unsent (counted as dropped). Age pushes
    out only what was sent: a clock that jumps years ahead must not lose a count.
    """

    def __init__(self, path: Path, *, keep_ms: int = 90 * 86_400_000, keep_bytes: int = 100_000_000) -> None:
        self.path = path
        self._keep_ms = keep_ms
        self._keep_bytes = keep_bytes
        self._mutex = threading.Lock()
        with self._explained():
            self._lock_file = Path(f"{path}.lock").open("w")  # noqa: SIM115  # held as long as the outbox
            try:
                fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._lock_file.close()
                raise WorkError(f"outbox {path} is in use by another process") from None
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            try:
                self._database.execute("PRAGMA journal_mode = WAL")
                self._database.execute("PRAGMA synchronous = FULL")
                self._database.executescript(_SCHEMA)
            except BaseException:
                self.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file. Nothing has to be saved: every call was committed."""
        with self._mutex:
            self._database.close()
            self._lock_file.close()

    def append(self, make_report: Callable[[int], Report], *, now_ms: int) -> Report:
        """Give the next `seq` to `make_report` and commit what it makes, both or neither."""
        with self._transaction() as database:
            (seq,) = database.execute("SELECT seq_next FROM ledger").fetchone()
            report = make_report(seq)
            assert report.seq == seq, "a report bears the number that the outbox gave it"
            payload = encode(report)
            database.execute(
                "INSERT INTO letter (seq, address, payload, stored_ms) VALUES (?, ?, ?, ?)",
                (seq, f"{report.site}/{report.device}/report", payload, now_ms),
            )
            database.execute("UPDATE ledger SET seq_next = seq_next + 1, bytes_held = bytes_held + ?", (len(payload),))
            self._make_room(database, now_ms)
        return report

    def pending(self, limit: int, *, after: int = 0) -> list[Letter]:
        """The oldest `limit` letters that no broker has acknowledged, by `seq`."""
        with self._mutex, self._explained():
            rows = self._database.execute(
                "SELECT seq, address, payload FROM letter WHERE sent = 0 AND seq > ? ORDER BY seq LIMIT ?",
                (after, limit),
            )
            return [Letter(*row) for row in rows]

    def sent(self, seqs: Iterable[int]) -> None:
        """A broker has acknowledged these. A number that is not held is passed over."""
        with self._transaction() as database:
            database.executemany("UPDATE letter SET sent = 1 WHERE seq = ?", ((seq,) for seq in seqs))

    def resend(self, first: int, last: int) -> int:
        """Make the letters `first` to `last` pending again; says how many of them are still held."""
        with self._transaction() as database:
            letters = (first, last)
            return database.execute("UPDATE letter SET sent = 0 WHERE seq BETWEEN ? AND ?", letters).rowcount

    def state(self) -> OutboxState:
        """Depth and counters, for `health`."""
        with self._mutex, self._explained():
            row = self._database.execute(
                "SELECT (SELECT count(*) FROM letter WHERE sent = 0), (SELECT count(*) FROM letter),"
                " bytes_held, seq_next, forgotten, dropped FROM ledger"
            ).fetchone()
            return OutboxState(*row)

    def _make_room(self, database: sqlite3.Connection, now_ms: int) -> None:
        """Push out what is beyond the bounds; never the newest letter, however small the bound."""
        (newest, bytes_held) = database.execute("SELECT seq_next - 1, bytes_held FROM ledger").fetchone()
        oldest_sent = "SELECT seq, length(payload), stored_ms FROM letter WHERE sent = 1 ORDER BY seq LIMIT 1"
        oldest = "SELECT seq, length(payload) FROM letter WHERE seq < ? ORDER BY seq LIMIT 1"
        while (row := database.execute(oldest_sent).fetchone()) is not None:
            seq, size, stored_ms = row
            if bytes_held <= self._keep_bytes and stored_ms >= now_ms - self._keep_ms:
                return
            bytes_held -= size
            self._delete(database, seq, size, "forgotten")
        while bytes_held > self._keep_bytes:
            row = database.execute(oldest, (newest,)).fetchone()
            if row is None:
                return
            seq, size = row
            bytes_held -= size
            self._delete(database, seq, size, "dropped")

    @staticmethod
    def _delete(database: sqlite3.Connection, seq: int, size: int, counter: str) -> None:
        database.execute("DELETE FROM letter WHERE seq = ?", (seq,))
        database.execute(
            f"UPDATE ledger SET bytes_held = bytes_held - ?, {counter} = {counter} + 1",  # noqa: S608  # ours
            (size,),
        )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._mutex, self._explained():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:  # a full disk makes SQLite roll back by itself
                    self._database.execute("ROLLBACK")
                raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise WorkError(f"outbox {self.path} cannot be used: {error}; {_advice(error)}") from error


def _advice(error: Exception) -> str:
    if isinstance(error, sqlite3.OperationalError) and "full" in str(error):
        return "free some space, what was stored before is safe"
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
        return "move the file aside, a new one will be made"
    return "the folder must exist and be writable"
