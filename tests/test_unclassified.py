"""A crossing whose name is too unsure is `unclassified`: everywhere part of the total, nowhere a class."""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.alerts.rules.first_vehicle import may_be_news
from collector.alerts.settings import FirstRule, Rules
from collector.queries.schemes import SCHEMES
from edge.build.publishing import info_of
from edge.cli import main
from edge.config.schema import Config, Line
from edge.counting.buckets import COUNTED_CLASSES
from edge.delivery.home_assistant import components_of
from edge.wire.report import Report, decode
from tests.collector.api.api_world import Api, an_api, said
from tests.collector.messages import DAY_MS, received

TAPE = Path(__file__).parent / "golden" / "free-flow.tape"
SURE = 0.93
"""More than some of the names on this tape, and less than others."""
CONFIGURATION = """site: bridge
device: mast-1
lines:
  deck: {from: [0.5, 1.0], to: [0.5, 0.0], a_to_b: outbound, b_to_a: return}
"""
SPAN = {"from": "2026-11-25T00:00Z", "to": "2026-11-26T00:00Z"}


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """What a replay writes, with names that must be surer than usual."""
    configuration = tmp_path / "edge.yaml"
    configuration.write_text(CONFIGURATION + f"counting: {{class_share_min: {SURE}}}\n")
    assert main(["replay", str(TAPE), "--config", str(configuration), "--out", str(tmp_path / "result")]) == 0
    return tmp_path / "result"


def reports_of(result: Path) -> list[Report]:
    return [decode(line.encode()) for line in (result / "reports.jsonl").read_text().splitlines()]


def crossed(result: Path) -> Counter[tuple[str, str]]:
    """(direction, class) -> crossings, from the list of them."""
    with (result / "crossings.csv").open() as file:
        return Counter((row["direction_word"], row["class"]) for row in csv.DictReader(file))


def test_what_is_too_unsure_is_unclassified_and_every_file_adds_up_to_all(result: Path) -> None:
    with (result / "crossings.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24, "no crossing is lost for want of a name"
    assert all((float(row["share"]) < SURE) == (row["class"] == "unclassified") for row in rows)
    truth = crossed(result)
    assert 0 < truth["outbound", "unclassified"] < 12

    in_reports, in_counts = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for report in reports_of(result):
        for way, of in (report.lines or {})["deck"].items():
            in_reports.update({(way, label): number for label, number in of.items()})
    with (result / "counts.csv").open() as file:
        for row in csv.DictReader(file):
            in_counts.update({(row["direction_word"], label): int(row[label]) for label in COUNTED_CLASSES})
    assert +in_reports == +in_counts == truth
    balance = json.loads((result / "summary.json").read_text())["balance"]["deck"]["classes"]
    assert (balance["all"]["out"], balance["all"]["back"]) == (12, 12)
    assert balance["unclassified"]["out"] == truth["outbound", "unclassified"]
    assert sum(of["out"] for label, of in balance.items() if label != "all") == 12


@pytest.fixture
def api(tmp_path: Path, result: Path) -> Iterator[Api]:
    info = b'{"schema":1,"run":"r","version":"1","lines":{"deck":{"a_to_b":"outbound","b_to_a":"return"}}}'
    made = an_api(tmp_path, [said("info", info), *(received(report) for report in reports_of(result))])
    yield made
    made.context.pool.close()
    made.store.close()


def test_the_centre_has_it_in_all_and_in_no_class_under_every_scheme(api: Api, result: Path) -> None:
    truth = crossed(result)
    client = api.client("read")
    for scheme in ("own", *SCHEMES):
        answer = client.get("/api/v1/sites/bridge/counts", params=SPAN | {"interval": "day", "scheme": scheme})
        if scheme == "tls-5+1":
            assert "told apart finer" in answer.text, "our trucks are too coarse for this one"
            continue
        for series in answer.json()["series"]:
            assert series["total"] == 12
            assert series["total_counts"]["unclassified"] == truth[series["direction"], "unclassified"]
            assert sum(series["total_counts"].values()) == 12
        (one,) = client.get("/api/v1/sites/bridge/balance", params=SPAN | {"scheme": scheme}).json()["balances"]
        assert one["all"]["out"] == sum(of["out"] for of in one["classes"].values()) == 12
        assert one["classes"]["unclassified"]["out"] == truth["outbound", "unclassified"]


def test_home_assistant_has_a_sensor_for_it() -> None:
    config = Config(site="bridge", device="mast-1", lines={"deck": Line(points=((0.5, 1.0), (0.5, 0.0)))})
    sensors = [json.loads(one) for one in components_of(info_of(config, "run", "model"), "bridge", "mast-1").values()]
    assert sum('.get("unclassified")' in sensor.get("value_template", "") for sensor in sensors) == 2, "one each way"


def test_the_first_vehicle_without_a_name_is_no_news() -> None:
    """Rare classes are news; that a name was too unsure is not, however long ago the last such one was."""
    rules = Rules(first=FirstRule(days=28))
    assert may_be_news("bus", 0, 100 * DAY_MS, rules)
    assert not may_be_news("unclassified", 0, 100 * DAY_MS, rules)
