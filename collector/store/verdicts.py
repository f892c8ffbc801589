"""Verdicts of people on crossings: `yes`, `no`, another class, or that nothing was there. Stored beside the reports.

1. A verdict is about one crossing, with the key (site, device, run, line, at). It never changes a report or a sum.
2. Of several verdicts of one person on one crossing the last one is valid; the earlier ones are its history. Repeating
   the valid one changes nothing.
3. A crossing is one of a stored report, or the one that an alert is about.
4. A vehicle of a rare class that is only likely raises an alert if a person confirms it; one that is denied does not
   prevent an alert about the next one. The device gets the verdict by `command/verdict`, until it acknowledges it.
5. Of one device VERDICTS_MAX are stored; beyond that a further one is refused, and none is deleted.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from collector.domain.scope import Scope
from collector.protocol.device_messages import Info, decode_device_message
from collector.store.device_alerts import StoredDeviceAlert, confirm
from collector.store.dialect import Tables
from collector.store.interface import CHOSEN, Reading, Store
from edge.errors import InputError
from edge.wire.commands import NO, NOTHING_THERE, YES, Verdict
from edge.wire.report import ReportError
from edge.wire.times import rfc3339

BY_MAX = 100
"""Characters of a person's name."""
VERDICTS_MAX = 100_000
LIMIT_MAX = 10_000
"""Verdicts in one answer."""
CLASSES = ("car", "van", "truck", "bus", "motorcycle", "bicycle")
"""The classes of the product; other classes that the site counts are allowed as well."""
_COLUMNS = "site, device, run, seq, line, direction, class, at_ms, alert_id, said, said_by, said_ms"
_LATER = (
    "SELECT 1 FROM verdict AS later WHERE later.device_id = verdict.device_id AND later.run = verdict.run"
    " AND later.line = verdict.line AND later.at_ms = verdict.at_ms AND later.said_by = verdict.said_by"
    " AND later.said_ms > verdict.said_ms"
)


@dataclass(frozen=True, slots=True)
class Crossing:
    """The crossing of a verdict; `seq` None: the report that covers `at_ms`."""

    site: str
    device: str
    run: str
    line: str
    at_ms: int
    seq: int | None = None
    direction: str = ""
    label: str = ""
    alert: int | None = None


def record(store: Store, crossing: Crossing, *, said: str, by: str, now_ms: int) -> Verdict:
    """Store a verdict and return the one that is valid then. InputError if it is not possible for that crossing."""
    by = " ".join(by.split())
    if not 0 < len(by) <= BY_MAX or not by.isprintable():
        raise InputError(f"the name of who says it must have 1 to {BY_MAX} printable characters")
    with store.writing() as tables:
        device_id = _device(tables, crossing)
        _check_said(tables, crossing.site, said)
        seq = _seq(tables, device_id, crossing)
        key = (device_id, crossing.run, crossing.line, crossing.at_ms, by)
        rows = tables.rows(
            "SELECT seq, direction, class, alert_id, said, said_ms FROM verdict WHERE device_id = ? AND run = ?"
            " AND line = ? AND at_ms = ? AND said_by = ? ORDER BY said_ms DESC LIMIT 1",
            key,
        )
        about = (seq, crossing.direction, crossing.label, crossing.alert)
        if rows:  # what the earlier verdict says of the crossing stays
            about = tuple(new or old for new, old in zip(about, rows[0], strict=False))  # type: ignore[assignment]
        said_ms = max(now_ms, rows[0][5] + 1) if rows else now_ms
        if rows and rows[0][4] == said and rows[0][:4] == about:
            said_ms = rows[0][5]
        else:
            ((kept,),) = tables.rows("SELECT count(*) FROM verdict WHERE device_id = ?", (device_id,))
            if kept >= VERDICTS_MAX:
                where = f"{crossing.site}/{crossing.device}"
                raise InputError(f"of {where} {kept} verdicts are kept, and at most {VERDICTS_MAX} can be")
            tables.many(
                "INSERT INTO verdict (device_id, run, line, at_ms, said_by, seq, direction, class, alert_id, said,"
                " said_ms, heard) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(*key, *about, said, said_ms, int(not _knows_verdicts(tables, device_id)))],
            )
        seq, direction, label, alert_id = about
        named = (crossing.site, crossing.device, crossing.run, seq, crossing.line, direction, label, crossing.at_ms)
        verdict = _verdict((*named, alert_id, said, by, said_ms))
        if verdict.label and verdict.confirms:
            confirm(tables, device_id, run=crossing.run, line=crossing.line, at_ms=crossing.at_ms, label=verdict.label)
        return verdict


def verdicts(
    reading: Reading,
    scope: Scope | None = None,
    *,
    alert_ids: Collection[int] | None = None,
    from_ms: int | None = None,
    to_ms: int | None = None,
    history: bool = False,
    limit: int = 1_000,
) -> list[Verdict]:
    """Verdicts on crossings in the span, the newest first; `history`: also those that are no longer valid.

    `alert_ids`: only verdicts on these alerts. `seq` of a verdict that is older than its report is looked up.
    """
    scope = scope or Scope()
    of_alerts = ""
    if alert_ids is not None:
        of_alerts = f" AND alert_id IN ({', '.join(str(int(one)) for one in alert_ids) or 'NULL'})"
    rows = reading.rows(
        f"SELECT {_COLUMNS} FROM verdict JOIN device ON device.id = device_id WHERE {CHOSEN}"
        " AND (CAST(:line AS TEXT) IS NULL OR line = :line) AND at_ms >= :from AND at_ms < :to"
        f"{of_alerts} AND (:history = 1 OR NOT EXISTS ({_LATER})) ORDER BY said_ms DESC, verdict.id DESC LIMIT :limit",
        {
            "site": scope.site,
            "device": scope.device,
            "line": scope.line,
            "from": -(2**63) if from_ms is None else from_ms,
            "to": 2**63 - 1 if to_ms is None else to_ms,
            "history": int(history),
            "limit": max(0, min(limit, LIMIT_MAX)),
        },
    )
    return [_verdict(_with_report(reading, row)) for row in rows]


def denied(tables: Tables, crossing: Crossing) -> bool:
    """Whether the last verdict on a crossing denies the class as which it was counted."""
    rows = tables.rows(
        "SELECT said, class FROM verdict JOIN device ON device.id = device_id WHERE site = ? AND device = ?"
        " AND run = ? AND line = ? AND at_ms = ? ORDER BY said_ms DESC, verdict.id DESC LIMIT 1",
        (crossing.site, crossing.device, crossing.run, crossing.line, crossing.at_ms),
    )
    return bool(rows) and rows[0][0] not in (YES, rows[0][1])


def confirmed_by(reading: Reading, call: StoredDeviceAlert) -> str:
    """Who confirms the vehicle of a device's alert, by the last verdict on it; empty: nobody."""
    rows = reading.rows(
        "SELECT said, class, said_by FROM verdict JOIN device ON device.id = device_id WHERE site = :site"
        " AND device = :device AND run = :run AND line = :line AND at_ms = :at"
        " ORDER BY said_ms DESC, verdict.id DESC LIMIT 1",
        {"site": call.site, "device": call.device, "run": call.run, "line": call.line, "at": call.at_ms},
    )
    return str(rows[0][2]) if rows and rows[0][0] in (YES, rows[0][1]) else ""


def unsent_verdicts(reading: Reading, *, heard_after_ms: int, limit: int) -> list[tuple[int, Verdict]]:
    """Verdicts that devices heard since then have not acknowledged: the oldest of each device, with its id."""
    rows = reading.rows(
        f"SELECT verdict.id, {_COLUMNS} FROM verdict JOIN device ON device.id = device_id WHERE heard = 0"
        " AND heard_ms > :after AND NOT EXISTS (SELECT 1 FROM verdict AS older WHERE older.heard = 0"
        " AND older.device_id = verdict.device_id AND older.id < verdict.id) ORDER BY verdict.id LIMIT :limit",
        {"after": heard_after_ms, "limit": limit},
    )
    return [(id_, _verdict(row)) for id_, *row in rows]


def note_acknowledged(tables: Tables, device_id: int, verdict_id: int) -> None:
    """The device has acknowledged the verdict."""
    tables.many("UPDATE verdict SET heard = 1 WHERE id = ? AND device_id = ?", [(verdict_id, device_id)])


def truth_lines(found: Sequence[Verdict], pictures: Collection[int] = ()) -> list[bytes]:
    """A JSON line per verdict, with the true class of the vehicle (`truth`), for the training.

    `truth` is null if only a class is known that it is not. `picture` is the file of its alert's picture if that alert
    is one of `pictures`, else null.
    """
    lines = []
    for one in found:
        picture = f"{one.alert}.jpg" if one.alert in pictures else None
        values = msgspec.to_builtins(one) | {"truth": one.truth, "picture": picture}
        lines.append(msgspec.json.encode(values, order="sorted"))
    return lines


def _device(tables: Tables, crossing: Crossing) -> int:
    rows = tables.rows("SELECT id FROM device WHERE site = ? AND device = ?", (crossing.site, crossing.device))
    if not rows:
        raise InputError(f"there is no device {crossing.site}/{crossing.device}")
    device_id = int(rows[0][0])
    lines = [line for (line,) in tables.rows("SELECT DISTINCT line FROM series WHERE device_id = ?", (device_id,))]
    if crossing.line not in lines and crossing.alert is None:
        there = ", ".join(sorted(lines)) or "none that reports have named"
        raise InputError(f"{crossing.site}/{crossing.device} has no line {crossing.line[:64]!r}; its lines are {there}")
    return device_id


def _knows_verdicts(tables: Tables, device_id: int) -> bool:
    """Whether the device knows `command/verdict`."""
    rows = tables.rows("SELECT payload FROM said WHERE device_id = ? AND channel = 'info'", (device_id,))
    try:
        return bool(rows) and "verdict" in decode_device_message(bytes(rows[0][0]), Info).commands
    except ReportError:
        return False


def _check_said(tables: Tables, site: str, said: str) -> None:
    rows = tables.rows("SELECT DISTINCT class FROM series JOIN device ON device.id = device_id WHERE site = ?", (site,))
    allowed = dict.fromkeys((YES, NO, NOTHING_THERE, *CLASSES, *sorted(label for (label,) in rows)))
    if said not in allowed:
        raise InputError(f"{said[:40]!r} cannot be said of a crossing; allowed are {', '.join(allowed)}")


def _seq(tables: Tables, device_id: int, crossing: Crossing) -> int | None:
    of_run = (
        "SELECT seq FROM report JOIN run ON run.id = run_id WHERE run.device_id = ? AND run.name = ?"
        " AND report.device_id = run.device_id"
    )
    if crossing.seq is not None:
        if not tables.rows(f"{of_run} AND seq = ?", (device_id, crossing.run, crossing.seq)):
            raise InputError(f"there is no report {crossing.seq} of run {crossing.run} here")
        return crossing.seq
    at_ms = crossing.at_ms
    rows = tables.rows(
        f"{of_run} AND start_ms <= ? AND start_ms + width_ms > ? ORDER BY start_ms DESC LIMIT 1",
        (device_id, crossing.run, at_ms, at_ms),
    )
    if rows:
        return int(rows[0][0])
    if crossing.alert is None:
        raise InputError(f"no report of run {crossing.run} covers {rfc3339(at_ms)}")
    return None


def _with_report(reading: Reading, row: Sequence[Any]) -> Sequence[Any]:
    if row[3] is not None:
        return row
    rows = reading.rows(
        "SELECT seq FROM device JOIN run ON run.device_id = device.id JOIN report ON run_id = run.id"
        " AND report.device_id = device.id WHERE site = :site AND device = :device AND run.name = :run"
        " AND start_ms <= :at AND start_ms + width_ms > :at ORDER BY start_ms DESC LIMIT 1",
        {"site": row[0], "device": row[1], "run": row[2], "at": row[7]},
    )
    return (*row[:3], rows[0][0] if rows else None, *row[4:])


def _verdict(row: Sequence[Any]) -> Verdict:
    """From _COLUMNS."""
    site, device, run, seq, line, direction, label, at_ms, alert_id, said, by, said_ms = row
    return Verdict(
        site=site,
        device=device,
        run=run,
        seq=seq,
        line=line,
        direction=direction,
        at=rfc3339(at_ms),
        label=label,
        said=said,
        by=by,
        when=rfc3339(said_ms),
        alert=alert_id,
    )
