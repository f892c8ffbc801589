"""How long a vehicle that joins a queue now is to wait, from how vehicles left it before.

The method, for a vehicle that joins behind `ahead` others and so leaves as the (ahead + 1)th from now on, with the
numbers of `ExpectedWaitParameters`:

1. Departures are noted on a clock that runs only while the queue is watched and not empty: a time without demand says
   nothing of the service rate. An unwatched time separates what was before it from what is after it.
2. A past departure is like the present if, as long after it as the last departure is ago now, nobody had left yet. From
   each such moment it is known how long it took until the (ahead + 1)th vehicle had left. So releases in batches and
   pauses are in it as they come, without a model of them: just after a release the wait for the next one is long.
3. The expected wait is the median of these times; the interval is from the 10th to the 90th percentile, each moved away
   from the median by what a t distribution asks for: moments that lie within one such time of each other share
   departures, so only non-overlapping spans count as observations.
4. Where too few vehicles left for that, the largest number of vehicles is taken for which there were enough, and the
   times are stretched in proportion, up to `stretch_max` times.
5. It is unknown (None) while the queue is empty, before anybody was seen to leave since watching began, with fewer than
   `moments_min` such moments or fewer than `spans_min` spans, and in a pause longer than any before.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

from edge.counting.parameters import DEFAULT, CountingParameters

NORMAL_90 = 1.2815515594
"""The 90th percentile of the standard normal distribution."""


@dataclass(frozen=True, slots=True)
class ExpectedWait:
    """Milliseconds from joining the queue to leaving it: with 80% probability from `p10` to `p90`."""

    p10: int
    p50: int
    p90: int


class _Departure(NamedTuple):
    watch: int  # the number of the uninterrupted watch in which it was
    clock_ms: int
    at_ms: int


class QueueService:
    """The departures of one queue. Frames come in order of time; only watched ones."""

    def __init__(self, parameters: CountingParameters = DEFAULT) -> None:
        self._parameters = parameters.expected_wait
        self._departures: deque[_Departure] = deque(maxlen=self._parameters.departures_max)
        self._watch = 0  # of uninterrupted watches so far
        self._clock_ms = 0
        self._seen: tuple[int, int] | None = None  # the last frame, and how many were in the queue

    def note_unwatched(self) -> None:
        """The time until now was not watched."""
        self._watch += 1
        self._seen = None

    def update(self, now_ms: int, ahead: int, left: int) -> None:
        """Take in a frame: `ahead` vehicles are in the queue, and `left` have left it since the frame before."""
        if self._seen is not None and self._seen[1] > 0:
            self._clock_ms += now_ms - self._seen[0]
        self._seen = now_ms, ahead
        self._departures.extend([_Departure(self._watch, self._clock_ms, now_ms)] * left)
        while self._departures and self._departures[0].at_ms < now_ms - self._parameters.history_ms:
            self._departures.popleft()

    def expected(self) -> ExpectedWait | None:
        """The wait of a vehicle that joins the queue at the last frame; None where that cannot be known."""
        p = self._parameters
        ahead = self._seen[1] if self._seen is not None else 0
        departures = list(self._departures)
        if ahead == 0 or not departures or departures[-1].watch != self._watch:
            return None
        elapsed_ms = self._clock_ms - departures[-1].clock_ms
        starts = [
            number
            for number, (one, after) in enumerate(zip(departures, departures[1:], strict=False))
            if one.watch == after.watch and after.clock_ms - one.clock_ms > elapsed_ms
        ]
        vehicles = ahead + 1
        while vehicles * p.stretch_max > ahead and vehicles > 0:
            begins = [
                number
                for number in starts
                if number + vehicles < len(departures)
                and departures[number + vehicles].watch == departures[number].watch
            ]
            if len(begins) >= p.moments_min:
                times_ms = [
                    departures[number + vehicles].clock_ms - departures[number].clock_ms - elapsed_ms
                    for number in begins
                ]
                spanned_ms = departures[begins[-1]].clock_ms - departures[begins[0]].clock_ms
                mean_ms = max(1.0, sum(times_ms) / len(times_ms))
                spans = min(1 + spanned_ms / mean_ms, len(times_ms))
                if spans >= p.spans_min:
                    return _interval(sorted(times_ms), spans, (ahead + 1) / vehicles)
            vehicles = min(vehicles - 1, int(p.step_share * vehicles))
        return None


def _interval(times_ms: Sequence[int], spans: float, stretch: float) -> ExpectedWait:
    low, middle, high = (stretch * _quantile(times_ms, share) for share in (0.1, 0.5, 0.9))
    wider = _student_90(spans - 1) * sqrt(1 + 1 / spans) / NORMAL_90
    return ExpectedWait(
        max(0, round(middle - wider * (middle - low))), round(middle), round(middle + wider * (high - middle))
    )


def _quantile(ordered: Sequence[int], share: float) -> float:
    """By linear interpolation between the ranks share * (n + 1), and never beyond what was observed."""
    rank = min(max(share * (len(ordered) + 1), 1.0), float(len(ordered)))
    below = int(rank)
    above = min(below + 1, len(ordered))
    return ordered[below - 1] + (rank - below) * (ordered[above - 1] - ordered[below - 1])


def _student_90(freedom: float) -> float:
    """The 90th percentile of Student's t, by the expansion in Abramowitz and Stegun 26.7.5; 2% low at 2 degrees."""
    z = NORMAL_90
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return z + first / freedom + second / freedom**2
