"""Writes a checkpoint as the ONNX file and manifest that the product loads.

    python -m models.training.export --weights DIR/NAME.pth --out models/vehicle-nano.onnx --manifest
    python -m models.training.export --weights ... --out DIR/vehicle-nano-416.onnx --size 416x416
    python -m models.training.export --count models/vehicle-nano.onnx

The normalisations are folded into the filters, the graph is compared with PyTorch, and the
multiply-accumulates are counted from the graph. Any checkpoint can be exported while training goes on.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from models.training.network import ConvNormAct, ForExport, YoloxNano, load_network
from models.training.outputs import LABELS

LARGEST_DIFFERENCE = 1e-3  # of any output, between PyTorch and ONNX Runtime
VERSION = "0.2"

MANIFEST = """\
name: {name}
version: "{version}"
licence: Apache-2.0
file: {name}.onnx          # relative to this manifest
sha256: {digest}
input: {{name: images, height: {height}, width: {width}, colours: bgr, scale: 1.0, \
mean: [0, 0, 0], deviation: [1, 1, 1], fit: letterbox, pad: 114}}
head: {{kind: yolox, strides: [8, 16, 32]}}
labels: [{labels}]
classes: {{{classes}}}
macs_millions: {count}               # multiply-accumulates of one picture
"""


def main() -> None:
    """Exports a checkpoint, or counts a file's work."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--size", default="384x640", help="height x width")
    parser.add_argument("--manifest", action="store_true", help="write NAME.yaml beside NAME.onnx")
    parser.add_argument("--count", type=Path, help="only count the multiply-accumulates of this file")
    options = parser.parse_args()
    if options.count:
        print(f"{options.count.name}: {millions(options.count)} million multiply-accumulates")
        return
    if not options.weights or not options.out:
        parser.error("--weights and --out are needed")
    height, width = (int(side) for side in options.size.split("x"))
    torch.set_num_threads(1)
    network = load_network(options.weights)
    difference = export(network, options.out, height, width)
    count = millions(options.out)
    print(f"{options.out.name}: largest difference {difference:.1e}, {count} million multiply-accumulates")
    if options.manifest:
        manifest(options.out, height, width)


def export(network: YoloxNano, out: Path, height: int, width: int) -> float:
    """Writes the file whole or not at all; returns the largest difference from PyTorch on random pixels."""
    folded = ForExport(fold(network)).eval()
    pixels = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0)) * 255.0
    unfinished = out.with_suffix(".part")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            folded,
            (pixels,),
            str(unfinished),
            input_names=["images"],
            output_names=["output"],
            opset_version=13,
            dynamo=False,
        )
    with torch.no_grad():
        expected = ForExport(network).eval()(pixels).numpy()
    found = ort.InferenceSession(str(unfinished)).run(None, {"images": pixels.numpy()})[0]
    difference = float(np.abs(expected - found).max())
    assert found.shape == expected.shape, f"the output must be {expected.shape}, it is {found.shape}"
    assert difference <= LARGEST_DIFFERENCE, f"the exported graph must agree with PyTorch, it differs by {difference}"
    unfinished.replace(out)
    return difference


def fold(network: YoloxNano) -> YoloxNano:
    """A copy whose filters do the normalisation too."""
    folded = copy.deepcopy(network).eval()
    for module in folded.modules():
        if isinstance(module, ConvNormAct):
            module.conv = fuse_conv_bn_eval(module.conv, module.bn)
            module.bn = nn.Identity()  # type: ignore[assignment]
    return folded


def millions(path: Path) -> int:
    """Multiply-accumulates of the convolutions of the graph, in millions."""
    graph = onnx.shape_inference.infer_shapes(onnx.load(str(path))).graph
    weights = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    shapes = {
        value.name: [size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in (*graph.value_info, *graph.output)
    }
    total = 0
    for node in graph.node:
        if node.op_type == "Conv":
            outputs, inputs, rows, columns = weights[node.input[1]]
            _, _, height, width = shapes[node.output[0]]
            total += outputs * inputs * rows * columns * height * width
    return round(total / 1e6)


def manifest(model: Path, height: int, width: int) -> None:
    """Writes what the product must know of the model, and its digest, beside it."""
    text = MANIFEST.format(
        name=model.stem,
        version=VERSION,
        digest=hashlib.sha256(model.read_bytes()).hexdigest(),
        height=height,
        width=width,
        labels=", ".join(LABELS),
        classes=", ".join(f"{label}: {label}" for label in LABELS),
        count=millions(model),
    )
    model.with_suffix(".yaml").write_text(text)


if __name__ == "__main__":
    main()
