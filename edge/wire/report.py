"""The wire contract, schema 1: the report of a closed bucket.

With the other files of this folder and edge/typed_yaml.py it is all that the collector shares with the edge. It is read
by every version in the field: fields may be added (older readers ignore them), nothing may change its meaning under the
same schema, and a report of another schema is refused.
"""

from typing import Annotated, Literal, TypeVar

import msgspec

from edge.wire.commands import JournalCommand, PlainCommand, Resend, Response, StripCommand, Verdict, VerdictCommand
from edge.wire.names import SCHEMA, Amount, Count, Milliseconds, Name, SequenceNumber, Word
from edge.wire.times import milliseconds_of

Lines = dict[Name, dict[Word, dict[Word, Count]]]
"""line -> direction in the user's words -> class -> vehicles, with explicit zeros."""
Mean = Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]
Metres = Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]


class ReportError(ValueError):
    """These bytes are no report of schema 1; the message is one sentence that says why."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How the device fared during the bucket; grows by fields that have a default."""

    frames: Amount = 0
    """Frames handled."""
    frames_blind: Amount = 0
    """Of them, frames that could not vouch for what crossed."""
    crossings_late: Amount = 0
    """Crossings counted here that happened before the bucket, so far in this run."""
    tracks_released: Amount = 0
    """Tracks given up because too many lived at once, so far in this run."""


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """Vehicles over the watched time of the bucket: the mean, the maximum, and how many at the end."""

    mean: Mean
    max: Count
    end: Count


class LengthLevel(msgspec.Struct, frozen=True, kw_only=True):
    """The same of a length, in metres."""

    mean: Metres
    max: Metres
    end: Metres


class Waits(msgspec.Struct, frozen=True, kw_only=True):
    """Of waits in milliseconds: the median, the one that nine in ten do not exceed, the longest."""

    p50: Amount
    p90: Amount
    max: Amount


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """A wait in milliseconds that lies ahead: its median, and with 80% probability from `p10` to `p90`."""

    p10: Amount
    p50: Amount
    p90: Amount


class Likely(msgspec.Struct, frozen=True, kw_only=True):
    """An estimate of a number of vehicles: its mean, and with 80% probability from `p10` to `p90`."""

    mean: Mean
    p10: Count
    p90: Count


class ZoneReport(msgspec.Struct, frozen=True, kw_only=True):
    """Who was in a queue zone.

    `inside` are all vehicles there, `standing` those of them that stand in the queue; `parked` (inside, too, but not
    standing in the queue) and `by_class` (of those inside) are as at the end. `entered`, `left` and `lost` (from sight,
    inside) are vehicles in the bucket. `wait_ms` tells how long the `waited` of those that left had waited (the actual
    wait); null if none had. `expected_ms` is the expected wait of a vehicle that joins the queue at the end of the
    bucket; null where it is not known. `queue_m` is null where the device does not know the ground. `hidden_likely` is
    an estimate: vehicles that are inside at the end of the bucket and that no other number here counts, since nearer
    ones hide them; null where the device does not know the ground.

    A device that sees only stills (`pictures` of the report) follows no vehicle: `parked`, `entered`, `left`, `lost`,
    `waited`, `wait_ms` and `expected_ms` are null there, for nobody knows them. So are `standing` and `queue_m` where
    no picture could be compared with the one before.
    """

    inside: Level
    standing: Level | None
    parked: Count | None = 0
    by_class: dict[Word, Count] = {}
    entered: Count | None = 0
    left: Count | None = 0
    lost: Count | None = 0
    waited: Count | None = 0
    wait_ms: Waits | None = None
    expected_ms: Expected | None = None
    queue_m: LengthLevel | None = None
    hidden_likely: Likely | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One closed bucket of one run. Its key is `(site, device, run, seq)`: the same key is the same report.

    `seq` is contiguous within a `journal` and survives restarts. A device begins a new journal only where it could not
    go on in the one before: its disk lost it, it has another name now, or copies of its card number alike. `start` is
    RFC 3339 in UTC. `lines` is null exactly when the state is `blind`: zero is counted, blind is not. Where
    `watched_ms` is 0 and `lines` is not null, it holds what was seen all the same, and nobody watched what it leaves
    out. `zones` is left out by a device that has none, and null where nobody watched; `lines` is empty where a device
    has zones alone. `pictures` is how many stills the report stands on, each of which vouches for a stated time; it is
    left out by a device that watches a stream. On stills nobody looks all the time, so the state is never `ok`.
    """

    schema: int = SCHEMA
    site: Name
    device: Name
    run: Name
    seq: SequenceNumber
    journal: Name | msgspec.UnsetType = msgspec.UNSET
    start: str
    width_ms: Annotated[int, msgspec.Meta(ge=1, le=366 * 86_400_000)]
    watched_ms: Milliseconds
    state: Literal["ok", "partial", "blind"]
    clock_synced: bool = True
    lines: Lines | None
    zones: dict[Name, ZoneReport] | msgspec.UnsetType | None = msgspec.UNSET
    pictures: Amount | msgspec.UnsetType = msgspec.UNSET
    health: Health = Health()

    def __post_init__(self) -> None:
        """Hold the rules that no single field can say."""
        if self.schema != SCHEMA:
            raise ValueError(f"schema {self.schema} is not known here, only {SCHEMA} is")
        milliseconds_of(self.start)
        if self.watched_ms > self.width_ms:
            raise ValueError(f"watched_ms {self.watched_ms} exceeds width_ms {self.width_ms}")
        if self.state == "blind" and self.lines is not None:
            raise ValueError("a blind report cannot hold counts: lines must be null")
        if self.state != "blind" and self.lines is None:
            raise ValueError(f"a report that is {self.state} must hold counts: lines is null")
        if self.state == "blind" and self.zones:
            raise ValueError("a blind report cannot hold counts: zones must be null")
        if self.zones is None and self.watched_ms > 0 and self.state != "blind":
            raise ValueError(f"a report that is {self.state} must hold its zones: zones is null")
        if self.state == "ok" and self.pictures is not msgspec.UNSET:
            raise ValueError("a report that stands on pictures is partial or blind, never ok")

    @property
    def start_ms(self) -> int:
        """The start of the bucket, in milliseconds UTC."""
        return milliseconds_of(self.start)


_Message = TypeVar("_Message", Resend, JournalCommand, Response, PlainCommand, StripCommand, VerdictCommand)


def encode(
    message: Report | Resend | JournalCommand | Response | PlainCommand | StripCommand | Verdict | VerdictCommand,
) -> bytes:
    """JSON with sorted keys: equal reports are equal bytes."""
    return msgspec.json.encode(message, order="sorted")


def decode(payload: bytes) -> Report:
    """The report in `payload`, or ReportError. Fields that a newer sender added are passed over."""
    try:
        return msgspec.json.decode(payload, type=Report)
    except msgspec.ValidationError as error:
        schema = _schema_of(payload)
        if schema != SCHEMA:
            raise ReportError(f"schema {schema} is not known here, only {SCHEMA} is") from error
        raise ReportError(f"not a report: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReportError(f"not JSON: {error}") from error


def decode_as(payload: bytes, kind: type[_Message]) -> _Message:
    """A command or a response in `payload`, or ReportError. Fields that a newer sender added are passed over."""
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReportError(f"not a {kind.__name__.lower()}: {error}") from error


class _Envelope(msgspec.Struct):
    schema: int


def _schema_of(payload: bytes) -> int:
    """The schema that the payload claims; SCHEMA where it claims none that can be read."""
    try:
        return msgspec.json.decode(payload, type=_Envelope).schema
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return SCHEMA
