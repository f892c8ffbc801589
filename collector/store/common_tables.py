"""Tables that are the same in both kinds of store, as templates.

In a template `{key}` is a primary key that the database numbers, `{counter}` one whose numbers are never used again,
`{big}` and `{int}` are whole numbers of 64 and 32 bits, `{real}` a floating-point number, `{bytes}` bytes; `{rowless}`
makes SQLite store the rows in the index of their key.
"""

from collections.abc import Sequence

_SQLITE = {
    "key": "INTEGER PRIMARY KEY",
    "counter": "INTEGER PRIMARY KEY AUTOINCREMENT",
    "big": "INTEGER",
    "int": "INTEGER",
    "real": "REAL",
    "bytes": "BLOB",
    "rowless": " WITHOUT ROWID",
}
_IDENTITY = "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
_POSTGRES = {
    "key": _IDENTITY,
    "counter": _IDENTITY,
    "big": "BIGINT",
    "int": "INT",
    "real": "DOUBLE PRECISION",
    "bytes": "BYTEA",
    "rowless": "",
}


def for_sqlite(templates: Sequence[str]) -> tuple[str, ...]:
    """One statement each."""
    return tuple(template.format(**_SQLITE) for template in templates)


def for_postgres(templates: Sequence[str]) -> str:
    """All statements in one text."""
    return "".join(f"{template.format(**_POSTGRES)};\n" for template in templates)


CORE = (
    """CREATE TABLE device (
      id {key},
      site TEXT NOT NULL, device TEXT NOT NULL,
      heard_ms {big},             -- when its last message arrived
      newest_start_ms {big}, newest_width_ms {big}, late_ms {big},
      worst_ms {big}, worst_at_ms {big}, clock_synced {int},
      time_zone TEXT, hours_ms {big}, days_ms {big},    -- of its roll-ups
      zones_filled {int} NOT NULL DEFAULT 1,  -- 0: `zone_report` lacks reports from before that table existed
      unpacked_ms {big},          -- the day from which on there are messages to be packed
      UNIQUE (site, device)
    )""",
    """CREATE TABLE run (
      id {key},
      device_id {big} NOT NULL REFERENCES device, name TEXT NOT NULL,
      UNIQUE (device_id, name)
    )""",
    """CREATE TABLE series (
      id {key},
      device_id {big} NOT NULL REFERENCES device,
      line TEXT NOT NULL, direction TEXT NOT NULL, class TEXT NOT NULL,
      UNIQUE (device_id, line, direction, class)
    )""",
    """CREATE TABLE layout (
      id {key},
      device_id {big} NOT NULL REFERENCES device,
      digest TEXT NOT NULL,         -- of the ids of its series, sorted
      UNIQUE (device_id, digest)
    )""",
    """CREATE TABLE layout_series (
      layout_id {big} NOT NULL REFERENCES layout,
      series_id {big} NOT NULL REFERENCES series,
      PRIMARY KEY (layout_id, series_id)
    ){rowless}""",
    """CREATE TABLE journal (
      id {key},
      device_id {big} NOT NULL REFERENCES device,
      name TEXT NOT NULL,                     -- empty: the device names none
      high {big} NOT NULL DEFAULT 0,        -- the highest number known to have been sent
      UNIQUE (device_id, name)
    )""",
    """CREATE TABLE missing (
      journal_id {big} NOT NULL REFERENCES journal,
      first {big} NOT NULL, last {big} NOT NULL,
      since_ms {big} NOT NULL, due_ms {big} NOT NULL,
      asked {int} NOT NULL, asked_ms {big},
      gone {int} NOT NULL,                  -- 1: the device no longer has them
      PRIMARY KEY (journal_id, first)
    ){rowless}""",
    "CREATE INDEX missing_due ON missing (gone, due_ms)",
    """CREATE TABLE said (
      device_id {big} NOT NULL REFERENCES device,
      channel TEXT NOT NULL,                  -- status, info, total, health: the last of each
      received_ms {big} NOT NULL,
      payload {bytes} NOT NULL,
      PRIMARY KEY (device_id, channel)
    ){rowless}""",
    """CREATE TABLE refusal (
      id {counter},
      received_ms {big} NOT NULL, topic TEXT NOT NULL, reason TEXT NOT NULL, payload {bytes} NOT NULL
    )""",
)
"""What reports and devices refer to, what a device said last, and what is missing."""
ZONE = (
    """CREATE TABLE zone (
      id {key},
      device_id {big} NOT NULL REFERENCES device, name TEXT NOT NULL,
      UNIQUE (device_id, name)
    )""",
)
"""Queue zones."""
PACKED = (
    """CREATE TABLE packed (         -- see collector.store.packing
      device_id {big} NOT NULL REFERENCES device, day_ms {big} NOT NULL, number {int} NOT NULL,
      reports {int} NOT NULL,
      messages {bytes},                -- null: deleted
      PRIMARY KEY (device_id, day_ms, number)
    )""",
    "CREATE INDEX packed_day ON packed (day_ms) WHERE messages IS NOT NULL",
)
"""Blocks of messages that are packed."""
SET_ASIDE = (
    """CREATE TABLE set_aside (        -- see collector.store.ahead and collector.store.overlaps
      run_id {big} NOT NULL REFERENCES run, seq {big} NOT NULL,
      device_id {big} NOT NULL REFERENCES device,
      start_ms {big} NOT NULL, width_ms {big} NOT NULL, watched_ms {big} NOT NULL,
      received_ms {big} NOT NULL,
      aside_ms {big} NOT NULL,    -- when it was set aside
      counted_run_id {big} REFERENCES run,  -- which had watched that time; null: it was ahead
      payload {bytes} NOT NULL,
      PRIMARY KEY (run_id, seq)
    )""",
    "CREATE INDEX set_aside_device ON set_aside (device_id, counted_run_id, aside_ms)",
    """CREATE TABLE lineage (          -- of a journal, see collector.protocol.identity
      journal_id {big} PRIMARY KEY REFERENCES journal,
      first {big} NOT NULL DEFAULT 1,       -- the number with which it begins
      begun_ms {big}, told_ms {big},      -- when the first and the last total under it arrived
      others {big} NOT NULL DEFAULT 0, other_ms {big},  -- reports under a number of another run; when the last arrived
      doubt {big}                           -- a number of which the device is asked whether it gave it
    )""",
    "CREATE INDEX lineage_doubt ON lineage (journal_id) WHERE doubt IS NOT NULL",
)
"""Reports that count in no sum, and to which device the numbers of a journal belong."""
