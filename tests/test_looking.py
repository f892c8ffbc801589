"""The detector looks where something moves and as often as vehicles need, and no vehicle is lost by it."""

import numpy as np
import pytest

from edge.config.shapes import counting_lines
from edge.counting.detection import PACED, STILL
from edge.vision.frame import Frame
from edge.vision.frame_selection import Looker, Needs
from tests.roads import CONFIG, HEIGHT, WIDTH, Car, Clear, Grey, Road, drive, watch


def times_ms(road: Road, until_ms: int, step_ms: int = 80) -> list[int]:
    return [one.crossed_ms for one in watch(road, until_ms, step_ms).crossings]


def test_on_an_empty_road_the_detector_looks_every_ten_seconds() -> None:
    looks = watch(Road(), 36_000).looks
    assert len(looks) <= 12
    assert looks[-1] - looks[-2] == pytest.approx(10_000, abs=160)


def test_a_road_that_stays_empty_for_hours_goes_on_being_looked_at() -> None:
    road = Road()
    image = road.frame(0).image
    looker = Looker(Clear(), road, Needs(counting_lines(CONFIG, WIDTH, HEIGHT), (0, 0, WIDTH, HEIGHT)))
    looks = 0
    for number in range(2_800):
        looks += not looker.look(Frame(number * 11_000, image)).skipped
        looker.follow(number * 11_000, [])
    assert looks == 2_800


def test_where_something_stirs_again_and_again_and_is_no_vehicle_ever_fewer_looks_are_spent_on_it() -> None:
    def leaves(picture: Grey, at_ms: int, _chance: np.random.Generator) -> Grey:
        if at_ms % 4_000 < 240:  # somewhere else each time, for three frames
            x, y = 40 * (at_ms // 4_000 * 3 % 7), 30 * (at_ms // 4_000 * 2 % 5)
            picture[y : y + 16, x : x + 24] += 50.0
        return picture

    looks = watch(Road(disturb=leaves), 60_000).looks
    first, last = (sum(since <= one < since + 20_000 for one in looks) for since in (0, 40_000))
    assert last <= 10, "two for each stir"
    assert last < first


@pytest.mark.parametrize("step_ms", [16, 80, 200])
def test_each_of_some_cars_on_a_quiet_road_is_counted_at_its_time(step_ms: int) -> None:
    road = Road([drive(4_000), drive(9_000, speed=50.0, y=60), drive(15_000, speed=120.0)])
    assert times_ms(road, 20_000, step_ms) == pytest.approx([6_000, 12_200, 16_333], abs=120)


def test_a_fast_rate_costs_no_more_looks_than_a_slow_one() -> None:
    road = Road([drive(4_000)])
    assert len(watch(road, 12_000, 20).looks) <= 1.4 * len(watch(road, 12_000, 80).looks)


def test_a_car_that_stands_from_the_start_is_found_and_lives_on_while_nothing_moves() -> None:
    seen = watch(Road([Car(((0, 200.0), (90_000, 200.0)))]), 25_000)
    assert seen.in_view == 1
    assert seen.share < 0.1
    assert seen.detected[-1].skipped == STILL


def test_a_car_that_stood_long_before_the_line_is_counted_when_it_goes_on() -> None:
    car = Car(((1_000, 0.0), (3_000, 120.0), (16_000, 120.0), (18_000, 240.0), (26_000, 240.0)))
    seen = watch(Road([car]), 21_000)
    assert [one.crossed_ms for one in seen.crossings] == pytest.approx([16_667], abs=200)
    assert seen.tracks == {one.track for one in seen.crossings}, "it is the same vehicle all the while"


def test_a_car_that_creeps_is_followed_over_the_line() -> None:
    car = Car(((1_000, 0.0), (2_500, 110.0), (22_500, 210.0), (24_000, 320.0)))
    assert times_ms(Road([car]), 26_000) == pytest.approx([12_500], abs=1_500)


def test_a_car_that_stops_on_the_line_counts_once() -> None:
    car = Car(((1_000, 0.0), (3_000, 165.0), (18_000, 165.0), (20_000, 320.0)))
    assert len(times_ms(Road([car]), 22_000)) == 1


def test_a_frame_is_still_only_where_no_vehicle_moves() -> None:
    seen = watch(Road([drive(4_000)]), 16_000)
    driving = {one.skipped for one in seen.detected if 4_200 <= one.captured_ms < 7_800}
    assert driving == {"", PACED}


def test_the_same_film_is_looked_at_at_the_same_frames() -> None:
    road = Road([drive(2_000)])
    assert watch(road, 8_000).detected == watch(road, 8_000).detected
