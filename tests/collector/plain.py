"""The views' answers recomputed slowly and plainly from the raw reports, for tests: no tables, no roll-ups."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from collector.views.results import Axis, Cover, Flow
from edge.delivery.report import Report

Key = tuple[str, str, str, int]


def unique(reports: Iterable[Report]) -> list[Report]:
    """Of reports under one key the first that came."""
    kept: dict[Key, Report] = {}
    for report in reports:
        kept.setdefault((report.site, report.device, report.run, report.seq), report)
    return list(kept.values())


def interval_of(axis: Axis, time_ms: int) -> int | None:
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
                    of_label = of_device.setdefault((line, way), {}).setdefault(label, [None] * n)
                    of_label[i] = (of_label[i] or 0) + number
    found = []
    for (site, device), of_device in sorted(numbers.items()):
        ways: Mapping[tuple[str, str], dict[str, list[int | None]]] = of_device
        if not ways:
            ways = {way: {} for way in known[site, device]} or {("", ""): {}}
        for (line, way), labels in sorted(ways.items()):
            found.append(
                Flow(
                    site=site,
                    device=device,
                    line=line,
                    direction=way,
                    watched_ms=tuple(watched[site, device, line, way]),
                    counts={label: tuple(of) for label, of in sorted(labels.items())},
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
