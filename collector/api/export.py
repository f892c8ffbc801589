"""Counts as rows, in JSON, CSV, Parquet or Arrow, a piece at a time: a year of minutes needs no more memory than a day.

A row is one interval of one direction and class. `vehicles` is empty where nobody watched. pyarrow is imported only
where Parquet or Arrow is asked for.
"""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from collector.errors import InputError
from collector.views.results import Axis, Flow
from edge.delivery.report import rfc3339

Format = Literal["csv", "json", "parquet", "arrow"]
KINDS: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.stream",
}


class Row(NamedTuple):
    """One line of an export; times are RFC 3339 in UTC where they are text."""

    start: int
    end: int
    site: str
    device: str
    line: str
    direction: str
    class_: str
    vehicles: int | None
    watched_ms: int
    watched_share: float
    state: str


COLUMNS = tuple(name.rstrip("_") for name in Row._fields)


def rows_of(flows: Sequence[Flow], axis: Axis) -> Iterator[Row]:
    """By interval, then as the flows are sorted."""
    for i in range(len(axis)):
        if axis.span_ms(i) == 0:
            return
        for flow in flows:
            if not flow.line:
                continue
            state = flow.state(i, axis)
            start_ms, end_ms = axis.edges_ms[i], axis.edges_ms[i + 1]
            names = (flow.site, flow.device, flow.line, flow.direction)
            watched = (flow.watched_ms[i], round(flow.share(i, axis), 4), state)
            for label, of in flow.counts.items():
                yield Row(start_ms, end_ms, *names, label, of[i], *watched)
            if not flow.counts:
                yield Row(start_ms, end_ms, *names, "", None, *watched)


class Writer(Protocol):
    """Turns rows into bytes, piece by piece, and what is left at the end."""

    def piece(self, rows: Sequence[Row]) -> bytes: ...  # noqa: D102
    def end(self) -> bytes: ...  # noqa: D102


def writer(kind: Format) -> Writer:
    """For one export; InputError where it needs what is not installed."""
    if kind == "csv":
        return _Csv()
    if kind == "json":
        return _JsonLines()
    try:
        return _Arrow(kind)
    except ModuleNotFoundError as error:
        needs = "an export to Parquet or Arrow needs pyarrow: pip install 'crossing-monitor[arrow]'"
        raise InputError(f"{needs} ({error})") from error


class _Csv:
    def __init__(self) -> None:
        self._begun = False

    def piece(self, rows: Sequence[Row]) -> bytes:
        out = io.StringIO()
        lines = csv.writer(out, lineterminator="\r\n")
        if not self._begun:
            self._begun = True
            lines.writerow(COLUMNS)
        lines.writerows((rfc3339(row.start), rfc3339(row.end), *map(_cell, row[2:])) for row in rows)
        return out.getvalue().encode()

    def end(self) -> bytes:
        return b"" if self._begun else self.piece([])


class _JsonLines:
    def piece(self, rows: Sequence[Row]) -> bytes:
        return b"".join(
            json.dumps(dict(zip(COLUMNS, (rfc3339(row.start), rfc3339(row.end), *row[2:]), strict=True))).encode()
            + b"\n"
            for row in rows
        )

    def end(self) -> bytes:
        return b""


class _Arrow:
    def __init__(self, kind: Literal["parquet", "arrow"]) -> None:
        import pyarrow as pa  # noqa: PLC0415  # an extra that few need
        from pyarrow import parquet  # noqa: PLC0415

        self._pa = pa
        time, words, number = pa.timestamp("ms", tz="UTC"), pa.dictionary(pa.int32(), pa.string()), pa.int64()
        types = [time, time, words, words, words, words, words, number, number, pa.float64(), words]
        self._schema = pa.schema(list(zip(COLUMNS, types, strict=True)))
        self._sink = _Sink()
        # dictionaries may differ from piece to piece: the stream says them anew
        self._writer: Any = (
            parquet.ParquetWriter(self._sink, self._schema)
            if kind == "parquet"
            else pa.ipc.new_stream(self._sink, self._schema)
        )

    def piece(self, rows: Sequence[Row]) -> bytes:
        if rows:
            columns = [
                self._pa.array(column, type=field.type)
                for column, field in zip(zip(*rows, strict=True), self._schema, strict=True)
            ]
            self._writer.write_table(self._pa.Table.from_arrays(columns, schema=self._schema))
        return self._sink.taken()

    def end(self) -> bytes:
        self._writer.close()
        return self._sink.taken()


class _Sink(io.RawIOBase):
    """What was written since the last look."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._at = 0

    def writable(self) -> bool:
        return True

    def write(self, piece: Any, /) -> int:
        taken = bytes(piece)
        self._pieces.append(taken)
        self._at += len(taken)
        return len(taken)

    def tell(self) -> int:
        return self._at

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def _cell(value: object) -> object:
    """A text that a spreadsheet would take for a formula gets an apostrophe before it."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return "" if value is None else value
