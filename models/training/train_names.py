"""Trains the second look; continues a run that was interrupted.

    python -m models.training.train_names --crops DIR/names --run DIR/runs/names-1 --steps 6000

Everything that the run is stands in RUN/checkpoint.pth, written every few minutes: weights, their average, optimizer,
step and the state of chance. The same command goes on from it; after SIGTERM too. RUN/log.jsonl has a line per report,
with how right the average weights are on the cameras that are held out.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from models.training.augment import Chance, compressed
from models.training.crops import CLASSES, Image, decoded, load
from models.training.naming import SIDE, VARIANT, around, build, fit

# How often each class, or set of classes that people did not tell apart, is drawn.
KINDS = {"car": 0.25, "van": 0.2, "truck": 0.24, "bus": 0.17, "motorcycle": 0.05, "bicycle": 0.02}
KINDS |= {"car/van": 0.05, "truck/bus": 0.01, "truck/car": 0.08, "truck/van": 0.01}
# Within a kind, how often each set: fixed cameras first, whatever the number of their pictures.
SETS = {
    "fixed_named": 6.0,
    "singapore_named": 4.0,
    "tracks_named": 3.0,
    "toll_km39": 2.0,
    "tfl_jamcams": 1.0,
    "manaus_traffic_v5": 1.0,
    "nepali_vehicle": 1.0,
    "highway_indonesia": 1.0,
    "vehicles_openimages": 0.6,
    "stills": 1.5,
    "stills_american": 2.5,
}
ENOUGH = 40  # vehicles of a kind in a set; with fewer it is drawn more seldom
BATCH = 32
MIXED = 8  # of the batches that were drawn once, which each step mixes anew
RATE, RATE_HEAD = 4e-4, 2e-3
AVERAGE = 0.995
FROZEN_BLOCKS = 3  # the first layers keep their weights: edges are edges, and they take a third of the time
SMOOTH = 0.08
CHECKPOINT_S = 200.0
REPORT_STEPS = 200


class Crops:
    """Every crop in memory as JPEG, drawn by kind, set, camera, vehicle and picture in turn."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        stores = {name: Path(name).read_bytes() for name in {row["store"] for row in rows}}
        self.rows = rows
        self._data = [stores[r["store"]][r["at"][0] : sum(r["at"])] for r in rows]
        tree: dict[str, dict[str, dict[str, dict[str, list[int]]]]] = {}
        for number, row in enumerate(rows):
            kind = "/".join(row["classes"])
            branch = tree.setdefault(kind, {}).setdefault(row["set"], {}).setdefault(row["camera"], {})
            branch.setdefault(row["vehicle"], []).append(number)
        self._kinds = [kind for kind in KINDS if kind in tree]
        self._odds = shares([KINDS[kind] for kind in self._kinds])
        self._sets = {}
        for kind in self._kinds:
            names = list(tree[kind])
            counts = [sum(len(v) for v in tree[kind][name].values()) for name in names]
            odds = shares([SETS[n] * min(1.0, c / ENOUGH) for n, c in zip(names, counts, strict=True)])
            cameras = []
            for name in names:
                listed = list(tree[kind][name].values())
                vehicles = [list(camera.values()) for camera in listed]
                cameras.append((vehicles, shares([math.sqrt(len(camera)) for camera in vehicles])))
            self._sets[kind] = (odds, cameras)

    def draw(self, chance: Chance) -> int:
        """The number of a row."""
        kind = self._kinds[int(chance.choice(len(self._kinds), p=self._odds))]
        odds, sets = self._sets[kind]
        cameras, weights = sets[int(chance.choice(len(sets), p=odds))]
        camera = cameras[int(chance.choice(len(cameras), p=weights))]
        vehicle = camera[int(chance.integers(len(camera)))]
        return vehicle[int(chance.integers(len(vehicle)))]

    def picture(self, number: int) -> Image:
        """BGR, with what stands around the box."""
        return decoded(self._data[number])


def shares(weights: list[float]) -> NDArray[np.float64]:
    """Weights that add up to 1."""
    array = np.array(weights)
    return array / array.sum()


def spoiled(image: Image, row: dict[str, Any], side: int, chance: Chance) -> NDArray[np.float32]:
    """The input of a picture as another, worse camera and detector might have given it."""
    height, width = image.shape[:2]
    x1, y1, x2, y2 = row["inner"]
    share = chance.uniform(0.0, 0.3)
    jitter = chance.uniform(-0.09, 0.09, 4) * np.array([x2 - x1, y2 - y1] * 2)
    left, top, right, bottom = around((x1, y1, x2, y2), share, width, height)
    left, right = int(max(0, left + jitter[0])), int(min(width, right + jitter[2]))
    top, bottom = int(max(0, top + jitter[1])), int(min(height, bottom + jitter[3]))
    if chance.random() < 0.1:  # cut by the edge of the picture, or hidden
        part = chance.uniform(0.15, 0.4)
        edge = int(chance.integers(4))
        if edge < 2:
            cut = int(part * (right - left))
            left, right = (left + cut, right) if edge == 0 else (left, right - cut)
        else:
            cut = int(part * (bottom - top))
            top, bottom = (top + cut, bottom) if edge == 2 else (top, bottom - cut)
    crop = image[top : max(bottom, top + 4), left : max(right, left + 4)]
    if chance.random() < 0.5:
        crop = crop[:, ::-1]
    stretch = chance.uniform(1.0, 1.78) if row["squeezed"] else math.exp(chance.uniform(-0.12, 0.12))
    target = chance.uniform(18, 90) if chance.random() < 0.8 else 200.0
    scale = min(1.0, target / max(crop.shape[0], crop.shape[1] * stretch))
    size = (max(3, round(crop.shape[1] * stretch * scale)), max(3, round(crop.shape[0] * scale)))
    way = cv2.INTER_AREA if chance.random() < 0.6 else cv2.INTER_LINEAR
    crop = np.asarray(cv2.resize(np.ascontiguousarray(crop), size, interpolation=way), np.uint8)
    if chance.random() < 0.15:
        matrix = cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), chance.uniform(-8, 8), 1.0)
        crop = np.asarray(cv2.warpAffine(crop, matrix, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)
    values: NDArray[np.floating[Any]] = crop.astype(np.float32)
    if chance.random() < 0.4:
        grey = chance.uniform(0, 1)
        values = values * (1 - grey) + values.mean(2, keepdims=True) * grey
    if chance.random() < 0.3:
        values *= chance.uniform(0.85, 1.15, 3).astype(np.float32)
    if chance.random() < 0.8:
        values = 255 * np.clip(values / 255, 0, 1) ** math.exp(chance.uniform(-0.5, 0.55))
        values = (values - 128) * chance.uniform(0.5, 1.4) + 128 + chance.uniform(-35, 35)
    if chance.random() < 0.3:
        values += chance.normal(0, chance.uniform(2, 12), values.shape)
    crop = np.clip(values, 0, 255).astype(np.uint8)
    if chance.random() < 0.3:
        crop = cv2.GaussianBlur(crop, (0, 0), chance.uniform(0.4, 1.3)).astype(np.uint8, copy=False)
    if chance.random() < 0.5:
        crop = compressed(crop, int(chance.integers(25, 90)))
    return fit(crop, side)


def loss_of(logits: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:
    """Minus the log of the probability of all allowed classes together; a little of it spread over all classes."""
    logs = logits.log_softmax(1)
    told = torch.logsumexp(logs.masked_fill(~allowed, -1e9), 1)
    return -(1 - SMOOTH) * told.mean() - SMOOTH * logs.mean()


def learning(network: torch.nn.Module, frozen: int) -> None:
    """Training mode, but for the first layers, which stay as they are."""
    network.train()
    body: Any = network
    for part in (body._conv_stem, body._bn0, *body._blocks[:frozen]) if frozen else ():
        part.eval().requires_grad_(requires_grad=False)


def front(network: Any, inputs: torch.Tensor, frozen: int) -> torch.Tensor:
    """What the layers that keep their weights make of a batch."""
    features = network._swish(network._bn0(network._conv_stem(inputs)))
    for block in network._blocks[:frozen]:
        features = block(features)
    return features


def rest(network: Any, features: torch.Tensor, frozen: int) -> torch.Tensor:
    """The logits that the other layers make of that."""
    dropped = network._global_params.drop_connect_rate or 0.0
    for number, block in enumerate(network._blocks[frozen:], frozen):
        features = block(features, drop_connect_rate=dropped * number / len(network._blocks))
    features = network._swish(network._bn1(network._conv_head(features)))
    return network._fc(network._dropout(features.mean((2, 3))))


def drawn(crops: Crops, side: int, chance: Chance) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch of spoilt crops, and which classes each of them may be."""
    numbers = [crops.draw(chance) for _ in range(BATCH)]
    inputs = np.stack([spoiled(crops.picture(n), crops.rows[n], side, chance) for n in numbers])
    allowed = torch.tensor([[name in crops.rows[n]["classes"] for name in CLASSES] for n in numbers])
    return torch.from_numpy(inputs).to(memory_format=torch.channels_last), allowed


def drawn_once(  # the loop's own things
    network: Any, crops: Crops, options: argparse.Namespace, until: float
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """`--once` crops as the frozen layers give them, kept in RUN/once.pth; fewer where time ends before."""
    path = options.run / "once.pth"
    kept = torch.load(path, weights_only=False) if path.exists() else []
    chance = np.random.default_rng([options.seed, len(kept)])
    with torch.no_grad():
        while len(kept) * BATCH < options.once and time.monotonic() < until:
            inputs, allowed = drawn(crops, options.side, chance)
            kept.append((front(network, inputs, options.frozen).half(), allowed))
    torch.save(kept, path)
    print(f"{len(kept) * BATCH} crops drawn once", flush=True)
    return kept


def held_out(network: torch.nn.Module, crops: Crops, side: int, most: int = 40) -> dict[str, Any]:
    """Confusion over one picture of up to `most` vehicles of each class and camera."""
    count: Counter[tuple[str, str]] = Counter()
    seen: set[str] = set()
    confusion = np.zeros((len(CLASSES), len(CLASSES)), int)
    inputs, true = [], []
    for number, row in enumerate(crops.rows):
        key = (row["camera"], row["classes"][0])
        if len(row["classes"]) > 1 or row["vehicle"] in seen or count[key] >= most:
            continue
        seen.add(row["vehicle"])
        count[key] += 1
        image = crops.picture(number)
        left, top, right, bottom = around(tuple(row["inner"]), 0.1, image.shape[1], image.shape[0])
        inputs.append(fit(image[top:bottom, left:right], side))
        true.append(CLASSES.index(row["classes"][0]))
    network.eval()
    with torch.no_grad():
        for first in range(0, len(inputs), 64):
            batch = torch.from_numpy(np.stack(inputs[first : first + 64])).to(memory_format=torch.channels_last)
            for one, told in zip(true[first : first + 64], network(batch).argmax(1).tolist(), strict=True):
                confusion[one, told] += 1
    right = confusion.diagonal() / np.maximum(confusion.sum(1), 1)
    known = confusion.sum(1) > 0
    return {
        "recall": right.round(3).tolist(),
        "mean": round(float(right[known].mean()), 4),
        "confusion": confusion.tolist(),
    }


def main() -> None:
    """Trains until `--steps`, `--minutes` or SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--crops", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=6000, help="of the whole schedule")
    parser.add_argument("--minutes", type=float, default=1e9, help="of this sitting")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, help="a run whose averaged weights a new run begins with")
    parser.add_argument("--frozen", type=int, default=FROZEN_BLOCKS, help="first blocks that keep their weights")
    parser.add_argument("--network", default=VARIANT, help="EfficientNet-lite0, lite1 or lite2")
    parser.add_argument("--side", type=int, default=SIDE, help="pixels of the square that it sees")
    parser.add_argument("--once", type=int, default=0, help="so many crops, drawn once, are all that is learned from")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    options.run.mkdir(parents=True, exist_ok=True)
    path = options.run / "checkpoint.pth"
    rows = load(options.crops)
    train = Crops([row for row in rows if row["part"] == "train"])
    chosen = Crops([row for row in rows if row["part"] == "held_out"])
    print(Counter("/".join(row["classes"]) for row in train.rows), flush=True)

    torch.manual_seed(options.seed)
    network = build(options.network, pretrained=not path.exists() and options.start is None)
    if options.start is not None and not path.exists():
        network.load_state_dict(torch.load(options.start / "checkpoint.pth", weights_only=False)["average"])
    learning(network, options.frozen)
    head = list(network._fc.parameters())
    body = [p for n, p in network.named_parameters() if p.requires_grad and not n.startswith("_fc")]
    optimizer = torch.optim.AdamW([{"params": body}, {"params": head}], lr=RATE, weight_decay=1e-2)
    average = copy.deepcopy(network)
    chance = np.random.default_rng(options.seed)
    step = 0
    if path.exists():
        kept = torch.load(path, weights_only=False)
        network.load_state_dict(kept["network"])
        average.load_state_dict(kept["average"])
        optimizer.load_state_dict(kept["optimizer"])
        chance.bit_generator.state = kept["chance"]
        torch.set_rng_state(kept["torch"])
        step = kept["step"]
        print(f"goes on from step {step}", flush=True)

    def keep() -> None:
        state = {"network": network.state_dict(), "average": average.state_dict(), "optimizer": optimizer.state_dict()}
        state |= {"variant": options.network, "side": options.side}
        state |= {"chance": chance.bit_generator.state, "torch": torch.get_rng_state(), "step": step}
        torch.save(state, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)

    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    began, kept_at, losses = time.monotonic(), time.monotonic(), []
    first = step
    until = began + 60 * options.minutes
    once = drawn_once(network, train, options, until) if options.once else []
    if len(once) * BATCH < options.once:
        return
    while step < options.steps and not stopped and time.monotonic() < until:
        rate = min(1.0, (step + 1) / 60) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / options.steps)))
        optimizer.param_groups[0]["lr"], optimizer.param_groups[1]["lr"] = RATE * rate, RATE_HEAD * rate
        learning(network, options.frozen)
        if once:
            batch = [once[k] for k in chance.integers(len(once), size=MIXED)]
            part = [chance.permutation(BATCH)[: BATCH // MIXED] for _ in batch]
            features = torch.cat([one[0][k] for one, k in zip(batch, part, strict=True)]).float()
            allowed = torch.cat([one[1][k] for one, k in zip(batch, part, strict=True)])
            logits = rest(network, features, options.frozen)
        else:
            inputs, allowed = drawn(train, options.side, chance)
            logits = network(inputs)
        loss = loss_of(logits, allowed)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        decay = min(AVERAGE, (step + 1) / (step + 20))
        with torch.no_grad():
            for mean, value in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
                if mean.dtype.is_floating_point:
                    mean.lerp_(value, 1 - decay)
                else:
                    mean.copy_(value)
        losses.append(loss.item())
        step += 1
        if step % 25 == 0:
            pace = (step - first) * BATCH / (time.monotonic() - began)
            print(f"step {step} loss {np.mean(losses[-25:]):.4f} {pace:.1f} crops/s", flush=True)
        if step % REPORT_STEPS == 0 or step == options.steps:
            report = {
                "step": step,
                "loss": float(np.mean(losses[-REPORT_STEPS:])),
                **held_out(average, chosen, options.side),
            }
            with (options.run / "log.jsonl").open("a") as file:
                file.write(json.dumps(report) + "\n")
            print(report["mean"], dict(zip(CLASSES, report["recall"], strict=True)), flush=True)
        if time.monotonic() - kept_at > CHECKPOINT_S:
            keep()
            kept_at = time.monotonic()
    keep()
    print(f"stopped at step {step}", flush=True)


if __name__ == "__main__":
    main()
