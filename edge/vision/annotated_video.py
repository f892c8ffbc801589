"""The annotated video as a file that browsers play: H.264 where there is an `ffmpeg` program, else VP9 by OpenCV.

No encoder of H.264 comes with OpenCV, and none with us (patents, and x264 is under the GPL): `ffmpeg` is a program
of its own, used where somebody installed it. OpenCV's VP9 takes some 0.2 s of processor for a picture of 640 x 360;
.avi holds MPEG-4, which players know and browsers do not.

`ffmpeg` gets every picture with its time, as Matroska through a pipe, so that .mkv and .mp4 show each at its own time,
to a millisecond. OpenCV's encoders know one pace only: with them pictures follow each other evenly, and `uneven_ms`
says how far that is from their own times.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol, Self

import cv2

from edge.errors import InputError, WorkError
from edge.vision.drawing import Picture
from edge.vision.recording import is_utf_8

_CODECS = {".mp4": ("avc1", "vp09", "mp4v"), ".webm": ("VP90", "VP80"), ".mkv": ("avc1", "mp4v"), ".avi": ("XVID",)}
"""What may be in a file of this ending, the best first; avc1 by `ffmpeg`, the others by OpenCV."""


class _Encoder(Protocol):
    def put(self, picture: Picture, at_ms: int, /) -> None: ...
    def release(self) -> object: ...


class AnnotatedVideo:
    """Writes pictures of one size as a video, complete or not at all; `frames_per_second` is their usual pace.

    The file stands under its name once the `with` block ended well; until then it is beside it as
    NAME.part.EXT, which a failure removes. Raises InputError when the folder is missing or the ending is none
    of .mp4, .webm, .mkv, .avi; WorkError when the encoder or the disk fails.
    """

    def __init__(self, path: str | Path, frames_per_second: float, size: tuple[int, int]) -> None:
        assert frames_per_second > 0, "a video has a pace"
        self.path = Path(path)
        self.frames = 0
        self.uneven_ms = 0
        """How far from its own time a picture is shown at most: 0 where the file holds these times."""
        self._first_ms = self._last_ms = 0
        self._pace = frames_per_second
        self._size = size
        codecs = _CODECS.get(self.path.suffix.lower())
        if codecs is None:
            raise InputError(f"{self.path} does not say what video to write; allowed endings are {', '.join(_CODECS)}")
        if not is_utf_8(str(self.path)):
            raise InputError(f"--video {str(self.path)!a}: a name in UTF-8 is expected")
        if self.path.is_dir():
            raise InputError(f"{self.path} is a folder; the name of a video file is expected")
        if not self.path.parent.is_dir():
            raise InputError(f"the folder {self.path.parent} does not exist; it must, to write {self.path.name}")
        self._part = self.path.absolute().with_name(f"{self.path.stem}.part{self.path.suffix}")
        for codec in codecs:
            encoder = _open(codec, self._part, frames_per_second, size)
            if encoder is not None:
                self.codec = codec
                """Its four letters."""
                self._encoder: _Encoder = encoder
                return
        self._part.unlink(missing_ok=True)
        raise WorkError(f"{self.path} cannot be written: the folder or the disk refuses, or OpenCV has no {codecs[-1]}")

    def write(self, picture: Picture, at_ms: int) -> None:
        """Append one picture of the size announced, with its time on any one clock; times grow."""
        assert (picture.shape[1], picture.shape[0]) == self._size, "every picture has the size announced"
        if self.frames == 0:
            self._first_ms = at_ms
        self._last_ms = at_ms - self._first_ms if self.frames == 0 else max(at_ms - self._first_ms, self._last_ms + 1)
        if isinstance(self._encoder, _OpenCv):
            self.uneven_ms = max(self.uneven_ms, round(abs(self._last_ms - 1000 * self.frames / self._pace)))
        self._encoder.put(picture, self._last_ms)
        self.frames += 1

    @property
    def note(self) -> str:
        """For people, where pictures are shown farther from their own times than the step between two; else empty."""
        if self.uneven_ms <= 1000 / self._pace:
            return ""
        return (
            f"{self.path} shows the pictures evenly, {self._pace:.3g} a second, up to {self.uneven_ms / 1000:.1f} s"
            " from their own times, for OpenCV's encoders know no others; .mp4 and .mkv hold them where an `ffmpeg`"
            " program with libx264 is installed"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self._encoder.release()
            if kind is None:
                self._check()
                self._part.replace(self.path)
        except OSError as fault:
            raise WorkError(f"{self.path} cannot be written: {fault.strerror}") from fault
        finally:
            self._part.unlink(missing_ok=True)

    def _check(self) -> None:
        """Encoders keep silent when the disk is full, so ask the file how many pictures it holds."""
        if self.frames == 0:
            raise WorkError(f"{self.path} is not written: there was no picture to put into it")
        written = 0
        capture = cv2.VideoCapture(str(self._part), cv2.CAP_FFMPEG)
        while written < self.frames and capture.grab():
            written += 1
        capture.release()
        if written < self.frames:
            raise WorkError(f"{self.path} is not written: {written} of {self.frames} pictures arrived (a full disk?)")


def _open(codec: str, path: Path, frames_per_second: float, size: tuple[int, int]) -> _Encoder | None:
    """The encoder of this codec; None where there is none that works."""
    if codec == "avc1":
        return _Ffmpeg.opened(path, frames_per_second, size)
    with _quiet():
        writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), frames_per_second, size)
    return _OpenCv(writer) if writer.isOpened() else None


@contextmanager
def _quiet() -> Iterator[None]:
    """Nothing on standard error: OpenCV says there, at no log level, that WebM has no number for VP9, which is so."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


class _OpenCv:
    """One of OpenCV's encoders, at an even pace."""

    def __init__(self, writer: cv2.VideoWriter) -> None:
        self._writer = writer

    def put(self, picture: Picture, at_ms: int) -> None:
        self._writer.write(picture)

    def release(self) -> None:
        self._writer.release()


class _Ffmpeg:
    """H.264 by a program of its own, which gets the pictures through a pipe."""

    @classmethod
    def opened(cls, path: Path, frames_per_second: float, size: tuple[int, int]) -> Self | None:
        """None where there is no such program, or it has no libx264."""
        program = shutil.which("ffmpeg")
        if program is None:
            return None
        try:
            encoders, options = (
                subprocess.run([program, "-hide_banner", *words], capture_output=True, timeout=30, check=False).stdout  # noqa: S603
                for words in (["-encoders"], ["-h", "long"])
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        if b"libx264 " not in encoders:
            return None
        own_times = "-fps_mode" if b"-fps_mode" in options else "-vsync"  # before version 5.1
        return cls(program, path, frames_per_second, size, own_times)

    def __init__(
        self, program: str, path: Path, frames_per_second: float, size: tuple[int, int], own_times: str
    ) -> None:
        times = [own_times, "vfr", "-enc_time_base", "1:1000"]  # or it rounds them to the usual pace
        h264 = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p"]
        web = ["-movflags", "+faststart"] if path.suffix.lower() == ".mp4" else []
        quiet = ["-hide_banner", "-loglevel", "error", "-nostdin", "-y"]
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed when it is released
        self._process = subprocess.Popen(  # noqa: S603  # no shell; the path is one word that begins with file:
            [program, *quiet, "-f", "matroska", "-i", "pipe:0", *times, *h264, *web, f"file:{path}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._stderr,
        )
        self._broken = False
        self._put(_matroska_head(size, frames_per_second))

    def put(self, picture: Picture, at_ms: int) -> None:
        """A program that has ended takes nothing more; the file is counted at the end."""
        self._put(_matroska_cluster(at_ms, picture.nbytes))
        self._put(picture.tobytes())

    def _put(self, some: bytes) -> None:
        assert self._process.stdin is not None, "it is a pipe"
        try:
            if not self._broken:
                self._process.stdin.write(some)
        except BrokenPipeError:
            self._broken = True

    def release(self) -> None:
        """Wait until everything is in the file."""
        try:
            self._process.communicate()
        except BrokenPipeError:
            self._process.wait()
        self._stderr.close()


def _matroska_head(size: tuple[int, int], frames_per_second: float) -> bytes:
    """The beginning of a stream of raw pictures in milliseconds, which goes on until it ends (RFC 9559)."""
    video = [(0xB0, _number(size[0])), (0xBA, _number(size[1])), (0x2EB524, b"BGR\x18")]
    track = [
        (0xD7, _number(1)),
        (0x73C5, _number(1)),
        (0x83, _number(1)),  # video
        (0x86, b"V_UNCOMPRESSED"),
        (0x23E383, _number(round(1e9 / frames_per_second))),  # how long a picture is shown, which the last one needs
        (0xE0, _elements(video)),
    ]
    head = [(0x1A45DFA3, _elements([(0x4282, b"matroska")]))]
    body = [
        (0x1549A966, _elements([(0x2AD7B1, _number(1_000_000))])),
        (0x1654AE6B, _elements([(0xAE, _elements(track))])),
    ]
    return _elements(head) + _id(0x18538067) + _SIZE_OPEN + _elements(body)


def _matroska_cluster(at_ms: int, size: int) -> bytes:
    """All of a cluster of one picture but the picture, whose size in bytes is given."""
    time = _elements([(0xE7, _number(at_ms))])
    block = b"\x81\x00\x00\x80"  # of track 1, at the time of the cluster, a key frame
    length = len(block) + size
    return _id(0x1F43B675) + _size(len(time) + 9 + length) + time + _id(0xA3) + _size(length) + block


_SIZE_OPEN = b"\x01" + 7 * b"\xff"


def _elements(of: Sequence[tuple[int, bytes]]) -> bytes:
    return b"".join(_id(number) + _size(len(value)) + value for number, value in of)


def _id(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)


def _size(number: int) -> bytes:
    return b"\x01" + number.to_bytes(7)


def _number(number: int) -> bytes:
    return number.to_bytes(8)
