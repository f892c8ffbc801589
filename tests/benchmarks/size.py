# ruff: noqa: T201 - a script prints
"""How many bytes of a SQLite store a report takes, table by table: `python -m tests.benchmarks.size --days 60`.

One device with one line, two directions and seven classes, a report a minute; small hours are as busy as others, so
counts take more than on a real road.
"""

import argparse
import random
import sqlite3
import tempfile
from pathlib import Path

from collector.ingest import ingest
from collector.store import open_store
from edge.delivery.report import Health, Report, encode, rfc3339

CLASSES = ("bicycle", "bus", "car", "motorcycle", "truck", "unclassified", "van")
MINUTE_MS = 60_000
BEGIN_MS = 1_795_564_800_000
DAY = 1_440


def main() -> None:
    parser = argparse.ArgumentParser(prog="size", description="Measures what a report takes on disk.")
    parser.add_argument("--days", type=int, default=60)
    days = parser.parse_args().days
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.sqlite"
        with open_store(path) as store:
            for day in range(days):
                messages = [encode(_report(day * DAY + minute, chance)) for minute in range(DAY)]
                batch = [ingest("crossing/v1/bridge/mast-1/report", message) for message in messages]
                store.commit(batch, now_ms=BEGIN_MS)
        database = sqlite3.connect(path)
        reports = days * DAY
        print(f"{reports} reports, the last message {len(messages[-1])} bytes; bytes per report:")
        query = "SELECT name, sum(pgsize) FROM dbstat GROUP BY name HAVING sum(pgsize) > ? ORDER BY 2 DESC"
        for name, size in database.execute(query, (reports // 2,)):
            print(f"{name:30} {size / reports:7.1f}")
        database.close()


def _report(minute: int, chance: random.Random) -> Report:
    busy = ("car", "truck")
    lines = {
        "deck": {
            way: {label: chance.choice((0, 0, 0, 1, 2, 5)) if label in busy else 0 for label in CLASSES}
            for way in ("outbound", "return")
        }
    }
    return Report(
        site="bridge",
        device="mast-1",
        run="r-0123456789ab",
        seq=minute + 1,
        journal="j-abcdef012345",
        start=rfc3339(BEGIN_MS + minute * MINUTE_MS),
        width_ms=MINUTE_MS,
        watched_ms=MINUTE_MS,
        state="ok",
        lines=lines,
        health=Health(frames=600, frames_blind=0, crossings_late=0, tracks_released=chance.randint(0, 9)),
        clock_synced=True,
    )


if __name__ == "__main__":
    main()
