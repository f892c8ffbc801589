"""A vehicle that stands is known to stand, however its box trembles; one that moves away, to move."""

from math import hypot
from random import Random

import pytest

from edge.counting.motion import Box
from edge.counting.stationary import Stay

SECOND_MS = 1_000
REACH = 0.25
HEIGHT = 100.0


def box_at(x: float, y: float, width: float = 80.0, height: float = HEIGHT) -> Box:
    return x - width / 2, y - height, x + width / 2, y


def follow(points: list[tuple[float, float]], *, step_ms: int = 100) -> Stay:
    """The stay after these sightings."""
    stay = Stay(points[0], 0)
    for number, point in enumerate(points):
        stay.see(point, box_at(*point), number * step_ms)
    return stay


def begins(points: list[tuple[float, float]], *, step_ms: int = 100, width: float = 80.0) -> list[int]:
    """When each of the stays began."""
    stay = Stay(points[0], 0)
    found = [0]
    for number, point in enumerate(points):
        stay.see(point, box_at(*point, width=width), number * step_ms)
        if stay.began_ms != found[-1]:
            found.append(stay.began_ms)
    return found


@pytest.mark.parametrize("step_ms", [40, 100, 200, 333])
@pytest.mark.parametrize(("width", "tremble"), [(80.0, 5.0), (200.0, 8.0)])
def test_an_hour_of_trembling_is_one_stay(step_ms: int, width: float, tremble: float) -> None:
    """The tremble of a filtered box: some 5% of its height, and as much of its width if it is wide."""
    chance = Random(1)
    points = [
        (500.0 + chance.gauss(0, tremble), 300.0 + chance.gauss(0, 5.0)) for _ in range(3_600 * SECOND_MS // step_ms)
    ]
    assert begins(points, step_ms=step_ms, width=width) == [0]


def test_driving_on_is_no_stay() -> None:
    found = begins([(100.0 + 20.0 * number, 300.0) for number in range(100)])
    assert all(after - before <= SECOND_MS for before, after in zip(found, found[1:], strict=False))


def test_a_stay_begins_when_the_vehicle_comes_to_its_place_and_ends_when_it_goes() -> None:
    """It brakes for two seconds, stands for half a minute, and drives off."""
    braking = [(500.0 - 2.5 * (20 - k) ** 2 / 10, 300.0) for k in range(20)]
    going = [(500.0 + 1.5 * k**2 / 10, 300.0) for k in range(1, 60)]
    found = begins(braking + [(500.0, 300.0)] * 300 + going)
    stood = [(one, after) for one, after in zip(found, found[1:], strict=False) if after - one > 10 * SECOND_MS]
    ((began_ms, ended_ms),) = stood
    assert 500 <= began_ms <= 2_000
    gone_ms = 32_000 + round(100 * (25.0 * 10 / 1.5) ** 0.5)
    assert gone_ms - 500 <= ended_ms <= gone_ms + 500


def test_half_a_length_forward_is_another_place() -> None:
    points = [(500.0, 300.0)] * 300 + [(500.0 + 4.0 * k, 300.0) for k in range(1, 13)] + [(550.0, 300.0)] * 300
    stays = begins(points)
    assert 30_000 < stays[-1] < 32_000


def test_a_box_that_is_anothers_for_a_moment_ends_no_stay() -> None:
    points = [(500.0, 300.0)] * 300 + [(500.0, 360.0)] * 8 + [(500.0, 300.0)] * 300
    stay = follow(points)
    assert (stay.began_ms, stay.where) == (0, pytest.approx((500.0, 300.0)))


def test_one_that_stays_is_where_it_was_lately_and_one_that_drives_where_it_is() -> None:
    chance = Random(2)
    still = follow([(500.0 + chance.gauss(0, 5), 300.0 + chance.gauss(0, 5)) for _ in range(300)])
    assert hypot(still.where[0] - 500.0, still.where[1] - 300.0) < 2.0
    driving = follow([(100.0 + 20.0 * number, 300.0) for number in range(50)])
    assert driving.where == (100.0 + 20.0 * 49, 300.0)


def test_one_that_rolls_on_within_the_reach_is_where_it_has_come_to() -> None:
    stay = follow([(500.0, 300.0)] * 200 + [(500.0, 300.0 + 0.5 * step) for step in range(20)] + [(500.0, 310.0)] * 50)
    assert stay.began_ms == 0
    assert stay.where == pytest.approx((500.0, 310.0), abs=0.2)


def test_first_seen_at_its_place_is_told_from_having_come_there() -> None:
    assert follow([(500.0, 300.0)] * 20).from_birth
    assert not follow([(100.0, 300.0)] * 5 + [(500.0, 300.0)] * 100).from_birth


def test_going_on_with_a_lost_stay_keeps_when_it_began() -> None:
    lost, heir = Stay((500.0, 300.0), 1_000), Stay((504.0, 301.0), 60_000)
    lost.from_birth = False
    heir.continue_from(lost)
    assert (heir.began_ms, heir.from_birth) == (1_000, False)


def test_one_that_came_from_elsewhere_goes_on_with_no_others_stay() -> None:
    lost = Stay((500.0, 300.0), 1_000)
    heir = follow([(100.0, 300.0)] * 5 + [(500.0, 300.0)] * 100)
    began_ms = heir.began_ms
    heir.continue_from(lost)
    assert heir.began_ms == began_ms
