"""Temperature, throttling, memory and disk of the machine; None for what it does not report."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

THERMAL = Path("sys/class/thermal/thermal_zone0/temp")
THROTTLED = Path("sys/devices/platform/soc/soc:firmware/get_throttled")
"""Raspberry Pi only: a mask of bits, as `vcgencmd get_throttled` prints it."""
PROC = Path("proc/self")
THROTTLE_WORDS = {0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "hot"}


@dataclass(frozen=True, slots=True)
class Board:
    """One measurement; `cpu_s` is this process's time on all cores since its start, `throttling` the present state."""

    temperature_c: float | None
    throttling: tuple[str, ...] | None
    memory_mb: float | None
    threads: int | None
    files: int | None
    cpu_s: float
    disk_free_mb: float | None


_Value = TypeVar("_Value")


def measure(folder: Path, *, root: Path = Path("/")) -> Board:
    """`folder` says which disk is meant; `root` is where the kernel's own files lie, below `proc` and `sys`."""
    times = os.times()
    return Board(
        temperature_c=_read(root / THERMAL, lambda text: round(int(text) / 1000, 1)),
        throttling=_read(root / THROTTLED, _words_of),
        memory_mb=_read(root / PROC / "statm", _resident_mb),
        threads=_count(root / PROC / "task"),
        files=_count(root / PROC / "fd"),
        cpu_s=times.user + times.system,
        disk_free_mb=_disk_free_mb(folder),
    )


def _words_of(text: str) -> tuple[str, ...]:
    bits = int(text, 16)
    return tuple(word for bit, word in THROTTLE_WORDS.items() if bits >> bit & 1)


def _resident_mb(text: str) -> float:
    return round(int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def _disk_free_mb(folder: Path) -> float | None:
    try:
        return round(shutil.disk_usage(folder).free / 1e6, 1)
    except OSError:
        return None


def _count(folder: Path) -> int | None:
    try:
        return len(os.listdir(folder))  # noqa: PTH208  # a count, not paths
    except OSError:
        return None


def _read(path: Path, parse: Callable[[str], _Value]) -> _Value | None:
    """What `parse` makes of the file; None where the file cannot be read or holds something else.

    Drivers give empty files, `N/A` and read errors, and a health message is no reason to end a count.
    """
    try:
        return parse(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError, IndexError, OverflowError):  # UnicodeDecodeError is a ValueError
        return None
