"""How a batch goes into the tables, the same in every kind of store, inside one transaction that the store opened.

The order of the work:
1. The devices of the batch are found or made, and held: two collectors never work on one device at a time, so what
   follows is a plain read, change, write.
2. Reports are sifted by their key: new, known, or another one under a known key.
3. New reports and their counts are added. A report's lines, directions and classes are its layout, so a count of zero
   is told from a line that nobody watched, and only counts above zero need a row.
4. The journals move on: what is missing, what came late, what was asked for or is gone.
5. What a device said last, how late it reports; refusals, the last so many.

What devices, runs, journals, series and layouts are called in the tables is kept in memory: they are never deleted.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from collector.gaps import Journal, Missing
from collector.ingest import Received, Refusal, Said, refuse
from collector.lateness import Lateness
from collector.store import Asked, Gone, Item, Tally
from edge.delivery.report import Lines, Report, decode, milliseconds_of

REMEMBERED_MAX = 500_000
"""Names and series whose ids are remembered; beyond it all are looked up anew."""
JOURNALS_MAX = 64
"""Of one device. A device begins a new journal where its disk lost the old one; the reports of a further one are
stored, and nobody looks for gaps in it."""

_Devices = dict[tuple[str, str], int]
_JournalKey = tuple[int, str]
_Word = Said | Asked | Gone
_LATENESS = "heard_ms, newest_start_ms, newest_width_ms, late_ms, worst_ms, worst_at_ms, clock_synced"
_MISSING = "first, last, since_ms, due_ms, asked, asked_ms, gone"


class ReportRow(NamedTuple):
    """A report that is new, with its counts above zero as (series, vehicles)."""

    device_id: int
    run_id: int
    seq: int
    start_ms: int
    width_ms: int
    watched_ms: int
    layout_id: int | None
    received_ms: int
    payload: bytes
    counts: list[tuple[int, int]]


class Tables(Protocol):
    """What differs between the kinds of store. In a query `?` is a parameter."""

    holding: str
    """The clause that locks the rows of a SELECT until the end of the transaction."""

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]: ...  # noqa: D102
    def many(self, query: str, rows: Sequence[Sequence[Any]]) -> None: ...  # noqa: D102

    def rows_of(self, query: str, numbers: Sequence[int]) -> list[tuple[Any, ...]]:
        """A query with one `{numbers}`, the set in which a column must be."""

    def known(self, wanted: dict[int, list[int]]) -> list[tuple[int, int, bytes]]:
        """Run id, seq and payload of the reports that are stored of these runs and numbers."""

    def add(self, reports: Sequence[ReportRow]) -> None:
        """Insert them and their counts."""


class Intake:
    """Puts batches into `tables`; `forget` what is remembered when a transaction was rolled back."""

    def __init__(self, tables: Tables, *, refusals_max: int) -> None:
        self._tables = tables
        self._refusals_max = refusals_max
        self._ids: dict[tuple[Any, ...], int] = {}
        self._shapes: dict[tuple[Any, ...], tuple[int, list[int]]] = {}
        self._remembered = 0

    def forget(self) -> None:
        """Look every name up anew."""
        self._ids.clear()
        self._shapes.clear()
        self._remembered = 0

    def put(self, batch: Sequence[Item], *, now_ms: int) -> Tally:
        """Do all of the work for a batch."""
        if self._remembered > REMEMBERED_MAX:
            self.forget()
        reports: list[Received] = []
        said: list[Said] = []
        asked: list[Asked] = []
        gone: list[Gone] = []
        refusals: list[Refusal] = []
        for item in batch:
            match item:
                case Received():
                    reports.append(item)
                case Said():
                    said.append(item)
                case Asked():
                    asked.append(item)
                case Gone():
                    gone.append(item)
                case Refusal():
                    refusals.append(item)
        names = {(one.report.site, one.report.device) for one in reports}
        others: list[Said | Asked | Gone] = [*said, *asked, *gone]
        names.update((one.site, one.device) for one in others)
        devices = {name: self._id("device", ("site", "device"), name) for name in sorted(names)}
        latenesses = self._hold(sorted(devices.values()))
        sifted = self._sift(reports, devices)
        self._add(sifted.new, now_ms)
        totals = [one for one in said if one.channel == "total"]
        noted = self._move_journals(devices, sifted.arrived, [*totals, *gone, *asked], now_ms)
        alive = {devices[one.site, one.device] for one in said if one.live}
        self._note_lateness(latenesses, sifted, alive, now_ms)
        self._say(devices, said, now_ms)
        refusals += sifted.refusals
        self._refuse(refusals, now_ms)
        return Tally(len(sifted.new), sifted.duplicates, len(refusals), len(said), noted)

    def _hold(self, device_ids: Sequence[int]) -> dict[int, Lateness]:
        query = f"SELECT id, {_LATENESS} FROM device WHERE id IN {{numbers}} ORDER BY id {self._tables.holding}"
        return {row[0]: Lateness.of(row[1:]) for row in self._tables.rows_of(query, device_ids)}

    def _sift(self, reports: Sequence[Received], devices: _Devices) -> "_Sifted":
        sifted = _Sifted()
        first: dict[tuple[int, int], Received] = {}
        again: list[tuple[tuple[int, int], Received]] = []
        wanted: dict[int, list[int]] = defaultdict(list)
        for received in reports:
            report = received.report
            device_id = devices[report.site, report.device]
            run_id = self._id("run", ("device_id", "name"), (device_id, report.run))
            key = (run_id, report.seq)
            sifted.arrived[device_id, report.journal or ""].append(report.seq)
            if key in first:
                again.append((key, received))
            else:
                first[key] = received
                wanted[run_id].append(report.seq)
        known = {(run_id, seq): payload for run_id, seq, payload in self._tables.known(wanted)} if wanted else {}
        for key, received in first.items():
            if key not in known:
                sifted.new[key] = (devices[received.report.site, received.report.device], received)
            elif _same(received, known[key]):
                sifted.duplicates += 1
            else:
                sifted.refusals.append(_other(received))
        for key, received in again:
            if _same(received, known[key] if key in known else first[key].payload):
                sifted.duplicates += 1
            else:
                sifted.refusals.append(_other(received))
        return sifted

    def _add(self, new: dict[tuple[int, int], tuple[int, Received]], now_ms: int) -> None:
        rows = []
        for (run_id, seq), (device_id, received) in new.items():
            report = received.report
            layout_id, counts = None, []
            if report.lines is not None:
                layout_id, series = self._shape(device_id, report.lines)
                numbers = [n for ways in report.lines.values() for labels in ways.values() for n in labels.values()]
                counts = [(of, n) for of, n in zip(series, numbers, strict=True) if n]
            rows.append(
                ReportRow(
                    device_id,
                    run_id,
                    seq,
                    start_ms_of(report.start),
                    report.width_ms,
                    report.watched_ms,
                    layout_id,
                    now_ms,
                    received.payload,
                    counts,
                )
            )
        if rows:
            self._tables.add(rows)

    def _move_journals(
        self, devices: _Devices, arrived: dict[_JournalKey, list[int]], words: Sequence[_Word], now_ms: int
    ) -> int:
        """Bring what is missing up to date; how many requests are noted."""
        keys = [(devices[word.site, word.device], word.journal) for word in words]
        ids = {key: self._journal_id(*key) for key in sorted({*arrived, *keys})}
        journals = self._journals(sorted(journal_id for journal_id in ids.values() if journal_id is not None))
        before = {journal_id: (journal.high, journal.missing) for journal_id, journal in journals.items()}
        for key, numbers in arrived.items():
            if (journal := journals.get(ids[key])) is not None:
                journal.arrived(numbers, now_ms=now_ms)
        noted = 0
        for key, word in zip(keys, words, strict=True):
            if (journal := journals.get(ids[key])) is not None:
                noted += _take_word(journal, word, now_ms)
        self._write_journals(journals, before)
        return noted

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

    def _note_lateness(self, latenesses: dict[int, Lateness], sifted: "_Sifted", alive: set[int], now_ms: int) -> None:
        by_device: dict[int, list[Report]] = defaultdict(list)
        for device_id, received in sifted.new.values():
            by_device[device_id].append(received.report)
        rows = []
        for device_id in alive | {device_id for device_id, _ in sifted.arrived}:
            spans = [
                (start_ms_of(report.start), report.width_ms, report.clock_synced) for report in by_device[device_id]
            ]
            rows.append((*latenesses[device_id].after(spans, now_ms=now_ms).row(), device_id))
        columns = " = ?, ".join(_LATENESS.split(", "))
        self._many(f"UPDATE device SET {columns} = ? WHERE id = ?", rows)

    def _say(self, devices: _Devices, said: Sequence[Said], now_ms: int) -> None:
        last = {(devices[one.site, one.device], one.channel): one.payload for one in said}
        self._many(
            "INSERT INTO said (device_id, channel, received_ms, payload) VALUES (?, ?, ?, ?) ON CONFLICT"
            " (device_id, channel) DO UPDATE SET received_ms = excluded.received_ms, payload = excluded.payload",
            [(*key, now_ms, payload) for key, payload in last.items()],
        )

    def _refuse(self, refusals: Sequence[Refusal], now_ms: int) -> None:
        if refusals:
            self._many(
                "INSERT INTO refusal (received_ms, topic, reason, payload) VALUES (?, ?, ?, ?)",
                [(now_ms, one.topic, one.reason, one.payload) for one in refusals[-self._refusals_max :]],
            )
            newest = "SELECT id FROM refusal ORDER BY id DESC LIMIT 1 OFFSET ?"
            self._tables.rows(f"DELETE FROM refusal WHERE id <= ({newest}) RETURNING id", (self._refusals_max,))

    def _many(self, query: str, rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            self._tables.many(query, rows)

    def _id(self, table: str, columns: tuple[str, ...], values: tuple[Any, ...]) -> int:
        """The id of a name, made where there is none."""
        found = self._ids.get((table, values))
        return found if found is not None else self._find(table, columns, values)

    def _find(self, table: str, columns: tuple[str, ...], values: tuple[Any, ...]) -> int:
        query = f"SELECT id FROM {table} WHERE {' = ? AND '.join(columns)} = ?"
        if not (found := self._tables.rows(query, values)):
            marks = ", ".join("?" * len(values))
            added = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) ON CONFLICT DO NOTHING"
            self._tables.many(added, [values])  # another collector may be doing just that: then we wait for it
            found = self._tables.rows(query, values)
        self._ids[table, values] = found[0][0]
        self._remembered += 1
        return int(found[0][0])

    def _journal_id(self, device_id: int, name: str) -> int | None:
        """None for a journal beyond the bound."""
        values = (device_id, name)
        if ("journal", values) not in self._ids:
            kept = {name for (name,) in self._tables.rows("SELECT name FROM journal WHERE device_id = ?", (device_id,))}
            if name not in kept and len(kept) >= JOURNALS_MAX:
                return None
        return self._id("journal", ("device_id", "name"), values)

    def _shape(self, device_id: int, lines: Lines) -> tuple[int, list[int]]:
        """The layout of a report, and its series in the order of its counts."""
        shape = (device_id, *((line, way, *labels) for line, ways in lines.items() for way, labels in ways.items()))
        found = self._shapes.get(shape)
        if found is None:
            series = [
                self._find("series", ("device_id", "line", "direction", "class"), (device_id, line, way, label))
                for line, ways in lines.items()
                for way, labels in ways.items()
                for label in labels
            ]
            found = self._shapes[shape] = (self._layout_id(device_id, sorted(series)), series)
            self._remembered += len(series)
        return found

    def _layout_id(self, device_id: int, series: Sequence[int]) -> int:
        digest = hashlib.sha256(",".join(map(str, series)).encode()).hexdigest()[
            :32
        ]  # 2,048 ids are too long for a key
        layout_id = self._find("layout", ("device_id", "digest"), (device_id, digest))
        rows = [(layout_id, series_id) for series_id in series]
        self._many("INSERT INTO layout_series VALUES (?, ?) ON CONFLICT DO NOTHING", rows)
        return layout_id


class _Sifted:
    """The reports of a batch by what they are: new by (run id, seq), known ones counted, and refusals."""

    def __init__(self) -> None:
        self.new: dict[tuple[int, int], tuple[int, Received]] = {}
        self.duplicates = 0
        self.refusals: list[Refusal] = []
        self.arrived: dict[tuple[int, str], list[int]] = defaultdict(list)


def _take_word(journal: Journal, word: _Word, now_ms: int) -> int:
    """What was said of a journal; 1 if it is a request that may be sent now."""
    match word:
        case Said(sent_through=through):
            journal.sent(through, now_ms=now_ms)
        case Gone(ranges=ranges):
            for first, last in ranges:
                journal.gone(first, last)
        case Asked(ranges=ranges) if journal.are_due(ranges, now_ms=now_ms):
            for first, last in ranges:
                journal.asked(first, last, now_ms=now_ms)
            return 1
    return 0


def _same(received: Received, payload: bytes) -> bool:
    return received.payload == payload or decode(payload) == received.report


def _other(received: Received) -> Refusal:
    report = received.report
    reason = f"another report of run {report.run} has the number {report.seq}; the first one stays"
    return refuse(received.topic, received.payload, reason)


@lru_cache(maxsize=4_096)  # the devices report the same minute
def start_ms_of(start: str) -> int:
    """`milliseconds_of`, remembered."""
    return milliseconds_of(start)
