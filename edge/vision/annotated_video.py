"""The annotated video as a file that browsers play: H.264 where there is an `ffmpeg` program, else VP9 by OpenCV.

No encoder of H.264 comes with OpenCV, and none with us (patents, and x264 is under the GPL): `ffmpeg` is a program
of its own, used where somebody installed it. OpenCV's VP9 takes some 0.2 s of processor for a picture of 640 x 360,
its VP8 (.webm) a sixth of that; .avi holds MPEG-4, which players know and browsers do not.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self

import cv2

from edge.errors import InputError, WorkError
from edge.vision.drawing import Picture
from edge.vision.recording import is_utf_8

_CODECS = {".mp4": ("avc1", "vp09", "mp4v"), ".webm": ("VP80",), ".mkv": ("avc1", "mp4v"), ".avi": ("XVID",)}
"""What may be in a file of this ending, the best first; avc1 by `ffmpeg`, the others by OpenCV."""


class _Encoder(Protocol):
    def write(self, picture: Picture, /) -> object: ...
    def release(self) -> object: ...


class AnnotatedVideo:
    """Writes pictures of one size as a video, complete or not at all.

    The file stands under its name once the `with` block ended well; until then it is beside it as
    NAME.part.EXT, which a failure removes. Raises InputError when the folder is missing or the ending is none
    of .mp4, .webm, .mkv, .avi; WorkError when the encoder or the disk fails.
    """

    def __init__(self, path: str | Path, frames_per_second: float, size: tuple[int, int]) -> None:
        assert frames_per_second > 0, "a video has a pace"
        self.path = Path(path)
        self.frames = 0
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

    def write(self, picture: Picture) -> None:
        """Append one picture of the size announced."""
        assert (picture.shape[1], picture.shape[0]) == self._size, "every picture has the size announced"
        self._encoder.write(picture)
        self.frames += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), frames_per_second, size)
    return writer if writer.isOpened() else None


class _Ffmpeg:
    """H.264 by a program of its own, which gets the pictures through a pipe."""

    @classmethod
    def opened(cls, path: Path, frames_per_second: float, size: tuple[int, int]) -> Self | None:
        """None where there is no such program, or it has no libx264."""
        program = shutil.which("ffmpeg")
        if program is None:
            return None
        try:
            known = subprocess.run([program, "-hide_banner", "-encoders"], capture_output=True, timeout=30, check=False)  # noqa: S603
        except (OSError, subprocess.TimeoutExpired):
            return None
        return cls(program, path, frames_per_second, size) if b"libx264 " in known.stdout else None

    def __init__(self, program: str, path: Path, frames_per_second: float, size: tuple[int, int]) -> None:
        raw = ["-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{size[0]}x{size[1]}", "-r", f"{frames_per_second:.6f}"]
        h264 = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p"]
        web = ["-movflags", "+faststart"] if path.suffix.lower() == ".mp4" else []
        quiet = ["-hide_banner", "-loglevel", "error", "-nostdin", "-y"]
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed when it is released
        self._process = subprocess.Popen(  # noqa: S603  # no shell; the path is one word that begins with file:
            [program, *quiet, *raw, "-i", "pipe:0", *h264, *web, f"file:{path}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._said,
        )
        self._broken = False

    def write(self, picture: Picture) -> None:
        """A program that has ended takes nothing more; the file is counted at the end."""
        assert self._process.stdin is not None, "it is a pipe"
        try:
            if not self._broken:
                self._process.stdin.write(picture.tobytes())
        except BrokenPipeError:
            self._broken = True

    def release(self) -> None:
        """Wait until everything is in the file."""
        try:
            self._process.communicate()
        except BrokenPipeError:
            self._process.wait()
        self._said.close()
