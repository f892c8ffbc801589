"""The ground in metres: a plane through four known points, and how long a queue on it is.

The mapping from the picture to a flat road is a homography, and four points fix it (Hartley and Zisserman 2004, section
2.3): both quadrangles are written as images of one projective frame, so that 3 x 3 matrices are all there is to solve.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot

from edge.counting.parameters import DEFAULT

Point = tuple[float, float]
Row = tuple[float, float, float]
Matrix = tuple[Row, Row, Row]
Quadrangle = tuple[Point, Point, Point, Point]

FLAT = 1e-9
"""Numerical tolerance, relative to the square of the extent: points that span less lie on one straight line."""


@dataclass(frozen=True, slots=True)
class Plane:
    """The map from pixels to metres on flat ground, a homography."""

    matrix: Matrix

    def metres(self, point: Point) -> Point | None:
        """The place on the ground at that pixel, in metres; None at the horizon and above it."""
        (a, b, c), (d, e, f), (g, h, i) = self.matrix
        x, y = point
        depth = g * x + h * y + i
        return ((a * x + b * y + c) / depth, (d * x + e * y + f) / depth) if depth > 0.0 else None

    def pixel(self, place: Point) -> Point | None:
        """The pixel of that place on the ground; None for one that the camera cannot see."""
        (a, b, c), (d, e, f), (g, h, i) = _inverse(self.matrix)
        x, y = place
        depth = g * x + h * y + i
        found = ((a * x + b * y + c) / depth, (d * x + e * y + f) / depth) if depth != 0.0 else None
        return found if found is not None and self.metres(found) is not None else None


def plane_through(points: Quadrangle, metres: Quadrangle) -> Plane | None:
    """The plane on which these four pixels are these four places in metres; None if no camera sees them so.

    That is so where three of them lie on one straight line, or where the two quadrangles have different orientation.
    """
    seen, known = _shares(points), _shares(metres)
    if seen is None or known is None or any(s * k <= 0.0 for s, k in zip(seen, known, strict=True)):
        return None
    return Plane(_product(_frame(metres, known), _inverse(_frame(points, seen))))


@dataclass(frozen=True, slots=True)
class Queuer:
    """A vehicle in a queue: where it is in metres, how far up in the picture (y in pixels), how long it is.

    One that does not stand just now has stood before: the queue creeps on.
    """

    place: Point
    y_px: float
    length_m: float
    standing: bool


def queue_length_m(queuers: Sequence[Queuer], link_m: float = DEFAULT.ground.link_m) -> float:
    """From the first to the last standing vehicle of the longest queue, in a straight line; 0 where none stands.

    A queue is a chain of vehicles with no more than `link_m` from one ground point to the next. A camera shows the near
    end of every vehicle, so the length of the farther one of the two is added.
    """
    longest_m = 0.0
    for chain in _chains(queuers, link_m):
        standing = [queuer for queuer in chain if queuer.standing]
        if not standing:
            continue
        apart_m, first, last = max(
            (
                (_apart_m(one, other), at, at + further)
                for at, one in enumerate(standing)
                for further, other in enumerate(standing[at:])
            ),
        )
        far = min(standing[first], standing[last], key=lambda queuer: queuer.y_px)
        longest_m = max(longest_m, apart_m + far.length_m)
    return longest_m


def _chains(queuers: Sequence[Queuer], link_m: float) -> list[list[Queuer]]:
    chains = []
    left = list(queuers)
    while left:
        chain = [left.pop()]
        for member in chain:  # grows while it is walked
            near = [other for other in left if _apart_m(member, other) <= link_m]
            left = [other for other in left if _apart_m(member, other) > link_m]
            chain += near
        chains.append(chain)
    return chains


def polygon_area(polygon: Sequence[Point]) -> float:
    """In the square of the unit of its corners, whichever way round they are given."""
    corners = zip(polygon, (*polygon[1:], polygon[0]), strict=True)
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in corners)) / 2.0


def _apart_m(one: Queuer, other: Queuer) -> float:
    return hypot(one.place[0] - other.place[0], one.place[1] - other.place[1])


def _shares(points: Quadrangle) -> Row | None:
    """The fourth point as a weighted sum of the first three; None if three of the four are on one straight line."""
    p, q, r, s = points
    whole, shares = _area(p, q, r), (_area(s, q, r), _area(p, s, r), _area(p, q, s))
    extent = max(hypot(x - p[0], y - p[1]) for x, y in points)
    if min(abs(whole), *map(abs, shares)) <= FLAT * extent * extent:
        return None
    return shares[0] / whole, shares[1] / whole, shares[2] / whole


def _area(p: Point, q: Point, r: Point) -> float:
    return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])


def _frame(points: Quadrangle, shares: Row) -> Matrix:
    """The matrix that takes the three unit vectors and their sum to the four points."""
    (x1, y1), (x2, y2), (x3, y3), _ = points
    a, b, c = shares
    return (a * x1, b * x2, c * x3), (a * y1, b * y2, c * y3), (a, b, c)


def _inverse(matrix: Matrix) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    cofactors = e * i - f * h, f * g - d * i, d * h - e * g
    whole = a * cofactors[0] + b * cofactors[1] + c * cofactors[2]
    return (
        (cofactors[0] / whole, (c * h - b * i) / whole, (b * f - c * e) / whole),
        (cofactors[1] / whole, (a * i - c * g) / whole, (c * d - a * f) / whole),
        (cofactors[2] / whole, (b * g - a * h) / whole, (a * e - b * d) / whole),
    )


def _product(left: Matrix, right: Matrix) -> Matrix:
    columns = tuple(zip(*right, strict=True))
    rows = [tuple(sum(a * b for a, b in zip(row, column, strict=True)) for column in columns) for row in left]
    return rows[0], rows[1], rows[2]  # type: ignore[return-value]  # each has three numbers
