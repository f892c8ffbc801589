"""A store of the version before knows no zones but in the messages: `rebuild` fills its new tables from them."""

from pathlib import Path

import msgspec
import pytest

from collector.domain.scope import Scope
from collector.queries.axis import axis
from collector.queries.queue import queues
from collector.store.interface import Retention, Store
from collector.store.postgres.store import PostgresStore
from collector.store.sqlite.store import SqliteStore
from edge.wire.report import Level, Report, Waits, ZoneReport
from edge.wire.times import rfc3339
from tests.collector import plain
from tests.collector.messages import MINUTE_MS, NOON_MS, a_report, blind, received
from tests.collector.older import make_postgres_older, make_sqlite_older

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
WIDE = axis("hour", "UTC", NOON_MS - 400 * DAY_MS, NOON_MS + 4 * DAY_MS)


def a_queue(seq: int, **fields: object) -> Report:
    wait_ms = Waits(p50=1_000 * seq, p90=2_000 * seq, max=3_000 * seq)
    level = Level(mean=seq / 7, max=seq, end=seq % 5)
    if seq % 10 == 4:
        return a_still(seq, level if seq % 20 == 4 else None, **fields)
    said = ZoneReport(inside=level, standing=level, parked=seq % 3, left=seq, waited=seq, wait_ms=wait_ms)
    return a_report(seq, zones={"queue": said, "bay": said} if seq % 2 else {"queue": said}, **fields)


def a_still(seq: int, standing: Level | None, **fields: object) -> Report:
    """What pictures tell: nobody is followed, and without a picture before nobody knows who stands."""
    unknown = {"parked": None, "entered": None, "left": None, "lost": None, "waited": None}
    said = ZoneReport(inside=Level(mean=seq / 7, max=seq, end=seq), standing=standing, **unknown)  # type: ignore[arg-type]
    return a_report(seq, zones={"queue": said}, pictures=seq % 7, state="partial", lines={}, **fields)


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
    while store.pack(Retention(), now_ms=NOON_MS + 5 * DAY_MS):
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


@pytest.mark.parametrize("version", [4, 5])
def test_a_store_that_knows_no_stills_takes_them(tmp_path: Path, version: int) -> None:
    path = tmp_path / "old.sqlite"
    before = [report for report in BEFORE if report.pictures is msgspec.UNSET]
    with SqliteStore(path) as store:
        put(store, before)
    make_sqlite_older(path, version)
    check_stills(SqliteStore(path), before)


def test_postgresql_that_knows_no_stills_takes_them(postgres_url: str) -> None:
    before = [report for report in BEFORE if report.pictures is msgspec.UNSET]
    with PostgresStore(postgres_url) as store:
        put(store, before)
    make_postgres_older(postgres_url, 4)
    check_stills(PostgresStore(postgres_url), before)


def check_stills(opened: SqliteStore | PostgresStore, before: list[Report]) -> None:
    """What is there stays as it is, and reports of stills come beside it."""
    with opened as store:
        more = [report for report in BEFORE if report.pictures is not msgspec.UNSET]
        put(store, more)
        with store.reading() as reading:
            found = queues(reading, Scope(), WIDE).queues
    assert list(found) == plain.queues([*before, *more], WIDE)
    assert any(n is not None for one in found for n in one.pictures)


def test_postgresql_of_the_version_before_gets_its_zones(postgres_url: str) -> None:
    with PostgresStore(postgres_url) as store:
        put(store, BEFORE)
    make_postgres_older(postgres_url, 2)
    with PostgresStore(postgres_url) as store:
        taken_on(store)
        with store.reading() as reading:
            rows = reading.rows("SELECT DISTINCT tableoid::regclass::text FROM zone_report ORDER BY 1", {})
    assert rows == [("zone_report_2025_10",), ("zone_report_2026_11",)]
