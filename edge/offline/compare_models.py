"""Compares the names of two models on the same crossings, and the factors from counts of one to those of the other.

Crossings of the two are paired as `edge/offline/scoring.py` pairs them with a truth: on one line, in one direction,
within a second. What only one of them found is in the factors as well, for a count is compared with a count. Pure, but
for `compare`, which replays the recordings.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import exp, sqrt
from pathlib import Path
from typing import Any

import msgspec

from edge.build.stages import build_detector, build_second_look, needs_of
from edge.config.schema import Config
from edge.counting.crossing import Crossing
from edge.counting.detection import CLASSES, UNCLASSIFIED
from edge.errors import InputError
from edge.offline.replay import TapeSource, VideoSource, gather, is_tape, replay
from edge.offline.scoring import NORMAL_95, Event, pair
from edge.vision.recording import Recording

NOT_FOUND = "not found"
ALL = "all"


@dataclass(frozen=True, slots=True)
class Factor:
    """Vehicles of a class by the second model for each by the first, with a 95% interval; None: too few to tell."""

    before: int
    after: int
    both: int
    factor: float | None
    low: float | None
    high: float | None


@dataclass(slots=True)
class Comparison:
    """Of the two models, by the names that `info` of a device gives them; `confusion` is (first says, second says)."""

    before: str
    after: str
    confusion: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, first: Sequence[Crossing], second: Sequence[Crossing]) -> None:
        """The crossings of a recording by both."""
        one, other = _events(first), _events(second)
        pairing = pair(one, other)
        self.confusion.update((one[a].label, other[b].label) for a, b in pairing.found)
        self.confusion.update((one[a].label, NOT_FOUND) for a in pairing.missed)
        self.confusion.update((NOT_FOUND, other[b].label) for b in pairing.extra)

    def factor(self, label: str) -> Factor:
        """Of a class, or of `all`.

        The interval is that of a ratio of two counts of the same vehicles: with a of them counted by both, b by the
        first and d by the second alone, the variance of the logarithm of (a + d) / (a + b) is
        (b + d) / ((a + b) (a + d)).
        """

        def is_it(name: str) -> bool:
            return name != NOT_FOUND if label == ALL else name == label

        before = sum(n for (a, _), n in self.confusion.items() if is_it(a))
        after = sum(n for (_, b), n in self.confusion.items() if is_it(b))
        both = sum(n for (a, b), n in self.confusion.items() if is_it(a) and is_it(b))
        if not before or not after:
            return Factor(before, after, both, None, None, None)
        factor, spread = after / before, NORMAL_95 * sqrt((before + after - 2 * both) / (before * after))
        return Factor(before, after, both, factor, factor * exp(-spread), factor * exp(spread))

    @property
    def labels(self) -> list[str]:
        """The classes that either names."""
        named = {name for pair_ in self.confusion for name in pair_}
        return [label for label in (*CLASSES, UNCLASSIFIED) if label in named]


def compare(recordings: Sequence[Path], before: Config, after: Config, *, every: int = 1) -> Comparison:
    """Replay each recording with both configurations; or two tapes, each made by one of the models.

    InputError where recordings and tapes are mixed, or the tapes are not two of the same recording.
    """
    tapes = [path for path in recordings if is_tape(path)]
    if tapes:
        if len(tapes) != 2 or len(recordings) != 2:
            raise InputError("of tapes exactly two are compared: the one of the first model, and that of the second")
        first, second = (TapeSource(path, every=every) for path in tapes)
        one, other = first.header, second.header
        if any(getattr(one, key) != getattr(other, key) for key in ("source", "width", "height", "start_ms")):
            raise InputError(f"{tapes[0]} is of {one.source}, {tapes[1]} of {other.source}: both must be of one video")
        found = Comparison(first.name, second.name)
        found.add(gather(replay(first, before)).crossings, gather(replay(second, after)).crossings)
        return found
    found = Comparison("", "")
    for path in recordings:
        sources = [_source(path, config, every) for config in (before, after)]
        found.before, found.after = sources[0].name, sources[1].name
        outcomes = [gather(replay(source, config)) for source, config in zip(sources, (before, after), strict=True)]
        found.add(outcomes[0].crossings, outcomes[1].crossings)
    return found


def with_model(config: Config, name: str | None, names: str | None) -> Config:
    """The configuration with another detector, or another second look (`none`: without one)."""
    model = config.model
    if name is not None:
        model = msgspec.structs.replace(model, name=name)
    if names is not None:
        model = msgspec.structs.replace(model, names="" if names == "none" else names)
    return msgspec.structs.replace(config, model=model)


def summary_of(found: Comparison) -> dict[str, Any]:
    """As JSON says it: what `crossing-collector models --factors` reads."""
    labels = found.labels
    return {
        "from": found.before,
        "to": found.after,
        "confusion": {
            label: {other: n for other in (*labels, NOT_FOUND) if (n := found.confusion[label, other])}
            for label in (*labels, NOT_FOUND)
        },
        "classes": {label: _factor_of(found.factor(label)) for label in (*labels, ALL)},
    }


def table_of(found: Comparison) -> str:
    """The confusion and the factors, for people."""
    labels = found.labels
    columns = [*labels, NOT_FOUND]
    wide = max(len(label) for label in (*columns, ALL)) + 2
    lines = [f"from {found.before}", f"to   {found.after}", "", "what the first (down) and the second (across) say:"]
    lines.append(" " * wide + "".join(f"{label:>{wide}}" for label in columns))
    lines += [
        f"{label:<{wide}}" + "".join(f"{found.confusion[label, other]:>{wide}}" for other in columns)
        for label in columns
    ]
    lines += ["", f"{'class':<{wide}}{'first':>8}{'second':>8}{'both':>8}  factor (95%)"]
    for label in (*labels, ALL):
        one = found.factor(label)
        factor = "too few" if one.factor is None else f"{one.factor:.3f} ({one.low:.3f} to {one.high:.3f})"
        lines.append(f"{label:<{wide}}{one.before:>8}{one.after:>8}{one.both:>8}  {factor}")
    return "\n".join(lines)


def _source(path: Path, config: Config, every: int) -> VideoSource:
    recording = Recording(path, every=every)
    size = recording.width, recording.height
    second_look = build_second_look(config, *size)
    return VideoSource(recording, build_detector(config, *size), None, second_look, needs=needs_of(config, *size))


def _events(crossings: Iterable[Crossing]) -> list[Event]:
    """A pair is on one line, so the line is part of the direction."""
    return [Event(f"{one.line} {one.direction}", one.label, one.crossed_ms) for one in crossings]


def _factor_of(one: Factor) -> dict[str, float | int | None]:
    def rounded(value: float | None) -> float | None:
        return None if value is None else round(value, 4)

    return {
        "before": one.before,
        "after": one.after,
        "both": one.both,
        "factor": rounded(one.factor),
        "low": rounded(one.low),
        "high": rounded(one.high),
    }
