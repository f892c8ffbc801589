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
        self._placement: Placement | None = None
        self._resized: Picture = np.empty((0, 0, 3), dtype=np.uint8)
        self._tensor = np.empty((1, 3, spec.height, spec.width), dtype=np.float32)
        deviation = np.array(spec.deviation, dtype=np.float64)
        self._factors = spec.scale / deviation
        self._offsets = np.array(spec.mean, dtype=np.float64) / deviation

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
            self._placement = placement
            self._resized = np.empty((placement.height, placement.width, 3), dtype=np.uint8)
            self._tensor[0] = (self._spec.pad * self._factors - self._offsets)[:, None, None]
        if picture.shape != self._resized.shape:
            size = (placement.width, placement.height)
            cv2.resize(picture, size, dst=self._resized, interpolation=cv2.INTER_LINEAR)
            picture = self._resized
        top, bottom = placement.top, placement.top + placement.height
        left, right = placement.left, placement.left + placement.width
        planes = cv2.split(picture)  # whole planes convert faster than strided pixels
        if self._spec.colours == "rgb":
            planes = planes[::-1]
        inside = self._tensor[0, :, top:bottom, left:right]
        for i, (plane, factor, offset) in enumerate(zip(planes, self._factors, self._offsets, strict=True)):
            if factor == 1:
                inside[i] = plane
            else:
                np.multiply(plane, factor, out=inside[i], dtype=np.float32)
            if offset != 0:
                inside[i] -= offset
        return self._tensor

    def back(self, corners: Floats, height: int, width: int) -> NDArray[np.float64]:
        """Return (n, 4) corners in pixels of the input as pixels of a picture of this size, not clipped."""
        placement = self.place(height, width)
        scale = np.array([width / placement.width, height / placement.height] * 2)
        result: NDArray[np.float64] = (corners - np.array([placement.left, placement.top] * 2)) * scale
        return result
