"""Vehicles of North American roads for training stills alone: school and city buses, trucks with a bonnet."""

from tests.scenes.bodies import Body, Cuboid
from tests.scenes.render.cars import van
from tests.scenes.render.fittings import AMBER, GLASS, RED, frame, mirror, plate, side_guard, truck_tail, wheel
from tests.scenes.render.livery import Livery
from tests.scenes.render.shape import BLACK, DARK, STEEL, WHITE, Colour, Shape
from tests.scenes.render.trucks import bed, closed_box, goods, stripes, tank, tipper

SCHOOL_YELLOW: Colour = (0.82, 0.42, 0.02)
RADIUS = 0.5


def american(body: Body, livery: Livery) -> Shape:
    """Any body of `bodies.AMERICAN`, without its trailer."""
    if body.kind == "school-bus":
        return _school_bus(body, livery)
    if body.kind in {"transit-bus", "bendy-bus", "double-decker"}:
        return _transit_bus(body, livery)
    if body.kind == "shuttle":
        return _shuttle(body, livery)
    if body.kind == "step-van":
        return van(body, livery)
    return _bonneted(body, livery)


def american_trailer(body: Body, livery: Livery) -> Shape:
    """The trailer of one: the rear half of an articulated bus, or a semi-trailer."""
    if body.label == "bus":
        return _bus_rear(body, livery)
    shape = Shape("chassis")
    under, load = body.cuboids
    half, chance = under.width / 2, livery.chance
    frame(shape, under.x1, under.x2, load.z1, half)
    first = under.x1 + chance.uniform(1.0, 2.4)
    for x in (first, first + 1.3):  # North American trailers have two axles
        wheel(shape, x, half - 0.03, RADIUS, livery.hub, wide=0.55)
    for side in (-1, 1):
        shape.box((under.x2 - 0.5, under.x2 - 0.35), (side * 0.8, side * 0.95), (0.15, load.z1), "matte", DARK)
    truck_tail(shape, under.x1, half, min(load.z1, 1.15) - 0.05, livery)
    shape.piece = "load"
    if "tank" in body.variant:
        tank(shape, load, livery)
    elif "flat" in body.variant:
        shape.box((load.x1 + 0.03, load.x2), (-half, half), (load.z1, load.z1 + 0.15), "matte", (0.16, 0.11, 0.08))
        if chance.random() < 0.8:
            goods(shape, load, livery, load.z1 + 0.15)
    elif "dump" in body.variant:
        tipper(shape, load, livery)
    else:
        _dry_van(shape, load, livery)
    return shape


def _windows(shape: Shape, x1: float, x2: float, y: float, z: tuple[float, float], pitch: float, post: float) -> None:
    """A row of panes along both sides."""
    count = max(1, round((x2 - x1) / pitch))
    step = (x2 - x1) / count
    for k in range(count):
        shape.boxes((x1 + step * k + post / 2, x1 + step * (k + 1) - post / 2), (y - 0.02, y + 0.01), z, "glass", GLASS)


def _bonnet(shape: Shape, space: Cuboid, livery: Livery, paint: Colour) -> None:
    """Bonnet with grille, bumper, lamps and front wheels; `space` ends at the bumper."""
    chance, half, x1, x2, top = livery.chance, space.width / 2, space.x1, space.x2, space.z2
    slope = chance.uniform(0.1, 0.45)
    wide = half - chance.uniform(0.15, 0.35)
    shape.prism(
        [(x1, 0.7), (x2 - 0.1, 0.6), (x2 - 0.05, top - 0.25 - slope), (x2 - 0.25, top - slope), (x1, top)],
        [half - 0.1, wide, wide, wide - 0.1, wide],
        "paint",
        paint,
    )
    chrome = chance.random() < 0.5
    shape.box(
        (x2 - 0.08, x2 - 0.03),
        (-0.75 * wide, 0.75 * wide),
        (0.85, top - 0.3 - slope),
        "metal" if chrome else "matte",
        STEEL if chrome else BLACK,
    )
    bumper = ("metal", STEEL) if chance.random() < 0.5 else ("matte", DARK)
    shape.box((x2 - 0.35, x2), (-half, half), (0.4, 0.75), *bumper, 0.05)
    shape.boxes((x2 - 0.3, x2 - 0.02), (wide - 0.25, half - 0.08), (0.8, 1.0), "head", (0.75, 0.77, 0.8), 0.03)
    axle = x2 - 0.95
    for side in (-1, 1):  # wings
        shape.cylinder((axle, side * (half - 0.5), 0.55), (axle, side * half, 0.55), 0.63, "paint", paint, 16)
    wheel(shape, axle, half + 0.01, RADIUS, livery.hub)
    plate(shape, x2, 0.5, livery, front=True)


def _school_bus(body: Body, livery: Livery) -> Shape:
    """Yellow with black rails; with a bonnet, or flat in front."""
    shape, chance = Shape(), livery.chance
    space = body.cuboids[0]
    yellow = SCHOOL_YELLOW if chance.random() < 0.85 else WHITE if chance.random() < 0.7 else livery.bus
    half, x1, x2, top = space.width / 2 - 0.03, space.x1 + 0.03, space.x2 - 0.03, space.z2
    brow, waist = top - 0.42, top - 1.15
    shape.prism(
        [(x1, 0.5), (x2, 0.5), (x2, waist), (x2 - 0.15, top - 0.2), (x2 - 0.4, top), (x1 + 0.3, top), (x1, top - 0.2)],
        [half, half, half, half - 0.1, half - 0.35, half - 0.35, half - 0.1],
        "paint",
        yellow,
    )
    shape.box(
        (x1 + 0.2, x2 - 0.3),
        (-half + 0.3, half - 0.3),
        (top - 0.03, top),
        "paint",
        WHITE if chance.random() < 0.5 else yellow,
    )
    _windows(shape, x1 + 0.5, x2 - 0.9, half - 0.02, (waist + 0.1, brow), 0.72, 0.12)
    for z in (waist, waist - 0.35, 0.75):
        shape.boxes((x1 + 0.05, x2 - 0.1), (half - 0.02, half + 0.015), (z - 0.05, z + 0.03), "matte", BLACK)
    shape.box((x2 - 0.1, x2 + 0.015), (-half + 0.12, half - 0.12), (waist - 0.25, brow - 0.05), "glass", GLASS)
    shape.box((x2 - 0.35, x2 - 0.12), (-0.7, 0.7), (brow + 0.05, top - 0.1), "matte", BLACK)
    shape.box((x2 - 1.0, x2 - 0.25), (-half - 0.012, -half + 0.05), (0.5, brow), "glass", GLASS)
    shape.box((x1 - 0.015, x1 + 0.05), (-0.45, 0.45), (waist + 0.05, brow), "glass", GLASS)
    shape.box((x1 - 0.012, x1 + 0.05), (-0.4, 0.4), (0.75, waist - 0.1), "matte", BLACK)
    for y in (-half + 0.25, half - 0.25):
        shape.box((x1 - 0.015, x1 + 0.04), (y - 0.12, y + 0.12), (brow + 0.05, brow + 0.25), "amber", AMBER)
        shape.box((x1 - 0.015, x1 + 0.04), (y - 0.12, y + 0.12), (0.9, 1.25), "brake", RED)
    shape.box((x1 - 0.05, x1 + 0.1), (-half, half), (0.42, 0.68), "matte", BLACK, 0.03)
    mirror(shape, x2 - 0.1, half, waist, BLACK)
    for x in (x1 + 0.27 * body.length,):
        wheel(shape, x, half + 0.01, RADIUS, livery.hub, wide=0.5)
    if len(body.cuboids) > 1:
        shape.piece = "bonnet"
        _bonnet(shape, body.cuboids[1], livery, yellow)
    else:
        wheel(shape, x2 - 1.4 - chance.uniform(0, 1), half + 0.01, RADIUS, livery.hub)
        shape.boxes((x2 - 0.05, x2 + 0.02), (half - 0.5, half - 0.1), (0.75, 0.95), "head", (0.75, 0.77, 0.8))
        shape.box((x2 - 0.05, x2 + 0.02), (-half, half), (0.42, 0.7), "matte", BLACK)
    return shape


def _skin(
    shape: Shape, x1: float, x2: float, half: float, z: tuple[float, float], livery: Livery, waist: float
) -> None:
    """Bands of a second colour along a bus."""
    style = livery.chance.random()
    if style < 0.3:
        shape.boxes((x1, x2), (half - 0.02, half + 0.008), (z[0], waist - 0.4), "paint", livery.second)
    elif style < 0.55:
        shape.boxes((x1, x2), (half - 0.02, half + 0.008), (waist - 0.3, waist - 0.08), "paint", livery.second)
    elif style < 0.75:
        at = x1 + livery.chance.uniform(0.2, 0.6) * (x2 - x1)
        shape.boxes((x1, at), (half - 0.02, half + 0.008), z, "paint", livery.second)


def _transit_bus(body: Body, livery: Livery) -> Shape:
    """A low-floor city bus: large panes, flat front, sign, roof pods; two rows of panes if it has two decks."""
    shape, chance = Shape(), livery.chance
    space = body.cuboids[0]
    half, x1, x2 = space.width / 2 - 0.03, space.x1 + 0.03, space.x2 - 0.03
    two_decks = body.kind == "double-decker"
    roof = space.z2 - (0.05 if two_decks else 0.3)
    paint = WHITE if chance.random() < 0.4 else livery.bus if chance.random() < 0.6 else livery.cab
    lean = chance.uniform(0.02, 0.25)
    slim = half - 0.05
    shape.prism(
        [
            (x1, 0.35),
            (x2, 0.3),
            (x2, 1.2),
            (x2 - lean, roof - 0.2),
            (x2 - lean - 0.2, roof),
            (x1 + 0.1, roof),
            (x1, roof - 0.15),
        ],
        [half, half, half, slim, slim - 0.12, slim - 0.12, slim],
        "paint",
        paint,
    )
    waist, brow = 1.35, (2.35 if two_decks else roof - 0.4)
    _skin(shape, x1 + 0.1, x2 - 0.15, half, (0.5, brow), livery, waist)
    rows = [(waist, brow), (2.95, roof - 0.4)] if two_decks else [(waist, brow)]
    band = chance.random() < 0.6
    for low, high in rows:
        if band:
            shape.boxes((x1 + 0.4, x2 - 0.4), (half - 0.03, half + 0.004), (low - 0.03, high + 0.03), "matte", BLACK)
        _windows(shape, x1 + 0.5, x2 - 0.5, half, (low, high), chance.uniform(1.2, 1.9), 0.1)
        shape.box((x2 - lean - 0.1, x2 + 0.014), (-half + 0.12, half - 0.12), (low - 0.25, high), "glass", GLASS)
    sign = brow + 0.06
    shape.box((x2 - lean - 0.2, x2 + 0.016), (-0.9, 0.9), (sign, sign + 0.25), "matte", BLACK)
    for k in range(chance.randint(4, 9)):
        at = -0.75 + 0.16 * k
        shape.box((x2 - 0.1, x2 + 0.03), (at, at + 0.1), (sign + 0.06, sign + 0.18), "amber", (0.8, 0.4, 0.03))
    for x in (x2 - 1.35, x1 + 0.45 * (x2 - x1)):  # doors
        shape.box((x, x + 1.15), (-half - 0.016, -half + 0.04), (0.38, brow), "glass", GLASS)
    if chance.random() < 0.3:  # a bicycle rack
        shape.box((x2 - 0.05, x2 - 0.0), (-0.7, 0.7), (0.6, 0.95), "matte", DARK)
    shape.boxes((x2 - 0.05, x2 + 0.02), (half - 0.5, half - 0.1), (0.7, 0.95), "head", (0.75, 0.77, 0.8))
    shape.box((x2 - 0.1, x2 + 0.02), (-half, half), (0.32, 0.55), "matte", DARK)
    places = [x2 - 2.6]
    if body.trailer is None:
        places.append(x1 + 0.27 * body.length)
        _bus_back(shape, x1, half, roof, livery)
    else:
        places.append(x1 + 1.4)
    for x in places:
        wheel(shape, x, half + 0.012, RADIUS, livery.hub)
    mirror(shape, x2 - 0.05, slim, 1.7, DARK)
    if not two_decks:
        shape.piece = "roof"
        _pods(shape, x1, x2, roof, space.z2, livery)
    return shape


def _pods(shape: Shape, x1: float, x2: float, roof: float, top: float, livery: Livery) -> None:
    """What stands on the roof of a bus: cooling, batteries or gas bottles."""
    chance = livery.chance
    style = chance.random()
    spans = [(0.1, 0.75)] if style < 0.3 else [(0.08, 0.28), (0.55, 0.8)] if style < 0.7 else [(0.05, 0.2)]
    for a, b in spans:
        shape.box(
            (x1 + a * (x2 - x1), x1 + b * (x2 - x1)),
            (-0.95, 0.95),
            (roof - 0.02, top - 0.02),
            "paint",
            WHITE if chance.random() < 0.6 else DARK,
            0.08,
        )


def _bus_back(shape: Shape, x: float, half: float, roof: float, livery: Livery) -> None:
    """Rear window or engine grille, lamps."""
    chance = livery.chance
    if chance.random() < 0.5:
        shape.box((x - 0.012, x + 0.05), (-half + 0.25, half - 0.25), (roof - 1.25, roof - 0.4), "glass", GLASS)
    shape.box((x - 0.014, x + 0.05), (-0.9, 0.9), (0.6, 1.3), "matte", BLACK)
    shape.boxes((x - 0.014, x + 0.05), (half - 0.22, half - 0.05), (0.8, 1.5), "brake", RED)
    shape.box((x - 0.03, x + 0.1), (-half, half), (0.35, 0.6), "matte", DARK)


def _bus_rear(body: Body, livery: Livery) -> Shape:
    """The rear half of an articulated bus with its bellows ahead."""
    shape = Shape()
    space = body.cuboids[0]
    half, x1, x2, roof = space.width / 2 - 0.03, space.x1 + 0.03, space.x2, space.z2 - 0.3
    paint = livery.bus
    shape.box((x1, x2 - 1.2), (-half, half), (0.35, roof), "paint", paint, 0.05)
    for k in range(5):
        x = x2 - 1.2 + 0.24 * k
        shape.box((x, x + 0.2), (-half + 0.06, half - 0.06), (0.5, roof - 0.05), "matte", BLACK)
    _windows(shape, x1 + 0.4, x2 - 1.4, half, (1.35, roof - 0.4), 1.5, 0.1)
    _skin(shape, x1 + 0.1, x2 - 1.3, half, (0.5, roof - 0.4), livery, 1.35)
    wheel(shape, x1 + 0.45 * (x2 - x1), half + 0.012, RADIUS, livery.hub)
    _bus_back(shape, x1, half, roof, livery)
    shape.piece = "roof"
    _pods(shape, x1, x2 - 1.5, roof, space.z2, livery)
    return shape


def _shuttle(body: Body, livery: Livery) -> Shape:
    """A wide body with a row of windows behind a van's cab and bonnet."""
    shape, chance = Shape(), livery.chance
    space, cab, front = body.cuboids
    paint = WHITE if chance.random() < 0.75 else livery.bus
    half, x1, x2, top = space.width / 2 - 0.03, space.x1 + 0.03, space.x2, space.z2
    shape.box((x1, x2), (-half, half), (0.45, top), "paint", paint, 0.12)
    _skin(shape, x1 + 0.1, x2 - 0.1, half, (0.5, top - 0.5), livery, 1.35)
    _windows(shape, x1 + 0.35, x2 - 0.3, half, (1.4, top - 0.5), chance.uniform(0.8, 1.3), 0.12)
    shape.box((x2 - 0.9, x2 - 0.1), (-half - 0.014, -half + 0.05), (0.5, top - 0.5), "glass", GLASS)
    shape.box((x1 - 0.014, x1 + 0.05), (-0.6, 0.6), (1.4, top - 0.5), "glass", GLASS)
    shape.boxes((x1 - 0.014, x1 + 0.05), (half - 0.25, half - 0.08), (0.8, 1.2), "brake", RED)
    shape.box((x2 - 0.05, x2 + 0.02), (-0.8, 0.8), (top - 0.45, top - 0.2), "matte", BLACK)
    _van_cab(shape, cab, front, livery, paint)
    wheel(shape, x1 + 0.26 * body.length, half - 0.02, 0.4, livery.hub, wide=0.45)
    return shape


def _van_cab(shape: Shape, cab: Cuboid, front: Cuboid, livery: Livery, paint: Colour) -> None:
    """A van's cab and its short bonnet."""
    shape.piece = "cab"
    half, waist = cab.width / 2, 0.55 * cab.z2
    shape.prism(
        [(cab.x1, 0.4), (cab.x2, 0.4), (cab.x2, waist), (cab.x2 - 0.6, cab.z2), (cab.x1, cab.z2)],
        [half, half, half, half - 0.15, half - 0.15],
        "paint",
        paint,
    )
    y1, y2 = half - 0.03, half - 0.17
    shape.quad(
        [
            (cab.x2 + 0.01, -y1 + 0.06, waist + 0.05),
            (cab.x2 + 0.01, y1 - 0.06, waist + 0.05),
            (cab.x2 - 0.55, y2, cab.z2 - 0.08),
            (cab.x2 - 0.55, -y2, cab.z2 - 0.08),
        ],
        "glass",
        GLASS,
    )
    shape.quads(
        [
            (cab.x1 + 0.25, half + 0.005, waist + 0.03),
            (cab.x2 - 0.15, half + 0.005, waist + 0.03),
            (cab.x2 - 0.6, half - 0.12, cab.z2 - 0.12),
            (cab.x1 + 0.25, half - 0.12, cab.z2 - 0.12),
        ],
        "glass",
        GLASS,
    )
    mirror(shape, cab.x2 - 0.3, half, waist, DARK, tall=0.3)
    shape.piece = "bonnet"
    x2, top, wide = front.x2, front.z2, front.width / 2
    shape.prism(
        [(front.x1, 0.35), (x2, 0.35), (x2, 0.7 * top), (x2 - 0.15, 0.85 * top), (front.x1, top)],
        [wide, wide - 0.05, wide - 0.08, wide - 0.12, wide],
        "paint",
        paint,
    )
    shape.box((x2 - 0.02, x2 + 0.012), (-0.6, 0.6), (0.5, 0.68 * top), "matte", BLACK)
    shape.boxes((x2 - 0.02, x2 + 0.014), (wide - 0.35, wide - 0.1), (0.55 * top, 0.7 * top), "head", (0.75, 0.77, 0.8))
    wheel(shape, x2 - 0.75, wide, 0.38, livery.hub)


def _dry_van(shape: Shape, space: Cuboid, livery: Livery) -> None:
    """A long smooth box, mostly white, often with a sign, a cooler ahead and skirts below."""
    chance, half, x1, x2, z1, z2 = livery.chance, space.width / 2, space.x1, space.x2, space.z1, space.z2
    tint = WHITE if chance.random() < 0.65 else livery.load
    if chance.random() < 0.3:
        tint = (0.55, 0.55, 0.56)
    shape.box((x1, x2), (-half, half), (z1, z2), "metal" if chance.random() < 0.15 else "paint", tint, 0.03)
    for z in ((z1, z1 + 0.12), (z2 - 0.12, z2)):
        shape.boxes((x1, x2), (half - 0.02, half + 0.01), z, "metal", STEEL)
    if chance.random() < 0.55:
        stripes(shape, x1 + 0.3, x2 - 0.3, half + 0.002, z1 + 0.2, z2 - 0.2, livery)
    for y in (0.0, -half + 0.06, half - 0.06):
        shape.box((x1 - 0.012, x1 + 0.02), (y - 0.02, y + 0.02), (z1, z2), "metal", STEEL)
    shape.boxes((x1 - 0.012, x1 + 0.02), (half - 0.35, half - 0.1), (z1, z1 + 0.15), "brake", RED)
    if chance.random() < 0.35:
        shape.box((x2, x2 + 0.3), (-0.9, 0.9), (z2 - 1.6, z2 - 0.2), "paint", WHITE, 0.06)
    if chance.random() < 0.4:
        shape.boxes((x1 + 4.5, x2 - 4.5), (half - 0.06, half), (0.35, z1), "paint", tint)


def _bonneted(body: Body, livery: Livery) -> Shape:
    """A truck or tractor with a bonnet, or with a van's cab."""
    shape, chance = Shape(), livery.chance
    if body.variant == "cube":
        load, cab, front = body.cuboids
        paint = WHITE if chance.random() < 0.6 else livery.cab
        _van_cab(shape, cab, front, livery, paint)
        shape.piece = "load"
        shape.box((load.x1, load.x2), (-load.width / 2, load.width / 2), (load.z1, load.z2), "paint", WHITE, 0.05)
        stripes(shape, load.x1 + 0.2, load.x2 - 0.2, load.width / 2, load.z1 + 0.2, load.z2 - 0.2, livery)
        shape.box((load.x1 - 0.01, load.x1 + 0.02), (-0.9, 0.9), (load.z1 + 0.1, load.z2 - 0.15), "paint", livery.load)
        shape.boxes((load.x1 - 0.015, load.x1 + 0.03), (0.95, 1.1), (load.z1, load.z1 + 0.2), "brake", RED)
        wheel(shape, load.x1 + 1.4, load.width / 2 - 0.1, 0.4, livery.hub, wide=0.5)
        return shape
    front, cab, under = body.cuboids[:3]
    paint = WHITE if chance.random() < 0.3 else livery.cab
    _bonnet(shape, front, livery, paint)
    shape.piece = "cab"
    half, waist, top = cab.width / 2 - 0.02, front.z2 - 0.05, cab.z2
    sleeper = cab.x2 - cab.x1 > 2.5
    door = cab.x2 - 1.35
    shape.prism(
        [
            (cab.x1, 0.75),
            (cab.x2, 0.75),
            (cab.x2, waist),
            (cab.x2 - 0.3, min(top, 2.75)),
            (door - 0.3, top),
            (cab.x1, top),
        ],
        [half, half, half, half - 0.08, half - 0.15, half - 0.12],
        "paint",
        paint,
    )
    brow = min(top, 2.75) - 0.12
    shape.quad(
        [
            (cab.x2 + 0.012, -half + 0.12, waist + 0.05),
            (cab.x2 + 0.012, half - 0.12, waist + 0.05),
            (cab.x2 - 0.25, half - 0.16, brow),
            (cab.x2 - 0.25, -half + 0.16, brow),
        ],
        "glass",
        GLASS,
    )
    shape.quads(
        [
            (door + 0.15, half + 0.004, waist + 0.02),
            (cab.x2 - 0.1, half + 0.004, waist),
            (cab.x2 - 0.35, half - 0.05, brow - 0.05),
            (door + 0.15, half - 0.05, brow - 0.05),
        ],
        "glass",
        GLASS,
    )
    if sleeper and chance.random() < 0.6:
        shape.boxes(
            (cab.x1 + 0.3, cab.x1 + 0.8), (half - 0.06, half + 0.004), (waist + 0.2, waist + 0.6), "glass", GLASS
        )
    mirror(shape, cab.x2 - 0.25, half, waist + 0.1, DARK)
    if chance.random() < 0.5:  # exhaust stacks
        for side in (-1, 1):
            shape.cylinder(
                (cab.x1 - 0.12, side * (half - 0.15), 1.0),
                (cab.x1 - 0.12, side * (half - 0.15), top),
                0.09,
                "metal",
                STEEL,
            )
    shape.piece = "chassis"
    frame(shape, under.x1, under.x2, 1.05, under.width / 2)
    side_guard(shape, under.x1 + 2.9, cab.x2 - 0.4, half, 1.0, livery)
    heavy = body.trailer is not None or body.kind == "dump"
    for x in (under.x1 + 0.75, under.x1 + 2.05) if heavy else (under.x1 + 0.26 * (under.x2 - under.x1),):
        wheel(shape, x, half - 0.02, RADIUS, livery.hub, wide=0.55)
    truck_tail(shape, under.x1, under.width / 2, 0.98, livery)
    if len(body.cuboids) > 3:
        load = body.cuboids[3]
        shape.piece = "load"
        if body.kind == "dump":
            tipper(shape, load, livery)
        elif body.variant == "mixer":
            _drum(shape, load, livery)
        elif body.variant == "bonnet-tank":
            tank(shape, load, livery)
        elif body.variant == "stake-bed":
            bed(shape, load, livery, 0.5)
            if chance.random() < 0.7:
                goods(shape, load, livery, load.z1 + 0.12)
        else:
            closed_box(shape, load, livery)
    return shape


def _drum(shape: Shape, space: Cuboid, livery: Livery) -> None:
    """A concrete mixer's drum."""
    middle = (space.z1 + space.z2) / 2
    radius, long = 0.46 * (space.z2 - space.z1), space.x2 - space.x1
    tint = WHITE if livery.chance.random() < 0.5 else livery.load
    for a, b, r in ((0.0, 0.35, 0.65), (0.3, 0.75, 1.0), (0.7, 1.0, 0.75)):
        shape.cylinder(
            (space.x1 + a * long, 0.0, middle + 0.25 * (1 - a)),
            (space.x1 + b * long, 0.0, middle + 0.25 * (1 - b)),
            r * radius,
            "paint",
            tint if r < 1 else livery.second,
            20,
        )
