"""What a vehicle is called: the detector's vote over a whole track, joined with second looks at the vehicle.

A detector made for small boards finds vehicles better than it names them. A *second look* is a classifier's answer
about one picture of a vehicle: the logarithm of a probability for each of CLASSES. Both are evidence, and of neither
alone is it known how sure it is, so they are joined by a logistic model whose weights were fitted on vehicles of known
class (`python -m models.training.fit_names`): what it gives is the probability that the name is right. Without a second
look a name's share is its share of the vote.
"""

from collections.abc import Sequence
from math import exp
from operator import mul

from edge.counting.detection import CLASSES

LOOKS_MAX = 4  # of one vehicle: more pictures of it tell hardly more
LOOK_LEAST = -8.0  # of a logarithm: how sure one picture may be that something is not

LOOK_WEIGHT = 1.1
VOTE_WEIGHT = 0.86
PRIORS = (0.0, -0.97, 0.03, -0.18, 0.14, -0.19)
SAID = (
    (-0.02, -6.91, -4.51, -5.81, -6.91, -6.91),
    (-0.17, -4.56, -2.17, -4.56, -4.56, -4.56),
    (-0.57, -5.6, -1.0, -2.89, -5.6, -5.6),
    (-1.36, -4.3, -0.81, -1.36, -4.3, -4.3),
    (-1.99, -5.04, -5.04, -5.04, -0.26, -2.64),
    (-1.79, -1.79, -1.79, -1.79, -1.79, -1.79),
)
"""How often the detector that ships calls a vehicle of each class (down) what (across), as logarithms."""

Look = tuple[float, ...]


def probabilities(votes: Sequence[float], looks: int, look: Sequence[float]) -> tuple[float, ...]:
    """One for each of CLASSES; all are 0 without any evidence. `look` is the sum of the answers of `looks` looks."""
    total = sum(votes)
    shares = tuple(vote / total for vote in votes) if total > 0.0 else (0.0,) * len(CLASSES)
    if not looks:
        return shares
    logits = [
        prior + LOOK_WEIGHT * max(answer / looks, LOOK_LEAST) + VOTE_WEIGHT * sum(map(mul, shares, said))
        for prior, answer, said in zip(PRIORS, look, SAID, strict=True)
    ]
    highest = max(logits)
    odds = [exp(logit - highest) for logit in logits]
    return tuple(one / sum(odds) for one in odds)
