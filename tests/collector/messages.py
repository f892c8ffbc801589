"""Reports as they come from the broker, for tests."""

from typing import Any

from collector.protocol.intake import ReceivedReport, decode_message
from edge.wire.report import Report, encode
from edge.wire.times import rfc3339
from edge.wire.topics import topic_of

NOON_MS = 1_795_608_000_000
MINUTE_MS = 60_000
DAY_MS = 86_400_000


def a_report(seq: int = 1, **fields: Any) -> Report:
    """Minute `seq` after noon: `seq` cars out, one truck back."""
    given: dict[str, Any] = {
        "site": "bridge",
        "device": "mast-1",
        "run": "run-1",
        "seq": seq,
        "start": rfc3339(NOON_MS + seq * MINUTE_MS),
        "width_ms": MINUTE_MS,
        "watched_ms": MINUTE_MS,
        "state": "ok",
        "lines": {"deck": {"outbound": {"car": seq, "truck": 0}, "return": {"car": 0, "truck": 1}}},
    }
    return Report(**(given | fields))


def blind(seq: int = 1, **fields: Any) -> Report:
    return a_report(seq, state="blind", watched_ms=0, lines=None, **fields)


def received(report: Report) -> ReceivedReport:
    message = decode_message(topic_of(report.site, report.device, "report"), encode(report))
    assert isinstance(message, ReceivedReport)
    return message


def held(report: Report) -> ReceivedReport:
    """As a store may hold it that took it in before a rule of today refused it."""
    return ReceivedReport(topic_of(report.site, report.device, "report"), encode(report), report)
