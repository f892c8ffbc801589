"""Where pictures come from, one opened source at a time: RTSP and HTTP streams, V4L2, CSI, a file as if live.

A source blocks; it belongs to the thread that opened it. After any failure it is closed and opened anew. Its errors
never hold the address, which may hold a password.
"""

import logging
import os
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlsplit, urlunsplit

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.clock import Clock, SystemClock
from edge.errors import WorkError
from edge.redaction import masked
from edge.vision.diagnosis import why_no_device, why_no_stream
from edge.vision.recording import address_of

log = logging.getLogger(__name__)

Picture = NDArray[np.uint8]

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # FFmpeg's own messages name the address, password and all

_ERRORS_ONLY = 2
if "OPENCV_LOG_LEVEL" not in os.environ:  # else each attempt to reach a missing camera is logged
    (getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel)(_ERRORS_ONLY)

_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
STREAMS = ("rtsp://", "rtsps://", "http://", "https://")
ANALYSIS_US = 1_000_000  # how long FFmpeg analyses a stream before it gives pictures; its default is seconds


class Ended(WorkError):  # noqa: N818  # it is no fault
    """A recording that is not to begin again is over."""


@dataclass(frozen=True, slots=True)
class Source:
    """What to open. `address` is a stream's URL, `/dev/video0`, `csi:0`, or the path of a file, played as if live."""

    address: str = field(repr=False)  # its user part and query may hold secrets
    username: str = ""
    password: str = field(default="", repr=False)
    transport: str = "tcp"
    decoder: str = ""  # FFmpeg's name of it; empty: as FFmpeg chooses
    width: int = 0  # asked of a USB or CSI camera; 0: whatever it gives
    height: int = 0
    frames_per_second: float = 10.0
    open_timeout_s: float = 5.0
    stall_s: float = 5.0
    loop: bool = True

    @property
    def kind(self) -> str:
        """`stream`, `v4l2`, `csi` or `file`."""
        if self.address.lower().startswith(STREAMS):
            return "stream"
        if re.fullmatch(r"/dev/video\d+", self.address):
            return "v4l2"
        return "csi" if re.fullmatch(r"csi:\d", self.address) else "file"

    @property
    def name(self) -> str:
        """For people and logs: with its port, without user name, password and query."""
        if self.kind != "stream":
            return self.address
        parts = urlsplit(masked(self.address))
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


class Capture(Protocol):
    """An opened source."""

    def grab(self) -> bool:
        """Wait for the next picture, without decoding it; False where the source is dead, Ended where it is over."""
        ...

    def retrieve(self) -> Picture | None:
        """The picture that was grabbed, (H, W, 3) uint8 BGR; None where it cannot be decoded."""
        ...

    def release(self) -> None:
        """Close it."""
        ...


def open_capture(source: Source, clock: Clock | None = None) -> Capture:
    """Open it, within `open_timeout_s` where that is in our hands; WorkError with a sentence where it cannot be.

    A file keeps the pace of `clock`, which is the machine's unless given.
    """
    if source.kind == "csi":
        return _Csi(source)
    if source.kind == "file":
        return _File(source, clock or SystemClock())
    began_s = time.monotonic()
    video = _open_stream(source) if source.kind == "stream" else _open_v4l2(source)
    if not video.isOpened():
        video.release()
        raise WorkError(f"camera {source.name} cannot be opened: {_why_not(source, time.monotonic() - began_s)}")
    if source.kind == "stream" and time.monotonic() - began_s >= source.open_timeout_s:
        # It answered and sent nothing. FFmpeg calls that open, and its first picture would be waited for once more.
        video.release()
        raise WorkError(f"camera {source.name} sent no picture within {source.open_timeout_s:g} s of being opened")
    return _Video(video, source.stall_s)


def _why_not(source: Source, tried_s: float) -> str:
    if source.kind == "v4l2":
        return why_no_device(source.address)
    if tried_s >= source.open_timeout_s:  # asking as well would take longer than an attempt may
        return f"no answer within {source.open_timeout_s:g} s"
    return why_no_stream(source.address, source.username, source.password)


class _Video:
    """OpenCV's capture."""

    def __init__(self, video: cv2.VideoCapture, stall_s: float) -> None:
        self._video = video
        self._stall_s = stall_s

    def grab(self) -> bool:
        began_s = time.monotonic()
        grabbed = bool(self._video.grab())
        # After its time-out FFmpeg hands out what its decoder still held, and calls that a new picture.
        return grabbed and time.monotonic() - began_s < self._stall_s

    def retrieve(self) -> Picture | None:
        decoded, image = self._video.retrieve()
        return np.asarray(image, np.uint8) if decoded and image is not None else None

    def release(self) -> None:
        self._video.release()


class _File:
    """A recording at its own pace, again and again if asked to."""

    def __init__(self, source: Source, clock: Clock) -> None:
        self._path = Path(source.address)
        self._loop = source.loop
        self._clock = clock
        self._video = self._opened()
        self._began_ms = clock.monotonic_ms()
        self._grabbed = 0

    def _opened(self) -> cv2.VideoCapture:
        if not self._path.is_file():
            raise WorkError(f"camera {self._path} is no file")
        video = cv2.VideoCapture(address_of(self._path))
        if not video.isOpened():
            raise WorkError(f"camera {self._path} cannot be read as a video")
        return video

    def grab(self) -> bool:
        if not self._video.grab():
            if self._grabbed == 0:
                return False
            if not self._loop:
                raise Ended(f"camera {self._path} has ended")
            self._video.release()
            self._video = self._opened()
            self._began_ms, self._grabbed = self._clock.monotonic_ms(), 0
            if not self._video.grab():
                return False
        self._grabbed += 1
        due_ms = self._began_ms + self._video.get(cv2.CAP_PROP_POS_MSEC)
        self._clock.sleep(max(0.0, min((due_ms - self._clock.monotonic_ms()) / 1000, 5.0)))
        return True

    def retrieve(self) -> Picture | None:
        decoded, image = self._video.retrieve()
        return np.asarray(image, np.uint8) if decoded else None

    def release(self) -> None:
        self._video.release()


class _Csi:
    """The Raspberry Pi's own camera, through picamera2 (Debian's python3-picamera2; no package of ours brings it)."""

    def __init__(self, source: Source) -> None:
        try:
            from picamera2 import Picamera2  # noqa: PLC0415  # only there on a Raspberry Pi
        except ImportError as error:
            raise WorkError("camera csi needs picamera2: apt-get install python3-picamera2") from error
        try:
            self._camera: Any = Picamera2(int(source.address.removeprefix("csi:")))
            size = (source.width or 1280, source.height or 720)
            # libcamera's RGB888 lies in memory as blue, green, red
            self._camera.configure(self._camera.create_video_configuration({"size": size, "format": "RGB888"}))
            self._camera.start()
        except (RuntimeError, IndexError) as error:
            raise WorkError(f"camera {source.address} cannot be opened: {error}") from error
        self._request: Any = None

    def grab(self) -> bool:
        self._give_back()
        self._request = self._camera.capture_request()
        return self._request is not None

    def retrieve(self) -> Picture | None:
        return np.array(self._request.make_array("main"), np.uint8)

    def release(self) -> None:
        self._give_back()
        self._camera.close()

    def _give_back(self) -> None:
        if self._request is not None:
            self._request.release()
            self._request = None


def _open_stream(source: Source) -> cv2.VideoCapture:
    """With the decoder that is asked for; one that cannot decode this stream here is done without."""
    began_s = time.monotonic()
    video = _open_ffmpeg(source, source.decoder)
    if video.isOpened() or not source.decoder or time.monotonic() - began_s >= source.open_timeout_s:
        return video
    video.release()
    video = _open_ffmpeg(source, "")
    if video.isOpened():
        log.warning("camera %s: decoder %s cannot be used; the processor decodes", source.name, source.decoder)
    return video


def _open_ffmpeg(source: Source, decoder: str) -> cv2.VideoCapture:
    timeouts = [
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
        round(1000 * source.open_timeout_s),
        cv2.CAP_PROP_READ_TIMEOUT_MSEC,
        round(1000 * source.stall_s),
    ]
    address = _with_password(source)
    hardware = [cv2.CAP_PROP_HW_ACCELERATION, cv2.VIDEO_ACCELERATION_ANY]  # falls back to software by itself
    chosen = f"|video_codec;{decoder}" if decoder else ""
    os.environ[_OPTIONS] = f"rtsp_transport;{source.transport}|analyzeduration;{ANALYSIS_US}{chosen}"
    try:
        return cv2.VideoCapture(address, cv2.CAP_FFMPEG, [*timeouts, *hardware])
    finally:
        os.environ.pop(_OPTIONS, None)  # OpenCV would open files with them too, and lose frames


def _open_v4l2(source: Source) -> cv2.VideoCapture:
    video = cv2.VideoCapture(int(source.address.removeprefix("/dev/video")), cv2.CAP_V4L2)
    if source.width and source.height:
        video.set(cv2.CAP_PROP_FRAME_WIDTH, source.width)
        video.set(cv2.CAP_PROP_FRAME_HEIGHT, source.height)
    video.set(cv2.CAP_PROP_FPS, source.frames_per_second)
    video.set(cv2.CAP_PROP_BUFFERSIZE, 2)
    return video


def _with_password(source: Source) -> str:
    if not source.username:
        return source.address
    parts = urlsplit(source.address)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(source.username, '')}:{quote(source.password, '')}@{host}"))
