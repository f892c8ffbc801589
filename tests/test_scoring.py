"""How right a count is: the best pairing, and honest figures from it."""

from collections import Counter
from collections.abc import Sequence
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.offline.scoring import (
    Event,
    LevelScore,
    Pairing,
    Score,
    ZoneScore,
    pair,
    score,
    score_zone,
    total,
    wilson_interval,
)


def out(at_ms: int, *, label: str = "car", uncertain: bool = False, label_uncertain: bool = False) -> Event:
    return Event("a_to_b", label, at_ms, uncertain, label_uncertain)


def back(at_ms: int, label: str = "car") -> Event:
    return Event("b_to_a", label, at_ms)


# Pairing


def test_a_second_apart_is_the_same_crossing_and_more_is_not() -> None:
    assert pair([out(5_000)], [out(6_000)]) == Pairing(((0, 0),), (), (), ())
    assert pair([out(5_000)], [out(6_001)]) == Pairing((), (), (0,), (0,))


def test_one_prediction_explains_one_crossing() -> None:
    assert pair([out(0), out(100)], [out(40)]) == Pairing(((0, 0),), (), (1,), ())


def test_most_are_found_even_where_the_nearest_would_not_be_paired() -> None:
    """Greedily 900 would take 1000, and 1900 would be left with nothing."""
    assert pair([out(0), out(1_000)], [out(900), out(1_900)]).found == ((0, 0), (1, 1))


def test_of_pairings_that_find_as_many_the_nearest_in_time_is_taken() -> None:
    assert pair([out(0), out(500)], [out(450), out(10)]).found == ((0, 1), (1, 0))


def test_the_other_direction_is_another_crossing() -> None:
    assert pair([out(0)], [back(0)]) == Pairing((), (), (0,), (0,))


def test_an_uncertain_crossing_excuses_a_prediction_and_is_never_missed() -> None:
    unsure = out(0, uncertain=True)
    assert pair([unsure], [out(300)]) == Pairing((), ((0, 0),), (), ())
    assert pair([unsure], []) == Pairing((), (), (), ())


def test_a_certain_crossing_goes_before_an_uncertain_one_however_near() -> None:
    assert pair([out(0, uncertain=True), out(900)], [out(0)]) == Pairing(((1, 0),), (), (), ())


def test_an_uncertain_crossing_takes_what_a_certain_one_leaves() -> None:
    made = pair([out(0, uncertain=True), out(900)], [out(0), out(900)])
    assert made == Pairing(((1, 1),), ((0, 0),), (), ())


times = st.integers(0, 4_000)
events = st.lists(st.builds(Event, st.sampled_from(("a_to_b", "b_to_a")), st.just("car"), times), max_size=5)
unsure_events = st.lists(
    st.builds(Event, st.just("a_to_b"), st.just("car"), times, st.booleans()), min_size=1, max_size=5
)


@given(st.one_of(events, unsure_events), events)
def test_no_pairing_finds_more_or_lies_nearer(true: list[Event], predicted: list[Event]) -> None:
    made = pair(true, predicted)
    places = [*range(len(predicted)), *([None] * len(true))]
    best = max(_worth(true, predicted, choice) for choice in set(permutations(places, len(true))))
    chosen = dict([*made.found, *made.excused])
    assert _worth(true, predicted, [chosen.get(row) for row in range(len(true))]) == best


def _worth(true: list[Event], predicted: list[Event], choice: Sequence[int | None]) -> tuple[int, int, int]:
    """Certain ones found, all explained, and nearness; impossible pairs are worth less than nothing."""
    pairs = [(truth, predicted[place]) for truth, place in zip(true, choice, strict=True) if place is not None]
    if any(a.direction != b.direction or abs(a.at_ms - b.at_ms) > 1_000 for a, b in pairs):
        return -1, 0, 0
    certain = sum(not truth.uncertain for truth, _ in pairs)
    return certain, len(pairs), -sum(abs(a.at_ms - b.at_ms) for a, b in pairs)


@given(st.one_of(events, unsure_events), events)
def test_everything_is_told_of_once(true: list[Event], predicted: list[Event]) -> None:
    made = pair(true, predicted)
    certain = {row for row, truth in enumerate(true) if not truth.uncertain}
    assert {row for row, _ in made.found} | set(made.missed) == certain
    columns = [column for _, column in (*made.found, *made.excused)] + list(made.extra)
    assert sorted(columns) == list(range(len(predicted)))


# Scores


def test_a_clip_is_scored_whole() -> None:
    true = [out(0), out(5_000, label="truck"), out(9_000, uncertain=True), back(20_000), out(30_000)]
    predicted = [out(200), out(5_100, label="bus"), out(9_300), out(20_500), out(50_000)]
    assert score(true, predicted) == Score(
        true=4,
        found=2,
        missed=2,
        extra=2,
        direction_errors=1,
        confusion=Counter({("car", "car"): 1, ("truck", "bus"): 1}),
        extra_names=Counter({"car": 2}),
    )


def test_a_class_that_nobody_knows_is_not_scored() -> None:
    assert score([out(0, label="van", label_uncertain=True)], [out(0)]).confusion == Counter()


def test_a_direction_error_is_one_miss_and_one_extra_at_the_same_time() -> None:
    assert score([out(0)], [back(900)]).direction_errors == 1
    assert score([out(0)], [back(1_100)]).direction_errors == 0
    assert score([out(0)], [out(0), back(0)]).direction_errors == 0
    assert score([out(0), out(100)], [back(0)]).direction_errors == 1


def test_figures_of_a_score() -> None:
    some = Score(true=10, found=8, missed=2, extra=4, confusion=Counter({("car", "car"): 6, ("car", "van"): 2}))
    assert (some.precision, some.recall, some.class_accuracy, some.total_error) == (8 / 12, 0.8, 0.75, 2)
    assert some.f1 == pytest.approx(2 * some.precision * some.recall / (some.precision + some.recall))


def test_nothing_to_count_and_nothing_counted_is_right() -> None:
    assert (Score().precision, Score().recall, Score().f1, Score().class_accuracy) == (1.0, 1.0, 1.0, 1.0)
    assert Score().f1_interval == (0.0, 1.0)


def test_something_counted_where_nothing_was_is_wrong() -> None:
    assert (Score(extra=1).f1, Score(extra=1).precision, Score(true=1, missed=1).recall) == (0.0, 0.0, 0.0)


@given(st.lists(st.tuples(events, events), max_size=4))
def test_scores_of_clips_add_up(clips: list[tuple[list[Event], list[Event]]]) -> None:
    """Clips that lie far apart in time are one long clip."""
    apart_ms = 1_000_000
    true = [_later(one, number * apart_ms) for number, (part, _) in enumerate(clips) for one in part]
    predicted = [_later(one, number * apart_ms) for number, (_, part) in enumerate(clips) for one in part]
    assert total(score(*clip) for clip in clips) == score(true, predicted)


def _later(event: Event, by_ms: int) -> Event:
    return Event(event.direction, event.label, event.at_ms + by_ms)


# Intervals


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),  # Newcombe 1998, method 3, and R's prop.test(correct=FALSE)
        (10, 10, 0.7225, 1.0),
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_interval_is_that_of_the_books(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=5e-5)


def test_without_trials_nothing_is_known() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


counts = st.integers(0, 2_000)


@given(counts, counts)
def test_the_interval_holds_the_share_and_lies_in_0_to_1(successes: int, failures: int) -> None:
    low, high = wilson_interval(successes, successes + failures)
    share = successes / (successes + failures) if successes + failures else 0.5
    assert 0.0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1.0


@given(counts, counts, counts)
def test_the_interval_of_f1_holds_f1_and_narrows_with_more_of_the_same(found: int, missed: int, extra: int) -> None:
    some = Score(true=found + missed, found=found, missed=missed, extra=extra)
    low, high = some.f1_interval
    assert low - 1e-12 <= some.f1 <= high + 1e-12 or found + missed + extra == 0
    low_of_two, high_of_two = (some + some).f1_interval
    assert high_of_two - low_of_two <= high - low + 1e-12


# Zones


def test_a_zone_is_scored_frame_by_frame_and_by_its_median_wait() -> None:
    frames = [((4, 2), (4, 3)), ((4, 2), (3, 2)), ((6, 4), (6, 4)), ((6, 4), (6, 2))]
    assert score_zone(frames, [10, 20, 30], [22, 40]) == ZoneScore(
        frames=4,
        inside=LevelScore(true_mean=5.0, error=0.25),
        standing=LevelScore(true_mean=3.0, error=0.75),
        true_waits=3,
        counted_waits=2,
        true_p50_ms=20,
        counted_p50_ms=22,
    )
    assert score_zone(frames, [10, 20, 30], [22, 40]).p50_error_share == pytest.approx(0.1)
    assert LevelScore(true_mean=5.0, error=0.25).error_share == 0.05


def test_what_the_truth_does_not_tell_is_not_scored() -> None:
    unknown = score_zone([], None, [5])
    assert (unknown.true_waits, unknown.true_p50_ms, unknown.p50_error_share) == (None, None, None)
    assert unknown.standing.error_share is None
    assert score_zone([], [5], []).p50_error_share is None
