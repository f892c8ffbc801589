"""The tables of the collector's store in PostgreSQL, version 5, in a schema of their own: `crossing`.

`report`, `vehicles` and `zone_report` are partitioned by the start of the bucket, a month each, made when first needed;
`message` by the day on which it came. A key that is unique over all partitions has to hold the partition's column, so
the key of a report is a table of its own.

Rows lie in the order in which they came: those of one device, or of one series, are each in another page. So the
indexes by which views read hold all that these read, and tables are vacuumed every so many rows, long before
PostgreSQL would by itself: an index answers alone only for pages that are known to hold nothing but committed rows.
"""

from datetime import UTC, datetime

from collector.store import alert_tables as alerts
from collector.store import common_tables as common
from collector.store.common_tables import for_postgres
from collector.store.postgres.schema_3 import ADD_PACKING, ADD_ZONES, FREEZING, PACKING, ZONES, ZONES_DEFAULT

VERSION = 5
MONTHS_FROM = 2020
MONTHS_UNTIL = 2100
"""Years with partitions; a report of any other time (a clock that was never set) goes to the default partition."""
TABLES = """
CREATE SCHEMA IF NOT EXISTS crossing;
SET search_path TO crossing;
CREATE TABLE version (version INT NOT NULL);
{core}CREATE TABLE report_key (
  run_id BIGINT NOT NULL, seq BIGINT NOT NULL, device_id BIGINT NOT NULL, start_ms BIGINT NOT NULL,
  PRIMARY KEY (run_id, seq)
);
CREATE TABLE report (
  device_id BIGINT NOT NULL, run_id BIGINT NOT NULL, seq BIGINT NOT NULL,
  start_ms BIGINT NOT NULL, width_ms BIGINT NOT NULL, watched_ms BIGINT NOT NULL,
  layout_id BIGINT, received_ms BIGINT NOT NULL, payload BYTEA
) PARTITION BY RANGE (start_ms);
CREATE INDEX report_time ON report (device_id, start_ms) INCLUDE (width_ms, watched_ms, layout_id);
CREATE TABLE vehicles (
  series_id BIGINT NOT NULL, start_ms BIGINT NOT NULL, number INT NOT NULL
) PARTITION BY RANGE (start_ms);
CREATE INDEX vehicles_time ON vehicles (series_id, start_ms) INCLUDE (number);
{rollups}
{zones}
{packing}
INSERT INTO version VALUES ({version});
"""
ROLLUPS = f"""
CREATE TABLE rollup_watched (
  level SMALLINT NOT NULL, device_id BIGINT NOT NULL REFERENCES device,
  start_ms BIGINT NOT NULL, layout_id BIGINT NOT NULL,
  watched_ms BIGINT NOT NULL, reported_ms BIGINT NOT NULL, reports BIGINT NOT NULL,
  PRIMARY KEY (level, device_id, start_ms, layout_id) INCLUDE (watched_ms, reported_ms, reports)
) WITH ({FREEZING});
CREATE TABLE rollup_vehicles (
  level SMALLINT NOT NULL, series_id BIGINT NOT NULL, start_ms BIGINT NOT NULL, number BIGINT NOT NULL,
  PRIMARY KEY (level, series_id, start_ms) INCLUDE (number)
) WITH ({FREEZING});
"""
COVERING = f"""
DROP INDEX report_time;
CREATE INDEX report_time ON report (device_id, start_ms) INCLUDE (width_ms, watched_ms, layout_id);
DROP INDEX vehicles_time;
CREATE INDEX vehicles_time ON vehicles (series_id, start_ms) INCLUDE (number);
ALTER TABLE rollup_watched DROP CONSTRAINT rollup_watched_pkey,
  ADD PRIMARY KEY (level, device_id, start_ms, layout_id) INCLUDE (watched_ms, reported_ms, reports);
ALTER TABLE rollup_vehicles DROP CONSTRAINT rollup_vehicles_pkey,
  ADD PRIMARY KEY (level, series_id, start_ms) INCLUDE (number);
ALTER TABLE rollup_watched SET ({FREEZING});
ALTER TABLE rollup_vehicles SET ({FREEZING});
DO $$ DECLARE name regclass; BEGIN
  FOR name IN SELECT inhrelid FROM pg_inherits WHERE inhparent IN ('report'::regclass, 'vehicles'::regclass) LOOP
    EXECUTE format('ALTER TABLE %s SET ({FREEZING})', name);
  END LOOP;
END $$;
"""
"""For a store without them: indexes that answer alone, tables that are vacuumed in time. Minutes for a large store."""
SET_ASIDE = for_postgres(common.SET_ASIDE) + alerts.POSTGRES_VERDICTS
"""Reports that were set aside because they were ahead of the centre's clock (see collector.store.ahead) or because the
run `counted_run_id` had watched their time (see collector.store.overlaps), and whose numbers a journal holds (see
collector.protocol.identity)."""
STILLS = "ALTER TABLE zone_report ADD COLUMN pictures BIGINT; ALTER TABLE rollup_zone ADD COLUMN pictures BIGINT;"
"""On how many stills a report stands; null: frames are followed."""
NEWEST = alerts.POSTGRES_CONVOYS
"""What version 5 has and version 4 has not."""
UPGRADES = {
    1: "ALTER TABLE device ADD COLUMN time_zone TEXT, ADD COLUMN hours_ms BIGINT, ADD COLUMN days_ms BIGINT;"
    + ROLLUPS
    + alerts.POSTGRES
    + COVERING
    + ADD_ZONES
    + ADD_PACKING
    + SET_ASIDE
    + NEWEST,
    2: "".join(f"{statement};" for statement in alerts.LOOKED)
    + COVERING
    + ADD_ZONES
    + ADD_PACKING
    + SET_ASIDE
    + NEWEST,
    3: SET_ASIDE + NEWEST + STILLS,
    4: NEWEST + STILLS,
}
"""By the version that is found: what makes this one of it. Reports are summed up by `Store.rebuild`."""
DEFAULTS = f"""
CREATE TABLE report_default PARTITION OF report DEFAULT WITH ({FREEZING});
CREATE TABLE vehicles_default PARTITION OF vehicles DEFAULT WITH ({FREEZING});
"""
CREATION = (
    TABLES.format(core=for_postgres(common.CORE), rollups=ROLLUPS, zones=ZONES, packing=PACKING, version=VERSION)
    + alerts.POSTGRES
    + DEFAULTS
    + ZONES_DEFAULT
    + SET_ASIDE
    + NEWEST
)
"""All of the statements that make the tables."""


def month_of(start_ms: int) -> tuple[int, int] | None:
    """Year and month (from 1) of the partition; None: the default one."""
    days = start_ms // 86_400_000
    if not -25_000 < days < 100_000:
        return None
    day = datetime.fromtimestamp(days * 86_400, tz=UTC)
    return (day.year, day.month) if MONTHS_FROM <= day.year < MONTHS_UNTIL else None


TABLES_OF_A_MONTH = ("report", "vehicles", "zone_report")


def partition(table: str, month: tuple[int, int]) -> str:
    """The statement that makes the partition of a month."""
    year, number = month
    first = datetime(year, number, 1, tzinfo=UTC)
    after = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
    return (
        f"CREATE TABLE IF NOT EXISTS {table}_{year}_{number:02} PARTITION OF {table}"
        f" FOR VALUES FROM ({int(first.timestamp())}000) TO ({int(after.timestamp())}000)"
        f" WITH ({FREEZING})"
    )
