"""What devices called out by themselves, in the tables: each once, the last so many, with their pictures.

A device sends its alert until a broker has it, so it comes at least once, and is known by its content. Whether the
rules have looked at it stands in its row: of several collectors one may commit a smaller id after another's greater
one, and a mark would pass over it.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby

import msgspec

from collector.protocol.intake import ReceivedAlert
from collector.store.dialect import Tables
from collector.store.interface import CHOSEN, Reading

DEVICE_ALERTS_MAX = 1_000
"""Kept of one device; beyond it the oldest are let go."""
PICTURES_MAX = 100
"""Kept of one device. The picture of an alert of the collector is kept with that alert."""


class StoredDeviceAlert(msgspec.Struct, frozen=True, kw_only=True):
    """One of them. `before_ms`: when its class was seen before, as far as the device knows."""

    id: int
    site: str
    device: str
    run: str
    at_ms: int
    kind: str
    """`rare-class`, `blind` or `seeing`."""
    reason: str
    line: str
    direction: str
    label: str
    before_ms: int | None
    received_ms: int
    has_picture: bool
    share: float | None = None
    """The probability of its class; None: the device does not hold its news to what was measured of its model."""
    likely: bool = False
    """Not certain enough to be news, and no person has confirmed it."""


def store_device_alerts(
    tables: Tables, devices: Mapping[tuple[str, str], int], called: Sequence[ReceivedAlert], *, now_ms: int
) -> None:
    """Put them into the tables, in the transaction of a batch."""
    rows = []
    for one in called:
        alert = one.alert
        words = (alert.run, alert.at_ms, alert.kind, alert.line, alert.direction, alert.label)
        more = (alert.before_ms, alert.reason, now_ms, alert.picture() or None, alert.share, int(alert.likely))
        rows.append((devices[one.site, one.device], *words, *more))
    rows.sort(key=lambda row: row[0])
    for device_id, of_device in groupby(rows, key=lambda row: row[0]):
        tables.many(
            "INSERT INTO device_alert (device_id, run, at_ms, kind, line, direction, class, before_ms, reason,"
            " received_ms, jpeg, share, likely, looked) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)"
            " ON CONFLICT DO NOTHING",
            list(of_device),
        )
        newest = "SELECT id FROM device_alert WHERE device_id = ? {} ORDER BY id DESC LIMIT 1 OFFSET ?"
        tables.many(
            f"DELETE FROM device_alert WHERE device_id = ? AND id <= ({newest.format('')})",
            [(device_id, device_id, DEVICE_ALERTS_MAX)],
        )
        tables.many(
            "UPDATE device_alert SET jpeg = NULL WHERE device_id = ? AND jpeg IS NOT NULL"
            f" AND id <= ({newest.format('AND jpeg IS NOT NULL')})",
            [(device_id, device_id, PICTURES_MAX)],
        )


def device_alerts(
    reading: Reading,
    *,
    site: str | None = None,
    device: str | None = None,
    from_ms: int = -(2**63),
    to_ms: int = 2**63 - 1,
    new_only: bool = False,
    limit: int = 100,
) -> list[StoredDeviceAlert]:
    """The first `limit` of those that happened in the span, by id; `new_only`: that the rules have not looked at."""
    chosen = f"{CHOSEN} AND looked = 0" if new_only else CHOSEN
    rows = reading.rows(
        "SELECT device_alert.id, site, device, run, at_ms, kind, reason, line, direction, class, before_ms,"
        " received_ms, jpeg IS NOT NULL, share, likely FROM device_alert JOIN device ON device.id = device_id"
        f" WHERE {chosen} AND at_ms >= :from AND at_ms < :to"
        " ORDER BY device_alert.id LIMIT :limit",
        {"site": site, "device": device, "from": from_ms, "to": to_ms, "limit": limit},
    )
    return [
        StoredDeviceAlert(
            id=row[0],
            site=row[1],
            device=row[2],
            run=row[3],
            at_ms=row[4],
            kind=row[5],
            reason=row[6],
            line=row[7],
            direction=row[8],
            label=row[9],
            before_ms=row[10],
            received_ms=row[11],
            has_picture=bool(row[12]),
            share=row[13],
            likely=bool(row[14]),
        )
        for row in rows
    ]


def confirm(tables: Tables, device_id: int, *, run: str, line: str, at_ms: int, label: str) -> None:
    """A person says that a likely vehicle was one: it is news now, and the rules look at it anew."""
    tables.many(
        "UPDATE device_alert SET likely = 0, looked = 0 WHERE device_id = ? AND run = ? AND line = ? AND at_ms = ?"
        " AND class = ? AND likely = 1",
        [(device_id, run, line, at_ms, label)],
    )


def note_looked(tables: Tables, ids: Sequence[int]) -> None:
    """The rules have looked at these."""
    tables.many("UPDATE device_alert SET looked = 1 WHERE id = ?", [(id_,) for id_ in ids])


def picture_of_device_alert(reading: Reading, call_id: int) -> bytes | None:
    """The JPEG that came with it, if it did and is still kept. Who may see it is for the caller to know."""
    rows = reading.rows("SELECT jpeg FROM device_alert WHERE id = :id", {"id": call_id})
    return bytes(rows[0][0]) if rows and rows[0][0] is not None else None
