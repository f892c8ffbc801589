"""Timestamps of files are believed where they fit together."""

from collections.abc import Iterator, Sequence

import pytest

from edge.vision.stamps import LOOK_AHEAD, WRAP_MS, believed, unwrapped

HOUR_MS = 3_600_000
EVEN = [40 * n for n in range(40)]


def times(stamps: Sequence[float], step_ms: float = 40.0) -> list[int]:
    """The times, each with its frame: none is lost and none changes its place."""
    found = list(believed(((float(stamp), n) for n, stamp in enumerate(stamps)), step_ms))
    assert [n for _, n in found] == list(range(len(stamps)))
    assert all(a < b for (a, _), (b, _) in zip(found, found[1:], strict=False)), "times strictly increase"
    return [round(at) for at, _ in found]


@pytest.mark.parametrize("late_ms", [HOUR_MS, -HOUR_MS, 300_000, 5_000, 700, -100])
@pytest.mark.parametrize("place", [1, 2, 20, 37])
def test_one_damaged_timestamp_costs_its_own_frame_only(place: int, late_ms: int) -> None:
    stamps = [*EVEN]
    stamps[place] += late_ms
    assert times(stamps) == EVEN


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_several_damaged_in_a_row_cost_only_themselves(count: int) -> None:
    assert times(EVEN[:15] + [stamp + HOUR_MS for stamp in EVEN[15 : 15 + count]] + EVEN[15 + count :]) == EVEN


@pytest.mark.parametrize("late_ms", [HOUR_MS, -HOUR_MS])
def test_a_damaged_first_or_last_timestamp_moves_nothing(late_ms: int) -> None:
    assert times([late_ms, *EVEN[1:]]) == EVEN
    assert times([*EVEN[:-1], EVEN[-1] + late_ms]) == EVEN


def test_a_gap_that_stays_is_believed() -> None:
    gap = EVEN + [HOUR_MS + stamp for stamp in EVEN]
    assert times(gap) == gap


def test_what_is_joined_goes_on_from_the_frame_before() -> None:
    assert times(EVEN + EVEN + EVEN) == [40 * n for n in range(120)]
    uneven = [0, 33, 100, 180, 190, 250, 333, 400, 460, 500, 560, 640, 700]
    assert times([5000 + stamp for stamp in uneven] + uneven) == [*uneven, *(740 + stamp for stamp in uneven)]


@pytest.mark.parametrize("tick_ms", [0, 1])
def test_timestamps_that_stand_are_replaced_by_the_rate(tick_ms: int) -> None:
    assert times(EVEN[:9] + [HOUR_MS + tick_ms * n for n in range(31)]) == EVEN
    assert times([0] * 40) == EVEN


def test_steps_of_any_length_are_believed_where_they_only_grow() -> None:
    for stamps in (
        [0, 33, 100, 101, 500, 2000, 2040],
        [60_000 * n for n in range(30)],
        EVEN[:20] + [760 + 60_000 * n for n in range(1, 20)],  # a rate that is lowered
        [60_000 * n for n in range(10)] + [540_000 + 40 * n for n in range(1, 30)],
        [0, 1, 2, 3, 400, 401, 402, 403, 800, 801, 802, 803, 1200],  # bursts, as a network delivers them
    ):
        assert times(stamps) == stamps


def test_what_is_held_back_is_bounded() -> None:
    taken = 0

    def source() -> Iterator[tuple[float, None]]:
        nonlocal taken
        for n in range(200):
            taken = n
            yield float(HOUR_MS * 100 * (n % 7) + 40 * n), None

    for given, _ in enumerate(believed(source(), 40.0)):
        assert taken - given <= LOOK_AHEAD


def test_stamps_that_all_but_stand_are_replaced_and_bursts_are_not() -> None:
    least = [40 * n for n in range(20)] + [
        760 + 0.011 * n for n in range(1, 9)
    ]  # as writers that must not repeat one do
    assert times(least) == [40 * n for n in range(28)]
    long = [40 * n for n in range(20)] + [760 + n for n in range(1, 30)]
    assert times(long)[:36] == [40 * n for n in range(36)]


def test_a_clock_that_is_set_back_is_no_leap_of_a_day_and_one_that_wraps_goes_on() -> None:
    hour = 3_600_000.0
    leap = [0.0, 40.0, WRAP_MS - hour, WRAP_MS - hour + 40]  # as FFmpeg tells a clock that goes from 1 h back to 0
    assert [stamp for stamp, _ in unwrapped([(stamp, 0) for stamp in leap], hour)] == [0.0, 40.0, -hour, 40 - hour]
    first = WRAP_MS - 60.0
    assert [stamp for stamp, _ in unwrapped([(40.0 * n, 0) for n in range(5)], first)] == [40.0 * n for n in range(5)]
