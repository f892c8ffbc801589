"""Clips of bright squares that drive over a dark road, and a small ONNX model that truly detects them.

So the commands are tested from pixels to reports with every real part, on a machine that has nothing else.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tests.vision.small_models import save

WIDTH, HEIGHT = 160, 128
SIDE = 24  # of a square, px
STEP = 4  # of the model's windows, px
FRAMES_PER_SECOND = 10.0


@dataclass(frozen=True)
class Square:
    """Enters at `frame` in the lane at `x`, moves `speed` px per frame (down if positive)."""

    frame: int
    x: int
    speed: int


def write_model(folder: Path) -> Path:
    """Write the model and its manifest; returns the manifest.

    It scores every window of the size of a square by how much of it is bright.
    """
    rows, columns = (HEIGHT - SIDE) // STEP + 1, (WIDTH - SIDE) // STEP + 1
    tops, lefts = np.mgrid[0:rows, 0:columns] * STEP
    corners = np.stack([lefts, tops, lefts + SIDE, tops + SIDE], axis=-1).reshape(1, -1, 4).astype(np.float32)
    constants: dict[str, NDArray[Any]] = {
        "corners": corners,
        "label": np.zeros((1, rows * columns, 1), np.float32),
        "shape": np.array([1, rows * columns, 1], np.int64),
        "steep": np.array(3.0, np.float32),
        "floor": np.array(2.0, np.float32),
        "low": np.array(0.0, np.float32),
        "high": np.array(1.0, np.float32),
        "axes": np.array([1], np.int64),
    }
    nodes = [
        helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value))
        for name, value in constants.items()
    ]
    nodes += [
        helper.make_node("ReduceMean", ["images"], ["grey"], axes=[1], keepdims=1),
        helper.make_node("AveragePool", ["grey"], ["bright"], kernel_shape=[SIDE, SIDE], strides=[STEP, STEP]),
        helper.make_node("Mul", ["bright", "steep"], ["steeper"]),
        helper.make_node("Sub", ["steeper", "floor"], ["lowered"]),
        helper.make_node("Clip", ["lowered", "low", "high"], ["clipped"]),
        helper.make_node("Reshape", ["clipped", "shape"], ["score"]),
        helper.make_node("Concat", ["corners", "score", "label"], ["boxes"], axis=2),
    ]
    result = helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, rows * columns, 6])
    save(folder / "squares.onnx", nodes, {"images": (TensorProto.FLOAT, [1, 3, HEIGHT, WIDTH])}, [result])
    manifest = folder / "squares.yaml"
    document = {
        "name": "squares",
        "version": "1",
        "licence": "Apache-2.0",
        "file": "squares.onnx",
        "input": {"name": "images", "height": HEIGHT, "width": WIDTH, "colours": "bgr", "scale": 1 / 255},
        "head": {"kind": "end_to_end"},
        "labels": ["truck"],
        "overlap": {"max": 0.2},
    }
    manifest.write_text(yaml.safe_dump(document), encoding="utf-8")
    return manifest


def write_clip(path: Path, squares: list[Square], frames: int = 80, *, rough: bool = False) -> Path:
    """Write the clip; a square that drives up enters at the bottom. A `rough` road is one that a camera could see."""
    road = np.full((HEIGHT, WIDTH, 3), 30, np.uint8)
    if rough:
        levels = np.random.default_rng(1).integers(30, 120, (HEIGHT // 8, WIDTH // 8), np.uint8)
        road = np.repeat(np.kron(levels, np.ones((8, 8), np.uint8))[:, :, None], 3, axis=2)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FRAMES_PER_SECOND, (WIDTH, HEIGHT))
    assert writer.isOpened(), "OpenCV can write this"
    for frame in range(frames):
        picture = road.copy()
        for square in squares:
            if frame >= square.frame:
                gone = (frame - square.frame) * square.speed
                y = gone if square.speed > 0 else HEIGHT - SIDE + gone
                picture[max(y, 0) : max(y + SIDE, 0), square.x : square.x + SIDE] = 255
        writer.write(picture)
    writer.release()
    return path
