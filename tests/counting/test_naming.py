"""What a vehicle is called, by the vote and by second looks."""

from math import log

import pytest

from edge.counting.detection import CLASSES, UNCLASSIFIED, DetectedFrame, Detection
from edge.counting.naming import likeliest_class, probabilities
from edge.counting.parameters import DEFAULT
from edge.counting.tracking import Track, Tracker

CAR, VAN, TRUCK, BUS = range(4)


def answers(sure: int, share: float = 0.9) -> tuple[float, ...]:
    rest = (1.0 - share) / (len(CLASSES) - 1)
    return tuple(log(share if number == sure else rest) for number in range(len(CLASSES)))


def test_without_a_second_look_a_share_is_that_of_the_vote() -> None:
    assert probabilities((3.0, 0, 1.0, 0, 0, 0), 0, (0.0,) * 6) == (0.75, 0, 0.25, 0, 0, 0)


def test_nothing_known_is_no_name() -> None:
    assert Track(1, (0, 0, 1, 1), 0).label(0.0) == (UNCLASSIFIED, 0.0)


def test_second_looks_overrule_a_vote_that_knows_no_vans() -> None:
    looks = [answers(VAN), answers(VAN), answers(CAR, 0.5)]
    shares = probabilities((1.0, 0, 0, 0, 0, 0), 3, tuple(map(sum, zip(*looks, strict=True))))
    assert sum(shares) == pytest.approx(1.0)
    assert shares.index(max(shares)) == VAN


def test_a_vote_settles_what_second_looks_leave_open() -> None:
    even = tuple(log(0.45 if number in {CAR, TRUCK} else 0.025) for number in range(len(CLASSES)))
    assert max(range(6), key=probabilities((1.0, 0, 0, 0, 0, 0), 1, even).__getitem__) == CAR
    assert max(range(6), key=probabilities((0, 0, 1.0, 0, 0, 0), 1, even).__getitem__) == TRUCK


def test_a_vote_for_a_car_says_nothing_against_a_van() -> None:
    even = tuple(log(0.45 if number in {CAR, VAN} else 0.025) for number in range(len(CLASSES)))
    shares = probabilities((1.0, 0, 0, 0, 0, 0), 1, even)
    assert shares[VAN] > 0.25  # the detector calls vans cars


def test_looks_that_contradict_each_other_are_less_sure_than_those_that_agree() -> None:
    votes = (0, 0, 1.0, 0, 0, 0)
    agreed = probabilities(votes, 2, tuple(2 * one for one in answers(BUS)))
    torn = probabilities(votes, 2, tuple(map(sum, zip(answers(BUS), answers(TRUCK), strict=True))))
    assert torn[BUS] < agreed[BUS]


def test_a_bus_is_told_only_where_it_is_likely_enough() -> None:
    for bus in (0.0, 0.4, DEFAULT.naming.bus_share_min - 0.01, DEFAULT.naming.bus_share_min, 1.0):
        rest = 1.0 - bus
        said = likeliest_class((0.1 * rest, 0.1 * rest, 0.8 * rest, bus, 0.0, 0.0))
        assert said == (("bus", bus) if bus >= DEFAULT.naming.bus_share_min else ("truck", 0.8 * rest))


def test_what_may_be_a_bus_and_is_nothing_else_is_unclassified() -> None:
    votes = (0.1, 0.1, 0.33, 0.45, 0.01, 0.01)
    assert Track(1, (0, 0, 1, 1), 0, votes).label(0.4) == (UNCLASSIFIED, pytest.approx(0.33))


def test_a_track_keeps_the_looks_at_its_detections() -> None:
    tracker = Tracker()
    for number in range(6):
        look = answers(BUS) if number in {3, 4} else ()
        box = Detection(10.0 + number, 10.0, 60.0 + number, 50.0, 0.9, "truck", look)
        tracks = tracker.update(DetectedFrame(100 * number, (box,)))
    (track,) = tracks
    assert track.looks == 2
    assert track.look == pytest.approx(tuple(2 * one for one in answers(BUS)))
    assert track.label(0.4)[0] == "bus"
    assert track.voted_class == "truck"  # counting goes by the vote: the same with and without second looks
