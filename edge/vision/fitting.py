"""How a picture is fitted into the input of a model, and boxes back into the picture."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.vision.boxes import Floats
from edge.vision.manifest import InputSpec

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a picture lies in the input: its top left corner and size, in pixels of the input."""

    left: int
    top: int
    width: int
    height: int


class Fitting:
    """Turns pictures of any size into the input tensor, and boxes of the input into pixels of the picture."""

    def __init__(self, spec: InputSpec) -> None:
        self._spec = spec
        self._canvas: Picture = np.full((spec.height, spec.width, 3), spec.pad, dtype=np.uint8)
        self._placement = Placement(0, 0, spec.width, spec.height)
        self._tensor = np.empty((1, 3, spec.height, spec.width), dtype=np.float32)
        deviation = np.array(spec.deviation, dtype=np.float64)
        self._factor = (spec.scale / deviation).astype(np.float32)[:, None, None]
        self._offset = (np.array(spec.mean) / deviation).astype(np.float32)[:, None, None]
        self._scaled = bool(np.any(self._factor != 1))
        self._shifted = bool(np.any(self._offset != 0))

    def place(self, height: int, width: int) -> Placement:
        """Say where a picture of this size goes. Sizes are rounded down, as in the training of YOLOX."""
        spec = self._spec
        if spec.fit == "stretch":
            return Placement(0, 0, spec.width, spec.height)
        scale = min(spec.width / width, spec.height / height)
        inner_width, inner_height = max(1, int(width * scale)), max(1, int(height * scale))
        if spec.fit == "letterbox":
            return Placement(0, 0, inner_width, inner_height)
        left, top = (spec.width - inner_width) // 2, (spec.height - inner_height) // 2
        return Placement(left, top, inner_width, inner_height)

    def fit(self, picture: Picture) -> Floats:
        """Return the (1, 3, height, width) tensor of a (H, W, 3) BGR picture.

        The tensor is one buffer, overwritten by the next call.
        """
        placement = self.place(*picture.shape[:2])
        if placement != self._placement:
            self._canvas.fill(self._spec.pad)
            self._placement = placement
        left, top, width, height = placement.left, placement.top, placement.width, placement.height
        inside = self._canvas[top : top + height, left : left + width]
        if picture.shape == inside.shape:
            inside[:] = picture
        else:
            cv2.resize(picture, (width, height), dst=inside, interpolation=cv2.INTER_LINEAR)
        ordered = self._canvas if self._spec.colours == "bgr" else self._canvas[:, :, ::-1]
        planes, tensor = ordered.transpose(2, 0, 1), self._tensor[0]
        if self._scaled:
            np.multiply(planes, self._factor, out=tensor)
        else:
            tensor[:] = planes
        if self._shifted:
            tensor -= self._offset
        return self._tensor

    def back(self, corners: Floats, height: int, width: int) -> NDArray[np.float64]:
        """Return (n, 4) corners in pixels of the input as pixels of a picture of this size, not clipped."""
        placement = self.place(height, width)
        scale = np.array([width / placement.width, height / placement.height] * 2)
        result: NDArray[np.float64] = (corners - np.array([placement.left, placement.top] * 2)) * scale
        return result
