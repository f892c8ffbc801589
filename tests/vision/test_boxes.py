"""Suppression: which of many boxes are vehicles."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.vision.boxes import CANDIDATES_MAX, Boxes, suppress
from tests.vision.overlaps import overlaps

Row = tuple[tuple[float, float, float, float], float, int]


def boxes_of(rows: Sequence[Row]) -> Boxes:
    """Build boxes from rows of (corners, score, id)."""
    return Boxes(
        np.array([corners for corners, _, _ in rows], dtype=np.float32).reshape(-1, 4),
        np.array([score for _, score, _ in rows], dtype=np.float32),
        np.array([number for _, _, number in rows], dtype=np.intp),
    )


def rows_of(boxes: Boxes) -> list[tuple[tuple[float, ...], float, int]]:
    """Return boxes as comparable rows."""
    return [
        (tuple(corners), score, number)
        for corners, score, number in zip(
            boxes.corners.tolist(), boxes.scores.tolist(), boxes.ids.tolist(), strict=True
        )
    ]


place, side = st.integers(0, 60), st.integers(1, 60)
row = st.builds(
    lambda x, y, width, height, score, number: ((x, y, x + width, y + height), score / 64, number),
    place, place, side, side, st.integers(1, 64), st.integers(0, 2),
)  # fmt: skip
many = st.lists(row, max_size=40).map(boxes_of)
shares = st.sampled_from([0.0, 0.3, 0.5, 0.7, 1.0])


@given(many, shares, st.booleans())
def test_no_two_kept_boxes_overlap_by_more_than_allowed(boxes: Boxes, overlap_max: float, across: bool) -> None:
    kept = suppress(boxes, overlap_max, across_classes=across)
    shared = overlaps(kept.corners, kept.corners)
    rivals = (shared > overlap_max) & ~np.eye(len(kept), dtype=bool)
    if not across:
        rivals &= kept.ids[:, None] == kept.ids[None, :]
    assert not rivals.any()


@given(many, shares)
def test_each_dropped_box_overlaps_a_kept_one_that_scores_no_less(boxes: Boxes, overlap_max: float) -> None:
    kept = suppress(boxes, overlap_max)
    names = rows_of(kept)
    for row in range(len(boxes)):
        one = boxes.take(np.array([row]))
        if rows_of(one)[0] not in names:
            shared = overlaps(one.corners, kept.corners)[0]
            assert ((shared > overlap_max) & (kept.scores >= one.scores[0])).any()


@given(many, shares)
def test_suppressing_twice_changes_nothing(boxes: Boxes, overlap_max: float) -> None:
    once = suppress(boxes, overlap_max)
    assert rows_of(suppress(once, overlap_max)) == rows_of(once)


@given(many)
def test_the_best_box_is_always_kept_and_comes_first(boxes: Boxes) -> None:
    kept = suppress(boxes, 0.5)
    assert len(kept) == 0 or kept.scores[0] == boxes.scores.max()
    assert sorted(kept.scores, reverse=True) == list(kept.scores)


@given(many)
def test_overlaps_are_shares_and_the_same_both_ways(boxes: Boxes) -> None:
    shared = overlaps(boxes.corners, boxes.corners)
    assert ((shared >= 0) & (shared <= 1)).all()
    assert np.array_equal(shared, shared.T)


def test_an_overlap_is_intersection_over_union() -> None:
    one, other = np.array([[0, 0, 10, 10]], dtype=np.float32), np.array([[5, 0, 15, 10]], dtype=np.float32)
    assert overlaps(one, other).tolist() == [[pytest.approx(50 / 150)]]


def test_a_chain_of_overlaps_loses_only_its_middle() -> None:
    chain = [((0, 0, 10, 10), 0.9, 0), ((4, 0, 14, 10), 0.8, 0), ((8, 0, 18, 10), 0.7, 0)]
    kept = suppress(boxes_of(chain), 0.3)
    assert kept.scores.tolist() == pytest.approx([0.9, 0.7])


def test_a_box_without_an_area_is_dropped() -> None:
    boxes = boxes_of([((5, 5, 5, 9), 0.9, 0), ((0, 0, 10, 10), 0.8, 0), ((7, 3, 2, 9), 0.7, 0)])
    assert suppress(boxes, 0.5).scores.tolist() == pytest.approx([0.8])


def test_candidates_are_bounded_and_the_best_are_looked_at() -> None:
    apart = [((i * 10, 0, i * 10 + 5, 5), i / 1000, 0) for i in range(CANDIDATES_MAX + 50)]
    kept = suppress(boxes_of(apart), 0.5)
    assert len(kept) == CANDIDATES_MAX
    assert kept.scores.min() == pytest.approx(0.05)
