"""A camera that gives a still picture over HTTP: fetched every so often, each picture at the time when it was made.

* *When.* A request is due `every_s` after the one before, or later after a failure: the wait doubles from `every_s` to
  BACK_OFF_S_MAX, and Retry-After is obeyed.
* *The same picture.* The server is asked whether it has another one (ETag, Last-Modified). An answer 304 and the same
  bytes are no picture; one of the same content in other bytes is seen as such by the scene (still_scene.py). None of
  them counts as watched time. It is reported from the SAME_AFTERth time on: many cameras are slower than requests.
* *Late.* A server may deliver a picture that is minutes old. Its age is in its own headers (Date less Last-Modified, so
  its clock may be wrong), and its time is so much earlier. One older than LATE_STEPS steps
  is stale: it is dropped and counted, as is one that is no younger than the picture before. A server whose
  Last-Modified stays while its pictures change gives no age, and its pictures are of when they came.

Threads. One thread fetches (`poll`) and is the only one that does; whoever takes frames shares what it brought, under a
lock. A request is bounded in time (http_picture.py), so the thread cannot hang but in the resolver of names.
"""

import logging
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from edge.clock import Clock
from edge.errors import WorkError
from edge.vision.camera import CameraState
from edge.vision.clock import FrameClock
from edge.vision.frame import Frame
from edge.vision.http_picture import Address, Answer, FetchError, Validators, fetch, name_of
from edge.vision.picture_file import decode_picture

log = logging.getLogger(__name__)

BACK_OFF_S_MAX = 300.0
LATE_STEPS = 2.0
SAME_AFTER = 4
END_S = 1.5


@dataclass(frozen=True, slots=True)
class StillSource:
    """Where the picture is, how to log in there, and how often to ask."""

    address: Address
    every_s: float

    @property
    def name(self) -> str:
        """For people and logs: without user name, password and query."""
        return name_of(self.address.url)


@dataclass(slots=True)
class _Newest:
    """What the fetching thread shares."""

    frame: Frame | None = None
    open: bool = False
    reason: str = "not opened yet"
    since_ms: int = 0
    size: tuple[int, int] = (0, 0)
    captured: int = 0
    dropped: int = 0
    reopened: int = 0


@dataclass(slots=True)
class _Known:
    """The last picture."""

    validators: Validators = field(default_factory=Validators)
    image: Frame | None = None
    body: bytes = b""
    times: int = 1  # that it came in a row
    dated: bool = True  # whether the server's Last-Modified follows its pictures


class StillCamera:
    """Use it in a `with` block, or call `poll` yourself. `take` and `state` belong to one thread, `poll` to another."""

    def __init__(
        self,
        source: StillSource,
        clock: Clock,
        frame_clock: FrameClock,
        *,
        fetching: Callable[[Address, Validators], Answer] = fetch,
    ) -> None:
        self._source = source
        self._clock = clock
        self._frame_clock = frame_clock
        self._fetching = fetching
        self._changed = threading.Condition()
        self._newest = _Newest(since_ms=clock.monotonic_ms())
        self._known = _Known()
        self._due_ms = -math.inf
        self._failures = 0
        self._captured_ms = -1  # of the last picture handed on
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="still-camera", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(END_S)  # one that waits for a server dies with the process

    @property
    def state(self) -> CameraState:
        """How it is at this moment; `reason` is also set while it is open and gives nothing new."""
        with self._changed:
            now = self._newest
            return CameraState(
                now.open, now.reason, now.since_ms, *now.size, now.captured, now.dropped, now.reopened, 0
            )

    def take(self, wait_s: float) -> Frame | None:
        """The newest picture that was not taken yet; None if there is none within `wait_s`."""
        with self._changed:
            if self._newest.frame is None:
                self._changed.wait(wait_s)
            frame, self._newest.frame = self._newest.frame, None
        return frame

    def poll(self) -> float:
        """Fetch the picture if that is due; returns how many seconds there are until it is due again."""
        now_ms = self._clock.monotonic_ms()
        if now_ms >= self._due_ms:
            wait_s = self._source.every_s
            try:
                self._see(self._fetching(self._source.address, self._known.validators), self._frame_clock.captured_ms())
                self._failures = 0
            except WorkError as error:
                wait_s = self._failed(error)
            # Requests stay on their grid, so that the time of a request does not add up.
            begun_ms = self._due_ms if now_ms - self._due_ms < 1000 * self._source.every_s else now_ms
            self._due_ms = begun_ms + 1000 * wait_s
        return max((self._due_ms - self._clock.monotonic_ms()) / 1000, 0.0)

    def _run(self) -> None:
        """The thread that fetches."""
        while not self._ended.is_set():
            try:
                wait_s = self.poll()
            except Exception as error:  # outermost loop; its text may hold the address, and with it the password
                self._close(f"camera {self._source.name} failed: {type(error).__name__}")
                wait_s = self._source.every_s
                self._due_ms = self._clock.monotonic_ms() + 1000 * wait_s
            self._ended.wait(wait_s)

    def _see(self, answer: Answer, now_ms: int) -> None:
        """Handle an answer of the server."""
        known = self._known
        if answer.body is None and known.image is None:
            raise FetchError(f"{self._source.name} says that its picture is unchanged, and never gave one")
        if known.image is not None and (answer.body is None or answer.body == known.body):
            known.times += 1
            same = f"camera {self._source.name} gives the same picture for the {known.times}th time"
            self._note(same if known.times >= SAME_AFTER else "")
            return
        assert answer.body is not None, "there is one"
        try:
            image = decode_picture(answer.body, answer.kind)
        except WorkError as error:
            raise FetchError(f"{self._source.name}: what came {error}") from error
        stamp = answer.validators.last_modified
        if known.image is not None and stamp and stamp == known.validators.last_modified:
            known.dated = False
        age_ms = round(1000 * (answer.age_s or 0.0)) if known.dated else 0
        captured_ms = now_ms - age_ms
        frame = Frame(captured_ms, image)
        known.validators, known.body, known.image, known.times = answer.validators, answer.body, frame, 1
        if age_ms > 1000 * LATE_STEPS * self._source.every_s or captured_ms <= self._captured_ms:
            with self._changed:
                self._newest.dropped += 1
            self._note(f"camera {self._source.name} gives a picture that is {age_ms / 60_000:.0f} min old")
            return
        self._give(frame)

    def _give(self, frame: Frame) -> None:
        height, width = frame.image.shape[:2]
        self._captured_ms = frame.captured_ms
        with self._changed:
            now = self._newest
            now.captured += 1
            now.dropped += now.frame is not None
            now.frame, now.size = frame, (width, height)
            self._changed.notify()
        self._note("")

    def _note(self, reason: str) -> None:
        """The server answers; `reason` says why it gives nothing new, if it does not."""
        with self._changed:
            now = self._newest
            if not now.open:
                now.open, now.since_ms = True, self._clock.monotonic_ms()
                log.info("camera %s answers", self._source.name)
            now.reason = reason

    def _failed(self, error: WorkError) -> float:
        """Note why there is no picture; returns how long to wait."""
        self._close(f"camera {error}")
        self._failures += 1
        doubled_s = self._source.every_s * 2.0 ** min(self._failures - 1, 20)
        wait_s = min(doubled_s, max(BACK_OFF_S_MAX, self._source.every_s))
        return max(wait_s, error.wait_s if isinstance(error, FetchError) else 0.0)

    def _close(self, reason: str) -> None:
        with self._changed:
            now = self._newest
            if now.open:
                now.reopened += 1
                now.since_ms = self._clock.monotonic_ms()
                log.warning("%s; asking again", reason)
            now.open, now.reason = False, reason
