"""Boxes as arrays: what every head decodes to, and the suppression of those that show the same vehicle."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ids = NDArray[np.intp]

CANDIDATES_MAX = 300  # of one frame, the best by score; a crowded bridge shows some 60 vehicles


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """n boxes: `corners` (n, 4) x1 y1 x2 y2 in pixels, `scores` (n,) in 0..1, `ids` (n,) class ids."""

    corners: Floats
    scores: Floats
    ids: Ids

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, rows: Ids | NDArray[np.bool_]) -> "Boxes":
        """Return the rows of these positions, or where the mask holds."""
        return Boxes(self.corners[rows], self.scores[rows], self.ids[rows])


def corners_of_centres(centres: Floats) -> Floats:
    """Turn (n, 4) centre x, centre y, width, height into x1 y1 x2 y2."""
    half = centres[:, 2:] / 2
    return np.concatenate((centres[:, :2] - half, centres[:, :2] + half), axis=1)


def suppress(boxes: Boxes, overlap_max: float, *, across_classes: bool = True) -> Boxes:
    """Keep greedily, by descending score, each box that overlaps no kept one by more than `overlap_max`.

    A box that is car and truck is one vehicle, so by default boxes of all classes suppress each other and
    the better score names the class. Only the best CANDIDATES_MAX are looked at; of equals the earlier wins. Boxes
    without an area are dropped.
    """
    areal = (boxes.corners[:, 2] > boxes.corners[:, 0]) & (boxes.corners[:, 3] > boxes.corners[:, 1])
    boxes = boxes.take(np.flatnonzero(areal))
    boxes = boxes.take(np.argsort(-boxes.scores, kind="stable")[:CANDIDATES_MAX])
    if len(boxes) < 2:
        return boxes
    sides = boxes.corners[:, 2:] - boxes.corners[:, :2]
    rectangles = np.concatenate((boxes.corners[:, :2], sides), axis=1)
    if across_classes:
        kept = cv2.dnn.NMSBoxes(rectangles, boxes.scores, 0.0, overlap_max)  # type: ignore[arg-type]
    else:
        kept = cv2.dnn.NMSBoxesBatched(rectangles, boxes.scores, boxes.ids, 0.0, overlap_max)  # type: ignore[arg-type]
    return boxes.take(np.sort(np.asarray(kept, dtype=np.intp)))
