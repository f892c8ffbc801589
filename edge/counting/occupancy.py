"""Who is in a zone, who of them stands, and how long those that left had waited.

The rules, with the numbers of `OccupancyParameters` and `Zone`:

1. A vehicle is inside while its ground point is inside the polygon. It has left once that point is beyond the border by
   `border_heights` of its box height, or it is outside when its track ends; it left when it passed the border. Only a
   vehicle that was inside by as much, or stood, is confirmed, and only a confirmed one is counted as entered, left or
   lost: not one that trembles along the border in another lane.
2. It stands once its ground point has stayed at one place (stationary.py) for `standing_after_ms`, until it moves away;
   the stand began when it arrived. Unseen, it stays where it is. While it moves by `creep_speed` or more it does not
   stand: that is a tenth of its length in a second, near and far. In `creep_ms` that leads out of reach, so where a
   stand takes longer the reach alone decides.
3. Its wait runs from the beginning of its first stand in the zone until it leaves. A vehicle that never stood waited
   nothing and is in no percentile.
4. The wait is unknown, and in no percentile, of a vehicle that was inside when watching began or after a gap longer
   than `gap_ms`, and of one that stood where it was first seen, without having been seen to come. One that appears
   inside and drives has entered, as has every one that comes over the border.
5. A track that ends inside is lost and not left. A track that begins where a lost one stood (on one piece of ground, as
   in crossing.py), at most `found_ms` after it was last seen, continues its stand and its wait. So does one that stands
   there when the other is lost, or that begins there while the other is unseen: then the other is superseded and counts
   no more, unless it is seen again.
6. A standing vehicle is parked when it has stood for `parked_after_ms` and since it came there `parked_after_passed`
   vehicles that came into the zone after it have left it: in a queue those behind leave after those before. A parked
   vehicle is inside, but neither stands in the queue nor waits, then or ever on this visit.
7. A part of a larger vehicle does not count; one that was confirmed as itself before is none, but stands behind the
   larger one. The state of a vehicle goes with its track, or `found_ms` later.
8. On one piece of ground, as in rule 5, stands one vehicle: of two that are seen there one counts. Nor does one count
   that was not seen for `unseen_ms` while its `neighbours` nearest within `neighbour_heights` have all moved away
   since: the queue moved, and it with it; nor one that drives and was not seen for `unseen_moving_ms`, for where it is
   is a guess. Seen again, it counts again. One only ever seen as a duplicate neither enters, leaves nor waits.
9. Every confirmed vehicle is accounted for: one that is not found in time, or was lost before unwatched time or before
   the end of the run, is counted as lost.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import InitVar, dataclass, field, replace
from math import hypot

from edge.counting.crossing import Ground, ground_point
from edge.counting.expected_wait import ExpectedWait, QueueService
from edge.counting.ground_plane import Plane, Queuer, queue_length_m
from edge.counting.hidden import HiddenLikely, HiddenVehicles, Known
from edge.counting.motion import Box
from edge.counting.parameters import CONFIGURED, DEFAULT, CountingParameters, OccupancyParameters
from edge.counting.stationary import Stay
from edge.counting.tracking import Track
from edge.counting.zone import Zone


@dataclass(frozen=True, slots=True)
class Occupancy:
    """Who is in a zone at one frame, and what happened there since the frame before.

    `labels` has the class of every vehicle inside, by track; `standing` counts those that stand in the queue, `parked`
    those that stand beside it. `queue_m` is None where the ground is not known. `waits_ms` are the waits that ended, of
    those that `left`; `lost` are tracks that ended inside, found again by none. `expected` is what who joins the queue
    now is to wait (expected_wait.py), None where that is not known. `hidden` is an estimate of who is inside and is in
    none of these numbers (hidden.py), computed every `hidden_every_ms`; None without a ground plane.

    On stills (stills.py) no vehicle is `followed`: who is parked, entered, left or waited is not known, whatever these
    say, and `standing` is None where there is no picture to compare with.
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
    """Turns tracks into occupancies; the state of a vehicle is a few numbers, however long it stands.

    Below `share_min` a vehicle is `unclassified`. A time without frames longer than `gap_ms` was not watched.
    """

    def __init__(
        self,
        zones: Sequence[Zone],
        *,
        share_min: float = CONFIGURED.class_share_min,
        ground: Ground = "bottom",
        gap_ms: int = CONFIGURED.gap_ms,
        parameters: CountingParameters = DEFAULT,
    ) -> None:
        self._ground: Ground = ground
        self._gap_ms = gap_ms
        self._parameters = parameters
        self._zones = [_ZoneState(zone, share_min, ground, parameters) for zone in zones]
        self._stays: dict[int, Stay] = {}
        self._watched_ms: int | None = None
        self._services = [QueueService(parameters) for _ in zones]
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

        Where the detector was not run (`looked` is False), it is that of the last look, at most half a second ago:
        duplicates and vehicles gone unseen are told from others where they are seen. `wholes` are the boxes of the
        tracks with what is hidden of them (occlusion.py); None where nothing is hidden. `ground` is the plane learned
        on site (sizes.py), for zones without a plane of their own.
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
        seen_ms_max = self._parameters.occlusion.hider_seen_ms
        hiders = [one.box for one in tracks if captured_ms - one.seen_ms <= seen_ms_max and not one.part]
        if watching:
            if self._watched_ms is None or captured_ms - self._watched_ms > self._gap_ms:
                for zone, service in zip(self._zones, self._services, strict=True):
                    zone.note_unwatched(captured_ms, captured_ms + self._gap_ms)
                    service.note_unwatched()
            self._watched_ms = captured_ms
        if wholes is not None:
            tracks = [
                track if track.box == box else replace(track, box=box, born=_lowered(track.born, box))
                for track, box in zip(tracks, wholes, strict=True)
            ]
        stays: dict[int, Stay] = {}
        for track in tracks:
            point = ground_point(track.box, self._ground)
            stay = self._stays.get(track.id)
            if stay is None:
                born_ms, box = track.born or (track.seen_ms, track.box)
                stay = Stay(ground_point(box, self._ground), born_ms, self._parameters.stationary)
            if track.seen_ms == captured_ms:
                stay.see(point, track.box, captured_ms)
            elif not stay.settled:
                stay.point = point
            stays[track.id] = stay
        occupancies = [zone.update(captured_ms, tracks, stays, self._stays) for zone in self._zones]
        self._stays = stays
        if not watching:
            return occupancies
        if self._hidden_ms is None or captured_ms - self._hidden_ms >= self._parameters.occupancy.hidden_every_ms:
            self._hidden_ms = captured_ms
            for zone in self._zones:
                zone.estimate_hidden(ground, hiders)
        return self._with_expected(
            captured_ms,
            [replace(one, hidden=zone.hidden) for one, zone in zip(occupancies, self._zones, strict=True)],
        )

    def close(self) -> list[Occupancy]:
        """End the run: the vehicles lost, and those that have just left; those inside are in neither."""
        return [zone.close() for zone in self._zones]

    def _with_expected(self, now_ms: int, occupancies: Sequence[Occupancy]) -> list[Occupancy]:
        """With the expected wait of a vehicle that joins the queue now, behind all that are inside and not parked."""
        for service, one in zip(self._services, occupancies, strict=True):
            service.update(now_ms, one.inside - one.parked, one.left)
        if self._expected_ms is None or now_ms - self._expected_ms >= self._parameters.occupancy.expected_every_ms:
            self._expected_ms = now_ms
            self._expected = [service.expected() for service in self._services]
        return [
            replace(one, expected=expected) if expected is not None and one.inside > one.parked else one
            for one, expected in zip(occupancies, self._expected, strict=True)
        ]


def _lowered(born: tuple[int, Box] | None, whole: Box) -> tuple[int, Box] | None:
    """The first sighting of a vehicle with the height that it has for its width."""
    if born is None:
        return None
    x1, y1, x2, y2 = born[1]
    return born[0], (x1, y1, x2, max(y2, y1 + (whole[3] - whole[1]) / (whole[2] - whole[0]) * (x2 - x1)))


@dataclass(slots=True, eq=False)
class _Visit:
    """One vehicle in one zone."""

    order: int  # in which they came
    stay: Stay
    known: bool  # whether it is known how long it waits
    appeared: bool  # it was not seen to come over the border
    superseded: InitVar[bool] = False
    pending: bool = field(init=False)  # it is not known yet whether it stood there before
    entering: bool = field(init=False)  # it counts as entered once it is confirmed
    began_ms: int = field(init=False)  # the stand for which `passed` counts
    entered: bool = False  # it has counted as entered
    confirmed: bool = False  # it was clearly inside, or stood
    waiting_ms: int | None = None  # since when
    passed: int = 0
    parked: bool = False  # ever
    part: bool = False
    outside_ms: int | None = None
    box: Box = (0.0, 0.0, 0.0, 0.0)  # as last seen, and when
    seen_ms: int = 0

    def __post_init__(self, superseded: bool) -> None:  # as dataclasses pass it
        self.pending = self.appeared and not superseded
        self.entering = self.known and not self.appeared
        self.began_ms = self.stay.began_ms

    def continue_from(self, lost: "_Visit") -> None:
        """Continue a visit whose track was lost."""
        self.stay.continue_from(lost.stay)
        self.order, self.known, self.parked = lost.order, lost.known, lost.parked
        self.appeared, self.pending, self.entering = lost.appeared, lost.pending, lost.entering
        self.confirmed = lost.confirmed
        self.entered |= lost.entered
        self.passed, self.began_ms = lost.passed, lost.began_ms
        if lost.waiting_ms is not None:
            self.waiting_ms = lost.waiting_ms


def _moved_on(unseen: _Visit, seen: Sequence[_Visit], p: OccupancyParameters) -> bool:
    """Whether all neighbours of an unseen vehicle, if it has any, arrived at their places since it was seen last."""
    x, y = unseen.stay.where
    reach = p.neighbour_heights * (unseen.box[3] - unseen.box[1])
    apart = [(hypot(other.stay.where[0] - x, other.stay.where[1] - y), other.stay.began_ms) for other in seen]
    near = sorted(one for one in apart if one[0] < reach)[: p.neighbours]
    return bool(near) and all(began_ms > unseen.seen_ms for _, began_ms in near)


class _ZoneState:
    """One zone: the visits of the vehicles in it."""

    def __init__(self, zone: Zone, share_min: float, ground: Ground, parameters: CountingParameters) -> None:
        self._zone = zone
        self._share_min = share_min
        self._ground: Ground = ground
        self._all = parameters
        self._parameters = parameters.occupancy
        self._visits: dict[int, _Visit] = {}  # by track
        self._lost: list[_Visit] = []  # in the order in which their tracks ended
        self._superseded: set[int] = set()  # tracks whose visit went over to another while they were unseen
        self._visitors = 0
        self._since_ms = 0
        self._settled_ms = 0
        self._entered = self._left = self._given_up = 0  # since the frame before
        self._waits_ms: list[int] = []
        self.hidden: HiddenLikely | None = None
        """The last estimate."""
        self._hidden = HiddenVehicles(zone, parameters)
        self._known: list[Known] = []

    def note_unwatched(self, now_ms: int, settled_ms: int) -> None:
        """The time until now was not watched: who is inside, or appears until `settled_ms`, waits for unknown time."""
        self._since_ms, self._settled_ms = now_ms, settled_ms
        self._hidden.note_unwatched()
        self._give_up([])
        for visit in self._visits.values():
            visit.known = False

    def update(
        self, now_ms: int, tracks: Sequence[Track], stays: Mapping[int, Stay], before: Container[int]
    ) -> Occupancy:
        """Update all visits by one frame; `before` are the tracks of the frame before."""
        self._end_visits({track.id for track in tracks})
        self._known = []
        labels: list[str] = []
        queuers: list[Queuer] = []
        standing = parked = 0
        present = [(t, self._visit(now_ms, t, stays[t.id], is_new=t.id not in before)) for t in tracks]
        counted = {
            track.id: visit
            for track, visit in present
            if visit is not None and not visit.part and track.id not in self._superseded
        }
        duplicates, uncounted = self._uncounted(now_ms, counted)
        for track, visit in present:
            if visit is None or track.id not in counted or (track.id in duplicates and not visit.confirmed):
                continue
            stands = self._stands(now_ms, visit)
            if track.id in uncounted:
                continue
            label = track.label(self._share_min, self._all.naming)[0]
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
                    queuers.append(Queuer(place, where[1], self._all.ground.length_of(label), stands))
        kept = [visit for visit in self._lost if now_ms - visit.seen_ms <= self._parameters.found_ms]
        self._give_up(kept[-self._parameters.lost_max :])
        queue_m = None if self._zone.plane is None else round(queue_length_m(queuers, self._all.ground.link_m), 1)
        self._hidden.follow(len(labels), self._entered, self._left)
        return self._occupancy(tuple(labels), standing, parked, queue_m)

    def _uncounted(self, now_ms: int, visits: Mapping[int, _Visit]) -> tuple[set[int], set[int]]:
        """The tracks that are duplicates, and all that do not count: also those that the queue has left behind."""
        seen: list[_Visit] = []
        duplicates = set()
        for id_, visit in visits.items():
            if visit.seen_ms == now_ms:
                if self._on_ground(visit.box, seen) is None:
                    seen.append(visit)
                else:
                    duplicates.add(id_)
        left_behind = set()
        for id_, visit in visits.items():
            unseen_ms = now_ms - visit.seen_ms
            drives = unseen_ms > self._parameters.unseen_moving_ms and not visit.stay.settled
            if drives or (unseen_ms > self._parameters.unseen_ms and _moved_on(visit, seen, self._parameters)):
                left_behind.add(id_)
        return duplicates, duplicates | left_behind

    def estimate_hidden(self, ground: Plane | None, hiders: Sequence[Box]) -> None:
        """Estimate the hidden vehicles anew, on the zone's own plane or else on the one learned on site."""
        self.hidden = self._hidden.estimate(self._zone.plane or ground, self._known, hiders)

    def close(self) -> Occupancy:
        """End the run: the vehicles lost, and those outside at the last frame, though still near the border."""
        for visit in self._visits.values():
            if visit.outside_ms is not None:
                self._leave(visit, visit.outside_ms)
        self._visits.clear()
        self._give_up([])
        return self._occupancy()

    def _occupancy(
        self, labels: tuple[str, ...] = (), standing: int = 0, parked: int = 0, queue_m: float | None = None
    ) -> Occupancy:
        """An occupancy with all that happened since the one before."""
        occupancy = Occupancy(
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
        return occupancy

    def _visit(self, now_ms: int, track: Track, stay: Stay, *, is_new: bool) -> _Visit | None:
        """The visit of a vehicle that is inside at this frame, perhaps a new one; None if it is not inside."""
        where, seen = stay.where, track.seen_ms == now_ms
        inside = self._zone.holds(where)
        visit = self._visits.get(track.id)
        if visit is None:
            if not inside or not seen:
                return None
            visit = self._begin(now_ms, track, stay, is_new=is_new)
        visit.part = track.part and (visit.part or not visit.confirmed)
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
        """A visit of a vehicle seen inside; one that appears where another is lost continues the other's."""
        self._visitors += 1
        born_ms, box = track.born or (track.seen_ms, track.box)
        if track.id in self._superseded:
            self._superseded.discard(track.id)
            visit = _Visit(self._visitors, stay, known=False, appeared=True, superseded=True)
        elif is_new and self._zone.holds(ground_point(box, self._ground)):
            visit = _Visit(self._visitors, stay, known=born_ms > self._settled_ms, appeared=True)
            if not track.part:  # of a vehicle that is unseen for a moment its cab may be seen
                self._take_over(visit, born_ms, box)
        else:
            visit = _Visit(self._visitors, stay, known=now_ms > self._since_ms, appeared=False)
        self._visits[track.id] = visit
        return visit

    def _take_over(self, heir: _Visit, born_ms: int, box: Box) -> None:
        """Let `heir` continue the visit of a vehicle that was on its ground and is lost, or unseen since."""
        found = self._on_ground(box, self._lost)
        if found is not None:
            self._lost.remove(found)
            heir.continue_from(found)
            return
        unseen = {id_: visit for id_, visit in self._visits.items() if visit.seen_ms < born_ms}
        found = self._on_ground(box, unseen.values())
        if found is not None:
            superseded = next(id_ for id_, visit in unseen.items() if visit is found)
            del self._visits[superseded]
            self._superseded.add(superseded)
            heir.continue_from(found)

    def _end_visits(self, living: Container[int]) -> None:
        """Of the tracks that ended, some had left, some are continued by another, and the others are lost."""
        self._superseded = {id_ for id_ in self._superseded if id_ in living}
        for gone in [id_ for id_ in self._visits if id_ not in living]:
            visit = self._visits.pop(gone)
            if visit.outside_ms is not None:
                self._leave(visit, visit.outside_ms)
            elif visit.confirmed and not visit.part:
                later = [v for v in self._visits.values() if v.appeared and v.order > visit.order and not v.part]
                heir = self._on_ground(visit.box, later)
                if heir is None:
                    self._lost.append(visit)
                    continue
                self._given_up += visit.entered and heir.entered  # two came in, and one of them will leave
                heir.continue_from(visit)

    def _on_ground(self, box: Box, visits: Iterable[_Visit]) -> _Visit | None:
        """The nearest of these visits to where this box stands, if two vehicles cannot stand there."""
        p = self._all.crossing
        x1, y1, x2, y2 = box
        x, y = ground_point(box, self._ground)
        nearest, found = 1.0, None
        for visit in visits:
            u1, v1, u2, v2 = visit.box
            u, v = ground_point(visit.box, self._ground)
            across = abs(x - u) / (p.same_ground_widths * min(x2 - x1, u2 - u1))
            down = abs(y - v) / (p.same_ground_heights * min(y2 - y1, v2 - v1))
            if max(across, down) < nearest:
                nearest, found = max(across, down), visit
        return found

    def _stands(self, now_ms: int, visit: _Visit) -> bool:
        """Whether it stands; updates what follows from that for its visit."""
        p, stay = self._parameters, visit.stay
        stood_ms = now_ms - stay.began_ms
        stands = stood_ms >= self._zone.standing_after_ms and (
            self._zone.standing_after_ms >= p.creep_ms or stay.speed < p.creep_speed
        )
        if visit.began_ms != stay.began_ms:
            visit.began_ms, visit.passed = stay.began_ms, 0
        if visit.pending and not stay.from_birth:
            visit.pending, visit.entering = False, visit.known
        if stands and visit.waiting_ms is None:
            visit.waiting_ms = stay.began_ms
            if visit.pending:
                visit.pending = visit.known = False
        visit.confirmed = visit.confirmed or stands or self._is_clear(visit)
        if visit.confirmed and visit.entering:
            visit.entering, visit.entered = False, True
            self._entered += 1
        return stands

    def _is_clear(self, visit: _Visit) -> bool:
        """Whether it is clear of the border, inside or outside."""
        clear = self._parameters.border_heights * (visit.box[3] - visit.box[1])
        return self._zone.distance(visit.stay.where) >= clear

    def _is_parked(self, now_ms: int, visit: _Visit) -> bool:
        stood_ms = now_ms - visit.stay.began_ms
        parked = stood_ms >= self._zone.parked_after_ms and visit.passed >= self._zone.parked_after_passed
        visit.parked |= parked
        return parked

    def _leave(self, visit: _Visit, left_ms: int) -> None:
        if visit.part or not visit.confirmed:
            return
        self._left += 1
        if visit.waiting_ms is not None and visit.known and not visit.parked:
            self._waits_ms.append(left_ms - visit.waiting_ms)
        for other in (*self._visits.values(), *self._lost):
            other.passed += other.order < visit.order

    def _give_up(self, kept: list[_Visit]) -> None:
        """Keep only these of the lost visits; the others are counted as lost."""
        self._given_up += len(self._lost) - len(kept)
        self._lost = kept
