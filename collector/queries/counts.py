"""Vehicle counts per line, direction, class and interval; None where the time was not watched."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from collector.domain.scope import Scope
from collector.domain.sites import UNCONFIGURED, Site
from collector.queries.models import adjusted_for_models
from collector.queries.results import Axis, Cover, Coverage, Flow, Flows, Numbers, sum_known
from collector.queries.schemes import OWN, mapped
from collector.queries.tallies import Device, devices_of, interval_sums, layouts_of, series_of
from collector.store.interface import Reading

Sites = Mapping[str, Site]


def counts(
    reading: Reading,
    scope: Scope,
    axis: Axis,
    *,
    scheme: str = OWN,
    estimate: bool = False,
    named_as: Axis | int | None = None,
) -> Flows:
    """The flows of every device in the scope; two devices that watch the same line are two flows.

    A device without reports in the span is included, without counts. `scheme` maps classes to coarser ones
    (`schemes.SCHEMES`); `estimate` fills `Flow.estimates`. InputError for a scheme that does not exist, or that needs
    finer classes than the device's.

    `named_as`: for a comparison with that time, or with the same interval of that axis. Counts of another model are
    then scaled by the measured factors; without factors their time counts as not watched.
    """
    devices = devices_of(reading, scope)
    flows = _flows(reading, devices, axis, scope.line)
    if named_as is not None:
        flows = adjusted_for_models(reading, scope, flows, axis, named_as)
    flows = [mapped(flow, scheme) for flow in flows]
    if estimate:
        flows = [with_estimates(flow, axis) for flow in flows]
    return Flows(axis=axis, flows=tuple(flows), scheme=scheme)


def places(flows: Flows, sites: Sites, *, estimate: bool = False) -> Flows:
    """One flow per place where several devices watch the same line (`same_lines` of the site); the rest as it is.

    In each interval it is the flow of the device that watched most of it, of equals the one configured first, so that
    nothing is counted twice. `line` is then the name of the place and `device` is empty.
    """
    named = {
        (site, *line.split("/")): (site, place)
        for site, told in sites.items()
        for place, lines in told.same_lines.items()
        for line in lines
    }
    ranks = {key: rank for rank, key in enumerate(named)}
    alone: list[Flow] = []
    together: dict[tuple[str, str, str], list[Flow]] = {}
    for flow in flows.flows:
        place = named.get((flow.site, flow.device, flow.line))
        if place is None:
            alone.append(flow)
        else:
            together.setdefault((*place, flow.direction), []).append(flow)
    for (site, place_name, direction), of_place in together.items():
        of_place.sort(key=lambda flow: ranks[flow.site, flow.device, flow.line])
        alone.append(_best(site, place_name, direction, of_place, len(flows.axis)))
    alone.sort(key=lambda flow: (flow.site, flow.device, flow.line, flow.direction))
    if estimate:
        alone = [with_estimates(flow, flows.axis) for flow in alone]
    return Flows(axis=flows.axis, flows=tuple(alone), scheme=flows.scheme)


def site_total(flows: Flows, site: str) -> list[Flow]:
    """One flow per direction of a site: its lines added up; give it `places(...)` so that none is counted twice.

    `device` and `line` are empty. If a line was not watched in an interval, the others are added up, and `watched_ms`
    is the mean over the lines, so the share shows how much is missing.
    """
    by_direction: dict[str, list[Flow]] = {}
    for flow in flows.flows:
        if flow.site == site and flow.line:
            by_direction.setdefault(flow.direction, []).append(flow)
    n = len(flows.axis)
    return [
        Flow(
            site=site,
            device="",
            line="",
            direction=direction,
            watched_ms=tuple(sum(flow.watched_ms[i] for flow in of) // len(of) for i in range(n)),
            counts={
                label: tuple(sum_known(flow.counts[label][i] for flow in of if label in flow.counts) for i in range(n))
                for label in sorted({label for flow in of for label in flow.counts})
            },
        )
        for direction, of in sorted(by_direction.items())
    ]


def coverage(reading: Reading, scope: Scope, axis: Axis) -> Coverage:
    """The watched time of every device in the scope, and how many reports are missing and gone."""
    devices = devices_of(reading, scope)
    found = interval_sums(reading, devices, axis, {})
    lacks = _lacks(reading)
    covers = []
    for device in devices:
        of_layouts = list(found[device.id].watched.values())
        covers.append(
            Cover(
                site=device.site,
                device=device.device,
                reported_ms=_added([one.reported_ms for one in of_layouts], len(axis)),
                watched_ms=_added([of.watched_ms for of in of_layouts], len(axis)),
                reports=_added([of.reports for of in of_layouts], len(axis)),
                missing=lacks.get((device.id, 0), 0),
                gone=lacks.get((device.id, 1), 0),
            )
        )
    return Coverage(axis=axis, covers=tuple(covers))


def with_estimates(flow: Flow, axis: Axis) -> Flow:
    """With `estimates`: the counts scaled from the watched time to the whole interval; None where none was watched."""
    n = len(axis)
    shares = [flow.share(i, axis) for i in range(n)]
    return _replaced(
        flow,
        estimates={label: tuple(_scaled(of[i], shares[i]) for i in range(n)) for label, of in flow.counts.items()},
    )


def with_tonnes(flow: Flow, site: Site = UNCONFIGURED) -> Flow:
    """With `tonnes`, an estimate of the load: vehicles times `Site.tonnes`; None where no time was watched.

    Classes without a figure count as 0 t. `tonnes` stays None if no class has a figure.
    """
    given = {label: of for label, of in flow.counts.items() if label in site.tonnes}
    if not given:
        return flow
    loads = []
    for i in range(len(flow.watched_ms)):
        carried = [number * site.tonnes[label] for label, of in given.items() if (number := of[i]) is not None]
        loads.append(sum(carried) if carried else None)
    return _replaced(flow, tonnes=tuple(loads))


def _flows(reading: Reading, devices: Sequence[Device], axis: Axis, line: str | None) -> list[Flow]:
    series = series_of(reading, [device.id for device in devices])
    of_line = {series_id: of for series_id, of in series.items() if line in (None, of[1][0])}
    found = interval_sums(reading, devices, axis, of_line)
    ids = {layout_id for tally in found.values() for layout_id in tally.watched if layout_id is not None}
    layouts = layouts_of(reading, sorted(ids))
    n = len(axis)
    flows = []
    for device in devices:
        tally = found[device.id]
        ways: dict[tuple[str, str], dict[str, Numbers]] = {}
        watched: dict[tuple[str, str], list[int]] = {}
        seen: dict[int, list[int]] = {}  # series id -> how long it was watched, per interval
        for layout_id, of in tally.watched.items():
            if layout_id is None:
                continue
            for way in {series[series_id][1][:2] for series_id in layouts[layout_id]}:
                sums = watched.setdefault(way, [0] * n)
                watched[way] = [a + b for a, b in zip(sums, of.watched_ms, strict=True)]
            for series_id in layouts[layout_id]:
                before = seen.get(series_id)
                seen[series_id] = (
                    of.watched_ms if before is None else [a + b for a, b in zip(before, of.watched_ms, strict=True)]
                )
        for series_id in tally.numbers:
            seen.setdefault(series_id, [0] * n)
        for series_id, watched_ms in seen.items():  # a report without watched time has no zeros, but may have counts
            way_line, word, label = series[series_id][1]
            numbers = tally.numbers.get(series_id, {})
            ways.setdefault((way_line, word), {})[label] = tuple(
                numbers.get(i, 0 if watched_ms[i] > 0 else None) for i in range(n)
            )
        if not ways:  # no counts in the span: the known lines, or one without a name
            known = {names[:2] for device_id, names in series.values() if device_id == device.id}
            ways = {way: {} for way in known} or {("", ""): {}}
        flows += [
            Flow(
                site=device.site,
                device=device.device,
                line=way[0],
                direction=way[1],
                watched_ms=tuple(watched.get(way, [0] * n)),
                counts=dict(sorted(ways[way].items())),
            )
            for way in sorted(ways)
            if line in (None, way[0])
        ]
    return flows


def _best(site: str, place: str, direction: str, flows: Sequence[Flow], n: int) -> Flow:
    best = [_best_of(flows, i) for i in range(n)]
    labels = sorted({label for flow in flows for label in flow.counts})
    return Flow(
        site=site,
        device="",
        line=place,
        direction=direction,
        watched_ms=tuple(flow.watched_ms[i] for i, flow in enumerate(best)),
        counts={
            label: tuple(flow.counts[label][i] if label in flow.counts else None for i, flow in enumerate(best))
            for label in labels
        },
    )


def _best_of(flows: Sequence[Flow], i: int) -> Flow:
    return max(flows, key=lambda flow: (flow.all(i) is not None, flow.watched_ms[i]))


def _lacks(reading: Reading) -> dict[tuple[int, int], int]:
    rows = reading.rows(
        "SELECT device_id, gone, CAST(sum(last - first + 1) AS BIGINT) FROM missing"
        " JOIN journal ON journal.id = journal_id GROUP BY device_id, gone",
        {},
    )
    return {(device_id, gone): number for device_id, gone, number in rows}


def _added(columns: Sequence[Sequence[int]], n: int) -> tuple[int, ...]:
    return tuple(sum(column[i] for column in columns) for i in range(n))


def _scaled(number: int | None, share: float) -> float | None:
    return None if number is None or share <= 0 else number / share


def _replaced(flow: Flow, **fields: Any) -> Flow:
    return msgspec.structs.replace(flow, **fields)
