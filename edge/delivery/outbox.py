"""The outbox: closed buckets on disk, from the moment they are counted until a broker has acknowledged them.

1. A report is committed here (SQLite, write-ahead log, synchronous FULL) before anyone is told of it, with a sequence
   number taken in the same transaction: numbers have no holes, over restarts and kills alike.
2. The totals since installation are kept in that transaction too: they never miss a report and never count one twice.
3. Sent letters stay, so that they can be sent again, until their age or the bytes held push them out: the oldest sent
   first (`forgotten`), then the oldest unsent (`dropped`). Age pushes out only what was sent: a clock that jumps years
   ahead must not lose a count.
4. A file that is corrupt is set aside, never overwritten, and a new one begun, whose numbers start at 1 under another
   `journal`.
5. `(journal, number)` names one report for ever, whatever happens to the card. A new journal begins where that could
   not be kept otherwise: under another name of the device, in a file that was put in the place of the open one, and
   where the collector knows numbers of the journal that this file did not give (`compare`).
6. A disk that is full, read-only or broken raises WorkError, takes no number and loses nothing stored before. The next
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

from edge.delivery.journals import SEGMENTS_MAX, Segment, at, locate, opening, segments_of
from edge.delivery.letter import Letter
from edge.delivery.report import REPLAY, Report, decode, encode, milliseconds_of, rfc3339
from edge.delivery.status import Total
from edge.errors import WorkError

SET_ASIDE_MAX = 8
"""Corrupt files kept; a disk that makes more of them needs a person, not more files."""
ENDS_MAX = 20
"""Journals beside the present one whose ends are told."""
RUNS_TOLD = 100
"""Runs whose reports go over into a journal that begins because there are copies of the card."""
RUNS_MAX = 10_000
"""Runs of which it is known how far they were reported; beyond it the oldest are forgotten."""

_APPLICATION_ID = 0x43524F42  # "CROB", in the header of the file
_VERSION = 2
_CORRUPT = (11, 26)  # SQLITE_CORRUPT, SQLITE_NOTADB
_BUSY_S = 5.0
_SEGMENT = """CREATE TABLE segment (
  first INTEGER PRIMARY KEY,     -- a `seq`; up to the one before the next row's
  journal TEXT NOT NULL,
  shift INTEGER NOT NULL,        -- the number in the journal is seq - shift
  owner TEXT NOT NULL,           -- site/device; empty: not known
  restamped INTEGER NOT NULL     -- letters up to this seq were written under another journal
)"""
_UPGRADES = {1: (_SEGMENT, "INSERT INTO segment SELECT 1, journal, 0, '', 0 FROM ledger")}
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
  journal TEXT NOT NULL,         -- the one that the next report belongs to
  number_next INTEGER NOT NULL DEFAULT 1,
  seq_next INTEGER NOT NULL DEFAULT 1,
  bytes_held INTEGER NOT NULL DEFAULT 0,
  forgotten INTEGER NOT NULL DEFAULT 0,
  dropped INTEGER NOT NULL DEFAULT 0,
  since_ms INTEGER, as_of_ms INTEGER,
  watched_ms INTEGER NOT NULL DEFAULT 0
);
{_SEGMENT};
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
    stranger: bool = False
    """This outbox never numbered anything in that journal: another one may hold them."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A new journal, the number with which it begins, and the runs in it: the first number of each, and its name."""

    journal: str
    first: int
    runs: tuple[tuple[int, str], ...]


class Outbox:
    """The outbox in the file `path`, made where there is none.

    `owner` is the `site/device` whose reports it takes; under another one a new journal begins. `name_journal` names a
    new journal: never twice the same. With `patient`, a disk that does not work yet raises only when something is asked
    of it. `set_aside` is the corrupt file that this outbox replaced, if it did. `connection` makes the connections to
    SQLite.
    """

    def __init__(
        self,
        path: Path,
        *,
        owner: str = "",
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
        self.generation = 0
        """Changes where another file is open under the path: letters have other numbers then."""
        self.begun_anew = ""
        """Why a new journal was begun since the start, in words; empty: it was not."""
        self._owner = owner
        self._keep_ms = keep_ms
        self._keep_bytes = keep_bytes
        self._name_journal = name_journal
        self._connection = connection
        self._mutex = threading.Lock()
        self._lock_file: IO[str] | None = None
        self._database: sqlite3.Connection | None = None
        self._journal = ""
        self._segments: list[Segment] = []
        self._log = Path(f"{path}-wal")
        self._inode: tuple[int, int] | None = None
        self._log_inode: tuple[int, int] | None = None
        self._lost_file = False  # the open file was taken away; the next one may get its inode
        self._lost_with_file = 0  # unsent reports in a file that was taken away, not declared yet
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
        """Give the next number of the journal to `make_report` and commit what it makes, both or neither."""
        with self._transaction() as database:
            (seq,) = database.execute("SELECT seq_next FROM ledger").fetchone()
            report = make_report(seq - self._segments[-1].shift)
            assert report.seq == seq - self._segments[-1].shift, "a report bears the number that the outbox gave it"
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
                "SELECT number, address, payload, seq FROM letter WHERE sent = 0 AND number > ?"
                " ORDER BY number LIMIT ?",
                (after, limit),
            )
            return [
                Letter(number, address, payload if seq is None else at(self._segments, seq).stamped(seq, payload))
                for number, address, payload, seq in rows
            ]

    def sent(self, numbers: Iterable[int], *, generation: int | None = None) -> None:
        """A broker has acknowledged these. A number that is not held is passed over, as are those of another file."""
        with self._transaction() as database:
            if generation not in (None, self.generation):
                return
            database.executemany("UPDATE letter SET sent = 1 WHERE number = ?", ((number,) for number in numbers))
        self.revision += 1

    def resend(self, ranges: Sequence[tuple[int, int]], *, journal: str = "", limit: int = 10_000) -> Resent:
        """Make reports pending again, by `seq`; of a journal that is not this one, all are gone.

        At most `limit` of them, the first ones: who asks again gets more. A number that was never given is neither.
        """
        with self._transaction() as database:
            (seq_next,) = database.execute("SELECT seq_next FROM ledger").fetchone()
            journal = journal or self._journal
            resent, gone = 0, list[tuple[int, int]]()
            for first, last in ranges:
                located = locate(self._segments, journal, first, last, seq_next)
                gone += located.outside
                for first_seq, last_seq, shift in located.spans:
                    if resent >= limit:
                        break
                    held, reached = self._offer_again(database, first_seq, last_seq, limit - resent)
                    resent += len(held)
                    gone += [
                        (one - shift, other - shift) for one, other in _between([first_seq - 1, *held, reached + 1])
                    ]
            known = any(one.journal == journal for one in self._segments)
            return Resent(resent, tuple(sorted(gone)), stranger=not known)

    @staticmethod
    def _offer_again(database: sqlite3.Connection, first: int, last: int, limit: int) -> tuple[list[int], int]:
        """Make the reports of a span pending: which those are, and up to which one was looked."""
        rows = database.execute(
            "SELECT seq FROM letter WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?", (first, last, limit)
        )
        held = [seq for (seq,) in rows]
        database.executemany("UPDATE letter SET sent = 0 WHERE seq = ?", ((seq,) for seq in held))
        return held, held[-1] if len(held) == limit else last

    def use_journal(self, journal: str, *, number: int) -> None:
        """The next report has this number of this journal. Who asks for it knows that the number was not given yet."""
        with self._transaction() as database:
            (seq_next,) = database.execute("SELECT seq_next FROM ledger").fetchone()
            shift = seq_next - number
            if (journal, shift) != (self._journal, self._segments[-1].shift):
                self._begin(database, seq_next, journal, shift=shift)
        self.revision += 1

    def compare(self, journal: str, *, high: int, known: Sequence[tuple[int, str]]) -> Begun | None:
        """Begin a new journal if somebody else numbered reports in ours; None where nobody did.

        `high` is the highest number that the collector knows to have been given, `known` some numbers with the run
        that it has under each. A number that this file did not give, or gave to another run, was given by a copy of it.
        Since when there are two nobody can say, so all reports that are held belong to the new journal, under the same
        numbers: those that a collector has it knows by their run, and the others it can ask for.
        A replay that begins again under the same numbers makes the same reports: there is nothing to compare.
        """
        with self._transaction() as database:
            if journal != self._journal or journal.startswith(REPLAY):
                return None
            (seq_next,) = database.execute("SELECT seq_next FROM ledger").fetchone()
            segment = self._segments[-1]
            foreign = any(not self._is_ours(database, number + segment.shift, run) for number, run in known)
            if high < seq_next - segment.shift and not foreign:
                return None
            (oldest,) = database.execute("SELECT ifnull(min(seq), ?) FROM letter", (seq_next,)).fetchone()
            runs = self._runs(database, max(segment.first, oldest), seq_next)
            first = runs[0][0] if runs else seq_next
            new = self._name_journal()
            self._begin(database, first, new, shift=segment.shift, restamped=seq_next - 1)
        self.begun_anew = (
            f"this card was put back from an older copy, or a copy of it runs elsewhere: the collector knows other"
            f" reports of journal {journal}; {new} begins at number {first - segment.shift}"
        )
        self.revision += 1
        return Begun(new, first - segment.shift, tuple((seq - segment.shift, run) for seq, run in runs))

    @staticmethod
    def _runs(database: sqlite3.Connection, first: int, seq_next: int) -> list[tuple[int, str]]:
        """The newest RUNS_TOLD runs of which reports from `first` on are held: their first, and their name."""
        rows = database.execute("SELECT name, last FROM run ORDER BY last DESC LIMIT ?", (RUNS_TOLD + 1,)).fetchall()
        found: list[tuple[int, str]] = []
        end = seq_next
        for (name, _), (_, before) in zip(rows, [*rows[1:], ("", 0)], strict=False):
            row = database.execute(
                "SELECT seq FROM letter WHERE number > ? AND seq >= ? ORDER BY number LIMIT 1", (before, first)
            ).fetchone()
            if row is not None and row[0] < end:  # a run may have none that is held
                found.insert(0, (row[0], name))
                end = row[0]
        return found[-RUNS_TOLD:]

    @staticmethod
    def _is_ours(database: sqlite3.Connection, seq: int, run: str) -> bool:
        """Whether that number was given to that run here; where its letter is held no more, whether the run is ours."""
        row = database.execute("SELECT payload FROM letter WHERE seq = ?", (seq,)).fetchone()
        if row is not None:
            return decode(row[0]).run == run
        (seq_next,) = database.execute("SELECT seq_next FROM ledger").fetchone()
        known = database.execute("SELECT 1 FROM run WHERE name = ?", (run,)).fetchone()
        return known is not None and seq < seq_next

    def _begin(
        self, database: sqlite3.Connection, first: int, journal: str, *, shift: int = 0, restamped: int = 0
    ) -> None:
        """From the report `first` on, all belong to this journal."""
        database.execute("DELETE FROM segment WHERE first >= ?", (first,))
        database.execute("INSERT INTO segment VALUES (?, ?, ?, ?, ?)", (first, journal, shift, self._owner, restamped))
        database.execute("UPDATE ledger SET journal = ?", (journal,))
        self._read_segments(database)
        (oldest,) = database.execute("SELECT ifnull(min(seq), 0) FROM letter").fetchone()
        for one in self._segments[:-SEGMENTS_MAX]:
            if one.last is not None and one.last < oldest:
                database.execute("DELETE FROM segment WHERE first = ?", (one.first,))

    def _read_segments(self, database: sqlite3.Connection) -> None:
        self._segments = segments_of(
            database.execute("SELECT first, journal, shift, owner, restamped FROM segment ORDER BY first")
        )
        self._journal = self._segments[-1].journal

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
        totals = self.totals()
        return totals[-1] if totals else None

    def totals(self) -> list[Total]:
        """The total under the present journal, last; before it the ends of other journals of which letters are held.

        These differ in what they say of their journal, and are `ended`.
        """
        with self._reading() as database:
            since_ms, as_of_ms, watched_ms, seq_next, dropped = database.execute(
                "SELECT since_ms, as_of_ms, watched_ms, seq_next, dropped FROM ledger"
            ).fetchone()
            if since_ms is None:
                return []
            lines: dict[str, dict[str, dict[str, int]]] = {}
            for line, way, label, vehicles in database.execute("SELECT * FROM total"):
                lines.setdefault(line, {}).setdefault(way, {})[label] = vehicles
            found = []
            for one in self._ends(database, seq_next):
                first, last, journal = one.first, one.last or seq_next - 1, one.journal
                (unsent,) = database.execute(
                    "SELECT min(seq) FROM letter WHERE sent = 0 AND seq BETWEEN ? AND ?", (first, last)
                ).fetchone()
                found.append(
                    Total(
                        journal=journal,
                        first=opening(self._segments, journal),
                        sent_through=(last + 1 if unsent is None else unsent) - 1 - one.shift,
                        last=last - one.shift,
                        ended=journal != self._journal,
                        since=rfc3339(since_ms),
                        as_of=rfc3339(as_of_ms),
                        reports=seq_next - 1,
                        watched_ms=watched_ms,
                        dropped=dropped,
                        lines=lines,
                    )
                )
            return found

    def _ends(self, database: sqlite3.Connection, seq_next: int) -> list[Segment]:
        """The newest segment of the present journal, last, and of every other journal of which reports are held."""
        (oldest,) = database.execute("SELECT ifnull(min(seq), ?) FROM letter", (seq_next,)).fetchone()
        ends = {one.journal: one for one in self._segments if one.last is None or one.last >= oldest}
        present = ends.pop(self._journal)
        return [*list(ends.values())[-ENDS_MAX:], present]

    def owner_of(self, journal: str) -> str:
        """The `site/device` that counted in this journal; empty where that is not known."""
        return next((one.owner for one in self._segments if one.journal == journal), "")

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
                self._connect()
        assert self._database is not None, "an outbox that opened has a database"
        return self._database

    def _is_replaced(self) -> bool:
        """Whether another file, or none, lies where the open one did."""
        try:
            return _inode_of(self.path) != self._inode
        except OSError:  # a disk that does not answer replaces nothing
            return False

    def _let_go_of_lost_file(self) -> None:
        """The open file was taken away: what nobody got of it is lost, and declared in the next one."""
        assert self._database is not None, "a file that is open"
        with suppress(sqlite3.Error):
            query = "SELECT count(*) FROM letter WHERE sent = 0 AND seq IS NOT NULL"
            (unsent,) = self._database.execute(query).fetchone()
            self._lost_with_file += unsent
        self._lost_file = True
        self._disconnect()
        if self._log_inode is not None and _inode_of(self._log) == self._log_inode:
            self._log.unlink()  # else it would be taken for the log of the file that lies there now
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
        if tables and (application != _APPLICATION_ID or version not in (_VERSION, *_UPGRADES)):
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
            journal = self._name_journal()
            database.execute("INSERT INTO ledger (one, journal) VALUES (1, ?)", (journal,))
            database.execute("INSERT INTO segment VALUES (1, ?, 0, ?, 0)", (journal, self._owner))
            database.execute("COMMIT")
        elif version != _VERSION:
            database.execute("BEGIN IMMEDIATE")
            for statement in (*_UPGRADES[version], f"PRAGMA user_version = {_VERSION}"):
                database.execute(statement)
            database.execute("COMMIT")
        self._read_segments(database)
        inode = _inode_of(self.path)
        replaced = self._lost_file or self._inode not in (None, inode)
        self._own(database, replaced=replaced and bool(tables))
        if replaced:
            self._lost_file = False
            self.generation += 1
            self.begun_anew = (
                f"the outbox {self.path} was deleted or replaced while this ran: journal {self._journal} begins"
            )
        self._inode, self._log_inode = inode, _inode_of(self._log)

    def _own(self, database: sqlite3.Connection, *, replaced: bool) -> None:
        """Make the file ours: a new journal where another device's reports are in it, or another file lay here."""
        owner, lost = self._segments[-1].owner, self._lost_with_file
        renamed = bool(self._owner) and owner not in ("", self._owner)
        replayed = bool(self._owner) and self._journal.startswith(REPLAY)  # its numbers are for the replay alone
        if not (renamed or replayed or replaced or lost or (self._owner and not owner)):
            return
        database.execute("BEGIN IMMEDIATE")
        if renamed or replayed or replaced:
            (seq_next,) = database.execute("SELECT seq_next FROM ledger").fetchone()
            self._begin(database, seq_next, self._name_journal(), shift=self._segments[-1].shift)
        elif self._owner:
            database.execute("UPDATE segment SET owner = ? WHERE owner = ''", (self._owner,))
            self._read_segments(database)
        database.execute("UPDATE ledger SET dropped = dropped + ?", (lost,))
        database.execute("COMMIT")
        self._lost_with_file = 0
        if renamed:
            self.begun_anew = f"this device was {owner} before: journal {self._journal} begins"
        self.revision += 1

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
            self._disconnect()  # the next call begins anew, on a disk that may work again
            raise WorkError(f"outbox {self.path} cannot be used: {error}; {_advice(error)}") from error


def _inode_of(path: Path) -> tuple[int, int] | None:
    """None where there is no file. OSError where that cannot be told."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


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
