"""Who is in a zone, who of them stands, and how long those that left had waited.

The rules:

1. A vehicle is inside while its ground point is inside the polygon. It has left once that point is beyond the border by
   `CLEAR_SHARE` of its box height, or it is outside when its track ends; it left when it passed the border. Entered,
   left or been lost has only who was inside by as much, or stood: not who trembles along the border in another lane.
2. It stands once its ground point has stayed within `stand_share` of its box height of one place for
   `standing_after_ms`, until it moves away farther than that; the stand began when it came to the place. No trembling
   of its box takes it away from there (staying.py). Unseen, it stays where it is. While it moves by `CREEP` or more it
   does not stand: that is a tenth of its length in a second, near and far. In CREEP_MS that leads out of reach, so
   where a stand takes longer the reach alone decides.
3. Its wait runs from the beginning of its first stand in the zone until it leaves. A vehicle that never stood waited
   nothing and is in no percentile.
4. The wait is unknown, and in no percentile, of a vehicle that was inside when watching began or after a gap longer
   than `gap_ms`, and of one that stood where it was first seen, without having been seen to come. One that appears
   inside and drives has entered, as has every one that comes over the border.
5. A track that ends inside is lost and not left. A track that begins where a lost one stood (within half a width and a
   third of a height, as crossing.py knows one vehicle on one piece of ground), at most `found_ms` after it was last
   seen, goes on with its stand and its wait. So does one that stands there when the other is lost, or that begins there
   while the other is unseen: then the other counts no more, unless it is seen again.
6. A standing vehicle is parked when it has stood for `parked_after_ms` and since it came there
   `parked_after_passed` vehicles that came into the zone after it have left it: in a queue those behind leave after
   those before. A parked vehicle is inside, but neither stands in the queue nor waits, then or ever on this visit.
7. A part of a larger vehicle does not count; one that was inside as itself before is none, but stands behind the
   larger one. What is remembered of a vehicle goes with its track, or `found_ms` later.
8. On one piece of ground, as in rule 5, stands one vehicle: of two that are seen there one counts. Nor does one count
   that was not seen for UNSEEN_MS while its neighbours, the NEIGHBOURS nearest within NEAR_HEIGHTS, have all moved away
   since: the queue moved, and it with it; nor one that drives and was not seen for UNSEEN_MOVING_MS, for where it is
   is a guess. Seen again, it counts again. What was never seen but as a second box neither enters, leaves nor waits.
9. Nobody is forgotten without a word: who is not found in time, or was lost before a time that nobody watched or
   before the end of the run, is told as lost.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import hypot, inf
from typing import Literal

from edge.counting.crossing import SAME_GROUND_HEIGHTS, SAME_GROUND_WIDTHS, Point
from edge.counting.expected_wait import ExpectedWait, QueueService
from edge.counting.ground_plane import LENGTH_M, LENGTHS_M, Plane, Queuer, queue_length_m
from edge.counting.hidden import HiddenLikely, HiddenVehicles, Known
from edge.counting.motion import Box
from edge.counting.stationary import Stay
from edge.counting.tracking import Track

LOST_MAX = 500  # remembered at a time
EXPECTED_EVERY_MS = 10_000  # what who comes now is to wait is worked out anew as often
HIDDEN_EVERY_MS = 5_000  # and who is likely hidden
HIDING_MS = 2_000  # since when a vehicle that hides others must have been seen
CLEAR_SHARE = 0.25  # of the box height, from the border: more than a box trembles
CREEP = 0.05  # box heights per second: seen from a mast along the road, a vehicle is twice as high as its length shows
CREEP_MS = 5_000  # at that speed a vehicle is beyond its reach after so long
UNSEEN_MS = 500
UNSEEN_MOVING_MS = 300
NEIGHBOURS = 2
NEAR_HEIGHTS = 3.0  # in its own box heights: so near are the neighbours of a vehicle in a queue


@dataclass(frozen=True, slots=True)
class Zone:
    """A named polygon in pixels, what standing and parked mean in it, and its ground if that is known."""

    name: str
    polygon: tuple[Point, ...]
    standing_after_ms: int = 10_000
    parked_after_ms: int = 600_000
    parked_after_passed: int = 3
    plane: Plane | None = None

    def __post_init__(self) -> None:
        assert len(self.polygon) >= 3, "a polygon has three corners at least"

    def holds(self, q: Point) -> bool:
        """Whether `q` is inside; where borders cross, by the even-odd rule."""
        x, y = q
        inside = False
        x1, y1 = self.polygon[-1]
        for x2, y2 in self.polygon:
            if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
                inside = not inside
            x1, y1 = x2, y2
        return inside

    def distance(self, q: Point) -> float:
        """Pixels from `q` to the nearest point of the border."""
        nearest = inf
        x1, y1 = self.polygon[-1]
        for x2, y2 in self.polygon:
            dx, dy, ex, ey = x2 - x1, y2 - y1, q[0] - x1, q[1] - y1
            length2 = dx * dx + dy * dy
            along = min(max((dx * ex + dy * ey) / length2, 0.0), 1.0) if length2 > 0.0 else 0.0
            nearest = min(nearest, hypot(ex - along * dx, ey - along * dy))
            x1, y1 = x2, y2
        return nearest


@dataclass(frozen=True, slots=True)
class Occupancy:
    """Who is in a zone at one frame, and what happened there since the frame before.

    `labels` has the class of every vehicle inside, by track; `standing` counts those that stand in the queue, `parked`
    those that stand beside it. `queue_m` is None where the ground is not known. `waits_ms` are the waits that ended, of
    those that `left`; `lost` are tracks that ended inside, found again by none. `expected` is what who joins the queue
    now is to wait (expected_wait.py), None where that is not known. `hidden` is an estimate of who is inside and is in
    none of these numbers (hidden.py), worked out every HIDDEN_EVERY_MS; None without a ground.

    On stills (stills.py) nobody is `followed`: who is parked, came, went or waited is not known, whatever these say,
    and `standing` is None where there is no picture to compare with.
    """

    zone: str
    labels: tuple[str, ...] = ()
    standing: int | None = 0
    parked: int = 0
    queue_m: float | None = None
    entered: int = 0
    left: int = 0
    lost: int = 0
    waits_ms: tuple[int, ...] = ()
    expected: ExpectedWait | None = None
    hidden: HiddenLikely | None = None
    followed: bool = True

    @property
    def inside(self) -> int:
        """Vehicles inside, parked ones too."""
        return len(self.labels)


class ZoneWatcher:
    """Turns tracks into occupancies; remembers of a vehicle a few numbers, however long it stands.

    `stand_share` is how far a standing vehicle may seem to move, in box heights; `ground` where a vehicle stands: the
    bottom centre of its box, or the centre if the camera looks straight down; `share_min` the share of the vote under
    which a vehicle is `unclassified`. A time without frames longer than `gap_ms` was not watched.
    """

    def __init__(
        self,
        zones: Sequence[Zone],
        *,
        stand_share: float = 0.25,
        share_min: float = 0.4,
        ground: Literal["bottom", "centre"] = "bottom",
        gap_ms: int = 2_000,
        found_ms: int = 60_000,
    ) -> None:
        self._centre = ground == "centre"
        self._stand_share = stand_share
        self._gap_ms = gap_ms
        self._watches = [_Watch(zone, share_min, found_ms, self._ground) for zone in zones]
        self._stays: dict[int, Stay] = {}
        self._watched_ms: int | None = None
        self._services = [QueueService() for _ in zones]
        self._expected: list[ExpectedWait | None] = [None] * len(zones)
        self._expected_ms: int | None = None
        self._hidden_ms: int | None = None
        self._last: list[Occupancy] = []

    def update(
        self,
        captured_ms: int,
        tracks: Sequence[Track],
        wholes: Sequence[Box] | None = None,
        ground: Plane | None = None,
        *,
        watching: bool = True,
        looked: bool = True,
    ) -> list[Occupancy]:
        """The occupancy of every zone, in their order; `watching` is False for a frame that shows nothing.

        Where the detector did not look (`looked`), it is what it was at the last look, at most half a second ago: that
        boxes are of one vehicle, or of none, shows where they are seen. `wholes` are the boxes of the tracks with what
        is hidden of them (hiding.py), where nothing is hidden None; `ground` is what was learned of it on site
        (sizes.py), for zones without a plane of their own.
        """
        if not looked and self._last and self._watched_ms is not None:
            self._watched_ms = captured_ms
            return self._last
        occupancies = self._seen(captured_ms, tracks, wholes, ground, watching=watching)
        self._last = [replace(one, entered=0, left=0, lost=0, waits_ms=()) for one in occupancies] if watching else []
        return occupancies

    def _seen(
        self,
        captured_ms: int,
        tracks: Sequence[Track],
        wholes: Sequence[Box] | None,
        ground: Plane | None,
        *,
        watching: bool,
    ) -> list[Occupancy]:
        hiders = [one.box for one in tracks if captured_ms - one.seen_ms <= HIDING_MS and not one.part]
        if watching:
            if self._watched_ms is None or captured_ms - self._watched_ms > self._gap_ms:
                for watch, service in zip(self._watches, self._services, strict=True):
                    watch.begin_anew(captured_ms, captured_ms + self._gap_ms)
                    service.begin_anew()
            self._watched_ms = captured_ms
        if wholes is not None:
            tracks = [
                track if track.box == box else replace(track, box=box, born=_lowered(track.born, box))
                for track, box in zip(tracks, wholes, strict=True)
            ]
        stays: dict[int, Stay] = {}
        for track in tracks:
            point = self._ground(track.box)
            stay = self._stays.get(track.id)
            if stay is None:
                born_ms, box = track.born or (track.seen_ms, track.box)
                stay = Stay(self._ground(box), born_ms)
            if track.seen_ms == captured_ms:
                stay.see(point, track.box, captured_ms, self._stand_share)
            elif not stay.settled:
                stay.point = point
            stays[track.id] = stay
        occupancies = [watch.update(captured_ms, tracks, stays, self._stays) for watch in self._watches]
        self._stays = stays
        if not watching:
            return occupancies
        if self._hidden_ms is None or captured_ms - self._hidden_ms >= HIDDEN_EVERY_MS:
            self._hidden_ms = captured_ms
            for watch in self._watches:
                watch.estimate_hidden(ground, hiders)
        return self._with_expected(
            captured_ms,
            [replace(one, hidden=watch.hidden) for one, watch in zip(occupancies, self._watches, strict=True)],
        )

    def close(self) -> list[Occupancy]:
        """End the run: who was lost and is found by nobody now, and who has just left. Of who is inside nothing."""
        return [watch.close() for watch in self._watches]

    def _with_expected(self, now_ms: int, occupancies: Sequence[Occupancy]) -> list[Occupancy]:
        """With what who joins the queue now is to wait. Whoever is inside and not parked stands before them."""
        for service, one in zip(self._services, occupancies, strict=True):
            service.update(now_ms, one.inside - one.parked, one.left)
        if self._expected_ms is None or now_ms - self._expected_ms >= EXPECTED_EVERY_MS:
            self._expected_ms = now_ms
            self._expected = [service.expected() for service in self._services]
        return [
            replace(one, expected=expected) if expected is not None and one.inside > one.parked else one
            for one, expected in zip(occupancies, self._expected, strict=True)
        ]

    def _ground(self, box: Box) -> Point:
        x1, y1, x2, y2 = box
        return (x1 + x2) / 2.0, (y1 + y2) / 2.0 if self._centre else y2


def _lowered(born: tuple[int, Box] | None, whole: Box) -> tuple[int, Box] | None:
    """The first sighting of a vehicle with the height that it has for its width."""
    if born is None:
        return None
    x1, y1, x2, y2 = born[1]
    return born[0], (x1, y1, x2, max(y2, y1 + (whole[3] - whole[1]) / (whole[2] - whole[0]) * (x2 - x1)))


class _Visit:
    """One vehicle in one zone."""

    __slots__ = (
        "appeared",
        "began_ms",
        "box",
        "entered",
        "entering",
        "known",
        "order",
        "outside_ms",
        "parked",
        "part",
        "passed",
        "pending",
        "real",
        "seen_ms",
        "stay",
        "waiting_ms",
    )

    def __init__(self, order: int, stay: Stay, *, known: bool, appeared: bool, ghost: bool = False) -> None:
        self.order = order  # in which they came
        self.stay = stay
        self.known = known  # whether it is known how long it waits
        self.appeared = appeared  # it was not seen to come over the border
        self.pending = appeared and not ghost  # and it is not known yet whether it stood there before
        self.entered = False  # it has counted as entered
        self.entering = known and not appeared  # it counts as entered once it is real:
        self.real = False  # once it was clearly inside, or stood
        self.waiting_ms: int | None = None  # since when
        self.began_ms = stay.began_ms  # the stand for which `passed` counts
        self.passed = 0
        self.parked = False  # ever
        self.part = False
        self.outside_ms: int | None = None
        self.box: Box = (0.0, 0.0, 0.0, 0.0)  # as last seen, and when
        self.seen_ms = 0

    def go_on(self, lost: "_Visit") -> None:
        """Be the continuation of a visit whose track was lost."""
        self.stay.go_on(lost.stay)
        self.order, self.known, self.parked = lost.order, lost.known, lost.parked
        self.appeared, self.pending, self.entering, self.real = lost.appeared, lost.pending, lost.entering, lost.real
        self.entered |= lost.entered
        self.passed, self.began_ms = lost.passed, lost.began_ms
        if lost.waiting_ms is not None:
            self.waiting_ms = lost.waiting_ms


def _moved_on(unseen: _Visit, seen: Sequence[_Visit]) -> bool:
    """Whether the neighbours of a vehicle, as far as there are any, came to where they are since it was seen last."""
    x, y = unseen.stay.where
    reach = NEAR_HEIGHTS * (unseen.box[3] - unseen.box[1])
    apart = [(hypot(other.stay.where[0] - x, other.stay.where[1] - y), other.stay.began_ms) for other in seen]
    near = sorted(one for one in apart if one[0] < reach)[:NEIGHBOURS]
    return bool(near) and all(began_ms > unseen.seen_ms for _, began_ms in near)


class _Watch:
    """One zone: who is in it."""

    def __init__(self, zone: Zone, share_min: float, found_ms: int, ground: Callable[[Box], Point]) -> None:
        self._zone = zone
        self._share_min = share_min
        self._found_ms = found_ms
        self._ground = ground
        self._visits: dict[int, _Visit] = {}  # by track
        self._lost: list[_Visit] = []  # in the order in which their tracks ended
        self._ghosts: set[int] = set()  # tracks whose visit went over to another while they were unseen
        self._visitors = 0
        self._since_ms = 0
        self._settled_ms = 0
        self._entered = self._left = self._given_up = 0  # since the frame before
        self._waits_ms: list[int] = []
        self.hidden: HiddenLikely | None = None
        """As it was estimated last."""
        self._hidden = HiddenVehicles(zone)
        self._known: list[Known] = []

    def begin_anew(self, now_ms: int, settled_ms: int) -> None:
        """Nobody watched until now: who is inside, or appears until `settled_ms`, may have waited for any time."""
        self._since_ms, self._settled_ms = now_ms, settled_ms
        self._hidden.begin_anew()
        self._give_up([])
        for visit in self._visits.values():
            visit.known = False

    def update(
        self, now_ms: int, tracks: Sequence[Track], stays: Mapping[int, Stay], before: Container[int]
    ) -> Occupancy:
        """Follow everybody through one frame; `before` are the tracks of the frame before."""
        self._end_visits({track.id for track in tracks})
        self._known = []
        labels: list[str] = []
        queuers: list[Queuer] = []
        standing = parked = 0
        present = [(t, self._visit(now_ms, t, stays[t.id], is_new=t.id not in before)) for t in tracks]
        counted = {
            track.id: visit
            for track, visit in present
            if visit is not None and not visit.part and track.id not in self._ghosts
        }
        seconds, uncounted = self._uncounted(now_ms, counted)
        for track, visit in present:
            if visit is None or track.id not in counted or (track.id in seconds and not visit.real):
                continue
            stands = self._stands(now_ms, visit)
            if track.id in uncounted:
                continue
            label = track.label(self._share_min)[0]
            labels.append(label)
            self._known.append(Known(visit.box, visit.stay.where, label))
            if stands and self._is_parked(now_ms, visit):
                parked += 1
                continue
            standing += stands
            if self._zone.plane is not None and visit.waiting_ms is not None:
                where = visit.stay.where
                place = self._zone.plane.metres(where)
                if place is not None:
                    queuers.append(Queuer(place, where[1], LENGTHS_M.get(label, LENGTH_M), stands))
        self._give_up([visit for visit in self._lost if now_ms - visit.seen_ms <= self._found_ms][-LOST_MAX:])
        queue_m = None if self._zone.plane is None else round(queue_length_m(queuers), 1)
        self._hidden.follow(len(labels), self._entered, self._left)
        return self._told(tuple(labels), standing, parked, queue_m)

    def _uncounted(self, now_ms: int, visits: Mapping[int, _Visit]) -> tuple[set[int], set[int]]:
        """The tracks of second boxes, and those with all that show no vehicle: also what the queue left behind."""
        seen: list[_Visit] = []
        seconds = set()
        for id_, visit in visits.items():
            if visit.seen_ms == now_ms:
                if self._on_ground(visit.box, seen) is None:
                    seen.append(visit)
                else:
                    seconds.add(id_)
        left_behind = set()
        for id_, visit in visits.items():
            unseen_ms = now_ms - visit.seen_ms
            drives = unseen_ms > UNSEEN_MOVING_MS and not visit.stay.settled
            if drives or (unseen_ms > UNSEEN_MS and _moved_on(visit, seen)):
                left_behind.add(id_)
        return seconds, seconds | left_behind

    def estimate_hidden(self, ground: Plane | None, hiders: Sequence[Box]) -> None:
        """Work out anew who is likely hidden, on the zone's own plane or else on the ground as it was learned."""
        self.hidden = self._hidden.estimate(self._zone.plane or ground, self._known, hiders)

    def close(self) -> Occupancy:
        """Who was lost and is not found any more, and who was outside at the last frame, if near the border still."""
        for visit in self._visits.values():
            if visit.outside_ms is not None:
                self._leave(visit, visit.outside_ms)
        self._visits.clear()
        self._give_up([])
        return self._told()

    def _told(
        self, labels: tuple[str, ...] = (), standing: int = 0, parked: int = 0, queue_m: float | None = None
    ) -> Occupancy:
        """An occupancy with all that happened since the one before."""
        told = Occupancy(
            self._zone.name,
            labels,
            standing,
            parked,
            queue_m,
            self._entered,
            self._left,
            self._given_up,
            tuple(self._waits_ms),
        )
        self._entered = self._left = self._given_up = 0
        self._waits_ms = []
        return told

    def _visit(self, now_ms: int, track: Track, stay: Stay, *, is_new: bool) -> _Visit | None:
        """The visit of a vehicle that is inside at this frame, just begun perhaps; None if it is not inside."""
        where, seen = stay.where, track.seen_ms == now_ms
        inside = self._zone.holds(where)
        visit = self._visits.get(track.id)
        if visit is None:
            if not inside or not seen:
                return None
            visit = self._begin(now_ms, track, stay, is_new=is_new)
        visit.part = track.part and (visit.part or not visit.real)
        if seen:
            visit.box, visit.seen_ms = track.box, now_ms
        if inside:
            visit.outside_ms = None
            return visit
        if visit.outside_ms is None:
            visit.outside_ms = now_ms
        if self._is_clear(visit):
            del self._visits[track.id]
            self._leave(visit, visit.outside_ms)
        return None

    def _begin(self, now_ms: int, track: Track, stay: Stay, *, is_new: bool) -> _Visit:
        """A visit of a vehicle seen inside; one that appears where another is lost goes on with the other's."""
        self._visitors += 1
        born_ms, box = track.born or (track.seen_ms, track.box)
        if track.id in self._ghosts:
            self._ghosts.discard(track.id)
            visit = _Visit(self._visitors, stay, known=False, appeared=True, ghost=True)
        elif is_new and self._zone.holds(self._ground(box)):
            visit = _Visit(self._visitors, stay, known=born_ms > self._settled_ms, appeared=True)
            if not track.part:  # of a vehicle that is unseen for a moment its cab may be seen
                self._take_over(visit, born_ms, box)
        else:
            visit = _Visit(self._visitors, stay, known=now_ms > self._since_ms, appeared=False)
        self._visits[track.id] = visit
        return visit

    def _take_over(self, heir: _Visit, born_ms: int, box: Box) -> None:
        """Let `heir` go on with the visit of one that was on its ground and is lost, or unseen since."""
        found = self._on_ground(box, self._lost)
        if found is not None:
            self._lost.remove(found)
            heir.go_on(found)
            return
        unseen = {id_: visit for id_, visit in self._visits.items() if visit.seen_ms < born_ms}
        found = self._on_ground(box, unseen.values())
        if found is not None:
            ghost = next(id_ for id_, visit in unseen.items() if visit is found)
            del self._visits[ghost]
            self._ghosts.add(ghost)
            heir.go_on(found)

    def _end_visits(self, living: Container[int]) -> None:
        """Of the tracks that ended, some had left, some have an heir, and the others are lost."""
        self._ghosts = {ghost for ghost in self._ghosts if ghost in living}
        for gone in [id_ for id_ in self._visits if id_ not in living]:
            visit = self._visits.pop(gone)
            if visit.outside_ms is not None:
                self._leave(visit, visit.outside_ms)
            elif visit.real and not visit.part:
                later = [v for v in self._visits.values() if v.appeared and v.order > visit.order and not v.part]
                heir = self._on_ground(visit.box, later)
                if heir is None:
                    self._lost.append(visit)
                    continue
                self._given_up += visit.entered and heir.entered  # two came in, and one of them will leave
                heir.go_on(visit)

    def _on_ground(self, box: Box, visits: Iterable[_Visit]) -> _Visit | None:
        """The one of these that is nearest to where this box stands, if two cannot stand there."""
        x1, y1, x2, y2 = box
        x, y = self._ground(box)
        nearest, found = 1.0, None
        for visit in visits:
            u1, v1, u2, v2 = visit.box
            u, v = self._ground(visit.box)
            across = abs(x - u) / (SAME_GROUND_WIDTHS * min(x2 - x1, u2 - u1))
            down = abs(y - v) / (SAME_GROUND_HEIGHTS * min(y2 - y1, v2 - v1))
            if max(across, down) < nearest:
                nearest, found = max(across, down), visit
        return found

    def _stands(self, now_ms: int, visit: _Visit) -> bool:
        """Whether it stands, with what follows from that for its visit."""
        stay = visit.stay
        stood_ms = now_ms - stay.began_ms
        stands = stood_ms >= self._zone.standing_after_ms and (
            self._zone.standing_after_ms >= CREEP_MS or stay.speed < CREEP
        )
        if visit.began_ms != stay.began_ms:
            visit.began_ms, visit.passed = stay.began_ms, 0
        if visit.pending and not stay.from_birth:
            visit.pending, visit.entering = False, visit.known
        if stands and visit.waiting_ms is None:
            visit.waiting_ms = stay.began_ms
            if visit.pending:
                visit.pending = visit.known = False
        visit.real = visit.real or stands or self._is_clear(visit)
        if visit.real and visit.entering:
            visit.entering, visit.entered = False, True
            self._entered += 1
        return stands

    def _is_clear(self, visit: _Visit) -> bool:
        """Whether it is not near the border, be it inside or outside."""
        return self._zone.distance(visit.stay.where) >= CLEAR_SHARE * (visit.box[3] - visit.box[1])

    def _is_parked(self, now_ms: int, visit: _Visit) -> bool:
        stood_ms = now_ms - visit.stay.began_ms
        parked = stood_ms >= self._zone.parked_after_ms and visit.passed >= self._zone.parked_after_passed
        visit.parked |= parked
        return parked

    def _leave(self, visit: _Visit, left_ms: int) -> None:
        if visit.part or not visit.real:
            return
        self._left += 1
        if visit.waiting_ms is not None and visit.known and not visit.parked:
            self._waits_ms.append(left_ms - visit.waiting_ms)
        for other in (*self._visits.values(), *self._lost):
            other.passed += other.order < visit.order

    def _give_up(self, kept: list[_Visit]) -> None:
        """Of those that are lost only these may be found again."""
        self._given_up += len(self._lost) - len(kept)
        self._lost = kept
