"""Which reports count if two devices of one name watch at once. Pure: the stored reports are arguments.

A device watches each moment once. So the watched time of live runs within a span is at most the width of the span; any
excess comes from a second device, or from one whose clock was set back:

1. Reports of one journal in which no number was used twice are of one device: all of them count.
2. Of other reports the one that arrives first counts, and the later one is set aside: it is stored, a duplicate if it
   comes again, and in no sum. This is decided once, when a report first arrives.

Replays are no live runs: replays of one clip add up. A clock that was not set (before EARLIEST_MS) begins at the same
time at every boot: two such reports over one span are of different moments, and both count.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import NamedTuple

from collector.domain.plausible_time import EARLIEST_MS
from collector.store.interface import CHOSEN, Reading

TOLERANCE_MS = 1_000
"""By how much the two reports of an interval in which a device restarted may exceed its width."""
WINDOWS_MAX = 16
"""How many starts, and how many ends, of windows are checked for a report: those nearest to it."""


class WatchedSpan(NamedTuple):
    """The bucket of a report of a live run, and the time watched in it."""

    start_ms: int
    end_ms: int
    watched_ms: int
    run_id: int
    seq: int


class Timeline:
    """The reports of one device that count, by start."""

    def __init__(self, known: Iterable[WatchedSpan] = ()) -> None:
        self._known = sorted(known)
        self._widest_ms = max((one.end_ms - one.start_ms for one in self._known), default=0)

    def add(self, one: WatchedSpan) -> None:
        """Add a report that counts."""
        insort(self._known, one)
        self._widest_ms = max(self._widest_ms, one.end_ms - one.start_ms)

    def conflicts(self, new: WatchedSpan) -> list[WatchedSpan]:
        """Reports of other runs over the same time that one device cannot have watched together with `new`.

        One device watches at most the width of any window, so every window from the start of one report to the end of
        one is checked. The widest window alone would not do: a wide report with little watched time would hide that the
        interval of the new report is exceeded.
        """
        near = self._between(new.start_ms - self._widest_ms, new.end_ms)
        others = [one for one in near if one.run_id != new.run_id and one.end_ms > new.start_ms]
        if not others or new.watched_ms <= TOLERANCE_MS or new.start_ms < EARLIEST_MS:
            return []
        last_ms = max(new.end_ms, *(one.end_ms for one in others))
        starts = {new.start_ms, *(one.start_ms for one in others if one.start_ms < new.start_ms)}
        ends = {new.end_ms, *(one.end_ms for one in others if one.end_ms > new.end_ms)}
        found: set[WatchedSpan] = set()
        for first_ms in sorted(starts, reverse=True)[:WINDOWS_MAX]:
            within = sorted(self._between(first_ms, last_ms), key=attrgetter("end_ms"))
            watched_ms, counted = new.watched_ms, 0
            for end_ms in sorted(ends)[:WINDOWS_MAX]:
                while counted < len(within) and within[counted].end_ms <= end_ms:
                    watched_ms += within[counted].watched_ms
                    counted += 1
                if watched_ms - (end_ms - first_ms) > TOLERANCE_MS:
                    found.update(within[:counted])
        return [one for one in others if one in found]

    def _between(self, first_ms: int, last_ms: int) -> list[WatchedSpan]:
        """The reports that start in `[first_ms, last_ms)`."""
        start_of: Callable[[WatchedSpan], int] = attrgetter("start_ms")
        return self._known[
            bisect_left(self._known, first_ms, key=start_of) : bisect_left(self._known, last_ms, key=start_of)
        ]


class Overlap(NamedTuple):
    """Reports of a run that were set aside because another run of the device had watched the same time."""

    site: str
    device: str
    run: str
    counted_run: str
    reports: int
    first_ms: int
    end_ms: int


def overlaps_in(reading: Reading, *, site: str | None, device: str | None) -> list[Overlap]:
    """The reports that are set aside for overlapping, by device and time."""
    rows = reading.rows(
        "SELECT site, device, run.name, other.name, count(*), min(start_ms), max(start_ms + width_ms) FROM set_aside"
        " JOIN device ON device.id = set_aside.device_id JOIN run ON run.id = run_id"
        f" JOIN run AS other ON other.id = counted_run_id WHERE {CHOSEN}"
        " GROUP BY site, device, run.name, other.name ORDER BY site, device, min(start_ms), run.name",
        {"site": site, "device": device},
    )
    return [Overlap(*row) for row in rows]
