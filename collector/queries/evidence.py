"""The reports behind a count: every count of a flow has a site, a device and a span, by which they are found."""

from collections.abc import Sequence
from typing import Any

import msgspec

from collector.domain.scope import Scope
from collector.queries.results import Evidence, RawReport
from collector.store.interface import CHOSEN, Reading
from collector.store.messages import Key, messages_of

RAW_MAX = 1_000
"""Reports in one answer."""


def evidence(reading: Reading, scope: Scope, from_ms: int, to_ms: int) -> list[Evidence]:
    """The reports whose buckets start in `[from_ms, to_ms)`, as ranges of seq without a hole, by device, run and seq.

    For a flow of a place, which has no `device`, give the site only. `scope.line` is ignored, since a report has all
    lines of its device.
    """
    rows = reading.rows(
        "SELECT site, device, run.name, seq, start_ms, width_ms, watched_ms FROM device"
        " CROSS JOIN report JOIN run ON run.id = run_id"  # in SQLite, CROSS keeps the order of the look-up
        f" WHERE report.device_id = device.id AND start_ms >= :from AND start_ms < :to AND {CHOSEN}"
        " ORDER BY site, device, run.name, seq",
        {"site": scope.site, "device": scope.device, "from": from_ms, "to": to_ms},
    )
    found: list[Evidence] = []
    for site, device, run, seq, start_ms, width_ms, watched_ms in rows:
        last = found[-1] if found else None
        if last is not None and (last.site, last.device, last.run, last.last + 1) == (site, device, run, seq):
            found[-1] = msgspec.structs.replace(
                last,
                last=seq,
                reports=last.reports + 1,
                from_ms=min(last.from_ms, start_ms),
                to_ms=max(last.to_ms, start_ms + width_ms),
                watched_ms=last.watched_ms + watched_ms,
            )
        else:
            found.append(
                Evidence(
                    site=site,
                    device=device,
                    run=run,
                    first=seq,
                    last=seq,
                    reports=1,
                    from_ms=start_ms,
                    to_ms=start_ms + width_ms,
                    watched_ms=watched_ms,
                )
            )
    return found


def raw_reports(
    reading: Reading, scope: Scope, from_ms: int, to_ms: int, *, after: int = 0, limit: int = 100
) -> list[RawReport]:
    """The reports themselves, sorted by start: `limit` (at most RAW_MAX) of them after the first `after`."""
    rows = reading.rows(
        f"SELECT {_COLUMNS} FROM device"
        " CROSS JOIN report JOIN run ON run.id = run_id"  # in SQLite, CROSS keeps the order of the look-up
        f" WHERE report.device_id = device.id AND start_ms >= :from AND start_ms < :to AND {CHOSEN}"
        " ORDER BY start_ms, site, device, run.name, seq LIMIT :limit OFFSET :after",
        {
            "site": scope.site,
            "device": scope.device,
            "from": from_ms,
            "to": to_ms,
            "limit": min(limit, RAW_MAX),
            "after": after,
        },
    )
    return _with_messages(reading, rows)


def raw_report(reading: Reading, site: str, device: str, run: str, seq: int) -> RawReport | None:
    """The report with that key; None if it is not stored."""
    rows = reading.rows(
        f"SELECT {_COLUMNS} FROM device JOIN run ON run.device_id = device.id"
        " JOIN report ON run_id = run.id AND report.device_id = device.id"
        " WHERE site = :site AND device = :device AND run.name = :run AND seq = :seq",
        {"site": site, "device": device, "run": run, "seq": seq},
    )
    return next(iter(_with_messages(reading, rows)), None)


_COLUMNS = (
    "device.id, run.id, seq, start_ms, site, device, run.name, width_ms, report.watched_ms, layout_id IS NULL,"
    " received_ms"
)


def _with_messages(reading: Reading, rows: Sequence[tuple[Any, ...]]) -> list[RawReport]:
    messages = messages_of(lambda query: reading.rows(query, {}), [Key(*row[:4]) for row in rows])
    return [
        RawReport(
            site=site,
            device=device,
            run=run,
            seq=seq,
            start_ms=start_ms,
            width_ms=width_ms,
            watched_ms=watched_ms,
            blind=bool(blind),
            received_ms=received_ms,
            payload=messages.get((run_id, seq)),
        )
        for _, run_id, seq, start_ms, site, device, run, width_ms, watched_ms, blind, received_ms in rows
    ]
