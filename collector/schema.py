"""The tables of the collector's store, version 1."""

APPLICATION_ID = 0x43524F53  # "CROS", in the header of the file
VERSION = 1
TABLES = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
CREATE TABLE device (id INTEGER PRIMARY KEY, site TEXT NOT NULL, device TEXT NOT NULL, UNIQUE (site, device));
CREATE TABLE series (
  id INTEGER PRIMARY KEY,
  device_id INTEGER NOT NULL REFERENCES device,
  line TEXT NOT NULL, direction TEXT NOT NULL, class TEXT NOT NULL,
  UNIQUE (device_id, line, direction, class)
);
CREATE TABLE layout (
  id INTEGER PRIMARY KEY,
  device_id INTEGER NOT NULL REFERENCES device,
  series TEXT NOT NULL,       -- the ids of its series, sorted
  UNIQUE (device_id, series)
);
CREATE TABLE layout_series (
  layout_id INTEGER NOT NULL REFERENCES layout,
  series_id INTEGER NOT NULL REFERENCES series,
  PRIMARY KEY (layout_id, series_id)
) WITHOUT ROWID;
CREATE TABLE report (
  id INTEGER PRIMARY KEY,
  device_id INTEGER NOT NULL REFERENCES device,
  run TEXT NOT NULL, seq INTEGER NOT NULL,
  start_ms INTEGER NOT NULL, width_ms INTEGER NOT NULL, watched_ms INTEGER NOT NULL,
  layout_id INTEGER REFERENCES layout,    -- null: blind
  received_ms INTEGER NOT NULL,
  payload BLOB NOT NULL,
  UNIQUE (device_id, run, seq)
);
CREATE INDEX report_time ON report (device_id, start_ms, width_ms, watched_ms, layout_id);
CREATE TABLE vehicles (
  series_id INTEGER NOT NULL REFERENCES series,
  start_ms INTEGER NOT NULL,
  report_id INTEGER NOT NULL REFERENCES report,
  number INTEGER NOT NULL CHECK (number > 0),
  PRIMARY KEY (series_id, start_ms, report_id)
) WITHOUT ROWID;
CREATE TABLE refusal (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  received_ms INTEGER NOT NULL, topic TEXT NOT NULL, reason TEXT NOT NULL, payload BLOB NOT NULL
);
"""
