"""`crossing-collector convoys`: list the convoys that devices told of; and `export --convoys`: write them as rows."""

import argparse
import json
import sys
from typing import Any

import msgspec

from collector.alerts.wording import hours, many, span
from collector.cli.terminal_table import aligned, printable
from collector.domain.scope import Scope
from collector.queries.places import Sites, sites_of, time_zone_of
from collector.store.convoys import CONVOYS_MAX, Convoy, convoys
from collector.store.interface import Reading, Store
from edge.wire.times import rfc3339

_EDGES = {"headway": "", "unwatched": "not watched", "limit": "more of it"}


def show_convoys(store: Store, sites: Sites, given: argparse.Namespace) -> None:
    """On standard output."""
    with store.reading() as reading:
        found = convoys_of(reading, sites, given, limit=given.limit)
        zones = {one.site: time_zone_of(reading, one.site, sites) for one in found}
    if given.json:
        print(json.dumps({"convoys": [_as_json(one) for one in found]}, sort_keys=True))
    elif found:
        print(_table(found, zones))
    else:
        print("no convoys in this selection", file=sys.stderr)


def convoys_of(reading: Reading, sites: Sites, given: argparse.Namespace, *, limit: int = CONVOYS_MAX) -> list[Convoy]:
    """The last `limit` of each site in the selection; times without a zone are those of the site."""
    found: list[Convoy] = []
    for site in sites_of(reading, Scope(site=given.site)):
        zone = time_zone_of(reading, site, sites)
        found += convoys(
            reading,
            site=site,
            device=given.device,
            line=given.line,
            from_ms=None if given.from_ is None else given.from_.in_zone(zone),
            to_ms=None if given.to is None else given.to.in_zone(zone),
            limit=limit,
        )
    return found


def _as_json(one: Convoy) -> dict[str, Any]:
    said: dict[str, Any] = msgspec.to_builtins(one)
    del said["id"]
    return said | {"since": rfc3339(one.since_ms), "until": rfc3339(one.until_ms)}


def _table(found: list[Convoy], zones: dict[str, str]) -> str:
    heads = ["site", "device", "line", "direction", "when", "vehicles", "headways", "longest", "before", "after"]
    rows = [
        [
            *(one.site, one.device, one.line, printable(one.direction)),
            hours(one.since_ms, one.until_ms, zones[one.site]),
            ", ".join(f"{number} {printable(many(label, number))}" for label, number in one.by_class.items()),
            *(span(one.gap_p50_ms), span(one.gap_max_ms)),
            *(_EDGES[one.began] or "-", _EDGES[one.ended] or "-"),
        ]
        for one in found
    ]
    return aligned([heads, *rows])
