"""What a bucket says of a zone: means over the watched time, percentiles of waits, and nothing where nobody watched."""

from collections.abc import Iterable, Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.counting.buckets import Bucket, BucketCounter
from edge.counting.occupancy import Occupancy
from edge.counting.parameters import DEFAULT
from edge.counting.zone_counts import LengthLevel, Level, Waits, ZoneCount, ZoneSum, waits_of
from tests.counting.scenes import MINUTE_MS, NOON_MS

NOBODY = {"car": 0, "van": 0, "truck": 0, "bus": 0, "motorcycle": 0, "bicycle": 0, "unclassified": 0}


def occupancy(inside: int, standing: int = 0, **given: object) -> Occupancy:
    return Occupancy("queue", ("truck",) * inside, standing, **given)  # type: ignore[arg-type]


def run(frames: Iterable[tuple[int, Occupancy]], *, blind_ms: Sequence[int] = ()) -> list[Bucket]:
    counter = BucketCounter(["deck"], zones=["queue"])
    buckets: list[Bucket] = []
    for at_ms, now in frames:
        buckets += counter.advance(NOON_MS + at_ms, [], [now], watching=at_ms not in blind_ms)
    return buckets + list(counter.close())


def known(number: int | None) -> int:
    """Of a zone that a video shows nothing is unknown; of stills, much is."""
    assert number is not None
    return number


def zones(buckets: Iterable[Bucket]) -> list[ZoneCount | None]:
    return [None if one.zones is None else one.zones["queue"] for one in buckets]


def test_a_bucket_tells_the_mean_over_its_watched_time_the_most_and_the_last() -> None:
    frames = [(1_000 * s, occupancy(4, 3) if s < 15 else occupancy(1, 0)) for s in range(61)]
    [first, last] = zones(run(frames))
    assert first == ZoneCount(
        inside=Level(mean=1.75, max=4, end=1),
        standing=Level(mean=0.75, max=3, end=0),
        parked=0,
        by_class={**NOBODY, "truck": 1},
        entered=0,
        left=0,
        lost=0,
        waited=0,
        wait_ms=None,
        queue_m=None,
    )
    assert last is None  # one frame vouches for nothing


def test_time_that_nobody_watched_is_in_no_mean() -> None:
    frames = [(1_000 * s, occupancy(4 if s < 5 else 1)) for s in (*range(5), *range(30, 41))]
    [only] = zones(run(frames))
    assert only is not None
    watched_ms = 4_000 + 2_000 + 10_000
    assert only.inside == Level(mean=round((4 * 6_000 + 10_000) / watched_ms, 2), max=4, end=1)


def test_a_blind_bucket_tells_nothing_of_its_zones() -> None:
    frames = [(1_000 * s, occupancy(2)) for s in (*range(30), *range(150, 181))]
    assert [one is None for one in zones(run(frames))] == [False, True, False, True]


def test_a_bucket_without_zones_has_none() -> None:
    counter = BucketCounter(["deck"])
    list(counter.advance(NOON_MS, []))
    list(counter.advance(NOON_MS + 1_000, []))
    assert [one.zones for one in counter.close()] == [{}]


def test_who_came_and_went_between_two_frames_is_booked_in_the_bucket_that_was_watched_between_them() -> None:
    gone = occupancy(0, entered=1, left=2, lost=3, waits_ms=(4_000,))
    [first, second] = zones(
        run([(58_000, occupancy(2)), (59_500, occupancy(2)), (60_000, gone), (61_000, occupancy(0))])
    )
    assert first is not None
    assert second is not None
    assert (first.entered, first.left, first.lost, first.waited, first.wait_ms) == (
        1,
        2,
        3,
        1,
        Waits(4_000, 4_000, 4_000),
    )
    assert (second.left, second.wait_ms) == (0, None)


def test_the_length_of_the_queue_is_told_to_the_tenth_of_a_metre() -> None:
    frames = [(1_000 * s, occupancy(2, 2, queue_m=24.1 if s < 10 else 0.0)) for s in range(31)]
    [only] = zones(run(frames))
    assert only is not None
    assert only.queue_m == LengthLevel(mean=8.0, max=24.1, end=0.0)


def test_percentiles_are_waits_that_were_waited() -> None:
    assert waits_of([]) is None
    assert waits_of([7]) == Waits(7, 7, 7)
    assert waits_of([30, 10, 20, 40]) == Waits(20, 40, 40)
    assert waits_of(range(1, 101)) == Waits(50, 90, 100)


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=50))
def test_half_waited_no_longer_than_the_median_and_nine_in_ten_than_p90(waits_ms: list[int]) -> None:
    found = waits_of(waits_ms)
    assert found is not None
    for percentile, share in ((found.p50, Fraction(1, 2)), (found.p90, Fraction(9, 10))):
        assert sum(wait <= percentile for wait in waits_ms) >= share * len(waits_ms)
        assert sum(wait < percentile for wait in waits_ms) < share * len(waits_ms)
    assert found.max == max(waits_ms)


def test_beyond_the_bound_waits_are_counted_and_the_longest_is_known_still() -> None:
    total = ZoneSum()
    total.add_events(occupancy(0, waits_ms=(1_000,) * DEFAULT.buckets.waits_max))
    total.add_events(occupancy(0, waits_ms=(9_000,) * 5))
    total.add_level(occupancy(0), 1_000)
    count = total.close()
    assert count is not None
    assert (count.waited, count.wait_ms) == (DEFAULT.buckets.waits_max + 5, Waits(1_000, 1_000, 9_000))


frames_of = st.lists(st.tuples(st.integers(1, 3_000), st.integers(0, 9)), min_size=2, max_size=40)


@given(frames_of, st.integers(-3, 3))
def test_shifting_time_by_whole_buckets_shifts_only_the_starts(steps: list[tuple[int, int]], minutes: int) -> None:
    def frames(shift_ms: int) -> list[tuple[int, Occupancy]]:
        at_ms, found = shift_ms, []
        for step_ms, inside in steps:
            at_ms += step_ms
            found.append((at_ms, occupancy(inside, inside // 2)))
        return found

    assert zones(run(frames(minutes * MINUTE_MS))) == zones(run(frames(0)))


@given(frames_of)
def test_the_mean_lies_between_the_least_and_the_most(steps: list[tuple[int, int]]) -> None:
    at_ms, frames = 0, []
    for step_ms, inside in steps:
        at_ms += step_ms
        frames.append((at_ms, occupancy(inside)))
    for zone in zones(run(frames)):
        if zone is not None:
            assert min(inside for _, inside in steps) - 0.005 <= zone.inside.mean <= zone.inside.max + 0.005
            assert zone.inside.end == pytest.approx(sum(zone.by_class.values()))


# Who comes and goes where nobody watches


def test_who_is_lost_in_a_bucket_that_nobody_watched_is_told_by_the_next_one_that_is_watched() -> None:
    lost = occupancy(0, left=1, lost=2, waits_ms=(4_000,))
    times = range(0, 241)
    frames = [(1_000 * s, occupancy(0) if s not in (70, 130) else lost) for s in times]
    counts = zones(run(frames, blind_ms=[1_000 * s for s in range(59, 180)]))
    assert [one and (one.left, one.lost, one.waited) for one in counts] == [(0, 0, 0), None, None, (2, 4, 2), None]
    assert counts[3] is not None
    assert counts[3].wait_ms == Waits(4_000, 4_000, 4_000)


def test_who_is_lost_when_the_run_ends_is_told_by_the_last_bucket_that_was_watched() -> None:
    counter = BucketCounter(["deck"], zones=["queue"])
    for second in range(61):
        assert list(counter.advance(NOON_MS + 1_000 * second, [], [occupancy(1)])) == []
    assert [one and one.lost for one in zones(counter.close([], [occupancy(0, lost=1)]))] == [1, None]


events = st.lists(
    st.tuples(st.integers(1, 30_000), st.booleans(), st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=40
)


@given(events)
def test_everybody_who_came_or_went_is_told_exactly_once_if_anything_is_watched_at_last(
    steps: list[tuple[int, bool, int, int]],
) -> None:
    buckets: list[Bucket] = []
    counter, at_ms = BucketCounter(["deck"], zones=["queue"]), 0
    for step_ms, shows, entered, lost in [*steps, (1, True, 0, 0), (1_000, True, 0, 0)]:
        at_ms += step_ms
        waits_ms = (1_000,) * lost
        now = occupancy(0, entered=entered, lost=lost, waits_ms=waits_ms)
        buckets += counter.advance(NOON_MS + at_ms, [], [now], watching=shows)
    told = [one for one in zones([*buckets, *counter.close([], [occupancy(0, entered=1)])]) if one is not None]
    assert sum(known(one.entered) for one in told) == sum(entered for _, _, entered, _ in steps) + 1
    assert (
        sum(known(one.lost) for one in told)
        == sum(known(one.waited) for one in told)
        == sum(lost for *_, lost in steps)
    )
