"""The command `crossing-collector overlaps`: reports of a second device of the same name."""

import argparse
import sys

from tqdm import tqdm

from collector.cli.answer import print_answer
from collector.cli.show_devices import time_text
from collector.cli.terminal_table import aligned
from collector.domain.scope import Scope
from collector.queries.places import Sites
from collector.queries.tallies import device_ids
from collector.store.interface import Store
from collector.store.overlaps import Overlap, overlaps_in


def show_overlaps(store: Store, _sites: Sites, given: argparse.Namespace) -> None:
    """List them, after taking back those of the devices named if --take-back asks for it."""
    if given.take_back:
        ids = device_ids(store, Scope(site=given.site, device=given.device))
        bar = tqdm(ids, unit="device", file=sys.stderr, disable=None)
        print(f"{sum(store.take_back(id_, overlapping=True) for id_ in bar)} reports taken back", file=sys.stderr)
    with store.reading() as reading:
        found = overlaps_in(reading, site=given.site, device=given.device)
    print_answer(
        given,
        found,
        _as_json,
        _as_table,
        nothing="no report is set aside because another device had watched the same time",
    )


def _as_table(found: list[Overlap]) -> str:
    rows = [["site", "device", "run set aside", "run counted", "reports", "from", "to"]]
    for one in found:
        times = [time_text(time_ms) or "-" for time_ms in (one.first_ms, one.end_ms)]
        rows.append([one.site, one.device, one.run, one.counted_run, str(one.reports), *times])
    return aligned(rows, names=4, shared=1)


def _as_json(found: list[Overlap]) -> dict[str, object]:
    rows = [one._asdict() for one in found]
    return {
        "overlaps": [row | {"from": time_text(row.pop("first_ms")), "to": time_text(row.pop("end_ms"))} for row in rows]
    }
