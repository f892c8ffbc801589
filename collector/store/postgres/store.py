"""The store in PostgreSQL (15 or later), for several collectors at once and for readers that use SQL.

A collector that works on a device locks its row until it commits, so collectors never work on one device at a time; all
lock the rows in the same order, so there is no deadlock. The next call replaces a connection that broke.
"""

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from collector.domain.calendar import DAY_MS
from collector.domain.limits import DEFAULTS, Limits
from collector.protocol.intake import ReceivedReport
from collector.protocol.items import CommitCounts, Item
from collector.store.dialect import ReportRow, StoredReport
from collector.store.interface import TOO_LONG, Retention, StatementError, TooLongError, UnstorableError
from collector.store.packing import packed_before
from collector.store.postgres.partitions import CREATING, Partitions
from collector.store.postgres.schema import CREATION, UPGRADES, VERSION
from collector.store.table_store import TableStore
from collector.store.writer import BatchWriter, start_ms_of
from collector.store.zone_rollups import STORED, stored
from edge.errors import InputError, WorkError

CONNECT_WAIT_S = 10
STATEMENT_WAIT_MS = 60_000
"""For one statement, waiting for locks included: then the batch is rolled back and tried again."""
WORK_MIB = 32
"""For sorting in one query: with the default of 4 MB, a week in quarters of an hour is sorted on disk."""
_ZONE_TYPES = [
    *("int8", "int8", "int8", "int8", "int4", "int4", "int4", "int4", "int8", "int8", "int8", "float8"),
    *("int8", "int8", "int4", "int4", "int8"),
]
_UNSTORABLE = (psycopg.DataError, OverflowError, UnicodeError, struct.error)
"""Values that PostgreSQL cannot hold, as the server or psycopg says."""
_STATEMENT = (
    psycopg.IntegrityError,
    psycopg.InterfaceError,
    psycopg.InternalError,
    psycopg.NotSupportedError,
    psycopg.ProgrammingError,
    psycopg.errors.ProgramLimitExceeded,
)


class PostgresStore(TableStore):
    """The store in the database at `url`, its tables made where there are none."""

    def __init__(
        self,
        url: str,
        *,
        write: bool = True,
        refusals_max: int = 1_000,
        password_file: Path | None = None,
        time_zones: Mapping[str, str] = MappingProxyType({}),
        limits: Limits = DEFAULTS,
    ) -> None:
        self.url = url
        self._connect_to, self._name = _connection_of(url, password_file)
        self._write = write
        self._refusals_max = refusals_max
        self._time_zones = time_zones
        self._limits = limits
        self._database: psycopg.Connection[tuple[Any, ...]] | None = None
        with self._connected():
            pass

    def close(self) -> None:
        """Let go of the connection."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def commit(self, batch: Sequence[Item], *, now_ms: int) -> CommitCounts:
        """Store a batch in one transaction: all of it is on disk when this returns, none when it raises.

        If the connection breaks during COMMIT, the outcome is unknown: this raises, and the batch comes again; its
        reports are duplicates if they were committed.
        """
        with self._connected():
            starts_ms = {start_ms_of(item.report.start) for item in batch if isinstance(item, ReceivedReport)}
            self._partitions.make(starts_ms, now_ms // DAY_MS)
        return super().commit(batch, now_ms=now_ms)

    def settle(self) -> None:
        """Vacuum the roll-ups after `rebuild`; until then, indexes have to look every row up in its table."""
        with self._connected() as database:
            database.execute("SET statement_timeout = 0")
            database.execute("VACUUM (ANALYZE) rollup_watched, rollup_vehicles, rollup_zone")
            database.execute(f"SET statement_timeout = {STATEMENT_WAIT_MS}")

    def pack(self, retention: Retention, *, now_ms: int) -> bool:
        """Pack or delete some old messages; where none are left, drop the partitions of messages that are empty."""
        more = super().pack(retention, now_ms=now_ms)
        if not more:
            with self._connected():
                self._partitions.drop_empty(packed_before(retention, now_ms=now_ms) // DAY_MS)
        return more

    @contextmanager
    def writing(self) -> Iterator["_Tables"]:
        """One transaction that may write: committed when it is left, rolled back where an error leaves it."""
        with self._connected() as database, database.transaction():
            yield _Tables(database)

    @contextmanager
    def reading(self, *, seconds_max: float | None = None) -> Iterator["_Reading"]:
        """One consistent view of the store, whatever is written meanwhile; no query in it takes longer than that."""
        with self._connected() as database, database.transaction():
            database.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            if seconds_max is not None:
                database.execute(f"SET LOCAL statement_timeout = {max(1, int(1_000 * seconds_max))}")
            try:
                yield _Reading(database)
            except psycopg.errors.QueryCanceled as error:
                raise TooLongError(TOO_LONG) from error

    def _open(self) -> psycopg.Connection[tuple[Any, ...]]:
        if self._database is not None and not self._database.closed:
            return self._database
        database = psycopg.connect(self._connect_to, autocommit=True)
        try:
            database.execute("SET search_path TO crossing")
            database.execute("SET jit = off")  # all of ours are short, and compiling takes longer than they do
            database.execute(f"SET work_mem = '{WORK_MIB}MB'")
            database.execute(f"SET statement_timeout = {STATEMENT_WAIT_MS}")
            self._prepare(database)
        except BaseException:
            database.close()
            raise
        self._writer = BatchWriter(
            _Tables(database), refusals_max=self._refusals_max, time_zones=self._time_zones, limits=self._limits
        )
        self._partitions = Partitions(database)
        self._database = database
        return database

    def _prepare(self, database: psycopg.Connection[tuple[Any, ...]]) -> None:
        with database.transaction():
            if self._write:
                database.execute("SELECT pg_advisory_xact_lock(%s)", (CREATING,))
            ((there,),) = database.execute("SELECT to_regclass('crossing.version') IS NOT NULL").fetchall()
            if there:
                found = database.execute("SELECT version FROM version").fetchall()
                version = found[0][0] if len(found) == 1 else 0
                if self._write and version in UPGRADES:
                    database.execute("SET LOCAL statement_timeout = 0")  # new indexes take as long as they take
                    database.execute(sql.SQL(f"{UPGRADES[version]} UPDATE version SET version = {VERSION};"))
                    version = VERSION
                elif version in UPGRADES:
                    raise InputError(
                        f"store {self._name} is of version {version}; `crossing-collector run` brings it to version"
                        f" {VERSION}"
                    )
                elif version > VERSION:
                    raise InputError(
                        f"store {self._name} is of version {version}, of a newer collector; this one reads {VERSION}"
                    )
                if version != VERSION:
                    raise InputError(f"store {self._name} is not a collector's store of version {VERSION}")
            elif not self._write:
                raise InputError(f"store {self._name} is empty")
            else:
                database.execute(sql.SQL(CREATION))

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        try:
            yield self._open()
        except _UNSTORABLE as error:
            said = " ".join(str(error).split())
            raise UnstorableError(f"store {self._name} cannot hold it: {said}") from error
        except psycopg.Error as error:
            broken = self._database is not None and self._database.closed
            if isinstance(error, psycopg.OperationalError) and not isinstance(error, psycopg.errors.QueryCanceled):
                with suppress(psycopg.Error):
                    self.close()
            said = " ".join(str(error).split())
            if isinstance(error, _STATEMENT) and not broken:
                raise StatementError(f"store {self._name} refuses a statement of the collector: {said}") from error
            raise WorkError(f"store {self._name} cannot be used: {said}") from error


class _Reading:
    has_lateral = True
    keys = "report_key"

    def __init__(self, database: "psycopg.Connection[tuple[Any, ...]]") -> None:
        self._database = database

    def rows(self, query: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return self._database.execute(_named(query), parameters, binary=True).fetchall()


class _Tables:
    """`Tables` in PostgreSQL."""

    holding = "FOR UPDATE"
    keys = "report_key"

    def __init__(self, database: "psycopg.Connection[tuple[Any, ...]]") -> None:
        self._database = database

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._database.execute(_numbered(query), parameters).fetchall()

    def many(self, query: str, rows: Sequence[Sequence[Any]]) -> None:
        with self._database.cursor() as cursor:
            cursor.executemany(_numbered(query), rows)

    def rows_of(self, query: str, numbers: Sequence[int]) -> list[tuple[Any, ...]]:
        return self._database.execute(_in(query), (list(numbers),)).fetchall()

    def fill(self, statement: str, numbers: Sequence[int]) -> None:
        self._database.execute(_in(statement), (list(numbers),))

    def known(self, wanted: dict[int, list[int]]) -> list[StoredReport]:
        runs = [run_id for run_id, numbers in wanted.items() for _ in numbers]
        numbers = [seq for numbers in wanted.values() for seq in numbers]
        found = self._database.execute(
            "SELECT device_id, run_id, seq, start_ms, width_ms, watched_ms,"
            " coalesce(report.payload, message.payload, '')"
            " FROM unnest(%s::bigint[], %s::bigint[]) AS wanted (run_id, seq)"
            " JOIN report_key USING (run_id, seq) JOIN report USING (device_id, start_ms, run_id, seq)"
            " LEFT JOIN message USING (device_id, start_ms, run_id, seq)",
            (runs, numbers),
        ).fetchall()
        return [StoredReport(*row) for row in found]

    def numbers(self, run_id: int, first: int, last: int) -> list[int]:
        query = "SELECT seq FROM report_key WHERE run_id = ? AND seq BETWEEN ? AND ?"
        return [seq for (seq,) in self.rows(query, (run_id, first, last))]

    def add(self, reports: Sequence[ReportRow]) -> None:
        with self._database.cursor() as cursor:
            with cursor.copy("COPY report_key (run_id, seq, device_id, start_ms) FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(["int8"] * 4)
                for report in reports:
                    copy.write_row((report.run_id, report.seq, report.device_id, report.start_ms))
            with cursor.copy(
                "COPY report (device_id, run_id, seq, start_ms, width_ms, watched_ms, layout_id, received_ms)"
                " FROM STDIN (FORMAT BINARY)"
            ) as copy:
                copy.set_types(["int8"] * 8)
                for report in reports:
                    copy.write_row(report[:8])
            with cursor.copy(
                "COPY message (day, device_id, run_id, seq, start_ms, payload) FROM STDIN (FORMAT BINARY)"
            ) as copy:
                copy.set_types(["int4", "int8", "int8", "int8", "int8", "bytea"])
                for report in reports:
                    copy.write_row((report.received_ms // DAY_MS, *report[:4], report.payload))
            with cursor.copy("COPY vehicles (series_id, start_ms, number) FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(["int8", "int8", "int4"])
                for report in reports:
                    for series, number in report.counts:
                        copy.write_row((series, report.start_ms, number))
            if zones := [stored(*one) for report in reports for one in report.zones]:
                with cursor.copy(f"COPY zone_report ({', '.join(STORED)}) FROM STDIN (FORMAT BINARY)") as copy:
                    copy.set_types(_ZONE_TYPES)
                    for row in zones:
                        copy.write_row(row)

    def remove(self, reports: Sequence[ReportRow]) -> None:
        # rows of `vehicles` do not tell their report: of equal ones it is the same which goes
        one_of = "(SELECT ctid FROM vehicles WHERE series_id = ? AND start_ms = ? AND number = ? LIMIT 1)"
        self.many(
            f"DELETE FROM vehicles WHERE series_id = ? AND start_ms = ? AND ctid = {one_of}",
            [(series, one.start_ms) * 2 + (number,) for one in reports for series, number in one.counts],
        )
        self.many(
            "DELETE FROM zone_report WHERE zone_id = ? AND start_ms = ? AND end_seq = ? AND end_run_id = ?",
            [(zone_id, one.start_ms, one.seq, one.run_id) for one in reports for zone_id, _ in one.zones],
        )
        keys = [(one.device_id, one.start_ms, one.run_id, one.seq) for one in reports]
        for table in ("message", "report", "report_key"):
            query = f"DELETE FROM {table} WHERE device_id = ? AND start_ms = ? AND run_id = ? AND seq = ?"
            self.many(query, keys)

    def take_out(self, device_id: int, starts: tuple[int, int], keys: Sequence[tuple[int, int]]) -> None:
        mine = (
            " unnest(%s::bigint[], %s::bigint[]) AS mine (run_id, seq) WHERE here.run_id = mine.run_id"
            " AND here.seq = mine.seq AND here.device_id = %s AND here.start_ms BETWEEN %s AND %s"
        )
        values = ([run_id for run_id, _ in keys], [seq for _, seq in keys], device_id, *starts)
        self._database.execute(f"DELETE FROM message AS here USING {mine}", values)
        update = f"UPDATE report AS here SET payload = NULL FROM {mine} AND payload IS NOT NULL"
        self._database.execute(update, values)


def _connection_of(url: str, password_file: Path | None) -> tuple[str, str]:
    """The connection string for libpq, and the name of the store in messages; InputError for a URL with a password."""
    try:
        given = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise InputError(f"store: not a PostgreSQL URL: {' '.join(str(error).split())}") from error
    if "password" in given:
        raise InputError(
            "store: a URL is seen by others, so it must not hold the password; put that in a file and name it in"
            " `store_password_file`, or use a PGPASSFILE"
        )
    more: dict[str, Any] = {"connect_timeout": CONNECT_WAIT_S, "application_name": "crossing-collector"}
    if password_file is not None:
        try:
            more["password"] = password_file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"store_password_file {password_file} cannot be read: {error}") from error
    name = f"postgresql://{given.get('host', '')}/{given.get('dbname', '')}"
    return make_conninfo("", **(more | given)), name


@lru_cache
def _named(query: str) -> sql.SQL:
    return sql.SQL(re.sub(r"(?<!:):(\w+)", r"%(\1)s", query))


@lru_cache
def _numbered(query: str) -> sql.SQL:
    return sql.SQL(query.replace("?", "%s"))


@lru_cache
def _in(query: str) -> sql.SQL:
    return sql.SQL(query.replace("IN {numbers}", "= ANY(%s)"))
