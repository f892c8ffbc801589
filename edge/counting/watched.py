"""Which time was watched: the rule by which zero is told from blind.

1. A frame covers the time until the next one, at most `gap_ms`, as watched; a blind frame covers none; no frame covers
   the time before the first frame or after the last.
2. A frame may carry a symptom of blindness that began at `since_ms` and is not decided yet. The time since then is in
   doubt and waits. Once a frame carries no symptom, or one that began later, the time before that was watched.
3. A blind frame makes all the time in doubt, and the time since its own `since_ms`, unwatched. So does the end of a
   run: a symptom that never cleared means that the time was not watched.
4. A symptom is noticed a little after it began, so time is decided `look_back_ms` late, or when its bucket closes. A
   symptom that is noticed still later changes nothing that was decided before.
5. A symptom is decided within `pending_ms_max` of its beginning, so nothing waits longer.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from edge.counting.occupancy import Occupancy
from edge.counting.parameters import CONFIGURED, DEFAULT, CountingParameters


@dataclass(frozen=True, slots=True)
class Span:
    """Time that a frame covers, `[from_ms, to_ms)`, and the occupancies of that frame."""

    from_ms: int
    to_ms: int
    occupancies: Sequence[Occupancy] = ()


class WatchedTime:
    """Decides which time was watched. Frames come in order of time."""

    def __init__(self, *, gap_ms: int = CONFIGURED.gap_ms, parameters: CountingParameters = DEFAULT) -> None:
        assert gap_ms > 0, "a frame covers some time"
        self.doubt_ms: int | None = None
        """Since when time is in doubt; None if no symptom is pending."""
        self.decided_ms: int | None = None
        """Before this it is decided which time was watched; None before the first decision of a run."""
        self._gap_ms = gap_ms
        self._pending_ms_max = parameters.watched.pending_ms_max
        self._undecided: deque[Span] = deque()  # equal neighbours are one
        self._covering: tuple[int, Sequence[Occupancy]] | None = None  # the last frame, unless it was blind

    def covered_ms(self, captured_ms: int) -> int | None:
        """Until when the frame before one at `captured_ms` covers time; None if it covers none."""
        return None if self._covering is None else min(captured_ms, self._covering[0] + self._gap_ms)

    def advance(
        self,
        captured_ms: int,
        occupancies: Sequence[Occupancy] = (),
        *,
        blind: bool = False,
        since_ms: int | None = None,
    ) -> None:
        """Take in a frame."""
        assert since_ms is None or since_ms <= captured_ms, "a symptom began before it is told of"
        assert blind or since_ms is None or captured_ms - since_ms <= self._pending_ms_max, "decided in time"
        until_ms = self.covered_ms(captured_ms)
        if self._covering is not None and until_ms is not None:
            self._append(Span(self._covering[0], until_ms, self._covering[1]))
        if blind:
            self._withdraw(min([captured_ms, *(at_ms for at_ms in (self.doubt_ms, since_ms) if at_ms is not None)]))
            self.doubt_ms = self._covering = None
        else:
            self.doubt_ms, self._covering = since_ms, (captured_ms, occupancies)

    def decide(self, until_ms: int) -> list[Span]:
        """The watched time before `until_ms` that is not in doubt; oldest first, each moment once."""
        if self.doubt_ms is not None:
            until_ms = min(until_ms, self.doubt_ms)
        self.decided_ms = until_ms if self.decided_ms is None else max(self.decided_ms, until_ms)
        decided: list[Span] = []
        while self._undecided and self._undecided[0].from_ms < until_ms:
            first = self._undecided.popleft()
            if first.to_ms > until_ms:
                self._undecided.appendleft(Span(until_ms, first.to_ms, first.occupancies))
                first = Span(first.from_ms, until_ms, first.occupancies)
            decided.append(first)
        return decided

    def waiting(self) -> list[Span]:
        """The time that is not decided, but not in doubt either."""
        return [
            Span(span.from_ms, to_ms, span.occupancies)
            for span in self._undecided
            if (to_ms := span.to_ms if self.doubt_ms is None else min(span.to_ms, self.doubt_ms)) > span.from_ms
        ]

    def close(self) -> list[Span]:
        """End the run: the rest of the time that was watched. Then all is as new."""
        spans = self.waiting()
        self._undecided.clear()
        self.doubt_ms = self._covering = self.decided_ms = None
        return spans

    def _append(self, span: Span) -> None:
        if self._undecided:
            last = self._undecided[-1]
            if last.to_ms == span.from_ms and last.occupancies == span.occupancies:
                self._undecided[-1] = Span(last.from_ms, span.to_ms, span.occupancies)
                return
        if span.to_ms > span.from_ms:
            self._undecided.append(span)

    def _withdraw(self, from_ms: int) -> None:
        """The time from then on was not watched."""
        while self._undecided and self._undecided[-1].to_ms > from_ms:
            last = self._undecided.pop()
            if last.from_ms < from_ms:
                self._undecided.append(Span(last.from_ms, from_ms, last.occupancies))
