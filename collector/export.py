"""Records as CSV, JSON lines, Parquet or Arrow: written as they come, so memory does not grow with the span."""

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import IO, Any, Literal, get_args

import msgspec

from collector.errors import InputError
from collector.views.records import Record

Format = Literal["csv", "jsonl", "parquet", "arrow"]
FORMATS: tuple[Format, ...] = get_args(Format)
COLUMNS = tuple(field.encode_name for field in msgspec.structs.fields(Record))
ROWS = 50_000
"""Held at a time, and in one group of rows of Parquet."""


def write(records: Iterable[Record], kind: Format, out: IO[bytes]) -> int:
    """Write all; how many. CSV has a heading, and nothing at all where a number is not known: not 0."""
    if kind == "csv":
        return _write_csv(records, out)
    if kind == "jsonl":
        number = 0
        for record in records:
            out.write(msgspec.json.encode(record, order="sorted") + b"\n")
            number += 1
        return number
    return _write_arrow(records, kind, out)


def _write_csv(records: Iterable[Record], out: IO[bytes]) -> int:
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    try:
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(COLUMNS)
        number = 0
        for record in records:
            rows.writerow([_plain(value) for value in msgspec.structs.astuple(record)])
            number += 1
        return number
    finally:
        text.detach()  # the file belongs to whoever opened it


def _plain(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula is quoted as one: words of devices are not ours."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t") else value


def _write_arrow(records: Iterable[Record], kind: Format, out: IO[bytes]) -> int:
    try:
        import pyarrow as pa  # noqa: PLC0415  # an extra that few need
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise InputError(
            f"an export to {kind} needs pyarrow: pip install 'crossing-monitor[arrow]' ({error})"
        ) from error
    word = pa.dictionary(pa.int32(), pa.string())
    time = pa.timestamp("ms", tz="UTC")
    kinds = {
        **dict.fromkeys(("site", "device", "line", "direction", "class", "state"), word),
        **dict.fromkeys(("start", "end"), time),
        "local_start": pa.string(),
        **dict.fromkeys(("vehicles", "watched_ms", "span_ms"), pa.int64()),
        **dict.fromkeys(("watched_share", "estimate", "tonnes"), pa.float64()),
    }
    schema = pa.schema([(name, kinds[name]) for name in COLUMNS])
    writer = pq.ParquetWriter(out, schema) if kind == "parquet" else pa.ipc.new_file(out, _unpacked(pa, schema))
    number = 0
    with writer:
        for rows in _batches(records):
            columns = zip(*(msgspec.structs.astuple(row) for row in rows), strict=True)
            arrays = [
                _array(pa, name, list(column), schema.field(name).type)
                for name, column in zip(COLUMNS, columns, strict=True)
            ]
            table = pa.table(arrays, schema=schema)
            writer.write_table(table if kind == "parquet" else table.cast(_unpacked(pa, schema)))
            number += len(rows)
    return number


def _array(pa: Any, name: str, column: list[Any], kind: Any) -> Any:
    if name in ("start", "end"):
        return pa.array(column, pa.string()).cast(pa.timestamp("ms", tz="UTC"))
    return pa.array(column, kind)


def _unpacked(pa: Any, schema: Any) -> Any:
    """Plain texts: a file of Arrow cannot have another dictionary in each of its batches."""
    return pa.schema(
        [(field.name, pa.string() if pa.types.is_dictionary(field.type) else field.type) for field in schema]
    )


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    rest = iter(records)
    while rows := list(islice(rest, ROWS)):
        yield rows
