"""Recordings through the commands: starts that names tell, local times, and parts that never pass for the whole."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge.cli import main
from edge.vision.tape import read_tape
from tests.bright_squares import WIDTH, Square, write_clip, write_model
from tests.films import copied, cut

LINE = f"0,64,{WIDTH},64"
SQUARES = [Square(2, 10, 4), Square(20, 10, 3), Square(34, 60, -5)]
NAMED_MS = 1_505_395_320_000  # 14:22 of 2017-09-14 in London


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_model(tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "squares.avi", SQUARES, rough=True)


def named(clip: Path, folder: Path, name: str) -> Path:
    path = folder / name
    path.write_bytes(clip.read_bytes())
    return path


def configured(folder: Path, model: str, time_zone: str) -> str:
    path = folder / "edge.yaml"
    line = {"from": [0, 0.5], "to": [1, 0.5]}
    path.write_text(yaml.safe_dump({"time_zone": time_zone, "model": {"name": model}, "lines": {"line": line}}))
    return str(path)


def replayed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["replay", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_name_with_colons_is_opened_in_its_own_folder_and_tells_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, clip: Path, model: str
) -> None:
    monkeypatch.chdir(tmp_path)
    named(clip, tmp_path, "2017-09-14T14:22:00.avi")
    arguments = ["2017-09-14T14:22:00.avi", "--config", configured(tmp_path, model, "Europe/London")]
    said = replayed(capsys, *arguments)
    assert said["recording"]["start"] == "2017-09-14T14:22:00+01:00"
    assert said["recording"]["start_said_by"] == "name"
    assert said["first"] == "2017-09-14T14:22:00+01:00"
    assert said["crossings"][0]["crossed"].startswith("2017-09-14T14:22:0")
    assert NAMED_MS < said["crossings"][0]["crossed_ms"] < NAMED_MS + 8_000
    other = replayed(capsys, *arguments, "--start", "2026-03-01T06:00")
    assert other["recording"]["start"] == "2026-03-01T06:00:00+00:00"
    assert other["run"] != said["run"]
    assert replayed(capsys, *arguments, "--start", "2017-09-14T14:22")["run"] == said["run"]
    assert main(["replay", *arguments]) == 0
    assert "It begins at 2017-09-14T14:22:00+01:00 (Europe/London), as its name says." in capsys.readouterr().out


def test_a_name_that_is_no_utf_8_is_counted_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clip: Path, model: str
) -> None:
    film, tape = named(clip, tmp_path, "\udcb4\udcf3 14:22.avi"), tmp_path / "film.tape"
    arguments = [str(film), "--line", LINE, "--model", model, "--out", str(tmp_path / "out"), "--tape", str(tape)]
    assert len(replayed(capsys, *arguments)["crossings"]) == len(SQUARES)
    assert read_tape(tape)[0].source == "?? 14:22.avi"
    assert (tmp_path / "out" / "summary.png").is_file()
    assert main(["replay", str(film), "--line", LINE, "--model", model, "--video", str(tmp_path / "\udcb4.mp4")]) == 2


def test_the_annotated_video_may_have_a_name_with_colons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clip: Path, model: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["replay", str(clip), "--line", LINE, "--model", model, "--video", "14:22:00.avi"]) == 0
    assert Path("14:22:00.avi").stat().st_size > 0


def test_a_start_in_the_hour_that_comes_twice_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clip: Path, model: str
) -> None:
    film = named(clip, tmp_path, "20171029_013000.avi")
    assert main(["replay", str(film), "--config", configured(tmp_path, model, "Europe/London")]) == 0
    assert "came twice in Europe/London" in capsys.readouterr().out


def test_without_a_start_the_output_says_so(capsys: pytest.CaptureFixture[str], clip: Path, model: str) -> None:
    assert replayed(capsys, str(clip), "--line", LINE, "--model", model)["recording"]["start"] is None
    assert main(["replay", str(clip), "--line", LINE, "--model", model]) == 0
    assert "No start is known" in capsys.readouterr().out


def test_results_are_in_the_configured_time_zone_and_the_wire_in_utc(tmp_path: Path, clip: Path, model: str) -> None:
    film, out = named(clip, tmp_path, "20170914_142200.avi"), tmp_path / "out"
    config = configured(tmp_path, model, "Asia/Shanghai")
    assert main(["replay", str(film), "--config", config, "--out", str(out), "--bucket", "5"]) == 0
    assert [row["start"] for row in table(out / "counts.csv")][::2] == [
        "2017-09-14T14:22:00+08:00",
        "2017-09-14T14:22:05+08:00",
    ]
    assert all(row["crossed"].endswith("+08:00") for row in table(out / "crossings.csv"))
    summary = json.loads((out / "summary.json").read_text())
    assert summary["first"] == "2017-09-14T14:22:00+08:00"
    reports = [json.loads(line) for line in (out / "reports.jsonl").read_text().splitlines()]
    assert [report["start"] for report in reports] == ["2017-09-14T06:22:00Z", "2017-09-14T06:22:05Z"]


def test_a_truth_file_names_a_recording_with_colons(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, clip: Path, model: str
) -> None:
    monkeypatch.chdir(tmp_path)
    named(clip, tmp_path, "14:22:00.avi")
    truth = {"video": "14:22:00.avi", "line": [[0, 64], [WIDTH, 64]], "fps": 10, "frames": 80, "crossings": []}
    Path("14:22:00.json").write_text(json.dumps(truth))
    capsys.readouterr()
    assert main(["evaluate", "14:22:00.json", "--model", model, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["total"]["extra"] == len(SQUARES)


def test_a_recording_that_breaks_off_leaves_nothing_and_names_the_option_that_keeps_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clip: Path, model: str
) -> None:
    film, out = cut(named(clip, tmp_path, "film.avi"), 0.7), tmp_path / "out"
    assert main(["replay", str(film), "--line", LINE, "--model", model, "--out", str(out)]) == 1
    assert "breaks off after" in (said := capsys.readouterr().err)
    assert "--partial keeps what came before" in said
    assert not out.exists()


def test_every_output_of_a_part_says_that_it_is_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clip: Path, model: str
) -> None:
    film, out, tape = cut(named(clip, tmp_path, "film.avi"), 0.7), tmp_path / "out", tmp_path / "film.tape"
    more = ["--line", LINE, "--model", model, "--partial"]
    assert main(["replay", str(film), *more, "--out", str(out), "--tape", str(tape), "--bucket", "5"]) == 0
    assert "THIS IS A PART" in capsys.readouterr().out
    summary = json.loads((out / "summary.json").read_text())
    assert "breaks off after" in summary["recording"]["part"]
    assert summary["run"].endswith("-part")
    assert 20 < summary["frames"] < 70
    reports = [json.loads(line) for line in (out / "reports.jsonl").read_text().splitlines()]
    assert {report["run"] for report in reports} == {summary["run"]}
    for name in ("counts.csv", "crossings.csv"):
        assert {row["part"] for row in table(out / name)} == {"yes"}
    crossings = [json.loads(line) for line in (out / "crossings.jsonl").read_text().splitlines()]
    assert [crossing["part"] for crossing in crossings] == [True] * len(crossings) != []
    assert read_tape(tape)[0].part == summary["recording"]["part"]
    again = replayed(capsys, str(tape), "--line", LINE)
    assert again["recording"]["part"] == summary["recording"]["part"]
    assert again["run"].endswith("-part")


def test_partial_changes_nothing_of_a_recording_that_is_whole(tmp_path: Path, clip: Path, model: str) -> None:
    for name, more in (("plain", []), ("partial", ["--partial"])):
        arguments = ["replay", str(clip), "--line", LINE, "--model", model, "--out", str(tmp_path / name), *more]
        assert main(arguments) == 0
    for name in ("reports.jsonl", "crossings.csv", "counts.csv", "summary.json"):
        assert (tmp_path / "plain" / name).read_bytes() == (tmp_path / "partial" / name).read_bytes()


def test_what_cannot_be_known_of_the_end_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clip: Path, model: str
) -> None:
    film = cut(copied(clip, tmp_path / "film.ts"), 0.7)
    said = replayed(capsys, str(film), "--line", LINE, "--model", model)
    assert said["recording"]["part"] is None
    assert "MPEG-TS" in said["recording"]["end_unknown"]
    assert main(["replay", str(film), "--line", LINE, "--model", model]) == 0
    assert "cannot be known" in capsys.readouterr().out
