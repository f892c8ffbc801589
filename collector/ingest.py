"""What a message from the broker amounts to: something to store, an answer, or a refusal with its reason. Pure."""

import re
from dataclasses import dataclass
from functools import lru_cache

from collector.said import SAID_BYTES_MAX, Info, Status, Total, decode_said
from edge.delivery.report import (
    NAME_RULE,
    ROOT,
    Address,
    Report,
    ReportError,
    Response,
    decode,
    decode_as,
    parse_topic,
)

PAYLOAD_BYTES_MAX = 65_536
SERIES_MAX = 2_048  # of one report: lines x directions x classes
KEPT_BYTES = 500  # of a refused payload, for a person to see what it was
HEARD = ("report", "status", "info", "total", "response")
"""The channels that the collector subscribes to."""

SPOKEN: dict[str, type[Status] | type[Info] | type[Total]] = {"status": Status, "info": Info, "total": Total}

_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Received:
    """A valid report, with the bytes it came in: fields of a newer sender are kept for a newer collector."""

    topic: str
    payload: bytes
    report: Report


@dataclass(frozen=True, slots=True)
class Said:
    """The last word of a device about itself: its `status`, its `info` or its `total`."""

    site: str
    device: str
    channel: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """What a device says became of a command. It counts only if we asked that."""

    site: str
    device: str
    response: Response


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that is not stored, and why."""

    topic: str
    payload: bytes
    reason: str


def ingest(topic: str, payload: bytes, *, root: str = ROOT) -> Received | Said | Answered | Refusal:
    """Judge one message. A device may speak for itself only: the topic must name the report's own device."""
    address = _address(topic, root)
    if address is None or address.channel not in HEARD:
        return refuse(
            topic, payload, f"not a topic of ours: {root}/v1/<site>/<device>/report with names of {NAME_RULE}"
        )
    bytes_max = PAYLOAD_BYTES_MAX if address.channel in ("report", "response") else SAID_BYTES_MAX
    if len(payload) > bytes_max:
        return refuse(topic, payload, f"{len(payload)} bytes are too many for a {address.channel}, at most {bytes_max}")
    try:
        if address.channel == "report":
            return _report(topic, payload, address)
        if address.channel == "response":
            return Answered(address.site, address.device, decode_as(payload, Response))
        decode_said(payload, SPOKEN[address.channel])
    except ReportError as error:
        return refuse(topic, payload, str(error))
    return Said(address.site, address.device, address.channel, payload)


def refuse(topic: str, payload: bytes, reason: str) -> Refusal:
    """A refusal that is bounded, and printable whatever came."""
    return Refusal(_printable(topic), payload[:KEPT_BYTES], _printable(reason))


def _report(topic: str, payload: bytes, address: Address) -> Received | Refusal:
    report = decode(payload)
    if report.site != address.site or report.device != address.device:
        return refuse(topic, payload, f"the report of {report.site}/{report.device} came on another device's topic")
    series = 0
    for ways in (report.lines or {}).values():
        for classes in ways.values():
            series += len(classes)
    if series > SERIES_MAX:
        return refuse(topic, payload, f"{series} counts are too many for a report, at most {SERIES_MAX}")
    return Received(topic, payload, report)


@lru_cache(maxsize=16_384)  # a device speaks on few topics, and often
def _address(topic: str, root: str) -> Address | None:
    return parse_topic(topic, root=root) if len(topic) <= KEPT_BYTES else None


def _printable(text: str) -> str:
    return _CONTROL.sub("�", text[:KEPT_BYTES])
