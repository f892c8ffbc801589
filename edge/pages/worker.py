"""Work that a page waits for, in a thread of its own from `with` to its end."""

import logging
import threading
from dataclasses import dataclass
from typing import Self

from edge.errors import CrossingError, InputError
from edge.vision.frame import Frame
from edge.vision.recording import Recording

log = logging.getLogger(__name__)

END_S = 10.0
FRAMES_MAX = 20_000
"""Frames of a recording that is read: what a strip keeps without thinning, 13 minutes at 25 frames a second."""


class Worker:
    """`_run` is the thread's function; it handles its own errors and checks `_ending` often."""

    def __init__(self, name: str) -> None:
        self._ending = threading.Event()
        """Set when it is to end."""
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def _run(self) -> None:
        """The outermost loop."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join(END_S)


@dataclass(frozen=True, slots=True)
class Progress:
    """`frames` are read; `done` says that reading has ended, `trouble` why it ended early."""

    frames: int = 0
    done: bool = False
    trouble: str = ""


class RecordingReader(Worker):
    """Reads a recording in its thread. Raises InputError for more than FRAMES_MAX frames; `use` is for its sentence."""

    def __init__(self, name: str, recording: Recording, use: str) -> None:
        if (recording.frame_count or 0) > FRAMES_MAX:
            raise InputError(
                f"{recording.path} has {recording.frame_count} frames; at most {FRAMES_MAX} can be {use} at a time, so "
                "cut it into parts"
            )
        super().__init__(name)
        self.recording = recording
        self.progress = Progress()
        """How far it is; replaced as a whole."""

    def _add(self, number: int, frame: Frame) -> None:
        """Handle one frame; they are numbered from 0."""
        raise NotImplementedError

    def _finish(self, trouble: str) -> None:
        """Reading has ended; set `progress`."""
        raise NotImplementedError

    def _run(self) -> None:
        trouble = ""
        try:
            for number, frame in enumerate(self.recording):
                if self._ending.is_set():
                    return
                if number >= FRAMES_MAX:
                    trouble = f"Only the first {FRAMES_MAX} frames are shown; cut the recording into parts."
                    break
                self._add(number, frame)
                self.progress = Progress(number + 1)
        except CrossingError as error:
            trouble = str(error)
        except Exception:
            log.exception("reading %s failed", self.recording.path)
            trouble = "Reading failed; the log has more."
        self._finish(trouble)
