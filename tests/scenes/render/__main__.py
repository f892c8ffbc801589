"""Renders the frames of a scene: `python -m tests.scenes.render SCENE.yaml --out DIR`. Needs `bpy`.

The frames are clean: `tests.scenes.clips` spoils them as camera and encoder would and makes the clip. A run that was
broken off goes on where it stopped, and a frame in which nothing moved is a copy of the one before.
"""

import argparse
import os
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2

from tests.scenes.description import load_scene
from tests.scenes.moment import Moment, Placed
from tests.scenes.render.light import light_of
from tests.scenes.traffic import simulate

STILL_M = 0.003  # what moves less from one frame to the next is far less than a pixel


def main() -> None:
    """Render what is not there yet."""
    parser = argparse.ArgumentParser(prog="tests.scenes.render", description="Renders the frames of a scene.")
    parser.add_argument("scene", type=Path, metavar="SCENE.yaml")
    parser.add_argument("--out", type=Path, required=True, help="folder for NNNNN.png")
    parser.add_argument("--frames", default=":", metavar="A:B", help="only these")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--samples", type=int, default=2, help="paths per pixel by day; twice as many in the dark")
    parser.add_argument("--cpu", type=int, default=0, help="where the threads begin")
    options = parser.parse_args()
    cpus = sorted(os.sched_getaffinity(0))
    if options.threads < len(cpus):  # the denoiser would start a thread on every core, and they wait for one another
        os.sched_setaffinity(0, {cpus[(options.cpu + k) % len(cpus)] for k in range(options.threads)})
    first, last = (int(part) if part else None for part in options.frames.split(":"))
    options.out.mkdir(parents=True, exist_ok=True)
    from tests.scenes.render.studio import Studio  # noqa: PLC0415  # bpy

    scene = load_scene(options.scene)
    moments = list(enumerate(moment_of_clip(moment) for moment in simulate(scene)))
    studio = Studio(scene.bridge, f"clip {scene.name} {scene.seed}", threads=options.threads)
    studio.set_light(light_of(scene.light, scene.weather, f"clip {scene.name} {scene.seed}"))
    studio.set_camera(scene.view.camera)
    studio.set_samples(options.samples * (2 if scene.light in {"dusk", "night"} else 1))
    before: tuple[Placed, ...] | None = None
    began, made = time.monotonic(), 0
    for number, moment in moments[first:last]:
        path = frame_path(options.out, number)
        if not path.exists():
            earlier = frame_path(options.out, number - 1)
            if before is not None and stands(before, moment.vehicles) and earlier.exists():
                shutil.copyfile(earlier, path)
            else:
                studio.place(moment.vehicles)
                part = path.with_name(f".{path.name}")
                cv2.imwrite(str(part), studio.picture())
                part.replace(path)
                made += 1
                each = (time.monotonic() - began) / made
                print(f"frame {number + 1} of {len(moments)}: {each:.2f} s each", file=sys.stderr, flush=True)  # noqa: T201  # progress
        before = moment.vehicles
    studio.close()


def frame_path(folder: Path, number: int) -> Path:
    """Where a clean frame is."""
    return folder / f"{number:05d}.png"


def moment_of_clip(moment: Moment) -> Moment:
    """Each vehicle in a livery of its own, an odd one: the even ones belong to the training stills."""
    return replace(moment, vehicles=tuple(replace(v, livery=2 * v.number + 1) for v in moment.vehicles))


def stands(before: tuple[Placed, ...], now: tuple[Placed, ...]) -> bool:
    """Whether the two would give the same picture."""
    return len(before) == len(now) and all(
        one.number == two.number
        and one.braking == two.braking
        and abs(one.x - two.x) + abs(one.y - two.y) + abs(one.heading - two.heading) < STILL_M
        for one, two in zip(before, now, strict=True)
    )


if __name__ == "__main__":
    main()
