"""Which boxes are pieces of one vehicle."""

from edge.counting.detection import Detection
from edge.counting.motion import BoxMotion
from edge.counting.split_detections import join_fragments

EXPECTED = (100.0, 100.0, 300.0, 200.0)
LEFT = Detection(100.0, 100.0, 190.0, 200.0, 0.6, "car")
RIGHT = Detection(190.0, 100.0, 300.0, 200.0, 0.8, "truck")
FAR = Detection(500.0, 100.0, 600.0, 200.0, 0.9, "car")


def expecting() -> BoxMotion:
    motion = BoxMotion(EXPECTED)
    for _ in range(10):
        motion.predict(0.1)
        motion.correct(200.0, 200.0, 200.0, 100.0)
    motion.predict(0.1)
    return motion


def test_what_fills_the_expected_box_is_one_with_the_score_and_class_of_the_largest_piece() -> None:
    whole = Detection(*EXPECTED, 0.8, "truck")
    assert join_fragments(expecting(), RIGHT, [FAR, LEFT], 12.0) == (whole, [FAR])
    assert join_fragments(expecting(), None, [LEFT, FAR, RIGHT], 16.0) == (whole, [FAR])


def test_one_piece_alone_is_what_it_is() -> None:
    assert join_fragments(expecting(), RIGHT, [FAR], 12.0) == (RIGHT, [FAR])
    assert join_fragments(expecting(), None, [LEFT], 16.0) == (None, [LEFT])


def test_two_boxes_that_overlap_are_two_vehicles() -> None:
    behind = Detection(100.0, 100.0, 240.0, 190.0, 0.9, "truck")
    before = Detection(150.0, 110.0, 300.0, 200.0, 0.9, "truck")
    assert join_fragments(expecting(), before, [behind], 12.0) == (before, [behind])


def test_two_boxes_that_leave_a_hole_are_two_vehicles() -> None:
    one, other = Detection(100.0, 100.0, 150.0, 200.0, 0.9, "car"), Detection(240.0, 100.0, 300.0, 200.0, 0.9, "car")
    assert join_fragments(expecting(), one, [other], 12.0) == (one, [other])


def test_what_together_is_no_better_than_apart_stays_apart() -> None:
    below = Detection(100.0, 160.0, 300.0, 260.0, 0.9, "car")
    above = Detection(100.0, 60.0, 300.0, 160.0, 0.9, "car")
    assert join_fragments(expecting(), below, [above], 12.0) == (below, [above])
