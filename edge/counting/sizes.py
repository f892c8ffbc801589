"""How large a vehicle is for where it stands: trucks and buses are larger than cars, and no network is needed for that.

What is usual is learned on site from the vehicles that the detector calls cars: the logarithm of the side of their
boxes as a plane over the place on which they stand, fitted robustly (iteratively reweighted least squares, Huber 1964),
for some of them are vans. `update` gives each track its `size`: how far the logarithm of its own side lies above that
plane, and the variance of the plane there, which is large where few cars were seen, or none near. With fewer than
`cars_min` cars there is no plane. It is learned anew with every run, from the frames alone, so a replay is exact.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import exp, hypot, log, sqrt

from edge.counting.ground_plane import Plane, Point
from edge.counting.motion import Box, touches_edge
from edge.counting.naming import Size
from edge.counting.parameters import DEFAULT, CountingParameters, SizeParameters
from edge.counting.tracking import Track

CAR = "car"

Sighting = tuple[float, float, float]
"""Where on the picture (both in shares of its larger side), and the logarithm of the side of the box."""


class SiteSizes:
    """Learns from living tracks and the last `cars_max` cars; `picture` is its width and height in pixels."""

    def __init__(self, picture: tuple[int, int], parameters: CountingParameters = DEFAULT) -> None:
        self._picture = picture
        self._parameters = parameters.sizes
        self._edge_sides = parameters.occlusion.edge_sides
        self._living: dict[int, list[Sighting]] = {}
        self._cars: dict[int, list[Sighting]] = {}  # by track, in the order in which they were first taken for cars
        self._fitted = 0  # sightings that the plane was fitted through
        self._changed = 0  # sightings of cars since then
        self._plane: _SizePlane | None = None

    def update(self, captured_ms: int, tracks: Sequence[Track]) -> list[Track]:
        """The same tracks; those seen now with their size, where it is known."""
        living: dict[int, list[Sighting]] = {}
        for track in tracks:
            sightings = living[track.id] = self._living.get(track.id, [])
            if track.seen_ms == captured_ms and not track.part and not self._touches_edge(track.box):
                self._see(track, sightings)
        self._living = living
        if len(self._cars) >= self._parameters.cars_min and self._changed > self._parameters.refit_share * self._fitted:
            self._fit()
        plane = self._plane
        if plane is None:
            return list(tracks)
        return [replace(track, size=plane.size(living[track.id])) for track in tracks]

    @property
    def cars(self) -> int:
        """How many cars the sizes are learned from."""
        return len(self._cars)

    def car_side(self, point: Point) -> float:
        """The side of a car that stands at that point: the square root of the area of its box, in pixels."""
        assert self._plane is not None, "cars are known"
        return self._plane.side(point, self._picture)

    def ground(self) -> Plane | None:
        """The ground plane, as far as the sizes of cars tell it; None before they do.

        On a flat ground cars grow in proportion to their distance from the horizon, which gives the horizon and how
        high the camera is. Its focal length is not known: distances along the view are right to a third or so.
        """
        return None if self._plane is None else self._plane.ground(self._picture)

    def _see(self, track: Track, sightings: list[Sighting]) -> None:
        p, scale = self._parameters, max(self._picture)
        x1, y1, x2, y2 = track.box
        side = sqrt((x2 - x1) * (y2 - y1))
        one = ((x1 + x2) / 2.0 / scale, y2 / scale, log(side))
        if sightings:
            apart = hypot(one[0] - sightings[-1][0], one[1] - sightings[-1][1])
            if apart * scale < p.apart_heights * (y2 - y1):
                return
        sightings.append(one)
        del sightings[: -p.sightings_max]
        if track.voted_class == CAR:
            self._cars[track.id] = sightings
            self._changed += 1
            if len(self._cars) > p.cars_max:
                del self._cars[next(iter(self._cars))]
        else:
            self._cars.pop(track.id, None)

    def _touches_edge(self, box: Box) -> bool:
        return touches_edge(box, self._picture, self._edge_sides)

    def _fit(self) -> None:
        weighted = [(one, 1.0 / len(seen)) for seen in self._cars.values() for one in seen]
        self._plane = _SizePlane(weighted, self._parameters)
        self._fitted, self._changed = sum(map(len, self._cars.values())), 0


class _SizePlane:
    """The logarithm of the side of a car as a plane over the picture, and its variance."""

    __slots__ = ("across", "deviation", "down", "inverse", "parameters", "plane")

    def __init__(self, weighted: Sequence[tuple[Sighting, float]], parameters: SizeParameters) -> None:
        """Sightings of one vehicle weigh 1 together: they are hardly more than one."""
        self.parameters = parameters
        cars = sum(weight for _, weight in weighted)
        self.across = sum(weight * one[0] for one, weight in weighted) / cars
        self.down = sum(weight * one[1] for one, weight in weighted) / cars
        heights = sorted(one[2] for one, _ in weighted)
        self.plane = [heights[len(heights) // 2], 0.0, 0.0]  # at the middle of the cars, and slopes
        self.deviation = 1.0  # of the first round, in which every sighting counts
        self.inverse: tuple[tuple[float, float, float], ...] = ()
        for _ in range(parameters.rounds):
            self._step(weighted)

    def _step(self, weighted: Sequence[tuple[Sighting, float]]) -> None:
        """One round of reweighted least squares."""
        settings = self.parameters
        a = b = c = d = e = f = u = v = w = off = total = 0.0
        for (right, low, height), share in weighted:
            x, y = right - self.across, low - self.down
            residual = height - self._at(x, y)
            weight = share * min(1.0, settings.huber * self.deviation / max(abs(residual), 1e-9))
            a, b, c = a + weight, b + weight * x, c + weight * y
            d, e, f = d + weight * x * x, e + weight * x * y, f + weight * y * y
            u, v, w = u + weight * height, v + weight * x * height, w + weight * y * height
            off, total = off + weight * residual * residual, total + weight
        ridge = (settings.prior_deviation / settings.prior_slope) ** 2
        d, f = d + ridge, f + ridge
        self.deviation = max(settings.deviation_min, sqrt(off / total))
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
        """The side of a car there, in pixels."""
        scale = max(picture)
        return exp(self._at(point[0] / scale - self.across, point[1] / scale - self.down))

    def ground(self, picture: tuple[int, int]) -> Plane | None:
        """The ground on which the cars stand, by a camera that is level from side to side."""
        p = self.parameters
        slope = self.plane[2]
        if slope <= p.slope_deviations * self.deviation * sqrt(self.inverse[2][2]):
            return None
        scale = max(picture)
        below_horizon = scale / slope  # pixels, of the middle of the cars
        high_m = below_horizon / (exp(self.plane[0]) / p.car_side_m)
        horizon, middle = self.down * scale - below_horizon, picture[0] / 2.0
        return Plane(
            ((high_m, 0.0, -middle * high_m), (0.0, 0.0, p.focal_widths * picture[0] * high_m), (0.0, 1.0, -horizon))
        )

    def size(self, sightings: Sequence[Sighting]) -> Size | None:
        """The size of a vehicle: the median of its sightings; None if it has none."""
        if not sightings:
            return None
        above = sorted((height - self._at(x - self.across, y - self.down), x, y) for x, y, height in sightings)
        residual, x, y = above[len(above) // 2]
        place = (1.0, x - self.across, y - self.down)
        unsure = sum(place[i] * place[k] * self.inverse[i][k] for i in range(3) for k in range(3))
        return residual, self.deviation * self.deviation * unsure
