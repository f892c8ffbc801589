"""Which numbers of a journal have not come, since when, and when to ask for them. Pure, told the time.

`seq` is contiguous from 1 within a journal, so whatever lies under the highest number that came, or that the device
says it has sent, and is not here is missing. A journal never seen before is expected from 1.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

RANGES_KEPT_MAX = 1_000
"""Of one journal. Beyond it the two nearest ranges become one, which then also names numbers that are here: they are
asked for once more, come as duplicates, and are taken out again."""
YOUNG_MS = 10_000
"""Nothing younger is asked for: messages overtake each other."""
UNSEEN_YOUNG_MS = 120_000
"""Nor what the device says it has sent, and nothing later has come: it may still queue in the broker."""
WAIT_MS_FIRST = 60_000
WAIT_MS_MAX = 6 * 3_600_000
"""From one request for a range to the next: the first wait, doubled each time up to this."""


@dataclass(frozen=True, slots=True)
class Missing:
    """The numbers `first` to `last` are not here; `gone` means that the device has said it holds them no more."""

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
        """How many."""
        return self.last - self.first + 1

    def is_due(self, now_ms: int) -> bool:
        """Whether to ask for it. A time that lies too far ahead was set by a clock that has been put back since."""
        return not self.gone and not now_ms < self.due_ms <= now_ms + WAIT_MS_MAX


class Journal:
    """What of one journal has come: all up to `high` but for the `missing` ranges, which are sorted and disjoint.

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
        """The journal begins with this number: none below it is missing."""
        if first > self.first:
            self.first = first
            self.high = max(self.high, first - 1)
            self._missing = [_part(one, first, one.last) for one in self._missing if one.last >= first]

    def taken(self, numbers: Iterable[int]) -> list[int]:
        """Which of these, of reports that are new, are numbers of other reports that are here, or of one another."""
        seen: set[int] = set()
        found = []
        for seq in sorted(numbers):
            here = self.first <= seq <= self.high and not self._overlapping(seq, seq)
            if here or seq in seen:
                found.append(seq)
            seen.add(seq)
        return found

    def revive(self, *, now_ms: int) -> None:
        """What a stranger said to be gone may be asked for again: the device that numbered it is there."""
        self._missing = [replace(one, gone=False, due_ms=now_ms) if one.gone else one for one in self._missing]

    def arrived(self, numbers: Iterable[int], *, now_ms: int) -> None:
        """These are here, now or since long."""
        for seq in sorted(numbers):
            if seq > self.high + 1:
                self._missing.append(Missing(self.high + 1, seq - 1, now_ms, now_ms + YOUNG_MS))
                self._keep_bound()
            if seq > self.high:
                self.high = seq
            elif self._missing:
                self._replace(seq, seq, None)

    def sent(self, through: int, *, now_ms: int) -> None:
        """The device says that it has sent all up to here: what is beyond the highest that came is missing, too."""
        if through > self.high:
            self._missing.append(Missing(self.high + 1, through, now_ms, now_ms + UNSEEN_YOUNG_MS))
            self.high = through
            self._keep_bound()

    def asked(self, first: int, last: int, *, now_ms: int) -> None:
        """The device was asked for these: not again before the range has waited, longer each time."""
        for one in self._overlapping(first, last):
            part = _part(one, first, last)
            wait_ms = min(WAIT_MS_MAX, WAIT_MS_FIRST << min(one.asked, 30))
            again = replace(part, asked=one.asked + 1, asked_ms=now_ms, due_ms=now_ms + wait_ms)
            self._replace(part.first, part.last, again)

    def hurry(self, first: int, last: int, *, now_ms: int) -> None:
        """Ask for these as soon as possible; a range that has just been asked for waits for its answer."""
        for one in self._overlapping(first, last):
            if not one.gone and (one.asked_ms is None or not one.asked_ms <= now_ms < one.asked_ms + WAIT_MS_FIRST):
                part = _part(one, first, last)
                self._replace(part.first, part.last, replace(part, due_ms=min(part.due_ms, now_ms)))

    def are_due(self, ranges: Iterable[tuple[int, int]], *, now_ms: int) -> bool:
        """Whether each of these lies in what is missing and may be asked for now."""
        return all(
            any(
                one.first <= first and last <= one.last and one.is_due(now_ms) for one in self._overlapping(first, last)
            )
            for first, last in ranges
        )

    def gone(self, first: int, last: int) -> None:
        """The device holds these no more; what of them is here is not touched."""
        for one in self._overlapping(first, last):
            part = _part(one, first, last)
            self._replace(part.first, part.last, replace(part, gone=True))

    def _overlapping(self, first: int, last: int) -> list[Missing]:
        return [one for one in self._missing if one.last >= first and one.first <= last]

    def _replace(self, first: int, last: int, by: Missing | None) -> None:
        """Put `by` in the place of the numbers `first` to `last` of the one range that holds them, if one does."""
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
