"""The state of the devices: their last messages, when each last reported and how late, and what is missing."""

from collections import defaultdict
from dataclasses import dataclass

from collector.protocol.delays import Lateness
from collector.protocol.device_messages import Info, Status, Total, decode_device_message
from collector.protocol.identity import JournalState, findings
from collector.protocol.items import Gap
from collector.store.ahead import NO_REPORTS, Reports, early_of, set_aside_of, with_ahead
from collector.store.interface import CHOSEN, Reading, Store


@dataclass(frozen=True, slots=True)
class DeviceState:
    """One device; `status`, `info` and `total` are None if none has come, `missing` and `gone` count reports.

    `lateness` is that of its newest report that is not ahead of the collector's clock; `ahead` are those that are,
    `early` those that are too early; see collector.store.ahead.
    """

    site: str
    device: str
    status: Status | None
    info: Info | None
    total: Total | None
    lateness: Lateness
    missing: int
    gone: int
    journals: tuple[JournalState, ...] = ()
    """Journals with a row in `lineage`; see collector.protocol.identity."""
    ahead: Reports = NO_REPORTS
    set_aside: Reports = NO_REPORTS
    overlapping: Reports = NO_REPORTS
    """Set aside because another run had watched the same time; see collector.store.overlaps."""
    early: Reports = NO_REPORTS

    @property
    def ahead_ms(self) -> int:
        """By how much its newest report came before its bucket ended: its clock is ahead by at least that."""
        return max(0, -(self.lateness.late_ms or 0))


def devices(
    store: Store, *, site: str | None = None, device: str | None = None, now_ms: int | None = None
) -> list[DeviceState]:
    """The devices, sorted by name. Without a clock (`now_ms` None) no report is ahead."""
    with store.reading() as reading:
        return devices_in(reading, site=site, device=device, now_ms=now_ms)


def devices_in(
    reading: Reading, *, site: str | None = None, device: str | None = None, now_ms: int | None = None
) -> list[DeviceState]:
    """The same in a reading that is open."""
    chosen = {"site": site, "device": device}
    rows = reading.rows(
        "SELECT id, site, device, heard_ms, newest_start_ms, newest_width_ms, late_ms, worst_ms, worst_at_ms,"
        f" clock_synced FROM device WHERE {CHOSEN} ORDER BY site, device",
        chosen,
    )
    said = reading.rows(
        f"SELECT device_id, channel, payload FROM said JOIN device ON device.id = device_id WHERE {CHOSEN}",
        chosen,
    )
    lacks = reading.rows(
        "SELECT device_id, gone, CAST(sum(last - first + 1) AS BIGINT) FROM missing"
        " JOIN journal ON journal.id = journal_id JOIN device ON device.id = device_id"
        f" WHERE {CHOSEN} GROUP BY device_id, gone",
        chosen,
    )
    journals = journals_in(reading, site=site, device=device)
    last = {(device_id, channel): payload for device_id, channel, payload in said}
    missing = {(device_id, gone): number for device_id, gone, number in lacks}
    early = early_of(reading, site=site, device=device)
    aside = set_aside_of(reading, site=site, device=device)
    found = []
    for row in rows:
        lateness, ahead = with_ahead(reading, row[0], Lateness.of(row[3:]), now_ms=now_ms)
        status, info, total = (last.get((row[0], channel)) for channel in ("status", "info", "total"))
        state = DeviceState(
            row[1],
            row[2],
            None if status is None else decode_device_message(status, Status),
            None if info is None else decode_device_message(info, Info),
            None if total is None else decode_device_message(total, Total),
            lateness,
            missing.get((row[0], 0), 0),
            missing.get((row[0], 1), 0),
            tuple(journals.get(row[0], ())),
            ahead,
            aside.get((row[0], False), NO_REPORTS),
            aside.get((row[0], True), NO_REPORTS),
            early.get(row[0], NO_REPORTS),
        )
        found.append(state)
    return found


def journals_in(reading: Reading, *, site: str | None, device: str | None) -> dict[int, list[JournalState]]:
    """The state of the journals of each device, by its id."""
    found: dict[int, list[JournalState]] = defaultdict(list)
    for noted in reading.rows(
        "SELECT device_id, name, coalesce(lineage.first, 1), high, begun_ms, told_ms, coalesce(others, 0), other_ms,"
        " coalesce((SELECT CAST(sum(missing.last - missing.first + 1) AS BIGINT) FROM missing"
        " WHERE missing.journal_id = journal.id), 0)"
        " FROM journal JOIN lineage ON lineage.journal_id = journal.id JOIN device ON device.id = device_id"
        f" WHERE {CHOSEN} ORDER BY journal.id",
        {"site": site, "device": device},
    ):
        found[noted[0]].append(JournalState(*noted[1:]))
    return found


def identity_of(state: DeviceState, *, now_ms: int) -> list[str]:
    """Sentences about other devices or outboxes under the name of a device; empty: one device, one outbox."""
    return findings(state.device, state.journals, now_ms=now_ms, overlapping=state.overlapping.number)


def gaps(store: Store, *, site: str | None = None, device: str | None = None) -> list[Gap]:
    """Every range that is missing or gone, by device, journal and number."""
    with store.reading() as reading:
        return gaps_in(reading, site=site, device=device)


def gaps_in(reading: Reading, *, site: str | None = None, device: str | None = None) -> list[Gap]:
    """The same in a reading that is open."""
    rows = reading.rows(
        "SELECT site, device, name, first, last, since_ms, due_ms, asked, asked_ms, gone FROM missing"
        " JOIN journal ON journal.id = journal_id JOIN device ON device.id = device_id"
        f" WHERE {CHOSEN} ORDER BY site, device, name, first",
        {"site": site, "device": device},
    )
    return [Gap.of(row) for row in rows]
