"""What spreadsheets need of a CSV file: words that are no formulas, and on request a mark that says UTF-8."""

from typing import Any

MARK = "\ufeff".encode()
"""Byte order mark: without it Excel takes UTF-8 for the code page of the country."""
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def cell(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula gets an apostrophe: words of people are not ours."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULAS) else value
