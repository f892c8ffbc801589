"""Reports that are ahead of the centre's clock: in no span that leaves its end open, the same in every answer."""

import json
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.alerts.observations import DeviceRow, devices_at
from collector.cli import main
from collector.domain.plausible_time import EARLIEST_MS, SKEW_MS
from collector.domain.scope import Scope
from collector.queries.axis import axis
from collector.queries.counts import counts
from collector.queries.devices import devices
from collector.queries.evidence import raw_reports
from collector.queries.extent import extent, open_span
from collector.queries.places import widest
from collector.queries.totals import Selection, totals
from collector.queries.zones import last_zones
from collector.store.ahead import NO_REPORTS, Reports
from collector.store.interface import Retention, Store
from collector.store.postgres.store import PostgresStore
from collector.store.sqlite.store import SqliteStore
from edge.wire.report import Level, Report, ZoneReport, encode
from edge.wire.times import rfc3339
from tests.collector.messages import MINUTE_MS, a_report, held
from tests.collector.older import make_postgres_older, make_sqlite_older

HOUR_MS, DAY_MS = 60 * MINUTE_MS, 86_400_000
YEAR_2036_MS = 2_093_000_000_000
NOW_MS = 1_795_611_600_000  # an hour after the first report

THREE = {"reports": 3, "from": rfc3339(YEAR_2036_MS), "to": rfc3339(YEAR_2036_MS + 3 * MINUTE_MS)}


def at(seq: int, start_ms: int, **fields: Any) -> Report:
    return a_report(seq, start=rfc3339(start_ms), **fields)


def an_hour(now_ms: int) -> list[Report]:
    """A report for every minute of the hour before now."""
    return [at(seq, now_ms - (61 - seq) * MINUTE_MS) for seq in range(1, 61)]


def ahead(*, first_seq: int = 61) -> list[Report]:
    return [at(first_seq + i, YEAR_2036_MS + i * MINUTE_MS) for i in range(3)]


def put(store: Store, *reports: Report, now_ms: int = NOW_MS) -> None:
    store.commit([held(report) for report in reports], now_ms=now_ms)


def test_an_open_span_ends_now_and_holds_no_report_that_is_ahead(store: Store) -> None:
    put(store, *an_hour(NOW_MS), *ahead())
    (outbound, _) = totals(store, Selection(), now_ms=NOW_MS)
    assert (outbound.counts, outbound.watched_share, outbound.span_ms) == ({"car": 1_830, "truck": 0}, 1.0, HOUR_MS)
    (later, _) = totals(store, Selection(), now_ms=NOW_MS + HOUR_MS)
    assert later.watched_share == 0.5, "an hour without reports is an hour that nobody watched"


def test_a_device_whose_first_report_is_to_begin_has_no_share_yet(store: Store) -> None:
    put(store, at(1, NOW_MS + SKEW_MS))
    assert totals(store, Selection(), now_ms=NOW_MS) == []
    later_ms = NOW_MS + SKEW_MS + MINUTE_MS
    assert {one.watched_share for one in totals(store, Selection(), now_ms=later_ms)} == {1.0}


def test_a_stored_report_that_would_be_refused_today_stops_nothing(store: Store) -> None:
    level = Level(mean=1.0, max=1, end=1)
    zones = {"queue": ZoneReport(inside=level, standing=level)}
    first, second, third = ahead()
    turned = msgspec.structs.replace(second, lines={"deck": {"out\u202eward": {"car": 1}}})
    put(store, turned, at(1, NOW_MS - 2 * MINUTE_MS, device="mast-2", zones=zones))
    assert [zone.zone for zone in last_zones(store)] == ["queue"]
    put(store, first, third)
    other = store.commit([held(second)], now_ms=NOW_MS)
    assert (other.refused, other.stored) == (1, 0), "another report under its key"
    assert [store.set_aside(device_id, now_ms=NOW_MS) for device_id in sorted(ids(store))] == [2, 0]


def test_a_span_named_after_now_shows_the_reports_that_are_ahead(store: Store) -> None:
    put(store, *an_hour(NOW_MS), *ahead())
    (outbound, _) = totals(store, Selection(from_ms=YEAR_2036_MS - DAY_MS), now_ms=NOW_MS)
    assert outbound.counts == {"car": 61 + 62 + 63, "truck": 0}
    (outbound, _) = totals(store, Selection(to_ms=YEAR_2036_MS + DAY_MS), now_ms=NOW_MS)
    assert outbound.counts == {"car": 1_830 + 61 + 62 + 63, "truck": 0}


def test_an_unfinished_day_holds_no_report_that_is_ahead(store: Store) -> None:
    put(store, *an_hour(NOW_MS), at(61, NOW_MS + SKEW_MS - 1), at(62, NOW_MS + SKEW_MS), at(63, NOW_MS + 3 * HOUR_MS))
    day_ms = NOW_MS // DAY_MS * DAY_MS
    for interval in (None, "hour", "day"):
        today = axis(interval, "UTC", day_ms, day_ms + DAY_MS, now_ms=NOW_MS)
        with store.reading() as reading:
            (outbound, _) = counts(reading, Scope(), today).flows
        assert sum(number or 0 for number in outbound.counts["car"]) == 1_830 + 61, "61 is within what clocks differ by"


def test_a_recording_that_is_handed_in_ends_with_its_last_report(store: Store) -> None:
    put(store, *an_hour(NOW_MS), now_ms=NOW_MS + 2 * DAY_MS)
    with store.reading() as reading:
        assert open_span(reading, Scope(), None, None, now_ms=NOW_MS + 9 * DAY_MS) == (NOW_MS - HOUR_MS, NOW_MS)


def test_a_device_of_which_all_is_ahead_is_in_no_open_span(store: Store) -> None:
    put(store, *ahead())
    assert totals(store, Selection(), now_ms=NOW_MS) == []
    with store.reading() as reading:
        assert extent(reading, Scope(), now_ms=NOW_MS) is None


@pytest.fixture
def config(tmp_path: Path) -> list[str]:
    now_ms = int(time.time() * 1_000) // MINUTE_MS * MINUTE_MS
    with SqliteStore(tmp_path / "store.sqlite") as store:
        put(store, *an_hour(now_ms), *ahead(), now_ms=now_ms)
    return ["--store", str(tmp_path / "store.sqlite")]


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(list(words)) == 0
    return capsys.readouterr().out


def test_the_terminal_answers_an_open_span_as_if_no_report_were_ahead(
    config: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (outbound, _) = json.loads(said(capsys, "totals", *config, "--json"))["totals"]
    assert outbound["all"] == 1_830
    assert outbound["watched_share"] > 0.9
    assert len(said(capsys, "totals", *config, "--interval", "hour").splitlines()) <= 1 + 2 * 3
    assert len(said(capsys, "export", *config, "--interval", "hour", "--format", "csv").splitlines()) <= 1 + 4 * 3
    (found,) = json.loads(said(capsys, "balance", *config, "--json"))["balances"]
    assert (found["all"]["balance"], found["watched_share"] > 0.9) == (1_830 - 60, True)
    outbound = json.loads(said(capsys, "totals", *config, "--from", "2036-01-01", "--json"))["totals"][0]
    assert outbound["all"] == 61 + 62 + 63


def ids(store: Store) -> list[int]:
    with store.reading() as reading:
        return [id_ for (id_,) in reading.rows("SELECT id FROM device ORDER BY id", {})]


def test_what_is_set_aside_is_in_no_sum_and_comes_back_whole(store: Store) -> None:
    zone = ZoneReport(inside=Level(mean=1.0, max=1, end=1), standing=Level(mean=1.0, max=1, end=1))
    first, *rest = ahead()
    wide = at(70, NOW_MS - HOUR_MS, width_ms=DAY_MS, watched_ms=DAY_MS)
    early = [msgspec.structs.replace(first, zones={"queue": zone}), *rest, wide]
    put(store, *an_hour(NOW_MS), *early)
    (device_id,) = ids(store)
    before = contents(store)
    assert store.set_aside(device_id, now_ms=NOW_MS) == 4
    (outbound, _) = totals(store, Selection(), now_ms=None)
    assert (outbound.counts, outbound.watched_share) == ({"car": 1_830, "truck": 0}, 1.0)
    (state,) = devices(store, now_ms=NOW_MS)
    assert (state.ahead, state.set_aside) == (NO_REPORTS, Reports(4, NOW_MS - HOUR_MS, YEAR_2036_MS + 3 * MINUTE_MS))
    assert (state.lateness.newest_start_ms, state.lateness.late_ms) == (NOW_MS - MINUTE_MS, 0)
    again = store.commit([held(report) for report in early], now_ms=NOW_MS)
    assert (again.stored, again.duplicates, again.refused) == (0, 4, 0), "what is set aside is known"
    other = store.commit([held(msgspec.structs.replace(first, watched_ms=1, state="partial"))], now_ms=NOW_MS)
    assert (other.stored, other.refused) == (0, 1), "the first one stays, wherever it is"
    assert store.set_aside(device_id, now_ms=NOW_MS) == 0
    assert store.take_back(device_id) == 4
    assert contents(store) == before
    assert store.take_back(device_id) == 0


def contents(store: Store) -> list[list[tuple[object, ...]]]:
    """All that is summed up, and the messages."""
    with store.reading() as reading:
        raw = raw_reports(reading, Scope(), 0, YEAR_2036_MS * 2, limit=1_000)
        return [
            [(one.run, one.seq, one.start_ms, one.received_ms, one.payload) for one in raw],
            reading.rows("SELECT series_id, start_ms, number FROM vehicles ORDER BY 1, 2, 3", {}),
            reading.rows("SELECT * FROM zone_report ORDER BY 1, 2", {}),
            reading.rows("SELECT * FROM rollup_watched ORDER BY level, device_id, start_ms, layout_id", {}),
            reading.rows("SELECT * FROM rollup_vehicles ORDER BY level, series_id, start_ms", {}),
            reading.rows("SELECT * FROM rollup_zone ORDER BY level, zone_id, start_ms", {}),
        ]


def test_what_is_packed_is_set_aside_and_comes_back(store: Store) -> None:
    put(store, *an_hour(NOW_MS), *ahead())
    while store.pack(Retention(), now_ms=NOW_MS + 9 * DAY_MS):
        pass
    (device_id,) = ids(store)
    assert store.set_aside(device_id, now_ms=NOW_MS) == 3
    with store.reading() as reading:
        assert raw_reports(reading, Scope(), NOW_MS, 2 * YEAR_2036_MS) == []
        ((packed,),) = reading.rows("SELECT CAST(sum(reports) AS BIGINT) FROM packed", {})
    assert packed == 60
    assert store.take_back(device_id) == 3
    with store.reading() as reading:
        found = raw_reports(reading, Scope(), NOW_MS, 2 * YEAR_2036_MS)
    assert [one.payload for one in found] == [encode(report) for report in ahead()]


def test_equal_counts_of_two_runs_in_one_bucket_are_told_apart(store: Store) -> None:
    put(store, at(1, YEAR_2036_MS), at(1, YEAR_2036_MS, run="run-2", width_ms=2 * MINUTE_MS))
    (device_id,) = ids(store)
    assert store.set_aside(device_id, now_ms=YEAR_2036_MS + 2 * MINUTE_MS - SKEW_MS - 1) == 1
    (outbound, _) = totals(store, Selection())
    assert (outbound.counts, outbound.span_ms) == ({"car": 1, "truck": 0}, MINUTE_MS)


def test_the_last_report_of_a_device_is_the_last_one_that_is_not_ahead(store: Store) -> None:
    put(store, *an_hour(NOW_MS))
    put(store, *ahead(), now_ms=NOW_MS + MINUTE_MS)
    (state,) = devices(store, now_ms=NOW_MS + MINUTE_MS)
    assert state.ahead == Reports(3, YEAR_2036_MS, YEAR_2036_MS + 3 * MINUTE_MS)
    assert state.lateness.newest_start_ms == NOW_MS - MINUTE_MS
    assert state.ahead_ms > 9 * 365 * DAY_MS, "its clock is ahead now"
    put(store, at(64, NOW_MS + 60 * MINUTE_MS), now_ms=NOW_MS + 61 * MINUTE_MS)
    (state,) = devices(store, now_ms=NOW_MS + 61 * MINUTE_MS)
    assert (state.ahead.number, state.ahead_ms, state.lateness.late_ms) == (3, 0, 0), "its clock was put right"
    assert [row.newest_start_ms for row in rows_at(store, NOW_MS + 61 * MINUTE_MS)] == [NOW_MS + 60 * MINUTE_MS]


def rows_at(store: Store, now_ms: int) -> list[DeviceRow]:
    with store.reading() as reading:
        return devices_at(reading, "bridge", now_ms=now_ms)


def test_the_command_lists_sets_aside_and_takes_back(config: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    (device,) = json.loads(said(capsys, "devices", *config, "--json"))["devices"]
    assert (device["reports_ahead"], device["reports_ahead_to"]) == (3, THREE["to"])
    assert "bridge/mast-1: 3 reports are ahead" in warned(capsys, "totals", *config)
    listed = json.loads(said(capsys, "ahead", *config, "--json"))["devices"]
    assert listed == [{"site": "bridge", "device": "mast-1", "ahead": THREE, "too_early": None, "set_aside": None}]
    listed = json.loads(said(capsys, "ahead", *config, "--set-aside", "--json"))["devices"]
    assert (listed[0]["ahead"], listed[0]["set_aside"]) == (None, THREE)
    assert warned(capsys, "totals", *config) == ""
    assert said(capsys, "totals", *config, "--from", "2036-01-01") == ""
    assert said(capsys, "ahead", *config, "--take-back").split()[-4:] == ["ahead", "3", THREE["from"], THREE["to"]]
    assert main(["ahead", *config, "--take-back", "--set-aside"]) == 2


def warned(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(list(words)) == 0
    return capsys.readouterr().err


def test_a_store_of_the_version_before_is_taken_on(tmp_path: Path, postgres_url: str) -> None:
    path = tmp_path / "old.sqlite"
    for opened in (lambda: SqliteStore(path), lambda: PostgresStore(postgres_url)):
        with opened() as store:
            put(store, *an_hour(NOW_MS), *ahead())
    make_sqlite_older(path, 4)
    make_postgres_older(postgres_url, 3)
    for opened in (lambda: SqliteStore(path), lambda: PostgresStore(postgres_url)):
        with opened() as store:
            assert store.set_aside(ids(store)[0], now_ms=NOW_MS) == 3


def test_an_absurdly_wide_report_is_ahead_and_offers_no_wider_intervals(store: Store) -> None:
    put(store, *an_hour(NOW_MS), at(61, NOW_MS - MINUTE_MS, width_ms=366 * DAY_MS, watched_ms=366 * DAY_MS))
    (state,) = devices(store, now_ms=NOW_MS)
    assert (state.ahead.number, state.lateness.newest_width_ms) == (1, MINUTE_MS)
    with store.reading() as reading:
        assert widest(reading, Scope()) is None, "nothing is refused because of it"
        known = extent(reading, Scope(), now_ms=NOW_MS)
    assert known is not None
    assert known.open_ms == NOW_MS


@pytest.mark.parametrize("start", ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2015-12-31T23:59:00Z"])
def test_a_report_of_a_clock_that_was_not_set_is_in_no_span_without_a_beginning(store: Store, start: str) -> None:
    put(store, *an_hour(NOW_MS), a_report(61, start=start))
    (outbound, _) = totals(store, Selection(), now_ms=NOW_MS)
    assert (outbound.counts, outbound.watched_share, outbound.span_ms) == ({"car": 1_830, "truck": 0}, 1.0, HOUR_MS)
    with store.reading() as reading:
        assert open_span(reading, Scope(), None, None, now_ms=NOW_MS) == (NOW_MS - HOUR_MS, NOW_MS)
        begin_ms, end_ms = open_span(reading, Scope(), None, EARLIEST_MS, now_ms=NOW_MS) or (0, 0)
    assert (rfc3339(begin_ms), end_ms) == (start, EARLIEST_MS), "an end so early asks for them"
    (state,) = devices(store, now_ms=NOW_MS)
    assert state.early == Reports(1, begin_ms, begin_ms + MINUTE_MS)
    (device_id,) = ids(store)
    assert store.set_aside(device_id, now_ms=NOW_MS) == 1
    (state,) = devices(store, now_ms=NOW_MS)
    assert (state.early, state.set_aside.number) == (NO_REPORTS, 1)
    assert store.take_back(device_id) == 1
    assert devices(store, now_ms=NOW_MS)[0].early.number == 1


def test_where_all_is_too_early_an_open_span_tells_of_it(store: Store) -> None:
    put(store, a_report(1, start="1970-01-01T00:00:00Z"))  # a recording that was replayed without a start
    assert totals(store, Selection(), now_ms=NOW_MS)[0].watched_share == 1.0
    put(store, *an_hour(NOW_MS))
    assert totals(store, Selection(), now_ms=NOW_MS)[0].span_ms < 86_400_000, "and of no other than that"


@pytest.mark.parametrize("command", ["totals", "export", "balance"])
def test_the_terminal_answers_an_open_span_as_if_no_report_were_too_early_and_names_its_device(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    now_ms = int(time.time() * 1_000) // MINUTE_MS * MINUTE_MS
    store_of, hourly = ["--store", str(tmp_path / "store.sqlite")], ["--interval", "hour"]
    with SqliteStore(tmp_path / "store.sqlite") as store:
        put(store, *an_hour(now_ms), a_report(61, start="0001-01-01T00:00:00Z"), now_ms=now_ms)
    asked = [command, *store_of, *{"balance": [], "export": [*hourly, "--format", "csv"]}.get(command, hourly)]
    assert len(said(capsys, *asked).splitlines()) <= 1 + 4 * 3
    assert [line for line in warned(capsys, *asked).splitlines() if not line.endswith(" rows")] == [
        "bridge/mast-1: 1 reports are of before 2016, from 0001-01-01T00:00:00Z, and are counted where there"
        " are no others; see `crossing-collector ahead`"
    ]
    (listed,) = json.loads(said(capsys, "ahead", *store_of, "--set-aside", "--json"))["devices"]
    assert (listed["too_early"], listed["set_aside"]["reports"]) == (None, 1)
    assert "2016" not in warned(capsys, *asked)


def test_a_clock_that_stood_in_a_later_year_is_named_where_it_makes_too_many_intervals_and_can_be_set_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now_ms = int(time.time() * 1_000) // MINUTE_MS * MINUTE_MS
    store_of = ["--store", str(tmp_path / "store.sqlite")]
    with SqliteStore(tmp_path / "store.sqlite") as store:
        put(store, *an_hour(now_ms), now_ms=now_ms)
        put(store, a_report(61, device="mast-2", start="2016-01-01T00:00:00Z"), now_ms=now_ms)
    asked = ["totals", *store_of, "--interval", "15min"]
    assert main(asked) == 2
    assert (
        capsys.readouterr()
        .err.strip()
        .endswith(
            "choose a longer interval or a shorter span. The span begins with the first report of bridge/mast-2, at"
            " 2016-01-01T00:00:00Z; if the clock was wrong then, name --from, or set such reports aside:"
            " crossing-collector ahead --site bridge --device mast-2 --set-aside --before TIME"
        )
    )
    assert main([*asked, "--from", "2016-01-01"]) == 2
    assert "mast-2" not in capsys.readouterr().err, "who names a beginning knows it"
    before = ["--set-aside", "--before", "2016-01-02"]
    assert main(["ahead", *store_of, *before]) == 2
    who = ["--site", "bridge", "--device", "mast-2", "--json"]
    (listed,) = json.loads(said(capsys, "ahead", *store_of, *who, *before))["devices"]
    assert (listed["device"], listed["set_aside"]["reports"]) == ("mast-2", 1)
    assert said(capsys, *asked)
