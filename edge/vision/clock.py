"""The time of frames: the real clock is read once, the monotonic one for every frame, so frame time never steps.

A later correction of the real clock (NTP, a person, a suspend, during which the monotonic clock stops) shows in
`offset_ms`; the caller decides what to do. A Pi has no clock battery: `synced` says whether the system's clock is right
yet.
"""

import ctypes
import os
from collections.abc import Callable
from pathlib import Path

from edge.clock import Clock

TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
TIMESYNCD = Path("/run/systemd/timesync/synchronized")
_TIMEX_BYTES = 512  # more than any kernel's struct timex; all zero: only asks


class FrameClock:
    """Anchored when it is made; any thread may ask."""

    def __init__(self, clock: Clock, *, synced: Callable[[], bool] | None = None) -> None:
        self._clock = clock
        self._synced = synced or kernel_synced
        self._anchor_ms = clock.real_ms() - clock.monotonic_ms()

    def captured_ms(self) -> int:
        """Milliseconds UTC, as anchored."""
        return self._anchor_ms + self._clock.monotonic_ms()

    def offset_ms(self) -> int:
        """How far the system's clock is ahead of ours."""
        return self._clock.real_ms() - self.captured_ms()

    def synced(self) -> bool:
        """Whether the system's clock is right."""
        return self._synced()


def kernel_synced() -> bool:
    """Whether the kernel has been synchronised (by chrony, ntpd, systemd-timesyncd): adjtimex(2).

    A hardened unit may not call it (ProtectClock=); then the file of systemd-timesyncd decides.
    """
    answer: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    if answer == -1:
        return os.path.exists(TIMESYNCD)  # noqa: PTH110  # Path.exists raises where the folder may not be searched
    return answer != TIME_ERROR
