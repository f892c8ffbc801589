"""Fine-tunes YOLOX-Nano from its COCO weights on DIR/labels.json, on one core.

    B=../shared/models/yolox_nano_coco_unit_norm.pth
    python -m models.training.train --base $B --work DIR --minutes 97
    python -m models.training.train --base $B --work DIR --run DIR/runs/six --steps 20000

Every --save-every minutes the averaged weights are written to DIR/checkpoints; measure.py and export.py
read them while training goes on. The learning rate falls with the larger of elapsed time / --minutes and
step / --steps, so a busy machine ends in time with a finished schedule; give --steps alone for a run to be
repeated.

With --run the whole state of the run (weights, average, optimiser, step) stands in RUN/state.pth, written as often and
on SIGTERM; the same command goes on from it. What is drawn follows from the seed and the step at which it went on.
"""

from __future__ import annotations

import argparse
import copy
import math
import multiprocessing
import signal
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from models.training.dataset import Batches
from models.training.loss import Target, detection_loss
from models.training.network import YoloxNano, load_network

MOMENTUM = 0.9
DECAY = 5e-4
AVERAGE = 0.998  # of the weights kept per step in the average
WARM_STEPS = 100
LAST_SHARE = 0.03  # of the learning rate, at the end
LARGEST_GRADIENT = 20.0
LOG_EVERY = 20


def main() -> None:
    """Reads the options and learns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--base", type=Path, required=True, help="COCO weights, or a checkpoint to go on from")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--rate", type=float, default=8e-4, help="highest learning rate")
    parser.add_argument("--minutes", type=float, default=math.inf)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--save-every", type=float, default=4.0, help="minutes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--run", type=Path, help="folder of a run that is broken off and gone on with")
    parser.add_argument(
        "--stills", type=Path, help="folder of rendered stills to mix in (python -m tests.scenes.stills)"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    learn(load_network(options.base), options)


def learn(network: YoloxNano, options: argparse.Namespace) -> None:
    """The whole training; the only state besides the network is its average, the optimiser's and the step."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.train()
    freeze_statistics(network)
    average = copy.deepcopy(network).eval()
    optimiser = torch.optim.SGD(groups(network), lr=options.rate, momentum=MOMENTUM, nesterov=True)
    progress = multiprocessing.Value("d", 0.0)
    state = options.run / "state.pth" if options.run else None
    first, seen = 0, 0
    if state is not None and state.exists():
        kept = torch.load(state)
        network.load_state_dict(kept["network"])
        average.load_state_dict(kept["average"])
        optimiser.load_state_dict(kept["optimiser"])
        first, seen = kept["step"], kept["images"]
        print(f"goes on from step {first}, {seen} images", flush=True)
    stopped: list[int] = []
    if state is not None:
        state.parent.mkdir(parents=True, exist_ok=True)
        signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    loader = DataLoader(
        Batches(options.work / "labels.json", progress, options.seed + first, options.stills),
        batch_size=None,
        num_workers=1,
        prefetch_factor=4,
    )
    checkpoints = options.work / "checkpoints"
    checkpoints.mkdir(parents=True, exist_ok=True)
    started = saved = time.monotonic()
    before = seen
    sums: dict[str, float] = {}
    for step, (pixels, targets) in enumerate(loader, first + 1):
        elapsed = time.monotonic() - started
        progress.value = min(1.0, max(step / options.steps, elapsed / 60 / options.minutes))
        rate = learning_rate(options.rate, step, progress.value)
        for group in optimiser.param_groups:
            group["lr"] = rate
        parts = step_once(network, optimiser, pixels, targets)
        update_average(average, network, step)
        seen += len(pixels)
        for name, value in parts.items():
            sums[name] = sums.get(name, 0.0) + value
        if step % LOG_EVERY == 0:
            means = " ".join(f"{name} {value / LOG_EVERY:.3f}" for name, value in sums.items())
            speed = (seen - before) / (time.monotonic() - started)
            done = f"step {step} images {seen} {100 * progress.value:.1f}%"
            print(f"{done} rate {rate:.5f} {means} {speed:.1f} images/s", flush=True)
            sums.clear()
        finished = progress.value >= 1.0 or bool(stopped)
        if finished or time.monotonic() - saved > 60 * options.save_every:
            saved = time.monotonic()
            save(average, checkpoints / f"step-{step:06d}.pth", seen)
            if state is not None:
                whole = {"network": network.state_dict(), "average": average.state_dict(), "step": step, "images": seen}
                torch.save(whole | {"optimiser": optimiser.state_dict()}, state.with_suffix(".part"))
                state.with_suffix(".part").replace(state)
        if finished:
            print(f"finished: {step} steps, {seen} images, {elapsed / 60:.1f} minutes", flush=True)
            return


def step_once(
    network: YoloxNano, optimiser: torch.optim.Optimizer, pixels: Tensor, targets: list[Target]
) -> dict[str, float]:
    """One batch: forward, loss, backward, step. Returns the parts of the loss."""
    raw = network(pixels.float().contiguous(memory_format=torch.channels_last))
    loss, parts = detection_loss(raw, targets, pixels.shape[2], pixels.shape[3])
    assert math.isfinite(loss.item()), f"the loss must stay finite: {parts}"
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), LARGEST_GRADIENT)
    optimiser.step()
    return parts


def freeze_statistics(network: nn.Module) -> None:
    """Batches are small and mixed: the means and variances of COCO stay, their scales and shifts learn."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def groups(network: nn.Module) -> list[dict[str, object]]:
    """Only the filters shrink towards zero."""
    filters = [value for value in network.parameters() if value.ndim == 4]
    others = [value for value in network.parameters() if value.ndim != 4]
    return [{"params": filters, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}]


def learning_rate(highest: float, step: int, progress: float) -> float:
    """A short climb, then half a cosine down to a small share."""
    wave = 0.5 * (1.0 + math.cos(math.pi * progress))
    return highest * min(1.0, step / WARM_STEPS) * (LAST_SHARE + (1.0 - LAST_SHARE) * wave)


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, step: int) -> None:
    """Follows faster in the first steps; the frozen statistics need no averaging."""
    kept = AVERAGE * (1.0 - math.exp(-step / 100.0))
    for mean, value in zip(average.parameters(), network.parameters(), strict=True):
        mean.lerp_(value, 1.0 - kept)


def save(average: nn.Module, path: Path, seen: int) -> None:
    """Whole or not at all: others read these files while we write."""
    state = {name: value.detach().contiguous().clone() for name, value in average.state_dict().items()}
    unfinished = path.with_suffix(".part")
    torch.save({"model": state, "images": seen}, unfinished)
    unfinished.replace(path)
    print(f"saved {path.name}", flush=True)


if __name__ == "__main__":
    main()
