"""The second look's model and its pictures."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from edge.counting.detection import CLASSES, Detection
from edge.errors import InputError
from edge.vision.manifest import InputSpec
from edge.vision.naming import OnnxNamer, around, fit, load_naming

SPEC = InputSpec(height=96, width=96, colours="rgb", mean=(127.0,) * 3, deviation=(128.0,) * 3, fit="centred", pad=114)


def test_the_second_look_that_ships_opens_under_its_name_and_its_hash() -> None:
    manifest = load_naming("vehicle-names")
    assert manifest.licence == "Apache-2.0"
    (answer,) = OnnxNamer(manifest).look(np.zeros((90, 120, 3), np.uint8), [Detection(10, 10, 70, 60, 0.9, "car")])
    assert len(answer) == len(CLASSES)
    assert np.exp(answer).sum() == pytest.approx(1.0, abs=0.25)  # a mean of logarithms: at most 1


def test_answers_do_not_depend_on_who_else_is_looked_at() -> None:
    namer = OnnxNamer(load_naming("vehicle-names"))
    image = np.random.default_rng(0).integers(0, 255, (200, 300, 3), np.uint8)
    boxes = [Detection(10, 10, 90, 80, 0.9, "car"), Detection(120, 50, 280, 190, 0.9, "car")]
    together = namer.look(image, boxes)
    apart = [namer.look(image, [box])[0] for box in boxes]
    assert np.allclose(together, apart, atol=1e-3)
    assert namer.look(image, []) == []


def test_mirrored_pictures_even_out_which_side_is_seen(tmp_path: Path) -> None:
    shipped = load_naming("vehicle-names")
    document = yaml.safe_load(shipped.path.read_text()) | {"file": str(shipped.model_path), "around": [0.1, 0.1]}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(document))
    namer = OnnxNamer(load_naming(path))
    assert namer.manifest.mirrored
    image = np.random.default_rng(0).integers(0, 255, (100, 120, 3), np.uint8)
    (answer,) = namer.look(image, [Detection(0, 0, 120, 100, 0.9, "car")])
    (mirrored,) = namer.look(np.ascontiguousarray(image[:, ::-1]), [Detection(0, 0, 120, 100, 0.9, "car")])
    assert np.allclose(answer, mirrored, atol=1e-2)


def test_a_crop_keeps_its_proportions_in_the_middle() -> None:
    tensor = fit(np.full((20, 40, 3), (0, 127, 255), np.uint8), SPEC)
    assert tensor.shape == (3, 96, 96)
    inside = np.abs(tensor[0] - (114 - 127) / 128).max(axis=1) > 1e-6
    assert np.flatnonzero(inside)[[0, -1]].tolist() == [24, 71]
    assert tensor[:, 48, 48].tolist() == [1.0, 0.0, -127 / 128]  # red first


def test_what_is_around_a_box_stays_inside_the_picture() -> None:
    assert around((10, 10, 30, 20), 0.5, 100, 100) == (0, 5, 41, 26)
    assert around((90, 90, 120, 120), 0.2, 100, 100) == (84, 84, 100, 100)
    assert around((100.0, 40.0, 101.0, 50.0), 0.0, 100, 100) == (99, 40, 100, 51)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ["car", "truck"]}, "labels is car, truck; each of car, van,"),
        ({"sha256": "0" * 64}, "sha256 is 000"),
        ({"file": "none.onnx"}, "none.onnx does not exist"),
        ({"around": []}, "around"),
        ({"head": "yolox"}, "head is not known"),
    ],
)
def test_a_manifest_that_does_not_fit_says_which_key(tmp_path: Path, change: dict[str, object], message: str) -> None:
    shipped = load_naming("vehicle-names")
    document = yaml.safe_load(shipped.path.read_text()) | {"file": str(shipped.model_path)} | change
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(InputError, match=message):
        load_naming(path)


def test_a_detector_is_no_second_look(tmp_path: Path) -> None:
    shipped = load_naming("vehicle-names")
    detector = shipped.path.with_name("vehicle-nano.onnx")
    path = tmp_path / "mine.yaml"
    document = yaml.safe_load(shipped.path.read_text()) | {"file": str(detector), "sha256": None}
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(InputError):
        OnnxNamer(load_naming(path))
