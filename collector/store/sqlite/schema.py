"""The tables of the collector's store in SQLite, version 6, and how an older store becomes one."""

from collector.store import alert_tables as alerts

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
    """CREATE TABLE zone (
      id INTEGER PRIMARY KEY,
      device_id INTEGER NOT NULL REFERENCES device, name TEXT NOT NULL,
      UNIQUE (device_id, name)
    )""",
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
    """CREATE TABLE packed (         -- see collector.store.packing
      device_id INTEGER NOT NULL REFERENCES device, day_ms INTEGER NOT NULL, number INTEGER NOT NULL,
      reports INTEGER NOT NULL,
      messages BLOB,                -- null: kept no more
      PRIMARY KEY (device_id, day_ms, number)
    )""",
    "CREATE INDEX packed_day ON packed (day_ms) WHERE messages IS NOT NULL",
    """CREATE VIEW unpacked AS SELECT device_id, run_id, seq, start_ms, payload FROM report WHERE payload <> x''""",
)
SET_ASIDE = (
    """CREATE TABLE set_aside (        -- see collector.store.ahead and collector.store.overlaps
      run_id INTEGER NOT NULL REFERENCES run, seq INTEGER NOT NULL,
      device_id INTEGER NOT NULL REFERENCES device,
      start_ms INTEGER NOT NULL, width_ms INTEGER NOT NULL, watched_ms INTEGER NOT NULL,
      received_ms INTEGER NOT NULL,
      aside_ms INTEGER NOT NULL,    -- when it was set aside
      counted_run_id INTEGER REFERENCES run,  -- which had watched that time; null: it was ahead
      payload BLOB NOT NULL,
      PRIMARY KEY (run_id, seq)
    )""",
    "CREATE INDEX set_aside_device ON set_aside (device_id, counted_run_id, aside_ms)",
    """CREATE TABLE lineage (          -- of a journal, see collector.protocol.identity
      journal_id INTEGER PRIMARY KEY REFERENCES journal,
      first INTEGER NOT NULL DEFAULT 1,       -- the number with which it begins
      begun_ms INTEGER, told_ms INTEGER,      -- the first and the last total that a device said under it
      others INTEGER NOT NULL DEFAULT 0, other_ms INTEGER,  -- reports under a number that another run had; the last
      doubt INTEGER                           -- a number of which the device is to be asked whether it gave it
    )""",
    "CREATE INDEX lineage_doubt ON lineage (journal_id) WHERE doubt IS NOT NULL",
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
    """CREATE TABLE device (
      id INTEGER PRIMARY KEY,
      site TEXT NOT NULL, device TEXT NOT NULL,
      heard_ms INTEGER,             -- its last sign of life
      newest_start_ms INTEGER, newest_width_ms INTEGER, late_ms INTEGER,
      worst_ms INTEGER, worst_at_ms INTEGER, clock_synced INTEGER,
      time_zone TEXT, hours_ms INTEGER, days_ms INTEGER,    -- of its roll-ups
      zones_filled INTEGER NOT NULL DEFAULT 1,  -- 0: `zone_report` lacks what came before there was one
      unpacked_ms INTEGER,          -- from when on there are messages to be packed
      UNIQUE (site, device)
    )""",
    """CREATE TABLE run (
      id INTEGER PRIMARY KEY,
      device_id INTEGER NOT NULL REFERENCES device, name TEXT NOT NULL,
      UNIQUE (device_id, name)
    )""",
    """CREATE TABLE series (
      id INTEGER PRIMARY KEY,
      device_id INTEGER NOT NULL REFERENCES device,
      line TEXT NOT NULL, direction TEXT NOT NULL, class TEXT NOT NULL,
      UNIQUE (device_id, line, direction, class)
    )""",
    """CREATE TABLE layout (
      id INTEGER PRIMARY KEY,
      device_id INTEGER NOT NULL REFERENCES device,
      digest TEXT NOT NULL,         -- of the ids of its series, sorted
      UNIQUE (device_id, digest)
    )""",
    """CREATE TABLE layout_series (
      layout_id INTEGER NOT NULL REFERENCES layout,
      series_id INTEGER NOT NULL REFERENCES series,
      PRIMARY KEY (layout_id, series_id)
    ) WITHOUT ROWID""",
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
    """CREATE TABLE journal (
      id INTEGER PRIMARY KEY,
      device_id INTEGER NOT NULL REFERENCES device,
      name TEXT NOT NULL,                     -- empty: the device names none
      high INTEGER NOT NULL DEFAULT 0,        -- the highest number known to have been sent
      UNIQUE (device_id, name)
    )""",
    """CREATE TABLE missing (
      journal_id INTEGER NOT NULL REFERENCES journal,
      first INTEGER NOT NULL, last INTEGER NOT NULL,
      since_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL,
      asked INTEGER NOT NULL, asked_ms INTEGER,
      gone INTEGER NOT NULL,                  -- 1: the device holds them no more
      PRIMARY KEY (journal_id, first)
    ) WITHOUT ROWID""",
    "CREATE INDEX missing_due ON missing (gone, due_ms)",
    """CREATE TABLE said (
      device_id INTEGER NOT NULL REFERENCES device,
      channel TEXT NOT NULL,                  -- status, info, total, health: the last of each
      received_ms INTEGER NOT NULL,
      payload BLOB NOT NULL,
      PRIMARY KEY (device_id, channel)
    ) WITHOUT ROWID""",
    """CREATE TABLE refusal (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      received_ms INTEGER NOT NULL, topic TEXT NOT NULL, reason TEXT NOT NULL, payload BLOB NOT NULL
    )""",
    *_ROLLUPS,
    *_ZONES,
    *_PACKING,
    *alerts.SQLITE,
    *SET_ASIDE,
    *NEWEST,
)
