"""The journals in the tables: which numbers of each are missing, updated with every batch."""

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from typing import Any

from collector.protocol.gaps import WAIT_MS_MAX, Journal, Missing
from collector.protocol.intake import DeviceMessage
from collector.protocol.items import (
    JournalCompared,
    JournalDoubt,
    JournalEvent,
    JournalName,
    ReportsGone,
    ResendRequested,
    ResendUrged,
)
from collector.store.dialect import Tables
from collector.store.lineage import Lineage
from collector.store.messages import Key, messages_of
from collector.store.names import NameIds
from edge.wire.names import RANGES_MAX, REPLAY
from edge.wire.report import decode

Devices = Mapping[tuple[str, str], int]
"""The ids of devices by site and name."""
JournalKey = tuple[int, str]
"""A device's id and the name of the journal."""
PRESENT_WITHIN_MS = 900_000
"""A device that sent a total within this time is online: responses of another one of its name do not count."""
RUNS_LOOKED_AT = 1_000
"""How many of the newest runs of a device are searched for a doubtful number."""
_MISSING = "first, last, since_ms, due_ms, asked, asked_ms, gone"


class Journals:
    """Reads the journals that a batch concerns, and writes what changed."""

    def __init__(self, tables: Tables, names: NameIds) -> None:
        self._tables = tables
        self._names = names
        self._lineage = Lineage(tables, here_ms=PRESENT_WITHIN_MS)

    def update(
        self,
        devices: Devices,
        arrived: dict[JournalKey, list[int]],
        events: Sequence[JournalEvent],
        *,
        fresh: Mapping[JournalKey, Sequence[int]],
        now_ms: int,
    ) -> int:
        """Update the journals with a batch; returns how many resend requests were stored.

        `arrived`: the numbers of all reports that arrived; `fresh`: those of new reports.
        """
        keys = [(devices[event.site, event.device], event.journal) for event in events]
        compared = [event for event in events if isinstance(event, JournalCompared)]
        begun = [(devices[event.site, event.device], event.begun) for event in compared if event.begun]
        ids = {key: self._names.journal_id(*key) for key in sorted({*arrived, *keys, *begun})}
        journals = self._journals(sorted(journal_id for journal_id in ids.values() if journal_id is not None))
        before = {journal_id: (journal.high, journal.missing) for journal_id, journal in journals.items()}
        for key, journal_id in ids.items():
            if key[1].startswith(REPLAY) and (journal := journals.get(journal_id)) is not None and journal.high == 0:
                journal.arrived(self._stored(*key), now_ms=now_ms)  # it may have been deleted, and have come again
        for key, numbers in arrived.items():
            if (journal := journals.get(ids[key])) is not None:
                if not key[1].startswith(REPLAY) and (taken := journal.taken(fresh.get(key, ()))):
                    self._lineage.doubt(ids[key], taken[-1], others=len(taken), now_ms=now_ms)
                journal.arrived(numbers, now_ms=now_ms)
        noted = 0
        for key, event in zip(keys, events, strict=True):
            if (journal := journals.get(ids[key])) is not None:
                if isinstance(event, DeviceMessage):
                    self._take_total(key[0], ids[key], journal, event, now_ms)
                elif isinstance(event, JournalCompared):
                    self._take_compared(key, ids[key], event)
                    if event.begun and (new := journals.get(ids[key[0], event.begun])) is not None:
                        self._begin(key[0], ids[key[0], event.begun], new, event, now_ms)
                elif not (
                    isinstance(event, ReportsGone) and event.stranger and self._lineage.is_here(ids[key], now_ms)
                ):
                    noted += _apply(journal, event, now_ms)
        self._write_journals(journals, before)
        return noted

    def is_shared(self, key: JournalKey, fresh: Sequence[int]) -> bool:
        """Whether two devices number in a journal: a number was used twice, or is by these, which are new."""
        journal_id = self._names.journal_id(*key)
        if journal_id is None:
            return False
        rows = self._tables.rows("SELECT others FROM lineage WHERE journal_id = ?", (journal_id,))
        return bool(rows and rows[0][0]) or bool(self._journals([journal_id])[journal_id].taken(fresh))

    def doubts(self, *, heard_after_ms: int, limit: int, resting: Container[JournalName] = ()) -> list[JournalDoubt]:
        """The journals that devices heard since then are to compare: one of each device.

        `resting`: journals that are left out, because their devices were asked lately.
        """
        rows = self._tables.rows(
            "SELECT site, device, journal.name, high, doubt, device_id FROM lineage"
            " JOIN journal ON journal.id = journal_id JOIN device ON device.id = device_id"
            " WHERE doubt IS NOT NULL AND (told_ms IS NOT NULL OR begun_ms IS NULL) AND heard_ms > ?"
            " ORDER BY journal_id",
            (heard_after_ms,),
        )
        found: dict[int, JournalDoubt] = {}
        for site, device, journal, high, number, device_id in rows:
            if device_id in found or (site, device, journal) in resting:
                continue
            if len(found) == limit:
                break
            runs = tuple(self._runs_with(device_id, journal, number))
            ends = tuple(self._ends(device_id, journal))
            found[device_id] = JournalDoubt(site, device, journal, high, number, runs, ends)
        return list(found.values())

    def _runs_with(self, device_id: int, journal: str, number: int) -> list[str]:
        """The runs that have a report under this number of the journal, including reports whose message was deleted.

        A device that lost its outbox uses the same numbers again in a new journal: those of the old one prove nothing.
        """
        newest = "SELECT id, name FROM run WHERE device_id = ? ORDER BY id DESC LIMIT ?"
        query = " UNION ALL ".join(
            f"SELECT newest.id, name, start_ms, {payload} FROM ({newest}) AS newest JOIN {table} ON run_id = newest.id"
            " WHERE seq = ?"
            for table, payload in ((self._tables.keys, "NULL"), ("set_aside", "payload"))
        )
        rows = self._tables.rows(f"{query} LIMIT ?", (*2 * (device_id, RUNS_LOOKED_AT, number), RANGES_MAX))
        found = [(run_id, name, number, start_ms, aside) for run_id, name, start_ms, aside in rows]
        return sorted({name for _, name in self._of_journal(device_id, journal, found, with_deleted=True)})

    def _ends(self, device_id: int, journal: str) -> list[tuple[int, str]]:
        """The first and the last number in the journal of each of the newest runs.

        Not every report arrives, and a late total is too low: the doubtful number may be the device's own while another
        device gave those before or after it. A run belongs to one device, so any of its numbers identifies it; of a run
        that was going on when the card was copied, only the last one does.
        """
        newest = "SELECT id, name FROM run WHERE device_id = ? ORDER BY id DESC LIMIT ?"
        ends = " UNION ALL ".join(
            f"SELECT id, name, (SELECT {end}(seq) FROM {table} WHERE run_id = newest.id) AS seq"
            f" FROM ({newest}) AS newest"
            for table in (self._tables.keys, "set_aside")
            for end in ("min", "max")
        )
        query = " UNION ALL ".join(
            f"SELECT ends.id, ends.name, ends.seq, start_ms, {payload} FROM ends JOIN {table}"
            f" ON run_id = ends.id AND {table}.seq = ends.seq"
            for table, payload in ((self._tables.keys, "NULL"), ("set_aside", "payload"))
        )
        rows = self._tables.rows(
            f"WITH ends AS ({ends}) {query} ORDER BY 1 DESC LIMIT ?",
            (*4 * (device_id, RUNS_LOOKED_AT), 2 * RANGES_MAX),
        )
        return sorted(set(self._of_journal(device_id, journal, rows, with_deleted=False)))

    def _of_journal(
        self,
        device_id: int,
        journal: str,
        rows: Sequence[tuple[int, str, int, int, bytes | None]],
        *,
        with_deleted: bool,
    ) -> list[tuple[int, str]]:
        """Number and run of those that came under the journal; `with_deleted`: also those whose message was deleted.

        A row: the id and the name of the run, the number, the start, and the message if it is set aside.
        """
        keys = [Key(device_id, run_id, seq, start_ms) for run_id, _, seq, start_ms, aside in rows if aside is None]
        messages = messages_of(lambda asked: self._tables.rows(asked, ()), keys)
        found = []
        for run_id, name, seq, _, aside in rows:
            message = messages.get((run_id, seq)) if aside is None else bytes(aside)
            if with_deleted if message is None else decode(message).journal == journal:
                found.append((seq, name))
        return found

    def _take_total(
        self, device_id: int, journal_id: int | None, journal: Journal, total: DeviceMessage, now_ms: int
    ) -> None:
        """Take how far a device has sent its journal, and check that it is the device that numbered in it before."""
        assert journal_id is not None, "a journal that is accounted for"
        if total.first > journal.first:
            journal.begins(total.first)
            self._lineage.begins(journal_id, total.first)
        if total.live and not total.ended:
            if any(one.gone for one in journal.missing) and self._lineage.was_another_told(device_id, journal_id):
                journal.revive(now_ms=now_ms)
            if total.last is not None and total.last < journal.high and not total.journal.startswith(REPLAY):
                doubt = self._doubt_about((device_id, total.journal), journal_id)
                if doubt is None or len(doubt[1]) < 2:  # a proof is not replaced by weaker evidence
                    self._lineage.doubt(journal_id, total.last + 1, others=0, now_ms=now_ms)
            self._lineage.told(journal_id, now_ms=now_ms)
        journal.sent(total.sent_through, now_ms=now_ms)

    def _doubt_about(self, key: JournalKey, journal_id: int) -> tuple[int, list[str]] | None:
        """The number to compare, and the runs that have it: two runs prove two devices."""
        number = self._lineage.doubtful(journal_id)
        return None if number is None else (number, self._runs_with(*key, number))

    def _take_compared(self, key: JournalKey, journal_id: int | None, compared: JournalCompared) -> None:
        """A device that leaves a journal does not settle the doubt: its reports may hide those of the other one."""
        if compared.present:
            asked = compared.about
            if (  # otherwise another doubt arose meanwhile
                journal_id is not None
                and asked is not None
                and self._doubt_about(key, journal_id) == (asked.number, list(asked.runs))
            ):
                self._lineage.settle(journal_id)
        else:
            self._lineage.left(journal_id, number=self._newest_of(key, compared))

    def _newest_of(self, key: JournalKey, compared: JournalCompared) -> int | None:
        """The highest stored number that a device which begins a new journal gave in the one before."""
        device_id, journal = key
        for run, first, last in reversed(compared.spans):
            for number in sorted(self._numbers(device_id, run, first, last), reverse=True):
                if run in self._runs_with(device_id, journal, number):
                    return number
        return None

    def _numbers(self, device_id: int, run: str, first: int, last: int) -> list[int]:
        """The stored numbers of a run, counted or set aside."""
        run_id = self._names.run_id(device_id, run)
        if run_id is None:
            return []
        aside = f"SELECT seq FROM set_aside WHERE run_id = ? AND seq BETWEEN {first} AND {last}"
        return [*self._tables.numbers(run_id, first, last), *(seq for (seq,) in self._tables.rows(aside, (run_id,)))]

    def _begin(
        self, device_id: int, journal_id: int | None, journal: Journal, compared: JournalCompared, now_ms: int
    ) -> None:
        """Begin a new journal, some of whose reports came under the one before: their runs identify them."""
        assert journal_id is not None, "a journal that is accounted for"
        journal.begins(compared.first)
        self._lineage.begins(journal_id, compared.first)
        here: list[int] = []
        for run, first, last in compared.spans:
            here += self._numbers(device_id, run, first, last)
        journal.arrived(here, now_ms=now_ms)

    def _stored(self, device_id: int, replay: str) -> list[int]:
        """The stored numbers of a replay, whose run has the name of its journal."""
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
        highs = self._tables.rows_of(
            "SELECT id, high, coalesce(first, 1) FROM journal LEFT JOIN lineage ON journal_id = id"
            " WHERE id IN {numbers}",
            ids,
        )
        return {journal_id: Journal(high, missing[journal_id], first=first) for journal_id, high, first in highs}

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


def _apply(journal: Journal, event: JournalEvent, now_ms: int) -> int:
    """Change a journal by an event; 1 if that is a request which may be sent now, else 0."""
    match event:
        case ReportsGone(ranges=ranges):
            for first, last in ranges:
                journal.gone(first, last)
        case ResendUrged(ranges=ranges):
            for first, last in ranges:
                journal.hurry(first, last, now_ms=now_ms)
        case ResendRequested(ranges=ranges) if journal.are_due(ranges, now_ms=now_ms):
            for first, last in ranges:
                journal.asked(first, last, now_ms=now_ms)
            return 1
    return 0


DUE = """
SELECT site, device, name, first, last, since_ms, due_ms, asked, asked_ms, gone
FROM missing JOIN journal ON journal.id = journal_id JOIN device ON device.id = device_id
WHERE gone = 0 AND (due_ms <= :now OR due_ms > :far) AND heard_ms > :heard
ORDER BY due_ms, journal_id, first LIMIT :limit
"""


def due_parameters(*, now_ms: int, heard_after_ms: int, limit: int) -> dict[str, int]:
    """For the query DUE; a due time too far ahead was set by a clock that has been set back since."""
    return {"now": now_ms, "far": now_ms + WAIT_MS_MAX, "heard": heard_after_ms, "limit": limit}
