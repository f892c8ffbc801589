"""The camera on a real RTSP server that dies, freezes, comes back with another picture, and sits behind a bad link.

`python -m tests.system.rtsp_soak` does the same to the whole device, by the hundred.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median

import pytest

from edge.clock import SystemClock
from edge.vision.camera import Camera
from edge.vision.capture import Source
from edge.vision.clock import FrameClock
from edge.vision.frame import Frame
from tests.system.rtsp import SIZES, RtspServer, made_ms, network, why_not

MISSING = why_not()
pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)
RETURN_S = 10.0  # of frames, after the server's
LAG_MS = 1_500


@pytest.fixture
def server() -> Iterator[RtspServer]:
    with RtspServer() as running:
        yield running


@contextmanager
def camera_on(server: RtspServer, **how: float | str) -> Iterator[Camera]:
    clock = SystemClock()
    source = Source(server.address, stall_s=1.0, open_timeout_s=3.0, **how)  # type: ignore[arg-type]
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


def lags_ms(camera: Camera, frames: int) -> list[int]:
    """How long ago the next pictures were made, those that are whole."""
    lags = []
    for _ in range(frames):
        stamp_ms = made_ms(next_frame(camera).image)
        if stamp_ms is not None:
            lags.append(time.monotonic_ns() // 1_000_000 % (1 << 32) - stamp_ms)
    return lags


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_server_that_was_killed_is_back_with_another_picture(server: RtspServer, transport: str) -> None:
    with camera_on(server, transport=transport) as camera:
        frames = [next_frame(camera) for _ in range(10)]
        assert frames[0].image.shape == (256, 320, 3)
        server.kill()
        wait_closed(camera, 3)
        assert camera.state.reason.startswith(f"camera {server.address} ")
        server.start(SIZES[1])
        frames.append(next_frame(camera, lambda frame: frame.image.shape == (128, 160, 3)))
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


@pytest.mark.slow  # it measures times, and no machine of a test is so quiet
def test_what_is_taken_is_the_newest_picture_and_no_backlog(server: RtspServer) -> None:
    with camera_on(server) as camera:
        next_frame(camera)
        time.sleep(3)  # a reader that is slow
        lags_ms(camera, 5)
        assert max(lags_ms(camera, 20)) < LAG_MS


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_with_a_packet_in_twenty_lost_pictures_go_on_coming_and_are_new(transport: str) -> None:
    try:
        with (
            network() as cable,
            RtspServer(cable.address, namespace=cable.name) as server,
            camera_on(server, transport=transport) as camera,
        ):
            next_frame(camera)
            cable.lose(5)
            assert median(lags_ms(camera, 40)) < LAG_MS  # single stamps may be torn unnoticed
            assert camera.state.reopened == 0
    except PermissionError as error:
        pytest.skip(f"no lossy network here: {error}")


@pytest.mark.parametrize(("decoder", "is_left"), [("h264", False), ("mpeg4", True), ("h264_no_such_hardware", True)])
def test_a_decoder_that_cannot_be_used_is_done_without(
    server: RtspServer, caplog: pytest.LogCaptureFixture, decoder: str, is_left: bool
) -> None:
    with camera_on(server, decoder=decoder) as camera:
        assert next_frame(camera).image.any()
    assert (f"decoder {decoder} cannot be used; the processor decodes" in caplog.text) == is_left
