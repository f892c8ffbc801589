"""A store of the version before knows no zones but in the messages: `rebuild` fills its new tables from them."""

from pathlib import Path

from collector.postgres_store import PostgresStore
from collector.sqlite_store import SqliteStore
from collector.store import Keeping, Store
from collector.views.axis import axis
from collector.views.queue import queues
from collector.views.results import Scope
from edge.delivery.report import Level, Report, Waits, ZoneReport, rfc3339
from tests.collector import plain
from tests.collector.messages import MINUTE_MS, NOON_MS, a_report, blind, received
from tests.collector.older import make_postgres_older, make_sqlite_older

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
WIDE = axis("hour", "UTC", NOON_MS - 400 * DAY_MS, NOON_MS + 4 * DAY_MS)


def a_queue(seq: int, **fields: object) -> Report:
    wait_ms = Waits(p50=1_000 * seq, p90=2_000 * seq, max=3_000 * seq)
    level = Level(mean=seq / 7, max=seq, end=seq % 5)
    said = ZoneReport(inside=level, standing=level, parked=seq % 3, left=seq, waited=seq, wait_ms=wait_ms)
    return a_report(seq, zones={"queue": said, "bay": said} if seq % 2 else {"queue": said}, **fields)


BEFORE = [
    *(a_queue(seq, start=rfc3339(NOON_MS + seq * 50 * MINUTE_MS)) for seq in range(1, 61)),
    a_queue(61, start=rfc3339(NOON_MS - 400 * DAY_MS + HOUR_MS)),
    blind(62, zones=None),
    a_report(1, device="mast-2"),
]
AFTER = [
    a_queue(63, start=rfc3339(NOON_MS + 20 * MINUTE_MS)),
    a_queue(64, start=rfc3339(NOON_MS - 399 * DAY_MS)),
    a_queue(65, start=rfc3339(NOON_MS + 61 * 50 * MINUTE_MS)),
]


def put(store: Store, reports: list[Report]) -> None:
    store.commit([received(report) for report in reports], now_ms=NOON_MS)


def taken_on(store: Store) -> None:
    """More comes, and some is packed, before anybody fills in what came before; then all of it is there."""
    assert [state.complete for state in store.rollups()] == [False, False]
    put(store, AFTER)
    while store.pack(Keeping(), now_ms=NOON_MS + 5 * DAY_MS):
        pass
    for _ in range(2):
        for state in store.rollups():
            store.rebuild(state.device_id)
        assert [state.complete for state in store.rollups()] == [True, True]
        with store.reading() as reading:
            assert list(queues(reading, Scope(), WIDE).queues) == plain.queues([*BEFORE, *AFTER], WIDE)


def test_sqlite_of_the_version_before_gets_its_zones(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    with SqliteStore(path) as store:
        put(store, BEFORE)
    make_sqlite_older(path, 3)
    with SqliteStore(path) as store:
        taken_on(store)


def test_postgresql_of_the_version_before_gets_its_zones(postgres_url: str) -> None:
    with PostgresStore(postgres_url) as store:
        put(store, BEFORE)
    make_postgres_older(postgres_url, 2)
    with PostgresStore(postgres_url) as store:
        taken_on(store)
        with store.reading() as reading:
            rows = reading.rows("SELECT DISTINCT tableoid::regclass::text FROM zone_report ORDER BY 1", {})
    assert rows == [("zone_report_2025_10",), ("zone_report_2026_11",)]
