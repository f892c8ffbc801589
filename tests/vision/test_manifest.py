"""A manifest is read strictly: every fault is one sentence with the key, what was found, what is allowed."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.errors import InputError
from edge.vision.manifest import COCO, InputSpec, Overlap, YoloxSpec, find_manifest, load_manifest
from tests.vision.small_models import constant_model, manifest_of


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return a model file; what it says does not matter here."""
    return constant_model(tmp_path / "model.onnx", {"output": np.zeros((1, 1), dtype=np.float32)})


def test_what_is_left_out_has_a_stated_default(model: Path) -> None:
    manifest = manifest_of(model, {"kind": "yolox"})
    assert manifest.input == InputSpec(64, 96, name="images", colours="bgr", fit="letterbox", pad=114)
    assert manifest.head == YoloxSpec(strides=(8, 16, 32), decoded=False)
    assert manifest.overlap == Overlap(max=0.65, across_classes=True)
    assert manifest.class_of == {1: "car", 2: "truck"}
    assert manifest.class_count == 3
    assert manifest.sha256 == hashlib.sha256(model.read_bytes()).hexdigest()


def test_coco_has_its_80_classes_and_no_vans(model: Path) -> None:
    manifest = manifest_of(model, {"kind": "yolox"}, labels="coco")
    assert len(set(COCO)) == 80
    assert manifest.class_of == {1: "bicycle", 2: "car", 3: "motorcycle", 5: "bus", 7: "truck"}


def test_classes_name_what_counts_and_the_rest_is_dropped(model: Path) -> None:
    manifest = manifest_of(model, {"kind": "yolox"}, labels="coco", classes={"train": "bus", "car": "car"})
    assert manifest.class_of == {2: "car", 6: "bus"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"licence": None}, "licence is missing"),
        ({"colour": "bgr"}, "colour is not known; allowed are name, version"),
        ({"input": {"height": 64}}, "input.width is missing"),
        ({"input": {"height": 8, "width": 64}}, "input.height is 8; allowed is a whole number >= 32"),
        (
            {"input": {"height": 64, "width": 64, "fit": "crop"}},
            "input.fit is 'crop'; allowed are letterbox, centred, stretch",
        ),
        (
            {"input": {"height": 64, "width": 64, "deviation": [1, 0, 1]}},
            "input.deviation[1] is 0; allowed is a number > 0",
        ),
        ({"head": {"kind": "ssd"}}, "head.kind is 'ssd'; allowed are yolox, nanodet"),
        ({"head": {"kind": "yolox", "bins": 8}}, "head.bins is not known; allowed are strides, decoded"),
        ({"labels": ["person"]}, "labels is person; one of ours is needed"),
        ({"classes": {"lorry": "truck"}}, "classes names 'lorry', which is none of the labels"),
        ({"classes": {"car": "auto"}}, "classes.car is 'auto'; allowed are car, van, truck"),
        ({"overlap": {"max": 1.5}}, "overlap.max is 1.5; allowed is a number <= 1"),
        ({"file": "other.onnx"}, "file is other.onnx, but"),
        ({"sha256": "0" * 64}, "but that of"),
        ({"sha256": "abc"}, "sha256 is 'abc'"),
    ],
)
def test_a_fault_names_key_value_and_what_is_allowed(model: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as error:
        manifest_of(model, **({"head": {"kind": "yolox"}} | changes))
    assert said in str(error.value)
    assert str(model.with_suffix(".yaml")) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["name: [", "- a\n- b", "", "\x00"])
def test_what_is_no_manifest_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"broken\.yaml"):
        load_manifest(path)


def test_a_missing_manifest_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        load_manifest(tmp_path / "none.yaml")


def test_a_name_that_no_model_has_is_told_with_the_names_there_are() -> None:
    with pytest.raises(InputError, match="no model is called 'no-such-model'; allowed are the path"):
        find_manifest("no-such-model")
    with pytest.raises(InputError, match="no model is called 'no-such-model'"):
        load_manifest("no-such-model")
