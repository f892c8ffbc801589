"""Crossings summed over fixed spans of UTC, each with the time it was truly watched.

A frame vouches for the time until the next one, at most `gap_ms`; nothing vouches for the time before the
first frame or after the last. So `watched_ms` never exceeds the time elapsed, and zero is told from blind.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge.counting.crossing import DIRECTIONS, Crossing
from edge.counting.detection import CLASSES, UNCLASSIFIED

COUNTED_CLASSES = (*CLASSES, UNCLASSIFIED)
OK_SHARE = 0.95  # of the width; a minute may lose three seconds to a reconnect and still be called whole

Counts = dict[str, dict[str, dict[str, int]]]
"""line -> direction -> class -> vehicles, with explicit zeros."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """`[start_ms, start_ms + width_ms)` in UTC; `counts` is None where nobody watched and nothing was counted."""

    start_ms: int
    width_ms: int
    watched_ms: int
    counts: Counts | None

    @property
    def state(self) -> str:
        """`ok`, `partial` or `blind`."""
        if self.counts is None:
            return "blind"
        return "ok" if self.watched_ms >= OK_SHARE * self.width_ms else "partial"
