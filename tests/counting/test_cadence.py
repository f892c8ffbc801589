"""Vehicles are seen again as often as their speed and the line need it."""

import pytest

from edge.counting.cadence import newcomer_wait_ms, wait_ms
from edge.counting.parameters import DEFAULT
from edge.counting.tracking import Track
from tests.counting.scenes import DECK

MISSED_MS, MISSED_MS_MAX = DEFAULT.cadence.missed_ms, DEFAULT.cadence.missed_ms_max
MOVING_MS, NEW_NEAR_MS = DEFAULT.cadence.moving_ms, DEFAULT.cadence.new_near_ms

KNOWN = (40.0 * 10, 0.0, 0.0, 0.0, 0.0, 0.0)  # ten sure sightings of a box of 40 x 40


def track(x: float, speed: float, *, seen_ms: int = 1_000, votes: tuple[float, ...] = KNOWN) -> Track:
    """A box of 40 x 40 that stands at x, driving to the right; the line is at 500."""
    return Track(1, (x - 20, 260, x + 20, 300), seen_ms, votes, speed=(speed, 0.0))


def wait(*vehicles: Track) -> float | None:
    return wait_ms(vehicles, 1_000, [DECK])


def test_what_stands_needs_no_look() -> None:
    assert wait(track(300, 0.0), track(505, 2.0)) is None


@pytest.mark.parametrize("speed", [60.0, 120.0, 240.0])
def test_the_faster_a_vehicle_the_sooner_it_is_seen_again(speed: float) -> None:
    assert wait(track(100, speed)) == pytest.approx(1000 * 0.5 * 40 / speed)


def test_near_a_line_it_is_seen_sooner_still() -> None:
    far, near = wait(track(100, 120.0)), wait(track(480, 120.0))
    assert far is not None
    assert near is not None
    assert near < 0.7 * far


def test_a_slow_vehicle_waits_no_longer_than_stated_and_one_near_the_line_decides() -> None:
    assert wait(track(100, 8.0)) == MOVING_MS
    assert wait(track(100, 8.0), track(500, 120.0)) == wait(track(500, 120.0))


def test_too_fast_for_a_longer_step_is_every_frame() -> None:
    assert wait(track(500, 400.0)) == NEW_NEAR_MS


def test_a_doubtful_vehicle_near_a_line_is_seen_at_once() -> None:
    hardly = (40.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    assert wait(track(490, 60.0, votes=hardly)) == NEW_NEAR_MS
    assert newcomer_wait_ms((480, 260, 520, 300), [DECK]) == NEW_NEAR_MS


def test_a_vehicle_near_a_line_that_looks_missed_lately_is_looked_for_sooner() -> None:
    assert wait(track(490, 20.0, seen_ms=950)) == MISSED_MS
    assert wait(track(490, 20.0, seen_ms=1_000 - MISSED_MS_MAX)) == MISSED_MS
    assert wait(track(490, 20.0, seen_ms=999 - MISSED_MS_MAX)) == MOVING_MS, "it is lost"
    assert wait(track(100, 20.0, seen_ms=950)) == MOVING_MS, "it is far from the line"


def test_a_detection_that_is_no_vehicle_yet_has_longer_the_farther_it_is_from_the_line() -> None:
    waits = [newcomer_wait_ms((x - 20, 260, x + 20, 300), [DECK]) for x in (500, 460, 300, 260, 100)]
    assert waits == sorted(waits)
    assert waits[0] < waits[1] == DEFAULT.cadence.new_ms < waits[3] < waits[4] == DEFAULT.cadence.new_ms_max
