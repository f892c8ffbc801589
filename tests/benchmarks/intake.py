# ruff: noqa: T201 - a script prints
"""How fast one collector takes reports in, beside what a bare subscriber of the same broker receives.

    python -m tests.benchmarks.intake                              reports per second, SQLite and PostgreSQL
    python -m tests.benchmarks.intake --reports 1000000 --memory   memory, printed at every 100,000
    python -m tests.benchmarks.intake --devices 10000              a minute's report of each device, processor time

Every round is a backlog: the receiver's session is made, all reports are published, then the receiver connects and
takes them; timed from its first message to its last commit. So nothing but broker and receiver runs meanwhile. The
bare subscriber is paho in its fastest form (QoS 1, acknowledges by itself, does nothing with the message, its loop in
the main thread), and beside it with `loop_start`. The kinds take turns; medians over the rounds.
"""

import argparse
import json
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from collector.config import Mqtt
from collector.mqtt.subscriber import Subscriber
from collector.protocol.items import CommitCounts
from collector.store.opening import open_store
from tests.benchmarks.load import publish
from tests.collector import mosquitto, postgres

FILTER = "crossing/v1/+/+/report"
Send = Callable[[Any], None]


def main() -> int:
    parser = argparse.ArgumentParser(prog="intake", description="Measures the collector's intake.")
    parser.add_argument("--reports", type=int, default=20_000)
    parser.add_argument("--devices", type=int, default=0, help="that many report once a minute; processor time")
    parser.add_argument("--minutes", type=float, default=2.0, help="how long, with --devices")
    parser.add_argument("--senders", type=int, default=20, help="devices whose reports the backlog holds")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", action="store_true", help="one long run; prints the memory held")
    parser.add_argument("--store", choices=["sqlite", "postgres"], default="sqlite", help="of --memory and --devices")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if mosquitto.binary() is None:
        print("this needs mosquitto (Debian: apt-get install mosquitto)", file=sys.stderr)
        return 2
    if given.devices:
        found = paced(given.devices, given.minutes, given.store)
    elif given.memory:
        found = memory(given.reports, given.senders, given.store)
    else:
        found = speed(given.reports, given.senders, given.rounds)
    if given.json:
        print(json.dumps(found, sort_keys=True))
    return 0


def speed(reports: int, senders: int, rounds: int) -> dict[str, Any]:
    kinds: dict[str, Callable[..., None]] = {"bare": bare, "bare, loop_start": bare_started, "sqlite": collect}
    sizes = {"reports": reports, "senders": senders, "rounds": rounds}
    with tempfile.TemporaryDirectory() as folder, mosquitto.mosquitto() as broker:
        if postgres.binaries() is None:
            print("PostgreSQL is not installed: not measured", file=sys.stderr)
            rates, cpu = _rounds(kinds, broker.port, Path(folder), "", **sizes)
        else:
            with postgres.server() as server:
                kinds["postgres"] = collect
                rates, cpu = _rounds(kinds, broker.port, Path(folder), server.url, **sizes)
    base = statistics.median(rates["bare"])
    print(f"{'':<18}{'per second':>12}{'lowest':>9}{'highest':>9}{'to bare':>9}{'CPU us each':>13}")
    for kind, of_kind in rates.items():
        middle = statistics.median(of_kind)
        print(
            f"{kind:<18}{middle:>12,.0f}{min(of_kind):>9,.0f}{max(of_kind):>9,.0f}{middle / base:>9.2f}"
            f"{statistics.median(cpu[kind]):>13.1f}"
        )
    return {"rates": rates, "cpu_us": cpu}


def _rounds(
    kinds: dict[str, Callable[..., None]], port: int, folder: Path, url: str, *, reports: int, senders: int, rounds: int
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    rates: dict[str, list[float]] = {kind: [] for kind in kinds}
    cpu: dict[str, list[float]] = {kind: [] for kind in kinds}
    for i in range(rounds):
        for kind, receive in kinds.items():
            name = f"round-{i}-{kind}".replace(", loop_", "-")
            where = _empty(url) if kind == "postgres" else str(folder / f"{name}.sqlite")
            arguments = (port, name, where, reports)
            _in_child(receive, *arguments[:3], 0)
            _in_child(_publish, port, reports, senders)
            seconds, cpu_s = _in_child(receive, *arguments)
            rates[kind].append(reports / seconds)
            cpu[kind].append(1e6 * cpu_s / reports)
            print(f"{name}: {reports / seconds:,.0f} a second", file=sys.stderr)
    return rates, cpu


def memory(reports: int, senders: int, store: str) -> dict[str, Any]:
    """Live: the publisher runs beside the collector."""
    held: list[tuple[int, int]] = []
    with tempfile.TemporaryDirectory() as folder, mosquitto.mosquitto() as broker, _a_store(store, folder) as where:
        said, child = _start(partial(collect, every=100_000), broker.port, "memory", where, reports)
        assert said.recv() == "subscribed"
        publisher = multiprocessing.get_context("spawn").Process(target=publish, args=(broker.port, reports, senders))
        publisher.start()
        started = time.monotonic()
        while isinstance(got := said.recv(), list):
            held.append((got[0], got[1]))
            print(f"{got[0]:>10,} reports  {got[1] / 1024:>8.1f} MiB  {time.monotonic() - started:>6.0f} s", flush=True)
        child.join()
        publisher.join()
    return {"resident_kib": held}


def paced(devices: int, minutes: float, store: str) -> dict[str, Any]:
    """Live: every device reports once a minute, evenly spread; processor seconds of the collector per second."""
    reports = int(devices * minutes)
    with tempfile.TemporaryDirectory() as folder, mosquitto.mosquitto() as broker, _a_store(store, folder) as where:
        said, child = _start(partial(collect, wait_s=60 * minutes + 60), broker.port, "paced", where, reports)
        assert said.recv() == "subscribed"
        started = time.monotonic()
        publish(broker.port, reports, devices, devices / 60)
        seconds, cpu_s = said.recv()
        child.join()
    wall_s = time.monotonic() - started
    share = cpu_s / seconds
    print(f"{devices:,} devices, {reports:,} reports in {wall_s:.0f} s: {100 * share:.1f}% of one core ({store})")
    return {"devices": devices, "reports": reports, "cpu_share": share}


class _a_store:  # noqa: N801  # a context manager
    """A place for a store of a kind."""

    def __init__(self, kind: str, folder: str) -> None:
        self._server = postgres.server() if kind == "postgres" else None
        self._path = str(Path(folder) / "store.sqlite")

    def __enter__(self) -> str:
        return self._server.__enter__().url if self._server else self._path

    def __exit__(self, *how: Any) -> None:
        if self._server:
            self._server.__exit__(*how)


def _empty(url: str) -> str:
    import psycopg  # noqa: PLC0415  # an extra

    with psycopg.connect(url, autocommit=True) as database:
        database.execute("DROP SCHEMA IF EXISTS crossing CASCADE")
    return url


def _in_child(work: Callable[..., None], *arguments: Any) -> Any:
    said, child = _start(work, *arguments)
    answer = said.recv()
    while isinstance(answer, str):
        answer = said.recv()
    child.join()
    return answer


def _start(work: Callable[..., None], *arguments: Any) -> tuple[Any, Any]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=work, args=(theirs.send, *arguments))
    child.start()
    theirs.close()
    return ours, child


def _publish(say: Send, port: int, reports: int, senders: int) -> None:
    publish(port, reports, senders)
    say(None)


def collect(say: Send, port: int, name: str, where: str, reports: int, *, every: int = 0, wait_s: float = 0.0) -> None:
    """The collector, until it has stored so many, timed from before it connects; with 0 it subscribes and goes."""
    counts = CommitCounts()
    mqtt = Mqtt(host="127.0.0.1", port=port, tls=False, client_id=name)

    def on_commit(more: CommitCounts) -> None:
        nonlocal counts
        before, counts = counts.stored, counts + more
        if every and before // every != counts.stored // every:
            say([counts.stored, _resident_kib()])

    with open_store(where) as store:
        subscriber = Subscriber(mqtt, store, on_commit=on_commit)
        cpu_from, from_s = time.process_time(), time.monotonic()
        while subscriber.subscriptions == 0:
            subscriber.step(0.5)
        say("subscribed")
        while counts.stored < reports:
            subscriber.step(0.5)
            assert not wait_s or time.monotonic() - from_s < wait_s, counts
        cpu_s, seconds = time.process_time() - cpu_from, time.monotonic() - from_s
        assert counts == CommitCounts(stored=reports), counts
        subscriber.close()
    say((seconds, cpu_s))


def bare(say: Send, port: int, name: str, _where: str, reports: int) -> None:
    """Paho alone, its loop in the main thread."""
    _bare(say, port, name, reports, Client.loop_forever)


def bare_started(say: Send, port: int, name: str, _where: str, reports: int) -> None:
    """Paho alone, its loop in a thread of its own."""

    def wait(client: Client) -> None:
        client.loop_start()
        while client.is_connected() or client.socket() is not None:
            time.sleep(0.005)
        client.loop_stop()

    _bare(say, port, name, reports, wait)


def _bare(say: Send, port: int, name: str, reports: int, run: Callable[[Client], Any]) -> None:
    received, first, last = 0, 0.0, 0.0
    client = Client(
        CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTProtocolVersion.MQTTv5, reconnect_on_failure=False
    )

    def on_message(*_: Any) -> None:
        nonlocal received, first, last
        if not received:
            first = time.monotonic()
        received += 1
        if received == reports:
            last = time.monotonic()
            client.disconnect()

    def on_connect(*_: Any) -> None:
        client.subscribe(FILTER, qos=1)

    def on_subscribe(*_: Any) -> None:
        client.disconnect()

    client.on_message = on_message
    client.on_connect = on_connect
    if not reports:
        client.on_subscribe = on_subscribe
    session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    session.SessionExpiryInterval = 3_600
    session.ReceiveMaximum = 1_000
    cpu_from = time.process_time()
    client.connect("127.0.0.1", port, clean_start=False, properties=session)
    run(client)
    say((last - first, time.process_time() - cpu_from))


def _resident_kib() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    sys.exit(main())
