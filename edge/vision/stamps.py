"""Repairs the timestamps of a file.

A frame's time is its timestamp, measured from the first. Three faults of real files are told apart by looking
at the frames that follow an unusual step:

* timestamps that fit nothing (a damaged packet), or hardly advance: those frames follow their predecessor at the usual
  rate or the nominal one, and timestamps are used again as soon as they continue as before;
* timestamps that start anew (recordings joined end to end, a clock set back): time goes on from the frame before;
* a leap forward that all later timestamps keep: a gap of the recording, which is kept, unless the file has a single
  frame before it, or at most two after it.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import pairwise
from statistics import median_high
from typing import TypeVar

T = TypeVar("T")

LOOK_AHEAD = 12  # frames that are held back, pictures and all, while a step is unusual
USUAL_MIN, USUAL_MAX = 0.05, 3.0  # a step of up to so many usual ones is normal: a camera drops frames, or catches up
STANDING_MS = 0.5  # no camera is so fast: writers that must not repeat a timestamp add the smallest step
LEAP_MS = 10_000.0  # a longer unusual step is a leap
WRAP_MS = 2**33 / 90.0  # the clock of MPEG streams begins anew after 26.5 hours
COST = 2.0  # of a leap or a new start, in usual steps that must follow it


def believed(stamped: Iterable[tuple[float, T]], step_ms: float) -> Iterator[tuple[float, T]]:
    """Give each frame its time in ms, 0.0 for the first, strictly increasing; in order, and none is left out.

    `step_ms` is the nominal distance of two frames. Stamps are in ms, and finite.
    """
    source = iter(stamped)
    ahead: deque[tuple[float, T]] = deque()
    steps: deque[float] = deque(maxlen=LOOK_AHEAD)
    last: float | None = None  # the timestamp that the frame before has, or should have
    base = now = 0.0  # time = timestamp - base
    frames = 0
    while True:
        if not ahead:
            ahead.extend(_next(source, 1))
            if not ahead:
                return
        stamp = ahead[0][0]
        if last is None:
            base = last = stamp
        else:
            usual = median_high(steps) if len(steps) > 2 else step_ms
            if not USUAL_MIN * usual <= stamp - last <= USUAL_MAX * usual:
                ahead.extend(_next(source, LOOK_AHEAD - len(ahead)))
                stamp, restarts = _judge(last, [s for s, _ in ahead], list(steps), min(step_ms, usual))
                if restarts or (frames == 1 and stamp - last > LEAP_MS and not _is_usual(ahead, stamp - last)):
                    base, last = stamp - now - step_ms, stamp - step_ms
            steps.append(stamp - last)
            last, now = stamp, stamp - base
        frames += 1
        yield now, ahead.popleft()[1]


def unwrapped(stamped: Iterable[tuple[float, T]], first_ms: float) -> Iterator[tuple[float, T]]:
    """The stamps of an MPEG stream whose first one says `first_ms`, where its clock was set back.

    FFmpeg takes a clock that is set back, or that begins anew too early (at 32 bits), for one that began anew by
    itself, and makes it a leap forward of hours. But a clock that begins anew by itself runs up to that point before.
    """
    wraps_ms = WRAP_MS - first_ms
    back_ms = last = 0.0
    for stamp, value in stamped:
        if stamp >= wraps_ms > last + LEAP_MS:
            back_ms = WRAP_MS
        last = stamp
        yield stamp - (back_ms if stamp >= wraps_ms else 0.0), value


def _next(source: Iterator[tuple[float, T]], count: int) -> Iterator[tuple[float, T]]:
    for _, one in zip(range(count), source, strict=False):
        yield one


def _is_usual(ahead: Iterable[tuple[float, object]], step: float) -> bool:
    """Whether the steps that follow are as long."""
    return any(0.0 < step <= USUAL_MAX * (b - a) for (a, _), (b, _) in pairwise(ahead))


def _judge(last: float, stamps: list[float], steps: list[float], step_ms: float) -> tuple[float, bool]:
    """The timestamp to use for the first frame of `stamps`, and whether time starts anew with it.

    The best path through some of them is sought, from `last` on. A usual step earns a point, a new start or a leap
    costs some, and timestamps outside the path are damaged.
    """
    way = [last, *stamps]
    coming = [b - a for a, b in pairwise(way) if b > a] or [step_ms]
    usual = slowest = median_high(steps if len(steps) > 2 else coming)
    if len(coming) > 2:
        slowest = max(usual, median_high(coming))  # from here on the rate may be lower
    tiny = STANDING_MS if len(stamps) < LOOK_AHEAD else USUAL_MIN * usual  # a burst is followed by a pause
    stands = all(b - a < tiny for a, b in pairwise(way))
    count = len(way)
    best = [0.0] * count  # from each place to the end
    following: list[int | None] = [None] * count
    for here in reversed(range(count)):
        for there in range(here + 1, count):
            step = way[there] - way[here]
            if USUAL_MIN * usual <= step / (there - here) <= USUAL_MAX * slowest:
                points = 1.0
            elif 0.0 < step <= LEAP_MS and not stands:
                points = 0.0
            else:
                points = -COST
            points += best[there]
            if points > best[here] or (points == best[here] and following[here] is None and step > 0.0):
                best[here], following[here] = points, there
    chosen = following[0]
    if chosen == 1:
        return way[1], way[1] <= last
    if chosen is None or way[chosen] <= last:  # nothing to aim at: at the nominal rate
        return last + step_ms, False
    return last + min(step_ms, (way[chosen] - last) / chosen), False
