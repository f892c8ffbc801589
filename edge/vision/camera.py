"""The camera: the newest frame, whatever the source does. Frames that were not taken in time are dropped and counted.

Threads. A capture thread owns the opened source: it opens, grabs, decodes what is wanted, and opens anew after a
failure, with waits that double up to a ceiling, jittered. Before each step it sets a deadline for
the next; the thread that takes frames watches it. A thread that misses it hangs in the source: it is abandoned (it ends
once the source returns, and its results are ignored), and another one begins. At most ABANDONED_MAX
such threads are waited for; beyond it no new one begins until one has ended. Everything that both sides touch is under
one lock.
"""

import logging
import math
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Self

from edge.clock import Clock
from edge.errors import WorkError
from edge.vision.capture import Capture, Ended, Source, open_capture
from edge.vision.clock import FrameClock
from edge.vision.frame import Frame

log = logging.getLogger(__name__)

RETRY_S_MIN = 0.5
RETRY_S_MAX = 1.0
HANG_S = 3.0  # beyond the source's own time-outs
ABANDONED_MAX = 4
END_S = 1.5


@dataclass(frozen=True, slots=True)
class CameraState:
    """How the camera is. `since_ms` is monotonic; `reason` says why it is not open, and never holds a password."""

    open: bool
    reason: str
    since_ms: int
    width: int
    height: int
    captured: int
    dropped: int
    reopened: int
    abandoned: int


class Camera:
    """Use it in a `with` block. `take` and `state` belong to one thread."""

    def __init__(
        self,
        source: Source,
        clock: Clock,
        frame_clock: FrameClock,
        *,
        opening: Callable[[Source], Capture] | None = None,
    ) -> None:
        self._source = source
        self._clock = clock
        self._frame_clock = frame_clock
        self._opening = opening or partial(open_capture, clock=clock)
        self._changed = threading.Condition()
        self._generation = 0
        self._frame: Frame | None = None
        self._open = False
        self._reason = "not opened yet"
        self._since_ms = clock.monotonic_ms()
        self._sign_due_ms = math.inf
        self._size = (0, 0)
        self._captured = self._dropped = self._reopened = 0
        self._abandoned: list[threading.Thread] = []
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        self._begin()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        with self._changed:
            self._generation += 1
        if self._thread is not None:
            self._thread.join(END_S)  # a hanging one ends with the process

    @property
    def state(self) -> CameraState:
        """The present state."""
        self._mind()
        with self._changed:
            return CameraState(
                self._open,
                self._reason,
                self._since_ms,
                *self._size,
                self._captured,
                self._dropped,
                self._reopened,
                len(self._abandoned),
            )

    def take(self, wait_s: float) -> Frame | None:
        """The newest frame that was not taken yet; None if there is none within `wait_s`."""
        with self._changed:
            if self._frame is None:
                self._changed.wait(wait_s)
            frame, self._frame = self._frame, None
        if frame is None:
            self._mind()
        return frame

    def _begin(self) -> None:
        self._sign(self._generation, self._source.open_timeout_s)
        self._thread = threading.Thread(target=self._capture, args=(self._generation,), name="camera", daemon=True)
        self._thread.start()

    def _mind(self) -> None:
        """Leave a capture thread that hangs."""
        self._abandoned = [thread for thread in self._abandoned if thread.is_alive()]
        with self._changed:
            if self._clock.monotonic_ms() <= self._sign_due_ms:
                return
            self._close(f"camera {self._source.name} hangs")
            if len(self._abandoned) >= ABANDONED_MAX:
                return
            self._generation += 1
        assert self._thread is not None, "it has begun"
        self._abandoned.append(self._thread)
        self._begin()

    def _capture(self, generation: int) -> None:
        """The capture thread."""
        wait_s = RETRY_S_MIN
        while self._is_current(generation):
            captured = self._captured
            try:
                self._sign(generation, self._source.open_timeout_s)
                self._drain(generation, self._opening(self._source))
                reason = f"camera {self._source.name} gives no frames"
            except Ended as error:
                self._failed(generation, str(error))
                self._sign(generation, math.inf)
                return
            except WorkError as error:
                reason = str(error)
            except Exception as error:  # outermost loop; its text may hold the address, and with it the password
                reason = f"camera {self._source.name} failed: {type(error).__name__}"
            self._failed(generation, reason)
            if self._captured > captured:
                wait_s = RETRY_S_MIN
            self._sign(generation, wait_s)
            # Spreads the cameras of a site over time, guards nothing.
            self._ended.wait(wait_s * random.uniform(0.5, 1.0))  # noqa: S311
            wait_s = min(2 * wait_s, RETRY_S_MAX)

    def _drain(self, generation: int, capture: Capture) -> None:
        """Grab everything, so that nothing queues, and decode at the wanted rate, until the source fails."""
        every_ms = 1000 / self._source.frames_per_second
        due_ms = float(self._clock.monotonic_ms())
        try:
            while self._is_current(generation):
                self._sign(generation, self._source.stall_s)
                if not capture.grab():
                    return
                now_ms, captured_ms = self._clock.monotonic_ms(), self._frame_clock.captured_ms()
                if now_ms < due_ms - every_ms / 4:  # a camera at just that rate comes a little early at times
                    continue
                due_ms = max(due_ms + every_ms, now_ms)
                image = capture.retrieve()
                if image is None:
                    return
                self._give(generation, Frame(captured_ms, image))
        finally:
            capture.release()

    def _give(self, generation: int, frame: Frame) -> None:
        height, width = frame.image.shape[:2]
        with self._changed:
            if generation != self._generation:
                return
            self._captured += 1
            if self._frame is not None:
                self._dropped += 1
            self._frame = frame
            self._size = (width, height)
            if not self._open:
                self._open, self._reason, self._since_ms = True, "", self._clock.monotonic_ms()
                log.info("camera %s gives frames of %d x %d", self._source.name, width, height)
            self._changed.notify()

    def _is_current(self, generation: int) -> bool:
        return generation == self._generation and not self._ended.is_set()

    def _sign(self, generation: int, within_s: float) -> None:
        """Set the deadline: the next step takes `within_s` at most."""
        with self._changed:
            if generation == self._generation:
                self._sign_due_ms = self._clock.monotonic_ms() + 1000 * (within_s + HANG_S)

    def _failed(self, generation: int, reason: str) -> None:
        with self._changed:
            if generation == self._generation and not self._ended.is_set():
                self._close(reason)

    def _close(self, reason: str) -> None:
        """Under the lock."""
        if self._open:
            self._reopened += 1
            self._since_ms = self._clock.monotonic_ms()
            log.warning("%s; opening it again", reason)
        self._open, self._reason = False, reason
