"""The collector's memory: every report once, and its counts as rows that add up fast (SQLite).

A report is identified by (site, device, run, seq). The same report again changes nothing; another report
under the same key is a refusal, and the first one stays. Which lines a report watched is kept as its layout,
so a count of zero is told from a line that nobody watched; only counts above zero need a row of their own.

One thread writes; readers open the same file with `write=False`.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from collector.errors import CollectorError, InputError
from collector.ingest import Received, Refusal
from collector.schema import APPLICATION_ID, TABLES, VERSION
from edge.delivery.report import Lines, decode

CACHE_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the messages of one or more commits."""

    stored: int = 0
    duplicates: int = 0
    refused: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.stored + other.stored, self.duplicates + other.duplicates, self.refused + other.refused)


class Store:
    """The store in the file `path`, made where there is none. The last `refusals_max` refusals are kept."""

    def __init__(self, path: Path, *, write: bool = True, refusals_max: int = 1_000) -> None:
        self.path = path
        self._refusals_max = refusals_max
        self._devices: dict[tuple[str, str], int] = {}
        self._series: dict[tuple[int, str, str, str], int] = {}
        self._layouts: dict[tuple[int, str], int] = {}
        if not write and not path.is_file():
            raise InputError(f"store {path} does not exist")
        with self._explained():
            self._database = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={'rwc' if write else 'ro'}", uri=True, isolation_level=None
            )
            try:
                self._prepare(write=write)
            except BaseException:
                self._database.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def commit(self, batch: Sequence[Received | Refusal], *, now_ms: int) -> Tally:
        """Store a batch in one transaction: all of it is on disk when this returns, none when it raises."""
        tally = Tally()
        with self._transaction():
            for item in batch:
                if isinstance(item, Received):
                    tally += self._add(item, now_ms)
                else:
                    tally += self._refuse(item, now_ms)
        return tally

    def refusals(self) -> list[Refusal]:
        """The refusals kept, oldest first."""
        with self._explained():
            rows = self._database.execute("SELECT topic, payload, reason FROM refusal ORDER BY id")
            return [Refusal(*row) for row in rows]

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One consistent view of the store, whatever is written meanwhile."""
        with self._explained():
            self._database.execute("BEGIN")
            try:
                yield self._database
            finally:
                self._database.execute("ROLLBACK")

    def _prepare(self, *, write: bool) -> None:
        (application,) = self._database.execute("PRAGMA application_id").fetchone()
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        (tables,) = self._database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if tables and (application, version) != (APPLICATION_ID, VERSION):
            raise InputError(f"store {self.path} is not a collector's store of version {VERSION}")
        if write:
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            if not tables:
                self._database.executescript(f"BEGIN;{TABLES}COMMIT;")
        elif not tables:
            raise InputError(f"store {self.path} is empty")

    def _add(self, received: Received, now_ms: int) -> Tally:
        report = received.report
        device_id = self._device_id(report.site, report.device)
        key = (device_id, report.run, report.seq)
        known = self._database.execute(
            "SELECT payload FROM report WHERE device_id = ? AND run = ? AND seq = ?", key
        ).fetchone()
        if known is not None:
            if known[0] == received.payload or decode(known[0]) == report:
                return Tally(duplicates=1)
            reason = f"another report of run {report.run} has the number {report.seq}; the first one stays"
            return self._refuse(Refusal(received.topic, received.payload, reason), now_ms)
        numbers = None if report.lines is None else self._numbers(device_id, report.lines)
        report_id = self._database.execute(
            "INSERT INTO report (device_id, run, seq, start_ms, width_ms, watched_ms, layout_id, received_ms,"
            " payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *key,
                report.start_ms,
                report.width_ms,
                report.watched_ms,
                None if numbers is None else self._layout_id(device_id, sorted(numbers)),
                now_ms,
                received.payload,
            ),
        ).lastrowid
        self._database.executemany(
            "INSERT INTO vehicles VALUES (?, ?, ?, ?)",
            [(series, report.start_ms, report_id, n) for series, n in (numbers or {}).items() if n > 0],
        )
        return Tally(stored=1)

    def _refuse(self, refusal: Refusal, now_ms: int) -> Tally:
        row = self._database.execute(
            "INSERT INTO refusal (received_ms, topic, reason, payload) VALUES (?, ?, ?, ?)",
            (now_ms, refusal.topic, refusal.reason, refusal.payload),
        )
        newest = row.lastrowid or 0
        self._database.execute("DELETE FROM refusal WHERE id <= ?", (newest - self._refusals_max,))
        return Tally(refused=1)

    def _numbers(self, device_id: int, lines: Lines) -> dict[int, int]:
        """series id -> vehicles, zeros included."""
        return {
            self._series_id(device_id, line, direction, label): number
            for line, ways in lines.items()
            for direction, classes in ways.items()
            for label, number in classes.items()
        }

    def _device_id(self, site: str, device: str) -> int:
        key = (site, device)
        if key not in self._devices:
            self._database.execute("INSERT OR IGNORE INTO device (site, device) VALUES (?, ?)", key)
            query = "SELECT id FROM device WHERE site = ? AND device = ?"
            self._devices[key] = self._database.execute(query, key).fetchone()[0]
        return self._devices[key]

    def _series_id(self, device_id: int, line: str, direction: str, label: str) -> int:
        key = (device_id, line, direction, label)
        if key not in self._series:
            self._database.execute(
                "INSERT OR IGNORE INTO series (device_id, line, direction, class) VALUES (?, ?, ?, ?)", key
            )
            query = "SELECT id FROM series WHERE device_id = ? AND line = ? AND direction = ? AND class = ?"
            self._series[key] = self._database.execute(query, key).fetchone()[0]
        return self._series[key]

    def _layout_id(self, device_id: int, series: list[int]) -> int:
        key = (device_id, ",".join(map(str, series)))
        if key not in self._layouts:
            added = self._database.execute("INSERT OR IGNORE INTO layout (device_id, series) VALUES (?, ?)", key)
            query = "SELECT id FROM layout WHERE device_id = ? AND series = ?"
            layout_id: int = self._database.execute(query, key).fetchone()[0]
            if added.rowcount:
                rows = [(layout_id, series_id) for series_id in series]
                self._database.executemany("INSERT INTO layout_series VALUES (?, ?)", rows)
            self._layouts[key] = layout_id
        return self._layouts[key]

    def _forget(self) -> None:
        self._devices.clear()
        self._series.clear()
        self._layouts.clear()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        if len(self._devices) + len(self._series) + len(self._layouts) > CACHE_MAX:
            self._forget()
        with self._explained():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                self._forget()  # it may hold ids that are rolled back
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise CollectorError(f"store {self.path} cannot be used: {error}") from error
