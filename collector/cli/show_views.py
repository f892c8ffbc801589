"""Flows per interval, comparisons and balances as tables or as JSON."""

import textwrap
from collections.abc import Sequence
from typing import Any

import msgspec

from collector.cli.show_totals import BLIND
from collector.cli.terminal_table import aligned, width
from collector.queries.balance import COVERS
from collector.queries.records import name_of
from collector.queries.results import (
    NAMES_COVER,
    Axis,
    Balance,
    ClassBalance,
    DaySplit,
    Flow,
    Flows,
    LikeForLike,
    LikelyBalance,
)
from edge.wire.times import rfc3339

NOT_OVER = "(not over)"
UNSEEN_ONLY = "95%, unwatched time only"


def flows_as_table(answers: Sequence[Flows], *, part: str = "") -> str:
    """A row per flow and interval; estimates and loads have columns of their own."""
    flows = [(flow, answer.axis) for answer in answers for flow in answer.flows]
    labels = sorted({label for flow, _ in flows for label in flow.counts})
    estimated = any(flow.estimates is not None for flow, _ in flows)
    loaded = any(flow.tonnes is not None for flow, _ in flows)
    heads = [*labels, "all", *(["about"] if estimated else []), *(["tonnes"] if loaded else []), "watched"]
    rows = [["site", "device", "line", "direction", part or "from", *heads]]
    for flow, axis in flows:
        names = [flow.site, flow.device or "-", flow.line or "-", flow.direction or "-"]
        for i in range(len(axis)):
            row = [*names, _name(axis, i)]
            row += [_number(flow, label, axis, i) for label in labels]
            seen = flow.all(i)
            row.append(_unknown(axis, i) if seen is None else str(seen))
            if estimated:
                row.append(_about(flow, i))
            if loaded:
                tonnes = None if flow.tonnes is None else flow.tonnes[i]
                row.append("-" if tonnes is None else f"~{tonnes:,.0f}")
            rows.append([*row, f"{100 * flow.share(i, axis):.1f}%"])
    return aligned(rows, names=5, shared=4)


def flows_as_json(answers: Sequence[Flows]) -> list[dict[str, Any]]:
    """One object per flow; the counts of an interval are null if it was not watched."""
    return [_flow(flow, answer.axis, answer.scheme) for answer in answers for flow in answer.flows]


def split_as_table(splits: Sequence[DaySplit]) -> str:
    """Two tables, by day and by night."""
    day = flows_as_table([split.day for split in splits], part="by day")
    return f"{day}\n\n{flows_as_table([split.night for split in splits], part='by night')}"


def split_as_json(splits: Sequence[DaySplit]) -> list[dict[str, Any]]:
    """Flows as in `flows_as_json`, each with its part: `day` or `night`."""
    return [
        {"part": part, **flow}
        for part, answers in (("day", [split.day for split in splits]), ("night", [split.night for split in splits]))
        for flow in flows_as_json(answers)
    ]


def likes_as_table(found: Sequence[LikeForLike]) -> str:
    """A row per flow: both sides in the hours that both watched, the change, and both watched shares."""
    rows = [["site", "device", "line", "direction", "now", "then", "change", "watched", "then", "not compared because"]]
    for one in found:
        names = [one.site, one.device or "-", one.line or "-", one.direction or "-"]
        numbers = [BLIND if number is None else f"{number:.0f}" for number in (one.all.now, one.all.then)]
        change = "-" if one.all.change is None else f"{100 * one.all.change:+.1f}%"
        shares = [f"{100 * share:.1f}%" for share in (one.share_now, one.share_then)]
        rows.append([*names, *numbers, change, *shares, one.reason or "-"])
    return aligned(rows, shared=4)


def likes_as_json(found: Sequence[LikeForLike]) -> list[dict[str, Any]]:
    """One object per flow; a `change` of 0.1 is 10% more, null with a `reason`, or if there were none then."""
    rows: list[dict[str, Any]] = msgspec.to_builtins(found)
    for one in rows:
        for of in (one["all"], *one["classes"].values()):
            of.update({key: None if number is None else round(number, 4) for key, number in of.items()})
        one["share_now"], one["share_then"] = round(one["share_now"], 4), round(one["share_then"], 4)
    return rows


def balances_as_table(balances: Sequence[Balance]) -> str:
    """A row per class; the last one of each counting line is all classes."""
    rows = [["site", "device", "line", "class", "out", "back", "balance", UNSEEN_ONLY, "unseen out", "back", "watched"]]
    for one in balances:
        share = one.watched_ms / (one.to_ms - one.from_ms)
        names = [one.site, one.device or "-", one.line]
        for label, of_class in [*one.classes.items(), ("all", one.all)]:
            rows.append([*names, label, *_balance(of_class), f"{100 * share:.1f}%"])
    note = textwrap.wrap(f"{UNSEEN_ONLY}: {COVERS}.", width() or 10_000)
    return "\n".join([aligned(rows, shared=3), *note])


def balances_as_json(balances: Sequence[Balance], names: Sequence[LikelyBalance]) -> list[dict[str, Any]]:
    """One object per line; null if not watched, or too little. `likely` has the intervals for classification errors."""
    found = []
    for one, likely in zip(balances, names, strict=True):
        row = msgspec.to_builtins(one)
        row["from"], row["to"] = rfc3339(row.pop("from_ms")), rfc3339(row.pop("to_ms"))
        row["covers"] = COVERS
        row["likely"] = msgspec.to_builtins(likely) | {"covers": NAMES_COVER}
        row["watched_share"] = round(one.watched_ms / (one.to_ms - one.from_ms), 4)
        for of_class in (*row["classes"].values(), row["all"]):
            for key in ("unseen_out", "unseen_back", "low", "high"):
                of_class[key] = None if of_class[key] is None else round(of_class[key], 1)
        found.append(row)
    return found


def _balance(one: ClassBalance) -> list[str]:
    if one.out is None or one.back is None or one.balance is None:
        return [BLIND if number is None else str(number) for number in (one.out, one.back)] + [BLIND, "-", "-", "-"]
    span = "-" if one.low is None or one.high is None else f"{one.low:+.0f} to {one.high:+.0f}"
    unseen = ["-" if number is None else f"~{number:.0f}" for number in (one.unseen_out, one.unseen_back)]
    return [str(one.out), str(one.back), f"{one.balance:+d}" if one.balance else "0", span, *unseen]


def _name(axis: Axis, i: int) -> str:
    name = name_of(axis, i) if axis.interval else rfc3339(axis.edges_ms[i])
    return f"{name} {NOT_OVER}" if i == axis.unfinished_i else name


def _unknown(axis: Axis, i: int) -> str:
    return "to come" if axis.is_to_come(i) else BLIND


def _number(flow: Flow, label: str, axis: Axis, i: int) -> str:
    if label not in flow.counts:
        return "-" if flow.counts else _unknown(axis, i)
    number = flow.counts[label][i]
    return _unknown(axis, i) if number is None else str(number)


def _about(flow: Flow, i: int) -> str:
    known = [number for of in (flow.estimates or {}).values() if (number := of[i]) is not None]
    return f"~{sum(known):.0f}" if known else "-"


def _flow(flow: Flow, axis: Axis, scheme: str) -> dict[str, Any]:
    return {
        "site": flow.site,
        "device": flow.device,
        "line": flow.line,
        "direction": flow.direction,
        "time_zone": axis.time_zone,
        "interval": axis.interval,
        "scheme": scheme,
        "intervals": [_interval(flow, axis, i) for i in range(len(axis))],
    }


def _interval(flow: Flow, axis: Axis, i: int) -> dict[str, Any]:
    seen = flow.all(i)
    row: dict[str, Any] = {
        "start": rfc3339(axis.edges_ms[i]),
        "end": rfc3339(axis.edges_ms[i + 1]),
        "counts": None if seen is None else {label: of[i] for label, of in flow.counts.items()},
        "all": seen,
        "state": "to come" if seen is None and axis.is_to_come(i) else flow.state(i, axis),
        "unfinished": i == axis.unfinished_i,
        "watched_ms": flow.watched_ms[i],
        "span_ms": axis.span_ms(i),
        "watched_share": round(flow.share(i, axis), 4),
    }
    if flow.estimates is not None:
        row["estimates"] = {
            label: None if (number := of[i]) is None else round(number, 1) for label, of in flow.estimates.items()
        }
    if flow.tonnes is not None:
        row["tonnes_estimate"] = None if (tonnes := flow.tonnes[i]) is None else round(tonnes, 1)
    return row
