"""The commands and queues, from pixels to reports, tables, pictures and scores; and the balance of two directions."""

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from edge.cli import main
from tests.bright_squares import FRAMES_PER_SECOND, HEIGHT, SIDE, WIDTH, write_model

FRAMES = 300
BAND = [[2, 40], [158, 40], [158, 100], [2, 100]]  # a square stands in it with its lower edge at 80
STANDS = {20: (40, 160), 70: (60, 180), 120: (80, 270)}  # x -> from which frame to which it stands there


def bottom_of(frame: int, from_frame: int, to_frame: int) -> int:
    """Of a square that drives down, four pixels a frame, and stands for a while."""
    return 80 - 4 * max(from_frame - frame, 0) + 4 * max(frame - to_frame, 0)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("clip") / "queue.mp4")
    writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"mp4v"), FRAMES_PER_SECOND, (WIDTH, HEIGHT))
    for frame in range(FRAMES):
        picture = np.full((HEIGHT, WIDTH, 3), 30, np.uint8)
        for x, stand in STANDS.items():
            bottom = bottom_of(frame, *stand)
            picture[max(bottom - SIDE, 0) : max(bottom, 0), x : x + SIDE] = 255
        writer.write(picture)
    writer.release()
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_model(tmp_path_factory.mktemp("model")))


@pytest.fixture
def configuration(tmp_path: Path) -> str:
    path = tmp_path / "edge.yaml"
    plane = {"points": [[0, 0.2], [1, 0.2], [1, 1], [0, 1]], "metres": [[0, 0], [32, 0], [32, 20], [0, 20]]}
    polygon = [[x / WIDTH, y / HEIGHT] for x, y in BAND]
    document = {
        "lines": {"deck": {"from": [0.0, 0.82], "to": [1.0, 0.82], "a_to_b": "outbound", "b_to_a": "return"}},
        "zones": {"queue": {"polygon": polygon, "standing_after_s": 3, "plane": plane}},
        "report": {"every_s": 10},
    }
    path.write_text(yaml.safe_dump(document))
    return str(path)


def test_replay_tells_of_queues_in_reports_tables_and_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clip: str, model: str, configuration: str
) -> None:
    out, video = tmp_path / "out", tmp_path / "annotated.mp4"
    arguments = ["replay", clip, "--config", configuration, "--model", model, "--out", str(out), "--video", str(video)]
    assert main([*arguments, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    queue = said["zones"]["queue"]
    assert (queue["inside"]["max"], queue["standing"]["max"], queue["standing"]["end"]) == (3, 3, 0)
    assert (queue["entered"], queue["left"], queue["lost"], queue["waited"]) == (3, 3, 0, 3)
    assert queue["wait_ms"]["p50"] == pytest.approx(12_500, abs=800)
    assert queue["wait_ms"]["max"] == pytest.approx(19_500, abs=800)
    assert queue["queue_m"]["max"] == pytest.approx(20.0 + 12.0, abs=0.5)  # five pixels a metre, and a truck
    reports = [json.loads(line) for line in (out / "reports.jsonl").read_text().splitlines()]
    assert [report["zones"]["queue"]["standing"]["end"] for report in reports] == [2, 1, 0]
    assert sum(report["zones"]["queue"]["left"] for report in reports) == 3
    assert json.loads((out / "summary.json").read_text()) == {k: v for k, v in said.items() if k != "crossings"}
    with (out / "zones.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["zone"] for row in rows] == ["queue"] * 3
    assert sum(int(row["waited"]) for row in rows) == 3
    assert video.stat().st_size > 1000


def test_people_read_the_queue_and_the_balance(
    capsys: pytest.CaptureFixture[str], clip: str, model: str, configuration: str
) -> None:
    assert main(["replay", clip, "--config", configuration, "--model", model]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["balance", "of", "deck", "outbound", "return", "over", "there"] in lines
    assert ["truck", "3", "0", "+3"] in lines
    assert ["zone", "queue", "mean", "max", "end"] in lines
    assert any(line[:3] == ["of", "them", "standing"] and line[4] == "3" for line in lines)


def test_evaluate_scores_zones(tmp_path: Path, capsys: pytest.CaptureFixture[str], clip: str, model: str) -> None:
    inside, standing = [0] * FRAMES, [0] * FRAMES
    for from_frame, to_frame in STANDS.values():
        for frame in range(FRAMES):
            inside[frame] += 40 < bottom_of(frame, from_frame, to_frame) < 100
            standing[frame] += from_frame + 30 <= frame <= to_frame
    zone = {"polygon": BAND, "standing_after_s": 3.0, "inside": inside, "standing": standing}
    truth = {
        "video": clip,
        "line": [[0, 105], [WIDTH, 105]],
        "fps": FRAMES_PER_SECOND,
        "frames": FRAMES,
        "crossings": [],
    }
    path = tmp_path / "truth.json"
    waits_ms = sorted(100 * (to_frame - from_frame) + 500 for from_frame, to_frame in STANDS.values())
    path.write_text(json.dumps(truth | {"zones": {"band": zone | {"waits_ms": waits_ms}}}))
    assert main(["evaluate", str(path), "--model", model, "--json"]) == 0
    band = json.loads(capsys.readouterr().out)["zones"][str(path)]["band"]
    assert (band["frames"], band["waits"]) == (FRAMES, {"true": 3, "counted": 3})
    assert band["inside"]["mean_absolute_error"] <= 0.1
    assert band["standing"]["mean_absolute_error"] <= 0.15
    assert abs(band["wait_ms_p50"]["error_share"]) <= 0.05
    assert main(["evaluate", str(path), "--model", model]) == 0
    table = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in table if line.startswith(f"{path} band")] == [[str(path), "band"]]


@pytest.mark.parametrize(
    "case",
    [
        ({"inside": [1], "standing": [0]}, "zones.band has 1 numbers inside and 1 standing"),
        ({"frames": [{"frame": 300, "inside": 1, "standing": 0}]}, "zones.band has a frame beyond the 300"),
        ({"polygon": [[0, 0], [161, 0], [0, 50]]}, "zones.band leaves the picture, which is 160x128 pixels"),
        ({"inside": "many"}, "is not a truth file"),
    ],
)
def test_a_zone_that_does_not_fit_its_clip_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clip: str, model: str, case: tuple[dict[str, Any], str]
) -> None:
    truth = {
        "video": clip,
        "line": [[0, 105], [WIDTH, 105]],
        "fps": FRAMES_PER_SECOND,
        "frames": FRAMES,
        "crossings": [],
    }
    zone, sentence = case
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(truth | {"zones": {"band": {"polygon": BAND} | zone}}))
    assert main(["evaluate", str(path), "--model", model]) == 2
    assert sentence in capsys.readouterr().err


def test_check_explains_the_zones(capsys: pytest.CaptureFixture[str], configuration: str) -> None:
    assert main(["check", configuration]) == 0
    assert "zones.queue (4 corners, 45.7% of the picture): a vehicle stands once it stayed" in capsys.readouterr().err


def test_a_file_that_tells_of_zones_alone_has_no_score_of_crossings_and_errors_are_pooled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clip: str, model: str
) -> None:
    truth = {"video": clip, "fps": FRAMES_PER_SECOND, "frames": FRAMES}
    frames = [{"frame": 100, "inside": 3, "standing": 2}, {"frame": 290, "inside": 0, "standing": 0}]
    for folder, more in (("one", []), ("two", [{"frame": 150, "inside": 4, "standing": 3}])):
        path = tmp_path / folder / "queue.json"
        path.parent.mkdir()
        zone = {"polygon": BAND, "standing_after_s": 3.0, "frames": [*frames, *more]}
        path.write_text(json.dumps(truth | {"zones": {"band": zone}}))
    paths = [str(tmp_path / folder / "queue.json") for folder in ("one", "two")]
    capsys.readouterr()
    assert main(["evaluate", *paths, "--model", model, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["clips"] == {}
    assert said["zones"].keys() == set(paths)
    assert said["pooled"]["inside"] == {"errors": 1.0, "true": 10.0, "error_share": 0.1}
    assert main(["evaluate", *paths, "--model", model]) == 0
    table = capsys.readouterr().out
    assert "F1" not in table
    assert (
        "pooled, the sum of absolute errors of the sum of true numbers: inside 1 of 10 (0.100); standing 0 of 7"
        in table
    )


def test_stills_whose_vehicles_were_counted_are_scored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clip: str, model: str
) -> None:
    (tmp_path / "images").mkdir()
    recording, stills = cv2.VideoCapture(clip), []
    for number in range(FRAMES):
        _, image = recording.read()
        if number in {100, 290}:
            cv2.imwrite(str(tmp_path / "images" / f"{number}.png"), image)
            there = {"all": 4 if number == 100 else 0}
            stills.append({"image": f"{number}.png", "zone": "band", "polygon": BAND, "inside": there})
    path = tmp_path / "stills.json"
    path.write_text(json.dumps(stills))
    capsys.readouterr()
    wrong = tmp_path / "wrong"
    assert main(["evaluate", str(path), "--model", model, "--json", "--wrong", str(wrong)]) == 0
    assert [one.name for one in wrong.iterdir()] == ["01-off-by-1-100.jpg"]
    said = json.loads(capsys.readouterr().out)
    assert said["pooled"]["inside"] == {"errors": 1.0, "true": 4.0, "error_share": 0.25}
    path.write_text(json.dumps([stills[0] | {"image": "gone.png"}]))
    assert main(["evaluate", str(path), "--model", model]) == 2
    assert "no picture gone.png beside it, nor in images" in capsys.readouterr().err
