"""The camera gives the newest frame whatever its source does: hang, die, not open, change its size, be slow or fast."""

import logging
import os
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.clock import SystemClock
from edge.errors import WorkError
from edge.vision.camera import ABANDONED_MAX, HANG_S, Camera
from edge.vision.capture import Capture, Source, _Video, open_capture
from edge.vision.clock import FrameClock

Picture = NDArray[np.uint8]
Step = Callable[[], Picture | None]

UTC_MS = 1_795_600_020_000
SOURCE = Source("rtsp://camera.example/stream2", frames_per_second=10)
SECRET = "s3cr3t/word"
DAY = Path(__file__).parents[1] / "clips" / "day.mp4"


class HandClock:
    """Goes on when it is told to."""

    def __init__(self) -> None:
        self.now_ms = 5_000

    def real_ms(self) -> int:
        return UTC_MS + self.now_ms

    def monotonic_ms(self) -> int:
        return self.now_ms

    def sleep(self, seconds: float) -> None:
        raise AssertionError("the camera waits for what may end its wait")


class Feed:
    """Sources that do what they are told, step by step: a step gives a picture, or None to die; it may hang."""

    def __init__(self) -> None:
        self.openings: list[Callable[[], None]] = []  # what each attempt to open does; afterwards they succeed
        self.steps: queue.SimpleQueue[Step] = queue.SimpleQueue()
        self.opened = self.retrieved = self.released = 0
        self._freed = threading.Event()

    def open(self, _: Source) -> Capture:
        self.opened += 1
        if self.opened <= len(self.openings):
            self.openings[self.opened - 1]()
        return Fed(self)

    def show(self, *steps: Step) -> None:
        for step in steps:
            self.steps.put(step)

    def hang(self) -> None:
        assert self._freed.wait(60), "each test lets go of what hangs"

    def let_go(self) -> None:
        self._freed.set()


class Fed:
    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._image: Picture | None = None

    def grab(self) -> bool:
        self._image = self._feed.steps.get(timeout=60)()
        return self._image is not None

    def retrieve(self) -> Picture | None:
        self._feed.retrieved += 1
        return self._image

    def release(self) -> None:
        self._feed.released += 1


def grey(level: int, width: int = 64, height: int = 36) -> Step:
    return lambda: np.full((height, width, 3), level, np.uint8)


def dead() -> None:
    return None


@contextmanager
def watching(feed: Feed, clock: HandClock, source: Source = SOURCE) -> Iterator[Camera]:
    camera = Camera(source, clock, FrameClock(clock), opening=feed.open)
    with camera:
        try:
            yield camera
        finally:
            feed.let_go()
            camera._ended.set()
            feed.show(*[dead] * (ABANDONED_MAX + 2))


def until(true: Callable[[], bool]) -> None:
    for _ in range(12_000):
        if true():
            return
        time.sleep(0.005)
    raise AssertionError("it did not come true within a minute")


def level_of(camera: Camera) -> int:
    frame = camera.take(60)
    assert frame is not None
    return int(frame.image[0, 0, 0])


def shown(clock: HandClock, level: int, *, after_ms: int, size: tuple[int, int] = (64, 36)) -> Step:
    """A picture that comes so long after the one before."""

    def step() -> Picture | None:
        clock.now_ms += after_ms
        return grey(level, *size)()

    return step


def test_the_newest_frame_wins_and_the_others_are_counted() -> None:
    feed, clock = Feed(), HandClock()
    with watching(feed, clock) as camera:
        feed.show(*[shown(clock, level, after_ms=100) for level in (10, 20, 30)])
        until(lambda: camera.state.captured == 3)
        frame = camera.take(0)
        assert frame is not None
        assert (frame.image[0, 0, 0], frame.captured_ms) == (30, UTC_MS + 5_300)
        assert camera.take(0) is None
        state = camera.state
        assert (state.captured, state.dropped, state.open, state.reason) == (3, 2, True, "")


def test_of_a_fast_source_everything_is_grabbed_and_as_many_are_decoded_as_wanted() -> None:
    feed, clock = Feed(), HandClock()
    with watching(feed, clock):
        feed.show(*[shown(clock, 1, after_ms=40) for _ in range(250)])  # ten seconds at 25 a second
        until(feed.steps.empty)
        assert 98 <= feed.retrieved <= 101


def test_of_a_source_that_comes_at_just_the_rate_none_is_lost() -> None:
    feed, clock = Feed(), HandClock()
    with watching(feed, clock) as camera:
        feed.show(*[shown(clock, 1, after_ms=100 + (-1) ** number * 10) for number in range(100)])
        until(lambda: camera.state.captured == 100)


def test_of_a_slow_source_every_frame_is_given() -> None:
    feed, clock = Feed(), HandClock()
    with watching(feed, clock) as camera:
        for level in range(5):
            feed.show(shown(clock, level, after_ms=1_000))
            assert level_of(camera) == level
        assert camera.state.dropped == 0


def test_a_source_that_cannot_be_opened_is_tried_again_and_says_why() -> None:
    def refuse() -> None:
        raise WorkError("camera rtsp://camera.example/stream2 cannot be opened")

    feed, clock = Feed(), HandClock()
    feed.openings = [refuse, refuse]
    with watching(feed, clock) as camera:
        until(lambda: camera.state.reason != "not opened yet")
        assert camera.state.reason == "camera rtsp://camera.example/stream2 cannot be opened"
        assert not camera.state.open
        feed.show(grey(7))
        assert level_of(camera) == 7
        state = camera.state
        assert (feed.opened, state.open, state.reason, state.reopened) == (3, True, "", 0)


def test_a_source_that_dies_is_released_and_opened_anew() -> None:
    feed, clock = Feed(), HandClock()
    with watching(feed, clock) as camera:
        feed.show(grey(1))
        assert level_of(camera) == 1
        clock.now_ms += 1_000
        feed.show(dead)
        until(lambda: not camera.state.open)
        state = camera.state
        assert (state.reason, state.since_ms, state.reopened) == (f"camera {SOURCE.name} gives no frames", 6_000, 1)
        assert feed.released == 1
        feed.show(grey(2))
        assert level_of(camera) == 2
        assert camera.state.open


def test_a_source_may_change_its_resolution() -> None:
    feed, clock = Feed(), HandClock()
    with watching(feed, clock) as camera:
        feed.show(grey(1))
        assert level_of(camera) == 1
        assert (camera.state.width, camera.state.height) == (64, 36)
        feed.show(shown(clock, 2, after_ms=100, size=(32, 18)))
        until(lambda: camera.state.width == 32)
        frame = camera.take(60)
        assert frame is not None
        assert frame.image.shape == (18, 32, 3)


def test_a_source_that_hangs_is_left_and_nothing_of_it_is_believed() -> None:
    feed, clock = Feed(), HandClock()

    def hanging() -> Picture | None:
        feed.hang()
        return grey(99)()

    with watching(feed, clock) as camera:
        feed.show(grey(1))
        assert level_of(camera) == 1
        feed.show(hanging)
        until(feed.steps.empty)
        clock.now_ms += round(1000 * (SOURCE.stall_s + HANG_S))
        assert camera.state.open
        clock.now_ms += 1
        state = camera.state
        assert (state.open, state.reason, state.abandoned) == (False, f"camera {SOURCE.name} hangs", 1)
        feed.show(grey(2))
        assert level_of(camera) == 2
        assert camera.state.open
        feed.let_go()
        until(lambda: camera.state.abandoned == 0)
        assert camera.take(0) is None
        state = camera.state
        assert (state.open, state.captured, state.reopened, feed.released) == (True, 2, 1, 1)


def test_one_that_takes_is_told_of_a_hang_as_well() -> None:
    feed, clock = Feed(), HandClock()
    feed.openings = [feed.hang]
    with watching(feed, clock) as camera:
        until(lambda: feed.opened == 1)
        clock.now_ms += round(1000 * (SOURCE.open_timeout_s + HANG_S)) + 1
        assert camera.take(0) is None
        feed.show(grey(3))
        assert level_of(camera) == 3


def test_threads_that_hang_are_bounded_and_the_first_to_come_back_is_welcome() -> None:
    feed, clock = Feed(), HandClock()
    feed.openings = [feed.hang] * 20

    def opened(times: int) -> Callable[[], bool]:
        return lambda: feed.opened == times

    with watching(feed, clock) as camera:
        before = threading.active_count()
        for number in range(10):
            until(opened(min(number, ABANDONED_MAX) + 1))
            clock.now_ms += 60_000
            assert not camera.state.open
        assert camera.state.abandoned == ABANDONED_MAX
        assert threading.active_count() <= before + ABANDONED_MAX
        feed.openings.clear()
        feed.let_go()
        feed.show(*[grey(4)] * (ABANDONED_MAX + 1))
        until(lambda: camera.state.abandoned == 0)
        assert level_of(camera) == 4


def test_a_source_that_hangs_beyond_the_bound_is_not_called_open() -> None:
    feed, clock = Feed(), HandClock()

    def hanging() -> None:
        feed.hang()

    with watching(feed, clock) as camera:
        for number in range(ABANDONED_MAX + 1):
            feed.show(grey(number), hanging)
            assert level_of(camera) == number
            until(feed.steps.empty)
            clock.now_ms += 60_000
            state = camera.state
            assert (state.open, state.reason) == (False, f"camera {SOURCE.name} hangs")
        assert state.abandoned == ABANDONED_MAX


def test_an_attempt_that_takes_all_its_time_and_the_wait_after_it_are_no_hang() -> None:
    feed, clock = Feed(), HandClock()

    def slow() -> None:
        clock.now_ms += round(1000 * SOURCE.open_timeout_s)
        raise WorkError("too slow")

    feed.openings = [slow] * 3
    with watching(feed, clock) as camera:
        until(lambda: feed.opened >= 1 and camera.state.reason == "too slow")
        clock.now_ms += 3_400
        state = camera.state
        assert (state.abandoned, state.reason) == (0, "too slow")


def test_an_error_that_nobody_foresaw_is_told_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    def surprise() -> None:
        raise cv2.error(f"rtsp://user:{SECRET}@camera.example: surprise")

    feed, clock = Feed(), HandClock()
    feed.openings = [surprise]
    with watching(feed, clock) as camera:
        until(lambda: camera.state.reason == f"camera {SOURCE.name} failed: error")
        feed.show(grey(5))
        assert level_of(camera) == 5
    assert SECRET not in caplog.text


def tried(camera: Camera) -> Callable[[], bool]:
    return lambda: camera.state.reason != "not opened yet"


def test_a_password_shows_nowhere(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(logging.DEBUG)
    with socket.socket() as closed:  # bound, and nobody listens
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        source = Source(f"rtsp://127.0.0.1:{port}/stream2", username="viewer", password=SECRET, open_timeout_s=1)
        inside = replace(source, address=f"RTSP://viewer:{SECRET}@127.0.0.1:{port}/stream2?key={SECRET}")
        clock = SystemClock()
        for one in (source, inside):
            with Camera(one, clock, FrameClock(clock)) as camera:
                until(tried(camera))
                assert camera.state.reason == (
                    f"camera {one.name} cannot be opened: 127.0.0.1:{port} refuses the connection: "
                    "nothing listens there; is the port right, and the camera on?"
                )
                said = f"{camera.state} {one!r} {one.name}"
            assert "s3cr3t" not in said
    assert "s3cr3t" not in caplog.text
    assert "s3cr3t" not in "".join(capfd.readouterr())


class Decoder:
    """OpenCV's capture, which after a time-out calls a picture new that its decoder still held."""

    def grab(self) -> bool:
        return True


def test_a_picture_that_comes_only_with_the_time_out_is_none() -> None:
    assert not _Video(Decoder(), stall_s=0.0).grab()  # type: ignore[arg-type]
    assert _Video(Decoder(), stall_s=60.0).grab()  # type: ignore[arg-type]


def test_what_is_asked_of_a_stream_is_not_asked_of_the_files_after_it() -> None:
    before = dict(os.environ)
    with pytest.raises(WorkError):
        open_capture(Source("rtsp://127.0.0.1:1/closed", open_timeout_s=1))
    assert dict(os.environ) == before


@contextmanager
def silent_camera() -> Iterator[str]:
    """An RTSP server that answers whatever it is asked, and sends no picture."""
    end = "\r\n"
    sdp = end.join(
        ["v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=-", "t=0 0", "m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000"]
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"rtsp://127.0.0.1:{server.getsockname()[1]}/silent"
        described = [f"Content-Base: {address}/", "Content-Type: application/sdp", f"Content-Length: {len(sdp) + 2}"]
        answers = {
            "OPTIONS": ["Public: DESCRIBE, SETUP, PLAY", "", ""],
            "DESCRIBE": [*described, "", sdp, ""],
            "SETUP": ["Transport: RTP/AVP/TCP;unicast;interleaved=0-1", "Session: 1", "", ""],
            "PLAY": ["Session: 1", "", ""],
        }

        def answer() -> None:
            with server.accept()[0] as client, client.makefile("r", newline=end, encoding="ascii") as asked:
                verb = ""
                for line in asked:
                    verb = line.split()[0] if line.endswith("RTSP/1.0\r\n") else verb
                    if line.startswith("CSeq") and verb in answers:
                        client.sendall(f"RTSP/1.0 200 OK\r\n{line}{end.join(answers[verb])}".encode())

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield address
        thread.join(5)


def test_a_stream_that_opens_and_sends_no_picture_is_given_up_when_its_time_is_over() -> None:
    with (
        silent_camera() as address,
        pytest.raises(WorkError, match=r"silent sent no picture within 1 s of being opened"),
    ):
        open_capture(Source(address, open_timeout_s=1, stall_s=60))


def test_a_recording_is_played_at_its_own_pace() -> None:
    clock = SystemClock()
    times = FrameClock(clock)
    before_ms = times.captured_ms()
    with Camera(Source(str(DAY), frames_per_second=25), clock, times) as camera:
        frames = [camera.take(60) for _ in range(6)]
    times_ms = [frame.captured_ms for frame in frames if frame is not None]
    assert len(times_ms) == 6
    assert times_ms == sorted(times_ms)
    assert times_ms[-1] - before_ms >= 5 * 125, "any picture may come late on a busy machine, and none early"


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "short.avi"
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 36))
    for number in range(5):
        video.write(np.full((36, 64, 3), 40 * number, np.uint8))
    video.release()
    return path


def test_a_recording_begins_again_without_a_reopening(short: Path) -> None:
    clock = SystemClock()
    with Camera(Source(str(short), frames_per_second=60), clock, FrameClock(clock)) as camera:
        until(lambda: camera.state.captured > 12)
        assert (camera.state.open, camera.state.reopened) == (True, 0)


def test_a_recording_that_is_not_to_begin_again_ends(short: Path) -> None:
    clock = SystemClock()
    opened = []

    def opening(source: Source) -> Capture:
        opened.append(source)
        return open_capture(source)

    source = Source(str(short), frames_per_second=60, loop=False)
    with Camera(source, clock, FrameClock(clock), opening=opening) as camera:
        until(lambda: camera.state.reason == f"camera {short} has ended")
        state = camera.state
        assert (state.open, state.captured, len(opened)) == (False, 5, 1)


def test_a_recording_that_is_not_there_is_told(tmp_path: Path) -> None:
    clock = SystemClock()
    with Camera(Source(str(tmp_path / "none.mp4")), clock, FrameClock(clock)) as camera:
        until(lambda: camera.state.reason == f"camera {tmp_path / 'none.mp4'} is no file")


@pytest.mark.parametrize("name", ["14:22:00.mp4", "2017-09-14T14:22:00.mp4"])
def test_a_recording_is_a_camera_whatever_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (tmp_path / name).write_bytes(DAY.read_bytes())
    monkeypatch.chdir(tmp_path)
    capture = open_capture(Source(name))
    assert capture.grab()
    capture.release()
