"""The tables of an outbox. A file of an older version is upgraded in one transaction when it is opened."""

APPLICATION_ID = 0x43524F42  # "CROB", in the header of the file
VERSION = 2

SCHEMA = """
CREATE TABLE letter (
  number INTEGER PRIMARY KEY,
  seq INTEGER UNIQUE,         -- null: no report
  address TEXT NOT NULL,      -- site/device/channel: the topic without its root
  payload BLOB NOT NULL,
  stored_ms INTEGER NOT NULL,
  sent INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX letter_unsent ON letter (number) WHERE sent = 0;
CREATE INDEX letter_sent ON letter (number) WHERE sent = 1;
CREATE TABLE ledger (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  journal TEXT NOT NULL,         -- the one that the next report belongs to
  number_next INTEGER NOT NULL DEFAULT 1,
  seq_next INTEGER NOT NULL DEFAULT 1,
  bytes_held INTEGER NOT NULL DEFAULT 0,
  forgotten INTEGER NOT NULL DEFAULT 0,
  dropped INTEGER NOT NULL DEFAULT 0,
  since_ms INTEGER, as_of_ms INTEGER,
  watched_ms INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE total (
  line TEXT, direction TEXT, class TEXT, vehicles INTEGER NOT NULL,
  PRIMARY KEY (line, direction, class)
) WITHOUT ROWID;
CREATE TABLE run (
  name TEXT PRIMARY KEY,
  reports INTEGER NOT NULL, posts INTEGER NOT NULL,
  last INTEGER NOT NULL       -- number of its last letter
) WITHOUT ROWID;
CREATE INDEX run_last ON run (last);
CREATE TABLE note (name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
"""
"""Version 1; a new file gets the upgrades, too."""

UPGRADES = {
    1: """
CREATE TABLE segment (
  first INTEGER PRIMARY KEY,     -- a `seq`; up to the one before the next row's
  journal TEXT NOT NULL,
  shift INTEGER NOT NULL,        -- the number in the journal is seq - shift
  owner TEXT NOT NULL,           -- site/device; empty: not known
  restamped INTEGER NOT NULL     -- letters up to this seq were written under another journal
);
INSERT INTO segment SELECT 1, journal, 0, '', 0 FROM ledger;
ALTER TABLE letter ADD COLUMN run TEXT;            -- null in letters of version 1
ALTER TABLE letter ADD COLUMN corrected INTEGER;   -- null: never sent; else whether it was sent with its time corrected
CREATE INDEX letter_lane ON letter (address, number) WHERE sent = 0;
CREATE INDEX letter_report ON letter (seq) WHERE sent = 0 AND seq IS NOT NULL;
DROP INDEX letter_sent;
CREATE INDEX letter_done ON letter (number) WHERE sent > 0;
CREATE INDEX letter_aside ON letter (address) WHERE sent = 2;
ALTER TABLE ledger ADD COLUMN lived_ms INTEGER NOT NULL DEFAULT 0;
UPDATE ledger SET lived_ms = ifnull((SELECT stored_ms FROM letter ORDER BY number DESC LIMIT 1), 0);
CREATE TABLE correction (
  number INTEGER PRIMARY KEY,
  run TEXT NOT NULL UNIQUE,
  offset_ms INTEGER NOT NULL    -- what its times need
);
CREATE TABLE lost (kind TEXT PRIMARY KEY, letters INTEGER NOT NULL) WITHOUT ROWID;  -- letters that are no reports
""",
}
"""From a version to the next. `letter.sent`: 0 waits, 1 sent, 2 set aside (larger than the broker takes).

`letter.stored_ms` and `ledger.lived_ms` are times lived: milliseconds that a process with this outbox ran.
"""
