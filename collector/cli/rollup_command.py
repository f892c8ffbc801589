"""The command `crossing-collector rollup`: how far hours and days are summed up, and summing them up anew."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from tqdm import tqdm

from collector.cli.answer import print_answer
from collector.cli.terminal_table import aligned
from collector.queries.places import Sites
from collector.store.interface import RollupState, Store


def show_rollups(store: Store, _sites: Sites, given: argparse.Namespace) -> None:
    """The state of each device's roll-ups, after a rebuild if --rebuild asks for it."""
    states = store.rollups()
    if given.rebuild:
        for state in tqdm(states, unit="device", file=sys.stderr, disable=None):
            store.rebuild(state.device_id)
        store.settle()
        states = store.rollups()
    print_answer(given, states, rollups_as_json, rollups_as_table, nothing="no device has said anything yet")


def rollups_as_table(states: Sequence[RollupState]) -> str:
    """A line of text per device."""
    rows = [["site", "device", "zone", "zone told", "state"]]
    for state in states:
        rows.append([state.site, state.device, state.time_zone or "-", state.wanted, _state(state)])
    return aligned(rows, names=5, shared=1)


def rollups_as_json(states: Sequence[RollupState]) -> dict[str, Any]:
    """One object."""
    return {
        "rollups": [
            {
                "site": state.site,
                "device": state.device,
                "time_zone": state.time_zone,
                "time_zone_told": state.wanted,
                "state": _state(state),
            }
            for state in states
        ]
    }


def _state(state: RollupState) -> str:
    """`current`, or what `crossing-collector rollup --rebuild` would change."""
    if not state.complete:
        return "not summed up"
    return "other zone" if state.time_zone not in (None, state.wanted) else "current"
