"""A pinhole camera over the bridge: where things of the world are in the picture, and which hide which."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from itertools import product
from math import radians, tan

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.scenes.moment import Floats, Placed

NEAR_M = 0.5  # nothing nearer to the camera than this is drawn

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels of the picture, x right, y down."""


@dataclass(frozen=True)
class Camera:
    """Stands at `position` (x, y, z in metres) and looks at the point `target`; no roll.

    `view_deg` is the horizontal angle of view; the picture is `width` x `height` pixels, square ones.
    """

    position: tuple[float, float, float]
    target: tuple[float, float, float]
    view_deg: float
    width: int = 640
    height: int = 360

    @cached_property
    def focal_px(self) -> float:
        """Focal length in pixels."""
        return self.width / 2 / tan(radians(self.view_deg) / 2)

    @cached_property
    def axes(self) -> Floats:
        """Rows: the picture's right, its down and its depth, as unit vectors of the world."""
        depth = np.subtract(self.target, self.position)
        depth = depth / np.linalg.norm(depth)
        right = np.cross(depth, (0.0, 0.0, 1.0))
        right /= np.linalg.norm(right)
        return np.stack([right, np.cross(depth, right), depth])

    def depth(self, points: Floats) -> Floats:
        """Metres in front of the camera of (n, 3) world points."""
        return (points - np.array(self.position)) @ self.axes[2]

    def project(self, points: Floats) -> Floats:
        """(n, 3) world points to (n, 2) pixels; points behind the camera are taken at NEAR_M before it."""
        seen = (points - np.array(self.position)) @ self.axes.T
        depth = np.maximum(seen[:, 2], NEAR_M)
        return np.stack(
            [self.width / 2 + self.focal_px * seen[:, 0] / depth, self.height / 2 + self.focal_px * seen[:, 1] / depth],
            axis=1,
        )

    def on_deck(self, x: float, y: float) -> tuple[float, float]:
        """The deck's point (x, y, 0) of the pixel (x, y), in metres; the inverse of `project` for z = 0.

        The pixel must lie below the horizon.
        """
        ray = np.array([(x - self.width / 2) / self.focal_px, (y - self.height / 2) / self.focal_px, 1.0]) @ self.axes
        assert ray[2] < 0.0, "the pixel shows the deck, not the sky"
        far = -self.position[2] / ray[2]
        return self.position[0] + far * float(ray[0]), self.position[1] + far * float(ray[1])


@dataclass(frozen=True, slots=True)
class Outline:
    """How a vehicle stands in the picture.

    `whole` is its box if nothing hid it and the picture had no edge; `visible` is the box of the pixels that
    show it, None if none does; `shown` is the share of its pixels inside the picture that nothing nearer hides, and
    `inside` the share of `whole` that lies inside the picture.
    """

    number: int
    label: str
    whole: Box
    visible: Box | None
    shown: float
    inside: float


def _cut(camera: Camera, points: Floats) -> Floats:
    """What of the convex hull of the points lies in front of the camera, as points again; none if nothing does."""
    depth = camera.depth(points)
    if depth.min() >= NEAR_M or depth.max() < NEAR_M:
        return points[depth >= NEAR_M]
    ways = np.array([way for way in product((-1, 0, 1), repeat=3) if any(way)]) @ camera.axes
    corners = np.unique(np.argmax(points @ ways.T, axis=0))  # enough of the hull for a box
    before, behind = corners[depth[corners] >= NEAR_M], corners[depth[corners] < NEAR_M]
    one, two = np.repeat(before, len(behind)), np.tile(behind, len(before))
    share = ((depth[one] - NEAR_M) / (depth[one] - depth[two]))[:, None]
    return np.concatenate([points[depth >= NEAR_M], points[one] + share * (points[two] - points[one])])


def _bounds(hulls: Sequence[NDArray[np.float32]]) -> Box:
    corners = np.concatenate(hulls)
    (x1, y1), (x2, y2) = corners.min(axis=0), corners.max(axis=0)
    return float(x1), float(y1), float(x2), float(y2)


def _far_first(camera: Camera, points: dict[int, Floats], bounds: dict[int, Box]) -> list[int]:
    """The places in an order in which nothing is drawn over what hides it."""
    eye = np.array(camera.position[:2])
    grounds = {
        place: np.asarray(cv2.convexHull(cloud[:, :2].astype(np.float32))[:, 0], np.float32)
        for place, cloud in points.items()
    }
    by_distance = sorted(points, key=lambda place: -float(camera.depth(points[place]).mean()))
    hidden_by: dict[int, set[int]] = {place: set() for place in by_distance}
    for n, one in enumerate(by_distance):
        a = bounds[one]
        for two in by_distance[n + 1 :]:
            b = bounds[two]
            if a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]:
                farther, nearer = (two, one) if _hides(eye, grounds[one], grounds[two]) else (one, two)
                hidden_by[nearer].add(farther)  # drawn after what it hides
    try:
        return list(TopologicalSorter(hidden_by).static_order())
    except CycleError:  # three or more that hide one another in a ring
        return by_distance


def _hides(eye: Floats, farther: NDArray[np.float32], nearer: NDArray[np.float32]) -> bool:
    """Whether the first ground outline hides the second, though its middle is farther away."""
    for own, other, says in ((farther, nearer, True), (nearer, farther, False)):
        middle = own.mean(axis=0)
        for start, end in zip(own, np.roll(own, -1, axis=0), strict=True):
            normal = np.array([end[1] - start[1], start[0] - end[0]])
            if normal @ (middle - start) > 0:
                normal = -normal
            if ((other - start) @ normal).min() > -0.05 * float(np.linalg.norm(normal)):  # a line between them
                return says if normal @ (eye - start) < 0 else not says
    return False


def outlines(
    camera: Camera, vehicles: Sequence[Placed], pieces: Sequence[Sequence[Floats]] | None = None, *, cut: bool = False
) -> list[Outline]:
    """The outline of every vehicle in front of the camera, in the order given.

    `pieces` are, for each vehicle, point clouds (n, 3) whose convex hulls make up its shape; its cuboids unless
    given. Of two vehicles the one that hides the other is found on the ground, from a line between them. A vehicle
    that reaches behind the camera is left out, or with `cut` only what is in front of it counts.
    """
    shapes = [vehicle.corners() for vehicle in vehicles] if pieces is None else pieces
    if cut:
        shapes = [[part for part in (_cut(camera, points) for points in shape) if len(part)] for shape in shapes]
    hulls: list[list[NDArray[np.float32]] | None] = []
    for shape in shapes:
        if not shape or min(float(camera.depth(points).min()) for points in shape) < NEAR_M - 1e-6:
            hulls.append(None)  # passes under or beside the camera
            continue
        projected = [camera.project(points).astype(np.float32) for points in shape]
        hulls.append([np.asarray(cv2.convexHull(points)[:, 0], np.float32) for points in projected])
    drawn = [place for place, hull in enumerate(hulls) if hull is not None]
    bounds = {place: _bounds(hulls[place] or []) for place in drawn}
    far_first = _far_first(camera, {place: np.concatenate(shapes[place]) for place in drawn}, bounds)
    owners = np.zeros((camera.height, camera.width), np.uint16)
    own = np.zeros((camera.height, camera.width), np.uint8)
    areas = {}
    for place in far_first:
        own[:] = 0
        for part in hulls[place] or ():
            cv2.fillConvexPoly(own, np.round(part).astype(np.int32), 1)
        areas[place] = int(own.sum())
        owners[own > 0] = place + 1
    found = []
    for place, (vehicle, hull) in enumerate(zip(vehicles, hulls, strict=True)):
        if hull is None:
            continue
        x1, y1, x2, y2 = bounds[place]
        clipped = max(min(x2, camera.width) - max(x1, 0.0), 0.0) * max(min(y2, camera.height) - max(y1, 0.0), 0.0)
        left, top, wide, high = cv2.boundingRect((owners == place + 1).astype(np.uint8))
        pixels = int((owners[top : top + high, left : left + wide] == place + 1).sum()) if wide else 0
        visible = (float(left), float(top), float(left + wide), float(top + high)) if pixels else None
        if visible is not None and pixels == areas[place]:  # nothing hides it: the exact edges, not the rounded ones
            visible = (max(x1, 0.0), max(y1, 0.0), min(x2, float(camera.width)), min(y2, float(camera.height)))
        found.append(
            Outline(
                vehicle.number,
                vehicle.body.label,
                (x1, y1, x2, y2),
                visible,
                pixels / areas[place] if areas[place] else 0.0,
                clipped / ((x2 - x1) * (y2 - y1)),
            )
        )
    return found
