"""Fits how the detector's vote and the second look are joined (edge/counting/naming.py), on cameras that are held out.

    python -m models.training.fit_names --sources DIR/sources --naming vehicle-names

Runs the detector and the second look over the pictures of the held-out cameras of the sets that people named, and fits
the weights of both and a prior for each class by logistic regression, drawn towards plain values. The vote counts by
how often the detector calls vehicles of each class what it says, and the size (edge/counting/sizes.py, learned from all
pictures of the camera) by how large vehicles of each class are on all cameras that may be learned from. Printed are the
constants, and how right and how sure names are across cameras: each fifth of the cameras is judged by the weights of
the others. No vehicle that judges is seen here.
"""

from __future__ import annotations

import argparse
import math
import pickle
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from edge.counting.detection import Detection
from edge.counting.naming import Size, likeliest_class, size_logs
from edge.counting.parameters import DEFAULT
from edge.counting.sizes import SiteSizes
from edge.counting.tracking import Track
from edge.vision.detector import OnnxDetector
from edge.vision.frame import Frame
from edge.vision.manifest import load_manifest
from edge.vision.naming import OnnxNamer, around, load_naming
from models.training.crops import CLASSES, READERS, RULES, Image
from models.training.crops import told as told_of
from models.training.judges import best_match

SETS = ("singapore_named", "fixed_named", "tracks_named")
FOLDS = 5
STEPS = 1500
TOWARDS_PLAIN = 0.02
PLAIN = np.array([1.0, 0.5, 0.5, 0, 0, 0, 0, 0])
TRAFFIC = np.array([0.74, 0.1, 0.1, 0.02, 0.03, 0.01])
"""What share of the vehicles each class is, where nothing else is known: the held-out cameras see many trucks."""
SELDOM = 0.5  # added to every count of what the detector calls a class, so that nothing is impossible

UNSURE = 0.02  # of the variance of what is usual: above, a size teaches nothing

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Found:
    """A named vehicle that the detector found; `crop` is what stands around it, `box` lies in it."""

    camera: str
    label: int
    held_out: bool
    crop: Image
    box: Detection
    size: Size | None


def main() -> None:
    """Fits and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--sources", type=Path, required=True)
    parser.add_argument("--naming", default="vehicle-names")
    parser.add_argument("--kept", type=Path, help="what the detector finds, kept for the next second look")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    if options.kept is not None and options.kept.exists():
        found = pickle.loads(options.kept.read_bytes())  # written below
    else:
        found = list(vehicles_found(options))
        if options.kept is not None:
            options.kept.write_bytes(pickle.dumps(found))
    spans = sizes_of(found)
    print("sizes =", tuple((round(mean, 2), round(deviation, 2)) for mean, deviation in spans))
    chosen = [one for one in found if one.held_out]
    namer = OnnxNamer(load_naming(options.naming))
    looks = np.array([namer.look(one.crop, [one.box])[0] for one in chosen])
    votes = np.array([[float(one.box.label == kind) for kind in CLASSES] for one in chosen])
    sizes = np.array([[0.0] * len(CLASSES) if one.size is None else size_logs(one.size, spans) for one in chosen])
    true = np.array([one.label for one in chosen])
    cameras = [one.camera for one in chosen]
    folds = np.array([sorted(set(cameras)).index(camera) % FOLDS for camera in cameras])
    for name, known in (("vote and look", np.zeros_like(sizes)), ("vote, look and size", sizes)):
        judged = np.zeros((len(true), len(CLASSES)))
        for fold in range(FOLDS):
            own = folds == fold
            table = said(votes[~own], true[~own])
            evidence = np.stack([np.maximum(looks, DEFAULT.naming.look_log_min), np.log(votes @ table.T), known])
            judged[own] = joined(evidence[:, own], fit(evidence[:, ~own], true[~own]))
        print("bus_share_min =", bus_least(judged, true))
        print(f"{name}: {len(true)} vehicles of {len(set(cameras))} cameras", *told(judged, true), sep="\n  ")
    table = said(votes, true)
    weights = fit(np.stack([np.maximum(looks, DEFAULT.naming.look_log_min), np.log(votes @ table.T), sizes]), true)
    print("look_weight, vote_weight, size_weight =", weights[:3].round(2).tolist())
    print("priors =", (0.0, *weights[3:].round(2).tolist()))
    print("detector_confusion =", *(tuple(row) for row in table.round(3).tolist()), sep="\n")


def vehicles_found(options: argparse.Namespace) -> Iterator[Found]:
    """The named vehicles of all fixed cameras, as the detector finds them, with their size for their place."""
    detector = OnnxDetector(load_manifest("vehicle-nano"))
    rules: dict[str, Any] = yaml.safe_load(RULES.read_text())
    for name in SETS:
        sizes: dict[tuple[str, tuple[int, int]], SiteSizes] = {}
        waiting: list[tuple[Found, SiteSizes, Track]] = []
        for image, vehicles in READERS[rules["sets"][name]["reader"]](name, rules["sets"][name], options):
            named = []
            for vehicle in vehicles:
                classes, part = told_of(asdict(vehicle), rules, {})
                if part != "never" and len(classes) == 1:
                    named.append((vehicle, CLASSES.index(classes[0]), part == "held_out"))
            if not named:
                continue
            height, width = image.shape[:2]
            site = sizes.setdefault((named[0][0].camera, (width, height)), SiteSizes((width, height)))
            detections = detector.detect(Frame(0, image)).detections
            tracks = {id(one): track_of(one, len(waiting)) for one in detections}
            site.update(0, list(tracks.values()))
            for vehicle, label, held_out in named:
                one = best_match(vehicle.box, detections)
                if one is not None:
                    x1, y1, x2, y2 = around((one.x1, one.y1, one.x2, one.y2), 0.3, width, height)
                    box = replace(one, x1=one.x1 - x1, y1=one.y1 - y1, x2=one.x2 - x1, y2=one.y2 - y1)
                    crop = image[y1:y2, x1:x2].copy()
                    waiting.append((Found(vehicle.camera, label, held_out, crop, box, None), site, tracks[id(one)]))
        for found, site, track in waiting:  # once all pictures of its camera are learned from
            yield replace(found, size=site.update(0, [track])[0].size)


def track_of(one: Detection, number: int) -> Track:
    """A vehicle that was seen once."""
    return Track(
        hash((number, one)), (one.x1, one.y1, one.x2, one.y2), 0, tuple(float(one.label == k) for k in CLASSES)
    )


def sizes_of(found: list[Found]) -> list[tuple[float, float]]:
    """Mean and deviation of the size of vehicles of each class; trucks and buses as one, two-wheeled ones too."""
    alike = [[0], [1], [2, 3], [2, 3], [4, 5], [4, 5]]
    spans = []
    for group in alike:
        known = np.array([one.size[0] for one in found if one.label in group and one.size and one.size[1] < UNSURE])
        low, middle, high = np.percentile(known, [16, 50, 84])
        spans.append((float(middle), float(high - low) / 2.0))
    return spans


def told(judged: Floats, true: NDArray[np.intp]) -> Iterator[str]:
    """How right names are, and how sure, as in traffic; recall and precision of each class as counted."""
    names, _ = names_of(judged)
    right = ((names == true) * as_in_traffic(true)).sum()
    counted, off = (names == true).mean(), reliability(judged, true)
    yield f"{right:.3f} right in traffic, {counted:.3f} as counted, shares off by {off:.3f}"
    for number, label in enumerate(CLASSES):
        hits = int(((names == number) & (true == number)).sum())
        yield f"{label}: {hits} of {(true == number).sum()}, {(names == number).sum() - hits} others called so"


def bus_least(judged: Floats, true: NDArray[np.intp]) -> float:
    """The least probability, in hundredths and half at least, that at most one other vehicle is called a bus with."""
    bus = CLASSES.index("bus")
    others = sorted(judged[(judged.argmax(1) == bus) & (true != bus), bus], reverse=True)
    return max(0.5, math.ceil(100 * others[1]) / 100) if len(others) > 1 else 0.5


def names_of(judged: Floats) -> tuple[NDArray[np.intp], Floats]:
    """The number of the class that the product reports for each vehicle, and its probability."""
    names, shares = zip(*map(likeliest_class, judged.tolist()), strict=True)
    return np.array([CLASSES.index(name) for name in names]), np.array(shares)


def said(votes: Floats, true: NDArray[np.intp]) -> Floats:
    """(true class, class of the detector): how many vehicles."""
    counts = np.full((len(CLASSES), len(CLASSES)), SELDOM)
    np.add.at(counts, true, votes)
    return np.asarray(counts / counts.sum(1, keepdims=True))


def joined(evidence: Floats, weights: Floats) -> Floats:
    """Probabilities, as edge/counting/naming.py gives them; `evidence` is (kinds, vehicles, classes)."""
    kinds = len(evidence)
    logits = np.tensordot(weights[:kinds], evidence, 1)
    logits[:, 1:] += weights[kinds:]
    odds = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(odds / odds.sum(1, keepdims=True))


def fit(evidence: Floats, true: NDArray[np.intp]) -> Floats:
    """Logistic regression by gradient descent with momentum."""
    weights, speed = PLAIN.copy(), np.zeros_like(PLAIN)
    weight = as_in_traffic(true)
    for _ in range(STEPS):
        error = joined(evidence, weights)
        error[np.arange(len(true)), true] -= 1
        error *= weight[:, None]
        slope = np.concatenate(((evidence * error).sum((1, 2)), error[:, 1:].sum(0)))
        speed = 0.9 * speed - 0.05 * (slope + TOWARDS_PLAIN * (weights - PLAIN))
        weights = weights + speed
    return weights


def as_in_traffic(true: NDArray[np.intp]) -> Floats:
    """A weight for each vehicle, 1 together, so that classes are as frequent as in TRAFFIC."""
    counts = np.bincount(true, minlength=len(CLASSES))
    shares = np.where(counts > 0, TRAFFIC, 0.0)
    return np.asarray((shares / shares.sum() / np.maximum(counts, 1))[true])


def reliability(judged: Floats, true: NDArray[np.intp], bins: int = 8) -> float:
    """Expected calibration error of the reported class, weighted as in traffic: bins with as many vehicles each."""
    names, share = names_of(judged)
    right, weight = names == true, as_in_traffic(true)
    off = 0.0
    for one in np.array_split(np.argsort(share), bins):
        off += abs((weight[one] * (share[one] - right[one])).sum())
    return float(off)


if __name__ == "__main__":
    main()
