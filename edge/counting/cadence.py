"""How soon the detector must run again for the vehicles in view: as often as tracking needs, oftener near a line.

The rules, with the numbers of `CadenceParameters`:

1. A vehicle is seen again before it has moved `follow_sizes` of its own size; `near_sizes` where it is within
   `near_heights` of a line, so that it is seen before the line, beyond it, and between. One that needs to be seen again
   sooner than `fast_ms` is seen at every frame of a usual camera.
2. A vehicle with few sightings yet is seen again after `new_ms`, near a line at once. So is a detection that belongs to
   no track yet; far from all lines it has longer.
3. Where the last look missed a vehicle near a line, the next one comes sooner, until the vehicle is lost.
4. Nothing that moves waits longer than `moving_ms`. What stands needs no look: the motion gate reports when it moves.
"""

from collections.abc import Sequence
from math import hypot, sqrt

from edge.counting.crossing import CountingLine
from edge.counting.motion import Box, area_of
from edge.counting.parameters import DEFAULT, CadenceParameters
from edge.counting.tracking import Track


def moves(track: Track, parameters: CadenceParameters = DEFAULT.cadence) -> bool:
    """Whether a vehicle moves, as far as its boxes tell."""
    return hypot(*track.speed) >= parameters.standing_sizes * _size(track.box)


def wait_ms(
    tracks: Sequence[Track],
    looked_ms: int,
    lines: Sequence[CountingLine],
    parameters: CadenceParameters = DEFAULT.cadence,
) -> float | None:
    """How long after the last look, at `looked_ms`, the next one is due; None while every vehicle stands."""
    return min(
        (_wait_ms(track, looked_ms, lines, parameters) for track in tracks if moves(track, parameters)), default=None
    )


def newcomer_wait_ms(box: Box, lines: Sequence[CountingLine], parameters: CadenceParameters = DEFAULT.cadence) -> float:
    """The same for a detection that belongs to no track yet: the farther it is from all lines, the longer."""
    if _is_near(box, lines, parameters):
        return parameters.new_near_ms
    x1, y1, x2, y2 = box
    nearest = min((abs(line.distance(((x1 + x2) / 2.0, y2))) for line in lines), default=0.0)
    return min(
        max(1.0, nearest / (parameters.new_heights * max(y2 - y1, 2.0))) * parameters.new_ms, parameters.new_ms_max
    )


def _wait_ms(track: Track, looked_ms: int, lines: Sequence[CountingLine], p: CadenceParameters) -> float:
    near = _is_near(track.box, lines, p)
    if track.seen_ms < looked_ms:
        return p.missed_ms if near and looked_ms - track.seen_ms <= p.missed_ms_max else p.moving_ms
    size = _size(track.box)
    if near and sum(track.votes) < p.new_sightings * size:
        return p.new_near_ms
    needed_ms = 1000.0 * (p.near_sizes if near else p.follow_sizes) * size / hypot(*track.speed)
    return min(needed_ms if needed_ms >= p.fast_ms else p.new_near_ms, p.moving_ms)


def _is_near(box: Box, lines: Sequence[CountingLine], p: CadenceParameters) -> bool:
    """Whether the ground point of a box is near a line."""
    x1, y1, x2, y2 = box
    reach = p.near_heights * (y2 - y1)
    return any(abs(line.distance(((x1 + x2) / 2.0, y2))) <= reach for line in lines)


def _size(box: Box) -> float:
    return sqrt(max(area_of(box), 4.0))
