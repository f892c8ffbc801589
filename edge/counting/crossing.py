"""When a vehicle crosses a counting line.

The rules:

1. A vehicle crosses where its path, from one sighting to the next, meets the line's segments. How far it moved between
   the two does not matter, so a low frame rate cannot jump over the line; going round an end of it is no crossing.
2. Its direction is by the side it came from: `a_to_b` from the left-hand side of the arrow p1 -> p2, as seen in the
   picture, to the right-hand side.
3. It counts once it has left the line behind by `reach_share` of its box height, having been as far away on the side it
   came from. Until then it may stand on the line or tremble across it for any time. A vehicle first seen nearer to the
   line than that counts when both distances together make up for it, and the nearer one is not too small to be true.
4. A vehicle that was far enough away on the side it came from, and is lost between the line and that distance, or is
   there when the run ends, counts if its speed would have carried it on within `carry_ms`. One that stood does not.
5. Having counted, it is armed for the way back, which counts in the other direction.
6. A part of a larger vehicle (a cab, a load) is not counted, nor is a vehicle that stands where another stands that
   counted just now: on one piece of ground there is one vehicle, however many boxes it has.
7. What is remembered of a vehicle goes with its track.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot
from typing import Literal

from edge.counting.motion import Box
from edge.counting.tracking import Track

DIRECTIONS = ("a_to_b", "b_to_a")
"""`a_to_b`: from the left-hand side of the arrow p1 -> p2, as seen in the picture, to its right-hand side."""

SAME_GROUND_WIDTHS = 0.5  # of the narrower box: two vehicles side by side are a width apart
SAME_GROUND_HEIGHTS = 0.3  # of the lower box: two vehicles in a row are most of a height apart, seen from a mast
SAME_GROUND_MS = 500  # how lately the other must have been seen, for where it is now to be known

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class CountingLine:
    """A named polyline of two or more points, in pixels of the picture."""

    name: str
    points: tuple[Point, ...]

    def __post_init__(self) -> None:
        assert len(self.points) >= 2, "a line has two points at least"
        assert all(p != q for p, q in zip(self.points, self.points[1:], strict=False)), "a segment has a length"

    def distance(self, q: Point) -> float:
        """Pixels from `q` to the nearest segment; negative on the left-hand side of it, positive on the right."""
        nearest, signed, sure = -1.0, 0.0, 0.0
        for (x1, y1), (x2, y2) in zip(self.points, self.points[1:], strict=False):
            dx, dy = x2 - x1, y2 - y1
            ex, ey = q[0] - x1, q[1] - y1
            length = hypot(dx, dy)
            across = (dx * ey - dy * ex) / length
            along = (dx * ex + dy * ey) / (length * length)
            if 0.0 <= along <= 1.0:
                away = abs(across)
            elif along < 0.0:
                away = hypot(ex, ey)
            else:
                away = hypot(q[0] - x2, q[1] - y2)  # of the vertex itself, so that neighbours agree on it exactly
            # Off a vertex both neighbours are as near: the one that is seen less edge-on knows the side.
            if nearest < 0.0 or away < nearest or (away == nearest and abs(across) > sure):
                nearest, signed, sure = away, away if across > 0.0 else -away, abs(across)
        return signed

    def leaves_clear(self, q: Point, side: int, reach: float) -> bool:
        """Whether `q` is on that side (-1 left, 1 right) of a straight line by `reach`; False for a bent one."""
        if len(self.points) != 2:
            return False
        (x1, y1), (x2, y2) = self.points
        dx, dy = x2 - x1, y2 - y1
        across = side * (dx * (q[1] - y1) - dy * (q[0] - x1))
        return across > 0.0 and across * across >= reach * reach * (dx * dx + dy * dy)

    def meets(self, p: Point, q: Point) -> list[tuple[float, int, float]]:
        """Where the path from `p` to `q` passes the line, in order.

        Each is (share of the way, +1 for a_to_b or -1, share of the line's length). A point exactly on a segment
        belongs to its right-hand side, so touching the line and going on counts once.
        """
        found: list[tuple[float, int, float]] = []
        gone, length = 0.0, 0.0
        for number, ((x1, y1), (x2, y2)) in enumerate(zip(self.points, self.points[1:], strict=False)):
            dx, dy = x2 - x1, y2 - y1
            gone, length = length, length + hypot(dx, dy)
            side_p = dx * (p[1] - y1) - dy * (p[0] - x1)
            side_q = dx * (q[1] - y1) - dy * (q[0] - x1)
            if (side_p >= 0.0) == (side_q >= 0.0):
                continue
            # Where the segment's ends lie beside the path: one sum for each vertex, so that of two neighbouring
            # segments exactly one takes a path through the vertex between them, however the numbers are rounded.
            before = (q[0] - p[0]) * (y1 - p[1]) - (q[1] - p[1]) * (x1 - p[0])
            after = (q[0] - p[0]) * (y2 - p[1]) - (q[1] - p[1]) * (x2 - p[0])
            on_an_end = (before == 0.0 and number == 0) or (after == 0.0 and number == len(self.points) - 2)
            if on_an_end or (before >= 0.0) != (after >= 0.0):
                along = before / (before - after) if before != after else 0.0
                share = side_p / (side_p - side_q)
                found.append((share, 1 if side_q >= 0.0 else -1, gone + along * (length - gone)))
        found.sort()
        return [(share, turn, place / length) for share, turn, place in found]


@dataclass(frozen=True, slots=True)
class Crossing:
    """One vehicle over one line.

    `share` is the class's share of the vote. `crossed_ms` is interpolated on the line, and `along` (0..1, a share of
    its length from its first point) says where.
    """

    line: str
    direction: str
    label: str
    share: float
    crossed_ms: int
    along: float
    track: int


def in_order(crossing: Crossing) -> tuple[int, str, int]:
    """By time, then line, then track."""
    return crossing.crossed_ms, crossing.line, crossing.track


class _Passage:
    """One vehicle at one line."""

    __slots__ = ("along", "armed", "behind", "clear", "crossed_ms", "net", "point", "seen_ms", "track")

    def __init__(self, track: Track, point: Point, seen_ms: int) -> None:
        self.track = track  # as last seen
        self.point = point
        self.seen_ms = seen_ms
        self.armed = 0  # the side on which it was last far enough away: -1 left, +1 right, 0 not yet
        self.clear = False  # far enough from the line on the side where it is armed, at the last sighting
        self.behind = 0.0  # while not armed: the farthest it was on the side it came from, px
        self.net = 0  # passes of the line since then: +1 for each to the right, -1 for each to the left
        self.crossed_ms = seen_ms
        self.along = 0.0


class LineWatcher:
    """Turns tracks into crossings; remembers no track that is not handed to it any more.

    `reach_share` is the distance that arms, in box heights (at least `reach_px_min` pixels); `first_share` is how much
    of it a vehicle must at least have been away on the side where it was first seen; `share_min` the share of
    the vote under which a crossing is `unclassified`; `ground` where a vehicle stands: the bottom centre of its box, or
    its centre if the camera looks straight down.
    """

    def __init__(
        self,
        lines: Sequence[CountingLine],
        *,
        reach_share: float = 0.25,
        reach_px_min: float = 2.0,
        first_share: float = 0.5,
        share_min: float = 0.4,
        ground: Literal["bottom", "centre"] = "bottom",
        carry_ms: int = 500,
    ) -> None:
        self._centre = ground == "centre"
        self._lines = tuple(lines)
        self._reach_share = reach_share
        self._reach_px_min = reach_px_min
        self._first_share = first_share
        self._share_min = share_min
        self._carry_s = carry_ms / 1000.0
        self._passages: dict[int, list[_Passage]] = {}
        self._counted: dict[tuple[int, str], str] = {}  # (track, line) -> the direction in which it counted last

    def update(self, captured_ms: int, tracks: Sequence[Track]) -> list[Crossing]:
        """The crossings that became certain at this frame, by time, line and track."""
        passages: dict[int, list[_Passage]] = {}
        crossings: list[Crossing] = []
        for track in tracks:
            known = self._passages.pop(track.id, None)
            if known is None:
                known = [self._begin(line, track) for line in self._lines]
            passages[track.id] = known
            if track.seen_ms == captured_ms:
                for line, passage in zip(self._lines, known, strict=True):
                    crossing = self._follow(line, passage, track)
                    if crossing is not None and not self._repeats(crossing, track, tracks):
                        crossings.append(crossing)
                        self._counted[track.id, crossing.line] = crossing.direction
        crossings.extend(self.close())
        self._passages = passages
        self._counted = {key: direction for key, direction in self._counted.items() if key[0] in passages}
        crossings.sort(key=in_order)
        return crossings

    def close(self) -> list[Crossing]:
        """End the run: the crossings of vehicles that were about to be certain. Nothing is remembered after."""
        crossings = []
        for passages in self._passages.values():
            for line, passage in zip(self._lines, passages, strict=True):
                crossing = self._carry_on(line, passage)
                if crossing is not None:
                    crossings.append(crossing)
        self._passages = {}
        return sorted(crossings, key=in_order)

    def _repeats(self, crossing: Crossing, track: Track, tracks: Sequence[Track]) -> bool:
        """Whether a vehicle on the very same ground was counted here already: no two can stand there."""
        x1, y1, x2, y2 = track.box
        x, y = self._ground(track.box)
        for other in tracks:
            if (
                self._counted.get((other.id, crossing.line)) == crossing.direction
                and other.id != track.id
                and track.seen_ms - other.seen_ms <= SAME_GROUND_MS
            ):
                u1, v1, u2, v2 = other.box
                u, v = self._ground(other.box)
                near_across = abs(x - u) < SAME_GROUND_WIDTHS * min(x2 - x1, u2 - u1)
                if near_across and abs(y - v) < SAME_GROUND_HEIGHTS * min(y2 - y1, v2 - v1):
                    return True
        return False

    def _begin(self, line: CountingLine, track: Track) -> _Passage:
        """The path begins where the vehicle was first sighted, which is before its track was known."""
        born_ms, box = track.born or (track.seen_ms, track.box)
        passage = _Passage(track, self._ground(box), born_ms)
        distance = line.distance(passage.point)
        passage.behind = abs(distance)
        if passage.behind >= self._reach(box):
            passage.armed = 1 if distance > 0.0 else -1
        return passage

    def _reach(self, box: Box) -> float:
        return max(self._reach_share * (box[3] - box[1]), self._reach_px_min)

    def _ground(self, box: Box) -> Point:
        x1, y1, x2, y2 = box
        return (x1 + x2) / 2.0, (y1 + y2) / 2.0 if self._centre else y2

    def _follow(self, line: CountingLine, passage: _Passage, track: Track) -> Crossing | None:
        point, earlier, clear = self._ground(track.box), passage.point, passage.clear
        passage.clear = passage.armed != 0 and line.leaves_clear(point, passage.armed, self._reach(track.box))
        if clear and passage.clear and passage.net == 0:  # most vehicles, most of the time
            passage.track, passage.point, passage.seen_ms = track, point, track.seen_ms
            return None
        for share, turn, along in line.meets(earlier, point):
            passage.net += turn
            if passage.net == turn:  # back and forth on the line, the last time it set out counts
                passage.along = along
                passage.crossed_ms = passage.seen_ms + round(share * (track.seen_ms - passage.seen_ms))
        passage.track, passage.point, passage.seen_ms = track, point, track.seen_ms
        return self._judge(line, passage, point)

    def _carry_on(self, line: CountingLine, passage: _Passage) -> Crossing | None:
        """Where a vehicle that is gone would have come to."""
        if passage.net * passage.armed >= 0:
            return None
        (x, y), (speed_x, speed_y) = passage.point, passage.track.speed
        return self._judge(line, passage, (x + speed_x * self._carry_s, y + speed_y * self._carry_s))

    def _judge(self, line: CountingLine, passage: _Passage, point: Point) -> Crossing | None:
        """Whether being at `point` makes the crossing certain, and arm accordingly."""
        track = passage.track
        distance = line.distance(point)
        side = 1 if distance > 0.0 else -1
        away = abs(distance)
        reach = self._reach(track.box)
        if passage.armed == 0 and passage.net == 0:
            passage.behind = max(passage.behind, away)
        if away < reach:
            return None
        if passage.armed == 0 and passage.net == side:
            if passage.behind + away < 2.0 * reach:
                return None
            crossed = passage.behind >= self._first_share * reach
        else:
            crossed = passage.net * side > 0
        passage.armed, passage.net = side, 0
        if not crossed or track.part:
            return None
        label, share = track.label(self._share_min)
        direction = DIRECTIONS[0] if side > 0 else DIRECTIONS[1]
        return Crossing(line.name, direction, label, share, passage.crossed_ms, passage.along, track.id)
