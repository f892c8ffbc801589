"""Intervals of true numbers per class: what misnaming may have done to a count."""

from collections.abc import Mapping

import numpy as np
import pytest

from collector.queries.likely import Naming, likely, likely_balance

JUDGED = {
    "car": {"car": 789, "truck": 16, "bus": 4, "van": 2},
    "van": {"car": 40, "van": 85, "truck": 18, "unclassified": 1},
    "truck": {"truck": 176, "bus": 31, "car": 25, "van": 15, "unclassified": 3},
    "bus": {"bus": 31, "truck": 25, "car": 10, "van": 6},
}


def naming(judged: Mapping[str, Mapping[str, int]]) -> Naming:
    rows = tuple((true, tuple(sorted(of.items()))) for true, of in sorted(judged.items()))
    return Naming(model="names 1", judged=rows)


def test_a_model_that_never_errs_leaves_the_counts_as_they_are() -> None:
    right = naming({label: {label: 100_000_000} for label in ("car", "truck", "bus")})
    assert likely({"car": 500, "truck": 40, "bus": 0}, right).classes == {
        "bus": (0, 0),
        "car": (500, 500),
        "truck": (40, 40),
    }


def test_a_lone_bus_among_trucks_may_be_none_and_buses_may_hide_among_trucks() -> None:
    """One in eight trucks is called a bus: one bus in a hundred trucks is no evidence of any."""
    low, high = likely({"truck": 90, "bus": 1, "car": 10}, naming(JUDGED)).classes["bus"]
    assert low == 0
    assert 1 <= high < 30


def test_fewer_judged_vehicles_make_wider_intervals() -> None:
    few = {true: {told: max(1, number // 20) for told, number in of.items()} for true, of in JUDGED.items()}
    told = {"car": 400, "van": 50, "truck": 120, "bus": 12}
    widths = []
    for judged in (JUDGED, few):
        low, high = likely(told, naming(judged)).classes["truck"]
        widths.append(high - low)
    assert widths[1] > 1.5 * widths[0]


def test_the_mix_of_classes_is_learned_from_the_counts_and_not_from_those_who_judged() -> None:
    """Those who judged are mostly cars; at a bridge of trucks what is called a car is seldom enough a truck, but is."""
    theta = {label: sum(of.values()) for label, of in JUDGED.items()}
    trucks_called = {told: 1000 * number // theta["truck"] for told, number in JUDGED["truck"].items()}
    low, high = likely(trucks_called, naming(JUDGED)).classes["truck"]
    assert low > 850
    assert high >= sum(trucks_called.values()) - 60


def test_all_vehicles_stay_as_many_and_what_nobody_watched_is_nothing() -> None:
    found = likely({"car": 10, "truck": 5, "unclassified": 3, "van": None}, naming(JUDGED)).classes
    assert sum(low for low, _ in found.values()) <= 18 <= sum(high for _, high in found.values())
    assert likely({}, naming(JUDGED)).classes == dict.fromkeys(sorted(JUDGED), (0, 0))


def test_a_balance_is_narrower_than_its_directions_would_make_it() -> None:
    """The model errs alike both ways: of 1,000 trucks each way the error of naming is the same, and goes out."""
    way = {"car": 1_000, "truck": 1_000, "bus": 100, "van": 100}
    both = likely_balance(way, way, naming(JUDGED))
    width = both.out["truck"][1] - both.out["truck"][0]
    low, high = both.balance["truck"]
    assert low <= 0 <= high
    assert high - low < 0.8 * 2**0.5 * width


def test_the_same_counts_have_the_same_interval() -> None:
    told = {"car": 40, "truck": 11, "bus": 2}
    assert likely(told, naming(JUDGED)) == likely(dict(reversed(told.items())), naming(JUDGED))


def test_without_a_confusion_there_is_no_interval_and_a_reason() -> None:
    found = likely({"truck": 5}, Naming(reason="mast-1 has no second look"))
    assert (found.classes, found.reason) == ({}, "mast-1 has no second look")


@pytest.mark.parametrize("mix", [(0.7, 0.1, 0.18, 0.02), (0.1, 0.05, 0.8, 0.05), (0.55, 0.25, 0.195, 0.005)])
def test_the_truth_lies_within_in_about_95_of_100_cases(mix: tuple[float, ...]) -> None:
    """Traffic of known classes is named by models as good as the judged vehicles leave room for."""
    chance = np.random.default_rng(1)
    true_labels, told_labels = list(JUDGED), sorted({name for of in JUDGED.values() for name in of})
    judge, within, cases = naming(JUDGED), dict.fromkeys(JUDGED, 0), 100
    for _ in range(cases):
        true = chance.multinomial(300, mix)
        told = np.zeros(len(told_labels), np.int64)
        for label, number in zip(true_labels, true, strict=True):
            row = chance.dirichlet([JUDGED[label].get(name, 0) + 0.2 for name in told_labels])
            told += chance.multinomial(number, row)
        found = likely(dict(zip(told_labels, told.tolist(), strict=True)), judge).classes
        for label, number in zip(true_labels, true, strict=True):
            within[label] += found[label][0] <= number <= found[label][1]
    assert min(within.values()) >= 0.85 * cases, within
    assert sum(within.values()) >= 0.92 * cases * len(JUDGED), within
