"""How late a device's reports arrive, and whether its clock is ahead of the collector's. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LATELY_MS = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Lateness:
    """Of one device; None before its first report.

    `heard_ms` is its last sign of life. `late_ms` is the time from the end of the newest bucket to the arrival of its
    report; if it is negative, the device's clock is ahead of the collector's by at least that. `worst_ms` is the
    greatest of about the last day: a greater one replaces it, and after a day any does.
    """

    heard_ms: int | None = None
    newest_start_ms: int | None = None
    newest_width_ms: int | None = None
    late_ms: int | None = None
    worst_ms: int | None = None
    worst_at_ms: int | None = None
    clock_synced: int | None = None

    @classmethod
    def of(cls, row: Sequence[Any]) -> "Lateness":
        """From the columns of its table."""
        return cls(*row)

    @property
    def newest_end_ms(self) -> int | None:
        """The end of its newest bucket."""
        return None if self.newest_start_ms is None else self.newest_start_ms + (self.newest_width_ms or 0)

    def after(self, reports: Sequence[tuple[int, int, bool]], *, now_ms: int) -> "Lateness":
        """The state after messages arrived; `reports`: start, width and `clock_synced` of those that are new."""
        newest = (self.newest_start_ms, self.newest_width_ms, self.late_ms)
        worst_ms, worst_at_ms, clock_synced = self.worst_ms, self.worst_at_ms, self.clock_synced
        for start_ms, width_ms, synced in reports:
            late_ms = now_ms - start_ms - width_ms
            if newest[0] is None or start_ms >= newest[0]:
                newest, clock_synced = (start_ms, width_ms, late_ms), int(synced)
            if worst_ms is None or late_ms >= worst_ms or not 0 <= now_ms - (worst_at_ms or 0) < LATELY_MS:
                worst_ms, worst_at_ms = late_ms, now_ms
        return Lateness(now_ms, *newest, worst_ms, worst_at_ms, clock_synced)
