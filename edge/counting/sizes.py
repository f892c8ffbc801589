"""How large a vehicle is for where it stands: trucks and buses are larger than cars, and no network is needed for that.

What is usual is learned on site from the vehicles that the detector calls cars: the logarithm of the side of their
boxes as a plane over the place on which they stand, fitted robustly (iteratively reweighted least squares, Huber 1964),
for some of them are vans. `update` gives each track its `size`: how far the logarithm of its own side lies above that
plane, and the variance of the plane there, which is large where few cars were seen, or none near. With fewer than
CARS_KNOWN cars there is no plane. It is learned anew with every run, from the frames alone, so a replay is exact.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import exp, hypot, log, sqrt

from edge.counting.ground_plane import Plane, Point
from edge.counting.motion import Box
from edge.counting.tracking import Track

EDGE_SHARE = 0.05  # of the side of a box: nearer to the edge of the picture, it may end there
APART_HEIGHTS = 0.5  # between two sightings of a vehicle that are kept
SIGHTINGS_MAX = 8  # of one vehicle: those seen last
CARS_KNOWN = 6
CARS_MAX = 150  # the plane is that of the cars seen last
REFIT_SHARE = 0.1  # more sightings than the plane was fitted through
ROUNDS = 6
HUBER = 1.3  # deviations from which a sighting counts less
DEVIATION_MIN = 0.05
SPREAD = 0.15  # of the logarithm within cars, before it is known
SLOPE_KNOWN = 2.0  # of the logarithm over the picture: steeper planes are unlikely
CAR = "car"
CAR_SIDE_M = 2.2  # the square root of the area that a car shows, seen along the road or across
FOCAL_WIDTHS = 0.87  # focal length of a camera whose angle of view is 60 degrees: the ground along the view needs one
SLOPE_SURE = 2.0  # standard deviations by which cars must grow towards the lower edge of the picture

Sighting = tuple[float, float, float]
"""Where on the picture (both in shares of its larger side), and the logarithm of the side of the box."""
Size = tuple[float, float]
"""How far above what is usual, and the variance of what is usual there."""


class SiteSizes:
    """Remembers living tracks and the last CARS_MAX cars; `picture` is its width and height in pixels."""

    def __init__(self, picture: tuple[int, int]) -> None:
        self._picture = picture
        self._living: dict[int, list[Sighting]] = {}
        self._cars: dict[int, list[Sighting]] = {}  # by track, in the order in which they were first taken for cars
        self._fitted = 0  # sightings that the plane was fitted through
        self._changed = 0  # sightings of cars since then
        self._plane: _Plane | None = None

    def update(self, captured_ms: int, tracks: Sequence[Track]) -> list[Track]:
        """The same tracks; those seen now with their size, where it is known."""
        living: dict[int, list[Sighting]] = {}
        for track in tracks:
            sightings = living[track.id] = self._living.get(track.id, [])
            if track.seen_ms == captured_ms and not track.part and not self._is_at_edge(track.box):
                self._see(track, sightings)
        self._living = living
        if len(self._cars) >= CARS_KNOWN and self._changed > REFIT_SHARE * self._fitted:
            self._fit()
        plane = self._plane
        if plane is None:
            return list(tracks)
        return [replace(track, size=plane.size(living[track.id])) for track in tracks]

    @property
    def cars(self) -> int:
        """How many the sizes are learned from."""
        return len(self._cars)

    def car_side(self, point: Point) -> float:
        """How large cars are where they stand there: the square root of the area of their boxes, in pixels."""
        assert self._plane is not None, "cars are known"
        return self._plane.side(point, self._picture)

    def ground(self) -> Plane | None:
        """The ground in metres, as far as the sizes of cars tell it; None before they do.

        On a flat ground cars grow in proportion to their distance from the horizon, which gives the horizon and how
        high the camera is. Its focal length is not known: distances along the view are right to a third or so.
        """
        return None if self._plane is None else self._plane.ground(self._picture)

    def _see(self, track: Track, sightings: list[Sighting]) -> None:
        x1, y1, x2, y2 = track.box
        scale = max(self._picture)
        side = sqrt((x2 - x1) * (y2 - y1))
        one = ((x1 + x2) / 2.0 / scale, y2 / scale, log(side))
        if sightings:
            apart = hypot(one[0] - sightings[-1][0], one[1] - sightings[-1][1])
            if apart * scale < APART_HEIGHTS * (y2 - y1):
                return
        sightings.append(one)
        del sightings[:-SIGHTINGS_MAX]
        if track.form == CAR:
            self._cars[track.id] = sightings
            self._changed += 1
            if len(self._cars) > CARS_MAX:
                del self._cars[next(iter(self._cars))]
        else:
            self._cars.pop(track.id, None)

    def _is_at_edge(self, box: Box) -> bool:
        x1, y1, x2, y2 = box
        wide, high = self._picture
        across, down = EDGE_SHARE * (x2 - x1), EDGE_SHARE * (y2 - y1)
        return x1 < across or y1 < down or x2 > wide - across or y2 > high - down

    def _fit(self) -> None:
        self._plane = _Plane([(one, 1.0 / len(seen)) for seen in self._cars.values() for one in seen])
        self._fitted, self._changed = sum(map(len, self._cars.values())), 0


class _Plane:
    """What is usual over the picture, and the variance of it."""

    __slots__ = ("across", "down", "inverse", "plane", "spread")

    def __init__(self, weighted: Sequence[tuple[Sighting, float]]) -> None:
        """Sightings of one vehicle weigh 1 together: they are hardly more than one."""
        cars = sum(weight for _, weight in weighted)
        self.across = sum(weight * one[0] for one, weight in weighted) / cars
        self.down = sum(weight * one[1] for one, weight in weighted) / cars
        heights = sorted(one[2] for one, _ in weighted)
        self.plane = [heights[len(heights) // 2], 0.0, 0.0]  # at the middle of the cars, and slopes
        self.spread = 1.0  # of the first round, which lets every sighting count
        self.inverse: tuple[tuple[float, float, float], ...] = ()
        for _ in range(ROUNDS):
            self._step(weighted)

    def _step(self, weighted: Sequence[tuple[Sighting, float]]) -> None:
        a = b = c = d = e = f = u = v = w = off = total = 0.0
        for (right, low, height), share in weighted:
            x, y = right - self.across, low - self.down
            residual = height - self._at(x, y)
            weight = share * min(1.0, HUBER * self.spread / max(abs(residual), 1e-9))
            a, b, c = a + weight, b + weight * x, c + weight * y
            d, e, f = d + weight * x * x, e + weight * x * y, f + weight * y * y
            u, v, w = u + weight * height, v + weight * x * height, w + weight * y * height
            off, total = off + weight * residual * residual, total + weight
        ridge = (SPREAD / SLOPE_KNOWN) ** 2
        d, f = d + ridge, f + ridge
        self.spread = max(DEVIATION_MIN, sqrt(off / total))
        p, q, r = d * f - e * e, c * e - b * f, b * e - c * d
        whole = a * p + b * q + c * r
        s, t, z = a * f - c * c, b * c - a * e, a * d - b * b
        self.inverse = (
            (p / whole, q / whole, r / whole),
            (q / whole, s / whole, t / whole),
            (r / whole, t / whole, z / whole),
        )
        self.plane = [i * u + j * v + k * w for i, j, k in self.inverse]

    def _at(self, x: float, y: float) -> float:
        return self.plane[0] + self.plane[1] * x + self.plane[2] * y

    def side(self, point: Point, picture: tuple[int, int]) -> float:
        """How large a car is there, in pixels."""
        scale = max(picture)
        return exp(self._at(point[0] / scale - self.across, point[1] / scale - self.down))

    def ground(self, picture: tuple[int, int]) -> Plane | None:
        """The ground on which the cars stand, seen level from side to side."""
        slope = self.plane[2]
        if slope <= SLOPE_SURE * self.spread * sqrt(self.inverse[2][2]):
            return None
        scale = max(picture)
        below_horizon = scale / slope  # pixels, of the middle of the cars
        high_m = below_horizon / (exp(self.plane[0]) / CAR_SIDE_M)
        horizon, middle = self.down * scale - below_horizon, picture[0] / 2.0
        return Plane(
            ((high_m, 0.0, -middle * high_m), (0.0, 0.0, FOCAL_WIDTHS * picture[0] * high_m), (0.0, 1.0, -horizon))
        )

    def size(self, sightings: Sequence[Sighting]) -> Size | None:
        """Of a vehicle by its sightings, the middle one of them; None of one that has none."""
        if not sightings:
            return None
        above = sorted((height - self._at(x - self.across, y - self.down), x, y) for x, y, height in sightings)
        residual, x, y = above[len(above) // 2]
        place = (1.0, x - self.across, y - self.down)
        unsure = sum(place[i] * place[k] * self.inverse[i][k] for i in range(3) for k in range(3))
        return residual, self.spread * self.spread * unsure
