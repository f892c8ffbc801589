"""`make dashboard`: the collector's pages over some weeks of generated traffic, with devices that go on reporting.

Starts a broker and a collector on the loopback, fills the store with `deploy.weeks` and publishes for its devices: open
buckets every two seconds, reports every minute, and responses to resend requests. Prints an address that logs one
browser in. Everything it starts ends with it, and no files stay, at Ctrl+C as at SIGTERM.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
import webbrowser
from pathlib import Path
from typing import Any

import msgspec
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from collector.mqtt.demo_broker import demo_broker
from collector.store.sqlite.store import SqliteStore
from deploy.ending import end_at_signals, running
from deploy.weeks import POSTS, Traffic, fill
from edge.wire.commands import Resend, Response
from edge.wire.report import Report, decode_as, encode
from edge.wire.times import rfc3339
from edge.wire.topics import RESEND, topic_of

PAST_WIDTH_MS = 300_000
NOW_WIDTH_MS = 60_000
LOOK_EVERY_S = 2.0
SITES = {
    "friendship-bridge": {
        "time_zone": "Asia/Shanghai",
        "latitude": 40.1155,
        "longitude": 124.3933,
        "tonnes": {"truck": 40},
        "same_lines": {"deck": ["mast-1/deck", "mast-2/deck"]},
        "out": ["outbound"],
        "back": ["return"],
    },
    "harbour-gate": {"time_zone": "Europe/Amsterdam", "tonnes": {"truck": 25}},
}


class Fleet:
    """The devices of the demonstration, from `from_ms` on: `step` publishes what is due."""

    def __init__(self, port: int, traffics: list[Traffic], from_ms: int) -> None:
        self._traffics = {(one.post.site, one.post.device): one for one in traffics}
        self._told_ms = dict.fromkeys(self._traffics, from_ms)
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="demo-fleet", protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_message = self._asked
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(f"crossing/v1/+/+/{RESEND}", qos=1)
        self._client.loop_start()
        for traffic in traffics:
            traffic.width_ms = NOW_WIDTH_MS
            self._say(traffic, "info", traffic.info(), retain=True)
            self._say(traffic, "status", traffic.status(), retain=True)

    def step(self, now_ms: int) -> None:
        """Publish reports of closed buckets, and the open buckets."""
        for key, traffic in self._traffics.items():
            start_ms = now_ms - now_ms % NOW_WIDTH_MS
            for report in traffic.reports(self._told_ms[key], start_ms):
                self._say(traffic, "report", encode(report))
            self._told_ms[key] = start_ms
            self._say(traffic, "live", _look(traffic, start_ms, now_ms))

    def close(self) -> None:
        """Disconnect."""
        self._client.loop_stop()
        self._client.disconnect()

    def _asked(self, _client: Client, _of: Any, message: MQTTMessage) -> None:
        """Answer a resend request like a device that no longer has the reports."""
        _, _, site, device, *_ = message.topic.split("/")
        resend = decode_as(bytes(message.payload), Resend)
        said = Response(id=resend.id, verb="resend", ok=True, journal=resend.journal, gone=resend.ranges)
        self._client.publish(topic_of(site, device, "response"), encode(said), qos=1)

    def _say(self, traffic: Traffic, channel: str, payload: bytes, *, retain: bool = False) -> None:
        qos = 0 if channel == "live" else 1
        self._client.publish(topic_of(traffic.post.site, traffic.post.device, channel), payload, qos=qos, retain=retain)


def _look(traffic: Traffic, start_ms: int, now_ms: int) -> bytes:
    """The open bucket: the elapsed part of its counts."""
    whole: Report | None = traffic.report(start_ms, seq=1)
    part = (now_ms - start_ms) / traffic.width_ms
    lines = whole.lines if whole is not None else None
    so_far = lines and {
        line: {way: {label: int(n * part) for label, n in classes.items()} for way, classes in ways.items()}
        for line, ways in lines.items()
    }
    zones = whole.zones if whole is not None and isinstance(whole.zones, dict) else {}
    live = {
        "schema": 1,
        "run": "demo-1",
        "start": rfc3339(start_ms),
        "width_ms": traffic.width_ms,
        "as_of": rfc3339(now_ms),
        "watched_ms": (now_ms - start_ms) if lines else 0,
        "lines": so_far,
        "in_view": 0 if not lines else (start_ms // 1_000 + now_ms // 4_000) % 4,
        "standing": {zone: said.standing.end for zone, said in zones.items() if said.standing is not None},
        "blind": "" if lines else "no contrast",
    }
    return msgspec.json.encode(live)


def main() -> int:
    """Run it until Ctrl+C; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make dashboard", description="The dashboard over weeks of made-up traffic.")
    parser.add_argument("--days", type=float, default=28.0, help="of the past; default 28")
    parser.add_argument("--port", type=int, default=8080, help="of the dashboard; default 8080, 0 for a free one")
    parser.add_argument("--open", action="store_true", help="open it in a browser")
    given = parser.parse_args()
    end_at_signals()
    with tempfile.TemporaryDirectory(prefix="crossing-dashboard-") as folder, demo_broker() as broker_port:
        configuration = Path(folder) / "collector.yaml"
        mqtt = {"host": "127.0.0.1", "port": broker_port, "tls": False}
        said = {"store": "counts.sqlite", "mqtt": mqtt, "http": {"port": given.port}, "sites": SITES}
        configuration.write_text(json.dumps(said), encoding="utf-8")  # JSON is YAML
        end_ms = int(time.time() * 1_000) // PAST_WIDTH_MS * PAST_WIDTH_MS
        traffics = [Traffic(post, end_ms, PAST_WIDTH_MS) for post in POSTS]
        print(
            f"--- making {given.days:g} days of traffic at {len({post.site for post in POSTS})} sites", file=sys.stderr
        )
        with SqliteStore(Path(folder) / "counts.sqlite") as store:
            fill(store, traffics, days=given.days)
        scopes = [word for scope in ("read", "pictures", "acknowledge", "operate") for word in ("--scope", scope)]
        _collector("token", "add", "demo", *scopes, "--config", str(configuration))
        with running([*_command(), "run", "--config", str(configuration)], stderr=subprocess.PIPE) as process:
            try:
                return _watch(process, configuration, Fleet(broker_port, traffics, end_ms), open_it=given.open)
            except KeyboardInterrupt:
                return 0


def _watch(process: "subprocess.Popen[str]", configuration: Path, fleet: Fleet, *, open_it: bool) -> int:
    address = ""
    assert process.stderr is not None, "its standard error is ours"
    for line in process.stderr:
        sys.stderr.write(line)
        if "dashboard and API at " in line:
            address = line.split("dashboard and API at ")[1].split(",")[0].strip()
        if "subscribed at" in line:
            break
    if not address:
        return 1
    threading.Thread(target=_pass_on, args=(process,), daemon=True).start()
    code = _collector("token", "link", "demo", "--config", str(configuration)).strip().partition("#")[2]
    print(f"\nOpen   {address}/#{code}\nIt lets one browser in, once. Ctrl+C ends it.\n", flush=True)
    if open_it:
        webbrowser.open(f"{address}/#{code}")
    try:
        while process.poll() is None:
            fleet.step(int(time.time() * 1_000))
            time.sleep(LOOK_EVERY_S)
    finally:
        fleet.close()
    return process.returncode


def _pass_on(process: "subprocess.Popen[str]") -> None:
    assert process.stderr is not None, "its standard error is ours"
    for line in process.stderr:
        sys.stderr.write(line)


def _command() -> list[str]:
    return [str(Path(sys.executable).with_name("crossing-collector"))]


def _collector(*words: str) -> str:
    return subprocess.run([*_command(), *words], check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
