"""`crossing-edge evaluate --wrong`: the pictures in which the numbers of a zone are wrong, the worst first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from edge.counting.crossing import Point
from edge.counting.motion import Box
from edge.counting.zone import Zone
from edge.vision.drawing import text_size, write_haloed
from edge.vision.fitting import Picture
from edge.vision.picture_file import decode_picture
from edge.vision.recording import Recording
from edge.vision.strip import write_jpeg

WRONG_MAX = 60  # pictures written, the worst ones
APART_MS = 1_000  # between two of one zone of a clip: those in between show the same
WIDTH_MIN = 960  # smaller pictures are enlarged
INSIDE, OUTSIDE, BORDER = (60, 220, 60), (150, 150, 150), (60, 200, 255)


@dataclass(frozen=True, slots=True)
class ZoneMoment:
    """A zone in one picture: true and counted numbers, and the boxes that were found, each with its class.

    `path` is that of the picture, or of a clip, whose picture it is at `at_ms`. `standing` is true and told, too; None
    for pictures by themselves.
    """

    path: Path
    zone: str
    polygon: tuple[Point, ...]
    true: int
    told: int
    at_ms: int | None = None
    standing: tuple[int, int] | None = None
    boxes: tuple[tuple[Box, str], ...] = field(default=(), repr=False)

    @property
    def error(self) -> int:
        """The larger error of the numbers inside and standing."""
        true, told = self.standing or (0, 0)
        return max(abs(self.told - self.true), abs(told - true))

    @property
    def says(self) -> str:
        """The numbers as text."""
        text = f"{self.zone}: {self.true} inside, {self.told} told"
        if self.standing is not None:
            text += f"; {self.standing[0]} standing, {self.standing[1]} told"
        return text


def worst_of(moments: Iterable[ZoneMoment]) -> list[ZoneMoment]:
    """The wrong ones, the worst first, at most WRONG_MAX; of one clip and zone none within APART_MS of a worse one."""
    found: list[ZoneMoment] = []
    for one in sorted(moments, key=lambda one: (-one.error, str(one.path), one.zone, one.at_ms or 0)):
        if not one.error or len(found) == WRONG_MAX:
            break
        if not any(_is_near(one, other) for other in found):
            found.append(one)
    return found


def write_wrong(moments: Sequence[ZoneMoment], folder: Path) -> list[Path]:
    """Draw the wrong ones into the folder, which exists, numbered from the worst; the paths in that order."""
    worst = worst_of(moments)
    paths = [folder / f"{rank:02d}-off-by-{one.error}-{one.path.stem}.jpg" for rank, one in enumerate(worst, start=1)]
    stills = [(one, path) for one, path in zip(worst, paths, strict=True) if one.at_ms is None]
    for one, path in stills:
        write_jpeg(path, _drawn(decode_picture(one.path.read_bytes()), one))
    for clip in sorted({one.path for one in worst if one.at_ms is not None}):
        wanted = [(one, path) for one, path in zip(worst, paths, strict=True) if one.path == clip]
        for frame in Recording(clip):
            for one, path in wanted:
                if one.at_ms == frame.captured_ms:
                    write_jpeg(path, _drawn(frame.image, one))
    return paths


def _is_near(one: ZoneMoment, other: ZoneMoment) -> bool:
    same = (one.path, one.zone) == (other.path, other.zone)
    return same and one.at_ms is not None and other.at_ms is not None and abs(one.at_ms - other.at_ms) < APART_MS


def _drawn(picture: Picture, one: ZoneMoment) -> Picture:
    """The picture, enlarged if small, with the zone, the boxes and the numbers."""
    scale = max(1.0, WIDTH_MIN / picture.shape[1])
    picture = np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8)
    zone = Zone(one.zone, one.polygon)
    corners = np.array([(round(x * scale), round(y * scale)) for x, y in one.polygon], np.int32)
    cv2.polylines(picture, [corners], isClosed=True, color=BORDER, thickness=2, lineType=cv2.LINE_AA)
    for (x1, y1, x2, y2), label in one.boxes:
        inside = zone.holds(((x1 + x2) / 2.0, y2))
        colour = INSIDE if inside else OUTSIDE
        left, top, right, bottom = (round(scale * value) for value in (x1, y1, x2, y2))
        cv2.rectangle(picture, (left, top), (right, bottom), colour, 2 if inside else 1)
        if inside:
            write_haloed(picture, label, (left, top - 3), 0.4, colour)
    height = text_size(one.says, 0.7)[1]
    write_haloed(picture, one.says, (10, 2 * height + 6), 0.7, BORDER)
    return picture
