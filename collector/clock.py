"""The time, as three methods, so that a simulated world can stand in for the real one."""

import time
from typing import Protocol


class Clock(Protocol):
    """`real_ms` is UTC and may step; `monotonic_ms` never goes back; `sleep` lets that many seconds pass."""

    def real_ms(self) -> int: ...  # noqa: D102  # the three are described above
    def monotonic_ms(self) -> int: ...  # noqa: D102
    def sleep(self, seconds: float) -> None: ...  # noqa: D102


class SystemClock:
    """The clock of this machine."""

    def real_ms(self) -> int:
        """Milliseconds UTC."""
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        """Milliseconds since some moment."""
        return time.monotonic_ns() // 1_000_000

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
