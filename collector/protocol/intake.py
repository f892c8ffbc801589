"""Decodes messages from the broker: something to store, a response, or a refusal with its reason. Pure."""

import re
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from collector.protocol.device_messages import (
    Convoy,
    DeviceAlert,
    DeviceHealth,
    Info,
    Live,
    Status,
    Total,
    decode_device_message,
)
from edge.wire.commands import Response
from edge.wire.names import NAME_RULE, REPLAY, UNSEEN
from edge.wire.report import Report, ReportError, decode, decode_as
from edge.wire.topics import ROOT, Address, parse_topic

PAYLOAD_BYTES_MAX = 65_536
"""Of a message on any channel."""
SERIES_MAX = 2_048  # of one report: lines x directions x classes
WIDTH_MS_MAX = 86_400_000
"""Of a bucket: the widest that a device can be configured to report."""
KEPT_BYTES = 500  # of a refused payload, for a person to see what it was
SUBSCRIBED_CHANNELS = ("report", "status", "info", "total", "response", "alert", "convoy", "health")
"""The channels that the collector always subscribes to."""
LIVE = "live"
"""Subscribed to only where `http` is configured, which shows it."""

_CONTROL = re.compile(f"[{UNSEEN}\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class ReceivedReport:
    """A valid report with the bytes in which it came, since these may have fields of a newer device."""

    topic: str
    payload: bytes
    report: Report


@dataclass(frozen=True, slots=True)
class _FromDevice:
    """Who sent it, by the topic."""

    site: str
    device: str


@dataclass(frozen=True, slots=True)
class DeviceMessage(_FromDevice):
    """What a device says about itself: its `status`, `info`, `total` or `health`; the last of each is stored.

    `live` is false for a message that the broker had retained: it is no sign of life. By a total all reports of
    `journal` up to `sent_through` were sent.
    """

    channel: str
    payload: bytes
    live: bool = False
    journal: str = ""
    sent_through: int = 0
    first: int = 1
    """The number with which the journal begins."""
    last: int | None = None
    """The highest number that the device gave in it; None: it does not say."""
    ended: bool = False
    """The device numbers in another journal by now."""
    replay: bool = False
    """A replay under the device's name sent it."""


@dataclass(frozen=True, slots=True)
class ReceivedAlert(_FromDevice):
    """An alert of a device. It comes at least once; one with the same content is the same."""

    alert: DeviceAlert


@dataclass(frozen=True, slots=True)
class ReceivedConvoy(_FromDevice):
    """A convoy that a device reports. It comes at least once; the same run and number is the same convoy."""

    convoy: Convoy


@dataclass(frozen=True, slots=True)
class ReceivedResponse(_FromDevice):
    """The answer of a device to a command. Only answers to our own commands count."""

    response: Response


@dataclass(frozen=True, slots=True)
class LiveBucket(_FromDevice):
    """The open bucket of a device: shown, and never stored."""

    live: Live


@dataclass(frozen=True, slots=True)
class RetainedCleared(_FromDevice):
    """An empty retained message: the device has another name now."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that is not stored, and why."""

    topic: str
    payload: bytes
    reason: str


Decoded = DeviceMessage | ReceivedAlert | ReceivedConvoy | ReceivedResponse | LiveBucket


def decode_message(
    topic: str, payload: bytes, *, root: str = ROOT, retained: bool = False
) -> ReceivedReport | Decoded | RetainedCleared | Refusal:
    """Decode one message. A device speaks for itself only: the topic must name the report's own site and device."""
    address = _address(topic, root)
    if address is None or address.channel not in (*SUBSCRIBED_CHANNELS, LIVE):
        return refuse(
            topic, payload, f"not a topic of ours: {root}/v1/<site>/<device>/report with names of {NAME_RULE}"
        )
    if not payload and address.channel in ("status", "info", "total"):
        return RetainedCleared(address.site, address.device)
    if len(payload) > PAYLOAD_BYTES_MAX:
        reason = f"{len(payload)} bytes are too many for a {address.channel}, at most {PAYLOAD_BYTES_MAX}"
        return refuse(topic, payload, reason)
    try:
        if address.channel == "report":
            return _report(topic, payload, address)
        return _decoded(payload, address, live=not retained)
    except ReportError as error:
        return refuse(topic, payload, str(error))


class _Sender(msgspec.Struct):
    run: str = ""
    journal: str = ""


def is_of_replay(payload: bytes) -> bool:
    """Whether a replay sent this under a device's name: its run, or its journal, is one of a replay."""
    try:
        sender = msgspec.json.decode(payload, type=_Sender)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return (sender.run or sender.journal).startswith(REPLAY)


def refuse(topic: str, payload: bytes, reason: str) -> Refusal:
    """A refusal of bounded size, printable whatever came."""
    return Refusal(_printable(topic), payload[:KEPT_BYTES], _printable(reason))


def _decoded(payload: bytes, address: Address, *, live: bool) -> Decoded:
    site, device, channel = address
    match channel:
        case "live":
            return LiveBucket(site, device, decode_device_message(payload, Live))
        case "response":
            return ReceivedResponse(site, device, decode_as(payload, Response))
        case "alert":
            return ReceivedAlert(site, device, decode_device_message(payload, DeviceAlert))
        case "convoy":
            return ReceivedConvoy(site, device, decode_device_message(payload, Convoy))
        case "total":
            total = decode_device_message(payload, Total)
            last = None if total.last is msgspec.UNSET else total.last
            journal = total.journal or ""
            replay = journal.startswith(REPLAY)
            return DeviceMessage(
                *address, payload, live, journal, total.sent_through, total.first, last, total.ended, replay
            )
        case "status":  # an `offline` is sent by the broker in the device's place
            live = decode_device_message(payload, Status).state != "offline" and live
        case "info":
            decode_device_message(payload, Info)
        case _:
            decode_device_message(payload, DeviceHealth)
    return DeviceMessage(*address, payload, live, replay=is_of_replay(payload))


def _report(topic: str, payload: bytes, address: Address) -> ReceivedReport | Refusal:
    report = decode(payload)
    if report.site != address.site or report.device != address.device:
        return refuse(topic, payload, f"the report of {report.site}/{report.device} came on another device's topic")
    if report.width_ms > WIDTH_MS_MAX:
        days = f"{report.width_ms / WIDTH_MS_MAX:.1f} days"
        return refuse(topic, payload, f"a bucket of {days} is too wide, at most a day is taken")
    series = sum(len(classes) for ways in (report.lines or {}).values() for classes in ways.values())
    if series > SERIES_MAX:
        return refuse(topic, payload, f"{series} counts are too many for a report, at most {SERIES_MAX}")
    return ReceivedReport(topic, payload, report)


@lru_cache(maxsize=16_384)  # a device uses few topics, and often
def _address(topic: str, root: str) -> Address | None:
    return parse_topic(topic, root=root) if len(topic) <= KEPT_BYTES else None


def _printable(text: str) -> str:
    return _CONTROL.sub("�", text[:KEPT_BYTES])
