"""Reads and acknowledges the alerts in the store, for the API, the pages and the commands."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from collector.alerts.alert import KINDS, Acknowledgement, Alert, Delivery, Subject
from collector.domain.scope import Scope
from collector.queries.results import Evidence
from collector.store.dialect import Tables
from collector.store.interface import CHOSEN, Reading, Store
from collector.store.verdicts import BY_MAX
from edge.errors import InputError

LIMIT_MAX = 1_000
"""Alerts in one answer."""
NOTE_MAX = 2_000
"""Characters of a name and of a note."""
COLUMNS = (
    "id, site, kind, device, line, direction, class, zone, at_ms, until_ms, opened_ms, updated_ms, closed_ms, reason,"
    " ending, figures, evidence, times, fate, acknowledged_ms, acknowledged_by, note,"
    " EXISTS (SELECT 1 FROM alert_picture WHERE alert_id = alert.id)"
)


def alerts(
    reading: Reading,
    scope: Scope | None = None,
    *,
    open_only: bool = False,
    pending_only: bool = False,
    kinds: Iterable[str] = KINDS,
    from_ms: int | None = None,
    to_ms: int | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> list[Alert]:
    """The newest first, at most `limit` (and LIMIT_MAX); for the next page give the last id as `before_id`.

    `open_only`: only open ones; `pending_only`: open ones, and those that nobody has acknowledged. The span includes
    alerts that were open at any time of it. A scope with a device or line excludes alerts about others and about the
    site as a whole. InputError for a kind that does not exist.
    """
    chosen = list(kinds)
    if unknown := [kind for kind in chosen if kind not in KINDS]:
        raise InputError(f"there is no kind of alert {unknown[0][:40]!r}; the kinds are {', '.join(KINDS)}")
    scope = scope or Scope()
    words = ", ".join(f"'{kind}'" for kind in chosen) or "''"
    rows = reading.rows(
        f"SELECT {COLUMNS} FROM alert WHERE {CHOSEN} AND kind IN ({words})"
        " AND (CAST(:line AS TEXT) IS NULL OR line = :line)"
        " AND opened_ms < :to AND (closed_ms IS NULL OR (closed_ms >= :from AND :open = 0)) AND id < :before"
        " AND (:pending = 0 OR closed_ms IS NULL OR acknowledged_ms IS NULL)"
        " ORDER BY id DESC LIMIT :limit",
        {
            "site": scope.site,
            "device": scope.device,
            "line": scope.line,
            "from": -(2**63) if from_ms is None else from_ms,
            "to": 2**63 - 1 if to_ms is None else to_ms,
            "open": int(open_only),
            "pending": int(pending_only),
            "before": 2**63 - 1 if before_id is None else before_id,
            "limit": max(0, min(limit, LIMIT_MAX)),
        },
    )
    return [alert_of(row) for row in rows]


def alert(reading: Reading, alert_id: int) -> Alert | None:
    """The alert with that id; None if there is none."""
    rows = reading.rows(f"SELECT {COLUMNS} FROM alert WHERE id = :id", {"id": alert_id})
    return alert_of(rows[0]) if rows else None


def picture(reading: Reading, alert_id: int) -> bytes | None:
    """The JPEG that a device sent with it; None if there is none. The caller must check who may see pictures."""
    rows = reading.rows("SELECT jpeg FROM alert_picture WHERE alert_id = :id", {"id": alert_id})
    return bytes(rows[0][0]) if rows else None


def deliveries(reading: Reading, alert_id: int) -> list[Delivery]:
    """The deliveries of the messages about an alert; empty if none were sent, or if they were deleted."""
    rows = reading.rows(
        "SELECT event, channel, state, attempts, due_ms, done_ms, error FROM telling"
        " JOIN delivery ON telling_id = telling.id WHERE alert_id = :id ORDER BY telling.id, channel",
        {"id": alert_id},
    )
    return [Delivery(**dict(zip(Delivery.__struct_fields__, row, strict=True))) for row in rows]


def acknowledge(store: Store, alert_id: int, *, by: str, note: str = "", now_ms: int) -> Alert:
    """Store that a person has acknowledged an alert, open or closed, which stays as it is; returns the alert.

    A second acknowledgement changes the note only, if one is given. InputError if there is no such alert, or if `by` is
    empty or too long.
    """
    by, note = " ".join(by.split()), note.strip()
    if not 0 < len(by) <= BY_MAX or not by.isprintable():
        raise InputError(f"the name of who acknowledges must have 1 to {BY_MAX} printable characters")
    if len(note) > NOTE_MAX or not note.replace("\n", " ").isprintable():
        raise InputError(f"a note has at most {NOTE_MAX} printable characters")
    with store.writing() as tables:
        rows = tables.rows("SELECT acknowledged_ms FROM alert WHERE id = ?", (alert_id,))
        if not rows:
            raise InputError(f"there is no alert {alert_id}")
        if rows[0][0] is None:
            changed = "UPDATE alert SET acknowledged_ms = ?, acknowledged_by = ?, note = ? WHERE id = ?"
            tables.many(changed, [(now_ms, by, note, alert_id)])
        elif note:
            tables.many("UPDATE alert SET note = ? WHERE id = ?", [(note, alert_id)])
        return alert_in(tables, alert_id)


def alert_in(tables: Tables, alert_id: int) -> Alert:
    """An alert that exists, inside a transaction that writes."""
    (row,) = tables.rows(f"SELECT {COLUMNS} FROM alert WHERE id = ?", (alert_id,))
    return alert_of(row)


def alert_of(row: Sequence[Any]) -> Alert:
    """From COLUMNS."""
    return Alert(
        id=row[0],
        kind=row[2],
        subject=Subject(site=row[1], device=row[3], line=row[4], direction=row[5], label=row[6], zone=row[7]),
        at_ms=row[8],
        until_ms=row[9],
        opened_ms=row[10],
        updated_ms=row[11],
        closed_ms=row[12],
        reason=row[13],
        ending=row[14],
        figures=msgspec.json.decode(row[15]),
        evidence=tuple(msgspec.json.decode(row[16], type=list[Evidence])),
        times=row[17],
        fate=row[18],
        acknowledged=None if row[19] is None else Acknowledgement(by=row[20], at_ms=row[19], note=row[21]),
        has_picture=bool(row[22]),
    )
