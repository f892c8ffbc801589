"""Runs a larger detector on every picture: boxes with a fused score and the votes for each class.

    python -m models.training.teacher --shared ../shared --work DIR [--shard 0/2]

DEIMv2 Femto looks at the whole picture and at four overlapping quarters enlarged, each also mirrored;
YOLOX-Nano at 384x640 looks at the same five views and can only support what Femto saw. Boxes of all views
that overlap are one object. Its score is the mean of the best view and of the average over all views in
which it lies whole, raised by YOLOX's agreement. Writes DIR/teacher-*.json, one list of objects per
picture, every hundred pictures; the same command goes on from there.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from models.training.outputs import COCO_ROWS, STRIDES
from models.training.pictures import read_picture

QUARTER = 0.6  # share of the side that one enlarged part covers
KEPT_SCORE = 0.05
EDGE_PX = 3.0  # a box that touches the inner edge of a part is cut off there: not believed

Floats = NDArray[np.float32]


def main() -> None:
    """Looks at every listed picture; at the evaluation set too, to find what it does not label."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--shard", default="0/1", help="k/n: every n-th picture from the k-th")
    parser.add_argument("--only", default="", help="a single set")
    parser.add_argument("--part", default="", choices=("", "train", "held_out"), help="only these pictures")
    parser.add_argument(
        "--quick", action="store_true", help="the whole picture alone, mirrored too: a fifth of the time"
    )
    options = parser.parse_args()
    shard, shards = (int(number) for number in options.shard.split("/"))
    cv2.setNumThreads(1)
    teacher = Teacher(options.shared / "models")
    pictures = json.loads((options.work / "pictures.json").read_text())
    pictures = [picture for picture in pictures if options.only in ("", picture["set"])]
    pictures = [picture for picture in pictures if options.part in ("", picture["part"])][shard::shards]
    out = options.work / f"teacher-{options.only}{options.part}{shard}.json"
    seen: dict[str, list[dict[str, Any]]] = json.loads(out.read_text()) if out.exists() else {}
    pictures = [picture for picture in pictures if picture["path"] not in seen]
    random.Random(0).shuffle(pictures)  # of all sets, however early it ends
    started = time.monotonic()
    for number, picture in enumerate(pictures, 1):
        seen[picture["path"]] = teacher.look(read_picture(picture["path"]), quick=options.quick)
        if number % 100 == 0 or number == len(pictures):
            print(f"{number}/{len(pictures)} {(time.monotonic() - started) / number:.2f} s each", flush=True)
            out.with_suffix(".part").write_text(json.dumps(seen))
            out.with_suffix(".part").replace(out)


class Teacher:
    """The two detectors and the views they are given."""

    def __init__(self, models: Path) -> None:
        one_thread = ort.SessionOptions()
        one_thread.intra_op_num_threads = 1
        self._femto = ort.InferenceSession(str(models / "deimv2_femto_coco_416x416.onnx"), one_thread)
        self._nano = ort.InferenceSession(str(models / "yolox_nano_coco_384x640.onnx"), one_thread)

    def look(self, image: NDArray[np.uint8], *, quick: bool = False) -> list[dict[str, Any]]:
        """Objects as {"box": [x1, y1, x2, y2] in pixels, "score", "votes": per class, "support": views}."""
        height, width = image.shape[:2]
        views = [(0, 0, width, height)]
        w, h = int(width * QUARTER), int(height * QUARTER)
        if not quick:
            views += [(x, y, x + w, y + h) for x in (0, width - w) for y in (0, height - h)]
        found: list[tuple[Floats, int, int]] = []
        support: list[tuple[Floats, int, int]] = []
        for number, view in enumerate(views):
            part = image[view[1] : view[3], view[0] : view[2]]
            for mirrored in (False, True):
                rows = self._femto_rows(part[:, ::-1] if mirrored else part)
                if mirrored:
                    rows[:, [0, 2]] = part.shape[1] - rows[:, [2, 0]]
                found += [(row, number, 2 * number + mirrored) for row in whole(rows, view, width, height)]
            support += [(row, number, -1) for row in whole(self._nano_rows(part), view, width, height)]
        return fuse(found, support, views)

    def _femto_rows(self, image: NDArray[np.uint8]) -> Floats:
        height, width = image.shape[:2]
        pixels = cv2.resize(image, (416, 416), interpolation=cv2.INTER_LINEAR)[:, :, ::-1]
        pixels = pixels.transpose(2, 0, 1)[None].astype(np.float32) / 255.0
        size = np.array([[width, height]], np.int64)
        labels, boxes, scores = self._femto.run(None, {"images": pixels, "orig_target_sizes": size})
        return ours(boxes[0], labels[0], scores[0])

    def _nano_rows(self, image: NDArray[np.uint8]) -> Floats:
        ratio = min(384 / image.shape[0], 640 / image.shape[1])
        size = (round(image.shape[1] * ratio), round(image.shape[0] * ratio))
        padded = np.full((384, 640, 3), 114, np.uint8)
        padded[: size[1], : size[0]] = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
        raw = self._nano.run(None, {"images": padded.transpose(2, 0, 1)[None].astype(np.float32)})[0][0]
        start = 0
        boxes = np.empty((len(raw), 4), np.float32)
        for stride in STRIDES:
            rows, columns = 384 // stride, 640 // stride
            y, x = np.divmod(np.arange(rows * columns), columns)
            part = raw[start : start + rows * columns]
            centre = (part[:, :2] + np.stack((x, y), 1)) * stride
            half = np.exp(part[:, 2:4]) * stride / 2
            boxes[start : start + rows * columns] = np.concatenate((centre - half, centre + half), 1) / ratio
            start += rows * columns
        labels = raw[:, 5:].argmax(1)
        return ours(boxes, labels, raw[:, 4] * raw[:, 5:].max(1))


def ours(boxes: Floats, labels: NDArray[np.int64], scores: Floats) -> Floats:
    """Rows (x1, y1, x2, y2, score, class of ours) above the kept score, overlaps of 0.7 suppressed."""
    rows = []
    for ours_number, coco in enumerate(COCO_ROWS):
        chosen = (labels == coco) & (scores >= KEPT_SCORE)
        rows.append(np.column_stack((boxes[chosen], scores[chosen], np.full(chosen.sum(), ours_number))))
    every = np.concatenate(rows).astype(np.float32)
    every = every[np.argsort(-every[:, 4])]
    kept: list[Floats] = []
    for row in every:
        if not kept or overlap(row[None, :4], np.stack(kept)[:, :4]).max() < 0.7:
            kept.append(row)
    return np.stack(kept) if kept else np.zeros((0, 6), np.float32)


def whole(rows: Floats, view: tuple[int, int, int, int], width: int, height: int) -> Floats:
    """The rows in pixels of the picture, without those that an inner edge of the view cuts."""
    limits = np.array([view[2] - view[0], view[3] - view[1]] * 2, np.float32)
    boxes = np.clip(rows[:, :4], 0, limits)
    cut = np.zeros(len(rows), bool)
    cut |= (view[0] > 0) & (boxes[:, 0] < EDGE_PX)
    cut |= (view[1] > 0) & (boxes[:, 1] < EDGE_PX)
    cut |= (view[2] < width) & (boxes[:, 2] > limits[0] - EDGE_PX)
    cut |= (view[3] < height) & (boxes[:, 3] > limits[1] - EDGE_PX)
    moved = boxes + np.array([view[0], view[1]] * 2, np.float32)
    return np.column_stack((moved, rows[:, 4:]))[~cut].astype(np.float32)


def fuse(
    found: list[tuple[Floats, int, int]],
    support: list[tuple[Floats, int, int]],
    views: list[tuple[int, int, int, int]],
) -> list[dict[str, Any]]:
    """Joins the boxes of all views, best first."""
    found = sorted(found, key=lambda item: -item[0][4])
    groups: list[list[tuple[Floats, int, int]]] = []
    for item in found:
        for group in groups:
            if overlap(item[0][None, :4], group[0][0][None, :4])[0, 0] >= 0.55:
                if all(item[2] != other[2] for other in group):
                    group.append(item)
                break
        else:
            groups.append([item])
    objects = []
    helpers = np.stack([row for row, _, _ in support]) if support else np.zeros((0, 6), np.float32)
    for group in groups:
        rows = np.stack([row for row, _, _ in group])
        weights = rows[:, 4]
        box = (rows[:, :4] * weights[:, None]).sum(0) / weights.sum()
        covering = 2 * sum(
            view[0] <= box[0] + 1 and view[1] <= box[1] + 1 and view[2] >= box[2] - 1 and view[3] >= box[3] - 1
            for view in views
        )
        score = 0.5 * float(weights.max()) + 0.5 * min(1.0, float(weights.sum()) / max(covering, len(rows)))
        votes = np.zeros(len(COCO_ROWS))
        np.add.at(votes, rows[:, 5].astype(int), weights)
        if len(helpers):
            near = overlap(box[None], helpers[:, :4])[0] >= 0.5
            if near.any():
                score = 1 - (1 - score) * (1 - 0.4 * float(helpers[near, 4].max()))
                np.add.at(votes, helpers[near, 5].astype(int), 0.5 * helpers[near, 4])
        objects.append(
            {
                "box": [round(float(value), 1) for value in box],
                "score": round(score, 3),
                "votes": [round(float(value), 3) for value in votes / votes.sum()],
                "support": len(rows),
            }
        )
    return objects


def overlap(one: Floats, other: Floats) -> Floats:
    """Intersection over union of every box of `one` with every box of `other`."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:4], other[None, :, 2:4])
    shared = np.clip(high - low, 0, None).prod(2)
    areas = [(boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) for boxes in (one, other)]
    ratio: Floats = shared / (areas[0][:, None] + areas[1][None] - shared + 1e-9)
    return ratio


if __name__ == "__main__":
    main()
