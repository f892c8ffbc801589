"""What is motion, and what is light, noise, leaves or a codec: by the gate alone, and by what comes of whole films."""

from collections.abc import Iterable

import numpy as np
import pytest

from edge.vision.motion_gate import Motion, MotionGate
from tests.roads import HEIGHT, WIDTH, Car, Grey, Road, drive, watch


def judged(road: Road, times_ms: Iterable[int], *, seen: bool = False) -> list[Motion]:
    """The gate's word on each moment; after 10 s nobody looks any more. `seen`: the detector finds cars until then."""
    gate, found = MotionGate((0, 0, WIDTH, HEIGHT)), []
    for at_ms in times_ms:
        frame = road.frame(at_ms)
        found.append(gate.judge(at_ms, gate.small_of(frame.image)))
        if at_ms <= 10_000:
            gate.looked([one.box for one in road.detect(frame).detections] if seen else [])
    return found


STEADILY = range(0, 10_001, 250)


def test_noise_is_no_motion_and_a_car_is() -> None:
    calm = judged(Road(), [*STEADILY, *range(10_080, 20_000, 80)])[len(STEADILY) :]
    assert not any(one.any for one in calm)
    *_, last = judged(Road([drive(10_000)]), [*STEADILY, 11_000, 11_080])
    assert last.blocks.any()


@pytest.mark.parametrize("levels", [6.5, -6.5])
def test_a_car_that_hardly_differs_from_the_road_is_motion(levels: float) -> None:
    *_, last = judged(Road([drive(10_000, bright=levels)], noise=1.0), [*STEADILY, 12_000, 12_080])
    assert last.blocks.any()


def test_a_lamp_by_night_is_motion() -> None:
    lamp = drive(10_000, size=(14, 8), bright=60.0)
    *_, last = judged(Road([lamp], ground=18.0, texture=5.0, noise=1.5), [*STEADILY, 12_000, 12_080])
    assert last.blocks.any()


def test_one_picture_alone_is_no_motion_unless_they_are_far_apart() -> None:
    def flash(picture: Grey, at_ms: int, _: np.random.Generator) -> Grey:
        picture[60:120, 100:200] += 50.0 * (at_ms == 11_000)
        return picture

    once = judged(Road(disturb=flash), [*STEADILY, 10_920, 11_000, 11_080])[len(STEADILY) :]
    assert [one.any for one in once] == [False, False, False]
    assert [one.calm for one in once] == [True, False, True], "but nobody says that nothing changed"
    assert judged(Road(disturb=flash), [*STEADILY, 10_600, 11_000])[-1].any


def test_what_creeps_becomes_motion_however_slowly() -> None:
    creeping = Car(((0, 100.0), (10_000, 100.0), (30_000, 120.0)), bright=14.0)
    found = judged(Road([creeping], noise=1.0), [*STEADILY, *range(10_080, 20_000, 80)], seen=True)
    assert any(one.blocks.any() for one in found[len(STEADILY) :])


def test_vehicles_that_the_detector_sees_are_no_noise_to_be_learned() -> None:
    """Cars come by all the while; one of little contrast that comes after them is motion all the same."""
    busy = [drive(at_ms, speed=320.0) for at_ms in range(0, 9_000, 700)]
    *_, last = judged(Road([*busy, drive(10_000, bright=14.0)], noise=2.0), [*STEADILY, 12_000, 12_080], seen=True)
    assert last.blocks.any()


def leaves(picture: Grey, at_ms: int, chance: np.random.Generator) -> Grey:
    picture[:60, 200:300] += 25.0 * np.float32(np.sin(at_ms / 130.0) + 0.5 * chance.standard_normal())
    return picture


def test_leaves_are_learned_and_a_car_in_front_of_them_is_counted() -> None:
    seen = watch(Road([drive(30_000, y=50)], disturb=leaves), 35_000)
    assert len([at_ms for at_ms in seen.looks if 20_000 <= at_ms < 30_000]) < 20, "less than two a second"
    assert len(seen.crossings) == 1


def test_brighter_and_darker_light_is_no_motion() -> None:
    def cloud(picture: Grey, at_ms: int, _: np.random.Generator) -> Grey:
        return picture * np.float32(1.0 + 0.25 * np.sin(at_ms / 3_000.0)) + np.float32(6.0 * (at_ms % 960 < 80))

    assert watch(Road(disturb=cloud), 20_000).share < 0.08


def test_a_dark_car_by_night_is_counted() -> None:
    road = Road([drive(12_000, bright=16.0)], ground=22.0, texture=5.0, noise=2.0)
    assert len(watch(road, 17_000).crossings) == 1


def test_where_the_picture_has_no_texture_the_detector_looks_all_the_same() -> None:
    fog = Road(ground=150.0, texture=0.0, noise=0.5)
    assert watch(fog, 8_000).share > 0.15


def test_after_a_cut_the_detector_looks_at_once() -> None:
    def cut(picture: Grey, at_ms: int, _: np.random.Generator) -> Grey:
        return picture[:, ::-1] if at_ms >= 8_000 else picture

    looks = watch(Road(disturb=cut), 9_000).looks
    assert [at_ms for at_ms in looks if 8_000 <= at_ms <= 8_240]
