"""When a recording begins: by `--start` or by its name; and times in the configured time zone."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

from edge.errors import InputError
from edge.wire.times import rfc3339

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FOLDERS = 4  # above a recording, whose names may hold its date
_YEAR, _MONTH, _DAY = r"(?P<y>19[7-9]\d|20\d\d)", r"(?P<m>0[1-9]|1[0-2])", r"(?P<d>0[1-9]|[12]\d|3[01])"
_HOUR, _MINUTE, _SECOND = r"(?P<H>[01]\d|2[0-3])", r"(?P<M>[0-5]\d)", r"(?P<S>[0-5]\d)"
_DATE = rf"(?<!\d){_YEAR}[-_./]?{_MONTH}[-_./]?{_DAY}"
_PARTS = r"[:.\-_hHmM]"
_ZONE = r"(?P<zone>Z|[+-](?:0\d|1[0-4]):?[0-5]\d)?"
_NOON = r"(?: ?(?P<noon>[AaPp])\.?[Mm]\b)?"
# The time after a date: with seconds, or hours and minutes that separators or the lack of all of them show to be such.
_NAMES = (
    rf"{_DATE}(?P<T>T| at |[ _.@\-]{{0,3}}){_HOUR}{_PARTS}?{_MINUTE}{_PARTS}?{_SECOND}"
    rf"(?P<ms>[.,]?\d{{3}})?(?!\d){_NOON}{_ZONE}",
    rf"{_DATE}(?P<T>T| at |[ _@\-]{{1,3}}){_HOUR}[:.\-hH]{_MINUTE}(?!\d){_NOON}{_ZONE}",
    rf"(?<!\d){_YEAR}{_MONTH}{_DAY}(?P<T>){_HOUR}{_MINUTE}(?!\d)",
)
_TIME = rf"(?<![\d.]){_HOUR}(?P<sep>[:.\-_ hH]){_MINUTE}(?:(?P=sep)|[mM]){_SECOND}(?!\.?\d)"
_TREES = (rf"{_DATE}/{_HOUR}/{_MINUTE}(?!\d)", rf"(?<!\d){_YEAR}{_MONTH}{_DAY}{_HOUR}/{_MINUTE}[mM]{_SECOND}[sS]")


@dataclass(frozen=True, slots=True)
class Start:
    """`at_ms` is UTC, None: not known; `note` tells of a clock change.

    `said_by` is "--start", "name", "tape", "stills" or "".
    """

    at_ms: int | None = None
    said_by: str = ""
    note: str = ""


def start_of(path: Path, text: str | None, time_zone: str) -> Start:
    """The start that `--start` says, or else the names of the file and of the folders that it lies in.

    A time without an offset is one of `time_zone`. InputError for a `--start` that is none.
    """
    if text is not None:
        try:
            time = datetime.fromisoformat(text)
        except ValueError as error:
            raise InputError(f"--start {text}: a time such as 2026-11-22T06:00:00Z is allowed") from error
        if not 1970 <= time.year < 9999:
            raise InputError(f"--start {text}: allowed are the years 1970 to 9998")
        return _start(time, "--start", time_zone)
    named = named_time(path)
    return Start() if named is None else _start(named, "name", time_zone)


def local_time(at_ms: int, time_zone: str) -> str:
    """`2026-11-22T14:00:00+08:00`, in UTC with a Z; the milliseconds are written only where there are any."""
    if time_zone == "UTC":
        return rfc3339(at_ms)
    precision = "milliseconds" if at_ms % 1000 else "seconds"
    return (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(ZoneInfo(time_zone)).isoformat(timespec=precision)


def named_time(path: Path) -> datetime | None:
    """The time that the name of a recording begins at, with an offset only if the name has one; None if it has none.

    Read are names with a year first, as most cameras write them (`2017-09-14T14:22:00`, `20170914_142200`,
    `ch01_20170914142200`, `2017_0914_142200_001`), the first of several; and times of day whose date is a folder's
    (`2017-09-14/14-22-00`, `2017/09/14/14.22.00`, `20170914/14/22`).
    """
    folders = path.absolute().parts[-FOLDERS - 1 : -1]
    name = path.name if path.suffix[1:].isdigit() else path.stem
    for pattern in _NAMES:
        for found in re.finditer(pattern, name):
            if (time := _time_of(found.groupdict(), name)) is not None:
                return time
    for pattern in _TREES:
        for found in re.finditer(pattern, "/".join((*folders, name))):
            if found.end() > len("/".join(folders)) and (time := _time_of(found.groupdict(), "")) is not None:
                return time
    clock = re.search(_TIME, name)
    dates = list(re.finditer(rf"{_DATE}(?!\d)", "/".join(folders))) if clock else []
    if clock is None or not dates:
        return None
    return _time_of({**dates[-1].groupdict(), **clock.groupdict()}, "")


def _time_of(parts: dict[str, str | None], name: str) -> datetime | None:
    """The time; None where the calendar has none such."""
    try:
        year, month, day, hour, minute, second = (int(parts.get(part) or 0) for part in "ymdHMS")
        time = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001  # of the configured zone
    except ValueError:
        return None
    if noon := parts.get("noon"):
        time = time.replace(hour=time.hour % 12 + 12 * (noon in "pP"))
    time += timedelta(milliseconds=int((parts.get("ms") or "0").lstrip(".,")))
    zone = parts.get("zone")
    if name.startswith("PXL_"):  # Pixel phones name files in UTC
        return time.replace(tzinfo=UTC)
    if not zone or parts.get("T") != "T":
        return time
    if zone == "Z":
        return time.replace(tzinfo=UTC)
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return time.replace(tzinfo=timezone(-offset if zone[0] == "-" else offset))


def _start(time: datetime, said_by: str, time_zone: str) -> Start:
    """With a note where a local time came twice or never, since the clocks were changed."""
    note = ""
    if time.tzinfo is None:
        first, second = (time.replace(tzinfo=ZoneInfo(time_zone), fold=fold) for fold in (0, 1))
        before, after = first.utcoffset(), second.utcoffset()
        assert before is not None, "a zone has an offset"
        assert after is not None, "a zone has an offset"
        if before > after:
            note = (
                f"{time.isoformat()} came twice in {time_zone}, where the clocks went back: the first is taken; "
                f"the second is --start {second.isoformat()}"
            )
        elif before < after:
            shown = first.astimezone(UTC).astimezone(ZoneInfo(time_zone))
            note = (
                f"{time.isoformat()} never came in {time_zone}, where the clocks went forward: it is taken for "
                f"{shown.isoformat()}"
            )
        time = first
    return Start(max(round(time.timestamp() * 1000), 0), said_by, note)
