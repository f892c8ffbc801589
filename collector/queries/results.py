"""The results of queries: frozen values, the same for every kind of store. Times are milliseconds UTC, as everywhere.

A count is None if the time was not watched, and 0 if it was watched and no vehicle came.
"""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Literal

import msgspec

from collector.domain.calendar import INTERVALS, end_of

INTERVALS_MAX = 100_000
"""Of one axis."""

State = Literal["ok", "partial", "blind"]
Numbers = tuple[int | None, ...]


def sum_known(numbers: Iterable[int | None]) -> int | None:
    """The sum of the numbers that are not None; None if there are none."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


class Axis(msgspec.Struct, frozen=True, kw_only=True):
    """The n intervals of an answer; made by `axis.axis`. Interval i is `[edges_ms[i], edges_ms[i + 1])`.

    A report belongs to the interval in which its bucket starts.
    """

    interval: str | None
    """None: one interval over all of the span, or intervals that are of no calendar."""
    time_zone: str
    edges_ms: tuple[int, ...]
    now_ms: int | None = None
    until_ms: int | None = None
    """Reports that begin here or later are not read, see `axis.until`; None: all of the span is."""
    spans_ms: tuple[int, ...] | None = None
    """Where only a part of each interval is in question, such as its day: how long that is."""

    def __len__(self) -> int:
        return len(self.edges_ms) - 1

    def span_ms(self, i: int) -> int:
        """How long interval i is, as far as it has come: 0 where all of it lies after `now_ms`."""
        if self.spans_ms is not None:
            return self.spans_ms[i]
        end_ms = self.edges_ms[i + 1] if self.now_ms is None else min(self.edges_ms[i + 1], self.now_ms)
        return max(0, end_ms - self.edges_ms[i])

    def is_to_come(self, i: int) -> bool:
        """Whether all of interval i lies after now."""
        return self.now_ms is not None and self.edges_ms[i] >= self.now_ms

    @property
    def unfinished_i(self) -> int | None:
        """The interval that has begun and is not over, though the span may end now; None: there is none."""
        now_ms, edges = self.now_ms, self.edges_ms
        if now_ms is None or not edges[0] < now_ms <= edges[-1]:
            return None
        i = bisect_left(edges, now_ms) - 1
        whole = edges[i + 1]
        if self.interval in INTERVALS:
            whole = max(whole, end_of(self.interval, self.time_zone, edges[i]))
        return i if now_ms < whole else None


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """What crossed one line in one direction, per interval of the axis; n values in each sequence.

    `device` is empty where the same line is watched by several devices and the best of them was taken per interval.
    `line` and `direction` are empty for a device that never saw any. A class that is not in `counts` was never watched
    in the span; one that is None in an interval was not watched in that interval. Where two runs watched the same
    minutes both counts and watched time add up, and the share exceeds 1.
    """

    site: str
    device: str
    line: str
    direction: str
    watched_ms: tuple[int, ...]
    counts: dict[str, Numbers]
    estimates: dict[str, tuple[float | None, ...]] | None = None
    """Scaled from the watched time to the whole interval: only if asked for, never a count."""
    tonnes: tuple[float | None, ...] | None = None
    """An estimate of the load, from the operator's tonnes per class: only if asked for."""

    def all(self, i: int) -> int | None:
        """Vehicles of all classes in interval i; None where nobody watched."""
        return sum_known(of[i] for of in self.counts.values())

    def state(self, i: int, axis: Axis) -> State:
        """Whether interval i was watched whole, in part, or not at all."""
        if self.all(i) is None:
            return "blind"
        return "ok" if self.watched_ms[i] >= axis.span_ms(i) else "partial"

    def share(self, i: int, axis: Axis) -> float:
        """Of interval i, the share that was watched: 0.0 and up."""
        span_ms = axis.span_ms(i)
        return self.watched_ms[i] / span_ms if span_ms else 0.0


class Flows(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to "how many": flows by site, device, line and direction, sorted by these."""

    axis: Axis
    flows: tuple[Flow, ...]
    scheme: str = "own"
    """The classes: `own`, or the scheme to which they were mapped."""


class Cover(msgspec.Struct, frozen=True, kw_only=True):
    """How one device watched, per interval: the time reported, the part of it watched, and the number of reports.

    Time reported and not watched is blind; time neither is silent: the reports are late, missing, or were never made.
    """

    site: str
    device: str
    reported_ms: tuple[int, ...]
    watched_ms: tuple[int, ...]
    reports: tuple[int, ...]
    missing: int = 0
    """Reports that the device numbered and that have not come, now and of all time."""
    gone: int = 0
    """Reports that the device holds no more."""

    def blind_ms(self, i: int) -> int:
        """In interval i, the time for which the device said that it did not see."""
        return max(0, self.reported_ms[i] - self.watched_ms[i])

    def silent_ms(self, i: int, axis: Axis) -> int:
        """In interval i, the time for which there is no report."""
        return max(0, axis.span_ms(i) - self.reported_ms[i])


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to "who watched": by site and device."""

    axis: Axis
    covers: tuple[Cover, ...]


class ClassBalance(msgspec.Struct, frozen=True, kw_only=True):
    """Of one class: what went out, came back, and the difference.

    `out`, `back` and `balance` are as counted; None where nobody watched at all. `unseen_out` and `unseen_back` are the
    vehicles expected in the time not watched; `low` to `high` is where the balance lies with 95% as far as unseen
    time is concerned (None: too little was watched to say). Errors of counting itself are not in it.
    """

    out: int | None
    back: int | None
    balance: int | None
    unseen_out: float | None
    unseen_back: float | None
    low: float | None
    high: float | None


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """The balance over one line since `from_ms`. `classes` holds each class, `all` their sum."""

    site: str
    device: str
    line: str
    out: str
    """The direction that means out, in the device's words."""
    back: str
    from_ms: int
    to_ms: int
    watched_ms: int
    """Of the direction that was watched less."""
    classes: dict[str, ClassBalance]
    all: ClassBalance


NAMES_COVER = (
    "where the true numbers lie among the vehicles counted, by how often the model misnames vehicles that judged it;"
    " vehicles that were missed, and time that nobody watched, are not in it"
)
"""What the 95% of `Likely` and `LikelyBalance` are about."""
CountRange = tuple[int, int]


class Likely(msgspec.Struct, frozen=True, kw_only=True):
    """Per class from where to where the true number lies with 95%; empty where `reason` says why."""

    model: str
    reason: str
    classes: dict[str, CountRange]


class LikelyBalance(msgspec.Struct, frozen=True, kw_only=True):
    """The same of both directions and of their difference."""

    model: str
    reason: str
    out: dict[str, CountRange]
    back: dict[str, CountRange]
    balance: dict[str, CountRange]


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """One zone, per interval; None where nobody watched.

    `standing_*` are vehicles in the queue: the mean over the watched time, the most, and at the end of the interval's
    last report. `waited` of those that left had waited; their waits in milliseconds: `wait_p50_ms` and `wait_p90_ms`
    are means of the buckets' own, weighted by vehicles (percentiles cannot be added), `wait_max_ms` is exact. None of
    these three where none had waited. `queue_m_max` is None where the device does not know the ground.

    `pictures` is how many stills it stands on, None where frames are followed. Of stills nobody knows who is parked,
    entered, left or waited, and `watched_ms` and `standing_*` are of the time for which a still could be compared with
    the one before.
    """

    site: str
    device: str
    zone: str
    watched_ms: tuple[int, ...]
    standing_mean: tuple[float | None, ...]
    standing_max: Numbers
    standing_end: Numbers
    parked_end: Numbers
    entered: Numbers
    left: Numbers
    waited: Numbers
    wait_p50_ms: tuple[float | None, ...]
    wait_p90_ms: tuple[float | None, ...]
    wait_max_ms: Numbers
    queue_m_max: tuple[float | None, ...]
    pictures: Numbers


class Queues(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to "how long is the queue": by site, device and zone."""

    axis: Axis
    queues: tuple[Queue, ...]


class Daylight(msgspec.Struct, frozen=True, kw_only=True):
    """A span cut where the sun rises and sets. `axis.interval` is None; interval i is by day if `by_day[i]`."""

    axis: Axis
    by_day: tuple[bool, ...]


class DaySplit(msgspec.Struct, frozen=True, kw_only=True):
    """The same flows by day and by night, each over the axis that was asked for, whose spans are then the part's."""

    day: Flows
    night: Flows
    day_ms: tuple[int, ...]
    """How much of each interval was day: the span against which the watched time of `day` is held."""
    night_ms: tuple[int, ...]


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """Two devices on the same line, over the intervals that both watched (by `watched_share_min` or more).

    `first` and `second` are `device/line`; `ratio` is second to first, None where first counted none; `difference_mean`
    and `difference_p95` are of the absolute differences per interval. `worst` are the intervals that differ most, as
    (interval, first, second).
    """

    site: str
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
    worst: tuple[tuple[int, int, int], ...]


class Band(msgspec.Struct, frozen=True, kw_only=True):
    """What is usual for each interval of the axis: of the same time in past weeks, only where watched enough.

    `days` is how many past ones could be used; None in the percentiles where there were fewer than 3.
    """

    site: str
    device: str
    line: str
    direction: str
    days: tuple[int, ...]
    p25: tuple[float | None, ...]
    p50: tuple[float | None, ...]
    p75: tuple[float | None, ...]


class CountChange(msgspec.Struct, frozen=True, kw_only=True):
    """Vehicles in the time that two spans both watched; None where there is no such time. `change`: 0.1 is 10% more.

    `change` is None where it may not be told (see `LikeForLike.reason`), or where there were none then.
    """

    now: float | None
    then: float | None
    change: float | None


class LikeForLike(msgspec.Struct, frozen=True, kw_only=True):
    """One flow in a span against an earlier span, or another site: the same local hours, as far as both watched them.

    `share_now` and `share_then` are the watched shares of the two spans, as far as this one has come.
    """

    site: str
    device: str
    line: str
    direction: str
    share_now: float
    share_then: float
    reason: str | None
    """Why no percentage is told."""
    all: CountChange
    classes: dict[str, CountChange]


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Raw reports behind a number: the reports `first` to `last` of a run, all of which are here.

    `[from_ms, to_ms)` is what their buckets span.
    """

    site: str
    device: str
    run: str
    first: int
    last: int
    reports: int
    from_ms: int
    to_ms: int
    watched_ms: int


class RawReport(msgspec.Struct, frozen=True, kw_only=True):
    """One report as it came, with when it came; `payload` is None where the message is kept no more."""

    site: str
    device: str
    run: str
    seq: int
    start_ms: int
    width_ms: int
    watched_ms: int
    blind: bool
    received_ms: int
    payload: bytes | None
