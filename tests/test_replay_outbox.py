"""A replay that is cut off goes on where its outbox knows that it was: the same reports, none of them twice."""

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from collector.mqtt.demo_broker import demo_broker
from edge.cli import main
from edge.delivery.outbox import Outbox
from edge.wire.report import Report, decode

TAPE = Path(__file__).parent / "golden" / "convoy.tape"
LINE = ["--line", "0.5,0.2,0.5,0.9", "--bucket", "5"]


def replay(*more: str, publish_to: int) -> int:
    return main(["replay", str(TAPE), *LINE, "--publish", "--broker", f"127.0.0.1:{publish_to}", *more])


def reports_in(outbox: Path) -> list[Report]:
    with Outbox(outbox) as kept:
        kept.resend([(1, 10_000)])
        return [decode(one.payload) for one in kept.pending(10_000) if one.address.endswith("/report")]


def same(report: Report) -> dict[str, object]:
    said = json.loads(json.dumps({name: getattr(report, name) for name in ("run", "seq", "start", "lines")}))
    return dict(said)


def test_reports_wait_in_the_outbox_while_there_is_no_broker(tmp_path: Path) -> None:
    outbox = tmp_path / "outbox.sqlite"
    assert replay("--outbox", str(outbox), publish_to=1) == 1
    assert len(reports_in(outbox)) > 5
    with demo_broker() as port:
        assert replay("--outbox", str(outbox), publish_to=port) == 0
    with Outbox(outbox) as kept:
        assert kept.state().unsent == 0


def test_the_same_command_again_adds_nothing(tmp_path: Path) -> None:
    outbox = tmp_path / "outbox.sqlite"
    with demo_broker() as port:
        assert replay("--outbox", str(outbox), publish_to=port) == 0
        first = reports_in(outbox)
        assert replay("--outbox", str(outbox), publish_to=port) == 0
    assert reports_in(outbox) == first
    assert [report.seq for report in first] == list(range(1, len(first) + 1))


def test_a_replay_has_the_same_reports_behind_another_one_and_after_its_outbox_was_deleted(tmp_path: Path) -> None:
    outbox, shared = tmp_path / "outbox.sqlite", tmp_path / "shared.sqlite"
    with demo_broker() as port:
        assert replay("--outbox", str(outbox), publish_to=port) == 0
        first = reports_in(outbox)
        assert replay("--outbox", str(shared), "--start", "2026-11-22T06:00:00Z", publish_to=port) == 0
        assert replay("--outbox", str(shared), publish_to=port) == 0
        outbox.unlink()
        assert replay("--outbox", str(outbox), publish_to=port) == 0
    assert reports_in(shared) == reports_in(outbox) == first
    assert {(report.journal, report.run) for report in first} == {(first[0].run, first[0].run)}


def test_a_replay_that_is_killed_again_and_again_ends_with_the_same_reports(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole.sqlite", tmp_path / "broken.sqlite"
    with demo_broker() as port:
        assert replay("--outbox", str(whole), publish_to=port) == 0
        command = [sys.executable, "-m", "edge.cli", "replay", str(TAPE), *LINE, "--publish"]
        command += ["--broker", f"127.0.0.1:{port}", "--outbox", str(broken)]
        kills = 0
        for reports in (0, 2, 5):
            with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as child:
                while child.poll() is None:
                    if broken.exists() and _numbered(broken) >= reports:
                        os.kill(child.pid, signal.SIGKILL)
                        kills += 1
                        break
                    time.sleep(0.005)  # nothing announces a report
        assert kills >= 1, "at least one of them came in time"
        assert replay("--outbox", str(broken), publish_to=port) == 0
    assert list(map(same, reports_in(broken))) == list(map(same, reports_in(whole)))


def _numbered(outbox: Path) -> int:
    try:  # a look from outside, while another process owns it
        database = sqlite3.connect(f"file:{outbox}?mode=ro", uri=True)
        try:
            return int(database.execute("SELECT seq_next - 1 FROM ledger").fetchone()[0])
        finally:
            database.close()
    except (sqlite3.Error, TypeError):
        return -1


def test_each_crossing_is_published_once_if_asked_for(tmp_path: Path) -> None:
    outbox = tmp_path / "outbox.sqlite"
    configuration = tmp_path / "edge.yaml"
    with demo_broker() as port:
        configuration.write_text(
            "lines: {deck: {from: [0.5, 0.2], to: [0.5, 0.9], a_to_b: out, b_to_a: back}}\n"
            f"mqtt: {{host: 127.0.0.1, port: {port}, tls: false}}\nreport: {{crossings: true}}\n"
        )
        for _ in range(2):
            assert (
                main(["replay", str(TAPE), "--config", str(configuration), "--publish", "--outbox", str(outbox)]) == 0
            )
    with Outbox(outbox) as kept:
        total = kept.total()
        assert total is not None
        crossed = sum(n for ways in total.lines.values() for classes in ways.values() for n in classes.values())
        assert kept.progress(decode_run(kept)).posts == crossed > 0


def test_a_convoy_is_listed_in_all_results_and_published_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outbox, configuration, results = tmp_path / "outbox.sqlite", tmp_path / "edge.yaml", tmp_path / "result"
    with demo_broker() as port:
        configuration.write_text(
            "lines: {deck: {from: [0.5, 0.2], to: [0.5, 0.9], a_to_b: out, b_to_a: back}}\n"
            f"mqtt: {{host: 127.0.0.1, port: {port}, tls: false}}\nconvoys: {{vehicles_min: 3}}\n"
        )
        command = ["replay", str(TAPE), "--config", str(configuration), "--publish", "--outbox", str(outbox)]
        assert main([*command, "--out", str(results)]) == 0
        assert "deck         back             3   (3 truck)   2026-11-25T12:00:00.938Z to" in capsys.readouterr().out
        assert main([*command, "--json"]) == 0
    [told] = json.loads(capsys.readouterr().out)["convoys"]
    assert told == {
        "since": "2026-11-25T12:00:00.938Z",
        "until": "2026-11-25T12:00:04.624Z",
        "line": "deck",
        "direction": "back",
        "vehicles": 3,
        "by_class": {"truck": 3},
        "gaps_ms": {"min": 1_831, "p50": 1_831, "max": 1_855},
        "headway_ms": 20_000,
        "began": "unwatched",
        "ended": "headway",
    }
    assert json.loads((results / "summary.json").read_text())["convoys"] == [told]
    [row] = csv.DictReader((results / "convoys.csv").read_text(encoding="utf-8").splitlines())
    assert {row[key] for key in ("vehicles", "truck")} == {"3"}
    assert [row[key] for key in ("direction", "direction_word", "gap_ms_max", "car")] == ["b_to_a", "back", "1855", "0"]
    with Outbox(outbox) as kept:
        assert kept.progress(decode_run(kept)).posts == 1


def decode_run(kept: Outbox) -> str:
    kept.resend([(1, 1)])
    return decode(kept.pending(1)[0].payload).run


def test_an_outbox_without_publishing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(TAPE), *LINE, "--outbox", str(tmp_path / "o.sqlite")]) == 2
    assert "say --publish as well" in capsys.readouterr().err
