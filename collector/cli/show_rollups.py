"""The state of the roll-ups as a person or a program wants it."""

from collections.abc import Sequence
from typing import Any

from collector.cli.terminal_table import aligned
from collector.store.interface import RollupState


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
