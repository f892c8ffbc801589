"""Crossings and occupancies summed over fixed spans of UTC, each with the time it was truly watched.

A frame vouches for the time until the next one, at most `gap_ms`; nothing vouches for the time before the
first frame or after the last. So `watched_ms` never exceeds the time elapsed, and zero is told from blind.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from edge.counting.crossing import DIRECTIONS, PART_MS, Crossing
from edge.counting.detection import CLASSES, UNCLASSIFIED
from edge.counting.occupancy import Occupancy
from edge.counting.zone_counts import ZoneCount, ZoneSum

COUNTED_CLASSES = (*CLASSES, UNCLASSIFIED)
SETTLE_MS = PART_MS + 500
"""A crossing that was held for PART_MS is told by the first frame after that, and there are two frames a second."""
OK_SHARE = 0.95  # of the width; a minute may lose three seconds to a reconnect and still be called whole

Counts = dict[str, dict[str, dict[str, int]]]
"""line -> direction -> class -> vehicles, with explicit zeros."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """`[start_ms, start_ms + width_ms)` in UTC; `counts` is None where nobody watched and nothing was counted.

    `crossings` are those that `counts` sums, in order of booking; a late one crossed before the start. `zones` is by
    name, empty where there are none to watch, and None where nobody watched.
    """

    start_ms: int
    width_ms: int
    watched_ms: int
    counts: Counts | None
    crossings: tuple[Crossing, ...] = field(default=(), compare=False)  # `counts` says the same, and is what is sent
    zones: dict[str, ZoneCount] | None = field(default_factory=dict)

    @property
    def state(self) -> str:
        """`ok`, `partial` or `blind`."""
        if self.counts is None:
            return "blind"
        return "ok" if self.watched_ms >= OK_SHARE * self.width_ms else "partial"


class _Open:
    """A bucket that still takes crossings."""

    __slots__ = ("counts", "crossings", "start_ms", "watched_ms", "zones")

    def __init__(self, start_ms: int, lines: Sequence[str], zones: Sequence[str]) -> None:
        self.start_ms = start_ms
        self.watched_ms = 0
        self.crossings: list[Crossing] = []
        self.counts: Counts = {
            line: {direction: dict.fromkeys(COUNTED_CLASSES, 0) for direction in DIRECTIONS} for line in lines
        }
        self.zones = {zone: ZoneSum() for zone in zones}

    def hand_over(self, to: "_Open") -> None:
        """Where nobody watched nothing is told of zones: who came and went all the same is told by another bucket."""
        if self.watched_ms == 0:
            for name, sums in self.zones.items():
                to.zones[name].take(sums)


class BucketCounter:
    """Sums crossings, and the occupancies of `zones`, into buckets of `width_ms`, aligned to UTC.

    A crossing becomes certain only after it happened, so a bucket stays open for `settle_ms` after its end. A crossing
    older than that (a truck that stood on the line for minutes) goes into the oldest bucket still open: it is counted
    late, and `late` says how many were, but never lost. So is who came into a zone and went in a bucket that nobody
    watched (lost there, by a camera that is covered): the next bucket that is watched tells it, or the last one of the
    run that still can. Of a run that ends blind nobody is told who was lost since.
    """

    def __init__(
        self,
        lines: Sequence[str],
        *,
        zones: Sequence[str] = (),
        width_ms: int = 60_000,
        gap_ms: int = 2_000,
        settle_ms: int = SETTLE_MS,
    ) -> None:
        assert width_ms > 0, "a bucket has a width"
        assert gap_ms > 0, "a frame vouches for some time"
        assert settle_ms >= 0, "a bucket settles after its end"
        assert settle_ms < width_ms, "a bucket settles before the next one ends"
        self.late = 0
        self._lines = tuple(lines)
        self._zones = tuple(zones)
        self._width_ms = width_ms
        self._gap_ms = gap_ms
        self._settle_ms = settle_ms
        self._open: deque[_Open] = deque()
        self._frame_ms: int | None = None  # the last frame that may vouch for the time after it
        self._now_ms: int | None = None
        self._occupancies: Sequence[Occupancy] = ()  # of that frame

    def advance(
        self,
        captured_ms: int,
        crossings: Sequence[Crossing],
        occupancies: Sequence[Occupancy] = (),
        *,
        watching: bool = True,
    ) -> Iterator[Bucket]:
        """Take in a frame, its crossings and its occupancies; yields the buckets that it closes, oldest first.

        `watching` is False for a frame that shows nothing (covered, frozen): the time before it is vouched for by the
        frame before, the time after it by nobody.
        """
        assert self._now_ms is None or captured_ms >= self._now_ms, "time never steps back"
        if not self._open:
            self._open.append(_Open(captured_ms - captured_ms % self._width_ms, self._lines, self._zones))
        if self._frame_ms is not None:
            self._watch(self._frame_ms, min(captured_ms, self._frame_ms + self._gap_ms))
        for occupancy in occupancies:  # who came and went did so before this frame, while the one before vouched
            self._open[-1].zones[occupancy.zone].note(occupancy)
        self._frame_ms = captured_ms if watching else None
        self._occupancies = occupancies
        self._now_ms = captured_ms
        for crossing in crossings:
            self._book(crossing)
        # One bucket is opened after another and closed when settled, so a leap of years holds few at a time.
        while self._open[-1].start_ms + self._width_ms <= captured_ms:
            self._open_next()
            while self._settled(self._open[-1].start_ms):
                yield self._close_oldest()
        while self._settled(captured_ms):
            yield self._close_oldest()

    def peek(self) -> Bucket | None:
        """The newest open bucket as it stands, without its zones; it goes on. None before the first frame."""
        if not self._open:
            return None
        newest = self._open[-1]
        counts = {
            line: {way: dict(classes) for way, classes in directions.items()}
            for line, directions in newest.counts.items()
        }
        blind = newest.watched_ms == 0 and not newest.crossings
        return Bucket(newest.start_ms, self._width_ms, newest.watched_ms, None if blind else counts)

    def close(self, crossings: Sequence[Crossing] = (), occupancies: Sequence[Occupancy] = ()) -> Iterator[Bucket]:
        """Book what was last and yield the buckets still open, oldest first; then the counter is as new.

        Of the occupancies only who came and went is taken: nothing vouches for the time after the last frame.
        """
        assert self._open or not (crossings or occupancies), "what happened needs a frame before it"
        for crossing in crossings:
            self._book(crossing)
        for occupancy in occupancies:
            self._open[-1].zones[occupancy.zone].note(occupancy)
        watched = [bucket for bucket in self._open if bucket.watched_ms > 0]
        if watched:
            for bucket in self._open:
                bucket.hand_over(watched[-1])
        while self._open:
            yield self._close_oldest()
        self._frame_ms = self._now_ms = None
        self._occupancies = ()

    def _watch(self, from_ms: int, to_ms: int) -> None:
        while self._open[-1].start_ms + self._width_ms < to_ms:
            self._open_next()
        for bucket in self._open:
            start_ms = max(from_ms, bucket.start_ms)
            end_ms = min(to_ms, bucket.start_ms + self._width_ms)
            if end_ms > start_ms:
                bucket.watched_ms += end_ms - start_ms
                for occupancy in self._occupancies:
                    bucket.zones[occupancy.zone].hold(occupancy, end_ms - start_ms)

    def _book(self, crossing: Crossing) -> None:
        while self._open[-1].start_ms + self._width_ms <= crossing.crossed_ms:
            self._open_next()
        place = self._open[0]
        if crossing.crossed_ms < place.start_ms:
            self.late += 1
        for bucket in self._open:
            if bucket.start_ms <= crossing.crossed_ms:
                place = bucket
        place.crossings.append(crossing)
        place.counts[crossing.line][crossing.direction][crossing.label] += 1

    def _open_next(self) -> None:
        self._open.append(_Open(self._open[-1].start_ms + self._width_ms, self._lines, self._zones))

    def _settled(self, now_ms: int) -> bool:
        """Whether the oldest bucket takes no more crossings at that time."""
        return self._open[0].start_ms + self._width_ms + self._settle_ms <= now_ms

    def _close_oldest(self) -> Bucket:
        bucket = self._open.popleft()
        if self._open:
            bucket.hand_over(self._open[0])
        counts = bucket.counts if bucket.watched_ms > 0 or bucket.crossings else None
        zones = {name: count for name, sums in bucket.zones.items() if (count := sums.close()) is not None}
        blind = bool(self._zones) and bucket.watched_ms == 0
        return Bucket(
            bucket.start_ms,
            self._width_ms,
            bucket.watched_ms,
            counts,
            tuple(bucket.crossings),
            None if blind else zones,
        )
