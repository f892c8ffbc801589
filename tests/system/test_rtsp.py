"""The camera on a real RTSP server that dies, freezes, comes back, and comes back with another picture."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.clock import SystemClock
from edge.vision.camera import Camera
from edge.vision.capture import Source
from edge.vision.clock import FrameClock
from edge.vision.frame import Frame
from tests.system.rtsp import RtspServer, rtsp_camera

RETURN_S = 10.0  # of frames, after the server's


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RtspServer]:
    with rtsp_camera(tmp_path) as running:
        yield running


@contextmanager
def camera_on(server: RtspServer, **how: float | str) -> Iterator[Camera]:
    clock = SystemClock()
    source = Source(server.address, stall_s=1.0, open_timeout_s=2.0, **how)  # type: ignore[arg-type]
    with Camera(source, clock, FrameClock(clock)) as camera:
        yield camera


def next_frame(camera: Camera, true: Callable[[Frame], bool] = lambda _: True) -> Frame:
    """The first for which it is true."""
    until_s = time.monotonic() + RETURN_S
    while time.monotonic() < until_s:
        frame = camera.take(0.2)
        if frame is not None and true(frame):
            return frame
    raise AssertionError(f"no such frame within {RETURN_S:g} s: {camera.state}")


def wait_closed(camera: Camera, within_s: float) -> None:
    until_s = time.monotonic() + within_s
    while camera.state.open:
        assert time.monotonic() < until_s, "a server that is gone is noticed"
        camera.take(0.05)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_server_that_was_killed_is_back_with_another_picture(server: RtspServer, transport: str) -> None:
    with camera_on(server, transport=transport) as camera:
        frames = [next_frame(camera) for _ in range(10)]
        assert frames[0].image.shape == (180, 320, 3)
        assert frames[0].image.std() > 10
        server.kill()
        wait_closed(camera, 3)
        assert camera.state.reason.startswith("camera rtsp://127.0.0.1/camera ")
        server.start(size=(160, 90))
        frames.append(next_frame(camera, lambda frame: frame.image.shape == (90, 160, 3)))
        times_ms = [frame.captured_ms for frame in frames]
        assert times_ms == sorted(times_ms)
        assert (camera.state.reopened, camera.state.abandoned) == (1, 0)


def test_a_server_that_freezes_gives_no_frames_and_frames_again(server: RtspServer) -> None:
    with camera_on(server) as camera:
        next_frame(camera)
        server.freeze()
        began_ms = SystemClock().real_ms()
        last_ms = 0
        while camera.state.open:
            frame = camera.take(0.05)
            last_ms = last_ms if frame is None else frame.captured_ms
            assert SystemClock().real_ms() < began_ms + 4_000, "a frozen server is noticed"
        assert last_ms < began_ms + 500, "what the decoder still held is no picture of now"
        server.thaw()
        next_frame(camera)
        assert camera.state.open


def test_lost_packets_cost_no_connection(tmp_path: Path) -> None:
    with rtsp_camera(tmp_path, loss=0.05) as server, camera_on(server, transport="udp") as camera:
        began_ms = next_frame(camera).captured_ms
        frames = 0
        while next_frame(camera).captured_ms < began_ms + 3_000:
            frames += 1
        assert frames > 15
        assert camera.state.reopened == 0
