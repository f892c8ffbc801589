"""What people say of crossings: stored beside the reports, the last one of a person holds, nothing is changed."""

import json
from pathlib import Path
from typing import Any

import pytest

import collector.store.verdicts as module
from collector.alerts.alert import Subject
from collector.alerts.judged_crossing import crossing_of
from collector.alerts.lifecycle import AlertLifecycle, ProvenFinding
from collector.alerts.repository import alerts
from collector.alerts.rules.finding import Finding
from collector.alerts.settings import Rules
from collector.cli import main
from collector.domain.scope import Scope
from collector.protocol.intake import decode_message
from collector.queries.evidence import raw_report
from collector.queries.results import Evidence
from collector.store.interface import Store
from collector.store.sqlite.store import SqliteStore
from collector.store.verdicts import Crossing, record, verdicts
from edge.errors import InputError
from edge.wire.device_messages import Alert, encode_self
from edge.wire.times import rfc3339
from tests.collector.messages import MINUTE_MS, NOON_MS, a_report, received

JPEG = b"\xff\xd8\xff\xe0 a picture"
AT_MS = NOON_MS + 3 * MINUTE_MS + 31_240
DECK = Crossing("bridge", "mast-1", "run-1", "deck", AT_MS)


def filled(store: Store) -> None:
    store.commit([received(a_report(seq)) for seq in range(1, 6)], now_ms=NOON_MS)


def said(store: Store, **given: Any) -> list[tuple[str, str]]:
    with store.reading() as reading:
        return [(one.by, one.said) for one in verdicts(reading, **given)]


def test_the_last_verdict_of_a_person_holds_and_the_others_are_its_history(store: Store) -> None:
    filled(store)
    for number, (by, what) in enumerate([("li", "yes"), ("li", "no"), ("li", "no"), ("wang", "bus"), ("li", "truck")]):
        record(store, DECK, said=what, by=by, now_ms=NOON_MS + number)
    assert said(store) == [("li", "truck"), ("wang", "bus")]
    assert said(store, history=True) == [("li", "truck"), ("wang", "bus"), ("li", "no"), ("li", "yes")]


def test_the_last_one_holds_though_the_clock_was_put_back(store: Store) -> None:
    filled(store)
    record(store, DECK, said="yes", by="li", now_ms=NOON_MS)
    record(store, DECK, said="no", by="li", now_ms=NOON_MS - MINUTE_MS)
    assert said(store) == [("li", "no")]


def test_a_verdict_names_its_report_and_changes_nothing_of_it(store: Store) -> None:
    filled(store)
    with store.reading() as reading:
        before = raw_report(reading, "bridge", "mast-1", "run-1", 3)
    one = record(store, DECK, said="nothing-there", by="li", now_ms=NOON_MS)
    assert (one.seq, one.at, one.truth, one.confirms) == (3, rfc3339(AT_MS), "nothing-there", False)
    with store.reading() as reading:
        assert raw_report(reading, "bridge", "mast-1", "run-1", 3) == before
        (found,) = verdicts(reading, Scope(site="bridge", line="deck"), from_ms=AT_MS, to_ms=AT_MS + 1)
        assert found == one
        assert verdicts(reading, from_ms=AT_MS + 1) == []


@pytest.mark.parametrize(
    ("crossing", "what", "by", "reason"),
    [
        (DECK, "lorry", "li", "'lorry' cannot be said of a crossing; allowed are yes, no, nothing-there, car, van"),
        (DECK, "no", " ", "the name of who says it must have 1 to 100 printable characters"),
        (Crossing("bridge", "mast-9", "run-1", "deck", AT_MS), "no", "li", "there is no device bridge/mast-9"),
        (Crossing("bridge", "mast-1", "run-1", "ramp", AT_MS), "no", "li", "has no line 'ramp'; its lines are deck"),
        (Crossing("bridge", "mast-1", "run-1", "deck", NOON_MS), "no", "li", "no report of run run-1 covers"),
        (Crossing("bridge", "mast-1", "run-1", "deck", AT_MS, seq=9), "no", "li", "no report 9 of run run-1"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_cannot_be_said_is_refused(store: Store, crossing: Crossing, what: str, by: str, reason: str) -> None:
    filled(store)
    with pytest.raises(InputError, match=reason):
        record(store, crossing, said=what, by=by, now_ms=NOON_MS)
    assert said(store, history=True) == []


def test_at_the_bound_a_verdict_is_refused_and_none_is_forgotten(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "VERDICTS_MAX", 2)
    filled(store)
    for by in ("li", "wang"):
        record(store, DECK, said="yes", by=by, now_ms=NOON_MS)
    with pytest.raises(InputError, match="of bridge/mast-1 2 verdicts are kept, and at most 2 can be"):
        record(store, DECK, said="no", by="li", now_ms=NOON_MS)
    assert len(said(store)) == 2


def first_bus(store: Store, *, called: bool) -> int:
    """An alert about the first bus, of the device's own call or of the reports behind it; its number."""
    if called:
        words: dict[str, Any] = {"line": "deck", "direction": "outbound", "label": "bus"}
        news = Alert(run="run-1", at=rfc3339(AT_MS), kind="rare-class", reason="the first bus", **words)
        store.commit([decode_message("crossing/v1/bridge/mast-1/alert", encode_self(news))], now_ms=NOON_MS)  # type: ignore[list-item]
    start_ms = NOON_MS + 3 * MINUTE_MS
    finding = Finding(
        kind="first",
        subject=Subject(site="bridge", label="bus"),
        at_ms=start_ms,
        reason="The first bus.",
        figures={"device": "mast-1", "line": "deck", "direction": "outbound"},
    )
    evidence = Evidence(
        site="bridge", device="mast-1", run="run-1", first=3, last=3, reports=1, from_ms=start_ms,
        to_ms=start_ms + MINUTE_MS, watched_ms=MINUTE_MS,
    )  # fmt: skip
    with store.writing() as tables:
        AlertLifecycle(tables, "bridge", Rules(), now_ms=NOON_MS).take([ProvenFinding(finding, (evidence,), JPEG)])
    with store.reading() as reading:
        return alerts(reading)[0].id


@pytest.mark.parametrize(("called", "at_ms"), [(True, AT_MS), (False, NOON_MS + 3 * MINUTE_MS)])
def test_the_vehicle_of_an_alert_is_the_one_that_the_device_called_out(store: Store, called: bool, at_ms: int) -> None:
    filled(store)
    number = first_bus(store, called=called)
    with store.reading() as reading:
        crossing = crossing_of(reading, number)
    one = record(store, crossing, said="no", by="li", now_ms=NOON_MS)
    assert (one.run, one.seq, one.line, one.direction, one.at) == ("run-1", 3, "deck", "outbound", rfc3339(at_ms))
    assert (one.label, one.alert, one.truth) == ("bus", number, None)


def test_a_verdict_that_came_before_its_report_names_it_once_it_has_come(store: Store) -> None:
    store.commit([received(a_report(1))], now_ms=NOON_MS)
    number = first_bus(store, called=True)
    with store.reading() as reading:
        crossing = crossing_of(reading, number)
    assert record(store, crossing, said="yes", by="li", now_ms=NOON_MS).seq is None
    filled(store)
    with store.reading() as reading:
        (one,) = verdicts(reading, alert_ids=[number])
    assert (one.seq, one.truth, one.confirms) == (3, "bus", True)


def test_an_alert_about_no_vehicle_cannot_be_judged(store: Store) -> None:
    filled(store)
    finding = Finding(kind="silent", subject=Subject(site="bridge", device="mast-1"), at_ms=NOON_MS, reason="Silent.")
    with store.writing() as tables:
        AlertLifecycle(tables, "bridge", Rules(), now_ms=NOON_MS).take([ProvenFinding(finding)])
    with store.reading() as reading, pytest.raises(InputError, match="alert 1 is not about one vehicle"):
        crossing_of(reading, 1)


@pytest.fixture
def where(tmp_path: Path) -> str:
    path = tmp_path / "store.sqlite"
    with SqliteStore(path) as store:
        filled(store)
        first_bus(store, called=True)
    return str(path)


def test_a_person_says_it_on_the_command_line_and_it_is_exported_as_truth(
    where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verdicts", "--store", where, "--say", "truck", "--by", "Li Wei", "--alert", "1"]) == 0
    crossing = ["--site", "bridge", "--device", "mast-1", "--line", "deck", "--run", "run-1"]
    at = ["--at", "2026-11-25T12:02:05Z"]
    assert main(["verdicts", "--store", where, "--say", "no", "--by", "Li Wei", *crossing, *at]) == 0
    capsys.readouterr()
    assert main(["verdicts", "--store", where, "--json"]) == 0
    assert [one["said"] for one in json.loads(capsys.readouterr().out)["verdicts"]] == ["no", "truck"]
    truth, pictures = tmp_path / "truth.jsonl", tmp_path / "crops"
    assert main(["verdicts", "--store", where, "--export", str(truth), "--pictures", str(pictures)]) == 0
    one, other = (json.loads(line) for line in truth.read_text("utf-8").splitlines())
    assert (one["truth"], one["picture"], one["seq"]) == (None, None, 2)
    assert (other["class"], other["truth"], other["picture"]) == ("bus", "truck", "1.jpg")
    assert (pictures / "1.jpg").read_bytes() == JPEG
    assert main(["verdicts", "--store", where]) == 0
    assert "Li Wei" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--by", "Li"], "go with --say SAID"),
        (["--pictures", "x"], "--pictures DIR goes with --export FILE"),
        (["--say", "no"], "--say needs --by NAME"),
        (["--say", "no", "--by", "Li"], "--say needs --alert ID, or all of"),
        (["--say", "no", "--by", "Li", "--alert", "1", "--run", "r"], "nothing else of it can be said"),
        (["--say", "no", "--by", "Li", "--alert", "9"], "there is no alert 9"),
        (["--say", "lorry", "--by", "Li", "--alert", "1"], "'lorry' cannot be said"),
        (["--site", "brigde"], "there is no site 'brigde'"),
    ],
)
def test_what_is_wrong_is_said(where: str, words: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verdicts", "--store", where, *words]) == 2
    assert reason in capsys.readouterr().err


def test_a_backup_holds_the_verdicts(where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verdicts", "--store", where, "--say", "no", "--by", "Li", "--alert", "1"]) == 0
    copy, again = tmp_path / "copy.sqlite", tmp_path / "again.sqlite"
    assert main(["backup", str(copy), "--store", where]) == 0
    assert main(["restore", str(copy), "--store", str(again)]) == 0
    capsys.readouterr()
    assert main(["verdicts", "--store", str(again), "--json"]) == 0
    assert [one["said"] for one in json.loads(capsys.readouterr().out)["verdicts"]] == ["no"]
