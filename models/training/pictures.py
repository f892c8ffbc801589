"""Lists every picture with its set, camera and part, and takes the frames out of the unlabelled clips.

    python -m models.training.pictures --shared ../shared --work DIR

writes DIR/frames/*.png and DIR/pictures.json. Pictures of cameras marked `never` are not even written.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

BACKGROUND_FRAMES = 31
SPLIT = Path(__file__).with_name("split.yaml")


def main() -> None:
    """Lists, extracts, and prints how many pictures of how many cameras stand on each side."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    split = yaml.safe_load(SPLIT.read_text())
    pictures = from_clips(options.shared / "clips" / "unlabelled", options.work / "frames", split)
    for name, rules in split["sets"].items():
        pictures += from_set(options.shared / "labelled" / name, rules)
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
    for path in sorted(folder.rglob("*.jpg")):
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
