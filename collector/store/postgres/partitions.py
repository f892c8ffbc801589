"""The partitions of the store in PostgreSQL: made when first needed; those of messages are dropped when empty."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import sql

from collector.store.postgres.schema import TABLES_OF_A_MONTH, month_of, partition

CREATING = 0x43524F53
"""The advisory lock under which tables and partitions are made."""
DROP_WAIT_MS = 200
"""For the lock to drop a partition; whoever comes meanwhile waits as long."""


class Partitions:
    """What of them is known to be there, of one connection."""

    def __init__(self, database: "psycopg.Connection[tuple[Any, ...]]") -> None:
        self._database = database
        self._months: set[tuple[int, int]] = set()
        self._today: int | None = None

    def make(self, starts_ms: Iterable[int], today: int) -> None:
        """For reports that start then and come on that day (since 1970); outside of the transaction that stores them.

        One statement at a time: each locks one table, and nothing else.
        """
        if today != self._today:
            of_day = f"CREATE TABLE IF NOT EXISTS message_{today} PARTITION OF message FOR VALUES IN ({today})"
            with suppress(psycopg.errors.CheckViolation):  # the default partition has some of that day: so it goes on
                self._make(f"message_{today}", of_day)
            self._today = today
        months = {month_of(start_ms) for start_ms in starts_ms}
        for month in sorted(month for month in months if month is not None and month not in self._months):
            for table in TABLES_OF_A_MONTH:
                self._make(f"{table}_{month[0]}_{month[1]:02}", partition(table, month))
            self._months.add(month)

    def drop_empty(self, before_day: int) -> None:
        """Of earlier days, those whose messages are all packed; one that is read just now stays until the next time."""
        query = "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = 'message'::regclass"
        for (name,) in self._database.execute(query).fetchall():
            day = name.removeprefix("message_")
            if day.isdecimal() and int(day) < before_day:
                with suppress(psycopg.errors.LockNotAvailable), self._database.transaction():
                    self._drop(sql.Identifier(name))

    def _drop(self, name: sql.Identifier) -> None:
        self._database.execute(f"SET LOCAL lock_timeout = {DROP_WAIT_MS}")
        self._database.execute("LOCK TABLE message IN ACCESS EXCLUSIVE MODE")
        if not self._database.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(name)).fetchall():
            self._database.execute(sql.SQL("DROP TABLE {}").format(name))

    def _make(self, name: str, statement: str) -> None:
        query = f"SELECT to_regclass('crossing.{name}') IS NOT NULL"
        if self._database.execute(sql.SQL(query)).fetchall() != [(True,)]:
            with self._database.transaction():
                self._database.execute("SELECT pg_advisory_xact_lock(%s)", (CREATING,))
                self._database.execute(sql.SQL(statement))
