"""Records as CSV, XLSX, JSON lines, Parquet or Arrow, a piece at a time, so that memory does not grow with the span.

Times are RFC 3339 in UTC where they are text. CSV has a heading, and nothing at all where a number is not known: not 0.
Arrow is a file, not a stream: what reads Feather reads it. pyarrow is imported only where it is needed.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import IO, Any, Literal, Protocol, get_args

import msgspec

from collector.queries.export_xlsx import Xlsx
from collector.queries.records import Record
from edge.errors import InputError
from edge.wire.spreadsheet import MARK, cell

Format = Literal["csv", "xlsx", "jsonl", "parquet", "arrow"]
FORMATS: tuple[Format, ...] = get_args(Format)
ROWS = 50_000
"""Held at a time by `write`, and in one group of rows of Parquet."""


class Writer(Protocol):
    """Turns records into bytes, piece by piece, and what is left at the end."""

    def piece(self, records: Sequence[msgspec.Struct]) -> bytes: ...  # noqa: D102
    def end(self) -> bytes: ...  # noqa: D102


def writer(kind: Format, of: type[msgspec.Struct] = Record, *, mark: bool = False) -> Writer:
    """For one export of rows `of` one kind; InputError where it needs what is not installed.

    `mark` begins CSV with a byte order mark, so that Excel takes it for UTF-8.
    """
    if mark and kind != "csv":
        raise InputError(f"a byte order mark is for CSV; {kind} needs none")
    if kind == "csv":
        return _Csv(of, mark=mark)
    if kind == "jsonl":
        return _JsonLines()
    library, extra = ("XlsxWriter", "collector") if kind == "xlsx" else ("pyarrow", "arrow")
    try:
        return Xlsx(columns_of(of)) if kind == "xlsx" else _Arrow(kind, of)
    except ModuleNotFoundError as error:
        raise InputError(
            f"an export to {kind} needs {library}: pip install 'crossing-monitor[{extra}]' ({error})"
        ) from error


def write(
    records: Iterable[msgspec.Struct],
    kind: Format,
    out: IO[bytes],
    of: type[msgspec.Struct] = Record,
    *,
    mark: bool = False,
) -> int:
    """Write all, which are `of` one kind; how many."""
    to, rest, number = writer(kind, of, mark=mark), iter(records), 0
    while rows := list(islice(rest, ROWS)):
        out.write(to.piece(rows))
        number += len(rows)
    out.write(to.end())
    return number


def columns_of(of: type[msgspec.Struct]) -> tuple[str, ...]:
    """The heads of its rows."""
    return tuple(field.encode_name for field in msgspec.structs.fields(of))


class _Csv:
    def __init__(self, of: type[msgspec.Struct], *, mark: bool) -> None:
        self._text = io.StringIO(newline="")
        self._text.write(MARK.decode() if mark else "")
        self._rows = csv.writer(self._text, lineterminator="\n")
        self._rows.writerow(columns_of(of))

    def piece(self, records: Sequence[msgspec.Struct]) -> bytes:
        self._rows.writerows(map(cell, msgspec.structs.astuple(record)) for record in records)
        said = self._text.getvalue().encode()
        self._text.seek(0)
        self._text.truncate()
        return said

    def end(self) -> bytes:
        return self.piece([])


class _JsonLines:
    def piece(self, records: Sequence[msgspec.Struct]) -> bytes:
        return b"".join(msgspec.json.encode(record, order="sorted") + b"\n" for record in records)

    def end(self) -> bytes:
        return b""


class _Arrow:
    def __init__(self, kind: Literal["parquet", "arrow"], of: type[msgspec.Struct]) -> None:
        import pyarrow as pa  # noqa: PLC0415  # an extra that few need
        from pyarrow import parquet  # noqa: PLC0415

        self._pa = pa
        # a file of Arrow cannot have another dictionary in each of its batches
        word = pa.dictionary(pa.int32(), pa.string()) if kind == "parquet" else pa.string()
        kinds = {
            **dict.fromkeys(("site", "device", "line", "direction", "class", "state", "models"), word),
            **dict.fromkeys(("run", "began", "ended"), word),
            **dict.fromkeys(("start", "end", "since", "until"), pa.timestamp("ms", tz="UTC")),
            **dict.fromkeys(("local_start", "classes"), pa.string()),
            **dict.fromkeys(("vehicles", "watched_ms", "span_ms", "number", "headway_ms"), pa.int64()),
            **dict.fromkeys(("out", "back", "balance", "names_low", "names_high"), pa.int64()),
            **dict.fromkeys(("out_direction", "back_direction"), word),
            **dict.fromkeys(("unseen_out", "unseen_back", "unseen_low", "unseen_high"), pa.float64()),
            **dict.fromkeys(("gap_min_ms", "gap_p50_ms", "gap_max_ms"), pa.int64()),
            **dict.fromkeys(("watched_share", "estimate", "tonnes"), pa.float64()),
        }
        self._schema = pa.schema([(name, kinds[name]) for name in columns_of(of)])
        self._sink = _Sink()
        self._writer: Any = (
            parquet.ParquetWriter(self._sink, self._schema)
            if kind == "parquet"
            else pa.ipc.new_file(self._sink, self._schema)
        )

    def piece(self, records: Sequence[msgspec.Struct]) -> bytes:
        if records:
            columns = zip(*map(msgspec.structs.astuple, records), strict=True)
            arrays = [self._array(field, column) for field, column in zip(self._schema, columns, strict=True)]
            self._writer.write_table(self._pa.table(arrays, schema=self._schema))
        return self._sink.taken()

    def end(self) -> bytes:
        self._writer.close()
        return self._sink.taken()

    def _array(self, field: Any, column: Sequence[Any]) -> Any:
        if self._pa.types.is_timestamp(field.type):
            return self._pa.array(column, self._pa.string()).cast(field.type)
        return self._pa.array(column, field.type)


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
