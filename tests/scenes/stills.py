"""Makes training stills with boxes: `python -m tests.scenes.stills --out DIR --count N --seed S`. Needs `bpy`.

Every still follows from the seed and its number alone; a run that was broken off goes on where it stopped.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.scenes.camera import outlines
from tests.scenes.render.light import light_of
from tests.scenes.render.vehicles import pieces_of, shapes_of
from tests.scenes.spoil import Spoiler
from tests.scenes.still import VIEWS, World, labels, street_of, street_view_of, view_of, world_of


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.scenes.stills", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for NNNNNN.jpg and stills-SHARD.jsonl")
    parser.add_argument("--count", type=int, required=True, help="stills in all, over every shard")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shard", default="0/1", help="k/n: this run makes every n-th world from the k-th on")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--samples", type=int, default=2, help="paths per pixel by day; twice as many in the dark")
    parser.add_argument("--american", action="store_true", help="wide streets with buses and trucks of North America")
    options = parser.parse_args()
    shard, shards = (int(part) for part in options.shard.split("/"))
    cpus = sorted(os.sched_getaffinity(0))
    if options.threads < len(cpus):  # the denoiser would start a thread on every core, and they wait for one another
        os.sched_setaffinity(0, {cpus[(shard + k) % len(cpus)] for k in range(options.threads)})
    options.out.mkdir(parents=True, exist_ok=True)
    listing = options.out / f"stills-{shard}.jsonl"
    done = _done(listing)
    began, made = time.monotonic(), 0
    for world in range(shard, -(-options.count // VIEWS), shards):
        numbers = [n for n in range(world * VIEWS, min((world + 1) * VIEWS, options.count)) if n not in done]
        if not numbers:
            continue
        for still in _stills(options.seed, world, numbers, options):
            with listing.open("a") as file:
                file.write(json.dumps(still) + "\n")
        made += len(numbers)
        each = (time.monotonic() - began) / made
        print(f"still {numbers[-1] + 1} of {options.count}: {each:.2f} s each", file=sys.stderr, flush=True)  # noqa: T201  # progress


def _done(listing: Path) -> set[int]:
    """Numbers of the stills listed; a last line that was cut short is taken away."""
    if not listing.exists():
        return set()
    whole = []
    for line in listing.read_text().splitlines():
        try:
            whole.append(json.loads(line))
        except ValueError:
            break
    listing.write_text("".join(json.dumps(still) + "\n" for still in whole))
    return {int(Path(still["path"]).stem) for still in whole}


def _stills(seed: int, number: int, numbers: list[int], options: argparse.Namespace) -> list[dict[str, Any]]:
    from tests.scenes.render.studio import Studio  # noqa: PLC0415  # bpy

    world: World = street_of(seed, number) if options.american else world_of(seed, number)
    studio = Studio(world.bridge, f"still {seed} {number}", threads=options.threads)
    shapes = {vehicle.number: shapes_of(vehicle.body, vehicle.livery) for vehicle in world.vehicles}
    pieces = [pieces_of(vehicle, shapes[vehicle.number]) for vehicle in world.vehicles]
    found = []
    for still in numbers:
        if options.american:
            seen = street_view_of(seed, still, world.bridge)
        else:
            seen = view_of(seed, still, world.bridge, world.way)
        light = light_of(seen.light, seen.weather, f"still {seed} {still}")
        camera = seen.camera
        dark = seen.light in {"dusk", "night"}
        studio.set_light(light)
        studio.place(world.vehicles)
        studio.set_camera(camera)
        studio.set_samples(options.samples * (2 if dark else 1))
        clean = studio.picture()
        spoiler = Spoiler(seen.spoiling, camera.width, camera.height, seed)
        path = options.out / f"{still:06d}.jpg"
        part = path.with_name(f".{path.name}")
        cv2.imwrite(str(part), spoiler.spoil(clean, still), [cv2.IMWRITE_JPEG_QUALITY, seen.jpeg_quality])
        part.replace(path)
        depths = {
            v.number: [float(d) for d in camera.depth(np.concatenate(p))]
            for v, p in zip(world.vehicles, pieces, strict=True)
        }
        under = {n for n, depth in depths.items() if np.mean(np.array(depth) > 1.0) < 0.6}
        near = {n: max(float(np.median(depth)), 0.0) for n, depth in depths.items()}
        boxes, ignored = labels(outlines(camera, world.vehicles, pieces, cut=True), near, light.haze_per_m, under)
        found.append(
            {
                "path": path.name,
                "width": camera.width,
                "height": camera.height,
                "boxes": boxes,
                "ignore": ignored,
                "seed": seed,
                "light": seen.light,
                "weather": seen.weather,
                "bridge": world.bridge.kind,
                "camera": {
                    "position": [round(v, 3) for v in camera.position],
                    "target": [round(v, 3) for v in camera.target],
                    "view_deg": round(camera.view_deg, 2),
                },
            }
        )
    studio.close()
    return found


if __name__ == "__main__":
    main()
