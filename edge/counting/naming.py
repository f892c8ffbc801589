"""What a vehicle is called: the detector's vote over a whole track, joined with second looks at the vehicle.

A detector made for small boards finds vehicles better than it names them. A *second look* is a classifier's answer
about one picture of a vehicle: the logarithm of a probability for each of CLASSES. Both are evidence, and of neither
alone is it known how sure it is, so they are joined by a logistic model whose weights were fitted on vehicles of known
class (`python -m models.training.fit_names`): what it gives is the probability that the name is right. Without a second
look a name's share is its share of the vote.
"""

from collections.abc import Sequence
from math import exp, log

from edge.counting.detection import CLASSES

LOOKS_MAX = 4  # of one vehicle: more pictures of it tell hardly more
LOOK_LEAST = -8.0  # of a logarithm: how sure one picture may be that something is not
VOTE_LEAST = 0.02  # of a share of the vote: what got no vote is unlikely, not impossible

LOOK_WEIGHT = 1.04
VOTE_WEIGHT = 0.37
PRIORS = (0.0, -0.36, 0.39, 0.18, 0.14, -0.13)

Look = tuple[float, ...]


def probabilities(votes: Sequence[float], looks: int, look: Sequence[float]) -> tuple[float, ...]:
    """One for each of CLASSES; all are 0 without any evidence. `look` is the sum of the answers of `looks` looks."""
    total = sum(votes)
    shares = tuple(vote / total for vote in votes) if total > 0.0 else (0.0,) * len(CLASSES)
    if not looks:
        return shares
    logits = [
        prior + LOOK_WEIGHT * max(answer / looks, LOOK_LEAST) + VOTE_WEIGHT * log(max(share, VOTE_LEAST))
        for prior, answer, share in zip(PRIORS, look, shares, strict=True)
    ]
    highest = max(logits)
    odds = [exp(logit - highest) for logit in logits]
    return tuple(one / sum(odds) for one in odds)
