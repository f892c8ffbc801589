"""What many vehicles have in common: wheels, lamps, plates, mirrors, windows, mud flaps."""

from tests.scenes.render.livery import Livery
from tests.scenes.render.shape import BLACK, DARK, STEEL, WHITE, Colour, Shape

RED: Colour = (0.32, 0.01, 0.01)
AMBER: Colour = (0.7, 0.25, 0.02)
GLASS: Colour = (0.012, 0.016, 0.02)


def wheel(shape: Shape, x: float, half: float, radius: float, hub: Colour, wide: float = 0.3) -> None:
    """Both wheels of an axle at x, their outer faces `half` from the middle."""
    for side in (-1, 1):
        outer = side * half
        shape.cylinder((x, outer - side * wide, radius), (x, outer, radius), radius, "rubber", (0.02, 0.02, 0.02), 18)
        face = outer + side * 0.004
        shape.cylinder((x, outer - side * 0.1, radius), (x, face, radius), 0.62 * radius, "metal", hub, 14)
        shape.cylinder((x, outer, radius), (x, outer + side * 0.012, radius), 0.42 * radius, "matte", DARK, 10)
        shape.cylinder((x, outer, radius), (x, outer + side * 0.025, radius), 0.22 * radius, "metal", hub, 8)


def plate(shape: Shape, x: float, z: float, livery: Livery, *, front: bool, y: float = 0.0) -> None:
    """A number plate at the face x, with something like characters on it."""
    out = 0.012 if front else -0.012
    shape.box((x - out, x + out), (y - 0.26, y + 0.26), (z - 0.065, z + 0.065), "matte", livery.plate)
    dark = BLACK if sum(livery.plate) > 1 else WHITE
    for k in range(6):
        at = y - 0.21 + 0.075 * k
        shape.box((x + out, x + 1.3 * out), (at, at + 0.04), (z - 0.04, z + 0.04), "matte", dark)


def truck_tail(shape: Shape, x: float, half: float, z: float, livery: Livery) -> None:
    """Lamps, under-run bar, plate and mud flaps at the rear end x of a truck or trailer; z is the frame's height."""
    chance = livery.chance
    tall = chance.random() < 0.3
    for side in (-1, 1):
        y = side * (half - 0.28)
        shape.box((x, x + 0.09), (y - 0.26, y + 0.26), (z - 0.16, z + 0.02), "matte", DARK)
        for k, (surface, tint) in enumerate((("brake", RED), ("tail", RED), ("amber", AMBER))):
            at = y - side * (0.16 - 0.16 * k)
            shape.box((x - 0.012, x + 0.03), (at - 0.065, at + 0.065), (z - 0.14, z), surface, tint)
        shape.box((x + 0.1, x + 0.14), (y - 0.3, y + 0.28), (0.16, z - 0.12), "matte", BLACK)  # mud flap
        if chance.random() < 0.5:
            shape.box((x + 0.085, x + 0.1), (y - 0.2, y + 0.2), (0.3, 0.42), "matte", WHITE)
    bar = WHITE if chance.random() < 0.4 else STEEL if chance.random() < 0.5 else DARK
    shape.box((x + 0.02, x + 0.14), (-half + 0.12, half - 0.12), (0.42, 0.56), "matte", bar, 0.02)
    if chance.random() < 0.5:  # red and white boards
        count = 12
        for k in range(count):
            at = -half + 0.12 + (2 * half - 0.24) * k / count
            shape.box(
                (x + 0.008, x + 0.03),
                (at, at + (2 * half - 0.24) / count),
                (0.43, 0.55),
                "matte",
                (0.4, 0.02, 0.02) if k % 2 else WHITE,
            )
    plate(shape, x + 0.02, 0.68 if not tall else z - 0.08, livery, front=False, y=chance.choice((0.0, 0.0, -0.5, 0.5)))


def frame(shape: Shape, x1: float, x2: float, z: float, half: float) -> None:
    """Chassis rails with tank, air kettles, side guards and mudguards below a load; z is the load's lower edge."""
    shape.boxes((x1 + 0.1, x2), (0.33, 0.43), (z - 0.38, z - 0.1), "matte", DARK)
    shape.box((x1 + 0.15, x2), (-half + 0.2, half - 0.2), (z - 0.12, z), "matte", DARK)
    for k in range(int((x2 - x1) / 1.1)):
        at = x1 + 0.4 + 1.1 * k
        shape.box((at, at + 0.1), (-half + 0.08, half - 0.08), (z - 0.2, z - 0.02), "matte", DARK)


def side_guard(shape: Shape, x1: float, x2: float, half: float, z: float, livery: Livery) -> None:
    """Fuel tank, battery box and guard rails between the axles."""
    chance = livery.chance
    span = x2 - x1
    if span < 0.8:
        return
    if chance.random() < 0.6:
        tank = min(1.2, 0.5 * span)
        metal = chance.random() < 0.6
        shape.boxes(
            (x2 - 0.15 - tank, x2 - 0.15),
            (half - 0.62, half - 0.06),
            (0.42, z - 0.12),
            "metal" if metal else "matte",
            STEEL if metal else DARK,
            0.09,
        )
        for k in (0.25, 0.75):
            at = x2 - 0.15 - tank * k
            shape.boxes((at - 0.03, at + 0.03), (half - 0.1, half - 0.05), (0.41, z - 0.11), "matte", BLACK)
        x2 -= tank + 0.2
    rail = livery.cab if chance.random() < 0.3 else (0.4, 0.4, 0.4) if chance.random() < 0.5 else DARK
    for low in (0.45, 0.72):
        shape.boxes((x1 + 0.1, x2), (half - 0.09, half - 0.05), (low, low + 0.12), "matte", rail)


def mirror(shape: Shape, x: float, half: float, z: float, tint: Colour, tall: float = 0.42) -> None:
    """Mirrors on arms at both sides, a few centimetres outside."""
    for side, name in ((-1, "right mirror"), (1, "left mirror")):
        before, shape.piece = shape.piece, name
        shape.box((x, x + 0.1), (side * half, side * (half + 0.16)), (z + tall - 0.07, z + tall - 0.02), "matte", BLACK)
        shape.box(
            (x - 0.04, x + 0.13), (side * (half + 0.02), side * (half + 0.2)), (z - 0.05, z + tall), "matte", tint, 0.04
        )
        shape.box(
            (x - 0.05, x - 0.04),
            (side * (half + 0.04), side * (half + 0.18)),
            (z, z + tall - 0.05),
            "glass",
            (0.2, 0.22, 0.25),
        )
        shape.piece = before


def cab_wheel_arch(shape: Shape, x: float, half: float, radius: float) -> None:
    """The dark half round above a wheel in a closed body."""
    for side in (-1, 1):
        shape.cylinder(
            (x, side * (half - 0.35), 1.12 * radius), (x, side * half, 1.12 * radius), 1.12 * radius, "matte", BLACK, 20
        )
