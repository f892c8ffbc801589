"""The strip: the pixels along a counting line, one row per frame, so that a person can check a count.

Time runs down; every vehicle that crosses is a blob at its place on the line. At `rows_max` the oldest half
loses every second row (`thinned` counts them): what is old gets coarser, nothing is cut off.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import WorkError
from edge.vision.drawing import (
    DAY_MS,
    INK,
    Area,
    Colour,
    Picture,
    bgr,
    clock,
    covers,
    text_size,
    walk,
    write,
    write_haloed,
)
from edge.vision.frame import Frame

MarkKind = Literal["counted", "found", "misnamed", "missed", "extra", "excused"]


@dataclass(frozen=True, slots=True)
class Mark:
    """A crossing on the strip; `along` is its share (0..1) of the line's length, None where it is not known."""

    at_ms: int
    kind: MarkKind
    along: float | None
    text: str


MARK_COLOURS: dict[MarkKind, Colour] = {
    "counted": bgr("#F0E442"),
    "found": bgr("#2FE0B5"),
    "misnamed": bgr("#5AA2FF"),
    "missed": bgr("#FF5A1F"),
    "extra": bgr("#FF4FD8"),
    "excused": bgr("#B8B8B8"),
}
"""Each kind has a symbol of its own as well, for those who do not see the colours."""

_CAPTIONS: dict[MarkKind, str] = {"misnamed": "class wrong"}  # other kinds are their own caption

JPEG_QUALITY = 60

_SAMPLES_ALONG_MAX = 4  # samples per column on a long line; more make no visible difference
_GAP_MS_MIN = 2_000  # rows farther apart, and much farther than usual, have unwatched time between them
_GAPS_MAX = 40  # the longest are shown
_GAP_PX = 14
_BODY_PX_MAX = 2_400
_BODY_PX_WANTED = 1_200  # few rows are enlarged up to this
_ENLARGE_MAX = 4
_ACROSS_MIN = 2
_LEFT_PX = 80
_RIGHT_PX = 10
_TICK_PX_MIN = 40
_TICKS_MS = [s * 1000 for s in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400)]
_GROUND: Colour = (30, 27, 25)
_PALE: Colour = (205, 205, 205)
_TEXT = 0.46


class Strip:
    """Collects the rows of one line, in pixels of the picture; one `append` a frame, times never step back.

    A row has `columns` pixels, evenly spaced by length along the polyline, each the mean over `thickness_px`
    across the line.
    """

    def __init__(
        self,
        points: Sequence[tuple[float, float]],
        *,
        columns: int = 384,
        thickness_px: int = 3,
        rows_max: int = 20_000,
    ) -> None:
        assert len(points) >= 2, "a line has two points at least"
        assert min(columns, thickness_px) >= 1, "a row has pixels"
        assert rows_max >= 4, "thinning needs rows to choose from"
        self.points = tuple(points)
        self.columns = columns
        self.thickness_px = thickness_px
        self.rows_max = rows_max
        self.thinned = 0
        """Rows given up at the bound."""
        self._maps = _sampling(self.points, columns, thickness_px)
        self._rows: list[Picture] = []
        self._times_ms: list[int] = []

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def rows(self) -> Picture:
        """(n, columns, 3) uint8 BGR, oldest first."""
        return np.stack(self._rows) if self._rows else np.zeros((0, self.columns, 3), np.uint8)

    def rows_between(self, first: int, last: int) -> Picture:
        """The rows from `first` to before `last`, as far as there are any."""
        rows = self._rows[first:last]
        return np.stack(rows) if rows else np.zeros((0, self.columns, 3), np.uint8)

    @property
    def times_ms(self) -> tuple[int, ...]:
        """When each row was captured."""
        return tuple(self._times_ms)

    @property
    def from_ms(self) -> int | None:
        """When the first row was captured, None while there is none."""
        return self._times_ms[0] if self._times_ms else None

    @property
    def to_ms(self) -> int | None:
        """When the last row was captured, None while there is none."""
        return self._times_ms[-1] if self._times_ms else None

    def append(self, frame: Frame) -> None:
        """Append the row of one frame."""
        assert not self._times_ms or frame.captured_ms >= self._times_ms[-1], "frame time never steps back"
        if len(self._rows) >= self.rows_max:
            self._thin()
        samples = cv2.remap(frame.image, *self._maps, interpolation=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        row = cv2.resize(samples, (self.columns, 1), interpolation=cv2.INTER_AREA)
        self._rows.append(np.asarray(row[0], np.uint8))
        self._times_ms.append(frame.captured_ms)

    def take(self, until_ms: int) -> "Strip":
        """Split off the rows captured before `until_ms`, as a strip of its own; the others stay."""
        taken = Strip(self.points, columns=self.columns, thickness_px=self.thickness_px, rows_max=self.rows_max)
        cut = bisect_left(self._times_ms, until_ms)
        taken._rows, self._rows = self._rows[:cut], self._rows[cut:]
        taken._times_ms, self._times_ms = self._times_ms[:cut], self._times_ms[cut:]
        taken.thinned, self.thinned = self.thinned, 0
        return taken

    def _thin(self) -> None:
        half = len(self._rows) // 2
        del self._rows[1:half:2]
        del self._times_ms[1:half:2]
        self.thinned += len(range(1, half, 2))

    def render(
        self,
        marks: Sequence[Mark] = (),
        *,
        title: str = "",
        time_zone: str = "UTC",
        from_ms: int | None = None,
        to_ms: int | None = None,
        enlarge: int | None = None,
    ) -> Picture:
        """Draw rows and marks captured in `from_ms`..`to_ms` (both included) with a time axis and a legend.

        `enlarge` is a whole factor: 1 is what a device keeps, None chooses one at which a person sees every
        vehicle. Many rows are averaged so that the picture stays under 2,500 pixels high. Unwatched time is a
        hatched band.
        """
        first = 0 if from_ms is None else bisect_left(self._times_ms, from_ms)
        last = len(self._times_ms) if to_ms is None else bisect_right(self._times_ms, to_ms)
        times_ms = np.array(self._times_ms[first:last], np.int64)
        body, heights = _stack(self._rows[first:last], times_ms, self.columns, enlarge)
        visible = [m for m in marks if (from_ms is None or m.at_ms >= from_ms) and (to_ms is None or m.at_ms <= to_ms)]
        head = _draw_head(body.shape[1], title, times_ms, Counter(m.kind for m in visible))
        top = head.shape[0]
        picture = np.full((top + body.shape[0] + _RIGHT_PX, head.shape[1], 3), _GROUND, np.uint8)
        picture[:top] = head
        picture[top : top + body.shape[0], _LEFT_PX : _LEFT_PX + body.shape[1]] = body
        if len(times_ms):
            axis = _Axis(top, times_ms, heights)
            _draw_ticks(picture, axis, time_zone)
        else:
            axis = _Axis(top, np.zeros(1, np.int64), np.zeros(1))  # without frames all marks stand at the upper edge
        _draw_marks(picture, axis, body.shape[1], visible)
        return picture


def write_jpeg(path: str | Path, picture: Picture, quality: int = JPEG_QUALITY) -> int:
    """Write the picture and return its size in bytes; raises WorkError, and leaves nothing half-written."""
    path = Path(path)
    encoded, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1])
    assert encoded, "a uint8 picture can be encoded"
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_bytes(jpeg.tobytes())
        part.replace(path)
    except OSError as fault:
        part.unlink(missing_ok=True)
        raise WorkError(f"{path} cannot be written: {fault.strerror}") from fault
    return len(jpeg)


def _sampling(
    points: Sequence[tuple[float, float]], columns: int, thickness_px: int
) -> tuple[NDArray[np.int16], NDArray[np.uint16]]:
    """Fixed-point maps for cv2.remap: (thickness, columns * samples per column)."""
    length = sum(float(np.hypot(x2 - x1, y2 - y1)) for (x1, y1), (x2, y2) in pairwise(points))
    number = columns * min(max(ceil(length / columns), 1), _SAMPLES_ALONG_MAX)
    middles, directions = walk(points, (np.arange(number) + 0.5) / number)
    across = np.arange(thickness_px) - (thickness_px - 1) / 2
    x = middles[None, :, 0] - across[:, None] * directions[None, :, 1]
    y = middles[None, :, 1] + across[:, None] * directions[None, :, 0]
    whole, fraction = cv2.convertMaps(x.astype(np.float32), y.astype(np.float32), cv2.CV_16SC2)
    return np.asarray(whole, np.int16), np.asarray(fraction, np.uint16)


def _stack(
    rows: Sequence[Picture], times_ms: NDArray[np.int64], columns: int, enlarge: int | None
) -> tuple[Picture, NDArray[np.float64]]:
    """The body of the picture and, for every row, its height in it (pixels from the body's top)."""
    count = len(rows)
    if count == 0:
        body = _hatched(120, columns * (enlarge or _ACROSS_MIN))
        write_haloed(body, "no frames in this time", (16, 64), 0.6, _PALE)
        return body, np.zeros(0)
    gaps = _find_gaps(times_ms)
    thin = ceil(count / (_BODY_PX_MAX - _GAP_PX * len(gaps)))
    fitting = max(1, (_BODY_PX_MAX - _GAP_PX * len(gaps)) // count)
    down = min(enlarge or max(1, min(_ENLARGE_MAX, _BODY_PX_WANTED // count)), fitting)
    width = columns * (enlarge or max(_ACROSS_MIN, down))
    heights = np.zeros(count)
    parts: list[Picture] = []
    top = 0
    for start, end in zip([0, *gaps], [*gaps, count], strict=True):
        if start > 0:
            parts.append(_hatched(_GAP_PX, width))
            top += _GAP_PX
        block = np.stack(rows[start:end])
        lines = ceil((end - start) / thin)
        if thin > 1:
            block = np.asarray(cv2.resize(block, (columns, lines), interpolation=cv2.INTER_AREA), np.uint8)
        block = np.asarray(cv2.resize(block, (width, lines * down), interpolation=cv2.INTER_LINEAR), np.uint8)
        heights[start:end] = top + (np.arange(end - start) + 0.5) * (lines * down / (end - start))
        parts.append(block)
        top += lines * down
    return np.concatenate(parts), heights


def _find_gaps(times_ms: NDArray[np.int64]) -> list[int]:
    """The rows after unwatched time, ascending."""
    steps = np.diff(times_ms)
    if len(steps) == 0:
        return []
    longest = np.argsort(-steps, kind="stable")[:_GAPS_MAX]
    return sorted(int(i) + 1 for i in longest if steps[i] > max(_GAP_MS_MIN, 8 * float(np.median(steps))))


def _hatched(height: int, width: int) -> Picture:
    """Grey with diagonal stripes: not watched."""
    y, x = np.mgrid[:height, :width]
    stripes = np.where((x + y) % 12 < 4, 120, 70).astype(np.uint8)
    return np.repeat(stripes[:, :, None], 3, axis=2)


def _draw_head(body_width: int, title: str, times_ms: NDArray[np.int64], kinds: Counter[MarkKind]) -> Picture:
    """Title, legend with the number of marks of each kind, and which end of the line is which."""
    width = _LEFT_PX + body_width + _RIGHT_PX
    head = np.full((74 if title else 50, width, 3), _GROUND, np.uint8)
    low = 22
    if title:
        scale = 0.55
        while scale > 0.3 and text_size(title, scale)[0] > width - 20:
            scale -= 0.05
        write(head, title, (10, low), scale, (255, 255, 255))
        low += 24
    x = _LEFT_PX
    for kind, colour in MARK_COLOURS.items():
        if kinds[kind]:
            _SYMBOLS[kind](head, x + 6, low - 4, colour)
            text = f"{_CAPTIONS.get(kind, kind)} {kinds[kind]}"
            write(head, text, (x + 18, low), _TEXT + 0.04, colour)
            x += 36 + text_size(text, _TEXT + 0.04)[0]
    low += 20
    write(head, "p1", (_LEFT_PX, low), _TEXT, _PALE)
    write(head, "p2", (width - _RIGHT_PX - text_size("p2", _TEXT)[0], low), _TEXT, _PALE)
    if len(times_ms) and times_ms[0] >= DAY_MS:
        write(head, "UTC", (_LEFT_PX - 9 - text_size("UTC", _TEXT)[0], low), _TEXT, _PALE)  # heads the times below it
        date = datetime.fromtimestamp(int(times_ms[0]) // 1000, UTC)
        write(head, f"{date:%Y-%m-%d}", (_LEFT_PX + 30, low), _TEXT, _PALE)
    return head


@dataclass(frozen=True, slots=True, eq=False)
class _Axis:
    """Where times lie in the picture: each row's time and its height below `top`, pixels."""

    top: int
    times_ms: NDArray[np.int64]
    heights: NDArray[np.float64]

    def y(self, at_ms: int) -> int:
        return self.top + round(float(np.interp(at_ms, self.times_ms, self.heights)))


def _draw_ticks(picture: Picture, axis: _Axis, time_zone: str) -> None:
    first_ms, last_ms = int(axis.times_ms[0]), int(axis.times_ms[-1])
    room = max(float(axis.heights[-1] - axis.heights[0]), 1.0) / _TICK_PX_MIN
    step_ms = next((step for step in _TICKS_MS if (last_ms - first_ms) / step <= room), _TICKS_MS[-1])
    lowest = -_TICK_PX_MIN
    for at_ms in range(-(-first_ms // step_ms) * step_ms, last_ms + 1, step_ms):
        y = axis.y(at_ms)
        if y - lowest < _TICK_PX_MIN // 2:
            continue
        lowest = y
        label = f"{at_ms // 1000} s" if first_ms < DAY_MS else clock(at_ms, time_zone).split()[0]
        write(picture, label, (_LEFT_PX - 9 - text_size(label, _TEXT)[0], y + 4), _TEXT, _PALE)
        cv2.line(picture, (_LEFT_PX - 6, y), (_LEFT_PX - 1, y), _PALE, 1)


def _draw_marks(picture: Picture, axis: _Axis, body_width: int, marks: Sequence[Mark]) -> None:
    taken: list[Area] = []
    spots: list[tuple[Mark, int, int]] = []
    for mark in sorted(marks, key=lambda m: m.at_ms):
        y = axis.y(mark.at_ms)
        colour = MARK_COLOURS[mark.kind]
        if mark.along is None:
            for x in range(_LEFT_PX, _LEFT_PX + body_width, 12):
                cv2.line(picture, (x, y), (min(x + 6, _LEFT_PX + body_width - 1), y), INK, 3)
                cv2.line(picture, (x, y), (min(x + 6, _LEFT_PX + body_width - 1), y), colour, 1)
        share = 0.02 if mark.along is None else mark.along
        x = _LEFT_PX + round(share * (body_width - 1))
        aside = 15 if share < 0.5 else -15  # two marks of one moment and place: both stay visible
        for _ in range(3):
            if any(abs(x - u) < 10 and abs(y - v) < 10 for _, u, v in spots):
                x += aside
        _SYMBOLS[mark.kind](picture, x, y, colour)
        taken.append((x - 7, y - 7, x + 7, y + 7))
        spots.append((mark, x, y))
    for mark, x, y in spots:
        place = _find_room(picture, text_size(mark.text, _TEXT), x, y, taken)
        taken.append(place)
        write_haloed(picture, mark.text, (place[0], place[3] - 1), _TEXT, MARK_COLOURS[mark.kind])


def _find_room(picture: Picture, size: tuple[int, int], x: int, y: int, taken: Sequence[Area]) -> Area:
    """A place for a text beside (x, y) that covers no other, or the first inside the picture if all do."""
    width, height = size[0], size[1] + 2
    places = []
    for dy in (0, -height, height):
        for left in (x + 11, x - 11 - width):
            if left >= _LEFT_PX and left + width < picture.shape[1]:
                places.append((left, y + dy - height // 2, left + width, y + dy - height // 2 + height))
    for place in places:
        if not any(covers(place, other) for other in taken):
            return place
    return places[0] if places else (_LEFT_PX, y, _LEFT_PX + width, y + height)


def _ring(picture: Picture, x: int, y: int, colour: Colour) -> None:
    cv2.circle(picture, (x, y), 6, INK, 4, cv2.LINE_AA)
    cv2.circle(picture, (x, y), 6, colour, 2, cv2.LINE_AA)


def _outline(corners: Sequence[tuple[int, int]], closed: bool) -> Callable[[Picture, int, int, Colour], None]:  # noqa: FBT001  # private
    def draw(picture: Picture, x: int, y: int, colour: Colour) -> None:
        points = np.array([(x + dx, y + dy) for dx, dy in corners], np.int32)
        cv2.polylines(picture, [points], closed, INK, 4, cv2.LINE_AA)
        cv2.polylines(picture, [points], closed, colour, 2, cv2.LINE_AA)

    return draw


def _cross(picture: Picture, x: int, y: int, colour: Colour) -> None:
    for ink, pen in ((INK, 5), (colour, 3)):
        cv2.line(picture, (x - 6, y - 6), (x + 6, y + 6), ink, pen, cv2.LINE_AA)
        cv2.line(picture, (x - 6, y + 6), (x + 6, y - 6), ink, pen, cv2.LINE_AA)


_SYMBOLS: dict[MarkKind, Callable[[Picture, int, int, Colour], None]] = {
    "counted": _ring,
    "found": _ring,
    "misnamed": _cross,
    "missed": _outline([(-6, -6), (6, -6), (6, 6), (-6, 6)], closed=True),
    "extra": _outline([(0, -7), (7, 6), (-7, 6)], closed=True),
    "excused": _outline([(0, -7), (7, 0), (0, 7), (-7, 0)], closed=True),
}
