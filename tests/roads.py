"""Films of a road in numbers: a textured ground with noise, vehicles as rectangles, and what disturbs a motion gate.

A detector that sees every rectangle takes the part of the network, so only the question of when it is asked is tested.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.build.stages import build_pipeline
from edge.config.schema import Config, Line
from edge.config.shapes import counting_lines
from edge.counting.crossing import Crossing
from edge.counting.detection import DetectedFrame, Detection
from edge.counting.tracking import Track
from edge.vision.frame import Frame
from edge.vision.frame_selection import Looker, Needs
from edge.vision.scene import SceneState

WIDTH, HEIGHT = 320, 192
CONFIG = Config(lines={"deck": Line(points=((0.5, 1.0), (0.5, 0.0)))})
Grey = NDArray[np.float32]


@dataclass(frozen=True)
class Car:
    """From (ms, x) to (ms, x) with its middle at x, on the lane whose ground is at `y`; `bright` above the ground."""

    path: tuple[tuple[int, float], ...]
    y: int = 120
    size: tuple[int, int] = (44, 26)
    bright: float = 60.0

    def box(self, at_ms: int) -> tuple[int, int, int, int] | None:
        if not self.path[0][0] <= at_ms <= self.path[-1][0]:
            return None
        x = float(np.interp(at_ms, [ms for ms, _ in self.path], [x for _, x in self.path]))
        x1, x2 = max(round(x - self.size[0] / 2), 0), min(round(x + self.size[0] / 2), WIDTH)
        return (x1, self.y - self.size[1], x2, self.y) if x2 - x1 > 4 else None


def drive(from_ms: int, speed: float = 80.0, **known: object) -> Car:
    """A car that drives from the left edge to the right one, `speed` in pixels a second."""
    return Car(((from_ms, 0.0), (from_ms + round(1000 * WIDTH / speed), float(WIDTH))), **known)  # type: ignore[arg-type]


@dataclass
class Road:
    """`ground` is the grey level of it; `disturb` changes the picture of a moment."""

    cars: Sequence[Car] = ()
    ground: float = 90.0
    texture: float = 12.0
    noise: float = 3.0
    disturb: Callable[[Grey, int, np.random.Generator], Grey] = lambda picture, _at_ms, _chance: picture

    def __post_init__(self) -> None:
        chance = np.random.default_rng(7)
        coarse = chance.standard_normal((HEIGHT // 8, WIDTH // 8))
        self._ground = (self.ground + self.texture * np.repeat(np.repeat(coarse, 8, 0), 8, 1)).astype(np.float32)
        self._noises = [(self.noise * chance.standard_normal((HEIGHT, WIDTH))).astype(np.float32) for _ in range(7)]

    def frame(self, at_ms: int) -> Frame:
        """The picture of that moment, always the same."""
        chance = np.random.default_rng(at_ms)
        picture = self._ground + self._noises[chance.integers(7)]
        for car in self.cars:
            if (box := car.box(at_ms)) is not None:
                picture[box[1] : box[3], box[0] : box[2]] += car.bright
        picture = self.disturb(picture, at_ms, chance)
        return Frame(at_ms, np.repeat(np.clip(picture, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2))

    def frames(self, until_ms: int, step_ms: int = 80) -> Iterator[Frame]:
        return map(self.frame, range(0, until_ms, step_ms))

    def follow(self, now_ms: int, tracks: Sequence[Track]) -> None: ...

    def begin_anew(self) -> None: ...

    def detect(self, frame: Frame) -> DetectedFrame:
        boxes = [box for car in self.cars if (box := car.box(frame.captured_ms)) is not None]
        found = (Detection(float(x1), float(y1), float(x2), float(y2), 0.9, "car") for x1, y1, x2, y2 in boxes)
        return DetectedFrame(frame.captured_ms, tuple(found))


class Clear:
    """A scene in which something can be seen."""

    def update(self, frame: Frame) -> SceneState:
        return SceneState()


@dataclass
class Seen:
    """What came of a film: the frames as detected, the crossings, the tracks, and how many are in view at the end."""

    detected: list[DetectedFrame]
    crossings: list[Crossing]
    tracks: set[int]
    in_view: int

    @property
    def looks(self) -> list[int]:
        """When the detector was asked, in ms."""
        return [one.captured_ms for one in self.detected if not one.skipped]

    @property
    def share(self) -> float:
        return len(self.looks) / len(self.detected)


def watch(road: Road, until_ms: int, step_ms: int = 80) -> Seen:
    """Show the film to the product's own stages."""
    lines = counting_lines(CONFIG, WIDTH, HEIGHT)
    looker = Looker(Clear(), road, Needs(lines, (0, 0, WIDTH, HEIGHT)))
    pipeline = build_pipeline(CONFIG, WIDTH, HEIGHT)
    seen = Seen([], [], set(), 0)
    for frame in road.frames(until_ms, step_ms):
        detected = looker.look(frame)
        step = pipeline.update(detected)
        looker.follow(step.captured_ms, step.tracks)
        seen.detected.append(detected)
        seen.crossings += step.crossings
        seen.tracks |= {track.id for track in step.tracks}
        seen.in_view = len(step.tracks)
    seen.crossings += pipeline.close().crossings
    return seen
