"""The command: answers on standard output, one sentence on standard error, and the exit code that fits."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.cli import main
from collector.mqtt.demo_broker import demo_broker
from collector.protocol.intake import DeviceMessage, Refusal, decode_message
from collector.protocol.items import ReportsGone, ResendRequested
from collector.store.interface import Store
from collector.store.sqlite.store import SqliteStore
from edge.wire.report import encode
from edge.wire.topics import topic_of
from tests.collector.messages import DAY_MS, MINUTE_MS, NOON_MS, a_report, blind, received


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "store.sqlite"
    with SqliteStore(path) as store:
        reports = [a_report(1), a_report(2), blind(1, device="mast-2")]
        store.commit([received(report) for report in reports], now_ms=NOON_MS)
    return path


def test_totals_prints_a_table(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    what = ["--device", "mast-1", "--line", "deck", "--to", "2026-11-25T12:03:00Z"]
    assert main(["totals", "--store", str(store), *what]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split() == ["bridge", "mast-1", "deck", "outbound", "3", "0", "3", "100.0%"]
    assert err == ""


def test_totals_as_json_is_one_object_and_nothing_else(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    span = ["--from", "2026-11-25T12:01:00Z", "--to", "2026-11-25T20:02:00+08:00"]
    assert main(["totals", "--store", str(store), "--json", *span]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert [total["counts"] for total in found["totals"]] == [
        {"car": 1, "truck": 0},
        {"car": 0, "truck": 1},
        None,
    ]
    assert (found["from"], found["to"], err) == ("2026-11-25T12:01:00Z", "2026-11-25T12:02:00Z", "")


def test_the_configuration_names_the_store(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = store.with_name("collector.yaml")
    path.write_text(f"store: {store.name}\nmqtt: {{host: 127.0.0.1}}\n")
    assert main(["totals", "--config", str(path), "--from", "2026-11-25"]) == 0
    assert "mast-2" in capsys.readouterr().out


def test_an_empty_selection_is_said_and_is_no_failure(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["totals", "--store", str(store), "--from", "2030-01-01"]) == 0
    assert capsys.readouterr() == ("", "no reports in this selection\n")


@pytest.fixture
def fleet(open_store: Callable[..., Store]) -> list[str]:
    """Words that name the store: mast-1 is well, mast-2 is late, ahead and lacks reports, mast-3 has not reported."""

    def said(device: str, channel: str, **fields: object) -> DeviceMessage:
        payload = json.dumps({"schema": 1, **fields}).encode()
        message = decode_message(f"crossing/v1/bridge/{device}/{channel}", payload, retained=True)
        assert isinstance(message, DeviceMessage)
        return message

    store = open_store()
    until_ms = NOON_MS + 2 * MINUTE_MS
    store.commit([received(a_report(1)), said("mast-1", "info", run="r", version="0.1.0")], now_ms=until_ms + 1_500)
    store.commit([received(a_report(4, device="mast-2", clock_synced=False))], now_ms=until_ms)
    store.commit([received(a_report(2, device="mast-2"))], now_ms=until_ms + DAY_MS // 2)
    store.commit([ResendRequested("bridge", "mast-2", "", ((3, 3),))], now_ms=until_ms + DAY_MS // 2 + 60_000)
    store.commit([ReportsGone("bridge", "mast-2", "", ((1, 1),))], now_ms=until_ms + DAY_MS)
    word = {"run": "r", "since": "2026-11-25T11:00:00Z"}
    store.commit([said("mast-1", "status", state="online", **word)], now_ms=until_ms)
    store.commit([said("mast-3", "status", state="degraded", reason="disk is full", **word)], now_ms=until_ms)
    store.close()
    return ["--store", getattr(store, "url", "") or str(getattr(store, "path", ""))]


def test_devices_tells_who_is_well_who_is_late_and_whose_clock_is_off(
    fleet: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["devices", *fleet, "--json"]) == 0
    well, late, silent = json.loads(capsys.readouterr().out)["devices"]
    assert (well["state"], well["version"], well["late_ms"], well["clock_ahead_ms"]) == ("online", "0.1.0", 1_500, 0)
    assert (well["last_report_end"], well["heard"]) == ("2026-11-25T12:02:00Z", "2026-11-25T12:02:01.500Z")
    assert (late["state"], late["clock_ahead_ms"], late["clock_synced"]) == (None, 3 * MINUTE_MS, False)
    assert late["worst_late_ms"] == DAY_MS // 2 - MINUTE_MS
    assert (late["missing"], late["gone"]) == (1, 1)
    assert (silent["state"], silent["reason"], silent["heard"]) == ("degraded", "disk is full", None)
    assert main(["devices", *fleet, "--device", "mast-3"]) == 0
    row = capsys.readouterr().out.splitlines()[1]
    assert row.split() == ["bridge", "mast-3", "degraded", "-", "-", "-", "-", "-", "0", "0", "0", "disk", "is", "full"]


def test_gaps_lists_what_is_missing_and_what_is_gone(fleet: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gaps", *fleet]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert rows == [
        ["bridge", "mast-2", "-", "gone", "1", "1", "1", "2026-11-25T12:02:00Z", "0", "-"],
        ["bridge", "mast-2", "-", "missing", "3", "3", "1", "2026-11-25T12:02:00Z", "1", "2026-11-26T00:03:00Z"],
    ]
    assert main(["gaps", *fleet, "--json", "--site", "bridge"]) == 0
    (_, missing) = json.loads(capsys.readouterr().out)["gaps"]
    assert missing == {
        "site": "bridge", "device": "mast-2", "journal": "", "gone": False, "first": 3, "last": 3, "reports": 1,
        "since": "2026-11-25T12:02:00Z", "asked": 1, "last_asked": "2026-11-26T00:03:00Z",
    }  # fmt: skip


def test_that_nothing_is_missing_is_said_and_is_no_failure(
    fleet: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gaps", *fleet, "--device", "mast-1"]) == 0
    assert capsys.readouterr() == ("", "nothing is missing\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["totals", "--store", "/nowhere/at-all.sqlite"], "store /nowhere/at-all.sqlite does not exist"),
        (["run", "--config", "/nowhere/at-all.yaml"], "configuration /nowhere/at-all.yaml cannot be read"),
        (
            ["totals", "--store", "x", "--from", "2026-11-25", "--to", "2026-11-25"],
            "--from must be before --to",
        ),
    ],
)
def test_wrong_input_is_one_sentence_and_exit_code_2(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert err.startswith(f"crossing-collector: {sentence}")
    assert (out, err.count("\n")) == ("", 1)


@pytest.mark.parametrize("time", ["yesterday", "2026-11-25T25:00", "12:00"])
def test_a_time_must_be_one(time: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["totals", "--store", "x", "--from", time])
    assert end.value.code == 2
    assert repr(time) in capsys.readouterr().err


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("crossing-collector ")


def configuration(folder: Path, mqtt: str) -> list[str]:
    path = folder / "collector.yaml"
    path.write_text(f"store: store.sqlite\nmqtt: {{host: 127.0.0.1, tls: false, {mqtt}}}\n")
    return ["run", "--config", str(path)]


def test_a_port_where_nobody_listens_is_one_sentence_and_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with demo_broker() as port:
        pass
    assert main(configuration(tmp_path, f"port: {port}")) == 1
    assert capsys.readouterr().err == (
        f"crossing-collector: broker 127.0.0.1:{port} cannot be reached: Connection refused\n"
    )


def test_a_wrong_password_is_one_sentence_and_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "password").write_text("wrong")
    with demo_broker(users={"collector": "right"}) as port:
        arguments = configuration(tmp_path, f"port: {port}, username: collector, password_file: password")
        assert main(arguments) == 1
    assert capsys.readouterr().err == (
        f"crossing-collector: broker 127.0.0.1:{port} closed the connection without an answer: does it speak MQTT 5"
        " (3.1.1 is not enough), and are the user name and the password right?\n"
    )


def test_refusals_are_listed_with_device_time_and_reason_and_counted(
    open_store: Callable[..., Store], capsys: pytest.CaptureFixture[str]
) -> None:
    store = open_store()
    for seq in (1, 2):
        topic = topic_of("bridge", "mast-9", "report")
        refusal = decode_message(topic, b'{"width_ms": %d}' % seq)
        assert isinstance(refusal, Refusal)
        wide = decode_message(topic, encode(a_report(seq, device="mast-9", width_ms=(seq + 1) * DAY_MS)))
        assert isinstance(wide, Refusal)
        store.commit([refusal, wide], now_ms=NOON_MS + seq)
    store.close()
    where = ["--store", getattr(store, "url", "") or str(getattr(store, "path", ""))]
    assert main(["refusals", *where, "--site", "bridge", "--device", "mast-9", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {(one["device"], one["reason"], one["times"]) for one in found["counts"]} >= {
        ("mast-9", "a bucket of N.N days is too wide, at most a day is taken", 2)
    }
    newest = found["refusals"][0]
    assert newest["reason"] == "a bucket of 3.0 days is too wide, at most a day is taken"
    assert (newest["site"], newest["channel"], newest["received"]) == ("bridge", "report", "2026-11-25T12:00:00.002Z")
    assert found["looked_at"] == 4
    assert main(["refusals", *where, "--limit", "1"]) == 0
    assert "a bucket of 3.0 days is too wide" in capsys.readouterr().out
    assert main(["refusals", *where, "--device", "mast-1"]) == 0
    assert "nothing was refused" in capsys.readouterr().err
