"""Counts, coverage and queues equal a slow recomputation from the raw reports, whatever comes."""

from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.domain.calendar import INTERVALS, Interval
from collector.domain.plausible_time import SKEW_MS
from collector.domain.scope import Scope
from collector.protocol.intake import DeviceMessage
from collector.queries.axis import axis
from collector.queries.counts import counts, coverage
from collector.queries.evidence import evidence, raw_reports
from collector.queries.queue import queues
from collector.queries.results import Axis
from collector.store.interface import Store
from edge.wire.report import LengthLevel, Level, Report, Waits, ZoneReport, encode
from edge.wire.times import rfc3339
from tests.collector import plain
from tests.collector.messages import NOON_MS, a_report, received

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
TURNS = {  # zones, and a time near which their clocks change, or any other
    "Europe/Berlin": 1_792_890_000_000,  # 2026-10-25: 25 hours
    "America/New_York": 1_772_953_200_000,  # 2026-03-08: 23 hours
    "Australia/Lord_Howe": 1_775_314_800_000,  # 2026-04-05: by half an hour
    "America/Havana": 1_793_505_600_000,  # 2026-11-01: at midnight
    "Asia/Pyongyang": 1_525_446_000_000,  # 2018-05-05: a quarter to the rest of the world
    "Asia/Kathmandu": 1_795_608_000_000,
    "Asia/Shanghai": 1_795_608_000_000,
    "UTC": 1_795_608_000_000,
}
LAYOUTS = [
    {"deck": {"out": ["car", "truck"], "back": ["car", "truck"]}},
    {"deck": {"out": ["car", "truck", "bus"], "back": ["car"]}, "ramp": {"up": ["bus"]}},
    {"ramp": {"up": ["bus"], "down": []}},
    {},
]
sites = [0]  # every example has a site of its own


@dataclass
class World:
    """What came, batch by batch, and what is asked."""

    zone: str
    told: bool
    batches: list[list[Report]]
    axis: Axis


@st.composite
def zones(draw: st.DrawFn, names: list[str]) -> dict[str, ZoneReport]:
    """Some of these zones, with whatever a device may say of them."""
    few = st.integers(0, 3)
    waits = [None, Waits(p50=0, p90=1, max=2), Waits(p50=61_001, p90=90_000, max=95_000)]

    def zone() -> ZoneReport:
        metres = draw(st.sampled_from([None, 0.0, 7.25, 12.3]))
        return ZoneReport(
            inside=Level(mean=0.0, max=0, end=0),
            standing=Level(mean=draw(st.sampled_from([0.0, 1 / 3, 2.5, 1e6])), max=draw(few), end=draw(few)),
            parked=draw(few),
            entered=draw(few),
            left=draw(few),
            waited=draw(few),
            wait_ms=draw(st.sampled_from(waits)),
            queue_m=None if metres is None else LengthLevel(mean=0.0, max=metres, end=0.0),
        )

    return {name: zone() for name in names if draw(st.booleans())}


@st.composite
def worlds(draw: st.DrawFn) -> World:
    zone = draw(st.sampled_from(sorted(TURNS)))
    turn_ms = TURNS[zone]
    width_ms = draw(st.sampled_from([MINUTE_MS, 5 * MINUTE_MS, 7 * MINUTE_MS, HOUR_MS]))
    sites[0] += 1
    site = f"s{sites[0]}"
    places = st.integers(-40 * HOUR_MS // width_ms, 40 * HOUR_MS // width_ms)
    reports: list[Report] = []
    for seq in range(1, draw(st.integers(1, 30)) + 1):
        start_ms = turn_ms // width_ms * width_ms + width_ms * draw(places)
        if draw(st.integers(0, 30)) == 0:  # a clock that was never set, or is far ahead
            start_ms = draw(st.sampled_from([-62_135_596_800_000, 0, 253_402_300_740_000, turn_ms + 400 * DAY_MS]))
        layout = draw(st.sampled_from([None, *LAYOUTS]))
        lines = (
            None
            if layout is None
            else {
                line: {way: {label: draw(st.integers(0, 3)) for label in labels} for way, labels in by_way.items()}
                for line, by_way in layout.items()
            }
        )
        watched_ms = 0 if layout is None else draw(st.sampled_from([0, width_ms // 3, width_ms]))
        reports.append(
            Report(
                site=site,
                device=draw(st.sampled_from(["a", "b"])),
                run=draw(st.sampled_from(["r1", "r2"])),
                seq=seq,
                start=rfc3339(start_ms),
                width_ms=width_ms,
                watched_ms=watched_ms,
                state="blind" if layout is None else "ok" if watched_ms == width_ms else "partial",
                lines=lines,
                zones=None if layout is None else draw(zones(["bay", "queue"])),
            )
        )
    order = draw(st.lists(st.sampled_from(reports), max_size=10)) + draw(st.permutations(reports))
    if draw(st.booleans()):  # under a known key, and the first one stays
        other = draw(st.sampled_from(reports))
        order.append(Report(**{f: getattr(other, f) for f in other.__struct_fields__} | {"start": rfc3339(turn_ms)}))
    cuts = sorted(draw(st.lists(st.integers(0, len(order)), max_size=6)))
    edges = [0, *cuts, len(order)]
    batches = [order[a:b] for a, b in zip(edges, edges[1:], strict=False)]
    return World(zone, draw(st.booleans()), batches, draw(axes(turn_ms, zone)))


@st.composite
def axes(draw: st.DrawFn, turn_ms: int, zone: str) -> Axis:
    """Around the turn, in the site's zone or in another, with edges on the hour or ragged."""
    asked_zone = draw(st.sampled_from([zone, zone, "UTC", "Asia/Kathmandu"]))
    interval: Interval | None = draw(st.sampled_from([None, *INTERVALS]))
    unit = draw(st.sampled_from([HOUR_MS, MINUTE_MS, 997]))
    from_ms = turn_ms // unit * unit + unit * draw(st.integers(-50 * HOUR_MS // unit, 30 * HOUR_MS // unit))
    to_ms = from_ms + unit * draw(st.integers(1, 80 * HOUR_MS // unit))
    asked = axis(interval, asked_zone, from_ms, to_ms)
    until_ms = draw(st.none() | st.integers(from_ms - 1, to_ms + 1))
    return msgspec.structs.replace(asked, until_ms=until_ms)


def put(store: Store, world: World) -> list[Report]:
    """Every batch, the device's zone told at some time or never; all reports in the order in which they came."""
    site = next(report.site for batch in world.batches for report in batch)
    info = encode_info(world.zone)
    for i, batch in enumerate(world.batches):
        items = [received(report) for report in batch]
        if world.told and i == len(world.batches) // 2:
            store.commit([DeviceMessage(site, "a", "info", info), *items], now_ms=NOON_MS)
        else:
            store.commit(items, now_ms=NOON_MS)
    return [report for batch in world.batches for report in batch]


def encode_info(zone: str) -> bytes:
    return f'{{"schema": 1, "run": "r", "version": "1", "time_zone": "{zone}"}}'.encode()


def agree(store: Store, world: World, reports: list[Report], *, aside_from_ms: int | None = None) -> None:
    """`aside_from_ms`: reports that begin then or later are set aside."""
    axis = world.axis
    if aside_from_ms is not None:
        until_ms = aside_from_ms if axis.until_ms is None else min(aside_from_ms, axis.until_ms)
        axis = msgspec.structs.replace(axis, until_ms=until_ms)
    scope = Scope(site=reports[0].site)
    with store.reading() as reading:
        found = counts(reading, scope, world.axis).flows
        cover = coverage(reading, scope, world.axis).covers
        queue = queues(reading, scope, world.axis).queues
    told_only = {flow.device for flow in found} - {report.device for report in reports}
    assert [flow for flow in found if flow.device not in told_only] == plain.flows(reports, axis)
    seen = [(one.device, one.reported_ms, one.watched_ms, one.reports) for one in cover if one.device not in told_only]
    assert seen == [(one.device, one.reported_ms, one.watched_ms, one.reports) for one in plain.covers(reports, axis)]
    assert list(queue) == plain.queues(reports, axis)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(world=worlds())
def test_counts_coverage_and_queues_equal_the_raw_reports(store: Store, world: World) -> None:
    reports = put(store, world)
    agree(store, world, reports)
    for state in store.rollups():
        if state.site == reports[0].site:
            store.rebuild(state.device_id)
            assert state.complete
    agree(store, world, reports)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(world=worlds(), minutes=st.integers(-30 * 60, 30 * 60))
def test_what_is_set_aside_is_in_no_answer_until_it_is_taken_back(store: Store, world: World, minutes: int) -> None:
    reports = put(store, world)
    site, width_ms = reports[0].site, reports[0].width_ms
    now_ms = TURNS[world.zone] + minutes * MINUTE_MS
    ids = [state.device_id for state in store.rollups() if state.site == site]
    aside = sum(store.set_aside(device_id, now_ms=now_ms) for device_id in ids)
    agree(store, world, reports, aside_from_ms=now_ms + SKEW_MS - width_ms + 1)
    for batch in world.batches:  # the broker brings all of it once more
        assert store.commit([received(report) for report in batch], now_ms=NOON_MS).stored == 0
    agree(store, world, reports, aside_from_ms=now_ms + SKEW_MS - width_ms + 1)
    assert sum(store.take_back(device_id) for device_id in ids) == aside
    agree(store, world, reports)


def levels(store: Store, site: str) -> list[list[tuple[object, ...]]]:
    with store.reading() as reading:
        names = "SELECT device.id, time_zone, hours_ms, days_ms FROM device WHERE site = :site ORDER BY 1"
        watched = "SELECT level, device_id, start_ms, layout_id, watched_ms, reported_ms, reports FROM rollup_watched"
        vehicles = "SELECT level, series_id, start_ms, number FROM rollup_vehicles"
        mine = "SELECT id FROM device WHERE site = :site"
        return [
            reading.rows(names, {"site": site}),
            reading.rows(f"{watched} WHERE device_id IN ({mine}) ORDER BY 1, 2, 3, 4", {"site": site}),
            reading.rows(
                "SELECT * FROM rollup_zone WHERE zone_id IN (SELECT id FROM zone WHERE device_id IN"
                f" ({mine})) ORDER BY level, zone_id, start_ms",
                {"site": site},
            ),
            reading.rows(
                f"{vehicles} WHERE series_id IN (SELECT id FROM series WHERE device_id IN ({mine})) ORDER BY 1, 2, 3",
                {"site": site},
            ),
        ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(world=worlds())
def test_rollups_kept_report_by_report_are_those_that_are_built_at_once(store: Store, world: World) -> None:
    world.told = False  # a zone that comes late is kept from the days before until all is rebuilt
    (site, *_) = {report.site for report in put(store, world)}
    kept = levels(store, site)
    for state in store.rollups():
        if state.site == site:
            store.rebuild(state.device_id)
    assert levels(store, site) == kept


def test_a_number_leads_to_the_payloads_that_made_it(store: Store) -> None:
    reports = [a_report(seq) for seq in (1, 2, 3, 5, 6)]
    store.commit([received(report) for report in reports], now_ms=NOON_MS)
    with store.reading() as reading:
        found = evidence(reading, Scope(site="bridge"), NOON_MS + 2 * MINUTE_MS, NOON_MS + 7 * MINUTE_MS)
        raw = raw_reports(reading, Scope(), NOON_MS + 2 * MINUTE_MS, NOON_MS + 7 * MINUTE_MS, after=1, limit=2)
    assert [(one.run, one.first, one.last, one.reports) for one in found] == [("run-1", 2, 3, 2), ("run-1", 5, 6, 2)]
    assert [one.payload for one in raw] == [encode(report) for report in reports[2:4]]


@pytest.mark.parametrize("level", ["hour", "day"])
def test_a_long_span_is_read_from_rollups(store: Store, level: Interval) -> None:
    store.commit([received(a_report(seq * 60)) for seq in range(1, 61)], now_ms=NOON_MS)
    with store.reading() as reading:
        before = counts(reading, Scope(), axis(level, "UTC", NOON_MS - DAY_MS, NOON_MS + 3 * DAY_MS))
        (hours,) = reading.rows("SELECT count(*) FROM rollup_watched WHERE level = 1", {})
        (days,) = reading.rows("SELECT count(*) FROM rollup_watched WHERE level = 2", {})
    assert (hours, days) == ((59,), (3,))
    assert sum(number or 0 for number in before.flows[0].counts["car"]) == sum(60 * seq for seq in range(1, 61))


def test_what_was_seen_where_nobody_watched_is_counted_and_claims_no_zero(store: Store) -> None:
    """Of devices that send what was seen alone, and of older ones, which send zeros beside it."""
    sparse = {"deck": {"out": {"truck": 1}}}
    filled = {"deck": {"out": {"car": 0, "truck": 1}, "back": {"car": 0, "truck": 0}}}
    whole = {"deck": {"out": {"car": 2, "truck": 0}, "back": {"car": 0, "truck": 0}}}
    for seq, lines in enumerate((sparse, filled)):
        start = rfc3339(NOON_MS + seq * MINUTE_MS)
        store.commit(
            [received(a_report(seq + 1, start=start, watched_ms=0, state="partial", lines=lines))], now_ms=NOON_MS
        )
    store.commit([received(a_report(3, start=rfc3339(NOON_MS + 2 * MINUTE_MS), lines=whole))], now_ms=NOON_MS)
    asked = axis("minute", "UTC", NOON_MS, NOON_MS + 3 * MINUTE_MS)
    with store.reading() as reading:
        back, out = counts(reading, Scope(), asked).flows
    assert out.counts == {"car": (None, None, 2), "truck": (1, 1, 0)}
    assert back.counts == {"car": (None, None, 0), "truck": (None, None, 0)}
    assert out.watched_ms == (0, 0, MINUTE_MS)
