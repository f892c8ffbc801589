"""The documents of docs/wire say what the structs say, and what really goes over the wire is what they say."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given

from collector.alerts.alert import KINDS, Alert, Kind, Subject
from collector.alerts.channels import MqttChannel, Notification
from collector.alerts.site_alert import Event, SiteAlert
from collector.config import Mqtt as CollectorMqtt
from collector.mqtt.subscriber import NOT_CONNECTED
from collector.queries.results import Evidence
from deploy.channels import CHANNELS, Channel, payload_of
from deploy.wire import FOLDER, asyncapi, documents, schema_of, verdict_schema
from edge.cli import main
from edge.delivery.outbox import Outbox
from edge.delivery.publisher import Publisher
from edge.wire.commands import Verdict
from edge.wire.report import encode
from tests.collector.listening import listening
from tests.delivery.reports import reports
from tests.system.broker import Mosquitto, broker
from tests.system.peer import SUCCESS, Peer, peer
from tests.system.product import TAPE, edge_configuration

BY_NAME = {channel.name: channel for channel in CHANNELS}
DEVICE = "crossing/v1/bridge/mast-1"
NOON_MS = 1_795_608_000_000
WHO: dict[str, Any] = {"site": "bridge", "device": "mast-1", "run": "run-2"}


def validator_of(schema: dict[str, Any]) -> Any:
    """Of a schema that is itself valid."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415  # it builds a grammar as it is imported: seconds

    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@cache
def validator(channel: str) -> Any:
    return validator_of(schema_of(BY_NAME[channel]))


def test_the_documents_are_what_make_wire_makes() -> None:
    committed = {str(path.relative_to(FOLDER)): path.read_text("utf-8") for path in FOLDER.rglob("*") if path.is_file()}
    assert committed.pop("README.md", None) is not None
    assert committed == documents()


# What AsyncAPI 3.0.0 allows in the objects that we use (https://www.asyncapi.com/docs/reference/specification/v3.0.0).
ALLOWED = {
    "root": {"asyncapi", "id", "info", "servers", "defaultContentType", "channels", "operations", "components"},
    "info": {"title", "version", "description", "termsOfService", "contact", "license", "tags", "externalDocs"},
    "server": {"host", "protocol", "protocolVersion", "pathname", "description", "title", "summary", "security",
               "variables", "tags", "externalDocs", "bindings"},
    "channel": {"address", "messages", "title", "summary", "description", "servers", "parameters", "tags",
                "externalDocs", "bindings"},
    "operation": {"action", "channel", "title", "summary", "description", "security", "tags", "externalDocs",
                  "bindings", "traits", "messages", "reply"},
    "message": {"headers", "payload", "correlationId", "contentType", "name", "title", "summary", "description",
                "tags", "externalDocs", "bindings", "examples", "traits"},
}  # fmt: skip


def strangers(document: dict[str, Any]) -> list[str]:
    """Keys that AsyncAPI does not know, and what it asks for and is not there."""
    objects = [("root", "", document), ("info", "info", document["info"])]
    for kind, key in (("server", "servers"), ("channel", "channels"), ("operation", "operations")):
        objects += [(kind, name, one) for name, one in document[key].items()]
    objects += [("message", name, one) for name, one in document["components"]["messages"].items()]
    found = [f"{kind} {name}: {key}" for kind, name, one in objects for key in one if key not in ALLOWED[kind]]
    asked = {"root": ("asyncapi", "info"), "info": ("title", "version"), "server": ("host", "protocol"),
             "operation": ("action", "channel")}  # fmt: skip
    found += [
        f"{kind} {name} has no {key}" for kind, name, one in objects for key in asked.get(kind, ()) if key not in one
    ]
    return found


def test_the_asyncapi_document_has_what_asyncapi_3_knows_and_asks_for() -> None:
    document = asyncapi()
    assert document["asyncapi"] == "3.0.0"
    assert strangers(document) == []
    assert {one["action"] for one in document["operations"].values()} <= {"send", "receive"}
    document["channels"]["report"]["adress"] = "a slip of the pen"
    del document["operations"][next(iter(document["operations"]))]["action"]
    assert len(strangers(document)) == 2


def test_every_reference_in_the_asyncapi_document_leads_somewhere() -> None:
    document = yaml.safe_load((FOLDER / "asyncapi.yaml").read_text("utf-8"))
    found = list(references(document))
    assert len(found) > 30
    for reference in found:
        path, _, pointer = reference.partition("#")
        target: Any = json.loads((FOLDER / path).read_text("utf-8")) if path else document
        for step in filter(None, pointer.split("/")):
            target = target[step]


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.key)
def test_a_schema_is_json_schema_2020_12_and_takes_its_example(channel: Channel) -> None:
    assert validator_of(schema_of(channel)).is_valid(json.loads(payload_of(channel)))


@given(reports())
def test_every_report_that_can_be_made_is_valid(report: msgspec.Struct) -> None:
    validator("report").validate(json.loads(encode(report)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "blind"},
        {"lines": None},
        {"schema": 2},
        {"seq": 0},
        {"start": "2026-11-22 06:00"},
        {"device": "Mast"},
        {"zones": None},
        {"lines": {"deck": {"outbound": {"car": -1}}}},
    ],
    ids=str,
)
def test_what_the_struct_refuses_the_schema_refuses(wrong: dict[str, Any]) -> None:
    said = json.loads(payload_of(BY_NAME["report"])) | wrong
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(said, BY_NAME["report"].says)
    assert not validator("report").is_valid(said)


def test_a_field_of_a_newer_sender_is_valid() -> None:
    for channel in CHANNELS:
        assert validator(channel.name).is_valid(json.loads(payload_of(channel)) | {"of_the_future": 1})


def test_all_that_a_device_really_says_is_described_and_valid(tmp_path: Path) -> None:
    """A replay through the broker that ships, with a command; every message is held against its schema."""
    with broker(tmp_path, users=["bridge/mast-1", "telegraf", "collector"]) as mosquitto:
        heard = all_that_is_said(mosquitto, tmp_path)
    assert {channel for channel, _ in heard} == {channel.name for channel in CHANNELS if not channel.service}
    for channel, payload in heard:
        validator(channel).validate(json.loads(payload))
    states = [json.loads(payload)["state"] for channel, payload in heard if channel == "status"]
    assert (states[0], states[-1]) == ("online", "offline")


def all_that_is_said(mosquitto: Mosquitto, folder: Path) -> list[tuple[str, bytes]]:
    """(channel, payload) in order; the device hears a command that was retained for it."""
    edge = edge_configuration(folder, mosquitto, report={"every_s": 5, "crossings": True}, convoys={"vehicles_min": 3})
    said: list[tuple[str, bytes]] = []
    with peer(mosquitto, "telegraf") as reader, peer(mosquitto, "collector") as collector:
        assert (reader.accepted, collector.accepted) == (SUCCESS, SUCCESS)
        reader.subscribe(f"{DEVICE}/#")
        command = b'{"id": "gap-1", "ranges": [[1, 3], [90, 99]]}'
        assert collector.publish(f"{DEVICE}/command/resend", command, retain=True) == SUCCESS
        outbox = folder / "outbox.sqlite"
        assert main(["replay", str(TAPE), "--config", str(edge), "--publish", "--outbox", str(outbox)]) == 0
        said += until_offline(reader)
        with Outbox(outbox) as kept, Publisher(mosquitto.access("bridge/mast-1"), kept, **WHO) as again:
            again.connect()  # a device that comes back says its total
        said += until_offline(reader)
    return said


def test_all_that_the_collector_says_of_a_site_is_described_and_valid(tmp_path: Path) -> None:
    """Every kind of message, by the collector's own connection, through the broker and its ACL, to a reader."""
    told = [of_kind(kind, event) for kind in KINDS for event in ("opened", "closed")]
    told.append(Notification(id="99", site="bridge", event="digest", text="2 messages were not sent.", at_ms=NOON_MS))
    with broker(tmp_path, users=["telegraf", "collector"]) as mosquitto, peer(mosquitto, "telegraf") as reader:
        reader.subscribe("crossing/v1/+/alert")
        settings = msgspec.convert(mosquitto.mqtt("collector"), CollectorMqtt, dec_hook=lambda kind, value: kind(value))
        with listening(settings, tmp_path / "store.sqlite") as subscriber:
            channel = MqttChannel(subscriber.publish)
            while channel.send(told[0]) == NOT_CONNECTED:
                time.sleep(0.02)  # nothing announces that it is subscribed
            with ThreadPoolExecutor(len(told)) as pool:  # the subscriber takes what is to be said twice a second
                assert set(pool.map(channel.send, told[1:])) == {""}
            heard = [reader.hears() for _ in told]
    assert {topic for topic, _ in heard} == {"crossing/v1/bridge/alert"}
    by_id = {said["id"]: said for said in (json.loads(payload) for _, payload in heard)}
    assert set(by_id) == {message.id for message in told}
    for message in told:
        said = by_id[message.id]
        validator("site-alert").validate(said)
        assert msgspec.convert(said, SiteAlert).text == message.text
        about = ("", None) if message.alert is None else (message.alert.kind, message.alert.id)
        assert (said["kind"], said["alert"]) == about


def of_kind(kind: Kind, event: Event) -> Notification:
    alert = Alert(
        id=7,
        kind=kind,
        subject=Subject(site="bridge", device="mast-1", line="deck", direction="outbound", label="all", zone="queue"),
        at_ms=NOON_MS,
        until_ms=NOON_MS + 1 if event == "closed" else None,
        opened_ms=NOON_MS,
        updated_ms=NOON_MS,
        closed_ms=NOON_MS + 1 if event == "closed" else None,
        reason="So it is.",
        ending="",
        figures={"quiet_ms": 3_600_000, "usual_share": 0.5, "synced": False, "state": "", "before_ms": None},
        evidence=(
            Evidence(
                site="bridge",
                device="mast-1",
                run="run-1",
                first=1,
                last=9,
                reports=9,
                from_ms=0,
                to_ms=1,
                watched_ms=1,
            ),
        ),
        times=1,
        fate="told",
        acknowledged=None,
        has_picture=kind == "first",
    )
    return Notification(id=f"{kind}-{event}", site="bridge", event=event, text="So it is.", at_ms=NOON_MS, alert=alert)


@pytest.mark.parametrize(
    "wrong",
    [{"event": "began"}, {"kind": "flood"}, {"site": "The Bridge"}, {"text": None}, {"alert": "7"}, {"evidence": [{}]}],
    ids=str,
)
def test_an_alert_of_a_site_that_the_struct_refuses_the_schema_refuses(wrong: dict[str, Any]) -> None:
    said = json.loads(payload_of(BY_NAME["site-alert"])) | wrong
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(said, SiteAlert)
    assert not validator("site-alert").is_valid(said)


def until_offline(reader: Peer) -> list[tuple[str, bytes]]:
    said: list[tuple[str, bytes]] = []
    while not (said and said[-1][0] == "status" and json.loads(said[-1][1])["state"] == "offline"):
        topic, payload = reader.hears()
        said.append((topic.removeprefix(f"{DEVICE}/"), payload))
    return said


def references(part: Any) -> Any:
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


VERDICT = Verdict(
    site="bridge",
    device="mast-1",
    run="r-0c1d2e3f4a5b",
    seq=7,
    line="deck",
    at="2026-11-22T06:00:31.240Z",
    label="bus",
    said="truck",
    by="Li Wei",
    when="2026-11-22T06:10:00Z",
    alert=12,
)


def test_what_a_person_says_is_described() -> None:
    described = validator_of(verdict_schema())
    described.validate(json.loads(encode(VERDICT)))
    for wrong in ({"seq": 0}, {"said": ""}, {"said": "a\nb"}, {"when": "now"}, {"site": "The Bridge"}, {"schema": 2}):
        said = json.loads(encode(VERDICT)) | wrong
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(said, Verdict)
        assert not described.is_valid(said), wrong
