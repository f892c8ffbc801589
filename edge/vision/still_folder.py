"""A folder of still pictures of one camera, each with the time when it was taken: the source of a replay of stills.

The time is that of the file's name, else that of the picture's Exif, or a stated start and step in the order of names.
A name may hold other numbers (of the camera, say): a date followed by a time of day is used, or the seconds or
milliseconds since 1970.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import InputError, WorkError
from edge.vision.frame import Frame
from edge.vision.picture_file import decode_picture, exif_of

ENDINGS = {".jpg", ".jpeg", ".png"}
PICTURES_MAX = 1_000_000
HEAD_BYTES = 262_144  # of a file: an Exif block stands at the beginning and has 64 kB at most
EXIF_TIMES = ((0x9003, 0x9011, 0x9291), (0x0132, 0x9010, 0x9290))
"""Tags of when it was taken, or else changed: the time, its offset, the parts of its second."""

_DATE = r"(?<!\d)((?:19|20)\d\d)([-_.]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])"
_TIME = r"([01]\d|2[0-3])([-_.:h]?)([0-5]\d)\2([0-5]\d)(?:[.,](\d{1,3}))?(Z|[+-]\d\d:?\d\d)?(?!\d)"
_ADJACENT = re.compile(_DATE + r"(?:[T _-]{0,3})" + _TIME.replace(r"\2", r"\6"))
_APART = re.compile(_DATE + r"(?!\d).*?(?<!\d)" + _TIME.replace(r"\2", r"\6"))
_EPOCH = re.compile(r"(?<!\d)(1\d{9}|1\d{12})(?!\d)")  # 2001 to 2033


@dataclass(frozen=True, slots=True)
class Still:
    """One file and when it was taken; `by` says how that is known: name, Exif, or step."""

    path: Path
    captured_ms: int
    by: str


class StillFolder:
    """Its pictures in order of time; `width`, `height` (pixels) are those of the first.

    `start_ms` and `step_ms` give the times of all pictures: with them names and Exif are not read. `zone` is that of
    times without an offset. `every` = n hands on each n-th picture. InputError where a picture has no time, two have
    the same, or there is none.
    """

    def __init__(
        self,
        path: Path,
        zone: tzinfo,
        *,
        start_ms: int | None = None,
        step_ms: int | None = None,
        every: int = 1,
    ) -> None:
        self.path = path
        self.every = every
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in ENDINGS and file.is_file())
        if not files:
            raise InputError(f"{path} holds no pictures; files that end in {', '.join(sorted(ENDINGS))} are expected")
        if len(files) > PICTURES_MAX:
            raise InputError(f"{path} holds {len(files)} pictures; at most {PICTURES_MAX} are allowed")
        if start_ms is not None and step_ms is not None:
            stills = [Still(file, start_ms + number * step_ms, "step") for number, file in enumerate(files)]
        else:
            stills = sorted((_dated(file, zone) for file in files), key=lambda still: (still.captured_ms, still.path))
        for one, other in zip(stills, stills[1:], strict=False):
            if one.captured_ms == other.captured_ms:
                raise InputError(
                    f"{one.path.name} and {other.path.name} in {path} are of the same time; the pictures of one camera "
                    "are expected"
                )
        self.stills = tuple(stills[::every])
        self.unreadable: list[str] = []
        """A sentence for each picture that the last iteration left out."""
        self.width, self.height = self._size()

    part = length_unknown = ""  # nothing of a folder breaks off

    frames_per_second = 2.0
    """The rate of a video of them."""

    @property
    def frame_count(self) -> int:
        """How many there are; `every` = n hands on each n-th."""
        return len(self.stills) * self.every

    @property
    def start_ms(self) -> int:
        """When the first was taken."""
        return self.stills[0].captured_ms

    @property
    def step_ms(self) -> int:
        """From one picture to the next: the median, rounded to a second; a minute where there is one picture."""
        times = [still.captured_ms for still in self.stills]
        steps = sorted(b - a for a, b in zip(times, times[1:], strict=False))
        return max(1000, round(steps[len(steps) // 2], -3)) if steps else 60_000

    @property
    def note(self) -> str:
        """A sentence on where the times come from."""
        by = {"name": "file names", "Exif": "Exif", "step": "--start and --step"}
        ways = [
            f"{number} by {words}" for way, words in by.items() if (number := sum(s.by == way for s in self.stills))
        ]
        first, last = (_utc(still.captured_ms) for still in (self.stills[0], self.stills[-1]))
        return f"{len(self.stills)} pictures from {first} to {last}; times: {', '.join(ways)}"

    def __iter__(self) -> Iterator[Frame]:
        """The pictures in order. One that cannot be read is left out, with a sentence in `unreadable`."""
        self.unreadable = []
        for still in self.stills:
            try:
                image = _read(still.path)
            except WorkError as error:
                self.unreadable.append(str(error))
                continue
            if image.shape != (self.height, self.width, 3):
                raise WorkError(
                    f"{still.path} is {image.shape[1]}x{image.shape[0]}, the first picture was "
                    f"{self.width}x{self.height}; the pictures of one camera have one size"
                )
            yield Frame(still.captured_ms, image)

    def _size(self) -> tuple[int, int]:
        """Of the first that can be read."""
        first = ""
        for still in self.stills:
            try:
                height, width = _read(still.path).shape[:2]
            except WorkError as error:
                first = first or str(error)
            else:
                return width, height
        raise InputError(f"{self.path} holds no picture that can be read: {first}")


def _read(path: Path) -> NDArray[np.uint8]:
    try:
        return decode_picture(path.read_bytes())
    except OSError as error:
        raise WorkError(f"{path} cannot be read: {error.strerror}") from error
    except WorkError as error:
        raise WorkError(f"{path} {error}") from error


def _dated(path: Path, zone: tzinfo) -> Still:
    captured_ms = time_in_name(path.stem, zone)
    if captured_ms is not None:
        return Still(path, captured_ms, "name")
    try:
        with path.open("rb") as file:
            captured_ms = time_in_exif(exif_of(file.read(HEAD_BYTES)), zone)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if captured_ms is None:
        raise InputError(
            f"{path} has no time, neither in its name (such as 2026-11-22_06-00-31) nor in Exif; with --start and "
            "--step all pictures get one, in the order of their names"
        )
    return Still(path, captured_ms, "Exif")


def time_in_name(name: str, zone: tzinfo) -> int | None:
    """Milliseconds UTC of the date and time in a name; None where there is none."""
    for pattern in (_ADJACENT, _APART):
        for found in pattern.finditer(name):
            year, _, month, day, hour, _, minute, second, part, offset = found.groups()
            stamp = f"{year}-{month}-{day}T{hour}:{minute}:{second}.{(part or '0').ljust(3, '0')}"
            if (time_ms := _milliseconds(stamp, offset or "", zone)) is not None:
                return time_ms
    epoch = _EPOCH.search(name)
    return None if epoch is None else int(epoch[1]) * (1000 if len(epoch[1]) == 10 else 1)


def time_in_exif(exif: bytes, zone: tzinfo) -> int | None:
    """Milliseconds UTC of when a picture was taken, by its Exif block; None where that says nothing, or nonsense."""
    try:
        tags = _tags_of(exif)
    except (struct.error, IndexError):
        return None
    for time, offset, part in EXIF_TIMES:
        found = re.fullmatch(r"(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d)", tags.get(time, ""))
        if found:
            digits = re.sub(r"\D", "", tags.get(part, ""))[:3] or "0"
            stamp = f"{found[1]}-{found[2]}-{found[3]}T{found[4]}.{digits.ljust(3, '0')}"
            if (time_ms := _milliseconds(stamp, tags.get(offset, ""), zone)) is not None:
                return time_ms
    return None


def _milliseconds(stamp: str, offset: str, zone: tzinfo) -> int | None:
    try:
        time = datetime.fromisoformat(stamp + (offset if re.fullmatch(r"Z|[+-]\d\d:?\d\d", offset) else ""))
    except ValueError:
        return None
    if time.tzinfo is None:
        time = time.replace(tzinfo=zone)
    time_ms = (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    return time_ms if time_ms >= 0 else None


def _tags_of(exif: bytes) -> dict[int, str]:
    """The texts of the first directory of an Exif block (TIFF) and of the Exif directory that it points to."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return {}
    tags: dict[int, str] = {}
    (first,) = struct.unpack_from(f"{order}I", exif, 4)
    pending = [first]
    for at in pending:  # grows by the one directory, at most
        (entries,) = struct.unpack_from(f"{order}H", exif, at)
        for number in range(min(entries, 500)):
            place = at + 2 + 12 * number
            tag, kind, count = struct.unpack_from(f"{order}HHI", exif, place)
            if tag == 0x8769 and len(pending) == 1:
                pending.append(*struct.unpack_from(f"{order}I", exif, place + 8))
            elif kind == 2 and count <= 64:
                (where,) = struct.unpack_from(f"{order}I", exif, place + 8) if count > 4 else (place + 8,)
                tags[tag] = exif[where : where + count].split(b"\0")[0].decode("latin-1").strip()
    return tags


def _utc(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms // 1000, UTC).isoformat().replace("+00:00", "Z")
