"""The bridge and what lies around it: deck, markings, railings, truss or arch, lamp posts, water, banks."""

from dataclasses import dataclass
from math import cos, pi, sin
from random import Random

import numpy as np

from tests.scenes.description import Bridge
from tests.scenes.render.shape import DARK, STEEL, WHITE, Colour, Point, Shape

STEEL_PAINTS: tuple[Colour, ...] = (
    (0.1, 0.17, 0.13),
    (0.22, 0.24, 0.25),
    (0.2, 0.3, 0.38),
    (0.22, 0.09, 0.05),
    (0.5, 0.5, 0.48),
    (0.05, 0.12, 0.2),
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The mesh, and where the lamps hang (x, y, z in metres)."""

    shape: Shape
    lamps: tuple[Point, ...]
    deck_half_m: float


def deck_half(bridge: Bridge) -> float:
    """From the middle of the deck to its kerb, m."""
    return bridge.lanes_each_way * bridge.lane_m + 0.5


def surroundings(bridge: Bridge, seed: str) -> Surroundings:
    """Everything that stands still, from the description and a seed for its colours and fittings."""
    chance = Random(f"surroundings {seed}")
    shape = Shape()
    half, end = deck_half(bridge), bridge.length_m / 2
    paint = chance.choice(STEEL_PAINTS)
    _deck(shape, bridge, half, end, chance)
    walkway = chance.uniform(1.0, 2.2)
    plane = half + 0.55  # of truss, arch or parapet
    kerb = 0.22
    shape.boxes((-end, end), (half, half + 0.35), (-0.3, kerb), "concrete", (0.4, 0.39, 0.37))
    if chance.random() < 0.35:
        for k in range(int(min(end, 140) * 2 / 1.5)):
            x = -min(end, 140) + 1.5 * k
            tint = (0.6, 0.4, 0.02) if k % 2 else DARK
            shape.boxes((x, x + 1.5), (half - 0.008, half + 0.3), (0.05, kerb + 0.006), "matte", tint)
    shape.boxes((-end, end), (half + 0.35, plane + walkway + 0.4), (-0.3, 0.18), "concrete", (0.33, 0.32, 0.3))
    shape.boxes((-end, end), (plane + walkway + 0.15, plane + walkway + 0.5), (-1.6, -0.25), "paint", paint)
    outer = plane + walkway + 0.3
    _railing(shape, outer, min(end, 160.0), 0.18, paint if chance.random() < 0.6 else STEEL, chance)
    if bridge.kind == "truss":
        _truss(shape, plane, end, paint, chance)
    elif bridge.kind == "arch":
        _arch(shape, plane, end, paint, chance)
    if bridge.kind != "truss" or chance.random() < 0.4:
        _guard(shape, half + 0.2, min(end, 160.0), kerb, chance)
    lamps = _lamps(shape, bridge, plane, min(end, 150.0), paint, chance)
    _banks(shape, end, outer, chance)
    return Surroundings(shape, lamps, half)


def _deck(shape: Shape, bridge: Bridge, half: float, end: float, chance: Random) -> None:
    tone = chance.uniform(0.05, 0.16)
    shape.box((-end - 150, end + 150), (-half, half), (-0.4, 0.0), "asphalt", (tone, tone, 0.98 * tone))
    near = min(end, 160.0)
    white = (0.6, 0.6, 0.57)
    yellow = (0.55, 0.36, 0.03)
    paint = yellow if chance.random() < 0.5 else white
    z = (-0.01, 0.006)
    middle = chance.random()
    if middle < 0.4:
        shape.boxes((-near, near), (0.08, 0.2), z, "marking", paint)
    elif middle < 0.6:
        shape.box((-near, near), (-0.07, 0.07), z, "marking", paint)
    elif middle < 0.9:
        dash, gap = chance.uniform(2, 4), chance.uniform(3, 6)
        for k in range(int(2 * near / (dash + gap))):
            x = -near + k * (dash + gap)
            shape.box((x, x + dash), (-0.07, 0.07), z, "marking", paint)
    for lane in range(1, bridge.lanes_each_way):
        y = lane * bridge.lane_m
        for k in range(int(2 * near / 9)):
            x = -near + 9 * k
            shape.boxes((x, x + 3), (y - 0.07, y + 0.07), z, "marking", white)
    if chance.random() < 0.7:
        shape.boxes((-near, near), (half - 0.4, half - 0.27), z, "marking", white)
    span = chance.choice((8.0, 16.0, 24.0, 32.0))
    for k in range(-int(near / span), int(near / span) + 1):  # expansion joints
        x = span * k + 3.0
        shape.box((x - 0.12, x + 0.12), (-half, half), (-0.01, 0.004), "matte", (0.03, 0.03, 0.03))
        shape.box((x - 0.035, x + 0.035), (-half, half), (-0.01, 0.009), "metal", (0.3, 0.3, 0.3))
    for _ in range(chance.randint(5, 25)):  # patches
        x, y = chance.uniform(-near, near), chance.uniform(-half + 0.6, half - 1.2)
        tint = tone * chance.uniform(0.55, 1.35)
        shape.box(
            (x, x + chance.uniform(0.6, 5)),
            (y, y + chance.uniform(0.4, 2.2)),
            (-0.01, 0.003),
            "asphalt",
            (tint, tint, tint),
        )
    for _ in range(chance.randint(2, 10)):  # drains
        x = chance.uniform(-near, near)
        shape.boxes((x, x + 0.5), (half - 0.4, half - 0.1), (-0.01, 0.007), "matte", DARK)


def _railing(shape: Shape, y: float, end: float, floor: float, tint: Colour, chance: Random) -> None:
    high = floor + chance.uniform(1.0, 1.2)
    shape.boxes((-end, end), (y - 0.04, y + 0.04), (high - 0.07, high), "paint", tint)
    style, step = chance.random(), 2.0
    if style < 0.5:
        for z in (floor + 0.35, floor + 0.7):
            shape.boxes((-end, end), (y - 0.02, y + 0.02), (z, z + 0.05), "paint", tint)
    else:
        shape.boxes((-end, end), (y - 0.02, y + 0.02), (floor + 0.12, floor + 0.17), "paint", tint)
        reach = min(end, 60.0)
        for k in range(int(2 * reach / 0.25)):
            x = -reach + 0.25 * k
            shape.boxes((x, x + 0.02), (y - 0.01, y + 0.01), (floor + 0.15, high - 0.05), "paint", tint)
    for k in range(int(2 * end / step) + 1):
        x = -end + step * k
        shape.boxes((x - 0.04, x + 0.04), (y - 0.04, y + 0.04), (floor, high - 0.02), "paint", tint)


def _guard(shape: Shape, y: float, end: float, floor: float, chance: Random) -> None:
    """A crash barrier at the kerb: a steel rail on posts, or low concrete."""
    if chance.random() < 0.65:
        for z in (0.4, 0.56):
            shape.boxes(
                (-end, end), (y - 0.06, y - 0.02), (floor + z - 0.08, floor + z + 0.05), "metal", (0.4, 0.41, 0.42)
            )
        for k in range(int(end)):
            x = -end + 2.0 * k
            shape.boxes((x, x + 0.1), (y - 0.02, y + 0.1), (floor - 0.1, floor + 0.65), "metal", (0.35, 0.36, 0.37))
    else:
        shape.boxes((-end, end), (y - 0.05, y + 0.12), (floor - 0.1, floor + 0.6), "concrete", (0.42, 0.41, 0.39))


def _bar(shape: Shape, start: Point, end: Point, wide: float, surface: str, tint: Colour) -> None:
    """A square bar between two points in a plane y = constant or x = constant."""
    one, two = np.array(start), np.array(end)
    along = (two - one) / np.linalg.norm(two - one)
    side = np.cross(along, (0.0, 1.0, 0.0))
    if np.linalg.norm(side) < 0.1:
        side = np.cross(along, (1.0, 0.0, 0.0))
    side /= np.linalg.norm(side)
    other = np.cross(along, side)
    ring = np.array([side + other, side - other, -side - other, -side + other]) * wide / 2
    shape.grid(np.stack([one + ring, two + ring]), surface, tint, closed=True, smooth=False)


def _truss(shape: Shape, y: float, end: float, tint: Colour, chance: Random) -> None:
    panel, high = chance.choice((7.0, 8.0, 9.0)), chance.uniform(7.9, 9.4)
    count = int(min(end, 160.0) / panel)
    reach = count * panel
    shape.boxes((-reach, reach), (y - 0.2, y + 0.2), (0.2, 0.65), "paint", tint)
    shape.boxes((-reach, reach), (y - 0.22, y + 0.22), (high - 0.45, high), "paint", tint)
    rivets = chance.random() < 0.5
    for k in range(-count, count + 1):
        x = panel * k
        shape.boxes((x - 0.16, x + 0.16), (y - 0.17, y + 0.17), (0.2, high), "paint", tint)
        if k < count:
            up = k % 2 == 0
            for side in (-1, 1):
                a = (x, side * y, 0.5 if up else high - 0.3)
                b = (x + panel, side * y, high - 0.3 if up else 0.5)
                _bar(shape, a, b, 0.26, "paint", tint)
        shape.boxes((x - 0.45, x + 0.45), (y + 0.18, y + 0.21), (high - 0.9, high + 0.02), "paint", tint)  # gusset
        shape.box((x - 0.15, x + 0.15), (-y, y), (high - 0.35, high), "paint", tint)
        if rivets:
            shape.box((x - 0.1, x + 0.1), (-y, y), (high - 1.3, high - 1.15), "paint", tint)
        if k < count:
            _bar(shape, (x, -y, high - 0.1), (x + panel, y, high - 0.1), 0.16, "paint", tint)


def _arch(shape: Shape, y: float, end: float, tint: Colour, chance: Random) -> None:
    span, rise = min(end, 130.0), chance.uniform(18, 28)
    xs = np.linspace(-span, span, 41)
    zs = rise * (1 - (xs / span) ** 2) + 0.3
    for k, (x, z) in enumerate(zip(xs[:-1], zs[:-1], strict=True)):
        for side in (-1, 1):
            _bar(shape, (x, side * y, z), (xs[k + 1], side * y, zs[k + 1]), 0.8, "paint", tint)
            if k % 2 == 0 and z > 2:
                _bar(shape, (x, side * y, 0.2), (x, side * y, z), 0.09, "paint", tint)
        if k % 4 == 0 and z > 9:
            shape.box((x - 0.2, x + 0.2), (-y, y), (z - 0.2, z + 0.2), "paint", tint)


def _lamps(shape: Shape, bridge: Bridge, plane: float, end: float, tint: Colour, chance: Random) -> tuple[Point, ...]:
    step, high, places = chance.choice((24.0, 28.0, 32.0)), chance.uniform(7.5, 9.5), []
    both = bridge.lanes_each_way > 1 or chance.random() < 0.4
    first = chance.uniform(-6, 6)
    for k in range(-int(end / step), int(end / step) + 1):
        x = step * k + first
        for side in (-1, 1) if both else ((1,) if k % 2 else (-1,)):
            y = side * (plane + 0.5)
            shape.cylinder((x, y, 0.1), (x, y, high), 0.075, "metal", (0.35, 0.36, 0.37), 8)
            arm = side * (plane - 1.4)
            _bar(shape, (x, y, high - 0.1), (x, arm, high + 0.25), 0.08, "metal", (0.35, 0.36, 0.37))
            shape.box((x - 0.13, x + 0.13), (arm - 0.35, arm + 0.35), (high + 0.2, high + 0.3), "matte", DARK)
            shape.box((x - 0.1, x + 0.1), (arm - 0.3, arm + 0.3), (high + 0.17, high + 0.2), "lamp", WHITE)
            places.append((x, arm, high + 0.1))
    return tuple(places)


def _banks(shape: Shape, end: float, outer: float, chance: Random) -> None:
    down = -chance.uniform(6, 12)
    shape.quad(
        [(-900, -900, down), (900, -900, down), (900, 900, down), (-900, 900, down)], "water", (0.03, 0.06, 0.06)
    )
    for way in (-1, 1):
        green = (0.05, 0.08, 0.03) if chance.random() < 0.6 else (0.15, 0.12, 0.08)
        edge = end - 4.0
        xs = [edge, edge + 12, edge + 700]
        zs = [down - 0.5, -0.9, -0.6]
        sheet = np.array([[(way * x, y, z) for y in np.linspace(-600, 600, 9)] for x, z in zip(xs, zs, strict=True)])
        shape.grid(sheet, "bank", green, smooth=False)
        for _ in range(chance.randint(10, 22)):
            wide, high = chance.uniform(10, 28), chance.choice((5, 7, 10, 16, 24, 40)) * chance.uniform(0.8, 1.2)
            x, y = way * (end + chance.uniform(40, 260)), chance.choice((-1, 1)) * (outer + chance.uniform(25, 200))
            wall = chance.choice(((0.5, 0.48, 0.44), (0.35, 0.2, 0.15), (0.4, 0.42, 0.45), (0.6, 0.57, 0.5)))
            shape.box((x, x + way * wide), (y, y + wide), (-1.0, high), "matte", wall)
            for floor in range(int(high / 3)):
                z = 3 * floor + 1.0
                shape.box((x - way * 0.05, x), (y + 1, y + wide - 1), (z, z + 1.3), "window", (0.05, 0.06, 0.07))
        for _ in range(chance.randint(20, 50)):
            x, y = way * (end + chance.uniform(10, 120)), chance.choice((-1, 1)) * (outer + chance.uniform(4, 90))
            high = chance.uniform(3, 8)
            leaf = (0.03 * chance.uniform(0.6, 1.6), 0.07 * chance.uniform(0.6, 1.5), 0.02)
            rows = []
            for k in range(6):
                a = pi * k / 5
                rows.append(
                    [
                        (
                            x + 0.45 * high * sin(a) * cos(t) * chance.uniform(0.8, 1.2),
                            y + 0.45 * high * sin(a) * sin(t) * chance.uniform(0.8, 1.2),
                            0.55 * high - 0.5 * high * cos(a),
                        )
                        for t in np.linspace(0, 2 * pi, 8, endpoint=False)
                    ]
                )
            shape.grid(np.array(rows), "leaf", leaf, closed=True)
