"""The accounts of the journals in the tables: which numbers have not come, moved on with every batch."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from collector.gaps import Journal, Missing
from collector.ingest import Said
from collector.names import Names
from collector.store import Asked, Gone, Hurried
from collector.tables import Tables
from edge.delivery.report import REPLAY

Devices = Mapping[tuple[str, str], int]
"""The ids of devices by site and name."""
JournalKey = tuple[int, str]
"""A device's id, and what it calls the journal."""
Word = Said | Asked | Gone | Hurried
"""What was said of a journal: a total that tells what was sent, a request, an answer, a person's wish."""
_MISSING = "first, last, since_ms, due_ms, asked, asked_ms, gone"


class Accounts:
    """Reads the journals that a batch is about, and writes what changed."""

    def __init__(self, tables: Tables, names: Names) -> None:
        self._tables = tables
        self._names = names

    def move(
        self, devices: Devices, arrived: dict[JournalKey, list[int]], words: Sequence[Word], *, now_ms: int
    ) -> int:
        """Bring what is missing up to date; how many requests are noted."""
        keys = [(devices[word.site, word.device], word.journal) for word in words]
        ids = {key: self._names.journal_id(*key) for key in sorted({*arrived, *keys})}
        journals = self._journals(sorted(journal_id for journal_id in ids.values() if journal_id is not None))
        before = {journal_id: (journal.high, journal.missing) for journal_id, journal in journals.items()}
        for key, journal_id in ids.items():
            if key[1].startswith(REPLAY) and (journal := journals.get(journal_id)) is not None and journal.high == 0:
                journal.arrived(self._stored(*key), now_ms=now_ms)  # it may have been given up, and be back
        for key, numbers in arrived.items():
            if (journal := journals.get(ids[key])) is not None:
                journal.arrived(numbers, now_ms=now_ms)
        noted = 0
        for key, word in zip(keys, words, strict=True):
            if (journal := journals.get(ids[key])) is not None:
                noted += _take_word(journal, word, now_ms)
        self._write_journals(journals, before)
        return noted

    def _stored(self, device_id: int, replay: str) -> list[int]:
        """The numbers that are here of a replay: its run has the name of its journal."""
        run = "(SELECT id FROM run WHERE device_id = ? AND name = ?)"
        return [
            seq for (seq,) in self._tables.rows(f"SELECT seq FROM report WHERE run_id = {run}", (device_id, replay))
        ]

    def _journals(self, ids: Sequence[int]) -> dict[int | None, Journal]:
        if not ids:
            return {}
        missing: dict[int, list[Missing]] = defaultdict(list)
        for row in self._tables.rows_of(
            f"SELECT journal_id, {_MISSING} FROM missing WHERE journal_id IN {{numbers}} ORDER BY journal_id, first",
            ids,
        ):
            missing[row[0]].append(Missing.of(row[1:]))
        highs = self._tables.rows_of("SELECT id, high FROM journal WHERE id IN {numbers}", ids)
        return {journal_id: Journal(high, missing[journal_id]) for journal_id, high in highs}

    def _write_journals(
        self, journals: dict[int | None, Journal], before: dict[int | None, tuple[int, tuple[Missing, ...]]]
    ) -> None:
        highs, deleted, inserted = [], [], []
        for journal_id, journal in journals.items():
            high, missing = before[journal_id]
            if journal.high != high:
                highs.append((journal.high, journal_id))
            if (now_missing := journal.missing) != missing:
                old, new = set(missing), set(now_missing)
                deleted += [(journal_id, one.first) for one in old - new]
                inserted += [
                    (journal_id, one.first, one.last, one.since_ms, one.due_ms, one.asked, one.asked_ms, int(one.gone))
                    for one in new - old
                ]
        self._many("UPDATE journal SET high = ? WHERE id = ?", highs)
        self._many("DELETE FROM missing WHERE journal_id = ? AND first = ?", deleted)
        self._many(f"INSERT INTO missing (journal_id, {_MISSING}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", inserted)

    def _many(self, query: str, rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            self._tables.many(query, rows)


def _take_word(journal: Journal, word: Word, now_ms: int) -> int:
    """What was said of a journal; 1 if it is a request that may be sent now."""
    match word:
        case Said(sent_through=through):
            journal.sent(through, now_ms=now_ms)
        case Gone(ranges=ranges):
            for first, last in ranges:
                journal.gone(first, last)
        case Hurried(ranges=ranges):
            for first, last in ranges:
                journal.hurry(first, last, now_ms=now_ms)
        case Asked(ranges=ranges) if journal.are_due(ranges, now_ms=now_ms):
            for first, last in ranges:
                journal.asked(first, last, now_ms=now_ms)
            return 1
    return 0
