"""The tape: detected frames as JSON lines, so that counting can be repeated bit by bit without any pixels.

The first line is the header, `{"tape":2,...}`. Each further line is a frame:
`{"ms":...,"boxes":[[x1,y1,x2,y2,score,label],...]}`. The last line, `{"frames":...}`, says how many there were, so that
a tape that breaks off is seen. Numbers read back as the very floats they were.

A frame has optional parts, which are left out where there is nothing to say:

| part | what it says |
|---|---|
| `blind` | why nothing can be seen; it has no boxes then |
| `since` | when the symptom began that makes the frame blind or may yet do so, in ms like `ms` |
| `names` | `[[n,[...]],...]`: the second look at the n-th box, from 0: a logarithm for each class |
| `alike` | `[[n,x],...]`: of stills, how alike the picture before was in the n-th box, 1 for the same |
| `look` | why the detector did not look: `still`, nothing moved since it looked last, or `paced`, none was needed yet |
| `skipped`, `strip` | reserved: frames skipped before this one, strip rows |

A reader ignores parts that it does not know, in the header and in frames, so that later parts break no reader.
Tape 1 is still read: it has no `since` and no unknown parts. It was made without the scene watcher, so only its `blind`
frames are unwatched.
"""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Annotated, Literal, Self

import msgspec

from edge.counting.detection import CLASSES, DetectedFrame, Detection, Skipped
from edge.counting.parameters import DEFAULT
from edge.counting.stills import StillTime
from edge.errors import InputError, WorkError


class TapeHeader(msgspec.Struct, frozen=True, kw_only=True):
    """Where a tape comes from. `width`, `height`: pixels that boxes are in; `source`: the video's name.

    `stills`, `compare`: of stills, how many ms a picture covers, and how old the one before may be to compare with;
    left out of a video. `model`: name and version; `naming`: the same of the second look, left out where none was
    taken; `start_ms`: UTC of the first frame; `every`: 1 if each frame is on the tape; `score_min`: the least score
    that was kept; `part`: why the video breaks off, left out where it does not.
    """

    tape: Literal[1, 2] = 2
    width: Annotated[int, msgspec.Meta(ge=1, le=65_536)]
    height: Annotated[int, msgspec.Meta(ge=1, le=65_536)]
    model: str
    source: str
    start_ms: int
    every: int = 1
    score_min: float = 0.0
    naming: str | msgspec.UnsetType = msgspec.UNSET
    stills: Annotated[int, msgspec.Meta(ge=1, le=86_400_000)] | msgspec.UnsetType = msgspec.UNSET
    compare: Annotated[int, msgspec.Meta(ge=0, le=864_000_000)] | msgspec.UnsetType = msgspec.UNSET
    part: str | msgspec.UnsetType = msgspec.UNSET

    @property
    def still_time(self) -> StillTime | None:
        """The times of stills; None where they are the frames of a video."""
        if self.stills is msgspec.UNSET or self.compare is msgspec.UNSET:
            return None
        return StillTime(self.stills, self.compare)


_Row = tuple[float, float, float, float, float, str]


_Ms = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_999)]  # to the end of the year 9999


class _Line1(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A frame of tape 1."""

    ms: _Ms
    boxes: list[_Row]
    blind: str = ""


class _Line(_Line1, frozen=True, forbid_unknown_fields=False, omit_defaults=True):
    since: _Ms | None = None
    names: list[tuple[int, tuple[float, ...]]] = []
    alike: list[tuple[int, float]] = []
    look: Skipped = ""


class _End(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    frames: int


_HEADER_BYTES_MAX = 65536  # what is longer is some other file
_encoder = msgspec.json.Encoder()
_header_decoder = msgspec.json.Decoder(TapeHeader)
_LineDecoder = msgspec.json.Decoder[_Line1] | msgspec.json.Decoder[_Line]
_line_decoders: dict[int, _LineDecoder] = {1: msgspec.json.Decoder(_Line1), 2: msgspec.json.Decoder(_Line)}
_end_decoder = msgspec.json.Decoder(_End)


class TapeWriter:
    """Writes a tape frame by frame; the file stands under its name only once the `with` block ended well.

    Until then the lines are in a file beside it with the suffix .part, which a failure removes. Raises
    InputError if the folder cannot be written to, WorkError if writing fails later (a full disk).
    """

    def __init__(self, path: str | Path, header: TapeHeader) -> None:
        self._path = Path(path)
        self._part = self._path.with_name(f"{self._path.name}.part")
        self._header = header
        self._last_ms: int | None = None
        self._frames = 0

    def __enter__(self) -> Self:
        try:
            self._file: IO[bytes] = self._part.open("wb")
        except OSError as error:
            raise InputError(
                f"{self._path} cannot be written ({error.strerror}); allowed is a file in an existing folder"
            ) from error
        self._write(self._header)
        return self

    def append(self, frame: DetectedFrame) -> None:
        """Write the next frame. Its numbers must be finite and its time must not step back."""
        assert self._header.tape > 1 or (frame.since_ms is None and not frame.skipped), "tape 1 cannot say that"
        assert self._last_ms is None or frame.captured_ms >= self._last_ms, "time never steps back in a tape"
        self._last_ms = frame.captured_ms
        boxes: list[_Row] = [(d.x1, d.y1, d.x2, d.y2, d.score, d.label) for d in frame.detections]
        for row in boxes:
            if not all(map(math.isfinite, row[:5])):
                raise ValueError(f"frame {frame.captured_ms} holds {row}; a tape takes finite numbers only")
        names = [(number, one.look) for number, one in enumerate(frame.detections) if one.look]
        alike = [(number, one.likeness) for number, one in enumerate(frame.detections) if one.likeness is not None]
        self._write(_Line(frame.captured_ms, boxes, frame.blind, frame.since_ms, names, alike, frame.skipped))
        self._frames += 1

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._write(_End(self._frames))
            self._file.close()
            if kind is None:
                self._part.replace(self._path)
        except OSError as fault:
            raise WorkError(f"{self._path} cannot be written: {fault.strerror}") from fault
        finally:
            self._part.unlink(missing_ok=True)

    def _write(self, line: TapeHeader | _Line | _End) -> None:
        try:
            self._file.write(_encoder.encode(line) + b"\n")
        except OSError as error:
            raise WorkError(f"{self._path} cannot be written: {error.strerror}") from error


def write_tape(path: str | Path, header: TapeHeader, frames: Iterable[DetectedFrame]) -> None:
    """Write all frames as one tape, or nothing if one cannot be had. See TapeWriter."""
    with TapeWriter(path, header) as tape:
        for frame in frames:
            tape.append(frame)


def read_tape(path: str | Path) -> tuple[TapeHeader, Iterator[DetectedFrame]]:
    """Return the header, read at once, and the frames, read as they are asked for.

    Raises InputError, with the number of the line, for what is no tape of ours.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            first = file.readline(_HEADER_BYTES_MAX)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); a tape is expected") from error
    try:
        header = _header_decoder.decode(first)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}, line 1: {error}; the header of a tape is expected") from error
    return header, _frames(path, _line_decoders[header.tape])


def _frames(path: Path, decoder: _LineDecoder) -> Iterator[DetectedFrame]:
    last_ms: int | None = None
    number = 1
    with path.open("rb") as file:
        next(file)
        for number, text in enumerate(file, start=2):
            if text.startswith(b'{"frames"'):
                _check_end(path, number, text, file)
                return
            frame = _frame(path, number, text, decoder)
            if last_ms is not None and frame.captured_ms < last_ms:
                raise InputError(
                    f"{path}, line {number}: ms is {frame.captured_ms} after {last_ms}; time never steps back"
                )
            last_ms = frame.captured_ms
            yield frame
    raise WorkError(f"{path} breaks off after {number - 1} frames: its last line does not say how many there were")


def _check_end(path: Path, number: int, text: bytes, file: IO[bytes]) -> None:
    """Raise InputError if the last line counts other frames than there were, or is not the last."""
    try:
        end = _end_decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}, line {number}: {error}; the number of frames is expected") from error
    if end.frames != number - 2:
        raise InputError(f"{path}, line {number}: frames is {end.frames}, but {number - 2} stand before it")
    if file.read(1):
        raise InputError(f"{path}, line {number + 1}: something follows the end")


def _frame(path: Path, number: int, text: bytes, decoder: _LineDecoder) -> DetectedFrame:
    try:
        line = decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}, line {number}: {error}; a frame is expected") from error
    for row in line.boxes:
        if row[5] not in CLASSES:
            raise InputError(f"{path}, line {number}: label is {row[5]!r}; allowed are {', '.join(CLASSES)}")
        if not (row[0] < row[2] and row[1] < row[3] and 0.0 <= row[4] <= 1.0):
            raise InputError(
                f"{path}, line {number}: a box is {list(row[:5])}; allowed are x1 < x2, y1 < y2 and a score of 0 to 1"
            )
    since_ms = line.since if isinstance(line, _Line) else None
    pending_ms_max = DEFAULT.watched.pending_ms_max
    if since_ms is not None and not 0 <= line.ms - since_ms <= (line.ms if line.blind else pending_ms_max):
        raise InputError(
            f"{path}, line {number}: since is {since_ms} at {line.ms}; allowed is a time before it, and at most "
            f"{pending_ms_max} ms before where the frame is not blind"
        )
    names = line.names if isinstance(line, _Line) else []
    for n, look in names:
        if not (0 <= n < len(line.boxes) and len(look) == len(CLASSES)):
            raise InputError(
                f"{path}, line {number}: names says {[n, list(look)]}; allowed are a box of this line and "
                f"{len(CLASSES)} numbers"
            )
    looks, alike = dict(names), dict(line.alike) if isinstance(line, _Line) else {}
    boxes = tuple(Detection(*row, looks.get(n, ()), alike.get(n)) for n, row in enumerate(line.boxes))
    skipped: Skipped = line.look if isinstance(line, _Line) else ""
    if skipped and (boxes or line.blind):
        raise InputError(
            f"{path}, line {number}: look is {skipped!r}; a frame without boxes that is not blind is allowed"
        )
    return DetectedFrame(line.ms, boxes, line.blind, since_ms, skipped)
