"""Writes a batch into the tables, the same for every kind of store, inside one transaction that the store opened.

The order of the work:
1. The devices of the batch are found or inserted, and their rows are locked: two collectors never work on one device at
   a time, so what follows is a plain read, change, write.
2. Reports are sorted by their key: new, known, or a different one under a known key. A new one that takes its device
   beyond a bound (`limits`), or whose number is far ahead of its journal, is refused.
3. If two devices use one name, what the second one watched at the same time is set aside (`overlaps`), up to a bound.
   The other new reports and their counts are added. A report's lines, directions and classes are its layout, so a
   count of zero differs from a line that was not watched, and only counts above zero need a row. Queue zones are a
   row each. The roll-ups follow.
4. The journals are updated: what is missing, what came late, what was requested or is gone.
5. Stored as well: the last message of each kind of a device, how late it reports, its alerts and convoys, and the
   newest refusals.
"""

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import astuple
from functools import lru_cache
from typing import Any

import msgspec

from collector.domain.calendar import DAY_MS
from collector.domain.limits import DEFAULTS, Limits, RowLimit
from collector.protocol.delays import Lateness
from collector.protocol.intake import (
    DeviceMessage,
    ReceivedAlert,
    ReceivedConvoy,
    ReceivedReport,
    Refusal,
    is_of_replay,
    refuse,
)
from collector.protocol.items import (
    CommitCounts,
    Item,
    JournalCompared,
    JournalDoubt,
    JournalName,
    ReportsGone,
    ResendRequested,
    ResendUrged,
    VerdictAcknowledged,
)
from collector.store.ahead import implausible, unpack
from collector.store.convoys import store_convoys
from collector.store.device_alerts import store_device_alerts
from collector.store.dialect import ReportRow, StoredReport, Tables
from collector.store.interface import RollupState
from collector.store.journals import Devices, Journals
from collector.store.messages import Key, day_of, messages_of
from collector.store.model_history import note_change
from collector.store.names import Layout, NameIds
from collector.store.overlaps import Timeline, WatchedSpan
from collector.store.rollups import RollupMarks, Rollups
from collector.store.verdicts import note_acknowledged
from collector.store.zone_rollups import fill_zones, zones_of
from edge.wire.names import REPLAY
from edge.wire.report import Report, ReportError, decode
from edge.wire.times import milliseconds_of
from edge.wire.topics import topic_of

_INFO = "(SELECT payload FROM said WHERE device_id = device.id AND channel = 'info')"
_MARKS = "time_zone, hours_ms, days_ms"
_ASIDE = "device_id, run_id, seq, start_ms, width_ms, watched_ms, payload"
_ASIDE_ROW = (
    f"INSERT INTO set_aside ({_ASIDE}, received_ms, aside_ms, counted_run_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_WIDEST_MS = DAY_MS
"""No bucket is wider."""
_BESIDE_MS = 3_600_000
"""Reports within this of a late one are read; if overlapping reports are wider, some of their time is not compared."""
_LATENESS = "heard_ms, newest_start_ms, newest_width_ms, late_ms, worst_ms, worst_at_ms, clock_synced"


class BatchWriter:
    """Writes batches into `tables`; call `forget` after a transaction was rolled back, since it caches ids."""

    def __init__(
        self, tables: Tables, *, refusals_max: int, time_zones: Mapping[str, str], limits: Limits = DEFAULTS
    ) -> None:
        self._tables = tables
        self._refusals_max = refusals_max
        self._limits = limits
        self._names = NameIds(tables, limits)
        self._journals = Journals(tables, self._names)
        self._rollups = Rollups(tables, time_zones)
        self._overlapping = RowLimit(self._count_overlapping, limits.overlapping)

    def forget(self) -> None:
        """Clear the caches of ids and counts."""
        self._names.forget()
        self._overlapping.forget()

    def write(self, batch: Sequence[Item], *, now_ms: int) -> CommitCounts:
        """Write all items of a batch, in the order that the header of this file states."""
        self._names.begin_batch()
        self._overlapping.begin_batch()
        reports: list[ReceivedReport] = []
        said: list[DeviceMessage] = []
        called: list[ReceivedAlert | ReceivedConvoy] = []
        requested: list[ResendRequested | ResendUrged] = []
        gone: list[ReportsGone | JournalCompared] = []
        acknowledged: list[VerdictAcknowledged] = []
        refusals: list[Refusal] = []
        for item in batch:
            match item:
                case ReceivedReport():
                    reports.append(item)
                case DeviceMessage():
                    said.append(item)
                case ReceivedAlert() | ReceivedConvoy():
                    called.append(item)
                case ResendRequested() | ResendUrged():
                    requested.append(item)
                case ReportsGone() | JournalCompared():
                    gone.append(item)
                case VerdictAcknowledged():
                    acknowledged.append(item)
                case Refusal():
                    refusals.append(item)
        others = [*said, *called, *requested, *gone, *acknowledged]
        names = {(one.report.site, one.report.device) for one in reports} | {(one.site, one.device) for one in others}
        devices = {name: self._names.id_of("device", ("site", "device"), name) for name in sorted(names)}
        latenesses, marks, unpacked = self._hold(sorted(devices.values()))
        leaps = self._leaps(devices, reports, said)
        sifted = self._sift([one for one in reports if id(one) not in leaps], devices)
        self._keep_bounds(sifted)
        own = self._own_messages(said, devices)
        self._take_zones(own, devices, marks)
        self._set_overlapping_aside(sifted, latenesses, now_ms)
        if added := self._add(sifted, now_ms):
            self._rollups.advance(added, marks, {device_id: site for (site, _), device_id in devices.items()})
            self._note_unpacked(added, unpacked)
        totals = [one for one in said if one.channel == "total" and id(one) not in leaps]
        noted = self._journals.update(
            devices, sifted.arrived(), [*totals, *gone, *requested], fresh=sifted.fresh(), now_ms=now_ms
        )
        alive = {devices[one.site, one.device] for one in said if one.live}
        self._note_lateness(latenesses, sifted, alive, now_ms)
        self._store_last_messages(devices, own, now_ms)
        store_device_alerts(
            self._tables, devices, [one for one in called if isinstance(one, ReceivedAlert)], now_ms=now_ms
        )
        store_convoys(self._tables, devices, [one for one in called if isinstance(one, ReceivedConvoy)], now_ms=now_ms)
        for one in acknowledged:
            note_acknowledged(self._tables, devices[one.site, one.device], one.verdict)
        refusals += [*sifted.refusals, *leaps.values()]
        self._refuse(refusals, now_ms)
        return CommitCounts(
            len(sifted.new),
            sifted.duplicates,
            len(refusals),
            len(said) + len(called),
            noted,
            len(sifted.overlapping),
        )

    def rebuild(self, device_id: int) -> None:
        """Sum up all reports of a device anew, inside a transaction that the store opened."""
        self._hold([device_id])
        query = f"SELECT site, {_INFO}, zones_filled FROM device WHERE id = ?"
        ((site, payload, zones_filled),) = self._tables.rows(query, (device_id,))
        if not zones_filled:
            fill_zones(self._tables, self._names, device_id)
            self._tables.many("UPDATE device SET zones_filled = 1 WHERE id = ?", [(device_id,)])
        self._rollups.rebuild(device_id, RollupMarks(time_zone=self._rollups.wanted(site, payload)))

    def set_aside(self, device_id: int, *, now_ms: int, before_ms: int) -> int:
        """Set aside the reports of a device that are ahead or begin before `before_ms`; returns how many."""
        self._hold([device_id])
        keys = implausible(self._tables, device_id, now_ms=now_ms, before_ms=before_ms)
        messages = messages_of(self._tables.rows, list(keys))
        found = []
        for key, received_ms in keys.items():
            payload = messages.get((key.run_id, key.seq))
            if payload is not None and (report := _decoded(payload)) is not None:
                found.append(self._row(device_id, key.run_id, report, payload, received_ms))
        if found:
            self._tables.remove(found)
            unpack(self._tables, [Key(*row[:4]) for row in found])
            self._many(_ASIDE_ROW, [(*row[:6], row.payload, row.received_ms, now_ms, None) for row in found])
            self._after_change(device_id)
        return len(found)

    def take_back(self, device_id: int, *, overlapping: bool) -> int:
        """Store again the reports of a device that were set aside; returns how many."""
        _, _, unpacked = self._hold([device_id])
        chosen = f"FROM set_aside WHERE device_id = ? AND counted_run_id IS {'NOT ' if overlapping else ''}NULL"
        rows = self._tables.rows(f"SELECT run_id, payload, received_ms {chosen}", (device_id,))
        found = [
            self._row(device_id, run_id, decode(bytes(payload)), bytes(payload), received_ms)
            for run_id, payload, received_ms in rows
        ]
        if found:
            self._many(f"DELETE {chosen}", [(device_id,)])
            self._tables.add(found)
            self._note_unpacked(found, unpacked)
            self._after_change(device_id)
        return len(found)

    def _after_change(self, device_id: int) -> None:
        """Make the roll-ups of a device again and find its newest report, after reports were taken out or put back."""
        self.rebuild(device_id)
        newest = "FROM report WHERE device_id = ? AND start_ms = (SELECT max(start_ms) FROM report WHERE device_id = ?)"
        rows = self._tables.rows(
            f"SELECT start_ms, max(width_ms), max(received_ms - start_ms - width_ms) {newest} GROUP BY start_ms",
            (device_id, device_id),
        )
        columns = "newest_start_ms = ?, newest_width_ms = ?, late_ms = ?"
        self._many(f"UPDATE device SET {columns} WHERE id = ?", [(*(rows[0] if rows else (None,) * 3), device_id)])

    def doubts(self, *, heard_after_ms: int, limit: int, resting: Container[JournalName] = ()) -> list[JournalDoubt]:
        """What devices that were heard since then are to compare: one journal of each, none that rests."""
        return self._journals.doubts(heard_after_ms=heard_after_ms, limit=limit, resting=resting)

    def rollups(self) -> list[RollupState]:
        """How far the roll-ups of every device go."""
        rows = self._tables.rows(
            f"SELECT id, site, device, time_zone, {_INFO}, zones_filled = 1 AND (hours_ms IS NOT NULL"
            " OR newest_start_ms IS NULL) FROM device ORDER BY site, device"
        )
        return [
            RollupState(id_, site, device, time_zone, self._rollups.wanted(site, info), bool(complete))
            for id_, site, device, time_zone, info, complete in rows
        ]

    def _hold(
        self, device_ids: Sequence[int]
    ) -> tuple[dict[int, Lateness], dict[int, RollupMarks], dict[int, int | None]]:
        query = f"SELECT id, {_MARKS}, unpacked_ms, {_LATENESS} FROM device WHERE id IN {{numbers}} ORDER BY id"
        rows = self._tables.rows_of(f"{query} {self._tables.holding}", device_ids)
        return (
            {row[0]: Lateness.of(row[5:]) for row in rows},
            {row[0]: RollupMarks(*row[1:4]) for row in rows},
            {row[0]: row[4] for row in rows},
        )

    def _sift(self, reports: Sequence[ReceivedReport], devices: Devices) -> "_SortedReports":
        sifted = _SortedReports()
        first: dict[tuple[int, int], ReceivedReport] = {}
        again: list[tuple[tuple[int, int], ReceivedReport]] = []
        wanted: dict[int, list[int]] = defaultdict(list)
        for received in reports:
            report = received.report
            device_id = devices[report.site, report.device]
            sifted.heard.add(device_id)
            run_id = self._names.take_run(device_id, report.run)
            if isinstance(run_id, str):
                sifted.refusals.append(refuse(received.topic, received.payload, run_id))
                continue
            key = (run_id, report.seq)
            sifted.came.append((key, (device_id, report.journal or "")))
            if key in first:
                again.append((key, received))
            else:
                first[key] = received
                wanted[run_id].append(report.seq)
        known = self._known(wanted) if wanted else {}
        for key, received in first.items():
            if key not in known:
                sifted.new[key] = (devices[received.report.site, received.report.device], received)
            elif _same(received, known[key]):
                sifted.duplicates += 1
            else:
                sifted.refusals.append(_different(received))
        for key, received in again:
            if _same(received, known[key]) if key in known else _equal(received, first[key].payload):
                sifted.duplicates += 1
            else:
                sifted.refusals.append(_different(received))
        return sifted

    def _leaps(
        self, devices: Devices, reports: Sequence[ReceivedReport], said: Sequence[DeviceMessage]
    ) -> dict[int, Refusal]:
        """Refusals of messages whose number is too far ahead of its journal, by `id()` of the message."""
        leap = self._limits.leap
        numbered: list[tuple[ReceivedReport | DeviceMessage, int, str, int, str]] = []
        first = {(devices[one.site, one.device], one.journal): one.first for one in said if one.first > 1}
        for one in reports:
            report = one.report
            if report.seq > leap:
                device_id = devices[report.site, report.device]
                numbered.append((one, device_id, report.journal or "", report.seq, one.topic))
        for word in said:
            if word.sent_through > leap:
                topic = topic_of(word.site, word.device, word.channel)
                numbered.append((word, devices[word.site, word.device], word.journal, word.sent_through, topic))
        found: dict[int, Refusal] = {}
        for message, device_id, journal, number, topic in numbered:
            rows = self._tables.rows("SELECT high FROM journal WHERE device_id = ? AND name = ?", (device_id, journal))
            high = max(rows[0][0] if rows else 0, first.get((device_id, journal), 1) - 1)
            if number - high > leap:
                reason = f"number {number} is too far ahead of its journal, which is at {high}; at most by {leap}"
                found[id(message)] = refuse(topic, message.payload, reason)
        return found

    def _keep_bounds(self, sifted: "_SortedReports") -> None:
        """Refuse new reports that take their device beyond a bound; their numbers stay missing."""
        for key, (device_id, received) in list(sifted.new.items()):
            if reason := self._names.too_many(device_id, received.report):
                sifted.refuse(key, reason)
            elif received.report.lines is not None:  # its names count for the reports that follow
                sifted.layouts[key] = self._shape(device_id, received.report)

    def _known(self, wanted: dict[int, list[int]]) -> dict[tuple[int, int], StoredReport]:
        """What is stored of these runs and numbers; its payload is empty if the message was deleted."""
        known = {(one.run_id, one.seq): one for one in [*self._tables.known(wanted), *self._set_aside(wanted)]}
        away = [Key(one.device_id, one.run_id, one.seq, one.start_ms) for one in known.values() if not one.payload]
        for key, payload in messages_of(self._tables.rows, away).items():
            known[key] = known[key]._replace(payload=payload)
        return known

    def _set_aside(self, wanted: dict[int, list[int]]) -> list[StoredReport]:
        """What is set aside of these: such a report is a duplicate when it comes again."""
        first, last = min(map(min, wanted.values())), max(map(max, wanted.values()))
        query = f"SELECT {_ASIDE} FROM set_aside WHERE run_id IN {{numbers}} AND seq >= {first} AND seq <= {last}"
        rows = self._tables.rows_of(query, list(wanted))
        return [StoredReport(*row)._replace(payload=bytes(row[6])) for row in rows if row[2] in wanted[row[1]]]

    def _set_overlapping_aside(self, sifted: "_SortedReports", latenesses: Mapping[int, Lateness], now_ms: int) -> None:
        """Set aside new reports whose time another device of the name has watched; beyond the bound refuse them."""
        by_device: dict[int, dict[tuple[int, int], ReceivedReport]] = defaultdict(dict)
        for key, (device_id, received) in sifted.new.items():
            if not received.report.run.startswith(REPLAY):
                by_device[device_id][key] = received
        rows = []
        shared: dict[tuple[int, str], bool] = {}
        fresh = sifted.fresh()
        for device_id, new in by_device.items():
            spans = {key: _watched(key, received.report) for key, received in new.items()}
            end_ms = latenesses[device_id].newest_end_ms
            late = [one for one in spans.values() if end_ms is not None and one.start_ms < end_ms]
            if not late and len({run_id for run_id, _ in new}) == 1:
                continue  # the usual case
            timeline = Timeline(self._counted(device_id, late))
            for key, received in new.items():
                conflicts, report, one = timeline.conflicts(spans[key]), received.report, spans[key]
                if conflicts:
                    journal = (device_id, report.journal or "")
                    if journal not in shared:
                        shared[journal] = self._journals.is_shared(journal, fresh.get(journal, ()))
                    if not shared[journal]:
                        conflicts = self._of_other_journals(journal, conflicts, sifted)
                if conflicts and not self._overlapping.take(device_id):
                    sifted.refuse(key, self._too_many_overlapping(device_id))
                elif conflicts:
                    span = (one.start_ms, report.width_ms, report.watched_ms)
                    rows.append((device_id, *key, *span, received.payload, now_ms, now_ms, conflicts[0].run_id))
                    sifted.overlapping[key] = sifted.new.pop(key)
                else:
                    timeline.add(one)
        self._many(_ASIDE_ROW, rows)

    def _count_overlapping(self, device_id: int) -> int:
        query = "SELECT count(*) FROM set_aside WHERE device_id = ? AND counted_run_id IS NOT NULL"
        return int(self._tables.rows(query, (device_id,))[0][0])

    def _too_many_overlapping(self, device_id: int) -> str:
        number, at_most = self._overlapping.known(device_id), self._overlapping.at_most
        return (
            "another device of the same name had watched that time, and too many such reports of it are set aside:"
            f" {number}, at most {at_most} are; crossing-collector overlaps lists them"
        )

    def _counted(self, device_id: int, late: Sequence[WatchedSpan]) -> list[WatchedSpan]:
        """The stored reports of live runs around these."""
        windows: list[list[int]] = []
        for one in sorted(late):
            first_ms, last_ms = one.start_ms - _BESIDE_MS, one.end_ms + _BESIDE_MS
            if windows and first_ms <= windows[-1][1]:
                windows[-1][1] = max(windows[-1][1], last_ms)
            else:
                windows.append([first_ms, last_ms])
        found: dict[tuple[int, int], WatchedSpan] = {}
        for first_ms, last_ms in windows:
            for *span, name in self._tables.rows(
                "SELECT start_ms, start_ms + width_ms, watched_ms, run_id, seq, name FROM report JOIN run"
                " ON run.id = run_id WHERE report.device_id = ? AND start_ms > ? AND start_ms < ?"
                " AND start_ms + width_ms > ?",
                (device_id, first_ms - _WIDEST_MS, last_ms, first_ms),
            ):
                if not name.startswith(REPLAY):
                    found[span[3], span[4]] = WatchedSpan(*span)
        return list(found.values())

    def _of_other_journals(
        self, of: tuple[int, str], conflicts: Sequence[WatchedSpan], sifted: "_SortedReports"
    ) -> list[WatchedSpan]:
        """Those that came under another journal than `of`."""
        device_id, journal = of
        stored = [Key(device_id, one.run_id, one.seq, one.start_ms) for one in conflicts]
        messages = messages_of(self._tables.rows, [key for key in stored if key[1:3] not in sifted.new])
        found = []
        for one in conflicts:
            key = (one.run_id, one.seq)
            other = sifted.new[key][1].report if key in sifted.new else _decoded(messages.get(key, b""))
            if other is not None and (other.journal or "") != journal:  # None: its message was deleted
                found.append(one)
        return found

    def _add(self, sifted: "_SortedReports", now_ms: int) -> list[ReportRow]:
        rows = [
            self._row(device_id, key[0], received.report, received.payload, now_ms, layout=sifted.layouts.get(key))
            for key, (device_id, received) in sifted.new.items()
        ]
        if rows:
            self._tables.add(rows)
        return rows

    def _shape(self, device_id: int, report: Report) -> Layout:
        return self._names.shape(device_id, report.lines or {}, watched=report.watched_ms > 0)

    def _row(
        self,
        device_id: int,
        run_id: int,
        report: Report,
        payload: bytes,
        received_ms: int,
        *,
        layout: Layout | None = None,
    ) -> ReportRow:
        """The row of a report; `layout` is that of its lines, if it has been looked up."""
        layout_id, counts = None, []
        if report.lines is not None:
            layout_id, series = layout or self._shape(device_id, report)
            numbers = [n for ways in report.lines.values() for labels in ways.values() for n in labels.values()]
            counts = [(of, n) for of, n in zip(series, numbers, strict=True) if n]
        start_ms, zones = start_ms_of(report.start), []
        if report.zones:
            of_report = {"start_ms": start_ms, "seq": report.seq, "run_id": run_id, "watched_ms": report.watched_ms}
            pictures = None if report.pictures is msgspec.UNSET else report.pictures
            zones = zones_of(self._names, report.zones, device_id=device_id, pictures=pictures, **of_report)
        return ReportRow(
            device_id,
            run_id,
            report.seq,
            start_ms,
            report.width_ms,
            report.watched_ms,
            layout_id,
            received_ms,
            payload,
            counts,
            zones,
        )

    def _note_unpacked(self, added: Sequence[ReportRow], unpacked: Mapping[int, int | None]) -> None:
        """Note from which day on there are messages to pack; those of the future count as of the day they came."""
        first: dict[int, int] = {}
        for report in added:
            earlier = first.get(report.device_id)
            if earlier is None or report.start_ms < earlier:
                first[report.device_id] = min(report.start_ms, report.received_ms)
        rows = []
        for device_id, start_ms in first.items():
            before_ms = unpacked[device_id]
            if before_ms is None or start_ms < before_ms:
                rows.append((day_of(start_ms), device_id))
        self._many("UPDATE device SET unpacked_ms = ? WHERE id = ?", rows)

    def _take_zones(self, said: Sequence[DeviceMessage], devices: Devices, marks: dict[int, RollupMarks]) -> None:
        for one in said:
            if one.channel == "info":
                device_id = devices[one.site, one.device]
                self._rollups.take_zone(device_id, self._rollups.wanted(one.site, one.payload), marks[device_id])

    def _note_lateness(
        self, latenesses: dict[int, Lateness], sifted: "_SortedReports", alive: set[int], now_ms: int
    ) -> None:
        by_device: dict[int, list[Report]] = defaultdict(list)
        for device_id, received in sifted.new.values():
            by_device[device_id].append(received.report)
        rows = []
        for device_id in alive | sifted.heard:
            spans = [
                (start_ms_of(report.start), report.width_ms, report.clock_synced) for report in by_device[device_id]
            ]
            rows.append((*astuple(latenesses[device_id].after(spans, now_ms=now_ms)), device_id))
        columns = " = ?, ".join(_LATENESS.split(", "))
        self._many(f"UPDATE device SET {columns} = ? WHERE id = ?", rows)

    def _store_last_messages(self, devices: Devices, said: Sequence[DeviceMessage], now_ms: int) -> None:
        last = {(devices[one.site, one.device], one.channel): one.payload for one in said if not one.ended}
        self._many(
            "INSERT INTO said (device_id, channel, received_ms, payload) VALUES (?, ?, ?, ?) ON CONFLICT"
            " (device_id, channel) DO UPDATE SET received_ms = excluded.received_ms, payload = excluded.payload",
            [(*key, now_ms, payload) for key, payload in last.items()],
        )
        for (device_id, channel), payload in last.items():
            if channel == "info":
                note_change(self._tables, device_id, payload, now_ms=now_ms)

    def _own_messages(self, said: Sequence[DeviceMessage], devices: Devices) -> list[DeviceMessage]:
        """Without messages of replays under the name of a device that sends its own; the device's own come last."""
        by_replay = [
            one for one in said if one.replay and not self._has_said(devices[one.site, one.device], one.channel)
        ]
        return [*by_replay, *(one for one in said if not one.replay)]

    def _has_said(self, device_id: int, channel: str) -> bool:
        """Whether the stored message of that channel came from the device and not from a replay."""
        query = "SELECT payload FROM said WHERE device_id = ? AND channel = ?"
        rows = self._tables.rows(query, (device_id, channel))
        return bool(rows) and not is_of_replay(bytes(rows[0][0]))

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


class _SortedReports:
    """The reports of a batch: new ones by (run id, seq), duplicates counted, and refusals."""

    def __init__(self) -> None:
        self.new: dict[tuple[int, int], tuple[int, ReceivedReport]] = {}
        self.layouts: dict[tuple[int, int], Layout] = {}
        self.overlapping: dict[tuple[int, int], tuple[int, ReceivedReport]] = {}
        """Those that were new and are set aside."""
        self.duplicates = 0
        self.refusals: list[Refusal] = []
        self.heard: set[int] = set()
        """Devices that sent any."""
        self.came: list[tuple[tuple[int, int], tuple[int, str]]] = []
        """By key and journal, each as often as it came."""
        self._refused: set[tuple[int, int]] = set()

    def refuse(self, key: tuple[int, int], reason: str) -> None:
        """Refuse a new report; its number stays missing, however often it came."""
        _, received = self.new.pop(key)
        self.refusals.append(refuse(received.topic, received.payload, reason))
        self._refused.add(key)

    def arrived(self) -> dict[tuple[int, str], list[int]]:
        """The numbers of the reports that are here now, by device and journal."""
        found: dict[tuple[int, str], list[int]] = defaultdict(list)
        for key, journal in self.came:
            if key not in self._refused:
                found[journal].append(key[1])
        return found

    def fresh(self) -> dict[tuple[int, str], list[int]]:
        """The numbers of the reports that are new, by device and journal."""
        found: dict[tuple[int, str], list[int]] = defaultdict(list)
        for device_id, received in (*self.new.values(), *self.overlapping.values()):
            found[device_id, received.report.journal or ""].append(received.report.seq)
        return found


def _watched(key: tuple[int, int], report: Report) -> WatchedSpan:
    start_ms = start_ms_of(report.start)
    return WatchedSpan(start_ms, start_ms + report.width_ms, report.watched_ms, *key)


def _same(received: ReceivedReport, known: StoredReport) -> bool:
    """Whether it is the report that is stored; if that message was deleted, start, width and watched time decide."""
    if known.payload:
        return _equal(received, known.payload)
    report = received.report
    return (start_ms_of(report.start), report.width_ms, report.watched_ms) == known[3:6]


def _equal(received: ReceivedReport, payload: bytes) -> bool:
    if received.payload == payload:
        return True
    report = _decoded(payload)  # a report may come again under a newer journal: its key identifies it
    return report is not None and msgspec.structs.replace(report, journal=received.report.journal) == received.report


def _decoded(payload: bytes) -> Report | None:
    """A stored report; None if an older collector stored what is refused today."""
    try:
        return decode(payload)
    except ReportError:
        return None


def _different(received: ReceivedReport) -> Refusal:
    report = received.report
    reason = f"another report of run {report.run} has the number {report.seq}; the first one stays"
    return refuse(received.topic, received.payload, reason)


@lru_cache(maxsize=4_096)  # the devices report the same minute
def start_ms_of(start: str) -> int:
    """`milliseconds_of`, cached."""
    return milliseconds_of(start)
