"""A scene as YAML describes it: bridge, camera, light, weather, traffic, line and zone, in metres and seconds.

Everything of a scene follows from its description and its seed.
"""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from tests.scenes.bodies import KINDS
from tests.scenes.camera import Camera

Way = Literal["outbound", "return"]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]
Deck = tuple[float, float]
"""A point of the deck, x and y in metres."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class View(_Part, frozen=True):
    """Where the camera stands and looks (world metres), its horizontal angle of view and its picture."""

    position: tuple[float, float, float]
    target: tuple[float, float, float]
    view_deg: Annotated[float, msgspec.Meta(gt=5, lt=120)] = 55.0
    width: int = 640
    height: int = 360

    @property
    def camera(self) -> Camera:
        """The same, with which one can project."""
        return Camera(self.position, self.target, self.view_deg, self.width, self.height)


class Bridge(_Part, frozen=True):
    """What is built: the deck from `-length_m/2` to `length_m/2`, the same number of lanes each way."""

    kind: Literal["truss", "girder", "arch"] = "truss"
    length_m: float = 400.0
    lanes_each_way: Annotated[int, msgspec.Meta(ge=1, le=3)] = 1
    lane_m: float = 3.6


class Flow(_Part, frozen=True):
    """Vehicles that arrive at random (Poisson) in one direction; `kinds` are their shares."""

    way: Way
    vehicles_per_hour: Annotated[float, msgspec.Meta(ge=0, le=4_000)]
    kinds: dict[str, float]
    speed_kmh: Annotated[float, msgspec.Meta(gt=0, le=120)] = 40.0
    from_s: Seconds = 0.0
    to_s: Seconds = 1_000_000.0


class Convoy(_Part, frozen=True):
    """So many vehicles one behind another, the first entering at `at_s`, with `gap_m` between them when they stand."""

    way: Way
    at_s: Seconds
    vehicles: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    kinds: dict[str, float]
    speed_kmh: Annotated[float, msgspec.Meta(gt=0, le=120)] = 20.0
    gap_m: float = 2.0
    lane: int = 0


class Barrier(_Part, frozen=True):
    """A barrier across one direction at x = `at_m`: from `from_s` on closed for `closed_s`, open for `open_s`, in turn.

    While it is closed no front passes `at_m`. With `release` it opens only until so many have passed: customs.
    """

    way: Way
    at_m: float
    from_s: Seconds
    closed_s: Seconds
    open_s: Seconds = 1_000_000.0
    release: int = 0


class Mishap(_Part, frozen=True):
    """What befalls the first vehicle that, from `from_s` on, can stop in comfort with its front at `at_m`.

    It stands there for `for_s`, and then drives on. First a `reverse` backs by `by_m`, as far as the one behind leaves
    room, and a `parked` one has gone to the roadside, where others pass it if the lane is wide enough. A `u-turn` goes
    back on the lane that mirrors its own, in half a circle. Only one of `kinds` if these are given.
    """

    what: Literal["breakdown", "u-turn", "reverse", "parked"]
    way: Way
    at_m: float
    from_s: Seconds
    for_s: Seconds = 60.0
    by_m: float = 12.0
    kinds: tuple[str, ...] = ()


class Traffic(_Part, frozen=True):
    """Who drives, and what happens to them; times count from the beginning of the simulation, the warm-up's too."""

    flows: tuple[Flow, ...] = ()
    convoys: tuple[Convoy, ...] = ()
    barriers: tuple[Barrier, ...] = ()
    mishaps: tuple[Mishap, ...] = ()

    def __post_init__(self) -> None:
        """Refuse kinds that no vehicle has."""
        groups: tuple[Flow | Convoy | Mishap, ...] = (*self.flows, *self.convoys, *self.mishaps)
        for group in groups:
            for kind in group.kinds:
                if kind not in KINDS:
                    raise ValueError(f"kind {kind!r} is not known; allowed are {', '.join(KINDS)}")


class Picture(_Part, frozen=True):
    """What the camera and its encoder do to the picture."""

    noise: Annotated[float, msgspec.Meta(ge=0, le=40)] = 2.0
    """Standard deviation in grey levels."""
    shake_px: float = 0.0
    dirt: Share = 0.0
    """How dirty the lens is."""
    blur_px: float = 0.0
    crf: Annotated[int, msgspec.Meta(ge=0, le=51)] = 28
    """x264's constant rate factor."""


class Scene(_Part, frozen=True):
    """All of it. `line` runs from `line[0]` to `line[1]` on the deck; `zone` is a polygon on it, with `zone_name`.

    The clip begins `warm_up_s` after the simulation, so that traffic is on the bridge, and lasts `duration_s`.
    """

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,64}$")]
    about: str
    seed: int
    view: View
    traffic: Traffic
    line: tuple[Deck, Deck]
    zone: tuple[Deck, ...] = ()
    zone_name: str = "queue"
    standing_after_s: float = 10.0
    bridge: Bridge = Bridge()
    light: Literal["day", "overcast", "low-sun", "dusk", "night"] = "day"
    weather: Literal["clear", "rain", "fog", "snow"] = "clear"
    picture: Picture = Picture()
    duration_s: Annotated[float, msgspec.Meta(gt=0, le=1_000_000)] = 30.0
    warm_up_s: Seconds = 0.0
    frames_per_second: Annotated[float, msgspec.Meta(gt=0, le=60)] = 10.0


def load_scene(path: Path) -> Scene:
    """The scene in a YAML file; ValueError with the file, the key and what is allowed."""
    try:
        return msgspec.yaml.decode(path.read_bytes(), type=Scene)
    except msgspec.ValidationError as error:
        raise ValueError(f"{path}: {error}") from error
