"""Draws the vehicles of each class for docs/classes.md: `python -m tests.scenes.portraits --out docs`. Needs `bpy`.

Every body of bodies.py stands alone on a girder bridge by day, seen from ahead and above as a mast sees it, at the same
scale within its class.
"""

import argparse
import os
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.scenes.bodies import BODIES, Body
from tests.scenes.camera import Camera
from tests.scenes.description import Bridge
from tests.scenes.moment import Placed
from tests.scenes.render.light import light_of

WIDTH, HEIGHT = 208, 132
ACROSS = 4
LANE_Y_M = -1.8
JPEG_QUALITY = 85


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.scenes.portraits", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for classes-CLASS.jpg")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[], metavar="CLASS", help="these classes; default all")
    options = parser.parse_args()
    cpus = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, set(cpus[: options.threads]))  # or the denoiser's threads wait for one another
    from tests.scenes.render.studio import Studio  # noqa: PLC0415  # bpy

    studio = Studio(Bridge(kind="girder", lanes_each_way=2), "portraits", threads=options.threads, samples=8)
    studio.set_light(light_of("day", "clear", "portraits"))
    for label in options.only or dict.fromkeys(body.label for body in BODIES):
        tiles = [_portrait(studio, body, 2 * n) for n, body in enumerate(BODIES) if body.label == label]
        path = options.out / f"classes-{label}.jpg"
        part = path.with_name(f".{path.name}")
        cv2.imwrite(str(part), _sheet(tiles), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        part.replace(path)
    studio.close()


def _portrait(studio, body: Body, livery: int) -> NDArray[np.uint8]:  # type: ignore[no-untyped-def]  # bpy's side
    """One vehicle, filling most of a tile, with its variant under it."""
    trailer = body.trailer
    length = body.length if trailer is None else body.length + trailer.length - 1.0
    middle = 0.0 if trailer is None else -trailer.length / 2 + 1.0
    away = 1.15 * length + 3.5
    studio.place([Placed(0, body, 0.0, LANE_Y_M, 0.0, 0.0, livery)])
    studio.set_camera(
        Camera(
            (middle + 0.75 * away, LANE_Y_M + 0.62 * away, 1.2 + 0.42 * away),
            (middle, LANE_Y_M, 0.45 * body.height),
            38.0,
            2 * WIDTH,
            2 * HEIGHT,
        )
    )
    tile = cv2.resize(studio.picture(), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    cv2.rectangle(tile, (0, HEIGHT - 16), (WIDTH, HEIGHT), (255, 255, 255), -1)
    text = body.variant.removesuffix("-tractor").replace("-", " ")
    cv2.putText(tile, text, (4, HEIGHT - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (34, 34, 34), 1, cv2.LINE_AA)
    return np.asarray(tile, np.uint8)


def _sheet(tiles: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    rows = [tiles[start : start + ACROSS] for start in range(0, len(tiles), ACROSS)]
    blank = np.full_like(tiles[0], 255)
    across = min(ACROSS, len(tiles))
    return np.vstack([np.hstack([*row, *[blank] * (across - len(row))]) for row in rows])


if __name__ == "__main__":
    main()
