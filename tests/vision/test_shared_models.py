"""The models and clips that lie beside the project: what we decode is what a person sees."""

from pathlib import Path

import numpy as np
import pytest

from edge.counting.detection import DetectedFrame
from edge.errors import WorkError
from edge.vision.detector import OnnxDetector
from edge.vision.frame import Frame
from edge.vision.manifest import load_manifest
from edge.vision.recording import Recording
from tests.vision.overlaps import overlaps

SHARED = Path(__file__).parents[3] / "shared"
MANIFESTS = Path(__file__).parents[1] / "manifests"
MODELS = sorted(path.stem for path in MANIFESTS.glob("*.yaml"))

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared (clips and models) is not here")


@pytest.fixture(scope="module")
def frame() -> Frame:
    """Return a frame with three lanes of cars by day."""
    frames = iter(Recording(SHARED / "clips" / "tfl_a13_625_201709211426.mp4"))
    return next(frame for number, frame in enumerate(frames) if number == 30)


def detect(name: str, frame: Frame, score_min: float) -> DetectedFrame:
    return OnnxDetector(load_manifest(MANIFESTS / f"{name}.yaml"), score_min=score_min).detect(frame)


def corners(detected: DetectedFrame) -> np.ndarray:
    rows = [(d.x1, d.y1, d.x2, d.y2) for d in detected.detections]
    return np.array(rows, dtype=np.float32).reshape(-1, 4)


@pytest.mark.parametrize("name", MODELS)
def test_each_model_sees_vehicles_where_the_best_teacher_does(name: str, frame: Frame) -> None:
    found = detect(name, frame, 0.4)
    assert len(found.detections) >= 5
    assert {d.label for d in found.detections} <= {"car", "truck", "bus", "motorcycle"}
    sides = corners(found)[:, 2:] - corners(found)[:, :2]
    assert (sides < (frame.image.shape[1] / 2, frame.image.shape[0] / 2)).all()
    agreed = overlaps(corners(found), corners(detect("deimv2-femto", frame, 0.15))).max(axis=1)
    assert (agreed > 0.5).mean() >= 0.75


def test_an_mp4_that_breaks_off_is_told_after_its_frames(tmp_path: Path) -> None:
    content = (SHARED / "clips" / "iacv_casino.mp4").read_bytes()  # its index stands first
    path = tmp_path / "cut.mp4"
    path.write_bytes(content[: len(content) * 6 // 10])
    seen: list[Frame] = []
    with pytest.raises(WorkError, match="its header claims 375"):
        seen.extend(Recording(path))
    assert len(seen) > 100


def test_detecting_twice_gives_the_same_bits(frame: Frame) -> None:
    detector = OnnxDetector(load_manifest(MANIFESTS / "yolox-nano-384x640.yaml"))
    assert repr(detector.detect(frame)) == repr(detector.detect(frame))


@pytest.mark.parametrize(
    ("name", "frames"),
    [("bgslibrary_video02.avi", 748), ("bgslibrary_video03.avi", 1699), ("iacv_casino.mp4", 375)],
)
def test_a_clip_is_whole_and_its_times_strictly_increase(name: str, frames: int) -> None:
    recording = Recording(SHARED / "clips" / name)
    times_ms = [frame.captured_ms for frame in recording]
    assert len(times_ms) == frames
    assert times_ms[0] == 0
    steps_ms = np.diff(times_ms)
    assert steps_ms.min() > 0
    assert steps_ms.max() <= 1000 / recording.frames_per_second + 1
