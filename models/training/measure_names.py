"""Measures the accuracy of classes, of the shipped detector and of second looks, on test vehicles.

    python -m models.training.measure_names --judges DIR/judges [--naming DIR/names-1.onnx ...] [--sets truth ...]

Per set of judges.py and per teller: how often the class and the coarse class (light: car and van; truck; bus;
two-wheeled) are right, and recall and precision of each class, with 95% intervals (Wilson 1927). All vehicles are found
ones. Vehicles that people doubted are left out of `truth` and `rendered`, as `crossing-edge evaluate` leaves them out.
Joined with the detector's name (as if it were its whole vote) they are what `edge/counting/naming.py` tells. The second
look sees every picture of a vehicle with little around it, and mirrored with more; the logarithms of its probabilities
are averaged. The size of a vehicle for its place, which the product also knows, is not: most cameras are seen once.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from edge.counting.naming import likeliest_class, probabilities
from edge.offline.scoring import wilson_interval
from models.training.crops import CLASSES, decoded
from models.training.naming import around, fit

COARSE = {"car": "light", "van": "light", "truck": "truck", "bus": "bus", "motorcycle": "two", "bicycle": "two"}
AROUND = (0.05, 0.2)
SETS = ("streets_named", "lta_judge", "truth", "rendered")


def main() -> None:
    """Prints a table per set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--judges", type=Path, required=True)
    parser.add_argument("--naming", type=Path, nargs="*", default=[])
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--around", type=float, nargs="*", default=AROUND)
    parser.add_argument("--json", type=Path, help="what every teller says of every vehicle")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    kept = {}
    for name in options.sets:
        listing = options.judges / f"{name}.jsonl"
        if not listing.exists():
            continue
        vehicles = read(listing)
        tellers = {"detector": [one["said"] for one in vehicles]}
        for path in options.naming:
            logs = second_look(path, vehicles, options.around)
            tellers[path.stem] = [CLASSES[number] for number in logs.argmax(1)]
            votes = [[float(one["said"] == label) for label in CLASSES] for one in vehicles]
            tellers[f"{path.stem} and detector"] = [
                likeliest_class(probabilities(vote, 1, row))[0] for vote, row in zip(votes, logs.tolist(), strict=True)
            ]
            kept[f"{name} {path.stem}"] = [
                {
                    "vehicle": v["vehicle"],
                    "word": v["word"],
                    "said": v["said"],
                    "size": v["size"],
                    "logs": row.round(3).tolist(),
                }
                for v, row in zip(vehicles, logs, strict=True)
            ]
        true = [one["word"] for one in vehicles]
        print(f"## {name}: {len(vehicles)} vehicles, {len({one['camera'] for one in vehicles})} cameras or clips")
        for teller, names in tellers.items():
            print(*lines(teller, true, names), sep="\n")
        print()
    if options.json:
        options.json.write_text(json.dumps(kept))


def read(listing: Path) -> list[dict[str, Any]]:
    """The vehicles of a set, each with its `pictures`: (crop, box in it)."""
    store = listing.with_suffix(".crops").read_bytes()
    vehicles: dict[str, dict[str, Any]] = {}
    for line in listing.read_text().splitlines():
        row = json.loads(line)
        if row["doubtful"] and row["set"] in {"truth", "rendered"}:
            continue
        one = vehicles.setdefault(row["vehicle"], row | {"pictures": []})
        one["pictures"].append((decoded(store[row["at"][0] : sum(row["at"])]), tuple(row["inner"])))
    return list(vehicles.values())


def second_look(path: Path, vehicles: list[dict[str, Any]], shares: list[float]) -> NDArray[np.float64]:
    """(vehicles, classes): the mean of the logarithms of the probabilities over the pictures of each."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    side = session.get_inputs()[0].shape[2]
    means = []
    for one in vehicles:
        inputs = []
        for crop, box in one["pictures"]:
            for number, share in enumerate(shares):
                left, top, right, bottom = around(box, share, crop.shape[1], crop.shape[0])
                inputs.append(fit(crop[top:bottom, left:right][:, :: -1 if number % 2 else 1], side))
        logits = np.asarray(session.run(None, {"crops": np.stack(inputs)})[0], np.float64)
        logits -= logits.max(1, keepdims=True)
        logs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        means.append(logs.mean(0))
    return np.stack(means)


def lines(teller: str, true: list[str], told: list[str]) -> Iterator[str]:
    """The figures of one classifier."""
    count = Counter(zip(true, told, strict=True))
    right = sum(n for (a, b), n in count.items() if a == b)
    coarse = sum(n for (a, b), n in count.items() if COARSE.get(a) == COARSE.get(b))
    total = sum(count.values())
    yield f"{teller}: coarse {share(coarse, total)}, class {share(right, total)}"
    for name in CLASSES:
        of = sum(n for (a, _), n in count.items() if a == name)
        said = sum(n for (_, b), n in count.items() if b == name)
        if of or said:
            hits = count[name, name]
            others = " ".join(f"{b} {n}" for (a, b), n in count.most_common() if a == name and b != name)
            yield f"  {name:<10} recall {share(hits, of)}  precision {share(hits, said)}  else: {others}"


def share(hits: int, of: int) -> str:
    """A share with its interval and its counts."""
    low, high = wilson_interval(hits, of)
    return f"{hits / max(of, 1):.2f} ({low:.2f}-{high:.2f}) {hits:>3} of {of:<3}"


if __name__ == "__main__":
    main()
