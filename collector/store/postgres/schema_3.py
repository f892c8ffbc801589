"""What version 3 added to the tables in PostgreSQL: queue zones, and messages apart from their reports."""

from collector.store import common_tables as common
from collector.store.common_tables import for_postgres

VACUUM_ROWS = 50_000
FREEZING = f"autovacuum_vacuum_insert_threshold = {VACUUM_ROWS}, autovacuum_vacuum_insert_scale_factor = 0"
"""Of tables that only grow: what is new is vacuumed after so many rows, however large the table is."""
ZONES = f"""
{for_postgres(common.ZONE)}CREATE TABLE zone_report (
  zone_id BIGINT NOT NULL, start_ms BIGINT NOT NULL,
  watched_ms BIGINT NOT NULL, standing_ms BIGINT NOT NULL, standing_max INT NOT NULL,
  entered INT NOT NULL, departed INT NOT NULL, waited INT NOT NULL,
  wait_p50_ms BIGINT NOT NULL, wait_p90_ms BIGINT NOT NULL, wait_max_ms BIGINT NOT NULL, queue_m DOUBLE PRECISION,
  end_seq BIGINT NOT NULL, end_run_id BIGINT NOT NULL,
  standing_end INT NOT NULL, parked_end INT NOT NULL, pictures BIGINT,
  PRIMARY KEY (zone_id, start_ms, end_seq, end_run_id)
) PARTITION BY RANGE (start_ms);
CREATE TABLE rollup_zone (
  level SMALLINT NOT NULL, zone_id BIGINT NOT NULL REFERENCES zone, start_ms BIGINT NOT NULL,
  reports BIGINT NOT NULL, watched_ms BIGINT NOT NULL,
  standing_ms BIGINT NOT NULL, standing_max INT NOT NULL,
  entered BIGINT NOT NULL, departed BIGINT NOT NULL, waited BIGINT NOT NULL,
  wait_p50_ms BIGINT NOT NULL, wait_p90_ms BIGINT NOT NULL, wait_max_ms BIGINT NOT NULL, queue_m DOUBLE PRECISION,
  end_ms BIGINT NOT NULL, end_seq BIGINT NOT NULL, end_run_id BIGINT NOT NULL,
  standing_end INT NOT NULL, parked_end INT NOT NULL, pictures BIGINT,
  PRIMARY KEY (level, zone_id, start_ms)
) WITH ({FREEZING});
"""
ZONES_DEFAULT = f"CREATE TABLE zone_report_default PARTITION OF zone_report DEFAULT WITH ({FREEZING});\n"
ADD_ZONES = f"""
ALTER TABLE device ADD COLUMN zones_filled INT NOT NULL DEFAULT 1;
UPDATE device SET zones_filled = 0;
{ZONES}
DO $$
DECLARE one RECORD;
BEGIN
  FOR one IN SELECT relname, pg_get_expr(relpartbound, oid) AS bound FROM pg_inherits JOIN pg_class ON oid = inhrelid
    WHERE inhparent = 'crossing.report'::regclass AND relpartbound IS NOT NULL
  LOOP
    EXECUTE format('CREATE TABLE %I PARTITION OF zone_report %s WITH ({FREEZING})', 'zone_' || one.relname, one.bound);
  END LOOP;
  IF to_regclass('crossing.zone_report_default') IS NULL THEN
    CREATE TABLE zone_report_default PARTITION OF zone_report DEFAULT WITH ({FREEZING});
  END IF;
END $$;
"""
"""To a store that has none; it gets the partitions that `report` has, because what is there is to be filled in."""
PACKING = f"""
CREATE TABLE message (
  day INT NOT NULL, device_id BIGINT NOT NULL, run_id BIGINT NOT NULL, seq BIGINT NOT NULL, start_ms BIGINT NOT NULL,
  payload BYTEA NOT NULL
) PARTITION BY LIST (day);
CREATE TABLE message_default PARTITION OF message DEFAULT;
CREATE INDEX message_time ON message (device_id, start_ms);
{for_postgres(common.PACKED)}ALTER TABLE packed ALTER COLUMN messages SET STORAGE EXTERNAL;
CREATE INDEX report_unpacked ON report (device_id, start_ms) WHERE payload IS NOT NULL;
CREATE VIEW unpacked AS
  SELECT device_id, run_id, seq, start_ms, payload FROM message
  UNION ALL SELECT device_id, run_id, seq, start_ms, payload FROM report WHERE payload IS NOT NULL;
"""
"""A message is in `message` until it is packed, in a partition for each day (since 1970) on which messages came, that
is dropped when it is empty: what is packed leaves no dead rows. The default partition is for a collector whose day
another one, with a wrong clock, took for long past and dropped. In `report` are those of a store of version 2."""
ADD_PACKING = f"""
ALTER TABLE report ALTER COLUMN payload DROP NOT NULL;
ALTER TABLE device ADD COLUMN unpacked_ms BIGINT;
UPDATE device SET unpacked_ms = (SELECT min(start_ms) FROM report WHERE device_id = device.id);
{PACKING}
"""
"""To a store in whose rows of `report` all messages are."""
