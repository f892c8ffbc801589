"""A clock that a test steers while the device runs on it: stepped, slewed, not yet synchronised, or faster than time.

    python -m tests.system.steering CONTROL run --config edge.yaml

is `crossing-edge run`, with everything real but what time it is. CONTROL is a file that holds a `Steering`; it is read
whenever the real time is asked for. The monotonic clock never steps.

Threads. On a paced clock time passes only where the camera's file waits for its next picture, and only once the thread
that counts, which is the main one, has dealt with the picture before and waits in `Camera.take`: no picture
is dropped, however slow the machine.
"""

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from edge.device.run_command import run_service
from edge.errors import CrossingError
from edge.vision.camera import Camera

LOOK_S = 0.000_2


@dataclass(frozen=True, slots=True)
class Steering:
    """What the clock does."""

    began_ms: int
    """Of the monotonic clock."""
    paced: bool = False
    ahead_ms: int = 0
    """Of the real time, from the monotonic one ..."""
    gains_ppm: float = 0.0
    """... and what it gains on it since `began_ms`."""
    synced: bool = True
    corrected_at_ms: int | None = None
    """When that monotonic moment is reached, the clock is synchronised and `corrected_ahead_ms` ahead."""
    corrected_ahead_ms: int = 0


class SteeredClock:
    """Whoever has the file has the same time, unless it is paced."""

    def __init__(self, control: Path) -> None:
        self._control = control
        self._paced = self._read().paced
        self._now_ms = self._read().began_ms
        self._asked = self._asked_before = 0  # by the counting thread

    @classmethod
    def begun(cls, control: Path, **how: Any) -> Self:
        """A new one, that begins now."""
        began_ms = 0 if how.get("paced") else time.monotonic_ns() // 1_000_000
        _write(control, Steering(began_ms=began_ms, **how))
        return cls(control)

    def steer(self, **how: Any) -> None:
        """Change it, for everybody at once."""
        _write(self._control, replace(self._read(), **how))

    def monotonic_ms(self) -> int:
        if not self._paced:
            return time.monotonic_ns() // 1_000_000
        self._asked += threading.current_thread() is threading.main_thread()
        return self._now_ms

    def real_ms(self) -> int:
        now, now_ms = self._read(), self.monotonic_ms()
        if now.corrected_at_ms is not None and now_ms >= now.corrected_at_ms:
            return now_ms + now.corrected_ahead_ms
        return now_ms + now.ahead_ms + round((now_ms - now.began_ms) * now.gains_ppm / 1e6)

    def sleep(self, seconds: float) -> None:
        if not self._paced:
            time.sleep(seconds)
            return
        while self._asked == self._asked_before or not _waits_for_a_frame():
            time.sleep(LOOK_S)
        self._asked_before = self._asked
        self._now_ms += round(1000 * seconds)

    def synced(self) -> bool:
        now = self._read()
        return now.synced or (now.corrected_at_ms is not None and self.monotonic_ms() >= now.corrected_at_ms)

    def _read(self) -> Steering:
        return Steering(**json.loads(self._control.read_text(encoding="utf-8")))


def _waits_for_a_frame() -> bool:
    """Whether the counting thread has nothing to do."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    while frame is not None and frame.f_code is not Camera.take.__code__:
        frame = frame.f_back
    return frame is not None


def _write(control: Path, steering: Steering) -> None:
    part = control.with_suffix(".part")
    part.write_text(json.dumps(asdict(steering)), encoding="utf-8")
    os.replace(part, control)  # noqa: PTH105  # the one that is atomic by name


def command(control: Path) -> list[str]:
    """What stands where `crossing-edge` would."""
    return [sys.executable, "-m", "tests.system.steering", str(control)]


def main(arguments: Sequence[str]) -> int:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    clock = SteeredClock(Path(arguments[0]))
    try:
        run_service(Path(arguments[-1]), clock=clock, synced=clock.synced)
    except CrossingError as error:
        print(f"crossing-edge: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
