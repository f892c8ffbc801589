"""The tables in PostgreSQL: an upgraded store is like a new one, and views are answered by indexes alone."""

from collections.abc import Mapping
from typing import Any

import psycopg
import pytest

from collector.domain.scope import Scope
from collector.queries.axis import axis
from collector.queries.counts import counts
from collector.store.interface import Reading
from collector.store.postgres.schema import VERSION
from collector.store.postgres.store import PostgresStore
from edge.errors import InputError
from edge.wire.report import Level, ZoneReport
from edge.wire.times import rfc3339
from tests.collector.messages import NOON_MS, a_report, received
from tests.collector.older import make_postgres_older
from tests.golden import contracts
from tests.golden.__main__ import EXPECTED, POSTGRES

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
VERSION_2 = """
DROP INDEX report_time;
CREATE INDEX report_time ON report (device_id, start_ms);
DROP INDEX vehicles_time;
CREATE INDEX vehicles_time ON vehicles (series_id, start_ms);
ALTER TABLE rollup_watched DROP CONSTRAINT rollup_watched_pkey,
  ADD PRIMARY KEY (level, device_id, start_ms, layout_id);
ALTER TABLE rollup_vehicles DROP CONSTRAINT rollup_vehicles_pkey, ADD PRIMARY KEY (level, series_id, start_ms);
"""
"""What was otherwise in version 2, but for how often tables are vacuumed."""


class Explained:
    """Answers, and keeps the plan of every question; as if the tables were large."""

    has_lateral = True
    keys = "report_key"

    def __init__(self, database: "psycopg.Connection[tuple[Any, ...]]", reading: Reading) -> None:
        self._database = database
        self._reading = reading
        self.plans: list[str] = []

    def rows(self, query: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        if not parameters:
            self.plans.append("\n".join(line for (line,) in self._database.execute(f"EXPLAIN {query}".encode())))
        return self._reading.rows(query, parameters)


def of_three_days(url: str) -> PostgresStore:
    """A store with reports of every half an hour, in two months, with its roll-ups."""
    store = PostgresStore(url)
    level = Level(mean=1.5, max=2, end=1)
    zones = {"queue": ZoneReport(inside=level, standing=level)}
    batch = [received(a_report(seq, start=rfc3339(NOON_MS + seq * HOUR_MS // 2), zones=zones)) for seq in range(1, 144)]
    store.commit(batch, now_ms=NOON_MS)
    return store


def shape(url: str) -> list[tuple[Any, ...]]:
    """Every table with its options, and every index; but for what is made on each day."""
    with psycopg.connect(url) as database:
        return database.execute(
            "SELECT relname, relkind::text, reloptions, pg_get_indexdef(oid) FROM pg_class"
            " WHERE relnamespace = 'crossing'::regnamespace AND relkind IN ('r', 'i', 'p', 'I')"
            " AND relname !~ '^message_[0-9]' ORDER BY 1, 2"
        ).fetchall()


def test_a_store_of_version_2_becomes_like_a_new_one_and_answers_the_same(postgres_url: str) -> None:
    whole = axis("hour", "UTC", NOON_MS, NOON_MS + 4 * DAY_MS)
    with of_three_days(postgres_url) as store, store.reading() as reading:
        before = counts(reading, Scope(), whole)
    new = shape(postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as database:
        database.execute("SET search_path TO crossing")
        database.execute(VERSION_2)
        for name, kind, options, _ in new:
            if options and kind == "r":
                database.execute(
                    f"ALTER TABLE {name} RESET (autovacuum_vacuum_insert_threshold,"
                    " autovacuum_vacuum_insert_scale_factor)".encode()
                )
    make_postgres_older(postgres_url, 2)
    assert shape(postgres_url) != new
    with pytest.raises(InputError, match=f"is of version 2; `crossing-collector run` brings it to version {VERSION}"):
        PostgresStore(postgres_url, write=False)
    with PostgresStore(postgres_url) as store, store.reading() as reading:
        assert counts(reading, Scope(), whole) == before
    assert shape(postgres_url) == new


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kathmandu"])
@pytest.mark.parametrize("interval", ["minute", "hour", "day", None])
def test_counts_are_answered_by_indexes_alone(zone: str, interval: Any, postgres_url: str) -> None:
    """One span and several, of reports, hours and days: no plan has to look a row up in its table."""
    with of_three_days(postgres_url) as store, store.reading() as reading:
        database = store._database
        assert database is not None
        database.execute("SET LOCAL enable_seqscan = off")
        database.execute("SET LOCAL enable_bitmapscan = off")
        explained = Explained(database, reading)
        counts(explained, Scope(), axis(interval, zone, NOON_MS + 1_000, NOON_MS + 3 * DAY_MS + 1_000))
    of_numbers = [plan for plan in explained.plans if "start_ms" in plan]
    assert of_numbers
    for plan in of_numbers:
        assert "Index Only Scan" in plan
        assert "Index Scan" not in plan
        assert "Seq Scan" not in plan


def test_after_settle_pages_of_the_rollups_are_known_to_hold_committed_rows_only(postgres_url: str) -> None:
    with of_three_days(postgres_url) as store:
        for state in store.rollups():
            store.rebuild(state.device_id)
        store.settle()
    with psycopg.connect(postgres_url) as database:
        query = "SELECT relname, relpages, relallvisible FROM pg_class WHERE relname LIKE 'rollup_%' AND relkind = 'r'"
        found = database.execute(query).fetchall()
    assert sorted(name for name, *_ in found) == ["rollup_vehicles", "rollup_watched", "rollup_zone"]
    assert all(pages == visible > 0 for _, pages, visible in found), found


def test_the_tables_are_what_was_recorded(postgres_url: str) -> None:
    assert contracts.postgres_tables(postgres_url) == (EXPECTED / POSTGRES).read_text("utf-8")
