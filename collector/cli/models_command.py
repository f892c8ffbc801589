"""`crossing-collector models`: which models classified since when, and the measured factors between them."""

import argparse
import sys
from functools import partial

from collector.cli.answer import print_answer
from collector.cli.terminal_table import aligned
from collector.domain.scope import Scope
from collector.queries.models import FactorRow, ModelChange, as_json, changes, factors_of, take_factors
from collector.queries.places import Sites
from collector.queries.tallies import device_ids
from collector.store.interface import Store
from edge.errors import InputError
from edge.wire.times import rfc3339

_FACTOR_KEYS = ("site", "device", "from", "to", "class", "factor", "low", "high")


def show_models(store: Store, _sites: Sites, given: argparse.Namespace) -> None:
    """List them, after storing the factors of a file if --factors names one."""
    scope = Scope(site=given.site, device=given.device)
    if given.factors is not None:
        if given.site is None or given.device is None:
            raise InputError("--factors FILE needs --site and --device: it was measured with the camera of one device")
        with store.reading() as reading:
            names = {one.name for one in changes(reading, scope)}
        taken, number = take_factors(store, device_ids(store, scope), given.factors)
        print(f"{number} factors from {taken.before} to {taken.after} are kept", file=sys.stderr)
        for name in (taken.before, taken.after):
            if name not in names:
                print(f"note: {given.site}/{given.device} has not said yet that it uses {name}", file=sys.stderr)
    with store.reading() as reading:
        found, factors = changes(reading, scope), factors_of(reading, scope)
    print_answer(
        given,
        found,
        partial(_as_json, factors=factors),
        partial(_as_table, factors=factors),
        nothing="no device has said which model it uses",
    )


def _as_json(found: list[ModelChange], factors: list[FactorRow]) -> dict[str, object]:
    return {
        "changes": as_json(found),
        "factors": [dict(zip(_FACTOR_KEYS, row, strict=True)) for row in factors],
    }


def _as_table(found: list[ModelChange], factors: list[FactorRow]) -> str:
    rows = [["site", "device", "since", "models", "version", "configuration", "run", "names anew"]]
    for one in found:
        since = rfc3339(one.at_ms // 1_000 * 1_000)
        names_anew = "yes" if one.names_anew else "-"
        configuration = one.configuration[:12] or "-"
        rows.append([one.site, one.device, since, one.name, one.version, configuration, one.run, names_anew])
    if not factors:
        return aligned(rows)
    measured = [["site", "device", "from", "to", "class", "factor", "95%"]]
    measured += [[*map(str, row[:5]), f"{row[5]:.3f}", f"{row[6]:.3f} to {row[7]:.3f}"] for row in factors]
    return f"{aligned(rows)}\n\n{aligned(measured)}"
