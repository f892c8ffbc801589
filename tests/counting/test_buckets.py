"""Buckets lie on whole spans of UTC, say how long was watched, and lose no crossing."""

import tracemalloc
from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.counting.buckets import COUNTED_CLASSES, Bucket, BucketCounter, Counts
from edge.counting.crossing import DIRECTIONS, Crossing
from edge.counting.parameters import DEFAULT, CountingParameters
from tests.counting.scenes import MINUTE_MS, NOON_MS

YEAR_MS = 365 * 24 * 60 * MINUTE_MS


def settling(settle_ms: int) -> CountingParameters:
    """Parameters by which a bucket stays open for so long."""
    return msgspec.structs.replace(DEFAULT, buckets=msgspec.structs.replace(DEFAULT.buckets, settle_ms=settle_ms))


def crossing(at_ms: int, *, line: str = "deck", direction: str = "a_to_b", label: str = "car") -> Crossing:
    return Crossing(line, direction, label, 1.0, NOON_MS + at_ms, 0.5, 1)


def counts(*crossings: Crossing, lines: Sequence[str] = ("deck",)) -> Counts:
    """What a bucket with these crossings holds: explicit zeros and all."""
    table = {line: {way: dict.fromkeys(COUNTED_CLASSES, 0) for way in DIRECTIONS} for line in lines}
    for one in crossings:
        table[one.line][one.direction][one.label] += 1
    return table


def bucket(minute: int, watched_ms: int, *crossings: Crossing) -> Bucket:
    return Bucket(NOON_MS + minute * MINUTE_MS, MINUTE_MS, watched_ms, counts(*crossings))


def blind(minute: int) -> Bucket:
    return Bucket(NOON_MS + minute * MINUTE_MS, MINUTE_MS, 0, None)


def run(
    times_ms: Iterable[int],
    crossings: Sequence[tuple[int, Crossing]] = (),
    *,
    blind_ms: Sequence[int] = (),
    counter: BucketCounter | None = None,
) -> list[Bucket]:
    """All buckets of frames at these times after noon; crossings come with the frame at the time beside them."""
    counter = counter or BucketCounter(["deck"])
    buckets: list[Bucket] = []
    for at_ms in times_ms:
        now = [one for certain_ms, one in crossings if certain_ms == at_ms]
        buckets += counter.advance(NOON_MS + at_ms, now, watching=at_ms not in blind_ms)
    return buckets + list(counter.close())


def seconds(from_s: int, to_s: int) -> list[int]:
    return [second * 1000 for second in range(from_s, to_s + 1)]


# Where buckets lie, and when they close


def test_buckets_are_aligned_to_utc_and_not_to_the_start_of_the_run() -> None:
    assert run(seconds(50, 70)) == [bucket(0, 10_000), bucket(1, 10_000)]


def test_zeros_are_explicit_for_every_line_direction_and_class() -> None:
    [only] = run(seconds(0, 1), counter=BucketCounter(["deck", "ramp"]))
    classes = ["car", "van", "truck", "bus", "motorcycle", "bicycle", "unclassified"]
    zeros = {way: dict.fromkeys(classes, 0) for way in ("a_to_b", "b_to_a")}
    assert only.counts == {"deck": zeros, "ramp": zeros}


def test_a_bucket_closes_when_it_is_settled_and_not_before() -> None:
    counter = BucketCounter(["deck"], parameters=settling(2_000))
    for second in range(62):
        assert list(counter.advance(NOON_MS + second * 1000, [])) == []
    assert list(counter.advance(NOON_MS + 62_000, [])) == [bucket(0, 60_000)]


def test_a_run_without_frames_has_no_buckets() -> None:
    assert run([]) == []


def test_after_closing_the_counter_is_as_new() -> None:
    counter = BucketCounter(["deck"])
    assert run(seconds(0, 30), counter=counter) == run(seconds(0, 30), counter=counter) == [bucket(0, 30_000)]


def test_time_may_stand_still_but_never_steps_back() -> None:
    counter = BucketCounter(["deck"])
    list(counter.advance(NOON_MS, []))
    list(counter.advance(NOON_MS, []))
    with pytest.raises(AssertionError, match="never steps back"):
        list(counter.advance(NOON_MS - 1, []))


# Which bucket a crossing belongs to


def test_a_crossing_is_booked_when_it_happened_and_not_when_it_became_certain() -> None:
    late, early = crossing(59_999), crossing(60_000)
    assert run(seconds(0, 90), [(61_000, late), (61_000, early)]) == [
        bucket(0, 60_000, late),
        bucket(1, 30_000, early),
    ]


def test_a_crossing_older_than_the_open_buckets_is_counted_late_and_not_lost() -> None:
    counter = BucketCounter(["deck"])
    stood_for_minutes = crossing(30_000)
    assert run(seconds(0, 200), [(190_000, stood_for_minutes)], counter=counter) == [
        bucket(0, 60_000),
        bucket(1, 60_000),
        bucket(2, 60_000),
        bucket(3, 20_000, crossing(190_000)),
    ]
    assert counter.late == 1


def test_a_crossing_in_time_is_not_late() -> None:
    counter = BucketCounter(["deck"])
    run(seconds(0, 70), [(61_000, crossing(59_000))], counter=counter)
    assert counter.late == 0


def test_every_line_direction_and_class_has_its_own_count() -> None:
    passing = [
        crossing(1_000, line="ramp", direction="b_to_a", label="bus"),
        crossing(1_000, line="deck", label="truck"),
        crossing(1_000, line="deck", label="truck"),
        crossing(1_000, line="deck", label="unclassified"),
    ]
    [only] = run(seconds(0, 2), [(2_000, one) for one in passing], counter=BucketCounter(["deck", "ramp"]))
    assert only.counts == counts(*passing, lines=("deck", "ramp"))


# Watched time: zero is told from blind


def test_a_whole_minute_is_ok() -> None:
    [first, _] = run(seconds(0, 60))
    assert (first, first.state) == (bucket(0, 60_000), "ok")


def test_a_frame_vouches_for_the_gap_and_no_longer() -> None:
    assert run([0, 1_999, 5_000, 10_000]) == [bucket(0, 1_999 + 2_000 + 2_000)]


def test_a_minute_with_a_hole_is_partial() -> None:
    [first, _] = run([*seconds(0, 20), *seconds(50, 60)])
    assert (first, first.state) == (bucket(0, 20_000 + 2_000 + 10_000), "partial")


def test_three_seconds_of_a_minute_may_be_lost_to_a_reconnect() -> None:
    [first, _] = run([*seconds(0, 20), *seconds(25, 60)])
    assert (first, first.state) == (bucket(0, 57_000), "ok")
    [first, _] = run([*seconds(0, 20), *seconds(26, 60)])
    assert (first, first.state) == (bucket(0, 56_000), "partial")


def test_a_minute_without_frames_is_blind_and_its_counts_are_null() -> None:
    found = run([*seconds(0, 30), *seconds(150, 180)])
    assert found == [bucket(0, 32_000), blind(1), bucket(2, 30_000), blind(3)]
    assert [one.state for one in found] == ["partial", "blind", "partial", "blind"]


def test_a_frame_that_shows_nothing_vouches_for_nothing() -> None:
    assert run(seconds(0, 10), blind_ms=seconds(4, 6)) == [bucket(0, 4_000 + 3_000)]


def test_a_minute_of_covered_frames_is_blind() -> None:
    assert run(seconds(0, 120), blind_ms=seconds(60, 119)) == [bucket(0, 60_000), blind(1), blind(2)]


def test_what_was_counted_is_told_even_where_no_time_was_watched() -> None:
    passing = crossing(500)
    counter = BucketCounter(["deck", "ramp"])
    [only] = run([0, 1_000], [(1_000, passing)], blind_ms=[0, 1_000], counter=counter)
    seen = {"deck": {"a_to_b": {"car": 1}}}  # and no zeros: whether a bus crossed nobody knows
    assert (only, only.state) == (Bucket(NOON_MS, MINUTE_MS, 0, seen), "partial")


def test_watched_time_is_split_at_the_edge_of_the_bucket() -> None:
    assert run([59_500, 61_000]) == [bucket(0, 500), bucket(1, 1_000)]


def test_a_gap_longer_than_several_buckets_watches_all_of_them() -> None:
    counter = BucketCounter(["deck"], width_ms=5_000, gap_ms=60_000, parameters=settling(0))
    assert [one.watched_ms for one in run([2_000, 18_000], counter=counter)] == [3_000, 5_000, 5_000, 3_000]


def test_a_leap_of_years_gives_every_blind_bucket_and_holds_few() -> None:
    hours = BucketCounter(["deck"], width_ms=60 * MINUTE_MS)
    list(hours.advance(NOON_MS, []))
    tracemalloc.start()
    closed = sum(1 for _ in hours.advance(NOON_MS + 5 * YEAR_MS, []))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert closed == 5 * 365 * 24 - 1  # the last one is settling
    assert peak_bytes < 100_000


# Properties

spans = st.lists(st.integers(0, 30_000), min_size=1, max_size=40)
watching = st.lists(st.booleans(), min_size=40, max_size=40)
gaps = st.integers(1, 20_000)


def times_of(steps: Sequence[int]) -> list[int]:
    times = [steps[0]]
    for step in steps[1:]:
        times.append(times[-1] + step)
    return times


@given(spans, watching, gaps)
def test_watched_time_never_exceeds_the_time_elapsed_nor_the_bucket(
    steps: list[int], shows: list[bool], gap_ms: int
) -> None:
    times = times_of(steps)
    counter = BucketCounter(["deck"], width_ms=10_000, gap_ms=gap_ms)
    covered = [time for time, shown in zip(times, shows, strict=False) if not shown]
    buckets = run(times, blind_ms=covered, counter=counter)
    assert sum(one.watched_ms for one in buckets) <= times[-1] - times[0]
    assert all(0 <= one.watched_ms <= one.width_ms for one in buckets)


@given(spans, gaps)
def test_watched_time_is_that_of_the_frames_whatever_the_buckets(steps: list[int], gap_ms: int) -> None:
    times = times_of(steps)
    vouched = sum(min(later - earlier, gap_ms) for earlier, later in pairwise(times))
    for width_ms in (5_000, 7_000, 60_000):
        buckets = run(times, counter=BucketCounter(["deck"], width_ms=width_ms, gap_ms=gap_ms))
        assert sum(one.watched_ms for one in buckets) == vouched


@given(spans)
def test_buckets_follow_one_another_without_a_hole(steps: list[int]) -> None:
    times = times_of(steps)
    starts = [one.start_ms for one in run(times)]
    first, last = (NOON_MS + time - time % MINUTE_MS for time in (times[0], times[-1]))
    assert starts == list(range(first, last + 1, MINUTE_MS))


@given(spans, st.lists(st.tuples(st.integers(0, 39), st.integers(0, 200_000)), max_size=20))
def test_every_crossing_is_counted_exactly_once(steps: list[int], events: list[tuple[int, int]]) -> None:
    """However long before it became certain it happened."""
    times = times_of(steps)
    passing = [(times[place % len(times)], ago_ms) for place, ago_ms in events]
    crossings = [(certain_ms, crossing(certain_ms - ago_ms)) for certain_ms, ago_ms in passing]
    unlike = len(set(times)) == len(times)
    buckets = run(times if unlike else sorted(set(times)), crossings)
    assert sum(one.counts["deck"]["a_to_b"]["car"] for one in buckets if one.counts) == len(crossings)


@given(spans, st.integers(0, 40))
def test_two_runs_inside_a_bucket_add_up(steps: list[int], cut: int) -> None:
    times = times_of([step + 1 for step in steps])
    crossings = [(time, crossing(time)) for time in times]
    whole = totals(run(times, crossings))
    halves = [totals(run(part, crossings)) for part in (times[:cut], times[cut:])]
    starts = {start for half in halves for start in half}
    added = {start: sum(half.get(start, 0) for half in halves) for start in starts}
    assert {k: v for k, v in added.items() if v} == {k: v for k, v in whole.items() if v}


def totals(buckets: list[Bucket]) -> dict[int, int]:
    return {one.start_ms: one.counts["deck"]["a_to_b"]["car"] for one in buckets if one.counts}


@given(spans, st.integers(-5, 5))
def test_shifting_time_by_whole_buckets_shifts_only_the_starts(steps: list[int], minutes: int) -> None:
    times = times_of(steps)
    shift_ms = minutes * MINUTE_MS
    moved = run([time + shift_ms for time in times])
    assert [(one.start_ms - shift_ms, one.watched_ms, one.counts) for one in moved] == [
        (one.start_ms, one.watched_ms, one.counts) for one in run(times)
    ]
