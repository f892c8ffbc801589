"""What the machine says of itself: temperature, throttling, memory, disk. What it does not tell is None."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

THERMAL = Path("/sys/class/thermal/thermal_zone0/temp")
THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
"""Raspberry Pi only: a mask of bits, as `vcgencmd get_throttled` prints it."""
THROTTLE_WORDS = {0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "hot"}


@dataclass(frozen=True, slots=True)
class Board:
    """One look; `cpu_s` is this process's time on all cores since its start, `throttling` what is so at this moment."""

    temperature_c: float | None
    throttling: tuple[str, ...] | None
    memory_mb: float
    threads: int
    files: int
    cpu_s: float
    disk_free_mb: float | None


def look(folder: Path) -> Board:
    """`folder` says which disk is meant."""
    times = os.times()
    return Board(
        temperature_c=_temperature_c(),
        throttling=_throttling(),
        memory_mb=_memory_mb(),
        threads=_count(Path("/proc/self/task")),
        files=_count(Path("/proc/self/fd")),
        cpu_s=times.user + times.system,
        disk_free_mb=_disk_free_mb(folder),
    )


def _temperature_c() -> float | None:
    text = _read(THERMAL)
    return None if text is None else round(int(text) / 1000, 1)


def _throttling() -> tuple[str, ...] | None:
    text = _read(THROTTLED)
    if text is None:
        return None
    bits = int(text, 16)
    return tuple(word for bit, word in THROTTLE_WORDS.items() if bits >> bit & 1)


def _memory_mb() -> float:
    text = _read(Path("/proc/self/statm"))
    return 0.0 if text is None else round(int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def _disk_free_mb(folder: Path) -> float | None:
    try:
        return round(shutil.disk_usage(folder).free / 1e6, 1)
    except OSError:
        return None


def _count(folder: Path) -> int:
    try:
        return len(os.listdir(folder))  # noqa: PTH208  # a count, not paths
    except OSError:
        return 0


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
