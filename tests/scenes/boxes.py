"""Where a vehicle is in the picture at all steps of its trip at once: its whole box, and which corners make it."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from tests.scenes.bodies import Body
from tests.scenes.camera import NEAR_M, Camera
from tests.scenes.moment import Floats
from tests.scenes.traffic import Trip


def corners_of(trip: Trip, steps: slice | NDArray[np.intp] = slice(None)) -> list[Floats]:
    """(n, corners, 3) world points of each part of the vehicle (itself, its trailer) at n steps, in metres."""
    x, y, heading = trip.x[steps], trip.y[steps], trip.heading[steps]
    found = [_placed(trip.body, x, y, heading)]
    trailer = trip.body.trailer
    if trailer is not None:
        turn = trip.trailer_heading[steps]
        hitch_x = x + trip.body.hitch_m * np.cos(heading)
        hitch_y = y + trip.body.hitch_m * np.sin(heading)
        kingpin = trip.body.kingpin_m
        found.append(_placed(trailer, hitch_x - kingpin * np.cos(turn), hitch_y - kingpin * np.sin(turn), turn))
    return found


def _placed(body: Body, x: Floats, y: Floats, heading: Floats) -> Floats:
    own = _own_corners(body)
    c, s = np.cos(heading)[:, None], np.sin(heading)[:, None]
    return np.stack(
        [
            x[:, None] + c * own[:, 0] - s * own[:, 1],
            y[:, None] + s * own[:, 0] + c * own[:, 1],
            np.broadcast_to(own[:, 2], (len(x), len(own))),
        ],
        axis=2,
    )


@cache
def _own_corners(body: Body) -> Floats:
    return np.array(
        [
            (u, v, w)
            for cuboid in body.cuboids
            for u in (cuboid.x1, cuboid.x2)
            for v in (-cuboid.width / 2, cuboid.width / 2)
            for w in (cuboid.z1, cuboid.z2)
        ]
    )


def pixels_of(camera: Camera, parts: list[Floats]) -> tuple[list[Floats], NDArray[np.bool_]]:
    """(n, corners, 2) pixels of each part, and (n,) whether all of the vehicle is in front of the camera."""
    pixels, in_front = [], np.ones(len(parts[0]), bool)
    for part in parts:
        flat = part.reshape(-1, 3)
        pixels.append(camera.project(flat).reshape(*part.shape[:2], 2))
        in_front &= camera.depth(flat).reshape(part.shape[:2]).min(axis=1) >= NEAR_M
    return pixels, in_front


def whole_boxes(camera: Camera, trip: Trip) -> tuple[Floats, NDArray[np.bool_]]:
    """(n, 4) boxes x1, y1, x2, y2 in pixels at every step, and whether it is in front of the camera there."""
    pixels, in_front = pixels_of(camera, corners_of(trip))
    low = np.min([part.min(axis=1) for part in pixels], axis=0)
    high = np.max([part.max(axis=1) for part in pixels], axis=0)
    return np.concatenate([low, high], axis=1), in_front
