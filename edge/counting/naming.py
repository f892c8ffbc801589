"""The class of a vehicle: the detector's vote over a whole track, joined with second looks at it and its size.

A detector made for small boards finds vehicles better than it names them. A *second look* is a classifier's answer
about one picture of a vehicle: the logarithm of a probability for each of CLASSES. The *size* is relative to the cars
seen at that place (sizes.py). A logistic model joins them; its weights were fitted on vehicles of known class
(`python -m models.training.fit_names`), so the result is the probability that the class is right. Without a second
look the share of a class is its share of the vote.
"""

from collections.abc import Sequence
from math import exp, log, pi, sqrt
from operator import mul

from edge.counting.detection import CLASSES
from edge.counting.parameters import DEFAULT, NamingParameters

Look = tuple[float, ...]
Size = tuple[float, float]
"""The logarithm of the side of a vehicle's box above that of cars at its place, and the variance of the latter."""


def probabilities(
    votes: Sequence[float],
    looks: int,
    look: Sequence[float],
    size: Size | None = None,
    parameters: NamingParameters = DEFAULT.naming,
) -> tuple[float, ...]:
    """One for each of CLASSES; all are 0 without any evidence. `look` is the sum of the answers of `looks` looks."""
    p = parameters
    total = sum(votes)
    shares = tuple(vote / total for vote in votes) if total > 0.0 else (0.0,) * len(CLASSES)
    if not looks:
        return shares
    logits = [
        prior
        + p.look_weight * max(answer / looks, p.look_log_min)
        + p.vote_weight * log(sum(map(mul, shares, named)) or 1.0)
        for prior, answer, named in zip(p.priors, look, p.detector_confusion, strict=True)
    ]
    if size is not None:
        logits = [logit + p.size_weight * one for logit, one in zip(logits, size_logs(size, parameters=p), strict=True)]
    highest = max(logits)
    odds = [exp(logit - highest) for logit in logits]
    return tuple(one / sum(odds) for one in odds)


def likeliest_class(shares: Sequence[float], parameters: NamingParameters = DEFAULT.naming) -> tuple[str, float]:
    """The likeliest class and its probability; instead of a bus below `bus_share_min` the next likely class."""
    share, label = max(
        (share, label)
        for share, label in zip(shares, CLASSES, strict=True)
        if label != "bus" or share >= parameters.bus_share_min
    )
    return label, share


def size_logs(
    size: Size, sizes: Sequence[tuple[float, float]] | None = None, parameters: NamingParameters = DEFAULT.naming
) -> tuple[float, ...]:
    """Log-likelihood of a size for each of CLASSES, nearly the same for all where the size is uncertain.

    `sizes` are mean and standard deviation of each class, by default those of the parameters.
    """
    above, unsure = size
    odd = parameters.size_outlier_share
    logs = []
    for mean, deviation in parameters.sizes if sizes is None else sizes:
        variance = deviation * deviation + unsure
        likely = exp(-((above - mean) ** 2) / (2.0 * variance)) / sqrt(2.0 * pi * variance)
        logs.append(log((1.0 - odd) * likely + odd))
    return tuple(logs)
