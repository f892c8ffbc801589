"""When a vehicle crosses a counting line.

The rules:

1. A vehicle crosses where its path, from one sighting to the next, meets the line's segments. How far it moved between
   the two does not matter, so a low frame rate cannot jump over the line; going round an end of it is no crossing.
2. Its direction is by the side it came from: `a_to_b` from the left-hand side of the arrow p1 -> p2, as seen in the
   picture, to the right-hand side.
3. It counts once it has left the line behind by `reach_share` of its box height, having been as far away on the side it
   came from. Until then it may stand on the line or tremble across it for any time. A vehicle first seen nearer to the
   line than that counts when both distances together make up for it, and the nearer one is not too small to be true.
   Of its passes over the line meanwhile, the one counts that leaves least time on the wrong sides.
4. A vehicle that was far enough away on the side it came from, and is lost between the line and that distance, or is
   there when the run ends, counts if its speed would have carried it on within `carry_ms`. One that stood does not, nor
   one that goes on under another number: a vehicle first seen since then stands where it was lost.
5. Having counted, it is armed for the way back, which counts in the other direction; to have come back it must be
   farther away, by RETURN_REACHES, than a box that loses a part of itself.
6. A part of a larger vehicle (a cab, a load) is not counted when that one crosses with it, within PART_MS; until that
   is known it is held. Nor is a vehicle that stands where another stands that counted just now, if one was first seen
   on the other, or that crossed where another crossed in the same moment: on one piece of ground there is one vehicle,
   however many boxes it has.
7. A vehicle is rigid. While a nearer one hides its lower edge (hiding.py) it may stand anywhere between what shows and
   what its width says, so nothing is decided unless both are where they must be: what loses its lower part stays.
8. What is remembered of a vehicle goes with its track. A crossing is remembered for longer: until no other that may
   yet turn out to have crossed within PART_MS of it, as a part of it or as a second box, is about to be certain.
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

STANDING_HEIGHTS = 0.3  # per second: slower than this is standing, or nearly
RETURN_REACHES = 1.5  # to be back is to be farther away than a box is short by when a part of it is not seen
SAME_PLACE_WIDTHS = 0.35  # of the narrower box, along the line
SAME_PLACE_MS = 300  # in one lane nobody follows so closely
WHOLE_WIDTHS = 1.5  # so much wider than its part a whole is at least, where it is not known to be it
HEADWAY_MS = 2_000  # and so much before its part it crosses at most: in one lane vehicles follow each other by as much
LEAP_HEIGHTS = 0.4  # from one sighting to the next; who starts from rest does not get so far
LEAP_TIMES = 3.0  # what its speed explains
LEAP_AGE_MS = 1_000  # of a track so old: a younger one's speed is not known yet
PART_MS = 2_500
"""A part crosses with its whole within this. Until it is over it may not be known whether a crossing counts, so buckets
wait for longer. It is longer than SAME_PLACE_MS, so what is remembered for the one is remembered for the other."""
assert SAME_PLACE_MS <= PART_MS, "a crossing is remembered for PART_MS"

Point = tuple[float, float]


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

    __slots__ = (
        "along",
        "armed",
        "behind",
        "beyond_ms",
        "beyond_ms_least",
        "clear",
        "counted",
        "crossed_ms",
        "hidden_px",
        "leapt",
        "net",
        "passed_ms",
        "point",
        "seen_ms",
        "track",
    )

    def __init__(self, track: Track, point: Point, seen_ms: int) -> None:
        self.track = track  # as last seen
        self.point = point
        self.seen_ms = seen_ms
        self.armed = 0  # the side on which it was last far enough away: -1 left, +1 right, 0 not yet
        self.clear = False  # far enough from the line on the side where it is armed, at the last sighting
        self.behind = 0.0  # while not armed: the farthest it was on the side it came from, px
        self.net = 0  # passes of the line since then: +1 for each to the right, -1 for each to the left
        self.counted = False  # it has crossed before
        self.crossed_ms = seen_ms
        self.along = 0.0
        self.hidden_px = 0.0  # of its height, at the last sighting
        self.leapt = False  # the last sighting is not to be believed yet
        self.passed_ms = seen_ms  # the last pass, whichever way
        self.beyond_ms = 0  # time beyond the line less time before it, up to that pass
        self.beyond_ms_least: int | None = None  # the same at the pass that counts; None before there is one

    def set_out(self, passed_ms: int, turn: int, along: float) -> None:
        """Note a pass. Trembling on the line, the one counts that leaves least time on its wrong sides."""
        spent_ms = passed_ms - self.passed_ms
        self.beyond_ms += spent_ms if self.net else -spent_ms
        self.passed_ms = passed_ms
        self.net += turn
        if self.net == turn and (self.beyond_ms_least is None or self.beyond_ms <= self.beyond_ms_least):
            self.beyond_ms_least = self.beyond_ms
            self.crossed_ms, self.along = passed_ms, along


@dataclass(frozen=True, slots=True)
class _Held:
    """The crossing of a part, held until it is known whether its whole crosses with it: which that is, if known."""

    line: CountingLine
    crossing: Crossing
    width: float
    whole: int | None


class LineWatcher:
    """Turns tracks into crossings; remembers no track that is not handed to it any more.

    `reach_share` is the distance that arms, in box heights (at least `reach_px_min` pixels); `first_share` is how much
    of it a vehicle must at least have been away on the side where it was first seen; `share_min` the share of
    the vote under which a crossing is `unclassified`; `ground` where a vehicle stands: the bottom centre of its box, or
    its centre if the camera looks straight down, where nothing is hidden.
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
        self._counted: list[tuple[Crossing, float]] = []  # in the order in which they counted, with the box's width, px
        self._held: list[_Held] = []

    def update(self, captured_ms: int, tracks: Sequence[Track], wholes: Sequence[Box] | None = None) -> list[Crossing]:
        """The crossings that became certain at this frame, by time, line and track.

        `wholes` are the boxes of the tracks with what is hidden of them (hiding.py), where nothing is hidden None.
        """
        if wholes is None:
            wholes = [track.box for track in tracks]
        passages: dict[int, list[_Passage]] = {}
        crossings: list[Crossing] = []
        for track, whole in zip(tracks, wholes, strict=True):
            known = self._passages.pop(track.id, None)
            if known is None:
                known = [self._begin(line, track) for line in self._lines]
            passages[track.id] = known
            if track.seen_ms == captured_ms:
                for line, passage in zip(self._lines, known, strict=True):
                    passage.hidden_px = whole[3] - track.box[3]
                    crossing = self._follow(line, passage, track)
                    if crossing is not None and not self._repeats(crossing, track, tracks):
                        self._take(line, crossing, track, crossings)
        gone = self._passages
        self._passages = passages
        self._end(gone, crossings)
        self._settle_parts(captured_ms, crossings)
        if self._counted:
            self._forget(captured_ms)
        crossings.sort(key=in_order)
        return crossings

    def close(self) -> list[Crossing]:
        """End the run: the crossings of vehicles that were about to be certain. Nothing is remembered after."""
        crossings: list[Crossing] = []
        gone, self._passages = self._passages, {}
        self._end(gone, crossings)
        self._settle_parts(None, crossings)
        self._counted = []
        return sorted(crossings, key=in_order)

    def _end(self, gone: dict[int, list[_Passage]], crossings: list[Crossing]) -> None:
        """Carry on the vehicles whose tracks are gone."""
        for passages in gone.values():
            for line, passage in zip(self._lines, passages, strict=True):
                crossing = self._carry_on(line, passage)
                if crossing is not None and not self._goes_on(passage):
                    self._take(line, crossing, passage.track, crossings)

    def _forget(self, now_ms: int) -> None:
        """Let go of the crossings that decide about no other any more.

        A path may yet turn out to have met the line as early as the vehicle was last seen, or where it met it before.
        """
        passages = [passage for of_track in self._passages.values() for passage in of_track]
        since_ms = min((passage.seen_ms for passage in passages), default=now_ms) - PART_MS
        pending_ms = [held.crossing.crossed_ms for held in self._held]
        pending_ms += [passage.crossed_ms for passage in passages if passage.beyond_ms_least is not None]
        last = {(one.track, one.line): one for one, _ in self._counted if one.track in self._passages}
        self._counted = [
            (one, width)
            for one, width in self._counted
            if one.crossed_ms >= since_ms
            or last.get((one.track, one.line)) is one
            or any(abs(one.crossed_ms - at_ms) <= PART_MS for at_ms in pending_ms)
        ]

    def _take(self, line: CountingLine, crossing: Crossing, track: Track, crossings: list[Crossing]) -> None:
        """Count it, or hold it until it is known whether the whole of which this is a part has crossed with it."""
        width = track.box[2] - track.box[0]
        if track.part:
            self._held.append(_Held(line, crossing, width, track.whole))
        else:
            self._count(line, crossing, width, crossings)

    def _count(self, line: CountingLine, crossing: Crossing, width: float, crossings: list[Crossing]) -> None:
        """Count it, unless another crossed at the same place just then."""
        for other, other_width in self._counted:
            if (
                other.line == crossing.line
                and other.direction == crossing.direction
                and other.track != crossing.track
                and abs(other.crossed_ms - crossing.crossed_ms) < SAME_PLACE_MS
                and abs(other.along - crossing.along) * line.length < SAME_PLACE_WIDTHS * min(width, other_width)
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
            if now_ms is not None and now_ms <= one.crossing.crossed_ms + PART_MS:
                self._held.append(one)
            else:
                self._count(one.line, one.crossing, one.width, crossings)

    def _whole_crossed(self, held: "_Held") -> bool:
        """Whether the whole of a part has crossed with it.

        Where it is not known which vehicle that is, any larger one around the part is taken for it; where its track
        ended before it crossed, one that crosses no earlier than the part: it goes on under another number. Of the
        larger one it is enough to have passed the line; being long, it takes its time to leave it behind.
        """
        part = held.crossing
        together = [
            (counted, width)
            for counted, width in self._counted
            if counted.line == part.line
            and counted.direction == part.direction
            and counted.track != part.track
            and abs(counted.crossed_ms - part.crossed_ms) <= PART_MS
        ]
        if held.whole is not None and any(counted.track == held.whole for counted, _ in together):
            return True
        if held.whole in self._passages:
            return False
        since_ms = part.crossed_ms - (HEADWAY_MS if held.whole is None else SAME_PLACE_MS)
        passed = [(counted.crossed_ms, counted.along, width) for counted, width in together]
        place = self._lines.index(held.line)
        for track, passages in self._passages.items():
            passage = passages[place]
            if (
                passage.net != 0
                and passage.armed * passage.net <= 0
                and track != part.track
                and DIRECTIONS[passage.net < 0] == part.direction
            ):
                x1, _, x2, _ = passage.track.box
                passed.append((passage.crossed_ms, passage.along, x2 - x1))
        return any(
            since_ms <= crossed_ms <= part.crossed_ms + PART_MS
            and width >= WHOLE_WIDTHS * held.width
            and abs(along - part.along) * held.line.length < width / 2.0
            for crossed_ms, along, width in passed
        )

    def _repeats(self, crossing: Crossing, track: Track, tracks: Sequence[Track]) -> bool:
        """Whether a vehicle on whose ground this one was first seen counted here, and is there: it is the same."""
        point = self._ground(track.box)
        last = {counted.track: counted for counted, _ in self._counted if counted.line == crossing.line}
        for other in tracks:
            counted = last.get(other.id)
            if (
                counted is not None
                and counted.direction == crossing.direction
                and track.is_kin(other)
                and track.seen_ms - other.seen_ms <= SAME_GROUND_MS
                and _on_one_ground(track.box, point, other.box, self._ground(other.box))
            ):
                return True
        return False

    def _goes_on(self, lost: _Passage) -> bool:
        """Whether a vehicle first seen since then stands where that one was lost: it will be, under another number."""
        for passages in self._passages.values():
            other = passages[0]
            born_ms, _ = other.track.born or (lost.seen_ms, other.track.box)
            stands = hypot(*other.track.speed) < STANDING_HEIGHTS * (other.track.box[3] - other.track.box[1])
            if (
                stands
                and born_ms > lost.seen_ms
                and _on_one_ground(lost.track.box, lost.point, other.track.box, other.point)
            ):
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
            passed_ms = passage.seen_ms + round(share * (track.seen_ms - passage.seen_ms))
            passage.set_out(passed_ms, turn, along)
        passage.leapt = _leaps(passage.track, earlier, track, point)
        passage.track, passage.point, passage.seen_ms = track, point, track.seen_ms
        return None if passage.leapt else self._judge(line, passage, point)

    def _carry_on(self, line: CountingLine, passage: _Passage) -> Crossing | None:
        """Where a vehicle that is gone would have come to."""
        if passage.net * passage.armed >= 0 or passage.leapt:
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
        if passage.hidden_px > 0.0 and side * line.distance((point[0], point[1] + passage.hidden_px)) < reach:
            return None
        if passage.armed == 0 and passage.net == side:
            if passage.behind + away < 2.0 * reach:
                return None
            crossed = passage.behind >= self._first_share * reach
        else:
            crossed = passage.net * side > 0 and passage.armed != side  # else it went round an end, and came back
            if crossed and passage.counted and away < RETURN_REACHES * reach:
                return None
        passage.armed, passage.net, passage.beyond_ms_least = side, 0, None
        if not crossed:
            return None
        passage.counted = True
        label, share = track.label(self._share_min)
        direction = DIRECTIONS[0] if side > 0 else DIRECTIONS[1]
        return Crossing(line.name, direction, label, share, passage.crossed_ms, passage.along, track.id)


def _leaps(before: Track, earlier: Point, now: Track, point: Point) -> bool:
    """Whether it is suddenly where its speed does not lead: perhaps it took another's box. The next sighting tells."""
    if before.born is None or before.seen_ms - before.born[0] < LEAP_AGE_MS:
        return False
    away = hypot(point[0] - earlier[0], point[1] - earlier[1])
    led = hypot(*before.speed) * (now.seen_ms - before.seen_ms) / 1000.0
    return away > LEAP_HEIGHTS * (before.box[3] - before.box[1]) and away > LEAP_TIMES * led


def _on_one_ground(box: Box, point: Point, other: Box, other_point: Point) -> bool:
    """Whether two boxes whose vehicles stand at those points can only be one vehicle."""
    wide = min(box[2] - box[0], other[2] - other[0])
    high = min(box[3] - box[1], other[3] - other[1])
    return (
        abs(point[0] - other_point[0]) < SAME_GROUND_WIDTHS * wide
        and abs(point[1] - other_point[1]) < SAME_GROUND_HEIGHTS * high
    )
