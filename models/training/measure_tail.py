"""Measures how often vehicles of other classes are classified as a rare one, for the manifest of a second look.

    python -m models.training.measure_tail --judges DIR/judges --naming models/vehicle-names.onnx [--classes bus]

Over all sets of judges.py, named as the product names (`edge/counting/naming.py`: the detector's name for its vote, the
second look from up to four pictures), it prints `tail` of the manifest: for each class how many vehicles of other
classes were judged, and how many of them are called so with at least each probability. `edge/device/alert_rules.py`
says what that promises.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import cv2

from edge.counting.naming import likeliest_class, probabilities
from edge.counting.parameters import DEFAULT
from models.training.crops import CLASSES
from models.training.measure_names import AROUND, SETS, read, second_look

SHARES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)


def main() -> None:
    """Prints YAML."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--judges", type=Path, required=True)
    parser.add_argument("--naming", type=Path, required=True)
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--classes", nargs="*", default=["bus"])
    options = parser.parse_args()
    cv2.setNumThreads(1)
    others: dict[str, list[float]] = {label: [] for label in options.classes}
    for name in options.sets:
        listing = options.judges / f"{name}.jsonl"
        if not listing.exists():
            continue
        vehicles = read(listing)
        logs = second_look(options.naming, vehicles, list(AROUND))
        for one, row in zip(vehicles, logs.tolist(), strict=True):
            looks = min(len(one["pictures"]), DEFAULT.naming.looks_max)
            found = probabilities(
                [float(one["said"] == label) for label in CLASSES], looks, [looks * value for value in row]
            )
            called, share = likeliest_class(found)
            for label in options.classes:
                if one["word"] != label and one["word"] in CLASSES:
                    others[label].append(share if called == label else 0.0)
    sha256 = hashlib.sha256(options.naming.read_bytes()).hexdigest()
    print(f'tail_of: "{sha256[:12]}"           # of the sha256 of the model with which it was measured')
    print("tail:")
    for label, shares in others.items():
        above = [[share, sum(one >= share for one in shares)] for share in SHARES]
        print(f"  {label}: {{judged: {len(shares)}, above: {json.dumps(above)}}}")


if __name__ == "__main__":
    main()
