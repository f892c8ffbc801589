"""Convoys that devices reported: each stored once, the newest ones of each device.

A device sends a convoy until a broker acknowledges it, so it may come more than once; its key is its run and number. A
column of its row says whether the alert rules have evaluated it, as with alerts of devices (`device_alerts`).
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import msgspec

from collector.protocol.device_messages import ConvoyEdge
from collector.protocol.intake import ReceivedConvoy
from collector.store.dialect import Tables
from collector.store.interface import CHOSEN, Reading
from edge.wire.times import rfc3339

CONVOYS_MAX = 100_000
"""Of one device, some 20 MB; beyond it the oldest are deleted."""
_COLUMNS = (
    "run, number, line, direction, since_ms, until_ms, vehicles, classes, gap_min_ms, gap_p50_ms, gap_max_ms,"
    " headway_ms, began, ended"
)
_MARKS = ", ".join("?" * (len(_COLUMNS.split(",")) + 3))


class StoredConvoy(msgspec.Struct, frozen=True, kw_only=True):
    """Vehicles over one line in one direction, one at most `headway_ms` after the other."""

    id: int
    site: str
    device: str
    run: str
    number: int
    line: str
    direction: str
    since_ms: int
    """When its first vehicle crossed; `until_ms`, its last one."""
    until_ms: int
    vehicles: int
    by_class: dict[str, int]
    gap_min_ms: int
    """Between successive vehicles: the shortest time, the median, the longest."""
    gap_p50_ms: int
    gap_max_ms: int
    headway_ms: int
    began: ConvoyEdge
    """What lies before it: watched time without a vehicle, time not watched, or more of the same convoy."""
    ended: ConvoyEdge


class ConvoyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A convoy as a row for tables of other programs; times are RFC 3339 in UTC, `classes` is JSON."""

    site: str
    device: str
    run: str
    number: int
    line: str
    direction: str
    since: str
    until: str
    vehicles: int
    classes: str
    gap_min_ms: int
    gap_p50_ms: int
    gap_max_ms: int
    headway_ms: int
    began: str
    ended: str


def store_convoys(
    tables: Tables, devices: Mapping[tuple[str, str], int], followed: Sequence[ReceivedConvoy], *, now_ms: int
) -> None:
    """Insert them, in the transaction of a batch; `devices` maps site and device to the id."""
    rows = sorted((_row(devices[one.site, one.device], one, now_ms) for one in followed), key=lambda row: row[0])
    for device_id, of_device in groupby(rows, key=lambda row: row[0]):
        tables.many(
            f"INSERT INTO convoy (device_id, {_COLUMNS}, received_ms, looked) VALUES ({_MARKS}) ON CONFLICT DO NOTHING",
            [(*row, 0) for row in of_device],
        )
        newest = "SELECT id FROM convoy WHERE device_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?"
        tables.many(
            f"DELETE FROM convoy WHERE device_id = ? AND id <= ({newest})", [(device_id, device_id, CONVOYS_MAX)]
        )


def _row(device_id: int, one: ReceivedConvoy, now_ms: int) -> tuple[Any, ...]:
    of = one.convoy
    classes = msgspec.json.encode(of.by_class, order="sorted").decode("utf-8")
    values = (of.run, of.number, of.line, of.direction, of.since_ms, of.until_ms, of.vehicles, classes)
    gaps = (of.gaps_ms.min, of.gaps_ms.p50, of.gaps_ms.max)
    return (device_id, *values, *gaps, of.headway_ms, of.began, of.ended, now_ms)


def convoys(
    reading: Reading,
    *,
    site: str | None = None,
    device: str | None = None,
    line: str | None = None,
    from_ms: int | None = None,
    to_ms: int | None = None,
    new_only: bool = False,
    limit: int = 1_000,
) -> list[StoredConvoy]:
    """The first `limit` convoys that began in `[from_ms, to_ms)`, sorted by when they began.

    `new_only`: only those that the alert rules have not evaluated.
    """
    chosen = f"{CHOSEN} AND looked = 0" if new_only else CHOSEN
    rows = reading.rows(
        f"SELECT convoy.id, site, device, {_COLUMNS} FROM convoy JOIN device ON device.id = device_id"
        f" WHERE {chosen} AND (CAST(:line AS TEXT) IS NULL OR line = :line) AND since_ms >= :from AND since_ms < :to"
        " ORDER BY since_ms, site, device, convoy.id LIMIT :limit",
        {
            "site": site,
            "device": device,
            "line": line,
            "from": -(2**62) if from_ms is None else from_ms,
            "to": 2**62 if to_ms is None else to_ms,
            "limit": limit,
        },
    )
    return [_convoy(row) for row in rows]


def _convoy(row: Sequence[Any]) -> StoredConvoy:
    values = dict(zip(StoredConvoy.__struct_fields__, row, strict=True))
    return StoredConvoy(**values | {"by_class": msgspec.json.decode(values["by_class"], type=dict[str, int])})


def note_looked(tables: Tables, ids: Sequence[int]) -> None:
    """Mark these as evaluated by the rules."""
    tables.many("UPDATE convoy SET looked = 1 WHERE id = ?", [(id_,) for id_ in ids])


def record_of(convoy: StoredConvoy) -> ConvoyRecord:
    """The convoy as a row of a table."""
    same = {name: getattr(convoy, name) for name in ConvoyRecord.__struct_fields__ if hasattr(convoy, name)}
    classes = msgspec.json.encode(convoy.by_class, order="sorted").decode("utf-8")
    return ConvoyRecord(**same, since=rfc3339(convoy.since_ms), until=rfc3339(convoy.until_ms), classes=classes)
