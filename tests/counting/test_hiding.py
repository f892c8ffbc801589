"""The lower edge of a vehicle that another hides is where its width says, and nowhere else is it touched."""

from random import Random

import pytest

from edge.counting.detection import CLASSES
from edge.counting.motion import Box
from edge.counting.occlusion import WholeBoxes
from edge.counting.parameters import DEFAULT
from edge.counting.tracking import Track

CUT_MS = DEFAULT.occlusion.cut_ms
MISSING_MIN = DEFAULT.occlusion.missing_min
UNUSUAL = DEFAULT.occlusion.unusual

TRUCK = tuple(float(label == "truck") for label in CLASSES)
NEAR: Box = (300.0, 200.0, 400.0, 350.0)


def a_track(number: int, box: Box, at_ms: int, seen_ms: int | None = None) -> Track:
    return Track(number, box, at_ms if seen_ms is None else seen_ms, TRUCK)


def shown(bottom: float, cut_at: float = 1_000.0) -> Box:
    """A vehicle 80 x 100 pixels whose lower edge is there, of which all above `cut_at` shows."""
    return 310.0, bottom - 100.0, 390.0, min(bottom, cut_at)


def test_a_vehicle_that_stands_free_is_left_alone() -> None:
    whole = WholeBoxes()
    beside: Box = (420.0, 200.0, 520.0, 350.0)
    for at_ms in range(0, 2_000, 100):
        assert whole.update(at_ms, [a_track(1, shown(190.0), at_ms), a_track(2, beside, at_ms)]) == [
            shown(190.0),
            beside,
        ]


def test_a_vehicle_that_was_seen_whole_keeps_its_height_when_another_cuts_it() -> None:
    whole = WholeBoxes()
    for at_ms in range(0, 2_000, 100):
        bottom = 120.0 + at_ms / 20.0  # comes nearer, until half of it is hidden
        [box, near] = whole.update(at_ms, [a_track(1, shown(bottom, 200.0), at_ms), a_track(2, NEAR, at_ms)])
        assert near == NEAR
        missing = bottom - 200.0 > MISSING_MIN * (300.0 - bottom)  # of what shows of 100 pixels
        assert box == pytest.approx(shown(bottom) if missing else shown(bottom, 200.0), abs=0.01)


def test_one_that_was_never_seen_whole_is_as_high_as_others_of_its_class() -> None:
    whole = WholeBoxes()
    for at_ms in range(0, 1_000, 100):
        whole.update(at_ms, [a_track(7, (10.0, 0.0, 90.0, 120.0), at_ms)])
    [box, _] = whole.update(1_000, [a_track(1, shown(250.0, 200.0), 1_000), a_track(2, NEAR, 1_000)])
    assert box == pytest.approx((310.0, 150.0, 390.0, 270.0))


def test_what_ends_at_the_edge_of_the_picture_teaches_no_height() -> None:
    whole = WholeBoxes((640, 360))
    for at_ms in range(0, 1_000, 100):
        whole.update(at_ms, [a_track(7, (10.0, 110.0, 90.0, 230.0), at_ms)])
    for at_ms in range(1_000, 5_000, 100):
        whole.update(at_ms, [a_track(8, (500.0, 300.0, 580.0, 360.0), at_ms)])  # leaves below
        whole.update(at_ms, [a_track(9, (0.0, 110.0, 20.0, 230.0), at_ms)])  # comes from the left
    [box, _] = whole.update(5_000, [a_track(1, shown(250.0, 200.0), 5_000), a_track(2, NEAR, 5_000)])
    assert box == pytest.approx((310.0, 150.0, 390.0, 270.0))


def test_a_height_seen_while_nobody_knew_what_hid_it_is_not_believed() -> None:
    whole = WholeBoxes()
    for at_ms in range(0, 5_000, 100):
        whole.update(at_ms, [a_track(7, (10.0, 10.0, 90.0, 110.0), at_ms)])
    for at_ms in range(5_000, 6_000, 100):
        whole.update(at_ms, [a_track(1, shown(250.0, 182.0), at_ms)])  # 32 of 100 pixels show
    [box, _] = whole.update(6_000, [a_track(1, shown(250.0, 182.0), 6_000), a_track(2, NEAR, 6_000)])
    usual = 80.0 * (50 * 1.25 + 10 * 0.4) / 60  # of all sightings of its class
    assert box == pytest.approx((310.0, 150.0, 390.0, 150.0 + usual / UNUSUAL), abs=0.1)


def test_who_is_farther_away_cuts_nobody() -> None:
    whole = WholeBoxes()
    far: Box = (310.0, 100.0, 390.0, 210.0)
    for at_ms in range(0, 1_000, 100):
        assert whole.update(at_ms, [a_track(2, NEAR, at_ms), a_track(3, far, at_ms)])[0] == NEAR


def test_trembling_boxes_do_not_make_the_lower_edge_jump() -> None:
    """Half of it is hidden, the boxes tremble by 3%, and now and then neither touches the other."""
    whole, chance = WholeBoxes(), Random(3)

    def trembling(box: Box) -> Box:
        wide, high = box[2] - box[0], box[3] - box[1]
        return tuple(  # type: ignore[return-value]
            edge + 0.03 * side * chance.gauss(0, 1) for edge, side in zip(box, (wide, high, wide, high), strict=True)
        )

    bottoms = []
    for at_ms in range(0, 60_000, 100):
        cut_at = 1_000.0 if at_ms < 2_000 else 200.0
        tracks = [a_track(1, trembling(shown(250.0, cut_at)), at_ms)]
        if at_ms >= 2_000:
            tracks.append(a_track(2, trembling(NEAR), at_ms))
        bottoms.append(whole.update(at_ms, tracks)[0][3])
    assert sum(abs(bottom - 250.0) > 15.0 for bottom in bottoms) < 0.01 * len(bottoms)


def test_free_again_it_is_what_it_seems_soon_after() -> None:
    whole = WholeBoxes()
    for at_ms in range(0, 1_000, 100):
        whole.update(at_ms, [a_track(1, shown(190.0), at_ms)])
    whole.update(1_000, [a_track(1, shown(250.0, 200.0), 1_000), a_track(2, NEAR, 1_000)])
    [box] = whole.update(
        1_000 + CUT_MS + 100,
        [a_track(1, shown(250.0, 210.0), 1_000 + CUT_MS + 100)],
    )
    assert box == shown(250.0, 210.0)
