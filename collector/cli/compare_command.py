"""`crossing-collector compare` and `usual`: devices compared with each other, and a day compared with past weeks."""

import argparse
from collections.abc import Sequence
from typing import Any

import msgspec

from collector.cli.answer import print_answer
from collector.cli.show_totals import BLIND
from collector.cli.show_views import NOT_OVER
from collector.cli.terminal_table import aligned
from collector.cli.views_command import axis_of, check, span_of
from collector.domain.calendar import end_of, floor
from collector.domain.scope import Scope
from collector.domain.sites import UNCONFIGURED
from collector.queries.axis import axis
from collector.queries.compare import agreements, bands
from collector.queries.counts import counts
from collector.queries.extent import extent
from collector.queries.places import Sites, sites_of, time_zone_of
from collector.queries.records import name_of
from collector.queries.results import Agreement, Axis, Band, Flows
from collector.store.interface import Reading, Store
from edge.clock import SystemClock
from edge.errors import InputError
from edge.wire.times import rfc3339


def show_compare(store: Store, sites: Sites, given: argparse.Namespace) -> None:
    """Every pair of devices on one line; InputError if no site in the selection has one."""
    check(given)
    found: list[tuple[Agreement, Axis]] = []
    now_ms = SystemClock().real_ms()
    with store.reading() as reading:
        asked = sites_of(reading, Scope(site=given.site, device=given.device))
        if asked and not any(sites.get(site, UNCONFIGURED).same_lines for site in asked):
            raise InputError(
                f"no lines of {', '.join(asked)} are told to be the same: name them in the configuration,"
                " sites.<site>.same_lines"
            )
        for site in asked:
            if (span := span_of(reading, site, sites, given, now_ms=now_ms)) is not None:
                whole = axis_of(reading, site, sites, given, span, interval=given.interval, now_ms=now_ms)
                found += [(one, whole) for one in agreements(reading, site, sites, whole) if _of_device(one, given)]
    print_answer(
        given,
        found,
        lambda found: {"interval": given.interval, "agreements": [_agreement(*one) for one in found]},
        _agreements_as_table,
        nothing="no time that two devices of a line both watched",
    )


def show_usual(store: Store, sites: Sites, given: argparse.Namespace) -> None:
    """One day of every line in hours."""
    answers = []
    with store.reading() as reading:
        for site in sites_of(reading, Scope(site=given.site, device=given.device)):
            if (day := _day(reading, site, sites, given)) is not None:
                scope = Scope(site=site, device=given.device, line=given.line)
                if known := [one for one in bands(reading, scope, day, weeks=given.weeks) if any(one.days)]:
                    answers.append((counts(reading, scope, day), known))
    print_answer(
        given, answers, _usual_as_json, _usual_as_table, nothing="nothing was watched at these hours in past weeks"
    )


def _of_device(one: Agreement, given: argparse.Namespace) -> bool:
    return given.device is None or given.device in {line.split("/")[0] for line in (one.first, one.second)}


def _day(reading: Reading, site: str, sites: Sites, given: argparse.Namespace) -> Axis | None:
    """The hours of the given day, or of the last one with reports; None without reports."""
    zone = time_zone_of(reading, site, sites)
    now_ms = SystemClock().real_ms()
    if given.date is not None:
        at_ms = given.date.in_zone(zone)
    elif (reported := extent(reading, Scope(site=site, device=given.device), now_ms=now_ms)) is not None:
        at_ms = min(reported.last_ms - 1, now_ms)
    else:
        return None
    return axis("hour", zone, floor("day", zone, at_ms), end_of("day", zone, at_ms), now_ms=now_ms)


def _agreements_as_table(found: Sequence[tuple[Agreement, Axis]]) -> str:
    rows = [["site", "line", "direction", "first", "second", "intervals", "equal", "1st total", "2nd total", "ratio",
             "differ by", "95% within"]]  # fmt: skip
    for one, _ in found:
        names = [one.site, one.place, one.direction, one.first, one.second]
        numbers = [one.intervals, one.intervals_equal, one.first_total, one.second_total]
        ratio = "-" if one.ratio is None else f"{one.ratio:.3f}"
        differences = ["-" if of is None else f"{of:.1f}" for of in (one.difference_mean, one.difference_p95)]
        rows.append([*names, *map(str, numbers), ratio, *differences])
    return aligned(rows, names=5, shared=2)


def _agreement(one: Agreement, whole: Axis) -> dict[str, Any]:
    worst = [{"start": rfc3339(whole.edges_ms[i]), "first": first, "second": second} for i, first, second in one.worst]
    return {**msgspec.to_builtins(one), "worst": worst}


def _usual_as_table(answers: Sequence[tuple[Flows, Sequence[Band]]]) -> str:
    rows = [["site", "device", "line", "direction", "from", "counted", "watched", "usual", "half within", "weeks"]]
    for flows, found in answers:
        day = flows.axis
        of = {(flow.device, flow.line, flow.direction): flow for flow in flows.flows}
        for band in found:
            flow = of.get((band.device, band.line, band.direction))
            for i in range(len(day)):
                number = None if flow is None else flow.all(i)
                share = 0.0 if flow is None else flow.share(i, day)
                to_come = day.span_ms(i) == 0
                counted = "to come" if to_come else BLIND if number is None else str(number)
                low, middle, high = band.p25[i], band.p50[i], band.p75[i]
                usual = ["-", "-"]
                if low is not None and middle is not None and high is not None:
                    usual = [f"{middle:.0f}", f"{low:.0f} to {high:.0f}"]
                watched = "-" if to_come else f"{100 * share:.1f}%"
                name = f"{name_of(day, i)} {NOT_OVER}" if i == day.unfinished_i else name_of(day, i)
                names = [band.site, band.device, band.line, band.direction, name]
                rows.append([*names, counted, watched, *usual, str(band.days[i])])
    return aligned(rows, names=5, shared=4)


def _usual_as_json(answers: Sequence[tuple[Flows, Sequence[Band]]]) -> dict[str, Any]:
    return {"usual": [one for answer in answers for one in _usual(*answer)]}


def _usual(flows: Flows, found: Sequence[Band]) -> list[dict[str, Any]]:
    day = flows.axis
    of = {(flow.device, flow.line, flow.direction): flow for flow in flows.flows}
    rows = []
    for band in found:
        flow = of.get((band.device, band.line, band.direction))
        hours = [
            {
                "start": rfc3339(day.edges_ms[i]),
                "end": rfc3339(day.edges_ms[i + 1]),
                "all": None if flow is None else flow.all(i),
                "watched_share": 0.0 if flow is None else round(flow.share(i, day), 4),
                "unfinished": i == day.unfinished_i,
                "weeks": band.days[i],
                **{name: None if (of_hour := getattr(band, name)[i]) is None else round(of_hour, 1) for name in _PARTS},
            }
            for i in range(len(day))
        ]
        names = {"site": band.site, "device": band.device, "line": band.line, "direction": band.direction}
        rows.append({**names, "time_zone": day.time_zone, "hours": hours})
    return rows


_PARTS = ("p25", "p50", "p75")
