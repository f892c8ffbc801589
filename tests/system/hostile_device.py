# ruff: noqa: T201 - a script prints
"""One hostile device beside honest ones: how long their reports wait, whether pages answer, what memory is held.

    python -m tests.system.hostile_device                       300 reports of 2,000 invented classes each
    python -m tests.system.hostile_device --kind bounds         reports that fill every bound of a device, and go on
    python -m tests.system.hostile_device --json

The collector is the real command in a process of its own, the broker a real mosquitto. The hostile device publishes as
fast as the broker takes it; an honest one publishes a report every `PACE_S`, and each is waited for in the store. Exit
code 1 where a report waited longer than 2 s, a page did not answer, or more than 300 MB were held. Of a wait, the time
does not count for which threads of the collector were ready to run and other processes had the cores.
"""

import argparse
import json
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edge.wire.report import Report, encode
from edge.wire.times import rfc3339
from edge.wire.topics import topic_of
from tests.collector import mosquitto

WAIT_S_MAX = 2.0
HELD_MB_MAX = 300
PACE_S = 0.25
PAGES = ("/api/v1/overview", "/healthz")
START_MS = 1_795_608_000_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="hostile_device", description=__doc__.splitlines()[0])
    parser.add_argument("--reports", type=int, default=300)
    parser.add_argument("--classes", type=int, default=2_000)
    parser.add_argument("--kind", choices=["invented", "bounds"], default="invented")
    parser.add_argument("--seconds", type=float, default=20.0, help="for which the honest device goes on")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = measure(given.reports, given.classes, kind=given.kind, seconds=given.seconds)
    if given.json:
        print(json.dumps(found, sort_keys=True))
    else:
        for name, value in found.items():
            print(f"{name:<24}{value}")
    return int(bool(faults_in(found)))


def faults_in(found: dict[str, Any]) -> list[str]:
    """What of the promise does not hold."""
    return [
        *([f"a report waited {found['waited_s_max']} s"] if found["waited_s_max"] > WAIT_S_MAX else []),
        *([f"{found['pages_failed']} of the pages failed"] if found["pages_failed"] else []),
        *([f"{found['held_mb_max']} MB were held"] if found["held_mb_max"] > HELD_MB_MAX else []),
        *(["not all honest reports came"] if found["honest_stored"] != found["honest_sent"] else []),
    ]


def measure(reports: int, classes: int, *, kind: str = "invented", seconds: float = 20.0) -> dict[str, Any]:
    """Run all of it once."""
    with tempfile.TemporaryDirectory() as name, mosquitto.mosquitto() as broker:
        folder = Path(name)
        (folder / "collector.yaml").write_text(
            f"store: store.sqlite\nmqtt: {{host: 127.0.0.1, port: {broker.port}, tls: false}}\n"
            "http: {port: 0, public: true}\n"
        )
        log = folder / "log"
        command = [str(Path(sys.executable).parent / "crossing-collector"), "run", "--config"]
        with log.open("w") as out:
            collector = subprocess.Popen([*command, str(folder / "collector.yaml")], stderr=out)
        try:
            address = _address_in(log)
            payloads = [encode(one) for one in islice(KINDS[kind](classes), reports)]
            world = World(broker.port, folder / "store.sqlite", address, collector.pid)
            return {"kind": kind} | _attack(world, payloads, seconds)
        finally:
            collector.send_signal(signal.SIGTERM)
            collector.wait(30)


class World(NamedTuple):
    """Where everything is."""

    port: int
    store: Path
    address: str
    pid: int


def _attack(world: World, payloads: Sequence[bytes], seconds: float) -> dict[str, Any]:
    port, store, address, pid = world
    honest, hostile = _client(port, "honest"), _client(port, "hostile")
    database = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    waits, pages, failed, sent = [], [], 0, 0
    cpu_from, from_s = _cpu_s(pid), time.monotonic()
    for payload in payloads:
        hostile.publish(topic_of("bridge", "hostile", "report"), payload, qos=1)
    while time.monotonic() - from_s < seconds:
        sent += 1
        report = _report("honest", sent, {"deck": {"outbound": {"car": sent}, "return": {"car": 0}}})
        published_s, starved_s = time.monotonic(), _starved_s(pid)
        honest.publish(topic_of("bridge", "honest", "report"), encode(report), qos=1)
        while _stored(database, "honest") < sent and time.monotonic() - published_s < 60:
            time.sleep(0.01)
        waits.append(max(0.0, time.monotonic() - published_s - (_starved_s(pid) - starved_s)))
        took_s, ok = _get(address + PAGES[sent % len(PAGES)])
        pages.append(took_s)
        failed += not ok
        time.sleep(max(0.0, PACE_S - (time.monotonic() - published_s)))
    ((refused,),) = database.execute("SELECT count(*) FROM refusal WHERE topic LIKE '%hostile%'")
    return {
        "hostile_reports": len(payloads),
        "hostile_bytes": sum(map(len, payloads)),
        "hostile_stored": _stored(database, "hostile"),
        "hostile_refused": refused,
        "honest_sent": sent,
        "honest_stored": _stored(database, "honest"),
        "waited_s_max": round(max(waits), 3),
        "waited_s_median": round(sorted(waits)[len(waits) // 2], 3),
        "page_s_max": round(max(pages), 3),
        "pages_failed": failed,
        "held_mb_max": _held_mb(pid),
        "cpu_s": round(_cpu_s(pid) - cpu_from, 2),
    }


def _report(device: str, seq: int, lines: dict[str, dict[str, dict[str, int]]]) -> Report:
    return Report(
        site="bridge",
        device=device,
        run="run-1",
        seq=seq,
        start=rfc3339(START_MS + seq * 60_000),
        width_ms=60_000,
        watched_ms=60_000,
        state="ok",
        lines=lines,
    )


def _invented(classes: int) -> Iterator[Report]:
    """Every report with classes that no other has."""
    seq = 0
    while True:
        seq += 1
        yield _report("hostile", seq, {"deck": {"outbound": {f"class-{seq}-{i}": 1 for i in range(classes)}}})


def _at_the_bounds(_: int) -> Iterator[Report]:
    """As much as a device may bring: 1,024 series, each report in another layout, all counts above zero."""
    seq = 0
    while True:
        seq += 1
        lines: dict[str, dict[str, dict[str, int]]] = {}
        for i in range(1_024):
            if i != seq % 1_024:
                lines.setdefault(f"line-{i // 128}", {}).setdefault(f"way-{i // 64 % 2}", {})[f"class-{i % 64}"] = 1
        yield _report("hostile", seq, lines)


KINDS = {"invented": _invented, "bounds": _at_the_bounds}


def _client(port: int, name: str) -> Client:
    client = Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTProtocolVersion.MQTTv5)
    client.max_inflight_messages_set(1_000)
    client.connect("127.0.0.1", port)
    client.loop_start()
    return client


def _address_in(log: Path) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        text = log.read_text()
        if "dashboard and API at " in text and "subscribed at" in text:
            return text.split("dashboard and API at ")[1].split(",")[0].split()[0]
        time.sleep(0.05)
    raise AssertionError(f"the collector did not start: {log.read_text()}")


def _stored(database: sqlite3.Connection, device: str) -> int:
    query = "SELECT count(*) FROM report JOIN device ON device.id = device_id WHERE device = ?"
    return int(database.execute(query, (device,)).fetchone()[0])


def _get(url: str) -> tuple[float, bool]:
    began_s = time.monotonic()
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            answer.read()
            return time.monotonic() - began_s, answer.status == 200
    except (urllib.error.URLError, TimeoutError):
        return time.monotonic() - began_s, False


def _held_mb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1_024


def _starved_s(pid: int) -> float:
    """For which the threads of a process waited for a core, all together."""
    waited_ns = 0
    for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with suppress(OSError):  # it has ended
            waited_ns += int(thread.read_text().split()[1])
    return waited_ns / 1e9


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


if __name__ == "__main__":
    sys.exit(main())
