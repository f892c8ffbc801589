"""One training still as a description: bridge, camera, light, weather, vehicles; all from a seed and a number.

Stills come in worlds of VIEWS pictures: the same bridge and vehicles seen by other cameras in other light. Their
liveries have even numbers and the clips' odd ones, so that no paint of a clip is ever learned.
"""

from dataclasses import dataclass, replace
from math import cos, exp, pi, radians, sin, sqrt, tan
from random import Random

from tests.scenes.bodies import AMERICAN_KINDS, KINDS, Body, Cuboid
from tests.scenes.camera import Camera, Outline
from tests.scenes.description import Bridge
from tests.scenes.moment import Placed
from tests.scenes.spoil import Spoiling

VIEWS = 3
SHARES = {
    "box-truck": 0.18,
    "articulated": 0.16,
    "tipper": 0.07,
    "tanker": 0.05,
    "coach": 0.1,
    "minibus": 0.05,
    "van": 0.1,
    "car": 0.24,
    "motorcycle": 0.05,
}
AMERICAN_SHARES = {
    "school-bus": 0.17,
    "transit-bus": 0.14,
    "bendy-bus": 0.05,
    "double-decker": 0.03,
    "shuttle": 0.06,
    "coach": 0.05,
    "bonneted": 0.2,
    "bonnet-rigid": 0.1,
    "dump": 0.04,
    "cube": 0.06,
    "step-van": 0.02,
    "van": 0.03,
    "car": 0.05,
}
"""What drives on North American roads, rare ones often: for stills that teach names."""
SIZES = ((512, 288), (512, 288), (640, 360), (640, 360), (640, 360), (352, 288))
SHOWN_LABELLED, SHOWN_IGNORED = 0.35, 0.1
SHORT_SIDE_PX = 6.0


@dataclass(frozen=True, slots=True)
class World:
    """A bridge with vehicles on it, around x = 0; `way` is where its cameras look, 1 to larger x or -1."""

    bridge: Bridge
    vehicles: tuple[Placed, ...]
    way: int


@dataclass(frozen=True, slots=True)
class Seen:
    """One view of it."""

    camera: Camera
    light: str
    weather: str
    spoiling: Spoiling
    jpeg_quality: int


def varied(body: Body, chance: Random) -> Body:
    """The body a little longer, wider or higher. Tractor and trailer keep their lengths, so that they fit."""
    long = 1.0 if body.trailer is not None else chance.uniform(0.94, 1.07)
    wide, high = chance.uniform(0.97, 1.02), chance.uniform(0.95, 1.04)

    def scaled(cuboid: Cuboid) -> Cuboid:
        return Cuboid(long * cuboid.x1, long * cuboid.x2, wide * cuboid.width, high * cuboid.z1, high * cuboid.z2)

    trailer = body.trailer
    if trailer is not None:
        trailer = replace(trailer, cuboids=tuple(scaled(cuboid) for cuboid in trailer.cuboids))
    return replace(body, cuboids=tuple(scaled(cuboid) for cuboid in body.cuboids), trailer=trailer)


def street_of(seed: int, number: int) -> World:
    """A wide street of North America with this number."""
    chance = Random(f"still street {seed} {number}")
    bridge = Bridge(kind="girder", length_m=260.0, lanes_each_way=5, lane_m=chance.uniform(3.9, 4.6))
    vehicles: list[Placed] = []
    for lane in range(bridge.lanes_each_way):
        for side in (-1, 1):
            mode = chance.choices(("sparse", "queue"), (0.7, 0.3))[0]
            vehicles += _lane(chance, mode, side, lane, bridge, 1, number, len(vehicles), AMERICAN_SHARES)
    return World(bridge, tuple(vehicles), 1)


def street_view_of(seed: int, number: int, bridge: Bridge) -> Seen:
    """A mast's view of that street, from any side."""
    chance = Random(f"street view {seed} {number}")
    seen = view_of(seed, number, bridge, 1)
    round_, down, high = chance.uniform(0, 2 * pi), radians(chance.uniform(14, 42)), chance.uniform(6, 14)
    target = (chance.uniform(15, 75), chance.uniform(-10, 10), 0.0)
    far = high / tan(down)
    position = (target[0] + far * cos(round_), target[1] + far * sin(round_), high)
    camera = replace(seen.camera, position=position, target=target, view_deg=chance.uniform(40, 75))
    light = chance.choices(("day", "overcast", "low-sun", "dusk", "night"), (0.46, 0.26, 0.1, 0.06, 0.12))[0]
    weather = seen.weather if chance.random() < 0.6 else "clear"
    spoiling = seen.spoiling if light == seen.light else replace(seen.spoiling, glare=0.1)
    return replace(seen, camera=camera, light=light, weather=weather, spoiling=spoiling)


def world_of(seed: int, number: int) -> World:
    """The world with this number."""
    chance = Random(f"still world {seed} {number}")
    bridge = Bridge(
        kind=chance.choice(("truss", "truss", "girder", "girder", "arch")),
        length_m=chance.uniform(240, 420),
        lanes_each_way=chance.choice((1, 1, 1, 2, 2, 3)),
        lane_m=chance.uniform(3.2, 3.8),
    )
    way = chance.choice((1, -1))
    modes = [
        [chance.choices(("convoy", "queue", "sparse", "empty"), (0.32, 0.3, 0.26, 0.12))[0] for _ in range(2)]
        for _ in range(bridge.lanes_each_way)
    ]
    if all(mode == "empty" for pair in modes for mode in pair):
        modes[0][0] = "convoy"
    vehicles: list[Placed] = []
    for lane, pair in enumerate(modes):
        for side, mode in zip((-1, 1), pair, strict=True):
            vehicles += _lane(chance, mode, side, lane, bridge, way, number, len(vehicles))
    return World(bridge, tuple(vehicles), way)


def _lane(  # noqa: PLR0917  # only called above
    chance: Random,
    mode: str,
    side: int,
    lane: int,
    bridge: Bridge,
    way: int,
    world: int,
    first: int,
    of: dict[str, float] = SHARES,
) -> list[Placed]:
    """The vehicles of one lane, from behind the cameras to the far end of what they see."""
    shares = dict(of)
    if mode == "convoy":  # mostly of one kind
        shares = {kind: share * (8.0 if chance.random() < 0.25 else 1.0) for kind, share in shares.items()}
    middle = (lane + 0.5) * bridge.lane_m
    near = -25.0 + chance.uniform(0, 12)
    placed: list[Placed] = []
    if mode == "empty":
        return placed
    end = near
    while end < 125.0:
        kind = chance.choices(list(shares), list(shares.values()))[0]
        body = varied(chance.choice((KINDS | AMERICAN_KINDS)[kind]), chance)
        gap = {"convoy": chance.uniform(0.8, 3.0), "queue": chance.uniform(1.0, 6.0), "sparse": chance.uniform(8, 55)}[
            mode
        ]
        heading = 0.0 if side < 0 else pi
        ahead = 1 if (side < 0) == (way > 0) else -1  # drives away from the camera
        back, front = (body.rear_m, body.front_m) if ahead > 0 else (body.front_m, body.rear_m)
        along = way * (end + gap + back)
        end += gap + back + front
        drift = 0.3 if kind != "motorcycle" else 1.0
        across = side * (middle + chance.uniform(-drift, drift))
        turn = chance.gauss(0, 0.012)
        placed.append(
            Placed(
                number=first + len(placed) + 1,
                body=body,
                x=along,
                y=across,
                heading=heading + turn,
                speed=0.0 if mode != "sparse" else 10.0,
                livery=2 * (world * 500 + first + len(placed)),
                braking=chance.random() < (0.5 if mode == "convoy" else 0.25),
                trailer_heading=heading + turn + chance.gauss(0, 0.01),
            )
        )
    return placed


def view_of(seed: int, number: int, bridge: Bridge, way: int, truss_clear_m: float = 6.4) -> Seen:
    """The view of the still with this number, of the world number // VIEWS."""
    chance = Random(f"still view {seed} {number}")
    half = bridge.lanes_each_way * bridge.lane_m + 0.5
    width, height = chance.choice(SIZES)
    mast = bridge.kind == "girder" and chance.random() < 0.5
    high = chance.uniform(5.2, truss_clear_m) if bridge.kind == "truss" else chance.uniform(5.5, 11.0)
    down = radians(chance.triangular(13, 38, 16))
    far = high / tan(down)
    y = chance.choice((-1, 1)) * (half + chance.uniform(0.6, 4.0)) if mast else chance.uniform(-half, half)
    look = chance.uniform(-0.6, 0.6) * half
    look = max(min(look, y + 0.85 * far), y - 0.85 * far)
    x = way * chance.uniform(-4, 4)
    ahead = sqrt(max(far**2 - (look - y) ** 2, 0.0))
    camera = Camera((x, y, high), (x + way * ahead, look, 0.0), chance.triangular(38, 78, 66), width, height)
    light = chance.choices(("day", "overcast", "low-sun", "dusk", "night"), (0.3, 0.2, 0.14, 0.12, 0.24))[0]
    weather = chance.choices(("clear", "rain", "fog", "snow"), (0.66, 0.18, 0.08, 0.08))[0]
    dark = light in {"dusk", "night"}
    small = height == 288 and width == 352
    spoiling = Spoiling(
        noise=chance.uniform(0.5, 4.0) * (1.6 if dark else 1.0),
        dirt=chance.choice((0.0, 0.0, 0.1, 0.3, 0.7)),
        blur_px=chance.choice((0.0, 0.3, 0.5, 0.8, 1.2)) if not small else chance.uniform(0.0, 0.6),
        glare=chance.uniform(0.3, 1.2) if dark else chance.uniform(0.0, 0.3),
        rain=chance.uniform(0.2, 1.0) if weather == "rain" else 0.0,
        snow=chance.uniform(0.2, 1.0) if weather == "snow" else 0.0,
        vignette=chance.uniform(0.0, 0.3),
        sharpen=chance.choice((0.0, 0.3, 0.8, 1.5)),
        saturation=chance.choice((0.0, 0.15)) if dark and chance.random() < 0.25 else chance.uniform(0.55, 1.25),
        warmth=chance.gauss(0.0, 0.05),
    )
    return Seen(camera, light, weather, spoiling, chance.randint(60, 92))


Labelled = tuple[float, float, float, float, str]
Ignored = tuple[float, float, float, float]


def labels(
    found: list[Outline], reach_m: dict[int, float], haze_per_m: float, cut: set[int]
) -> tuple[list[Labelled], list[Ignored]]:
    """Boxes to learn and regions to leave out.

    Left out is what is shown too little, too small, mostly outside the picture, hardly to be seen through the haze
    (`reach_m` is each vehicle's distance), or passes under the camera (`cut`).
    """
    boxes: list[Labelled] = []
    ignored: list[Ignored] = []
    for outline in found:
        if outline.visible is None or outline.shown <= SHOWN_IGNORED:
            continue
        x1, y1, x2, y2 = (round(value, 1) for value in outline.visible)
        clear = exp(-haze_per_m * reach_m[outline.number])
        if clear < 0.03 or min(x2 - x1, y2 - y1) < 2.0:
            continue
        learned = (
            outline.shown >= SHOWN_LABELLED
            and min(x2 - x1, y2 - y1) >= SHORT_SIDE_PX
            and clear >= 0.12
            and outline.number not in cut
            and (outline.inside >= 0.25 or (x2 - x1) * (y2 - y1) > 90.0**2)
        )
        if learned:
            boxes.append((x1, y1, x2, y2, outline.label))
        else:
            ignored.append((x1, y1, x2, y2))
    return boxes, ignored
