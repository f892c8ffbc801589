"""Writes the second look as ONNX, and how far its answers are from PyTorch's.

    python -m models.training.export_names --run DIR/runs/names-1 --out DIR/names-1.onnx

Input `crops` (n, 3, side, side) as naming.py makes it, output `logits` (n, classes), in the order of
crops.CLASSES. Weights are stored in half precision, which halves the file; they are single again when it is opened.
With --manifest the YAML that the product reads is written beside it.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
import onnx
import onnx.numpy_helper
import onnxruntime
import torch

from models.training.crops import CLASSES
from models.training.naming import SIDE, VARIANT, build

OPSET = 17  # read by ONNX Runtime 1.23 and OpenCV 4.10
DIFFERENCE_MAX = 0.05  # of half precision weights, in logits
LARGE = 256
VERSION = "0.4"

MANIFEST = """\
name: {name}
version: "{version}"
licence: Apache-2.0
file: {name}.onnx         # relative to this manifest
sha256: {digest}
input: {{name: crops, height: {side}, width: {side}, colours: rgb, mean: [127, 127, 127], deviation: [128, 128, 128], \
fit: centred, pad: 114}}
around: [0.05, 0.2]
mirrored: true
labels: [{labels}]
macs_millions: {count}             # multiply-accumulates of one picture
"""


def main() -> None:
    """Exports the average weights of a run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--mean", type=Path, help="another run: the mean of the weights of both is exported")
    parser.add_argument("--manifest", action="store_true", help="write NAME.yaml beside NAME.onnx")
    options = parser.parse_args()
    torch.set_num_threads(1)
    kept = torch.load(options.run / "checkpoint.pth", weights_only=False)
    side = kept.get("side", SIDE)
    network = build(kept.get("variant", VARIANT), pretrained=False)
    network.load_state_dict(kept["average"])
    if options.mean is not None:
        other = torch.load(options.mean / "checkpoint.pth", weights_only=False)["average"]
        with torch.no_grad():
            for name, value in network.state_dict().items():
                if value.dtype.is_floating_point:
                    value.lerp_(other[name], 0.5)
    network = network.to(memory_format=torch.contiguous_format).eval()
    example = torch.randn(2, 3, side, side)
    torch.onnx.export(
        network,
        (example,),
        str(options.out),
        input_names=["crops"],
        output_names=["logits"],
        opset_version=OPSET,
        dynamic_axes={"crops": {0: "n"}, "logits": {0: "n"}},
        dynamo=False,
    )
    halve(options.out)
    session = onnxruntime.InferenceSession(str(options.out), providers=["CPUExecutionProvider"])
    with torch.no_grad():
        difference = float(np.abs(session.run(None, {"crops": example.numpy()})[0] - network(example).numpy()).max())
    assert difference < DIFFERENCE_MAX, f"ONNX differs from PyTorch by {difference}"
    if options.manifest:
        digest = hashlib.sha256(options.out.read_bytes()).hexdigest()
        labels = ", ".join(CLASSES)
        text = MANIFEST.format(
            name=options.out.stem,
            version=VERSION,
            digest=digest,
            side=side,
            labels=labels,
            count=millions(network, example[:1]),
        )
        options.out.with_suffix(".yaml").write_text(text)
    print(f"step {kept['step']}, {options.out.stat().st_size / 1e6:.1f} MB, differs by {difference:.1e}")


def millions(network: torch.nn.Module, example: torch.Tensor) -> int:
    """Multiply-accumulates of the convolutions over an example, in millions."""
    counts = []

    def count(layer: torch.nn.Conv2d, _: object, output: torch.Tensor) -> None:
        counts.append(output.numel() * layer.weight[0].numel())

    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    with torch.no_grad():
        network(example)
    for hook in hooks:
        hook.remove()
    return round(sum(counts) / 1e6)


def halve(path: Path) -> None:
    """Stores the large weights as half precision numbers, cast to single ones by the graph."""
    model = onnx.load(str(path))
    graph = model.graph
    casts = []
    for tensor in list(graph.initializer):
        if tensor.data_type != onnx.TensorProto.FLOAT or np.prod(tensor.dims) < LARGE:
            continue
        name, values = tensor.name, onnx.numpy_helper.to_array(tensor)
        tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


if __name__ == "__main__":
    main()
