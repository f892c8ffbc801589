"""From when to when there are reports, by the collector's clock: the ends of a span whose ends are not given.

A report is ahead if it begins or ends more than SKEW_MS after now: no device can have watched that time yet. It is too
early if it begins before EARLIEST_MS. Such reports are stored; those that are ahead are in no span with an open end,
those that are too early in none with an open beginning, unless there are no others.
"""

from typing import NamedTuple

from collector.domain.calendar import DAY_MS
from collector.domain.plausible_time import EARLIEST_MS, SKEW_MS
from collector.domain.scope import Scope
from collector.store.interface import CHOSEN, Reading

RECORDED_MS = DAY_MS
"""A device whose newest report came later than this after its end delivers a recording or a backlog."""
_EVER_MS = 2**62


class Extent(NamedTuple):
    """Of the reports that are neither ahead nor too early, the first one's start and the last one's end.

    `open_ms`: where an open span ends.
    """

    first_ms: int
    last_ms: int
    open_ms: int


def extent(reading: Reading, scope: Scope, *, now_ms: int | None, earliest_ms: int = EARLIEST_MS) -> Extent | None:
    """Of the devices in the scope whose first report has begun; None where there is none. `now_ms` None: none is ahead.

    Reports that begin before `earliest_ms` are too early.

    An open span ends now, since time without a report was not watched. It ends with the last report if a device
    delivers a recording or a backlog (RECORDED_MS), because its later reports are still to come.
    """
    until_ms = _EVER_MS if now_ms is None else now_ms + SKEW_MS
    mine = "FROM report WHERE device_id = device.id"
    inside = f"{mine} AND start_ms >= :earliest AND start_ms <= :until"
    newest = f"{mine} AND start_ms = (SELECT max(start_ms) {inside})"
    rows = reading.rows(
        f"SELECT (SELECT min(start_ms) {mine} AND start_ms >= :earliest), (SELECT max(start_ms) {inside}),"
        f" (SELECT max(start_ms + width_ms) {newest}), (SELECT min(received_ms - start_ms - width_ms) {newest})"
        f" FROM device WHERE {CHOSEN}",
        {"site": scope.site, "device": scope.device, "until": until_ms, "earliest": earliest_ms},
    )
    found = []
    for first_ms, newest_ms, end_ms, late_ms in rows:
        if newest_ms is not None and (now_ms is None or first_ms <= now_ms):  # otherwise the span would be empty
            is_live = now_ms is not None and late_ms <= RECORDED_MS
            found.append((first_ms, end_ms, max(now_ms, newest_ms + 1) if is_live else end_ms))
    if not found:
        return None
    firsts, lasts, opens = zip(*found, strict=True)
    return Extent(min(firsts), max(lasts), max(opens))


def open_span(
    reading: Reading, scope: Scope, from_ms: int | None, to_ms: int | None, *, now_ms: int | None
) -> tuple[int, int] | None:
    """The span with its open ends (None) filled in; None if there are no reports for it.

    A span with an end after now includes reports that are ahead; without a clock (`now_ms` None) none is ahead. One
    with an end before EARLIEST_MS includes those that are too early. The result may be empty: from after to.
    """
    if from_ms is not None and to_ms is not None:
        return from_ms, to_ms
    if now_ms is not None and max(from_ms or now_ms, to_ms or now_ms) > now_ms:
        now_ms = None
    earliest_ms = -_EVER_MS if to_ms is not None and to_ms <= EARLIEST_MS else EARLIEST_MS
    known = extent(reading, scope, now_ms=now_ms, earliest_ms=earliest_ms)
    if known is None:  # a recording that was replayed without a start is of 1970
        known = extent(reading, scope, now_ms=now_ms, earliest_ms=-_EVER_MS)
    if known is None:
        return None
    return known.first_ms if from_ms is None else from_ms, known.open_ms if to_ms is None else to_ms


def first_report(reading: Reading, scope: Scope) -> tuple[str, str, int] | None:
    """Site, device and start of the first report that is not too early; None where there is none."""
    rows = reading.rows(
        "SELECT site, device, min(start_ms) FROM report JOIN device ON device.id = device_id"
        f" WHERE {CHOSEN} AND start_ms >= :earliest GROUP BY site, device ORDER BY 3 LIMIT 1",
        {"site": scope.site, "device": scope.device, "earliest": EARLIEST_MS},
    )
    return (str(rows[0][0]), str(rows[0][1]), int(rows[0][2])) if rows else None


def reports_in(reading: Reading, scope: Scope, from_ms: int, to_ms: int) -> bool:
    """Whether any report of the scope begins in the span."""
    rows = reading.rows(
        f"SELECT 1 FROM device WHERE {CHOSEN} AND EXISTS"
        " (SELECT 1 FROM report WHERE device_id = device.id AND start_ms >= :from AND start_ms < :to) LIMIT 1",
        {"site": scope.site, "device": scope.device, "from": from_ms, "to": to_ms},
    )
    return bool(rows)
