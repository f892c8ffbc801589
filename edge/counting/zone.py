"""A zone: the polygon of a queue."""

from dataclasses import dataclass
from math import hypot, inf

from edge.counting.ground_plane import Plane, Point
from edge.counting.parameters import CONFIGURED


@dataclass(frozen=True, slots=True)
class Zone:
    """A named polygon in pixels, what standing and parked mean in it, and its ground plane if that is known."""

    name: str
    polygon: tuple[Point, ...]
    standing_after_ms: int = CONFIGURED.standing_after_ms
    parked_after_ms: int = CONFIGURED.parked_after_ms
    parked_after_passed: int = CONFIGURED.parked_after_passed
    plane: Plane | None = None

    def __post_init__(self) -> None:
        assert len(self.polygon) >= 3, "a polygon has three corners at least"

    def holds(self, q: Point) -> bool:
        """Whether `q` is inside; where borders cross, by the even-odd rule."""
        x, y = q
        inside = False
        x1, y1 = self.polygon[-1]
        for x2, y2 in self.polygon:
            if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
                inside = not inside
            x1, y1 = x2, y2
        return inside

    def distance(self, q: Point) -> float:
        """Pixels from `q` to the nearest point of the border."""
        nearest = inf
        x1, y1 = self.polygon[-1]
        for x2, y2 in self.polygon:
            dx, dy, ex, ey = x2 - x1, y2 - y1, q[0] - x1, q[1] - y1
            length2 = dx * dx + dy * dy
            along = min(max((dx * ex + dy * ey) / length2, 0.0), 1.0) if length2 > 0.0 else 0.0
            nearest = min(nearest, hypot(ex - along * dx, ey - along * dy))
            x1, y1 = x2, y2
        return nearest
