"""The answers of the API, as its OpenAPI document describes them. Times are milliseconds since 1970 UTC.

In a count null means that nobody watched; 0 means that somebody did, and none came.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

State = Literal["ok", "partial", "blind", "to come"]
Role = Literal["out", "back"]


class Model(BaseModel):
    """All of them."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)


class Problem(Model):
    """Why a request was not answered."""

    error: str


class Me(Model):
    """Who asks; no name: the public."""

    name: str
    scopes: list[str]
    public: bool
    version: str
    charts: str
    """Where the chart library is."""
    charts_marks: list[str]
    """Ids of style elements that it would make, and does not where there are such."""


class ModelChange(Model):
    """A device counts with something else since then; the first one of a device is what it began with."""

    device: str
    at_ms: int
    run: str
    version: str
    model: str
    naming: str
    configuration: str
    names_anew: bool
    """Another model names: what is usual does not run across it, unless factors were measured."""
    before: str


class ModelChanges(Model):
    """By device, in the order in which they came."""

    changes: list[ModelChange]


class Credential(Model):
    """What lets a browser in: a token, or the code of a link."""

    token: str = ""
    code: str = ""


class SiteLine(Model):
    """A counting line; `device` is empty where several watch it. `out` and `back` are the words for its directions."""

    device: str
    line: str
    out: str | None
    back: str | None


class SiteInfo(Model):
    """A site. `first_ms` and `last_ms`: from when to when there are reports; `width_ms`: how wide the widest are now.

    Most intervals that are shorter than a report look as if nobody had watched.
    """

    site: str
    time_zone: str
    first_ms: int | None
    last_ms: int | None
    width_ms: int | None
    lines: list[SiteLine]
    places: list[str]
    tonnes: dict[str, float]
    sun: bool
    """Whether it is known where it lies, so that day and night can be told apart."""


class Sites(Model):
    """Sites by name; `next` goes on where this ended."""

    now_ms: int
    sites: list[SiteInfo]
    schemes: list[str]
    next: str | None


class Series(Model):
    """What crossed one line in one direction; n values for the n intervals. Empty names: several were added up.

    `role` says whether the direction means out or back. `share` is the watched part of each interval; `all` the sum
    over the classes. `estimates` are scaled to the whole interval, and `tonnes` are about what the vehicles carry:
    neither is a count, and both are null unless asked for.
    """

    site: str
    device: str
    line: str
    direction: str
    role: Role | None
    watched_ms: list[int]
    share: list[float]
    state: list[State]
    all: list[int | None]
    counts: dict[str, list[int | None]]
    estimates: dict[str, list[float | None]] | None
    tonnes: list[float | None] | None
    total: int | None
    """Over all intervals and classes."""
    total_counts: dict[str, int | None]
    total_share: float
    """The watched part of the whole span, as far as it has come; no interval counts for more than itself."""
    likely: "Likely | None" = None
    """Of `total_counts`, by how names err; null unless asked for."""


class Changed(Model):
    """Vehicles in the time that both sides watched; null where there is none. `change`: 0.1 is 10 % more."""

    now: float | None
    then: float | None
    change: float | None


class Comparison(Model):
    """One direction like for like: the same local hours on both sides, each scaled down to what both watched.

    `share_now` and `share_then` are the watched parts of the two spans, as far as this one has come. Where either is
    below 0.8 no `change` is told, and `reason` says so in words.
    """

    site: str
    device: str
    line: str
    direction: str
    role: Role | None
    share_now: float
    share_then: float
    reason: str | None
    all: Changed
    classes: dict[str, Changed]


class Counts(Model):
    """Interval i is `[edges_ms[i], edges_ms[i + 1])`; `next_from_ms` says where the answer was cut off.

    `unfinished` is the interval that has begun and is not over; null: there is none.
    """

    time_zone: str
    interval: str | None
    scheme: str
    now_ms: int
    edges_ms: list[int]
    unfinished: int | None
    next_from_ms: int | None
    series: list[Series]
    earlier: "Counts | None" = None
    """The span to compare with, if one was asked for, as it was: `comparison` sets them against each other."""
    comparison: list[Comparison] | None = None


class UsualBand(Model):
    """Of one direction, per interval, over past days; null where too few of them were watched."""

    role: Role
    days: list[int]
    p10: list[float | None]
    p50: list[float | None]
    p90: list[float | None]


class Usual(Model):
    """What is usual for a day."""

    time_zone: str
    interval: str
    edges_ms: list[int]
    unfinished: int | None
    days: int
    bands: list[UsualBand]


class OneBalance(Model):
    """`low` to `high` covers unwatched time only: the balance lies there with 95 %, if watched time was counted right.

    Errors of counting are not in it. Null: too little was watched to say.
    """

    out: int | None
    back: int | None
    balance: int | None
    unseen_out: float | None
    unseen_back: float | None
    low: float | None
    high: float | None


class Likely(Model):
    """By class, where the true numbers lie with 95 % among the vehicles counted, by how often the model misnames.

    `model` names the device's second look. Without a known confusion `classes` is empty, and `reason` says why.
    """

    model: str
    reason: str
    classes: dict[str, tuple[int, int]]


class LikelyBalance(Model):
    """The same for out, back and their difference."""

    model: str
    reason: str
    covers: str
    """What the intervals of 95 % are about."""
    out: dict[str, tuple[int, int]]
    back: dict[str, tuple[int, int]]
    balance: dict[str, tuple[int, int]]


class LineBalance(Model):
    """Out minus back over one line. `likely` is null unless asked for."""

    site: str
    device: str
    line: str
    out: str
    back: str
    from_ms: int
    to_ms: int
    watched_ms: int
    share: float
    covers: str
    """What the intervals of 95 % are about."""
    classes: dict[str, OneBalance]
    all: OneBalance
    likely: LikelyBalance | None = None


class Balances(Model):
    """Of a site."""

    time_zone: str
    balances: list[LineBalance]


class ZoneSeries(Model):
    """A queue zone, per interval; null where nobody watched."""

    site: str
    device: str
    zone: str
    watched_ms: list[int]
    share: list[float]
    standing_mean: list[float | None]
    standing_max: list[int | None]
    standing_end: list[int | None]
    parked_end: list[int | None]
    entered: list[int | None]
    left: list[int | None]
    waited: list[int | None]
    wait_p50_ms: list[float | None]
    wait_p90_ms: list[float | None]
    wait_max_ms: list[int | None]
    queue_m_max: list[float | None]
    pictures: list[int | None]


class ZoneWait(Model):
    """A queue at the end of the last report of its device, `until_ms`; null where it was not watched or is not known.

    `wait_p50_ms` and `wait_p90_ms`: the actual wait of those that left in that report. `expected_p50_ms`: the expected
    wait of who joins the queue then, which lies between the other two with 80% probability. `hidden_likely_mean`: an
    estimate of how many are inside and counted nowhere, since nearer vehicles hide them, with its 80% interval.
    `pictures` is how many stills that report stands on; null where a device follows frames.
    """

    device: str
    zone: str
    until_ms: int
    inside: int | None
    standing: int | None
    wait_p50_ms: int | None
    wait_p90_ms: int | None
    expected_p10_ms: int | None
    expected_p50_ms: int | None
    expected_p90_ms: int | None
    hidden_likely_mean: float | None
    hidden_likely_p10: int | None
    hidden_likely_p90: int | None
    pictures: int | None


class Queues(Model):
    """The zones of a site; `last` is how they were in the last reports, whatever the span."""

    time_zone: str
    interval: str
    now_ms: int
    edges_ms: list[int]
    unfinished: int | None
    next_from_ms: int | None
    queues: list[ZoneSeries]
    last: list[ZoneWait]


class ConvoyInfo(Model):
    """Vehicles over one line in one direction, one at most `headway_ms` after the other.

    `since_ms` and `until_ms`: when the first and the last of them crossed. `began` and `ended`: what lies before and
    after it: `headway`, watched time without such a vehicle; `unwatched`; `limit`, more of the same convoy.
    """

    id: int
    site: str
    device: str
    run: str
    number: int
    line: str
    direction: str
    since_ms: int
    until_ms: int
    vehicles: int
    by_class: dict[str, int]
    gap_min_ms: int
    gap_p50_ms: int
    gap_max_ms: int
    headway_ms: int
    began: str
    ended: str


class Convoys(Model):
    """Of a site, by when they began; `more` began in the span."""

    time_zone: str
    now_ms: int
    from_ms: int
    to_ms: int
    convoys: list[ConvoyInfo]
    more: bool


class CoverSeries(Model):
    """How one device watched: of each interval the part watched, the part it was blind, and that without a report."""

    site: str
    device: str
    watched: list[float]
    blind: list[float]
    silent: list[float]
    reports: list[int]
    missing: int | None
    gone: int | None


class Coverages(Model):
    """Who watched."""

    time_zone: str
    interval: str
    now_ms: int
    edges_ms: list[int]
    unfinished: int | None
    next_from_ms: int | None
    covers: list[CoverSeries]


class DayNight(Model):
    """The same counts by day and by night, by the sun."""

    day: Counts
    night: Counts


class Worst(Model):
    """An interval in which two devices differ."""

    from_ms: int
    to_ms: int
    first: int
    second: int


class HeadToHead(Model):
    """Two devices on the same line, over the intervals that both watched."""

    place: str
    direction: str
    first: str
    second: str
    intervals: int
    intervals_equal: int
    first_total: int
    second_total: int
    ratio: float | None
    difference_mean: float | None
    difference_p95: float | None
    worst: list[Worst]


class HeadsToHeads(Model):
    """All pairs of a site."""

    time_zone: str
    interval: str
    pairs: list[HeadToHead]


class ReportRange(Model):
    """Reports `first` to `last` of a run, all of which are here."""

    site: str
    device: str
    run: str
    first: int
    last: int
    reports: int
    from_ms: int
    to_ms: int
    watched_ms: int


class ReportLine(Model):
    """A report, in short. `counted` are the vehicles in it that the question was about; null where nobody watched.

    Where the message is not `kept` any more, `counted` is null, too.
    """

    site: str
    device: str
    run: str
    seq: int
    start_ms: int
    width_ms: int
    watched_ms: int
    state: str
    received_ms: int
    kept: bool
    counted: int | None


class EvidenceOf(Model):
    """The reports behind a number; `next` is the `after` of the next page."""

    time_zone: str
    from_ms: int
    to_ms: int
    reports: int
    watched_ms: int
    ranges: list[ReportRange]
    page: list[ReportLine]
    next: int | None


class Raw(Model):
    """A report as it came, and when; `report` is null where the message is kept no more."""

    site: str
    device: str
    run: str
    seq: int
    start_ms: int
    received_ms: int
    report: dict[str, Any] | None


class LiveNow(Model):
    """The open bucket of a device, a look and no count."""

    site: str
    device: str
    received_ms: int
    start: str
    as_of: str
    width_ms: int
    watched_ms: int
    lines: dict[str, dict[str, dict[str, int]]] | None
    in_view: int
    standing: dict[str, int]
    blind: str


class LiveAll(Model):
    """All that is open now."""

    change: int
    stored: int
    live: list[LiveNow]


class ZoneNow(Model):
    """A queue as the last report says; null where nobody watched."""

    device: str
    zone: str
    until_ms: int
    standing: int | None
    wait_p50_ms: float | None


class SiteToday(Model):
    """A site at a glance: today in hours, out and back; the queues of the last reports; how its devices are."""

    site: str
    time_zone: str
    from_ms: int
    to_ms: int
    edges_ms: list[int]
    series: list[Series]
    zones: list[ZoneNow]
    devices: int | None
    online: int | None
    degraded: int | None
    offline: int | None
    missing: int | None
    ahead: int | None
    """Reports that are ahead of the centre's clock, and in none of these numbers."""
    early: int | None
    """Reports of before 2016, by a clock that was not set."""
    last_ms: int | None


class Overview(Model):
    """Sites by name: of `total`, those after the first `before`; `next` goes on where this ended."""

    now_ms: int
    sites: list[SiteToday]
    before: int
    total: int
    next: str | None


class Health(Model):
    """We are there. `failing` counts what fails in the collector now; `/metrics` and the log say what."""

    ok: bool
    failing: int = 0
