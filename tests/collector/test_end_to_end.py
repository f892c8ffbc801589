"""From outbox to totals through a real broker, with a collector that is killed and one that is stopped."""

import json
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from collector.cli import main
from collector.mqtt.demo_broker import demo_broker
from edge.delivery.connection import Broker
from edge.delivery.outbox import Outbox
from edge.delivery.publisher import Publisher
from tests.collector.messages import MINUTE_MS, NOON_MS, a_report
from tests.system.product import collecting, wait_for


def wait_until_stored(path: Path, reports: int, *, deadline_s: float = 10.0) -> None:
    deadline = time.monotonic() + deadline_s
    with closing(sqlite3.connect(path)) as database:
        while (stored := database.execute("SELECT count(*) FROM report").fetchone()[0]) < reports:
            assert time.monotonic() < deadline, f"{stored} of {reports} reports are stored"


def test_totals_are_exact_through_kill_and_restart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configuration = tmp_path / "collector.yaml"
    with Outbox(tmp_path / "outbox.sqlite") as outbox, demo_broker() as port:
        configuration.write_text(f"store: store.sqlite\nmqtt: {{host: 127.0.0.1, port: {port}, tls: false}}\n")
        broker = Broker("127.0.0.1", port, tls=False)

        def deliver(reports: int) -> None:
            for _ in range(reports):
                outbox.append_report(a_report, now_ms=NOON_MS)
            with Publisher(broker, outbox, site="bridge", device="mast-1", run="run-1") as publisher:
                assert publisher.deliver(timeout_s=10) == reports

        with collecting(configuration) as child:
            deliver(60)
            child.send_signal(signal.SIGKILL)  # whatever it holds at this moment is not acknowledged
            child.wait()
        deliver(60)  # nobody is there; the broker keeps them for the session
        outbox.resend([(20, 70)])
        deliver_again = outbox.state().unsent
        with collecting(configuration) as child:
            with Publisher(broker, outbox, site="bridge", device="mast-1", run="run-1") as publisher:
                assert publisher.deliver(timeout_s=10) == deliver_again == 51
            wait_until_stored(tmp_path / "store.sqlite", outbox.state().held)
            child.send_signal(signal.SIGTERM)
            assert "stopped: " in wait_for(child, "stopped: ")
            assert child.wait() == 0

    assert main(["totals", "--config", str(configuration), "--json"]) == 0
    outbound, back = json.loads(capsys.readouterr().out)["totals"]
    assert outbound["counts"] == {"car": sum(range(1, 121)), "truck": 0}
    assert back["counts"] == {"car": 0, "truck": 120}
    assert outbound["watched_ms"] == outbound["span_ms"] == 120 * MINUTE_MS
