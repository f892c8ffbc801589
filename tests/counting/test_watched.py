"""Time is watched once no symptom of blindness is pending; a symptom that becomes blindness takes its time back."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.counting.buckets import Bucket, BucketCounter
from edge.counting.crossing import Crossing
from edge.counting.occupancy import Occupancy
from edge.counting.parameters import DEFAULT
from edge.counting.watched import WatchedTime
from tests.counting.scenes import MINUTE_MS, NOON_MS

SETTLE_MS = DEFAULT.buckets.settle_ms
PENDING_MS_MAX = DEFAULT.watched.pending_ms_max
LOOK_BACK_MS = DEFAULT.watched.look_back_ms


@dataclass(frozen=True)
class Seen:
    """A frame at `at_ms` after noon, and what the scene watcher says of it; `since_ms` is after noon, too."""

    at_ms: int
    blind: bool = False
    since_ms: int | None = None
    inside: int = 0

    def occupancy(self) -> Occupancy:
        return Occupancy("queue", ("car",) * self.inside)


def counter(width_ms: int = MINUTE_MS, gap_ms: int = 2_000) -> BucketCounter:
    return BucketCounter(["deck"], zones=["queue"], width_ms=width_ms, gap_ms=gap_ms)


def told(counting: BucketCounter, one: Seen, crossings: Sequence[Crossing] = ()) -> list[Bucket]:
    since_ms = None if one.since_ms is None else NOON_MS + one.since_ms
    at_ms = NOON_MS + one.at_ms
    occupancies = [] if one.blind else [one.occupancy()]
    return list(counting.advance(at_ms, crossings, occupancies, watching=not one.blind, since_ms=since_ms))


def run(frames: Sequence[Seen], counting: BucketCounter | None = None) -> list[Bucket]:
    counting = counting or counter()
    return [one for frame in frames for one in told(counting, frame)] + list(counting.close())


def spans_of(frames: Sequence[Seen]) -> list[tuple[int, int]]:
    """The time watched, after noon; what lies side by side joined."""
    counting, found = counter(), []
    for frame in frames:
        told(counting, frame)
        found += counting.watched
    list(counting.close())
    joined: list[tuple[int, int]] = []
    for from_ms, to_ms in found + counting.watched:
        begin_ms = joined.pop()[0] if joined and joined[-1][1] == from_ms - NOON_MS else from_ms - NOON_MS
        joined.append((begin_ms, to_ms - NOON_MS))
    return joined


def fine(from_ms: int, to_ms: int, step_ms: int = 100, inside: int = 0) -> list[Seen]:
    return [Seen(at_ms, inside=inside) for at_ms in range(from_ms, to_ms, step_ms)]


def pending(since_ms: int, from_ms: int, to_ms: int, step_ms: int = 100, inside: int = 0) -> list[Seen]:
    return [Seen(at_ms, since_ms=since_ms, inside=inside) for at_ms in range(from_ms, to_ms, step_ms)]


def blind(since_ms: int, from_ms: int, to_ms: int, step_ms: int = 100) -> list[Seen]:
    return [Seen(at_ms, blind=True, since_ms=since_ms) for at_ms in range(from_ms, to_ms, step_ms)]


def test_the_time_of_a_symptom_that_becomes_blindness_was_not_watched() -> None:
    film = [*fine(0, 10_000), *pending(10_000, 10_000, 15_000), *blind(10_000, 15_000, 30_000), *fine(30_000, 40_000)]
    assert spans_of(film) == [(0, 10_000), (30_000, 39_900)]


def test_a_symptom_is_noticed_a_little_after_it_began() -> None:
    film = [*fine(0, 11_000), *pending(9_600, 11_000, 15_000), *blind(9_600, 15_000, 20_000)]
    assert spans_of(film) == [(0, 9_600)]


def test_a_symptom_that_clears_takes_nothing() -> None:
    assert spans_of([*fine(0, 10_000), *pending(9_000, 10_000, 29_000), *fine(29_000, 40_000)]) == [(0, 39_900)]


def test_a_symptom_that_gives_way_to_a_later_one_takes_nothing() -> None:
    film = [*fine(0, 10_000), *pending(10_000, 10_000, 20_000), *pending(18_000, 20_000, 22_000)]
    assert spans_of([*film, *blind(18_000, 22_000, 30_000)]) == [(0, 18_000)]


def test_a_symptom_still_pending_when_the_run_ends_vouches_for_nothing() -> None:
    assert spans_of([*fine(0, 10_000), *pending(9_700, 10_000, 14_000)]) == [(0, 9_700)]


def test_a_symptom_still_pending_when_nobody_looks_any_more_vouches_for_nothing() -> None:
    film = [*fine(0, 10_000), *pending(10_000, 10_000, 12_000), Seen(15_000, blind=True), *fine(16_000, 20_000)]
    assert spans_of(film) == [(0, 10_000), (16_000, 19_900)]


def test_a_run_that_is_blind_from_its_first_frame_was_never_watched() -> None:
    film = [*pending(0, 0, 5_000), *blind(0, 5_000, 200_000)]
    assert [one.state for one in run(film)] == ["blind"] * 4
    assert run(pending(0, 0, 5_000))[0].counts is None


def test_a_bucket_waits_for_a_symptom_that_began_in_it_and_for_no_other() -> None:
    counting = counter()
    for one in [*fine(0, 59_000, 1_000), *pending(59_000, 59_000, 79_000, 1_000)]:
        assert told(counting, one) == []
    [first] = told(counting, Seen(79_000, blind=True, since_ms=59_000))
    assert (first.watched_ms, first.state) == (59_000, "ok")
    counting = counter()
    for one in [*fine(0, 60_000, 1_000), *pending(60_000, 60_000, 63_000, 1_000)]:
        assert told(counting, one) == []
    [first] = told(counting, Seen(63_000, since_ms=60_000))
    assert first.watched_ms == 60_000


def test_what_crossed_in_time_that_was_taken_back_stays_counted() -> None:
    counting = counter()
    passing = Crossing("deck", "a_to_b", "car", 1.0, NOON_MS + 2_000, 0.5, 1)
    for one in pending(0, 0, 5_000):
        told(counting, one, [passing] if one.at_ms == 3_000 else [])
    told(counting, Seen(5_000, blind=True, since_ms=0))
    [only] = counting.close()
    assert (only.watched_ms, only.state) == (0, "partial")
    assert only.counts is not None
    assert only.counts["deck"]["a_to_b"]["car"] == 1


def test_the_means_of_a_zone_are_over_watched_time_only() -> None:
    film = [*fine(0, 10_000, inside=2), *pending(10_000, 10_000, 15_000, inside=7), *blind(10_000, 15_000, 20_000)]
    [only] = run(film)
    assert only.zones is not None
    inside = only.zones["queue"].inside
    assert (inside.mean, inside.max, inside.end) == (2.0, 2, 2)


def test_the_open_bucket_does_not_claim_time_in_doubt() -> None:
    counting = counter()
    for one in [*fine(0, 10_000), *pending(10_000, 10_000, 14_000)]:
        told(counting, one)
    peeked = counting.peek()
    assert peeked is not None
    assert peeked.watched_ms == 10_000
    told(counting, Seen(14_000))
    peeked = counting.peek()
    assert peeked is not None
    assert peeked.watched_ms == 14_000
    counting = counter()
    for one in pending(0, 0, 4_000):
        told(counting, one)
    peeked = counting.peek()
    assert peeked is not None
    assert (peeked.watched_ms, peeked.counts) == (0, None)


def test_nothing_waits_longer_than_the_bound() -> None:
    counting = counter()
    told(counting, Seen(0))
    told(counting, Seen(PENDING_MS_MAX, since_ms=0))
    with pytest.raises(AssertionError, match="decided in time"):
        told(counting, Seen(PENDING_MS_MAX + 1, since_ms=0))


def test_what_waits_is_little_however_many_frames_there_are() -> None:
    time = WatchedTime()
    for at_ms in range(0, 24_000, 2):
        time.advance(at_ms, since_ms=0)
        assert time.decide(at_ms) == []
    assert len(time._undecided) == 1


# Properties


@st.composite
def films(draw: st.DrawFn, *, step_ms_max: int = 3_000) -> list[Seen]:
    """Times of frames; each stretch of it is fine, pending or blind since its beginning, or a little before."""
    film: list[Seen] = []
    at_ms = 0
    for _ in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(("fine", "pending", "blind", "pending, then blind")))
        began_ms = at_ms - draw(st.integers(0, min(at_ms, 1_000)))
        for number in range(draw(st.integers(1, 12))):
            is_blind = kind == "blind" or (kind == "pending, then blind" and number >= 4)
            old = at_ms - began_ms > PENDING_MS_MAX and not is_blind
            since_ms = None if kind == "fine" or old else began_ms
            film.append(Seen(at_ms, is_blind, since_ms, draw(st.integers(0, 2))))
            at_ms += draw(st.integers(1, step_ms_max))
    return film


@given(films(), st.integers(5_000, 70_000), st.integers(1, 20_000))
def test_watched_time_never_exceeds_the_time_elapsed_nor_the_bucket(
    film: list[Seen], width_ms: int, gap_ms: int
) -> None:
    buckets = run(film, counter(width_ms, gap_ms))
    assert sum(one.watched_ms for one in buckets) <= film[-1].at_ms - film[0].at_ms
    assert all(0 <= one.watched_ms <= width_ms for one in buckets)
    assert all(one.counts is None for one in buckets if one.watched_ms == 0)
    starts = [one.start_ms for one in buckets]
    assert all(later - earlier == width_ms for earlier, later in pairwise(starts))


@given(films(), st.integers(5_000, 70_000))
def test_the_buckets_hold_the_spans_that_are_told(film: list[Seen], width_ms: int) -> None:
    spans = spans_of(film)
    assert sum(one.watched_ms for one in run(film, counter(width_ms))) == sum(to - begin for begin, to in spans)
    assert all(earlier[1] < later[0] for earlier, later in pairwise(spans))


@given(films(), st.integers(5_000, 70_000))
def test_a_bucket_closes_in_time(film: list[Seen], width_ms: int) -> None:
    counting = counter(width_ms)
    for one in film:
        told(counting, one)
        open_from_ms = counting._open[0].start_ms - NOON_MS
        assert one.at_ms - open_from_ms - width_ms < max(PENDING_MS_MAX, SETTLE_MS)


steps = st.lists(st.integers(1, 3_000), min_size=12, max_size=30)


def times_of(gaps_ms: list[int]) -> list[int]:
    times = [0]
    for gap_ms in gaps_ms:
        times.append(times[-1] + gap_ms)
    return times


@given(steps, st.integers(0, 20), st.integers(1, 20), st.integers(0, LOOK_BACK_MS))
def test_a_symptom_that_clears_changes_no_report(gaps_ms: list[int], first: int, frames: int, before_ms: int) -> None:
    times = times_of(gaps_ms)
    plain = [Seen(at_ms, inside=number % 3) for number, at_ms in enumerate(times)]
    since_ms = max(0, times[first % len(times)] - before_ms)
    doubted = [
        Seen(one.at_ms, since_ms=since_ms, inside=one.inside)
        if first <= number < first + frames and since_ms <= one.at_ms <= since_ms + PENDING_MS_MAX
        else one
        for number, one in enumerate(plain)
    ]
    doubted[-1] = plain[-1]
    assert run(doubted) == run(plain)


@given(steps, st.integers(0, 10), st.integers(1, 8), st.integers(5_000, 70_000), st.booleans())
def test_a_symptom_that_becomes_blindness_is_blindness_from_its_beginning(
    gaps_ms: list[int], first: int, frames: int, width_ms: int, recovers: bool
) -> None:
    times = times_of(gaps_ms)
    since_ms = times[first]
    end = len(times) - 2 if recovers else len(times)
    late, at_once = [], []
    for number, at_ms in enumerate(times):
        if first <= number < end:
            told_late = number >= first + frames or at_ms - since_ms > PENDING_MS_MAX
            late.append(Seen(at_ms, told_late, since_ms, inside=1))
            at_once.append(Seen(at_ms, blind=True))
        else:
            late.append(Seen(at_ms, inside=1))
            at_once.append(Seen(at_ms, inside=1))
    if recovers and not any(one.blind for one in late):
        return  # it cleared
    assert [(one.start_ms, one.watched_ms, one.counts) for one in run(late, counter(width_ms))] == [
        (one.start_ms, one.watched_ms, one.counts) for one in run(at_once, counter(width_ms))
    ]
