"""Since when a vehicle is where it is: told from boxes that tremble.

A vehicle comes to a place (the *mark*) where it is when it has moved away from the one before, and it has moved when it
is farther from the mark than the reach. It may roll on within the reach before it rests; so where it *rests* is known
apart, as the mean of where it was seen, and to have moved it must be clear of its rest, too, or its trembling would do.
Where it is, for the border of a zone, is the mean over the last second: on one that rolls on, the rest lags behind.
Every second counts as many times as it is reaches too far away, and STRAYED_S of them are a move; closer than that the
sum goes down again. A vehicle that is back at its rest within RETURN_MS was never away: its box was another's.
Its speed is the distance of two means, over a shorter and a longer time, by the difference of these times.
"""

from math import hypot
from typing import NamedTuple

from edge.counting.crossing import Point
from edge.counting.motion import Box

STRAYED_S = 0.15
STRAYED_REACHES = 3.0  # counted at once, at most: one wild box is no journey
UNSEEN_S = 0.5  # counted between two sightings, at most: of a longer time neither of them tells much
CLEAR_SHARE = 0.5  # of the reach: trembling goes rarely as far
CALM_S = 0.3  # a box trembles by a share of its width: one wider than high is smoothed for so much longer per height
CALM_HEIGHTS = 3.0
REACH_PX_MIN = 2.0
MARK_S = 1.0  # the mark is the mean over so long
REST_S = 30.0  # and the rest over so long, at most
LATELY_S = 1.0  # and where it is now, over so long
SETTLED_MS = 1_000  # after so long a stay, a mean tells better where it is than the point
RETURN_MS = 2_000
SPEED_S = (0.3, 1.0)  # the times of the two means


class Stay:
    """Where one vehicle stays; what is remembered does not grow with time.

    `began_ms` is when it came to its place; `from_birth` says that it was first seen there.
    """

    __slots__ = (
        "_age_s",
        "_former",
        "_height",
        "_lately",
        "_mark",
        "_means",
        "_rest",
        "_seen_ms",
        "_strayed_s",
        "began_ms",
        "from_birth",
        "point",
    )

    def __init__(self, point: Point, born_ms: int) -> None:
        self.point = point
        self.began_ms = born_ms
        self.from_birth = True
        self._mark = self._rest = self._lately = point
        self._seen_ms = born_ms
        self._means = (point, point)
        self._age_s = 0.0
        self._height = 1.0
        self._strayed_s = 0.0
        self._former: _Former | None = None

    @property
    def settled(self) -> bool:
        """Whether it is known to stay: then it does so while it is not seen."""
        return self._seen_ms - self.began_ms >= SETTLED_MS

    @property
    def where(self) -> Point:
        """Where one that stays was lately, on average; else the point where it is."""
        return self._lately if self.settled else self.point

    @property
    def speed(self) -> float:
        """Over about the last second before it was seen last, in box heights per second; 0 of one just born."""
        soon_s, second_s = (min(self._age_s, mean_s) for mean_s in SPEED_S)
        return _apart(*self._means) / (second_s - soon_s) / self._height if second_s > soon_s else 0.0

    def see(self, point: Point, box: Box, seen_ms: int, reach_share: float) -> None:
        """Take in a sighting: its ground point now. `reach_share` is the reach in box heights."""
        elapsed_s = (seen_ms - self._seen_ms) / 1000.0
        self._seen_ms = seen_ms
        if elapsed_s <= 0.0:
            return
        x1, y1, x2, y2 = box
        self._age_s, self._height = self._age_s + elapsed_s, y2 - y1
        soon, second = (
            _between(mean, point, elapsed_s / (min(self._age_s, mean_s) + elapsed_s))
            for mean, mean_s in zip(self._means, SPEED_S, strict=True)
        )
        self._means = soon, second
        calm_s = CALM_S * min(max((x2 - x1) / (y2 - y1) - 1.0, 0.0), CALM_HEIGHTS)
        self.point = _between(self.point, point, elapsed_s / (elapsed_s + calm_s))
        self._lately = _between(self._lately, self.point, elapsed_s / (elapsed_s + LATELY_S))
        reach = max(reach_share * (y2 - y1), REACH_PX_MIN)
        clear = CLEAR_SHARE * reach
        if self._former is not None and self._returns(seen_ms, clear):
            return
        away = min(_apart(self.point, self._mark) / reach, _apart(self.point, self._rest) / clear)
        counted_s = min(elapsed_s, UNSEEN_S)
        self._strayed_s = max(self._strayed_s + min(away - 1.0, STRAYED_REACHES) * counted_s, 0.0)
        if self._strayed_s > STRAYED_S:
            self._go(seen_ms)
        elif away <= 1.0:
            before_s = (seen_ms - self.began_ms) / 1000.0
            if before_s <= MARK_S:
                self._mark = _between(self._mark, self.point, elapsed_s / (before_s + elapsed_s))
            self._rest = _between(self._rest, self.point, elapsed_s / (min(before_s, REST_S) + elapsed_s))

    def go_on(self, lost: "Stay") -> None:
        """Be the continuation of another's stay, unless this one came here from elsewhere."""
        if self.from_birth and lost.began_ms < self.began_ms:
            self.began_ms, self.from_birth = lost.began_ms, lost.from_birth

    def _go(self, now_ms: int) -> None:
        """Begin a stay where it is now."""
        if self.settled:
            self._former = _Former(now_ms, self.began_ms, self.from_birth, self._mark, self._rest)
        self._strayed_s = 0.0
        self._mark = self._rest = self._lately = self.point
        self.began_ms, self.from_birth = now_ms, False

    def _returns(self, now_ms: int, clear: float) -> bool:
        """Take up the stay before, if it is back there; forget that in time."""
        former = self._former
        assert former is not None, "it was elsewhere before"
        if now_ms - former.left_ms > RETURN_MS:
            self._former = None
        elif _apart(self.point, former.rest) < clear:
            self.began_ms, self.from_birth, self._mark, self._rest = former[1:]
            self._strayed_s, self._former = 0.0, None
            return True
        return False


class _Former(NamedTuple):
    """A stay that seems to be over."""

    left_ms: int
    began_ms: int
    from_birth: bool
    mark: Point
    rest: Point


def _apart(p: Point, q: Point) -> float:
    return hypot(p[0] - q[0], p[1] - q[1])


def _between(p: Point, q: Point, share: float) -> Point:
    return p[0] + share * (q[0] - p[0]), p[1] + share * (q[1] - p[1])
