"""Detector and pipeline over a live source, at a bounded rate, while a person draws lines.

Threads: one thread of its own takes frames, detects and counts; it alone touches source, detector and pipeline. Others
set a configuration (`configure`, the newest wins) and wait for results (`sight`, `picture`); these share one
condition. `__exit__` asks the thread to end and waits for the frame in hand.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import msgspec

from edge.build.stages import build_detector, build_pipeline, explain_cost, regions_of
from edge.config.schema import Config
from edge.config.shapes import counting_lines
from edge.counting.crossing import DIRECTIONS
from edge.counting.detection import DetectedFrame
from edge.counting.pipeline import Pipeline, Step
from edge.counting.stills import StillPipeline, StillTime
from edge.errors import CrossingError
from edge.pages.placement import advice_on
from edge.pages.trails import Trails
from edge.pages.worker import Worker
from edge.vision.camera import Camera
from edge.vision.detector import OnnxDetector
from edge.vision.frame import Frame
from edge.vision.frame_selection import Looker
from edge.vision.likeness import Likeness
from edge.vision.picture_file import jpeg_of
from edge.vision.region import zoom_of
from edge.vision.scene import SceneWatcher
from edge.vision.still_camera import StillCamera
from edge.vision.still_scene import StillScene

log = logging.getLogger(__name__)

FRAMES_PER_SECOND_MAX = 8.0
BUSY_SHARE_MAX = 0.7  # of one thread: the service may be counting on the same machine
WIDTH_MAX = 960
JPEG_QUALITY = 72
PICTURES_MAX = 6
ADVICE_EVERY_S = 2.0
TAKE_S = 0.5


LiveSource = Camera | StillCamera
"""The camera, or a recording played as if it were one. One thread uses it."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One frame as the page shows it; `seen` is ready for JSON, in fractions of the picture."""

    number: int
    jpeg: bytes
    seen: dict[str, Any]


class Watching(Worker):
    """Begins in `with`; `config` may be changed at any time, and counting then begins anew. `stills`: the source's."""

    def __init__(
        self,
        open_source: Callable[[], AbstractContextManager[LiveSource]],
        config: Config,
        *,
        stills: StillTime | None = None,
    ) -> None:
        self._open_source = open_source
        self._changed = threading.Condition()
        self._wanted = config
        self._sights: deque[Sight] = deque(maxlen=PICTURES_MAX)
        self._trouble = "Waiting for the first picture ..."
        super().__init__("watching")
        self._counter = _Counter(config, stills)

    def configure(self, config: Config) -> None:
        """Count with this from the next frame on."""
        with self._changed:
            if _seen_of(config) != _seen_of(self._wanted):  # else the counts would begin anew
                self._wanted = config

    def sight(self, after: int, wait_s: float) -> dict[str, Any]:
        """The newest sight, as soon as its number is above `after`; else only why there is none."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest > after or self._ending.is_set(), wait_s)
            trouble = {"trouble": self._trouble}
            return trouble | (self._sights[-1].seen if self._newest > after else {})

    def picture(self, number: int) -> bytes | None:
        """The JPEG of a frame, None once it is gone."""
        with self._changed:
            return next((sight.jpeg for sight in self._sights if sight.number == number), None)

    @property
    def _newest(self) -> int:
        return self._sights[-1].number if self._sights else 0

    def _run(self) -> None:
        """The outermost loop: a failure is shown on the page, and tried again."""
        while not self._ending.is_set():
            try:
                with self._open_source() as source:
                    self._watch(source)
            except CrossingError as error:
                self._tell(str(error))
            except Exception:
                log.exception("watching failed")
                self._tell("Watching failed; the log has more.")
            self._ending.wait(2.0)

    def _watch(self, source: LiveSource) -> None:
        number = self._newest
        while not self._ending.is_set():
            frame = source.take(TAKE_S)
            began_s = time.monotonic()
            if frame is None:
                self._tell(source.state.reason or ("" if source.state.open else "The camera is not open."))
                continue
            with self._changed:
                config = self._wanted
            number += 1
            seen, blind = self._counter.count(frame, config)
            sight = Sight(number, jpeg_of(frame.image, JPEG_QUALITY, WIDTH_MAX), seen | {"number": number})
            with self._changed:
                self._sights.append(sight)
                self._trouble = source.state.reason or (f"Nothing can be seen: {blind}." if blind else "")
                self._changed.notify_all()
            busy_s = time.monotonic() - began_s
            self._ending.wait(max(1 / FRAMES_PER_SECOND_MAX - busy_s, busy_s / BUSY_SHARE_MAX - busy_s))

    def _tell(self, trouble: str) -> None:
        with self._changed:
            self._trouble = trouble

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        with self._changed:
            self._changed.notify_all()
        super().__exit__()


class _Counter:
    """Detector and pipeline for the configuration of the moment; used by one thread."""

    def __init__(self, config: Config, stills: StillTime | None) -> None:
        self._config = config
        self._stills = stills
        self._size = (0, 0)
        self._detector: OnnxDetector | None = None
        self._scene = self._new_scene()
        self._likeness = Likeness()
        self._pipeline: Pipeline | StillPipeline | None = None
        self._totals: dict[str, dict[str, dict[str, int]]] = {}
        self._trails = Trails()
        self._advice: dict[str, list[str]] = {}
        self._advised_s = 0.0
        self._began_ms = 0

    def count(self, frame: Frame, config: Config) -> tuple[dict[str, Any], str]:
        """Handle one frame; what it shows, ready for JSON, and why nothing can be seen."""
        height, width = frame.image.shape[:2]
        if self._pipeline is None or config is not self._config or (width, height) != self._size:
            self._begin(frame.captured_ms, config, width, height)
        assert self._detector is not None, "begun"
        assert self._pipeline is not None, "begun"
        detected = Looker(self._scene, self._detector).look(frame)  # at every frame: its boxes are shown
        if self._stills is not None:
            detected = self._likeness.compare(frame, detected)
        step = self._pipeline.update(detected)
        for crossing in step.crossings:
            labels = self._totals[crossing.line][crossing.direction]
            labels[crossing.label] = labels.get(crossing.label, 0) + 1
        self._trails.update(frame.captured_ms, step.tracks)
        if time.monotonic() - self._advised_s > ADVICE_EVERY_S:
            self._advise(width, height)
        return self._sight_of(detected, step, width, height), detected.blind

    def _new_scene(self) -> SceneWatcher | StillScene:
        return SceneWatcher() if self._stills is None else StillScene()

    def _begin(self, now_ms: int, config: Config, width: int, height: int) -> None:
        if self._detector is None or config.model != self._config.model:
            self._detector = build_detector(config, width, height)
        if (width, height) != self._size:
            self._trails = Trails()
            self._scene = self._new_scene()
        self._detector.regions = regions_of(config, self._detector.manifest, width, height)
        self._pipeline = build_pipeline(config, width, height, self._stills)
        self._totals = {name: {way: {} for way in DIRECTIONS} for name in config.lines}
        self._config, self._size, self._began_ms, self._advised_s, self._advice = config, (width, height), now_ms, 0, {}

    def _advise(self, width: int, height: int) -> None:
        assert self._detector is not None, "begun"
        spec = self._detector.manifest.input
        views = [(view, zoom_of(view, (spec.width, spec.height))) for view in self._detector.views(width, height)]
        trails = self._trails.all()
        self._advice = {
            line.name: advice_on(line, trails, (width, height), views, named=bool(self._config.model.second_look))
            for line in counting_lines(self._config, width, height)
        }
        self._advised_s = time.monotonic()

    def _sight_of(self, detected: DetectedFrame, step: Step, width: int, height: int) -> dict[str, Any]:
        def fractions(x1: float, y1: float, x2: float, y2: float) -> list[float]:
            return [round(value, 4) for value in (x1 / width, y1 / height, x2 / width, y2 / height)]

        assert self._detector is not None, "begun"
        return {
            "width": width,
            "height": height,
            "regions": [fractions(*view) for view in self._detector.views(width, height)],
            "cost": explain_cost(self._config, (width, height)),
            "tracks": [
                {
                    "id": track.id,
                    "box": fractions(*track.box),
                    "label": track.label(0.0)[0],
                    "seen": track.seen_ms == step.captured_ms,
                }
                for track in step.tracks
            ],
            "detections": len(detected.detections),
            "crossings": [{"line": one.line, "direction": one.direction} for one in step.crossings],
            "counts": self._totals,
            "zones": {one.zone: {"inside": one.inside, "standing": one.standing} for one in step.occupancies},
            "counted_s": round((step.captured_ms - self._began_ms) / 1000),
            "advice": self._advice,
        }


def _seen_of(config: Config) -> Config:
    """The configuration without what does not matter for counting."""
    return msgspec.structs.replace(config, site="a", device="a", time_zone="UTC", mqtt=None)
