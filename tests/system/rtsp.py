"""A network camera: a real RTSP server that plays a clip, and everything that can happen to it.

    with rtsp_camera(tmp_path) as server:
        camera = Camera(Source(server.address), ...)
        server.kill(); server.start(size=(160, 90)); server.freeze(); server.thaw()

On loopback, on one port over all its lives. Where GStreamer's RTSP server is not installed, a test skips with its
reason. It is a process of Debian's Python, see rtsp_server.py.
"""

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

PYTHON = "/usr/bin/python3"
SCRIPT = Path(__file__).with_name("rtsp_server.py")
CLIP = Path(__file__).parents[1] / "clips" / "day.mp4"
PICTURES = 60
NEEDED = "needs gir1.2-gst-rtsp-server-1.0, python3-gi and GStreamer's good, bad and ugly plugins"


class RtspServer:
    """The process. It does not run before `start`."""

    def __init__(self, folder: Path, *, clip: Path = CLIP, rate: int = 10, loss: float = 0.0) -> None:
        self._folder = folder
        self._clip = clip
        self._rate = rate
        self._loss = loss
        self._process: subprocess.Popen[str] | None = None
        self.port = _free_port()
        self.address = f"rtsp://127.0.0.1:{self.port}/camera"

    def start(self, size: tuple[int, int] = (320, 180)) -> None:
        """Listens once this returns."""
        assert self._process is None, "it runs already"
        raw = _raw_of(self._clip, size, self._folder)
        words = ["127.0.0.1", self.port, raw, *size, self._rate, self._loss]
        self._process = subprocess.Popen(
            [PYTHON, str(SCRIPT), *map(str, words)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None, "it is a pipe"
        assert self._process.stdout.readline() == "ready\n", "the RTSP server does not start"

    def kill(self) -> None:
        """As a power cut, but that the kernel still closes its connections."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None, "it is a pipe"
        self._process.stdout.close()
        self._process = None

    def freeze(self) -> None:
        """Its connections stay open, and nobody answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on where it was."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "it runs"
        self._process.send_signal(number)


@contextmanager
def rtsp_camera(folder: Path, *, rate: int = 10, loss: float = 0.0) -> Iterator[RtspServer]:
    """It runs; skips the test where it cannot."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    server = RtspServer(folder, rate=rate, loss=loss)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def why_not() -> str:
    """Why it cannot run here; empty where it can."""
    elements = ("appsrc", "rawvideoparse", "x264enc", "h264parse", "rtph264pay")
    script = (
        "import gi; gi.require_version('Gst', '1.0'); gi.require_version('GstRtspServer', '1.0')\n"
        "from gi.repository import Gst, GstRtspServer; Gst.init(None)\n"
        f"assert all(map(Gst.ElementFactory.find, {elements}))"
    )
    try:
        done = subprocess.run([PYTHON, "-c", script], capture_output=True, timeout=60, check=False)
    except OSError:
        return NEEDED
    return NEEDED if done.returncode else ""


def _raw_of(clip: Path, size: tuple[int, int], folder: Path) -> Path:
    """The clip's first pictures of that size, written once."""
    path = folder / f"{clip.stem}-{size[0]}x{size[1]}.bgr"
    if not path.is_file():
        video = cv2.VideoCapture(str(clip))
        pictures = [cv2.resize(video.read()[1], size, interpolation=cv2.INTER_AREA) for _ in range(PICTURES)]
        path.write_bytes(np.stack(pictures).tobytes())
    return path


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
