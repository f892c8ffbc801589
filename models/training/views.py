"""Finds unlabelled clips that come from a camera of a clip with a truth file.

    python -m models.training.views --shared ../shared --work DIR

The median pictures of all clips are compared by the correlation of their edges (small shifts allowed) and by
matched corners. Prints the nearest truth clip of every unlabelled one; writes contact sheets to DIR/views.
split.yaml was written by eye from the two, and from the captions that most cameras draw into their pictures.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.pictures import BACKGROUND_FRAMES, spread_frames

SAME_EDGES = 0.8  # correlation of the edges from which two pictures are called one view
SAME_CORNERS = 150  # corners that one homography maps


def main() -> None:
    """Compares every unlabelled clip with every truth clip."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    clips = options.shared / "clips"
    truth = {path.stem: background(path) for path in sorted([*clips.glob("*.mp4"), *clips.glob("*.avi")])}
    unlabelled = {path.stem: background(path) for path in sorted((clips / "unlabelled").glob("*.mp4"))}
    folder = options.work / "views"
    folder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / "truth.png"), sheet(truth))
    cv2.imwrite(str(folder / "unlabelled.png"), sheet(unlabelled))
    known = {name: (edges(image), corners(image)) for name, image in truth.items()}
    for name, image in unlabelled.items():
        own_edges, own_corners = edges(image), corners(image)
        scores = [
            (correlation(own_edges, other_edges), matched(own_corners, other_corners), other)
            for other, (other_edges, other_corners) in known.items()
        ]
        alike, mapped, nearest = max(scores)
        same = "SAME VIEW" if alike >= SAME_EDGES or mapped >= SAME_CORNERS else ""
        print(f"{name[:30]:<32}{nearest[:30]:<32}{alike:6.2f}{mapped:6d}  {same}")


def background(clip: Path) -> NDArray[np.uint8]:
    """The median picture of the clip."""
    seen = [image for _, image in spread_frames(clip, BACKGROUND_FRAMES)]
    return np.asarray(np.median(seen, axis=0), np.uint8)


def edges(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Strength of the edges at 320x240, logarithmic, softened, normalised."""
    grey = cv2.GaussianBlur(cv2.cvtColor(cv2.resize(image, (320, 240)), cv2.COLOR_BGR2GRAY), (5, 5), 0)
    strength = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    soft = np.asarray(cv2.GaussianBlur(np.log1p(strength), (0, 0), 2), np.float32)
    return np.asarray((soft - soft.mean()) / (soft.std() + 1e-6), np.float32)


def correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """The best over shifts of up to 16 pixels."""
    return float(cv2.matchTemplate(np.pad(one, 16), other, cv2.TM_CCOEFF_NORMED).max())


def corners(image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Places and descriptions of up to 800 corners at 640x480."""
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (640, 480))
    points, words = cv2.ORB_create(800).detectAndCompute(grey, None)  # type: ignore[attr-defined]
    if words is None:
        return np.zeros((0, 2), np.float32), np.zeros((0, 32), np.uint8)
    return np.array([point.pt for point in points], np.float32), words


def matched(
    one: tuple[NDArray[np.float32], NDArray[np.uint8]], other: tuple[NDArray[np.float32], NDArray[np.uint8]]
) -> int:
    """How many corners of one picture a single homography maps to like corners of the other."""
    if min(len(one[0]), len(other[0])) < 2:
        return 0
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(one[1], other[1], k=2)
    good = [best for best, second in pairs if best.distance < 0.75 * second.distance]
    if len(good) < 6:
        return 0
    start = one[0][[match.queryIdx for match in good]]
    end = other[0][[match.trainIdx for match in good]]
    _, kept = cv2.findHomography(start, end, cv2.RANSAC, 5.0)
    return 0 if kept is None else int(kept.sum())


def sheet(images: dict[str, NDArray[np.uint8]], columns: int = 6) -> NDArray[np.uint8]:
    """All pictures small, side by side, each with the beginning of its name."""
    small = []
    for name, image in images.items():
        tile = cv2.resize(image, (320, 180))
        cv2.putText(tile, name[:34], (3, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 255), 1)
        small.append(tile)
    small += [np.zeros((180, 320, 3), np.uint8)] * (-len(small) % columns)
    rows = [np.hstack(small[start : start + columns]) for start in range(0, len(small), columns)]
    return np.asarray(np.vstack(rows), np.uint8)


if __name__ == "__main__":
    main()
