"""Messages of a device beside its reports: `status`, `info` and `total`, which are retained, and `crossing`, `convoy`,
`live`, `alert`, `health`."""

from typing import Annotated, Literal

import msgspec

from edge.wire.names import SCHEMA, Amount, Count, Milliseconds, Name, SequenceNumber, Word
from edge.wire.report import Lines


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Retained, and the last will: a broker that loses the device says `offline` in its place."""

    schema: int = SCHEMA
    state: Literal["online", "degraded", "offline"]
    run: str
    since: str
    reason: str = ""


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """All that was counted since the device was installed: never falls, and never is a 0 that nobody counted.

    `since` and `as_of` are the start of the first bucket and the end of the last one, RFC 3339 in UTC; `reports` is the
    number of buckets, `watched_ms` how much of their time was watched. `dropped` reports will not come: the device had
    no room to keep them until they could be sent, or they are larger than the broker takes. `forgotten` reports were
    sent, and are held no more. `letters_lost` counts other letters that will not come, by channel. `journal` begins
    with the number `first` and has given numbers up to `last`; of these reports a broker has acknowledged all up to
    `sent_through`, but for those that were dropped: what of them did not arrive was lost on the way, and can be asked
    for. Where a device began another journal, it still says of the one before how far that was sent: such a total is
    not retained, and `ended` is true.
    """

    schema: int = SCHEMA
    journal: Name
    first: SequenceNumber = 1
    sent_through: Amount
    last: Amount | msgspec.UnsetType = msgspec.UNSET
    ended: bool = False
    since: str
    as_of: str
    reports: Amount
    watched_ms: Amount
    dropped: Amount
    forgotten: Amount = 0
    letters_lost: dict[Word, Amount] = {}
    lines: dict[Name, dict[Word, dict[Word, Amount]]]
    last_seen: dict[Word, str] = {}
    """By rare class: when one was last seen for certain, or a person confirmed one."""


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """One vehicle over one line, on the topic `crossing`; `(run, track, line, at)` names it, should it come twice.

    `at` is RFC 3339 in UTC, interpolated on the line; `label` the class with its `share` of the vote; `along` where on
    the line, 0 to 1 from its first point.
    """

    schema: int = SCHEMA
    run: Name
    at: str
    line: Name
    direction: Word
    label: Word = msgspec.field(name="class")
    share: Annotated[float, msgspec.Meta(ge=0, le=1)]
    along: Annotated[float, msgspec.Meta(ge=0, le=1)]
    track: Amount


class ConvoyGaps(msgspec.Struct, frozen=True, kw_only=True):
    """Times between successive vehicles in milliseconds: the shortest, the median, the longest."""

    min: Milliseconds
    p50: Milliseconds
    max: Milliseconds


class Convoy(msgspec.Struct, frozen=True, kw_only=True):
    """Vehicles over one line in one direction, each at most `headway_ms` after the one before, told once it is over.

    `(run, number)` names it, should it come twice; the convoys of a run are numbered from 1. `since` and `until` are
    when its first and its last vehicle crossed, RFC 3339 in UTC. `began` and `ended` say what lies before and after it:
    `headway`, watched time without another vehicle; `unwatched`, time that nobody watched, such as before and after a
    run, so that the convoy may be longer than was seen; `limit`, more of the same convoy, told as another one.
    """

    schema: int = SCHEMA
    run: Name
    number: SequenceNumber
    since: str
    until: str
    line: Name
    direction: Word
    vehicles: Count
    by_class: dict[Word, Count]
    gaps_ms: ConvoyGaps
    headway_ms: Milliseconds
    began: Literal["headway", "unwatched", "limit"] = "headway"
    ended: Literal["headway", "unwatched", "limit"] = "headway"


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """The open bucket, a few seconds old: a look, no count. Where nothing is seen `lines` is null, `blind` says why."""

    schema: int = SCHEMA
    run: Name
    start: str
    width_ms: Milliseconds
    as_of: str
    watched_ms: Milliseconds
    lines: Lines | None
    in_view: Amount
    standing: dict[Name, Amount] = {}
    """Vehicles that stand in each zone."""
    blind: str = ""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """News. `kind` is `rare-class`, `blind` or `seeing`; what a kind has nothing to say of is empty or null."""

    schema: int = SCHEMA
    run: Name
    at: str
    kind: Literal["rare-class", "blind", "seeing"]
    reason: str
    line: str = ""
    direction: str = ""
    label: str = msgspec.field(default="", name="class")
    before: str | None = None
    """When a vehicle of this class crossed before; null: never, as far as the device knows."""
    likely: bool = False
    """A rare class that is not certain enough to be news: more than one false alarm a year is to be expected."""
    share: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    """The probability that its class is right, or its share of the vote."""
    false_per_year: Annotated[float, msgspec.Meta(ge=0)] | None = None
    """How many other vehicles a year are named so with as much, at most, at the line's traffic; null: nobody knows."""
    jpeg: str = ""
    """A small picture in base64, of the vehicle where it is one, if pictures may leave the device."""


class LettersHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Letters of one channel: how many wait, are larger than the broker takes, or will not come.

    `refused` is how often the broker refused one since the start, `waiting` how many no disk holds. `lost_before` of
    `lost` waited in memory, for a disk that took nothing, when the process before this one ended.
    """

    unsent: Amount = 0
    set_aside: Amount = 0
    lost: Amount = 0
    refused: Amount = 0
    waiting: Amount = 0
    lost_before: Amount = 0


class DeviceHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How the device fares; rates are of the time since the one before. What the board does not tell is null."""

    schema: int = SCHEMA
    run: Name
    as_of: str
    uptime_s: float
    frames_captured: Amount
    frames_handled: Amount
    frames_inferred: Amount | None = None
    """Those of them that the detector looked at; of the others it was known that they need no look."""
    frames_dropped: Amount
    """Never looked at, because a newer one was there."""
    frames_per_second: float
    inference_ms_p50: float | None
    inference_ms_p95: float | None
    cpu_share: float
    """Of one core."""
    memory_mb: float | None
    threads: Amount | None
    files: Amount | None
    temperature_c: float | None
    throttling: list[str] | None
    disk_free_mb: float | None
    outbox_unsent: Amount | None
    outbox_held: Amount | None
    outbox_bytes: Amount | None
    outbox_dropped: Amount | None
    outbox_forgotten: Amount | None = None
    """Reports that were sent, and are held no more."""
    letters: dict[Word, LettersHealth] = {}
    shelf_waiting: Amount
    shelf_lost: Amount
    """Closed buckets that no disk took; each is declared in the totals."""
    unjudged_lost: Amount = 0
    """Crossings, counted all the same, that were never checked for rare classes: the disk did not tell what was seen
    before, and too many waited."""
    convoys_late: Amount = 0
    """Crossings, counted all the same, that became certain after the convoy that they may belong to was told, so far in
    this run."""
    unsaid: Amount
    """Looks that were not said, because the link was too slow for them."""
    clock_synced: bool
    clock_offset_ms: int
    """How far the system's clock is ahead of that of the frames."""
    camera: str
    """Empty while it gives frames; else why not."""
    camera_reopened: Amount
    camera_abandoned: Amount
    """Threads that hang in the camera's source now."""
    blind: str
    """Empty while something can be seen; else why not."""
    strips: Amount
    failure: str
    """Why the last connection ended or the last letter was refused."""


class LineInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The user's words for the two directions over a line."""

    a_to_b: str = "a_to_b"
    b_to_a: str = "b_to_a"


class NamesInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The second look that names vehicles, and how it errs: `judged` is true class -> name -> vehicles.

    These are vehicles that judged it, and none it learned from; `unclassified` are those that it leaves without a name.
    Empty: how it errs is not known.
    """

    model: str
    judged: dict[Word, dict[Word, Amount]] = {}


class Info(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a reader needs to know before the first report; retained, said on every connection."""

    schema: int = SCHEMA
    run: str
    journal: str = ""
    """The file that numbers the reports; see Report."""
    version: str
    model: str
    """Name, version and the beginning of the sha256 of the detector."""
    naming: str = ""
    """The same of the model that takes a second look at vehicles; empty: none does."""
    configuration_sha256: str = ""
    lines: dict[str, LineInfo]
    zones: list[str] = []
    classes: list[str]
    bucket_ms: int
    time_zone: str = "UTC"
    commands: list[str] = []
    """The verbs that it obeys on `command/<verb>`."""
    rare: list[Word] = []
    """The classes that it calls out by itself when one comes after a long time without."""
    names: NamesInfo | None = None
    """Null: the detector alone names vehicles."""


def encode_self(message: Status | Info | Total | Passage | Convoy | Live | Alert | DeviceHealth) -> bytes:
    """JSON with sorted keys, as everything on the wire."""
    return msgspec.json.encode(message, order="sorted")
