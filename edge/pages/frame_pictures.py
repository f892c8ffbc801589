"""The strip of a recording and a picture of every frame, made in one pass, for annotation.

Threads: one thread of its own reads the recording and fills strip and pictures; others ask for what is there already.
Bounds: a recording of at most `FRAMES_MAX` frames; pictures are kept in a file without a name, at most
`PICTURES_MAX`: of a longer recording every second, third ... frame.
"""

import logging
import tempfile
import threading
from collections.abc import Sequence

from edge.counting.crossing import Point
from edge.pages.worker import FRAMES_MAX, Progress, RecordingReader
from edge.vision.frame import Frame
from edge.vision.picture_file import jpeg_of
from edge.vision.recording import Recording
from edge.vision.strip import Strip

log = logging.getLogger(__name__)

PICTURES_MAX = 6_000
WIDTH_MAX = 800
QUALITY = 75
TILE_ROWS = 256
COLUMNS = 384


class FramePictures(RecordingReader):
    """Begins to read in `with`. Raises InputError for a recording that is too long."""

    def __init__(self, recording: Recording, line: Sequence[Point]) -> None:
        super().__init__("frame-pictures", recording, "annotated")
        self._every = -(-(recording.frame_count or FRAMES_MAX) // PICTURES_MAX)
        self._strip = Strip(line, columns=COLUMNS, rows_max=FRAMES_MAX + 1)
        self._lock = threading.Lock()
        self._pictures = tempfile.TemporaryFile()  # noqa: SIM115  # closed in __exit__
        self._places: list[tuple[int, int]] = []
        self.finished = threading.Event()

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
        return jpeg_of(rows, 90) if len(rows) else None

    def picture(self, frame: int) -> bytes | None:
        """The JPEG of a frame, or of the nearest one before it that was kept; None where there is none yet."""
        with self._lock:
            kept = frame // self._every
            if not 0 <= kept < len(self._places):
                return None
            at, size = self._places[kept]
            self._pictures.seek(at)
            return self._pictures.read(size)

    def _add(self, number: int, frame: Frame) -> None:
        picture = jpeg_of(frame.image, QUALITY, WIDTH_MAX) if number % self._every == 0 else None
        with self._lock:
            self._strip.append(frame)
            if picture is not None:
                at = self._pictures.seek(0, 2)
                self._pictures.write(picture)
                self._places.append((at, len(picture)))

    def _finish(self, trouble: str) -> None:
        self.progress = Progress(self.progress.frames, done=not trouble, trouble=trouble)
        self.finished.set()

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        with self._lock:
            self._pictures.close()
