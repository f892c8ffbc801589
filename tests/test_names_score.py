"""How right names are, class by class, and whether a share says how sure a name is."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.counting.detection import CLASSES, UNCLASSIFIED
from edge.offline.evaluate import summary_of
from edge.offline.names_score import GROUP_LEAST, GROUPS_MAX, ClassScore, names_score, reliability
from edge.offline.scoring import Event, Score, score, total, wilson_interval

SOME = Score(
    true=15,
    found=14,
    missed=1,
    extra=2,
    confusion=Counter(
        {
            ("car", "car"): 5,
            ("van", "car"): 2,
            ("van", "van"): 1,
            ("truck", "truck"): 3,
            ("truck", "bus"): 1,
            ("truck", UNCLASSIFIED): 1,
            ("bus", "truck"): 1,
        }
    ),
    extra_names=Counter({"bus": 1, UNCLASSIFIED: 1}),
)

labels = st.sampled_from((*CLASSES, UNCLASSIFIED))
confusions = st.dictionaries(st.tuples(st.sampled_from(CLASSES), labels), st.integers(1, 9)).map(Counter)
shares = st.lists(st.tuples(st.sampled_from((0.4, 0.5, 0.9, 0.99, 1.0)), st.booleans()), max_size=300).map(tuple)


def test_each_class_has_what_is_true_told_right_false_and_extra() -> None:
    fine = names_score(SOME)
    assert (fine.judged, fine.right) == (14, 9)
    assert fine.classes == {
        "car": ClassScore(true=5, told=7, right=5, extra=0),
        "van": ClassScore(true=3, told=1, right=1, extra=0),
        "truck": ClassScore(true=5, told=4, right=3, extra=0),
        "bus": ClassScore(true=1, told=1, right=0, extra=1),
    }
    truck = fine.classes["truck"]
    assert (truck.recall, truck.precision, truck.false) == (0.6, 0.75, 1)


def test_a_van_called_car_is_right_among_coarse_classes() -> None:
    coarse = names_score(SOME, coarse=True)
    assert (coarse.judged, coarse.right) == (14, 11)
    assert coarse.classes["light"] == ClassScore(true=8, told=8, right=8, extra=0)
    assert coarse.classes["truck"] == names_score(SOME).classes["truck"]
    assert list(coarse.classes) == ["light", "truck", "bus"]


def test_what_is_not_told_has_no_precision_and_what_is_not_true_no_recall() -> None:
    none = names_score(Score(confusion=Counter({("bus", "car"): 1}))).classes
    assert (none["bus"].precision, none["bus"].recall) == (None, 0.0)
    assert (none["car"].precision, none["car"].recall) == (0.0, None)


@given(confusions)
def test_an_unclassified_crossing_is_a_false_name_of_no_class(confusion: Counter[tuple[str, str]]) -> None:
    names = names_score(Score(confusion=confusion))
    unclassified = sum(n for (_, told), n in confusion.items() if told == UNCLASSIFIED)
    assert sum(one.true for one in names.classes.values()) == names.judged
    assert sum(one.told for one in names.classes.values()) == names.judged - unclassified
    assert sum(one.false for one in names.classes.values()) == names.judged - unclassified - names.right


# Reliability


@given(shares)
def test_every_named_crossing_is_in_one_group_and_equal_shares_in_the_same(of: tuple[tuple[float, bool], ...]) -> None:
    made = reliability(Score(shares=of))
    assert made.named == len(of)
    assert sum(group.right for group in made.groups) == sum(right for _, right in of)
    assert len(made.groups) <= GROUPS_MAX
    for before, after in zip(made.groups, made.groups[1:], strict=False):
        assert before.high < after.low
        assert before.crossings >= min(GROUP_LEAST, len(of))


@given(shares, st.randoms(use_true_random=False))
def test_groups_depend_on_no_order(of: tuple[tuple[float, bool], ...], chance: random.Random) -> None:
    mixed = list(of)
    chance.shuffle(mixed)
    assert reliability(Score(shares=tuple(mixed))) == reliability(Score(shares=of))


def test_the_error_is_how_far_share_and_right_are_apart() -> None:
    of = tuple([(0.9, number < 6) for number in range(10)] + [(0.5, number < 6) for number in range(10)])
    made = reliability(Score(shares=of))
    assert [(group.share, group.right) for group in made.groups] == [(0.5, 6), (0.9, 6)]
    assert made.error == pytest.approx((10 * 0.1 + 10 * 0.3) / 20)


def test_shares_that_mean_what_they_say_show_no_more_error_than_chance_makes() -> None:
    """And names that are right half as often as they say show it."""
    chance = random.Random(5)
    honest, boasting = [], []
    for _ in range(200):
        drawn = [chance.uniform(0.4, 1.0) for _ in range(500)]
        honest.append(reliability(Score(shares=tuple((share, chance.random() < share) for share in drawn))))
        boasting.append(reliability(Score(shares=tuple((share, chance.random() < share / 2) for share in drawn))))
    assert sum(one.error or 0.0 for one in honest) / 200 == pytest.approx(honest[0].by_chance, rel=0.15)
    assert min(one.error or 0.0 for one in boasting) > 0.25


def test_without_crossings_nothing_is_said() -> None:
    assert reliability(Score()).error is None
    assert summary_of(Score())["reliability"]["expected_calibration_error"] is None


def test_unclassified_and_unknown_crossings_are_in_no_group_and_are_counted() -> None:
    true = [Event("a_to_b", "car", 0), Event("a_to_b", "bus", 5_000), Event("a_to_b", "van", 9_000, False, True)]
    told = [
        Event("a_to_b", "car", 0, share=0.8),
        Event("a_to_b", UNCLASSIFIED, 5_000, share=0.3),
        Event("a_to_b", "car", 9_000, share=0.6),
    ]
    made = score(true, told)
    assert made.shares == ((0.8, True),)
    assert reliability(made).unclassified == 1


def test_names_of_clips_add_up() -> None:
    true = [Event("a_to_b", "car", 0), Event("a_to_b", "truck", 5_000)]
    told = [Event("a_to_b", "car", 0, share=0.9), Event("a_to_b", "bus", 5_000, share=0.6), Event("b_to_a", "bus", 0)]
    both = total([score(true, told), score(true, told)])
    assert both.shares == ((0.9, True), (0.6, False)) * 2
    assert names_score(both).classes["bus"] == ClassScore(true=0, told=2, right=0, extra=2)


def test_the_summary_has_intervals_and_names_for_each_class() -> None:
    names = summary_of(SOME)["names"]
    assert names["fine"]["share"] == round(9 / 14, 4)
    truck = names["coarse"]["classes"]["truck"]
    low, high = wilson_interval(3, 5)
    assert truck["recall_interval_95"] == [round(low, 4), round(high, 4)]
    assert truck["precision"] == 0.75
    assert names["fine"]["classes"]["bus"] == {
        "true": 1,
        "told": 1,
        "right": 0,
        "false": 1,
        "extra": 1,
        "recall": 0.0,
        "recall_interval_95": [0.0, round(wilson_interval(0, 1)[1], 4)],
        "precision": 0.0,
        "precision_interval_95": [0.0, round(wilson_interval(0, 1)[1], 4)],
    }
