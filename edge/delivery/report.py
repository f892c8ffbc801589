"""The wire contract, schema 1: what a device says about a closed bucket, and on which topic it says so.

With edge/checking.py and edge/spreadsheet.py the only module that the collector shares with the edge. What is said
here is said to every version in the field: fields may be added (an older reader passes over them), nothing may change
its meaning under the same schema, and a report of another schema is refused, never guessed at.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, TypeVar

import msgspec

if TYPE_CHECKING:  # so that the collector carries no counting code
    from edge.counting.buckets import Bucket
    from edge.counting.zone_counts import ZoneCount

SCHEMA = 1
ROOT = "crossing"
NAME = r"[a-z0-9-]{1,64}"
NAME_RULE = "1 to 64 characters of a-z, 0-9 and -"
CHANNELS = ("status", "info", "report", "total", "live", "crossing", "convoy", "alert", "health", "response")
RESEND = "command/resend"
JOURNAL = "command/journal"
VERDICT = "command/verdict"
REPLAY = "replay-"
"""What the name of a replay's run, which is also that of its journal, begins with."""
YES, NO, NOTHING_THERE = "yes", "no", "nothing-there"
"""What a person can say of a crossing, beside the name of a class; see Verdict."""
RANGES_MAX = 100
"""Of one `resend`, and of what one `response` says is gone."""

_END = r"$(?!\n)"  # Python's $ alone also matches before a last newline

Name = Annotated[str, msgspec.Meta(pattern=f"^{NAME}{_END}")]
UNSEEN = r"\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
"""In a class of a pattern: control characters, what turns the direction of the text around it, and what is not seen."""
Word = Annotated[str, msgspec.Meta(pattern=f"^[^{UNSEEN}]{{1,64}}{_END}")]
"""What a person calls a direction or a class: `outbound`, `a_to_b`, `truck`."""
MaybeWord = Annotated[str, msgspec.Meta(pattern=f"^[^{UNSEEN}]{{0,64}}{_END}")]
"""The same, empty where it is not known."""
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
"""Vehicles in one bucket; the bound keeps every sum far inside 64 bits."""
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=366 * 86_400_000)]
SequenceNumber = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
Amount = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
Ranges = Annotated[list[tuple[SequenceNumber, SequenceNumber]], msgspec.Meta(max_length=RANGES_MAX)]
"""Spans of `seq`, first and last included."""
Numbered = Annotated[list[tuple[SequenceNumber, Name]], msgspec.Meta(max_length=RANGES_MAX)]
"""Numbers of reports, each with the run that counted it."""
Transaction = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,64}" + _END)]
"""What the asker calls a command, to know the response by."""
Lines = dict[Name, dict[Word, dict[Word, Count]]]
"""line -> direction in the user's words -> class -> vehicles, with explicit zeros."""
Mean = Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]
Metres = Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_START = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", re.ASCII)


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


class Resend(msgspec.Struct, frozen=True, kw_only=True):
    """`command/resend`: send these reports of a journal again. Without `journal`: of whichever the device keeps now."""

    id: Transaction
    ranges: Ranges
    journal: Name | msgspec.UnsetType = msgspec.UNSET


class JournalCommand(msgspec.Struct, frozen=True, kw_only=True):
    """`command/journal`: what the collector knows of a journal of the device, for the device to compare with its own.

    `high` is the highest number that was given in it, and `known` are some numbers with the run that has each: several
    runs under one number were counted by copies of one card. A device that did not give all of these begins a new
    journal.
    """

    id: Transaction
    journal: Name
    high: Amount
    known: Numbered = []


class PlainCommand(msgspec.Struct, frozen=True, kw_only=True):
    """`command/snapshot`, `command/reload`: nothing but to do it."""

    id: Transaction


class StripCommand(msgspec.Struct, frozen=True, kw_only=True):
    """`command/strip`: the strip of a line and of the bucket that starts then."""

    id: Transaction
    line: Name
    start: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a person says of one crossing, known by `(site, device, run, line, at)`.

    `said` is `yes` or `no` (whether it is of the class as which it was counted), the name of the class that it is, or
    `nothing-there`. It is kept beside the report `seq`, whose counts it never changes; `seq` is null where that report
    had not come. `class` and `direction` are as counted, empty where unknown; `alert` is the number of the collector's
    alert that the person looked at. Of several verdicts of one person on one crossing the last one (`when`) holds.
    """

    schema: int = SCHEMA
    site: Name
    device: Name
    run: Name
    seq: SequenceNumber | None = None
    line: Name
    direction: MaybeWord = ""
    at: str
    label: MaybeWord = msgspec.field(default="", name="class")
    said: Word
    by: Annotated[str, msgspec.Meta(pattern=f"^[^{UNSEEN}]{{1,100}}{_END}")]
    when: str
    alert: SequenceNumber | None = None

    def __post_init__(self) -> None:
        """Hold the rules that no single field can say."""
        if self.schema != SCHEMA:
            raise ValueError(f"schema {self.schema} is not known here, only {SCHEMA} is")
        milliseconds_of(self.at)
        milliseconds_of(self.when)

    @property
    def truth(self) -> str | None:
        """The class that it is, `nothing-there`, or None: all that is known is which class it is not."""
        if self.said == YES:
            return self.label or None
        return None if self.said == NO else self.said

    @property
    def confirms(self) -> bool:
        """Whether it is of the class as which it was counted."""
        return self.said in (YES, self.label)


class VerdictCommand(msgspec.Struct, frozen=True, kw_only=True):
    """`command/verdict`: a person said something of a crossing; when its class was last seen may depend on it."""

    id: Transaction
    verdict: Verdict


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a command, by its `id`. `ok` is false where it was not done, and `reason` says why.

    To a `resend`: `resent` reports of `journal` are on their way, and those in `gone` the device holds no more (it had
    to drop them at its bound, or they are older than it keeps): nobody need ask for them again. A `stranger` never
    numbered anything in that journal: another device of this name may hold them.

    To `journal`: `journal` is the one in which the device numbers now. If it has just begun, its numbers go on from
    `first`, and `runs` are the runs in it, each with its first number.
    """

    id: Transaction
    verb: Word
    ok: bool
    reason: str = ""
    journal: Name | msgspec.UnsetType = msgspec.UNSET
    resent: Amount = 0
    gone: Ranges = []
    stranger: bool | msgspec.UnsetType = msgspec.UNSET
    first: SequenceNumber | msgspec.UnsetType = msgspec.UNSET
    runs: Numbered | msgspec.UnsetType = msgspec.UNSET
    jpeg: str | msgspec.UnsetType = msgspec.UNSET
    """A picture that was asked for, in base64."""


_Said = TypeVar("_Said", Resend, JournalCommand, Response, PlainCommand, StripCommand, VerdictCommand)


class Address(NamedTuple):
    """Who speaks on a topic, and of what (`report`, `status`, `command/resend` ...)."""

    site: str
    device: str
    channel: str


def encode(
    said: Report | Resend | JournalCommand | Response | PlainCommand | StripCommand | Verdict | VerdictCommand,
) -> bytes:
    """JSON with sorted keys: equal reports are equal bytes."""
    return msgspec.json.encode(said, order="sorted")


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


def decode_as(payload: bytes, kind: type[_Said]) -> _Said:
    """A command or a response in `payload`, or ReportError. Fields that a newer sender added are passed over."""
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReportError(f"not a {kind.__name__.lower()}: {error}") from error


def report_of(
    bucket: "Bucket",
    *,
    site: str,
    device: str,
    run: str,
    seq: int,
    journal: str = "",
    direction_words: Mapping[str, Mapping[str, str]] | None = None,
    health: Health | None = None,
    clock_synced: bool = True,
) -> Report:
    """The report of a closed bucket.

    `direction_words` gives, per line, the user's words for `a_to_b` and `b_to_a`; a line without them keeps
    the defaults.
    """
    lines: Lines | None = None
    if bucket.counts is not None:
        lines = {}
        for line, directions in bucket.counts.items():
            words = (direction_words or {}).get(line, {})
            lines[line] = {words.get(way, way): dict(classes) for way, classes in directions.items()}
            assert len(lines[line]) == len(directions), "the two directions of a line have different words"
    zones: dict[str, ZoneReport] | msgspec.UnsetType | None = msgspec.UNSET
    if bucket.zones is None:
        zones = None
    elif bucket.zones:
        zones = {name: _zone_report(zone) for name, zone in bucket.zones.items()}
    return Report(
        site=site,
        device=device,
        run=run,
        seq=seq,
        journal=journal or msgspec.UNSET,
        start=rfc3339(bucket.start_ms),
        width_ms=bucket.width_ms,
        watched_ms=bucket.watched_ms,
        state=bucket.state,  # type: ignore[arg-type]  # Bucket promises one of the three words
        clock_synced=clock_synced,
        lines=lines,
        zones=zones,
        pictures=msgspec.UNSET if bucket.pictures is None else bucket.pictures,
        health=health or Health(),
    )


def _zone_report(zone: "ZoneCount") -> ZoneReport:
    wait_ms, queue_m, expected = zone.wait_ms, zone.queue_m, zone.expected
    standing, hidden = zone.standing, zone.hidden
    return ZoneReport(
        inside=Level(mean=zone.inside.mean, max=zone.inside.max, end=zone.inside.end),
        standing=None if standing is None else Level(mean=standing.mean, max=standing.max, end=standing.end),
        parked=zone.parked,
        by_class=dict(zone.by_class),
        entered=zone.entered,
        left=zone.left,
        lost=zone.lost,
        waited=zone.waited,
        wait_ms=None if wait_ms is None else Waits(p50=wait_ms.p50, p90=wait_ms.p90, max=wait_ms.max),
        expected_ms=None if expected is None else Expected(p10=expected.p10, p50=expected.p50, p90=expected.p90),
        queue_m=None if queue_m is None else LengthLevel(mean=queue_m.mean, max=queue_m.max, end=queue_m.end),
        hidden_likely=None if hidden is None else Likely(mean=hidden.mean, p10=hidden.p10, p90=hidden.p90),
    )


def topic_of(site: str, device: str, channel: str, *, root: str = ROOT) -> str:
    """The topic on which a device speaks of `channel`."""
    return f"{root}/v{SCHEMA}/{site}/{device}/{channel}"


def parse_topic(topic: str, *, root: str = ROOT) -> Address | None:
    """Whose topic this is; None where it is none of ours."""
    found = re.fullmatch(rf"{re.escape(root)}/v{SCHEMA}/({NAME})/({NAME})/(.+)", topic)
    return Address(*found.groups()) if found else None


def rfc3339(time_ms: int) -> str:
    """`2026-11-22T02:46:00Z`; the milliseconds are written only where there are any."""
    time = _EPOCH + timedelta(milliseconds=time_ms)
    precision = "milliseconds" if time_ms % 1000 else "seconds"
    return time.replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def milliseconds_of(time: str) -> int:
    """The inverse of `rfc3339`. ValueError where the text is not exactly what `rfc3339` writes."""
    problem = f"{time[:40]!r} is not a time such as 2026-11-22T02:46:00Z"
    if not _START.fullmatch(time):
        raise ValueError(problem)
    try:
        time_ms = (datetime.fromisoformat(time) - _EPOCH) // timedelta(milliseconds=1)
    except ValueError as error:
        raise ValueError(problem) from error
    if rfc3339(time_ms) != time:
        raise ValueError(problem)
    return time_ms


class _Envelope(msgspec.Struct):
    schema: int


def _schema_of(payload: bytes) -> int:
    """The schema that the payload claims; SCHEMA where it claims none that can be read."""
    try:
        return msgspec.json.decode(payload, type=_Envelope).schema
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return SCHEMA
