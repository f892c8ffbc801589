"""Cars, vans, minibuses and motorcycles, built inside the cuboids of their bodies."""

from collections.abc import Sequence

import numpy as np

from tests.scenes.bodies import Body
from tests.scenes.render.fittings import AMBER, GLASS, RED, cab_wheel_arch, mirror, plate, wheel
from tests.scenes.render.livery import Livery
from tests.scenes.render.shape import BLACK, DARK, STEEL, WHITE, Colour, Shape

LAMP: Colour = (0.75, 0.77, 0.8)


def hull(shape: Shape, stations: Sequence[tuple[float, ...]], paint: Colour) -> None:
    """A body drawn through stations (x, z below, half below, z of the waist, half of it, z of the roof, half of it)."""
    rings = []
    for x, z0, w0, z1, w1, z2, w2 in stations:
        middle = (z0 + z1) / 2
        bulge = max(w0, w1) + 0.015
        crown = 0.03 if z2 > z1 + 0.1 else 0.015
        half = [
            (0.0, z0),
            (w0 - 0.06, z0),
            (w0, z0 + 0.08),
            (bulge, middle),
            (w1, z1),
            (w2, z2 - 0.02),
            (w2 - 0.1, z2),
            (0.0, z2 + crown),
        ]
        rings.append([(x, y, z) for y, z in half] + [(x, -y, z) for y, z in reversed(half[1:-1])])
    sheet = np.array(rings)
    shape.grid(sheet, "paint", paint, closed=True)
    for end in (0, -1):
        shape.add(sheet[end], [tuple(range(sheet.shape[1]))], "paint", paint)


def car(body: Body, livery: Livery) -> Shape:
    """A car of any of the variants: hull, greenhouse, windows with pillars, lamps, plates, wheels."""
    shape, chance, paint = Shape(), livery.chance, livery.car
    low, cabin = body.cuboids
    half_length, half, waist, top = low.x2, low.width / 2 - 0.02, low.z2, cabin.z2 - 0.03
    front, rear = half_length - 0.02, -half_length + 0.02
    high = body.variant in {"suv", "pickup"}
    sill = 0.32 if high else 0.22
    bonnet = waist * (0.98 if high else 0.9)
    radius = 0.37 if high else 0.32
    roof_half = cabin.width / 2 - 0.04
    base, glass_front, glass_rear = (
        cabin.x2,
        cabin.x2 - (0.6 if high else 0.75),
        cabin.x1 + (0.65 if body.variant == "saloon" else 0.28),
    )
    tail_top = waist * (0.98 if body.variant != "pickup" else 1.0)
    shape.piece = "body"
    stations = [
        (rear, sill + 0.15, half - 0.12, 0.7 * waist, half - 0.1, 0.8 * waist, half - 0.16),
        (rear + 0.1, sill + 0.05, half - 0.04, 0.86 * waist, half - 0.03, tail_top - 0.02, half - 0.12),
        (cabin.x1, sill, half, 0.95 * waist, half, tail_top + 0.01, half - 0.1),
        (base, sill, half, 0.95 * waist, half, waist, half - 0.1),
        (front - 0.5, sill, half - 0.01, 0.86 * bonnet, half - 0.02, bonnet - 0.06, half - 0.15),
        (front - 0.12, sill, half - 0.07, 0.72 * bonnet, half - 0.08, bonnet - 0.15, half - 0.2),
        (front, sill + 0.08, half - 0.16, 0.6 * bonnet, half - 0.16, bonnet - 0.28, half - 0.25),
    ]
    hull(shape, stations, paint)
    shape.piece = "cabin"
    waist_half = half - 0.09
    rows = []
    for x, z, wide in (
        (cabin.x1, waist - 0.02, waist_half),
        (glass_rear, top - 0.02, roof_half),
        (glass_rear + 0.25, top, roof_half),
        (glass_front - 0.3, top, roof_half),
        (glass_front, top - 0.03, roof_half),
        (base, waist - 0.02, waist_half),
    ):
        flat = z < waist + 0.05
        rows.append(
            [
                (x, waist_half + 0.02, waist - 0.06),
                (x, wide, z - (0.0 if flat else 0.05)),
                (x, wide - 0.1, z),
                (x, 0.0, z + (0.0 if flat else 0.03)),
                (x, -wide + 0.1, z),
                (x, -wide, z - (0.0 if flat else 0.05)),
                (x, -waist_half - 0.02, waist - 0.06),
            ]
        )
    roof_tint = BLACK if chance.random() < 0.12 else paint
    shape.grid(np.array(rows), "paint", roof_tint, smooth=False)
    lift = 0.018

    def pane(x1: float, z1: float, w1: float, x2: float, z2: float, w2: float) -> None:
        out = lift if x1 > x2 else -lift
        shape.quad(
            [
                (x1 + out, -w1, z1 + lift),
                (x1 + out, w1, z1 + lift),
                (x2 + out, w2, z2 + lift),
                (x2 + out, -w2, z2 + lift),
            ],
            "glass",
            GLASS,
        )

    pane(base - 0.06, waist + 0.02, waist_half - 0.07, glass_front + 0.04, top - 0.06, roof_half - 0.08)
    pane(cabin.x1 + 0.05, waist + 0.04, waist_half - 0.1, glass_rear - 0.03, top - 0.06, roof_half - 0.09)

    def at(x: float, z: float) -> tuple[float, float, float]:
        share = (z - waist) / (top - 0.05 - waist)
        return x, waist_half + 0.02 - share * (waist_half + 0.02 - roof_half) + 0.012, z

    zl, zh = waist + 0.0, top - 0.1
    pillar = (base + cabin.x1) / 2 - 0.05
    front_low, front_high = base - 0.18, glass_front - 0.05
    rear_low, rear_high = cabin.x1 + 0.22, glass_rear + 0.08
    shape.quads([at(pillar + 0.05, zl), at(front_low, zl), at(front_high, zh), at(pillar + 0.05, zh)], "glass", GLASS)
    shape.quads([at(rear_low, zl), at(pillar - 0.05, zl), at(pillar - 0.05, zh), at(rear_high, zh)], "glass", GLASS)
    shape.piece = "body"
    for x in (pillar, front_low + 0.1, cabin.x1 + 0.35):
        shape.boxes((x - 0.006, x + 0.006), (half - 0.02, half + 0.016), (sill + 0.12, waist - 0.05), "matte", BLACK)
    shape.boxes((pillar + 0.1, pillar + 0.28), (half - 0.03, half + 0.03), (0.85 * waist, 0.88 * waist), "paint", paint)
    shape.boxes((rear + 0.6, front - 0.6), (half - 0.1, half + 0.008), (sill - 0.02, sill + 0.09), "matte", DARK)
    shape.box((front - 0.06, front + 0.012), (-0.42, 0.42), (0.62 * bonnet, 0.78 * bonnet), "matte", BLACK, 0.02)
    shape.box((front - 0.06, front + 0.015), (-0.5, 0.5), (sill + 0.06, sill + 0.2), "matte", BLACK, 0.02)
    shape.boxes(
        (front - 0.24, front - 0.03), (half - 0.52, half - 0.17), (0.66 * bonnet, 0.8 * bonnet), "head", LAMP, 0.03
    )
    shape.boxes(
        (front - 0.3, front - 0.1), (half - 0.2, half - 0.06), (0.66 * bonnet, 0.78 * bonnet), "head", LAMP, 0.03
    )
    plate(shape, front + 0.01, 0.48 * bonnet, livery, front=True)
    lamp = 0.72 * waist
    tall = 0.28 if high else 0.16
    shape.boxes((rear - 0.006, rear + 0.2), (half - 0.3, half - 0.05), (lamp, lamp + tall), "brake", RED, 0.03)
    shape.boxes((rear - 0.008, rear + 0.1), (half - 0.42, half - 0.3), (lamp, lamp + 0.1), "tail", RED)
    shape.box((rear - 0.01, rear + 0.1), (-0.35, 0.35), (0.6 * waist, 0.74 * waist), "paint", paint)
    plate(shape, rear - 0.012, 0.66 * waist, livery, front=False)
    shape.box((rear - 0.012, rear + 0.1), (-half + 0.15, half - 0.15), (sill + 0.12, sill + 0.26), "matte", DARK, 0.02)
    if body.variant == "pickup":
        bed_end = cabin.x1 - 0.06
        shape.box((rear + 0.12, bed_end), (-half + 0.16, half - 0.16), (waist - 0.04, waist + 0.012), "matte", BLACK)
        if chance.random() < 0.5:
            shape.box(
                (rear + 0.4, bed_end - 0.2),
                (-half + 0.25, half - 0.25),
                (waist, waist + 0.25),
                "matte",
                livery.cloth,
                0.05,
            )
    if body.variant in {"suv", "estate"} and chance.random() < 0.7:
        shape.piece = "cabin"
        shape.boxes(
            (glass_rear + 0.1, glass_front - 0.2),
            (roof_half - 0.1, roof_half - 0.05),
            (top + 0.0, top + 0.03),
            "metal",
            STEEL,
        )
    mirror(shape, base - 0.35, half - 0.06, waist + 0.02, paint, tall=0.13)
    shape.piece = "body"
    axle = 0.29 * body.length
    for x in (axle + 0.05, -axle):
        cab_wheel_arch(shape, x, half + 0.012, radius)
        wheel(shape, x, half + 0.015, radius, livery.hub if sum(livery.hub) > 1 else STEEL, wide=0.2)
    return shape


def van(body: Body, livery: Livery) -> Shape:
    """A van, or with windows along its sides a minibus."""
    shape, chance = Shape(), livery.chance
    space = body.cuboids[0]
    seats = body.kind == "minibus" or (body.variant == "small-van" and chance.random() < 0.4)
    paint = livery.car if not seats and chance.random() < 0.6 else livery.bus
    half, top, front, rear = space.width / 2 - 0.03, space.z2 - 0.03, space.x2 - 0.02, space.x1 + 0.03
    nose = min(0.95, 0.17 * body.length)
    waist = 0.52 * top if top < 2.0 else 0.47 * top
    bonnet = waist * 0.98
    base = front - nose * chance.uniform(0.55, 0.9)
    rake = 0.75 if top < 2.2 else 0.7
    head = base - rake
    sill = 0.3
    narrow = half - 0.11
    shape.piece = "body"
    stations = [
        (rear, sill + 0.08, half - 0.06, waist, half - 0.03, top - 0.12, narrow - 0.02),
        (rear + 0.12, sill, half, waist, half, top, narrow),
        (head - 0.25, sill, half, waist, half, top, narrow),
        (head, sill, half, waist, half, top - 0.06, narrow - 0.02),
        (base, sill, half, waist - 0.05, half - 0.01, bonnet + 0.03, half - 0.12),
        (front - 0.15, sill, half - 0.05, 0.75 * waist, half - 0.05, bonnet - 0.12, half - 0.16),
        (front, sill + 0.06, half - 0.12, 0.66 * waist, half - 0.12, bonnet - 0.25, half - 0.22),
    ]
    hull(shape, stations, paint)
    lift = 0.03
    z1, z2 = bonnet + 0.1, top - 0.14

    def slope(z: float) -> float:
        return base - (base - head) * (z - bonnet - 0.03) / (top - 0.09 - bonnet)

    def side(z: float) -> float:
        return half - (half - narrow) * max(z - waist, 0) / (top - waist) + 0.014

    shape.quad(
        [
            (slope(z1) + lift, -side(z1) + 0.14, z1 + 0.03),
            (slope(z1) + lift, side(z1) - 0.14, z1 + 0.03),
            (slope(z2) + lift, side(z2) - 0.16, z2 + 0.03),
            (slope(z2) + lift, -side(z2) + 0.16, z2 + 0.03),
        ],
        "glass",
        GLASS,
    )
    zl, zh = waist + 0.03, min(top - 0.2, waist + 0.75)

    def window(x1: float, x2: float, shift: float = 0.0) -> None:
        shape.quads(
            [(x1, side(zl), zl), (x2, side(zl), zl), (x2 - shift, side(zh), zh), (x1, side(zh), zh)], "glass", GLASS
        )

    door = head - 0.35
    window(door, slope(zl) - 0.18, shift=max(0.05, slope(zl) - slope(zh) - 0.05))
    panes = max(2, int((door - rear) / 1.15))
    if seats:
        step = (door - 0.1 - rear - 0.15) / panes
        for k in range(panes):
            window(rear + 0.15 + step * k + 0.05, rear + 0.15 + step * (k + 1) - 0.04)
    elif chance.random() < 0.6:
        band = livery.second
        shape.boxes((rear + 0.2, door - 0.15), (half - 0.02, half + 0.02), (0.6 * waist, 0.85 * waist), "paint", band)
        size = chance.uniform(0.2, 0.4)
        for k in range(chance.randint(3, 7)):
            x = rear + 0.5 + 0.8 * size * k
            z = waist + 0.15
            if x + size < door:
                y = side(z)
                shape.boxes((x, x + 0.5 * size), (y - 0.05, y), (z, z + 0.2 * size), "paint", band)
                shape.boxes((x, x + 0.17 * size), (y - 0.07, y - 0.005), (z, z + size * 0.8), "paint", band)
    for x in (door - 0.06, door - 1.1, door + 0.9):
        shape.boxes((x - 0.007, x + 0.007), (half - 0.02, half + 0.017), (sill + 0.12, waist + 0.02), "matte", BLACK)
    if not seats:
        shape.boxes((rear + 0.2, door - 1.1), (half - 0.02, half + 0.018), (waist + 0.02, waist + 0.05), "matte", BLACK)
    back = rear - 0.012
    if seats or chance.random() < 0.5:
        zt = min(top - 0.25, waist + 0.8)
        for y1, y2 in ((-half + 0.2, -0.04), (0.04, half - 0.2)):
            shape.quad(
                [
                    (back, y1, waist + 0.1),
                    (back, y2, waist + 0.1),
                    (back + 0.03, y2 * 0.96, zt),
                    (back + 0.03, y1 * 0.96, zt),
                ],
                "glass",
                GLASS,
            )
    shape.box((back + 0.005, rear + 0.1), (-0.008, 0.008), (sill + 0.2, top - 0.2), "matte", BLACK)
    shape.boxes(
        (rear - 0.015, rear + 0.1), (half - 0.2, half - 0.06), (0.62 * waist, 0.62 * waist + 0.42), "brake", RED, 0.02
    )
    shape.boxes(
        (rear - 0.016, rear + 0.05),
        (half - 0.18, half - 0.08),
        (0.62 * waist + 0.42, 0.62 * waist + 0.52),
        "amber",
        AMBER,
    )
    shape.box((rear - 0.02, rear + 0.15), (-half + 0.04, half - 0.04), (sill + 0.05, sill + 0.22), "matte", DARK, 0.03)
    plate(shape, rear - 0.012, 0.5 * waist + 0.1, livery, front=False)
    shape.box(
        (front - 0.2, front + 0.012),
        (-half + 0.12, half - 0.12),
        (sill + 0.02, sill + 0.26),
        "matte",
        DARK if chance.random() < 0.6 else paint,
        0.04,
    )
    shape.box((front - 0.2, front + 0.008), (-0.5, 0.5), (0.55 * waist, 0.7 * waist), "matte", BLACK, 0.03)
    shape.boxes(
        (front - 0.25, front - 0.01), (half - 0.48, half - 0.14), (0.55 * waist, 0.73 * waist), "head", LAMP, 0.03
    )
    shape.boxes(
        (front - 0.3, front - 0.08), (half - 0.18, half - 0.05), (0.56 * waist, 0.72 * waist), "amber", AMBER, 0.02
    )
    plate(shape, front + 0.01, sill + 0.14, livery, front=True)
    if seats and body.kind == "minibus":
        shape.boxes(
            (rear + 0.1, front - 0.4), (half - 0.02, half + 0.02), (0.75 * waist, 0.92 * waist), "paint", livery.second
        )
        shape.box((rear + 1.0, rear + 2.6), (-0.6, 0.6), (top - 0.0, top + 0.03), "paint", WHITE, 0.02)
        shape.box((slope(z2) - 0.05, slope(z2) + 0.04), (-0.6, 0.6), (z2 + 0.02, z2 + 0.12), "matte", BLACK)
    elif top > 2.2 and chance.random() < 0.4:
        for k in range(3):
            x = rear + 0.5 + (head - rear - 1) * k / 2
            shape.box((x - 0.03, x + 0.03), (-narrow, narrow), (top + 0.0, top + 0.03), "metal", STEEL)
    mirror(shape, base - 0.5, half - 0.04, waist + 0.08, DARK, tall=0.3 if top > 2.2 else 0.2)
    shape.piece = "body"
    radius = 0.34 if top < 2.6 else 0.38
    for x in (front - nose * 0.9 - 0.05, rear + 0.23 * body.length):
        cab_wheel_arch(shape, x, half + 0.018, radius)
        wheel(shape, x, half + 0.02, radius, (0.35, 0.35, 0.36), wide=0.22)
    return shape


def motorcycle(body: Body, livery: Livery) -> Shape:
    """A motorcycle with its rider."""
    shape, chance, paint = Shape(), livery.chance, livery.car
    shape.piece = "machine"
    for x in (0.72, -0.7):
        shape.cylinder((x, -0.06, 0.31), (x, 0.06, 0.31), 0.31, "rubber", (0.02, 0.02, 0.02), 18)
        shape.cylinder((x, -0.07, 0.31), (x, 0.07, 0.31), 0.19, "metal", STEEL, 12)
    shape.box((-0.3, 0.35), (-0.15, 0.15), (0.3, 0.62), "matte", DARK, 0.05)
    shape.box((-0.05, 0.42), (-0.16, 0.16), (0.62, 0.88), "paint", paint, 0.07)
    shape.box((-0.85, 0.0), (-0.14, 0.14), (0.68, 0.8), "matte", BLACK, 0.04)
    shape.box((-1.03, -0.55), (-0.12, 0.12), (0.6, 0.74), "paint", paint, 0.04)
    shape.cylinder((0.72, 0.0, 0.35), (0.45, 0.0, 0.98), 0.06, "metal", STEEL, 8)
    shape.cylinder((0.46, -0.24, 0.98), (0.46, 0.24, 0.98), 0.02, "matte", BLACK, 6)
    shape.box((0.52, 0.66), (-0.1, 0.1), (0.78, 0.96), "head", LAMP, 0.03)
    shape.box((0.5, 1.0), (-0.08, 0.08), (0.6, 0.64), "paint", paint)
    shape.box((-1.04, -0.99), (-0.08, 0.08), (0.68, 0.76), "brake", RED)
    shape.box((-1.045, -1.02), (-0.1, 0.1), (0.45, 0.6), "matte", livery.plate)
    shape.cylinder((-0.75, -0.2, 0.38), (0.0, -0.18, 0.32), 0.05, "metal", STEEL, 8)
    if chance.random() < 0.4:
        shape.box((-1.0, -0.6), (-0.22, 0.22), (0.82, 1.15), "matte", DARK, 0.05)
    shape.piece = "rider"
    coat = livery.cloth if chance.random() < 0.5 else (0.03, 0.03, 0.035)
    legs = (0.03, 0.035, 0.06)
    for side in (-1, 1):
        shape.cylinder((-0.25, side * 0.13, 0.85), (0.18, side * 0.22, 0.72), 0.085, "matte", legs, 10)
        shape.cylinder((0.18, side * 0.22, 0.72), (-0.05, side * 0.2, 0.36), 0.065, "matte", legs, 10)
        shape.cylinder((-0.12, side * 0.2, 1.3), (0.1, side * 0.32, 1.1), 0.06, "matte", coat, 10)
        shape.cylinder((0.1, side * 0.32, 1.1), (0.42, side * 0.26, 1.0), 0.05, "matte", coat, 10)
    shape.prism(
        [(-0.42, 0.82), (-0.12, 0.82), (0.06, 1.36), (-0.1, 1.42), (-0.28, 1.36)],
        [0.17, 0.16, 0.2, 0.17, 0.2],
        "matte",
        coat,
    )
    ring = []
    for k in range(7):
        angle = np.pi * k / 6
        ring.append(
            [
                (0.02 + 0.14 * np.sin(angle) * np.cos(a), 0.12 * np.sin(angle) * np.sin(a), 1.5 + 0.145 * np.cos(angle))
                for a in np.linspace(0, 2 * np.pi, 12, endpoint=False)
            ]
        )
    shape.grid(np.array(ring), "paint", livery.second if chance.random() < 0.6 else WHITE, closed=True)
    shape.box((0.12, 0.165), (-0.08, 0.08), (1.46, 1.55), "glass", GLASS)
    return shape
