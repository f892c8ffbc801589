"""How late a device's reports come, and whether its clock is ahead of ours. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LATELY_MS = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Lateness:
    """Of one device; None before its first report.

    `heard_ms` is its last sign of life. `late_ms` is from the end of the newest bucket to when its report came: below
    zero, the device's clock is ahead of ours by at least that. `worst_ms` is the greatest of about the last day: a
    later one that is worse takes its place, or any after a day.
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

    def row(self) -> tuple[int | None, ...]:
        """For the columns of its table."""
        return (
            self.heard_ms,
            self.newest_start_ms,
            self.newest_width_ms,
            self.late_ms,
            self.worst_ms,
            self.worst_at_ms,
            self.clock_synced,
        )

    @property
    def newest_end_ms(self) -> int | None:
        """The end of its newest bucket."""
        return None if self.newest_start_ms is None else self.newest_start_ms + (self.newest_width_ms or 0)

    def after(self, reports: Sequence[tuple[int, int, bool]], *, now_ms: int) -> "Lateness":
        """When reports came: start, width and synced of those that are new; none of them may be."""
        newest_start_ms, newest_width_ms, late_ms, clock_synced = (
            self.newest_start_ms,
            self.newest_width_ms,
            self.late_ms,
            self.clock_synced,
        )
        worst_ms, worst_at_ms = self.worst_ms, self.worst_at_ms
        for report_start_ms, report_width_ms, synced in reports:
            report_late_ms = now_ms - report_start_ms - report_width_ms
            if newest_start_ms is None or report_start_ms >= newest_start_ms:
                newest_start_ms, newest_width_ms, late_ms = report_start_ms, report_width_ms, report_late_ms
                clock_synced = int(synced)
            if worst_ms is None or report_late_ms >= worst_ms or not 0 <= now_ms - (worst_at_ms or 0) < LATELY_MS:
                worst_ms, worst_at_ms = report_late_ms, now_ms
        return Lateness(now_ms, newest_start_ms, newest_width_ms, late_ms, worst_ms, worst_at_ms, clock_synced)
