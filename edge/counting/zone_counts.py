"""What a bucket says of a zone: who was in it, how many stood, how long those that left had waited.

Means are over the time watched: an occupancy holds from its frame to the next one, as long as the frame vouches for.
What is summed are whole numbers, so that equal frames give equal bytes.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from edge.counting.detection import CLASSES, UNCLASSIFIED
from edge.counting.expected_wait import ExpectedWait
from edge.counting.hidden import HiddenLikely
from edge.counting.occupancy import Occupancy

WAITS_MAX = 10_000  # kept for the percentiles of one bucket; of more, they are those of the first ones
TENTHS = 10  # of a metre, the whole numbers in which lengths are summed


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
    those inside) are as at the end. `waited` of those that `left` had waited a known time, and `wait_ms` tells of them;
    None if none had. `lost` ended inside without having been seen to leave. `queue_m` is None where no ground is known.
    `expected` is what who joins the queue at the end is to wait, and `hidden` an estimate of who is inside at the end
    and in none of the other numbers; None where that is not known.
    On stills `parked`, `entered`, `left`, `lost` and `waited` are not known and None, and `standing` and `queue_m` are
    over the time in which they are known.
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
    expected: ExpectedWait | None = None
    hidden: HiddenLikely | None = None


class ZoneSum:
    """Sums the occupancies of one zone."""

    __slots__ = (
        "_entered",
        "_inside",
        "_last",
        "_left",
        "_longest_ms",
        "_lost",
        "_queue",
        "_standing",
        "_waited",
        "_waits_ms",
    )

    def __init__(self) -> None:
        self._inside = _Sum()
        self._standing = _Sum()
        self._queue = _Sum()
        self._last: Occupancy | None = None
        self._entered = self._left = self._lost = 0
        self._waited = self._longest_ms = 0
        self._waits_ms: list[int] = []

    def hold(self, occupancy: Occupancy, for_ms: int) -> None:
        """It was so for that long."""
        self._last = occupancy
        self._inside.hold(occupancy.inside, for_ms)
        if occupancy.standing is not None:
            self._standing.hold(occupancy.standing, for_ms)
        if occupancy.queue_m is not None:
            self._queue.hold(round(TENTHS * occupancy.queue_m), for_ms)

    def note(self, occupancy: Occupancy) -> None:
        """Who came and went since the frame before."""
        self._entered += occupancy.entered
        self._left += occupancy.left
        self._lost += occupancy.lost
        self._waited += len(occupancy.waits_ms)
        self._longest_ms = max(self._longest_ms, *occupancy.waits_ms, 0)
        self._waits_ms += occupancy.waits_ms[: WAITS_MAX - len(self._waits_ms)]

    def take(self, other: "ZoneSum") -> None:
        """Tell who came and went there, too; the other one does not tell it any more."""
        self._entered += other._entered
        self._left += other._left
        self._lost += other._lost
        self._waited += other._waited
        self._longest_ms = max(self._longest_ms, other._longest_ms)
        self._waits_ms += other._waits_ms[: WAITS_MAX - len(self._waits_ms)]
        other._entered = other._left = other._lost = other._waited = other._longest_ms = 0
        other._waits_ms = []

    def close(self) -> ZoneCount | None:
        """What there is to say; None if nobody watched."""
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
    """The percentiles of these waits: the least of them that so many are no longer than (nearest rank)."""
    if not waits_ms:
        return None
    ordered = sorted(waits_ms)
    p50, p90 = (ordered[-(-percent * len(ordered) // 100) - 1] for percent in (50, 90))
    return Waits(p50, p90, ordered[-1])


class _Sum:
    """A whole number over time."""

    __slots__ = ("_area", "_for_ms", "highest", "last")

    def __init__(self) -> None:
        self._area = 0
        self._for_ms = 0
        self.highest = 0
        self.last = 0

    @property
    def known(self) -> bool:
        """Whether it was ever told."""
        return self._for_ms > 0

    def level(self) -> Level:
        """All three numbers; it is known."""
        return Level(self.mean(), self.highest, self.last)

    def hold(self, number: int, for_ms: int) -> None:
        self.last = number
        self._area += number * for_ms
        self._for_ms += for_ms
        self.highest = max(self.highest, number)

    def mean(self, scale: int = 1, digits: int = 2) -> float:
        return round(self._area / (scale * self._for_ms), digits)
