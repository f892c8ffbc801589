"""The command alerts: a table, one JSON object, and a person who takes note; and the configuration of it."""

import json
from pathlib import Path

import pytest

from collector.alerts.settings import AlertSettings, QueueRule
from collector.cli import main
from collector.config import load
from collector.store.sqlite.store import SqliteStore
from edge.errors import InputError
from tests.collector.test_alert_ledger import NOW_MS, finding, take


@pytest.fixture
def where(tmp_path: Path) -> str:
    path = tmp_path / "store.sqlite"
    with SqliteStore(path) as store:
        reason = "Nothing was heard of mast-1 since 2026-11-25 12:00: 60 min."
        take(store, finding(reason=reason), finding("mast-2", reason="Nothing was heard of mast-2."))
        take(store, finding("mast-2", over=True, at_ms=NOW_MS + 7_200_000, reason="mast-2 is heard again."))
    return str(path)


def test_alerts_prints_a_table_newest_first(where: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["alerts", "--store", where]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["id", "site", "alert", "about", "since", "lasted", "state"]
    assert lines[1].split() == ["2", "bridge", "silent", "mast-2", "2026-11-25", "12:00+00:00", "2", "h", "over"]
    assert lines[2:4] == ["    Nothing was heard of mast-2.", "    Over: mast-2 is heard again."]
    assert lines[4].split()[:4] == ["1", "bridge", "silent", "mast-1"]
    assert main(["alerts", "--store", where, "--open"]) == 0
    assert "mast-2" not in capsys.readouterr().out


def test_a_person_takes_note(where: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["alerts", "--store", where, "--acknowledge", "1", "--by", "Li Wei", "--note", "no power"]) == 0
    assert "Noted by Li Wei" in capsys.readouterr().out
    assert main(["alerts", "--store", where, "--json", "--open"]) == 0
    out, err = capsys.readouterr()
    (one,) = json.loads(out)["alerts"]
    assert (one["acknowledged"]["by"], one["acknowledged"]["note"], one["open"]) == ("Li Wei", "no power", True)
    assert [said["state"] for said in one["deliveries"]] == ["waiting"]
    assert err == ""


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--acknowledge", "1"], "--acknowledge needs --by NAME"),
        (["--by", "Li"], "--by and --note go with --acknowledge ID"),
        (["--acknowledge", "9", "--by", "Li"], "there is no alert 9"),
        (["--acknowledge", "1", "--by", "\x1b[31m"], "1 to 100 printable characters"),
    ],
)
def test_what_is_wrong_is_said(where: str, words: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["alerts", "--store", where, *words]) == 2
    assert reason in capsys.readouterr().err


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "none.sqlite"
    assert main(["alerts", "--store", str(path), "--acknowledge", "1", "--by", "Li"]) == 2
    assert not path.exists()


def test_a_site_has_its_own_rules_and_the_others_of_all(tmp_path: Path) -> None:
    path = tmp_path / "collector.yaml"
    path.write_text(
        "store: s\nmqtt: {host: b}\nalerts:\n  queue: {vehicles: 30, minutes: 20}\n  news_hours: 12\n"
        "  tell: {urls_file: urls}\n  history: {holidays: [2026-10-01]}\n"
        "  sites:\n    bridge: {queue: {vehicles: 40}}\n"
    )
    alerts = load(path).alerts
    assert alerts.rules_of("elsewhere") is alerts
    bridge = alerts.rules_of("bridge")
    assert bridge.queue == QueueRule(vehicles=40, minutes=20)
    assert (bridge.news_hours, bridge.history) == (12, alerts.history)
    assert alerts.tell.urls_file == tmp_path / "urls"
    assert AlertSettings().rules_of("bridge") == AlertSettings()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{surge: {facter: 2}}", "alerts.surge.facter is not known; did you mean 'factor'?"),
        ("{sites: {bridge: {quue: 1}}}", "alerts.sites.bridge.quue is not known; did you mean 'queue'?"),
        ("{surge: {factor: 1}}", "alerts.surge.factor is 1; allowed is a number > 1.0"),
        ("{tell: {urls: x}}", "alerts.tell.urls is not known; did you mean 'urls_file'?"),
    ],
)
def test_a_wrong_key_or_value_is_named(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "collector.yaml"
    path.write_text(f"store: s\nmqtt: {{host: b}}\nalerts: {text}\n")
    with pytest.raises(InputError) as error:
        load(path)
    assert reason in str(error.value)
