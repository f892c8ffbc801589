"""The announcement of a device for the MQTT discovery of Home Assistant, so that its counts appear there. Pure.

One retained message on `<prefix>/device/<site>/<device>/config` (MQTT discovery in its device form; site is the node
id, device the object id) describes every sensor. Where a broker takes no message of that size, each sensor has its own
on `<prefix>/sensor/<site>_<device>/<key>/config`. The rules of Home Assistant that decide what stands in it:

1. A sensor of the class `total_increasing` takes its first state as zero point, and any fall as a new meter that began
   at 0. So a 0 that nobody counted would count everything twice: the sensors read the retained `total`, which does not
   exist before there is one, and where it holds no number for a sensor the template says None, which is `unknown`.
   After a reset (a new disk) the total falls and counting goes on from 0; a fall of less than a tenth is passed over.
2. A component is removed by announcing it once more with its platform alone, then by an announcement without it. What
   is merely left out stays for ever.
3. A device is removed by an empty retained message.
4. What is unavailable when the device is offline says so by itself; the status stays readable, for it says why.

Directions are keyed by `a_to_b` and `b_to_a`, so that another word for one renames a sensor and keeps its history.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from edge.wire.device_messages import Info
from edge.wire.topics import ROOT, topic_of

PREFIX = "homeassistant"
NAME = "Crossing monitor"
ICONS = {
    "bicycle": "mdi:bicycle",
    "bus": "mdi:bus",
    "car": "mdi:car",
    "motorcycle": "mdi:motorbike",
    "truck": "mdi:truck",
    "van": "mdi:van-utility",
}
AVAILABLE = "{{ 'offline' if value_json.state == 'offline' else 'online' }}"
REMOVED = {"p": "sensor"}
"""All of a component that is no more."""

Component = dict[str, Any]
_VALUE = "{{{{ value_json.{} }}}}"
_DIAGNOSTIC = {"entity_category": "diagnostic"}


class Announcement(NamedTuple):
    """A message to be retained; keep `keys` once it is acknowledged, and give them as `before` next time."""

    topic: str
    payload: bytes
    keys: tuple[str, ...]


def announcement(
    info: Info,
    site: str,
    device: str,
    *,
    root: str = ROOT,
    prefix: str = PREFIX,
    before: Sequence[str] = (),
) -> Announcement:
    """Describe the device as it is now; components in `before` that it has no more are removed by this message."""
    components = {key: {"p": "sensor", **one} for key, one in _sensors(info, site, device, root)}
    payload = {**_about(info, site, device, root), "cmps": {**dict.fromkeys(before, REMOVED), **components}}
    return Announcement(
        topic_for(site, device, prefix), msgspec.json.encode(payload, order="sorted"), tuple(components)
    )


def components_of(info: Info, site: str, device: str, *, root: str = ROOT) -> dict[str, bytes]:
    """The same sensors, each in a message of its own for `component_topic`; an empty message removes one."""
    about = _about(info, site, device, root)
    return {
        key: msgspec.json.encode({**about, **one}, order="sorted") for key, one in _sensors(info, site, device, root)
    }


def component_topic(site: str, device: str, key: str, prefix: str = PREFIX) -> str:
    """Where one sensor is announced by itself."""
    return f"{prefix}/sensor/{site}_{device}/{key}/config"


def _about(info: Info, site: str, device: str, root: str) -> dict[str, Any]:
    return {
        "dev": {
            "ids": [_own(site, device, root)],
            "name": f"{site} {device}",
            "mf": NAME,
            "mdl": info.model,
            "sw": info.version,
            "sa": site,
        },
        "o": {"name": NAME, "sw": info.version},
        "qos": 1,
    }


def _sensors(info: Info, site: str, device: str, root: str) -> Iterator[tuple[str, Component]]:
    for key, component in _components(info, lambda channel: topic_of(site, device, channel, root=root)):
        yield key, {"unique_id": f"{_own(site, device, root)}_{key}", **component}


def _own(site: str, device: str, root: str) -> str:
    return f"{root}_{site}_{device}"  # no name holds an underscore, so no two devices make the same


def removal_of(site: str, device: str, *, prefix: str = PREFIX) -> Announcement:
    """The message that removes the device and all its sensors."""
    return Announcement(topic_for(site, device, prefix), b"", ())


def topic_for(site: str, device: str, prefix: str = PREFIX) -> str:
    """Where the device announces itself."""
    return f"{prefix}/device/{site}/{device}/config"


def _components(info: Info, topic: Callable[[str], str]) -> Iterator[tuple[str, Component]]:
    """Every sensor of the device by its key; keys stay the same for as long as the thing does."""
    there = {"availability_topic": topic("status"), "availability_template": AVAILABLE}
    total, report = {"state_topic": topic("total"), **there}, {"state_topic": topic("report"), **there}
    status = {"state_topic": topic("status"), "json_attributes_topic": topic("status")}
    for line, words in info.lines.items():
        for way, word in (("a_to_b", words.a_to_b), ("b_to_a", words.b_to_a)):
            for label in info.classes:
                icon = ICONS.get(label, "mdi:counter")
                vehicles = _rising(f"{line} {word} {label}", _pick("lines", line, word, label), "vehicles", icon=icon)
                yield f"{line}_{way}_{label}", vehicles | total
    for zone in info.zones:
        standing = _sensor(f"{zone} standing", _pick("zones", zone, "standing", "end"), icon="mdi:car-multiple")
        yield f"{zone}_standing", standing | {"state_class": "measurement", "unit_of_measurement": "vehicles"} | report
    states = ["online", "degraded", "offline"]
    yield "status", _sensor("Status", _VALUE.format("state"), "enum", options=states, **_DIAGNOSTIC) | status
    yield "watched", _rising("Watched", _VALUE.format("watched_ms // 1000"), "s", device_class="duration") | total
    states = ["ok", "partial", "blind"]
    yield "report_state", _sensor("Last report", _VALUE.format("state"), "enum", options=states) | report
    until = _sensor("Counted until", _VALUE.format("as_of"), "timestamp", **_DIAGNOSTIC)
    yield "counted_until", until | total
    yield "dropped", _rising("Reports dropped", _VALUE.format("dropped"), "reports", **_DIAGNOSTIC) | total


def _sensor(name: str, template: str, device_class: str = "", **more: Any) -> Component:
    found = {"name": name, "value_template": template, **more}
    return found | {"device_class": device_class} if device_class else found


def _rising(name: str, template: str, unit: str, **more: Any) -> Component:
    """A sensor of a number that only grows."""
    return _sensor(name, template, **more) | {"state_class": "total_increasing", "unit_of_measurement": unit}


def _pick(first: str, *steps: str) -> str:
    """A template that walks into the message, and says None where there is nothing (blind, or not counted yet)."""
    *inner, last = (json.dumps(step, ensure_ascii=False) for step in steps)  # as Jinja reads text
    found = f"(value_json.{first} or {{}})"
    for step in inner:
        found = f"({found}.get({step}) or {{}})"
    return f"{{{{ {found}.get({last}) }}}}"
