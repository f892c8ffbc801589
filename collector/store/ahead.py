"""Reports that are ahead of the collector's clock, or too early (see `queries.extent`): finding them and setting them
aside.

A report that is set aside is in the table `set_aside`, with its message and its key, and counts in no sum; the same
report coming again is a duplicate. Taking it back stores it as if it had just been received.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from collector.domain.plausible_time import EARLIEST_MS, SKEW_MS
from collector.protocol.delays import Lateness
from collector.store.dialect import Tables
from collector.store.interface import CHOSEN, Reading
from collector.store.messages import Key, StoredMessage, block_of, day_of, messages_in


class Reports(NamedTuple):
    """Some reports of a device: how many, the first one's start, the last one's end."""

    number: int = 0
    first_ms: int | None = None
    end_ms: int | None = None


NO_REPORTS = Reports()


def with_ahead(reading: Reading, device_id: int, lateness: Lateness, *, now_ms: int | None) -> tuple[Lateness, Reports]:
    """The lateness of a device by its newest report that is not ahead, and the reports that are ahead.

    If the last report to arrive is ahead, `late_ms` is that report's, which is negative.
    """
    newest_ms, until_ms = lateness.newest_start_ms, (now_ms or 0) + SKEW_MS
    if now_ms is None or newest_ms is None or newest_ms + (lateness.newest_width_ms or 0) <= until_ms:
        return lateness, NO_REPORTS  # the usual case
    who = {"id": device_id, "until": until_ms, "from": min(newest_ms, until_ms)}
    ((number, first_ms, end_ms, came_ms),) = reading.rows(
        "SELECT count(*), min(start_ms), max(start_ms + width_ms), max(received_ms) FROM report"
        " WHERE device_id = :id AND start_ms >= :from AND start_ms + width_ms > :until",
        who,
    )
    known = reading.rows(
        "SELECT start_ms, width_ms, received_ms FROM report WHERE device_id = :id AND start_ms <= :until"
        " AND start_ms + width_ms <= :until ORDER BY start_ms DESC LIMIT 1",
        who,
    )
    start_ms, width_ms, received_ms = known[0] if known else (None, None, None)
    if start_ms is not None and received_ms > (came_ms or 0):
        lateness = replace(lateness, late_ms=received_ms - start_ms - width_ms)
    return replace(lateness, newest_start_ms=start_ms, newest_width_ms=width_ms), Reports(number, first_ms, end_ms)


def early_of(reading: Reading, *, site: str | None, device: str | None) -> dict[int, Reports]:
    """The reports that are too early, by device id."""
    rows = reading.rows(
        "SELECT device_id, count(*), min(start_ms), max(start_ms + width_ms) FROM report"
        f" JOIN device ON device.id = device_id WHERE {CHOSEN} AND start_ms < :earliest GROUP BY device_id",
        {"site": site, "device": device, "earliest": EARLIEST_MS},
    )
    return {device_id: Reports(*of) for device_id, *of in rows}


def set_aside_of(reading: Reading, *, site: str | None, device: str | None) -> dict[tuple[int, bool], Reports]:
    """The reports that are set aside, by device id and whether it was for another run that had watched their time."""
    rows = reading.rows(
        "SELECT device_id, counted_run_id IS NOT NULL, count(*), min(start_ms), max(start_ms + width_ms) FROM set_aside"
        f" JOIN device ON device.id = device_id WHERE {CHOSEN} GROUP BY 1, 2",
        {"site": site, "device": device},
    )
    return {(device_id, bool(overlapping)): Reports(*of) for device_id, overlapping, *of in rows}


def implausible(tables: Tables, device_id: int, *, now_ms: int, before_ms: int) -> dict[Key, int]:
    """The reports of a device that are ahead or begin before `before_ms`, each with the time of its arrival."""
    rows = tables.rows(
        "SELECT device_id, run_id, seq, start_ms, received_ms FROM report"
        " WHERE device_id = ? AND (start_ms + width_ms > ? OR start_ms < ?)",
        (device_id, now_ms + SKEW_MS, before_ms),
    )
    return {Key(*key): received_ms for *key, received_ms in rows}


def unpack(tables: Tables, keys: Iterable[Key]) -> None:
    """Remove the messages of these reports from the blocks in which they are packed."""
    by_day: dict[tuple[int, int], set[tuple[int, int]]] = defaultdict(set)
    for key in keys:
        by_day[key.device_id, day_of(key.start_ms)].add((key.run_id, key.seq))
    for day, of_day in by_day.items():
        query = "SELECT number, messages FROM packed WHERE device_id = ? AND day_ms = ? AND messages IS NOT NULL"
        for number, block in tables.rows(query, day):
            messages = messages_in(bytes(block))
            left = [one for one in messages if (one.run_id, one.seq) not in of_day]
            if len(left) < len(messages):
                _write(tables, (*day, number), left)


def _write(tables: Tables, block: tuple[int, int, int], messages: Sequence[StoredMessage]) -> None:
    where = "WHERE device_id = ? AND day_ms = ? AND number = ?"
    if messages:
        query = f"UPDATE packed SET reports = ?, messages = ? {where}"
        tables.many(query, [(len(messages), block_of(messages), *block)])
    else:
        tables.many(f"DELETE FROM packed {where}", [block])
