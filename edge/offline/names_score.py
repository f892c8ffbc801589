"""Accuracy of names by class, and calibration of a crossing's `share`; pure.

Names are judged on found crossings whose class is known for certain. Coarse classes join what matters alike for
trade: light (car and van), truck, bus, two-wheeled. An `unclassified` crossing has no name: it is a false name
of no class, and the recall of its true class falls.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import pi, sqrt
from statistics import fmean

from edge.counting.detection import CLASSES, UNCLASSIFIED
from edge.offline.scoring import Score, wilson_interval

COARSE: Mapping[str, str] = {
    "car": "light",
    "van": "light",
    "truck": "truck",
    "bus": "bus",
    "motorcycle": "two-wheeled",
    "bicycle": "two-wheeled",
    UNCLASSIFIED: UNCLASSIFIED,
}
GROUPS_MAX = 10
GROUP_LEAST = 10
"""Fewest crossings in a group of the reliability diagram."""


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One class over the found crossings: `true` are of it, `told` are called it, `right` are both."""

    true: int
    told: int
    right: int
    extra: int
    """Counted crossings that pair with no true one, and are called it."""

    @property
    def false(self) -> int:
        """Found crossings of other classes that are called it."""
        return self.told - self.right

    @property
    def recall(self) -> float | None:
        """None where none is true."""
        return self.right / self.true if self.true else None

    @property
    def precision(self) -> float | None:
        """None where none is told."""
        return self.right / self.told if self.told else None


@dataclass(frozen=True, slots=True)
class NamesScore:
    """All classes of one grain, fine or coarse; `judged` found crossings, of which `right` bear the right name."""

    judged: int
    right: int
    classes: dict[str, ClassScore]


def names_score(part: Score, *, coarse: bool = False) -> NamesScore:
    """The names of a score; classes that neither occur nor are told are left out."""
    grain = COARSE if coarse else {label: label for label in COARSE}
    pairs: Counter[tuple[str, str]] = Counter()
    for (true, told), number in part.confusion.items():
        pairs[grain[true], grain[told]] += number
    extra: Counter[str] = Counter()
    for label, number in part.extra_names.items():
        extra[grain[label]] += number
    labels = list(dict.fromkeys(grain[label] for label in CLASSES))
    classes = {
        label: ClassScore(
            sum(n for (true, _), n in pairs.items() if true == label),
            sum(n for (_, told), n in pairs.items() if told == label),
            pairs[label, label],
            extra[label],
        )
        for label in labels
    }
    return NamesScore(
        sum(pairs.values()),
        sum(n for (true, told), n in pairs.items() if true == told),
        {label: one for label, one in classes.items() if one.true or one.told or one.extra},
    )


@dataclass(frozen=True, slots=True)
class Group:
    """Crossings of nearly the same share."""

    crossings: int
    low: float
    high: float
    """The least and the greatest share."""
    share: float
    """On average."""
    right: int

    @property
    def right_share(self) -> float:
        """How often the name is right."""
        return self.right / self.crossings

    @property
    def interval(self) -> tuple[float, float]:
        """95% interval of how often the name is right."""
        return wilson_interval(self.right, self.crossings)


@dataclass(frozen=True, slots=True)
class Reliability:
    """Share told against share right, over named crossings, in groups of about as many each, least sure first."""

    groups: tuple[Group, ...]
    unclassified: int
    """Found crossings that were left without a name, and are in no group."""
    by_chance: float
    """The error that as many crossings would show by chance alone, on average, if every share were exactly right."""

    @property
    def named(self) -> int:
        """Crossings in all groups."""
        return sum(group.crossings for group in self.groups)

    @property
    def error(self) -> float | None:
        """Expected calibration error: how far share told and share right are apart, on average over the crossings.

        None without crossings.
        """
        if not self.groups:
            return None
        return sum(abs(group.share * group.crossings - group.right) for group in self.groups) / self.named


def reliability(part: Score) -> Reliability:
    """Of a score whose crossings have shares. Equal shares are never parted, so the groups depend on no order."""
    named = sorted(part.shares)
    number = max(1, min(GROUPS_MAX, len(named) // GROUP_LEAST))
    groups: list[Group] = []
    start = 0
    for k in range(1, number + 1):
        end = round(k * len(named) / number)
        while 0 < end < len(named) and named[end][0] == named[end - 1][0]:
            end += 1
        if end > start:
            groups.append(_group(named[start:end]))
            start = end
    spread = sum(sqrt(sum(share * (1 - share) for share, _ in of) * 2 / pi) for of in _parted(named, groups))
    unclassified = sum(n for (_, told), n in part.confusion.items() if told == UNCLASSIFIED)
    return Reliability(tuple(groups), unclassified, spread / len(named) if named else 0.0)


def _group(of: Sequence[tuple[float, bool]]) -> Group:
    shares = [share for share, _ in of]
    return Group(len(of), shares[0], shares[-1], fmean(shares), sum(right for _, right in of))


def _parted(named: Sequence[tuple[float, bool]], groups: Sequence[Group]) -> list[Sequence[tuple[float, bool]]]:
    parts, start = [], 0
    for group in groups:
        parts.append(named[start : start + group.crossings])
        start += group.crossings
    return parts
