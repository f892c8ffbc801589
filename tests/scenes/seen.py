"""The fast way from trips to what the camera sees in each frame: thousands of vehicles without rendering any.

Boxes are exact. What hides what is judged on silhouettes at a coarse grid of GRID_PX, where boxes overlap: each part of
a vehicle (a tractor, its trailer) hides what its convex hull covers. Of two vehicles the one on the camera's side of a
line between them, along the bridge or across it, hides the other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.scenes.boxes import corners_of, pixels_of
from tests.scenes.camera import Camera
from tests.scenes.description import Scene
from tests.scenes.errors import Seen, SeenFrame
from tests.scenes.moment import Floats
from tests.scenes.traffic import STEP_MS, Trip, frame_times_ms

GRID_PX = 4.0
CHUNK_FRAMES = 400
EXACT_PX = 1.5 * GRID_PX
HEIGHT_PX_MIN = 10.0  # lower ones nobody speaks of


@dataclass(slots=True)
class _One:
    """A vehicle in a frame, on its way to be seen."""

    number: int
    label: str
    whole: tuple[float, float, float, float]
    depth: float
    ground: tuple[float, float, float, float]
    """Where it stands: least x and y, greatest x and y, in metres."""
    parts: list[Floats]


def seen_frames(scene: Scene, trips: Sequence[Trip]) -> Iterator[SeenFrame]:
    """Every frame of the scene; times count from the first one."""
    camera = scene.view.camera
    times_ms = np.array(frame_times_ms(scene))
    for first in range(0, len(times_ms), CHUNK_FRAMES):
        chunk = times_ms[first : first + CHUNK_FRAMES]
        frames: list[list[_One]] = [[] for _ in chunk]
        for trip in trips:
            if trip.first_ms <= chunk[-1] and trip.last_ms >= chunk[0]:
                _add(camera, trip, chunk, frames)
        for at_ms, ones in zip(chunk.tolist(), frames, strict=True):
            yield SeenFrame(at_ms - int(times_ms[0]), tuple(_look(camera, ones)))


def between_steps(trip: Trip, at_ms: NDArray[np.int64]) -> Trip:
    """The trip at other times, all within it."""
    steps = (at_ms - trip.first_ms) / STEP_MS
    known = np.arange(len(trip.x))
    x, y, heading, trailer, speed = (
        np.interp(steps, known, values) for values in (trip.x, trip.y, trip.heading, trip.trailer_heading, trip.speed)
    )
    braking = trip.braking[steps.astype(int)]
    return Trip(trip.number, trip.body, trip.livery, int(at_ms[0]), x, y, heading, trailer, speed, braking)


def _add(camera: Camera, trip: Trip, times_ms: NDArray[np.int64], frames: list[list[_One]]) -> None:
    places = np.flatnonzero((times_ms >= trip.first_ms) & (times_ms <= trip.last_ms))
    if not len(places):
        return
    corners = corners_of(between_steps(trip, times_ms[places]))
    pixels, in_front = pixels_of(camera, corners)
    low = np.min([part.min(axis=1) for part in pixels], axis=0)
    high = np.max([part.max(axis=1) for part in pixels], axis=0)
    depths = np.mean([camera.depth(part.mean(axis=1)) for part in corners], axis=0)
    grounds = [getattr(part[:, :, :2], way)(axis=1) for part in corners for way in ("min", "max")]
    ground = np.concatenate([np.min(grounds[::2], axis=0), np.max(grounds[1::2], axis=0)], axis=1).tolist()
    shows = in_front & (high[:, 0] > 0) & (low[:, 0] < camera.width) & (high[:, 1] > 0) & (low[:, 1] < camera.height)
    shows &= high[:, 1] - low[:, 1] >= HEIGHT_PX_MIN
    single = [part.astype(np.float32) for part in pixels]
    for row in np.flatnonzero(shows).tolist():
        (x1, y1), (x2, y2) = low[row].tolist(), high[row].tolist()
        parts = [part[row] for part in single]
        one = _One(trip.number, trip.body.label, (x1, y1, x2, y2), float(depths[row]), ground[row], parts)
        frames[places[row]].append(one)


def _look(camera: Camera, ones: list[_One]) -> Iterator[Seen]:
    """The vehicles of one frame, each with what shows of it."""
    hiders = _hiders(camera, ones)
    shape = (int(camera.height / GRID_PX) + 1, int(camera.width / GRID_PX) + 1)
    own = {}
    for place in {*hiders, *(hider for those in hiders.values() for hider in those)}:
        own[place] = np.zeros(shape, np.uint8)
        for part in ones[place].parts:
            hull = np.asarray(cv2.convexHull(part), np.float32)
            hull *= 16.0 / GRID_PX
            hull -= 8.0
            cv2.fillConvexPoly(own[place], hull.astype(np.int32), 255, shift=4)
    masks: dict[int, tuple[int, NDArray[np.uint8] | None]] = {}
    for place, those in hiders.items():
        mask: NDArray[np.uint8] = own[place]
        for hider in those:
            mask = np.asarray(cv2.subtract(mask, own[hider]), np.uint8)
        masks[place] = cv2.countNonZero(own[place]), mask
    for place, one in enumerate(ones):
        x1, y1, x2, y2 = one.whole
        inside = (max(x1, 0.0), max(y1, 0.0), min(x2, float(camera.width)), min(y2, float(camera.height)))
        area, visible = masks.get(place, (0, None))
        if not area or visible is None:
            yield Seen(one.number, one.label, one.whole, inside, 1.0)
            continue
        left, top, wide, high = cv2.boundingRect(visible)
        if not wide:
            continue
        grid = (GRID_PX * left, GRID_PX * top, GRID_PX * (left + wide), GRID_PX * (top + high))
        # An edge that nothing hides is where it is, not where the grid has it.
        u1, v1, u2, v2 = (e if abs(e - g) <= EXACT_PX else g for e, g in zip(inside, grid, strict=True))
        yield Seen(one.number, one.label, one.whole, (u1, v1, u2, v2), cv2.countNonZero(visible) / area)


def _hiders(camera: Camera, ones: list[_One]) -> dict[int, list[int]]:
    """The vehicles whose box touches that of one that may hide it, with those."""
    if len(ones) < 2:
        return {}
    x1, y1, x2, y2 = np.array([one.whole for one in ones]).T
    touch = (x1[:, None] < x2) & (x2[:, None] > x1) & (y1[:, None] < y2) & (y2[:, None] > y1)
    np.fill_diagonal(touch, val=False)
    hiders: dict[int, list[int]] = {}
    for hider, hidden in np.argwhere(touch).tolist():
        if _is_nearer(camera.position, ones[hider], ones[hidden]):
            hiders.setdefault(hidden, []).append(hider)
    return hiders


def _is_nearer(eye: tuple[float, float, float], one: _One, other: _One) -> bool:
    for way in (1, 0):  # a line along the bridge, one across it
        least, greatest = one.ground[way], one.ground[way + 2]
        if greatest <= other.ground[way]:
            return eye[way] < (greatest + other.ground[way]) / 2.0
        if other.ground[way + 2] <= least:
            return eye[way] > (least + other.ground[way + 2]) / 2.0
    return one.depth < other.depth  # one turns round: by their middles
