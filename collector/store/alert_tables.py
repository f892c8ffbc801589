"""The tables of alerts, verdicts, models and convoys, in both kinds of store.

`alert` is an alert of the collector, `telling` a notification about it, `delivery` the state of that notification in
one channel; `alert_state` is the state of the rules, `device_alert` an alert of a device.
"""

from collector.store.common_tables import for_postgres, for_sqlite

_TABLES = (
    """CREATE TABLE device_alert (
      id {key},
      device_id {big} NOT NULL REFERENCES device,
      run TEXT NOT NULL, at_ms {big} NOT NULL, kind TEXT NOT NULL,
      line TEXT NOT NULL, direction TEXT NOT NULL, class TEXT NOT NULL,
      before_ms {big}, reason TEXT NOT NULL, received_ms {big} NOT NULL,
      jpeg {bytes},
      looked INT NOT NULL,          -- 1: the rules have evaluated it
      UNIQUE (device_id, run, at_ms, kind, line, direction, class)
    )""",
    "CREATE INDEX device_alert_new ON device_alert (device_id) WHERE looked = 0",
    """CREATE TABLE alert (
      id {key},
      site TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
      device TEXT NOT NULL, line TEXT NOT NULL, direction TEXT NOT NULL, class TEXT NOT NULL, zone TEXT NOT NULL,
      at_ms {big} NOT NULL,         -- when it began
      until_ms {big},               -- when it ended; null while it lasts
      opened_ms {big} NOT NULL, updated_ms {big} NOT NULL, closed_ms {big},
      reason TEXT NOT NULL, ending TEXT NOT NULL, figures TEXT NOT NULL, evidence TEXT NOT NULL,
      times INT NOT NULL,           -- how often it was opened
      fate TEXT NOT NULL,           -- told, suppressed, late, withdrawn
      acknowledged_ms {big}, acknowledged_by TEXT NOT NULL, note TEXT NOT NULL
    )""",
    "CREATE INDEX alert_subject ON alert (site, kind, subject, at_ms)",
    "CREATE INDEX alert_open ON alert (closed_ms, opened_ms)",
    """CREATE TABLE alert_picture (
      alert_id {big} PRIMARY KEY REFERENCES alert,
      jpeg {bytes} NOT NULL
    )""",
    """CREATE TABLE alert_state (
      site TEXT NOT NULL,           -- empty: of all sites
      name TEXT NOT NULL,
      state TEXT NOT NULL,
      PRIMARY KEY (site, name)
    )""",
    """CREATE TABLE telling (
      id {key},
      site TEXT NOT NULL,
      alert_id {big} REFERENCES alert,  -- null: a digest
      event TEXT NOT NULL,          -- opened, closed, digest
      created_ms {big} NOT NULL,
      fate TEXT NOT NULL,           -- told, suppressed, digested
      text TEXT NOT NULL
    )""",
    "CREATE INDEX telling_time ON telling (site, created_ms)",
    "CREATE INDEX telling_alert ON telling (alert_id)",
    """CREATE TABLE delivery (
      telling_id {big} NOT NULL REFERENCES telling,
      channel TEXT NOT NULL,
      state TEXT NOT NULL,          -- waiting, sending, sent, failed, unsure
      attempts INT NOT NULL,
      due_ms {big} NOT NULL,
      done_ms {big},
      error TEXT NOT NULL,
      PRIMARY KEY (telling_id, channel)
    )""",
    "CREATE INDEX delivery_due ON delivery (state, due_ms)",
)
_VERDICTS = (
    """CREATE TABLE verdict (          -- what people say about crossings, see collector.store.verdicts
      id {key},
      device_id {big} NOT NULL REFERENCES device,
      run TEXT NOT NULL, line TEXT NOT NULL, at_ms {big} NOT NULL,  -- the crossing
      seq {big},                    -- of its report; null: the report had not arrived
      direction TEXT NOT NULL, class TEXT NOT NULL,   -- as it was counted; empty: not known
      alert_id {big},               -- of the alert about it, if there was one
      said TEXT NOT NULL, said_by TEXT NOT NULL, said_ms {big} NOT NULL,
      heard INT NOT NULL,           -- 0: its device has not acknowledged it
      UNIQUE (device_id, run, line, at_ms, said_by, said_ms)
    )""",
    "CREATE INDEX verdict_alert ON verdict (alert_id)",
    "CREATE INDEX verdict_untold ON verdict (device_id) WHERE heard = 0",
    """CREATE TABLE model_change (     -- changes of a device's version, models or configuration
      id {key},
      device_id {big} NOT NULL REFERENCES device,
      run TEXT NOT NULL,            -- the first run with them
      since_ms {big} NOT NULL,      -- when the `info` with them arrived
      version TEXT NOT NULL, model TEXT NOT NULL, naming TEXT NOT NULL, configuration TEXT NOT NULL
    )""",
    "CREATE INDEX model_change_device ON model_change (device_id, id)",
    """CREATE TABLE model_factor (
      device_id {big} NOT NULL REFERENCES device,
      from_name TEXT NOT NULL, to_name TEXT NOT NULL, class TEXT NOT NULL,
      factor {real} NOT NULL, low {real} NOT NULL, high {real} NOT NULL,
      PRIMARY KEY (device_id, from_name, to_name, class)
    )""",
    "ALTER TABLE device_alert ADD COLUMN share {real}",  # null: the device does not know how often its model errs
    "ALTER TABLE device_alert ADD COLUMN likely INT NOT NULL DEFAULT 0",  # 1: not certain enough for an alert
)
_CONVOYS = (
    """CREATE TABLE convoy (           -- see collector.store.convoys
      id {key},
      device_id {big} NOT NULL REFERENCES device,
      run TEXT NOT NULL, number {big} NOT NULL,
      line TEXT NOT NULL, direction TEXT NOT NULL,
      since_ms {big} NOT NULL, until_ms {big} NOT NULL,   -- its first and its last vehicle
      vehicles {big} NOT NULL, classes TEXT NOT NULL,     -- class -> vehicles, as JSON
      gap_min_ms {big} NOT NULL, gap_p50_ms {big} NOT NULL, gap_max_ms {big} NOT NULL,
      headway_ms {big} NOT NULL,
      began TEXT NOT NULL, ended TEXT NOT NULL,
      received_ms {big} NOT NULL,
      looked INT NOT NULL,          -- 1: the rules have evaluated it
      UNIQUE (device_id, run, number)
    )""",
    "CREATE INDEX convoy_time ON convoy (device_id, since_ms)",
    "CREATE INDEX convoy_new ON convoy (device_id) WHERE looked = 0",
)
LOOKED = (
    "ALTER TABLE device_alert ADD COLUMN looked INT NOT NULL DEFAULT 1",
    "CREATE INDEX device_alert_new ON device_alert (device_id) WHERE looked = 0",
)
"""What an older store lacks, which remembered the id of the last alert that was evaluated."""
TABLES = ("delivery", "telling", "alert_picture", "alert_state", "alert", "device_alert")
"""Their names, those that refer to others first."""


SQLITE, SQLITE_VERDICTS, SQLITE_CONVOYS = for_sqlite(_TABLES), for_sqlite(_VERDICTS), for_sqlite(_CONVOYS)
POSTGRES, POSTGRES_VERDICTS, POSTGRES_CONVOYS = for_postgres(_TABLES), for_postgres(_VERDICTS), for_postgres(_CONVOYS)
