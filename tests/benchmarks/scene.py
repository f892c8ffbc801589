# ruff: noqa: T201 - a command prints
"""Scene health on clips: what it says of each as it is, and altered; a clip is repeated until it lasts long enough.

    python -m tests.benchmarks.scene CLIP...

Each clip's first picture is the reference. As it is, nothing should be said; of what is done to it, what was done.
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.vision.frame import Frame
from edge.vision.scene import EVERY_MS, SceneWatcher

Picture = NDArray[np.uint8]
LONG_MS = 60_000


def blurred(image: Picture) -> Picture:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), image.shape[1] / 80), np.uint8)


def shifted(image: Picture) -> Picture:
    return np.roll(image, (image.shape[0] // 20, image.shape[1] // 15), axis=(0, 1))


NOISE = np.random.default_rng(1)


def hand(image: Picture) -> Picture:
    return np.asarray(np.clip(NOISE.normal(70, 1.5, image.shape), 0, 255), np.uint8)


def black(image: Picture) -> Picture:
    return np.asarray(image // 12, np.uint8)


def white(image: Picture) -> Picture:
    return np.full_like(image, 252)


ALTERED: dict[str, Callable[[Picture], Picture]] = {
    "": lambda image: image,
    "defocused": blurred,
    "moved": shifted,
    "covered": hand,
    "dark": black,
    "over-exposed": white,
}


def pictures(path: Path) -> Iterator[tuple[int, Picture]]:
    """For a minute, over and over: those that are looked at, and the moment of each as it would be live."""
    at_ms, due_ms = 0.0, 0.0
    while at_ms < LONG_MS:
        video = cv2.VideoCapture(str(path))
        step_ms = 1000 / (video.get(cv2.CAP_PROP_FPS) or 25.0)
        number = 0
        while at_ms < LONG_MS and video.grab():
            number += 1
            at_ms += step_ms
            if at_ms >= due_ms:
                due_ms = at_ms + EVERY_MS
                yield round(at_ms), np.asarray(video.retrieve()[1], np.uint8)
        if not number:
            return


def said(path: Path, change: Callable[[Picture], Picture], *, frozen: bool = False) -> tuple[str, float, str]:
    """What was said longest, the milliseconds of a look, and the last figures."""
    watcher: SceneWatcher | None = None
    words: dict[str, int] = {}
    spent_s, looks, first = 0.0, 0, None
    for at_ms, image in pictures(path):
        if watcher is None:
            watcher, first = SceneWatcher(image), image
        shown = change(first if frozen and at_ms > 5_000 and first is not None else image)
        began = time.perf_counter()
        state = watcher.update(Frame(at_ms, shown))
        spent_s += time.perf_counter() - began
        looks += 1
        words[state.blind] = words.get(state.blind, 0) + 1
    assert watcher is not None, "a clip has pictures"
    words.pop("", None)
    state = watcher.state
    figures = f"{state.brightest:.0f}/{state.darkest:.0f} fine {state.fine_share or 0:.2f} moved {state.moved_px}"
    return max(words, key=lambda word: words[word], default=""), 1000 * spent_s / looks, figures


def main(arguments: Sequence[str] | None = None) -> None:
    """A line for every clip."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scene", description=__doc__.split("\n", 1)[0])
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--figures", action="store_true")
    given = parser.parse_args(arguments)
    words = [*ALTERED, "frozen"]
    print("| clip | as it is | " + " | ".join(words[1:]) + " | ms a look |")
    print("|---" * (len(words) + 2) + "|")
    told: Counter[str] = Counter()
    for path in given.clips:
        found = {word: said(path, change) for word, change in ALTERED.items()}
        found["frozen"] = said(path, ALTERED[""], frozen=True)
        told.update(word for word in words if found[word][0] == word)
        cells = [found[word][0] or "-" for word in words]
        print(f"| {path.stem} | {' | '.join(cells)} | {found[''][1]:.2f} |", flush=True)
        if given.figures:
            print("   ", found[""][2], "| defocused:", found["defocused"][2], "| moved:", found["moved"][2])
    clips = len(given.clips)
    right = ", ".join(f"{word} {told[word]}" for word in words[1:])
    print(f"{clips} clips: {clips - told['']} said something as they are; told right: {right}")


if __name__ == "__main__":
    main()
