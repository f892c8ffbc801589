"""The store in one SQLite file, for one collector, which is the only process that writes.

Readers open the same file with `write=False`. Everything is done by `execute` and `executemany` of the connection,
which `factory` makes, so that a simulation can interrupt before any statement.
"""

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from collector.domain.limits import DEFAULTS, Limits
from collector.store.dialect import ReportRow, StoredReport
from collector.store.interface import TOO_LONG, StatementError, TooLongError, UnstorableError
from collector.store.sqlite.schema import APPLICATION_ID, STATEMENTS, UPGRADES, VERSION
from collector.store.table_store import TableStore
from collector.store.writer import BatchWriter
from collector.store.zone_rollups import stored
from edge.errors import InputError, WorkError

CACHE_KIB = 65_536
"""Pages of the file that are held in memory."""
BUSY_WAIT_S = 5.0
LOOK_UP_STEPS = 20_000
"""Instructions of SQLite's virtual machine, a millisecond or less, between two checks of the time limit of a query."""
_UNSTORABLE = (sqlite3.DataError, OverflowError, UnicodeError)
"""Values that SQLite cannot hold: too long, beyond 64 bits, text that is not Unicode."""
_STATEMENT = (sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.ProgrammingError, sqlite3.NotSupportedError)
_STATEMENT_CODES = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_READONLY}
"""Of an OperationalError: a table or column that is missing, what must not be written."""


class SqliteStore(TableStore):
    """The store in the file `path`, made where there is none. The last `refusals_max` refusals are kept."""

    def __init__(
        self,
        path: Path,
        *,
        write: bool = True,
        refusals_max: int = 1_000,
        time_zones: Mapping[str, str] = MappingProxyType({}),
        limits: Limits = DEFAULTS,
        factory: type[sqlite3.Connection] = sqlite3.Connection,
    ) -> None:
        self.path = path
        if not write and not path.is_file():
            raise InputError(f"store {path} does not exist")
        with self._connected():
            self._database = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={'rwc' if write else 'ro'}",
                uri=True,
                isolation_level=None,
                timeout=BUSY_WAIT_S,
                factory=factory,
            )
            self._writer = BatchWriter(
                _Tables(self._database), refusals_max=refusals_max, time_zones=time_zones, limits=limits
            )
            try:
                self._prepare(write=write)
            except BaseException:
                self._database.close()
                raise

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def settle(self) -> None:
        """Nothing: pages that became free are taken again."""

    @contextmanager
    def writing(self) -> Iterator["_Tables"]:
        """One transaction that may write: committed when it is left, rolled back where an error leaves it."""
        with self._connected():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield _Tables(self._database)
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:  # a full disk makes SQLite roll back by itself
                    self._database.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self, *, seconds_max: float | None = None) -> Iterator["_Reading"]:
        """One consistent view of the store, whatever is written meanwhile; at most for so long."""
        with self._connected():
            self._database.execute("BEGIN")
            if seconds_max is not None:
                until_s = time.monotonic() + seconds_max
                self._database.set_progress_handler(lambda: time.monotonic() > until_s, LOOK_UP_STEPS)
            try:
                yield _Reading(self._database)
            finally:
                self._database.set_progress_handler(None, 0)
                self._database.execute("ROLLBACK")

    def _prepare(self, *, write: bool) -> None:
        self._database.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        (application,) = self._database.execute("PRAGMA application_id").fetchone()
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        (tables,) = self._database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        known = application == APPLICATION_ID and (version == VERSION or (write and version in UPGRADES))
        if application == APPLICATION_ID and version in UPGRADES and not write:
            raise InputError(
                f"store {self.path} is of version {version}; `crossing-collector run` brings it to version {VERSION}"
            )
        if application == APPLICATION_ID and version > VERSION:
            raise InputError(
                f"store {self.path} is of version {version}, of a newer collector; this one reads {VERSION}"
            )
        if tables and not known:
            raise InputError(f"store {self.path} is not a collector's store of version {VERSION}")
        if write:
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            if not tables:
                self._database.execute("BEGIN IMMEDIATE")
                for statement in STATEMENTS:
                    self._database.execute(statement)
                self._database.execute("COMMIT")
            elif version != VERSION:
                self._database.execute("BEGIN IMMEDIATE")
                for statement in (*UPGRADES[version], f"PRAGMA user_version = {VERSION}"):
                    self._database.execute(statement)
                self._database.execute("COMMIT")
        elif not tables:
            raise InputError(f"store {self.path} is empty")

    @contextmanager
    def _connected(self) -> Iterator[None]:
        try:
            yield
        except _UNSTORABLE as error:
            raise UnstorableError(f"store {self.path} cannot hold it: {error}") from error
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", None)
            if isinstance(error, _STATEMENT) or (code is not None and code & 0xFF in _STATEMENT_CODES):
                raise StatementError(f"store {self.path} refuses a statement of the collector: {error}") from error
            if code == sqlite3.SQLITE_NOTADB:
                raise InputError(f"store {self.path} is not a collector's store, nor any SQLite file") from error
            if code == sqlite3.SQLITE_INTERRUPT:
                raise TooLongError(TOO_LONG) from error
            raise WorkError(f"store {self.path} cannot be used: {error}") from error


class _Reading:
    has_lateral = False
    keys = "report"

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def rows(self, query: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return self._database.execute(query, parameters).fetchall()


class _Tables:
    """`Tables` in SQLite. BEGIN IMMEDIATE has locked the whole file, so rows need no locks of their own."""

    holding = ""
    keys = "report"

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._database.execute(query, parameters).fetchall()

    def many(self, query: str, rows: Sequence[Sequence[Any]]) -> None:
        self._database.executemany(query, rows)

    def rows_of(self, query: str, numbers: Sequence[int]) -> list[tuple[Any, ...]]:
        if len(numbers) == 1:
            return self.rows(query.format(numbers="(?)"), numbers)
        return self.rows(query.format(numbers="(SELECT value FROM json_each(?))"), (json.dumps(numbers),))

    def fill(self, statement: str, numbers: Sequence[int]) -> None:
        self.rows_of(statement, numbers)

    def known(self, wanted: dict[int, list[int]]) -> list[StoredReport]:
        query = "SELECT device_id, run_id, seq, start_ms, width_ms, watched_ms, payload FROM report WHERE run_id = ?"
        found = []
        for run_id, numbers in wanted.items():
            first, last = min(numbers), max(numbers)
            if last - first < 2 * len(numbers):
                found += self.rows(f"{query} AND seq BETWEEN ? AND ?", (run_id, first, last))
            else:
                found += self.rows(
                    f"{query} AND seq IN (SELECT value FROM json_each(?))", (run_id, json.dumps(numbers))
                )
        return [StoredReport(*row) for row in found]

    def numbers(self, run_id: int, first: int, last: int) -> list[int]:
        query = "SELECT seq FROM report WHERE run_id = ? AND seq BETWEEN ? AND ?"
        return [seq for (seq,) in self.rows(query, (run_id, first, last))]

    def add(self, reports: Sequence[ReportRow]) -> None:
        ((next_id,),) = self.rows("SELECT coalesce(max(id), 0) + 1 FROM report")
        self.many(
            "INSERT INTO report VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(id_, *report[:9]) for id_, report in enumerate(reports, next_id)],
        )
        self.many(
            "INSERT INTO vehicles VALUES (?, ?, ?, ?)",
            [
                (series, report.start_ms, id_, number)
                for id_, report in enumerate(reports, next_id)
                for series, number in report.counts
            ],
        )
        if zones := [stored(*one) for report in reports for one in report.zones]:
            self.many(f"INSERT INTO zone_report VALUES ({', '.join('?' * len(zones[0]))})", zones)

    def remove(self, reports: Sequence[ReportRow]) -> None:
        mine = "(SELECT id FROM report WHERE run_id = ? AND seq = ?)"
        self.many(
            f"DELETE FROM vehicles WHERE series_id = ? AND start_ms = ? AND report_id = {mine}",
            [(series, one.start_ms, one.run_id, one.seq) for one in reports for series, _ in one.counts],
        )
        self.many(
            "DELETE FROM zone_report WHERE zone_id = ? AND start_ms = ? AND end_seq = ? AND end_run_id = ?",
            [(zone_id, one.start_ms, one.seq, one.run_id) for one in reports for zone_id, _ in one.zones],
        )
        self.many("DELETE FROM report WHERE run_id = ? AND seq = ?", [(one.run_id, one.seq) for one in reports])

    def take_out(self, device_id: int, starts: tuple[int, int], keys: Sequence[tuple[int, int]]) -> None:
        # deleted and inserted, because SQLite joins pages that deleting emptied, and none that an update did
        wanted = set(keys)
        rows = self.rows(
            "SELECT run_id, seq, id, device_id, start_ms, width_ms, watched_ms, layout_id, received_ms FROM report"
            " WHERE device_id = ? AND start_ms >= ? AND start_ms <= ?",
            (device_id, *starts),
        )
        mine = [row for row in rows if row[:2] in wanted]
        self.many("DELETE FROM report WHERE id = ?", [(row[2],) for row in mine])
        self.many(
            "INSERT INTO report (run_id, seq, id, device_id, start_ms, width_ms, watched_ms, layout_id, received_ms,"
            " payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, x'')",
            mine,
        )
