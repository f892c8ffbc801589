# ruff: noqa: T201 - a script prints
"""What `Store.commit` alone costs: processor time per report, without broker; for comparing one commit with another.

    python -m tests.benchmarks.commit

20,000 reports of 20 devices, 500 at a time; the least of three rounds. Of PostgreSQL only the collector's own part.
"""

import sys
import tempfile
import time
from collections.abc import Sequence

import psycopg

from collector.protocol.intake import ReceivedReport, decode_message
from collector.protocol.items import Item
from collector.store.opening import open_store
from tests.benchmarks.load import messages
from tests.collector import postgres

REPORTS, DEVICES, BATCH, ROUNDS = 20_000, 20, 500, 3


def main() -> int:
    answers = (decode_message(topic, payload) for topic, payload in messages(REPORTS, devices=DEVICES))
    items = [item for item in answers if isinstance(item, ReceivedReport)]
    assert len(items) == REPORTS, "all are taken in"
    with tempfile.TemporaryDirectory() as folder:
        print(f"sqlite: {min(_cpu_us(f'{folder}/{i}.sqlite', items) for i in range(ROUNDS)):.1f} us a report")
    if postgres.binaries() is not None:
        with postgres.server() as server:
            found = []
            for _ in range(ROUNDS):
                with psycopg.connect(server.url, autocommit=True) as database:
                    database.execute("DROP SCHEMA IF EXISTS crossing CASCADE")
                found.append(_cpu_us(server.url, items))
            print(f"postgres: {min(found):.1f} us a report")
    return 0


def _cpu_us(where: str, items: Sequence[Item]) -> float:
    with open_store(where) as store:
        before = time.process_time()
        for at in range(0, len(items), BATCH):
            store.commit(items[at : at + BATCH], now_ms=1)
        return 1e6 * (time.process_time() - before) / len(items)


if __name__ == "__main__":
    sys.exit(main())
