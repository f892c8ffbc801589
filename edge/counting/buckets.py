"""Crossings and occupancies summed over fixed spans of UTC, each with the time that was watched (watched.py).

`watched_ms` never exceeds the time elapsed, and zero is told from blind.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from edge.counting.crossing import DIRECTIONS, Crossing
from edge.counting.detection import CLASSES, UNCLASSIFIED
from edge.counting.occupancy import Occupancy
from edge.counting.parameters import CONFIGURED, DEFAULT, CountingParameters
from edge.counting.watched import Span, WatchedTime
from edge.counting.zone_counts import ZoneCount, ZoneSum

COUNTED_CLASSES = (*CLASSES, UNCLASSIFIED)

Counts = dict[str, dict[str, dict[str, int]]]
"""line -> direction -> class -> vehicles, with explicit zeros; where no time was watched, only what was seen."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """`[start_ms, start_ms + width_ms)` in UTC; `counts` is None where nobody watched and nothing was counted.

    `crossings` are those that `counts` sums, in the order in which they were added; a late one crossed before the
    start. `zones` is by name, empty where there are none to watch, and None where nobody watched. `pictures` is the
    number of stills that cover some of its time; None where frames are followed. From `ok_share` of watched time on it
    is `ok`.
    """

    start_ms: int
    width_ms: int
    watched_ms: int
    counts: Counts | None
    crossings: tuple[Crossing, ...] = field(default=(), compare=False)  # `counts` says the same, and is what is sent
    zones: dict[str, ZoneCount] | None = field(default_factory=dict)
    pictures: int | None = None
    ok_share: float = field(default=DEFAULT.buckets.ok_share, compare=False, repr=False)

    @property
    def state(self) -> str:
        """`ok`, `partial` or `blind`. Between two stills nobody looked, so of stills it is never `ok`."""
        if self.counts is None:
            return "blind"
        if self.pictures is not None:
            return "partial"
        return "ok" if self.watched_ms >= self.ok_share * self.width_ms else "partial"


class _OpenBucket:
    """A bucket that still takes crossings."""

    __slots__ = ("counts", "crossings", "pictures", "start_ms", "watched_ms", "zones")

    def __init__(self, start_ms: int, lines: Sequence[str], zones: Sequence[str], waits_max: int) -> None:
        self.start_ms = start_ms
        self.watched_ms = self.pictures = 0
        self.crossings: list[Crossing] = []
        self.counts: Counts = {
            line: {direction: dict.fromkeys(COUNTED_CLASSES, 0) for direction in DIRECTIONS} for line in lines
        }
        self.zones = {zone: ZoneSum(waits_max) for zone in zones}

    def counts_in(self, watched_ms: int) -> Counts | None:
        """The counts of so much watched time; without watched time only what was counted all the same, and no zeros."""
        counts: Counts = {}
        for line, directions in self.counts.items():
            for way, classes in directions.items():
                some = {label: number for label, number in classes.items() if number or watched_ms > 0}
                if some:
                    counts.setdefault(line, {})[way] = some
        return counts if counts or watched_ms > 0 else None

    def hand_over(self, to: "_OpenBucket") -> None:
        """A bucket without watched time has no zones: who entered, left or was lost in it goes to another bucket."""
        if self.watched_ms == 0:
            for name, sums in self.zones.items():
                to.zones[name].take_over(sums)


class BucketCounter:
    """Sums crossings, and the occupancies of `zones`, into buckets of `width_ms`, aligned to UTC.

    A crossing becomes certain only after it happened, so a bucket stays open for `settle_ms` after its end. A crossing
    older than that (a truck that stood on the line for minutes) goes into the oldest bucket still open and is counted
    in `late`. Likewise a vehicle that entered or left a zone, or was lost, in a bucket without watched time goes to the
    next bucket that was watched, or to the last one of the run that was. In a run that ends blind nobody is told as
    lost since.

    A bucket also stays open while it is in doubt whether time of it was watched, at most `pending_ms_max` after its
    end. Time that turns out to be unwatched is in no `watched_ms` and in no mean of a zone. What crossed in it was seen
    and stays counted.

    `stills`: frames are single pictures, minutes apart perhaps, and each bucket has the number of them.
    """

    def __init__(
        self,
        lines: Sequence[str],
        *,
        zones: Sequence[str] = (),
        width_ms: int = CONFIGURED.bucket_ms,
        gap_ms: int = CONFIGURED.gap_ms,
        stills: bool = False,
        parameters: CountingParameters = DEFAULT,
    ) -> None:
        assert width_ms > 0, "a bucket has a width"
        assert parameters.buckets.settle_ms < width_ms, "a bucket settles before the next one ends"
        self.late = 0
        self.watched: list[tuple[int, int]] = []
        """The spans of time, in ms, that the last `advance` or `close` found to be watched."""
        self._lines = tuple(lines)
        self._zones = tuple(zones)
        self._width_ms = width_ms
        self._parameters = parameters.buckets
        self._look_back_ms = parameters.watched.look_back_ms
        self._open: deque[_OpenBucket] = deque()
        self._now_ms: int | None = None
        self._time = WatchedTime(gap_ms=gap_ms, parameters=parameters)
        self._stills = stills
        self._picture_ms: int | None = None  # the last frame, unless it was blind

    @property
    def decided_ms(self) -> int | None:
        """Before this it is decided which time was watched; None before the first frame of a run."""
        return self._time.decided_ms

    def advance(
        self,
        captured_ms: int,
        crossings: Sequence[Crossing],
        occupancies: Sequence[Occupancy] = (),
        *,
        watching: bool = True,
        since_ms: int | None = None,
    ) -> Iterator[Bucket]:
        """Take in a frame, its crossings and its occupancies; yields the buckets that it closes, oldest first.

        `watching` is False for a frame that shows nothing (covered, frozen). `since_ms` says when the symptom began
        that makes it so, or may yet do so; None if there is none.
        """
        assert self._now_ms is None or captured_ms >= self._now_ms, "time never steps back"
        if not self._open:
            self._open_at(captured_ms - captured_ms % self._width_ms)
        covered_ms = self._time.covered_ms(captured_ms)
        while covered_ms is not None and self._open[-1].start_ms + self._width_ms < covered_ms:
            self._open_next()
        if covered_ms is not None and self._picture_ms is not None:
            self._add_picture(Span(self._picture_ms, covered_ms))
        self._picture_ms = captured_ms if watching else None
        self._time.advance(captured_ms, occupancies, blind=not watching, since_ms=since_ms)
        self.watched = []
        self._add_watched(self._time.decide(captured_ms - self._look_back_ms))
        for occupancy in occupancies:  # they entered and left before this frame, in time that the one before covers
            self._open[-1].zones[occupancy.zone].add_events(occupancy)
        self._now_ms = captured_ms
        for crossing in crossings:
            self._add(crossing)
        # One bucket is opened after another and closed when settled, so a leap of years holds few at a time.
        while self._open[-1].start_ms + self._width_ms <= captured_ms:
            self._open_next()
            while self._settled(self._open[-1].start_ms):
                yield self._close_oldest()
        while self._settled(captured_ms):
            yield self._close_oldest()

    def peek(self) -> Bucket | None:
        """The newest open bucket as it stands, without its zones; it goes on. None before the first frame.

        Time in doubt is not watched until it is decided.
        """
        if not self._open:
            return None
        newest = self._open[-1]
        watched_ms = newest.watched_ms + sum(self._overlap(newest, span) for span in self._time.waiting())
        pictures = newest.pictures if self._stills else None
        return Bucket(
            newest.start_ms,
            self._width_ms,
            watched_ms,
            newest.counts_in(watched_ms),
            pictures=pictures,
            ok_share=self._parameters.ok_share,
        )

    def close(self, crossings: Sequence[Crossing] = (), occupancies: Sequence[Occupancy] = ()) -> Iterator[Bucket]:
        """Add the last crossings and yield the buckets still open, oldest first; then the counter is as new.

        Of the occupancies only who entered, left or was lost is used: no frame covers the time after the last one.
        """
        assert self._open or not (crossings or occupancies), "what happened needs a frame before it"
        self.watched = []
        self._add_watched(self._time.close())
        for crossing in crossings:
            self._add(crossing)
        for occupancy in occupancies:
            self._open[-1].zones[occupancy.zone].add_events(occupancy)
        watched = [bucket for bucket in self._open if bucket.watched_ms > 0]
        if watched:
            for bucket in self._open:
                bucket.hand_over(watched[-1])
        while self._open:
            yield self._close_oldest()
        self._now_ms = self._picture_ms = None

    def _add_picture(self, span: Span) -> None:
        """Count a still in every bucket of which it covers some time."""
        for bucket in self._open:
            bucket.pictures += self._overlap(bucket, span) > 0

    def _add_watched(self, spans: Sequence[Span]) -> None:
        self.watched += [(span.from_ms, span.to_ms) for span in spans]
        for span in spans:
            for bucket in self._open:
                for_ms = self._overlap(bucket, span)
                if for_ms > 0:
                    bucket.watched_ms += for_ms
                    for occupancy in span.occupancies:
                        bucket.zones[occupancy.zone].add_level(occupancy, for_ms)

    def _overlap(self, bucket: _OpenBucket, span: Span) -> int:
        """How much of the span lies in the bucket."""
        return max(0, min(span.to_ms, bucket.start_ms + self._width_ms) - max(span.from_ms, bucket.start_ms))

    def _add(self, crossing: Crossing) -> None:
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

    def _open_at(self, start_ms: int) -> None:
        self._open.append(_OpenBucket(start_ms, self._lines, self._zones, self._parameters.waits_max))

    def _open_next(self) -> None:
        self._open_at(self._open[-1].start_ms + self._width_ms)

    def _settled(self, now_ms: int) -> bool:
        """Whether the oldest bucket takes no more crossings at that time, and none of its time is in doubt."""
        end_ms = self._open[0].start_ms + self._width_ms
        doubt_ms = self._time.doubt_ms
        return end_ms + self._parameters.settle_ms <= now_ms and (doubt_ms is None or end_ms <= doubt_ms)

    def _close_oldest(self) -> Bucket:
        self._add_watched(self._time.decide(self._open[0].start_ms + self._width_ms))
        bucket = self._open.popleft()
        if self._open:
            bucket.hand_over(self._open[0])
        zones = {name: count for name, sums in bucket.zones.items() if (count := sums.close()) is not None}
        blind = bool(self._zones) and bucket.watched_ms == 0
        return Bucket(
            bucket.start_ms,
            self._width_ms,
            bucket.watched_ms,
            bucket.counts_in(bucket.watched_ms),
            tuple(bucket.crossings),
            None if blind else zones,
            bucket.pictures if self._stills else None,
            self._parameters.ok_share,
        )
