"""Heads: decode the outputs of a model to boxes in pixels of its input, one class per kind of head.

Rules that all keep:
1. A head asks for the outputs named in `outputs` ("" stands for the first) and looks at a batch of one.
2. Only the classes that count are looked at; a box takes the best of them, whatever other classes score.
3. The score threshold comes first and cheaply; only what survives is decoded.
4. `fault` says before the first frame what keeps the head from decoding these shapes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, assert_never

import numpy as np
from numpy.typing import NDArray

from edge.vision.boxes import Boxes, Floats, Ids, corners_of_centres
from edge.vision.manifest import (
    DetrDecodedSpec,
    DetrSpec,
    EndToEndSpec,
    HeadSpec,
    Manifest,
    NanodetSpec,
    UltralyticsSpec,
    YoloxSpec,
)

Outputs = Sequence[NDArray[Any]]
Shapes = Sequence[tuple[int, ...]]

_LOG_SIDE_MAX = 10.0  # e^10 strides are wider than any picture; more would overflow


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """The model's class ids that count, ascending; `count`: how many it must score (None: enough).

    `weights`, one per id, are what a class's score is multiplied by when classes are compared.
    """

    ids: Ids
    count: int | None
    weights: Floats | None = None

    def best(self, scores: Floats) -> tuple[Floats, Ids]:
        """Of (n, ids) scores return the best of each row, unweighted, and the id of the class that wins weighted."""
        compared = scores if self.weights is None else scores * self.weights
        return scores.max(axis=1), self.ids[compared.argmax(axis=1)]

    def fault(self, found: int) -> str:
        """Return "", or why a model that scores `found` classes is not the labelled one."""
        if self.count is not None and found != self.count:
            return f"the model scores {found} classes, but labels names {self.count}"
        if found <= self.ids[-1]:
            return f"the model scores {found} classes, but labels names the id {self.ids[-1]}"
        return ""


class Head:
    """A decoder of the outputs of a model."""

    outputs: tuple[str, ...] = ("",)

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted

    def fault(self, shapes: Shapes) -> str:
        """Return "", or what is wrong with outputs of these shapes and what is allowed."""
        raise NotImplementedError

    def decode(self, outputs: Outputs, score_min: float) -> Boxes:
        """Return the boxes that score at least `score_min`, in pixels of the input, with the model's ids."""
        raise NotImplementedError


class Yolox(Head):
    """YOLOX: (1, cells, 5 + classes) of x, y, log width, log height, objectness, class scores.

    Cells run row by row through the grids of all strides; x and y count from the cell's top left corner in
    strides. Score = objectness * class score, both already sigmoids. With `decoded` the four are centre and
    size in pixels. (Megvii YOLOX, demo_utils.demo_postprocess.)
    """

    def __init__(self, spec: YoloxSpec, height: int, width: int, wanted: Wanted) -> None:
        self._cells, self._strides = _grid(spec.strides, height, width)
        self._decoded = spec.decoded
        super().__init__(wanted)

    def fault(self, shapes: Shapes) -> str:
        """See Head."""
        return _rows_fault(shapes[0], len(self._cells), 5, self._wanted)

    def decode(self, outputs: Outputs, score_min: float) -> Boxes:
        """See Head."""
        table: Floats = outputs[0][0]
        rows = np.flatnonzero(table[:, 4] >= score_min)  # no class score exceeds 1
        found = table[rows]
        best, ids = self._wanted.best(found[:, 5 + self._wanted.ids] * found[:, 4:5])
        keep = best >= score_min
        rows, found = rows[keep], found[keep]
        centres = found[:, :4]
        if not self._decoded:
            strides = self._strides[rows]
            sides = np.exp(np.minimum(centres[:, 2:], _LOG_SIDE_MAX)) * strides
            centres = np.concatenate(((centres[:, :2] + self._cells[rows]) * strides, sides), axis=1)
        return Boxes(corners_of_centres(centres), best[keep], ids[keep])


class Nanodet(Head):
    """NanoDet-Plus: (1, cells, classes + 4 * bins) of class scores and four distributions of a distance.

    Each side's distance from the cell's top left corner (left, top, right, bottom) is the mean of the softmax
    over 0..bins-1, in strides. Scores are already sigmoids. (RangiLyu NanoDet, nanodet_plus_head.)
    """

    def __init__(self, spec: NanodetSpec, height: int, width: int, wanted: Wanted) -> None:
        self._cells, self._strides = _grid(spec.strides, height, width)
        self._bins = spec.bins
        super().__init__(wanted)

    def fault(self, shapes: Shapes) -> str:
        """See Head."""
        return _rows_fault(shapes[0], len(self._cells), 4 * self._bins, self._wanted)

    def decode(self, outputs: Outputs, score_min: float) -> Boxes:
        """See Head."""
        table: Floats = outputs[0][0]
        scores = table[:, self._wanted.ids]
        rows = np.flatnonzero(scores.max(axis=1) >= score_min)
        best, ids = self._wanted.best(scores[rows])
        sides = table[rows, -4 * self._bins :].reshape(-1, 4, self._bins)
        weights = np.exp(sides - sides.max(axis=2, keepdims=True))
        distances = weights @ np.arange(self._bins, dtype=np.float32) / weights.sum(axis=2)
        cells, strides = self._cells[rows], self._strides[rows]
        corners = np.concatenate((cells - distances[:, :2], cells + distances[:, 2:]), axis=1) * strides
        return Boxes(corners, best, ids)


class Ultralytics(Head):
    """Ultralytics YOLOv8 and later: (1, 4 + classes, n) of centre, size in pixels and class scores."""

    def fault(self, shapes: Shapes) -> str:
        """See Head."""
        shape = shapes[0]
        if len(shape) != 3 or shape[0] != 1 or shape[1] < 5:
            return f"the output is {_text_of(shape)}; allowed is (1, 4 + classes, n)"
        return self._wanted.fault(shape[1] - 4)

    def decode(self, outputs: Outputs, score_min: float) -> Boxes:
        """See Head."""
        table: Floats = outputs[0][0]
        scores = table[4 + self._wanted.ids]
        columns = np.flatnonzero(scores.max(axis=0) >= score_min)
        best, ids = self._wanted.best(scores[:, columns].T)
        return Boxes(corners_of_centres(table[:4, columns].T), best, ids)


class EndToEnd(Head):
    """End to end (YOLOv10, YOLO26, suppression in the export): (1, n, 6) of x1 y1 x2 y2, score, class."""

    def fault(self, shapes: Shapes) -> str:
        """See Head."""
        shape = shapes[0]
        fits = len(shape) == 3 and shape[0] == 1 and shape[2] == 6
        return "" if fits else f"the output is {_text_of(shape)}; allowed is (1, n, 6)"

    def decode(self, outputs: Outputs, score_min: float) -> Boxes:
        """See Head."""
        table: Floats = outputs[0][0]
        found = table[table[:, 4] >= score_min]
        boxes = Boxes(found[:, :4], found[:, 4], found[:, 5].astype(np.intp))
        return boxes.take(np.isin(boxes.ids, self._wanted.ids))


class Detr(Head):
    """DETR, RT-DETR, D-FINE without their postprocessor: boxes (1, q, 4) and logits (1, q, classes).

    Boxes are centre and size as shares of the input.
    """

    def __init__(self, spec: DetrSpec, height: int, width: int, wanted: Wanted) -> None:
        self.outputs = (spec.boxes, spec.logits)
        self._softmax = spec.activation == "softmax"
        self._size = np.array([width, height, width, height], dtype=np.float32)
        super().__init__(wanted)

    def fault(self, shapes: Shapes) -> str:
        """See Head."""
        boxes, logits = shapes
        if len(boxes) != 3 or len(logits) != 3 or boxes != (1, logits[1], 4):
            return f"the outputs are {_text_of(boxes)}, {_text_of(logits)}; allowed: (1, q, 4), (1, q, classes)"
        return self._wanted.fault(logits[2] - self._softmax)

    def decode(self, outputs: Outputs, score_min: float) -> Boxes:
        """See Head."""
        centres: Floats = outputs[0][0]
        logits: Floats = outputs[1][0]
        if self._softmax:
            weights = np.exp(logits - logits.max(axis=1, keepdims=True))
            scores = weights[:, self._wanted.ids] / weights.sum(axis=1, keepdims=True)
        else:
            scores = 1 / (1 + np.exp(-np.maximum(logits[:, self._wanted.ids], -80)))
        best, ids = self._wanted.best(scores)
        keep = best >= score_min
        return Boxes(corners_of_centres(centres[keep] * self._size), best[keep], ids[keep])


class DetrDecoded(Head):
    """DETR and its postprocessor (DEIMv2, D-FINE, RT-DETR): labels (1, q), boxes (1, q, 4), scores (1, q).

    Boxes are corners in pixels of the size that is given as second input: the detector gives the input's own.
    One query may come several times, once per class, so these too need suppression across classes.
    """

    def __init__(self, spec: DetrDecodedSpec, wanted: Wanted) -> None:
        self.outputs = (spec.labels, spec.boxes, spec.scores)
        super().__init__(wanted)

    def fault(self, shapes: Shapes) -> str:
        """See Head."""
        labels, boxes, scores = shapes
        fits = len(labels) == 2 and labels[0] == 1 and labels == scores and boxes == (*labels, 4)
        text = ", ".join(_text_of(shape) for shape in shapes)
        return "" if fits else f"the outputs are {text}; allowed are (1, q), (1, q, 4), (1, q)"

    def decode(self, outputs: Outputs, score_min: float) -> Boxes:
        """See Head."""
        ids, corners, scores = (output[0] for output in outputs)
        rows = np.flatnonzero((scores >= score_min) & np.isin(ids, self._wanted.ids))
        return Boxes(corners[rows], scores[rows], ids[rows].astype(np.intp))


def head_of(manifest: Manifest) -> Head:
    """Build the head that the manifest names."""
    spec: HeadSpec = manifest.head
    height, width = manifest.input.height, manifest.input.width
    ids = sorted(manifest.class_of)
    weights = np.array([manifest.class_weights.get(manifest.class_of[number], 1.0) for number in ids], np.float32)
    wanted = Wanted(np.array(ids, dtype=np.intp), manifest.class_count, weights if manifest.class_weights else None)
    match spec:
        case YoloxSpec():
            return Yolox(spec, height, width, wanted)
        case NanodetSpec():
            return Nanodet(spec, height, width, wanted)
        case UltralyticsSpec():
            return Ultralytics(wanted)
        case EndToEndSpec():
            return EndToEnd(wanted)
        case DetrSpec():
            return Detr(spec, height, width, wanted)
        case DetrDecodedSpec():
            return DetrDecoded(spec, wanted)
        case _:
            assert_never(spec)


def _grid(strides: Sequence[int], height: int, width: int) -> tuple[Floats, Floats]:
    """Return (n, 2) column and row of every cell, and (n, 1) its stride; a part of a cell is a cell."""
    cells, scales = [], []
    for stride in strides:
        rows, columns = -(-height // stride), -(-width // stride)
        y, x = np.mgrid[:rows, :columns]
        cells.append(np.stack((x.ravel(), y.ravel()), axis=1))
        scales.append(np.full((rows * columns, 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(scales).astype(np.float32)


def _rows_fault(shape: tuple[int, ...], cells: int, others: int, wanted: Wanted) -> str:
    if len(shape) != 3 or shape[0] != 1 or shape[1] != cells or shape[2] <= others:
        return f"the output is {_text_of(shape)}; its strides allow (1, {cells}, {others} + classes)"
    return wanted.fault(shape[2] - others)


def _text_of(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))})"
