"""Alerts of a device: a vehicle of a class that was absent for long, and a camera that sees nothing.

Rare classes, the rules:
1. A crossing is certain to be of its class if, by the measured tail and at the traffic of its line, at most
   FALSE_PER_YEAR other vehicles a year are expected to be called so with as high a probability.
2. Only a certain crossing, or one that a person confirms, sets when a class was last seen. One that a person denies is
   removed, so that the sighting before it holds again.
3. Another crossing is *likely*, and published as such, if there was none of its class for long and no likely one of as
   high a probability within that time: of many uncertain vehicles the few best are shown.

Pure; time is an argument. The caller keeps `memory` over restarts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import msgspec

from edge.counting.class_tail import Tail
from edge.counting.crossing import Crossing

DAY_MS = 86_400_000
YEAR_MS = 365 * DAY_MS
FLOOD_MS = 60_000  # one alert of a class a minute at most, whatever the configuration says
FALSE_PER_YEAR = 1.0
"""Largest expected number of false alarms a year of a class at a line."""
KEPT = 50
"""Sightings of a class kept one by one, so that a person can deny them."""
SAME_MS = 1_000  # a verdict is about the crossing within this of its time


class Traffic:
    """How many vehicles a year cross each line: those counted, over the time watched, of the last year or two."""

    def __init__(self, counted: Mapping[str, tuple[float, float]] | None = None) -> None:
        self.counted = dict(counted or {})
        """By line: vehicles, and the milliseconds in which they were counted."""

    def count(self, vehicles: Mapping[str, int], watched_ms: int) -> None:
        """Add what crossed each line in so much watched time."""
        for line, number in vehicles.items():
            before, ms = self.counted.get(line, (0.0, 0.0))
            fading = 0.5 if ms >= 2 * YEAR_MS else 1.0
            self.counted[line] = before * fading + number, ms * fading + watched_ms

    def per_year(self, line: str) -> float | None:
        """Vehicles a year over a line; None before a day of it was watched."""
        vehicles, ms = self.counted.get(line, (0.0, 0.0))
        return max(vehicles, 1.0) * YEAR_MS / ms if ms >= DAY_MS else None


def false_per_year(tail: Tail | None, share: float, vehicles_per_year: float | None) -> float | None:
    """Upper bound on other vehicles a year that are called so with as high a probability; None if not known."""
    if tail is None or vehicles_per_year is None:
        return None
    return tail.rate(share) * vehicles_per_year


class Sighting(msgspec.Struct, frozen=True):
    """A crossing of a rare class. `likely` ones do not set when the class was last seen."""

    at_ms: int
    share: float
    run: str
    line: str
    state: Literal["sure", "likely", "confirmed"]


class Memory(msgspec.Struct, frozen=True):
    """What is remembered of a class: the newest sightings by time, and when it was last seen before these."""

    sightings: tuple[Sighting, ...] = ()
    before_ms: int | None = None

    @property
    def seen_ms(self) -> int | None:
        """When it was last seen; None: never."""
        times = [one.at_ms for one in self.sightings if one.state != "likely"]
        return max([*times, *([] if self.before_ms is None else [self.before_ms])], default=None)

    def with_one(self, sighting: Sighting) -> "Memory":
        """With one more sighting; beyond KEPT of the oldest only the time is kept."""
        kept = sorted((*self.sightings, sighting), key=lambda one: one.at_ms)
        gone = Memory(tuple(kept[:-KEPT]), self.before_ms)
        return Memory(tuple(kept[-KEPT:]), gone.seen_ms)

    def without(self, run: str, line: str, at_ms: int) -> "Memory":
        """Without the sighting of that run at that line and time."""
        kept = tuple(
            one for one in self.sightings if (one.run, one.line) != (run, line) or abs(one.at_ms - at_ms) > SAME_MS
        )
        return replace_sightings(self, kept)


def replace_sightings(memory: Memory, sightings: tuple[Sighting, ...]) -> Memory:
    """The same with other sightings."""
    return msgspec.structs.replace(memory, sightings=sightings)


class RareAlert(NamedTuple):
    """A crossing that raises an alert."""

    crossing: Crossing
    before_ms: int | None
    """When its class was seen before; None: never."""
    sure: bool
    false_per_year: float | None


@dataclass(slots=True)
class RareClasses:
    """Raises an alert for the first vehicle of one of `classes` after `quiet_ms` without one, and for the very
    first."""

    classes: Sequence[str]
    quiet_ms: int
    memory: dict[str, Memory] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Hold the bound on alerts."""
        self.quiet_ms = max(self.quiet_ms, FLOOD_MS)

    def update(
        self, crossings: Sequence[Crossing], run: str, expected: Callable[[Crossing], float | None]
    ) -> list[RareAlert]:
        """The alerts. `expected` returns the false alarms a year as certain as a crossing, None where unknown."""
        told: list[RareAlert] = []
        for crossing in crossings:
            if crossing.label not in self.classes:
                continue
            memory = self.memory.get(crossing.label, Memory())
            before_ms, at_ms = memory.seen_ms, crossing.crossed_ms
            false = expected(crossing)
            sure = false is not None and false <= FALSE_PER_YEAR
            tell = before_ms is None or at_ms - before_ms >= self.quiet_ms
            if not sure:
                tell = tell and not any(
                    one.share >= crossing.share and abs(at_ms - one.at_ms) < self.quiet_ms
                    for one in memory.sightings
                    if one.state == "likely"
                )
            if sure or tell:
                state: Literal["sure", "likely"] = "sure" if sure else "likely"
                sighting = Sighting(at_ms, crossing.share, run, crossing.line, state)
                self.memory[crossing.label] = memory.with_one(sighting)
            if tell:
                told.append(RareAlert(crossing, before_ms, sure, false))
        return told

    def apply_verdict(self, label: str, *, run: str, line: str, at_ms: int, confirms: bool) -> None:
        """Apply a verdict on whether the crossing counted as `label` at that time was one."""
        if label in self.classes:
            memory = self.memory.get(label, Memory())
            known = [one for one in memory.sightings if one not in memory.without(run, line, at_ms).sightings]
            memory = memory.without(run, line, at_ms)
            if confirms:
                one = known[0] if known else Sighting(at_ms, 1.0, run, line, "confirmed")
                memory = memory.with_one(msgspec.structs.replace(one, state="confirmed"))
            self.memory[label] = memory

    def correct(self, run: str, off_ms: int) -> set[str]:
        """Shift the sightings of a run by `off_ms`; returns the classes that changed."""
        changed = set()
        for label, memory in self.memory.items():
            if any(one.run == run for one in memory.sightings):
                moved = tuple(
                    msgspec.structs.replace(one, at_ms=one.at_ms + off_ms) if one.run == run else one
                    for one in memory.sightings
                )
                self.memory[label] = replace_sightings(memory, tuple(sorted(moved, key=lambda one: one.at_ms)))
                changed.add(label)
        return changed


class Blindness:
    """Raises one alert after `after_ms` of blindness, and one when the camera sees again."""

    def __init__(self) -> None:
        self._since_ms: int | None = None
        self._told = False

    def update(self, now_ms: int, reason: str, *, after_ms: int) -> str:
        """`blind` or `seeing` where an alert is due, else empty; `reason` is empty while the camera sees."""
        if not reason:
            told, self._told, self._since_ms = self._told, False, None
            return "seeing" if told else ""
        if self._since_ms is None:
            self._since_ms = now_ms
        if self._told or now_ms - self._since_ms < after_ms:
            return ""
        self._told = True
        return "blind"
