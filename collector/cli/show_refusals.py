"""The command `crossing-collector refusals`: refused messages as a table or as JSON."""

import argparse
from typing import Any

from collector.cli.answer import print_answer
from collector.cli.terminal_table import aligned
from collector.queries.places import Sites
from collector.queries.refusals import Refusals, Refused, refusals_in
from collector.store.interface import Store
from edge.wire.times import rfc3339


def show_refusals(store: Store, _sites: Sites, given: argparse.Namespace) -> None:
    """The newest ones, and how many there were for each reason."""
    with store.reading() as reading:
        found = refusals_in(reading, site=given.site, device=given.device, limit=given.limit)
    print_answer(given, found, refusals_as_json, refusals_as_table, nothing="nothing was refused")


def refusals_as_table(found: Refusals) -> str:
    """How often for each reason, then the newest."""
    counted = [["site", "device", "times", "reason"]]
    counted += [[site or "-", device or "-", str(number), reason] for site, device, reason, number in found.counts]
    newest = [["site", "device", "channel", "received", "reason"]]
    newest += [
        [one.site or "-", one.device or "-", one.channel, rfc3339(one.received_ms), one.reason] for one in found.newest
    ]
    return f"{aligned(counted, names=2)}\n\n{aligned(newest, names=3)}"


def refusals_as_json(found: Refusals) -> dict[str, Any]:
    """One object."""
    return {
        "looked_at": found.looked_at,
        "counts": [
            {"site": site, "device": device, "reason": reason, "times": number}
            for site, device, reason, number in found.counts
        ],
        "refusals": [_as_json(one) for one in found.newest],
    }


def _as_json(one: Refused) -> dict[str, Any]:
    return {
        "site": one.site,
        "device": one.device,
        "channel": one.channel,
        "received": rfc3339(one.received_ms),
        "reason": one.reason,
        "message": ascii(one.payload.decode("utf-8", "replace"))[1:-1],
    }
