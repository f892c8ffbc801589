"""The regions of the picture for the detector: around lines and zones, large enough for zones, without the sky.

The rules:

1. A line needs free space before and after it, in which vehicles are followed: its own length on every side, at most
   `MARGIN_MAX` of the shorter side of the picture. In a zone vehicles are followed inside it; around it only their
   boxes need space: `ZONE_MARGIN` of its length.
2. One region covers all lines and zones, in the proportions of the detector's input. What is not covered is not seen.
3. A zone asks that the detector sees a car in it with a side of `CAR_SIDE_PX` of its own pixels at least, and a line
   with one of `LINE_CAR_SIDE_PX`. How large cars are there is learned on site (counting/sizes.py). Before that the zone
   itself is the measure, for a queue of some ten vehicles stands in it: the square root of its area is to have
   `ZONE_SIDE_PX`, and lines ask for nothing. While the region of a zone or line shows less, it gets one of its own, or
   two halves of it get one each, up to the number allowed. Each costs one run of the model for each frame.
4. No region is enlarged by more than `ZOOM_MAX`: more shows nothing new.
5. Regions overlap. A vehicle that two of them show is one: boxes that overlap by `SAME_OVERLAP` are the same, and a box
   that the border of its region cuts off yields to a whole one of another region that covers it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import sqrt

from edge.counting.crossing import Point
from edge.counting.detection import Detection
from edge.counting.ground_plane import polygon_area
from edge.counting.motion import shared_area

Region = tuple[int, int, int, int]
"""x1, y1, x2, y2 in whole pixels."""

MARGIN_MAX = 0.3
ZONE_MARGIN = 0.125  # of the longer side of its bounding box: about one vehicle
ZONE_SIDE_PX = 300.0
CAR_SIDE_PX = 40.0
LINE_CAR_SIDE_PX = 20.0
"""A vehicle that crosses a line is seen in many frames, one in a zone in one pose, half hidden."""
ZOOM_MAX = 2.5
GAIN_MIN = 1.1  # in scale: less is not worth a run of the model
SAME_OVERLAP = 0.45  # intersection over union of boxes of two regions
CUT_SHARE = 0.75  # of a box that is cut off, in the whole one
CUT_PX = 2.0  # from the border of its region a box is cut off


@dataclass(frozen=True, slots=True)
class _Part:
    """A line, a zone or a piece of one, the margin around it, and the `zoom` that it asks for: 0 for none.

    `zoom` is in pixels of the detector's input for one of the picture.
    """

    points: tuple[Point, ...]
    margin: float
    zoom: float = 0.0

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """x1, y1, x2, y2 with the margin."""
        across, down = [x for x, _ in self.points], [y for _, y in self.points]
        free = self.margin
        return min(across) - free, min(down) - free, max(across) + free, max(down) + free


def regions_around(
    lines: Iterable[Sequence[Point]],
    zones: Iterable[Sequence[Point]],
    picture: tuple[int, int],
    seen: tuple[int, int],
    most: int = 1,
    *,
    car_side: Callable[[Point], float] | None = None,
) -> tuple[Region, ...]:
    """The regions of a picture for a detector whose input is `seen`, both as width and height; at most `most`.

    `car_side` is how large cars are at a point, in pixels of the picture: the square root of the area of their boxes.
    """
    parts = [_part_of(line, picture, car_side) for line in lines]
    parts += [_part_of(zone, picture, car_side, zone=True) for zone in zones]
    groups = [parts]
    while len(groups) < most:
        small = [group for group in groups if _zoom_share(group, picture, seen) < 1.0]
        divided = [(group, pieces) for group in small if (pieces := _divide(group, picture, seen))]
        if not divided:
            break
        group, pieces = min(divided, key=lambda one: _zoom_share(one[0], picture, seen))
        groups = [other for other in groups if other is not group] + pieces
    return tuple(sorted(_region_of(group, picture, seen) for group in groups))


def join_regions(
    found: Sequence[tuple[Region, Sequence[Detection]]], picture: tuple[int, int]
) -> tuple[Detection, ...]:
    """One detection for each vehicle of all regions, the best first; `picture` is its width and height."""
    offered = [
        (_is_cut(one, region, picture), number, one)
        for number, (region, detections) in enumerate(found)
        for one in detections
    ]
    offered.sort(key=lambda one: (one[0], -one[2].score, *one[2].box))
    kept: list[tuple[int, Detection]] = []
    for cut, number, one in offered:
        if not any(number != other and _is_same(one, whole, cut=cut) for other, whole in kept):
            kept.append((number, one))
    return tuple(sorted((one for _, one in kept), key=lambda one: (-one.score, *one.box)))


def zoom_of(region: Region, seen: tuple[int, int]) -> float:
    """How many pixels of the detector's input one of the picture becomes."""
    return min(seen[0] / (region[2] - region[0]), seen[1] / (region[3] - region[1]))


def _part_of(
    points: Sequence[Point], picture: tuple[int, int], car_side: Callable[[Point], float] | None, *, zone: bool = False
) -> _Part:
    x1, y1, x2, y2 = _Part(tuple(points), 0.0).bounds
    margin = min(max(x2 - x1, y2 - y1) * (ZONE_MARGIN if zone else 1.0), MARGIN_MAX * min(picture))
    if car_side is not None:
        middle = sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)
        zoom = (CAR_SIDE_PX if zone else LINE_CAR_SIDE_PX) / car_side(middle)
    else:
        area = polygon_area(points)
        zoom = ZONE_SIDE_PX / sqrt(area) if zone and area else 0.0
    return _Part(tuple(points), margin, zoom)


def _zoom_share(group: Sequence[_Part], picture: tuple[int, int], seen: tuple[int, int]) -> float:
    """The zoom that a group gets, as a share of what its most demanding part asks for."""
    wanted = max(part.zoom for part in group)
    return zoom_of(_region_of(group, picture, seen), seen) / wanted if wanted else 1.0


def _divide(group: list[_Part], picture: tuple[int, int], seen: tuple[int, int]) -> list[list[_Part]]:
    """The most demanding part apart from the others, or its two halves; nothing where it would not be seen larger."""
    most_demanding = max(group, key=lambda part: part.zoom)
    others = [part for part in group if part is not most_demanding]
    pieces = [[most_demanding], others] if others else [[half] for half in _halves(most_demanding)]
    before = zoom_of(_region_of(group, picture, seen), seen)
    after = zoom_of(_region_of(pieces[0], picture, seen), seen)
    return pieces if after >= GAIN_MIN * before else []


def _halves(part: _Part) -> tuple[_Part, _Part]:
    """Both halves along its longer side; their margins overlap."""
    x1, y1, x2, y2 = part.bounds
    axis, middle = (0, (x1 + x2) / 2.0) if x2 - x1 >= y2 - y1 else (1, (y1 + y2) / 2.0)
    low, high = (_half(part.points, axis, middle, sign) for sign in (1.0, -1.0))
    return replace(part, points=low), replace(part, points=high)


def _half(polygon: Sequence[Point], axis: int, middle: float, sign: float) -> tuple[Point, ...]:
    """The part of a polygon below `middle` on that axis, above it for a `sign` of -1 (Sutherland and Hodgman 1974)."""
    kept: list[Point] = []
    for p, q in zip(polygon, (*polygon[1:], polygon[0]), strict=True):
        before, after = sign * (middle - p[axis]), sign * (middle - q[axis])
        if before >= 0.0:
            kept.append(p)
        if before * after < 0.0:
            share = before / (before - after)
            kept.append((p[0] + share * (q[0] - p[0]), p[1] + share * (q[1] - p[1])))
    return tuple(kept)


def _region_of(group: Sequence[_Part], picture: tuple[int, int], seen: tuple[int, int]) -> Region:
    """The smallest part of the picture around the group in the proportions of `seen`, as far as they fit."""
    width, height = picture
    aspect = seen[0] / seen[1]
    left_most, top_most, right_most, bottom_most = zip(*(part.bounds for part in group), strict=True)
    x1, y1, x2, y2 = min(left_most), min(top_most), max(right_most), max(bottom_most)
    wide = min(max(x2 - x1, (y2 - y1) * aspect, seen[0] / ZOOM_MAX), width)
    high = min(max(y2 - y1, wide / aspect), height)
    left = min(max((x1 + x2 - wide) / 2, 0.0), width - wide)
    top = min(max((y1 + y2 - high) / 2, 0.0), height - high)
    return int(left), int(top), int(left + wide), int(top + high)


def _is_cut(one: Detection, region: Region, picture: tuple[int, int]) -> bool:
    """Whether the border of its region, where the picture goes on, cuts it off."""
    x1, y1, x2, y2 = region
    return (
        (one.x1 < x1 + CUT_PX and x1 > 0)
        or (one.y1 < y1 + CUT_PX and y1 > 0)
        or (one.x2 > x2 - CUT_PX and x2 < picture[0])
        or (one.y2 > y2 - CUT_PX and y2 < picture[1])
    )


def _is_same(one: Detection, kept: Detection, *, cut: bool) -> bool:
    shared = shared_area(one.box, kept.box)
    return shared > SAME_OVERLAP * (one.area + kept.area - shared) or (cut and shared > CUT_SHARE * one.area)
