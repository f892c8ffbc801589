"""The detector looks where something moves and as often as vehicles need, and no vehicle is lost by it."""

import numpy as np
import pytest

from edge.counting.detection import PACED, STILL
from tests.roads import Car, Grey, Road, drive, watch


def times_ms(road: Road, until_ms: int, step_ms: int = 80) -> list[int]:
    return [one.crossed_ms for one in watch(road, until_ms, step_ms).crossings]


def test_on_an_empty_road_the_detector_looks_every_ten_seconds() -> None:
    looks = watch(Road(), 60_000).looks
    assert len(looks) <= 14
    assert looks[-1] - looks[-2] == pytest.approx(10_000, abs=160)


@pytest.mark.parametrize("step_ms", [16, 40, 80, 200])
def test_each_of_some_cars_on_a_quiet_road_is_counted_at_its_time(step_ms: int) -> None:
    road = Road([drive(4_000), drive(9_000, speed=50.0, y=60), drive(15_000, speed=120.0)])
    assert times_ms(road, 20_000, step_ms) == pytest.approx([6_000, 12_200, 16_333], abs=120)


def test_a_fast_rate_costs_no_more_looks_than_a_slow_one() -> None:
    road = Road([drive(4_000)])
    assert len(watch(road, 12_000, 20).looks) <= 1.4 * len(watch(road, 12_000, 80).looks)


def test_a_car_that_stands_from_the_start_is_found_and_lives_on_while_nothing_moves() -> None:
    seen = watch(Road([Car(((0, 200.0), (90_000, 200.0)))]), 60_000)
    assert seen.in_view == 1
    assert seen.share < 0.05
    assert seen.detected[-1].skipped == STILL


def test_a_car_that_stood_long_before_the_line_is_counted_when_it_goes_on() -> None:
    car = Car(((1_000, 0.0), (3_000, 120.0), (40_000, 120.0), (42_000, 240.0), (50_000, 240.0)))
    seen = watch(Road([car]), 48_000)
    assert [one.crossed_ms for one in seen.crossings] == pytest.approx([40_667], abs=200)
    assert [one.track for one in seen.crossings] == [1], "it is the same vehicle all the while"


def test_a_car_that_creeps_is_followed_over_the_line() -> None:
    car = Car(((1_000, 0.0), (2_500, 110.0), (42_500, 210.0), (44_000, 320.0)))
    assert times_ms(Road([car]), 46_000) == pytest.approx([22_500], abs=2_500)


def test_a_car_that_stops_on_the_line_for_a_minute_counts_once() -> None:
    car = Car(((1_000, 0.0), (3_000, 165.0), (63_000, 165.0), (65_000, 320.0)))
    assert len(times_ms(Road([car]), 67_000)) == 1


def leaves(picture: Grey, at_ms: int, chance: np.random.Generator) -> Grey:
    picture[:60, 200:300] += 25.0 * np.float32(np.sin(at_ms / 130.0) + 0.5 * chance.standard_normal())
    return picture


def test_leaves_are_learned_and_a_car_in_front_of_them_is_counted() -> None:
    seen = watch(Road([drive(60_000, y=50)], disturb=leaves), 66_000)
    assert len([at_ms for at_ms in seen.looks if 30_000 <= at_ms < 60_000]) < 60, "less than two a second"
    assert len(seen.crossings) == 1


def test_brighter_and_darker_light_is_no_motion() -> None:
    def cloud(picture: Grey, at_ms: int, _: np.random.Generator) -> Grey:
        return picture * np.float32(1.0 + 0.25 * np.sin(at_ms / 3_000.0)) + np.float32(6.0 * (at_ms % 960 < 80))

    assert watch(Road(disturb=cloud), 40_000).share < 0.06


def test_a_dark_car_by_night_is_counted() -> None:
    road = Road([drive(40_000, bright=16.0)], ground=22.0, texture=5.0, noise=2.0)
    assert len(times_ms(road, 48_000)) == 1


def test_where_the_picture_has_no_texture_the_detector_looks_all_the_same() -> None:
    fog = Road(ground=150.0, texture=0.0, noise=0.5)
    assert watch(fog, 8_000).share > 0.15


def test_after_a_cut_the_detector_looks_at_once() -> None:
    def cut(picture: Grey, at_ms: int, _: np.random.Generator) -> Grey:
        return picture[:, ::-1] if at_ms >= 20_000 else picture

    looks = watch(Road(disturb=cut), 24_000).looks
    assert [at_ms for at_ms in looks if 20_000 <= at_ms <= 20_240]


def test_a_frame_is_still_only_where_no_vehicle_moves() -> None:
    seen = watch(Road([drive(4_000)]), 16_000)
    driving = {one.skipped for one in seen.detected if 4_200 <= one.captured_ms < 7_800}
    assert driving == {"", PACED}


def test_the_same_film_is_looked_at_at_the_same_frames() -> None:
    road = Road([drive(2_000)], disturb=leaves)
    assert watch(road, 8_000).detected == watch(road, 8_000).detected
