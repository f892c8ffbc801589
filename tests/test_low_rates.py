"""At a low rate a vehicle moves far from one frame to the next: how far it may is stated, and holds."""

import json
from pathlib import Path

import pytest
import yaml

from edge.build.stages import build_pipeline
from edge.cli import main
from edge.config.advice import explain_rate, warnings_of
from edge.config.loading import parse_config
from edge.config.schema import Config, Line
from edge.counting.detection import DetectedFrame, Detection
from edge.counting.tracking import sizes_per_interval
from tests.bright_squares import HEIGHT, WIDTH, Square, write_clip, write_model

SIZE = 40.0
LENGTH = 4000  # of the picture, so that the vehicle is seen often


def counted(frames_per_second: float, sizes_per_frame: float) -> int:
    """A square vehicle drives alone over the line in the middle."""
    pipeline = build_pipeline(Config(lines={"line": Line(points=((0.0, 0.5), (1.0, 0.5)))}), 1000, LENGTH)
    crossings, y, number = 0, 0.0, 0
    while y + SIZE < LENGTH:
        box = Detection(400.0, y, 400.0 + SIZE, y + SIZE, 0.9, "car")
        crossings += len(pipeline.update(DetectedFrame(round(1000 * number / frames_per_second), (box,))).crossings)
        y += sizes_per_frame * SIZE
        number += 1
    return crossings + len(pipeline.close().crossings)


@pytest.mark.parametrize("frames_per_second", [0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 25.0])
def test_a_vehicle_is_counted_up_to_the_stated_reach_and_not_beyond(frames_per_second: float) -> None:
    reach = sizes_per_interval(1 / frames_per_second)
    for share in (0.1, 0.5, 0.95):
        assert counted(frames_per_second, share * reach) == 1
    assert counted(frames_per_second, 1.05 * reach) == 0


def test_three_box_heights_from_one_frame_to_the_next_are_counted_at_one_frame_a_second() -> None:
    assert counted(1.0, 3.0) == 1
    assert counted(1.0, 0.25) == 1


def test_the_limit_is_stated_and_a_low_rate_is_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    camera = "camera: {url: 'rtsp://192.0.2.7/stream2', frames_per_second: %s}\n"
    text = f"site: bridge\ndevice: mast\n{camera}lines: {{deck: {{from: [0.1, 0.5], to: [0.9, 0.5]}}}}\n"
    [warning] = warnings_of(parse_config(yaml.safe_load(text % 1)))
    assert warning.startswith("camera.frames_per_second is 1: many vehicles are missed below 3; at 1 frames/s")
    assert warnings_of(parse_config(yaml.safe_load(text % 10))) == []
    assert "too far apart" in explain_rate(0.2)
    path = tmp_path / "edge.yaml"
    path.write_text(text % 10)
    assert main(["check", str(path)]) == 0
    assert (
        "camera: at 10 frames/s a vehicle is followed if it moves up to 0.92 of its own sizes"
        in capsys.readouterr().err
    )


def test_evaluate_reports_the_rate_and_its_limit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(write_model(tmp_path))
    write_clip(tmp_path / "clip.mp4", [Square(2, 10, 4)])
    truth = {
        "video": "clip.mp4",
        "line": [[0, HEIGHT / 2], [WIDTH, HEIGHT / 2]],
        "fps": 10,
        "frames": 80,
        "crossings": [{"frame": 13, "class": "truck", "direction": "a_to_b"}],
    }
    (tmp_path / "clip.json").write_text(json.dumps(truth))
    arguments = ["evaluate", str(tmp_path / "clip.json"), "--model", model, "--every", "2"]
    assert main(arguments) == 0
    name = str(tmp_path / "clip.json")
    assert (
        f"lowest rate, of {name}: at 5 frames/s a vehicle is followed if it moves up to 1.8" in capsys.readouterr().out
    )
    assert main([*arguments, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)["clips"][name]
    assert (said["frames_per_second"], said["sizes_per_frame_max"]) == (5.0, 1.8)
