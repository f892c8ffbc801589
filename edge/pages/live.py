"""Where the live picture comes from: a camera, or a recording played as if it were one."""

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol, Self

from edge.errors import WorkError
from edge.vision.frame import Frame
from edge.vision.recording import Recording

BETWEEN_ROUNDS_MS = 60_000  # of frame time: no track of one round is taken for one of the next


class CameraState(Protocol):
    """What is known of a source now; `reason` says why it is not open."""

    @property
    def open(self) -> bool:
        """Whether frames are to be expected."""
        ...

    @property
    def reason(self) -> str:
        """A sentence, or ""."""
        ...


class LiveSource(Protocol):
    """The newest picture, whenever one asks; used by one thread."""

    @property
    def state(self) -> CameraState:
        """How the source is."""
        ...

    def take(self, wait_s: float) -> Frame | None:
        """The newest frame that was not taken yet; None if none came within `wait_s`."""
        ...


@dataclass(frozen=True, slots=True)
class Playing:
    """The state of a recording."""

    open: bool = True
    reason: str = ""


class PlayedRecording:
    """Plays a recording at its own pace, over and over; who takes too slowly misses frames, as with a camera.

    Frame time goes on from round to round, with a minute between them.
    """

    def __init__(self, recording: Recording) -> None:
        self.state = Playing()
        self._recording = recording
        self._frames = self._rounds()
        self._next: tuple[float, Frame] | None = None

    def take(self, wait_s: float) -> Frame | None:
        """The frame that is due, or the next one if that is within `wait_s`."""
        until_s = time.monotonic() + wait_s
        taken: Frame | None = None
        while True:
            due_s, frame = self._next = self._next or next(self._frames)
            now_s = time.monotonic()
            if taken is not None and (due_s > now_s or now_s > until_s):  # or this machine reads too slowly
                return taken
            time.sleep(max(min(due_s, until_s) - now_s, 0.0))
            if due_s > until_s and due_s > now_s:
                return None
            taken, self._next = frame, None

    def _rounds(self) -> Generator[tuple[float, Frame], None, None]:
        """Without end: when each frame is due by the monotonic clock, and the frame."""
        began_ms = last_ms = 0
        while True:
            began_s = time.monotonic()
            try:
                for frame in self._recording:
                    since_ms = frame.captured_ms - self._recording.start_ms
                    last_ms = began_ms + since_ms
                    yield began_s + since_ms / 1000, Frame(last_ms, frame.image)
            except WorkError as error:  # it breaks off; what there is is played all the same
                self.state = Playing(reason=str(error))
            began_ms = last_ms + BETWEEN_ROUNDS_MS

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._frames.close()
