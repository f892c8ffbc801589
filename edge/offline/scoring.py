"""Scores of a count: predicted crossings against true ones, and queues against true ones; pure.

Pairs are of one direction and within `WITHIN_MS`; among all pairings the one with the most true crossings found is
taken, and of these the one with the least sum of time differences. An uncertain true crossing explains a prediction
but is itself never asked for: it counts neither as missed nor as extra.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import sqrt

from edge.counting.assignment import assign
from edge.counting.detection import UNCLASSIFIED
from edge.counting.hidden import HiddenLikely
from edge.counting.zone_counts import waits_of

WITHIN_MS = 1_000
CERTAIN_FIRST = 1_000_000.0  # a certain pair outweighs any sum of time differences, an uncertain one half of it
NORMAL_95 = 1.959964


@dataclass(frozen=True, slots=True)
class Event:
    """A crossing as scored: direction, class, time on any one clock in ms.

    `share` is the stated probability of a counted crossing's class; None where there is none.
    """

    direction: str
    label: str
    at_ms: int
    uncertain: bool = False
    label_uncertain: bool = False
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of one clip or of many; they add up."""

    true: int = 0
    found: int = 0
    missed: int = 0
    extra: int = 0
    direction_errors: int = 0
    confusion: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(true class, predicted class) -> pairs found, certain classes only."""
    extra_names: Counter[str] = field(default_factory=Counter)
    """Predicted class -> extra crossings."""
    shares: tuple[tuple[float, bool], ...] = ()
    """Of the pairs in `confusion` that have a name and a share: the share, and whether the name is right."""

    def __add__(self, other: "Score") -> "Score":
        return Score(
            self.true + other.true,
            self.found + other.found,
            self.missed + other.missed,
            self.extra + other.extra,
            self.direction_errors + other.direction_errors,
            self.confusion + other.confusion,
            self.extra_names + other.extra_names,
            self.shares + other.shares,
        )

    @property
    def precision(self) -> float:
        """Share of the counted that is true; 1 when nothing was counted."""
        return self.found / (self.found + self.extra) if self.found + self.extra else 1.0

    @property
    def recall(self) -> float:
        """Share of the true that was counted; 1 when there was nothing to count."""
        return self.found / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 1 when there was nothing to count and nothing was."""
        wrong = self.missed + self.extra
        return 2 * self.found / (2 * self.found + wrong) if self.found + wrong else 1.0

    @property
    def f1_interval(self) -> tuple[float, float]:
        """95% interval of F1: Wilson's (1927) for the share found / (found + missed + extra), carried over to F1."""
        low, high = wilson_interval(self.found, self.found + self.missed + self.extra)
        return 2 * low / (1 + low), 2 * high / (1 + high)

    @property
    def class_accuracy(self) -> float:
        """Share of the pairs found whose class is right; 1 without pairs."""
        pairs = sum(self.confusion.values())
        return sum(n for (a, b), n in self.confusion.items() if a == b) / pairs if pairs else 1.0

    @property
    def total_error(self) -> int:
        """Counted minus true, with what uncertain crossings explain left out on both sides."""
        return self.extra - self.missed


@dataclass(frozen=True, slots=True)
class Pairing:
    """Pairs of indices into the sequences given; the rest is missed or extra."""

    found: tuple[tuple[int, int], ...]
    excused: tuple[tuple[int, int], ...]
    missed: tuple[int, ...]
    extra: tuple[int, ...]


def pair(true: Sequence[Event], predicted: Sequence[Event], within_ms: int = WITHIN_MS) -> Pairing:
    """The best pairing of true and predicted events."""
    pairs = []
    for row, truth in enumerate(true):
        worth = CERTAIN_FIRST / 2 if truth.uncertain else CERTAIN_FIRST
        for column, event in enumerate(predicted):
            apart_ms = abs(truth.at_ms - event.at_ms)
            if truth.direction == event.direction and apart_ms <= within_ms:
                pairs.append((row, column, apart_ms - worth))
    made = assign(pairs, 0.0)
    rows = {row for row, _ in made}
    columns = {column for _, column in made}
    return Pairing(
        found=tuple((row, column) for row, column in made if not true[row].uncertain),
        excused=tuple((row, column) for row, column in made if true[row].uncertain),
        missed=tuple(row for row, truth in enumerate(true) if row not in rows and not truth.uncertain),
        extra=tuple(column for column in range(len(predicted)) if column not in columns),
    )


def score(true: Sequence[Event], predicted: Sequence[Event], within_ms: int = WITHIN_MS) -> Score:
    """Score one clip."""
    made = pair(true, predicted, within_ms)
    judged = [(true[row], predicted[column]) for row, column in made.found if not true[row].label_uncertain]
    turned = [
        (i, j, abs(true[row].at_ms - predicted[column].at_ms) - CERTAIN_FIRST)
        for i, row in enumerate(made.missed)
        for j, column in enumerate(made.extra)
        if abs(true[row].at_ms - predicted[column].at_ms) <= within_ms
    ]
    return Score(
        true=sum(not truth.uncertain for truth in true),
        found=len(made.found),
        missed=len(made.missed),
        extra=len(made.extra),
        direction_errors=len(assign(turned, 0.0)),
        confusion=Counter((truth.label, told.label) for truth, told in judged),
        extra_names=Counter(predicted[column].label for column in made.extra),
        shares=tuple(
            (told.share, truth.label == told.label)
            for truth, told in judged
            if told.share is not None and UNCLASSIFIED not in {truth.label, told.label}
        ),
    )


def total(scores: Iterable[Score]) -> Score:
    """All clips together."""
    return sum(scores, Score())


@dataclass(frozen=True, slots=True)
class LevelScore:
    """A number of vehicles, frame by frame: its true mean, and the mean absolute error of what was counted."""

    true_mean: float
    error: float

    @property
    def error_share(self) -> float | None:
        """The error as a share of the true mean; None where that is 0."""
        return self.error / self.true_mean if self.true_mean else None


@dataclass(frozen=True, slots=True)
class HiddenScore:
    """Score of the estimate of hidden vehicles, against those inside that are not counted.

    `held` is in how many of the frames the 80% interval has their number; `error` the mean absolute error of the number
    inside when the estimate is added to it.
    """

    frames: int
    true_mean: float
    told_mean: float
    held: int
    error: float


@dataclass(frozen=True, slots=True)
class ZoneScore:
    """Score of the queue in a zone. Waits are those of vehicles that came and left in watched time.

    Their p50 are None where there are none; `true_waits` is None where the truth does not tell of them.
    """

    frames: int
    inside: LevelScore
    standing: LevelScore
    true_waits: int | None
    counted_waits: int
    true_p50_ms: int | None
    counted_p50_ms: int | None
    hidden: HiddenScore | None = None

    @property
    def p50_error_share(self) -> float | None:
        """Counted less true, as a share of the true median wait; None where one of them is unknown."""
        if not self.true_p50_ms or self.counted_p50_ms is None:
            return None
        return (self.counted_p50_ms - self.true_p50_ms) / self.true_p50_ms


def score_zone(
    frames: Sequence[tuple[tuple[int, int], tuple[int, int]]],
    true_waits_ms: Sequence[int] | None,
    counted_waits_ms: Sequence[int],
    hidden: Sequence[tuple[int, HiddenLikely]] = (),
) -> ZoneScore:
    """Score one zone of one clip: per frame (inside, standing) as is true and as was counted, and the waits.

    `hidden` has, for frames with an estimate of hidden vehicles, how many more were truly inside than counted.
    """
    true_waits, counted_waits = waits_of(true_waits_ms or ()), waits_of(counted_waits_ms)
    return ZoneScore(
        len(frames),
        _level([(true[0], counted[0]) for true, counted in frames]),
        _level([(true[1], counted[1]) for true, counted in frames]),
        None if true_waits_ms is None else len(true_waits_ms),
        len(counted_waits_ms),
        None if true_waits is None else true_waits.p50,
        None if counted_waits is None else counted_waits.p50,
        _hidden(hidden) if hidden else None,
    )


def _hidden(frames: Sequence[tuple[int, HiddenLikely]]) -> HiddenScore:
    """Where more were counted than are there, none is hidden."""
    number = len(frames)
    return HiddenScore(
        number,
        sum(max(true, 0) for true, _ in frames) / number,
        sum(likely.mean for _, likely in frames) / number,
        sum(likely.p10 <= max(true, 0) <= likely.p90 for true, likely in frames),
        sum(abs(true - likely.mean) for true, likely in frames) / number,
    )


def _level(frames: Sequence[tuple[int, int]]) -> LevelScore:
    number = max(len(frames), 1)
    return LevelScore(sum(true for true, _ in frames) / number, sum(abs(n - true) for true, n in frames) / number)


@dataclass(frozen=True, slots=True)
class Watch:
    """Watched time of a clip, or of many; they add up.

    `unwatched` is the number of certain true crossings in unwatched time. They are scored like all others, so those
    that were not found are among the missed.
    """

    watched_ms: int = 0
    elapsed_ms: int = 0
    unwatched: int = 0

    def __add__(self, other: "Watch") -> "Watch":
        return Watch(
            self.watched_ms + other.watched_ms,
            self.elapsed_ms + other.elapsed_ms,
            self.unwatched + other.unwatched,
        )

    @property
    def share(self) -> float | None:
        """Watched of elapsed; None where no time passed."""
        return self.watched_ms / self.elapsed_ms if self.elapsed_ms else None


def watch_of(true: Sequence[Event], watched: Sequence[tuple[int, int]], first_ms: int, last_ms: int) -> Watch:
    """The watched time of a clip from its first frame to its last; a moment on a border was watched."""
    return Watch(
        sum(to_ms - from_ms for from_ms, to_ms in watched),
        last_ms - first_ms,
        sum(
            not truth.uncertain and not any(from_ms <= truth.at_ms <= to_ms for from_ms, to_ms in watched)
            for truth in true
        ),
    )


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """95% interval of a share (Wilson 1927); (0, 1) without trials."""
    if trials == 0:
        return 0.0, 1.0
    share, z2 = successes / trials, NORMAL_95**2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = NORMAL_95 * sqrt(share * (1 - share) / trials + z2 / (4 * trials**2)) / (1 + z2 / trials)
    return max(centre - half, 0.0), min(centre + half, 1.0)
