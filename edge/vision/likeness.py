"""Compares two stills where a vehicle is: whether it stood from one picture to the next.

Each box is searched in the picture before, at its place and a little around it, since a mast sways in the wind. The
result is the normalised cross-correlation of the best place: the light does not matter, and another vehicle at the same
place correlates badly.
"""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.counting.detection import DetectedFrame, Detection
from edge.vision.frame import Frame

SIDE_PX = 48  # of a box as it is compared, at most
SWAY_SHARE = 0.01  # of the picture's width
FLAT = 3.0  # grey levels of deviation: what is more even than that has no pattern to compare
SAME_LEVELS = 8.0  # grey levels of mean difference between two even pictures of one thing

Grey = NDArray[np.uint8]


class Likeness:
    """Compares each picture that can be seen with the one before."""

    def __init__(self) -> None:
        self._before: Grey | None = None

    def compare(self, frame: Frame, detected: DetectedFrame) -> DetectedFrame:
        """The same detections, each with its likeness; a blind picture is compared with none."""
        if detected.blind:
            return detected
        grey = np.asarray(cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY), np.uint8)
        before, self._before = self._before, grey
        if before is None or before.shape != grey.shape:
            return detected
        found = tuple(replace(one, likeness=_likeness(one, grey, before)) for one in detected.detections)
        return replace(detected, detections=found)


def _likeness(one: Detection, grey: Grey, before: Grey) -> float | None:
    """Three decimals; None for a box of which nothing lies in the picture."""
    height, width = grey.shape
    x1, y1, x2, y2 = max(round(one.x1), 0), max(round(one.y1), 0), min(round(one.x2), width), min(round(one.y2), height)
    if x2 - x1 < 2 or y2 - y1 < 2:
        return None
    sway = max(round(SWAY_SHARE * width), 1)
    left, top = min(sway, x1), min(sway, y1)
    patch = grey[y1:y2, x1:x2]
    around = before[y1 - top : min(y2 + sway, height), x1 - left : min(x2 + sway, width)]
    scale = min(SIDE_PX / max(patch.shape), 1.0)
    if scale < 1.0:
        patch, around = (
            np.asarray(cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
            for part in (patch, around)
        )
    if float(patch.std()) < FLAT:
        place = around[round(top * scale) :, round(left * scale) :][: patch.shape[0], : patch.shape[1]]
        same = np.abs(place.astype(np.int16) - patch[: place.shape[0], : place.shape[1]]).mean() < SAME_LEVELS
        return float(same)
    return round(float(cv2.matchTemplate(around, patch, cv2.TM_CCOEFF_NORMED).max()), 3)
