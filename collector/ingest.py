"""What a message from the broker amounts to: a report to store, or a refusal with its reason. Pure."""

from dataclasses import dataclass

from edge.delivery.report import NAME_RULE, ROOT, Report, ReportError, decode, parse_topic

PAYLOAD_BYTES_MAX = 65_536
SERIES_MAX = 2_048  # of one report: lines x directions x classes
KEPT_BYTES = 500  # of a refused payload, for a person to see what it was


@dataclass(frozen=True, slots=True)
class Received:
    """A valid report, with the bytes it came in: fields of a newer sender are kept for a newer collector."""

    topic: str
    payload: bytes
    report: Report


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that is not stored, and why."""

    topic: str
    payload: bytes
    reason: str


def ingest(topic: str, payload: bytes, *, root: str = ROOT) -> Received | Refusal:
    """Judge one message. A device may speak for itself only: the topic must name the report's own device."""

    def refuse(reason: str) -> Refusal:
        return Refusal(topic[:KEPT_BYTES], payload[:KEPT_BYTES], reason)

    address = parse_topic(topic, root=root)
    if address is None or address.channel != "report":
        return refuse(f"not a topic of reports: {root}/v1/<site>/<device>/report with names of {NAME_RULE}")
    if len(payload) > PAYLOAD_BYTES_MAX:
        return refuse(f"{len(payload)} bytes are too many for a report, at most {PAYLOAD_BYTES_MAX}")
    try:
        report = decode(payload)
    except ReportError as error:
        return refuse(str(error))
    if (report.site, report.device) != (address.site, address.device):
        return refuse(f"the report of {report.site}/{report.device} came on another device's topic")
    series = sum(len(classes) for ways in (report.lines or {}).values() for classes in ways.values())
    if series > SERIES_MAX:
        return refuse(f"{series} counts are too many for a report, at most {SERIES_MAX}")
    return Received(topic, payload, report)
