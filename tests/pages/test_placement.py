"""A line that lies well is praised by silence; each rule speaks up where it is broken, and only there."""

from edge.counting.crossing import CountingLine
from edge.counting.motion import Box
from edge.pages.placement import advice_on
from edge.pages.trails import Trail
from edge.vision.region import Region

SIZE = (1000, 600)
DECK = CountingLine("deck", ((100.0, 300.0), (900.0, 300.0)))


def down(x: float, *, from_y: float = 60.0, to_y: float = 580.0, height: float = 40.0, whole: bool = True) -> Trail:
    """A vehicle that drives down the picture, 20 px a sighting; `whole` is whether its beginning and end are known."""
    steps = int(abs(to_y - from_y) // 20)
    ys = [from_y + (to_y - from_y) * step / steps for step in range(steps + 1)]
    boxes: list[Box] = [(x - height, y - height, x + height, y) for y in ys]
    return Trail(tuple(boxes), begins=whole, ends=whole)


TRAFFIC = [down(x) for x in (200.0, 350.0, 500.0, 650.0, 800.0)]


def advice(
    trails: list[Trail],
    line: CountingLine = DECK,
    region: Region = (0, 0, *SIZE),
    zoom: float = 1.0,
    *,
    named: bool = False,
) -> list[str]:
    return advice_on(line, trails, SIZE, [(region, zoom)], named=named)


def test_a_good_line_gets_no_advice() -> None:
    assert advice(TRAFFIC) == []


def test_few_vehicles_say_nothing() -> None:
    assert advice([down(200.0, from_y=290.0)] * 3) == []
    assert advice([]) == []


def test_vehicles_that_are_too_small_for_the_detector_are_told_with_their_height() -> None:
    (said,) = advice(TRAFFIC, zoom=0.2)
    assert said.startswith("Vehicles at this line are only about 8 pixels high")
    assert "less" in said  # of the picture: it is shrunk
    assert advice(TRAFFIC, zoom=0.36) == []


def test_vehicles_that_are_too_small_in_the_picture_need_more_pixels_from_the_camera() -> None:
    tiny = [down(x, height=6.0) for x in (200.0, 350.0, 500.0, 650.0, 800.0)]
    (said,) = advice(tiny, zoom=2.0)
    assert said.startswith("Vehicles at this line are only about 12 pixels high for the detector")
    assert "its main stream" in said


def test_vehicles_that_are_seen_but_too_small_to_be_named_are_told() -> None:
    small = [down(x, height=20.0) for x in (200.0, 350.0, 500.0, 650.0, 800.0)]
    (said,) = advice(small, zoom=2.0, named=True)
    assert said.startswith("Vehicles at this line are only about 20 pixels high in the picture. They are counted, but")
    assert "its main stream" in said
    assert advice(small, zoom=2.0) == []
    assert advice([down(x, height=24.0) for x in (200.0, 350.0, 500.0, 650.0, 800.0)], zoom=2.0, named=True) == []


def test_vehicles_cut_off_by_the_edge_are_told() -> None:
    low = CountingLine("low", ((100.0, 590.0), (900.0, 590.0)))
    said = advice([down(x, to_y=599.0, whole=False) for x in (200.0, 350.0, 500.0, 650.0)], low)
    assert said == [
        "4 of 4 vehicles are cut off by the edge of the picture at this line. Draw it farther inside the picture."
    ]


def test_vehicles_that_come_or_go_at_the_line_are_told() -> None:
    begin = [down(200.0, from_y=290.0), down(400.0, from_y=288.0)]
    end = [down(600.0, to_y=308.0)]
    said = advice([*TRAFFIC, *begin, *end])
    assert said == [
        "3 of 8 vehicles are first seen, or lost, at this line. "
        "Draw it where they are in sight well before and well after it."
    ]


def test_whoever_was_there_when_watching_began_was_not_first_seen_at_the_line() -> None:
    assert advice([*TRAFFIC, *[down(x, from_y=290.0, whole=False) for x in (200.0, 400.0, 600.0)]]) == []


def test_whoever_stands_there_all_the_time_has_no_part_in_it() -> None:
    parked = Trail(tuple((460.0, 260.0, 540.0, 300.0) for _ in range(20)), begins=True, ends=True)
    assert advice([*TRAFFIC, parked, parked, parked, parked]) == []


def test_a_line_along_the_road_is_told() -> None:
    along = CountingLine("along", ((500.0, 40.0), (520.0, 590.0)))
    said = advice([down(x) for x in (490.0, 505.0, 515.0, 525.0, 530.0)], along)
    assert "Vehicles drive along this line rather than across it. Draw it across their way." in said


def test_vehicles_that_pass_beside_an_end_are_told() -> None:
    short = CountingLine("short", ((100.0, 300.0), (600.0, 300.0)))
    assert advice([*TRAFFIC, down(640.0)], short) == [
        "2 of 5 vehicles pass beside an end of this line. Draw it longer."
    ]


def test_a_line_outside_of_what_the_detector_looks_at_is_told_at_once() -> None:
    (said,) = advice([], region=(0, 0, 800, 600))
    assert said.startswith("A part of this line lies outside")
    assert advice([], region=(0, 0, 1000, 600)) == []
