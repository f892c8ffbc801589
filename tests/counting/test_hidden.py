"""What nearer vehicles hide of a queue, and how sure that is."""

import msgspec
import pytest

from edge.counting.ground_plane import Plane, Point, plane_through
from edge.counting.hidden import HiddenLikely, HiddenVehicles, Known
from edge.counting.motion import Box
from edge.counting.sizes import SiteSizes
from edge.counting.tracking import Track
from edge.counting.zone import Zone
from tests.scenes.hidden import far_scenes, score_hidden

FOCAL_PX, HIGH_M, HORIZON_PX, MIDDLE_PX = 600.0, 9.0, 0.0, 500.0
"""A camera on a mast of 9 m that looks along the road; the horizon is the upper edge of the picture."""


def pixel(across_m: float, along_m: float, up_m: float = 0.0) -> Point:
    return MIDDLE_PX + FOCAL_PX * across_m / along_m, HORIZON_PX + FOCAL_PX * (HIGH_M - up_m) / along_m


def plane_of_view() -> Plane:
    corners = ((-2.0, 15.0), (2.0, 15.0), (2.0, 80.0), (-2.0, 80.0))
    a, b, c, d = corners
    plane = plane_through((pixel(*a), pixel(*b), pixel(*c), pixel(*d)), corners)
    assert plane is not None
    return plane


PLANE = plane_of_view()
ZONE = Zone("queue", (pixel(-1.8, 15.0), pixel(1.8, 15.0), pixel(1.8, 80.0), pixel(-1.8, 80.0)), plane=PLANE)


def vehicle(label: str, along_m: float) -> Known:
    """One in the lane whose near end is so far away; a truck is 12 m long and 3.8 m high."""
    length_m, wide_m, high_m = {"car": (4.5, 1.8, 1.5), "truck": (12.0, 2.5, 3.8)}[label]
    x1, y2 = pixel(-wide_m / 2, along_m)
    x2, _ = pixel(wide_m / 2, along_m)
    top = min(pixel(0.0, along_m, high_m)[1], pixel(0.0, along_m + length_m, high_m)[1])
    return Known((x1, top, x2, y2), pixel(0.0, along_m), label)


def likely(*known: Known, beside: tuple[Box, ...] = ()) -> HiddenLikely:
    found = HiddenVehicles(ZONE).estimate(PLANE, known, [*(one.box for one in known), *beside])
    assert found is not None
    return found


def test_between_two_trucks_of_a_queue_cars_are_hidden_and_between_two_cars_none_is() -> None:
    behind_truck = likely(vehicle("truck", 25.0), vehicle("truck", 55.0))
    assert behind_truck.mean >= 1.0
    assert behind_truck.p90 > behind_truck.mean
    behind_car = likely(vehicle("car", 25.0), vehicle("car", 55.0))
    assert behind_car == HiddenLikely(0.0, 0, 0)


def test_bumper_to_bumper_nobody_has_room_to_be_hidden() -> None:
    queue = [vehicle("truck", 18.0 + 14.0 * n) for n in range(4)]
    inner = likely(*queue, vehicle("truck", 74.0))
    assert inner == HiddenLikely(0.0, 0, 0)


def test_what_can_be_seen_to_be_free_lowers_what_is_likely_where_nobody_can_see() -> None:
    tight = likely(vehicle("car", 16.0), vehicle("car", 23.0), vehicle("truck", 30.0), vehicle("car", 62.0))
    loose = likely(vehicle("car", 16.0), vehicle("truck", 30.0), vehicle("car", 62.0), vehicle("car", 78.0))
    assert tight.mean > loose.mean > 0.0


def test_an_empty_zone_hides_nobody_and_a_truck_in_the_next_lane_may_hide_some() -> None:
    assert likely() == HiddenLikely(0.0, 0, 0)
    x1, y1, x2, y2 = vehicle("truck", 20.0).box
    assert likely(vehicle("car", 16.0), beside=((x1 - 10.0, y1, x2 + 10.0, y2),)).p90 > 0


def test_without_a_ground_it_is_unknown() -> None:
    assert HiddenVehicles(ZONE).estimate(None, [vehicle("truck", 25.0)], []) is None


def test_who_came_in_and_is_seen_no_more_is_hidden_and_who_went_out_is_not() -> None:
    trucks = [vehicle("truck", 25.0), vehicle("truck", 55.0)]
    boxes = [one.box for one in trucks]
    hidden = HiddenVehicles(ZONE)
    hidden.follow(0, 0, 0)
    assert hidden.estimate(PLANE, [], []) == HiddenLikely(0.0, 0, 0)
    hidden.follow(2, 2, 0)
    before = hidden.estimate(PLANE, trucks, boxes)
    hidden.follow(2, 2, 0)  # two more came, and two are known
    after = hidden.estimate(PLANE, trucks, boxes)
    hidden.follow(2, 0, 2)
    gone = hidden.estimate(PLANE, trucks, boxes)
    assert before is not None
    assert after is not None
    assert gone is not None
    assert before.mean < 0.5 < after.mean
    assert gone.mean < after.mean


def test_the_ground_is_learned_from_the_sizes_of_cars() -> None:
    sizes = SiteSizes((1000, 600))
    for number in range(30):
        along_m = 16.0 + 2.0 * number
        x, y = pixel((number % 3 - 1) * 3.0, along_m)
        side = 2.2 * FOCAL_PX / along_m
        box = (x - side / 2, y - side, x + side / 2, y)
        sizes.update(100 * number, [Track(number, box, 100 * number, (1.0, 0.0, 0.0, 0.0, 0.0, 0.0))])
    ground = sizes.ground()
    assert ground is not None
    near, far = ground.metres(pixel(-1.8, 30.0)), ground.metres(pixel(1.8, 50.0))
    assert near is not None
    assert far is not None
    assert far[0] - near[0] == pytest.approx(3.6, rel=0.35)  # across the road
    assert far[1] - near[1] == pytest.approx(20.0 * 870 / FOCAL_PX, rel=0.5)  # along it, as if its view were 60 degrees


@pytest.mark.slow
@pytest.mark.parametrize("seed", [201, 202])
def test_on_simulated_queues_not_looked_at_before_the_intervals_hold(seed: int) -> None:
    scores = [score_hidden(msgspec.structs.replace(scene, seed=seed)).hidden for scene in far_scenes()]
    held, frames = (sum(getattr(one, of) for one in scores if one is not None) for of in ("held", "frames"))
    assert 0.75 <= held / frames <= 0.95
