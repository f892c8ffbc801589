"""Alerts of devices: each stored once, the newest ones of each device, with their pictures.

A device sends its alert until a broker acknowledges it, so it may come more than once; its content is its key. A column
of its row says whether the rules have evaluated it. Remembering the highest id evaluated would not do: of several
collectors one may commit a smaller id after another's greater one.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby

import msgspec

from collector.protocol.intake import ReceivedAlert
from collector.store.dialect import Tables
from collector.store.interface import CHOSEN, Reading

DEVICE_ALERTS_MAX = 1_000
"""Of one device; beyond it the oldest are deleted."""
PICTURES_MAX = 100
"""Of one device. The picture of an alert of the collector is stored with that alert."""


class StoredDeviceAlert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert. `before_ms`: when its class was seen before, as far as the device knows. Times are UTC."""

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
    """The probability that its class is right; None: the device does not know how often its model errs."""
    likely: bool = False
    """Not certain enough for an alert, and no person has confirmed it."""


def store_device_alerts(
    tables: Tables, devices: Mapping[tuple[str, str], int], called: Sequence[ReceivedAlert], *, now_ms: int
) -> None:
    """Insert them, in the transaction of a batch; `devices` maps site and device to the id."""
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
    """The first `limit` alerts in the span, by id; `new_only`: only those that the rules have not evaluated."""
    chosen = f"{CHOSEN} AND looked = 0" if new_only else CHOSEN
    rows = reading.rows(
        "SELECT device_alert.id, site, device, run, at_ms, kind, reason, line, direction, class, before_ms,"
        " received_ms, jpeg IS NOT NULL, share, likely FROM device_alert JOIN device ON device.id = device_id"
        f" WHERE {chosen} AND at_ms >= :from AND at_ms < :to"
        " ORDER BY device_alert.id LIMIT :limit",
        {"site": site, "device": device, "from": from_ms, "to": to_ms, "limit": limit},
    )
    found = (dict(zip(StoredDeviceAlert.__struct_fields__, row, strict=True)) for row in rows)
    flags = ("has_picture", "likely")
    return [StoredDeviceAlert(**values | {name: bool(values[name]) for name in flags}) for values in found]


def confirm(tables: Tables, device_id: int, *, run: str, line: str, at_ms: int, label: str) -> None:
    """A person has confirmed a likely vehicle: it is certain now, and the rules evaluate it again."""
    tables.many(
        "UPDATE device_alert SET likely = 0, looked = 0 WHERE device_id = ? AND run = ? AND line = ? AND at_ms = ?"
        " AND class = ? AND likely = 1",
        [(device_id, run, line, at_ms, label)],
    )


def note_looked(tables: Tables, ids: Sequence[int]) -> None:
    """Mark these as evaluated by the rules."""
    tables.many("UPDATE device_alert SET looked = 1 WHERE id = ?", [(id_,) for id_ in ids])


def picture_of_device_alert(reading: Reading, call_id: int) -> bytes | None:
    """The JPEG of an alert, if it had one that is still stored. The caller checks who may see it."""
    rows = reading.rows("SELECT jpeg FROM device_alert WHERE id = :id", {"id": call_id})
    return bytes(rows[0][0]) if rows and rows[0][0] is not None else None
