"""The configuration of a device: frozen structs read from YAML, every field with its unit, default and bounds.

Coordinates are fractions of the picture, so another resolution changes nothing. An unknown key is refused and the
nearest known one is named; every error says the key, the value and what is allowed.
"""

import hashlib
import re
from typing import Annotated, Literal

import msgspec

from edge import typed_yaml
from edge.counting.buckets import COUNTED_CLASSES
from edge.counting.crossing import DIRECTIONS
from edge.counting.detection import CLASSES
from edge.counting.parameters import CONFIGURED, DEFAULT
from edge.wire.names import NAME, UNSEEN
from edge.wire.topics import ROOT

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Fraction = Annotated[float, msgspec.Meta(ge=0, le=1, description="a fraction of the picture, not a pixel")]
Place = tuple[Fraction, Fraction]
Metre = Annotated[float, msgspec.Meta(ge=-100_000, le=100_000)]
Position = tuple[Metre, Metre]
Name = Annotated[str, msgspec.Meta(pattern=f"^{NAME}$")]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=f"^[^{UNSEEN}]*$(?!\\n)")]
Credential = Annotated[str, msgspec.Meta(pattern=f"^({NAME})?$")]
"""Name of a systemd credential (LoadCredential=) that holds a password, instead of a file."""


STILL_VOUCHES_S = 60.0  # at most, unless configured
STILL = re.compile(r"https?://[^?#]*\.(jpe?g|png)(\?.*)?", re.IGNORECASE)
"""URLs of still pictures."""


class Camera(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The camera."""

    url: Annotated[str, msgspec.Meta(min_length=1)]
    """rtsp://, rtsps://, http:// (MJPEG), /dev/video0, csi:0, or the path of a video that is played as if live."""
    frames_per_second: Annotated[float, msgspec.Meta(gt=0, le=60)] = 10.0
    """Largest rate of frames that are decoded and handled."""
    username: str = ""
    """User name of a stream; with it password_file or password_credential."""
    password_file: str = ""
    password_credential: Credential = ""
    transport: Literal["tcp", "udp"] = "tcp"
    """Transport of RTSP."""
    decoder: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_]*$", max_length=40)] = ""
    """FFmpeg's decoder of a stream, by name, such as h264_v4l2m2m, the hardware of a Raspberry Pi 4; "": its choice."""
    width: Annotated[int, msgspec.Meta(ge=0, le=7_680)] = 0
    height: Annotated[int, msgspec.Meta(ge=0, le=4_320)] = 0
    """Requested of a USB or CSI camera, in pixels; 0: its default."""
    open_timeout_s: Annotated[float, msgspec.Meta(ge=1, le=60)] = 5.0
    """Longest time to open a stream."""
    stall_s: Annotated[float, msgspec.Meta(ge=1, le=60)] = 5.0
    """A camera without a frame for this long is opened anew."""
    loop: bool = True
    """Whether a video begins again at its end."""
    every_s: Annotated[float, msgspec.Meta(ge=2, le=3_600)] | None = None
    """With it the url is that of a still picture (JPEG or PNG over HTTP), fetched at this interval."""
    vouches_s: Annotated[float, msgspec.Meta(ge=1, le=3_600)] | None = None
    """How long after a still time counts as watched; by default until the next one is due, at most a minute."""
    ca_file: str = ""
    """Certificate authorities for stills over https, instead of the system's."""

    @property
    def vouches_ms(self) -> int:
        """How long after a still time counts as watched."""
        every_s = STILL_VOUCHES_S if self.every_s is None else self.every_s
        return round(1000 * (self.vouches_s or min(every_s, STILL_VOUCHES_S)))


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The detector: the name of a model that ships, or the path of a manifest."""

    name: str = "vehicle-nano"
    threads: Annotated[int, msgspec.Meta(ge=1, le=64)] = 2
    score_min: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.2
    """Lowest score of a detection."""
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
    standing_after_s: Annotated[float, msgspec.Meta(gt=0, le=3600)] = CONFIGURED.standing_after_ms / 1000
    """How long a vehicle must stay at one place to be standing."""
    parked_after_s: Annotated[float, msgspec.Meta(gt=0, le=864_000)] = CONFIGURED.parked_after_ms / 1000
    """How long it must stand to be called parked ..."""
    parked_after_passed: Annotated[int, msgspec.Meta(ge=1, le=1000)] = CONFIGURED.parked_after_passed
    """... and how many that came after it must have left since."""
    plane: Plane | None = None
    """With it, the length of the queue is known in metres."""


Polygon = Annotated[tuple[Place, ...], msgspec.Meta(min_length=3, max_length=64)]


class Counting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The counting rules; the defaults serve every camera that we know."""

    reach_share: Annotated[float, msgspec.Meta(gt=0, le=2)] = CONFIGURED.reach_share
    """How far from the line a vehicle must have been on either side to count, in box heights."""
    class_share_min: Share = CONFIGURED.class_share_min
    """Below this probability a crossing is unclassified; without a second look, below this share of the vote."""
    gap_ms: Annotated[int, msgspec.Meta(ge=1, le=60_000)] = CONFIGURED.gap_ms
    """Longest time that one frame accounts for as watched."""
    ground: Literal["bottom", "centre"] = "bottom"
    """Where a vehicle stands: the bottom centre of its box, or the centre if the camera looks straight down."""


class Reporting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is reported, and how often."""

    every_s: Annotated[int, msgspec.Meta(ge=5, le=86_400)] = 60
    """Width of a bucket."""
    crossings: bool = False
    """Whether each crossing is published by itself as well."""
    live_s: Annotated[float, msgspec.Meta(ge=1, le=3_600)] = 5.0
    """How often the open bucket is published on `live`."""


class Mqtt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The broker. TLS is on and verified unless turned off."""

    host: typed_yaml.Host
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
    """Alerts of the device itself."""

    classes: tuple[Literal[CLASSES], ...] = ("bus",)  # type: ignore[valid-type]  # a Literal of the detector's words
    """A vehicle of one of these ..."""
    quiet_days: Annotated[float, msgspec.Meta(ge=0, le=36_500)] = 30.0
    """... raises an alert when there was none for this long."""
    blind_after_s: Annotated[float, msgspec.Meta(ge=1, le=86_400)] = 60.0
    """So does a blind camera after this time."""


Headway = Annotated[float, msgspec.Meta(ge=1, le=600)]
ConvoySize = Annotated[int, msgspec.Meta(ge=2, le=DEFAULT.convoys.vehicles_max)]
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
    """What is a convoy, on every line."""

    enabled: bool = True
    classes: ConvoyClasses = ("truck",)
    """Vehicles of these; others neither join a convoy nor break it."""
    headway_s: Headway = 20.0
    """The longest time from one of them to the next."""
    vehicles_min: ConvoySize = 5
    """Fewer are no convoy."""
    lines: dict[Name, LineConvoys] = {}
    """Lines with rules of their own; keys not given there are as here."""


class Keep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much the device keeps."""

    reports_days: Annotated[int, msgspec.Meta(ge=1, le=3_650)] = 90
    strips_days: Annotated[int, msgspec.Meta(ge=0, le=3_650)] = 14
    disk_mb: Annotated[int, msgspec.Meta(ge=10, le=1_000_000)] = 500
    """Half of it for reports, half for strips."""
    pictures_leave: bool = False
    """Whether strips and snapshots may be sent on request, and alerts have a picture."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole configuration. A replay needs only `lines` or `zones`."""

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
    """Folder of all that survives a restart; if empty, systemd's STATE_DIRECTORY, or `state` beside the
    configuration."""
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
