"""Coaches and city buses, built inside the cuboids of their bodies."""

from tests.scenes.bodies import Body
from tests.scenes.render.fittings import AMBER, GLASS, RED, cab_wheel_arch, mirror, plate, wheel
from tests.scenes.render.livery import Livery
from tests.scenes.render.shape import BLACK, DARK, WHITE, Shape


def bus(body: Body, livery: Livery) -> Shape:
    """A bus with a row of windows, doors, luggage flaps, destination sign and air conditioning."""
    shape, chance = Shape(), livery.chance
    space = body.cuboids[0]
    coach = body.variant == "coach"
    half, front, rear = space.width / 2 - 0.03, space.x2 - 0.03, space.x1 + 0.03
    roof = space.z2 - (0.25 if chance.random() < 0.8 else 0.05)
    paint, second = livery.bus, livery.second
    waist, brow = (1.75 if coach else 1.3), roof - 0.42
    lean = chance.uniform(0.05, 0.35) if coach else chance.uniform(0.0, 0.12)
    outline = [
        (rear, 0.45),
        (front - 0.06, 0.32),
        (front, 0.6),
        (front, 1.15),
        (front - lean, roof - 0.3),
        (front - lean - 0.12, roof - 0.08),
        (front - lean - 0.35, roof),
        (rear + 0.15, roof),
        (rear + 0.02, roof - 0.12),
        (rear, 1.2),
    ]
    slim = half - 0.06
    shape.prism(
        outline,
        [half, half - 0.03, half - 0.02, half - 0.02, slim, slim - 0.06, slim - 0.1, slim - 0.1, slim - 0.04, half],
        "paint",
        paint,
    )

    # sides: the middle of the prism is flat up to the waist, then narrows
    def side(z: float) -> float:
        return half - 0.045 * max(0.0, z - 1.2) / (roof - 1.2) + 0.012

    style = chance.random()
    if style < 0.35:
        shape.boxes((rear + 0.05, front - 0.15), (half - 0.05, half + 0.012), (0.55, waist - 0.35), "paint", second)
    elif style < 0.6:
        shape.boxes(
            (rear + 0.05, front - 0.15), (half - 0.05, half + 0.012), (waist - 0.45, waist - 0.15), "paint", second
        )
    elif style < 0.8:
        y = half + 0.012
        shape.quads(
            [(rear + 0.1, y, 0.55), (rear + 4.5, y, 0.55), (rear + 2.0, y, waist - 0.1), (rear + 0.1, y, waist - 0.1)],
            "paint",
            second,
        )
    windows_to = front - 0.55
    if chance.random() < 0.6:  # one dark band with narrow gaps, or separate panes
        shape.quads(
            [
                (rear + 0.4, side(waist), waist),
                (windows_to, side(waist), waist),
                (windows_to - lean, side(brow), brow),
                (rear + 0.4, side(brow), brow),
            ],
            "matte",
            BLACK,
        )
    count = round((windows_to - rear - 0.4) / chance.uniform(1.2, 1.7))
    step = (windows_to - rear - 0.4) / count
    for k in range(count):
        x1, x2 = rear + 0.4 + step * k + 0.05, rear + 0.4 + step * (k + 1) - 0.05
        shift = lean if k == count - 1 else 0.0
        y = 0.008
        shape.quads(
            [
                (x1, side(waist) + y, waist + 0.04),
                (x2, side(waist) + y, waist + 0.04),
                (x2 - shift, side(brow) + y, brow - 0.04),
                (x1, side(brow) + y, brow - 0.04),
            ],
            "glass",
            GLASS,
        )
        if chance.random() < 0.35:  # a drawn curtain
            z = waist + 0.5 * (brow - waist)
            shape.quads(
                [
                    (x1 + 0.05, side(z) + 0.012, z),
                    (x1 + 0.3, side(z) + 0.012, z),
                    (x1 + 0.3, side(brow) + 0.012, brow - 0.06),
                    (x1 + 0.05, side(brow) + 0.012, brow - 0.06),
                ],
                "matte",
                (0.25, 0.2, 0.12),
            )
    doors = (front - 1.45,) if coach else (front - 1.5, rear + 0.45 * body.length)
    for x in doors:  # at the right-hand side: negative y
        shape.box((x, x + 1.05), (-half - 0.016, -half + 0.04), (0.42, waist), "glass", GLASS)
        shape.box((x + 0.5, x + 0.55), (-half - 0.02, -half + 0.04), (0.42, waist), "matte", BLACK)
    for k in range(5):
        x = rear + 2.2 + 1.25 * k
        shape.boxes((x, x + 0.012), (half - 0.02, half + 0.018), (0.55, waist - 0.25), "matte", BLACK)
    shape.boxes((rear + 1.5, front - 2.5), (half - 0.02, half + 0.016), (waist - 0.27, waist - 0.25), "matte", BLACK)

    def face(z: float) -> float:
        return front - lean * max(0.0, z - 1.15) / (roof - 0.3 - 1.15)

    low, high = (1.3 if coach else 1.1), roof - 0.55
    shape.quad(
        [
            (face(low) + 0.014, -half + 0.1, low),
            (face(low) + 0.014, half - 0.1, low),
            (face(high) + 0.014, slim - 0.07, high),
            (face(high) + 0.014, -slim + 0.07, high),
        ],
        "glass",
        GLASS,
    )
    shape.quad(
        [
            (face(low) + 0.02, -0.015, low),
            (face(low) + 0.02, 0.015, low),
            (face(high) + 0.02, 0.015, high),
            (face(high) + 0.02, -0.015, high),
        ],
        "matte",
        BLACK,
    )
    sign = roof - 0.48
    shape.box((face(sign + 0.15) - 0.1, face(sign + 0.2) + 0.02), (-0.85, 0.85), (sign, sign + 0.24), "matte", BLACK)
    for k in range(chance.randint(4, 9)):
        shape.box(
            (face(sign + 0.1) - 0.02, face(sign + 0.1) + 0.03),
            (-0.7 + 0.16 * k, -0.6 + 0.16 * k),
            (sign + 0.05, sign + 0.17),
            "amber",
            (0.8, 0.4, 0.03),
        )
    shape.box(
        (front - 0.3, front + 0.02),
        (-half + 0.03, half - 0.03),
        (0.36, 0.7),
        "paint",
        second if chance.random() < 0.4 else paint,
        0.06,
    )
    shape.boxes(
        (front - 0.05, front + 0.024), (half - 0.58, half - 0.12), (0.72, 0.92), "head", (0.75, 0.77, 0.8), 0.03
    )
    shape.boxes((front - 0.05, front + 0.018), (half - 0.12, half - 0.05), (0.7, 0.95), "amber", AMBER)
    shape.box((front - 0.05, front + 0.015), (-0.55, 0.55), (0.74, 0.9), "matte", BLACK)
    plate(shape, front + 0.02, 0.5, livery, front=True)
    back = rear - 0.012
    window = roof - 1.15
    if chance.random() < 0.8:
        shape.quad(
            [
                (back, -half + 0.3, window),
                (back, half - 0.3, window),
                (back + 0.02, slim - 0.25, roof - 0.35),
                (back + 0.02, -slim + 0.25, roof - 0.35),
            ],
            "glass",
            GLASS,
        )
    for k in range(6):
        shape.box((back, rear + 0.05), (-0.75, 0.75), (0.75 + 0.09 * k, 0.8 + 0.09 * k), "matte", BLACK)
    shape.box((back + 0.004, rear + 0.05), (-half + 0.2, half - 0.2), (1.4, 1.43), "matte", BLACK)
    shape.boxes((back, rear + 0.06), (half - 0.25, half - 0.06), (0.85, 1.3), "brake", RED, 0.02)
    shape.boxes((back, rear + 0.06), (half - 0.25, half - 0.06), (1.3, 1.45), "amber", AMBER, 0.02)
    shape.boxes((back, rear + 0.06), (half - 0.4, half - 0.26), (0.85, 1.0), "tail", RED)
    shape.box(
        (rear - 0.02, rear + 0.2),
        (-half + 0.03, half - 0.03),
        (0.42, 0.66),
        "paint",
        second if chance.random() < 0.5 else DARK,
        0.04,
    )
    plate(shape, back, 0.72, livery, front=False)
    shape.piece = "roof"
    if roof < space.z2 - 0.1:
        long = chance.uniform(1.8, 3.5)
        x = chance.uniform(rear + 1.0, front - 2.5 - long)
        shape.box(
            (x, x + long),
            (-0.85, 0.85),
            (roof - 0.02, space.z2 - 0.02),
            "paint",
            WHITE if chance.random() < 0.7 else paint,
            0.1,
        )
        for k in range(3):
            shape.cylinder(
                (x + long * (0.2 + 0.3 * k), 0.0, space.z2 - 0.03),
                (x + long * (0.2 + 0.3 * k), 0.0, space.z2 - 0.01),
                0.25,
                "matte",
                DARK,
                12,
            )
    for x in (rear + 0.7, front - 1.6):
        shape.box((x, x + 0.7), (-0.35, 0.35), (roof - 0.01, roof + 0.05), "matte", (0.5, 0.5, 0.5), 0.02)
    mirror(shape, front - 0.05, slim, roof - 1.0 if coach else 1.7, DARK, tall=0.45)
    shape.piece = "body"
    radius = 0.5
    places = [front - 2.6, rear + 0.28 * body.length]
    if coach and chance.random() < 0.4:
        places.append(places[1] - 1.25)
    for x in places:
        cab_wheel_arch(shape, x, half + 0.014, radius)
        wheel(shape, x, half + 0.018, radius, livery.hub)
    return shape
