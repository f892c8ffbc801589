"""Small simulated scenes: vehicles on paths, filmed at any frame rate by a detector that errs as told.

The picture is 1000x600 pixels and lines stand across its middle. Everything follows from the arguments; chance comes
from a seed.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random

from edge.counting.buckets import BucketCounter
from edge.counting.convoys import ConvoyWatcher
from edge.counting.crossing import CountingLine, Crossing, LineWatcher
from edge.counting.detection import CLASSES, DetectedFrame, Detection
from edge.counting.occlusion import WholeBoxes
from edge.counting.occupancy import ZoneWatcher
from edge.counting.pipeline import Pipeline
from edge.counting.tracking import Tracker
from edge.counting.zone import Zone

NOON_MS = 1_795_608_000_000  # 22 November 2026, 12:00 UTC
MINUTE_MS = 60_000
WIDTH, HEIGHT = 1000, 600

DECK = CountingLine("deck", ((500.0, 600.0), (500.0, 0.0)))
"""Drawn upwards, so a vehicle that drives to the right crosses it from a to b."""


@dataclass(frozen=True)
class Vehicle:
    """A vehicle whose ground point goes from each (ms since noon, x, y) of its path to the next.

    It is in the scene from the first to the last of them. It brakes, starts and turns as vehicles do, over `easing_ms`.
    Its box is `width` x `height` pixels at the scene's nearest.
    """

    path: tuple[tuple[int, float, float], ...]
    width: float = 100.0
    height: float = 60.0
    label: str = "car"
    score: float = 0.9
    easing_ms: int = 1_000

    def detection(self, at_ms: int, horizon_px: float | None = None) -> Detection | None:
        """Its box at that time, without error; with a horizon, boxes shrink towards it."""
        if not self.path[0][0] <= at_ms <= self.path[-1][0]:
            return None
        around = [self._steady(at_ms + self.easing_ms * (step - 5) / 10) for step in range(11)]
        x, y = (sum(values) / len(around) for values in zip(*around, strict=True))
        size = 1.0 if horizon_px is None else (y - horizon_px) / (HEIGHT - horizon_px)
        half, high = self.width * size / 2, self.height * size
        return Detection(x - half, y - high, x + half, y, self.score, self.label)

    def _steady(self, at_ms: float) -> tuple[float, float]:
        """Where it would be if it changed its speed at once; it comes from and goes to beyond its path."""
        legs = list(pairwise(self.path))
        (from_ms, x1, y1), (to_ms, x2, y2) = next((leg for leg in legs if at_ms <= leg[1][0]), legs[-1])
        way = (at_ms - from_ms) / (to_ms - from_ms)
        return x1 + way * (x2 - x1), y1 + way * (y2 - y1)


@dataclass(frozen=True)
class Errors:
    """What the detector gets wrong. Shares are of all boxes, one by one, and 0 unless given."""

    seed: int = 0
    missed: float = 0.0
    jitter: float = 0.0
    """Standard deviation of each edge, as a share of the box."""
    weak: float = 0.0
    """Share of boxes that score only 0.15."""
    confused: float = 0.0
    """Share of boxes that bear another class."""
    split: float = 0.0
    """Share of boxes that fall into a front half and a rear half."""
    false: float = 0.0
    """Chance per frame of a box where no vehicle is."""
    merged_from: float = 2.0
    """Share of the smaller box under the nearer one from which the two become one box (2: never)."""
    hidden_from: float = 2.0
    """Share of a box under nearer ones from which it is not seen (2: never)."""


NO_ERRORS = Errors()
USUAL_ERRORS = Errors(missed=0.05, jitter=0.02, weak=0.05, confused=0.05, false=0.02)


def film(
    vehicles: Sequence[Vehicle],
    *,
    frames_per_second: float = 25.0,
    errors: Errors = NO_ERRORS,
    from_ms: int = 0,
    to_ms: int | None = None,
    horizon_px: float | None = None,
) -> list[DetectedFrame]:
    """What the detector hands on, from `from_ms` to `to_ms` after noon (or until the last vehicle is gone)."""
    chance = Random(errors.seed)
    last_ms = max(vehicle.path[-1][0] for vehicle in vehicles) if to_ms is None else to_ms
    frames = []
    for number in range(int((last_ms - from_ms) * frames_per_second / 1000) + 1):
        at_ms = from_ms + round(number * 1000 / frames_per_second)
        boxes = [box for vehicle in vehicles if (box := vehicle.detection(at_ms, horizon_px)) is not None]
        frames.append(DetectedFrame(NOON_MS + at_ms, tuple(_detected(boxes, errors, chance))))
    return frames


def mirrored(frames: Iterable[DetectedFrame]) -> list[DetectedFrame]:
    """The same scene in a mirror that stands on the deck line."""
    return moved(frames, lambda d: replace(d, x1=WIDTH - d.x2, x2=WIDTH - d.x1))


def scaled(frames: Iterable[DetectedFrame], factor: float) -> list[DetectedFrame]:
    """The same scene in a picture of another resolution."""
    return moved(frames, lambda d: replace(d, x1=d.x1 * factor, y1=d.y1 * factor, x2=d.x2 * factor, y2=d.y2 * factor))


def moved(frames: Iterable[DetectedFrame], move: Callable[[Detection], Detection]) -> list[DetectedFrame]:
    """Every detection put elsewhere."""
    return [replace(frame, detections=tuple(map(move, frame.detections))) for frame in frames]


def pipeline(
    *lines: CountingLine,
    zones: Sequence[Zone] = (),
    width_ms: int = MINUTE_MS,
    share_min: float = 0.4,
    convoys: ConvoyWatcher | None = None,
) -> Pipeline:
    """Counting as the product does it by default, over the deck if no line is given."""
    lines = lines or (DECK,)
    return Pipeline(
        Tracker(),
        LineWatcher(lines, share_min=share_min),
        BucketCounter([line.name for line in lines], zones=[zone.name for zone in zones], width_ms=width_ms),
        ZoneWatcher(zones, share_min=share_min) if zones else None,
        whole_boxes=WholeBoxes(),
        convoys=convoys,
    )


def crossings(frames: Iterable[DetectedFrame], *lines: CountingLine) -> list[Crossing]:
    """All crossings of the lines (the deck if none is given), in the order in which they became certain."""
    counting = pipeline(*lines)
    steps = [*(counting.update(frame) for frame in frames), counting.close()]
    return [crossing for step in steps for crossing in step.crossings]


def passed(frames: Iterable[DetectedFrame], *lines: CountingLine) -> list[tuple[str, str]]:
    """Line and direction of every crossing, in order of time."""
    found = sorted(crossings(frames, *lines), key=lambda crossing: crossing.crossed_ms)
    return [(crossing.line, crossing.direction) for crossing in found]


def _detected(boxes: list[Detection], errors: Errors, chance: Random) -> list[Detection]:
    found = []
    for box in _seen(boxes, errors):
        if chance.random() < errors.missed:
            continue
        width, height = box.x2 - box.x1, box.y2 - box.y1
        x1, x2 = (x + chance.gauss(0, 1) * errors.jitter * width for x in (box.x1, box.x2))
        y1, y2 = (y + chance.gauss(0, 1) * errors.jitter * height for y in (box.y1, box.y2))
        score = 0.15 if chance.random() < errors.weak else box.score
        label = chance.choice(CLASSES) if chance.random() < errors.confused else box.label
        if chance.random() < errors.split:
            middle = (x1 + x2) / 2
            found += [Detection(x1, y1, middle, y2, score, label), Detection(middle, y1, x2, y2, score, label)]
        else:
            found.append(Detection(x1, y1, x2, y2, score, label))
    if chance.random() < errors.false:
        x, y = chance.uniform(0, WIDTH - 80), chance.uniform(0, HEIGHT - 50)
        found.append(Detection(x, y, x + 80, y + 50, 0.4, chance.choice(CLASSES)))
    return found


def _seen(boxes: list[Detection], errors: Errors) -> list[Detection]:
    """The boxes left when nearer vehicles (lower in the picture) hide or swallow farther ones."""
    seen: list[Detection] = []
    for box in sorted(boxes, key=lambda box: -box.y2):
        covered = max((_covered(box, nearer) for nearer in seen), default=0.0)
        if covered >= errors.hidden_from:
            continue
        if covered >= errors.merged_from:
            nearer = max(seen, key=lambda other: _covered(box, other))
            seen[seen.index(nearer)] = replace(
                nearer,
                x1=min(box.x1, nearer.x1),
                y1=min(box.y1, nearer.y1),
                x2=max(box.x2, nearer.x2),
            )
        else:
            seen.append(box)
    return seen


def _covered(far: Detection, near: Detection) -> float:
    across = min(far.x2, near.x2) - max(far.x1, near.x1)
    down = min(far.y2, near.y2) - max(far.y1, near.y1)
    return max(across, 0.0) * max(down, 0.0) / ((far.x2 - far.x1) * (far.y2 - far.y1))
