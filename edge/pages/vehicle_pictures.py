"""The vehicles of a recording, each with a few pictures of it, for a person who names them.

Threads: one thread of its own reads the recording, detects and follows; others ask for what is there already.
Bounds: a recording of at most `FRAMES_MAX` frames; its first `TRACKS_MAX` tracks are kept, `left_out` counts
the others. Of a track fewer than `SAMPLES_MAX` pictures are in memory, and `SHOWN` in the end, a few kB each.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import cv2

from edge.counting.motion import Box
from edge.counting.tracking import Tracker
from edge.pages.worker import Progress, RecordingReader
from edge.vision.detector import OnnxDetector
from edge.vision.drawing import Picture
from edge.vision.frame import Frame
from edge.vision.picture_file import jpeg_of
from edge.vision.recording import Recording

log = logging.getLogger(__name__)

TRACKS_MAX = 2_000
SAMPLES_MAX = 16
SHOWN = 4
MARGIN = 0.25  # of the box, shown around it on each side
SIDE_MAX = 220  # pixels of a picture
SIDE_MIN = 12.0  # of a box: in a smaller one nobody can tell what it is
QUALITY = 85


@dataclass(frozen=True, slots=True)
class Sample:
    """A sighting: the number of the frame (from 0), the box in pixels, and a JPEG of it with what is around."""

    frame: int
    box: Box
    jpeg: bytes


@dataclass(slots=True)
class VehicleSamples:
    """One track. What is kept of it is spread evenly over its sightings."""

    track: int
    samples: list[Sample] = field(default_factory=list)
    _seen: int = 0
    _every: int = 1

    def see(self, sample: Callable[[], Sample]) -> None:
        """Note a sighting; a picture of it is only made if it is to be kept."""
        if self._seen % self._every == 0:
            self.samples.append(sample())
            if len(self.samples) == SAMPLES_MAX:
                self.samples, self._every = self.samples[::2], 2 * self._every
        self._seen += 1

    def finish(self) -> None:
        """Keep `SHOWN` of the samples, from near the first to near the last."""
        count = len(self.samples)
        if count > SHOWN:
            self.samples = [self.samples[(2 * place + 1) * count // (2 * SHOWN)] for place in range(SHOWN)]


class VehiclePictures(RecordingReader):
    """Begins to read in `with`; every `every`-th frame is looked at. Raises InputError for too long a recording."""

    def __init__(self, recording: Recording, detector: OnnxDetector, *, every: int = 1) -> None:
        super().__init__("vehicle-pictures", recording, "looked through")
        self._detector = detector
        self._tracker = Tracker()
        self._every = every
        self._portraits: dict[int, VehicleSamples] = {}
        self._left_out: set[int] = set()
        self._finished: dict[int, VehicleSamples] = {}  # replaced as a whole, never changed

    @property
    def left_out(self) -> int:
        """Tracks beyond TRACKS_MAX."""
        return len(self._left_out)

    @property
    def portraits(self) -> dict[int, VehicleSamples]:
        """By track, ascending, once the recording is read; empty before."""
        return self._finished

    def _finish(self, trouble: str) -> None:
        for portrait in self._portraits.values():
            portrait.finish()
        self._finished = dict(sorted(self._portraits.items()))
        self.progress = Progress(self.progress.frames, done=True, trouble=trouble)

    def _add(self, number: int, frame: Frame) -> None:
        if number % self._every:
            return
        for track in self._tracker.update(self._detector.detect(frame)):
            x1, y1, x2, y2 = track.box
            if track.part or track.seen_ms != frame.captured_ms or min(x2 - x1, y2 - y1) < SIDE_MIN:
                continue
            if track.id not in self._portraits:
                if len(self._portraits) >= TRACKS_MAX:
                    self._left_out.add(track.id)
                    continue
                self._portraits[track.id] = VehicleSamples(track.id)

            def sample(box: Box = track.box) -> Sample:
                rounded = tuple(round(edge, 1) for edge in box)
                return Sample(number, rounded, _crop(frame.image, box))  # type: ignore[arg-type]  # four numbers

            self._portraits[track.id].see(sample)


def _crop(image: Picture, box: Box) -> bytes:
    height, width = image.shape[:2]
    x1, y1, x2, y2 = box
    across, down = MARGIN * (x2 - x1), MARGIN * (y2 - y1)
    left, right = max(int(x1 - across), 0), min(int(x2 + across) + 1, width)
    top, bottom = max(int(y1 - down), 0), min(int(y2 + down) + 1, height)
    left, top = min(left, width - 1), min(top, height - 1)  # a box may lie outside the picture by now
    part = image[top : max(bottom, top + 1), left : max(right, left + 1)]
    scale = SIDE_MAX / max(part.shape[:2])
    if scale < 1.0:
        size = max(round(part.shape[1] * scale), 1), max(round(part.shape[0] * scale), 1)
        part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return jpeg_of(part, QUALITY)
