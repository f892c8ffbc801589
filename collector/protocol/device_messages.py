"""What a device says about itself, as the collector accepts it from any version of the device.

Unlike the structs of `edge.wire.device_messages`, which state what this version sends, these have only the fields that
the collector reads, bounds, and defaults for what older devices do not send. Unknown fields are ignored. Texts are for
people: bounded, and without control characters.
"""

import base64
import binascii
from typing import Annotated, Literal, TypeVar

import msgspec

from edge.wire.device_messages import ConvoyGaps
from edge.wire.names import SCHEMA, UNSEEN, Amount, Count, Milliseconds, Name, SequenceNumber, Word
from edge.wire.report import Lines, ReportError
from edge.wire.times import milliseconds_of

JPEG_BYTES_MAX = 48_000
"""Of the picture in an alert: as much as fits into a message."""

_SEEN = f"^[^{UNSEEN}]*$(?!\\n)"
_Line = Annotated[str, msgspec.Meta(max_length=500, pattern=_SEEN)]
_Short = Annotated[str, msgspec.Meta(max_length=64, pattern=_SEEN)]


ConvoyEdge = Literal["headway", "unwatched", "limit"]
"""What lies before or after a convoy: a longer headway, unwatched time, or the limit of vehicles in one message."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """`status`, and the last will: a broker that loses the device publishes `offline` in its place."""

    schema: Literal[1]
    state: Literal["online", "degraded", "offline"]
    run: _Line
    since: _Line
    reason: _Line = ""


class LineWords(msgspec.Struct, frozen=True, kw_only=True):
    """What people call the two directions over a line."""

    a_to_b: _Line = "a_to_b"
    b_to_a: _Line = "b_to_a"


class NamingQuality(msgspec.Struct, frozen=True, kw_only=True):
    """How well the device's classifier names vehicles: true class -> name -> vehicles of the test set."""

    model: _Line
    judged: Annotated[
        dict[Word, Annotated[dict[Word, Annotated[int, msgspec.Meta(ge=0, le=10**9)]], msgspec.Meta(max_length=32)]],
        msgspec.Meta(max_length=32),
    ] = {}


class Info(msgspec.Struct, frozen=True, kw_only=True):
    """`info`: the versions, models and words with which the device counts."""

    schema: Literal[1]
    run: _Line
    version: _Line
    model: _Line = ""
    naming: _Line = ""
    configuration_sha256: _Line = ""
    time_zone: _Line = "UTC"
    lines: dict[str, LineWords] = {}
    commands: list[_Line] = []
    rare: list[_Line] = []
    """Classes for which the device itself sends alerts; the collector raises none for them from reports."""
    names: NamingQuality | None = None


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """`total`: of the reports that `journal` numbered, a broker has acknowledged all up to `sent_through`."""

    schema: Literal[1]
    journal: Name | msgspec.UnsetType = msgspec.UNSET
    first: SequenceNumber = 1
    sent_through: Amount = 0
    last: Amount | msgspec.UnsetType = msgspec.UNSET
    ended: bool = False
    dropped: Amount = 0
    """Reports that the device deleted unsent, for lack of room."""
    forgotten: Amount | None = None
    """Reports that were sent and are no longer stored; None: an older device does not say."""
    letters_lost: dict[Name, Amount] = {}
    """Messages of other channels that will not come, by channel."""
    last_seen: dict[str, str] = {}
    """By rare class: when one was last seen for certain, or a person confirmed one."""

    def __post_init__(self) -> None:
        """ValueError for what the types do not exclude."""
        for at in self.last_seen.values():
            milliseconds_of(at)


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """`live`: the open bucket, a few seconds old; a preview, no count. `lines` is null while the camera is blind."""

    schema: Literal[1]
    start: str
    width_ms: Milliseconds
    as_of: str
    watched_ms: Milliseconds
    lines: Lines | None
    in_view: Amount
    standing: dict[Name, Amount] = {}
    blind: _Line = ""

    def __post_init__(self) -> None:
        """ValueError for what the types do not exclude."""
        milliseconds_of(self.start)
        milliseconds_of(self.as_of)


class DeviceHealth(msgspec.Struct, frozen=True, kw_only=True):
    """`health`, once a minute: backlog, clock and camera of the device."""

    schema: Literal[1]
    run: Name
    as_of: _Line
    outbox_unsent: Amount | None = None
    outbox_dropped: Amount | None = None
    clock_synced: bool = True
    clock_offset_ms: Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)] = 0
    camera: _Line = ""
    blind: _Line = ""
    failure: _Line = ""

    @property
    def as_of_ms(self) -> int:
        """When the device sent it, by its own clock, in milliseconds UTC."""
        return milliseconds_of(self.as_of)

    def __post_init__(self) -> None:
        """ValueError for what the types do not exclude."""
        milliseconds_of(self.as_of)


class DeviceAlert(msgspec.Struct, frozen=True, kw_only=True):
    """`alert`: raised by the device itself. Fields that do not apply to its kind are empty or null."""

    schema: Literal[1]
    run: Name
    at: _Line
    kind: Literal["rare-class", "blind", "seeing"]
    reason: _Line
    line: _Short = ""
    direction: _Short = ""
    label: _Short = msgspec.field(default="", name="class")
    before: _Line | None = None
    likely: bool = False
    share: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    """The probability that the class is right; null: the device does not know how often its model errs."""
    jpeg: str = ""

    def __post_init__(self) -> None:
        """ValueError for what the types do not exclude."""
        milliseconds_of(self.at)
        if self.before is not None:
            milliseconds_of(self.before)
        self.picture()

    @property
    def at_ms(self) -> int:
        """When it happened, in milliseconds UTC."""
        return milliseconds_of(self.at)

    @property
    def before_ms(self) -> int | None:
        """When a vehicle of this class crossed before, in milliseconds UTC; None: never, as far as the device knows."""
        return None if self.before is None else milliseconds_of(self.before)

    def picture(self) -> bytes:
        """The JPEG, empty if the device sent none. ValueError for anything else, and for one that is too large."""
        try:
            picture = base64.b64decode(self.jpeg, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("jpeg is not in base64") from None
        if picture and not picture.startswith(b"\xff\xd8\xff"):
            raise ValueError("jpeg is not a JPEG")
        if len(picture) > JPEG_BYTES_MAX:
            raise ValueError(f"a picture of {len(picture)} bytes is too large, at most {JPEG_BYTES_MAX}")
        return picture


class Convoy(msgspec.Struct, frozen=True, kw_only=True):
    """`convoy`: vehicles over one line in one direction, close behind each other. Its key is `(run, number)`."""

    schema: Literal[1]
    run: Name
    number: SequenceNumber
    since: _Line
    until: _Line
    line: Name
    direction: Word
    vehicles: Count
    by_class: Annotated[dict[Word, Count], msgspec.Meta(max_length=32)]
    gaps_ms: ConvoyGaps
    headway_ms: Milliseconds
    began: ConvoyEdge = "headway"
    ended: ConvoyEdge = "headway"

    def __post_init__(self) -> None:
        """ValueError for what the types do not exclude."""
        if self.until_ms < self.since_ms:
            raise ValueError("until is before since")
        if sum(self.by_class.values()) != self.vehicles:
            raise ValueError(f"by_class does not add up to {self.vehicles} vehicles")

    @property
    def since_ms(self) -> int:
        """When its first vehicle crossed."""
        return milliseconds_of(self.since)

    @property
    def until_ms(self) -> int:
        """When its last vehicle crossed."""
        return milliseconds_of(self.until)


_Message = TypeVar("_Message", Status, Info, Total, Live, DeviceHealth, DeviceAlert, Convoy)
_NAMES = {DeviceHealth: "health", DeviceAlert: "alert"}


def decode_device_message(payload: bytes, kind: type[_Message]) -> _Message:
    """Decode a payload as the kind of message that its topic names; ReportError if it is not valid."""
    assert SCHEMA == 1, "the schema that these structs name is the one of the wire"
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReportError(f"not the {_NAMES.get(kind, kind.__name__.lower())} of a device: {error}") from error
