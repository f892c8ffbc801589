"""The command `crossing-collector pack`: what `run` does between its rounds, all at once, while `run` goes on."""

import json
import sys
import time

from tqdm import tqdm

from collector.clock import SystemClock
from collector.store.interface import Keeping, Reading, Store


def pack(store: Store, keeping: Keeping, *, as_json: bool) -> None:
    """Pack until nothing is left to do; then say how many messages are packed, and how many as they came."""
    with tqdm(unit="step", file=sys.stderr, disable=None) as steps:
        began_s = time.monotonic()
        while store.pack(keeping, now_ms=SystemClock().real_ms()):
            steps.update()
            time.sleep(time.monotonic() - began_s)  # as long for whoever else writes
            began_s = time.monotonic()
    with store.reading() as reading:
        said = _said(reading)
    if as_json:
        print(json.dumps(said, sort_keys=True))
        return
    each = said["packed_bytes"] / said["packed"] if said["packed"] else 0
    print(f"{said['packed']} messages packed in {said['packed_bytes']} bytes, {each:.1f} each")
    print(f"{said['unpacked']} messages as they came, {said['deleted']} deleted")


def _said(reading: Reading) -> dict[str, int]:
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
