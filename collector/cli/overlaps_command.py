"""The command `crossing-collector overlaps`: reports of a second device of the same name."""

import argparse
import json
import sys

from tqdm import tqdm

from collector.cli.show_devices import time_text
from collector.cli.terminal_table import aligned
from collector.domain.scope import Scope
from collector.queries.tallies import devices_of
from collector.store.interface import Store
from collector.store.overlaps import Overlap, overlaps_in


def overlaps(store: Store, given: argparse.Namespace) -> None:
    """List them, or count those of the devices named after all."""
    if given.take_back:
        with store.reading() as reading:
            ids = [one.id for one in devices_of(reading, Scope(site=given.site, device=given.device))]
        bar = tqdm(ids, unit="device", file=sys.stderr, disable=None)
        print(f"{sum(store.take_back(id_, overlapping=True) for id_ in bar)} reports taken back", file=sys.stderr)
    with store.reading() as reading:
        found = overlaps_in(reading, site=given.site, device=given.device)
    if given.json:
        print(json.dumps({"overlaps": [_as_json(one) for one in found]}, sort_keys=True))
    elif found:
        print(_as_table(found))
    else:
        print("no report is set aside because another device had watched the same time", file=sys.stderr)


def _as_table(found: list[Overlap]) -> str:
    rows = [["site", "device", "run set aside", "run counted", "reports", "from", "to"]]
    for one in found:
        times = [time_text(time_ms) or "-" for time_ms in (one.first_ms, one.end_ms)]
        rows.append([one.site, one.device, one.run, one.counted_run, str(one.reports), *times])
    return aligned(rows, names=4, shared=1)


def _as_json(one: Overlap) -> dict[str, str | int | None]:
    return {
        "site": one.site,
        "device": one.device,
        "run": one.run,
        "counted_run": one.counted_run,
        "reports": one.reports,
        "from": time_text(one.first_ms),
        "to": time_text(one.end_ms),
    }
