"""What a message from the broker amounts to: something to store, an answer, or a refusal with its reason. Pure."""

import re
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from collector.protocol.device_messages import (
    SAID_BYTES_MAX,
    Convoy,
    DeviceAlert,
    DeviceHealth,
    Info,
    Live,
    Status,
    Total,
    decode_said,
)
from edge.wire.commands import Response
from edge.wire.names import NAME_RULE, REPLAY, UNSEEN
from edge.wire.report import Report, ReportError, decode, decode_as
from edge.wire.topics import ROOT, Address, parse_topic

PAYLOAD_BYTES_MAX = 65_536
SERIES_MAX = 2_048  # of one report: lines x directions x classes
WIDTH_MS_MAX = 86_400_000
"""Of a bucket: the widest that a device can be told to report."""
KEPT_BYTES = 500  # of a refused payload, for a person to see what it was
HEARD = ("report", "status", "info", "total", "response", "alert", "convoy", "health")
"""The channels that the collector subscribes to."""
LIVE = "live"
"""Heard where somebody looks at it."""

_CONTROL = re.compile(f"[{UNSEEN}\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Received:
    """A valid report, with the bytes it came in: fields of a newer sender are kept for a newer collector."""

    topic: str
    payload: bytes
    report: Report


@dataclass(frozen=True, slots=True)
class Said:
    """The last word of a device about itself: its `status`, its `info`, its `total` or its `health`.

    `live` is false where it said it before we listened: then it is no sign of life. A total tells that all reports of
    `journal` up to `sent_through` were sent.
    """

    site: str
    device: str
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
    """A replay under the device's name said it."""


@dataclass(frozen=True, slots=True)
class Called:
    """News that a device called out. It comes at least once; the same again is the same."""

    site: str
    device: str
    alert: DeviceAlert


@dataclass(frozen=True, slots=True)
class Followed:
    """A convoy that a device told of. It comes at least once; the same run and number is the same convoy."""

    site: str
    device: str
    convoy: Convoy


@dataclass(frozen=True, slots=True)
class Answered:
    """What a device says became of a command. It counts only if we asked that."""

    site: str
    device: str
    response: Response


@dataclass(frozen=True, slots=True)
class Glimpse:
    """The open bucket of a device: shown, and never stored."""

    site: str
    device: str
    live: Live


@dataclass(frozen=True, slots=True)
class Cleared:
    """What a broker retained of a device is taken back: it has another name now."""

    site: str
    device: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that is not stored, and why."""

    topic: str
    payload: bytes
    reason: str


def ingest(
    topic: str, payload: bytes, *, root: str = ROOT, retained: bool = False
) -> Received | Said | Called | Followed | Answered | Glimpse | Cleared | Refusal:
    """Judge one message. A device may speak for itself only: the topic must name the report's own device."""
    address = _address(topic, root)
    if address is None or address.channel not in (*HEARD, LIVE):
        return refuse(
            topic, payload, f"not a topic of ours: {root}/v1/<site>/<device>/report with names of {NAME_RULE}"
        )
    if not payload and address.channel in ("status", "info", "total"):
        return Cleared(address.site, address.device)
    bytes_max = PAYLOAD_BYTES_MAX if address.channel in ("report", "response") else SAID_BYTES_MAX
    if len(payload) > bytes_max:
        return refuse(topic, payload, f"{len(payload)} bytes are too many for a {address.channel}, at most {bytes_max}")
    try:
        if address.channel == "report":
            return _report(topic, payload, address)
        return _word(payload, address, live=not retained)
    except ReportError as error:
        return refuse(topic, payload, str(error))


class _Speaker(msgspec.Struct):
    run: str = ""
    journal: str = ""


def of_replay(payload: bytes) -> bool:
    """Whether a replay said this of itself under a device's name: its run, or its journal, is one of a replay."""
    try:
        speaker = msgspec.json.decode(payload, type=_Speaker)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return (speaker.run or speaker.journal).startswith(REPLAY)


def refuse(topic: str, payload: bytes, reason: str) -> Refusal:
    """A refusal that is bounded, and printable whatever came."""
    return Refusal(_printable(topic), payload[:KEPT_BYTES], _printable(reason))


def _word(payload: bytes, address: Address, *, live: bool) -> Said | Called | Followed | Answered | Glimpse:
    if address.channel == LIVE:
        return Glimpse(address.site, address.device, decode_said(payload, Live))
    if address.channel == "response":
        return Answered(address.site, address.device, decode_as(payload, Response))
    if address.channel == "alert":
        return Called(address.site, address.device, decode_said(payload, DeviceAlert))
    if address.channel == "convoy":
        return Followed(address.site, address.device, decode_said(payload, Convoy))
    return _said(payload, address, live=live)


def _said(payload: bytes, address: Address, *, live: bool) -> Said:
    if address.channel == "total":
        total = decode_said(payload, Total)
        last = None if total.last is msgspec.UNSET else total.last
        journal = total.journal or ""
        replay = journal.startswith(REPLAY)
        return Said(*address, payload, live, journal, total.sent_through, total.first, last, total.ended, replay)
    replay = of_replay(payload)
    if address.channel == "info":
        decode_said(payload, Info)
        return Said(*address, payload, live, replay=replay)
    if address.channel == "health":
        decode_said(payload, DeviceHealth)
        return Said(*address, payload, live, replay=replay)
    status = decode_said(payload, Status)
    is_sign = live and status.state != "offline"  # that one the broker says in its place
    return Said(*address, payload, is_sign, replay=replay)


def _report(topic: str, payload: bytes, address: Address) -> Received | Refusal:
    report = decode(payload)
    if report.site != address.site or report.device != address.device:
        return refuse(topic, payload, f"the report of {report.site}/{report.device} came on another device's topic")
    if report.width_ms > WIDTH_MS_MAX:
        days = f"{report.width_ms / WIDTH_MS_MAX:.1f} days"
        return refuse(topic, payload, f"a bucket of {days} is too wide, at most a day is taken")
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
