"""Comparisons: devices on one line with each other, a day with past weeks, a span with an earlier one."""

from collections.abc import Mapping, Sequence
from typing import Literal

from collector.domain.calendar import DAY_MS, Interval, day_of, local, zone_of
from collector.domain.scope import Scope
from collector.domain.sites import UNCONFIGURED
from collector.queries.axis import axis
from collector.queries.counts import counts
from collector.queries.places import Sites
from collector.queries.results import INTERVALS_MAX, Agreement, Axis, Band, CountChange, Flow, LikeForLike
from collector.queries.schemes import OWN
from collector.store.interface import Reading

WATCHED_SHARE_MIN = 0.9
WATCHED_SHARE_LEAST = 0.8
"""Of a span and of the one that it is compared with: below it no percentage is given."""
EARLIER_DAYS: Mapping[str, int] = {"day": 1, "week": 7, "4weeks": 28, "year": 364}
"""364 days are 52 weeks: the same weekdays."""
Earlier = Literal["day", "week", "4weeks", "year", "before"]
WORST_MAX = 10
HOUR_MS = 3_600_000
DAYS_MIN = 3
"""With fewer past days there is no usual count."""


def agreements(
    reading: Reading, site: str, sites: Sites, axis: Axis, *, watched_share_min: float = WATCHED_SHARE_MIN
) -> list[Agreement]:
    """Every pair of lines under one name in `same_lines`, per direction, over all classes; sorted as configured.

    Directions are paired by their words, so devices that call them differently do not meet.
    """
    flows = counts(reading, Scope(site=site), axis).flows
    by_line: dict[str, dict[str, Flow]] = {}
    for flow in flows:
        by_line.setdefault(f"{flow.device}/{flow.line}", {})[flow.direction] = flow
    found = []
    for place, lines in sites.get(site, UNCONFIGURED).same_lines.items():
        for i, first in enumerate(lines):
            for second in lines[i + 1 :]:
                one, other = by_line.get(first, {}), by_line.get(second, {})
                found += [
                    _agreement(place, (first, one[way]), (second, other[way]), axis, watched_share_min)
                    for way in sorted(one.keys() & other.keys())
                ]
    return found


def bands(
    reading: Reading,
    scope: Scope,
    axis: Axis,
    *,
    weeks: int = 8,
    every_day: bool = False,
    watched_share_min: float = WATCHED_SHARE_MIN,
    scheme: str = OWN,
) -> list[Band]:
    """What is usual for each interval of the axis, over all classes: of the same local time of the same weekday (or of
    every day) in the `weeks` before the axis begins, scaled to the whole interval, where it was watched enough.

    Meant for an axis of one day in hours or quarters: each interval costs as many as there are days to look at.
    """
    past = [shifted(axis, days) for days in range(1 if every_day else 7, 7 * weeks + 1, 1 if every_day else 7)]
    samples: dict[tuple[str, str, str, str], list[list[float]]] = {}
    n = len(axis)
    for one in past:
        for flow in counts(reading, scope, one, scheme=scheme, named_as=axis).flows:
            if not flow.line:
                continue
            name = (flow.site, flow.device, flow.line, flow.direction)
            of_flow = samples.setdefault(name, [[] for _ in range(n)])
            for i in range(n):
                number, share = flow.all(i), flow.share(i, one)
                if number is not None and share > 0 and share >= watched_share_min:
                    of_flow[i].append(number / share)
    return [
        Band(
            site=name[0],
            device=name[1],
            line=name[2],
            direction=name[3],
            days=tuple(len(of) for of in values),
            p25=tuple(_percentile(of, 0.25) for of in values),
            p50=tuple(_percentile(of, 0.5) for of in values),
            p75=tuple(_percentile(of, 0.75) for of in values),
        )
        for name, values in sorted(samples.items())
    ]


def days_before(time_zone: str, from_ms: int, to_ms: int, kind: Earlier) -> int:
    """How many days before a span the one to compare with lies: `before` is as many days as the span touches."""
    zone = zone_of(time_zone)
    return EARLIER_DAYS.get(kind) or max(1, day_of(to_ms - 1, zone) - day_of(from_ms, zone) + 1)


def comparable_axes(time_zone: str, from_ms: int, to_ms: int, *, now_ms: int, days: int) -> tuple[Axis, Axis] | None:
    """The hours of a span up to now, and the same local hours `days` before; None if the span has not begun."""
    to_ms = min(to_ms, now_ms)
    if from_ms >= to_ms:
        return None
    steps: Interval = "hour" if to_ms - from_ms < INTERVALS_MAX * HOUR_MS else "day"
    now = axis(steps, time_zone, from_ms, to_ms)
    return now, shifted(now, days)


def like_for_like(now: Flow, now_axis: Axis, then: Flow, then_axis: Axis) -> LikeForLike:
    """Interval i of one flow compared with interval i of the other, each scaled down to the time that both watched.

    So an hour that only one of them watched is in neither sum. If less than WATCHED_SHARE_LEAST of either span was
    watched there is no percentage, and `reason` says why.
    """
    n = len(now_axis)
    spans = [(now_axis.span_ms(i), then_axis.span_ms(i)) for i in range(n)]
    both = [min(now.watched_ms[i], then.watched_ms[i]) if all(spans[i]) else 0 for i in range(n)]
    shares = []
    for flow, side in ((now, 0), (then, 1)):
        elapsed_ms = sum(of[side] for of in spans)
        watched_ms = sum(min(flow.watched_ms[i], spans[i][side]) for i in range(n))
        shares.append(watched_ms / elapsed_ms if elapsed_ms else 0.0)
    reason = _reason(shares[0], shares[1], sum(both))
    nothing: tuple[int | None, ...] = (None,) * n

    def change(of_now: Sequence[int | None], of_then: Sequence[int | None]) -> CountChange:
        sums = [0.0, 0.0]
        known = False
        for i in range(n):
            a, b = of_now[i], of_then[i]
            if both[i] and a is not None and b is not None:
                known = True
                sums[0] += a * both[i] / now.watched_ms[i]
                sums[1] += b * both[i] / then.watched_ms[i]
        if not known:
            return CountChange(now=None, then=None, change=None)
        is_comparable = reason is None and sums[1] > 0
        return CountChange(now=sums[0], then=sums[1], change=sums[0] / sums[1] - 1 if is_comparable else None)

    return LikeForLike(
        site=now.site,
        device=now.device,
        line=now.line,
        direction=now.direction,
        share_now=shares[0],
        share_then=shares[1],
        reason=reason,
        all=change([now.all(i) for i in range(n)], [then.all(i) for i in range(n)]),
        classes={
            label: change(now.counts.get(label, nothing), then.counts.get(label, nothing))
            for label in sorted({*now.counts, *then.counts})
        },
    )


def _reason(share_now: float, share_then: float, both_ms: int) -> str | None:
    """Why there is no percentage; None if there is one."""
    least = f"{100 * WATCHED_SHARE_LEAST:.0f} % is needed to compare"
    if share_now < WATCHED_SHARE_LEAST:
        return f"only {100 * share_now:.0f} % of this time was watched, {least}"
    if share_then < WATCHED_SHARE_LEAST:
        return f"only {100 * share_then:.0f} % of the time to compare with was watched, {least}"
    return None if both_ms else "no hour was watched on both sides"


def shifted(axis: Axis, days: int) -> Axis:
    """The axis so many days earlier at the same local times; an hour that a day does not have becomes empty."""
    edges: list[int] = []
    for edge_ms in axis.edges_ms:
        then = local(edge_ms - days * DAY_MS, axis.time_zone)
        now = local(edge_ms, axis.time_zone)
        moved_ms = int((now.utcoffset() - then.utcoffset()).total_seconds() * 1_000)  # type: ignore[operator]
        edges.append(max([edge_ms - days * DAY_MS + moved_ms, *edges[-1:]]))
    return Axis(interval=axis.interval, time_zone=axis.time_zone, edges_ms=tuple(edges))


def percentile(values: Sequence[float], share: float) -> float:
    """By linear interpolation; of one value or more."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _percentile(values: Sequence[float], share: float) -> float | None:
    return percentile(values, share) if len(values) >= DAYS_MIN else None


def _agreement(place: str, one: tuple[str, Flow], other: tuple[str, Flow], axis: Axis, share_min: float) -> Agreement:
    pairs = []
    for i in range(len(axis)):
        a, b = one[1].all(i), other[1].all(i)
        watched = min(one[1].share(i, axis), other[1].share(i, axis))
        if a is not None and b is not None and watched > 0 and watched >= share_min:
            pairs.append((i, a, b))
    differences = [abs(b - a) for _, a, b in pairs]
    first_total, second_total = sum(a for _, a, _ in pairs), sum(b for _, _, b in pairs)
    return Agreement(
        site=one[1].site,
        place=place,
        direction=one[1].direction,
        first=one[0],
        second=other[0],
        intervals=len(pairs),
        intervals_equal=differences.count(0),
        first_total=first_total,
        second_total=second_total,
        ratio=second_total / first_total if first_total else None,
        difference_mean=sum(differences) / len(pairs) if pairs else None,
        difference_p95=percentile(differences, 0.95) if pairs else None,
        worst=tuple(sorted(pairs, key=lambda pair: -abs(pair[2] - pair[1]))[:WORST_MAX]),
    )
