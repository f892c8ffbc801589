"""What the collector lets in, and the reason it gives for the rest."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.protocol.device_messages import JPEG_BYTES_MAX
from collector.protocol.intake import (
    PAYLOAD_BYTES_MAX,
    DeviceMessage,
    ReceivedAlert,
    ReceivedReport,
    Refusal,
    decode_message,
)
from edge.wire.report import encode
from tests.collector.messages import a_report

TOPIC = "crossing/v1/bridge/mast-1/report"


def test_a_report_on_its_own_topic_is_received() -> None:
    payload = encode(a_report())
    assert decode_message(TOPIC, payload) == ReceivedReport(TOPIC, payload, a_report())


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("crossing/v1/bridge/mast-2/report", encode(a_report()), "came on another device's topic"),
        ("crossing/v1/tunnel/mast-1/report", encode(a_report()), "came on another device's topic"),
        ("crossing/v1/bridge/mast-1/crossing", encode(a_report()), "not a topic of ours"),
        ("crossing/v2/bridge/mast-1/report", encode(a_report()), "not a topic of ours"),
        (TOPIC, b"", "not JSON"),
        (TOPIC, b"\xff", "not JSON"),
        (TOPIC, b"[]", "not a report"),
        (TOPIC, b" " * (PAYLOAD_BYTES_MAX + 1), "65537 bytes are too many for a report, at most 65536"),
        (
            TOPIC,
            encode(a_report(lines={"deck": {"out": {f"class {i}": 0 for i in range(2_049)}}})),
            "2049 counts are too many for a report, at most 2048",
        ),
    ],
)
def test_anything_else_is_refused_with_its_reason(topic: str, payload: bytes, reason: str) -> None:
    refusal = decode_message(topic, payload)
    assert isinstance(refusal, Refusal)
    assert reason in refusal.reason


def test_an_alert_is_taken_with_its_picture_or_refused_with_its_reason() -> None:
    topic = "crossing/v1/bridge/mast-1/alert"
    fields = {
        "schema": 1,
        "run": "r",
        "at": "2026-11-22T06:00:31.240Z",
        "kind": "rare-class",
        "reason": "the first bus",
    }
    taken = decode_message(topic, json.dumps(fields | {"class": "bus", "jpeg": "/9j/4AAQ"}).encode())
    assert isinstance(taken, ReceivedAlert)
    assert (taken.device, taken.alert.label, taken.alert.picture()) == ("mast-1", "bus", b"\xff\xd8\xff\xe0\x00\x10")
    large = base64.b64encode(b"\xff\xd8\xff" + bytes(JPEG_BYTES_MAX)).decode()
    for more, reason in (
        ({"jpeg": "?"}, "jpeg is not in base64"),
        ({"jpeg": "R0lG"}, "jpeg is not a JPEG"),
        ({"jpeg": large}, "is too large, at most 48000"),
        ({"at": "now"}, "is not a time"),
        ({"kind": "joke"}, "Invalid enum value"),
        ({"reason": "a\nb"}, "not the alert of a device"),
    ):
        refusal = decode_message(topic, json.dumps(fields | more).encode())
        assert isinstance(refusal, Refusal), more
        assert reason in refusal.reason


def test_a_health_is_a_sign_of_life_unless_it_was_retained() -> None:
    topic = "crossing/v1/bridge/mast-1/health"
    payload = b'{"schema": 1, "run": "r", "as_of": "2026-11-22T06:01:00Z", "outbox_unsent": 3}'
    for retained in (False, True):
        said = decode_message(topic, payload, retained=retained)
        assert isinstance(said, DeviceMessage)
        assert said.live is not retained
    assert isinstance(decode_message(topic, payload.replace(b"3", b"-3")), Refusal)


@given(st.text(max_size=100) | st.just(TOPIC), st.binary(max_size=2_000))
def test_no_message_makes_it_fail_and_what_is_kept_of_it_is_bounded(topic: str, payload: bytes) -> None:
    refusal = decode_message(topic, payload)
    assert isinstance(refusal, Refusal)
    assert len(refusal.topic) <= 500
    assert len(refusal.payload) <= 500
    assert "\n" not in refusal.reason
