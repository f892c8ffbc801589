"""What a detector gets wrong, stated: from the exact boxes of a scene to detected frames, by a seed.

The parameters are shares and standard deviations that anyone can measure of a detector on labelled pictures. What a
real detector's mistakes have beyond these (a lamp post that is a vehicle all night) the model does not.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import exp

import numpy as np

from edge.counting.detection import DetectedFrame, Detection
from tests.scenes.camera import Box

CONFUSED: dict[str, tuple[str, ...]] = {
    "car": ("van", "van", "truck"),
    "van": ("car", "car", "truck", "bus"),
    "truck": ("bus", "van", "car"),
    "bus": ("truck", "truck", "van"),
    "motorcycle": ("bicycle", "bicycle", "car"),
}
"""What a class is taken for, when it is not taken for itself."""

SPLITS = ("truck", "bus")


@dataclass(frozen=True, slots=True)
class Errors:
    """How often, and how far, a detector errs. Shares are of the boxes that there should be, unless said otherwise."""

    missed: float = 0.10
    """Not found."""
    missed_s: float = 0.0
    """How long a vehicle stays missed, on average; 0: each frame anew, whatever was in the one before."""
    false: float = 0.02
    """Boxes where nothing is: anywhere on the deck in the picture, as large as a vehicle would be there."""
    jitter: float = 0.05
    """Standard deviation of each edge, in sides of the box: left and right in widths, top and bottom in heights."""
    merged: float = 0.01
    """Of pairs whose boxes overlap by a fifth of the smaller: one box around both, instead."""
    split: float = 0.01
    """Of trucks and buses: two boxes, one above the other or side by side, instead of one."""
    class_noise: float = 0.05
    """Of another class (CONFUSED)."""
    weak: float = 0.10
    """With a score of 0.2 to 0.4; false boxes are weak half of the time. The others score 0.45 to 0.97."""
    dropped: float = 0.01
    """Of the frames: never delivered."""
    shown_min: float = 0.3
    """A vehicle of which less shows is not found."""
    height_px_min: float = 10.0
    """Nor is one whose visible part is lower than this."""

    def may_find(self, one: "Seen") -> bool:
        """Whether so much of it shows that it can be found."""
        return one.shown >= self.shown_min and one.visible[3] - one.visible[1] >= self.height_px_min


@dataclass(frozen=True, slots=True)
class Seen:
    """A vehicle in a frame as it truly is: its whole box, the box of what shows of it and the share that shows."""

    number: int
    label: str
    whole: Box
    visible: Box
    shown: float


@dataclass(frozen=True, slots=True)
class SeenFrame:
    """All vehicles that show in a frame."""

    at_ms: int
    vehicles: tuple[Seen, ...]


class Detecting:
    """Makes detected frames of true ones, as `errors` state, for a picture of that size; the same for the same seed."""

    def __init__(self, errors: Errors, seed: int, width: int, height: int) -> None:
        self._errors = errors
        self._random = np.random.Generator(np.random.PCG64(seed))
        self._width = width
        self._height = height
        self._missing: dict[int, bool] = {}
        self._before_ms: int | None = None
        self._lately: list[Box] = []  # whole boxes, to know how large things are in this picture and where

    def frames(self, true: Iterable[SeenFrame]) -> Iterator[DetectedFrame]:
        """The frames that were not dropped."""
        for frame in true:
            made = self._frame(frame)
            if self._random.random() >= self._errors.dropped:
                yield made

    def _frame(self, frame: SeenFrame) -> DetectedFrame:
        errors = self._errors
        seen = [one for one in frame.vehicles if errors.may_find(one)]
        missing = self._miss(seen, frame.at_ms)
        self._lately = [*self._lately, *(one.whole for one in seen)][-50:]
        found: list[tuple[Box, str]] = []
        taken: set[int] = set()
        chances = self._random.random((len(seen), 3))
        for place, one in enumerate(seen):
            if missing[place] or place in taken:
                continue
            other = self._merges(seen, place, taken) if chances[place, 0] < errors.merged else None
            if other is not None:
                taken.add(other)
                found.append((_around(one.visible, seen[other].visible), one.label))
            elif chances[place, 1] < errors.split and one.label in SPLITS:
                found.extend((part, one.label) for part in self._parts(one.visible, along=chances[place, 2]))
            else:
                found.append((one.visible, one.label))
        detections = [made for box, label in found if (made := self._detection(box, label, errors.weak)) is not None]
        expected = errors.false * len(seen)
        for _ in range(int(self._random.poisson(expected)) if expected else 0):
            false = self._false()
            if false is not None:
                detections.append(false)
        detections.sort(key=lambda detection: -detection.score)
        return DetectedFrame(frame.at_ms, tuple(detections))

    def _miss(self, seen: list[Seen], at_ms: int) -> list[bool]:
        """Which are missed; with `missed_s` a vehicle changes between found and missed at random times."""
        errors = self._errors
        chances = self._random.random(len(seen)).tolist()
        if errors.missed_s <= 0.0:
            return [chance < errors.missed for chance in chances]
        elapsed_s = 0.0 if self._before_ms is None else (at_ms - self._before_ms) / 1000.0
        self._before_ms = at_ms
        kept = exp(-elapsed_s / (errors.missed_s * (1.0 - errors.missed)))
        now = {}
        for one, chance in zip(seen, chances, strict=True):
            before = self._missing.get(one.number)
            share = errors.missed if before is None else errors.missed + (before - errors.missed) * kept
            now[one.number] = chance < share
        self._missing = now
        return [now[one.number] for one in seen]

    @staticmethod
    def _merges(seen: list[Seen], place: int, taken: set[int]) -> int | None:
        for other in range(len(seen)):
            if other != place and other not in taken and _shared(seen[place].visible, seen[other].visible) > 0.2:
                return other
        return None

    def _parts(self, box: Box, *, along: float) -> tuple[Box, Box]:
        x1, y1, x2, y2 = box
        share = float(self._random.uniform(0.35, 0.65))
        if along < 0.5 and x2 - x1 > y2 - y1:
            x = x1 + share * (x2 - x1)
            return (x1, y1, x, y2), (x, y1, x2, y2)
        y = y1 + share * (y2 - y1)
        return (x1, y1, x2, y), (x1, y, x2, y2)

    def _detection(self, box: Box, label: str, weak: float) -> Detection | None:
        x1, y1, x2, y2 = box
        left, top, right, bottom = (self._errors.jitter * self._random.standard_normal(4)).tolist()
        wide, high = x2 - x1, y2 - y1
        x1, x2 = max(x1 + left * wide, 0.0), min(x2 + right * wide, float(self._width))
        y1, y2 = max(y1 + top * high, 0.0), min(y2 + bottom * high, float(self._height))
        if x2 - x1 < 2.0 or y2 - y1 < 2.0:
            return None
        weakly, wrongly, which, score = self._random.random(4).tolist()
        if wrongly < self._errors.class_noise:
            label = CONFUSED[label][int(which * len(CONFUSED[label]))]
        score = 0.2 + 0.2 * score if weakly < weak else 0.45 + 0.52 * score**0.6
        return Detection(round(x1, 2), round(y1, 2), round(x2, 2), round(y2, 2), round(score, 3), label)

    def _false(self) -> Detection | None:
        """A box as large as a vehicle lately was at that height of the picture, somewhere about its lane."""
        if not self._lately:
            return None
        like = self._lately[int(self._random.integers(len(self._lately)))]
        wide, high = like[2] - like[0], like[3] - like[1]
        across, scale = self._random.uniform(-2.0, 2.0), self._random.uniform(0.5, 1.2)
        x = (like[0] + like[2]) / 2.0 + across * wide
        y2 = like[3] + self._random.uniform(-0.5, 0.5) * high
        box = (x - scale * wide / 2.0, y2 - scale * high, x + scale * wide / 2.0, y2)
        if box[0] >= self._width or box[2] <= 0.0 or box[1] >= self._height or box[3] <= 0.0:
            return None
        label = ("car", "car", "van", "truck")[int(self._random.integers(4))]
        return self._detection(box, label, 0.5)


def _around(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _shared(a: Box, b: Box) -> float:
    """What two boxes share, of the smaller one."""
    across = min(a[2], b[2]) - max(a[0], b[0])
    down = min(a[3], b[3]) - max(a[1], b[1])
    if across <= 0.0 or down <= 0.0:
        return 0.0
    return across * down / min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
