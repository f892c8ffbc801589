"""What was refused, and what fails in the collector itself, for the page of the devices."""

from pathlib import Path

from starlette.testclient import TestClient

from collector.protocol.intake import Refusal, decode_message
from edge.wire.report import encode
from edge.wire.topics import topic_of
from tests.collector.api.api_world import an_api
from tests.collector.messages import NOON_MS, a_report


def test_refusals_come_with_device_time_and_reason_and_counted(tmp_path: Path) -> None:
    wide = decode_message(
        topic_of("bridge", "mast-9", "report"), encode(a_report(1, device="mast-9", width_ms=2 * 86_400_000))
    )
    assert isinstance(wide, Refusal)
    api = an_api(tmp_path, [])
    api.store.commit([wide, wide], now_ms=NOON_MS)
    client: TestClient = api.client("read")
    found = client.get("/api/v1/refusals?site=bridge&limit=1").json()
    reason = "a bucket of 2.0 days is too wide, at most a day is taken"
    assert found["refusals"] == [
        {"site": "bridge", "device": "mast-9", "channel": "report", "received_ms": NOON_MS, "reason": reason}
    ]
    assert [(one["device"], one["times"]) for one in found["counts"]] == [("mast-9", 2)]
    assert client.get("/api/v1/refusals?device=mast-1").json()["looked_at"] == 0


def test_what_fails_in_the_collector_is_told_until_it_is_over(tmp_path: Path) -> None:
    api = an_api(tmp_path, [])
    client = api.client("read")
    assert client.get("/api/v1/faults").json() == {"faults": []}
    api.context.faults.failed("alerts", "bridge", "no such table: alert", now_ms=NOON_MS)
    (fault,) = client.get("/api/v1/faults").json()["faults"]
    assert (fault["part"], fault["subject"], fault["reason"]) == ("alerts", "bridge", "no such table: alert")
    assert client.get("/healthz").json() == {"ok": True, "failing": 1}
    assert 'crossing_faults_total{part="alerts"} 1.0' in client.get("/metrics").text
    api.context.faults.works("alerts", "bridge")
    assert client.get("/healthz").json() == {"ok": True, "failing": 0}
