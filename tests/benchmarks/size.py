# ruff: noqa: T201 - a script prints
"""How many bytes of a SQLite store a report takes, table by table: `python -m tests.benchmarks.size --days 60`.

One device with one line, two directions and seven classes, a report a minute; small hours are as busy as others, so
counts take more than on a real road. Messages are packed as days go by, unless `--unpacked`; `--zone`: and a queue;
`--devices`: so many, that report the same minute.
"""

import argparse
import random
import sqlite3
import tempfile
import time
from pathlib import Path

import msgspec

from collector.store.interface import Retention, Store
from collector.store.opening import open_store
from edge.wire.report import Health, Level, Report, Waits, ZoneReport, encode
from edge.wire.times import rfc3339
from tests.collector.messages import received

CLASSES = ("bicycle", "bus", "car", "motorcycle", "truck", "unclassified", "van")
MINUTE_MS = 60_000
BEGIN_MS = 1_795_564_800_000
DAY = 1_440
BATCH = 500


def main() -> None:
    parser = argparse.ArgumentParser(prog="size", description="Measures what a report takes on disk.")
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--unpacked", action="store_true")
    parser.add_argument("--zone", action="store_true")
    given = parser.parse_args()
    chance = random.Random(1)
    sizes, steps_ms = [], [0.0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.sqlite"
        with open_store(path) as store:
            for day in range(given.days):
                reports = [
                    _report(device, day * DAY + minute, chance, zone=given.zone)
                    for minute in range(DAY)
                    for device in range(given.devices)
                ]
                items = [received(report) for report in reports]
                now_ms = BEGIN_MS + (day + 1) * DAY * MINUTE_MS
                for at in range(0, len(items), BATCH):
                    store.commit(items[at : at + BATCH], now_ms=now_ms)
                if not given.unpacked:
                    steps_ms += _pack(store, now_ms)
                with store.reading() as reading:
                    query = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
                    sizes.append(reading.rows(query, {})[0][0])
        each = given.devices * DAY
        last = min(10, given.days - 1)
        print(f"{given.days * each} reports, the last message {len(encode(reports[-1]))} bytes")
        print(f"the last {last} days: {(sizes[-1] - sizes[-1 - last]) / (last * each):.1f} bytes per report; all:")
        database = sqlite3.connect(path)
        query = "SELECT name, sum(pgsize) FROM dbstat GROUP BY name HAVING sum(pgsize) > ? ORDER BY 2 DESC"
        for name, size in database.execute(query, (given.days * each // 2,)):
            print(f"{name:30} {size / (given.days * each):7.1f}")
        (free,) = database.execute("PRAGMA freelist_count").fetchone()
        print(f"{'free pages':30} {free * 4_096 / (given.days * each):7.1f}")
        (packed,) = database.execute("SELECT sum(length(messages)) / sum(reports + 0.0) FROM packed").fetchone()
        print(f"a packed message {packed or 0:.1f} bytes; steps of packing:", *_three(steps_ms), "ms (p50, p95, most)")
        database.close()


def _pack(store: Store, now_ms: int) -> list[float]:
    took = []
    more = True
    while more:
        began_s = time.monotonic()
        more = store.pack(Retention(), now_ms=now_ms)
        took.append(1e3 * (time.monotonic() - began_s))
    return took[:-1]


def _three(steps_ms: list[float]) -> list[str]:
    steps_ms = sorted(steps_ms)
    return [f"{steps_ms[min(len(steps_ms) - 1, int(of * len(steps_ms)))]:.0f}" for of in (0.5, 0.95, 1.0)]


def _report(device: int, minute: int, chance: random.Random, *, zone: bool) -> Report:
    busy = ("car", "truck")
    lines = {
        "deck": {
            way: {label: chance.choice((0, 0, 0, 1, 2, 5)) if label in busy else 0 for label in CLASSES}
            for way in ("outbound", "return")
        }
    }
    return Report(
        site="bridge",
        device=f"mast-{device}",
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
        zones={"queue": _zone(chance)} if zone else msgspec.UNSET,
    )


def _zone(chance: random.Random) -> ZoneReport:
    level = Level(mean=round(chance.uniform(0, 9), 3), max=chance.randint(9, 12), end=chance.randint(0, 9))
    waits = Waits(p50=chance.randint(10_000, 60_000), p90=chance.randint(60_000, 90_000), max=95_000)
    of_class = {"car": chance.randint(0, 5), "truck": chance.randint(0, 9)}
    return ZoneReport(inside=level, standing=level, by_class=of_class, entered=3, left=3, waited=3, wait_ms=waits)


if __name__ == "__main__":
    main()
