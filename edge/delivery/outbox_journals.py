"""The journals of an outbox: which numbers name its reports, and when a new journal begins.

`(journal, number)` names one report for ever, whatever happens to the card. A new journal begins where that could
not be kept otherwise: under another name of the device, in a file that was put in the place of the open one, and
where the collector knows numbers of the journal that this file did not give (`compare`).
"""

import secrets
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.delivery.journals import SEGMENTS_MAX, Segment, segments_of
from edge.delivery.outbox_file import OutboxFile
from edge.delivery.outbox_room import count_lost
from edge.wire.names import REPLAY
from edge.wire.report import decode

FORMER = "former-names"
"""The note of names (`site/device`) that this device had, under which brokers may still keep something."""
HAD = "names-before"
"""The note of the newest names that this device had: what comes up again under them is taken back, too."""
NAMES_MAX = 8
RUNS_TOLD = 100
"""Runs whose reports go over into a journal that begins because there are copies of the card."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A new journal, the number with which it begins, and the runs in it: the first number of each, and its name."""

    journal: str
    first: int
    runs: tuple[tuple[int, str], ...]


class OutboxJournals(OutboxFile):
    """An outbox's file with its journals.

    `owner` is the `site/device` whose reports it takes; under another one a new journal begins.
    """

    def __init__(
        self,
        path: Path,
        *,
        owner: str,
        name_journal: Callable[[], str] = lambda: f"j-{secrets.token_hex(6)}",
        patient: bool,
        connection: type[sqlite3.Connection],
    ) -> None:
        self.revision = 0
        """Changes whenever `totals` would."""
        self.begun_anew = ""
        """A sentence on why a new journal was begun since the start; empty if none was."""
        self._owner = owner
        self._name_journal = name_journal
        self._journal = ""
        self._segments: list[Segment] = []
        super().__init__(path, patient=patient, connection=connection)

    @property
    def journal(self) -> str:
        """The journal of the next report; valid once a call has succeeded."""
        return self._journal

    def owners(self) -> list[str]:
        """Each `site/device` of whose reports some are held."""
        with self._reading() as database:
            (oldest,) = database.execute(
                "SELECT ifnull((SELECT min(seq) FROM letter), seq_next) FROM ledger"
            ).fetchone()
            return [one.owner for one in self._segments if one.owner and (one.last is None or one.last >= oldest)]

    def owner_of(self, journal: str) -> str:
        """The `site/device` that counted in this journal; empty where that is not known."""
        return next((one.owner for one in self._segments if one.journal == journal), "")

    def use_journal(self, journal: str, *, number: int) -> None:
        """Give the next report this number of this journal; the caller knows that it was not given yet."""
        with self._transaction() as database:
            (seq_next,) = database.execute("SELECT seq_next FROM ledger").fetchone()
            shift = seq_next - number
            if (journal, shift) != (self._journal, self._segments[-1].shift):
                self._begin(database, seq_next, journal, shift=shift)
        self.revision += 1

    def compare(self, journal: str, *, high: int, known: Sequence[tuple[int, str]]) -> Begun | None:
        """Begin a new journal if a copy of this card numbered reports in ours; None where that is not so.

        `high` is the highest number that the collector knows to have been given, `known` some numbers with the run
        that it has under each. A number that this file did not give, or gave to another run, was given by a copy of it.
        It is not known since when there are two, so all reports held belong to the new journal, under the same numbers:
        a collector recognises those that it has by their run, and can ask for the others.
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
        """Whether that number was given to that run here; where its entry is held no more, whether the run is ours."""
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

    def _begin_file(self, database: sqlite3.Connection) -> None:
        journal = self._name_journal()
        database.execute("INSERT INTO ledger (one, journal) VALUES (1, ?)", (journal,))
        database.execute("INSERT INTO segment VALUES (1, ?, 0, ?, 0)", (journal, self._owner))

    def _take_over(self, database: sqlite3.Connection, *, replaced: bool) -> None:
        self._read_segments(database)
        (empty,) = database.execute("SELECT seq_next = 1 FROM ledger").fetchone()
        self._own(database, replaced=replaced and not empty)
        if replaced:
            self.begun_anew = (
                f"the outbox {self.path} was deleted or replaced while this ran: journal {self._journal} begins"
            )

    def _own(self, database: sqlite3.Connection, *, replaced: bool) -> None:
        """Take ownership: a new journal where the file has another device's reports or replaced another file."""
        owner, lost = self._segments[-1].owner, self._lost_with_file
        renamed = bool(self._owner) and owner not in ("", self._owner)
        replayed = bool(self._owner) and self._journal.startswith(REPLAY)  # its numbers are for the replay alone
        if not (renamed or replayed or replaced or lost or (self._owner and not owner)):
            return
        database.execute("BEGIN IMMEDIATE")
        if renamed or replayed or replaced:
            (seq_next,) = database.execute("SELECT seq_next FROM ledger").fetchone()
            self._begin(database, seq_next, self._name_journal(), shift=seq_next - 1)
            if renamed:
                for note in (FORMER, HAD):
                    row = database.execute("SELECT text FROM note WHERE name = ?", (note,)).fetchone()
                    names = [name for name in (row[0] if row else "").split() if name not in (owner, self._owner)]
                    names = [*names, owner][-NAMES_MAX:]
                    database.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (note, " ".join(names)))
        elif self._owner:
            database.execute("UPDATE segment SET owner = ? WHERE owner = ''", (self._owner,))
            self._read_segments(database)
        for kind, entries in lost.items():
            if kind == "report":
                database.execute("UPDATE ledger SET dropped = dropped + ?", (entries,))
            else:
                count_lost(database, kind, by=entries)
        database.execute("COMMIT")
        self._lost_with_file.clear()
        if renamed:
            self.begun_anew = f"this device was {owner} before: journal {self._journal} begins"
        self.revision += 1
