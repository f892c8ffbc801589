"""The classes of found vehicles with greater weights for trucks and buses, on test pictures.

    python -m models.training.weigh --work DIR --manifest models/vehicle-nano.yaml

A detector that saw twenty cars for every truck calls a truck a car when in doubt. The manifest's `class_weights` say
what the scores of a class are multiplied by when classes are compared (logit adjustment, Menon et al. 2021). Printed
per weight of truck and bus: the share of found vehicles called by their class, for each class and averaged, over the
held-out pictures whose boxes were drawn by people.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge.vision.detector import OnnxDetector
from edge.vision.frame import Frame
from edge.vision.manifest import load_manifest
from models.training.measure import LABELLED
from models.training.outputs import LABELS
from models.training.pictures import read_picture
from models.training.teacher import overlap

WEIGHTS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 10.0)
SCORE_MIN = 0.2  # as the product counts
MATCHING_OVERLAP = 0.5


def main() -> None:
    """Runs the model once per weight and prints a line each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--manifest", type=Path, default=Path("models/vehicle-nano.yaml"))
    options = parser.parse_args()
    manifest = load_manifest(options.manifest)
    pictures = json.loads((options.work / "labels.json").read_text())
    pictures = [p for p in pictures if p["part"] == "held_out" and p["set"] in LABELLED]
    called = {weight: np.zeros((len(LABELS), len(LABELS)), int) for weight in WEIGHTS}
    detectors = {
        weight: OnnxDetector(replace(manifest, class_weights={"truck": weight, "bus": weight}), score_min=SCORE_MIN)
        for weight in WEIGHTS
    }
    first = detectors[WEIGHTS[0]]
    for picture in pictures:
        frame = Frame(0, read_picture(picture["path"]))
        outputs = first.infer(first.prepare(frame.image))
        truth = np.array(picture["boxes"], np.float32).reshape(-1, 5)
        for weight, detector in detectors.items():
            detector.prepare(frame.image)  # places the picture, so that boxes come back in its pixels
            found = detector.interpret(outputs, frame.image.shape)
            if not found:
                continue
            boxes = np.array([(d.x1, d.y1, d.x2, d.y2) for d in found], np.float32)
            for box, shared in zip(truth, overlap(truth[:, :4], boxes), strict=True):
                if box[4] >= 0 and shared.max() >= MATCHING_OVERLAP:
                    called[weight][int(box[4]), LABELS.index(found[int(shared.argmax())].label)] += 1
    print(f"{'weight':>6}" + "".join(f"{label:>12}" for label in LABELS) + f"{'mean':>12}{'all':>12}")
    for weight, table in called.items():
        shares = table.diagonal() / np.maximum(table.sum(axis=1), 1)
        seen = shares[table.sum(axis=1) > 0]
        print(
            f"{weight:>6.1f}"
            + "".join(f"{share:>12.3f}" for share in shares)
            + f"{seen.mean():>12.3f}{table.diagonal().sum() / max(table.sum(), 1):>12.3f}"
        )
    print("found", {label: int(row.sum()) for label, row in zip(LABELS, called[WEIGHTS[0]], strict=True)})


if __name__ == "__main__":
    main()
