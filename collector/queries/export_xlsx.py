"""Records as a workbook (XLSX): numbers as numbers, times as times, units in the heads, and a sheet of notes.

Rows go to a file as they come (XlsxWriter's `constant_memory`), so that memory does not grow with the span. A sheet
holds 1,048,576 rows; what is more stands in further sheets. XlsxWriter is imported only where it is needed.
"""

import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import IO, Any

import msgspec

SHEET_ROWS = 1_048_576
"""Of a sheet, as Excel and LibreOffice have it."""

NOTES: Mapping[str, tuple[str, str]] = {
    "site": ("", "The site, as the collector knows it."),
    "device": ("", "The device; empty for a place that several devices watch."),
    "line": ("", "The counting line, or the place."),
    "direction": ("", "In the words of the device's configuration."),
    "class": ("", "The class of vehicles; empty where nothing is known of the interval."),
    "start": ("UTC", "When the interval begins."),
    "end": ("UTC", "When it ends; this moment is not in it."),
    "local_start": ("site's time", "When it begins, by the clocks of the site; their offset is not shown."),
    "vehicles": ("vehicles", "Counted crossings. Empty is not 0: nobody watched."),
    "state": ("", "ok, partial (a part of the interval was watched) or blind (nothing of it)."),
    "watched_ms": ("ms", "For so long somebody watched."),
    "span_ms": ("ms", "The length of the interval, as far as it has passed."),
    "watched_share": ("0 to 1", "watched_ms / span_ms."),
    "estimate": ("vehicles", "Scaled up for the time that nobody watched; empty unless asked for."),
    "tonnes": ("t", "Vehicles of this class times the tonnes that the collector was told; empty unless asked for."),
    "models": ("", "Which models named the vehicles; another model may name otherwise."),
    "names_low": ("vehicles", "By how often the model misnames vehicles the true number is this at least (95%) ..."),
    "names_high": ("vehicles", "... and this at most. Empty where that is not known."),
    "out_direction": ("", "What goes out, in the words of the device's configuration."),
    "back_direction": ("", "What comes back."),
    "out": ("vehicles", "How many went out. Empty is not 0: nobody watched."),
    "back": ("vehicles", "How many came back."),
    "balance": ("vehicles", "out - back: so many more went out than came back, in time that was watched."),
    "unseen_out": ("vehicles", "So many more are expected to have gone out while nobody watched ..."),
    "unseen_back": ("vehicles", "... and to have come back."),
    "unseen_low": ("vehicles", "With the vehicles of unwatched time the balance is this at least (95%) ..."),
    "unseen_high": ("vehicles", "... and this at most. Errors of counting are not in it."),
    "run": ("", "The run of the device that told it."),
    "number": ("", "The number of the convoy in its run."),
    "since": ("UTC", "When the first vehicle crossed."),
    "until": ("UTC", "When the last one did."),
    "classes": ("", "How many of each class."),
    "gap_min_ms": ("ms", "The shortest time from one vehicle to the next."),
    "gap_p50_ms": ("ms", "The median of these times."),
    "gap_max_ms": ("ms", "The longest of them."),
    "headway_ms": ("ms", "The longest time between two vehicles of one convoy, by the rules of the device."),
    "began": ("", "Whether its beginning was seen."),
    "ended": ("", "Whether its end was seen."),
}
"""Of each column: its unit, and what it says."""

_TIMES = ("start", "end", "local_start", "since", "until")


class Xlsx:
    """A workbook; the bytes come with `end`. ModuleNotFoundError where XlsxWriter is not installed."""

    def __init__(self, columns: Sequence[str], *, sheet_rows: int = SHEET_ROWS) -> None:
        import xlsxwriter  # noqa: PLC0415  # an extra that few need

        self._columns = columns
        self._sheet_rows = sheet_rows
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed with `end`, or when it is forgotten
        text_as_it_is = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
        self._book: Any = xlsxwriter.Workbook(self._file, {"constant_memory": True, **text_as_it_is})
        self._book.set_properties({"title": "Counts", "comments": "Empty is not 0: nobody watched."})
        self._bold = self._book.add_format({"bold": True, "bottom": 1})
        self._time = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._sheets = 0
        self._note()
        self._begin()

    def piece(self, records: Sequence[msgspec.Struct]) -> bytes:
        """Take rows; nothing comes before the end."""
        for record in records:
            if self._row == self._sheet_rows:
                self._begin()
            for place, (name, value) in enumerate(zip(self._columns, msgspec.structs.astuple(record), strict=True)):
                if value is None or value == "":
                    continue  # an empty cell is not 0
                if name in _TIMES:
                    moment = datetime.fromisoformat(value)
                    at = moment if name == "local_start" else moment.astimezone(UTC)
                    self._sheet.write_datetime(self._row, place, at.replace(tzinfo=None), self._time)
                elif isinstance(value, int | float) and not isinstance(value, bool):
                    self._sheet.write_number(self._row, place, value)
                else:
                    self._sheet.write_string(self._row, place, str(value))
            self._row += 1
        return b""

    def end(self) -> bytes:
        """The workbook."""
        self._book.close()
        self._file.seek(0)
        with self._file:
            return self._file.read()

    def _begin(self) -> None:
        """A sheet with its heads, which stay in sight."""
        self._sheets += 1
        self._sheet = self._book.add_worksheet("rows" if self._sheets == 1 else f"rows {self._sheets}")
        self._sheet.freeze_panes(1, 0)
        for place, name in enumerate(self._columns):
            unit = NOTES[name][0]
            self._sheet.set_column(place, place, 20 if name in _TIMES else 14)
            self._sheet.write_string(0, place, f"{name} ({unit})" if unit else name, self._bold)
        self._row = 1
        if self._sheets == 1:
            self._sheet.activate()

    def _note(self) -> None:
        sheet = self._book.add_worksheet("notes")
        sheet.set_column(0, 1, 16)
        sheet.set_column(2, 2, 90)
        for place, head in enumerate(("column", "unit", "what it says")):
            sheet.write_string(0, place, head, self._bold)
        for row, name in enumerate(self._columns, 1):
            for place, text in enumerate((name, *NOTES[name])):
                sheet.write_string(row, place, text)
        sheet.write_string(len(self._columns) + 2, 0, "Empty is not 0: nobody watched, or it was not asked for.")
