"""What a vehicle is called: the detector's vote over a whole track, joined with second looks at it and its size.

A detector made for small boards finds vehicles better than it names them. A *second look* is a classifier's answer
about one picture of a vehicle: the logarithm of a probability for each of CLASSES. Its *size* is relative to the cars
seen at that place (sizes.py). All are evidence, and of none alone is it known how sure it is, so they are joined by a
logistic model whose weights were fitted on vehicles of known class (`python -m models.training.fit_names`): what it
gives is the probability that the name is right. Without a second look a name's share is its share of the vote.
"""

from collections.abc import Sequence
from math import exp, log, pi, sqrt
from operator import mul

from edge.counting.detection import CLASSES

LOOKS_MAX = 3  # of one vehicle: more pictures of it tell hardly more
LOOK_LEAST = -8.0  # of a logarithm: how sure one picture may be that something is not

LOOK_WEIGHT = 1.31
VOTE_WEIGHT = 0.78
PRIORS = (0.0, -0.51, -0.45, -0.41, 0.01, -0.09)
SAID = (
    (0.983, 0.001, 0.011, 0.003, 0.001, 0.001),
    (0.844, 0.01, 0.115, 0.01, 0.01, 0.01),
    (0.567, 0.004, 0.367, 0.056, 0.004, 0.004),
    (0.257, 0.014, 0.446, 0.257, 0.014, 0.014),
    (0.136, 0.006, 0.006, 0.006, 0.773, 0.071),
    (0.167, 0.167, 0.167, 0.167, 0.167, 0.167),
)
"""How often the detector that ships calls a vehicle of each class (down) what (across): it calls vans cars."""

SIZE_WEIGHT = 0.81
SIZES = ((0.01, 0.13), (0.18, 0.16), (0.38, 0.32), (0.38, 0.32), (-0.32, 0.23), (-0.32, 0.23))
"""Mean and deviation of the size of vehicles of each class."""
SIZE_ODD = 0.05  # of all boxes, that say nothing about size: half a vehicle, or two

BUS_LEAST = 0.62
"""A bus is told from this probability on: buses are few, and news (edge/device/alert_rules.py), so a false one weighs
more."""

Look = tuple[float, ...]
Size = tuple[float, float]
"""The logarithm of the side of a vehicle's box above that of cars at its place, and the variance of the latter."""


def probabilities(
    votes: Sequence[float], looks: int, look: Sequence[float], size: Size | None = None
) -> tuple[float, ...]:
    """One for each of CLASSES; all are 0 without any evidence. `look` is the sum of the answers of `looks` looks."""
    total = sum(votes)
    shares = tuple(vote / total for vote in votes) if total > 0.0 else (0.0,) * len(CLASSES)
    if not looks:
        return shares
    logits = [
        prior + LOOK_WEIGHT * max(answer / looks, LOOK_LEAST) + VOTE_WEIGHT * log(sum(map(mul, shares, said)) or 1.0)
        for prior, answer, said in zip(PRIORS, look, SAID, strict=True)
    ]
    if size is not None:
        logits = [logit + SIZE_WEIGHT * one for logit, one in zip(logits, size_logs(size), strict=True)]
    highest = max(logits)
    odds = [exp(logit - highest) for logit in logits]
    return tuple(one / sum(odds) for one in odds)


def told(shares: Sequence[float]) -> tuple[str, float]:
    """The class to tell and its probability: the likeliest one, but for a bus below BUS_LEAST the next."""
    share, label = max(
        (share, label) for share, label in zip(shares, CLASSES, strict=True) if label != "bus" or share >= BUS_LEAST
    )
    return label, share


def size_logs(size: Size, sizes: Sequence[tuple[float, float]] = SIZES) -> tuple[float, ...]:
    """The logarithm of the likelihood of that size for each of CLASSES: nearly the same for all where it is unsure."""
    above, unsure = size
    logs = []
    for mean, deviation in sizes:
        variance = deviation * deviation + unsure
        likely = exp(-((above - mean) ** 2) / (2.0 * variance)) / sqrt(2.0 * pi * variance)
        logs.append(log((1.0 - SIZE_ODD) * likely + SIZE_ODD))
    return tuple(logs)
