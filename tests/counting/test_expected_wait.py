"""Who joins a queue now is told how long it will be, with an interval that holds as often as it says."""

import pytest

from edge.counting.expected_wait import ExpectedWait, QueueService
from edge.counting.parameters import DEFAULT
from tests.counting.customs import KINDS, Customs, Kind, judged

DEPARTURES_MAX = DEFAULT.expected_wait.departures_max
HISTORY_MS = DEFAULT.expected_wait.history_ms


@pytest.mark.parametrize("kind", KINDS)
def test_of_simulated_customs_releases_80_percent_intervals_hold_in_75_to_90_percent_of_the_minutes(kind: Kind) -> None:
    told, held, unknown = map(sum, zip(*(judged(Customs(seed, kind)) for seed in range(100, 104)), strict=True))
    assert told > 2_500
    assert 0.75 <= held / told <= 0.90
    assert unknown < 0.3 * told


def steady(service: QueueService, until_s: int, *, ahead: int, every_s: int = 60, from_s: int = 0) -> None:
    """One leaves at each whole interval, and the queue stays as long as it is."""
    for second in range(from_s, until_s + 1):
        service.update(1000 * second, ahead, int(second % every_s == 0 and second > from_s))


def test_the_wait_is_as_many_departures_as_there_are_vehicles_ahead_and_one_more() -> None:
    service = QueueService()
    steady(service, 3_620, ahead=5)
    assert service.expected() == ExpectedWait(340_000, 340_000, 340_000)  # 20 s of the next interval are over


def test_an_empty_queue_says_nothing_and_its_time_does_not_count() -> None:
    service = QueueService()
    steady(service, 1_800, ahead=2)
    service.update(1_801_000, 0, 0)
    assert service.expected() is None
    service.update(9_000_000, 2, 0)
    service.update(9_001_000, 2, 0)
    assert service.expected() == ExpectedWait(178_000, 178_000, 178_000)  # 2 s with a queue since the last one left


def test_before_anybody_was_seen_to_leave_nothing_is_known() -> None:
    service = QueueService()
    steady(service, 59, ahead=3)
    assert service.expected() is None


def test_after_a_time_that_nobody_watched_nothing_is_known_until_the_next_one_leaves() -> None:
    service = QueueService()
    steady(service, 3_600, ahead=3)
    assert service.expected() is not None
    service.note_unwatched()
    service.update(3_700_000, 3, 0)
    assert service.expected() is None
    service.update(3_720_000, 3, 1)
    assert service.expected() == ExpectedWait(240_000, 240_000, 240_000)


def test_a_pause_longer_than_any_before_is_not_known() -> None:
    service = QueueService()
    steady(service, 3_600, ahead=3)
    service.update(3_659_000, 3, 0)
    assert service.expected() is not None
    service.update(3_661_000, 3, 0)
    assert service.expected() is None


def test_a_queue_that_is_longer_than_any_before_is_known_in_proportion_and_not_beyond_four_times() -> None:
    service = QueueService()
    steady(service, 1_200, ahead=5)
    service.update(1_200_000, 19, 0)
    expected = service.expected()
    assert expected is not None
    assert expected.p50 == 20 * 60_000
    service.update(1_200_000, 100, 0)
    assert service.expected() is None


def test_departures_are_forgotten_after_their_time_and_beyond_their_number() -> None:
    service = QueueService()
    for number in range(2 * DEPARTURES_MAX):
        service.update(1000 * number, 5, 1)
    assert len(service._departures) == DEPARTURES_MAX
    service.update(1000 * 2 * DEPARTURES_MAX + HISTORY_MS, 5, 0)
    assert len(service._departures) == 0
