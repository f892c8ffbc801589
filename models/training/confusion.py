"""Writes the confusion matrix of the test vehicles into the manifest of a second look, so that counts can have
intervals.

    python -m models.training.confusion --judges DIR/judges --manifest models/vehicle-names.yaml

Of the real judges (measure_names.py), never learned from: per true class, how many vehicles are told as what, by the
second look joined with the detector's name, and as `unclassified` where that is less sure than the product's default.
The block names the model by its SHA-256; of another model it is passed over.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import cv2

from edge.config.schema import Counting
from edge.counting.detection import CLASSES as OURS
from edge.counting.detection import UNCLASSIFIED
from edge.counting.naming import likeliest_class, probabilities
from edge.vision.naming import load_naming
from models.training.crops import CLASSES
from models.training.measure_names import read, second_look

SETS = ("streets_named", "lta_judge", "truth")
BEGINS = "judged:"


def main() -> None:
    """Measures, and writes the block at the end of the manifest in place of the one before."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--judges", type=Path, required=True)
    parser.add_argument("--manifest", type=Path, required=True)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    manifest = load_naming(options.manifest)
    counts: Counter[tuple[str, str]] = Counter()
    for name in SETS:
        vehicles = read(options.judges / f"{name}.jsonl")
        logs = second_look(manifest.model_path, vehicles, list(manifest.around))
        for one, row in zip(vehicles, logs.tolist(), strict=True):
            if one["word"] in OURS:
                counts[one["word"], told(one["said"], row)] += 1
    lines = [
        f"{BEGINS}   # vehicles that judge: true class, and how many of them are told as what",
        f"  sha256: {manifest.sha256}",
        "  told:",
    ]
    for true in OURS:
        row = {label: counts[true, label] for label in (*OURS, UNCLASSIFIED) if counts[true, label]}
        if row:
            lines.append(f"    {true}: {{{', '.join(f'{label}: {number}' for label, number in row.items())}}}")
    text = options.manifest.read_text().split(f"\n{BEGINS}")[0].rstrip("\n")
    options.manifest.write_text(text + "\n" + "\n".join(lines) + "\n")


def told(said: str, logs: list[float]) -> str:
    """The class that the product reports for a vehicle that the detector calls `said`."""
    label, share = likeliest_class(probabilities([float(said == label) for label in CLASSES], 1, logs))
    return label if share >= Counting().class_share_min else UNCLASSIFIED


if __name__ == "__main__":
    main()
