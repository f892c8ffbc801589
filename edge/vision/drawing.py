"""The annotated picture: what was detected, tracked, counted and queues, drawn so that a person can follow it."""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import atan2, ceil, pi
from zoneinfo import ZoneInfo

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.counting.buckets import COUNTED_CLASSES
from edge.counting.crossing import DIRECTIONS, CountingLine, Crossing, Point
from edge.counting.detection import Detection
from edge.counting.occupancy import Occupancy
from edge.counting.tracking import Track
from edge.counting.zone import Zone

CLASS_COLOURS = {
    "truck": "#c9d4e0",
    "car": "#f0e442",
    "van": "#2fc79b",
    "bus": "#e58fbd",
    "motorcycle": "#d0988d",
    "bicycle": "#8fe3e6",
    "unclassified": "#66747f",
}
"""Of what is drawn on pictures; those of the centre's pages in the dark."""

CHART_COLOURS = {
    "truck": "#37465a",
    "car": "#d9a900",
    "van": "#009e73",
    "bus": "#b8417f",
    "motorcycle": "#8c564b",
    "bicycle": "#55b7c4",
    "unclassified": "#a9b4be",
}
"""Of charts on white; those of the centre's pages by day."""

DirectionWords = Mapping[str, Mapping[str, str]]
"""line -> direction -> what the user calls it ("outbound"); what is absent keeps its name in the code."""

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]
Area = tuple[int, int, int, int]
"""Left, top, right and bottom, in pixels of the picture drawn on."""

WHITE: Colour = (255, 255, 255)
INK: Colour = (24, 20, 18)
DAY_MS = 86_400_000

_WIDTH_MIN = 640  # smaller pictures are enlarged before anything is written on them
_PALE: Colour = (200, 200, 200)
_DETECTED: Colour = (130, 130, 130)
_LINE: Colour = (0, 200, 245)
_ZONE: Colour = (250, 190, 70)
_ZONE_OPACITY = 0.12
_TRAIL_POINTS = 48
_FLASH_MS = 600
_NAMED_SHARE = 0.05  # of the picture's height: lower boxes are named near a line only, or their names hide the road
_PANEL: Colour = (22, 22, 22)
_PANEL_SHARE_MAX = 0.6  # of the picture's width
_PLAIN_ARROWS = str.maketrans("→↘↓↙←↖↑↗", ">>v<<<^>")  # OpenCV 4 writes ASCII only
_BLACK: Colour = (0, 0, 0)
_HALO = [(dx, dy) for dx in range(-2, 3) for dy in range(-2, 3) if 0 < dx * dx + dy * dy <= 5]
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def bgr(colour: str) -> Colour:
    """`#RRGGBB` as OpenCV wants it."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return blue, green, red


def heading(line: CountingLine, direction: str) -> str:
    """The arrow that shows, as seen in the picture, where vehicles of this direction go."""
    (x1, y1), (x2, y2) = line.points[0], line.points[-1]
    if (x1, y1) == (x2, y2):  # a closed line has no side of its own; its first segment speaks for it
        x2, y2 = line.points[1]
    turn = 1 if direction == DIRECTIONS[0] else -1
    return "→↘↓↙←↖↑↗"[round(atan2(turn * (x2 - x1), turn * (y1 - y2)) / (pi / 4)) % 8]


def clock(at_ms: int, time_zone: str = "UTC") -> str:
    """`14:10:00 UTC`, or of the zone; seconds since the start where the time is a recording's own (its first day)."""
    if at_ms < DAY_MS:
        return f"{at_ms / 1000:.1f} s"
    time = datetime.fromtimestamp(at_ms // 1000, ZoneInfo(time_zone))
    return f"{time:%H:%M:%S} {time.tzname()}"


def moment(at_ms: int, time_zone: str = "UTC") -> str:
    """As `clock`, with the date."""
    if at_ms < DAY_MS:
        return clock(at_ms)
    return f"{datetime.fromtimestamp(at_ms // 1000, ZoneInfo(time_zone)):%Y-%m-%d} {clock(at_ms, time_zone)}"


def walk(points: Sequence[Point], shares: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points and unit directions, both (n, 2), at these shares (0..1) of a polyline's length."""
    corners = np.asarray(points, np.float64)
    steps = np.diff(corners, axis=0)
    lengths = np.hypot(steps[:, 0], steps[:, 1])
    ends = np.cumsum(lengths)
    distances = np.clip(shares, 0.0, 1.0) * ends[-1]
    segment = np.minimum(np.searchsorted(ends, distances, side="right"), len(steps) - 1)
    directions = steps[segment] / lengths[segment, None]
    into = distances - (ends[segment] - lengths[segment])
    return corners[segment] + into[:, None] * directions, directions


def text_size(text: str, scale: float) -> tuple[int, int]:
    """Width and height in pixels."""
    (width, height), _ = cv2.getTextSize(_legible(text), _FONT, scale, 1)
    return width, height


def write(picture: Picture, text: str, at: tuple[int, int], scale: float, colour: Colour) -> None:
    """Write on the picture, `at` being the lower left corner."""
    cv2.putText(picture, _legible(text), at, _FONT, scale, colour, 1, cv2.LINE_AA)


def write_haloed(picture: Picture, text: str, at: tuple[int, int], scale: float, colour: Colour) -> None:
    """Write so that it reads on any ground, white vehicles included."""
    x, y = at
    for dx, dy in _HALO:
        write(picture, text, (x + dx, y + dy), scale, _BLACK)
    write(picture, text, at, scale, colour)


def covers(one: Area, other: Area) -> bool:
    """Whether two areas of the picture share a pixel."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


class Annotator:
    """Draws frame after frame; remembers trails, counts and the crossings of the last moment.

    `lines` have their names and directions, `zones` who is in them; the clock is that of `time_zone`, and where
    the recording breaks off (`part`), the panel says so.

    `size` is (width, height) of the frames. The pictures it returns have `.size`: the frame, at least 640 wide, and
    beside it the panel with the counts, which hides nothing. Both sides are even, as encoders want them.
    """

    def __init__(
        self,
        lines: Sequence[CountingLine],
        size: tuple[int, int],
        direction_words: DirectionWords | None = None,
        zones: Sequence[Zone] = (),
        *,
        time_zone: str = "UTC",
        part: bool = False,
    ) -> None:
        width, height = size
        assert min(size) > 0, "a frame has a size"
        self._zoom = max(1, ceil(_WIDTH_MIN / width))
        self._picture_size = (width * self._zoom // 2 * 2, height * self._zoom // 2 * 2)
        self.counts: Counter[tuple[str, str, str]] = Counter()
        """(line, direction, class) -> crossings drawn so far."""
        self._frame_size = size
        self._lines = tuple(lines)
        self._zones = tuple(zones)
        self._words = direction_words or {}
        self._time_zone = time_zone
        self._part = part
        self._pen = max(1, round(min(self._picture_size) / 480))
        self._scale = 0.42 * max(1.0, min(self._picture_size) / 600)
        self._trails: dict[int, deque[tuple[int, int]]] = {}
        self._fresh: list[tuple[Crossing, int]] = []
        self._name_px, self._cell_px = self._panel_columns()
        beside = self._name_px + len(DIRECTIONS) * self._cell_px + self._row_px
        self.size = (self._picture_size[0] + beside // 2 * 2, self._picture_size[1])

    def draw(  # noqa: PLR0917  # in the order in which a frame goes through the stages
        self,
        image: Picture,
        detections: Sequence[Detection],
        tracks: Sequence[Track],
        crossings: Sequence[Crossing],
        captured_ms: int,
        occupancies: Sequence[Occupancy] = (),
    ) -> Picture:
        """Return an annotated copy; `crossings` are those that became certain at this very frame."""
        assert (image.shape[1], image.shape[0]) == self._frame_size, "all frames have the size that was announced"
        self.counts.update((c.line, c.direction, c.label) for c in crossings)
        self._fresh = [(c, until_ms) for c, until_ms in self._fresh if until_ms > captured_ms]
        self._fresh += [(c, captured_ms + _FLASH_MS) for c in crossings]
        canvas = np.empty((self.size[1], self.size[0], 3), np.uint8)
        picture = canvas[:, : self._picture_size[0]]
        enlarged = cv2.resize(image, None, fx=self._zoom, fy=self._zoom) if self._zoom > 1 else image
        picture[:] = enlarged[: self._picture_size[1], : self._picture_size[0]]
        self._tint_zones(picture)
        for line in self._lines:
            self._draw_line(picture, line, captured_ms)
        for detection in detections:
            corners = self._at(detection.x1, detection.y1), self._at(detection.x2, detection.y2)
            cv2.rectangle(picture, *corners, _DETECTED, 1)
        self._draw_trails(picture, tracks)
        nearer_last = sorted(tracks, key=lambda t: t.box[3])
        for track in nearer_last:
            self._draw_box(picture, track, captured_ms)
        self._draw_names(picture, nearer_last[::-1], captured_ms)
        self._name_zones(picture, occupancies)
        canvas[:, self._picture_size[0] :] = _PANEL
        self._draw_panel(canvas, captured_ms)
        return canvas

    def _at(self, x: float, y: float) -> tuple[int, int]:
        return round(x * self._zoom), round(y * self._zoom)

    def _tint_zones(self, picture: Picture) -> None:
        """The ground of every zone in its colour, with its border."""
        if not self._zones:
            return
        polygons = [np.array([self._at(x, y) for x, y in zone.polygon], np.int32) for zone in self._zones]
        tinted = picture.copy()
        for polygon in polygons:
            cv2.fillPoly(tinted, [polygon], _ZONE)
        cv2.addWeighted(tinted, _ZONE_OPACITY, picture, 1.0 - _ZONE_OPACITY, 0.0, dst=picture)
        cv2.polylines(picture, polygons, isClosed=True, color=_ZONE, thickness=self._pen, lineType=cv2.LINE_AA)

    def _name_zones(self, picture: Picture, occupancies: Sequence[Occupancy]) -> None:
        """At the lowest corner of every zone its name, and how many are inside and stand."""
        now = {occupancy.zone: occupancy for occupancy in occupancies}
        for zone in self._zones:
            text, occupancy = zone.name, now.get(zone.name)
            if occupancy is not None:
                text += f": {occupancy.inside} inside"
                text += f", {occupancy.standing} standing" if occupancy.standing is not None else ""
                text += f", {occupancy.parked} parked" if occupancy.parked else ""
                text += f", {occupancy.queue_m:.0f} m" if occupancy.queue_m is not None else ""
                hidden = occupancy.hidden
                text += f", hidden about {hidden.mean:.0f}" if hidden is not None and hidden.p90 else ""
            x, y = self._at(*max(zone.polygon, key=lambda corner: corner[1]))
            width, height = text_size(text, self._scale)
            self._write_inside(picture, text, (x - width // 2, y + height + 4 * self._pen), _ZONE)

    def _draw_line(self, picture: Picture, line: CountingLine, captured_ms: int) -> None:
        """The line with its name and an arrow a to b; brighter for a moment after a crossing."""
        fresh = [(c, until_ms) for c, until_ms in self._fresh if c.line == line.name]
        points = np.array([self._at(x, y) for x, y in line.points], np.int32)
        colour: Colour = (80, 255, 255) if fresh else _LINE
        pen = self._pen * (4 if fresh else 2)
        cv2.polylines(picture, [points], isClosed=False, color=INK, thickness=pen + 2 * self._pen, lineType=cv2.LINE_AA)
        cv2.polylines(picture, [points], isClosed=False, color=colour, thickness=pen, lineType=cv2.LINE_AA)

        (middle,), ((dx, dy),) = walk(line.points, np.array([0.5]))
        x, y = self._at(*middle)
        reach = 22 * self._pen
        tail, tip = (
            (round(x + dy * reach / 2), round(y - dx * reach / 2)),
            (round(x - dy * reach), round(y + dx * reach)),
        )
        cv2.arrowedLine(picture, tail, tip, INK, 4 * self._pen, cv2.LINE_AA, tipLength=0.35)
        cv2.arrowedLine(picture, tail, tip, colour, 2 * self._pen, cv2.LINE_AA, tipLength=0.35)
        word = self._words.get(line.name, {}).get(DIRECTIONS[0], DIRECTIONS[0])
        text = line.name if word == DIRECTIONS[0] else f"{line.name}: {word}"
        width, height = text_size(text, self._scale)
        beyond = 6 * self._pen
        left = round(tip[0] - dy * (beyond + width / 2) - width / 2)
        low = round(tip[1] + dx * (beyond + height / 2) + height / 2)
        self._write_inside(picture, text, (left, low), colour)

        for crossing, until_ms in fresh:
            ((x_along, y_along),), _ = walk(line.points, np.array([crossing.along]))
            age = 1.0 - (until_ms - captured_ms) / _FLASH_MS
            radius = round((8 + 22 * age) * self._pen)
            cv2.circle(picture, self._at(x_along, y_along), radius, WHITE, 2 * self._pen, cv2.LINE_AA)

    def _draw_trails(self, picture: Picture, tracks: Sequence[Track]) -> None:
        self._trails = {t.id: self._trails.get(t.id, deque(maxlen=_TRAIL_POINTS)) for t in tracks}
        for track in tracks:
            trail = self._trails[track.id]
            trail.append(self._at(*track.ground))
            colour = _colour_of(track)
            points = np.array(trail, np.int32)
            cv2.polylines(picture, [points], isClosed=False, color=colour, thickness=self._pen, lineType=cv2.LINE_AA)
            cv2.circle(picture, trail[-1], 2 + self._pen, INK, -1, cv2.LINE_AA)
            cv2.circle(picture, trail[-1], 1 + self._pen, colour, -1, cv2.LINE_AA)

    def _draw_box(self, picture: Picture, track: Track, captured_ms: int) -> None:
        """A box in the class's colour, thin while it is predicted."""
        x1, y1, x2, y2 = track.box
        pen = 2 * self._pen if track.seen_ms == captured_ms else 1
        cv2.rectangle(picture, self._at(x1, y1), self._at(x2, y2), _colour_of(track), pen, cv2.LINE_AA)

    def _draw_names(self, picture: Picture, tracks: Sequence[Track], captured_ms: int) -> None:
        """Id, and class of those seen, the first ones first; what would cover another name is left out."""
        taken: list[Area] = []
        for track in tracks:
            if not self._is_named(track):
                continue
            seen = track.seen_ms == captured_ms
            label, colour = f"{track.id} {track.label(0.0)[0]}" if seen else f"{track.id}", _colour_of(track)
            width, height = text_size(label, self._scale)
            left, top = self._at(*track.box[:2])
            left = min(max(left, 0), self._picture_size[0] - width - 6)
            low = max(top, height + 6)
            place = (left, low - height - 6, left + width + 6, low)
            if any(covers(place, other) for other in taken):
                continue
            taken.append(place)
            if seen:
                cv2.rectangle(picture, place[:2], place[2:], colour, -1)
                write(picture, label, (left + 3, low - 4), self._scale, _contrast(colour))
            else:
                write_haloed(picture, label, (left + 3, low - 4), self._scale, _PALE)

    def _is_named(self, track: Track) -> bool:
        """Whether the vehicle is large enough to be named, or within a box height of a line."""
        height = track.box[3] - track.box[1]
        return height > _NAMED_SHARE * self._frame_size[1] or any(
            abs(line.distance(track.ground)) <= height for line in self._lines
        )

    @property
    def _row_px(self) -> int:
        return round(50 * self._scale)

    def _panel_columns(self) -> tuple[int, int]:
        """Widths in pixels of the names and of each direction, for all that may come to stand in the panel."""
        scale = 1.1 * self._scale
        names = [*COUNTED_CLASSES, *(line.name for line in self._lines), "00:00:00 +00:00"]
        heads = ["99999", *(head for line in self._lines for head in self._heads(line))]
        name_px = self._row_px + max(text_size(name, scale)[0] for name in names)
        cell_px = self._row_px + max(text_size(head, scale)[0] for head in heads)
        name_px = min(name_px, round(self._picture_size[0] * _PANEL_SHARE_MAX / 2))
        return name_px, min(cell_px, round(self._picture_size[0] * _PANEL_SHARE_MAX / 4))

    def _draw_panel(self, canvas: Picture, captured_ms: int) -> None:
        """Counts so far, per line, class and direction, beside the picture."""
        rows = self._count_rows(captured_ms)
        row_px = min(self._row_px, self._picture_size[1] // (len(rows) + 1))  # with many lines all is written smaller
        scale = 1.1 * self._scale * row_px / self._row_px
        pad = row_px // 2
        for place, row in enumerate(rows):
            low = pad + place * row_px + 3 * row_px // 4
            x = self._picture_size[0] + pad
            if row.name in CLASS_COLOURS:
                cv2.rectangle(canvas, (x, low - pad), (x + pad, low), bgr(CLASS_COLOURS[row.name]), -1)
            indent = 0 if row.heads else row_px
            name = _shortened(row.name, scale, self._name_px - indent)
            write(canvas, name, (x + indent, low), scale, row.colour)
            for number, cell in enumerate(row.cells, 1):
                right = x + self._name_px + number * self._cell_px
                colour = _PALE if row.heads else WHITE
                text = _shortened(cell, scale, self._cell_px - pad)
                write(canvas, text, (right - text_size(text, scale)[0], low), scale, colour)

    def _heads(self, line: CountingLine) -> tuple[str, ...]:
        """The two directions of a line: where they go in the picture, and the user's words for them."""
        words = self._words.get(line.name, {})
        return tuple(f"{heading(line, one)} {words.get(one, one)}" for one in DIRECTIONS)

    def _count_rows(self, captured_ms: int) -> list["_Row"]:
        rows = [_Row(clock(captured_ms, self._time_zone), _PALE, heads=True)]
        if self._part:
            rows.append(_Row("only a part", _LINE, heads=True))
        for line in self._lines:
            rows.append(_Row(line.name, _LINE, self._heads(line), heads=True))
            totals = [0] * len(DIRECTIONS)
            for label in COUNTED_CLASSES:
                numbers = [self.counts[line.name, one, label] for one in DIRECTIONS]
                if any(numbers):
                    rows.append(_Row(label, WHITE, tuple(map(str, numbers))))
                totals = [total + number for total, number in zip(totals, numbers, strict=True)]
            rows.append(_Row("total", WHITE, tuple(map(str, totals))))
        return rows

    def _write_inside(self, picture: Picture, text: str, at: tuple[int, int], colour: Colour) -> None:
        width, height = text_size(text, self._scale)
        x = min(max(at[0], 2), self._picture_size[0] - width - 2)
        y = min(max(at[1], height + 2), self._picture_size[1] - 4)
        write_haloed(picture, text, (x, y), self._scale, colour)


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of the counts: a name, a number or a word for each direction."""

    name: str
    colour: Colour
    cells: tuple[str, ...] = ()
    heads: bool = False


def _shortened(text: str, scale: float, width_px: int) -> str:
    """The text, or as much of its beginning as is not wider than that."""
    while len(text) > 1 and text_size(text, scale)[0] > width_px:
        text = text[:-3] + ".." if text.endswith("..") else text[:-2] + ".."
    return text


def _legible(text: str) -> str:
    return text.translate(_PLAIN_ARROWS) if cv2.__version__.startswith("4.") else text


def _colour_of(track: Track) -> Colour:
    return bgr(CLASS_COLOURS[track.label(0.0)[0]])


def _contrast(colour: Colour) -> Colour:
    """Black or white, whichever reads on this colour (luma of ITU-R BT.601)."""
    blue, green, red = colour
    return INK if 0.114 * blue + 0.587 * green + 0.299 * red > 130 else WHITE
