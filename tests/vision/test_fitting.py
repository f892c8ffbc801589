"""What the model is given: place, colours and scale of the pixels, and the way back."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.counting.detection import Detection
from edge.errors import InputError
from edge.vision.detector import OnnxDetector
from edge.vision.fitting import Fitting
from edge.vision.frame import Frame
from edge.vision.manifest import InputSpec
from tests.vision.small_models import manifest_of, mean_model

sides = st.integers(min_value=2, max_value=4000)
fits = st.sampled_from(["letterbox", "centred", "stretch"])


def mean_detector(folder: Path, *regions: tuple[int, int, int, int], **spec: Any) -> OnnxDetector:
    """Return a detector of 256 x 256 whose one box has the means of the planes as x1, y1, x2."""
    model = mean_model(folder / "mean.onnx", 256, 256)
    manifest = manifest_of(model, {"kind": "end_to_end"}, input={"height": 256, "width": 256} | spec)
    return OnnxDetector(manifest, regions=regions)


def picture(height: int, width: int, blue: int, green: int, red: int) -> Any:
    """Return a picture of one colour."""
    return np.full((height, width, 3), (blue, green, red), dtype=np.uint8)


def test_planes_come_in_the_order_of_the_model(tmp_path: Path) -> None:
    frame = Frame(7, picture(256, 256, 10, 20, 30))
    assert mean_detector(tmp_path).detect(frame).detections == (Detection(10, 20, 30, 200, 0.9, "car"),)
    detector = mean_detector(tmp_path, colours="rgb", scale=2.0)
    red_first = detector.detect(Frame(7, picture(256, 256, 90, 20, 10)))
    assert red_first.captured_ms == 7
    assert red_first.detections == (Detection(20, 40, 180, 200, 0.9, "car"),)


def test_a_value_is_pixel_times_scale_less_mean_over_deviation_of_its_plane(tmp_path: Path) -> None:
    detector = mean_detector(tmp_path, scale=0.5, mean=[1, 2, 3], deviation=[0.5, 0.25, 0.125], colours="rgb")
    tensor = detector.prepare(picture(256, 256, 30, 20, 10))
    assert tensor.shape == (1, 3, 256, 256)
    assert tensor.dtype == np.float32
    assert tensor[0, :, 5, 5].tolist() == [(5 - 1) / 0.5, (10 - 2) / 0.25, (15 - 3) / 0.125]


@given(fits, sides, sides, st.tuples(*[st.floats(0, 1)] * 4))
def test_a_box_goes_into_the_input_and_comes_back(
    fit: Any, height: int, width: int, shares: tuple[float, float, float, float]
) -> None:
    fitting = Fitting(InputSpec(height=96, width=160, fit=fit))
    placement = fitting.place(height, width)
    assert 0 <= placement.left <= placement.left + placement.width <= 160
    assert 0 <= placement.top <= placement.top + placement.height <= 96
    box = np.array(shares) * (width, height, width, height)
    scale = np.array([placement.width / width, placement.height / height] * 2)
    inside = (box * scale + [placement.left, placement.top] * 2).astype(np.float32)
    back = fitting.back(inside[None], height, width)[0]
    assert back == pytest.approx(box, abs=1e-3 + 1e-5 * max(height, width) / scale.min())


@pytest.mark.parametrize(
    ("fit", "top", "left", "inner_height", "inner_width"),
    [("letterbox", 0, 0, 96, 48), ("centred", 0, 56, 96, 48), ("stretch", 0, 0, 96, 160)],
)
def test_pixels_lie_where_the_placement_says_and_the_rest_is_padding(
    fit: Any, top: int, left: int, inner_height: int, inner_width: int
) -> None:
    fitting = Fitting(InputSpec(height=96, width=160, fit=fit, pad=114))
    fitting.fit(picture(100, 900, 1, 1, 1))  # a picture of another shape leaves nothing behind
    plane = fitting.fit(picture(192, 96, 250, 0, 0))[0, 0]
    expected = np.full((96, 160), 114.0)
    expected[top : top + inner_height, left : left + inner_width] = 250
    assert np.array_equal(plane, expected)


def test_only_the_region_is_seen_and_boxes_are_in_the_whole_picture(tmp_path: Path) -> None:
    whole = picture(400, 600, 0, 0, 0)
    whole[50:306, 100:356] = (10, 20, 30)
    detector = mean_detector(tmp_path, (100, 50, 356, 306))
    assert detector.detect(Frame(0, whole)).detections == (Detection(110, 70, 130, 250, 0.9, "car"),)


def test_a_region_that_leaves_the_picture_is_told(tmp_path: Path) -> None:
    detector = mean_detector(tmp_path, (100, 50, 356, 306))
    with pytest.raises(InputError, match=r"region is 100,50,356,306; allowed is within .* 0,0,200,200"):
        detector.detect(Frame(0, picture(200, 200, 0, 0, 0)))


def test_equal_frames_give_equal_detections_whatever_came_between(tmp_path: Path) -> None:
    detector = mean_detector(tmp_path)
    first = detector.detect(Frame(0, picture(100, 300, 40, 50, 160)))
    detector.detect(Frame(1, picture(300, 100, 90, 80, 200)))
    assert detector.detect(Frame(0, picture(100, 300, 40, 50, 160))) == first
