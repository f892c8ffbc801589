"""Rigid trucks, tractors and semi-trailers, built inside the cuboids of their bodies."""

from math import cos, pi, sin

import numpy as np

from tests.scenes.bodies import Body, Cuboid
from tests.scenes.render.fittings import (
    AMBER,
    GLASS,
    cab_wheel_arch,
    frame,
    mirror,
    plate,
    side_guard,
    truck_tail,
    wheel,
)
from tests.scenes.render.livery import Livery
from tests.scenes.render.shape import BLACK, DARK, STEEL, WHITE, Colour, Shape


def cab(shape: Shape, space: Cuboid, livery: Livery, wheel_radius: float) -> None:
    """A cab over the engine that fills the space."""
    chance = livery.chance
    shape.piece = "cab"
    x1, x2, top = space.x1, space.x2 - 0.03, space.z2
    half = space.width / 2 - 0.04
    deflector = top > 2.7 and chance.random() < 0.45
    roof = top - (0.45 if deflector and top < 3.5 else 0.6 if deflector else 0.0)
    lean = chance.uniform(0.08, 0.3)
    waist, brow = 0.5 * roof, 0.86 * roof
    paint = livery.cab
    outline = [
        (x1, 0.75),
        (x2 - 0.55, 0.62),
        (x2 - 0.02, 0.55),
        (x2, 0.9),
        (x2 - 0.02, waist),
        (x2 - 0.04 - lean, brow),
        (x2 - 0.16 - lean, roof - 0.06),
        (x2 - 0.45 - lean, roof),
        (x1 + 0.1, roof),
        (x1, roof - 0.08),
    ]
    narrow = half - chance.uniform(0.03, 0.1)
    halves = [half, half, half, half, half, narrow + 0.03, narrow - 0.04, narrow - 0.06, narrow - 0.05, narrow]
    shape.prism(outline, halves, "paint", paint)

    def front(z: float) -> float:
        return x2 - 0.02 - (lean + 0.02) * max(z - waist, 0.0) / (brow - waist)

    def side(z: float) -> float:
        return half - (half - narrow - 0.03) * max(z - waist, 0.0) / (brow - waist)

    low, high = waist + 0.04, brow - 0.02
    shape.quad(
        [
            (front(low) + 0.012, -half + 0.09, low),
            (front(low) + 0.012, half - 0.09, low),
            (front(high) + 0.012, narrow - 0.07, high),
            (front(high) + 0.012, -narrow + 0.07, high),
        ],
        "glass",
        GLASS,
    )
    for at in (-0.5, 0.25):  # wipers
        shape.quad(
            [
                (front(low) + 0.02, at, low - 0.02),
                (front(low) + 0.02, at + 0.03, low - 0.02),
                (front(low + 0.35) + 0.02, at + 0.38, low + 0.3),
                (front(low + 0.35) + 0.02, at + 0.35, low + 0.3),
            ],
            "matte",
            BLACK,
        )
    door1, door2 = x1 + 0.32 * (x2 - x1), front(low) - 0.14
    shape.quads(
        [
            (door1 + 0.06, side(low) + 0.012, low + 0.02),
            (door2 - 0.02, side(low) + 0.012, low - 0.06),
            (front(high) - 0.16, side(high) + 0.012, high - 0.04),
            (door1 + 0.06, side(high) + 0.012, high - 0.04),
        ],
        "glass",
        GLASS,
    )
    if top > 3.2 and chance.random() < 0.5:
        shape.boxes(
            (x1 + 0.15, x1 + 0.5), (side(high) - 0.02, side(high) + 0.008), (low + 0.25, high - 0.1), "glass", GLASS
        )
    for at in (door1, door2 + 0.04):  # gaps of the door
        shape.boxes((at - 0.01, at + 0.015), (half - 0.02, half + 0.006), (0.95, waist + 0.02), "matte", BLACK)
    shape.boxes((door1 + 0.1, door1 + 0.25), (half - 0.02, half + 0.02), (waist - 0.2, waist - 0.15), "matte", BLACK)
    style = chance.random()
    if style < 0.35:  # a band below the windows
        shape.boxes(
            (x1 + 0.02, x2 - 0.06), (half - 0.02, half + 0.005), (waist - 0.35, waist - 0.12), "paint", livery.second
        )
    elif style < 0.55:  # two-tone
        shape.boxes((x1 + 0.02, x2 - 0.06), (half - 0.02, half + 0.004), (0.75, 1.2), "paint", livery.second)
    grille = paint if chance.random() < 0.3 else DARK
    bottom, upper = 0.95, waist - 0.1
    wide = half - chance.uniform(0.2, 0.45)
    shape.box((x2 - 0.05, x2 + 0.012), (-wide, wide), (bottom, upper), "matte", BLACK)
    bars = chance.randint(3, 6)
    for k in range(bars):
        z = bottom + (upper - bottom) * (k + 0.3) / bars
        shape.box(
            (x2, x2 + 0.025),
            (-wide, wide),
            (z, z + 0.06),
            "metal" if grille is DARK else "paint",
            STEEL if grille is DARK else grille,
        )
    bumper = paint if chance.random() < 0.5 else DARK if chance.random() < 0.6 else WHITE
    shape.box((x2 - 0.5, x2 + 0.03), (-half, half), (0.36, 0.82), "paint", bumper, 0.06)
    shape.boxes((x2 - 0.05, x2 + 0.036), (half - 0.5, half - 0.08), (0.56, 0.76), "head", (0.75, 0.77, 0.8), 0.02)
    shape.boxes((x2 - 0.02, x2 + 0.04), (half - 0.08, half - 0.01), (0.57, 0.75), "amber", AMBER)
    if chance.random() < 0.5:
        shape.boxes((x2, x2 + 0.036), (half - 0.45, half - 0.25), (0.42, 0.5), "head", (0.7, 0.7, 0.6))
    plate(shape, x2 + 0.03, 0.5, livery, front=True)
    if chance.random() < 0.6:  # the maker's name
        for k in range(5):
            shape.box(
                (x2 + 0.01, x2 + 0.022),
                (-0.3 + 0.13 * k, -0.21 + 0.13 * k),
                (upper + 0.02, upper + 0.09),
                "metal",
                STEEL,
            )
    if chance.random() < 0.6:  # sun visor
        shape.box(
            (front(brow), front(brow) + 0.22),
            (-narrow + 0.1, narrow - 0.1),
            (brow - 0.05, brow + 0.06),
            "matte",
            DARK,
            0.02,
        )
    if chance.random() < 0.6:
        for at in (-0.8, -0.3, 0.3, 0.8):
            shape.box(
                (x2 - 0.4 - lean, x2 - 0.28 - lean), (at - 0.05, at + 0.05), (roof - 0.02, roof + 0.0), "amber", AMBER
            )
    if deflector:
        wedge = half - 0.18
        shape.prism(
            [(x1 + 0.05, roof - 0.02), (x2 - 0.55 - lean, roof - 0.02), (x1 + 0.45, top), (x1 + 0.05, top)],
            [wedge, wedge, wedge - 0.12, wedge - 0.12],
            "paint",
            paint if chance.random() < 0.8 else WHITE,
        )
    elif chance.random() < 0.5:
        shape.box((x1 + 0.3, x1 + 0.9), (-0.35, 0.35), (roof - 0.02, roof), "matte", WHITE)  # hatch
    mirror(
        shape,
        front(high) - 0.02,
        narrow,
        low + 0.05,
        DARK if chance.random() < 0.7 else paint,
        tall=min(0.6, high - low - 0.15),
    )
    shape.piece = "cab"
    axle = x2 - 0.5 * (x2 - x1) - 0.05
    cab_wheel_arch(shape, axle, half + 0.004, wheel_radius)
    wheel(shape, axle, half, wheel_radius, livery.hub)
    shape.boxes((x1 + 0.02, axle - wheel_radius - 0.05), (half - 0.3, half - 0.02), (0.5, 0.62), "matte", DARK)


def axles(shape: Shape, body: Body, livery: Livery, radius: float, front_of: float) -> None:
    """Rear axles below a rigid truck's load, and what lies between them and the cab."""
    half = body.width / 2
    rear = -body.length / 2 if body.trailer is None else body.cuboids[1].x1
    double = body.length > 8.0 and livery.chance.random() < 0.65
    first = rear + (0.27 * body.length if not double else 0.2 * body.length)
    places = (first, first + 2.15 * radius + 0.18) if double else (first,)
    for x in places:
        wheel(shape, x, half - 0.04, radius, livery.hub, wide=0.55)
    for x in places:
        shape.boxes(
            (x - radius, x + radius), (half - 0.6, half - 0.05), (2 * radius + 0.03, 2 * radius + 0.06), "matte", DARK
        )
    side_guard(shape, places[-1] + radius + 0.1, front_of - 0.1, half, 1.0, livery)


def stripes(shape: Shape, x1: float, x2: float, half: float, z1: float, z2: float, livery: Livery) -> None:
    """A painted sign along both sides: bands, a panel, or a slanted field, with blocks like lettering."""
    chance, style, high = livery.chance, livery.chance.random(), z2 - z1
    skin = (half - 0.01, half + 0.006)
    if style < 0.25:
        low = z1 + chance.uniform(0.1, 0.6) * high
        shape.boxes((x1, x2), skin, (low, low + chance.uniform(0.1, 0.3) * high), "paint", livery.second)
    elif style < 0.4:
        shape.boxes((x1, x2), skin, (z1, z1 + 0.3 * high), "paint", livery.second)
    elif style < 0.55:
        a, b = sorted((chance.uniform(x1, x2), chance.uniform(x1, x2)))
        y = half + 0.006
        shape.quads(
            [(a, y, z1), (b, y, z1), (min(b + 0.8, x2), y, z2), (min(a + 0.8, x2), y, z2)], "paint", livery.second
        )
    if chance.random() < 0.6:
        letters, size = chance.randint(4, 10), chance.uniform(0.12, 0.3) * high
        start = chance.uniform(x1 + 0.3, max(x1 + 0.31, x2 - letters * size * 0.8 - 0.3))
        low = z1 + chance.uniform(0.3, 0.6) * high
        tint = livery.second if chance.random() < 0.6 else livery.cab
        for k in range(letters):
            at = start + 0.8 * size * k
            if at + 0.6 * size < x2 and chance.random() < 0.92:
                y1, y2 = half, half + 0.012
                shape.boxes((at, at + 0.55 * size), (y1, y2), (low, low + 0.16 * size), "paint", tint)
                shape.boxes((at, at + 0.16 * size), (y1, y2), (low, low + size * 0.9), "paint", tint)
                if chance.random() < 0.6:
                    shape.boxes((at, at + 0.55 * size), (y1, y2), (low + 0.7 * size, low + 0.9 * size), "paint", tint)


def rear_doors(shape: Shape, x: float, half: float, z1: float, z2: float, tint: Colour, livery: Livery) -> None:
    """Two doors with rods, handles and hinges at the rear end x."""
    metal = STEEL if sum(tint) > 0.6 or livery.chance.random() < 0.5 else (0.25, 0.25, 0.26)
    shape.box((x - 0.002, x + 0.01), (-0.012, 0.012), (z1, z2), "matte", BLACK)
    for y in (-0.72 * half, -0.3 * half, 0.3 * half, 0.72 * half):
        shape.cylinder((x - 0.012, y, z1 + 0.05), (x - 0.012, y, z2 - 0.05), 0.022, "metal", metal, 6, caps=False)
        for z in (z1 + 0.12, z2 - 0.12):
            shape.box((x - 0.02, x), (y - 0.07, y + 0.07), (z - 0.03, z + 0.03), "metal", metal)
    for side in (-1, 1):
        handle = z1 + 0.38 * (z2 - z1)
        shape.box(
            (x - 0.025, x), (side * 0.28 * half - 0.02, side * 0.7 * half), (handle, handle + 0.04), "metal", metal
        )
        for k in range(4):
            z = z1 + (z2 - z1) * (0.1 + 0.26 * k)
            shape.box((x - 0.018, x), (side * (half - 0.22), side * (half - 0.02)), (z, z + 0.06), "metal", metal)
    shape.box((x - 0.008, x + 0.01), (-half + 0.03, half - 0.03), (z1, z1 + 0.07), "matte", DARK)


def closed_box(shape: Shape, space: Cuboid, livery: Livery) -> None:
    """A box body with rails, sign, rear doors, sometimes ribs, a cooling unit or marker lamps."""
    chance, tint = livery.chance, livery.load
    x1, x2, half, z1, z2 = space.x1 + 0.03, space.x2, space.width / 2 - 0.02, space.z1, space.z2
    shape.box((x1, x2), (-half, half), (z1, z2), "paint", tint, 0.03)
    rail = STEEL if chance.random() < 0.6 else livery.cab
    shape.boxes((x1, x2), (half - 0.03, half + 0.012), (z1, z1 + 0.14), "metal", rail)
    shape.boxes((x1, x2), (half - 0.03, half + 0.012), (z2 - 0.1, z2 - 0.005), "metal", rail)
    for x in (x1 + 0.03, x2 - 0.03):
        shape.boxes((x - 0.035, x + 0.035), (half - 0.03, half + 0.014), (z1, z2 - 0.01), "metal", rail)
    if chance.random() < 0.4:
        count = int((x2 - x1) / chance.uniform(0.35, 0.8))
        for k in range(1, count):
            at = x1 + (x2 - x1) * k / count
            shape.boxes((at - 0.025, at + 0.025), (half, half + 0.015), (z1 + 0.14, z2 - 0.1), "paint", tint)
    else:
        stripes(shape, x1 + 0.15, x2 - 0.15, half, z1 + 0.2, z2 - 0.2, livery)
    rear_doors(shape, x1, half - 0.04, z1 + 0.06, z2 - 0.06, tint, livery)
    if chance.random() < 0.3:
        shape.box((x2 - 0.02, x2 + 0.18), (-0.8, 0.8), (z2 - 0.75, z2 - 0.1), "paint", WHITE, 0.05)
    if chance.random() < 0.6:
        for y in (-half + 0.15, half - 0.15):
            shape.box((x1 - 0.01, x1 + 0.03), (y - 0.07, y + 0.07), (z2 - 0.1, z2 - 0.04), "tail", (0.35, 0.02, 0.02))
    for k in range(int((x2 - x1) / 2.0)):
        shape.boxes((x1 + 1 + 2 * k, x1 + 1.1 + 2 * k), (half, half + 0.015), (z1 + 0.03, z1 + 0.09), "amber", AMBER)


def bed(shape: Shape, space: Cuboid, livery: Livery, high: float) -> None:
    """A flat bed with drop sides up to `high` above its floor."""
    x1, x2, half, z1 = space.x1 + 0.03, space.x2, space.width / 2 - 0.02, space.z1
    tint = livery.cab if livery.chance.random() < 0.5 else livery.load
    shape.box((x1, x2), (-half + 0.02, half - 0.02), (z1, z1 + 0.12), "matte", (0.14, 0.1, 0.07))
    top = z1 + high
    shape.boxes((x1, x2), (half - 0.04, half), (z1, top), "paint", tint)
    shape.box((x1, x1 + 0.04), (-half, half), (z1, top), "paint", tint)
    shape.box((x2 - 0.05, x2), (-half, half), (z1, top + 0.35 if top + 0.35 < space.z2 else top), "paint", tint)
    count = max(2, int((x2 - x1) / 1.1))
    for k in range(count + 1):
        at = x1 + 0.03 + (x2 - x1 - 0.1) * k / count
        shape.boxes((at - 0.03, at + 0.04), (half - 0.01, half + 0.015), (z1, top), "matte", DARK)
    for z in (0.3, 0.65):
        shape.boxes((x1, x2), (half - 0.01, half + 0.01), (z1 + z * high - 0.02, z1 + z * high + 0.02), "paint", tint)


def goods(shape: Shape, space: Cuboid, livery: Livery, floor: float) -> None:
    """Crates, sacks, pipes, coils or boards up to the space's top."""
    chance, half, top = livery.chance, space.width / 2 - 0.12, space.z2
    x1, x2 = space.x1 + 0.15, space.x2 - 0.2
    what = chance.random()
    if what < 0.35:
        x = x1
        while x < x2 - 0.6:
            long = min(chance.uniform(0.8, 1.6), x2 - x)
            high = top if chance.random() < 0.5 else floor + (top - floor) * chance.uniform(0.5, 1)
            wood = (0.35, 0.25, 0.14) if chance.random() < 0.6 else livery.cloth
            shape.box((x, x + long - 0.06), (-half, -0.04), (floor, high), "matte", wood, 0.02)
            shape.box((x, x + long - 0.06), (0.04, half), (floor, high - chance.uniform(0, 0.15)), "matte", wood, 0.02)
            x += long
    elif what < 0.6:
        radius = min(0.16, (top - floor) / 2)
        for row in range(max(1, int((top - floor) / (2 * radius)))):
            for k in range(int(2 * half / (2 * radius))):
                y = -half + radius * (2 * k + 1)
                z = floor + radius * (2 * row + 1)
                tint = (0.2, 0.14, 0.1) if k % 3 else (0.3, 0.3, 0.3)
                shape.cylinder((x1, y, z), (x2, y, z), radius, "metal", tint, 8)
    elif what < 0.8:
        radius = min(half * 0.8, (top - floor) / 2)
        for k in range(max(2, int((x2 - x1) / (2 * radius + 0.9)))):
            x = x1 + radius + (2 * radius + 0.9) * k
            shape.cylinder((x, -0.7, floor + radius), (x, 0.7, floor + radius), radius, "metal", STEEL, 20)
    else:
        cloth(shape, x1, x2, half, floor, top, livery, sag=0.2)


def cloth(  # where it lies
    shape: Shape, x1: float, x2: float, half: float, z1: float, z2: float, livery: Livery, sag: float = 0.05
) -> None:
    """A tarpaulin over bows: an arched top, folds down the sides, straps."""
    chance, tint = livery.chance, livery.cloth
    rows, phase = max(12, int((x2 - x1) * 5)), [chance.uniform(0, 6) for _ in range(6)]
    bows = chance.uniform(1.0, 1.6)
    across = [(-1.0, 0.0), (-1.0, 0.35), (-1.0, 0.7), (-0.97, 0.93), (-0.8, 0.975), (-0.4, 0.993), (0.0, 1.0)]
    profile = [*across, *((-y, z) for y, z in reversed(across[:-1]))]
    sheet = np.empty((rows + 1, len(profile), 3))
    for row in range(rows + 1):
        x = x1 + (x2 - x1) * row / rows
        bow = abs(sin(pi * (x - x1) / bows))
        for k, (y, z) in enumerate(profile):
            fold = 0.018 * sin(7.3 * x + phase[0] + 3 * z) + 0.012 * sin(17 * x + phase[1] + 5 * y)
            inward = sag * bow * (0.25 if abs(y) > 0.95 else 0.0) + 0.02 + fold
            down = sag * bow * 0.4 * (z > 0.9) * (1.2 - abs(y))
            sheet[row, k] = x, y * (half - max(inward, 0.0)), z1 + (z2 - z1) * z - down
    shape.grid(sheet, "matte", tint)
    for end in (0, rows):
        shape.add(sheet[end], [tuple(range(len(profile)))], "matte", tuple(0.85 * part for part in tint))  # type: ignore[arg-type]
    if chance.random() < 0.7:
        for k in range(int((x2 - x1) / 0.9)):
            x = x1 + 0.4 + 0.9 * k
            shape.boxes((x, x + 0.04), (half - 0.03, half + 0.008), (z1, z1 + 0.3 * (z2 - z1)), "matte", BLACK)
    if chance.random() < 0.5:  # laced flap behind
        for y in (-0.5 * half, 0.0, 0.5 * half):
            shape.box((x1 - 0.012, x1), (y - 0.02, y + 0.02), (z1, z1 + 0.85 * (z2 - z1)), "matte", BLACK)


def tipper(shape: Shape, space: Cuboid, livery: Livery) -> None:
    """A skip with ribs, a tailgate and a heap of earth or gravel."""
    chance, tint = livery.chance, livery.cab if livery.chance.random() < 0.5 else livery.load
    x1, x2, half, z1, z2 = space.x1 + 0.03, space.x2, space.width / 2 - 0.02, space.z1, space.z2
    rim = z2 - 0.12
    shape.box((x1, x2), (-half + 0.05, half - 0.05), (z1, z1 + 0.2), "paint", tint)
    shape.boxes((x1, x2), (half - 0.09, half - 0.03), (z1, rim), "paint", tint)
    shape.box((x1, x1 + 0.06), (-half + 0.03, half - 0.03), (z1, rim - 0.02), "paint", tint)
    shape.box((x2 - 0.06, x2), (-half + 0.03, half - 0.03), (z1, z2), "paint", tint)
    shape.boxes((x1, x2), (half - 0.12, half), (rim - 0.12, rim), "paint", tint, 0.02)
    if chance.random() < 0.5:
        shape.box((x2 - 0.05, x2 + 0.5), (-half + 0.06, half - 0.06), (z2 - 0.06, z2), "paint", tint)
    count = max(4, int((x2 - x1) / chance.uniform(0.5, 0.9)))
    for k in range(count + 1):
        at = x1 + 0.05 + (x2 - x1 - 0.1) * k / count
        shape.boxes((at - 0.045, at + 0.045), (half - 0.04, half), (z1, rim), "paint", tint, 0.01)
    for across in (-0.75, -0.25, 0.25, 0.75):
        rail = (across * half - 0.05, across * half + 0.05)
        shape.box((x1 - 0.03, x1 + 0.02), rail, (z1 + 0.02, rim - 0.05), "paint", tint)
    shape.box((x1 - 0.03, x1 + 0.02), (-half + 0.05, half - 0.05), (rim - 0.16, rim - 0.04), "paint", tint)
    fill = chance.random()
    if fill < 0.7:
        rows, columns = 20, 11
        heap = np.empty((rows, columns, 3))
        bulge = chance.uniform(0.1, 0.5)
        for i in range(rows):
            for k in range(columns):
                u, v = i / (rows - 1), k / (columns - 1)
                z = rim - 0.3 + (z2 - rim + 0.28) * bulge * 2 * sin(pi * u) ** 0.7 * sin(pi * v) + chance.gauss(0, 0.03)
                heap[i, k] = x1 + 0.05 + (x2 - x1 - 0.1) * u, (half - 0.08) * (2 * v - 1), min(z, z2)
        shape.grid(heap, "earth", livery.earth, smooth=False)
    elif fill < 0.9:
        cloth(shape, x1 + 0.02, x2 - 0.02, half, rim - 0.2, z2, livery, sag=0.1)
    else:
        shape.box((x1 + 0.06, x2 - 0.06), (-half + 0.09, half - 0.09), (z1 + 0.2, z1 + 0.24), "matte", DARK)


def tank(shape: Shape, space: Cuboid, livery: Livery) -> None:
    """An elliptical tank with rings, a walkway with manholes on top, and a ladder behind."""
    chance = livery.chance
    x1, x2, half, z1, z2 = space.x1 + 0.1, space.x2, space.width / 2 - 0.02, space.z1 + 0.05, space.z2 - 0.1
    bright = chance.random() < 0.5
    surface, tint = ("metal", (0.6, 0.6, 0.62)) if bright else ("paint", livery.load)
    middle, radius, sides = (z1 + z2) / 2, (z2 - z1) / 2, 28
    ends = [(0.0, 0.0), (0.03, 0.55), (0.12, 0.86), (0.3, 1.0)]
    places = [*((x1 + d, r) for d, r in ends), *((x2 - d, r) for d, r in reversed(ends))]
    sheet = np.empty((len(places), sides, 3))
    for i, (x, r) in enumerate(places):
        for k in range(sides):
            a = 2 * pi * k / sides
            c, s = cos(a), sin(a)
            square = (abs(c) ** 3 + abs(s) ** 3) ** (-1 / 3)  # between an ellipse and a box
            sheet[i, k] = x, half * r * c * square, middle + radius * r * s * square
    shape.grid(sheet, surface, tint, closed=True)
    rings = chance.randint(3, 6)
    for k in range(rings + 1):
        x = x1 + 0.35 + (x2 - x1 - 0.7) * k / rings
        band = sheet[3:5].copy()
        for i, at in enumerate((x - 0.03, x + 0.03)):
            band[i, :, 0] = at
            band[i, :, 1] *= 1.008
            band[i, :, 2] = middle + (band[i, :, 2] - middle) * 1.012
        shape.grid(band, "metal" if bright else "paint", STEEL if bright else livery.second, closed=True)
    if chance.random() < 0.6:
        band = sheet[3:5, [25, 26, 27, 0, 1, 2, 3]].copy()
        band[0, :, 0], band[1, :, 0] = x1 + 0.4, x2 - 0.4
        for flip in (1, -1):
            copy = band.copy()
            copy[:, :, 1] *= 1.006 * flip
            shape.grid(copy, "paint", livery.second)
    shape.box((x1 + 0.4, x2 - 0.4), (-0.35, 0.35), (z2 - 0.03, z2 + 0.02), "metal", (0.3, 0.3, 0.3))
    for k in range(3):
        x = x1 + (x2 - x1) * (0.25 + 0.25 * k)
        shape.cylinder((x, 0.0, z2), (x, 0.0, z2 + 0.1), 0.26, "metal", STEEL, 12)
    for y in (-0.45, 0.45):
        shape.cylinder((x1 - 0.05, y * 0.5, z1), (x1 - 0.05, y * 0.5, z2 + 0.05), 0.02, "metal", STEEL, 6)
    for k in range(6):
        z = z1 + 0.1 + (z2 - z1 - 0.15) * k / 5
        shape.cylinder((x1 - 0.05, -0.22, z), (x1 - 0.05, 0.22, z), 0.016, "metal", STEEL, 6)
    shape.box((x1 - 0.03, x1 + 0.02), (0.5, 0.85), (z1 + 0.35, z1 + 0.65), "matte", (0.7, 0.3, 0.02))
    shape.boxes((x1 + 0.3, x2 - 0.3), (half - 0.35, half - 0.05), (space.z1 - 0.05, space.z1 + 0.12), "matte", DARK)


def container(shape: Shape, space: Cuboid, livery: Livery) -> None:
    """A corrugated container with corner posts and castings, doors with rods, and lettering."""
    chance, tint = livery.chance, livery.load
    x1, x2, half, z1, z2 = space.x1 + 0.03, space.x2, space.width / 2 - 0.02, space.z1 + 0.02, space.z2
    shape.box((x1 + 0.02, x2 - 0.02), (-half + 0.07, half - 0.07), (z1, z2 - 0.03), "paint", tint)
    period = 0.28
    count = int((x2 - x1 - 0.2) / period)
    line = []
    for k in range(count):
        at = x1 + 0.1 + period * k
        line += [(at, half - 0.015), (at + 0.07, half - 0.015), (at + 0.14, half - 0.055), (at + 0.21, half - 0.055)]
    for flip in (1, -1):
        sheet = np.array([[(x, flip * y, z) for x, y in line] for z in (z1 + 0.12, z2 - 0.1)])
        shape.grid(sheet, "paint", tint, smooth=False)
    dark = tuple(0.8 * part for part in tint)
    for low, high in ((z1, z1 + 0.15), (z2 - 0.1, z2)):
        shape.boxes((x1, x2), (half - 0.06, half), (low, high), "paint", dark)  # type: ignore[arg-type]
    for x in (x1 + 0.07, x2 - 0.07):
        shape.boxes((x - 0.07, x + 0.07), (half - 0.1, half), (z1, z2), "paint", dark)  # type: ignore[arg-type]
        for z in (z1 + 0.06, z2 - 0.06):
            shape.boxes((x - 0.09, x + 0.09), (half - 0.15, half + 0.004), (z - 0.06, z + 0.06), "matte", DARK)
    stripes_only = livery.chance.random() < 0.7
    if stripes_only:
        size = chance.uniform(0.35, 0.7)
        start = chance.uniform(x1 + 0.6, x2 - 5.0)
        low = chance.uniform(z1 + 0.6, z2 - 1.2)
        lettering = WHITE if sum(tint) < 1.0 else livery.cab
        for k in range(chance.randint(3, 8)):
            at = start + 0.75 * size * k
            if at + size > x2 - 0.3:
                break
            shape.boxes(
                (at, at + 0.5 * size), (half - 0.02, half + 0.002), (low, low + 0.18 * size), "paint", lettering
            )
            shape.boxes((at, at + 0.16 * size), (half - 0.02, half + 0.002), (low, low + size), "paint", lettering)
            if chance.random() < 0.6:
                shape.boxes(
                    (at, at + 0.5 * size),
                    (half - 0.02, half + 0.002),
                    (low + 0.8 * size, low + size),
                    "paint",
                    lettering,
                )
    rear_doors(shape, x1, half - 0.03, z1 + 0.08, z2 - 0.08, tint, livery)
    shape.box((x1 - 0.012, x1), (0.25, 0.9), (z2 - 0.45, z2 - 0.25), "matte", WHITE if sum(tint) < 1.2 else DARK)


def curtain(shape: Shape, space: Cuboid, livery: Livery) -> None:
    """A curtain-sided body: cloth between posts, straps with buckles, rear doors."""
    chance, tint = livery.chance, livery.cloth if livery.chance.random() < 0.7 else livery.load
    x1, x2, half, z1, z2 = space.x1 + 0.03, space.x2, space.width / 2 - 0.02, space.z1, space.z2
    shape.box((x1, x2), (-half + 0.05, half - 0.05), (z1, z2 - 0.01), "matte", WHITE)
    rows, phase = int((x2 - x1) * 4), chance.uniform(0, 6)
    sheet = np.empty((6, rows, 3))
    for i in range(6):
        for k in range(rows):
            x = x1 + 0.1 + (x2 - x1 - 0.2) * k / (rows - 1)
            z = z1 + 0.1 + (z2 - z1 - 0.25) * i / 5
            fold = 0.014 * sin(5.1 * x + phase) + 0.008 * sin(13.3 * x + 2 * phase)
            sheet[i, k] = x, half - 0.02 + fold * (1.2 - abs(i - 2.5) / 3), z
    shape.grid(sheet, "matte", tint)
    shape.grid(sheet * np.array([1.0, -1.0, 1.0]), "matte", tint)
    shape.boxes((x1, x2), (half - 0.06, half), (z2 - 0.16, z2 - 0.01), "metal", STEEL)
    shape.boxes((x1, x2), (half - 0.08, half - 0.005), (z1, z1 + 0.1), "metal", (0.3, 0.3, 0.3))
    for x in (x1 + 0.05, x2 - 0.05):
        shape.boxes((x - 0.05, x + 0.05), (half - 0.08, half + 0.006), (z1, z2 - 0.01), "metal", STEEL)
    step = chance.uniform(0.55, 0.9)
    for k in range(1, int((x2 - x1) / step)):
        at = x1 + step * k
        shape.boxes((at - 0.02, at + 0.02), (half, half + 0.008), (z1 + 0.02, z1 + 0.55), "matte", BLACK)
        shape.boxes((at - 0.03, at + 0.03), (half, half + 0.014), (z1 + 0.02, z1 + 0.14), "metal", STEEL)
    stripes(shape, x1 + 0.4, x2 - 0.4, half + 0.012, z1 + 0.6, z2 - 0.4, livery)
    rear_doors(shape, x1, half - 0.04, z1 + 0.06, z2 - 0.06, WHITE, livery)


def rigid(body: Body, livery: Livery) -> Shape:
    """A truck in one piece."""
    shape = Shape()
    front, under, load = body.cuboids
    radius = 0.4 if body.length < 7.0 else 0.5
    cab(shape, front, livery, radius)
    shape.piece = "chassis"
    frame(shape, under.x1, under.x2, load.z1, under.width / 2)
    axles(shape, body, livery, radius, under.x2)
    truck_tail(shape, under.x1, under.width / 2, load.z1, livery)
    shape.boxes(
        (under.x2 - 0.35, under.x2 - 0.02), (0.4, 1.0), (load.z1 - 0.4, min(front.z2 - 0.4, 2.2)), "matte", BLACK
    )
    shape.piece = "load"
    if body.variant in {"tipper", "short-tipper"}:
        tipper(shape, load, livery)
    elif body.variant in {"tanker", "short-tanker"}:
        tank(shape, load, livery)
    elif body.variant == "flatbed":
        bed(shape, load, livery, livery.chance.uniform(0.35, 0.55))
        if livery.chance.random() < 0.8:
            goods(shape, load, livery, load.z1 + 0.12)
        else:
            shape.box((load.x2 - 0.06, load.x2), (-1.1, 1.1), (load.z1, load.z2), "paint", livery.cab)
    elif body.variant == "tarpaulin":
        bed(shape, load, livery, 0.6)
        cloth(shape, load.x1 + 0.05, load.x2 - 0.03, load.width / 2 - 0.02, load.z1 + 0.5, load.z2, livery)
    else:
        closed_box(shape, load, livery)
    return shape


def tractor(body: Body, livery: Livery) -> Shape:
    """The tractor of an articulated truck."""
    shape = Shape()
    front, under = body.cuboids
    cab(shape, front, livery, 0.5)
    shape.piece = "chassis"
    half = under.width / 2
    frame(shape, under.x1, under.x2, 1.1, half)
    for x in (-2.25, -0.95) if livery.chance.random() < 0.6 else (-1.65,):
        wheel(shape, x, half - 0.04, 0.5, livery.hub, wide=0.55)
        shape.boxes((x - 0.5, x + 0.5), (half - 0.6, half - 0.05), (1.03, 1.07), "matte", DARK)
    side_guard(shape, -0.35, 0.75, half, 1.05, livery)
    truck_tail(shape, under.x1, half, 0.95, livery)
    shape.box((0.55, 0.72), (-1.0, 1.0), (1.0, 2.4), "matte", BLACK)
    return shape


def trailer(body: Body, livery: Livery) -> Shape:
    """The semi-trailer behind it."""
    shape = Shape()
    under, load = body.cuboids
    half, chance = under.width / 2, livery.chance
    shape.piece = "chassis"
    frame(shape, under.x1, under.x2, load.z1, half)
    first = under.x1 + chance.uniform(1.3, 2.0)
    places = [first + 1.3 * k for k in range(chance.choice((2, 3, 3)))]
    for x in places:
        wheel(shape, x, half - 0.03, 0.49, livery.hub, wide=0.5)
    side_guard(shape, places[-1] + 0.7, under.x2 - 1.0, half, min(load.z1, 1.15), livery)
    for side in (-1, 1):
        shape.box((under.x2 - 0.5, under.x2 - 0.35), (side * 0.8, side * 0.95), (0.15, load.z1), "matte", DARK)
        shape.box((under.x2 - 0.6, under.x2 - 0.25), (side * 0.72, side * 1.02), (0.1, 0.16), "matte", DARK)
    truck_tail(shape, under.x1, half, min(load.z1, 1.15) - 0.05, livery)
    shape.piece = "load"
    if body.variant == "container-trailer":
        container(shape, load, livery)
    elif body.variant == "curtain-trailer":
        curtain(shape, load, livery)
    else:
        shape.box((load.x1 + 0.03, load.x2), (-half, half), (load.z1, load.z1 + 0.15), "matte", (0.16, 0.11, 0.08))
        shape.boxes(
            (load.x1 + 0.03, load.x2),
            (half - 0.03, half + 0.01),
            (load.z1 - 0.1, load.z1 + 0.16),
            "paint",
            livery.second,
        )
        shape.box((load.x2 - 0.08, load.x2), (-half, half), (load.z1, load.z2), "paint", livery.second)
        goods(shape, load, livery, load.z1 + 0.15)
    return shape
