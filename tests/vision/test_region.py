"""Where the detector looks: rules 1 to 5 of edge/vision/region.py."""

from hypothesis import given
from hypothesis import strategies as st

from edge.counting.detection import Detection
from edge.vision.region import ZOOM_MAX, Region, join_regions, regions_around, zoom_of

SEEN = (640, 384)
HD = (1920, 1080)
WHOLE = (0, 0, *HD)
ACROSS = ((100.0, 900.0), (1800.0, 900.0))
CAUSEWAY = ((960.0, 757.0), (1280.0, 597.0), (1400.0, 662.0), (1412.0, 678.0), (1000.0, 899.0))
DISTANT = ((300.0, 100.0), (420.0, 100.0), (440.0, 220.0), (280.0, 220.0))


def box(x1: float, y1: float, x2: float, y2: float, score: float = 0.9) -> Detection:
    return Detection(x1, y1, x2, y2, score, "car")


def test_a_line_across_the_road_is_seen_with_space_before_and_after_it() -> None:
    assert regions_around([((10.0, 200.0), (340.0, 200.0))], [], (352, 288), SEEN) == ((0, 76, 352, 288),)


def test_a_short_line_needs_less_space_so_vehicles_at_it_are_seen_larger() -> None:
    (region,) = regions_around([((800.0, 300.0), (1000.0, 310.0))], [], HD, SEEN)
    assert region == (558, 100, 1241, 510)
    assert zoom_of(region, SEEN) > 0.9  # with the margin of a line across the road 0.67


def test_around_a_zone_there_is_space_for_the_boxes_of_vehicles_and_no_more() -> None:
    (region,) = regions_around([], [CAUSEWAY], HD, SEEN)
    assert region == (840, 540, 1531, 955)


def test_a_zone_that_is_seen_too_small_is_seen_in_two_halves() -> None:
    halves = regions_around([], [CAUSEWAY], HD, SEEN, 2)
    assert halves == ((766, 587, 1379, 955), (1036, 540, 1561, 855))
    assert all(zoom_of(half, SEEN) > zoom_of((840, 540, 1531, 955), SEEN) for half in halves)


def test_a_zone_far_from_the_line_has_a_region_of_its_own_and_costs_the_line_nothing() -> None:
    alone = regions_around([ACROSS], [], HD, SEEN, 2)
    assert regions_around([ACROSS], [DISTANT], HD, SEEN, 1) == (WHOLE,)
    both = regions_around([ACROSS], [DISTANT], HD, SEEN, 2)
    assert set(alone) < set(both)
    assert zoom_of(both[1], SEEN) > 2.0 * zoom_of(WHOLE, SEEN)


def test_a_zone_that_is_seen_large_enough_costs_no_second_run() -> None:
    large = ((400.0, 200.0), (1500.0, 200.0), (1700.0, 1000.0), (200.0, 1000.0))
    assert len(regions_around([], [large], HD, SEEN, 8)) == 1


def test_where_cars_are_known_their_size_decides_and_not_that_of_the_zone() -> None:
    assert len(regions_around([], [CAUSEWAY], HD, SEEN, 2, car_side=lambda _: 80.0)) == 1  # zoom 0.93 shows 74 px
    small = regions_around([], [CAUSEWAY], HD, SEEN, 2, car_side=lambda _: 30.0)
    assert small == regions_around([], [CAUSEWAY], HD, SEEN, 2)
    long = ((100.0, 300.0), (1800.0, 300.0), (1800.0, 900.0), (100.0, 900.0))
    assert len(regions_around([], [long], HD, SEEN, 2)) == 1
    assert len(regions_around([], [long], HD, SEEN, 2, car_side=lambda _: 50.0)) == 2


def test_of_a_line_near_by_and_one_far_away_the_far_one_gets_a_region_of_its_own() -> None:
    far = ((900.0, 100.0), (1000.0, 100.0))
    assert regions_around([ACROSS, far], [], HD, SEEN, 2) == (WHOLE,)
    regions = regions_around([ACROSS, far], [], HD, SEEN, 2, car_side=lambda q: 0.2 * q[1])
    assert len(regions) == 2
    assert max(zoom_of(region, SEEN) for region in regions) > 1.9


def test_a_small_picture_is_not_enlarged_beyond_what_it_shows() -> None:
    queue = ((192.0, 119.0), (208.0, 119.0), (291.0, 242.0), (196.0, 242.0))
    (region,) = regions_around([], [queue], (352, 288), SEEN, 8)
    assert 2.4 < zoom_of(region, SEEN) <= ZOOM_MAX


corners = st.tuples(st.floats(0, 1920), st.floats(0, 1080))


@given(
    st.lists(st.tuples(corners, corners), max_size=2),
    st.lists(st.lists(corners, min_size=3, max_size=6), min_size=1, max_size=3),
    st.integers(1, 8),
)
def test_every_corner_of_what_is_drawn_is_seen_in_the_picture(
    lines: list[tuple[tuple[float, float], tuple[float, float]]], zones: list[list[tuple[float, float]]], most: int
) -> None:
    regions = regions_around(lines, zones, HD, SEEN, most)
    assert 1 <= len(regions) <= most
    assert all(0 <= x1 < x2 <= 1920 and 0 <= y1 < y2 <= 1080 for x1, y1, x2, y2 in regions)
    for x, y in [point for shape in (*lines, *zones) for point in shape]:
        assert any(x1 - 1 <= x <= x2 + 1 and y1 - 1 <= y <= y2 + 1 for x1, y1, x2, y2 in regions)


LEFT: Region = (0, 0, 500, 400)
RIGHT: Region = (400, 0, 900, 400)


def test_a_vehicle_that_two_regions_show_is_one() -> None:
    found = [(LEFT, [box(410, 100, 470, 160)]), (RIGHT, [box(412, 98, 474, 162, 0.8)])]
    assert join_regions(found, HD) == (box(410, 100, 470, 160),)


def test_a_box_that_the_border_of_its_region_cuts_off_yields_to_the_whole_one_whatever_its_score() -> None:
    whole = box(430, 100, 700, 160, 0.5)
    assert join_regions([(LEFT, [box(430, 100, 499, 160)]), (RIGHT, [whole])], HD) == (whole,)


def test_what_the_edge_of_the_picture_cuts_off_is_whole() -> None:
    cut, beside = box(0, 100, 60, 160), box(10, 90, 200, 180, 0.5)
    assert join_regions([(LEFT, [cut]), (RIGHT, [beside])], HD) == (cut, beside)


def test_vehicles_that_hide_one_another_stay_two_across_regions() -> None:
    near, behind = box(410, 100, 470, 160), box(430, 70, 490, 125, 0.6)
    assert join_regions([(LEFT, [near]), (RIGHT, [behind])], HD) == (near, behind)


def test_what_one_region_shows_is_left_as_it_is() -> None:
    found = [box(410, 100, 470, 160), box(411, 100, 471, 160, 0.8), box(420, 100, 499, 160, 0.7)]
    assert join_regions([(LEFT, found)], HD) == tuple(found)
