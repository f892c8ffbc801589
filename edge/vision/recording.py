"""A recorded video as frames with the file's own times: the source of every replay."""

import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import InputError, WorkError
from edge.vision.frame import Frame

_PTS = getattr(cv2, "CAP_PROP_PTS", -1)  # the raw timestamp in units of 1 / rate; older OpenCV has none
_NOMINAL_RATE = 25.0  # frames/s where the header claims none, or nonsense
_QUIET = {"OPENCV_FFMPEG_LOGLEVEL": "-8", "OPENCV_LOG_LEVEL": "SILENT"}  # -8 is FFmpeg's AV_LOG_QUIET
_quiet_lock = threading.Lock()


class Recording:
    """One video file, opened through OpenCV's FFmpeg; can be iterated again from the start.

    `start_ms` is the UTC moment of the first frame; every later frame is as many whole milliseconds after
    it as the file's timestamps say, so variable frame rates keep their pace. Where a timestamp is missing,
    repeats or steps back (AVI files with B-frames end so), the frame follows its predecessor at the nominal
    rate: times strictly increase. `every` = n hands on each n-th frame only, from the first; the others are
    decoded but never converted.

    `width`, `height` (pixels) are those of the first picture; `frames_per_second` and `frame_count` are what
    the header claims, and `frame_count` is None where it claims nothing (streams, files whose writer was
    killed).

    Raises InputError for what is no readable video with at least one frame.
    """

    def __init__(self, path: str | Path, start_ms: int = 0, every: int = 1) -> None:
        if every < 1:
            raise InputError(f"every is {every}; allowed is 1 (each frame) or more")
        self.path = Path(path)
        self.start_ms = start_ms
        self.every = every
        if self.path.is_dir():
            raise InputError(f"{self.path} is a folder; a video file is expected")
        if not self.path.is_file():
            raise InputError(f"{self.path} does not exist; a video file is expected")
        capture = self._open()
        try:
            rate = capture.get(cv2.CAP_PROP_FPS)
            self.frames_per_second: float = rate if 0 < rate <= 1000 else _NOMINAL_RATE
            count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
            self.frame_count: int | None = int(count) if 0 < count < math.inf else None
            found, image = capture.read()
        finally:
            capture.release()
        if not found or image is None:
            raise InputError(f"{self.path} holds no frame that can be decoded; a video with at least one is expected")
        self.height: int = image.shape[0]
        self.width: int = image.shape[1]

    def __iter__(self) -> Iterator[Frame]:
        """Same as frames()."""
        return self.frames()

    def frames(self) -> Iterator[Frame]:
        """Yield the frames in order; the images are fresh arrays that the caller may keep.

        Raises WorkError after the last frame if the file breaks off: the frames that came are true, but they
        are not all that the header claims. A file that claims no length cannot be caught so (`frame_count` is
        None).
        """
        for index, (captured_ms, capture) in enumerate(self._grabbed()):
            if index % self.every == 0:
                yield Frame(captured_ms, self._picture(capture, index))

    def times_ms(self) -> list[int]:
        """Return the time of every frame in the file, whatever `every` is, without converting a picture."""
        return [captured_ms for captured_ms, _ in self._grabbed()]

    def _grabbed(self) -> Iterator[tuple[int, cv2.VideoCapture]]:
        """Yield time and capture of each frame, grabbed and not yet converted."""
        capture = self._open()
        step_ms = 1000.0 / self.frames_per_second
        frames = 0
        first_ms = file_ms = late_ms = 0.0
        captured_ms = self.start_ms
        try:
            while capture.grab():
                stamp_ms = capture.get(cv2.CAP_PROP_POS_MSEC)  # of the frame just grabbed
                if frames == 0:
                    first_ms = file_ms = stamp_ms if math.isfinite(stamp_ms) else 0.0
                    late_ms = max(0.0, capture.get(_PTS) * step_ms)
                else:
                    file_ms = stamp_ms if stamp_ms > file_ms else file_ms + step_ms
                    captured_ms = max(captured_ms + 1, self.start_ms + round(file_ms - first_ms))
                yield captured_ms, capture
                frames += 1
        finally:
            capture.release()
        self._check_whole(frames, file_ms - first_ms + step_ms, late_ms)

    def _picture(self, capture: cv2.VideoCapture, index: int) -> NDArray[np.uint8]:
        found, image = capture.retrieve()
        if not found or image is None:
            raise WorkError(f"{self.path}: frame {index} cannot be decoded")
        if image.shape != (self.height, self.width, 3):
            raise WorkError(
                f"{self.path}: frame {index} is {image.shape[1]}x{image.shape[0]}, the first was "
                f"{self.width}x{self.height}; a video must keep its size"
            )
        return image.astype(np.uint8, copy=False)

    def _check_whole(self, frames: int, covered_ms: float, late_ms: float) -> None:
        """Raise WorkError if the number of frames and the time they cover both fall short of the header.

        Both, because variable rates make the claimed number a guess (length times rate) in Matroska, and the
        claimed rate a guess in MP4. Allowed to lack: five frames, or a second where that is longer, but of
        short files no more than a tenth. (Of the 128 clips that we looked at none lacks more than two.)
        `late_ms` is how long the pictures began after the container's zero, which its length includes.
        """
        if self.frame_count is None:
            return
        allowed = max(5.0, min(self.frames_per_second, self.frame_count / 10))
        claimed_ms = self.frame_count / self.frames_per_second * 1000
        reached_ms = covered_ms + (late_ms if late_ms < claimed_ms else 0)  # a time of day is no delay
        short_of_frames = self.frame_count - frames > allowed
        short_of_time = claimed_ms - reached_ms > allowed * 1000 / self.frames_per_second
        if short_of_frames and short_of_time:
            raise WorkError(
                f"{self.path} breaks off after {frames} frames ({covered_ms / 1000:.1f} s); "
                f"its header claims {self.frame_count} ({claimed_ms / 1000:.1f} s), so what follows is lost"
            )

    def _open(self) -> cv2.VideoCapture:
        with _silence():
            capture = cv2.VideoCapture(str(self.path), cv2.CAP_FFMPEG)
        # FFmpeg takes any text file for ANSI art and would draw it.
        if not capture.isOpened() or _codec(capture) == "ansi":
            capture.release()
            raise InputError(
                f"{self.path} is not a video that OpenCV can read; "
                "allowed are complete files such as MP4, MKV, AVI, MOV"
            )
        return capture


def _codec(capture: cv2.VideoCapture) -> str:
    """Return the four letters of the codec, "" if it has none."""
    code = int(capture.get(cv2.CAP_PROP_FOURCC))
    return code.to_bytes(4, "little").decode("latin-1") if 0 <= code < 1 << 32 else ""


def _log_level() -> int:
    """Return OpenCV's log level; the call moved between versions 4 and 5."""
    old = getattr(cv2, "getLogLevel", None)
    return int(old() if old is not None else cv2.utils.logging.getLogLevel())


def _set_log_level(level: int) -> None:
    old = getattr(cv2, "setLogLevel", None)
    (old if old is not None else cv2.utils.logging.setLogLevel)(level)


@contextmanager
def _silence() -> Iterator[None]:
    """Open without FFmpeg's own lines on standard error: our sentence says it better.

    FFmpeg's level can only be given through the environment, which OpenCV reads when it opens its first
    file; what the user set stays, and what we set is taken back.
    """
    with _quiet_lock:
        ours = {name: value for name, value in _QUIET.items() if name not in os.environ}
        level = _log_level()
        os.environ.update(ours)
        if ours:
            _set_log_level(0)  # silent
        try:
            yield
        finally:
            _set_log_level(level)
            for name in ours:
                os.environ.pop(name, None)
