# ruff: noqa: T201 - a command prints
"""What a quiet road costs: each clip behind minutes of its own empty road.

    python -m tests.benchmarks.quiet ../shared/clips/truth/*.json --minutes 10 [--json]
    python -m tests.benchmarks.quiet tests/clips/truth/day.json --minutes 60

The empty road is the median picture of the clip with the noise of its own frames but where anything large differs from
the median (a vehicle, its shadow), a minute of it coded as MPEG-4 and repeated, in light that drifts by a tenth. A clip
of fewer than 20 frames a second is shown at 25, each picture several times. The product handles every frame; the same
product that looks at every frame handles those of the clip, and of the empty road one in SAMPLE, for nothing there
differs in what it costs: its cost is multiplied accordingly.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.offline.bench import Work
from edge.offline.bench_compare import Clip, Compared, open_clips, settle
from edge.vision.frame import Frame

SAMPLE = 50
LOOP_S = 60
FRAMES_PER_SECOND = 25.0
NOISE_MAX = 24.0  # levels: what differs more is a vehicle, and what is around it is its shadow and its blur
AROUND = 0.03  # of the width
SPECK = 3  # pixels: what differs over no more than that is noise
DRIFT, DRIFT_S = 0.1, 240.0
PICTURES = 60
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Film:
    """The frames of a clip at a usual rate."""

    pictures: list[Picture]
    step_ms: float

    @property
    def rate(self) -> float:
        return 1000.0 / self.step_ms


def film_of(clip: Clip) -> Film:
    pictures = [frame.image.copy() for frame in clip.recording]
    times_ms = clip.recording.times_ms()
    step_ms = (times_ms[-1] - times_ms[0]) / (len(times_ms) - 1)
    repeats = max(1, round(step_ms * FRAMES_PER_SECOND / 1000)) if step_ms > 50 else 1
    return Film([one for one in pictures for _ in range(repeats)], step_ms / repeats)


def write_empty_road(path: Path, film: Film) -> None:
    """A minute of the road without its vehicles."""
    some = film.pictures[:: max(1, len(film.pictures) // PICTURES)]
    empty = np.median(np.stack(some), axis=0)
    noises = [noise_of(one, empty) for one in some]
    height, width = empty.shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), film.rate, (width, height))
    chance = np.random.default_rng(1)
    for _ in range(round(LOOP_S * film.rate)):
        writer.write(np.clip(empty + noises[chance.integers(len(noises))], 0, 255).astype(np.uint8))
    writer.release()


def noise_of(picture: Picture, empty: NDArray[np.float64]) -> NDArray[np.float32]:
    """How the picture differs from the empty road, but where something large does."""
    noise = (picture - empty).astype(np.float32)
    differs = (np.abs(cv2.GaussianBlur(noise, (0, 0), SPECK)).max(axis=2) > NOISE_MAX / 4).astype(np.uint8)
    reach = max(3, round(AROUND * picture.shape[1])) | 1
    vehicles = cv2.dilate(differs, np.ones((reach, reach), np.uint8)) > 0
    return np.where(vehicles[:, :, np.newaxis] | (np.abs(noise) > NOISE_MAX), 0.0, noise).astype(np.float32)


def empty_road(path: Path, frames: int) -> Iterator[Picture]:
    """So many pictures of that film, again and again, in light that drifts; at the end as at the beginning."""
    number = 0
    while True:
        film = cv2.VideoCapture(str(path))
        while number < frames:
            there, image = film.read()
            if not there:
                break
            left_s = (frames - number) / FRAMES_PER_SECOND
            yield np.asarray(
                cv2.convertScaleAbs(image, alpha=1.0 + DRIFT * np.sin(2 * np.pi * left_s / DRIFT_S)), np.uint8
            )
            number += 1
        film.release()
        if number >= frames:
            return


def measure(clip: Clip, minutes: float) -> dict[str, Any]:
    """Both over the clip behind its empty road."""
    model = clip.config.model
    always = msgspec.structs.replace(clip.config, model=msgspec.structs.replace(model, look="every-frame"))
    size = clip.recording.width, clip.recording.height
    film = film_of(clip)
    needed, base, sampled = Work(clip.config, *size), Work(always, *size), Work(always, *size)
    quiet = round(minutes * 60_000 / film.step_ms)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "road.mp4"
        write_empty_road(path, film)
        for number, image in enumerate(empty_road(path, quiet)):
            frame = Frame(round(number * film.step_ms), image)
            needed.handle(frame)
            if number % SAMPLE == 0:
                sampled.handle(frame)
    in_quiet = needed.looked_at
    for number, image in enumerate(film.pictures, start=quiet):
        frame = Frame(round(number * film.step_ms), image)
        for work in (needed, base) if number % 2 else (base, needed):
            work.handle(frame)
    for work in (needed, base):
        work.close()
    found = Compared(clip.name, base, needed)
    settle(found)
    whole_s = base.cpu_s + sampled.cpu_s * quiet / max(sampled.frames, 1)
    return {
        "clip": clip.name,
        "frames": needed.frames,
        "looked_at_share": round(needed.looked_at / needed.frames, 4),
        "looks_at_the_empty_road": in_quiet,
        "cpu_share": round(needed.cpu_s / whole_s, 4),
        "crossings": len(base.crossings),
        "crossings_lost": len(found.lost),
        "crossings_extra": len(found.extra),
        "ms_a_frame": {stage: round(sum(spent) / needed.frames, 3) for stage, spent in needed.watch.spent_ms.items()},
    }


def main() -> None:
    """Print a line for each clip."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.quiet", description=__doc__.split("\n", 1)[0])
    parser.add_argument("clips", nargs="+", type=Path, metavar="TRUTH")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    for clip in open_clips(given.clips, None, (), None, 1):
        said = measure(clip, given.minutes)
        if given.json:
            print(json.dumps(said, sort_keys=True), flush=True)
        else:
            print(
                f"{said['clip']}: {said['looked_at_share']:.2%} of {said['frames']} frames looked at "
                f"({said['looks_at_the_empty_road']} on the empty road), CPU share {said['cpu_share']:.2%}; "
                f"{said['crossings']} crossings, {said['crossings_lost']} lost, {said['crossings_extra']} extra",
                flush=True,
            )


if __name__ == "__main__":
    main()
