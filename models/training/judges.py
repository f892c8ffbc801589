"""Cuts the test vehicles of the classifier, as the shipped detector finds them. They are never used for training.

    python -m models.training.judges --shared ../shared --out DIR/judges [--only SET ...]

* `streets_named`, `lta_judge`: what the detector finds on the whole picture, paired with the people's boxes (IoU of 0.4
  or more), and what it calls it;
* `truth`, `rendered`: the crossings found on the clips of ../shared/clips/truth and tests/clips, and what they are
  reported as. Up to four pictures of each, the largest whole ones near the line.

Writes per set what `crops.py` writes; rows have `word` (the true class), `said` (the detector's), `doubtful` (people
are not certain), `size` (of the box, in pixels) and `vehicle`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge.build.stages import build_pipeline
from edge.config.schema import Config, Model
from edge.counting.detection import Detection
from edge.offline.evaluate import _open as opened
from edge.offline.evaluate import evaluate, load_truth, tape_path
from edge.offline.evaluate_command import ANYWHERE
from edge.vision.detector import OnnxDetector
from edge.vision.frame import Frame
from edge.vision.manifest import load_manifest
from edge.vision.tape import read_tape
from models.training.crops import Box, Image, cut
from models.training.pictures import read_picture

AGREEMENT = 0.4
LTA_WORDS = ("car", "truck", "van", "motorcycle", "bus")
LTA_SIDE_MIN_PX = 24.0
STREETS_WORDS = {"car": "car", "pickup": "car", "van": "van", "truck": "truck", "bus": "bus", "minibus": "bus"}
NEAR_MS = 1500
PICTURES = 4
DETECTOR = "vehicle-nano"


@dataclass(frozen=True, slots=True)
class Judged:
    """One picture of a test vehicle."""

    camera: str
    vehicle: str
    word: str
    said: str
    box: Box
    picture: str
    doubtful: bool = False
    light: str = ""


def main() -> None:
    """Cuts every set, or those asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="*")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    sets = {
        "streets_named": lambda: streets(options.shared / "labelled" / "streets_named"),
        "lta_judge": lambda: lta(options.shared / "labelled" / "lta_judge"),
        "truth": lambda: crossings(options.shared / "clips" / "truth", options.out / "tapes"),
        "rendered": lambda: crossings(Path("tests/clips/truth"), options.out / "tapes"),
    }
    for name in options.only or sets:
        with (options.out / f"{name}.crops").open("wb") as store, (options.out / f"{name}.jsonl").open("w") as rows:
            count = 0
            for image, judged in sets[name]():
                crop, inner = cut(image, judged.box)
                data = cv2.imencode(".png", crop)[1].tobytes()
                size = [round(judged.box[2] - judged.box[0], 1), round(judged.box[3] - judged.box[1], 1)]
                row = {"set": name, "camera": judged.camera, "vehicle": judged.vehicle, "word": judged.word}
                row |= {"said": judged.said, "doubtful": judged.doubtful, "light": judged.light, "size": size}
                row |= {"picture": judged.picture, "box": [round(v, 1) for v in judged.box]}
                row |= {"at": [store.tell(), len(data)], "inner": [round(v, 1) for v in inner]}
                store.write(data)
                rows.write(json.dumps(row) + "\n")
                count += 1
        print(name, count, "pictures", flush=True)


def streets(folder: Path) -> Iterator[tuple[Image, Judged]]:
    """American mast cameras; only some vehicles of each picture are named."""
    detector = OnnxDetector(load_manifest(DETECTOR))
    by_picture: dict[str, list[dict[str, object]]] = {}
    for line in (folder / "names.jsonl").read_text().splitlines():
        row = json.loads(line)
        by_picture.setdefault(row["image"], []).append(row)
    for picture, rows in sorted(by_picture.items()):
        image = read_picture(folder / "images" / picture)
        found = detector.detect(Frame(0, image)).detections
        for number, row in enumerate(rows):
            word = STREETS_WORDS.get(str(row["class"]))
            one = best_match(tuple(row["box"]), found)  # type: ignore[arg-type]  # read from JSON
            if word and one:
                yield (
                    image,
                    Judged(
                        str(row["camera"]),
                        f"{picture}:{number}",
                        word,
                        one.label,
                        corners(one),
                        picture,
                        doubtful="note" in row,
                        light=str(row.get("light", "")),
                    ),
                )


def lta(folder: Path) -> Iterator[tuple[Image, Judged]]:
    """Singapore's expressway and causeway cameras."""
    detector = OnnxDetector(load_manifest(DETECTOR))
    for path in sorted((folder / "images").glob("*.jpg")):
        image = read_picture(path)
        height, width = image.shape[:2]
        found = detector.detect(Frame(0, image)).detections
        for number, line in enumerate(
            filter(None, (folder / "labels" / path.name).with_suffix(".txt").read_text().split("\n"))
        ):
            kind, x, y, w, h = (float(value) for value in line.split())
            box = ((x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height)
            one = best_match(box, found)
            if one and max(w * width, h * height) >= LTA_SIDE_MIN_PX:
                camera = path.name.split("-")[0]
                yield (
                    image,
                    Judged(camera, f"{path.name}:{number}", LTA_WORDS[int(kind)], one.label, corners(one), path.name),
                )


def best_match(box: Box, found: tuple[Detection, ...]) -> Detection | None:
    """The detection that overlaps a box most, if by AGREEMENT or more."""
    best, most = None, AGREEMENT
    for one in found:
        width = min(box[2], one.x2) - max(box[0], one.x1)
        height = min(box[3], one.y2) - max(box[1], one.y1)
        if width > 0 and height > 0:
            shared = width * height
            agreement = shared / ((box[2] - box[0]) * (box[3] - box[1]) + one.area - shared)
            if agreement >= most:
                best, most = one, agreement
    return best


def corners(one: Detection) -> Box:
    """Of a detection."""
    return one.x1, one.y1, one.x2, one.y2


def crossings(folder: Path, tapes: Path) -> Iterator[tuple[Image, Judged]]:
    """The crossings of clips with truth that are found, several pictures each."""
    config = Config(lines=ANYWHERE, model=Model(look="every-frame"))
    for path in sorted(folder.glob("*.json")):
        result = next(iter(evaluate([path], config, tapes=tapes)))
        _, _, recording, own = opened(path, load_truth(path), config)
        header, frames = read_tape(tape_path(recording, own, tapes))
        pipeline = build_pipeline(own, header.width, header.height)
        seen: dict[int, list[tuple[int, int, Box]]] = {}
        for number, frame in enumerate(frames):
            for track in pipeline.update(frame).tracks:
                if track.seen_ms == frame.captured_ms:
                    seen.setdefault(track.id, []).append((number, frame.captured_ms, track.box))
        wanted: dict[int, list[Judged]] = {}
        for a, b in result.pairing.found:
            true, crossing = result.true[a], result.crossings[b]
            near = [one for one in seen.get(crossing.track, []) if abs(one[1] - crossing.crossed_ms) <= NEAR_MS]
            for number, _, box in largest(near, header.width, header.height):
                one = Judged(
                    path.stem,
                    f"{path.stem}:{crossing.track}:{crossing.crossed_ms}",
                    true.label,
                    crossing.label,
                    box,
                    f"{path.stem}:{number}",
                    doubtful=true.label_uncertain or true.uncertain,
                )
                wanted.setdefault(number, []).append(one)
        for number, image in enumerate(pictures_of(recording.path)):
            for one in wanted.get(number, ()):
                yield image, one


def pictures_of(path: Path) -> Iterator[Image]:
    """Every frame of a clip."""
    from edge.vision.recording import Recording  # noqa: PLC0415  # keeps the imports above to what every set needs

    for frame in Recording(path):
        yield np.asarray(frame.image, np.uint8)


def largest(seen: list[tuple[int, int, Box]], width: int, height: int) -> list[tuple[int, int, Box]]:
    """Up to PICTURES sightings, spread in time: the largest that the picture's edge does not cut."""

    def worth(one: tuple[int, int, Box]) -> float:
        x1, y1, x2, y2 = one[2]
        cut_off = x1 < 2 or y1 < 2 or x2 > width - 2 or y2 > height - 2
        return (x2 - x1) * (y2 - y1) * (0.3 if cut_off else 1.0)

    chosen: list[tuple[int, int, Box]] = []
    gap = max(2, len(seen) // (2 * PICTURES))
    for one in sorted(seen, key=worth, reverse=True):
        if len(chosen) < PICTURES and all(abs(one[0] - other[0]) >= gap for other in chosen):
            chosen.append(one)
    return chosen


if __name__ == "__main__":
    main()
