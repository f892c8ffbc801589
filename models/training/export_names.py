"""Writes the second look as ONNX, and how far its answers are from PyTorch's.

    python -m models.training.export_names --run DIR/runs/names-1 --out DIR/names-1.onnx

Input `crops` (n, 3, 96, 96) as naming.py makes it, output `logits` (n, classes), in the order of crops.CLASSES.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch

from models.training.naming import SIDE, build

OPSET = 17  # read by ONNX Runtime 1.23 and OpenCV 4.10
DIFFERENCE_MAX = 1e-3


def main() -> None:
    """Exports the average weights of a run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    network = build(pretrained=False)
    kept = torch.load(options.run / "checkpoint.pth", weights_only=False)
    network.load_state_dict(kept["average"])
    network = network.to(memory_format=torch.contiguous_format).eval()
    example = torch.randn(2, 3, SIDE, SIDE)
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
    onnx.checker.check_model(onnx.load(str(options.out)))
    session = onnxruntime.InferenceSession(str(options.out), providers=["CPUExecutionProvider"])
    with torch.no_grad():
        difference = float(np.abs(session.run(None, {"crops": example.numpy()})[0] - network(example).numpy()).max())
    assert difference < DIFFERENCE_MAX, f"ONNX differs from PyTorch by {difference}"
    print(f"step {kept['step']}, {options.out.stat().st_size / 1e6:.1f} MB, differs by {difference:.1e}")


if __name__ == "__main__":
    main()
