"""Fits how the detector's vote and the second look are joined (edge/counting/naming.py), on cameras that are held out.

    python -m models.training.fit_names --sources DIR/sources --naming vehicle-names

Runs the detector and the second look over the pictures of the held-out cameras of the sets that people named, and fits
the weights of both and a prior for each class by logistic regression, drawn towards plain values. The vote counts by
how often the detector calls vehicles of each class what it says. Printed are the
constants, and how right and how sure names are across cameras: each fifth of the cameras is judged by the weights of
the others. No vehicle that judges is seen here.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from edge.counting.naming import LOOK_LEAST
from edge.vision.detector import OnnxDetector
from edge.vision.frame import Frame
from edge.vision.manifest import load_manifest
from edge.vision.naming import OnnxNamer, load_naming
from models.training.crops import CLASSES, READERS, RULES, told
from models.training.judges import best_match

SETS = ("singapore_named", "fixed_named", "tracks_named")
FOLDS = 5
STEPS = 1500
TOWARDS_PLAIN = 0.02
PLAIN = np.array([1.0, 0.5, 0, 0, 0, 0, 0])
TRAFFIC = np.array([0.74, 0.1, 0.1, 0.02, 0.03, 0.01])
"""What share of the vehicles each class is, where nothing else is known: the held-out cameras see many trucks."""
SELDOM = 0.5  # added to every count of what the detector calls a class, so that nothing is impossible

Floats = NDArray[np.float64]


def main() -> None:
    """Fits and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--sources", type=Path, required=True)
    parser.add_argument("--naming", default="vehicle-names")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    looks, votes, true, cameras = evidence(options)
    folds = np.array([sorted(set(cameras)).index(camera) % FOLDS for camera in cameras])
    judged = np.zeros((len(true), len(CLASSES)))
    for fold in range(FOLDS):
        own = folds == fold
        table = said(votes[~own], true[~own])
        logs = np.log(votes @ table.T)
        judged[own] = joined(looks[own], logs[own], fit(looks[~own], logs[~own], true[~own]))
    right = (judged.argmax(1) == true) * as_in_traffic(true)
    off = reliability(judged, true)
    print(f"{len(true)} vehicles of {len(set(cameras))} cameras: {right.sum():.3f} right, shares off by {off:.3f}")
    table = said(votes, true)
    weights = fit(looks, np.log(votes @ table.T), true)
    print("LOOK_WEIGHT, VOTE_WEIGHT =", weights[:2].round(2).tolist())
    print("PRIORS =", (0.0, *weights[2:].round(2).tolist()))
    print("SAID =", *(tuple(row) for row in table.round(3).tolist()), sep="\n")


def evidence(options: argparse.Namespace) -> tuple[Floats, Floats, NDArray[np.intp], list[str]]:
    """Per vehicle: what the second look says, what the detector says, the true class, and the camera."""
    detector, namer = OnnxDetector(load_manifest("vehicle-nano")), OnnxNamer(load_naming(options.naming))
    rules: dict[str, Any] = yaml.safe_load(RULES.read_text())
    looks, votes, true, cameras = [], [], [], []
    for name in SETS:
        for image, vehicles in READERS[rules["sets"][name]["reader"]](name, rules["sets"][name], options):
            chosen = []
            for vehicle in vehicles:
                classes, part = told(asdict(vehicle), rules, {})
                if part == "held_out" and len(classes) == 1:
                    chosen.append((vehicle, classes[0]))
            found = detector.detect(Frame(0, image)).detections if chosen else ()
            for vehicle, label in chosen:
                one = best_match(vehicle.box, found)
                if one is not None:
                    looks.append(namer.look(image, [one])[0])
                    votes.append([float(one.label == kind) for kind in CLASSES])
                    true.append(CLASSES.index(label))
                    cameras.append(vehicle.camera)
    return np.array(looks), np.array(votes), np.array(true), cameras


def said(votes: Floats, true: NDArray[np.intp]) -> Floats:
    """(true class, class told): how often the detector calls such a vehicle so."""
    counts = np.full((len(CLASSES), len(CLASSES)), SELDOM)
    np.add.at(counts, true, votes)
    return np.asarray(counts / counts.sum(1, keepdims=True))


def joined(looks: Floats, votes: Floats, weights: Floats) -> Floats:
    """Probabilities, as edge/counting/naming.py gives them; `votes` are the logarithms of what `said` makes of them."""
    logits = weights[0] * np.maximum(looks, LOOK_LEAST) + weights[1] * votes
    logits[:, 1:] += weights[2:]
    odds = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(odds / odds.sum(1, keepdims=True))


def fit(looks: Floats, votes: Floats, true: NDArray[np.intp]) -> Floats:
    """Logistic regression by gradient descent with momentum."""
    weights, speed = PLAIN.copy(), np.zeros_like(PLAIN)
    clipped = np.maximum(looks, LOOK_LEAST)
    weight = as_in_traffic(true)
    for _ in range(STEPS):
        error = joined(looks, votes, weights)
        error[np.arange(len(true)), true] -= 1
        error *= weight[:, None]
        slope = np.concatenate(([(error * clipped).sum(), (error * votes).sum()], error[:, 1:].sum(0)))
        speed = 0.9 * speed - 0.05 * (slope + TOWARDS_PLAIN * (weights - PLAIN))
        weights = weights + speed
    return weights


def as_in_traffic(true: NDArray[np.intp]) -> Floats:
    """A weight for each vehicle, 1 together, so that classes are as frequent as in TRAFFIC."""
    counts = np.bincount(true, minlength=len(CLASSES))
    shares = np.where(counts > 0, TRAFFIC, 0.0)
    return np.asarray((shares / shares.sum() / np.maximum(counts, 1))[true])


def reliability(judged: Floats, true: NDArray[np.intp], bins: int = 8) -> float:
    """Expected calibration error of the name that is told, as in traffic: bins with as many vehicles each."""
    share, right, weight = judged.max(1), judged.argmax(1) == true, as_in_traffic(true)
    off = 0.0
    for one in np.array_split(np.argsort(share), bins):
        off += abs((weight[one] * (share[one] - right[one])).sum())
    return float(off)


if __name__ == "__main__":
    main()
