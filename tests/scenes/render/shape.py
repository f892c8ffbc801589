"""A mesh in the making: boxes, lofts, cylinders with a surface and a colour for each face. Knows nothing of Blender."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import cos, pi, sin

import numpy as np

from tests.scenes.moment import Floats

Colour = tuple[float, float, float]
"""Linear red, green, blue, 0 to 1."""
Point = tuple[float, float, float]

BLACK: Colour = (0.012, 0.012, 0.013)
DARK: Colour = (0.035, 0.035, 0.038)
STEEL: Colour = (0.5, 0.5, 0.52)
WHITE: Colour = (0.8, 0.8, 0.78)


def _chamfered() -> tuple[Floats, Floats, list[tuple[int, ...]]]:
    """Signs of the 24 corners of a box with cut edges, which of the axes is not inset, and its 26 faces."""
    corners, axes = [], []
    for axis, sign in product(range(3), (-1.0, 1.0)):
        for one, two in ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)):
            corner = [0.0, 0.0, 0.0]
            corner[axis], corner[(axis + 1) % 3], corner[(axis + 2) % 3] = sign, one, two
            corners.append(tuple(corner))
            axes.append([float(k == axis) for k in range(3)])
    faces: list[tuple[int, ...]] = [tuple(range(4 * k, 4 * k + 4)) for k in range(6)]
    where = {(corner, axis.index(1.0)): n for n, (corner, axis) in enumerate(zip(corners, axes, strict=True))}
    for along in range(3):
        across = [k for k in range(3) if k != along]
        for one, two in product((-1.0, 1.0), repeat=2):
            ring = []
            for end, axis in ((-1.0, across[0]), (1.0, across[0]), (1.0, across[1]), (-1.0, across[1])):
                corner = [0.0, 0.0, 0.0]
                corner[along], corner[across[0]], corner[across[1]] = end, one, two
                ring.append(where[tuple(corner), axis])
            faces.append(tuple(ring))
    faces += [tuple(where[corner, axis] for axis in range(3)) for corner in product((-1.0, 1.0), repeat=3)]
    return np.array(corners), np.array(axes), faces


_CORNERS, _AXES, _FACES = _chamfered()
_PLAIN = np.array(list(product((-1.0, 1.0), repeat=3)))
_PLAIN_FACES = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]


@dataclass
class Shape:
    """Vertices in metres and faces; `piece` names the convex part that what is added next belongs to."""

    piece: str = "body"
    vertices: list[Floats] = field(default_factory=list)
    faces: list[tuple[int, ...]] = field(default_factory=list)
    surfaces: list[str] = field(default_factory=list)
    tints: list[Colour] = field(default_factory=list)
    smooth: list[bool] = field(default_factory=list)
    clouds: dict[str, list[Floats]] = field(default_factory=dict)
    count: int = 0

    def add(
        self,
        points: Floats | Sequence[Point],
        faces: Iterable[tuple[int, ...]],
        surface: str,
        tint: Colour,
        *,
        smooth: bool = False,
    ) -> None:
        """Faces over new vertices, numbered from 0 within `points`."""
        array = np.asarray(points, dtype=np.float64)
        base = self.count
        before = len(self.faces)
        self.faces += [tuple(base + k for k in face) for face in faces]
        new = len(self.faces) - before
        self.surfaces += [surface] * new
        self.tints += [tint] * new
        self.smooth += [smooth] * new
        self.vertices.append(array)
        self.count += len(array)
        self.clouds.setdefault(self.piece, []).append(array)

    def box(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        z: tuple[float, float],
        surface: str,
        tint: Colour,
        cut: float = 0.0,
    ) -> None:
        """A box from the lower to the upper end of each axis, its edges cut by `cut`."""
        low, high = np.minimum(*np.array([x, y, z]).T), np.maximum(*np.array([x, y, z]).T)
        middle, half = (low + high) / 2, (high - low) / 2
        if cut <= 0:
            self.add(middle + _PLAIN * half, _PLAIN_FACES, surface, tint)
            return
        inset = min(cut, 0.45 * float(half.min()) * 2)
        self.add(middle + _CORNERS * (half - inset * (1 - _AXES)), _FACES, surface, tint)

    def boxes(  # as `box`
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        z: tuple[float, float],
        surface: str,
        tint: Colour,
        cut: float = 0.0,
    ) -> None:
        """The box and its mirror image on the other side."""
        self.box(x, y, z, surface, tint, cut)
        self.box(x, (-y[0], -y[1]), z, surface, tint, cut)

    def quad(self, points: Sequence[Point], surface: str, tint: Colour) -> None:
        """One face over three or more points."""
        self.add(points, [tuple(range(len(points)))], surface, tint)

    def quads(self, points: Sequence[Point], surface: str, tint: Colour) -> None:
        """The face and its mirror image on the other side."""
        self.quad(points, surface, tint)
        self.quad([(x, -y, z) for x, y, z in points], surface, tint)

    def grid(self, points: Floats, surface: str, tint: Colour, *, smooth: bool = True, closed: bool = False) -> None:
        """A sheet over (rows, columns, 3) points; `closed` joins the last column to the first."""
        rows, columns = points.shape[:2]
        faces = []
        for row in range(rows - 1):
            for column in range(columns if closed else columns - 1):
                right = (column + 1) % columns
                a, b = row * columns, (row + 1) * columns
                faces.append((a + column, a + right, b + right, b + column))
        self.add(points.reshape(-1, 3), faces, surface, tint, smooth=smooth)

    def cylinder(  # where, which way, how big, of what
        self,
        start: Point,
        end: Point,
        radius: float,
        surface: str,
        tint: Colour,
        sides: int = 16,
        caps: bool = True,
    ) -> None:
        """A rod from the middle of one end to that of the other."""
        one, two = np.array(start), np.array(end)
        along = (two - one) / np.linalg.norm(two - one)
        across = np.cross(along, (0.0, 0.0, 1.0) if abs(along[2]) < 0.9 else (1.0, 0.0, 0.0))
        across /= np.linalg.norm(across)
        up = np.cross(along, across)
        angles = [2 * pi * k / sides for k in range(sides)]
        ring = np.array([radius * (cos(a) * across + sin(a) * up) for a in angles])
        self.grid(np.stack([one + ring, two + ring]), surface, tint, closed=True, smooth=sides > 6)
        if caps:
            self.add(one + ring, [tuple(range(sides))], surface, tint)
            self.add(two + ring, [tuple(range(sides))], surface, tint)

    def prism(
        self, outline: Sequence[tuple[float, float]], halves: Sequence[float], surface: str, tint: Colour
    ) -> None:
        """The outline (x, z) drawn across from -half to half, where each of its points has its own half width."""
        left = [(x, half, z) for (x, z), half in zip(outline, halves, strict=True)]
        right = [(x, -half, z) for (x, z), half in zip(outline, halves, strict=True)]
        n = len(left)
        faces: list[tuple[int, ...]] = [(k, (k + 1) % n, n + (k + 1) % n, n + k) for k in range(n)]
        self.add([*left, *right], [*faces, tuple(range(n)), tuple(range(n, 2 * n))], surface, tint)

    def all_vertices(self) -> Floats:
        """(n, 3)."""
        return np.concatenate(self.vertices)
