"""Converts the labels of the sets and the objects of the teacher to the format of the loss and the measurement.

    python -m models.training.labels --work DIR

writes DIR/labels.json, per picture: `boxes` (x1, y1, x2, y2, kind) in pixels and `ignore` (x1, y1, x2, y2),
where nothing is taught either way. A kind is the number of a class, or, negative, the set of the classes that it
may be (`kind_of`): a vehicle of any class teaches place and presence, not class. Frames of clips follow
`from_teacher`, pictures labelled by people `from_people`, those of which they named
some vehicles as well.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from models.training.crops import RULES
from models.training.outputs import LABELS
from models.training.pictures import read_grey, read_picture
from models.training.teacher import overlap

CAR, TRUCK, BUS, MOTORCYCLE, BICYCLE, VAN = range(len(LABELS))
UNKNOWN = -(2 ** len(LABELS) - 1)  # any class
SURE_STANDING = 0.55  # the teacher's score from which an object is taken as true where nothing moved,
SURE_MOVING = 0.22  # the same where the picture differs from the empty road,
UNSURE = 0.12  # and from which it is at least not taught as background
MOVING_SHARE = (
    0.08,
    0.35,
)  # of the box's pixels that differ from the empty road: standing below, moving above
DIFFERENT = 12  # grey levels
LARGEST_SHARE = 0.08  # of the picture: larger objects need a score of SURE_STANDING even if something moves in them
NAMED = 0.40  # from which it may name the class; below, what is far or blurred would all be called a car
MISSED = 0.25  # unmatched from this score, in a set labelled by people: not taught as background
VOTES = 0.70  # share of the teacher's votes that settles a class
SMALLEST_PX = 5.0
SMALLEST_BLOB_PX = 30

# Sets that names.yaml does not know; that one tells of all others.
OWN_CLASSES: dict[str, list[tuple[str, ...]]] = {
    "topview_vehicle": [LABELS],
    "atl_car_truck_bus_bike": [("motorcycle",), ("bus",), ("car", "van"), ("truck",)],
}
INCOMPLETE = {"topview_vehicle", "vehicles_openimages", "atl_car_truck_bus_bike"}  # many vehicles have no box
INCOMPLETE |= {"toll_km39", "nepali_vehicle", "tfl_jamcams", "named"}
ADDED_IN = {"topview_vehicle", "vehicles_openimages"}
ADDED = 0.55  # an unmatched object of the teacher is taught there from this score (never in held-out pictures)
SETTLED_BY_TEACHER = {"manaus_traffic_v5", "topview_vehicle"}
# COCO, which the teacher learned from, has no vans: it calls them cars and trucks.
MEANT = ((CAR, VAN), (TRUCK, VAN), (BUS,), (MOTORCYCLE,), (BICYCLE,))


def main() -> None:
    """Labels every listed picture and prints how many boxes there are of each class."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seen", action="store_true", help="leave out what the teacher has not looked at yet")
    options = parser.parse_args()
    seen: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(options.work.glob("teacher-*.json")):
        seen |= json.loads(path.read_text())
    labelled = []
    counts: dict[str, Counter[str]] = {"train": Counter(), "held_out": Counter()}
    classes = own_classes()
    for picture in json.loads((options.work / "pictures.json").read_text()):
        if options.seen and picture["path"] not in seen:
            continue
        height, width = read_picture(picture["path"]).shape[:2]
        objects = seen.get(picture["path"], [])
        if picture["set"] == "clips":
            boxes, ignore = from_teacher(objects, changed_pixels(picture))
        else:
            people = picture["named"] if "named" in picture else drawn(picture, classes[picture["set"]], width, height)
            boxes, ignore = from_people(picture, people, objects)
            ignore += picture.get("doubtful", [])
        labelled.append({**picture, "width": width, "height": height, "boxes": boxes, "ignore": ignore})
        counts[picture["part"]].update("/".join(LABELS[n] for n in allowed(int(box[4]))) for box in boxes)
        counts[picture["part"]]["ignored"] += len(ignore)
    (options.work / "labels.json").write_text(json.dumps(labelled))
    for part, count in counts.items():
        print(part, dict(count.most_common()))


def own_classes() -> dict[str, list[tuple[str, ...]]]:
    """Per set, the classes that each of its numbers allows."""
    classes = dict(OWN_CLASSES)
    for name, rule in yaml.safe_load(RULES.read_text())["sets"].items():
        if "order" in rule:
            said = [rule["words"].get(word, ()) for word in rule["order"]]
            classes[name] = [(one,) if isinstance(one, str) else tuple(one) for one in said]
    return classes


def kind_of(classes: Iterable[int]) -> int:
    """A class by its number, several by minus the sum of their powers of two."""
    numbers = set(classes)
    return numbers.pop() if len(numbers) == 1 else -sum(2**number for number in numbers)


def allowed(kind: int) -> tuple[int, ...]:
    """The classes that a kind allows."""
    return (kind,) if kind >= 0 else tuple(number for number in range(len(LABELS)) if -kind >> number & 1)


def from_teacher(
    objects: list[dict[str, Any]], changed: NDArray[np.bool_]
) -> tuple[list[list[float]], list[list[float]]]:
    """Frames of a fixed camera: where the road looks other than empty, a weak score is enough."""
    boxes: list[list[float]] = []
    ignore = []
    for thing in sorted(objects, key=lambda thing: -thing["score"]):
        x1, y1, x2, y2 = (max(0, round(value)) for value in thing["box"])
        moving = float(changed[y1:y2, x1:x2].mean()) if x2 > x1 and y2 > y1 else 0.0
        large = (x2 - x1) * (y2 - y1) > LARGEST_SHARE * changed.size
        needed = SURE_STANDING if large else float(np.interp(moving, MOVING_SHARE, (SURE_STANDING, SURE_MOVING)))
        known = np.array(boxes, np.float32).reshape(-1, 5)
        if len(known) and within(np.array(thing["box"], np.float32), known[:, :4]).max() > 0.7:
            continue  # a part of, or the same as, a better one
        if thing["score"] >= needed:
            boxes.append([*thing["box"], settled(thing)])
        elif thing["score"] >= (SURE_STANDING / 2 if large else UNSURE):
            ignore.append(thing["box"])
    return boxes, ignore + unexplained(changed, boxes)


def unexplained(changed: NDArray[np.bool_], boxes: list[list[float]]) -> list[list[float]]:
    """Where something moved that the teacher did not see: perhaps a vehicle, so nothing is taught there."""
    rest = changed.astype(np.uint8)
    for x1, y1, x2, y2, _ in boxes:
        rest[max(0, round(y1)) : round(y2), max(0, round(x1)) : round(x2)] = 0
    around = np.ones((3, 3), np.uint8)
    _, _, blobs, _ = cv2.connectedComponentsWithStats(
        cv2.dilate(cv2.morphologyEx(rest, cv2.MORPH_OPEN, around), around)
    )
    return [
        [float(x), float(y), float(x + w), float(y + h)] for x, y, w, h, area in blobs[1:] if area >= SMALLEST_BLOB_PX
    ]


def within(box: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Share of the smaller of the two areas that both cover, for every other box."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.clip(high - low, 0, None).prod(1)
    smaller = np.minimum((box[2:] - box[:2]).prod(), (others[:, 2:] - others[:, :2]).prod(1))
    return np.asarray(shared / np.maximum(smaller, 1e-6), np.float32)


def changed_pixels(picture: dict[str, str]) -> NDArray[np.bool_]:
    """Where the frame differs from the median of its clip."""
    grey = [cv2.GaussianBlur(read_grey(picture[name]), (3, 3), 0) for name in ("path", "background")]
    different: NDArray[np.bool_] = cv2.absdiff(grey[0], grey[1]) >= DIFFERENT
    return different


def settled(thing: dict[str, Any]) -> int:
    """What the class on which the teacher's views agree may mean, or any."""
    votes = np.array(thing["votes"])
    return kind_of(MEANT[int(votes.argmax())]) if votes.max() >= VOTES and thing["score"] >= NAMED else UNKNOWN


def drawn(picture: dict[str, str], classes: list[tuple[str, ...]], width: int, height: int) -> list[list[float]]:
    """The boxes of a set with YOLO text files."""
    path = Path(picture["path"])
    boxes: list[list[float]] = []
    lines = (path.parent.parent / "labels" / path.name).with_suffix(".txt").read_text().split("\n")
    for line in filter(None, lines):
        number, x, y, w, h = (float(value) for value in line.split())
        meant = classes[int(number)]
        if not meant or min(w * width, h * height) < SMALLEST_PX:
            continue
        box = [(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height]
        boxes.append([*(round(value, 1) for value in box), kind_of(LABELS.index(name) for name in meant)])
    return boxes


def from_people(
    picture: dict[str, str], boxes: list[list[float]], objects: list[dict[str, Any]]
) -> tuple[list[list[float]], list[list[float]]]:
    """The boxes that people drew or named, some classes settled and gaps filled or ignored by the teacher."""
    ignore = []
    own = np.array(boxes, np.float32).reshape(-1, 5)
    for thing in objects:
        agreement = overlap(np.array([thing["box"]], np.float32), own[:, :4])[0]
        if agreement.size and agreement.max() >= 0.5:
            match = int(agreement.argmax())
            both = set(allowed(int(boxes[match][4]))) & set(allowed(settled(thing)))
            if picture["set"] in SETTLED_BY_TEACHER and both:
                boxes[match][4] = kind_of(both)
        elif agreement.size and within(np.array(thing["box"], np.float32), own[:, :4]).max() > 0.7:
            continue  # a part of what people drew
        elif picture["set"] in ADDED_IN and picture["part"] == "train" and thing["score"] >= ADDED:
            boxes.append([*thing["box"], settled(thing)])
        elif thing["score"] >= (UNSURE if picture["set"] in INCOMPLETE else MISSED):
            ignore.append(thing["box"])
    return boxes, ignore


if __name__ == "__main__":
    main()
