"""Cuts the training vehicles of the classifier out of every labelled set, with their surroundings.

    python -m models.training.crops --shared ../shared --sources DIR/sources --out DIR/names [--only SET ...]

writes DIR/names/SET.crops (JPEG pictures one after another) and DIR/names/SET.jsonl, a row per picture: `set`,
`camera`, `vehicle` (several rows may show one), `picture`, `box` (x1, y1, x2, y2 in pixels of the picture), `word` (its
name as the set says it), `at` (first byte and length in SET.crops), `inner` (the box in pixels of the crop) and
`squeezed` (the picture was squeezed to a square, so that its proportions are not known).

What a word means is decided when rows are read: `names.yaml` gives the classes that each word of a set allows (`car`
and `van` where people did not tell them apart), and which cameras are held out or judge; `corrections.yaml` renames
what contact sheets showed to be wrong. `named.jsonl` are vehicles of pictures without labels, named by eye for this.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from models.training.pictures import read_picture

Image = NDArray[np.uint8]
Box = tuple[float, float, float, float]

CLASSES = ("car", "van", "truck", "bus", "motorcycle", "bicycle")
AROUND = 0.5  # of the box's sides, kept on every side of it
LONG_SIDE_PX = 176  # of the box in the crop, at most
SHORT_SIDE_MIN_PX = 12.0
QUALITY = 93
RULES = Path(__file__).with_name("names.yaml")
CORRECTIONS = Path(__file__).with_name("corrections.yaml")


@dataclass(frozen=True, slots=True)
class Vehicle:
    """One sighting of a vehicle whose class, or possible classes, people have labelled."""

    set: str
    camera: str
    vehicle: str
    picture: str  # as the set calls it
    box: Box
    word: str  # as the set says
    squeezed: bool = False


def main() -> None:
    """Cuts all sets, or those asked for, and prints how many vehicles of which class each has."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--sources", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="*")
    options = parser.parse_args()
    rules = yaml.safe_load(RULES.read_text())
    options.out.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    for name in options.only or rules["sets"]:
        write(name, rules, options)


def write(name: str, rules: dict[str, Any], options: argparse.Namespace) -> None:
    """One set: SET.crops and SET.jsonl. Cameras of the test set are not cut."""
    counts: dict[str, int] = {}
    seen: set[str] = set()
    with (options.out / f"{name}.crops").open("wb") as store, (options.out / f"{name}.jsonl").open("w") as rows:
        for image, vehicles in READERS[rules["sets"][name]["reader"]](name, rules["sets"][name], options):
            for vehicle in vehicles:
                row = asdict(vehicle) | {"box": [round(v, 1) for v in vehicle.box]}
                if told(row, rules, {})[1] == "never" or not large_enough(vehicle.box, image):
                    continue
                crop, inner = cut(image, vehicle.box)
                digest = hashlib.md5(crop.tobytes()).hexdigest()
                if digest in seen:  # sets hold the same picture twice
                    continue
                seen.add(digest)
                data = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
                row |= {"at": [store.tell(), len(data)], "inner": [round(v, 1) for v in inner]}
                store.write(data)
                rows.write(json.dumps(row) + "\n")
                counts[vehicle.word] = counts.get(vehicle.word, 0) + 1
    print(name, dict(sorted(counts.items())), flush=True)


def told(row: dict[str, Any], rules: dict[str, Any], corrections: dict[tuple[str, str], str]) -> tuple[list[str], str]:
    """The classes that a vehicle may have (none: not for learning), and its part."""
    own = rules["sets"][row["set"]]
    said = own["words"].get(row["word"], ())
    classes = [said] if isinstance(said, str) else list(said)
    corrected = corrections.get((row["set"], row["vehicle"]))
    if corrected is not None:
        classes = [corrected] if corrected in CLASSES else []
    x1, y1, x2, y2 = row["box"]
    if (x2 - x1) < own.get("narrowest", 0.0) * (y2 - y1) and not {"motorcycle", "bicycle"} & set(classes):
        classes = []  # a sliver of a vehicle that something hides
    for part in ("never", "held_out"):
        if any(re.fullmatch(pattern, row["camera"]) for pattern in rules[part]):
            return classes, part
    return classes, "train"


def large_enough(box: Box, image: Image) -> bool:
    """Whether there is something to see, inside the picture."""
    x1, y1, x2, y2 = clipped(box, image)
    return min(x2 - x1, y2 - y1) >= SHORT_SIDE_MIN_PX and max(x2 - x1, y2 - y1) >= 1.5 * SHORT_SIDE_MIN_PX


def clipped(box: Box, image: Image) -> Box:
    """The box within the picture."""
    height, width = image.shape[:2]
    return max(0.0, box[0]), max(0.0, box[1]), min(float(width), box[2]), min(float(height), box[3])


def cut(image: Image, box: Box) -> tuple[Image, Box]:
    """The box with AROUND of its sides on every side, as far as the picture goes, and the box in that crop."""
    height, width = image.shape[:2]
    x1, y1, x2, y2 = clipped(box, image)
    dx, dy = AROUND * (x2 - x1), AROUND * (y2 - y1)
    left, top = max(0, int(x1 - dx)), max(0, int(y1 - dy))
    crop = image[top : min(height, int(y2 + dy) + 1), left : min(width, int(x2 + dx) + 1)]
    scale = min(1.0, LONG_SIDE_PX / max(x2 - x1, y2 - y1))
    if scale < 1.0:
        size = (max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale)))
        crop = cv2.resize(crop, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    inner = tuple((value - offset) * scale for value, offset in zip((x1, y1, x2, y2), (left, top) * 2, strict=True))
    return np.ascontiguousarray(crop), (inner[0], inner[1], inner[2], inner[3])


Reader = Iterator[tuple[Image, list[Vehicle]]]


def root_of(rule: dict[str, Any], options: argparse.Namespace) -> Path:
    """Where the paths of a rule begin: `here` is this folder."""
    roots = {"here": RULES.parent, "sources": Path(options.sources), "shared": Path(options.shared) / "labelled"}
    return roots[rule.get("root", "shared")]


def from_yolo(name: str, rule: dict[str, Any], options: argparse.Namespace) -> Reader:
    """Pictures in `images` with YOLO text files in `labels`; `width` and `height` undo a squeeze to a square."""
    root = root_of(rule, options) / rule["folder"]
    words = rule["order"]
    skipped = rule.get("skip")
    for path in sorted(p for p in root.rglob("*") if p.suffix in {".jpg", ".jpeg", ".png"} and "images" in p.parts):
        if skipped and re.search(skipped, path.name):
            continue
        place = path.parts[: len(path.parts) - path.parts[::-1].index("images") - 1]
        labels = (Path(*place) / "labels" / path.name).with_suffix(".txt")
        if not labels.exists():
            continue
        image = cv2.imread(str(path))
        if image is None:
            continue
        if "size" in rule:
            image = cv2.resize(image, tuple(rule["size"]), interpolation=cv2.INTER_AREA)
        height, width = image.shape[:2]
        name_of, camera_of = rule.get("camera", ("", ""))
        camera = re.sub(name_of, camera_of, path.name) if name_of else path.name
        vehicles = []
        for number, line in enumerate(filter(None, labels.read_text().split("\n"))):
            values = [float(value) for value in line.split()]
            if len(values) > 5:  # an outline
                xs, ys = values[1::2], values[2::2]
                values = [
                    values[0],
                    (min(xs) + max(xs)) / 2,
                    (min(ys) + max(ys)) / 2,
                    max(xs) - min(xs),
                    max(ys) - min(ys),
                ]
            kind, x, y, w, h = values
            box = ((x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height)
            vehicles.append(
                Vehicle(
                    name,
                    f"{name}/{camera}",
                    f"{path.name}:{number}",
                    path.name,
                    box,
                    str(words[int(kind)]),
                    squeezed=bool(rule.get("squeezed")) and image.shape[0] == image.shape[1],
                )
            )
        yield image.astype(np.uint8, copy=False), vehicles


def from_names(name: str, rule: dict[str, Any], options: argparse.Namespace) -> Reader:
    """Rows of a names.jsonl with image, camera, box and class; `CLIP#N` is frame N, from 0, of a clip."""
    listing = root_of(rule, options) / rule["names"]
    rows = [json.loads(line) for line in listing.read_text().splitlines()] if listing.exists() else []
    by_picture: dict[tuple[str, str], list[tuple[int, dict[str, Any]]]] = {}
    for number, row in enumerate(rows):
        by_picture.setdefault((row["source"], row["image"]), []).append((number, row))
    for (source, picture), listed in sorted(by_picture.items()):
        folder = rule["folders"][source]
        path = root_of(folder, options) / folder["folder"] / picture.replace("__", folder.get("slash", "__"))
        yield (
            read_frame(*str(path).split("#")),
            [
                Vehicle(
                    name,
                    f"{rule.get('prefix', '')}{row['camera']}",
                    f"{number}",
                    picture,
                    tuple(row["box"]),
                    word_of(row),
                )
                for number, row in listed
            ],
        )


def read_frame(path: str, number: str = "") -> Image:
    """A picture, or a frame of a clip."""
    if not number:
        return read_picture(path)
    reader = cv2.VideoCapture(path)
    for _ in range(int(number) + 1):  # seeking is not exact in every container
        good, image = reader.read()
        assert good, f"{path} must have a frame {number}"
    return image.astype(np.uint8, copy=False)


def word_of(row: dict[str, Any]) -> str:
    """The labelled class, or `unsure` if the note doubts it."""
    doubtful = any(word in row.get("note", "") for word in ("likelier", "fairly sure", "could be", " or "))
    return f"{row['class']}?" if doubtful else str(row["class"])


def from_tracks(name: str, rule: dict[str, Any], options: argparse.Namespace) -> Reader:
    """Tracks of clips with up to four frames and boxes each."""
    rows = [json.loads(line) for line in (options.shared / "labelled" / rule["names"]).read_text().splitlines()]
    cameras = clip_cameras()
    by_clip: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_clip.setdefault(row["clip"], []).append(row)
    for clip, listed in sorted(by_clip.items()):
        wanted: dict[int, list[Vehicle]] = {}
        for row in listed:
            for frame, box in zip(row["frames"], row["boxes"], strict=True):
                one = Vehicle(
                    name, cameras(clip), f"{clip}:{row['track']}", f"{clip}:{frame}", tuple(box), word_of(row)
                )
                wanted.setdefault(frame, []).append(one)
        reader = cv2.VideoCapture(str(options.shared / "clips" / "unlabelled" / clip))
        for number in range(max(wanted) + 1):
            good, image = reader.read()
            if not good:
                break
            if number in wanted:
                yield image.astype(np.uint8, copy=False), wanted[number]


def clip_cameras() -> Any:
    """From the name of a clip to its camera, as split.yaml has it; clips of test cameras are `never/...`."""
    split = yaml.safe_load(RULES.with_name("split.yaml").read_text())["clips"]

    def camera(clip: str) -> str:
        for rule in split:
            if clip.startswith(tuple(rule["clips"])):
                return f"never/{rule['camera']}" if rule["part"] == "never" else f"clips/{rule['camera']}"
        number = re.match(r"tfl_(\d{4})", clip)
        return f"tfl/{number[1]}" if number else f"clips/{Path(clip).stem}"

    return camera


def from_stills(name: str, rule: dict[str, Any], options: argparse.Namespace) -> Reader:
    """Rendered stills with exact boxes."""
    folder = options.sources / rule["folder"]
    for listing in sorted(folder.glob("stills-*.jsonl")):
        for line in listing.read_text().splitlines():
            try:
                still = json.loads(line)
            except ValueError:  # the last line is being written
                continue
            picture = Path(still["path"]).name
            world = f"{still['seed']}-{int(Path(picture).stem) // 3}"
            yield (
                read_picture(folder / picture),
                [
                    Vehicle(name, f"stills/{world}", f"{picture}:{n}", picture, tuple(box[:4]), box[4])
                    for n, box in enumerate(still["boxes"])
                ],
            )


READERS = {"yolo": from_yolo, "names": from_names, "tracks": from_tracks, "stills": from_stills}


def load(folder: Path, names: list[str] | None = None) -> list[dict[str, Any]]:
    """The rows of all sets in the folder that may be learned from or chosen by.

    Each has `classes` and `part` by the rules as they are now, and `store`, the file that holds its picture.
    """
    rules = yaml.safe_load(RULES.read_text())
    corrections = {
        (name, vehicle): label
        for name, labels in (yaml.safe_load(CORRECTIONS.read_text()) or {}).items()
        for label, vehicles in labels.items()
        for vehicle in vehicles
    }
    rows = []
    for listing in sorted(folder.glob("*.jsonl")):
        if names is not None and listing.stem not in names:
            continue
        for line in listing.read_text().splitlines():
            row = json.loads(line)
            classes, part = told(row, rules, corrections)
            if classes and part != "never":
                rows.append(row | {"classes": classes, "part": part, "store": str(listing.with_suffix(".crops"))})
    return rows


def read_crop(row: dict[str, Any]) -> Image:
    """The picture of a row, BGR."""
    with Path(row["store"]).open("rb") as file:
        file.seek(row["at"][0])
        return decoded(file.read(row["at"][1]))


def decoded(data: bytes) -> Image:
    """A JPEG picture as BGR."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None, "what was encoded must decode"
    return image.astype(np.uint8, copy=False)


if __name__ == "__main__":
    main()
