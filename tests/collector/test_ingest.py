"""What the collector lets in, and the reason it gives for the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from messages import a_report

from collector.ingest import PAYLOAD_BYTES_MAX, Received, Refusal, ingest
from edge.delivery.report import encode

TOPIC = "crossing/v1/bridge/mast-1/report"


def test_a_report_on_its_own_topic_is_received() -> None:
    payload = encode(a_report())
    assert ingest(TOPIC, payload) == Received(TOPIC, payload, a_report())


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("crossing/v1/bridge/mast-2/report", encode(a_report()), "came on another device's topic"),
        ("crossing/v1/tunnel/mast-1/report", encode(a_report()), "came on another device's topic"),
        ("crossing/v1/bridge/mast-1/live", encode(a_report()), "not the live of a device"),
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
    refusal = ingest(topic, payload)
    assert isinstance(refusal, Refusal)
    assert reason in refusal.reason


@given(st.text(max_size=100) | st.just(TOPIC), st.binary(max_size=2_000))
def test_no_message_makes_it_fail_and_what_is_kept_of_it_is_bounded(topic: str, payload: bytes) -> None:
    refusal = ingest(topic, payload)
    assert isinstance(refusal, Refusal)
    assert len(refusal.topic) <= 500
    assert len(refusal.payload) <= 500
    assert "\n" not in refusal.reason
