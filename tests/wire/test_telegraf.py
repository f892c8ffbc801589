"""The Telegraf snippet finds in real messages what it promises.

Telegraf turns JSON into a tree of elements named by their keys and asks it with XPath 1.0; so does this.
"""

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from lxml import etree

from deploy.channels import CHANNELS, payload_of
from edge.wire.report import Report, encode
from edge.wire.topics import topic_of
from tests.delivery.reports import a_report

FOLDER = Path(__file__).parents[2] / "deploy"
SNIPPET = tomllib.loads((FOLDER / "telegraf" / "crossing.conf").read_text(encoding="utf-8"))
REPORTS, TOTALS = SNIPPET["inputs"]["mqtt_consumer"]
TOTAL = next(payload_of(channel) for channel in CHANNELS if channel.name == "total")


@dataclass(frozen=True)
class Metric:
    name: str
    time: str
    tags: dict[str, str]
    fields: dict[str, int]


def metrics(consumer: dict[str, Any], payload: bytes) -> list[Metric]:
    document = element("document", json.loads(payload))
    found = []
    for section in consumer["xpath"]:
        chosen = asked(document, document, section["metric_selection"]) if "metric_selection" in section else [document]
        assert chosen or consumer["xpath_allow_empty_selection"]
        for one in chosen:
            found.append(
                Metric(
                    text(asked(document, one, section["metric_name"])),
                    text(asked(document, one, section["timestamp"])),
                    {name: text(asked(document, one, path)) for name, path in section.get("tags", {}).items()},
                    {name: int(text(asked(document, one, path))) for name, path in section["fields_int"].items()},
                )
            )
    return found


def element(name: str, value: Any) -> Any:
    made = etree.Element(name)
    if isinstance(value, dict):
        made.extend(element(key, inner) for key, inner in value.items())
    elif value is not None:
        made.text = str(value)
    return made


def asked(document: Any, one: Any, path: str) -> Any:
    """An absolute path begins at the top of the message, which has many elements there and XML only one."""
    return one.xpath(f"/document{path}" if path.startswith("/") else path)


def text(found: Any) -> str:
    return str(found) if isinstance(found, str) else str(found[0].text)


def test_every_count_of_a_report_is_a_metric_with_its_line_direction_and_class() -> None:
    report = a_report(3, cars=5)
    about, *counts = metrics(REPORTS, encode(report))
    assert about == Metric(
        "crossing_report",
        report.start,
        {"run": "run-1", "state": "ok"},
        {"seq": 3, "watched_ms": 60_000, "width_ms": 60_000},
    )
    assert {metric.name for metric in counts} == {"crossing_count"}
    assert {metric.time for metric in counts} == {report.start}
    found = {(m.tags["line"], m.tags["direction"], m.tags["class"]): m.fields["vehicles"] for m in counts}
    assert found == {
        ("deck", "outbound", "car"): 5,
        ("deck", "outbound", "truck"): 0,
        ("deck", "return", "car"): 0,
        ("deck", "return", "truck"): 0,
    }


@pytest.mark.parametrize("name", ["convoy", "free-flow"])
def test_the_golden_reports_keep_every_count(name: str) -> None:
    lines = (FOLDER.parent / f"tests/golden/{name}.reports.jsonl").read_text(encoding="utf-8").splitlines()
    counted = 0
    for line in lines:
        said = json.loads(line)
        about, *counts = metrics(REPORTS, line.encode())
        assert (about.time, about.tags["state"]) == (said["start"], said["state"])
        assert (about.fields["seq"], about.fields["watched_ms"]) == (said["seq"], said["watched_ms"])
        found: dict[str, dict[str, dict[str, int]]] = {}
        for one in counts:
            ways = found.setdefault(one.tags["line"], {})
            ways.setdefault(one.tags["direction"], {})[one.tags["class"]] = one.fields["vehicles"]
        assert found == (said["lines"] or {})
        counted += sum(one.fields["vehicles"] for one in counts)
    assert counted > 0


# What the plugin mqtt_consumer and the parser xpath_json of Telegraf say that they can be told.
KNOWN = {
    "consumer": {"servers", "topics", "topic_tag", "qos", "connection_timeout", "max_undelivered_messages",
                 "persistent_session", "client_id", "username", "password", "tls_ca", "tls_cert", "tls_key",
                 "insecure_skip_verify", "data_format", "topic_parsing", "xpath", "xpath_allow_empty_selection",
                 "xpath_native_types", "xpath_print_document"},
    "topic_parsing": {"topic", "measurement", "tags", "fields", "types"},
    "xpath": {"metric_selection", "metric_name", "timestamp", "timestamp_format", "timezone", "tags", "fields_int",
              "fields"},
}  # fmt: skip


def test_the_snippet_says_nothing_that_telegraf_does_not_know() -> None:
    assert set(SNIPPET) == {"inputs"}
    assert set(SNIPPET["inputs"]) == {"mqtt_consumer"}
    for consumer in (REPORTS, TOTALS):
        assert set(consumer) <= KNOWN["consumer"]
        assert consumer["data_format"] == "xpath_json"
        for kind in ("topic_parsing", "xpath"):
            assert all(set(one) <= KNOWN[kind] for one in consumer[kind])
        assert consumer["qos"] == 1


def test_a_blind_report_is_seen_and_counts_nothing() -> None:
    blind: Report = msgspec.structs.replace(a_report(3), state="blind", lines=None, watched_ms=0)
    (about,) = metrics(REPORTS, encode(blind))
    assert (about.tags["state"], about.fields["watched_ms"]) == ("blind", 0)


def test_the_total_is_a_metric_per_count_as_of_its_end() -> None:
    found = metrics(TOTALS, TOTAL)
    said = json.loads(TOTAL)
    assert {metric.time for metric in found} == {said["as_of"]}
    counted = sum(n for ways in said["lines"].values() for classes in ways.values() for n in classes.values())
    assert sum(metric.fields["vehicles"] for metric in found) == counted > 0


@pytest.mark.parametrize("consumer", [REPORTS, TOTALS], ids=lambda consumer: str(consumer["topics"]))
def test_topics_and_users_are_those_of_the_broker_that_ships(consumer: dict[str, Any]) -> None:
    (topic,) = consumer["topics"]
    assert topic == topic_of("+", "+", topic.rsplit("/", 1)[-1])
    (parsing,) = consumer["topic_parsing"]
    assert parsing["topic"] == topic
    assert dict(zip(parsing["tags"].split("/"), topic.split("/"), strict=True))["device"] == "+"
    assert consumer["servers"] == ["ssl://broker.example:8883"]
    acl = (FOLDER / "broker" / "acl").read_text(encoding="utf-8").splitlines()
    assert f"user {consumer['username']}" in acl


def test_no_two_inputs_share_a_user() -> None:
    assert REPORTS["username"] != TOTALS["username"]
