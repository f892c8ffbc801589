"""What a device says about itself, as far as the collector reads it.

Fields of a newer device are passed over. The texts are for people: bounded, and without control characters.
"""

import base64
import binascii
from typing import Annotated, Literal, TypeVar

import msgspec

from edge.wire.names import SCHEMA, UNSEEN, Amount, Count, Milliseconds, Name, SequenceNumber, Word
from edge.wire.report import Lines, ReportError
from edge.wire.times import milliseconds_of

SAID_BYTES_MAX = 65_536
JPEG_BYTES_MAX = 48_000
"""Of the picture in an alert: as much as fits into a message."""

_SEEN = f"^[^{UNSEEN}]*$(?!\\n)"
_Line = Annotated[str, msgspec.Meta(max_length=500, pattern=_SEEN)]
_Short = Annotated[str, msgspec.Meta(max_length=64, pattern=_SEEN)]


Edge = Literal["headway", "unwatched", "limit"]
"""What lies before or after a convoy."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """`status`, and the last will: a broker that loses the device says `offline` in its place."""

    schema: Literal[1]
    state: Literal["online", "degraded", "offline"]
    run: _Line
    since: _Line
    reason: _Line = ""


class LineWords(msgspec.Struct, frozen=True, kw_only=True):
    """What people call the two directions over a line."""

    a_to_b: _Line = "a_to_b"
    b_to_a: _Line = "b_to_a"


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """How the device names vehicles: true class -> name -> how many of the vehicles that judged its model."""

    model: _Line
    judged: Annotated[
        dict[Word, Annotated[dict[Word, Annotated[int, msgspec.Meta(ge=0, le=10**9)]], msgspec.Meta(max_length=32)]],
        msgspec.Meta(max_length=32),
    ] = {}


class Info(msgspec.Struct, frozen=True, kw_only=True):
    """`info`: with what the device counts."""

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
    """The classes that it calls out by itself: of these its reports tell no first one."""
    names: Names | None = None


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """`total`: of the reports that `journal` numbered, a broker has acknowledged all up to `sent_through`."""

    schema: Literal[1]
    journal: Name | msgspec.UnsetType = msgspec.UNSET
    first: SequenceNumber = 1
    sent_through: Amount = 0
    last: Amount | msgspec.UnsetType = msgspec.UNSET
    ended: bool = False
    dropped: Amount = 0
    """Reports that the device had no room to keep until they could be sent."""
    forgotten: Amount | None = None
    """Reports that were sent, and are held no more; None: an older device does not say."""
    letters_lost: dict[Name, Amount] = {}
    """Other letters that will not come, by channel."""
    last_seen: dict[str, str] = {}
    """By rare class: when one was last seen for certain, or a person confirmed one."""

    def __post_init__(self) -> None:
        """Hold the rule that no single field can say."""
        for at in self.last_seen.values():
            milliseconds_of(at)


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """`live`: the open bucket, a few seconds old: a look, no count. Where nothing is seen `lines` is null."""

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
        """Hold what no single field can say."""
        milliseconds_of(self.start)
        milliseconds_of(self.as_of)


class DeviceHealth(msgspec.Struct, frozen=True, kw_only=True):
    """`health`, once a minute: what tells a backlog, a wrong clock and a blind camera."""

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
        """When the device said it, by its own clock. ValueError where that is no time."""
        return milliseconds_of(self.as_of)

    def __post_init__(self) -> None:
        """Hold the rule that no single field can say."""
        milliseconds_of(self.as_of)


class DeviceAlert(msgspec.Struct, frozen=True, kw_only=True):
    """`alert`: news that a device calls out by itself. What a kind has nothing to say of is empty or null."""

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
    """Null: the device does not hold its news to what was measured of its model."""
    jpeg: str = ""

    def __post_init__(self) -> None:
        """Hold the rules that no single field can say."""
        milliseconds_of(self.at)
        if self.before is not None:
            milliseconds_of(self.before)
        self.picture()

    @property
    def at_ms(self) -> int:
        """When it happened."""
        return milliseconds_of(self.at)

    @property
    def before_ms(self) -> int | None:
        """When a vehicle of this class crossed before, as far as the device knows."""
        return None if self.before is None else milliseconds_of(self.before)

    def picture(self) -> bytes:
        """The JPEG; empty where the device sent none. ValueError where it is none, or too large."""
        try:
            picture = base64.b64decode(self.jpeg, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("jpeg is not in base64") from None
        if picture and not picture.startswith(b"\xff\xd8\xff"):
            raise ValueError("jpeg is not a JPEG")
        if len(picture) > JPEG_BYTES_MAX:
            raise ValueError(f"a picture of {len(picture)} bytes is too large, at most {JPEG_BYTES_MAX}")
        return picture


class ConvoyGaps(msgspec.Struct, frozen=True, kw_only=True):
    """Times between successive vehicles: the shortest, the median, the longest."""

    min: Milliseconds
    p50: Milliseconds
    max: Milliseconds


class Convoy(msgspec.Struct, frozen=True, kw_only=True):
    """`convoy`: vehicles over one line in one direction, one soon after the other. `(run, number)` names it."""

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
    began: Edge = "headway"
    ended: Edge = "headway"

    def __post_init__(self) -> None:
        """Hold the rules that no single field can say."""
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


_Said = TypeVar("_Said", Status, Info, Total, Live, DeviceHealth, DeviceAlert, Convoy)
_NAMES = {DeviceHealth: "health", DeviceAlert: "alert"}


def decode_said(payload: bytes, kind: type[_Said]) -> _Said:
    """What a device says of itself in `payload`, of the kind that its topic names, or ReportError."""
    assert SCHEMA == 1, "the schema that these structs name is the one of the wire"
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReportError(f"not the {_NAMES.get(kind, kind.__name__.lower())} of a device: {error}") from error
