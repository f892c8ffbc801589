"""The outbox: closed buckets on disk, from the moment they are counted until a broker has acknowledged them.

1. A report is committed here (SQLite, write-ahead log, synchronous FULL) before anyone is told of it, with a sequence
   number taken in the same transaction: numbers have no holes, over restarts and kills alike.
2. The totals since installation are kept in that transaction too: they never miss a report and never count one twice.
3. Sent letters stay, so that they can be sent again, until their age or the bytes held push them out: the oldest sent
   first (`forgotten`), then the oldest unsent (`dropped`). Age pushes out only what was sent: a clock that jumps years
   ahead must not lose a count.
4. A file that is corrupt is set aside, never overwritten, and a new one begun, whose numbers start at 1 under another
   `journal`.
5. A disk that is full, read-only or broken raises WorkError, takes no number and loses nothing stored before. The next
   call tries again from the beginning, so a disk that works again is all it takes.

One process owns an outbox (a lock on `<path>.lock`, which dies with its owner); its threads may share the
object, every call is one transaction under one mutex.
"""

import fcntl
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

import msgspec

from edge.delivery.letter import Letter
from edge.delivery.report import Report, decode, encode, milliseconds_of, rfc3339
from edge.delivery.status import Total
from edge.errors import WorkError

SET_ASIDE_MAX = 8
"""Corrupt files kept; a disk that makes more of them needs a person, not more files."""
RUNS_MAX = 10_000
"""Runs of which it is known how far they were reported; beyond it the oldest are forgotten."""

_APPLICATION_ID = 0x43524F42  # "CROB", in the header of the file
_VERSION = 1
_CORRUPT = (11, 26)  # SQLITE_CORRUPT, SQLITE_NOTADB
_BUSY_S = 5.0
_SCHEMA = f"""
BEGIN;
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {_VERSION};
CREATE TABLE letter (
  number INTEGER PRIMARY KEY,
  seq INTEGER UNIQUE,         -- null: no report
  address TEXT NOT NULL,      -- site/device/channel: the topic without its root
  payload BLOB NOT NULL,
  stored_ms INTEGER NOT NULL,
  sent INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX letter_unsent ON letter (number) WHERE sent = 0;
CREATE INDEX letter_sent ON letter (number) WHERE sent = 1;
CREATE TABLE ledger (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  journal TEXT NOT NULL,
  number_next INTEGER NOT NULL DEFAULT 1,
  seq_next INTEGER NOT NULL DEFAULT 1,
  bytes_held INTEGER NOT NULL DEFAULT 0,
  forgotten INTEGER NOT NULL DEFAULT 0,
  dropped INTEGER NOT NULL DEFAULT 0,
  since_ms INTEGER, as_of_ms INTEGER,
  watched_ms INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE total (
  line TEXT, direction TEXT, class TEXT, vehicles INTEGER NOT NULL,
  PRIMARY KEY (line, direction, class)
) WITHOUT ROWID;
CREATE TABLE run (
  name TEXT PRIMARY KEY,
  reports INTEGER NOT NULL, posts INTEGER NOT NULL,
  last INTEGER NOT NULL       -- number of its last letter
) WITHOUT ROWID;
CREATE INDEX run_last ON run (last);
CREATE TABLE note (name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
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


@dataclass(frozen=True, slots=True)
class Progress:
    """Of one run: reports appended, and other letters posted."""

    reports: int
    posts: int


@dataclass(frozen=True, slots=True)
class Resent:
    """Of reports asked for again: how many are pending now, and which are held no more."""

    number: int
    gone: tuple[tuple[int, int], ...]


class Outbox:
    """The outbox in the file `path`, made where there is none.

    `name_journal` names the journal of a new one: never twice the same. With `patient`, a disk that does not work yet
    raises only when something is asked of it. `set_aside` is the corrupt file that this outbox replaced, if it did.
    `connection` makes the connections to SQLite.
    """

    def __init__(
        self,
        path: Path,
        *,
        keep_ms: int = 90 * 86_400_000,
        keep_bytes: int = 100_000_000,
        name_journal: Callable[[], str] = lambda: f"j-{secrets.token_hex(6)}",
        patient: bool = False,
        connection: type[sqlite3.Connection] = sqlite3.Connection,
    ) -> None:
        self.path = path
        self.set_aside: Path | None = None
        self.revision = 0
        """Changes with what `total` says."""
        self._keep_ms = keep_ms
        self._keep_bytes = keep_bytes
        self._name_journal = name_journal
        self._connection = connection
        self._mutex = threading.Lock()
        self._lock_file: IO[str] | None = None
        self._database: sqlite3.Connection | None = None
        self._journal = ""
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
        """Let go of the file. Nothing has to be saved: every call was committed."""
        with self._mutex:
            self._disconnect()
            if self._lock_file is not None:
                self._lock_file.close()
                self._lock_file = None

    @property
    def journal(self) -> str:
        """What the numbers are counted in; valid once a call has succeeded."""
        return self._journal

    def append(self, make_report: Callable[[int], Report], *, now_ms: int) -> Report:
        """Give the next `seq` to `make_report` and commit what it makes, both or neither."""
        with self._transaction() as database:
            (seq,) = database.execute("SELECT seq_next FROM ledger").fetchone()
            report = make_report(seq)
            assert report.seq == seq, "a report bears the number that the outbox gave it"
            self._put(database, f"{report.site}/{report.device}/report", encode(report), now_ms, seq)
            end_ms = report.start_ms + report.width_ms
            database.execute(
                "UPDATE ledger SET seq_next = seq_next + 1, since_ms = ifnull(since_ms, ?),"
                " as_of_ms = max(ifnull(as_of_ms, 0), ?), watched_ms = watched_ms + ?",
                (report.start_ms, end_ms, report.watched_ms),
            )
            database.executemany(
                "INSERT INTO total VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET vehicles = vehicles + excluded.vehicles",
                [
                    (line, way, label, vehicles)
                    for line, ways in (report.lines or {}).items()
                    for way, classes in ways.items()
                    for label, vehicles in classes.items()
                ],
            )
            self._go_on(database, report.run, reports=1)
            self._make_room(database, now_ms)
        self.revision += 1
        return report

    def post(self, address: str, payload: bytes, *, run: str, now_ms: int) -> None:
        """Commit a letter that is no report: an alert, a crossing."""
        with self._transaction() as database:
            self._put(database, address, payload, now_ms, None)
            self._go_on(database, run, posts=1)
            self._make_room(database, now_ms)

    def pending(self, limit: int, *, after: int = 0) -> list[Letter]:
        """The oldest `limit` letters that no broker has acknowledged, by `number`."""
        with self._reading() as database:
            rows = database.execute(
                "SELECT number, address, payload FROM letter WHERE sent = 0 AND number > ? ORDER BY number LIMIT ?",
                (after, limit),
            )
            return [Letter(*row) for row in rows]

    def sent(self, numbers: Iterable[int]) -> None:
        """A broker has acknowledged these. A number that is not held is passed over."""
        with self._transaction() as database:
            database.executemany("UPDATE letter SET sent = 1 WHERE number = ?", ((number,) for number in numbers))
        self.revision += 1

    def resend(self, ranges: Sequence[tuple[int, int]], *, journal: str = "", limit: int = 10_000) -> Resent:
        """Make reports pending again, by `seq`; of a journal that is not this one, all are gone.

        At most `limit` of them, the first ones: who asks again gets more. A number that was never given is neither.
        """
        with self._transaction() as database:
            (seq_next, own) = database.execute("SELECT seq_next, journal FROM ledger").fetchone()
            if journal not in ("", own):
                return Resent(0, tuple(ranges))
            resent, gone = 0, list[tuple[int, int]]()
            for first, last in ranges:
                last = min(last, seq_next - 1)  # noqa: PLW2901  # what is not numbered yet is not gone
                rows = database.execute(
                    "SELECT seq FROM letter WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?",
                    (first, last, limit - resent),
                )
                held = [seq for (seq,) in rows]
                database.executemany("UPDATE letter SET sent = 0 WHERE seq = ?", ((seq,) for seq in held))
                if len(held) == limit - resent and held:
                    last = held[-1]  # noqa: PLW2901  # of those beyond nothing is said
                resent += len(held)
                gone += _between([first - 1, *held, last + 1])
                if resent >= limit:
                    break
            return Resent(resent, tuple(gone))

    def correct(self, run: str, offset_ms: int) -> int:
        """Move what a run has not sent yet by `offset_ms`, for its clock was wrong; how many reports that were.

        Reports move with their buckets, crossings and alerts with their moment.
        One that is on its way at this moment may have arrived as it was: marked, under the same number, counted once.
        """
        with self._transaction() as database:
            rows = database.execute("SELECT number, seq, payload FROM letter WHERE sent = 0").fetchall()
            (since_ms,) = database.execute("SELECT since_ms FROM ledger").fetchone()
            corrected = 0
            for number, seq, payload in rows:
                if seq is None:
                    self._replace(database, number, payload, _moved(payload, run, offset_ms))
                    continue
                report = decode(payload)
                if report.run != run:
                    continue
                corrected += 1
                moved_ms = max(report.start_ms + offset_ms, 0)
                right = encode(msgspec.structs.replace(report, start=rfc3339(moved_ms), clock_synced=True))
                self._replace(database, number, payload, right)
                database.execute("UPDATE ledger SET as_of_ms = max(as_of_ms, ?)", (moved_ms + report.width_ms,))
                if report.start_ms == since_ms:
                    database.execute("UPDATE ledger SET since_ms = ?", (moved_ms,))
        self.revision += 1
        return corrected

    def progress(self, run: str) -> Progress:
        """How far a run was ever committed here: one that is taken up again goes on from there."""
        with self._reading() as database:
            row = database.execute("SELECT reports, posts FROM run WHERE name = ?", (run,)).fetchone()
            return Progress(*row) if row else Progress(0, 0)

    def total(self) -> Total | None:
        """All that was counted since this outbox began; None before the first report."""
        with self._reading() as database:
            since_ms, as_of_ms, watched_ms, reports, dropped, sent_through = database.execute(
                "SELECT since_ms, as_of_ms, watched_ms, seq_next - 1, dropped,"
                " ifnull((SELECT seq FROM letter WHERE sent = 0 AND seq IS NOT NULL ORDER BY number LIMIT 1), seq_next)"
                " - 1 FROM ledger"
            ).fetchone()
            if since_ms is None:
                return None
            lines: dict[str, dict[str, dict[str, int]]] = {}
            for line, way, label, vehicles in database.execute("SELECT * FROM total"):
                lines.setdefault(line, {}).setdefault(way, {})[label] = vehicles
            return Total(
                journal=self._journal,
                sent_through=sent_through,
                since=rfc3339(since_ms),
                as_of=rfc3339(as_of_ms),
                reports=reports,
                watched_ms=watched_ms,
                dropped=dropped,
                lines=lines,
            )

    def note(self, name: str, text: str) -> None:
        """Remember something small for the next start."""
        with self._transaction() as database:
            database.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (name, text))

    def noted(self, name: str) -> str:
        """What was remembered; empty where nothing was."""
        with self._reading() as database:
            row = database.execute("SELECT text FROM note WHERE name = ?", (name,)).fetchone()
            return row[0] if row else ""

    def declare_dropped(self, reports: int) -> None:
        """Count reports that never got here, because there was no room for them anywhere."""
        with self._transaction() as database:
            database.execute("UPDATE ledger SET dropped = dropped + ?", (reports,))
        self.revision += 1

    def state(self) -> OutboxState:
        """Depth and counters, for `health`."""
        with self._reading() as database:
            row = database.execute(
                "SELECT (SELECT count(*) FROM letter WHERE sent = 0), (SELECT count(*) FROM letter),"
                " bytes_held, seq_next, forgotten, dropped FROM ledger"
            ).fetchone()
            return OutboxState(*row)

    @staticmethod
    def _put(database: sqlite3.Connection, address: str, payload: bytes, now_ms: int, seq: int | None) -> None:
        database.execute(
            "INSERT INTO letter (number, seq, address, payload, stored_ms) SELECT number_next, ?, ?, ?, ? FROM ledger",
            (seq, address, payload, now_ms),
        )
        database.execute(
            "UPDATE ledger SET number_next = number_next + 1, bytes_held = bytes_held + ?", (len(payload),)
        )

    @staticmethod
    def _replace(database: sqlite3.Connection, number: int, payload: bytes, right: bytes) -> None:
        database.execute("UPDATE letter SET payload = ? WHERE number = ?", (right, number))
        database.execute("UPDATE ledger SET bytes_held = bytes_held + ?", (len(right) - len(payload),))

    @staticmethod
    def _go_on(database: sqlite3.Connection, run: str, *, reports: int = 0, posts: int = 0) -> None:
        begun = database.execute(
            "INSERT INTO run SELECT ?, ?, ?, number_next - 1 FROM ledger WHERE true ON CONFLICT DO UPDATE SET"
            " reports = reports + excluded.reports, posts = posts + excluded.posts, last = excluded.last"
            " RETURNING reports + posts",
            (run, reports, posts),
        ).fetchone()
        if begun == (1,):
            database.execute(
                "DELETE FROM run WHERE last <= (SELECT last FROM run ORDER BY last DESC LIMIT 1 OFFSET ?)", (RUNS_MAX,)
            )

    def _make_room(self, database: sqlite3.Connection, now_ms: int) -> None:
        """Push out what is beyond the bounds; never the newest letter, however small the bound."""
        (newest, bytes_held) = database.execute("SELECT number_next - 1, bytes_held FROM ledger").fetchone()
        oldest_sent = "SELECT number, length(payload), stored_ms FROM letter WHERE sent = 1 ORDER BY number LIMIT 1"
        oldest = "SELECT number, length(payload) FROM letter WHERE number < ? ORDER BY number LIMIT 1"
        while (row := database.execute(oldest_sent).fetchone()) is not None:
            number, size, stored_ms = row
            if bytes_held <= self._keep_bytes and stored_ms >= now_ms - self._keep_ms:
                return
            bytes_held -= size
            self._delete(database, number, size, "forgotten")
        while bytes_held > self._keep_bytes:
            row = database.execute(oldest, (newest,)).fetchone()
            if row is None:
                return
            number, size = row
            bytes_held -= size
            self._delete(database, number, size, "dropped")

    @staticmethod
    def _delete(database: sqlite3.Connection, number: int, size: int, counter: str) -> None:
        database.execute("DELETE FROM letter WHERE number = ?", (number,))
        database.execute(
            f"UPDATE ledger SET bytes_held = bytes_held - ?, {counter} = {counter} + 1",  # noqa: S608  # ours
            (size,),
        )

    def _open(self) -> sqlite3.Connection:
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
                self._connect()
        assert self._database is not None, "an outbox that opened has a database"
        return self._database

    def _connect(self) -> None:
        database = self._connection(self.path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        self._database = database
        (tables,) = database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        found = tuple(database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
        if tables and found != (_APPLICATION_ID, _VERSION):
            self._disconnect()
            raise WorkError(f"{self.path} is not an outbox of version {_VERSION}: name another file")
        if tables and database.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            error = sqlite3.DatabaseError("database disk image is malformed")
            error.sqlite_errorcode = _CORRUPT[0]
            raise error
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA journal_size_limit = 4000000")
        if not tables:
            database.executescript(_SCHEMA)
            database.execute("INSERT INTO ledger (one, journal) VALUES (1, ?)", (self._name_journal(),))
            database.execute("COMMIT")
        (self._journal,) = database.execute("SELECT journal FROM ledger").fetchone()

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
            self._disconnect()  # the next call begins anew, on a disk that may work again
            raise WorkError(f"outbox {self.path} cannot be used: {error}; {_advice(error)}") from error


def _between(seqs: Sequence[int]) -> list[tuple[int, int]]:
    """The spans that lie between neighbours."""
    return [(one + 1, other - 1) for one, other in zip(seqs, seqs[1:], strict=False) if other - one > 1]


def _advice(error: Exception) -> str:
    if isinstance(error, sqlite3.OperationalError) and "full" in str(error):
        return "free some space, what was stored before is safe"
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
        return "it is set aside at the next call, and a new one begun"
    return "the folder must exist and be writable"


class _Dated(msgspec.Struct):
    """What crossings and alerts have in common."""

    run: str
    at: str


def _moved(payload: bytes, run: str, offset_ms: int) -> bytes:
    """The letter with its moment moved, if it is of that run and has one."""
    try:
        dated = msgspec.json.decode(payload, type=_Dated)
        at_ms = milliseconds_of(dated.at)
    except ValueError:
        return payload
    if dated.run != run:
        return payload
    said = msgspec.json.decode(payload) | {"at": rfc3339(max(at_ms + offset_ms, 0))}
    return msgspec.json.encode(said, order="sorted")
