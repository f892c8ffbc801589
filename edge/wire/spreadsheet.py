"""CSV for spreadsheets: escapes formulas, and has a byte order mark for UTF-8."""

from typing import Any

MARK = "\ufeff".encode()
"""Byte order mark: without it Excel takes UTF-8 for the code page of the country."""
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def cell(value: Any) -> Any:
    """The value, with an apostrophe before a text that a spreadsheet would run as a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULAS) else value
