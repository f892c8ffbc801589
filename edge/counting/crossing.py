"""When a vehicle crosses a counting line (work in progress: only the types are settled)."""

from dataclasses import dataclass

DIRECTIONS = ("a_to_b", "b_to_a")
"""`a_to_b`: from the left-hand side of the arrow p1 -> p2, as seen in the picture, to its right-hand side."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class CountingLine:
    """A named polyline of two or more points, in pixels of the picture."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Crossing:
    """One vehicle over one line; `crossed_ms` is interpolated on the line, `share` is the class's share of the vote."""

    line: str
    direction: str
    label: str
    share: float
    crossed_ms: int
    track: int
