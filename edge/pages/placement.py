"""Advice on the position of a counting line, from where vehicles went. Pure.

The rules; each needs `VEHICLES_MIN` vehicles. Near is within a box height of the line, at it
within `AT_HEIGHTS` (counting asks for a quarter on either side, unless configured otherwise). Whatever
moves by less than a box height while it is watched (a parked car, a false alarm) has no part in rules 2 to 5.

1. Too small: the median box height near the line is under `HEIGHT_PX_MIN` of the detector's pixels, or, where a second
   look names vehicles from the picture itself, under `NAMED_PX_MIN` of the picture's. What helps depends on whether the
   picture is enlarged for the detector: then only more pixels from the camera do.
2. At the edge: of `CUT_SHARE` of the vehicles that come near, the box touches the edge of the picture at the line.
3. Where they come and go: `BROKEN_SHARE` of the vehicles that come near are first or last seen at the line.
4. Along it: the median angle between the ways of vehicles that come near and the line is under `ANGLE_MIN_DEGREES`.
5. Beside it: `BESIDE_SHARE` of the vehicles that come to the line pass an end of it.
6. Outside: no region that the detector looks at holds the whole line. (Needs no vehicle.)
"""

from collections.abc import Sequence
from itertools import pairwise
from math import asin, degrees, hypot
from statistics import median

from edge.counting.crossing import CountingLine, Point
from edge.counting.motion import Box
from edge.pages.trails import Trail
from edge.vision.region import Region

VEHICLES_MIN = 4
HEIGHT_PX_MIN = 14.0
NAMED_PX_MIN = 24.0  # of the real clips' vans, trucks and buses 3 of 11 were named right below it, 42 of 61 up to 40
CUT_SHARE = 0.3
BROKEN_SHARE = 0.3
BESIDE_SHARE = 0.2
AT_HEIGHTS = 0.4
ANGLE_MIN_DEGREES = 20.0
EDGE_PX = 2.0
OUTSIDE = "A part of this line lies outside of what the detector looks at: vehicles there are not counted."
FEW_PIXELS = (
    "Draw it nearer to the camera, or take more pixels from the camera: its main stream, a higher resolution, a longer"
    " lens."
)
SHRUNK = (
    "Draw it nearer to the camera, or make it shorter and draw other lines and zones close to it: the detector shrinks"
    " the picture, and a smaller part of it less."
)
BESIDE_HEIGHTS = 2.0  # how far from an end a vehicle is still beside the line, in box heights


def advice_on(
    line: CountingLine,
    trails: Sequence[Trail],
    size: tuple[int, int],
    views: Sequence[tuple[Region, float]],
    *,
    named: bool = False,
) -> list[str]:
    """Sentences on what is wrong with the line, the worst first; empty if nothing is.

    `size` is that of the picture; `views` are the regions of it that the detector looks at, each with how many of the
    detector's pixels one of the picture is there. `named`: whether a second look names vehicles.
    """
    zooms = [zoom for view, zoom in views if _is_in(line, view)]
    advice = [] if zooms else [OUTSIDE]
    near = [trail for trail in trails if any(_is_near(line, box) for box in trail.boxes)]
    moving = [trail for trail in trails if _moves(trail)]
    advice += _beside(line, moving)
    if len(near) < VEHICLES_MIN:
        return advice
    advice += _small(line, near, max(zooms or (zoom for _, zoom in views)), named=named)
    near = [trail for trail in near if _moves(trail)]
    if len(near) < VEHICLES_MIN:
        return advice
    return [*advice, *_cut(line, near, size), *_broken(line, near), *_along(line, near)]


def _is_in(line: CountingLine, region: Region) -> bool:
    x1, y1, x2, y2 = region
    return all(x1 <= x <= x2 and y1 <= y <= y2 for x, y in line.points)


def _small(line: CountingLine, near: Sequence[Trail], zoom: float, *, named: bool) -> list[str]:
    high = median(_height(box) for trail in near for box in trail.boxes if _is_near(line, box))
    if high * zoom < HEIGHT_PX_MIN:
        return [
            f"Vehicles at this line are only about {high * zoom:.0f} pixels high for the detector, so many are not "
            f"seen; {HEIGHT_PX_MIN:.0f} at least are wanted. {SHRUNK if zoom < 1.0 else FEW_PIXELS}"
        ]
    if named and high < NAMED_PX_MIN:
        return [
            f"Vehicles at this line are only about {high:.0f} pixels high in the picture. They are counted, but "
            f"trucks, buses and vans are often called cars; {NAMED_PX_MIN:.0f} at least are wanted. {FEW_PIXELS}"
        ]
    return []


def _cut(line: CountingLine, near: Sequence[Trail], size: tuple[int, int]) -> list[str]:
    cut = sum(any(_is_near(line, box, AT_HEIGHTS) and _touches(box, size) for box in trail.boxes) for trail in near)
    if cut < CUT_SHARE * len(near):
        return []
    return [
        f"{cut} of {len(near)} vehicles are cut off by the edge of the picture at this line. "
        "Draw it farther inside the picture."
    ]


def _broken(line: CountingLine, near: Sequence[Trail]) -> list[str]:
    broken = sum(
        (trail.begins and _is_near(line, trail.boxes[0], AT_HEIGHTS))
        or (trail.ends and _is_near(line, trail.boxes[-1], AT_HEIGHTS))
        for trail in near
    )
    if broken < BROKEN_SHARE * len(near):
        return []
    return [
        f"{broken} of {len(near)} vehicles are first seen, or lost, at this line. "
        "Draw it where they are in sight well before and well after it."
    ]


def _along(line: CountingLine, near: Sequence[Trail]) -> list[str]:
    angles = [angle for trail in near if (angle := _angle(line, trail)) is not None]
    if len(angles) < VEHICLES_MIN or median(angles) >= ANGLE_MIN_DEGREES:
        return []
    return ["Vehicles drive along this line rather than across it. Draw it across their way."]


def _beside(line: CountingLine, trails: Sequence[Trail]) -> list[str]:
    through = beside = 0
    for trail in trails:
        path = [_ground(box) for box in trail.boxes]
        if any(line.intersections(p, q) for p, q in pairwise(path) if p != q):
            through += 1
        elif any(
            _lengthened(line, BESIDE_HEIGHTS * _height(box)).intersections(p, q)
            for box, (p, q) in zip(trail.boxes, pairwise(path), strict=False)
            if p != q
        ):
            beside += 1
    if through + beside < VEHICLES_MIN or beside < BESIDE_SHARE * (through + beside):
        return []
    return [f"{beside} of {through + beside} vehicles pass beside an end of this line. Draw it longer."]


def _lengthened(line: CountingLine, by: float) -> CountingLine:
    """The line with both ends moved outwards."""
    points = list(line.points)
    points[0] = _beyond(points[1], points[0], by)
    points[-1] = _beyond(points[-2], points[-1], by)
    return CountingLine(line.name, tuple(points))


def _beyond(p: Point, q: Point, by: float) -> Point:
    length = hypot(q[0] - p[0], q[1] - p[1])
    return q[0] + (q[0] - p[0]) * by / length, q[1] + (q[1] - p[1]) * by / length


def _angle(line: CountingLine, trail: Trail) -> float | None:
    """Degrees, 0 to 90, between the line and the way of a vehicle where it is near; None if it does not move there."""
    places = [_ground(box) for box in trail.boxes if _is_near(line, box)]
    (x1, y1), (x2, y2) = places[0], places[-1]
    moved = hypot(x2 - x1, y2 - y1)
    height = max(_height(box) for box in trail.boxes)
    if moved < height / 2:
        return None
    (ax, ay), (bx, by) = line.points[0], line.points[-1]
    length = hypot(bx - ax, by - ay)
    if length == 0.0:  # a closed line has no direction of its own
        return None
    across = abs((bx - ax) * (y2 - y1) - (by - ay) * (x2 - x1)) / (length * moved)
    return degrees(asin(min(across, 1.0)))


def _moves(trail: Trail) -> bool:
    (x1, y1), (x2, y2) = _ground(trail.boxes[0]), _ground(trail.boxes[-1])
    return hypot(x2 - x1, y2 - y1) > max(_height(trail.boxes[0]), _height(trail.boxes[-1]))


def _is_near(line: CountingLine, box: Box, heights: float = 1.0) -> bool:
    return abs(line.distance(_ground(box))) <= heights * _height(box)


def _touches(box: Box, size: tuple[int, int]) -> bool:
    return box[0] <= EDGE_PX or box[1] <= EDGE_PX or box[2] >= size[0] - EDGE_PX or box[3] >= size[1] - EDGE_PX


def _ground(box: Box) -> Point:
    return (box[0] + box[2]) / 2, box[3]


def _height(box: Box) -> float:
    return box[3] - box[1]
