from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.scenes.bodies import AMERICAN, BODIES, Body
from tests.scenes.camera import Outline
from tests.scenes.description import load_scene
from tests.scenes.render.vehicles import shapes_of
from tests.scenes.still import VIEWS, labels, street_of, street_view_of, view_of, world_of
from tests.scenes.traffic import drive

SCENES = Path(__file__).with_name("scenes")
CLIPS = ("day", "night", "rain", "convoy", "customs")

WHOLE = Outline(1, "truck", (10.0, 20.0, 60.0, 80.0), (10.0, 20.0, 60.0, 80.0), 1.0, 1.0)


def outline(**changes: Any) -> Outline:
    values = {name: getattr(WHOLE, name) for name in Outline.__slots__}
    return Outline(**(values | changes))


def labelled(found: Outline, reach_m: float = 10.0, haze_per_m: float = 0.0, *, cut: bool = False) -> tuple[int, int]:
    boxes, ignored = labels([found], {1: reach_m}, haze_per_m, {1} if cut else set())
    return len(boxes), len(ignored)


def test_a_vehicle_that_shows_is_learned_by_its_visible_box_and_class() -> None:
    assert labels([WHOLE], {1: 10.0}, 0.0, set()) == ([(10.0, 20.0, 60.0, 80.0, "truck")], [])


def test_what_hardly_shows_is_left_out_and_what_does_not_show_is_no_vehicle() -> None:
    assert labelled(outline(shown=0.2)) == (0, 1)
    assert labelled(outline(shown=0.05)) == (0, 0)
    assert labelled(outline(visible=None, shown=0.0)) == (0, 0)


def test_the_small_the_cut_off_and_what_the_fog_takes_are_left_out() -> None:
    assert labelled(outline(visible=(10.0, 20.0, 15.0, 60.0))) == (0, 1)
    assert labelled(WHOLE, cut=True) == (0, 1)
    assert labelled(WHOLE, reach_m=100.0, haze_per_m=0.03) == (0, 1)
    assert labelled(WHOLE, reach_m=200.0, haze_per_m=0.03) == (0, 0)


def test_a_still_follows_from_its_seed_and_number_alone() -> None:
    world = world_of(1, 7)
    assert world_of(1, 7) == world
    assert world_of(2, 7) != world
    assert view_of(1, 22, world.bridge, world.way) == view_of(1, 22, world.bridge, world.way)


def test_vehicles_of_a_still_stand_apart_in_their_lanes() -> None:
    for number in range(40):
        lanes: dict[tuple[int, float], list[tuple[float, float]]] = {}
        world = world_of(3, number)
        for vehicle in world.vehicles:
            side = 1 if vehicle.y > 0 else -1
            lane = abs(vehicle.y) // world.bridge.lane_m
            ends = [float(points[:, 0].min()) for points in vehicle.corners()]
            ends += [float(points[:, 0].max()) for points in vehicle.corners()]
            lanes.setdefault((side, lane), []).append((min(ends), max(ends)))
        for spans in lanes.values():
            assert all(one[1] < two[0] + 0.3 for one, two in pairwise(sorted(spans)))


def test_no_paint_of_a_clip_is_ever_learned() -> None:
    for number in range(50):
        assert all(vehicle.livery % 2 == 0 for vehicle in world_of(1, number).vehicles)
    from tests.scenes.render.__main__ import moment_of_clip  # noqa: PLC0415  # needs no bpy for this
    from tests.scenes.traffic import simulate  # noqa: PLC0415

    moment = next(iter(simulate(load_scene(SCENES / "day.yaml"))))
    assert all(vehicle.livery % 2 == 1 for vehicle in moment_of_clip(moment).vehicles)


def test_no_camera_of_a_clip_is_ever_learned() -> None:
    views = [load_scene(SCENES / f"{name}.yaml").view for name in CLIPS]
    for number in range(0, 600, VIEWS):
        world = world_of(1, number // VIEWS)
        for still in range(number, number + VIEWS):
            camera = view_of(1, still, world.bridge, world.way).camera
            for view in views:
                apart = (
                    abs(camera.position[1] - view.position[1])
                    + abs(camera.position[2] - view.position[2])
                    + abs(camera.view_deg - view.view_deg) / 10
                )
                assert apart > 0.01


def test_every_clip_scene_has_crossing_traffic() -> None:
    for name in CLIPS:
        assert drive(load_scene(SCENES / f"{name}.yaml"))


def test_a_street_of_north_america_has_its_buses_and_none_of_them_drives_in_a_clip() -> None:
    street = street_of(11, 4)
    assert street_of(11, 4) == street
    assert street_view_of(11, 13, street.bridge) == street_view_of(11, 13, street.bridge)
    seen = {vehicle.body.variant for number in range(20) for vehicle in street_of(11, number).vehicles}
    assert {body.variant for body in AMERICAN} <= seen
    assert not {body.variant for body in AMERICAN} & {body.variant for body in BODIES}
    assert all(vehicle.livery % 2 == 0 for vehicle in street.vehicles)


@pytest.mark.parametrize("body", AMERICAN, ids=lambda body: body.variant)
def test_a_body_of_north_america_fills_its_cuboids(body: Body) -> None:
    for livery in (0, 2, 4):
        for part, shape in zip([body, *filter(None, [body.trailer])], shapes_of(body, livery), strict=True):
            points = shape.all_vertices()
            low, high = points.min(0), points.max(0)
            assert abs(high[0] - part.front_m) < 0.6  # a tipper's sheet stands over the cab
            assert abs(low[0] - min(cuboid.x1 for cuboid in part.cuboids)) < 0.4
            wide = max(cuboid.width for cuboid in part.cuboids)
            assert wide - 0.3 < high[1] - low[1] < wide + 0.7  # mirrors stand out
            assert 0.75 < high[2] / max(cuboid.z2 for cuboid in part.cuboids) < 1.05
