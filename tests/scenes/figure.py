"""One frame of each scene, side by side, with its line and its zone.

    python -m tests.scenes.figure --out tests/scenes/scenes.jpg

takes them from the clips that ship and from their truth files; no renderer is needed.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

CLIPS = Path(__file__).parents[1] / "clips"
COLUMNS = 3
SIZE = (480, 270)
GAP_PX = 4
YELLOW = (60, 220, 250)
BLUE = (250, 180, 60)

Image = NDArray[np.uint8]


def main() -> None:
    """Writes the figure."""
    parser = argparse.ArgumentParser(description="One frame of each scene, side by side.")
    parser.add_argument("--clips", type=Path, default=CLIPS)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    tiles = [tile(truth) for truth in sorted((options.clips / "truth").glob("*.json"))]
    cv2.imwrite(str(options.out), montage(tiles), [cv2.IMWRITE_JPEG_QUALITY, 85])


def tile(truth_path: Path) -> Image:
    """The frame of the clip in which the most vehicles cross within a second, named."""
    truth = json.loads(truth_path.read_text())
    frame = busiest(truth)
    clip = cv2.VideoCapture(str(truth_path.parent / truth["video"]))
    image = None
    for _ in range(frame + 1):
        read, latest = clip.read()
        image = latest if read else image
    clip.release()
    assert image is not None, "the clip has the frames that its truth says"
    if len(truth["line"]) >= 2:
        cv2.polylines(image, [np.round(truth["line"]).astype(np.int32)], False, YELLOW, 2, cv2.LINE_AA)
    for zone in truth.get("zones", {}).values():
        cv2.polylines(image, [np.round(zone["polygon"]).astype(np.int32)], True, BLUE, 1, cv2.LINE_AA)
    image = cv2.resize(image, SIZE, interpolation=cv2.INTER_AREA)
    for colour, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(image, truth_path.stem, (8, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.6, colour, width, cv2.LINE_AA)
    return image.astype(np.uint8, copy=False)


def busiest(truth: dict[str, Any]) -> int:
    """The frame number around which the most vehicles cross; the middle where none does."""
    frames = [crossing["frame"] for crossing in truth["crossings"]]
    if not frames:
        return int(truth["frames"]) // 2
    return int(max(frames, key=lambda frame: sum(abs(frame - other) <= truth["fps"] for other in frames)))


def montage(tiles: list[Image]) -> Image:
    """All tiles in rows of COLUMNS, on white."""
    rows = -(-len(tiles) // COLUMNS)
    wide, high = SIZE[0] + GAP_PX, SIZE[1] + GAP_PX
    sheet = np.full((rows * high + GAP_PX, COLUMNS * wide + GAP_PX, 3), 255, np.uint8)
    for place, image in enumerate(tiles):
        y, x = place // COLUMNS * high + GAP_PX, place % COLUMNS * wide + GAP_PX
        sheet[y : y + SIZE[1], x : x + SIZE[0]] = image
    return sheet


if __name__ == "__main__":
    main()
