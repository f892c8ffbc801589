"""What a device calls out by itself: a vehicle of a class that was not there for long, and a camera that sees nothing.

Pure, told the time. When a class was last seen is remembered by whoever owns the disk (`seen_ms`), over restarts.
"""

from collections.abc import Mapping, Sequence

from edge.counting.crossing import Crossing

DAY_MS = 86_400_000
FLOOD_MS = 60_000  # one alert of a class a minute at most, whatever the configuration says


class RareClasses:
    """Of `classes`, the first after `quiet_ms` without one is news; the very first as well."""

    def __init__(self, classes: Sequence[str], *, quiet_ms: int, seen_ms: Mapping[str, int]) -> None:
        self._classes = frozenset(classes)
        self._quiet_ms = max(quiet_ms, FLOOD_MS)
        self.seen_ms = dict(seen_ms)

    def update(self, crossings: Sequence[Crossing]) -> list[tuple[Crossing, int | None]]:
        """Those that are news, each with when its class was seen before (None: never)."""
        news: list[tuple[Crossing, int | None]] = []
        for crossing in crossings:
            if crossing.label in self._classes:
                before_ms = self.seen_ms.get(crossing.label)
                if before_ms is None or crossing.crossed_ms - before_ms >= self._quiet_ms:
                    news.append((crossing, before_ms))
                self.seen_ms[crossing.label] = max(crossing.crossed_ms, before_ms or 0)
        return news


class Blindness:
    """Seeing nothing for `after_ms` is told once, and seeing again once."""

    def __init__(self) -> None:
        self._since_ms: int | None = None
        self._told = False

    def update(self, now_ms: int, reason: str, *, after_ms: int) -> str:
        """`blind` or `seeing` where that is news, else empty; `reason` is empty while the camera sees."""
        if not reason:
            told, self._told, self._since_ms = self._told, False, None
            return "seeing" if told else ""
        if self._since_ms is None:
            self._since_ms = now_ms
        if self._told or now_ms - self._since_ms < after_ms:
            return ""
        self._told = True
        return "blind"
