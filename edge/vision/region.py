"""Which part of the picture the detector looks at: enough around the lines, and no sky."""

from collections.abc import Iterable

from edge.counting.crossing import Point

Region = tuple[int, int, int, int]
"""x1, y1, x2, y2 in whole pixels."""


def region_around(points: Iterable[Point], width: int, height: int, aspect: float, margin: float = 0.3) -> Region:
    """The smallest part of a width x height picture, of the detector's aspect ratio where it fits, around `points`.

    `margin` is left free on every side, in parts of the shorter side of the picture: vehicles must be seen before and
    after the line. Vehicles then come to the detector as large as can be at no cost.
    """
    places = list(points)
    free = margin * min(width, height)
    x1, x2 = min(x for x, _ in places) - free, max(x for x, _ in places) + free
    y1, y2 = min(y for _, y in places) - free, max(y for _, y in places) + free
    wide = min(max(x2 - x1, (y2 - y1) * aspect), width)
    high = min(max(y2 - y1, wide / aspect), height)
    left = min(max((x1 + x2 - wide) / 2, 0.0), width - wide)
    top = min(max((y1 + y2 - high) / 2, 0.0), height - high)
    return int(left), int(top), int(left + wide), int(top + high)
