# ruff: noqa: T201 - a script prints
"""How long a round of looking for alerts takes, beside nine weeks of hourly reports of each device.

python -m tests.benchmarks.alert_round --devices 50
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from collector.alerts.evaluator import Evaluator
from collector.alerts.settings import AlertSettings
from collector.protocol.intake import ReceivedReport, decode_message
from collector.store.sqlite.store import SqliteStore
from edge.wire.report import Report, encode
from edge.wire.times import rfc3339
from edge.wire.topics import topic_of

NOW_MS, HOUR_MS, MINUTE_MS = 1_795_608_000_000, 3_600_000, 60_000
HOURS = 9 * 168
OF_SITE = 5


def report(device: int, hour: int) -> ReceivedReport:
    counts = {"bus": 0, "car": 40, "truck": 10}
    said = Report(
        site=f"site-{device // OF_SITE}",
        device=f"mast-{device}",
        run="run-1",
        seq=HOURS + hour,
        start=rfc3339(NOW_MS + (hour - 1) * HOUR_MS),
        width_ms=HOUR_MS,
        watched_ms=HOUR_MS,
        state="ok",
        lines={"deck": {"outbound": counts, "return": counts}},
    )
    message = decode_message(topic_of(said.site, said.device, "report"), encode(said))
    assert isinstance(message, ReceivedReport), message
    return message


def main() -> int:
    parser = argparse.ArgumentParser(prog="alert_round", description="Times rounds of looking for alerts.")
    parser.add_argument("--devices", type=int, default=50)
    devices = parser.parse_args().devices
    with tempfile.TemporaryDirectory() as folder, SqliteStore(Path(folder) / "store.sqlite") as store:
        for device in range(devices):
            store.commit([report(device, hour) for hour in range(1 - HOURS, 1)], now_ms=NOW_MS)
        watch = Evaluator(store, AlertSettings(), {}, holder="one", listening=lambda: NOW_MS)
        _time("the first round, two days", watch, NOW_MS)
        for minute in range(1, 4):
            _time("a round within the hour", watch, NOW_MS + minute * MINUTE_MS)
        for device in range(devices):
            store.commit([report(device, 1)], now_ms=NOW_MS + HOUR_MS)
        _time("a round that judges an hour", watch, NOW_MS + HOUR_MS)
    return 0


def _time(what: str, watch: Evaluator, now_ms: int) -> None:
    started, cpu = time.monotonic(), time.process_time()
    watch.look(now_ms)
    print(f"{what:<28} {time.monotonic() - started:6.2f} s, of which {time.process_time() - cpu:.2f} s of a processor")


if __name__ == "__main__":
    sys.exit(main())
