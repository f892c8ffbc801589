"""The clock of the device: three methods, so that a simulation can replace the machine's."""

import time
from typing import Protocol


class Clock(Protocol):
    """Real time, monotonic time, and waiting."""

    def real_ms(self) -> int:
        """Milliseconds UTC; may step, drift, and be wrong by years at boot."""
        ...

    def monotonic_ms(self) -> int:
        """Milliseconds since some moment; never steps."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait for at least so long."""
        ...


class SystemClock:
    """The machine's clock."""

    def real_ms(self) -> int:
        """Milliseconds UTC."""
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        """Milliseconds since some moment."""
        return time.monotonic_ns() // 1_000_000

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
