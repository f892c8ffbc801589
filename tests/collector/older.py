"""Stores as an older version left them, made from one of today by taking away what is newer."""

import sqlite3
from contextlib import closing
from pathlib import Path

ROLLUPS = (
    "rollup_watched",
    "rollup_vehicles",
    "device_alert",
    "alert",
    "alert_picture",
    "alert_state",
    "telling",
    "delivery",
)
"""The tables that came with the roll-ups, in version 3 of SQLite and 2 of PostgreSQL."""
ROLLUP_COLUMNS = ("time_zone", "hours_ms", "days_ms")
"""Of `device`."""
SAYINGS = ("verdict", "model_change", "model_factor")
"""The tables of what people say, and of models."""
NEWEST = ("convoy",)
"""The tables of the newest version only."""
ZONES = ("rollup_zone", "zone_report", "zone", "packed", "set_aside", "lineage", *SAYINGS, *NEWEST)
"""The tables that came after that."""
CALL_COLUMNS = ("share", "likely")
"""Of `device_alert`, after that."""
ZONE_COLUMNS = ("zones_filled", "unpacked_ms")


def make_sqlite_older(path: Path, version: int) -> None:
    """Of version 2 to 5; of older ones than 5 nothing in it may be packed or set aside."""
    if version in (4, 5):
        with closing(sqlite3.connect(path)) as database:
            for table in ("zone_report", "rollup_zone"):
                database.execute(f"ALTER TABLE {table} DROP COLUMN pictures")
            database.execute(f"PRAGMA user_version = {version}")
            for table in NEWEST if version == 5 else ("set_aside", "lineage", *SAYINGS, *NEWEST):
                database.execute(f"DROP TABLE {table}")
            for column in () if version == 5 else CALL_COLUMNS:
                database.execute(f"ALTER TABLE device_alert DROP COLUMN {column}")
        return
    tables, columns = _newer(first=version == 2)
    database = sqlite3.connect(path)
    database.execute("DROP VIEW unpacked")
    for table in tables:
        database.execute(f"DROP TABLE {table}")
    for column in columns:
        database.execute(f"ALTER TABLE device DROP COLUMN {column}")
    if version == 3:
        database.execute("DROP INDEX device_alert_new")
        for column in ("looked", *CALL_COLUMNS):
            database.execute(f"ALTER TABLE device_alert DROP COLUMN {column}")
    database.execute(f"PRAGMA user_version = {version}")
    database.close()


def make_postgres_older(url: str, version: int) -> None:
    """Of version 1 to 4; of older ones than 4 nothing in it may be packed or set aside."""
    import psycopg  # noqa: PLC0415

    tables, columns = _newer(first=version == 1)
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("SET search_path TO crossing")
        if version in (3, 4):
            database.execute(f"DROP TABLE {', '.join(NEWEST)}")
            for table in ("zone_report", "rollup_zone"):
                database.execute(f"ALTER TABLE {table} DROP COLUMN pictures")
            database.execute(f"UPDATE version SET version = {version}")
        if version == 4:
            return
        if version == 3:
            database.execute("DROP TABLE set_aside, lineage, verdict, model_change, model_factor")
            database.execute("ALTER TABLE device_alert DROP COLUMN share, DROP COLUMN likely")
            return
        database.execute("DROP VIEW unpacked")
        database.execute(
            "UPDATE report SET payload = message.payload FROM message"
            " WHERE report.run_id = message.run_id AND report.seq = message.seq"
        )
        database.execute("ALTER TABLE report ALTER COLUMN payload SET NOT NULL")
        database.execute("DROP INDEX report_unpacked")
        database.execute(f"DROP TABLE {', '.join(('message', *tables))} CASCADE")
        database.execute(f"ALTER TABLE device {', '.join(f'DROP COLUMN {name}' for name in columns)}")
        if version == 2:
            database.execute("ALTER TABLE device_alert DROP COLUMN looked, DROP COLUMN share, DROP COLUMN likely")
        database.execute(f"UPDATE version SET version = {version}")


def _newer(*, first: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return ((*ROLLUPS, *ZONES), (*ROLLUP_COLUMNS, *ZONE_COLUMNS)) if first else (ZONES, ZONE_COLUMNS)
