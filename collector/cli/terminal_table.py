"""Tables that fit the width of the terminal, in colours if the output is a terminal.

A table that is too wide shows what its rows have in common above them, and continues below with the remaining columns,
with the names repeated in each part. In a pipe or a file it has its full width, unless COLUMNS limits it. NO_COLOR
turns colours off. Characters of names that would change the direction of a line, move the cursor or be invisible are
spelt out.
"""

import os
import re
import shutil
import sys
from collections.abc import Sequence
from itertools import groupby

_GAP, _GAP_NARROW = 2, 1
_BOLD, _RED, _GREEN, _YELLOW, _OFF = "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"
_COLOURS = {
    "blind": _YELLOW, "degraded": _YELLOW, "missing": _YELLOW, "not set": _YELLOW,
    "offline": _RED, "gone": _RED, "open": _RED, "failed": _RED,
    "online": _GREEN,
}  # fmt: skip
"""By the text of a cell, or its first word."""

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
"""Controls, of the terminal and of the direction of writing, and characters without any width."""

Rows = Sequence[Sequence[str]]


def width() -> int | None:
    """Columns of the terminal; None: no limit."""
    if os.environ.get("COLUMNS", "").isdecimal() or sys.stdout.isatty():
        return shutil.get_terminal_size().columns
    return None


def printable(text: str, *, lines: bool = False) -> str:
    """The text with each control or invisible character as `<U+202E>`; with `lines` it may have several lines."""
    return _UNSEEN.sub(lambda found: found[0] if lines and found[0] == "\n" else f"<U+{ord(found[0]):04X}>", text)


def aligned(rows: Rows, *, names: int = 4, shared: int = 0) -> str:
    """A table of rows, the first with the heads: `names` columns of names, then numbers. Cells are made `printable`.

    If the table is too wide, the first `shared` columns are moved above the rows that have them in common.
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    room = width()
    if room is None or sum(_widths(rows)) + _GAP * (len(rows[0]) - 1) <= room:
        return "\n".join(_lines(rows, names))
    groups = [(of, [row[shared:] for row in group]) for of, group in groupby(rows[1:], lambda row: tuple(row[:shared]))]
    indent = " " * _GAP if shared else ""
    widths = _widths([row[shared:] for row in rows])
    room -= len(indent)
    tight = sum(widths) + _GAP * (len(widths) - 1) > room >= sum(widths) + _GAP_NARROW * (len(widths) - 1)
    gap = _GAP_NARROW if tight else _GAP
    lines: list[str] = []
    for of, group in groups:
        lines += [_painted("  ".join(of), _BOLD)] if shared else []
        for part in _parts(widths, room, gap):
            chosen = [[row[i] for i in part] for row in [rows[0][shared:], *group]]
            lines += [indent + line for line in _lines(chosen, sum(i < names - shared for i in part), gap)]
        lines.append("")
    return "\n".join(lines).rstrip("\n")


def _parts(widths: Sequence[int], room: int, gap: int) -> list[list[int]]:
    """Columns that fit side by side, the first one in each."""
    parts, used = [[0]], widths[0]
    for i, of in enumerate(widths[1:], 1):
        if used + gap + of > room and len(parts[-1]) > 1:
            parts.append([0])
            used = widths[0]
        parts[-1].append(i)
        used += gap + of
    return parts


def _widths(rows: Rows) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _lines(rows: Rows, names: int, gap: int = _GAP) -> list[str]:
    widths = _widths(rows)
    lines = []
    for number, row in enumerate(rows):
        cells = [
            _painted(cell.ljust(of) if i < names else cell.rjust(of), _BOLD if number == 0 else _colour_of(cell))
            for i, (cell, of) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append((" " * gap).join(cells).rstrip())
    return lines


def _colour_of(cell: str) -> str:
    return _COLOURS.get(cell) or _COLOURS.get(cell.partition(" ")[0], "")


def _painted(text: str, colour: str) -> str:
    coloured = colour and sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    return f"{colour}{text}{_OFF}" if coloured else text
