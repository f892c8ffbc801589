"""`crossing-collector convoys` and `export --convoys`: the convoys that devices reported."""

import argparse
from functools import partial
from typing import Any

import msgspec

from collector.alerts.wording import hours, many, span
from collector.cli.answer import print_answer
from collector.cli.terminal_table import aligned, printable
from collector.domain.scope import Scope
from collector.queries.places import Sites, sites_of, time_zone_of
from collector.store.convoys import CONVOYS_MAX, StoredConvoy, convoys
from collector.store.interface import Reading, Store
from edge.wire.times import rfc3339

_EDGES = {"headway": "", "unwatched": "not watched", "limit": "more of it"}


def show_convoys(store: Store, sites: Sites, given: argparse.Namespace) -> None:
    """The convoys in the selection."""
    with store.reading() as reading:
        found = convoys_of(reading, sites, given, limit=given.limit)
        zones = {one.site: time_zone_of(reading, one.site, sites) for one in found}
    print_answer(given, found, _as_json, partial(_as_table, zones=zones), nothing="no convoys in this selection")


def convoys_of(
    reading: Reading, sites: Sites, given: argparse.Namespace, *, limit: int = CONVOYS_MAX
) -> list[StoredConvoy]:
    """At most `limit` convoys of each site in the selection; times without a zone are those of the site."""
    found: list[StoredConvoy] = []
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


def _as_json(found: list[StoredConvoy]) -> dict[str, Any]:
    rows: list[dict[str, Any]] = msgspec.to_builtins(found)
    for row in rows:
        del row["id"]
        row |= {"since": rfc3339(row["since_ms"]), "until": rfc3339(row["until_ms"])}
    return {"convoys": rows}


def _as_table(found: list[StoredConvoy], zones: dict[str, str]) -> str:
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
