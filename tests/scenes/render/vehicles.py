"""The shape of any body in any livery, one mesh for each part of an articulated vehicle."""

from functools import lru_cache

import numpy as np

from tests.scenes.bodies import AMERICAN_KINDS, Body
from tests.scenes.moment import Floats, Placed
from tests.scenes.render.american import american, american_trailer
from tests.scenes.render.buses import bus
from tests.scenes.render.cars import car, motorcycle, van
from tests.scenes.render.livery import livery_of
from tests.scenes.render.shape import Shape
from tests.scenes.render.trucks import rigid, tractor, trailer

_BUILDERS = {
    "car": car,
    "van": van,
    "minibus": van,
    "coach": bus,
    "box-truck": rigid,
    "tipper": rigid,
    "tanker": rigid,
    "articulated": tractor,
    "motorcycle": motorcycle,
    **dict.fromkeys(AMERICAN_KINDS, american),
}


@lru_cache(maxsize=512)
def shapes_of(body: Body, livery_number: int) -> list[Shape]:
    """The body, then its trailer if it has one, each in its own coordinates."""
    livery = livery_of(livery_number)
    shapes = [_BUILDERS[body.kind](body, livery)]
    if body.trailer is not None:
        shapes.append((american_trailer if body.kind in AMERICAN_KINDS else trailer)(body.trailer, livery))
    return shapes


def pieces_of(vehicle: Placed, shapes: list[Shape]) -> list[Floats]:
    """World points of each convex piece of a placed vehicle, for `camera.outlines`."""
    pieces = []
    for (_, x, y, heading), shape in zip(vehicle.parts(), shapes, strict=True):
        c, s = np.cos(heading), np.sin(heading)
        turn = np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
        for cloud in shape.clouds.values():
            pieces.append(np.concatenate(cloud) @ turn + np.array([x, y, 0.0]))
    return pieces
