"""What a vehicle is called: the detector's vote over a whole track, joined with second looks at the vehicle.

A detector made for small boards finds vehicles better than it names them. A *second look* is a classifier's answer
about one picture of a vehicle: the logarithm of a probability for each of CLASSES. Both are evidence, and of neither
alone is it known how sure it is, so they are joined by a logistic model whose weights were fitted on vehicles of known
class (`python -m models.training.fit_names`): what it gives is the probability that the name is right. Without a second
look a name's share is its share of the vote.
"""

from collections.abc import Sequence
from math import exp, log
from operator import mul

from edge.counting.detection import CLASSES

LOOKS_MAX = 4  # of one vehicle: more pictures of it tell hardly more
LOOK_LEAST = -8.0  # of a logarithm: how sure one picture may be that something is not

LOOK_WEIGHT = 1.24
VOTE_WEIGHT = 0.91
PRIORS = (0.0, -0.52, -0.42, -0.43, 0.01, -0.13)
SAID = (
    (0.983, 0.001, 0.011, 0.003, 0.001, 0.001),
    (0.844, 0.01, 0.115, 0.01, 0.01, 0.01),
    (0.567, 0.004, 0.367, 0.056, 0.004, 0.004),
    (0.257, 0.014, 0.446, 0.257, 0.014, 0.014),
    (0.136, 0.006, 0.006, 0.006, 0.773, 0.071),
    (0.167, 0.167, 0.167, 0.167, 0.167, 0.167),
)
"""How often the detector that ships calls a vehicle of each class (down) what (across): it calls vans cars."""

Look = tuple[float, ...]


def probabilities(votes: Sequence[float], looks: int, look: Sequence[float]) -> tuple[float, ...]:
    """One for each of CLASSES; all are 0 without any evidence. `look` is the sum of the answers of `looks` looks."""
    total = sum(votes)
    shares = tuple(vote / total for vote in votes) if total > 0.0 else (0.0,) * len(CLASSES)
    if not looks:
        return shares
    logits = [
        prior + LOOK_WEIGHT * max(answer / looks, LOOK_LEAST) + VOTE_WEIGHT * log(sum(map(mul, shares, said)) or 1.0)
        for prior, answer, said in zip(PRIORS, look, SAID, strict=True)
    ]
    highest = max(logits)
    odds = [exp(logit - highest) for logit in logits]
    return tuple(one / sum(odds) for one in odds)
