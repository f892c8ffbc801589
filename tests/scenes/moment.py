"""What the simulation hands on and the renderer and the truth take: where every vehicle is at one moment.

The world is in metres: x along the bridge (outbound is towards larger x), y to the left of it, z up, the deck at z = 0.
Traffic keeps to the right: outbound vehicles drive at negative y, returning ones at positive y.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import cos, sin

import numpy as np
from numpy.typing import NDArray

from tests.scenes.bodies import Body

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Placed:
    """One vehicle at one moment.

    `x`, `y` is the middle of its (leading) body in metres, `heading` the angle from the x axis in radians,
    counterclockwise seen from above. `number` is its own for the whole simulation; `livery` seeds its colours.
    """

    number: int
    body: Body
    x: float
    y: float
    heading: float
    speed: float
    """Metres per second, negative when reversing."""
    livery: int
    braking: bool = False
    trailer_heading: float = 0.0

    def parts(self) -> Iterator[tuple[Body, float, float, float]]:
        """Each body of it with its middle and heading: itself, then its trailer if it has one."""
        yield self.body, self.x, self.y, self.heading
        trailer = self.body.trailer
        if trailer is not None:
            back = self.body.hitch_m
            hitch_x, hitch_y = self.x + back * cos(self.heading), self.y + back * sin(self.heading)
            turn = self.trailer_heading
            middle = trailer, hitch_x - self.body.kingpin_m * cos(turn), hitch_y - self.body.kingpin_m * sin(turn)
            yield *middle, turn

    def corners(self) -> list[Floats]:
        """(8, 3) world points of each of its cuboids, in metres."""
        found = []
        for body, x, y, heading in self.parts():
            c, s = cos(heading), sin(heading)
            for cuboid in body.cuboids:
                half = cuboid.width / 2
                own = np.array(
                    [(u, v, w) for u in (cuboid.x1, cuboid.x2) for v in (-half, half) for w in (cuboid.z1, cuboid.z2)]
                )
                world = np.empty_like(own)
                world[:, 0] = x + c * own[:, 0] - s * own[:, 1]
                world[:, 1] = y + s * own[:, 0] + c * own[:, 1]
                world[:, 2] = own[:, 2]
                found.append(world)
        return found


@dataclass(frozen=True, slots=True)
class Moment:
    """All vehicles at one time, in milliseconds from the beginning of the simulation; ascending by number."""

    at_ms: int
    vehicles: tuple[Placed, ...]
