"""How soon the vehicles in view must be seen again: as often as they need to be followed, and oftener near a line.

The rules:

1. A vehicle is seen again before it has moved `FOLLOW_SIZES` of its own size; `NEAR_SIZES` where it comes within
   `NEAR_HEIGHTS` of a line, so that it is seen before the line, beyond it, and between. One that needs to be seen again
   sooner than `FAST_MS` is seen at every frame of a usual camera.
2. A vehicle that was hardly seen yet is seen again after `NEW_MS`, and near a line at once.
3. Where the last look missed a vehicle near a line, the next one comes sooner, unless it is lost for longer.
4. Nothing that moves waits for longer than `MOVING_MS`. What stands needs no look: the motion gate tells when it moves.
"""

from collections.abc import Sequence
from math import hypot, sqrt

from edge.counting.crossing import CountingLine
from edge.counting.motion import Box
from edge.counting.tracking import Track

FOLLOW_SIZES = 0.5
NEAR_SIZES = 0.3
NEAR_HEIGHTS = 0.75  # of the box
NEW_MS = 120.0
NEW_NEAR_MS = 40.0
NEW_SIGHTINGS = 3.0  # of score 1: fewer are hardly seen
MISSED_MS = 80.0
MISSED_MS_MAX = 600
MOVING_MS = 400.0
FAST_MS = 65.0
STANDING_SIZES = 0.15  # per second: slower than this is standing


def moves(track: Track) -> bool:
    """Whether it moves, as far as its boxes tell."""
    return hypot(*track.speed) >= STANDING_SIZES * _size(track.box)


def wait_ms(tracks: Sequence[Track], looked_ms: int, lines: Sequence[CountingLine]) -> float | None:
    """How long after the last look, at `looked_ms`, the next one is due; None while every vehicle stands."""
    return min((_wait_ms(track, looked_ms, lines) for track in tracks if moves(track)), default=None)


def newcomer_wait_ms(box: Box, lines: Sequence[CountingLine]) -> float:
    """The same for a box that is no known vehicle yet."""
    return NEW_NEAR_MS if _is_near(box, lines) else NEW_MS


def _wait_ms(track: Track, looked_ms: int, lines: Sequence[CountingLine]) -> float:
    near = _is_near(track.box, lines)
    if track.seen_ms < looked_ms:
        return MISSED_MS if near and looked_ms - track.seen_ms <= MISSED_MS_MAX else MOVING_MS
    size = _size(track.box)
    if near and sum(track.votes) < NEW_SIGHTINGS * size:
        return NEW_NEAR_MS
    needed_ms = 1000.0 * (NEAR_SIZES if near else FOLLOW_SIZES) * size / hypot(*track.speed)
    return min(needed_ms if needed_ms >= FAST_MS else NEW_NEAR_MS, MOVING_MS)


def _is_near(box: Box, lines: Sequence[CountingLine]) -> bool:
    """Whether its ground point is near a line; cheap for what is far from all of them."""
    x1, y1, x2, y2 = box
    reach = NEAR_HEIGHTS * (y2 - y1)
    return any(abs(line.distance(((x1 + x2) / 2.0, y2))) <= reach for line in lines)


def _size(box: Box) -> float:
    x1, y1, x2, y2 = box
    return sqrt(max((x2 - x1) * (y2 - y1), 4.0))
