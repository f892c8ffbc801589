"""Totals and queue zones as a table or as JSON."""

import argparse
import textwrap
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import msgspec

from collector.cli.answer import print_answer
from collector.cli.terminal_table import aligned, width
from collector.queries.places import Sites
from collector.queries.results import NAMES_COVER, Likely
from collector.queries.totals import LineTotal, Selection
from collector.queries.zones import ZoneState, last_zones
from collector.store.interface import Store
from edge.clock import SystemClock
from edge.wire.times import rfc3339

BLIND = "blind"
NAMES_ONLY = "95%, names only"


def as_table(totals: Sequence[LineTotal]) -> str:
    """A row per direction over a line; `blind` instead of numbers if no time was watched."""
    labels = sorted({label for total in totals for label in total.counts or {}})
    rows = [["site", "device", "line", "direction", *labels, "all", "watched"]]
    for total in totals:
        row = [total.site, total.device, total.line or "-", total.direction or "-"]
        if total.counts is None:
            row += [BLIND for _ in labels] + [BLIND]
        else:
            row += [str(total.counts[label]) if label in total.counts else "-" for label in labels]
            row.append(str(sum(total.counts.values())))
        rows.append([*row, f"{100 * total.watched_share:.1f}%"])
    return aligned(rows, shared=3)


def show_zones(store: Store, _sites: Sites, given: argparse.Namespace) -> None:
    """The command `crossing-collector zones`."""
    found = last_zones(store, site=given.site, device=given.device, now_ms=SystemClock().real_ms())
    print_answer(given, found, zones_as_json, zones_as_table, nothing="no zones in the last reports")


def zones_as_table(states: Sequence[ZoneState]) -> str:
    """A row per zone, as at the end of the last report; waits are those that ended in it.

    The expected wait is that of a vehicle that joins the queue then, with its 80% interval. `pictures` is how many
    stills the report is based on; `-` is what is not known from stills.
    """
    heads = (
        "inside",
        "standing",
        "most",
        "parked",
        "left",
        "wait p50",
        "wait p90",
        "expected",
        "80%",
        "queue",
        "hidden, an estimate",
        "pictures",
    )
    rows = [["site", "device", "zone", "until", *heads]]
    for state in states:
        row = [state.site, state.device, state.zone or "-", rfc3339(state.start_ms + state.width_ms)]
        said = state.said
        if said is None:
            rows.append([*row, *(BLIND for _ in heads)])
            continue
        stood = said.standing
        standing = (None, None) if stood is None else (stood.end, stood.max)
        numbers = ("-" if n is None else n for n in (said.inside.end, *standing, said.parked, said.left))
        waits = (
            ["-", "-"]
            if said.wait_ms is None
            else [f"{ms / 1000:.0f} s" for ms in (said.wait_ms.p50, said.wait_ms.p90)]
        )
        expected = said.expected_ms
        ahead = (
            ["-", "-"]
            if expected is None
            else [f"{expected.p50 / 1000:.0f} s", f"{expected.p10 / 1000:.0f} to {expected.p90 / 1000:.0f} s"]
        )
        queue = "-" if said.queue_m is None else f"{said.queue_m.end:.0f} m"
        likely = said.hidden_likely
        hidden = "-" if likely is None else f"{likely.mean:.1f} ({likely.p10} to {likely.p90})"
        rows.append(
            [
                *row,
                *map(str, numbers),
                *waits,
                *ahead,
                queue,
                hidden,
                "-" if state.pictures is None else str(state.pictures),
            ]
        )
    return aligned(rows, shared=2)


def zones_as_json(states: Sequence[ZoneState]) -> dict[str, Any]:
    """One object; `said` is null if no time was watched."""
    return {
        "zones": [
            {
                "site": state.site,
                "device": state.device,
                "zone": state.zone,
                "start": rfc3339(state.start_ms),
                "width_ms": state.width_ms,
                "pictures": state.pictures,
                "said": msgspec.to_builtins(state.said),
            }
            for state in states
        ]
    }


def likely_as_table(found: Sequence[tuple[Sequence[str], Likely]]) -> str:
    """A row per site, device, line and direction: the interval for the true number of each class."""
    told = [(names, one) for names, one in found if one.classes]
    labels = sorted({label for _, one in told for label in one.classes})
    rows = [["site", "device", "line", NAMES_ONLY, *labels]]
    rows += [
        [*names, *("-" if label not in one.classes else "{} to {}".format(*one.classes[label]) for label in labels)]
        for names, one in told
    ]
    table = (
        [aligned(rows, shared=3), *textwrap.wrap(f"{NAMES_ONLY}: {NAMES_COVER}.", width() or 10_000)] if told else []
    )
    reasons = dict.fromkeys(one.reason for _, one in found if one.reason)
    return "\n".join(["", *table, *(f"no interval for names: {reason}" for reason in reasons)])


def as_json(totals: Sequence[LineTotal], selection: Selection, names: Sequence[Likely] | None = None) -> dict[str, Any]:
    """One object: the span and the totals; `counts` is null if no time was watched.

    With `names`, `likely` has the interval of each class (NAMES_COVER), or the `reason` why there is none.
    """
    return {
        "from": None if selection.from_ms is None else rfc3339(selection.from_ms),
        "to": None if selection.to_ms is None else rfc3339(selection.to_ms),
        "totals": [
            {
                "site": total.site,
                "device": total.device,
                "line": total.line,
                "direction": total.direction,
                "counts": total.counts,
                "all": None if total.counts is None else sum(total.counts.values()),
                **({} if likely is None else {"likely": msgspec.to_builtins(likely)}),
                "watched_ms": total.watched_ms,
                "span_ms": total.span_ms,
                "watched_share": round(total.watched_share, 4),
            }
            for total, likely in zip_longest(totals, names or ())
        ],
    }
