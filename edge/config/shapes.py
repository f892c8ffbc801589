"""Lines, zones and masks of a configuration, in pixels and as counting needs them."""

import math
import re
import typing
from collections.abc import Sequence

import msgspec

from edge.config.schema import Config, Line, LineConvoys, Place, Plane
from edge.counting.convoys import ConvoyRule
from edge.counting.crossing import CountingLine, Point
from edge.counting.ground_plane import Plane as GroundPlane
from edge.counting.ground_plane import plane_through
from edge.counting.zone import Zone as QueueZone
from edge.errors import InputError
from edge.wire.names import NAME, NAME_RULE

AREA_MIN = 1e-5  # of the picture: some nine pixels of one of 1280x720


LENGTH_MIN = 0.02  # of a counting line, in widths and heights of the picture: the least that vehicles cross


def line_fault(points: Sequence[Place]) -> str:
    """Why a line through these points (fractions) cannot count; empty where it can."""
    if any(p == q for p, q in zip(points, points[1:], strict=False)):
        return "two neighbouring points are the same; a line needs a length"
    length = sum(math.dist(p, q) for p, q in zip(points, points[1:], strict=False))
    if length < LENGTH_MIN:
        return f"its length is {length:.2g} of the picture; at least {LENGTH_MIN} is needed for a vehicle to cross it"
    if crossed := self_crossing(points):
        return f"it crosses itself ({crossed}), so a vehicle would cross it twice; draw two lines"
    return ""


def self_crossing(points: Sequence[Place]) -> str:
    """Which two segments of a path meet elsewhere than where one ends and the next begins; empty if none do."""
    segments = list(zip(points, points[1:], strict=False))
    for j, (c, d) in enumerate(segments):
        for i, (a, b) in enumerate(segments[:j]):
            neighbours = i == j - 1 or (i == 0 and j == len(segments) - 1 and a == d)
            if _turns_back(a, b, d) if i == j - 1 else not neighbours and _meet(a, b, c, d):
                return f"its {_ordinal(i + 1)} segment and its {_ordinal(j + 1)}"
    return ""


def _ordinal(number: int) -> str:
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10 if number not in (11, 12, 13) else 0, 'th') }"


def _side(a: Place, b: Place, p: Place) -> float:
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])


def _turns_back(a: Place, b: Place, c: Place) -> bool:
    """Whether the way from a to b to c runs back over itself."""
    ahead = (b[0] - a[0]) * (c[0] - b[0]) + (b[1] - a[1]) * (c[1] - b[1])
    return ahead < 0 and abs(_side(a, b, c)) < 1e-12


def _meet(a: Place, b: Place, c: Place, d: Place) -> bool:
    """Whether the segments ab and cd have a point in common."""
    if _side(a, b, c) * _side(a, b, d) > 0 or _side(c, d, a) * _side(c, d, b) > 0:
        return False
    return all(  # in line with one another, they may lie apart
        max(min(a[i], b[i]), min(c[i], d[i])) <= min(max(a[i], b[i]), max(c[i], d[i])) for i in (0, 1)
    )


def points_of(name: str, line: Line) -> tuple[Place, ...]:
    """The points of a line, as fractions; InputError if they are given in no way, or in two, or coincide."""
    if (line.points is None) == (line.start is None or line.end is None):
        raise InputError(f"lines.{name}: either from and to, or points, must be given")
    if line.points is not None and (line.start is not None or line.end is not None):
        raise InputError(f"lines.{name}: either from and to, or points, must be given, not both")
    points = line.points or (line.start, line.end)
    if fault := line_fault(typing.cast(tuple[Place, ...], points)):
        raise InputError(f"lines.{name}: {fault}")
    return typing.cast(tuple[Place, ...], points)


def counting_lines(config: Config, width: int, height: int) -> tuple[CountingLine, ...]:
    """The lines in pixels of a picture of that size."""
    return tuple(
        CountingLine(name, tuple((x * width, y * height) for x, y in points_of(name, line)))
        for name, line in config.lines.items()
    )


def queue_zones(config: Config, width: int, height: int) -> tuple[QueueZone, ...]:
    """The zones in pixels of a picture of that size."""
    return tuple(
        QueueZone(
            name,
            tuple((x * width, y * height) for x, y in zone.polygon),
            standing_after_ms=round(1000 * zone.standing_after_s),
            parked_after_ms=round(1000 * zone.parked_after_s),
            parked_after_passed=zone.parked_after_passed,
            plane=_plane(zone.plane, width, height),
        )
        for name, zone in config.zones.items()
    )


def convoy_rules(config: Config) -> dict[str, ConvoyRule]:
    """What is a convoy on each line where convoys are told."""
    rules = {}
    for line in config.lines:
        of_line = config.convoys.lines.get(line, LineConvoys())
        changes = {key: value for key, value in msgspec.structs.asdict(of_line).items() if value is not None}
        chosen = msgspec.structs.replace(config.convoys, **changes)
        if chosen.enabled:
            headway_ms = round(1000 * chosen.headway_s)
            rules[line] = ConvoyRule(frozenset(chosen.classes), headway_ms, chosen.vehicles_min)
    return rules


def masks_of(config: Config, width: int, height: int) -> tuple[tuple[Point, ...], ...]:
    """The masks in pixels of a picture of that size."""
    return tuple(tuple((x * width, y * height) for x, y in mask) for mask in config.masks.values())


def _plane(plane: Plane | None, width: int, height: int) -> GroundPlane | None:
    if plane is None:
        return None
    a, b, c, d = ((x * width, y * height) for x, y in plane.points)
    return plane_through((a, b, c, d), plane.metres)


def parse_line(text: str) -> tuple[str, tuple[Point, ...]]:
    """`[name=]x1,y1,x2,y2[,...]` from the command line: name ("" if none) and points as given; else InputError."""
    name, _, numbers = text.rpartition("=")
    allowed = "allowed is x1,y1,x2,y2 in pixels or fractions, or name=x1,y1,x2,y2"
    if name and not re.fullmatch(NAME, name):
        raise InputError(f"--line {text}: the name is {name!r}; allowed are {NAME_RULE}")
    try:
        values = [float(number) for number in numbers.split(",")]
    except ValueError as error:
        raise InputError(f"--line {text}: not numbers; {allowed}") from error
    if len(values) < 4 or len(values) % 2 or not all(map(math.isfinite, values)):
        raise InputError(f"--line {text}: {len(values)} numbers; {allowed}")
    return name, tuple(zip(values[::2], values[1::2], strict=True))


def lines_of(arguments: Sequence[str], width: int, height: int) -> dict[str, Line]:
    """Lines given on the command line, for a picture of that size; all coordinates <= 1 are fractions."""
    lines: dict[str, Line] = {}
    for number, text in enumerate(arguments, start=1):
        name, points = parse_line(text)
        name = name or ("line" if len(arguments) == 1 else f"line-{number}")
        fractions = all(value <= 1.0 for point in points for value in point)
        scale = (1.0, 1.0) if fractions else (float(width), float(height))
        placed = tuple((x / scale[0], y / scale[1]) for x, y in points)
        if any(not (0.0 <= value <= 1.0) for point in placed for value in point):
            raise InputError(f"--line {text}: outside the picture, which is {width}x{height} pixels")
        if name in lines:
            raise InputError(f"--line {text}: a second line called {name!r}; names must differ")
        if fault := line_fault(placed):
            raise InputError(f"--line {text}: {fault}")
        lines[name] = Line(points=placed)
    return lines


def points_along(points: Sequence[Place]) -> list[Place]:
    """The middles of a line's segments: its ends may well touch the edge."""
    return [((x1 + x2) / 2, (y1 + y2) / 2) for (x1, y1), (x2, y2) in zip(points, points[1:], strict=False)]
