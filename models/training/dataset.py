"""An endless stream of training batches, made in a process beside the training."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset

from models.training.augment import PAD, Chance, Floats, Image, place, spoil
from models.training.labels import allowed
from models.training.loss import Target
from models.training.outputs import LABELS
from models.training.pictures import read_picture
from models.training.stills import stills_of

# How often a set is drawn: fixed cameras first, whatever the number of their pictures.
SHARES = {
    "clips": 0.36,
    "topview_vehicle": 0.22,
    "manaus_traffic_v5": 0.18,
    "named": 0.3,
    "toll_km39": 0.15,
    "tfl_jamcams": 0.08,
    "nepali_vehicle": 0.08,
    "vehicles_openimages": 0.1,
    "highway_indonesia": 0.1,
}
RARE = 0.35  # share of the draws that first pick one of the classes below, then a picture that has it
RARE_CLASSES = (1, 1, 2, 2, 5, 5, 3, 4)  # truck, bus and van twice as often as motorcycle and bicycle
# Height, width, pictures in a batch, how often: about the same number of pixels each.
SIZES = ((288, 512, 16, 0.5), (320, 576, 13, 0.2), (384, 640, 10, 0.3))
MOSAIC = 0.5
CALM_FROM = 0.9  # share of the training after which there are no mosaics
STILLS = 0.35  # share of the draws that take a rendered still, where there are any
STILLS_AGAIN_S = 60.0  # stills may still be in the making: look for new ones so often


class Batches(IterableDataset[tuple[Tensor, list[Target]]]):
    """`progress` (0 to 1) is written by the learner and read here; `stills` is a folder of rendered stills, or None."""

    def __init__(self, labels: Path, progress: Synchronized[float], seed: int, stills: Path | None = None) -> None:
        super().__init__()
        self._stills_folder = stills
        self._stills: list[dict[str, Any]] = []
        self._stills_read = -STILLS_AGAIN_S
        pictures = [picture for picture in json.loads(labels.read_text()) if picture["part"] == "train"]
        self._sets = {name: [p for p in pictures if p["set"] == name] for name in SHARES}
        self._by_camera = {name: cameras(listed) for name, listed in self._sets.items()}
        self._with_class = {
            number: [p for p in pictures if any(box[4] == number for box in p["boxes"])] for number in set(RARE_CLASSES)
        }
        self._progress = progress
        self._seed = seed
        self._kept: dict[str, Image] = {}

    def __iter__(self) -> Iterator[tuple[Tensor, list[Target]]]:
        cv2.setNumThreads(1)
        chance = np.random.default_rng(self._seed)
        odds = np.array([size[3] for size in SIZES])
        while True:
            height, width, count, _ = SIZES[int(chance.choice(len(SIZES), p=odds / odds.sum()))]
            self._look_for_stills()
            images, targets = [], []
            for _ in range(count):
                image, boxes, ignore = self.picture(height, width, chance)
                images.append(image)
                targets.append(as_target(boxes, ignore))
            pixels = np.stack(images).transpose(0, 3, 1, 2)
            yield torch.from_numpy(np.ascontiguousarray(pixels)), targets

    def picture(self, height: int, width: int, chance: Chance) -> tuple[Image, Floats, Floats]:
        """One picture with boxes (n, 5) as corners and class, and ignored regions (m, 4)."""
        canvas: NDArray[np.uint8] = np.full((height, width, 3), PAD, np.uint8)
        windows = [(0, 0, width, height)]
        if chance.random() < MOSAIC and self._progress.value < CALM_FROM:
            x, y = (int(chance.uniform(0.3, 0.7) * side) for side in (width, height))
            windows = [(0, 0, x, y), (x, 0, width, y), (0, y, x, height), (x, y, width, height)]
        boxes, ignore = [], []
        for window in windows:
            picture = self._draw(chance)
            own = np.array(picture["boxes"], np.float32).reshape(-1, 5)
            skipped = np.array(picture["ignore"], np.float32).reshape(-1, 4)
            placed = place(canvas, window, self._pixels(picture["path"]), own, skipped, chance)
            boxes.append(placed[0])
            ignore.append(placed[1])
        every = np.concatenate(boxes)
        return spoil(canvas, every, chance), every, np.concatenate(ignore)

    def _draw(self, chance: Chance) -> dict[str, Any]:
        """A still; or by a rare class; or a set by its share, then half the time by camera and half the time any."""
        if self._stills and chance.random() < STILLS:
            return self._stills[int(chance.integers(len(self._stills)))]
        if chance.random() < RARE:
            rare = self._with_class[int(chance.choice(RARE_CLASSES))]
            return dict(rare[int(chance.integers(len(rare)))])
        shares = np.array(list(SHARES.values()))
        name = list(SHARES)[int(chance.choice(len(SHARES), p=shares / shares.sum()))]
        pictures = self._sets[name]
        if chance.random() < 0.5:
            listed = self._by_camera[name]
            pictures = listed[int(chance.integers(len(listed)))]
        picture: dict[str, Any] = pictures[int(chance.integers(len(pictures)))]
        return picture

    def _look_for_stills(self) -> None:
        if self._stills_folder is not None and time.monotonic() - self._stills_read > STILLS_AGAIN_S:
            self._stills_read = time.monotonic()
            self._stills = [still for still in stills_of(self._stills_folder) if still["part"] == "train"]

    def _pixels(self, path: str) -> Image:
        if path not in self._kept:  # all pictures together are about 2 GB
            self._kept[path] = read_picture(path)
        return self._kept[path]


def cameras(pictures: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The pictures of each camera together."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for picture in pictures:
        groups.setdefault(picture["camera"], []).append(picture)
    return list(groups.values())


def may_be(kinds: Floats) -> NDArray[np.bool_]:
    """(n, classes): what each kind allows."""
    table = np.zeros((len(kinds), len(LABELS)), np.bool_)
    for row, kind in zip(table, kinds.tolist(), strict=True):
        row[list(allowed(int(kind)))] = True
    return table


def as_target(boxes: Floats, ignore: Floats) -> Target:
    """From corners to what the loss reads."""
    corners = torch.from_numpy(boxes[:, :4])
    size = corners[:, 2:] - corners[:, :2]
    return Target(
        boxes=torch.cat((corners[:, :2] + size / 2, size), 1),
        classes=torch.from_numpy(may_be(boxes[:, 4])),
        ignore=torch.from_numpy(ignore[:, :4].astype(np.float32)),
    )
