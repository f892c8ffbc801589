"""The tables of the collector's store in SQLite, version 6, and how an older store becomes one."""

from collector.store import alert_tables as alerts
from collector.store import common_tables as common
from collector.store.common_tables import for_sqlite

APPLICATION_ID = 0x43524F53  # "CROS", in the header of the file
VERSION = 6
_ROLLUPS = (  # level 1: hours, 2: days; layout_id 0: blind
    """CREATE TABLE rollup_watched (
      level INTEGER NOT NULL, device_id INTEGER NOT NULL REFERENCES device,
      start_ms INTEGER NOT NULL, layout_id INTEGER NOT NULL,
      watched_ms INTEGER NOT NULL, reported_ms INTEGER NOT NULL, reports INTEGER NOT NULL,
      PRIMARY KEY (level, device_id, start_ms, layout_id)
    ) WITHOUT ROWID""",
    """CREATE TABLE rollup_vehicles (
      level INTEGER NOT NULL, series_id INTEGER NOT NULL REFERENCES series,
      start_ms INTEGER NOT NULL, number INTEGER NOT NULL,
      PRIMARY KEY (level, series_id, start_ms)
    ) WITHOUT ROWID""",
)
_ZONES = (  # in the order of collector.store.zone_sums.ZoneSums
    *for_sqlite(common.ZONE),
    """CREATE TABLE zone_report (
      zone_id INTEGER NOT NULL REFERENCES zone, start_ms INTEGER NOT NULL,
      watched_ms INTEGER NOT NULL, standing_ms INTEGER NOT NULL, standing_max INTEGER NOT NULL,
      entered INTEGER NOT NULL, departed INTEGER NOT NULL, waited INTEGER NOT NULL,
      wait_p50_ms INTEGER NOT NULL, wait_p90_ms INTEGER NOT NULL, wait_max_ms INTEGER NOT NULL, queue_m REAL,
      end_seq INTEGER NOT NULL, end_run_id INTEGER NOT NULL,
      standing_end INTEGER NOT NULL, parked_end INTEGER NOT NULL, pictures INTEGER,
      PRIMARY KEY (zone_id, start_ms, end_seq, end_run_id)
    ) WITHOUT ROWID""",
    """CREATE TABLE rollup_zone (
      level INTEGER NOT NULL, zone_id INTEGER NOT NULL REFERENCES zone, start_ms INTEGER NOT NULL,
      reports INTEGER NOT NULL, watched_ms INTEGER NOT NULL,
      standing_ms INTEGER NOT NULL, standing_max INTEGER NOT NULL,
      entered INTEGER NOT NULL, departed INTEGER NOT NULL, waited INTEGER NOT NULL,
      wait_p50_ms INTEGER NOT NULL, wait_p90_ms INTEGER NOT NULL, wait_max_ms INTEGER NOT NULL, queue_m REAL,
      end_ms INTEGER NOT NULL, end_seq INTEGER NOT NULL, end_run_id INTEGER NOT NULL,
      standing_end INTEGER NOT NULL, parked_end INTEGER NOT NULL, pictures INTEGER,
      PRIMARY KEY (level, zone_id, start_ms)
    ) WITHOUT ROWID""",
)
_PACKING = (
    *for_sqlite(common.PACKED),
    """CREATE VIEW unpacked AS SELECT device_id, run_id, seq, start_ms, payload FROM report WHERE payload <> x''""",
)
SET_ASIDE = (
    *for_sqlite(common.SET_ASIDE),
    *alerts.SQLITE_VERDICTS,
)
STILLS = (
    "ALTER TABLE zone_report ADD COLUMN pictures INTEGER",
    "ALTER TABLE rollup_zone ADD COLUMN pictures INTEGER",
)
"""On how many stills a report stands; null: frames are followed."""
NEWEST = alerts.SQLITE_CONVOYS
"""What version 6 has and version 5 has not."""
_NEWER = (
    "ALTER TABLE device ADD COLUMN zones_filled INTEGER NOT NULL DEFAULT 1",
    "UPDATE device SET zones_filled = 0",
    *_ZONES,
    "ALTER TABLE device ADD COLUMN unpacked_ms INTEGER",
    "UPDATE device SET unpacked_ms = (SELECT min(start_ms) FROM report WHERE device_id = device.id)",
    *_PACKING,
    *SET_ASIDE,
    *NEWEST,
)
"""Zones, what is packed, what is set aside, and what is newest, to a store that has none of them."""
UPGRADES = {
    2: (
        "ALTER TABLE device ADD COLUMN time_zone TEXT",
        "ALTER TABLE device ADD COLUMN hours_ms INTEGER",
        "ALTER TABLE device ADD COLUMN days_ms INTEGER",
        *_ROLLUPS,
        *alerts.SQLITE,
        *_NEWER,
    ),
    3: (*alerts.LOOKED, *_NEWER),
    4: (*SET_ASIDE, *NEWEST, *STILLS),
    5: (*NEWEST, *STILLS),
}
"""By the version that is found: what makes this one of it. Reports are summed up by `Store.rebuild`."""
STATEMENTS = (
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {VERSION}",
    *for_sqlite(common.CORE),
    """CREATE TABLE report (
      id INTEGER PRIMARY KEY,
      device_id INTEGER NOT NULL REFERENCES device,
      run_id INTEGER NOT NULL REFERENCES run, seq INTEGER NOT NULL,
      start_ms INTEGER NOT NULL, width_ms INTEGER NOT NULL, watched_ms INTEGER NOT NULL,
      layout_id INTEGER REFERENCES layout,    -- null: blind
      received_ms INTEGER NOT NULL,
      payload BLOB NOT NULL,        -- empty: packed, or kept no more
      UNIQUE (run_id, seq)
    )""",
    "CREATE INDEX report_time ON report (device_id, start_ms, width_ms, watched_ms, layout_id)",
    """CREATE TABLE vehicles (
      series_id INTEGER NOT NULL REFERENCES series,
      start_ms INTEGER NOT NULL,
      report_id INTEGER NOT NULL REFERENCES report,
      number INTEGER NOT NULL CHECK (number > 0),
      PRIMARY KEY (series_id, start_ms, report_id)
    ) WITHOUT ROWID""",
    *_ROLLUPS,
    *_ZONES,
    *_PACKING,
    *alerts.SQLITE,
    *SET_ASIDE,
    *NEWEST,
)
