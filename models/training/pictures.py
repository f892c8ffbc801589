"""Lists every picture with its set, camera and part, and takes the frames out of the unlabelled clips.

    python -m models.training.pictures --shared ../shared --work DIR

writes DIR/frames/*.png and DIR/pictures.json. Pictures of cameras marked `never` are not even written.
"""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

BACKGROUND_FRAMES = 31
ONLY_CARS = 4  # of the pictures in which people named cars alone, every so many-th
SPLIT = Path(__file__).with_name("split.yaml")


def main() -> None:
    """Lists, extracts, and prints how many pictures of how many cameras stand on each side."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--sources", type=Path, help="further pictures of the sets of names.yaml")
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    split = yaml.safe_load(SPLIT.read_text())
    pictures = from_clips(options.shared / "clips" / "unlabelled", options.work / "frames", split)
    for name, rules in split["sets"].items():
        pictures += from_set(options.shared / "labelled" / name, rules)
    if options.sources:
        pictures += from_named(options)
    (options.work / "pictures.json").write_text(json.dumps(pictures, indent=0))
    for part in ("train", "held_out"):
        chosen = [picture for picture in pictures if picture["part"] == part]
        print(f"{part}: {len(chosen)} pictures")
        for name in sorted({picture["set"] for picture in chosen}):
            cameras = [picture["camera"] for picture in chosen if picture["set"] == name]
            print(f"  {name}: {len(cameras)} pictures of {len(set(cameras))} cameras or single pictures")


def from_clips(folder: Path, frames: Path, split: dict[str, Any]) -> list[dict[str, str]]:
    """Spread frames of every clip that may be used, and the median picture of each clip."""
    frames.mkdir(parents=True, exist_ok=True)
    pictures = []
    for rule in split["clips"]:
        clips = sorted(path for path in folder.glob("*.mp4") if path.name.startswith(tuple(rule["clips"])))
        if rule["part"] == "never":
            continue
        wanted = split["frames_per_clip"] * (2 if len(clips) == 1 else 1)
        for clip in clips:
            background = frames / f"{clip.stem}_background.png"
            seen = [image for _, image in spread_frames(clip, BACKGROUND_FRAMES)]
            cv2.imwrite(str(background), np.median(seen, axis=0).astype(np.uint8))
            for number, image in spread_frames(clip, wanted):
                path = frames / f"{clip.stem}_{number:04d}.png"
                cv2.imwrite(str(path), image)
                pictures.append(
                    {
                        "path": str(path),
                        "set": "clips",
                        "camera": rule["camera"],
                        "part": rule["part"],
                        "background": str(background),
                    }
                )
    return pictures


def spread_frames(clip: Path, wanted: int) -> list[tuple[int, NDArray[np.uint8]]]:
    """About `wanted` frames, evenly spread; the middle of each share of the clip."""
    reader = cv2.VideoCapture(str(clip))
    count = int(reader.get(cv2.CAP_PROP_FRAME_COUNT))
    numbers = {int((share + 0.5) * count / wanted) for share in range(wanted)}
    chosen: list[tuple[int, NDArray[np.uint8]]] = []
    number = 0
    while True:
        good, image = reader.read()
        if not good:
            return chosen
        if number in numbers:
            chosen.append((number, image.astype(np.uint8, copy=False)))
        number += 1


def from_named(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Pictures some of whose vehicles people named: `named` boxes, and `doubtful` ones that are no whole vehicle."""
    from models.training.crops import READERS, RULES, told  # noqa: PLC0415  # these read pictures, too
    from models.training.labels import UNKNOWN, kind_of  # noqa: PLC0415
    from models.training.outputs import LABELS  # noqa: PLC0415

    rules = yaml.safe_load(RULES.read_text())
    pictures: list[dict[str, Any]] = []
    for name in ("singapore_named", "fixed_named", "tracks_named"):
        for number, (image, vehicles) in enumerate(
            READERS[rules["sets"][name]["reader"]](name, rules["sets"][name], options)
        ):
            row: dict[str, Any] = {"set": "named", "camera": vehicles[0].camera, "named": [], "doubtful": []}
            for vehicle in vehicles:
                classes, row["part"] = told(asdict(vehicle), rules, {})
                box = [round(value, 1) for value in vehicle.box]
                if classes or vehicle.word.startswith("unsure"):
                    meant = [LABELS.index(label) for label in classes] or range(len(LABELS))
                    row["named"].append([*box, kind_of(meant)])
                elif vehicle.word != "none":
                    row["doubtful"].append(box)
            only_cars = all(box[4] in {LABELS.index("car"), UNKNOWN} for box in row["named"])
            if row["part"] != "never" and row["named"] and (not only_cars or number % ONLY_CARS == 0):
                path = options.work / "frames" / f"{name}_{number:05d}.jpg"
                cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 95])
                pictures.append(row | {"path": str(path)})
    return pictures


def read_picture(path: str | Path) -> NDArray[np.uint8]:
    """BGR, (height, width, 3)."""
    image = cv2.imread(str(path))
    assert image is not None, f"{path} must be a picture"
    return image.astype(np.uint8, copy=False)


def read_grey(path: str | Path) -> NDArray[np.uint8]:
    """Grey, (height, width)."""
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert image is not None, f"{path} must be a picture"
    return image.astype(np.uint8, copy=False)


def from_set(folder: Path, rules: dict[str, Any]) -> list[dict[str, str]]:
    """All pictures of a labelled set."""
    pictures = []
    for path in sorted(folder.rglob("*.jpg"))[:: rules.get("every", 1)]:
        held_out = rules.get("evaluation_only", False) or path.name.startswith(tuple(rules.get("held_out", [])))
        camera = re.sub(r"\d*_jpg.*|_png.*|\.rf\..*|(?<=_mp4)-.*", "", path.name)
        pictures.append(
            {
                "path": str(path),
                "set": folder.name,
                "camera": camera,
                "part": "held_out" if held_out else "train",
            }
        )
    return pictures


if __name__ == "__main__":
    main()
