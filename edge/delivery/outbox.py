"""The outbox: entries on disk, from the moment they are created until a broker has acknowledged them.

1. A report is committed here (SQLite, write-ahead log, synchronous FULL) before anything else uses it, with a sequence
   number taken in the same transaction: numbers have no holes, over restarts and kills alike. A report that is lost
   before it gets here takes a number, too, so that the hole shows.
2. The totals since installation are kept in that transaction too: they never miss a report and never count one twice.
3. Sent entries stay, so that they can be sent again, until their age or the bytes held push them out: the oldest sent
   first, then the oldest unsent. Age is running time: milliseconds that a process with this outbox ran, so a clock
   that jumps ages nothing.
4. Every report that is lost is counted: `forgotten` (sent, then pushed out) or `dropped` (never sent). Other entries
   that were never sent are counted by their kind.
5. `(journal, number)` names one report for ever, see `outbox_journals`.
6. The reports of a run whose clock was wrong are corrected when they are read to be sent. What was sent before the
   correction stays as it was sent.

The file itself (locks, corruption, broken disks) is `outbox_file`; its tables are in `outbox_schema`.
"""

import secrets
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.delivery.clock_correction import corrected
from edge.delivery.entry import Entry
from edge.delivery.journals import at, locate
from edge.delivery.outbox_journals import OutboxJournals
from edge.delivery.outbox_room import count_entry, count_lost, make_room
from edge.delivery.outbox_totals import KindState, OutboxState, kinds_of, state_of, totals_of
from edge.wire.device_messages import Total
from edge.wire.report import Report, decode, encode

RUNS_MAX = 10_000
"""Runs whose progress or correction is remembered; beyond it the oldest are forgotten."""

_NUMBER_MAX = 2**63 - 1
_OFFSET = "(SELECT offset_ms FROM correction WHERE correction.run = letter.run)"


@dataclass(frozen=True, slots=True)
class Progress:
    """Of one run: reports and other messages appended."""

    reports: int
    posts: int


@dataclass(frozen=True, slots=True)
class Resent:
    """Result of a resend: how many reports are pending now, and which will never be sent."""

    number: int
    gone: tuple[tuple[int, int], ...]
    stranger: bool = False
    """This outbox has no numbers of that journal; another one may hold them."""


class Outbox(OutboxJournals):
    """Entries in the file `path`, within `keep_bytes`, and sent ones for `keep_ms` of running time.

    `owner` is the `site/device` whose reports it takes; under another one a new journal begins. `name_journal` names a
    new journal: never twice the same. `now_ms` is a time in milliseconds that never steps while the process lives.
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
        self._keep_ms = keep_ms
        self._keep_bytes = keep_bytes
        self._now_ms: int | None = None  # of the last entry that was taken in
        super().__init__(path, owner=owner, name_journal=name_journal, patient=patient, connection=connection)

    # Entries in

    def append_report(
        self, make_report: Callable[[int], Report], *, now_ms: int, notes: Mapping[str, str] | None = None
    ) -> Report:
        """Commit the report that `make_report` returns for the next number of the journal, and `notes`, all or
        nothing."""
        with self._transaction() as database:
            (seq,) = database.execute("SELECT seq_next FROM ledger").fetchone()
            report = make_report(seq - self._segments[-1].shift)
            assert report.seq == seq - self._segments[-1].shift, "a report bears the number that the outbox gave it"
            self._put(database, f"{report.site}/{report.device}/report", encode(report), report.run, now_ms, seq)
            end_ms = report.start_ms + report.width_ms + (self._offset_ms(database, report.run) or 0)
            database.execute(
                "UPDATE ledger SET seq_next = seq_next + 1, since_ms = ifnull(since_ms, ?),"
                " as_of_ms = max(ifnull(as_of_ms, 0), ?), watched_ms = watched_ms + ?",
                (end_ms - report.width_ms, end_ms, report.watched_ms),
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
            self._write_notes(database, notes)
            make_room(database, keep_ms=self._keep_ms, keep_bytes=self._keep_bytes)
        self._now_ms = now_ms
        self.revision += 1
        return report

    def append_message(
        self, address: str, payload: bytes, *, run: str, now_ms: int, notes: Mapping[str, str] | None = None
    ) -> None:
        """Commit an entry that is no report (an alert, a crossing), and `notes` with it."""
        with self._transaction() as database:
            self._put(database, address, payload, run, now_ms, None)
            self._go_on(database, run, posts=1)
            self._write_notes(database, notes)
            make_room(database, keep_ms=self._keep_ms, keep_bytes=self._keep_bytes)
        self._now_ms = now_ms

    def declare_lost(self, letters: Mapping[str, int], *, notes: Mapping[str, str] | None = None) -> None:
        """Count entries lost before they were stored, by kind. A lost report takes a number, which is gone at once."""
        with self._transaction() as database:
            for kind, number in letters.items():
                if kind == "report":
                    database.execute(
                        "UPDATE ledger SET dropped = dropped + :n, seq_next = seq_next + :n", {"n": number}
                    )
                else:
                    count_lost(database, kind, by=number)
            self._write_notes(database, notes)
        self.revision += 1

    # Entries out

    def addresses(self, *, set_aside: bool = False) -> list[str]:
        """The addresses of pending entries, or of those set aside."""
        with self._reading() as database:
            found = list[str]()
            sent = 2 if set_aside else 0
            query = f"SELECT min(address) FROM letter WHERE sent = {sent} AND address > ?"  # noqa: S608  # ours
            while (row := database.execute(query, (found[-1] if found else "",)).fetchone())[0] is not None:
                found.append(row[0])
            return found

    def pending(
        self, limit: int, *, after: int = 0, address: str | None = None, skip: Collection[int] = ()
    ) -> list[Entry]:
        """The oldest `limit` entries that wait, by `number`: those to `address`, if one is given, and not in `skip`."""
        with self._reading() as database:
            where = "sent = 0 AND number > ?" + ("" if address is None else " AND address = ?")
            given = (after,) if address is None else (after, address)
            numbers = list[int]()
            for (number,) in database.execute(f"SELECT number FROM letter WHERE {where} ORDER BY number", given):  # noqa: S608  # ours
                if len(numbers) >= limit:
                    break
                if number not in skip:
                    numbers.append(number)
            return [self._entry(database, number) for number in numbers]

    def reports_before(self, number: int | None, *, limit: int) -> list[Entry]:
        """The newest `limit` reports held, sent or not, newest first; those before the entry `number`, if given."""
        with self._reading() as database:
            query = "SELECT number FROM letter WHERE seq IS NOT NULL AND number < ? ORDER BY number DESC LIMIT ?"
            rows = database.execute(query, (number or _NUMBER_MAX, limit)).fetchall()
            return [self._entry(database, held) for (held,) in rows]

    def sent(self, numbers: Iterable[int], *, generation: int | None = None) -> None:
        """Mark as sent. Numbers that are not held, or of another file (`generation`), are ignored."""
        with self._transaction() as database:
            if generation not in (None, self.generation):
                return
            database.executemany(
                f"UPDATE letter SET sent = 1, corrected = ifnull(corrected, {_OFFSET} IS NOT NULL) WHERE number = ?",  # noqa: S608  # ours
                ((number,) for number in numbers),
            )
        self.revision += 1

    def set_entries_aside(self, numbers: Iterable[int], *, generation: int | None = None) -> None:
        """Set entries aside that the broker does not accept; they are counted as lost."""
        with self._transaction() as database:
            if generation not in (None, self.generation):
                return
            for number in numbers:
                row = database.execute(
                    "UPDATE letter SET sent = 2 WHERE number = ? AND sent = 0 RETURNING seq, address", (number,)
                ).fetchone()
                if row is not None:
                    count_entry(database, *row, by=1)
        self.revision += 1

    def retry_entries(self, fits: Callable[[Entry], bool], *, address: str, after: int, limit: int) -> int | None:
        """Make those of the next `limit` entries to `address` set aside after number `after` pending again that fit.

        Returns the `number` of the last one tested; None where there was none.
        """
        with self._transaction() as database:
            query = "SELECT number FROM letter WHERE sent = 2 AND address = ? AND number > ? ORDER BY number LIMIT ?"
            numbers = [number for (number,) in database.execute(query, (address, after, limit)).fetchall()]
            taken = [number for number in numbers if fits(self._entry(database, number))]
            for number in taken:
                row = database.execute(
                    "UPDATE letter SET sent = 0 WHERE number = ? RETURNING seq, address", (number,)
                ).fetchone()
                count_entry(database, *row, by=-1)
        self.revision += bool(taken)
        return numbers[-1] if numbers else None

    def resend(self, ranges: Sequence[tuple[int, int]], *, journal: str = "", limit: int = 10_000) -> Resent:
        """Make reports pending again, by `seq`; of a journal that is not this one, all are gone.

        At most `limit` of them, the first ones; another call gives more. A number not given yet is neither.
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
        """Make the reports of a span pending; returns their `seq`, and the last `seq` covered."""
        rows = database.execute(
            "SELECT seq FROM letter WHERE seq BETWEEN ? AND ? AND sent < 2 ORDER BY seq LIMIT ?", (first, last, limit)
        )
        held = [seq for (seq,) in rows]
        database.executemany("UPDATE letter SET sent = 0 WHERE seq = ?", ((seq,) for seq in held))
        return held, held[-1] if len(held) == limit else last

    def correct(self, run: str, offset_ms: int, *, notes: Mapping[str, str] | None = None) -> None:
        """Shift the unsent entries of a run whose clock was wrong by `offset_ms`: one row, however many there are.

        Reports shift with their buckets, crossings and alerts with their time, when they are read to be sent. One that
        is in flight at this moment may have arrived as it was: marked, under the same number, counted once.
        """
        with self._transaction() as database:
            database.execute("INSERT OR IGNORE INTO correction (run, offset_ms) VALUES (?, ?)", (run, offset_ms))
            database.execute(
                "DELETE FROM correction WHERE number <= (SELECT max(number) FROM correction) - ?", (RUNS_MAX,)
            )
            (since_ms,) = database.execute("SELECT since_ms FROM ledger").fetchone()
            for newest in (False, True):
                order = "DESC" if newest else "ASC"
                row = database.execute(
                    f"SELECT run, payload FROM letter WHERE sent = 0 AND seq IS NOT NULL ORDER BY seq {order} LIMIT 1"  # noqa: S608  # ours
                ).fetchone()
                if row is None or row[0] != run:
                    continue
                report = decode(row[1])
                moved_ms = max(report.start_ms + offset_ms, 0)
                if newest:
                    database.execute("UPDATE ledger SET as_of_ms = max(as_of_ms, ?)", (moved_ms + report.width_ms,))
                elif report.start_ms == since_ms:
                    database.execute("UPDATE ledger SET since_ms = ?", (moved_ms,))
            self._write_notes(database, notes)
        self.revision += 1

    # Totals, notes, state

    def progress(self, run: str) -> Progress:
        """How much of a run was committed: a resumed replay continues from there."""
        with self._reading() as database:
            row = database.execute("SELECT reports, posts FROM run WHERE name = ?", (run,)).fetchone()
            return Progress(*row) if row else Progress(0, 0)

    def note(self, name: str, text: str) -> None:
        """Store a small text under a name for the next start."""
        with self._transaction() as database:
            self._write_notes(database, {name: text})

    def noted(self, name: str) -> str:
        """The text stored under a name; empty where there is none."""
        with self._reading() as database:
            row = database.execute("SELECT text FROM note WHERE name = ?", (name,)).fetchone()
            return row[0] if row else ""

    def total(self) -> Total | None:
        """All that was counted since this outbox began; None before the first report."""
        totals = self.totals()
        return totals[-1] if totals else None

    def totals(self) -> list[Total]:
        """The final totals of former journals, then the total of the present one."""
        with self._reading() as database:
            return totals_of(database, self._segments)

    def state(self) -> OutboxState:
        """Depth and counters, for `health`."""
        with self._reading() as database:
            return state_of(database)

    def kinds(self) -> dict[str, KindState]:
        """The same by kind of entries; kinds without pending or lost entries are left out."""
        with self._reading() as database:
            return kinds_of(database)

    # Inside a transaction

    def _entry(self, database: sqlite3.Connection, number: int) -> Entry:
        """The entry as it is sent: corrected, unless it was sent before its run was corrected."""
        seq, address, payload, before, offset_ms = database.execute(
            f"SELECT seq, address, payload, corrected, {_OFFSET} FROM letter WHERE number = ?",  # noqa: S608  # ours
            (number,),
        ).fetchone()
        if seq is not None:
            payload = at(self._segments, seq).stamped(seq, payload)
        if offset_ms is not None and before != 0:
            payload = corrected(payload, offset_ms, report=seq is not None)
        return Entry(number, address, payload)

    @staticmethod
    def _offset_ms(database: sqlite3.Connection, run: str) -> int | None:
        row = database.execute("SELECT offset_ms FROM correction WHERE run = ?", (run,)).fetchone()
        return row[0] if row else None

    def _put(  # noqa: PLR0917  # the columns of an entry
        self, database: sqlite3.Connection, address: str, payload: bytes, run: str, now_ms: int, seq: int | None
    ) -> None:
        lived_ms = max(0, now_ms - self._now_ms) if self._now_ms is not None else 0
        database.execute(
            "UPDATE ledger SET number_next = number_next + 1, bytes_held = bytes_held + ?, lived_ms = lived_ms + ?",
            (len(payload), lived_ms),
        )
        database.execute(
            "INSERT INTO letter (number, seq, address, payload, run, stored_ms)"
            " SELECT number_next - 1, ?, ?, ?, ?, lived_ms FROM ledger",
            (seq, address, payload, run),
        )

    @staticmethod
    def _write_notes(database: sqlite3.Connection, notes: Mapping[str, str] | None) -> None:
        database.executemany("INSERT OR REPLACE INTO note VALUES (?, ?)", list((notes or {}).items()))

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


def _between(seqs: Sequence[int]) -> list[tuple[int, int]]:
    """The gaps between neighbouring numbers, first and last included."""
    return [(one + 1, other - 1) for one, other in zip(seqs, seqs[1:], strict=False) if other - one > 1]
