"""`make wire`: the wire contract as documents, made from its structs.

    docs/wire/schemas/*.json      JSON Schema 2020-12 of every payload, and of what people say of crossings
    docs/wire/asyncapi.yaml       AsyncAPI 3.0: topics, who says what on them, how (QoS, retained), with examples

Rules that the structs check in code and their types do not show (a blind report has no counts) are added here.
"""

import inspect
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from deploy.channels import CHANNELS, Channel, payload_of
from edge.wire.commands import Verdict
from edge.wire.names import NAME_RULE, SCHEMA
from edge.wire.report import Report
from edge.wire.topics import ROOT

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "wire"
FORMAT = "application/schema+json;version=draft-2020-12"
TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$"
TIMES = ("start", "since", "as_of", "at", "from", "until", "when")
"""Fields that hold an RFC 3339 time in UTC; their type says only that they are text."""


def schema_of(channel: Channel) -> dict[str, Any]:
    """JSON Schema 2020-12 of what is said on a channel."""
    return _schema(channel.says, channel.key)


def _schema(says: type[msgspec.Struct], key: str) -> dict[str, Any]:
    (schema,), parts = msgspec.json.schema_components([says], ref_template="#/$defs/{name}")
    whole = parts.pop(says.__name__)
    assert schema == {"$ref": f"#/$defs/{says.__name__}"}, "a struct is a definition of its own"
    found: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:crossing-monitor:wire:{SCHEMA}:{key}",
        **_told(whole),
    }
    if parts:
        found["$defs"] = {name: _told(part) for name, part in sorted(parts.items())}
    properties = found["properties"]
    for name in TIMES:
        if name in properties:
            properties[name] |= {"format": "date-time", "pattern": TIME}
    if "schema" in properties:
        properties["schema"] |= {"const": SCHEMA}
    if says is Report:
        found["allOf"] = _report_rules()
    return found


def verdict_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of what a person says of a crossing, as the collector keeps and exports it."""
    return _schema(Verdict, "verdict")


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.0 document: devices speak in it, and the collector of a site."""
    return {
        "asyncapi": "3.0.0",
        "id": f"urn:crossing-monitor:wire:{SCHEMA}",
        "info": {
            "title": "Crossing monitor: what devices say and hear, and what the collector says of a site",
            "version": str(SCHEMA),
            "description": (
                "A device counts the vehicles that cross its lines and says so over MQTT 5. Fields may be added, and "
                "a reader passes over those that it does not know; nothing changes its meaning under the same schema. "
                "Delivery is at least once: a report is known by (site, device, run, seq). The collector says what is "
                "unusual at a site on one topic more."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "broker": {
                "host": "broker.example:8883",
                "protocol": "secure-mqtt",
                "protocolVersion": "5.0",
                "description": "Any MQTT 5 broker; TLS 1.2 or newer. The user name of a device is site/device.",
                "security": [{"type": "userPassword"}, {"type": "X509"}],
            }
        },
        "channels": {channel.key: _channel(channel) for channel in CHANNELS},
        "operations": {_operation_key(channel): _operation(channel) for channel in CHANNELS},
        "components": {
            "messages": {channel.key: _message(channel) for channel in CHANNELS},
            "parameters": {
                "root": {"description": "The first level of all topics.", "default": ROOT},
                "site": {"description": f"Where the device stands: {NAME_RULE}.", "examples": ["friendship-bridge"]},
                "device": {"description": f"Which one of the site's: {NAME_RULE}.", "examples": ["mast-1"]},
            },
        },
    }


def documents() -> dict[str, str]:
    """File name -> content, of everything that `make wire` writes."""
    found = {f"schemas/{channel.key}.json": _json(schema_of(channel)) for channel in CHANNELS}
    found["schemas/verdict.json"] = _json(verdict_schema())
    text = yaml.dump(asyncapi(), Dumper=_Plain, sort_keys=False, width=110, allow_unicode=True)
    found["asyncapi.yaml"] = f"# Made by `make wire` from edge/wire; do not edit.\n{text}"
    return found


def main() -> None:
    """Write the documents; what is no longer described is removed."""
    made = documents()
    for old in FOLDER.glob("schemas/*.json"):
        if f"schemas/{old.name}" not in made:
            old.unlink()
    for name, content in made.items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


def _report_rules() -> Sequence[Mapping[str, Any]]:
    """Report.__post_init__, as far as a schema can say it (not: watched_ms is at most width_ms)."""
    blind = {"properties": {"state": {"const": "blind"}}}
    nothing = {"properties": {"lines": {"type": "null"}, "zones": {"anyOf": [{"type": "null"}, {"maxProperties": 0}]}}}
    seen = {"properties": {"lines": {"type": "object"}}}
    watched = {"properties": {"state": {"enum": ["ok", "partial"]}, "watched_ms": {"minimum": 1}}}
    return [
        {"if": blind, "then": nothing, "else": seen},
        {"if": watched, "then": {"properties": {"zones": {"type": "object"}}}},
    ]


def _channel(channel: Channel) -> dict[str, Any]:
    names = [name for name in ("root", "site", "device") if f"{{{name}}}" in channel.topic]
    return {
        "address": channel.topic,
        "description": channel.what,
        "messages": {channel.key: {"$ref": f"#/components/messages/{channel.key}"}},
        "parameters": {name: {"$ref": f"#/components/parameters/{name}"} for name in names},
    }


def _operation_key(channel: Channel) -> str:
    return f"{'obey' if channel.heard else 'say'}-{channel.key.removeprefix('command-')}"


def _operation(channel: Channel) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "action": "receive" if channel.heard else "send",
        "channel": {"$ref": f"#/channels/{channel.key}"},
        "messages": [{"$ref": f"#/channels/{channel.key}/messages/{channel.key}"}],
        **({"description": "The collector says it, and no device."} if channel.of_site else {}),
        "bindings": {"mqtt": {"qos": channel.qos, "retain": channel.retained, "bindingVersion": "0.2.0"}},
    }
    if channel.heard:
        operation["reply"] = {
            "channel": {"$ref": "#/channels/response"},
            "messages": [{"$ref": "#/channels/response/messages/response"}],
        }
    return operation


def _message(channel: Channel) -> dict[str, Any]:
    return {
        "name": channel.key,
        "title": channel.says.__name__,
        "summary": channel.what,
        "contentType": "application/json",
        "payload": {"schemaFormat": FORMAT, "schema": {"$ref": f"./schemas/{channel.key}.json"}},
        "examples": [{"name": channel.key, "payload": json.loads(payload_of(channel))}],
    }


def _told(part: Any) -> Any:
    """A schema without what is special to Python: indentation of docstrings, and the end of patterns."""
    if isinstance(part, dict):
        return {key: _told(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_told(value) for value in part]
    if isinstance(part, str):
        return " ".join(inspect.cleandoc(part.removesuffix(r"(?!\n)")).split("\n"))
    return part


def _json(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


class _Plain(yaml.SafeDumper):
    """Writes everything out: aliases save space and cost the reader."""

    def ignore_aliases(self, data: Any) -> bool:
        """Never an alias."""
        return True


if __name__ == "__main__":
    main()
