"""The wire contract: what is said comes back, equal reports are equal bytes, anything else is refused."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.counting.buckets import Bucket
from edge.counting.expected_wait import ExpectedWait
from edge.counting.hidden import HiddenLikely
from edge.counting.zone_counts import LengthLevel, Level, Waits, ZoneCount
from edge.delivery.reports import report_of
from edge.wire.report import Report, ReportError, decode, encode
from edge.wire.times import milliseconds_of, rfc3339
from edge.wire.topics import Address, parse_topic, topic_of
from tests.delivery.reports import MINUTE_MS, NOON_MS, a_report, reports

COUNTS = {"deck": {"a_to_b": {"car": 3, "truck": 0}, "b_to_a": {"car": 0, "truck": 1}}}


@given(reports())
def test_what_is_encoded_is_decoded(report: Report) -> None:
    assert decode(encode(report)) == report


@given(reports())
def test_equal_reports_are_equal_bytes_with_sorted_keys(report: Report) -> None:
    payload = encode(report)
    assert encode(decode(payload)) == payload
    compact = json.dumps(json.loads(payload), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert compact.encode() == payload


@given(reports(), st.dictionaries(st.just("battery"), st.integers() | st.lists(st.text())))
def test_fields_of_a_newer_sender_are_passed_over(report: Report, more: dict[str, Any]) -> None:
    said = msgspec.json.decode(encode(report))
    said["health"] |= more
    assert decode(msgspec.json.encode(said | more)) == report


@given(st.binary(max_size=200) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(msgspec.json.encode))
def test_bytes_that_are_no_report_are_refused(payload: bytes) -> None:
    with pytest.raises(ReportError):
        decode(payload)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"schema": 2}, "schema 2 is not known here, only 1 is"),
        ({"schema": 2, "seq": "of another kind"}, "schema 2 is not known here, only 1 is"),
        ({"schema": "1"}, "got `str`"),
        ({"site": "Bridge"}, "$.site"),
        ({"site": "bridge\n"}, "$.site"),
        ({"run": ""}, "$.run"),
        ({"seq": 0}, "$.seq"),
        ({"seq": 1.5}, "$.seq"),
        ({"start": "2026-11-22T03:00:00"}, "not a time"),
        ({"start": "2026-11-22T03:00:00.000Z"}, "not a time"),
        ({"start": "2026-02-30T03:00:00Z"}, "not a time"),
        ({"watched_ms": -1}, "$.watched_ms"),
        ({"watched_ms": 60_001}, "watched_ms 60001 exceeds width_ms 60000"),
        ({"state": "fine"}, "$.state"),
        ({"state": "blind"}, "a blind report cannot hold counts"),
        ({"lines": None}, "a report that is ok must hold counts"),
        ({"lines": {"deck": {"out": {"car": -1}}}}, ">= 0"),
        ({"lines": {"deck": {"out": {"car": True}}}}, "got `bool`"),
        ({"lines": {"deck": {"out": {"car": 10**7}}}}, "<= 1000000"),
        ({"lines": {"the deck": {}}}, "matching regex"),
        ({"zones": None}, "a report that is ok must hold its zones"),
        ({"zones": {"the queue": {}}}, "matching regex"),
        ({"zones": {"queue": {"inside": {"mean": 1.5, "max": 2, "end": -1}}}}, ">= 0"),
        ({"zones": {"queue": {"standing": {"mean": 0, "max": 0, "end": 0}}}}, "inside"),
        ({"lines": {"deck": {"out\n": {}}}}, "matching regex"),
    ],
)
def test_a_report_that_breaks_a_rule_is_refused_with_the_rule(change: dict[str, Any], reason: str) -> None:
    said = msgspec.json.decode(encode(a_report(1)))
    with pytest.raises(ReportError) as refusal:
        decode(msgspec.json.encode(said | change))
    assert reason in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_field_that_is_missing_is_named() -> None:
    said = msgspec.json.decode(encode(a_report(1)))
    del said["device"]
    with pytest.raises(ReportError, match="device"):
        decode(msgspec.json.encode(said))


@pytest.mark.parametrize("payload", [b'{"x":' * 100_000, b'{"schema":2,"site":1,"x":' + b"[" * 100_000])
def test_endless_nesting_is_refused(payload: bytes) -> None:
    with pytest.raises(ReportError):
        decode(payload)


def test_a_report_is_its_bucket_in_the_users_words() -> None:
    bucket = Bucket(start_ms=NOON_MS, width_ms=MINUTE_MS, watched_ms=MINUTE_MS, counts=COUNTS)
    words = {"deck": {"a_to_b": "outbound", "b_to_a": "return"}}
    report = report_of(bucket, site="bridge", device="mast-1", run="r", seq=7, direction_words=words)
    assert report == Report(
        site="bridge",
        device="mast-1",
        run="r",
        seq=7,
        start="2026-11-25T12:00:00Z",
        width_ms=MINUTE_MS,
        watched_ms=MINUTE_MS,
        state="ok",
        lines={"deck": {"outbound": {"car": 3, "truck": 0}, "return": {"car": 0, "truck": 1}}},
    )
    assert report.start_ms == NOON_MS


A_ZONE = ZoneCount(
    inside=Level(mean=2.5, max=4, end=3),
    standing=Level(mean=1.25, max=3, end=2),
    parked=1,
    by_class={"car": 1, "truck": 2},
    entered=5,
    left=4,
    lost=1,
    waited=3,
    wait_ms=Waits(p50=40_000, p90=90_000, max=120_000),
    queue_m=LengthLevel(mean=21.5, max=40.0, end=32.4),
    expected_ms=ExpectedWait(p10=30_000, p50=50_000, p90=100_000),
    hidden_likely=HiddenLikely(mean=1.5, p10=0, p90=3),
)


def test_a_report_tells_of_the_zones_of_its_bucket() -> None:
    bucket = Bucket(NOON_MS, MINUTE_MS, MINUTE_MS, COUNTS, (), {"queue": A_ZONE})
    said = msgspec.json.decode(encode(report_of(bucket, site="bridge", device="mast-1", run="r", seq=7)))
    assert said["zones"] == {
        "queue": {
            "inside": {"mean": 2.5, "max": 4, "end": 3},
            "standing": {"mean": 1.25, "max": 3, "end": 2},
            "parked": 1,
            "by_class": {"car": 1, "truck": 2},
            "entered": 5,
            "left": 4,
            "lost": 1,
            "waited": 3,
            "wait_ms": {"p50": 40_000, "p90": 90_000, "max": 120_000},
            "expected_ms": {"p10": 30_000, "p50": 50_000, "p90": 100_000},
            "queue_m": {"mean": 21.5, "max": 40.0, "end": 32.4},
            "hidden_likely": {"mean": 1.5, "p10": 0, "p90": 3},
        }
    }


def test_zones_are_null_where_nobody_watched_and_left_out_where_there_are_none() -> None:
    unwatched = report_of(Bucket(NOON_MS, MINUTE_MS, 0, None, (), None), site="b", device="m", run="r", seq=1)
    assert msgspec.json.decode(encode(unwatched))["zones"] is None
    none = report_of(Bucket(NOON_MS, MINUTE_MS, 1, COUNTS), site="b", device="m", run="r", seq=1)
    assert "zones" not in msgspec.json.decode(encode(none))


def test_a_blind_report_with_zones_is_refused() -> None:
    said = msgspec.json.decode(encode(a_report(1)))
    zone = msgspec.json.decode(
        encode(report_of(Bucket(0, 1, 1, COUNTS, (), {"queue": A_ZONE}), site="b", device="m", run="r", seq=1))
    )["zones"]
    with pytest.raises(ReportError, match="zones must be null"):
        decode(msgspec.json.encode(said | {"state": "blind", "lines": None, "zones": zone}))


def test_directions_without_words_keep_their_names() -> None:
    bucket = Bucket(start_ms=NOON_MS, width_ms=MINUTE_MS, watched_ms=1, counts=COUNTS)
    report = report_of(bucket, site="s", device="d", run="r", seq=1)
    assert (report.lines, report.state) == (COUNTS, "partial")


def test_a_blind_bucket_holds_no_counts() -> None:
    bucket = Bucket(start_ms=NOON_MS, width_ms=MINUTE_MS, watched_ms=0, counts=None)
    report = report_of(bucket, site="s", device="d", run="r", seq=1)
    assert (report.lines, report.state) == (None, "blind")
    assert b'"lines":null' in encode(report)


@given(st.integers(0, 253_402_300_799_999))
def test_times_are_written_and_read_exactly(time_ms: int) -> None:
    assert milliseconds_of(rfc3339(time_ms)) == time_ms


def test_milliseconds_are_written_only_where_there_are_any() -> None:
    assert rfc3339(NOON_MS) == "2026-11-25T12:00:00Z"
    assert rfc3339(NOON_MS + 40) == "2026-11-25T12:00:00.040Z"


@given(names := st.from_regex(r"[a-z0-9-]{1,64}", fullmatch=True), names)
def test_a_topic_names_its_device(site: str, device: str) -> None:
    assert parse_topic(topic_of(site, device, "report")) == Address(site, device, "report")


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "crossing/v1/a/b",
        "crossing/v2/a/b/report",
        "other/v1/a/b/report",
        "crossing/v1/A/b/report",
        "crossing/v1/a/b\n/report",
        "x/crossing/v1/a/b/report",
    ],
)
def test_a_topic_of_others_is_none_of_ours(topic: str) -> None:
    assert parse_topic(topic) is None
