"""How often a model calls vehicles of other classes by the name of one. Pure."""

from math import exp, sqrt

import msgspec

from edge.counting.parameters import DEFAULT


class Tail(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often a model calls vehicles of other classes by this one's name, as measured.

    Of `judged` vehicles of other classes, `above` has how many were called so with at least each probability.
    """

    judged: int
    above: tuple[tuple[float, int], ...]

    def __post_init__(self) -> None:
        """Hold the rules that no single field can say."""
        shares, false = [share for share, _ in self.above], [number for _, number in self.above]
        if self.judged < 1 or not self.above:
            raise ValueError("a tail needs vehicles that were judged, and probabilities")
        if shares != sorted(set(shares)) or not all(0.0 <= share <= 1.0 for share in shares):
            raise ValueError("the probabilities of a tail are from 0 to 1, each higher than the one before")
        if false != sorted(false, reverse=True) or not 0 <= false[-1] <= false[0] <= self.judged:
            raise ValueError("above a higher probability there cannot be more of the vehicles that were judged")

    def rate(self, share: float) -> float:
        """Upper bound on the share of other vehicles that is called so with at least this probability."""
        false = [number for least, number in self.above if least <= share]
        return min(upper_bound(false[-1]) / self.judged, 1.0) if false else 1.0


def upper_bound(seen: int, confidence: float = DEFAULT.naming.tail_confidence) -> float:
    """Upper confidence bound on the mean of a Poisson variable of which `seen` was observed; 3.0 for none at 95%."""
    low, high = float(seen), seen + 10.0 + 10.0 * sqrt(seen)
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        term = total = exp(-middle)
        for i in range(1, seen + 1):
            term *= middle / i
            total += term
        low, high = (middle, high) if total > 1.0 - confidence else (low, middle)
    return high
