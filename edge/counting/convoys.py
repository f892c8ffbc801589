"""Convoys: vehicles of some classes that cross a line in one direction, one soon after the other.

The rules, with the numbers of `ConvoyRule` and `ConvoyParameters`:

1. Two successive vehicles belong to one convoy if the second crosses at most `headway_ms` after the first and all the
   time between was watched. Vehicles of other classes, and of the other direction, neither join it nor break it.
2. A convoy has `vehicles_min` vehicles or more; fewer are none, and nothing is told of them.
3. It ends when the headway has passed without another vehicle (`headway`), or when time was not watched (`unwatched`):
   it is not known whether it went on. How it began is told likewise. The time before the first frame of a run and after
   the last is unwatched, so a run boundary ends a convoy; the boundary of a bucket does not.
4. A convoy of `vehicles_max` vehicles is told as it is (`limit`), and the next one begins so.
5. What is told is final. A crossing becomes certain some time after it happened, so the crossings of a moment are
   handled `settle_ms` later, in the order in which the vehicles crossed, once it is decided whether the moment was
   watched. A crossing that becomes certain still later joins the convoy that is open if it fits. Else it is in no
   convoy that was told already, may begin one, and `late` counts it.
"""

from bisect import insort
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

from edge.counting.crossing import Crossing
from edge.counting.parameters import DEFAULT, CountingParameters

Boundary = Literal["headway", "unwatched", "limit"]


@dataclass(frozen=True, slots=True)
class ConvoyRule:
    """What a convoy is on one line."""

    labels: frozenset[str]
    headway_ms: int
    vehicles_min: int

    def __post_init__(self) -> None:
        assert self.headway_ms > 0, "a headway takes some time"
        assert self.vehicles_min >= 2, "one vehicle is no convoy"


@dataclass(frozen=True, slots=True)
class Gaps:
    """The times between successive vehicles in milliseconds: shortest, median (nearest rank), longest."""

    min: int
    p50: int
    max: int


@dataclass(frozen=True, slots=True)
class Convoy:
    """One convoy: when its first and last vehicles crossed, and how many of each class there were.

    `began` and `ended` say what lies before and after it: a headway without another vehicle, unwatched time, or more of
    the same convoy beyond the limit.
    """

    line: str
    direction: str
    first_ms: int
    last_ms: int
    by_class: dict[str, int]
    gaps: Gaps
    headway_ms: int
    began: Boundary
    ended: Boundary

    @property
    def vehicles(self) -> int:
        """All classes together."""
        return sum(self.by_class.values())


def by_time(convoys: Iterable[Convoy]) -> list[Convoy]:
    """In the order in which they began."""
    return sorted(convoys, key=lambda one: (one.first_ms, one.line, one.direction))


@dataclass(slots=True, eq=False)
class _OpenConvoy:
    """A convoy that may go on; its crossings in the order of time."""

    began: Boundary
    crossed_ms: list[int]
    labels: Counter[str]

    def add(self, crossing: Crossing) -> None:
        insort(self.crossed_ms, crossing.crossed_ms)
        self.labels[crossing.label] += 1


class ConvoyWatcher:
    """Finds the convoys of every line that has a rule. It remembers one open convoy per line and direction."""

    def __init__(self, rules: Mapping[str, ConvoyRule], parameters: CountingParameters = DEFAULT) -> None:
        self.late = 0
        """Crossings that became certain after the convoy to which they may belong was told."""
        self._parameters = parameters.convoys
        most = self._parameters.vehicles_max
        assert all(rule.vehicles_min <= most for rule in rules.values()), "a convoy may be that long"
        self._rules = dict(rules)
        self._headway_ms_max = max((rule.headway_ms for rule in rules.values()), default=0)
        self._handled_ms = -inf  # crossings before this have been handled
        self._waiting: list[Crossing] = []
        self._open: dict[tuple[str, str], _OpenConvoy] = {}  # by line and direction
        self._watched: list[tuple[int, int]] = []  # apart from each other, oldest first

    def update(
        self, now_ms: int, crossings: Sequence[Crossing], watched: Sequence[tuple[int, int]], *, decided_ms: int
    ) -> list[Convoy]:
        """The convoys that ended. `watched` are the spans found to be watched since the last call, oldest first.

        Before `decided_ms` it is decided which time was watched.
        """
        self._take_in(crossings, watched)
        until_ms = min(decided_ms, now_ms - self._parameters.settle_ms)
        found = self._handle_until(until_ms)
        kept_ms = until_ms - 2 * self._headway_ms_max - self._parameters.remember_ms
        self._watched = [span for span in self._watched if span[1] > kept_ms]
        return found

    def close(self, crossings: Sequence[Crossing], watched: Sequence[tuple[int, int]]) -> list[Convoy]:
        """End the run; then the watcher is as new."""
        self._take_in(crossings, watched)
        found = self._handle_until(inf)
        self._watched, self._handled_ms = [], -inf
        return found

    def _take_in(self, crossings: Sequence[Crossing], watched: Sequence[tuple[int, int]]) -> None:
        for crossing in crossings:
            rule = self._rules.get(crossing.line)
            if rule is not None and crossing.label in rule.labels:
                self._waiting.append(crossing)
        for from_ms, to_ms in watched:
            if self._watched and self._watched[-1][1] == from_ms:
                from_ms = self._watched.pop()[0]  # noqa: PLW2901  # they are one
            self._watched.append((from_ms, to_ms))

    def _handle_until(self, until_ms: float) -> list[Convoy]:
        """Handle the crossings before `until_ms`, in the order of time; the convoys that ended."""
        ready = sorted(
            (one for one in self._waiting if one.crossed_ms < until_ms),
            key=lambda one: (one.crossed_ms, one.line, one.direction, one.track),
        )
        if ready:
            self._waiting = [one for one in self._waiting if one.crossed_ms >= until_ms]
        found = [convoy for crossing in ready for convoy in self._add(crossing)]
        self._handled_ms = max(self._handled_ms, until_ms)
        for way, convoy in list(self._open.items()):
            if (ended := self._ended(way[0], convoy, until_ms)) is not None:
                found += self._finish(way, ended)
        return found

    def _add(self, crossing: Crossing) -> list[Convoy]:
        """Add a crossing to the open convoy, or begin another one; the convoys that ended thereby."""
        way, at_ms = (crossing.line, crossing.direction), crossing.crossed_ms
        headway_ms = self._rules[crossing.line].headway_ms
        convoy = self._open.get(way)
        if convoy is None:
            self.late += at_ms < self._handled_ms
            self._open[way] = _begun(crossing, self._before(at_ms, headway_ms))
            return []
        first_ms, last_ms = convoy.crossed_ms[0], convoy.crossed_ms[-1]
        if at_ms < first_ms:
            if first_ms - at_ms > headway_ms or not self._is_watched(at_ms, first_ms):
                self.late += 1
                return []
            convoy.began = self._before(at_ms, headway_ms)
        elif at_ms > last_ms:
            ended = self._ended(crossing.line, convoy, at_ms)
            if ended is not None:
                found = self._finish(way, ended)
                self._open[way] = _begun(crossing, self._before(at_ms, headway_ms))
                return found
        if len(convoy.crossed_ms) >= self._parameters.vehicles_max:
            found = self._finish(way, "limit")
            self._open[way] = _begun(crossing, "limit")
            return found
        convoy.add(crossing)
        return []

    def _ended(self, line: str, convoy: _OpenConvoy, until_ms: float) -> Boundary | None:
        """Why a convoy has ended if no vehicle crossed between its last one and `until_ms`; None if it may go on."""
        last_ms = convoy.crossed_ms[-1]
        end_ms = last_ms + self._rules[line].headway_ms
        if not self._is_watched(last_ms, min(until_ms, end_ms)):
            return "unwatched"
        return "headway" if until_ms > end_ms else None

    def _before(self, at_ms: int, headway_ms: int) -> Boundary:
        return "headway" if self._is_watched(at_ms - headway_ms, at_ms) else "unwatched"

    def _is_watched(self, from_ms: int, to_ms: float) -> bool:
        """Whether all of that time was watched; an empty span is."""
        return to_ms <= from_ms or any(start_ms <= from_ms and to_ms <= end_ms for start_ms, end_ms in self._watched)

    def _finish(self, way: tuple[str, str], ended: Boundary) -> list[Convoy]:
        """Close the open convoy; nothing is told of fewer than `vehicles_min` vehicles."""
        convoy, rule = self._open.pop(way), self._rules[way[0]]
        at_ms = convoy.crossed_ms
        if len(at_ms) < rule.vehicles_min:
            return []
        gaps = sorted(after - before for before, after in zip(at_ms, at_ms[1:], strict=False))
        median = gaps[(len(gaps) - 1) // 2]
        by_class, between = dict(sorted(convoy.labels.items())), Gaps(gaps[0], median, gaps[-1])
        return [Convoy(*way, at_ms[0], at_ms[-1], by_class, between, rule.headway_ms, convoy.began, ended)]


def _begun(crossing: Crossing, began: Boundary) -> _OpenConvoy:
    return _OpenConvoy(began, [crossing.crossed_ms], Counter([crossing.label]))
