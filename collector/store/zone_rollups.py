"""The roll-ups of queue zones: from `zone_report`, a row per zone and report, into `rollup_zone`."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from collector.domain.calendar import DAY_MS
from collector.store.dialect import Tables
from collector.store.messages import Key, day_of, messages_of
from collector.store.names import NameIds
from collector.store.zone_sums import ZoneSums, sums_of
from edge.wire.report import ZoneReport

COLUMNS = ", ".join(ZoneSums._fields)
OF_REPORT = ", ".join({"reports": "1", "end_ms": "start_ms"}.get(name, name) for name in ZoneSums._fields)
"""The same columns from `zone_report`, in which each row is one report."""
STORED = ("zone_id", "start_ms", *(name for name in ZoneSums._fields if name not in ("reports", "end_ms")))
"""The columns of `zone_report`."""
Place = tuple[int, int, int]
"""Level, zone and start of a row of `rollup_zone`."""

_KEPT = ("queue_m", "standing_max", "wait_max_ms")
_NEWEST = ("end_ms", "end_seq", "end_run_id", "standing_end", "parked_end")


class Zones(msgspec.Struct):
    """The part of a stored report that is read here."""

    zones: dict[str, ZoneReport] | None = None
    pictures: int | None = None


def zones_of(
    names: NameIds,
    zones: Mapping[str, ZoneReport] | msgspec.UnsetType | None,
    *,
    device_id: int,
    **of_report: Any,
) -> list[tuple[int, ZoneSums]]:
    """The zones of a report with their ids; `of_report`: the arguments of `sums_of`."""
    if not zones:
        return []
    return [
        (names.id_of("zone", ("device_id", "name"), (device_id, name)), sums_of(said, **of_report))
        for name, said in zones.items()
    ]


def stored(zone_id: int, sums: ZoneSums) -> tuple[Any, ...]:
    """The row of `zone_report`."""
    return (zone_id, sums.end_ms, *sums[1:11], *sums[12:])


def fill_zones(tables: Tables, names: NameIds, device_id: int) -> None:
    """Insert the rows of `zone_report` for reports of a device that were stored before that table existed."""
    marks = ", ".join("?" * len(STORED))
    query = f"INSERT INTO zone_report ({', '.join(STORED)}) VALUES ({marks}) ON CONFLICT DO NOTHING"
    ((next_ms,),) = tables.rows("SELECT min(start_ms) FROM report WHERE device_id = ?", (device_id,))
    while next_ms is not None:
        end_ms = day_of(next_ms) + DAY_MS
        rows = tables.rows(
            "SELECT run_id, seq, start_ms, watched_ms FROM report"
            " WHERE device_id = ? AND start_ms >= ? AND start_ms < ? AND layout_id IS NOT NULL",
            (device_id, next_ms, end_ms),
        )
        messages = messages_of(tables.rows, [Key(device_id, *row[:3]) for row in rows])
        found = []
        for run_id, seq, start_ms, watched_ms in rows:
            if (payload := messages.get((run_id, seq))) is not None:
                said = msgspec.json.decode(payload, type=Zones)
                of_report = {"watched_ms": watched_ms, "start_ms": start_ms, "seq": seq, "run_id": run_id}
                of_report["pictures"] = said.pictures
                found += [stored(*one) for one in zones_of(names, said.zones, device_id=device_id, **of_report)]
        if found:
            tables.many(query, found)
        ((next_ms,),) = tables.rows(
            "SELECT min(start_ms) FROM report WHERE device_id = ? AND start_ms >= ?", (device_id, end_ms)
        )


def sum_up_zones(tables: Tables, device_ids: Sequence[int], level: int, start: str, within: str) -> None:
    """Sum up reports into hours (level 1) or hours into days (level 2): rows that start `within`, as of `start`."""
    table, columns = ("zone_report WHERE", OF_REPORT) if level == 1 else ("rollup_zone WHERE level = 1 AND", COLUMNS)
    order = ", ".join(f"{name} DESC" for name in columns.split(", ")[11:14])
    sums = ", ".join(_sum_of(name) for name in ZoneSums._fields)
    named = ", ".join(f"{of} AS {name}" for of, name in zip(columns.split(", "), ZoneSums._fields, strict=True))
    tables.fill(
        f"INSERT INTO rollup_zone (level, zone_id, start_ms, {COLUMNS}) SELECT {level}, zone_id, place, {sums}"
        f" FROM (SELECT zone_id, {start} AS place, {named},"
        f" row_number() OVER (PARTITION BY zone_id, {start} ORDER BY {order}) AS nth"
        f" FROM {table} zone_id IN (SELECT id FROM zone WHERE device_id IN {{numbers}}) AND {within}) AS one"
        " GROUP BY zone_id, place",
        device_ids,
    )


def add_late_zones(tables: Tables, late: Mapping[Place, ZoneSums]) -> None:
    """Add late reports to hours and days that are summed up already."""
    if not late:
        return
    newer = " (excluded.end_ms, excluded.end_seq, excluded.end_run_id)"
    newer += " > (rollup_zone.end_ms, rollup_zone.end_seq, rollup_zone.end_run_id)"
    changes = ", ".join(f"{name} = {_with_late(name, newer)}" for name in ZoneSums._fields)
    marks = ", ".join("?" * (3 + len(ZoneSums._fields)))
    tables.many(
        f"INSERT INTO rollup_zone (level, zone_id, start_ms, {COLUMNS}) VALUES ({marks})"
        f" ON CONFLICT (level, zone_id, start_ms) DO UPDATE SET {changes}",
        [(*place, *sums) for place, sums in late.items()],
    )


def forget_zones(tables: Tables, device_id: int) -> None:
    """Delete the roll-ups of a device's zones."""
    mine = "SELECT id FROM zone WHERE device_id = ?"
    for level in (1, 2):
        tables.many(f"DELETE FROM rollup_zone WHERE level = {level} AND zone_id IN ({mine})", [(device_id,)])


def _sum_of(name: str) -> str:
    if name in _NEWEST:
        return f"max(CASE WHEN nth = 1 THEN {name} END)"
    return f"max({name})" if name in _KEPT else f"sum({name})"


def _with_late(name: str, newer: str) -> str:
    here, late = f"rollup_zone.{name}", f"excluded.{name}"
    if name in _NEWEST:
        return f"CASE WHEN {newer} THEN {late} ELSE {here} END"
    if name in _KEPT:
        return f"CASE WHEN {here} IS NULL OR {late} > {here} THEN {late} ELSE {here} END"
    if name == "pictures":  # null where frames are followed
        return f"CASE WHEN {here} IS NULL THEN {late} ELSE {here} + coalesce({late}, 0) END"
    return f"{here} + {late}"
