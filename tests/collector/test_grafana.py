"""Every query of the Grafana dashboard, asked of a real PostgreSQL that the collector's own store has filled."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from collector.store.postgres.store import PostgresStore
from edge.wire.report import LengthLevel, Level, Report, Waits, ZoneReport
from tests.collector.messages import MINUTE_MS, NOON_MS, a_report, blind, received

DASHBOARD = json.loads((Path(__file__).parents[2] / "deploy" / "grafana" / "crossings.json").read_text("utf-8"))
PANELS = {panel["title"]: panel for panel in DASHBOARD["panels"]}
VARIABLES = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
(NOT_WATCHED,) = DASHBOARD["annotations"]["list"]
CHOSEN = {"site": "bridge", "device": "mast-1", "line": "deck", "zone": "queue", "outward": "outbound"}
HOUR_MS = 60 * MINUTE_MS
QUEUE = ZoneReport(
    inside=Level(mean=3.0, max=4, end=4),
    standing=Level(mean=2.5, max=3, end=3),
    left=1,
    waited=1,
    wait_ms=Waits(p50=120_000, p90=180_000, max=180_000),
    queue_m=LengthLevel(mean=20.0, max=25.0, end=25.0),
)
Rows = list[dict[str, Any]]


@pytest.fixture
def database(postgres_url: str) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    """An hour from noon: 10 minutes seen, 10 blind, 40 seen with a queue, of which one did not come; then nothing."""
    seen = [a_report(minute) for minute in range(10)]
    unseen = [blind(minute, zones=None) for minute in range(10, 20)]
    queued = [a_report(minute, zones={"queue": QUEUE}) for minute in range(20, 60)]
    reports = [numbered(report, seq) for seq, report in enumerate([*seen, *unseen, *queued], start=1)]
    with PostgresStore(postgres_url) as store:
        store.commit([received(report) for report in reports if report.seq != 31], now_ms=NOON_MS + HOUR_MS)
    with psycopg.connect(postgres_url, row_factory=psycopg.rows.dict_row) as connection:
        yield connection


def numbered(report: Report, seq: int) -> Report:
    return msgspec.structs.replace(report, seq=seq)


def filled(sql: str, from_ms: int, to_ms: int) -> str:
    """As Grafana fills in its variables; it is half past one."""
    sql = sql.replace("now()", f"to_timestamp({(NOON_MS + 90 * MINUTE_MS) // 1000})")
    for name, value in {"__from": str(from_ms), "__to": str(to_ms), **CHOSEN}.items():
        sql = sql.replace(f"${{{name}}}", value).replace(f"${name}", value)
    assert "$" not in sql, "every variable is known"
    return sql


def rows(database: Any, sql: str, *, hours: int = 2) -> Rows:
    return list(database.execute(filled(sql, NOON_MS, NOON_MS + hours * HOUR_MS)).fetchall())


def asked(database: Any, title: str) -> Rows:
    return rows(database, PANELS[title]["targets"][0]["rawSql"])


def at(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms / 1000, tz=UTC)


def test_the_dashboard_has_what_grafana_needs_of_one() -> None:
    assert {"title", "uid", "schemaVersion", "panels", "templating", "time", "annotations"} <= set(DASHBOARD)
    assert DASHBOARD["id"] is None, "a number of one Grafana is none of another"
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert {panel["type"] for panel in panels} <= {one["id"] for one in DASHBOARD["__requires"]}
    assert {one["name"] for one in DASHBOARD["__inputs"]} == set(re.findall(r"\$\{(DS_\w+)\}", json.dumps(DASHBOARD)))
    for panel in panels:
        assert panel["description"]
        for target in panel["targets"]:
            assert target["rawQuery"]
            assert target["format"] == ("time_series" if panel["type"] == "timeseries" else "table")


def test_no_two_panels_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + i, place["y"] + j) for i in range(place["w"]) for j in range(place["h"])}
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells


@pytest.mark.parametrize("title", PANELS)
def test_every_panel_asks_what_the_store_can_answer(database: Any, title: str) -> None:
    found = asked(database, title)
    assert found
    assert PANELS[title]["type"] != "timeseries" or "time" in found[0]


@pytest.mark.parametrize("name", VARIABLES)
def test_every_variable_offers_what_is_there(database: Any, name: str) -> None:
    found = rows(database, VARIABLES[name]["query"])
    assert CHOSEN[name] in [next(iter(row.values())) for row in found]


def test_an_hour_that_nobody_watched_has_no_counts_and_a_direction_without_vehicles_has_a_0(database: Any) -> None:
    found = asked(database, "Vehicles per hour")
    assert {row["time"] for row in found} == {at(NOON_MS)}
    counts = {row["metric"]: row["vehicles"] for row in found}
    assert counts == {"outbound car": counts["outbound car"], "outbound truck": 0, "return car": 0, "return truck": 49}
    assert counts["outbound car"] > 0


def test_the_sums_are_those_of_the_hours(database: Any) -> None:
    hours = asked(database, "Vehicles per hour")
    assert sum(row["vehicles"] for row in asked(database, "Vehicles")) == sum(row["vehicles"] for row in hours)


def test_the_watched_share_is_of_the_whole_hour_and_0_where_there_is_no_report(database: Any) -> None:
    found = {row["time"]: row["watched"] for row in asked(database, "Watched share of the hour")}
    assert found == {at(NOON_MS): pytest.approx(49 / 60), at(NOON_MS + HOUR_MS): 0}
    assert asked(database, "Watched")[0]["watched"] == pytest.approx(49 / 90), "of what is past"


def test_the_balance_is_out_less_back(database: Any) -> None:
    found = {row["metric"]: row["balance"] for row in asked(database, "Balance")}
    assert found["truck"] == -49
    assert found["car"] > 0


def test_a_queue_that_nobody_watched_is_null(database: Any) -> None:
    found = {row["time"]: row for row in asked(database, "Standing in the queue")}
    assert (found[at(NOON_MS + 15 * MINUTE_MS)]["mean"], found[at(NOON_MS + 15 * MINUTE_MS)]["max"]) == (None, None)
    assert (found[at(NOON_MS + 25 * MINUTE_MS)]["mean"], found[at(NOON_MS + 25 * MINUTE_MS)]["max"]) == (2.5, 3)
    waits = {row["time"]: row for row in asked(database, "Wait of those that left")}
    assert (waits[at(NOON_MS + 25 * MINUTE_MS)]["median"], waits[at(NOON_MS + 25 * MINUTE_MS)]["nine_in_ten"]) == (2, 3)


def test_what_nobody_watched_is_shaded(database: Any) -> None:
    """Blind reports, the report that did not come, and the time after the last one until now."""
    found = [(row["time"], row["timeend"]) for row in rows(database, NOT_WATCHED["target"]["rawSql"])]
    assert found == [
        (at(NOON_MS + 10 * MINUTE_MS), at(NOON_MS + 20 * MINUTE_MS)),
        (at(NOON_MS + 30 * MINUTE_MS), at(NOON_MS + 31 * MINUTE_MS)),
        (at(NOON_MS + 60 * MINUTE_MS), at(NOON_MS + 90 * MINUTE_MS)),
    ]


def test_the_report_that_did_not_come_is_listed(database: Any) -> None:
    (missing,) = asked(database, "Reports that are missing")
    assert (missing["from"], missing["to"], missing["reports"]) == (31, 31, 1)
