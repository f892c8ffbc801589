"""Every head against a small model that says a known box, and every mismatch of model and manifest."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from edge.counting.detection import Detection
from edge.errors import InputError
from edge.vision.detector import OnnxDetector
from edge.vision.frame import Frame
from tests.vision.small_models import (
    HEADS,
    HEIGHT,
    WIDTH,
    Sighting,
    centre,
    constant_model,
    inputs_of,
    manifest_of,
    ultralytics,
)

BOX = (20.5, 10.25, 60.0, 40.0)
OTHER = (2.0, 44.0, 30.0, 62.0)
PICTURE = np.zeros((HEIGHT * 2, WIDTH * 2, 3), dtype=np.uint8)

every_head = pytest.mark.parametrize("kind", list(HEADS))


def detect(folder: Path, kind: str, sightings: list[Sighting], **changes: Any) -> tuple[Detection, ...]:
    """Return what a detector says whose model puts out these sightings, on a picture twice as large."""
    encode, head = HEADS[kind]
    model = constant_model(folder / "model.onnx", encode(sightings), inputs_of(kind))
    detector = OnnxDetector(manifest_of(model, **({"head": head} | changes)))
    return detector.interpret(detector.infer(detector.prepare(PICTURE)), PICTURE.shape)


def near(detections: tuple[Detection, ...], *expected: Detection) -> None:
    """Compare as whole values, boxes within 0.02 pixels and scores within 0.0002."""
    assert [d.label for d in detections] == [d.label for d in expected]
    for found, wanted in zip(detections, expected, strict=True):
        assert (found.x1, found.y1, found.x2, found.y2) == pytest.approx(
            (wanted.x1, wanted.y1, wanted.x2, wanted.y2), abs=0.02
        )
        assert found.score == pytest.approx(wanted.score, abs=0.0002)


@every_head
def test_a_known_box_comes_back_in_pixels_of_the_picture(tmp_path: Path, kind: str) -> None:
    near(detect(tmp_path, kind, [(BOX, 0.8, 1)]), Detection(41.0, 20.5, 120.0, 80.0, 0.8, "car"))


@every_head
def test_the_best_score_comes_first_and_each_box_keeps_its_class(tmp_path: Path, kind: str) -> None:
    near(
        detect(tmp_path, kind, [(OTHER, 0.4, 1), (BOX, 0.7, 2)]),
        Detection(41.0, 20.5, 120.0, 80.0, 0.7, "truck"),
        Detection(4.0, 88.0, 60.0, 124.0, 0.4, "car"),
    )


@every_head
def test_a_score_under_the_threshold_is_no_detection(tmp_path: Path, kind: str) -> None:
    assert detect(tmp_path, kind, [(BOX, 0.09, 1)]) == ()


@every_head
def test_a_class_that_does_not_count_is_no_detection(tmp_path: Path, kind: str) -> None:
    assert detect(tmp_path, kind, [(BOX, 0.9, 0)]) == ()


@every_head
def test_a_box_that_is_car_and_truck_is_one_vehicle(tmp_path: Path, kind: str) -> None:
    near(
        detect(tmp_path, kind, [(BOX, 0.6, 1), (BOX, 0.7, 2)]),
        Detection(41.0, 20.5, 120.0, 80.0, 0.7, "truck"),
    )


@pytest.mark.parametrize("kind", ["yolox", "end_to_end", "detr_decoded"])
def test_classes_suppress_each_other_only_if_the_manifest_says_so(tmp_path: Path, kind: str) -> None:
    sightings: list[Sighting] = [(BOX, 0.6, 1), (BOX, 0.7, 2)]
    both = detect(tmp_path, kind, sightings, overlap={"max": 0.7, "across_classes": False})
    assert [d.label for d in both] == ["truck", "car"]


def test_a_class_weight_decides_between_classes_and_leaves_the_score(tmp_path: Path) -> None:
    outputs = ultralytics([])
    outputs["output0"][0, :, 7] = *centre((10, 10, 40, 40)), 0, 0.6, 0.3  # person, car, truck
    model = constant_model(tmp_path / "model.onnx", outputs)
    for weight, label in ((1.0, "car"), (1.9, "car"), (2.1, "truck")):
        manifest = manifest_of(model, {"kind": "ultralytics"}, class_weights={"truck": weight})
        (found,) = OnnxDetector(manifest).detect(Frame(0, PICTURE)).detections
        assert (found.label, found.score) == (label, 0.6)
    with pytest.raises(InputError, match="lorry"):
        manifest_of(model, {"kind": "ultralytics"}, class_weights={"lorry": 2.0})


def test_two_labels_of_one_class_are_one_class(tmp_path: Path) -> None:
    found = detect(
        tmp_path,
        "end_to_end",
        [(BOX, 0.6, 1), (BOX, 0.7, 2)],
        classes={"car": "van", "truck": "van"},
        overlap={"max": 0.7, "across_classes": False},
    )
    near(found, Detection(41.0, 20.5, 120.0, 80.0, 0.7, "van"))


def test_labels_may_name_only_the_ids_that_count(tmp_path: Path) -> None:
    sparse: dict[str, Any] = {"labels": {2: "lorry"}, "classes": {"lorry": "truck"}}
    found = detect(tmp_path, "yolox", [(BOX, 0.8, 2), (OTHER, 0.9, 1)], **sparse)
    near(found, Detection(41.0, 20.5, 120.0, 80.0, 0.8, "truck"))


def test_a_box_is_clipped_to_the_picture_and_dropped_outside(tmp_path: Path) -> None:
    outside, over = (100.0, 10.0, 140.0, 20.0), (80.0, -10.0, 120.0, 30.0)
    near(
        detect(tmp_path, "end_to_end", [(outside, 0.9, 1), (over, 0.8, 1)]),
        Detection(160.0, 0.0, 192.0, 60.0, 0.8, "car"),
    )


def test_equal_scores_are_ordered_by_box(tmp_path: Path) -> None:
    one = detect(tmp_path, "ultralytics", [(BOX, 0.5, 1), (OTHER, 0.5, 1)])
    assert one == detect(tmp_path, "ultralytics", [(OTHER, 0.5, 1), (BOX, 0.5, 1)])
    assert len(one) == 2


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("yolox", "the output is (1, 7, 6); its strides allow (1, 126, 5 + classes)"),
        ("nanodet", "the output is (1, 7, 6); its strides allow (1, 128, 32 + classes)"),
        ("end_to_end", "the output is (1, 7, 8); allowed is (1, n, 6)"),
        ("ultralytics", "the model scores 2 classes, but labels names 3"),
    ],
)
def test_an_output_that_the_head_cannot_decode_is_told(tmp_path: Path, kind: str, said: str) -> None:
    shape = (1, 7, 8) if kind == "end_to_end" else (1, 7, 6)
    if kind == "ultralytics":
        shape = (1, 6, 40)
    model = constant_model(tmp_path / "model.onnx", {"output": np.zeros(shape, dtype=np.float32)})
    with pytest.raises(InputError) as error:
        OnnxDetector(manifest_of(model, HEADS[kind][1]))
    assert said in str(error.value)
    assert "head.kind does not fit" in str(error.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"input": {"name": "data", "height": HEIGHT, "width": WIDTH}}, "input.name is 'data'"),
        ({"input": {"height": 128, "width": WIDTH}}, "input.height is 128; the model allows 64"),
        ({"input": {"height": HEIGHT, "width": 64}}, "input.width is 64; the model allows 96"),
        ({"labels": "coco"}, "the model scores 3 classes, but labels names 80"),
        ({"labels": {9: "car"}}, "the model scores 3 classes, but labels names the id 9"),
        ({"head": {"kind": "detr"}}, "head names the output 'pred_boxes'; the model has 'output'"),
        ({"head": {"kind": "detr_decoded"}}, "head.size_input is 'orig_target_sizes'; the model has no"),
        ({"head": {"kind": "yolox", "strides": [8]}}, "its strides allow (1, 96, 5 + classes)"),
    ],
)
def test_a_model_that_is_not_what_its_manifest_says_is_told(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    encode, head = HEADS["yolox"]
    model = constant_model(tmp_path / "model.onnx", encode([(BOX, 0.8, 1)]))
    with pytest.raises(InputError) as error:
        OnnxDetector(manifest_of(model, **({"head": head} | changes)))
    assert said in str(error.value)
    assert str(tmp_path / "model.yaml") in str(error.value)


def test_an_input_that_no_head_feeds_is_told(tmp_path: Path) -> None:
    encode, head = HEADS["yolox"]
    model = constant_model(
        tmp_path / "model.onnx",
        encode([]),
        inputs_of("yolox") | {"mask": (TensorProto.FLOAT, [1])},
    )
    with pytest.raises(InputError, match="further inputs 'mask'"):
        OnnxDetector(manifest_of(model, head))


def test_a_file_that_is_no_model_is_told(tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(b"not a model")
    with pytest.raises(InputError, match="no ONNX model that runs"):
        OnnxDetector(manifest_of(model, {"kind": "yolox"}))


@pytest.mark.parametrize(("threads", "score_min"), [(0, 0.1), (1, 0.0), (1, 1.5)])
def test_threads_and_threshold_have_bounds(tmp_path: Path, threads: int, score_min: float) -> None:
    encode, head = HEADS["yolox"]
    manifest = manifest_of(constant_model(tmp_path / "model.onnx", encode([])), head)
    with pytest.raises(InputError, match="allowed is"):
        OnnxDetector(manifest, threads=threads, score_min=score_min)


def test_onnx_runtime_sends_and_leaves_nothing(tmp_path: Path) -> None:
    encode, head = HEADS["yolox"]
    manifest = manifest_of(constant_model(tmp_path / "model.onnx", encode([])), head)
    home = tmp_path / "home"
    home.mkdir()
    script = (
        "import sys; from edge.vision.detector import OnnxDetector\n"
        "from edge.vision.manifest import load_manifest\n"
        "OnnxDetector(load_manifest(sys.argv[1]))\n"
    )
    quiet = {"HOME": str(home), "TMPDIR": str(home), "XDG_CACHE_HOME": str(home)}
    muted = {"CI", "ORT_DISABLE_TELEMETRY"}  # under CI it would be quiet anyway
    environment = {name: value for name, value in os.environ.items() if name not in muted}
    done = subprocess.run(
        [sys.executable, "-c", script, str(manifest.path)],
        env=environment | quiet | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("", "")
    assert list(home.rglob("*")) == []
