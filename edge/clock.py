"""Time, as the device asks for it: three methods, so that a simulation can stand in for the machine."""

import time
from typing import Protocol


class Clock(Protocol):
    """What it is o'clock, how long since, and to wait."""

    def real_ms(self) -> int:
        """Milliseconds UTC; may step, drift, and be wrong by years at boot."""
        ...

    def monotonic_ms(self) -> int:
        """Milliseconds since some moment; never steps."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait for so long, at least."""
        ...


class SystemClock:
    """That of the machine."""

    def real_ms(self) -> int:
        """Milliseconds UTC."""
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        """Milliseconds since some moment."""
        return time.monotonic_ns() // 1_000_000

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
