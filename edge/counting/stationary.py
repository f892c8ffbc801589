"""Since when a vehicle is at its place: told from boxes that tremble. The numbers are `StationaryParameters`.

A vehicle arrives at a place (the *mark*) where it is when it has moved away from the one before, and it has moved when
it is farther from the mark than the reach. It may roll on within the reach before it rests, so the place where it
*rests*, the mean of its sightings, is kept apart: to have moved it must be clear of its rest, too, or trembling would
be enough. Where it is now, for the border of a zone, is the mean over the last second: on one that creeps, the rest
lags. Time beyond the reach counts as many times as it is reaches too far away, and a sum of `strayed_s` is a move;
within the reach the sum goes down again. A vehicle that is back at its rest within `return_ms` was never away: its box
was another's. The speed is the difference of two means over a shorter and a longer time, divided by that of these
times.
"""

from dataclasses import dataclass, field
from math import hypot
from typing import NamedTuple

from edge.counting.crossing import Point
from edge.counting.motion import Box
from edge.counting.parameters import DEFAULT, StationaryParameters


@dataclass(slots=True, eq=False)
class Stay:
    """The place of one vehicle; its state does not grow with time.

    `point` is its ground point in pixels, `began_ms` when it arrived there; `from_birth` says that it was first seen
    there.
    """

    point: Point
    began_ms: int
    _parameters: StationaryParameters = DEFAULT.stationary
    from_birth: bool = True
    _mark: Point = field(init=False)
    _rest: Point = field(init=False)
    _recent: Point = field(init=False)
    _means: tuple[Point, Point] = field(init=False)
    _seen_ms: int = field(init=False)
    _age_s: float = 0.0
    _height: float = 1.0
    _strayed_s: float = 0.0
    _former: "_Former | None" = None

    def __post_init__(self) -> None:
        self._mark = self._rest = self._recent = self.point
        self._means = self.point, self.point
        self._seen_ms = self.began_ms

    @property
    def settled(self) -> bool:
        """Whether it has stayed for long enough to stay there while it is not seen."""
        return self._seen_ms - self.began_ms >= self._parameters.settled_ms

    @property
    def where(self) -> Point:
        """Ground point in pixels: the recent mean of one that has settled, else the last point."""
        return self._recent if self.settled else self.point

    @property
    def speed(self) -> float:
        """Over about the last second before it was seen last, in box heights per second; 0 of one just born."""
        p = self._parameters
        short_s, long_s = min(self._age_s, p.speed_short_s), min(self._age_s, p.speed_long_s)
        return _apart(*self._means) / (long_s - short_s) / self._height if long_s > short_s else 0.0

    def see(self, point: Point, box: Box, seen_ms: int) -> None:
        """Take in a sighting: its ground point and box in pixels, and when."""
        p = self._parameters
        elapsed_s = (seen_ms - self._seen_ms) / 1000.0
        self._seen_ms = seen_ms
        if elapsed_s <= 0.0:
            return
        x1, y1, x2, y2 = box
        self._age_s, self._height = self._age_s + elapsed_s, y2 - y1
        short, long = self._means
        self._means = (
            _between(short, point, elapsed_s / (min(self._age_s, p.speed_short_s) + elapsed_s)),
            _between(long, point, elapsed_s / (min(self._age_s, p.speed_long_s) + elapsed_s)),
        )
        smoothing_s = p.smoothing_s * min(max((x2 - x1) / (y2 - y1) - 1.0, 0.0), p.smoothing_heights_max)
        self.point = _between(self.point, point, elapsed_s / (elapsed_s + smoothing_s))
        self._recent = _between(self._recent, self.point, elapsed_s / (elapsed_s + p.recent_s))
        reach = max(p.reach_share * (y2 - y1), p.reach_px_min)
        clear = p.clear_share * reach
        if self._former is not None and self._returns(seen_ms, clear):
            return
        away = min(_apart(self.point, self._mark) / reach, _apart(self.point, self._rest) / clear)
        counted_s = min(elapsed_s, p.unseen_s_max)
        self._strayed_s = max(self._strayed_s + min(away - 1.0, p.strayed_reaches_max) * counted_s, 0.0)
        if self._strayed_s > p.strayed_s:
            self._begin(seen_ms)
        elif away <= 1.0:
            before_s = (seen_ms - self.began_ms) / 1000.0
            if before_s <= p.mark_s:
                self._mark = _between(self._mark, self.point, elapsed_s / (before_s + elapsed_s))
            self._rest = _between(self._rest, self.point, elapsed_s / (min(before_s, p.rest_s) + elapsed_s))

    def continue_from(self, lost: "Stay") -> None:
        """Continue the stay of a lost track, unless this vehicle came here from elsewhere."""
        if self.from_birth and lost.began_ms < self.began_ms:
            self.began_ms, self.from_birth = lost.began_ms, lost.from_birth

    def _begin(self, now_ms: int) -> None:
        """Begin a new stay where the vehicle is now."""
        if self.settled:
            self._former = _Former(now_ms, self.began_ms, self.from_birth, self._mark, self._rest)
        self._strayed_s = 0.0
        self._mark = self._rest = self._recent = self.point
        self.began_ms, self.from_birth = now_ms, False

    def _returns(self, now_ms: int, clear: float) -> bool:
        """Continue the stay before if the vehicle is back there; forget that stay in time."""
        former = self._former
        assert former is not None, "it was elsewhere before"
        if now_ms - former.left_ms > self._parameters.return_ms:
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
