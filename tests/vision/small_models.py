"""Small ONNX models whose answers are known, their manifests, and an encoder of boxes for every head."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import yaml
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edge.vision.manifest import Manifest, load_manifest

HEIGHT, WIDTH = 64, 96  # of the input
LABELS = ["person", "car", "truck"]  # person never counts
STRIDES = (8, 16, 32)

Box = tuple[float, float, float, float]
Sighting = tuple[Box, float, int]  # a box in input pixels, its score, its class id
Outputs = dict[str, NDArray[Any]]
Inputs = dict[str, tuple[int, list[Any]]]  # name to ONNX element type and shape


def constant_model(path: Path, outputs: Outputs, inputs: Inputs | None = None) -> Path:
    """Write a model that answers `outputs` whatever it is given."""
    inputs = inputs or {"images": (TensorProto.FLOAT, [1, 3, HEIGHT, WIDTH])}
    nodes = [
        helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value))
        for name, value in outputs.items()
    ]
    results = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for name, value in outputs.items()
    ]
    return save(path, nodes, inputs, results)


def mean_model(path: Path, height: int, width: int) -> Path:
    """Write an end-to-end model of one box: x1, y1, x2 are the means of the three planes, y2 is 200."""
    tail = numpy_helper.from_array(np.array([[[200, 0.9, 1]]], dtype=np.float32))
    axis = numpy_helper.from_array(np.array([1], dtype=np.int64))
    nodes = [
        helper.make_node("Constant", [], ["axis"], value=axis),
        helper.make_node("ReduceMean", ["images"], ["means"], axes=[2, 3], keepdims=0),
        helper.make_node("Unsqueeze", ["means", "axis"], ["rows"]),
        helper.make_node("Constant", [], ["tail"], value=tail),
        helper.make_node("Concat", ["rows", "tail"], ["boxes"], axis=2),
    ]
    result = helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, 1, 6])
    return save(path, nodes, {"images": (TensorProto.FLOAT, [1, 3, height, width])}, [result])


def save(path: Path, nodes: list[Any], inputs: Inputs, results: list[Any]) -> Path:
    """Write the graph in versions that ONNX Runtime 1.23 reads."""
    infos = [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()]
    graph = helper.make_graph(nodes, "small", infos, results)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


def manifest_of(model: Path, head: dict[str, Any], **changes: Any) -> Manifest:
    """Write the manifest beside the model and load it; `changes` replace or add keys, None removes one."""
    document: dict[str, Any] = {
        "name": "small",
        "version": "1",
        "licence": "Apache-2.0",
        "file": model.name,
        "input": {"height": HEIGHT, "width": WIDTH},
        "head": head,
        "labels": LABELS,
    } | changes
    path = model.with_suffix(".yaml")
    path.write_text(yaml.safe_dump({key: value for key, value in document.items() if value is not None}))
    return load_manifest(path)


def yolox(sightings: list[Sighting], *, decoded: bool = False) -> Outputs:
    """Encode each sighting into the cell of its centre, in the grid of stride 16, or the next free one."""
    cells = [(HEIGHT // stride) * (WIDTH // stride) for stride in STRIDES]
    table = np.zeros((1, sum(cells), 5 + len(LABELS)), dtype=np.float32)
    columns = WIDTH // 16
    for box, score, number in sightings:
        x, y, width, height = centre(box)
        cell = int(y / 16) * columns + int(x / 16)
        row = cells[0] + cell
        if table[0, row, 4] > 0:
            row, cell = row + 1, cell + 1
        in_cell = x / 16 - cell % columns, y / 16 - cell // columns, np.log(width / 16), np.log(height / 16)
        table[0, row, :4] = centre(box) if decoded else in_cell
        table[0, row, 4], table[0, row, 5 + number] = 0.95, score / 0.95
    return {"output": table}


def yolox_decoded(sightings: list[Sighting]) -> Outputs:
    """Encode centre and size in pixels, as exports with decode_in_inference do."""
    return yolox(sightings, decoded=True)


def nanodet(sightings: list[Sighting]) -> Outputs:
    """Encode each sighting at the cell of its centre, in the grid of stride 16, with 8 bins."""
    strides = (8, 16, 32, 64)
    rows = [-(-HEIGHT // stride) * -(-WIDTH // stride) for stride in strides]
    classes = len(LABELS)
    table = np.zeros((1, sum(rows), classes + 32), dtype=np.float32)
    columns = WIDTH // 16
    for (x1, y1, x2, y2), score, number in sightings:
        column, line = int((x1 + x2) / 32), int((y1 + y2) / 32)
        row = rows[0] + line * columns + column
        table[0, row, number] = score
        distances = (column - x1 / 16, line - y1 / 16, x2 / 16 - column, y2 / 16 - line)
        for side, distance in enumerate(distances):
            low = int(distance)
            weights = np.full(8, 1e-12)
            weights[low], weights[low + 1] = 1 - (distance - low) + 1e-12, distance - low + 1e-12
            table[0, row, classes + 8 * side : classes + 8 * (side + 1)] = np.log(weights)
    return {"output": table}


def ultralytics(sightings: list[Sighting]) -> Outputs:
    """Encode one column per sighting, among columns of nothing."""
    table = np.zeros((1, 4 + len(LABELS), 40), dtype=np.float32)
    for column, (box, score, number) in enumerate(sightings, start=7):
        table[0, :4, column] = centre(box)
        table[0, 4 + number, column] = score
    return {"output0": table}


def end_to_end(sightings: list[Sighting]) -> Outputs:
    """Encode one row per sighting, padded with zeros."""
    table = np.zeros((1, 10, 6), dtype=np.float32)
    for row, (box, score, number) in enumerate(sightings):
        table[0, row] = *box, score, number
    return {"output0": table}


def detr(sightings: list[Sighting], *, softmax: bool = False) -> Outputs:
    """Encode shares of the input and logits whose sigmoid (or softmax with "no object" last) is the score."""
    boxes = np.zeros((1, 10, 4), dtype=np.float32)
    logits = np.full((1, 10, len(LABELS) + softmax), -20, dtype=np.float32)
    if softmax:
        logits[0, :, -1] = 0
    for query, (box, score, number) in enumerate(sightings):
        boxes[0, query] = np.array(centre(box)) / (WIDTH, HEIGHT, WIDTH, HEIGHT)
        logits[0, query, number] = np.log(score / (1 - score))
    return {"pred_logits": logits, "pred_boxes": boxes}


def detr_softmax(sightings: list[Sighting]) -> Outputs:
    """Encode as the first DETR does."""
    return detr(sightings, softmax=True)


def detr_decoded(sightings: list[Sighting]) -> Outputs:
    """Encode what DEIMv2's postprocessor puts out."""
    labels, scores = np.zeros((1, 10), dtype=np.int64), np.zeros((1, 10), dtype=np.float32)
    boxes = np.zeros((1, 10, 4), dtype=np.float32)
    for query, (box, score, number) in enumerate(sightings):
        labels[0, query], boxes[0, query], scores[0, query] = number, box, score
    return {"labels": labels, "boxes": boxes, "scores": scores}


def centre(box: Box) -> Box:
    """Return centre x, centre y, width, height."""
    x1, y1, x2, y2 = box
    return (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1


HEADS: dict[str, tuple[Callable[[list[Sighting]], Outputs], dict[str, Any]]] = {
    "yolox": (yolox, {"kind": "yolox"}),
    "yolox_decoded": (yolox_decoded, {"kind": "yolox", "decoded": True}),
    "nanodet": (nanodet, {"kind": "nanodet"}),
    "ultralytics": (ultralytics, {"kind": "ultralytics"}),
    "end_to_end": (end_to_end, {"kind": "end_to_end"}),
    "detr": (detr, {"kind": "detr"}),
    "detr_softmax": (detr_softmax, {"kind": "detr", "activation": "softmax"}),
    "detr_decoded": (detr_decoded, {"kind": "detr_decoded"}),
}


def inputs_of(kind: str) -> Inputs:
    """Return the inputs that a model with this head has."""
    picture: Inputs = {"images": (TensorProto.FLOAT, [1, 3, HEIGHT, WIDTH])}
    size: Inputs = {"orig_target_sizes": (TensorProto.INT64, [1, 2])}
    return picture | size if kind == "detr_decoded" else picture
