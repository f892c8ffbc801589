"""`crossing-collector models`: which model counted since when, and the factors between two that were measured."""

import argparse
import json
import sys

from collector.cli.terminal_table import aligned
from collector.domain.scope import Scope
from collector.errors import InputError
from collector.queries.models import as_json, changes, factors_of, take_factors
from collector.store.interface import Store
from edge.wire.times import rfc3339


def models(store: Store, given: argparse.Namespace) -> None:
    """List them; with `--factors`, take these in first."""
    scope = Scope(site=given.site, device=given.device)
    if given.factors is not None:
        if given.site is None or given.device is None:
            raise InputError("--factors FILE needs --site and --device: it was measured with the camera of one device")
        with store.reading() as reading:
            rows = reading.rows(
                "SELECT id FROM device WHERE site = :site AND device = :device",
                {"site": given.site, "device": given.device},
            )
            names = {one.name for one in changes(reading, scope)}
        taken, number = take_factors(store, [row[0] for row in rows], given.factors)
        print(f"{number} factors from {taken.before} to {taken.after} are kept", file=sys.stderr)
        for name in (taken.before, taken.after):
            if name not in names:
                print(f"note: {given.site}/{given.device} has not said yet that it uses {name}", file=sys.stderr)
    with store.reading() as reading:
        found, factors = changes(reading, scope), factors_of(reading, scope)
    if given.json:
        keys = ("site", "device", "from", "to", "class", "factor", "low", "high")
        rows_ = [dict(zip(keys, row, strict=True)) for row in factors]
        print(json.dumps({"changes": as_json(found), "factors": rows_}, sort_keys=True))
        return
    if not found:
        print("no device has said which model it uses", file=sys.stderr)
        return
    heads = ["site", "device", "since", "models", "version", "configuration", "run", "names anew"]
    print(
        aligned(
            [
                heads,
                *(
                    [
                        *(one.site, one.device, rfc3339(one.at_ms // 1_000 * 1_000), one.name, one.version),
                        *(one.configuration[:12] or "-", one.run, "yes" if one.names_anew else "-"),
                    ]
                    for one in found
                ),
            ]
        )
    )
    if factors:
        heads = ["site", "device", "from", "to", "class", "factor", "95%"]
        said = [[*map(str, row[:5]), f"{row[5]:.3f}", f"{row[6]:.3f} to {row[7]:.3f}"] for row in factors]
        print(f"\n{aligned([heads, *said])}")
