"""When a vehicle crosses a counting line.

The rules, with the numbers of `CrossingParameters`:

1. A vehicle crosses where its path, from one sighting to the next, intersects the line's segments. How far it moved
   between the two does not matter, so a low frame rate cannot jump over the line; going round an end is no crossing.
2. Its direction is by the side it came from: `a_to_b` from the left-hand side of the arrow p1 -> p2, as seen in the
   picture, to the right-hand side.
3. It counts once it is beyond the line by the arming distance, `reach_share` of its box height, having been as far
   away on the side it came from. Until then it may stand on the line or tremble across it for any time. A vehicle first
   seen nearer to the line than that counts when both distances together make up for it, and the nearer one is at least
   `first_share` of it. Of its passes over the line meanwhile, the one counts that leaves least time on the wrong sides.
4. A vehicle that was far enough away on the side it came from, and is lost between the line and that distance, or is
   there when the run ends, counts if its speed would have carried it on within `carry_ms`. One that stood does not, nor
   one that goes on as another track: a vehicle first seen since then stands where it was lost.
5. Having counted, it is armed for the way back, which counts in the other direction. To have come back it must be
   farther away, by `return_reaches`, than a box that loses a part of itself.
6. A part of a larger vehicle (a cab, a load) is not counted when that one crosses with it, within `part_ms`; until that
   is known it is held. Nor is a vehicle counted that stands where another stands that counted just now, if one was
   first seen on the other, or that crossed where another crossed in the same moment: on one piece of ground there is
   one vehicle, however many boxes it has.
7. A vehicle is rigid. While a nearer one hides its lower edge (occlusion.py) it may stand anywhere between its visible
   lower edge and that of its whole box, so nothing is decided unless both are where they must be.
8. The state of a vehicle goes with its track. A crossing is remembered for longer: until no other that may yet turn out
   to have crossed within `part_ms` of it, as a part of it or as a duplicate, is about to be certain.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot
from typing import Literal

from edge.counting.motion import Box
from edge.counting.parameters import CONFIGURED, DEFAULT, CountingParameters, CrossingParameters
from edge.counting.tracking import Track

DIRECTIONS = ("a_to_b", "b_to_a")
"""`a_to_b`: from the left-hand side of the arrow p1 -> p2, as seen in the picture, to its right-hand side."""

Point = tuple[float, float]
"""x, y in pixels."""
Ground = Literal["bottom", "centre"]
"""Where a vehicle stands: the bottom centre of its box, or its centre if the camera looks straight down."""


def ground_point(box: Box, ground: Ground) -> Point:
    """Where the vehicle of a box stands, in pixels."""
    x1, y1, x2, y2 = box
    return (x1 + x2) / 2.0, (y1 + y2) / 2.0 if ground == "centre" else y2


@dataclass(frozen=True, slots=True)
class CountingLine:
    """A named polyline of two or more points, in pixels of the picture."""

    name: str
    points: tuple[Point, ...]

    def __post_init__(self) -> None:
        assert len(self.points) >= 2, "a line has two points at least"
        assert all(p != q for p, q in zip(self.points, self.points[1:], strict=False)), "a segment has a length"

    @property
    def length(self) -> float:
        """In pixels."""
        return sum(hypot(q[0] - p[0], q[1] - p[1]) for p, q in zip(self.points, self.points[1:], strict=False))

    def distance(self, q: Point) -> float:
        """Pixels from `q` to the nearest segment; negative on the left-hand side of it, positive on the right."""
        nearest, signed, certain = -1.0, 0.0, 0.0
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
            if nearest < 0.0 or away < nearest or (away == nearest and abs(across) > certain):
                nearest, signed, certain = away, away if across > 0.0 else -away, abs(across)
        return signed

    def is_clear(self, q: Point, side: int, reach: float) -> bool:
        """Whether `q` is on that side (-1 left, 1 right) of a straight line by `reach`; False for a bent one."""
        if len(self.points) != 2:
            return False
        (x1, y1), (x2, y2) = self.points
        dx, dy = x2 - x1, y2 - y1
        across = side * (dx * (q[1] - y1) - dy * (q[0] - x1))
        return across > 0.0 and across * across >= reach * reach * (dx * dx + dy * dy)

    def intersections(self, p: Point, q: Point) -> list[tuple[float, int, float]]:
        """Where the path from `p` to `q` intersects the line, in order.

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

    `share` is the probability of its class, or the class's share of the vote. `crossed_ms` is interpolated on the line,
    and `along` (0..1, a share of its length from its first point) says where.
    """

    line: str
    direction: str
    label: str
    share: float
    crossed_ms: int
    along: float
    track: int


def in_order(crossing: Crossing) -> tuple[int, str, int]:
    """Sort key: by time, then line, then track."""
    return crossing.crossed_ms, crossing.line, crossing.track


@dataclass(slots=True, eq=False)
class _LineState:
    """The state of one track relative to one line."""

    track: Track  # as last seen
    point: Point
    seen_ms: int
    crossed_ms: int
    passed_ms: int  # the last pass, whichever way
    armed: int = 0  # the side on which it was last far enough away: -1 left, +1 right, 0 not yet
    clear: bool = False  # far enough from the line on the side where it is armed, at the last sighting
    behind: float = 0.0  # while not armed: the farthest it was on the side it came from, px
    net: int = 0  # passes of the line since then: +1 for each to the right, -1 for each to the left
    counted: bool = False  # it has crossed before
    along: float = 0.0
    hidden_px: float = 0.0  # of its height, at the last sighting
    jumped: bool = False  # the last sighting needs another to confirm it
    beyond_ms: int = 0  # time beyond the line less time before it, up to that pass
    beyond_ms_least: int | None = None  # the same at the pass that counts; None before there is one

    def add_pass(self, passed_ms: int, turn: int, along: float) -> None:
        """Take in a pass of the line. Of several, the one counts that leaves least time on its wrong sides."""
        spent_ms = passed_ms - self.passed_ms
        self.beyond_ms += spent_ms if self.net else -spent_ms
        self.passed_ms = passed_ms
        self.net += turn
        if self.net == turn and (self.beyond_ms_least is None or self.beyond_ms <= self.beyond_ms_least):
            self.beyond_ms_least = self.beyond_ms
            self.crossed_ms, self.along = passed_ms, along


@dataclass(frozen=True, slots=True)
class _HeldPart:
    """The crossing of a part, held until it is known whether its whole (its track, if known) crosses with it."""

    line: CountingLine
    crossing: Crossing
    width: float
    whole: int | None


class LineWatcher:
    """Turns tracks into crossings; forgets every track that is not handed to it any more.

    `reach_share` is the arming distance in box heights, and below `share_min` a crossing is `unclassified`. With
    `ground` "centre" the camera looks straight down, where nothing is hidden.
    """

    def __init__(
        self,
        lines: Sequence[CountingLine],
        *,
        reach_share: float = CONFIGURED.reach_share,
        share_min: float = CONFIGURED.class_share_min,
        ground: Ground = "bottom",
        parameters: CountingParameters = DEFAULT,
    ) -> None:
        self._ground: Ground = ground
        self._lines = tuple(lines)
        self._reach_share = reach_share
        self._share_min = share_min
        self._parameters = parameters.crossing
        self._naming = parameters.naming
        self._states: dict[int, list[_LineState]] = {}  # by track
        self._counted: list[tuple[Crossing, float]] = []  # in the order in which they counted, with the box's width, px
        self._held: list[_HeldPart] = []

    def update(self, captured_ms: int, tracks: Sequence[Track], wholes: Sequence[Box] | None = None) -> list[Crossing]:
        """The crossings that became certain at this frame, by time, line and track.

        `wholes` are the boxes of the tracks with what is hidden of them (occlusion.py); None where nothing is hidden.
        """
        if wholes is None:
            wholes = [track.box for track in tracks]
        states: dict[int, list[_LineState]] = {}
        crossings: list[Crossing] = []
        for track, whole in zip(tracks, wholes, strict=True):
            known = self._states.pop(track.id, None)
            if known is None:
                known = [self._begin(line, track) for line in self._lines]
            states[track.id] = known
            if track.seen_ms == captured_ms:
                for line, state in zip(self._lines, known, strict=True):
                    state.hidden_px = whole[3] - track.box[3]
                    crossing = self._follow(line, state, track)
                    if crossing is not None and not self._repeats(crossing, track, tracks):
                        self._count_or_hold(line, crossing, track, crossings)
        gone = self._states
        self._states = states
        self._end(gone, crossings)
        self._settle_parts(captured_ms, crossings)
        if self._counted:
            self._forget(captured_ms)
        crossings.sort(key=in_order)
        return crossings

    def close(self) -> list[Crossing]:
        """End the run: the crossings of vehicles that were about to be certain. The watcher is as new then."""
        crossings: list[Crossing] = []
        gone, self._states = self._states, {}
        self._end(gone, crossings)
        self._settle_parts(None, crossings)
        self._counted = []
        return sorted(crossings, key=in_order)

    def _end(self, gone: dict[int, list[_LineState]], crossings: list[Crossing]) -> None:
        """Extrapolate the vehicles whose tracks are gone."""
        for states in gone.values():
            for line, state in zip(self._lines, states, strict=True):
                crossing = self._extrapolate(line, state)
                if crossing is not None and not self._goes_on(state):
                    self._count_or_hold(line, crossing, state.track, crossings)

    def _forget(self, now_ms: int) -> None:
        """Forget the crossings that can no longer decide about another.

        A path may yet turn out to have met the line as early as the vehicle was last seen, or where it met it before.
        """
        part_ms = self._parameters.part_ms
        states = [state for of_track in self._states.values() for state in of_track]
        since_ms = min((state.seen_ms for state in states), default=now_ms) - part_ms
        pending_ms = [held.crossing.crossed_ms for held in self._held]
        pending_ms += [state.crossed_ms for state in states if state.beyond_ms_least is not None]
        last = {(one.track, one.line): one for one, _ in self._counted if one.track in self._states}
        self._counted = [
            (one, width)
            for one, width in self._counted
            if one.crossed_ms >= since_ms
            or last.get((one.track, one.line)) is one
            or any(abs(one.crossed_ms - at_ms) <= part_ms for at_ms in pending_ms)
        ]

    def _count_or_hold(self, line: CountingLine, crossing: Crossing, track: Track, crossings: list[Crossing]) -> None:
        """Count a crossing; that of a part is held until it is known whether its whole has crossed with it."""
        width = track.box[2] - track.box[0]
        if track.part:
            self._held.append(_HeldPart(line, crossing, width, track.whole))
        else:
            self._count(line, crossing, width, crossings)

    def _count(self, line: CountingLine, crossing: Crossing, width: float, crossings: list[Crossing]) -> None:
        """Count a crossing, unless another vehicle crossed at the same place just then."""
        p = self._parameters
        for other, other_width in self._counted:
            if (
                other.line == crossing.line
                and other.direction == crossing.direction
                and other.track != crossing.track
                and abs(other.crossed_ms - crossing.crossed_ms) < p.same_place_ms
                and abs(other.along - crossing.along) * line.length < p.same_place_widths * min(width, other_width)
            ):
                return
        crossings.append(crossing)
        self._counted.append((crossing, width))

    def _settle_parts(self, now_ms: int | None, crossings: list[Crossing]) -> None:
        """Of the parts held, drop those whose whole crossed with them, and count those whose whole did not in time."""
        held, self._held = self._held, []
        for one in held:
            if self._whole_crossed(one):
                continue
            if now_ms is not None and now_ms <= one.crossing.crossed_ms + self._parameters.part_ms:
                self._held.append(one)
            else:
                self._count(one.line, one.crossing, one.width, crossings)

    def _whole_crossed(self, held: _HeldPart) -> bool:
        """Whether the whole of a part has crossed with it.

        Where it is not known which vehicle that is, any larger one around the part is taken for it; where its track
        ended before it crossed, one that crosses no earlier than the part: it goes on as another track. Of the larger
        one it is enough to have passed the line; being long, it takes its time to leave it behind.
        """
        p, part = self._parameters, held.crossing
        together = [
            (counted, width)
            for counted, width in self._counted
            if counted.line == part.line
            and counted.direction == part.direction
            and counted.track != part.track
            and abs(counted.crossed_ms - part.crossed_ms) <= p.part_ms
        ]
        if held.whole is not None and any(counted.track == held.whole for counted, _ in together):
            return True
        if held.whole in self._states:
            return False
        since_ms = part.crossed_ms - (p.whole_lead_ms if held.whole is None else p.same_place_ms)
        passed = [(counted.crossed_ms, counted.along, width) for counted, width in together]
        place = self._lines.index(held.line)
        for track, states in self._states.items():
            state = states[place]
            if (
                state.net != 0
                and state.armed * state.net <= 0
                and track != part.track
                and DIRECTIONS[state.net < 0] == part.direction
            ):
                x1, _, x2, _ = state.track.box
                passed.append((state.crossed_ms, state.along, x2 - x1))
        return any(
            since_ms <= crossed_ms <= part.crossed_ms + p.part_ms
            and width >= p.whole_widths * held.width
            and abs(along - part.along) * held.line.length < width / 2.0
            for crossed_ms, along, width in passed
        )

    def _repeats(self, crossing: Crossing, track: Track, tracks: Sequence[Track]) -> bool:
        """Whether a vehicle on whose ground this one was first seen counted here, and is there: it is the same."""
        last = {counted.track: counted for counted, _ in self._counted if counted.line == crossing.line}
        return any(
            (counted := last.get(other.id)) is not None
            and counted.direction == crossing.direction
            and track.overlapped_at_birth(other)
            and track.seen_ms - other.seen_ms <= self._parameters.same_ground_ms
            and self._on_one_ground(track.box, other.box)
            for other in tracks
        )

    def _goes_on(self, lost: _LineState) -> bool:
        """Whether a vehicle first seen since then stands where that one was lost: it is the same as another track."""
        for states in self._states.values():
            other = states[0]
            box = other.track.box
            born_ms, _ = other.track.born or (lost.seen_ms, box)
            stands = hypot(*other.track.speed) < self._parameters.standing_heights * (box[3] - box[1])
            if stands and born_ms > lost.seen_ms and self._on_one_ground(lost.track.box, box, lost.point, other.point):
                return True
        return False

    def _begin(self, line: CountingLine, track: Track) -> _LineState:
        """The path begins where the vehicle was first sighted, which is before its track was confirmed."""
        born_ms, box = track.born or (track.seen_ms, track.box)
        state = _LineState(track, ground_point(box, self._ground), born_ms, born_ms, born_ms)
        distance = line.distance(state.point)
        state.behind = abs(distance)
        if state.behind >= self._reach(box):
            state.armed = 1 if distance > 0.0 else -1
        return state

    def _reach(self, box: Box) -> float:
        return max(self._reach_share * (box[3] - box[1]), self._parameters.reach_px_min)

    def _follow(self, line: CountingLine, state: _LineState, track: Track) -> Crossing | None:
        point, earlier, clear = ground_point(track.box, self._ground), state.point, state.clear
        state.clear = state.armed != 0 and line.is_clear(point, state.armed, self._reach(track.box))
        if clear and state.clear and state.net == 0:  # most vehicles, most of the time
            state.track, state.point, state.seen_ms = track, point, track.seen_ms
            return None
        for share, turn, along in line.intersections(earlier, point):
            passed_ms = state.seen_ms + round(share * (track.seen_ms - state.seen_ms))
            state.add_pass(passed_ms, turn, along)
        state.jumped = _jumps(state.track, earlier, track, point, self._parameters)
        state.track, state.point, state.seen_ms = track, point, track.seen_ms
        return None if state.jumped else self._decide(line, state, point)

    def _extrapolate(self, line: CountingLine, state: _LineState) -> Crossing | None:
        """The crossing of a vehicle that is gone, if its speed would have carried it far enough."""
        if state.net * state.armed >= 0 or state.jumped:
            return None
        (x, y), (speed_x, speed_y) = state.point, state.track.speed
        carry_s = self._parameters.carry_ms / 1000.0
        return self._decide(line, state, (x + speed_x * carry_s, y + speed_y * carry_s))

    def _decide(self, line: CountingLine, state: _LineState, point: Point) -> Crossing | None:
        """The crossing that being at `point` makes certain, if any; arms the state accordingly."""
        p, track = self._parameters, state.track
        distance = line.distance(point)
        side = 1 if distance > 0.0 else -1
        away = abs(distance)
        reach = self._reach(track.box)
        if state.armed == 0 and state.net == 0:
            state.behind = max(state.behind, away)
        if away < reach:
            return None
        if state.hidden_px > 0.0 and side * line.distance((point[0], point[1] + state.hidden_px)) < reach:
            return None
        if state.armed == 0 and state.net == side:
            if state.behind + away < 2.0 * reach:
                return None
            crossed = state.behind >= p.first_share * reach
        else:
            crossed = state.net * side > 0 and state.armed != side  # else it went round an end, and came back
            if crossed and state.counted and away < p.return_reaches * reach:
                return None
        state.armed, state.net, state.beyond_ms_least = side, 0, None
        if not crossed:
            return None
        state.counted = True
        label, share = track.label(self._share_min, self._naming)
        direction = DIRECTIONS[0] if side > 0 else DIRECTIONS[1]
        return Crossing(line.name, direction, label, share, state.crossed_ms, state.along, track.id)

    def _on_one_ground(
        self, box: Box, other: Box, point: Point | None = None, other_point: Point | None = None
    ) -> bool:
        """Whether two boxes, whose vehicles stand at those points or else at their ground points, are one vehicle."""
        p = self._parameters
        x, y = point or ground_point(box, self._ground)
        u, v = other_point or ground_point(other, self._ground)
        wide = min(box[2] - box[0], other[2] - other[0])
        high = min(box[3] - box[1], other[3] - other[1])
        return abs(x - u) < p.same_ground_widths * wide and abs(y - v) < p.same_ground_heights * high


def _jumps(before: Track, earlier: Point, now: Track, point: Point, p: CrossingParameters) -> bool:
    """Whether a vehicle moved farther than its speed explains: perhaps it took another's box. The next sighting
    tells."""
    if before.born is None or before.seen_ms - before.born[0] < p.jump_age_ms:
        return False
    away = hypot(point[0] - earlier[0], point[1] - earlier[1])
    explained = hypot(*before.speed) * (now.seen_ms - before.seen_ms) / 1000.0
    return away > p.jump_heights * (before.box[3] - before.box[1]) and away > p.jump_speeds * explained
