"""The configuration of a device: frozen structs read from YAML, every field with its unit, default and bounds.

Coordinates are fractions of the picture, so another resolution changes nothing. An unknown key is refused and the
nearest known one is named; every error says the key, the value and what is allowed.
"""

import hashlib
import math
import re
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec

from edge import checking
from edge.counting.buckets import COUNTED_CLASSES
from edge.counting.convoys import VEHICLES_MAX, ConvoyRule
from edge.counting.crossing import DIRECTIONS, CountingLine, Point
from edge.counting.detection import CLASSES
from edge.counting.ground import Plane as GroundPlane
from edge.counting.ground import plane_through
from edge.counting.occupancy import Zone as QueueZone
from edge.counting.tracking import reach_of
from edge.delivery.report import NAME, NAME_RULE, ROOT, UNSEEN
from edge.errors import InputError
from edge.secrecy import masked

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Fraction = Annotated[float, msgspec.Meta(ge=0, le=1, description="a fraction of the picture, not a pixel")]
Place = tuple[Fraction, Fraction]
Metre = Annotated[float, msgspec.Meta(ge=-100_000, le=100_000)]
Position = tuple[Metre, Metre]
Name = Annotated[str, msgspec.Meta(pattern=f"^{NAME}$")]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=f"^[^{UNSEEN}]*$(?!\\n)")]
Credential = Annotated[str, msgspec.Meta(pattern=f"^({NAME})?$")]
"""Name of a systemd credential (LoadCredential=) that holds a password, instead of a file."""


AREA_MIN = 1e-5  # of the picture: some nine pixels of one of 1280x720
LENGTH_MIN = 0.02  # of a counting line, in widths and heights of the picture: the least that vehicles cross
STILL_VOUCHES_S = 60.0  # at most, unless configured
STILL = re.compile(r"https?://[^?#]*\.(jpe?g|png)(\?.*)?", re.IGNORECASE)
"""An address that looks like that of a still picture."""

LOW_RATE = 3.0
"""Frames a second, below which a tenth of the vehicles or more is missed; see docs/recordings.md."""


class Camera(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where frames come from."""

    url: Annotated[str, msgspec.Meta(min_length=1)]
    """rtsp://, rtsps://, http:// (MJPEG), /dev/video0, csi:0, or the path of a video that is played as if live."""
    frames_per_second: Annotated[float, msgspec.Meta(gt=0, le=60)] = 10.0
    """So many are decoded and looked at, at most."""
    username: str = ""
    """Of a stream, instead of in its url; with it password_file or password_credential."""
    password_file: str = ""
    password_credential: Credential = ""
    transport: Literal["tcp", "udp"] = "tcp"
    """Of RTSP."""
    width: Annotated[int, msgspec.Meta(ge=0, le=7_680)] = 0
    height: Annotated[int, msgspec.Meta(ge=0, le=4_320)] = 0
    """Asked of a USB or CSI camera, in pixels; 0: what it gives."""
    open_timeout_s: Annotated[float, msgspec.Meta(ge=1, le=60)] = 5.0
    """So long a stream may take to open."""
    stall_s: Annotated[float, msgspec.Meta(ge=1, le=60)] = 5.0
    """A camera that gives no frame for so long is opened anew."""
    loop: bool = True
    """Whether a video begins again at its end."""
    every_s: Annotated[float, msgspec.Meta(ge=2, le=3_600)] | None = None
    """With it the url is that of a still picture (JPEG or PNG over HTTP), which is fetched so often."""
    vouches_s: Annotated[float, msgspec.Meta(ge=1, le=3_600)] | None = None
    """How long a still vouches for the time after it; until the next one is due unless given, and a minute at most."""
    ca_file: str = ""
    """Certificates of the authorities that a still over https is checked with, instead of the system's."""

    @property
    def vouches_ms(self) -> int:
        """How long a still vouches for the time after it."""
        every_s = STILL_VOUCHES_S if self.every_s is None else self.every_s
        return round(1000 * (self.vouches_s or min(every_s, STILL_VOUCHES_S)))


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The detector: the name of a model that ships, or the path of a manifest."""

    name: str = "vehicle-nano"
    threads: Annotated[int, msgspec.Meta(ge=1, le=64)] = 2
    score_min: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.2
    """The least score of a detection; the tracker uses none below it."""
    names: str = "auto"
    """The second look, which names vehicles near a line: one that ships, or the path of a manifest; "" without one.

    `auto`: the one that ships with the detector that ships, whose names it was joined with, and none with another one.
    """
    region: Literal["lines", "picture"] = "lines"
    """What the detector looks at: the parts of the picture around the lines and zones, or all of it."""
    look: Literal["as-needed", "every-frame"] = "as-needed"
    """At which frames the detector looks: where something moves and as often as vehicles need it, or at every one."""
    regions_max: Annotated[int, msgspec.Meta(ge=1, le=8)] = 2
    """Parts of the picture at most, so that zones are seen large enough. Each costs a run of the model a frame."""

    @property
    def second_look(self) -> str:
        """The name or path of the second look in force; empty for none."""
        if self.names != "auto":
            return self.names
        return "vehicle-names" if self.name == "vehicle-nano" else ""


class Line(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"start": "from", "end": "to"},
):
    """A counting line: `from` and `to`, or `points` for a polyline; and the user's words for its directions."""

    start: Place | None = None
    end: Place | None = None
    points: Annotated[tuple[Place, ...], msgspec.Meta(min_length=2, max_length=32)] | None = None
    a_to_b: Word = DIRECTIONS[0]
    b_to_a: Word = DIRECTIONS[1]


class Plane(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Four points of the flat ground: where they are in the picture, and where in metres."""

    points: tuple[Place, Place, Place, Place]
    metres: tuple[Position, Position, Position, Position]
    """From any point and along any two axes that are square to each other, in the same order."""


class Zone(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A queue zone."""

    polygon: Annotated[tuple[Place, ...], msgspec.Meta(min_length=3, max_length=32)]
    standing_after_s: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 10.0
    """How long a vehicle stays at one place before it is said to stand."""
    parked_after_s: Annotated[float, msgspec.Meta(gt=0, le=864_000)] = 600.0
    """How long it must stand to be called parked ..."""
    parked_after_passed: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 3
    """... and how many that came after it must have left since."""
    plane: Plane | None = None
    """With it, the length of the queue is known in metres."""


Polygon = Annotated[tuple[Place, ...], msgspec.Meta(min_length=3, max_length=64)]


class Counting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The counting rules; the defaults serve every camera that we know."""

    reach_share: Annotated[float, msgspec.Meta(gt=0, le=2)] = 0.25
    """How far from the line a vehicle must have been on either side to count, in box heights."""
    class_share_min: Share = 0.4
    """A crossing whose name is less sure than this is unclassified; without a second look, its share of the vote."""
    gap_ms: Annotated[int, msgspec.Meta(ge=1, le=60_000)] = 2_000
    """How long a frame vouches for the time after it."""
    ground: Literal["bottom", "centre"] = "bottom"
    """Where a vehicle stands: the bottom centre of its box, or the centre if the camera looks straight down."""


class Reporting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is reported, and how often."""

    every_s: Annotated[int, msgspec.Meta(ge=5, le=86_400)] = 60
    """Width of a bucket."""
    crossings: bool = False
    """Whether each crossing is published by itself as well."""
    live_s: Annotated[float, msgspec.Meta(ge=1, le=3_600)] = 5.0
    """How often the open bucket is told on `live`."""


class Mqtt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The broker. TLS is on and verified unless turned off."""

    host: checking.Host
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 8883
    username: str = ""
    password_file: str = ""
    password_credential: Credential = ""
    tls: bool = True
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    root: Name = ROOT
    home_assistant: Name | None = None
    """Prefix under which the device announces itself to Home Assistant, usually `homeassistant`; else not at all."""


class Alerts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the device itself calls out."""

    classes: tuple[Literal[CLASSES], ...] = ("bus",)  # type: ignore[valid-type]  # a Literal of the detector's words
    """A vehicle of one of these ..."""
    quiet_days: Annotated[float, msgspec.Meta(ge=0, le=36_500)] = 30.0
    """... is news when there was none for so long."""
    blind_after_s: Annotated[float, msgspec.Meta(ge=1, le=86_400)] = 60.0
    """Seeing nothing for so long is."""


Headway = Annotated[float, msgspec.Meta(ge=1, le=600)]
ConvoySize = Annotated[int, msgspec.Meta(ge=2, le=VEHICLES_MAX)]
ConvoyClasses = Annotated[
    tuple[Literal[COUNTED_CLASSES], ...],  # type: ignore[valid-type]  # a Literal of the words of the counts
    msgspec.Meta(min_length=1),
]


class LineConvoys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is a convoy on one line, where it differs from the others."""

    enabled: bool | None = None
    classes: ConvoyClasses | None = None
    headway_s: Headway | None = None
    vehicles_min: ConvoySize | None = None


class Convoys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is told as a convoy, of every line."""

    enabled: bool = True
    classes: ConvoyClasses = ("truck",)
    """Vehicles of these; others neither join a convoy nor break it."""
    headway_s: Headway = 20.0
    """The longest time from one of them to the next."""
    vehicles_min: ConvoySize = 5
    """Fewer are no convoy."""
    lines: dict[Name, LineConvoys] = {}
    """Lines with rules of their own; what is not said there is as it is here."""


class Keep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much the device keeps."""

    reports_days: Annotated[int, msgspec.Meta(ge=1, le=3_650)] = 90
    strips_days: Annotated[int, msgspec.Meta(ge=0, le=3_650)] = 14
    disk_mb: Annotated[int, msgspec.Meta(ge=10, le=1_000_000)] = 500
    """Half of it for reports, half for strips."""
    pictures_leave: bool = False
    """Whether strips and snapshots may be sent to who asks for them, and alerts bear a picture."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that a device is told. Only `lines` or `zones` must be given to replay a recording."""

    site: Name = "replay"
    device: Name = "recording"
    time_zone: str = "UTC"
    camera: Camera | None = None
    model: Model = Model()
    lines: Annotated[dict[Name, Line], msgspec.Meta(max_length=16)] = {}
    zones: Annotated[dict[Name, Zone], msgspec.Meta(max_length=16)] = {}
    masks: Annotated[dict[Name, Polygon], msgspec.Meta(max_length=16)] = {}
    """Parts of the picture where nothing is a vehicle: what stands inside is ignored."""
    reference: Annotated[int, msgspec.Meta(ge=0)] = 0
    """With another number the picture from now on is the one that a moved camera is told by: a person saw that what is
    drawn lies right in it."""
    counting: Counting = Counting()
    report: Reporting = Reporting()
    mqtt: Mqtt | None = None
    alerts: Alerts = Alerts()
    convoys: Convoys = Convoys()
    keep: Keep = Keep()
    state: str = ""
    """Folder of what outlives a restart; if empty, systemd's STATE_DIRECTORY, or `state` beside the configuration."""
    metrics_port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] | None = None
    """On loopback, for Prometheus; without it, nowhere."""

    @property
    def sha256(self) -> str:
        """Fingerprint of everything configured."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()

    @property
    def direction_words(self) -> dict[str, dict[str, str]]:
        """Per line, the user's words for the two directions."""
        return {name: {"a_to_b": line.a_to_b, "b_to_a": line.b_to_a} for name, line in self.lines.items()}


def load_config(path: str | Path) -> Config:
    """Read and check a configuration; InputError with one sentence if anything is wrong."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; a configuration (YAML) is expected") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not YAML: {error}") from error
    raw = read_yaml(text, str(path))
    try:
        return parse_config(raw)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def read_yaml(text: str, name: str) -> Any:
    """What a YAML text says; InputError, beginning with `name`, if it is none or gives a key twice."""
    try:
        return checking.read_yaml(text, name)
    except checking.WrongError as error:
        raise InputError(str(error)) from error


def parse_config(raw: Any) -> Config:
    """Check what YAML gave; InputError with one sentence if anything is wrong."""
    if not isinstance(raw, dict):
        raise InputError(f"keys and values are expected, not {checking.shown(raw)}")
    try:
        config = checking.convert(raw, Config)
    except checking.WrongError as error:
        raise InputError(str(error)) from error
    try:
        ZoneInfo(config.time_zone)
    except (KeyError, ValueError, OSError) as error:
        raise InputError(f"time_zone is {config.time_zone!r}; a name such as Asia/Shanghai is allowed") from error
    if not config.lines and not config.zones:
        raise InputError("lines and zones are missing; one counting line or one zone at least is needed")
    if config.camera is not None:
        _check_address(config.camera.url)
    _check_still(config)
    _check_password("camera", config.camera)
    _check_password("mqtt", config.mqtt)
    for name, line in config.lines.items():
        points_of(name, line)
        if line.a_to_b == line.b_to_a:
            raise InputError(f"lines.{name}: a_to_b and b_to_a are both {line.a_to_b!r}; two words are needed")
    for name, zone in config.zones.items():
        _check_zone(name, zone)
    for name in config.convoys.lines:
        if name not in config.lines:
            raise InputError(f"convoys.lines names {name!r}; allowed are the lines: {', '.join(config.lines)}")
    for name, mask in config.masks.items():
        _check_polygon(f"masks.{name}", mask)
    return config


def _check_address(url: str) -> None:
    """InputError if no camera can have this address."""
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):/", url)
    if scheme is not None and not re.match(r"(?:rtsps?|https?)://[^/]", url.lower()):
        raise InputError(
            f"camera.url is {masked(url)!r}; allowed are rtsp://, rtsps://, http:// and https:// with a host"
        )
    if scheme is not None:
        try:
            urlsplit(url).port  # noqa: B018  # reading it is what checks it
        except ValueError as error:
            said = (
                "its port is none: a number from 1 to 65535 is allowed, and %40, %2F, %3A for @, / and : of a password"
            )
            raise InputError(f"camera.url is {masked(url)!r}; {said}") from error


def _check_still(config: Config) -> None:
    """InputError if a still is asked for where none can be, or for what no still can tell."""
    camera = config.camera
    if camera is None:
        return
    if camera.every_s is None:
        for key in ("vouches_s", "ca_file"):
            if getattr(camera, key):
                raise InputError(f"camera.{key} is for a still picture; say camera.every_s as well")
        return
    if not re.match("https?://", camera.url, re.IGNORECASE):
        raise InputError(
            f"camera.every_s is for a still picture, but camera.url is {checking.shown(camera.url)}; an http:// or "
            "https:// address is allowed"
        )
    if camera.vouches_s is not None and camera.vouches_s > camera.every_s:
        raise InputError(
            f"camera.vouches_s is {camera.vouches_s:g}; allowed is at most camera.every_s, which is {camera.every_s:g}"
        )
    if config.lines:
        raise InputError(
            "lines: a still picture (camera.every_s) cannot tell who crosses a line; leave lines out, and draw zones"
        )


def _check_password(where: str, access: Camera | Mqtt | None) -> None:
    """InputError if a password would be passed over without a word."""
    if access is None or not (access.password_file or access.password_credential):
        return
    if access.password_file and access.password_credential:
        raise InputError(f"{where} has a password_file and a password_credential; one of them is allowed")
    if not access.username:
        raise InputError(f"{where} has a password and no username; say whose it is")


def _check_zone(name: str, zone: Zone) -> None:
    """InputError if the zone has no area, or its plane is none."""
    _check_polygon(f"zones.{name}.polygon", zone.polygon)
    if zone.plane is None:
        return
    plane = plane_through(zone.plane.points, zone.plane.metres)
    if plane is None:
        raise InputError(
            f"zones.{name}.plane: points and metres must be four corners of one quadrangle, in the same order, "
            "no three of them on a straight line"
        )
    for x, y in zone.polygon:
        if plane.metres((x, y)) is None:
            raise InputError(
                f"zones.{name}.plane: the corner [{x:g}, {y:g}] of the polygon lies beyond the horizon of that plane"
            )


def _check_polygon(where: str, corners: Sequence[Place]) -> None:
    """InputError if these are not the corners of a region."""
    if abs(_area(corners)) < AREA_MIN:
        raise InputError(f"{where} has next to no area; the corners of a region, in order, are expected")
    if crossed := _self_crossing((*corners, corners[0])):
        raise InputError(f"{where} crosses itself ({crossed}); the corners of a region, in order, are expected")


def line_fault(points: Sequence[Place]) -> str:
    """Why nothing can be counted at a line through these points, which are fractions; empty where it can."""
    if any(p == q for p, q in zip(points, points[1:], strict=False)):
        return "two neighbouring points are the same; a line needs a length"
    length = sum(math.dist(p, q) for p, q in zip(points, points[1:], strict=False))
    if length < LENGTH_MIN:
        return f"its length is {length:.2g} of the picture; at least {LENGTH_MIN} is needed for a vehicle to cross it"
    if crossed := _self_crossing(points):
        return f"it crosses itself ({crossed}), so a vehicle would cross it twice; draw two lines"
    return ""


def _self_crossing(points: Sequence[Place]) -> str:
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


def _area(polygon: Sequence[Place]) -> float:
    """Of the picture; signed."""
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(polygon, (*polygon[1:], polygon[0]), strict=True)) / 2


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
        said = {key: value for key, value in msgspec.structs.asdict(of_line).items() if value is not None}
        chosen = msgspec.structs.replace(config.convoys, **said)
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


def warnings_of(config: Config) -> list[str]:
    """What is allowed but will hurt."""
    found = []
    if config.report.every_s < 10:
        found.append(
            f"report.every_s is {config.report.every_s}: shorter than most vehicles take to cross the picture, "
            "so a crossing may be reported in the bucket after its own"
        )
    if config.mqtt is not None and not config.mqtt.tls and config.mqtt.host not in {"127.0.0.1", "localhost", "::1"}:
        found.append(f"mqtt.tls is off for {config.mqtt.host}: anybody on the way can read and change the counts")
    for name, line in config.lines.items():
        edge = min(min(x, y, 1 - x, 1 - y) for x, y in _between(points_of(name, line)))
        if edge < 0.05:
            found.append(
                f"lines.{name} runs within 5% of the edge of the picture: vehicles are cut off there and counts suffer"
            )
        for mask, polygon in config.masks.items():
            if any(QueueZone(mask, polygon).holds(place) for place in _between(points_of(name, line))):
                found.append(f"lines.{name} runs through masks.{mask}: what stands in a mask is not counted")
    for name, zone in config.zones.items():
        if min(min(x, y, 1 - x, 1 - y) for x, y in zone.polygon) < 0.02:
            found.append(
                f"zones.{name} reaches the edge of the picture: vehicles are lost from sight there, not seen to leave"
            )
    if config.camera is not None:
        found += _camera_warnings(config.camera)
    return found


def _camera_warnings(camera: Camera) -> list[str]:
    found = []
    if camera.every_s is None and camera.frames_per_second < LOW_RATE:
        found.append(
            f"camera.frames_per_second is {camera.frames_per_second:g}: many vehicles are missed below {LOW_RATE:g}; "
            + explain_rate(camera.frames_per_second)
        )
    if camera.every_s is None and STILL.fullmatch(camera.url):
        found.append("camera.url looks like a still picture: say camera.every_s, the seconds from one to the next")
    if masked(camera.url) != camera.url:
        found.append("camera.url holds a password: say username and password_file or password_credential instead")
    if camera.url.startswith("http://") and camera.username:
        found.append("camera.url is http: anybody on the way can read the password and the picture")
    if re.search(r"stream1\b|/101\b|subtype=0\b|main", camera.url):
        found.append(
            "camera.url looks like a main stream: 4K costs a small board its processor to decode and counts no better; "
            "take the second stream, some 640 to 1280 pixels wide"
        )
    return found


def explain_stills(camera: Camera, report: Reporting) -> str:
    """What a camera of stills will tell, in one sentence."""
    assert camera.every_s is not None, "asked of stills"
    vouches_s = camera.vouches_ms / 1000
    return (
        f"camera: a still every {camera.every_s:g} s, each vouching for {vouches_s:g} s after it, so that at most "
        f"{min(vouches_s / camera.every_s, 1.0):.0%} of the time is watched; a report of {report.every_s} s stands on "
        f"{report.every_s / camera.every_s:.3g} of them and is partial or blind, never ok; who crosses, comes, leaves "
        "or waits is not told"
    )


def explain_rate(frames_per_second: float) -> str:
    """How fast vehicles may be at this rate, in one sentence."""
    reach = reach_of(1.0 / frames_per_second)
    if not reach:
        return f"at {frames_per_second:.3g} frames/s frames are too far apart to follow any vehicle that moves"
    return (
        f"at {frames_per_second:.3g} frames/s a vehicle is followed if it moves up to {reach:.2g} of its own sizes "
        f"from one frame to the next ({reach * frames_per_second:.2g} a second), less than the distance to the vehicle "
        "behind it, and is seen in two frames or more"
    )


def explain_zone(name: str, zone: Zone, *, stills: bool = False) -> str:
    """What a zone will tell, in one sentence; of `stills` who is parked is not told."""
    said = (
        f"zones.{name} ({len(zone.polygon)} corners, {abs(_area(zone.polygon)):.1%} of the picture): a vehicle stands "
        f"once it stayed in one place for {zone.standing_after_s:g} s"
    )
    if not stills:
        said += (
            f", and is parked once it stood for {zone.parked_after_s:g} s and {zone.parked_after_passed} that came "
            "after it have left"
        )
    if zone.plane is None:
        return f"{said}; queue_m is null: the length of the queue needs a plane"
    plane = plane_through(zone.plane.points, zone.plane.metres)
    assert plane is not None, "the configuration was checked"
    places = [place for corner in zone.polygon if (place := plane.metres(corner)) is not None]
    longest_m = max(math.dist(p, q) for p in places for q in places)
    return f"{said}; on the ground it is {longest_m:.1f} m from one corner to the farthest other"


def _between(points: Sequence[Place]) -> list[Place]:
    """The middles of a line's segments: its ends may well touch the edge."""
    return [((x1 + x2) / 2, (y1 + y2) / 2) for (x1, y1), (x2, y2) in zip(points, points[1:], strict=False)]
