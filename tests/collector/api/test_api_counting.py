"""What the API says of counts, and that it leads to the reports."""

import csv
import io
import json
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from collector.queries.export import FORMATS, columns_of
from collector.queries.records import Record
from collector.store.interface import Retention
from edge.wire.report import Expected, Level, Likely, ZoneReport
from edge.wire.times import rfc3339
from tests.collector.api.api_world import STATUS, Api, said
from tests.collector.messages import MINUTE_MS, NOON_MS, a_report, held, received
from tests.collector.test_convoys import convoy

READ = "/api/v1/sites/bridge"
SPAN = {"from": rfc3339(NOON_MS + MINUTE_MS), "to": rfc3339(NOON_MS + 11 * MINUTE_MS)}


def test_counts_tell_zero_from_blind_and_what_is_to_come(api: Api) -> None:
    asked = {**SPAN, "to": rfc3339(NOON_MS + 17 * MINUTE_MS), "interval": "minute", "by": "device"}
    found = api.client("read").get(f"{READ}/counts", params=asked).json()
    out = next(one for one in found["series"] if one["direction"] == "outbound")
    assert out["role"] == "out"
    assert out["counts"]["car"] == [1, 2, 3, None, 5, None, None, 8, 9, 10, None, None, None, None, None, None]
    assert out["counts"]["truck"][:4] == [0, 0, 0, None]
    assert out["state"] == ["ok"] * 3 + ["blind", "ok", "blind", "blind"] + ["ok"] * 3 + ["blind"] * 4 + ["to come"] * 2
    assert out["share"][:4] == [1, 1, 1, 0]
    assert (out["total"], out["total_counts"]) == (38, {"car": 38, "truck": 0})
    assert out["total_share"] == 0.5  # 7 of the 14 minutes that are over


def test_a_site_is_out_and_back_over_all_lines(api: Api) -> None:
    found = api.client("read").get(f"{READ}/counts", params={**SPAN, "by": "site", "whole": True}).json()
    assert [(one["role"], one["total"], one["line"]) for one in found["series"]] == [("out", 38, ""), ("back", 7, "")]
    assert found["time_zone"] == "Asia/Shanghai"


def test_sites_come_in_pages_that_say_where_they_are(api: Api) -> None:
    api.store.commit([said("status", STATUS, site=f"gate-{i}") for i in range(3)], now_ms=NOON_MS)
    client, after = api.client("read"), None
    for before, names in ((0, ["bridge", "gate-0"]), (2, ["gate-1", "gate-2"])):
        found = client.get("/api/v1/overview", params={"limit": 2, **({"after": after} if after else {})}).json()
        assert (found["before"], found["total"], [one["site"] for one in found["sites"]]) == (before, 4, names)
        after = found["next"]
    assert after is None
    (one,) = client.get("/api/v1/sites", params={"site": "gate-1"}).json()["sites"]
    assert (one["site"], one["width_ms"]) == ("gate-1", None)
    (bridge,) = client.get("/api/v1/sites", params={"site": "bridge"}).json()["sites"]
    assert bridge["width_ms"] == 60_000


def test_estimates_come_only_when_asked_for(api: Api) -> None:
    asked: dict[str, Any] = {**SPAN, "whole": True}
    plain = api.client("read").get(f"{READ}/counts", params=asked).json()["series"][0]
    assert (plain["estimates"], plain["tonnes"]) == (None, None)
    scaled = api.client("read").get(f"{READ}/counts", params={**asked, "estimate": True}).json()["series"]
    assert scaled[0]["estimates"]["car"] == [pytest.approx(38 / 0.7, abs=0.01)]
    assert scaled[1]["tonnes"] == [280.0]


def test_a_long_answer_comes_in_pages(api: Api) -> None:
    client, numbers, at = api.client("read"), [], SPAN["from"]
    while at is not None:
        asked: dict[str, Any] = {"from": at, "to": SPAN["to"], "interval": "minute", "by": "site", "limit": 4}
        page = client.get(f"{READ}/counts", params=asked).json()
        numbers += page["series"][0]["all"]
        at = page["next_from_ms"]
    assert numbers == [1, 2, 3, None, 5, None, None, 8, 9, 10]


def test_a_span_is_compared_with_an_earlier_one_at_the_same_local_times(api: Api) -> None:
    asked = {**SPAN, "interval": "minute", "by": "site", "compare": "week"}
    found = api.client("read").get(f"{READ}/counts", params=asked).json()
    week_ms = 7 * 86_400_000
    assert [edge + week_ms for edge in found["earlier"]["edges_ms"]] == found["edges_ms"]
    assert found["earlier"]["series"][0]["total"] is None


def test_a_number_is_traced_to_its_reports_and_each_is_as_it_came(api: Api) -> None:
    client = api.client("read")
    asked: dict[str, Any] = {**SPAN, "line": "deck", "direction": "outbound", "class": "car", "limit": 5}
    found = client.get(f"{READ}/evidence", params=asked).json()
    assert [(one["first"], one["last"]) for one in found["ranges"]] == [(1, 5), (8, 10)]
    assert (found["reports"], found["next"]) == (8, 5)
    rest = client.get(f"{READ}/evidence", params={**asked, "after": 5}).json()
    counted = [one["counted"] for one in found["page"] + rest["page"]]
    assert counted == [1, 2, 3, None, 5, 8, 9, 10]
    assert sum(n for n in counted if n is not None) == 38
    one = found["page"][1]
    raw = client.get(f"/api/v1/reports/bridge/{one['device']}/{one['run']}/{one['seq']}").json()
    assert raw["report"]["lines"]["deck"]["outbound"] == {"car": 2, "truck": 0}
    assert client.get("/api/v1/reports/bridge/mast-1/run-1/6").status_code == 404


def test_a_message_that_is_kept_no_more_is_said_to_be_so(api: Api) -> None:
    client = api.client("read")
    before = client.get(f"{READ}/evidence", params=SPAN).json()
    now_ms = api.context.clock.real_ms() + 10 * 86_400_000
    while api.store.pack(Retention(), now_ms=now_ms):
        pass
    assert client.get(f"{READ}/evidence", params=SPAN).json() == before
    while api.store.pack(Retention(messages_days=5), now_ms=now_ms):
        pass
    found = client.get(f"{READ}/evidence", params=SPAN).json()
    bare = {"kept": False, "counted": None}
    assert found == {**before, "page": [{**one, **bare} for one in before["page"]]}
    assert client.get("/api/v1/reports/bridge/mast-1/run-1/1").json()["report"] is None


def test_a_queue_is_told_for_years_by_month(api: Api) -> None:
    asked = {"from": "2019-01-01", "to": "2027-01-01", "interval": "month"}
    found = api.client("read").get(f"{READ}/queue", params=asked)
    assert (found.status_code, len(found.json()["edges_ms"])) == (200, 8 * 12 + 1)


def test_balance_coverage_and_what_is_usual(api: Api) -> None:
    client = api.client("read")
    (one,) = client.get(f"{READ}/balance", params=SPAN).json()["balances"]
    assert (one["all"]["out"], one["all"]["back"], one["all"]["balance"]) == (38, 7, 31)
    assert one["all"]["low"] <= 31 + one["all"]["unseen_out"] - one["all"]["unseen_back"] <= one["all"]["high"]
    (cover,) = client.get(f"{READ}/coverage", params={**SPAN, "interval": "year"}).json()["covers"]
    assert (cover["watched"], cover["blind"], cover["silent"]) == ([0.7], [0.1], [0.2])
    assert (cover["missing"], cover["gone"]) == (2, 0)
    usual = client.get(f"{READ}/usual").json()
    assert [band["role"] for band in usual["bands"]] == ["out", "back"]
    assert set(usual["bands"][0]["p50"]) == {None}  # of past days nothing is known


def test_all_formats_of_an_export_say_the_same(api: Api) -> None:
    client = api.client("read")
    asked = {**SPAN, "interval": "minute", "by": "device"}
    answers = {kind: client.get(f"{READ}/export", params={**asked, "format": kind}) for kind in FORMATS}
    as_csv = list(csv.DictReader(io.StringIO(answers["csv"].text)))
    as_json = [json.loads(line) for line in answers["jsonl"].text.splitlines()]
    tables = {
        "parquet": parquet.read_table(io.BytesIO(answers["parquet"].content)),
        "arrow": pa.ipc.open_file(answers["arrow"].content).read_all(),
    }
    assert [(row["class"], row["vehicles"]) for row in as_json[:4]] == [("car", n) for n in (1, 2, 3, None)]
    assert [row["vehicles"] for row in as_json if row["state"] == "blind"] == [None] * 12
    numbers = [row["vehicles"] for row in as_json]
    assert [int(row["vehicles"]) if row["vehicles"] else None for row in as_csv] == numbers
    for table in tables.values():
        assert tuple(table.column_names) == columns_of(Record) == tuple(as_csv[0])
        assert table.column("vehicles").to_pylist() == numbers
        assert table.column("class").to_pylist() == [row["class"] for row in as_json]
        assert rfc3339(int(table.column("start")[0].as_py().timestamp() * 1000)) == as_json[0]["start"]
    assert 'filename="bridge-minute.parquet"' in answers["parquet"].headers["content-disposition"]


def test_an_export_is_of_the_class_that_was_chosen(api: Api) -> None:
    client = api.client("read")
    asked = {**SPAN, "interval": "minute", "by": "place", "format": "csv", "mark": "true"}
    text = client.get(f"{READ}/export", params={**asked, "class": "truck"}).content
    assert text.startswith(b"\xef\xbb\xbf")
    assert {row["class"] for row in csv.DictReader(io.StringIO(text.decode("utf-8-sig")))} == {"truck"}
    assert client.get(f"{READ}/export", params={**asked, "format": "xlsx"}).status_code == 422
    workbook = client.get(f"{READ}/export", params={**SPAN, "format": "xlsx"})
    assert workbook.content.startswith(b"PK")
    assert 'filename="bridge-hour.xlsx"' in workbook.headers["content-disposition"]


@pytest.mark.parametrize("rows", ["totals", "balance", "convoys"])
def test_sums_and_convoys_are_exported_in_every_format(api: Api, rows: str) -> None:
    client = api.client("read")
    answers = {kind: client.get(f"{READ}/export", params={**SPAN, "rows": rows, "format": kind}) for kind in FORMATS}
    assert {answer.status_code for answer in answers.values()} == {200}
    assert f'filename="bridge-{rows}.xlsx"' in answers["xlsx"].headers["content-disposition"]
    assert answers["xlsx"].content.startswith(b"PK")
    as_csv = list(csv.DictReader(io.StringIO(answers["csv"].text)))
    table = parquet.read_table(io.BytesIO(answers["parquet"].content)).to_pylist()
    assert [row["site"] for row in table] == [row["site"] for row in as_csv]
    if rows == "totals":
        cars = [row for row in table if row["class"] == "car" and row["direction"] == "outbound"]
        assert [row["vehicles"] for row in cars] == [38]
        trucks = client.get(f"{READ}/export", params={**SPAN, "rows": rows, "class": "truck"}).text
        assert {row["class"] for row in csv.DictReader(io.StringIO(trucks))} == {"truck"}
    if rows == "balance":
        assert [(row["out"], row["back"], row["balance"]) for row in table if row["class"] == "all"] == [(38, 7, 31)]
    if rows == "convoys":
        assert client.get(f"{READ}/export", params={**SPAN, "rows": rows, "class": "truck"}).status_code == 422


def test_an_export_that_the_end_of_the_collector_cuts_off_is_no_whole_file(api: Api) -> None:
    api.context.stopping.set()
    with pytest.raises(ConnectionAbortedError, match="is not finished"):
        api.client("read").get(f"{READ}/export", params={**SPAN, "format": "csv"})


def test_an_export_of_a_site_adds_its_lines_up(api: Api) -> None:
    asked = {**SPAN, "interval": "day", "by": "site", "format": "jsonl"}
    rows = [json.loads(line) for line in api.client("read").get(f"{READ}/export", params=asked).text.splitlines()]
    assert [(row["direction"], row["class"], row["vehicles"]) for row in rows] == [
        ("out", "car", 38),
        ("out", "truck", 0),
        ("back", "car", 0),
        ("back", "truck", 7),
    ]


def test_what_is_not_there_is_404_and_what_is_wrong_is_422_with_a_sentence(api: Api) -> None:
    client = api.client("read")
    assert client.get("/api/v1/sites/nowhere/counts").status_code == 404
    for asked in (
        {"from": "yesterday"},
        {"from": SPAN["to"], "to": SPAN["from"]},
        {"scheme": "mine"},
        {"interval": "fortnight"},
        {"from": "0001-01-01"},
        {"limit": 10**9},
        {"device": "a;DROP TABLE report"},
    ):
        answer = client.get(f"{READ}/counts", params=asked)
        assert answer.status_code == 422, asked
        assert answer.json()["error"]


def test_a_device_says_how_it_fares(api: Api) -> None:
    health = b'{"schema":1,"run":"run-1","as_of":"2026-11-25T12:00:00Z","temperature_c":51.5,"outbox_unsent":3}'
    api.store.commit([said("health", health)], now_ms=NOON_MS)
    (device,) = api.client("read").get("/api/v1/devices").json()["devices"]
    assert (device["state"], device["missing"], device["health"]["temperature_c"]) == ("online", 2, 51.5)


def test_prometheus_is_told(api: Api) -> None:
    page = api.client("read").get("/metrics").text
    assert 'crossing_device_up{device="mast-1",site="bridge"} 1.0' in page
    assert 'crossing_device_missing_reports{device="mast-1",site="bridge"} 2.0' in page


def test_reports_ahead_of_the_clock_are_told_and_in_no_answer_that_ends_now(api: Api) -> None:
    now_ms = api.context.clock.real_ms()
    client, day_ms = api.client("read"), NOON_MS - 20 * 3_600_000  # midnight in Shanghai
    day = {"from": rfc3339(day_ms), "to": rfc3339(day_ms + 24 * 3_600_000), "by": "site"}
    sites_before = client.get("/api/v1/overview").json()["sites"][0]
    before = [client.get(f"{READ}/counts", params=asked).json() for asked in (day, {"by": "site"})]
    early = [a_report(11, start=rfc3339(now_ms + 3_600_000)), a_report(12, start="2036-01-01T00:00:00Z")]
    api.store.commit([received(report) for report in early], now_ms=now_ms)
    (site,) = client.get("/api/v1/overview").json()["sites"]
    assert (site["ahead"], site["last_ms"]) == (2, NOON_MS + 11 * MINUTE_MS)
    assert site["series"] == sites_before["series"]
    assert [client.get(f"{READ}/counts", params=asked).json() for asked in (day, {"by": "site"})] == before
    (device,) = client.get("/api/v1/devices").json()["devices"]
    assert (device["ahead"], device["set_aside"]) == (2, 0)
    assert device["last_report_end_ms"] == NOON_MS + 11 * MINUTE_MS
    (info,) = client.get("/api/v1/sites").json()["sites"]
    assert info["last_ms"] == NOON_MS + 11 * MINUTE_MS
    named = client.get(f"{READ}/counts", params={"from": "2035-12-31", "by": "site", "interval": "day"}).json()
    assert [one["total"] for one in named["series"]] == [12, 1]


def test_a_report_that_claims_a_year_hides_no_unwatched_hour(api: Api) -> None:
    now_ms, year_ms = api.context.clock.real_ms(), 366 * 86_400_000
    before = api.client("read").get("/api/v1/overview").json()["sites"][0]["series"][0]["total_share"]
    wide = a_report(11, width_ms=year_ms, watched_ms=year_ms)
    api.store.commit([held(wide)], now_ms=now_ms)
    (site,) = api.client("read").get("/api/v1/overview").json()["sites"]
    assert site["series"][0]["total_share"] - before < 1 / 20, "it fills its own hour at most"
    assert site["ahead"] == 1


def test_the_convoys_of_a_site_are_listed_by_when_they_began(api: Api) -> None:
    told = [convoy(2, since_ms=NOON_MS + 3 * MINUTE_MS), convoy(1, since_ms=NOON_MS + 2 * MINUTE_MS)]
    api.store.commit(told, now_ms=NOON_MS)
    ask = api.client("read").get
    answer = ask("/api/v1/sites/bridge/convoys").json()
    assert [(one["number"], one["by_class"], one["gap_p50_ms"]) for one in answer["convoys"]] == [
        (1, {"truck": 14}, 11_100),
        (2, {"truck": 14}, 11_100),
    ]
    first = ask("/api/v1/sites/bridge/convoys", params={"limit": 1}).json()
    assert ([one["number"] for one in first["convoys"]], first["more"]) == ([1], True)
    assert ask("/api/v1/sites/bridge/convoys", params={"line": "ramp"}).json()["convoys"] == []


def test_what_who_joins_a_queue_now_is_to_wait_and_who_is_hidden_is_as_the_last_report_says(api: Api) -> None:
    level = Level(mean=3.0, max=4, end=4)
    expected = Expected(p10=60_000, p50=90_000, p90=150_000)
    zone = ZoneReport(inside=level, standing=level, expected_ms=expected, hidden_likely=Likely(mean=1.4, p10=0, p90=3))
    api.store.commit([received(a_report(11, zones={"queue": zone}))], now_ms=NOON_MS)
    [last] = api.client("read").get("/api/v1/sites/bridge/queue").json()["last"]
    assert last == {
        "device": "mast-1",
        "zone": "queue",
        "until_ms": NOON_MS + 12 * MINUTE_MS,
        "inside": 4,
        "standing": 4,
        "wait_p50_ms": None,
        "wait_p90_ms": None,
        "expected_p10_ms": 60_000,
        "expected_p50_ms": 90_000,
        "expected_p90_ms": 150_000,
        "hidden_likely_mean": 1.4,
        "hidden_likely_p10": 0,
        "hidden_likely_p90": 3,
        "pictures": None,
    }
