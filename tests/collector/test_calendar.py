"""Intervals of a site's calendar: without gap or overlap, and as the clocks on the wall show them."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.calendar import INTERVALS, Interval, end_of, floor, starts, zone_of
from collector.queries.axis import axis
from collector.queries.records import name_of
from edge.errors import InputError

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
ZONES = [
    "UTC",
    "Asia/Shanghai",
    "Asia/Kathmandu",
    "Asia/Pyongyang",
    "Europe/Berlin",
    "America/Havana",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Monrovia",
]
times = st.one_of(
    st.integers(0, 4_000_000_000_000), st.integers(-62_135_596_800_000, 253_402_300_799_999), st.just(1_325_239_200_000)
)


def local(time_ms: int, zone: str) -> datetime:
    return datetime.fromtimestamp(time_ms / 1000, tz=ZoneInfo(zone))


@given(time_ms=times, zone=st.sampled_from(ZONES), interval=st.sampled_from(INTERVALS))
def test_every_time_lies_in_one_interval_and_the_next_begins_where_it_ends(
    time_ms: int, zone: str, interval: Interval
) -> None:
    first, last = floor(interval, zone, time_ms), end_of(interval, zone, time_ms)
    assert first <= time_ms < last
    assert floor(interval, zone, first) == first
    assert floor(interval, zone, last - 1) == first
    assert floor(interval, zone, last) == last
    assert list(starts(interval, zone, first, last + 1)) == [first, last]


@given(time_ms=st.integers(64_000_000_000, 4_000_000_000_000), zone=st.sampled_from(ZONES))
def test_a_day_begins_at_the_first_instant_of_its_date(time_ms: int, zone: str) -> None:
    first = floor("day", zone, time_ms)
    assert local(first, zone).date() != local(first - 1, zone).date()
    hours = (end_of("day", zone, time_ms) - first) / HOUR_MS
    assert 22 <= hours <= 26


@given(time_ms=st.integers(64_000_000_000, 4_000_000_000_000), zone=st.sampled_from(ZONES))
def test_weeks_months_and_years_begin_with_a_day(time_ms: int, zone: str) -> None:
    firsts: tuple[tuple[Interval, Callable[[date], bool]], ...] = (
        ("week", lambda date: date.weekday() == 0),
        ("month", lambda date: date.day == 1),
        ("year", lambda date: (date.month, date.day) == (1, 1)),
    )
    for interval, is_first in firsts:
        first = floor(interval, zone, time_ms)
        assert floor("day", zone, first) == first
        if zone != "Pacific/Apia":  # left out a Friday
            assert is_first(local(first, zone).date())


@pytest.mark.parametrize(
    ("zone", "date", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("America/New_York", "2026-11-01", 25),
        ("America/Havana", "2026-11-01", 25),
        ("America/Sao_Paulo", "2018-11-04", 23),
        ("Asia/Shanghai", "2026-10-25", 24),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("Asia/Pyongyang", "2018-05-04", 23.5),
    ],
)
def test_days_are_as_long_as_the_clocks_make_them(zone: str, date: str, hours: float) -> None:
    noon = datetime.fromisoformat(date).replace(hour=12, tzinfo=ZoneInfo(zone))
    noon_ms = int(noon.timestamp() * 1000)
    assert (end_of("day", zone, noon_ms) - floor("day", zone, noon_ms)) / HOUR_MS == hours
    assert len(list(starts("hour", zone, floor("day", zone, noon_ms), end_of("day", zone, noon_ms)))) == -(-hours // 1)


def test_an_hour_that_the_clocks_show_twice_is_two_intervals_with_names_of_their_own() -> None:
    from_ms = int(datetime(2026, 10, 25, 0, 0, tzinfo=UTC).timestamp() * 1000)
    found = axis("hour", "Europe/Berlin", from_ms, from_ms + 3 * HOUR_MS)
    assert [name_of(found, i) for i in range(3)] == [
        "2026-10-25 02:00 +02:00",
        "2026-10-25 02:00 +01:00",
        "2026-10-25 03:00",
    ]


def test_a_date_that_a_zone_left_out_is_no_interval() -> None:
    from_ms = int(datetime(2011, 12, 29, 10, tzinfo=UTC).timestamp() * 1000)
    days = axis("day", "Pacific/Apia", from_ms, from_ms + 3 * DAY_MS)
    assert [name_of(days, i) for i in range(len(days))] == ["2011-12-29", "2011-12-31", "2012-01-01"]


def test_the_first_and_the_last_interval_are_cut_to_the_span() -> None:
    found = axis("day", "UTC", 5 * HOUR_MS, 2 * DAY_MS + 1, now_ms=DAY_MS + HOUR_MS)
    assert found.edges_ms == (5 * HOUR_MS, DAY_MS, 2 * DAY_MS, 2 * DAY_MS + 1)
    assert [found.span_ms(i) for i in range(3)] == [19 * HOUR_MS, HOUR_MS, 0]


def test_too_many_intervals_and_unknown_zones_are_refused_with_a_sentence() -> None:
    with pytest.raises(InputError, match="more than 100000 intervals of a minute"):
        axis("minute", "UTC", 0, 400 * DAY_MS)
    with pytest.raises(InputError, match="a span must begin before it ends"):
        axis("minute", "UTC", 0, 0)
    for name in ("Asia/Nowhere", "../etc/passwd", "", "Asia"):
        with pytest.raises(InputError, match="there is no time zone"):
            zone_of(name)


def test_names_of_intervals() -> None:
    from_ms = int(datetime(2026, 11, 22, 18, tzinfo=UTC).timestamp() * 1000)
    named = {
        interval: name_of(axis(interval, "Asia/Shanghai", from_ms, from_ms + HOUR_MS), 0)
        for interval in ("hour", "day", "week", "month", "year")
    }
    assert named == {
        "hour": "2026-11-23 02:00",
        "day": "2026-11-23",
        "week": "2026-W48",
        "month": "2026-11",
        "year": "2026",
    }
