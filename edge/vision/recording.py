"""A recorded video as frames with the file's own times: the source of every replay."""

import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import InputError, WorkError
from edge.vision.container import Claim, claim_of
from edge.vision.frame import Frame
from edge.vision.stamps import believed, unwrapped

Picture = NDArray[np.uint8]

_PTS = getattr(cv2, "CAP_PROP_PTS", -1)  # the raw timestamp in units of 1 / rate; older OpenCV has none
_NOMINAL_RATE = 25.0  # frames/s where the header claims none, or nonsense
_QUIET = {"OPENCV_FFMPEG_LOGLEVEL": "-8", "OPENCV_LOG_LEVEL": "SILENT"}  # -8 is FFmpeg's AV_LOG_QUIET
_quiet_lock = threading.Lock()


class BrokenOff(WorkError):  # noqa: N818  # the name of what happened
    """A recording cannot be read to its end; the frames that came before are true."""


class Recording:
    """One video file, opened through OpenCV's FFmpeg; can be iterated again from the start.

    `start_ms` is the UTC moment of the first frame; every later frame is as many whole milliseconds after
    it as the file's timestamps say, so variable frame rates keep their pace. Timestamps that are missing or damaged
    are replaced (stamps.py): times strictly increase. `every` = n hands on each n-th frame only, from the first; the
    others are decoded but never converted.

    `width`, `height` (pixels) are those of the first picture; `frames_per_second` and `frame_count` are what
    the header claims, and `frame_count` is None where it claims nothing (streams, files whose writer was
    killed). The count is an estimate: of some containers it includes a soundtrack that outlasts the pictures.

    `part` says why the recording breaks off, once `keep_part` found that it does; "" until then.

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
            what = "is a pipe or a device" if self.path.exists() else "does not exist"
            raise InputError(f"{self.path} {what}; a video file is expected")
        self.part = ""
        self._claim = _claim(self.path)
        capture = self.open()
        try:
            rate = capture.get(cv2.CAP_PROP_FPS)
            self.frames_per_second: float = rate if 0 < rate <= 1000 else _NOMINAL_RATE
            count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
            self.frame_count: int | None = round(count * self._claim.shown) if 0 < count < math.inf else None
            found, image = capture.read()
            codec = "".join(letter for letter in _codec(capture) if letter.isalnum())
        finally:
            capture.release()
        if not found or image is None:
            raise InputError(
                f"{self.path} holds no frame that can be decoded{f' (codec {codec})' if codec else ''}; a video with at"
                " least one is expected, in a codec that OpenCV's FFmpeg knows, such as H.264, and not encrypted"
            )
        self.height: int = image.shape[0]
        self.width: int = image.shape[1]

    @property
    def length_unknown(self) -> str:
        """Why nobody can know whether a recording that was read to its end is all there was; "" where it is known."""
        if self._claim.own or self._claim.bytes_missing is not None:
            return ""
        return f"nothing in this {self._claim.container} file says how long it should be"

    @property
    def has_mpeg_clock(self) -> bool:
        """Whether its timestamps are those of MPEG's streams, which begin anew after a day."""
        return self._claim.container in {"MPEG-TS", "MPEG-PS"}

    def __iter__(self) -> Iterator[Frame]:
        """Same as frames()."""
        return self.frames()

    def frames(self) -> Iterator[Frame]:
        """Yield the frames in order; the images are fresh arrays that the caller may keep.

        Raises BrokenOff after the last frame if the file breaks off: the frames that came are true, but they are not
        all that there were. What cannot be known is no failure (`length_unknown`).
        """
        try:
            for captured_ms, image in self._timed(convert=True):
                if image is not None:
                    yield Frame(captured_ms, image)
        except BrokenOff:
            if not self.part:
                raise

    def keep_part(self) -> None:
        """Read the file to its end once; if it breaks off, it ends there from now on, and `part` says why."""
        try:
            for _ in self.frames():
                pass
        except BrokenOff as error:
            self.part = str(error)

    def times_ms(self) -> list[int]:
        """Return the time of every frame in the file, whatever `every` is, without converting a picture."""
        return [captured_ms for captured_ms, _ in self._timed(convert=False)]

    def _timed(self, *, convert: bool) -> Iterator[tuple[int, Picture | None]]:
        """Yield the time and picture of each frame; None for a frame whose picture is not asked for."""
        step_ms = 1000.0 / self.frames_per_second
        frames, file_ms = 0, 0.0
        captured_ms = self.start_ms - 1
        grabbed = _Grabbed(self, step_ms, convert=convert)
        for file_ms, image in believed(grabbed.stamped(), step_ms):
            captured_ms = max(captured_ms + 1, self.start_ms + round(file_ms))
            yield captured_ms, image
            frames += 1
        if grabbed.failure is not None:
            raise grabbed.failure
        self._check_whole(frames, file_ms + step_ms, grabbed.late_ms)

    def _check_whole(self, frames: int, covered_ms: float, late_ms: float) -> None:
        """Raise BrokenOff if the number of frames and the time they cover both fall short of the header.

        Both, because variable rates make the claimed number a guess (length times rate) in Matroska, and the
        claimed rate a guess in MP4. Allowed to lack: five frames, or a second where that is longer, but of
        short files no more than a tenth. (Of the 128 clips that we looked at none lacks more than two.)
        `late_ms` is how long the pictures began after the container's zero, which its length includes. A length that
        may be that of a soundtrack is believed only where bytes are missing, too.
        """
        claim = self._claim
        broken = f"{self.path} breaks off after {frames} frames ({covered_ms / 1000:.1f} s); "
        if claim.followed:
            raise BrokenOff(
                f"{broken}another recording stands in the same file, which cannot be read there, or not all of it: such"
                " files are joined by a program (ffmpeg -f concat), not end to end"
            )
        if not claim.own and not claim.bytes_missing:
            return
        if self.frame_count is None or not (claim.own or claim.timed):
            if claim.bytes_missing:
                raise BrokenOff(f"{broken}{claim.bytes_missing} bytes are missing at its end, so what follows is lost")
            return
        allowed = max(5.0, min(self.frames_per_second, self.frame_count / 10))
        claimed_ms = claim.length_ms or self.frame_count / self.frames_per_second * 1000
        reached_ms = covered_ms + (late_ms if late_ms < claimed_ms else 0)  # a time of day is no delay
        short_of_frames = self.frame_count - frames > allowed
        short_of_time = claimed_ms - reached_ms > allowed * 1000 / self.frames_per_second
        if short_of_frames and short_of_time:
            raise BrokenOff(
                f"{broken}its header claims {self.frame_count} ({claimed_ms / 1000:.1f} s), so what follows is lost"
            )

    def open(self) -> cv2.VideoCapture:
        """Open the file anew; InputError if OpenCV cannot."""
        with _silence(), _address(self.path) as address:
            capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG)
        # FFmpeg takes any text file for ANSI art and would draw it.
        if not capture.isOpened() or _codec(capture) == "ansi":
            capture.release()
            if self._claim.beginning_missing:
                raise InputError(
                    f"{self.path} is not a video that OpenCV can read: it is a fragment of an MP4 whose beginning (the"
                    " init segment) is another file; join them, the beginning first"
                )
            if self._claim.index_missing:
                raise InputError(
                    f"{self.path} is not a video that OpenCV can read: this MP4 lacks its index, which is written when "
                    "a recording is stopped; its recorder was cut off, or the copy is not complete"
                )
            raise InputError(
                f"{self.path} is not a video that OpenCV can read; "
                "allowed are complete files such as MP4, MKV, AVI, MOV"
            )
        return capture


class _Grabbed:
    """The timestamps and pictures of a file as they come, once; None for a picture that is not asked for.

    Reading ends with the file or at a picture that cannot be used, which `failure` then tells: the frames before it
    are still held back until their times are known.
    """

    def __init__(self, recording: Recording, step_ms: float, *, convert: bool) -> None:
        self.late_ms = 0.0  # how long after the container's zero the first picture comes
        self.failure: BrokenOff | None = None
        self._recording = recording
        self._step_ms = step_ms
        self._convert = convert

    def stamped(self) -> Iterator[tuple[float, Picture | None]]:
        """Each timestamp with its picture."""
        source = iter(self)
        first = next(source, None)  # before it, nobody knows when the pictures begin
        if first is None:
            return
        of_all = chain([first], source)
        yield from unwrapped(of_all, self.late_ms) if self._recording.has_mpeg_clock else of_all

    def __iter__(self) -> Iterator[tuple[float, Picture | None]]:
        recording = self._recording
        capture = recording.open()
        index = 0
        try:
            while capture.grab():
                stamp_ms = capture.get(cv2.CAP_PROP_POS_MSEC)  # of the frame just grabbed
                if index == 0:
                    self.late_ms = max(0.0, capture.get(_PTS) * self._step_ms)
                image = None
                if self._convert and index % recording.every == 0:
                    image = self._picture(capture, index)
                    if image is None:
                        return
                yield stamp_ms if math.isfinite(stamp_ms) else 0.0, image
                index += 1
        finally:
            capture.release()

    def _picture(self, capture: cv2.VideoCapture, index: int) -> Picture | None:
        path, size = self._recording.path, (self._recording.width, self._recording.height)
        found, image = capture.retrieve()
        if not found or image is None:
            self.failure = BrokenOff(f"{path}: frame {index} cannot be decoded")
            return None
        if image.shape != (size[1], size[0], 3):
            self.failure = BrokenOff(
                f"{path}: frame {index} is {image.shape[1]}x{image.shape[0]}, the first was "
                f"{size[0]}x{size[1]}; a video must keep its size"
            )
            return None
        return image.astype(np.uint8, copy=False)


def address_of(path: Path) -> str:
    """The path as FFmpeg takes it: absolute, since it takes what stands before a colon for a protocol."""
    return str(path.absolute())


@contextmanager
def _address(path: Path) -> Iterator[str]:
    """As `address_of`, by way of a link where the name is no UTF-8 (an old camera's GBK): OpenCV would crash of it."""
    address = address_of(path)
    if is_utf_8(address):
        yield address
        return
    with TemporaryDirectory() as folder:
        link = Path(folder) / f"film{path.suffix if is_utf_8(path.suffix) else ''}"
        link.symlink_to(path.absolute())
        yield str(link)


def is_utf_8(text: str) -> bool:
    """Whether a name is text; Python keeps the bytes of another one as surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _claim(path: Path) -> Claim:
    try:
        return claim_of(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; a video file is expected") from error


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
