"""The API inside of a running collector: beside the intake, and never in its way."""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.publish import single

from collector.api.live_board import LiveBoard
from collector.api.tokens import TokenFile
from collector.mqtt.demo_broker import demo_broker
from collector.protocol.intake import LiveBucket, decode_message
from collector.protocol.items import CommitCounts

COLLECTOR = "import sys; from collector.cli import main; sys.exit(main(sys.argv[1:]))"
LIVE = (
    b'{"schema":1,"run":"r","start":"2026-11-25T12:00:00Z","width_ms":60000,"as_of":"2026-11-25T12:00:07Z",'
    b'"watched_ms":7000,"lines":{"deck":{"outbound":{"car":2}}},"in_view":3,"standing":{},"blind":""}'
)


@contextmanager
def running(folder: Path, broker: int, **http: Any) -> Iterator[tuple["subprocess.Popen[str]", str, str]]:
    """`crossing-collector run`, subscribed; the process, its address (empty: none) and what it said so far."""
    configuration = folder / "collector.yaml"
    mqtt = {"host": "127.0.0.1", "port": broker, "tls": False}
    configuration.write_text(json.dumps({"store": "s.sqlite", "mqtt": mqtt, "http": {"port": 0, **http}}))
    command = [sys.executable, "-c", COLLECTOR, "run", "--config", str(configuration)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said, address = "", ""
        while "subscribed at" not in said and (line := process.stderr.readline()):
            said += line
            if "dashboard and API at " in line:
                address = line.split("API at ")[1].split(",")[0].strip()
        try:
            yield process, address, said
        finally:
            process.kill()


@pytest.fixture
def broker() -> Iterator[int]:
    with demo_broker() as port:
        yield port


def test_an_open_bucket_arrives_as_an_event_and_sigterm_ends_it_cleanly(tmp_path: Path, broker: int) -> None:
    token = TokenFile(tmp_path / "tokens.json").add("wall", ["read"], now_ms=0)
    with running(tmp_path, broker) as (process, address, _):
        asked = urllib.request.Request(f"{address}/api/v1/live/events", headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(asked, timeout=60) as stream:
            assert stream.headers["Content-Type"].startswith("text/event-stream")
            single("crossing/v1/bridge/mast-1/live", LIVE, qos=1, port=broker, protocol=MQTTProtocolVersion.MQTTv5)
            lines = (line.decode() for line in stream)
            said = next(line for line in lines if line.startswith("data:") and "mast-1" in line)
            assert json.loads(said[5:])["lines"] == {"deck": {"outbound": {"car": 2}}}
            began_s = time.monotonic()
            process.terminate()  # while somebody listens
            assert process.wait(60) == 0
            assert time.monotonic() - began_s < 30


def test_a_port_that_is_taken_stops_no_intake(tmp_path: Path, broker: int) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        running(tmp_path, broker, port=taken.getsockname()[1]) as (
            process,
            address,
            said,
        ),
    ):
        assert address == ""
        assert "cannot be listened at" in said
        assert "subscribed at" in said
        process.terminate()
        assert process.wait(60) == 0


def test_the_board_shows_the_last_look_and_forgets_it() -> None:
    now_ms = 0
    board = LiveBoard(lambda: now_ms)
    look = decode_message("crossing/v1/bridge/mast-1/live", LIVE)
    assert isinstance(look, LiveBucket)
    board.take(look)
    board.take(look)
    first = board.news()
    assert [seen.device for seen in first.seen] == ["mast-1"]
    assert board.news(first.change).seen == ()
    assert board.news(site="elsewhere").seen == ()
    board.committed(CommitCounts(stored=2))
    assert (board.news(first.change).change, board.news().stored) == (first.change + 1, 2)
    now_ms = 61_000
    assert board.news().seen == ()


@pytest.mark.parametrize("payload", [b"{}", b"x", LIVE.replace(b"12:00:07Z", b"noon"), LIVE.replace(b"7000", b"-1")])
def test_an_open_bucket_that_is_none_is_refused(payload: bytes) -> None:
    assert not isinstance(decode_message("crossing/v1/bridge/mast-1/live", payload), LiveBucket)
