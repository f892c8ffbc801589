"""The command: answers on standard output, one sentence on standard error, and the exit code that fits."""

import json
from pathlib import Path

import pytest
from messages import NOON_MS, a_report, blind, received

from collector.cli import main
from collector.demo_broker import demo_broker
from collector.sqlite_store import SqliteStore as Store


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "store.sqlite"
    with Store(path) as store:
        reports = [a_report(1), a_report(2), blind(1, device="mast-2")]
        store.commit([received(report) for report in reports], now_ms=NOON_MS)
    return path


def test_totals_prints_a_table(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["totals", "--store", str(store), "--device", "mast-1", "--line", "deck"]) == 0
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
    assert main(["totals", "--store", str(store), "--site", "elsewhere"]) == 0
    assert capsys.readouterr() == ("", "no reports in this selection\n")


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


@pytest.mark.parametrize("time", ["yesterday", "2026-11-25T12:00:00", "2026-11-25 12:00"])
def test_a_time_must_be_one_and_say_its_zone(time: str, capsys: pytest.CaptureFixture[str]) -> None:
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
        f"crossing-collector: broker 127.0.0.1:{port} closed the connection without accepting it;"
        " are the user name and the password right?\n"
    )
