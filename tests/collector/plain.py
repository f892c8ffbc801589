"""The views' answers recomputed slowly and plainly from the raw reports, for tests: no tables, no roll-ups."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec

from collector.queries.results import Axis, Cover, Flow, Queue
from edge.wire.report import Report, ZoneReport

Key = tuple[str, str, str, int]


def unique(reports: Iterable[Report]) -> list[Report]:
    """Of reports under one key the first that came."""
    kept: dict[Key, Report] = {}
    for report in reports:
        kept.setdefault((report.site, report.device, report.run, report.seq), report)
    return list(kept.values())


def interval_of(axis: Axis, time_ms: int) -> int | None:
    if axis.until_ms is not None and time_ms >= axis.until_ms:
        return None
    for i in range(len(axis)):
        if axis.edges_ms[i] <= time_ms < axis.edges_ms[i + 1]:
            return i
    return None


def flows(reports: Iterable[Report], axis: Axis) -> list[Flow]:
    """What `counts` is to answer for these reports of whatever devices."""
    n = len(axis)
    reports = unique(reports)
    known: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    numbers: dict[tuple[str, str], dict[tuple[str, str], dict[str, list[int | None]]]] = {}
    watched: dict[tuple[str, str, str, str], list[int]] = defaultdict(lambda: [0] * n)
    for report in reports:
        who = (report.site, report.device)
        of_device = numbers.setdefault(who, {})
        i = interval_of(axis, report.start_ms)
        for line, ways in (report.lines or {}).items():
            for way, labels in ways.items():
                if labels:
                    known[who].add((line, way))
                if i is None or not labels:
                    continue
                watched[*who, line, way][i] += report.watched_ms
                for label, number in labels.items():
                    if not number and not report.watched_ms:
                        continue  # nobody watched: that is no zero
                    of_label = of_device.setdefault((line, way), {}).setdefault(label, [None] * n)
                    of_label[i] = (of_label[i] or 0) + number
    found = []
    for (site, device), of_device in sorted(numbers.items()):
        by_way: Mapping[tuple[str, str], dict[str, list[int | None]]] = of_device
        if not by_way:
            by_way = {way: {} for way in known[site, device]} or {("", ""): {}}
        for (line, way), of_labels in sorted(by_way.items()):
            found.append(
                Flow(
                    site=site,
                    device=device,
                    line=line,
                    direction=way,
                    watched_ms=tuple(watched[site, device, line, way]),
                    counts={label: tuple(of) for label, of in sorted(of_labels.items())},
                )
            )
    return found


def covers(reports: Iterable[Report], axis: Axis) -> list[Cover]:
    """What `coverage` is to answer, but for what is missing and gone."""
    n = len(axis)
    sums: dict[tuple[str, str], tuple[list[int], list[int], list[int]]] = {}
    for report in unique(reports):
        of = sums.setdefault((report.site, report.device), ([0] * n, [0] * n, [0] * n))
        i = interval_of(axis, report.start_ms)
        if i is not None:
            of[0][i] += report.width_ms
            of[1][i] += report.watched_ms
            of[2][i] += 1
    return [
        Cover(
            site=site,
            device=device,
            reported_ms=tuple(of[0]),
            watched_ms=tuple(of[1]),
            reports=tuple(of[2]),
        )
        for (site, device), of in sorted(sums.items())
    ]


def queues(reports: Iterable[Report], axis: Axis) -> list[Queue]:
    """What `queues` is to answer: of each interval its zone reports, and among them the newest one."""
    n = len(axis)
    reports = unique(reports)
    runs = list(dict.fromkeys((report.site, report.device, report.run) for report in reports))
    bins: dict[tuple[str, str, str], list[list[tuple[Report, ZoneReport]]]] = {}
    for report in sorted(reports, key=lambda one: (one.start_ms, one.seq, runs.index((one.site, one.device, one.run)))):
        if isinstance(report.zones, dict) and (i := interval_of(axis, report.start_ms)) is not None:
            for zone, said in report.zones.items():
                of = bins.setdefault((report.site, report.device, zone), [[] for _ in range(n)])
                of[i].append((report, said))
    return [_queue(name, of) for name, of in sorted(bins.items())]


def _queue(name: tuple[str, str, str], bins: list[list[tuple[Report, ZoneReport]]]) -> Queue:
    known = [[(report, said, said.standing) for report, said in of if said.standing is not None] for of in bins]
    watched = [sum(report.watched_ms for report, _, _ in of) for of in known]
    standing = [sum(round(stood.mean * report.watched_ms) for report, _, stood in of) for of in known]
    last = [of[-1][1] if of else None for of in bins]
    stills = [[r.pictures for r, _ in of if r.pictures is not msgspec.UNSET] for of in bins]
    followed = [None if some else of or None for some, of in zip(stills, bins, strict=True)]
    waits = [[(said.waited, said.wait_ms) for _, said in of if said.waited and said.wait_ms] for of in bins]
    waited = [sum(number for number, _ in of) for of in waits]
    return Queue(
        site=name[0],
        device=name[1],
        zone=name[2],
        watched_ms=tuple(watched),
        standing_mean=tuple(s / w if w else None for s, w in zip(standing, watched, strict=True)),
        standing_max=tuple(max((stood.max for _, _, stood in of), default=None) for of in known),
        standing_end=tuple(one.standing.end if one and one.standing else None for one in last),
        parked_end=tuple(one.parked if one else None for one in last),
        entered=tuple(sum(said.entered or 0 for _, said in of) if of else None for of in followed),
        left=tuple(sum(said.left or 0 for _, said in of) if of else None for of in followed),
        waited=tuple(number if of else None for number, of in zip(waited, followed, strict=True)),
        wait_p50_ms=tuple(sum(n * w.p50 for n, w in of) / sum(n for n, _ in of) if of else None for of in waits),
        wait_p90_ms=tuple(sum(n * w.p90 for n, w in of) / sum(n for n, _ in of) if of else None for of in waits),
        wait_max_ms=tuple(max((w.max for _, w in of), default=None) for of in waits),
        queue_m_max=tuple(max((said.queue_m.max for _, said in of if said.queue_m), default=None) for of in bins),
        pictures=tuple(sum(some) if some else None for some in stills),
    )
