"""What is learned as a name, and from whom never."""

import json
import re
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import yaml

from models.training.crops import READERS, RULES, clip_cameras, cut, load, told, write
from models.training.naming import PAD, SIDE, around, fit

RULES_NOW = yaml.safe_load(RULES.read_text())


def row(camera: str, word: str = "truck", **more: object) -> dict[str, object]:
    return {"set": "singapore_named", "camera": camera, "vehicle": "1", "word": word, "box": [0, 0, 40, 30]} | more


@pytest.mark.parametrize("number", [1002, 1005, 1503, 2702, 2703, 2705, 3704, 4703, 8702, 8706, 9704])
def test_cameras_that_judge_are_never_learned_from(number: int) -> None:
    assert told(row(f"lta/{number}"), RULES_NOW, {})[1] == "never"


@pytest.mark.parametrize("clip", ["tfl_a13_625_201708311636.mp4", "caltrans_42c6541e.mp4", "caltrans_068adadd.mp4"])
def test_cameras_of_the_truth_clips_are_never_learned_from(clip: str) -> None:
    assert told(row(clip_cameras()(clip)), RULES_NOW, {})[1] == "never"


def test_a_camera_is_learned_from_or_chosen_by_and_not_both() -> None:
    assert told(row("lta/2701"), RULES_NOW, {}) == (["truck"], "train")
    assert told(row("lta/1003"), RULES_NOW, {}) == (["truck"], "held_out")


@pytest.mark.parametrize(
    ("name", "word", "classes"),
    [
        ("singapore_named", "pickup", ["car"]),
        ("singapore_named", "minibus", ["bus"]),
        ("singapore_named", "truck?", []),  # people doubt it
        ("tfl_jamcams", "car", ["car", "van"]),  # most white vans are called car
        ("tfl_jamcams", "van", []),
        ("toll_km39", "bus-s-", ["van"]),
        ("manaus_traffic_v5", "truck", ["truck", "bus"]),
    ],
)
def test_words_of_a_set_allow_what_contact_sheets_showed(name: str, word: str, classes: list[str]) -> None:
    assert told(row("lta/2701", word, set=name), RULES_NOW, {})[0] == classes


def test_a_correction_is_stronger_than_the_word() -> None:
    assert told(row("lta/2701"), RULES_NOW, {("singapore_named", "1"): "bus"})[0] == ["bus"]
    assert told(row("lta/2701"), RULES_NOW, {("singapore_named", "1"): "drop"})[0] == []


def test_the_crop_keeps_half_a_box_on_every_side_and_knows_where_the_box_is() -> None:
    image = np.zeros((200, 300, 3), np.uint8)
    image[80:120, 100:160] = 255
    crop, (x1, y1, x2, y2) = cut(image, (100, 80, 160, 120))
    assert crop.shape[:2] == (81, 121)
    assert (x1, y1, x2, y2) == (30, 20, 90, 60)
    assert crop[int(y1) : int(y2), int(x1) : int(x2)].min() == 255
    assert crop[:, : int(x1)].max() == 0


def test_a_crop_at_the_edge_ends_where_the_picture_does() -> None:
    crop, inner = cut(np.zeros((100, 100, 3), np.uint8), (-5.0, 60.0, 35.0, 120.0))
    assert crop.shape[0] == 60
    assert inner == (0.0, 20.0, 35.0, 60.0)


def test_the_input_keeps_proportions_in_the_middle_of_grey() -> None:
    tensor = fit(np.full((20, 40, 3), (0, 127, 255), np.uint8))
    assert tensor.shape == (3, SIDE, SIDE)
    rows = np.flatnonzero(np.abs(tensor[0] - (PAD - 127) / 128).max(axis=1) > 1e-6)
    assert (rows[0], rows[-1]) == (SIDE // 4, SIDE - SIDE // 4 - 1)
    assert tensor[:, SIDE // 2, SIDE // 2].tolist() == [1.0, 0.0, -127 / 128]  # red first


def test_what_is_around_a_box_stays_inside_the_picture() -> None:
    assert around((10, 10, 30, 20), 0.5, 100, 100) == (0, 5, 41, 26)
    assert around((90, 90, 120, 120), 0.2, 100, 100) == (84, 84, 100, 100)


def test_rows_are_read_by_the_rules_as_they_are_now(tmp_path: Path) -> None:
    """Cut from a tiny set of our own, rows name the vehicle, and a camera that judges is not even cut."""
    import cv2  # noqa: PLC0415

    folder = tmp_path / "sources" / "toll" / "vehicles-1"
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    chance = np.random.default_rng(0)
    cv2.imwrite(str(folder / "images" / "pagi_1_mp4-2.jpg"), chance.integers(0, 255, (640, 640, 3), np.uint8))
    (folder / "labels" / "pagi_1_mp4-2.txt").write_text("0 0.5 0.5 0.2 0.2\n6 0.2 0.2 0.1 0.1\n4 0.9 0.9 0.001 0.001\n")
    out = tmp_path / "names"
    out.mkdir()
    options = Namespace(shared=tmp_path, sources=tmp_path / "sources", out=out)
    write("toll_km39", RULES_NOW, options)
    rows = load(out)
    assert [one["classes"] for one in rows] == [["bus"], ["van"]]
    assert rows[0]["box"] == [256.0, 144.0, 384.0, 216.0]  # the square picture is 640 x 360 again


def test_every_set_that_teaches_is_drawn_and_has_its_terms_told() -> None:
    """What a set may be used for stands in the training's README; a set that is not there teaches nothing."""
    drawn = re.search(r"^SETS = \{(.*?)^\}", (RULES.parent / "train_names.py").read_text(), re.DOTALL | re.MULTILINE)
    assert drawn is not None
    assert set(re.findall(r'"(\w+)":', drawn[1])) == set(RULES_NOW["sets"])
    told_terms = (RULES.parent / "README.md").read_text().split("## Data, terms, attribution")[1]
    assert [name for name in RULES_NOW["sets"] if f"`{name}`" not in told_terms] == []


def test_a_vehicle_of_a_clip_is_cut_from_the_frame_that_was_named(tmp_path: Path) -> None:
    import cv2  # noqa: PLC0415

    clips = tmp_path / "clips" / "unlabelled"
    clips.mkdir(parents=True)
    (tmp_path / "labelled").mkdir()
    writer = cv2.VideoWriter(str(clips / "a.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 5, (64, 48))
    for number in range(4):
        writer.write(np.full((48, 64, 3), 60 * number, np.uint8))
    writer.release()
    row = {"source": "clips", "image": "a.avi#2", "camera": "clips/a", "box": [10, 10, 50, 40], "class": "bus"}
    (tmp_path / "named.jsonl").write_text(json.dumps(row) + "\n")
    rule = RULES_NOW["sets"]["fixed_named"] | {"root": "sources", "names": "named.jsonl"}
    options = Namespace(shared=tmp_path, sources=tmp_path)
    ((image, vehicles),) = READERS["names"]("fixed_named", rule, options)
    assert abs(float(image.mean()) - 120) < 3
    assert [(one.camera, one.word, one.box) for one in vehicles] == [("clips/a", "bus", (10, 10, 50, 40))]


def test_no_named_vehicle_stands_on_a_camera_that_judges() -> None:
    for line in (RULES.parent / "named.jsonl").read_text().splitlines():
        one = json.loads(line)
        assert told(row(one["camera"], one["class"], set="fixed_named"), RULES_NOW, {})[1] != "never", one
        clip = re.fullmatch(r"(.*)#\d+", one["image"])
        assert clip is None or one["camera"] == clip_cameras()(clip[1]), one
