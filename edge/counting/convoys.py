"""Convoys: vehicles of some classes that cross a line in one direction, one soon after the other.

The rules:

1. Two successive vehicles belong to one convoy if the second crosses at most `headway_ms` after the first and all the
   time between was watched. Vehicles of other classes, and of the other direction, neither join it nor break it.
2. A convoy has `vehicles_min` vehicles or more; fewer are none, and nothing is told of them.
3. It ends when the headway has passed without another vehicle (`headway`), or when time was not watched (`unwatched`):
   nobody knows whether it went on. How it began is told likewise. The time before the first frame of a run and after
   the last is unwatched, so a run boundary ends a convoy; the boundary of a bucket means nothing to it.
4. A convoy of `VEHICLES_MAX` vehicles is told as it is (`limit`), and the next one begins so.
5. What is told is settled: a crossing becomes certain some time after it happened, so the crossings of a moment are
   looked at `settle_ms` later, in the order in which the vehicles crossed, once it is decided whether the moment was
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

VEHICLES_MAX = 1_000
SETTLE_MS = 30_000
"""A truck that creeps needs as long to leave the line behind, which is when its crossing becomes certain."""
KEPT_MS = 60_000
"""Watched time is remembered for as long beyond the longest headways that may still be asked about."""
Edge = Literal["headway", "unwatched", "limit"]


@dataclass(frozen=True, slots=True)
class ConvoyRule:
    """What a convoy is on one line."""

    labels: frozenset[str]
    headway_ms: int
    vehicles_min: int

    def __post_init__(self) -> None:
        assert self.headway_ms > 0, "a headway takes some time"
        assert 2 <= self.vehicles_min <= VEHICLES_MAX, "one vehicle is no convoy"


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
    began: Edge
    ended: Edge

    @property
    def vehicles(self) -> int:
        """All classes together."""
        return sum(self.by_class.values())


def by_time(convoys: Iterable[Convoy]) -> list[Convoy]:
    """In the order in which they began."""
    return sorted(convoys, key=lambda one: (one.first_ms, one.line, one.direction))


class _Open:
    """A convoy that may go on; its crossings in the order of time."""

    __slots__ = ("began", "crossed_ms", "labels")

    def __init__(self, crossing: Crossing, began: Edge) -> None:
        self.began: Edge = began
        self.crossed_ms = [crossing.crossed_ms]
        self.labels = Counter([crossing.label])

    def add(self, crossing: Crossing) -> None:
        insort(self.crossed_ms, crossing.crossed_ms)
        self.labels[crossing.label] += 1


class ConvoyWatcher:
    """Finds the convoys of every line that has a rule. It remembers one open convoy per line and direction."""

    def __init__(self, rules: Mapping[str, ConvoyRule], *, settle_ms: int = SETTLE_MS) -> None:
        self.late = 0
        """Crossings that became certain so late that the convoy to which they may have belonged was told already."""
        self._rules = dict(rules)
        self._settle_ms = settle_ms
        self._headway_ms_max = max((rule.headway_ms for rule in rules.values()), default=0)
        self._judged_ms = -inf  # what happened before has been looked at
        self._waiting: list[Crossing] = []
        self._open: dict[tuple[str, str], _Open] = {}
        self._watched: list[tuple[int, int]] = []  # apart from each other, oldest first

    def update(
        self, now_ms: int, crossings: Sequence[Crossing], watched: Sequence[tuple[int, int]], *, decided_ms: int
    ) -> list[Convoy]:
        """The convoys that ended. `watched` are the spans found to be watched since the last call, oldest first.

        Before `decided_ms` it is decided which time was watched.
        """
        self._take(crossings, watched)
        until_ms = min(decided_ms, now_ms - self._settle_ms)
        found = self._judge(until_ms)
        kept_ms = until_ms - 2 * self._headway_ms_max - KEPT_MS
        self._watched = [span for span in self._watched if span[1] > kept_ms]
        return found

    def close(self, crossings: Sequence[Crossing], watched: Sequence[tuple[int, int]]) -> list[Convoy]:
        """End the run; then the watcher is as new."""
        self._take(crossings, watched)
        found = self._judge(inf)
        self._watched, self._judged_ms = [], -inf
        return found

    def _take(self, crossings: Sequence[Crossing], watched: Sequence[tuple[int, int]]) -> None:
        for crossing in crossings:
            rule = self._rules.get(crossing.line)
            if rule is not None and crossing.label in rule.labels:
                self._waiting.append(crossing)
        for from_ms, to_ms in watched:
            if self._watched and self._watched[-1][1] == from_ms:
                from_ms = self._watched.pop()[0]  # noqa: PLW2901  # they are one
            self._watched.append((from_ms, to_ms))

    def _judge(self, until_ms: float) -> list[Convoy]:
        """Of what happened before `until_ms`, in the order of time."""
        ready = sorted(
            (one for one in self._waiting if one.crossed_ms < until_ms),
            key=lambda one: (one.crossed_ms, one.line, one.direction, one.track),
        )
        if ready:
            self._waiting = [one for one in self._waiting if one.crossed_ms >= until_ms]
        found = [convoy for crossing in ready for convoy in self._follow(crossing)]
        self._judged_ms = max(self._judged_ms, until_ms)
        for way, convoy in list(self._open.items()):
            if (ended := self._ended(way[0], convoy, until_ms)) is not None:
                found += self._told(way, ended)
        return found

    def _follow(self, crossing: Crossing) -> list[Convoy]:
        """Add it to the open convoy, or begin another one; what ends thereby."""
        way, at_ms = (crossing.line, crossing.direction), crossing.crossed_ms
        headway_ms = self._rules[crossing.line].headway_ms
        convoy = self._open.get(way)
        if convoy is None:
            self.late += at_ms < self._judged_ms
            self._open[way] = _Open(crossing, self._before(at_ms, headway_ms))
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
                found = self._told(way, ended)
                self._open[way] = _Open(crossing, self._before(at_ms, headway_ms))
                return found
        if len(convoy.crossed_ms) >= VEHICLES_MAX:
            found = self._told(way, "limit")
            self._open[way] = _Open(crossing, "limit")
            return found
        convoy.add(crossing)
        return []

    def _ended(self, line: str, convoy: _Open, until_ms: float) -> Edge | None:
        """Why it goes on no more, where no other vehicle crossed between its last one and `until_ms`; else None."""
        last_ms = convoy.crossed_ms[-1]
        end_ms = last_ms + self._rules[line].headway_ms
        if not self._is_watched(last_ms, min(until_ms, end_ms)):
            return "unwatched"
        return "headway" if until_ms > end_ms else None

    def _before(self, at_ms: int, headway_ms: int) -> Edge:
        return "headway" if self._is_watched(at_ms - headway_ms, at_ms) else "unwatched"

    def _is_watched(self, from_ms: int, to_ms: float) -> bool:
        """Whether all of it was; of no time at all it is so."""
        return to_ms <= from_ms or any(start_ms <= from_ms and to_ms <= end_ms for start_ms, end_ms in self._watched)

    def _told(self, way: tuple[str, str], ended: Edge) -> list[Convoy]:
        """The convoy that ends, if it is one."""
        convoy, rule = self._open.pop(way), self._rules[way[0]]
        at_ms = convoy.crossed_ms
        if len(at_ms) < rule.vehicles_min:
            return []
        gaps = sorted(after - before for before, after in zip(at_ms, at_ms[1:], strict=False))
        median = gaps[(len(gaps) - 1) // 2]
        by_class, told = dict(sorted(convoy.labels.items())), Gaps(gaps[0], median, gaps[-1])
        return [Convoy(*way, at_ms[0], at_ms[-1], by_class, told, rule.headway_ms, convoy.began, ended)]
