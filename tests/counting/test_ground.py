"""From pixels to metres through four known points, and how long a queue is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.counting.ground_plane import Point, Quadrangle, Queuer, plane_through, queue_length_m
from edge.counting.parameters import DEFAULT

LINK_M = DEFAULT.ground.link_m

SQUARE: Quadrangle = ((0.0, 0.0), (8.0, 0.0), (8.0, 50.0), (0.0, 50.0))


def seen(place: Point) -> Point:
    """A road as a camera 10 m above it sees it that looks down by some 17 degrees, 40 m before its beginning."""
    x, y = place
    ahead = 40.0 + y
    return 320.0 + 500.0 * (x - 4.0) / (0.956 * ahead + 2.92), 180.0 + 500.0 * (9.56 - 0.292 * ahead) / (
        0.956 * ahead + 2.92
    )


ROAD: Quadrangle = (seen(SQUARE[0]), seen(SQUARE[1]), seen(SQUARE[2]), seen(SQUARE[3]))


def test_the_known_points_are_where_they_are_said_to_be() -> None:
    plane = plane_through(ROAD, SQUARE)
    assert plane is not None
    for point, place in zip(ROAD, SQUARE, strict=True):
        assert plane.metres(point) == pytest.approx(place, abs=1e-9)


@given(st.floats(-20.0, 20.0), st.floats(-30.0, 200.0))
def test_every_other_point_is_where_the_camera_that_saw_them_sees_it(x: float, y: float) -> None:
    plane = plane_through(ROAD, SQUARE)
    assert plane is not None
    assert plane.metres(seen((x, y))) == pytest.approx((x, y), abs=1e-6)


def test_nothing_on_the_ground_is_above_the_horizon() -> None:
    plane = plane_through(ROAD, SQUARE)
    assert plane is not None
    horizon = 180.0 - 500.0 * 0.292 / 0.956
    assert plane.metres((100.0, horizon - 1.0)) is None
    assert plane.metres((100.0, horizon + 1.0)) is not None


def test_in_a_mirror_the_ground_is_the_same() -> None:
    mirrored: Quadrangle = tuple((640.0 - x, y) for x, y in ROAD)  # type: ignore[assignment]
    plane = plane_through(mirrored, SQUARE)
    assert plane is not None
    assert plane.metres((640.0 - 300.0, 260.0)) == pytest.approx(plane_through(ROAD, SQUARE).metres((300.0, 260.0)))  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("points", "metres"),
    [
        (((0.0, 0.0), (1.0, 1.0), (2.0, 2.0), (0.0, 5.0)), SQUARE),  # three on a line
        (ROAD, ((0.0, 0.0), (8.0, 0.0), (16.0, 0.0), (0.0, 50.0))),
        (ROAD, ((0.0, 0.0), (8.0, 0.0), (0.0, 50.0), (8.0, 50.0))),  # round in another way
        ((ROAD[0], ROAD[0], ROAD[2], ROAD[3]), SQUARE),
        (((0.0, 0.0),) * 4, SQUARE),
    ],
)
def test_points_that_no_camera_sees_so_are_no_plane(points: Quadrangle, metres: Quadrangle) -> None:
    assert plane_through(points, metres) is None


def about(x: float, y: float) -> st.SearchStrategy[Point]:
    return st.tuples(st.floats(x - 20.0, x + 20.0), st.floats(y - 20.0, y + 20.0))


quadrangles = st.tuples(about(0.0, 0.0), about(100.0, 0.0), about(100.0, 100.0), about(0.0, 100.0))


@given(quadrangles, quadrangles)
def test_whatever_convex_quadrangles_are_given_the_known_points_come_out(
    points: Quadrangle, metres: Quadrangle
) -> None:
    plane = plane_through(points, metres)
    assert plane is not None
    for point, place in zip(points, metres, strict=True):
        assert plane.metres(point) == pytest.approx(place, abs=1e-6)


# The length of a queue


def car(y_m: float, x_m: float = 0.0, *, standing: bool = True, label: str = "car") -> Queuer:
    """One `y_m` ahead of the camera: the farther, the higher in the picture."""
    return Queuer((x_m, y_m), -y_m, DEFAULT.ground.length_of(label), standing)


def test_nobody_standing_is_no_queue() -> None:
    assert queue_length_m([]) == 0.0
    assert queue_length_m([car(0.0, standing=False), car(8.0, standing=False)]) == 0.0


def test_one_vehicle_is_a_queue_of_its_length() -> None:
    assert queue_length_m([car(30.0, label="truck")]) == 12.0


def test_a_queue_goes_from_the_first_to_the_last_with_the_length_of_the_farther_one() -> None:
    assert queue_length_m([car(0.0), car(7.0), car(14.0, label="truck")]) == 14.0 + 12.0
    assert queue_length_m([car(14.0, label="truck"), car(0.0), car(7.0)]) == 14.0 + 12.0
    assert queue_length_m([car(0.0, label="truck"), car(14.0)]) == 14.0 + 4.5


def test_two_lanes_are_as_long_as_the_longer_one() -> None:
    one = [car(7.0 * k) for k in range(6)]
    other = [car(7.0 * k, 3.5) for k in range(3)]
    assert queue_length_m([*one, *other]) == pytest.approx(35.0 + 4.5, abs=0.2)


def test_a_gap_that_no_vehicle_fills_ends_a_queue_and_the_longest_one_is_told() -> None:
    near, far = [car(0.0), car(7.0)], [car(7.0 + LINK_M + 0.1 + 7.0 * k) for k in range(3)]
    assert queue_length_m([*near, *far]) == pytest.approx(14.0 + 4.5)
    assert queue_length_m([*near, car(20.0, standing=False), *far]) == pytest.approx(7.0 + LINK_M + 0.1 + 14.0 + 4.5)


def test_who_creeps_on_links_a_queue_but_is_no_end_of_it() -> None:
    assert queue_length_m([car(0.0, standing=False), car(7.0), car(14.0), car(21.0, standing=False)]) == 7.0 + 4.5
