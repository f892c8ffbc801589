"""The views beside counting: balance, places, daylight, queues, bands, schemes, loads; each against what is plain."""

import math
from datetime import UTC, datetime

import msgspec
import pytest

from collector.domain.scope import Scope
from collector.domain.sites import Site
from collector.protocol.intake import DeviceMessage
from collector.queries.axis import axis
from collector.queries.balance import balance, unseen
from collector.queries.compare import agreements, bands, percentile
from collector.queries.counts import counts, places, site_total, with_tonnes
from collector.queries.daylight import day_split, daylight
from collector.queries.extent import extent
from collector.queries.merged_lines import merged
from collector.queries.places import directions_of, time_zone_of
from collector.queries.queue import queues
from collector.queries.results import Axis, Flow, Flows
from collector.queries.schemes import SCHEMES, mapped
from collector.store.interface import Store
from edge.errors import InputError
from edge.wire.report import Level, Report, Waits, ZoneReport
from edge.wire.times import rfc3339
from tests.collector.messages import MINUTE_MS, NOON_MS, a_report, blind, received

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
SITES = {"bridge": Site(same_lines={"deck": ["mast-1/deck", "mast-2/deck"]}, tonnes={"truck": 40.0})}
FIVE = axis("minute", "UTC", NOON_MS + MINUTE_MS, NOON_MS + 6 * MINUTE_MS)


def put(store: Store, *reports: Report) -> None:
    store.commit([received(report) for report in reports], now_ms=NOON_MS)


def flow(counts_of: dict[str, tuple[int | None, ...]], **fields: object) -> Flow:
    n = len(next(iter(counts_of.values())))
    given = {"site": "s", "device": "d", "line": "l", "direction": "out", "watched_ms": (MINUTE_MS,) * n}
    return Flow(counts=counts_of, **(given | fields))  # type: ignore[arg-type]


def test_two_devices_on_one_line_count_once_and_blind_only_where_both_are(store: Store) -> None:
    put(store, a_report(1), blind(2), blind(3), a_report(5))
    put(store, a_report(1, device="mast-2"), a_report(2, device="mast-2"), blind(3, device="mast-2"))
    with store.reading() as reading:
        answer = places(counts(reading, Scope(), FIVE), SITES)
    (outbound, _) = answer.flows
    assert (outbound.device, outbound.line, outbound.counts["car"]) == ("", "deck", (1, 2, None, None, 5))
    assert outbound.watched_ms == (MINUTE_MS, MINUTE_MS, 0, 0, MINUTE_MS)
    assert [one.counts["truck"] for one in site_total(answer, "bridge")] == [
        (0, 0, None, None, 0),
        (1, 1, None, None, 1),
    ]


def test_two_devices_on_one_line_say_the_same_of_a_day_as_of_its_hours(store: Store) -> None:
    put(store, a_report(1), a_report(61), blind(121))
    put(store, *(a_report(seq, device="mast-2") for seq in (61, 121, 181)))
    hours = axis("hour", "UTC", NOON_MS, NOON_MS + 4 * HOUR_MS)
    with store.reading() as reading:
        (by_hour, _) = merged(reading, Scope(), hours, SITES).flows
        (outbound, _) = merged(reading, Scope(), axis(None, "UTC", NOON_MS, NOON_MS + 4 * HOUR_MS), SITES).flows
        split = day_split(reading, Scope(), hours, Site(latitude=40.1, longitude=124.4), sites=SITES)
        (found,) = balance(reading, "bridge", SITES, NOON_MS, NOON_MS + 4 * HOUR_MS)
    assert by_hour.counts["car"] == (1, 61, 121, 181)
    assert outbound.counts["car"] == (sum(by_hour.counts["car"]),) == (found.classes["car"].out,)
    assert (outbound.device, outbound.line, outbound.watched_ms) == ("", "deck", (4 * MINUTE_MS,))
    assert {one.line for one in split.day.flows} == {"deck"}


def test_the_balance_is_out_minus_back_and_its_bounds_hold_the_unseen(store: Store) -> None:
    put(store, *(a_report(seq) for seq in range(1, 6)))
    span = (NOON_MS + MINUTE_MS, NOON_MS + 6 * MINUTE_MS)
    with store.reading() as reading:
        (whole,) = balance(reading, "bridge", {}, *span)
        (half,) = balance(reading, "bridge", {}, span[0], span[1] + 5 * MINUTE_MS)
        assert balance(reading, "elsewhere", {}, *span) == []
    assert (whole.out, whole.back, whole.watched_ms) == ("outbound", "return", 5 * MINUTE_MS)
    car, truck = whole.classes["car"], whole.classes["truck"]
    assert (car.out, car.back, car.balance, car.low, car.high) == (15, 0, 15, 15.0, 15.0)
    assert (truck.balance, whole.all.balance) == (-5, 10)
    assert half.classes["truck"].unseen_back == pytest.approx(5.0)
    assert half.all.balance == 10
    assert half.all.low is not None
    assert half.all.high is not None
    assert half.all.low < 20 < half.all.high


def test_unseen_time_is_filled_at_the_rate_of_its_own_hour() -> None:
    hours = [HOUR_MS] * 4
    found = unseen([10, None, 2, None], [HOUR_MS, 0, HOUR_MS, 0], hours, [0, 0, 1, 1])
    assert found is not None
    assert found[0] == 12.0
    assert found[1] == 10 + 11 + 2 + 3
    assert unseen([None], [0], [HOUR_MS], [0]) is None
    none_came = unseen([0, None], [HOUR_MS, 0], hours[:2], [0, 0])
    assert none_came is not None
    assert none_came[0] == 0
    assert math.sqrt(none_came[1]) == 1.0  # that none came in one hour is no proof for the next


def test_which_way_is_out_is_configured_or_told_by_the_device_or_the_first_word(store: Store) -> None:
    put(store, a_report(1))
    with store.reading() as reading:
        assert directions_of(reading, "bridge", {})["mast-1", "deck"] == ("outbound", "return")
    info = (
        b'{"schema":1,"run":"r","version":"1","time_zone":"Asia/Shanghai",'
        b'"lines":{"deck":{"a_to_b":"return","b_to_a":"outbound"}}}'
    )
    store.commit([DeviceMessage("bridge", "mast-1", "info", info)], now_ms=NOON_MS)
    told = {"bridge": Site(out=["outbound"], back=["return"], time_zone="Asia/Pyongyang")}
    with store.reading() as reading:
        assert directions_of(reading, "bridge", {})["mast-1", "deck"] == ("return", "outbound")
        assert directions_of(reading, "bridge", told)["mast-1", "deck"] == ("outbound", "return")
        assert [time_zone_of(reading, "bridge", sites) for sites in ({}, told)] == ["Asia/Shanghai", "Asia/Pyongyang"]
        assert time_zone_of(reading, "elsewhere", {}) == "UTC"
        assert extent(reading, Scope(), now_ms=None) == (NOON_MS + MINUTE_MS, *[NOON_MS + 2 * MINUTE_MS] * 2)
        assert extent(reading, Scope(site="elsewhere"), now_ms=NOON_MS) is None


def test_day_and_night_add_up_to_all_and_polar_days_have_neither_dawn_nor_dusk(store: Store) -> None:
    put(store, *(a_report(seq * 47) for seq in range(1, 40)))
    days = axis("day", "Asia/Shanghai", NOON_MS, NOON_MS + 2 * DAY_MS)
    site = Site(latitude=40.1, longitude=124.4)
    with store.reading() as reading:
        split = day_split(reading, Scope(), days, site)
        whole = counts(reading, Scope(), days).flows[0]
    for i in range(len(days)):
        parts = [one.flows[0].counts["car"][i] or 0 for one in (split.day, split.night)]
        assert sum(parts) == whole.counts["car"][i]
        assert split.day_ms[i] + split.night_ms[i] == days.span_ms(i)
    assert 9 * HOUR_MS < split.day_ms[1] < 10 * HOUR_MS  # late November at 40 degrees north
    june_ms = int(datetime(2026, 6, 21, tzinfo=UTC).timestamp() * 1000)
    june = axis("day", "UTC", june_ms, june_ms + 3 * DAY_MS)
    assert set(daylight(Site(latitude=78.2, longitude=15.6), june).by_day) == {True}
    with pytest.raises(InputError, match="need `latitude` and `longitude`"):
        daylight(Site(), june)


def test_queues_are_weighted_by_watched_time_and_blind_is_none(store: Store) -> None:
    def zone(mean: float, most: int, end: int, waited: int, p50: int) -> dict[str, ZoneReport]:
        level = Level(mean=mean, max=most, end=end)
        wait_ms = Waits(p50=p50, p90=2 * p50, max=3 * p50) if waited else None
        return {"queue": ZoneReport(inside=level, standing=level, left=waited, waited=waited, wait_ms=wait_ms)}

    put(
        store,
        a_report(1, zones=zone(2.0, 4, 1, 3, 1_000)),
        a_report(2, zones=zone(8.0, 9, 7, 1, 5_000), watched_ms=MINUTE_MS // 2, state="partial"),
        blind(3, zones=None),
        a_report(4, zones=zone(0.0, 0, 0, 0, 0)),
    )
    pairs = Axis(interval=None, time_zone="UTC", edges_ms=tuple(NOON_MS + i * MINUTE_MS for i in (1, 3, 4, 5)))
    with store.reading() as reading:
        (queue,) = queues(reading, Scope(), pairs).queues
    assert queue.standing_mean == (4.0, None, 0.0)
    assert (queue.standing_max, queue.standing_end) == ((9, None, 0), (7, None, 0))
    assert (queue.waited, queue.wait_p50_ms, queue.wait_max_ms) == (
        (4, None, 0),
        (2_000.0, None, None),
        (15_000, None, None),
    )


def test_devices_on_one_line_are_held_against_each_other(store: Store) -> None:
    put(store, *(a_report(seq) for seq in (1, 2, 3)), blind(4))
    put(store, a_report(1, device="mast-2"), a_report(2, device="mast-2", lines={"deck": {"outbound": {"car": 5}}}))
    with store.reading() as reading:
        (outbound, back) = agreements(reading, "bridge", SITES, FIVE)
    assert (outbound.first, outbound.second) == ("mast-1/deck", "mast-2/deck")
    assert (outbound.intervals, outbound.intervals_equal, outbound.first_total, outbound.second_total) == (2, 1, 3, 6)
    assert (outbound.ratio, outbound.difference_mean, outbound.worst[0]) == (2.0, 1.5, (1, 2, 5))
    assert back.intervals == 1


def test_what_is_usual_is_taken_from_the_same_time_of_past_weeks(store: Store) -> None:
    put(store, *(a_report(week, start=rfc3339(NOON_MS + MINUTE_MS - 7 * week * DAY_MS)) for week in range(1, 5)))
    minutes = axis("minute", "UTC", NOON_MS + MINUTE_MS, NOON_MS + 5 * MINUTE_MS)
    with store.reading() as reading:
        found = {one.direction: one for one in bands(reading, Scope(), minutes, weeks=4)}
    assert found["outbound"].days == (4, 0, 0, 0)
    assert found["outbound"].p50 == (2.5, None, None, None)
    assert percentile([1, 2, 3, 4], 0.5) == 2.5


def test_a_scheme_joins_classes_keeps_the_unclassified_and_refuses_what_needs_finer_ones() -> None:
    ours = flow({"bus": (1, 1), "car": (2, None), "motorcycle": (1, 1), "truck": (3, 0), "unclassified": (4, 0)})
    assert mapped(ours, "tls-2+0").counts == {"like-car": (3, None), "like-truck": (4, 1), "unclassified": (4, 0)}
    assert mapped(ours, "fhwa-coarse").counts["5-13-truck"] == (3, 0)
    with pytest.raises(InputError, match="s/d counts 'truck', which tls-5\\+1 would need told apart finer"):
        mapped(ours, "tls-5+1")
    with pytest.raises(InputError, match="there is no class scheme 'x'; there are own, tls"):
        mapped(ours, "x")
    assert mapped(ours, "own") is ours
    for scheme in SCHEMES:
        fine = flow(dict.fromkeys(SCHEMES[scheme], (1,)))
        assert sum(of[0] or 0 for of in mapped(fine, scheme).counts.values()) == len(SCHEMES[scheme])


def test_loads_are_estimates_of_their_own_and_blind_where_the_counts_are() -> None:
    loaded = with_tonnes(flow({"truck": (2, None, 0), "car": (9, 9, 9)}), SITES["bridge"])
    assert loaded.tonnes == (80.0, None, 0)
    assert with_tonnes(flow({"car": (9,)}), SITES["bridge"]).tonnes is None


def test_answers_become_json(store: Store) -> None:
    put(store, a_report(1))
    with store.reading() as reading:
        answer = counts(reading, Scope(), FIVE, estimate=True)
    assert msgspec.json.decode(msgspec.json.encode(answer), type=Flows) == answer
