"""Times on the command line: by the site's clocks, unless they have a zone."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from collector.domain.calendar import zone_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Moment:
    """A date, a time by the site's clocks, or a time with its zone."""

    text: str
    time: datetime

    @classmethod
    def of(cls, text: str) -> "Moment":
        """From `2026-11-22`, `2026-11-22T06:00` or RFC 3339; ValueError for anything else."""
        return cls(text, datetime.fromisoformat(text))

    @property
    def is_local(self) -> bool:
        """Whether it has no zone, and so is a different moment at each site."""
        return self.time.tzinfo is None

    def in_zone(self, time_zone: str) -> int:
        """Milliseconds UTC; the first moment of a time that the clocks show twice."""
        time = self.time.replace(tzinfo=zone_of(time_zone)) if self.is_local else self.time
        return (time.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)
