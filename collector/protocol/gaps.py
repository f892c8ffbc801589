"""Which numbers of a journal are missing, since when, and when to request them. Pure; the time is an argument.

`seq` is contiguous from 1 within a journal, so every number below the highest one that arrived, or that the device says
it has sent, is missing if it is not stored. A new journal is expected to begin with 1.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

RANGES_KEPT_MAX = 1_000
"""Of one journal. Beyond it the two nearest ranges become one, which then includes numbers that are stored: these are
requested again, arrive as duplicates, and are removed from the range."""
YOUNG_MS = 10_000
"""No range is requested sooner: messages overtake each other."""
UNSEEN_YOUNG_MS = 120_000
"""The same for numbers that only a total tells of: they may still queue in the broker."""
WAIT_MS_FIRST = 60_000
WAIT_MS_MAX = 6 * 3_600_000
"""Time between two requests for a range: the first wait, doubled each time up to the maximum."""


@dataclass(frozen=True, slots=True)
class Missing:
    """The numbers `first` to `last` are not stored; `gone`: the device has answered that it no longer has them.

    `since_ms`, `due_ms` (when to request them) and `asked_ms` (the last request) are UTC; `asked` counts requests.
    """

    first: int
    last: int
    since_ms: int
    due_ms: int
    asked: int = 0
    asked_ms: int | None = None
    gone: bool = False

    @classmethod
    def of(cls, row: Sequence[Any]) -> "Missing":
        """From the columns of its table: they are in the order of the fields."""
        first, last, since_ms, due_ms, asked, asked_ms, gone = row
        return cls(first, last, since_ms, due_ms, asked, asked_ms, bool(gone))

    @property
    def reports(self) -> int:
        """How many reports are missing."""
        return self.last - self.first + 1

    def is_due(self, now_ms: int) -> bool:
        """Whether to request it now. A due time too far ahead was set by a clock that has been set back since."""
        return not self.gone and not now_ms < self.due_ms <= now_ms + WAIT_MS_MAX


class Journal:
    """What has arrived of one journal: all up to `high` except the `missing` ranges, which are sorted and disjoint.

    `high` is the highest number that is known to have been sent, `first` the one with which the journal begins.
    """

    def __init__(self, high: int = 0, missing: Sequence[Missing] = (), *, first: int = 1) -> None:
        self.high = max(high, first - 1)
        self.first = first
        self._missing = list(missing)

    @property
    def missing(self) -> tuple[Missing, ...]:
        """The ranges, by number."""
        return tuple(self._missing)

    def begins(self, first: int) -> None:
        """The journal begins with this number: no lower one is missing."""
        if first > self.first:
            self.first = first
            self.high = max(self.high, first - 1)
            self._missing = [_part(one, first, one.last) for one in self._missing if one.last >= first]

    def taken(self, numbers: Iterable[int]) -> list[int]:
        """Which numbers of new reports are already those of other stored reports, or of one another."""
        seen: set[int] = set()
        found = []
        for seq in sorted(numbers):
            here = self.first <= seq <= self.high and not self._overlapping(seq, seq)
            if here or seq in seen:
                found.append(seq)
            seen.add(seq)
        return found

    def revive(self, *, now_ms: int) -> None:
        """Request again what another device of this name called gone: the device that numbered it is online."""
        self._missing = [replace(one, gone=False, due_ms=now_ms) if one.gone else one for one in self._missing]

    def arrived(self, numbers: Iterable[int], *, now_ms: int) -> None:
        """These numbers are stored."""
        for seq in sorted(numbers):
            if seq > self.high + 1:
                self._missing.append(Missing(self.high + 1, seq - 1, now_ms, now_ms + YOUNG_MS))
                self._keep_bound()
            if seq > self.high:
                self.high = seq
            elif self._missing:
                self._replace(seq, seq, None)

    def sent(self, through: int, *, now_ms: int) -> None:
        """The device says that it has sent all up to `through`: numbers above `high` are missing, too."""
        if through > self.high:
            self._missing.append(Missing(self.high + 1, through, now_ms, now_ms + UNSEEN_YOUNG_MS))
            self.high = through
            self._keep_bound()

    def asked(self, first: int, last: int, *, now_ms: int) -> None:
        """These were requested: the next request waits, longer each time."""
        for one in self._overlapping(first, last):
            part = _part(one, first, last)
            wait_ms = min(WAIT_MS_MAX, WAIT_MS_FIRST << min(one.asked, 30))
            again = replace(part, asked=one.asked + 1, asked_ms=now_ms, due_ms=now_ms + wait_ms)
            self._replace(part.first, part.last, again)

    def hurry(self, first: int, last: int, *, now_ms: int) -> None:
        """Make these due now; a range that has just been requested waits for its answer."""
        for one in self._overlapping(first, last):
            if not one.gone and (one.asked_ms is None or not one.asked_ms <= now_ms < one.asked_ms + WAIT_MS_FIRST):
                part = _part(one, first, last)
                self._replace(part.first, part.last, replace(part, due_ms=min(part.due_ms, now_ms)))

    def are_due(self, ranges: Iterable[tuple[int, int]], *, now_ms: int) -> bool:
        """Whether each of these ranges is missing and may be requested now."""
        return all(
            any(
                one.first <= first and last <= one.last and one.is_due(now_ms) for one in self._overlapping(first, last)
            )
            for first, last in ranges
        )

    def gone(self, first: int, last: int) -> None:
        """The device no longer has these numbers; those that are stored are not affected."""
        for one in self._overlapping(first, last):
            part = _part(one, first, last)
            self._replace(part.first, part.last, replace(part, gone=True))

    def _overlapping(self, first: int, last: int) -> list[Missing]:
        return [one for one in self._missing if one.last >= first and one.first <= last]

    def _replace(self, first: int, last: int, by: Missing | None) -> None:
        """Replace the numbers `first` to `last` of the range that contains them by `by`, if there is such a range."""
        i = bisect_right(self._missing, first, key=lambda one: one.first) - 1
        if i < 0 or self._missing[i].last < last:
            return
        whole = self._missing[i]
        parts = [
            replace(whole, last=first - 1) if whole.first < first else None,
            by,
            replace(whole, first=last + 1) if whole.last > last else None,
        ]
        self._missing[i : i + 1] = [part for part in parts if part is not None]
        self._keep_bound()

    def _keep_bound(self) -> None:
        while len(self._missing) > RANGES_KEPT_MAX:
            ranges = self._missing
            i = min(range(len(ranges) - 1), key=lambda i: ranges[i + 1].first - ranges[i].last)
            one, next_one = ranges[i : i + 2]
            asked, asked_ms = max((one.asked, one.asked_ms or 0), (next_one.asked, next_one.asked_ms or 0))
            ranges[i : i + 2] = [
                Missing(
                    one.first,
                    next_one.last,
                    min(one.since_ms, next_one.since_ms),
                    max(one.due_ms, next_one.due_ms),
                    asked,
                    asked_ms if asked else None,
                    one.gone and next_one.gone,
                )
            ]


def _part(one: Missing, first: int, last: int) -> Missing:
    return replace(one, first=max(one.first, first), last=min(one.last, last))
