"""Crossings that the device's own count finds in a recording: suggestions for a truth file.

Threads: one thread of its own runs the replay, after the strip is finished; others read what was found so far.
"""

import logging
import threading
from bisect import bisect_left
from typing import Any

from edge.build.stages import build_detector
from edge.config.schema import Config
from edge.errors import CrossingError
from edge.offline.replay import VideoSource, replay
from edge.pages.frame_pictures import FramePictures
from edge.pages.worker import Worker
from edge.vision.recording import Recording

log = logging.getLogger(__name__)


class Suggestions(Worker):
    """Begins in `with`. `every` = n looks at each n-th frame only."""

    def __init__(self, pictures: FramePictures, config: Config, *, every: int = 1) -> None:
        super().__init__("suggestions")
        self._pictures = pictures
        self._config = config
        self._recording = Recording(pictures.recording.path, every=every)
        self._every = every
        self._lock = threading.Lock()
        self._found: list[dict[str, Any]] = []
        self._frames = 0
        self._done = False
        self._trouble = ""

    @property
    def state(self) -> dict[str, Any]:
        """How many frames were handled, and the crossings found, ready for JSON."""
        with self._lock:
            return {
                "frames": self._frames,
                "done": self._done,
                "trouble": self._trouble,
                "crossings": list(self._found),
            }

    def _run(self) -> None:
        """The outermost loop."""
        while not self._pictures.finished.wait(0.2):
            if self._ending.is_set():
                return
        times_ms = self._pictures.times_ms
        trouble = ""
        try:
            recording = self._recording
            detector = build_detector(self._config, recording.width, recording.height)
            for step, detected, _ in replay(VideoSource(recording, detector), self._config):
                if self._ending.is_set():
                    return
                found = [
                    {
                        "frame": min(bisect_left(times_ms, one.crossed_ms), len(times_ms) - 1),
                        "class": one.label,
                        "direction": one.direction,
                        "along": round(one.along, 4),
                    }
                    for one in step.crossings
                ]
                with self._lock:
                    self._found += found
                    self._frames += self._every if detected is not None else 0
        except CrossingError as error:
            trouble = str(error)
        except Exception:
            log.exception("no suggestions")
            trouble = "Counting failed; the log has more."
        with self._lock:
            self._done, self._trouble = True, trouble
