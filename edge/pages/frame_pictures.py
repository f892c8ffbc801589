"""The strip of a recording and a picture of every frame, made in one pass, for annotation.

Threads: one thread of its own reads the recording and fills strip and pictures; others ask for what is there already.
Bounds: a recording of at most `FRAMES_MAX` frames; pictures are kept in a file without a name, at most
`PICTURES_MAX`: of a longer recording every second, third ... frame.
"""

import logging
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import cv2

from edge.counting.crossing import Point
from edge.errors import CrossingError, InputError
from edge.pages.worker import Worker
from edge.vision.drawing import Picture
from edge.vision.frame import Frame
from edge.vision.recording import Recording
from edge.vision.strip import Strip

log = logging.getLogger(__name__)

FRAMES_MAX = 20_000  # what a strip keeps without thinning: 13 minutes at 25 frames a second
PICTURES_MAX = 6_000
WIDTH_MAX = 800
QUALITY = 75
TILE_ROWS = 256
COLUMNS = 384


@dataclass(frozen=True, slots=True)
class Progress:
    """`frames` are read; `done` says that these are all, `trouble` why reading ended early."""

    frames: int
    done: bool
    trouble: str


class Reel(Worker):
    """Begins to read in `with`. Raises InputError for a recording that is too long."""

    def __init__(self, recording: Recording, line: Sequence[Point]) -> None:
        if (recording.frame_count or 0) > FRAMES_MAX:
            raise InputError(
                f"{recording.path} has {recording.frame_count} frames; at most {FRAMES_MAX} can be annotated at a "
                "time, so cut it into parts"
            )
        super().__init__("reel")
        self.recording = recording
        self._every = -(-(recording.frame_count or FRAMES_MAX) // PICTURES_MAX)
        self._strip = Strip(line, columns=COLUMNS, rows_max=FRAMES_MAX + 1)
        self._lock = threading.Lock()
        self._pictures = tempfile.TemporaryFile()  # noqa: SIM115  # closed in __exit__
        self._places: list[tuple[int, int]] = []
        self._progress = Progress(0, done=False, trouble="")
        self.finished = threading.Event()

    @property
    def progress(self) -> Progress:
        """The progress of reading."""
        return self._progress

    @property
    def times_ms(self) -> tuple[int, ...]:
        """When each frame read so far was captured."""
        with self._lock:
            return self._strip.times_ms

    def tile(self, number: int) -> bytes | None:
        """The strip's rows from `TILE_ROWS * number` on as a JPEG, a row per frame; None where there are none yet."""
        first = TILE_ROWS * number
        with self._lock:
            rows = self._strip.rows_between(first, first + TILE_ROWS)
        return _encoded(rows, 90) if len(rows) else None

    def picture(self, frame: int) -> bytes | None:
        """The JPEG of a frame, or of the nearest one before it that was kept; None where there is none yet."""
        with self._lock:
            kept = frame // self._every
            if not 0 <= kept < len(self._places):
                return None
            at, size = self._places[kept]
            self._pictures.seek(at)
            return self._pictures.read(size)

    def _run(self) -> None:
        """The outermost loop."""
        trouble = ""
        try:
            for number, frame in enumerate(self.recording):
                if self._ending.is_set():
                    return
                if number >= FRAMES_MAX:
                    trouble = f"Only the first {FRAMES_MAX} frames are shown; cut the recording into parts."
                    break
                self._add(number, frame)
        except CrossingError as error:
            trouble = str(error)
        except Exception:
            log.exception("the recording cannot be read on")
            trouble = "Reading failed; the log has more."
        self._progress = Progress(self._progress.frames, done=not trouble, trouble=trouble)
        self.finished.set()

    def _add(self, number: int, frame: Frame) -> None:
        picture = _small(frame.image) if number % self._every == 0 else None
        with self._lock:
            self._strip.append(frame)
            if picture is not None:
                at = self._pictures.seek(0, 2)
                self._pictures.write(picture)
                self._places.append((at, len(picture)))
        self._progress = Progress(number + 1, done=False, trouble="")

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        with self._lock:
            self._pictures.close()


def _small(image: Picture) -> bytes:
    height, width = image.shape[:2]
    if width > WIDTH_MAX:
        size = WIDTH_MAX, round(height * WIDTH_MAX / width)
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return _encoded(image, QUALITY)


def _encoded(picture: Picture, quality: int) -> bytes:
    encoded, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert encoded, "a uint8 picture can be encoded"
    return jpeg.tobytes()
