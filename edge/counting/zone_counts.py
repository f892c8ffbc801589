"""Occupancies of a zone over a bucket: who was in it, how many stood, how long those that left had waited.

Means are over watched time: an occupancy holds from its frame to the next one, as long as the frame covers time. Sums
are whole numbers, so that equal frames give equal bytes.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from edge.counting.detection import CLASSES, UNCLASSIFIED
from edge.counting.expected_wait import ExpectedWait
from edge.counting.hidden import HiddenLikely
from edge.counting.occupancy import Occupancy
from edge.counting.parameters import DEFAULT

TENTHS = 10
"""Lengths are summed as whole numbers of tenths of a metre."""


@dataclass(frozen=True, slots=True)
class Level:
    """A number over the watched time of a bucket: its mean (two decimals), its maximum, and the last one."""

    mean: float
    max: int
    end: int


@dataclass(frozen=True, slots=True)
class LengthLevel:
    """The same of a length, in metres (one decimal)."""

    mean: float
    max: float
    end: float


@dataclass(frozen=True, slots=True)
class Waits:
    """Of the waits that ended: half were no longer than `p50`, nine in ten no longer than `p90`; milliseconds."""

    p50: int
    p90: int
    max: int


@dataclass(frozen=True, slots=True)
class ZoneCount:
    """One zone over one bucket.

    `inside` are all vehicles, parked ones too; `standing` those that stand in the queue; `parked` and `by_class` (of
    those inside) are as at the end. `waited` of those that `left` had waited a known time, and `wait_ms` is of these;
    None if none had. `lost` ended inside without having been seen to leave. `queue_m` is None where no ground is known.
    `expected_ms` is the wait of a vehicle that joins the queue at the end, and `hidden_likely` an estimate of who is
    inside at the end and in none of the other numbers; None where that is not known. On stills `parked`, `entered`,
    `left`, `lost` and `waited` are not known and None, and `standing` and `queue_m` are over the time in which they are
    known.
    """

    inside: Level
    standing: Level | None
    parked: int | None
    by_class: dict[str, int]
    entered: int | None
    left: int | None
    lost: int | None
    waited: int | None
    wait_ms: Waits | None
    queue_m: LengthLevel | None
    expected_ms: ExpectedWait | None = None
    hidden_likely: HiddenLikely | None = None


@dataclass(slots=True, eq=False)
class _TimeWeighted:
    """A whole number over watched time."""

    _area: int = 0
    _for_ms: int = 0
    highest: int = 0
    last: int = 0

    @property
    def known(self) -> bool:
        """Whether it was known at any time."""
        return self._for_ms > 0

    def level(self) -> Level:
        """Mean, maximum and last value; it is known."""
        return Level(self.mean(), self.highest, self.last)

    def hold(self, number: int, for_ms: int) -> None:
        self.last = number
        self._area += number * for_ms
        self._for_ms += for_ms
        self.highest = max(self.highest, number)

    def mean(self, scale: int = 1, digits: int = 2) -> float:
        return round(self._area / (scale * self._for_ms), digits)


@dataclass(slots=True, eq=False)
class ZoneSum:
    """Sums the occupancies of one zone."""

    _waits_max: int = DEFAULT.buckets.waits_max
    _last: Occupancy | None = None
    _entered: int = 0
    _left: int = 0
    _lost: int = 0
    _waited: int = 0
    _longest_ms: int = 0
    _waits_ms: list[int] = field(default_factory=list)
    _inside: _TimeWeighted = field(default_factory=_TimeWeighted)
    _standing: _TimeWeighted = field(default_factory=_TimeWeighted)
    _queue: _TimeWeighted = field(default_factory=_TimeWeighted)

    def add_level(self, occupancy: Occupancy, for_ms: int) -> None:
        """The zone was so for that long."""
        self._last = occupancy
        self._inside.hold(occupancy.inside, for_ms)
        if occupancy.standing is not None:
            self._standing.hold(occupancy.standing, for_ms)
        if occupancy.queue_m is not None:
            self._queue.hold(round(TENTHS * occupancy.queue_m), for_ms)

    def add_events(self, occupancy: Occupancy) -> None:
        """Count who entered, left, was lost or waited since the frame before."""
        self._entered += occupancy.entered
        self._left += occupancy.left
        self._lost += occupancy.lost
        self._waited += len(occupancy.waits_ms)
        self._longest_ms = max(self._longest_ms, *occupancy.waits_ms, 0)
        self._waits_ms += occupancy.waits_ms[: self._waits_max - len(self._waits_ms)]

    def take_over(self, other: "ZoneSum") -> None:
        """Move the counts of who entered, left, was lost or waited from the other one to this one."""
        self._entered += other._entered
        self._left += other._left
        self._lost += other._lost
        self._waited += other._waited
        self._longest_ms = max(self._longest_ms, other._longest_ms)
        self._waits_ms += other._waits_ms[: self._waits_max - len(self._waits_ms)]
        other._entered = other._left = other._lost = other._waited = other._longest_ms = 0
        other._waits_ms = []

    def close(self) -> ZoneCount | None:
        """The zone over the bucket; None without watched time."""
        last = self._last
        if last is None:
            return None
        by_class = Counter(last.labels)
        waits = waits_of(self._waits_ms)
        queue_m = None
        if self._queue.known:
            queue_m = LengthLevel(
                self._queue.mean(TENTHS, digits=1), self._queue.highest / TENTHS, self._queue.last / TENTHS
            )
        followed = last.followed
        return ZoneCount(
            self._inside.level(),
            self._standing.level() if self._standing.known else None,
            last.parked if followed else None,
            {label: by_class[label] for label in (*CLASSES, UNCLASSIFIED)},
            self._entered if followed else None,
            self._left if followed else None,
            self._lost if followed else None,
            self._waited if followed else None,
            None if waits is None else Waits(waits.p50, waits.p90, self._longest_ms),
            queue_m,
            last.expected,
            last.hidden,
        )


def waits_of(waits_ms: Sequence[int]) -> Waits | None:
    """The percentiles of these waits, by nearest rank; None of none."""
    if not waits_ms:
        return None
    ordered = sorted(waits_ms)
    p50, p90 = (ordered[-(-percent * len(ordered) // 100) - 1] for percent in (50, 90))
    return Waits(p50, p90, ordered[-1])
