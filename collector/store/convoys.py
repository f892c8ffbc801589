"""The convoys that devices told of, in the tables: each once, of each device the last so many.

A device sends a convoy until a broker has it, so it comes at least once; its run and number name it. Whether the rules
of the alerts have looked at it stands in its row, as with what devices call out (`collector.store.device_alerts`).
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
"""Kept of one device, some 20 MB; beyond it the oldest are let go."""
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
    """Put them into the tables, in the transaction of a batch."""
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
    said = one.convoy
    classes = msgspec.json.encode(said.by_class, order="sorted").decode("utf-8")
    gaps = (said.gaps_ms.min, said.gaps_ms.p50, said.gaps_ms.max)
    what = (said.run, said.number, said.line, said.direction, said.since_ms, said.until_ms, said.vehicles, classes)
    return (device_id, *what, *gaps, said.headway_ms, said.began, said.ended, now_ms)


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
    """The first `limit` convoys that began in `[from_ms, to_ms)`, by when they began.

    `new_only`: those that the rules of the alerts have not looked at.
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
    """The rules have looked at these."""
    tables.many("UPDATE convoy SET looked = 1 WHERE id = ?", [(id_,) for id_ in ids])


def record_of(convoy: StoredConvoy) -> ConvoyRecord:
    """It as a row."""
    same = {name: getattr(convoy, name) for name in ConvoyRecord.__struct_fields__ if hasattr(convoy, name)}
    classes = msgspec.json.encode(convoy.by_class, order="sorted").decode("utf-8")
    return ConvoyRecord(**same, since=rfc3339(convoy.since_ms), until=rfc3339(convoy.until_ms), classes=classes)
