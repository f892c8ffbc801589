"""The model that ships over real stills of a border bridge, whose vehicles were counted by eye."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.cli import main
from edge.config.schema import Config, Zone
from edge.offline.replay import gather, open_source, replay
from edge.vision.still_folder import time_in_name

FOLDER = Path(__file__).parents[2] / "shared" / "labelled" / "causeway_unlabelled"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the stills of ../shared are not here")


@pytest.fixture(scope="module")
def stills(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("pictures")
    truth = json.loads((FOLDER / "queues_2701.json").read_text(encoding="utf-8"))
    for one in truth:
        shutil.copy(FOLDER / "images" / one["image"], folder)
    return folder, truth


def test_the_number_inside_and_the_names_of_the_large_ones_are_nearly_right(
    stills: tuple[Path, list[dict[str, Any]]],
) -> None:
    folder, truth = stills
    polygon = tuple((x / 1920, y / 1080) for x, y in truth[0]["polygon"])
    config = Config(time_zone="Asia/Singapore", zones={"deck": Zone(polygon=polygon)})
    true = {time_in_name(Path(str(one["image"])).stem, ZoneInfo("Asia/Singapore")): one["inside"] for one in truth}
    outcome = gather(replay(open_source(folder, config, start_ms=None), config), with_occupancies=True)
    wrong = inside = large = named = 0
    for at_ms, (zone,) in outcome.occupancies or ():
        eye: Counter[str] = Counter(true[at_ms])
        told = Counter(zone.labels)
        wrong, inside = wrong + abs(zone.inside - eye["all"]), inside + eye["all"]
        large += eye["truck"] + eye["bus"]
        named += sum(min(told[label], eye[label]) for label in ("truck", "bus"))
    assert outcome.frames == len(truth)
    assert wrong / inside <= 0.25, f"{wrong} wrong of {inside} inside"
    assert named / large >= 0.6, f"{named} trucks and buses of {large} named"


def test_the_command_counts_a_folder_and_says_what_no_still_tells(
    stills: tuple[Path, list[dict[str, Any]]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, _ = stills
    config = tmp_path / "stills.yaml"
    config.write_text("zones: {deck: {polygon: [[0.5, 0.7], [0.67, 0.55], [0.74, 0.63], [0.52, 0.83]]}}\n")
    tape, out = tmp_path / "a.tape", tmp_path / "out"
    given = [str(folder), "--config", str(config), "--bucket", "86400", "--json"]
    assert main(["replay", *given, "--tape", str(tape), "--out", str(out)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["lines"] == {}
    zone = said["zones"]["deck"]
    assert (zone["entered"], zone["left"], zone["waited"], zone["wait_ms"], zone["parked"]) == (None,) * 5
    assert zone["inside"]["max"] >= 10
    reports = [json.loads(line) for line in (out / "reports.jsonl").read_text().splitlines()]
    assert sum(report["pictures"] for report in reports) == 7  # nothing vouches after the last one
    assert {report["state"] for report in reports} == {"partial", "blind"}
    assert main(["replay", str(tape), *given[1:]]) == 0
    assert json.loads(capsys.readouterr().out)["zones"] == said["zones"]


def test_a_folder_needs_zones_and_a_start_needs_a_step(
    stills: tuple[Path, list[dict[str, Any]]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = stills
    config = tmp_path / "stills.yaml"
    config.write_text("lines: {deck: {from: [0.1, 0.6], to: [0.9, 0.6]}}\n")
    assert main(["replay", str(folder), "--config", str(config)]) == 2
    assert "is a folder of stills, which need zones" in capsys.readouterr().err
    assert main(["replay", str(folder), "--line", "0.1,0.5,0.9,0.5"]) == 2
    assert "stills cannot tell who crosses a line" in capsys.readouterr().err
    config.write_text("zones: {deck: {polygon: [[0.5, 0.7], [0.67, 0.55], [0.74, 0.63]]}}\n")
    assert main(["replay", str(folder), "--config", str(config), "--step", "60"]) == 2
    assert "--start and --step belong together" in capsys.readouterr().err


def test_on_twenty_more_pictures_by_day_the_number_inside_is_nearly_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(Path(__file__).parent / "stills" / "queues_by_day.json"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["pooled"]["inside"]["true"] == 252
    assert said["pooled"]["inside"]["error_share"] <= 0.2
