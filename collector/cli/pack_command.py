"""The command `crossing-collector pack`: packs all old messages at once; `run` packs a few between its rounds."""

import argparse
import sys
import time

from tqdm import tqdm

from collector.cli.answer import print_answer
from collector.config import load
from collector.queries.places import Sites
from collector.store.interface import Reading, Retention, Store
from edge.clock import SystemClock


def pack(store: Store, _sites: Sites, given: argparse.Namespace) -> None:
    """Pack until nothing is left to do; then print how many messages are packed, unpacked and deleted."""
    retention = Retention() if given.config is None else load(given.config).retention
    with tqdm(unit="step", file=sys.stderr, disable=None) as steps:
        began_s = time.monotonic()
        while store.pack(retention, now_ms=SystemClock().real_ms()):
            steps.update()
            time.sleep(time.monotonic() - began_s)  # as long for whoever else writes
            began_s = time.monotonic()
    with store.reading() as reading:
        counts = _counts(reading)
    print_answer(given, counts, dict, _as_text, nothing="")


def _as_text(counts: dict[str, int]) -> str:
    each = counts["packed_bytes"] / counts["packed"] if counts["packed"] else 0
    return (
        f"{counts['packed']} messages packed in {counts['packed_bytes']} bytes, {each:.1f} each\n"
        f"{counts['unpacked']} messages as they came, {counts['deleted']} deleted"
    )


def _counts(reading: Reading) -> dict[str, int]:
    def number(query: str) -> int:
        return int(reading.rows(query, {})[0][0] or 0)

    packed = number("SELECT sum(reports) FROM packed WHERE messages IS NOT NULL")
    deleted = number("SELECT sum(reports) FROM packed WHERE messages IS NULL")
    return {
        "packed": packed,
        "packed_bytes": number("SELECT sum(length(messages)) FROM packed"),
        "unpacked": number("SELECT count(*) FROM report") - packed - deleted,
        "deleted": deleted,
    }
