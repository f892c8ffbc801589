"""Measures how well detectors find the vehicles of test pictures, side by side.

    B=../shared/models/yolox_nano_coco_unit_norm.pth
    python -m models.training.measure --work DIR --weights $B DIR/checkpoints/NAME.pth

AP50 per class over the pictures of held-out cameras, AP50 of `vehicle` (all classes as one), recall and
precision of `vehicle` at a score of 0.1 or more, and its recall where the score is chosen for a precision
of 0.7 (two networks need not mean the same by a score). `named` is the share of found vehicles that are
called by their class, averaged over the classes. Boxes of unknown class and ignored regions count for no
class either way, and a car or van counts as a car; as `vehicle` a box of unknown class counts. The set
`clips` is labelled by the teacher: it shows agreement with it, not truth, and YOLOX's COCO weights had a
part in that teacher.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from models.training.augment import PAD, Floats, Image
from models.training.labels import allowed
from models.training.network import YoloxNano, decode, load_network
from models.training.outputs import LABELS
from models.training.pictures import read_picture
from models.training.stills import stills_of
from models.training.teacher import overlap

LOWEST_SCORE = 0.01
COUNTED_SCORE = 0.1
SUPPRESSED_OVERLAP = 0.6
MATCHING_OVERLAP = 0.5
VEHICLE = "vehicle"
CAR_OR_VAN = (0, 5)
LABELLED = {"atl_car_truck_bus_bike", "manaus_traffic_v5", "topview_vehicle"}  # whose boxes people drew, most of them


@dataclass(slots=True)
class Tally:
    """Detections of one class over many pictures: scores, which were right, how many there were to find."""

    scores: list[float]
    right: list[bool]
    there: int = 0
    found: int = 0  # of them, by a box of any class at the counted score
    named: int = 0  # and of these, by a box whose class is right

    def average_precision(self) -> float:
        """Area under the precision-recall curve, precision made falling; nan with nothing to find."""
        if not self.there:
            return float("nan")
        order = np.argsort(-np.array(self.scores), kind="stable")
        right = np.array(self.right, float)[order]
        found = right.cumsum()
        precision = found / np.arange(1, len(found) + 1)
        precision = np.maximum.accumulate(precision[::-1])[::-1]
        return float((precision * right).sum() / self.there)

    def at(self, score: float) -> tuple[float, float]:
        """Recall and precision of what scores at least so much."""
        chosen = np.array(self.scores) >= score
        found = int(np.array(self.right, bool)[chosen].sum())
        return found / max(self.there, 1), found / max(int(chosen.sum()), 1)

    def recall_at(self, precision: float) -> float:
        """The largest recall of any score threshold that gives at least this precision."""
        order = np.argsort(-np.array(self.scores), kind="stable")
        found = np.array(self.right, float)[order].cumsum()
        good = found / np.arange(1, len(found) + 1) >= precision
        return float(found[good].max(initial=0.0)) / max(self.there, 1)


def main() -> None:
    """Measures every file of weights on the same pictures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--weights", type=Path, nargs="+", required=True)
    parser.add_argument("--size", default="384x640", help="height x width")
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--stills", type=Path, help="folder of rendered stills: their held-out part is a set of its own"
    )
    options = parser.parse_args()
    height, width = (int(side) for side in options.size.split("x"))
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    pictures = json.loads((options.work / "labels.json").read_text())
    pictures = [picture for picture in pictures if picture["part"] == "held_out"]
    if options.stills:
        pictures += [still for still in stills_of(options.stills) if still["part"] == "held_out"]
    results: dict[str, dict[str, dict[str, float]]] = {}
    for path in options.weights:
        results[path.stem] = measure(load_network(path), pictures, height, width)
    if options.json:
        print(json.dumps(results))
    else:
        table(results, pictures)


def table(results: dict[str, dict[str, dict[str, float]]], pictures: list[dict[str, Any]]) -> None:
    """One line per set and file of weights."""
    columns = (*LABELS, "mean", VEHICLE, "recall", "precision", "recall@.7", "named")
    print(f"{'set':<24}{'weights':<28}" + "".join(f"{name:>11}" for name in columns))
    for name in next(iter(results.values())):
        count = sum(picture["set"] == name for picture in pictures)
        for weights, figures in results.items():
            cells = "".join(f"{figures[name][column]:>11.3f}" for column in columns)
            print(f"{f'{name} ({count})' if count else name:<24.23}{weights:<28.27}{cells}")


def measure(network: YoloxNano, pictures: list[dict[str, Any]], height: int, width: int) -> dict[str, dict[str, float]]:
    """Figures per set, and `labelled`: all sets whose boxes were drawn by people."""
    names = sorted({picture["set"] for picture in pictures})
    tallies = {name: {kind: Tally([], []) for kind in (*LABELS, VEHICLE)} for name in (*names, "labelled")}
    for picture in pictures:
        for box in picture["boxes"]:
            if allowed(int(box[4])) == CAR_OR_VAN:
                box[4] = CAR_OR_VAN[0]
        found = detect(network, read_picture(picture["path"]), height, width)
        groups = [picture["set"]] + (["labelled"] if picture["set"] in LABELLED else [])
        truth = np.array(picture["boxes"], np.float32).reshape(-1, 5)
        ignore = np.array(picture["ignore"], np.float32).reshape(-1, 4)
        unknown = truth[truth[:, 4] < 0, :4]
        for number, label in enumerate(LABELS):
            own = truth[truth[:, 4] == number, :4]
            for group in groups:
                judge(
                    found[found[:, 5] == number],
                    own,
                    np.concatenate((ignore, unknown)),
                    tallies[group][label],
                )
        together = suppress(found)
        for group in groups:
            name_found(together[together[:, 4] >= COUNTED_SCORE], truth, tallies[group])
        for group in groups:
            judge(together, truth[:, :4], ignore, tallies[group][VEHICLE])
    return {name: figures(kinds) for name, kinds in tallies.items()}


def name_found(found: Floats, truth: Floats, tallies: dict[str, Tally]) -> None:
    """Counts which vehicles were found, whatever they were called, and which were called by their class."""
    if not len(found):
        return
    for box, agreement in zip(truth, overlap(truth[:, :4], found[:, :4]), strict=True):
        if box[4] >= 0 and agreement.max() >= MATCHING_OVERLAP:
            tally = tallies[LABELS[int(box[4])]]
            tally.found += 1
            tally.named += bool(found[agreement.argmax(), 5] == box[4])


def figures(kinds: dict[str, Tally]) -> dict[str, float]:
    """AP50 of each class, their mean, and recalls and precision of `vehicle`."""
    out = {kind: tally.average_precision() for kind, tally in kinds.items()}
    known = [out[label] for label in LABELS if kinds[label].there]
    out["mean"] = float(np.mean(known)) if known else float("nan")
    out["recall"], out["precision"] = kinds[VEHICLE].at(COUNTED_SCORE)
    shares = [kinds[label].named / kinds[label].found for label in LABELS if kinds[label].found]
    out["named"] = float(np.mean(shares)) if shares else float("nan")
    out["recall@.7"] = kinds[VEHICLE].recall_at(0.7)
    return out


def detect(network: YoloxNano, image: Image, height: int, width: int) -> Floats:
    """Rows (x1, y1, x2, y2, score, class) in pixels of the picture, best first, suppressed class by class."""
    ratio = min(height / image.shape[0], width / image.shape[1])
    size = (round(image.shape[1] * ratio), round(image.shape[0] * ratio))
    padded = np.full((height, width, 3), PAD, np.uint8)
    padded[: size[1], : size[0]] = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    pixels = torch.from_numpy(padded.transpose(2, 0, 1)[None].astype(np.float32))
    with torch.no_grad():
        raw = network(pixels)
        boxes = decode(raw, height, width)[0].numpy() / ratio
        scores = (raw[0, :, 4:5].sigmoid() * raw[0, :, 5:].sigmoid()).numpy()
    corners = np.concatenate((boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2), 1)
    corners = corners.clip(0, [image.shape[1], image.shape[0]] * 2)
    rows = []
    for number in range(len(LABELS)):
        chosen = scores[:, number] >= LOWEST_SCORE
        own = np.column_stack((corners[chosen], scores[chosen, number], np.full(chosen.sum(), number)))
        rows.append(suppress(own.astype(np.float32)))
    every = np.concatenate(rows)
    return every[np.argsort(-every[:, 4])]


def suppress(rows: Floats) -> Floats:
    """Best first, without what overlaps a better one."""
    rows = rows[np.argsort(-rows[:, 4])]
    overlaps = overlap(rows[:, :4], rows[:, :4])
    dropped = np.zeros(len(rows), bool)
    for number in range(len(rows)):
        if not dropped[number]:
            dropped[number + 1 :] |= overlaps[number, number + 1 :] > SUPPRESSED_OVERLAP
    return rows[~dropped]


def judge(found: Floats, truth: Floats, ignore: Floats, tally: Tally) -> None:
    """Best first, each box of the truth once; boxes mostly in an ignored region do not count."""
    tally.there += len(truth)
    agreement = overlap(found[:, :4], truth)
    free = np.ones(len(truth), bool)
    for number, row in enumerate(found):
        if free.any():
            best = int(np.where(free, agreement[number], -1).argmax())
            if agreement[number, best] >= MATCHING_OVERLAP:
                free[best] = False
                tally.scores.append(float(row[4]))
                tally.right.append(True)
                continue
        if len(ignore):
            low, high = np.maximum(row[:2], ignore[:, :2]), np.minimum(row[2:4], ignore[:, 2:])
            shared = np.clip(high - low, 0, None).prod(1)
            if (shared >= 0.5 * max(float((row[2:4] - row[:2]).prod()), 1e-6)).any():
                continue
        tally.scores.append(float(row[4]))
        tally.right.append(False)


if __name__ == "__main__":
    main()
