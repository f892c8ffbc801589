"""From detections to tracks: which box of this frame is which vehicle of the frames before.

The rules, in the order in which a frame goes through them, with the numbers of `TrackingParameters`:

1. Every living track predicts where its box is now. A standing track that is hidden stays where it stood; a moving one
   goes on, and the longer it is unseen the larger the variance of its prediction.
2. Detections of high score (strong ones) are assigned to tracks so that the total cost is least. The cost of a pair is
   the distance from the prediction plus the log-variance of the prediction; it may exceed the log-variance of a track
   with one sighting, in the frame before, by `cost_margin` at most. A strong detection is not assigned where a weak one
   lies much nearer: that is the vehicle, blurred or half hidden, and the strong one is another. Several detections that
   together fit one track are fragments of it (split_detections.py).
3. Detections of low score (weak ones) are assigned to tracks left over that were seen recently, or in one of the two
   frames before: a hidden or blurred vehicle keeps its track, but a weak detection never founds one (two rounds, as in
   ByteTrack, Zhang et al. 2022).
4. Strong detections left over are offered to tracks not seen recently that were well seen before, at larger cost but
   smaller distance: a vehicle reappears where its motion says, and no picture of it is needed.
5. The rest of them found tracks, unless they repeat a vehicle already seen in this frame.
6. A vehicle seen inside the same larger one in most of its sightings is a part of it (a cab, a load) if one of the two
   was first seen on the other: a part appears with its whole.
7. A track is confirmed, and handed out from then on, once the scores of its sightings add up to enough over long
   enough. If it then turns out to begin where a lost track must have arrived, by the speeds of both, it continues that
   one. A track is released when its cost is too large for any detection, or when it is unseen for too long: soon if it
   was hardly seen, late if it was standing, for then something hides it.
8. A frame on which the detector was not run is not one in which a vehicle was missed. Where nothing moved, what was
   seen at the last look counts as seen; else vehicles go on at their speeds until the next look.

Lifetimes are milliseconds, so a camera of 3 frames/s and one of 30 see the same vehicles.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from math import hypot, sqrt
from operator import add

from edge.counting.assignment import Pair, assign
from edge.counting.detection import CLASSES, STILL, UNCLASSIFIED, DetectedFrame, Detection
from edge.counting.motion import (
    Box,
    BoxMotion,
    area_of,
    first_log_variance,
    intersection_over_union,
    moved,
    shared_area,
)
from edge.counting.naming import likeliest_class, probabilities
from edge.counting.parameters import DEFAULT, CountingParameters, NamingParameters
from edge.counting.split_detections import join_fragments

CLASS_AT = {label: place for place, label in enumerate(CLASSES)}
NO_VOTES = (0.0,) * len(CLASSES)


@dataclass(frozen=True, slots=True)
class Track:
    """One vehicle as known after one frame.

    `box` is filtered, in pixels; `seen_ms` is its last sighting (equal to the frame's time if it was seen now);
    `votes` weigh each of CLASSES by score and size over all sightings so far. `part` says that it belongs to a larger
    vehicle, and `whole` is the track of that one: None where the larger one is not confirmed. The track of the whole
    may have ended since.
    `looks` is the number of second looks at it, and `look` the sum of their answers (naming.py).
    `size` is how large it is for where it stands, where that is known (sizes.py).
    `speed` is that of the ground point, in pixels per second; `born` is the time and box of the first sighting, and
    `born_on` are the vehicles whose boxes overlapped it then.
    """

    id: int
    box: Box
    seen_ms: int
    votes: tuple[float, ...] = NO_VOTES
    part: bool = False
    whole: int | None = None
    speed: tuple[float, float] = (0.0, 0.0)
    born: tuple[int, Box] | None = None
    born_on: tuple[int, ...] = ()
    looks: int = 0
    look: tuple[float, ...] = NO_VOTES
    size: tuple[float, float] | None = None

    def overlapped_at_birth(self, other: "Track") -> bool:
        """Whether one of the two was first seen on the other: only then may they be the same vehicle."""
        return other.id in self.born_on or self.id in other.born_on

    @property
    def ground(self) -> tuple[float, float]:
        """Where the vehicle stands: the bottom centre of its box."""
        x1, _, x2, y2 = self.box
        return (x1 + x2) / 2.0, y2

    def label(self, share_min: float, naming: NamingParameters = DEFAULT.naming) -> tuple[str, float]:
        """The class and its probability; `unclassified` below `share_min`, or if nothing is known of it."""
        shares = probabilities(self.votes, self.looks, self.look, self.size, naming)
        label, share = likeliest_class(shares, naming)
        return (label if share > 0.0 and share >= share_min else UNCLASSIFIED), share

    @property
    def voted_class(self) -> str:
        """The class with the largest vote, which the rules of counting use: they take no second look."""
        return CLASSES[self.votes.index(max(self.votes))] if any(self.votes) else UNCLASSIFIED


@dataclass(slots=True, eq=False)
class _Vehicle:
    """The state of one track."""

    id: int
    box: Box  # filtered or predicted, at this frame
    born: tuple[int, Box]
    born_on: tuple[int, ...]
    motion: BoxMotion
    last: tuple[Box, tuple[float, float]]  # box and speed of the ground point at its last sighting
    seen_ms: int = 0
    confirmed: bool = False
    score: float = 0.0  # of the last sighting
    score_sum: float = 0.0  # over all sightings
    whole: int | None = None  # the larger vehicle inside which it was seen most
    inside: float = 0.0  # score of the sightings inside that one, less that of those inside others since
    covered: float = 0.0  # score of the sightings inside a larger box that is no confirmed vehicle
    votes: tuple[float, ...] = NO_VOTES
    looks: int = 0
    look: tuple[float, ...] = NO_VOTES  # the sum of their answers

    def overlapped_at_birth(self, other: "_Vehicle") -> bool:
        """Whether one of the two was first seen on the other."""
        return other.id in self.born_on or self.id in other.born_on

    def add_inside(self, whole: int, score: float) -> None:
        """Count a sighting inside that larger one; of several, only the majority is kept (Boyer, Moore 1991)."""
        if self.whole == whole:
            self.inside += score
        elif self.inside >= score:
            self.inside -= score
        else:
            self.whole, self.inside = whole, score

    def replace_id(self, old: int, new: int) -> None:
        """Vehicle `old` turned out to be vehicle `new`."""
        self.born_on = tuple(new if id_ == old else id_ for id_ in self.born_on)
        if self.whole == old:
            self.whole = new
        if self.whole == self.id:  # it was seen inside what turned out to be itself
            self.whole, self.inside = None, 0.0

    def continue_as(self, other: "_Vehicle") -> None:
        """Take over the state of the track that turned out to continue this lost one."""
        self.box, self.motion, self.last = other.box, other.motion, other.last
        self.seen_ms, self.score = other.seen_ms, other.score
        self.score_sum += other.score_sum
        if other.whole is not None and other.whole != self.id:
            self.add_inside(other.whole, other.inside)
        self.covered += other.covered
        self.votes = tuple(map(add, self.votes, other.votes))
        self.looks += other.looks
        self.look = tuple(map(add, self.look, other.look))

    def see(self, detection: Detection, now_ms: int) -> None:
        """Take in a sighting; the motion was corrected before."""
        self.seen_ms = now_ms
        self.box = self.motion.box
        self.last = (self.box, (self.motion.across.speed, self.motion.bottom.speed))
        self.score = detection.score
        self.score_sum += detection.score
        place = CLASS_AT[detection.label]
        votes = self.votes
        self.votes = (*votes[:place], votes[place] + detection.vote, *votes[place + 1 :])
        if detection.look:
            self.looks += 1
            self.look = tuple(map(add, self.look, detection.look))


@dataclass(frozen=True, slots=True)
class _WeakDetections:
    """The weak detections of a frame, which may block strong ones at vehicles seen since `since_ms`."""

    since_ms: int
    measures: list[tuple[float, float, float, float]]

    def block(self, vehicle: _Vehicle, distance: float) -> bool:
        """Whether a weak detection is nearer than `distance` to such a vehicle."""
        distance_of = vehicle.motion.distance
        return vehicle.seen_ms >= self.since_ms and any(distance_of(*one, distance) < distance for one in self.measures)


class Tracker:
    """Follows vehicles through frames; one `update` a frame, times never stepping back.

    At most `tracks_max` tracks live; beyond it the longest unseen are released, and `released` counts them.
    """

    def __init__(self, parameters: CountingParameters = DEFAULT) -> None:
        self.released = 0
        self._all = parameters
        self._parameters = parameters.tracking
        self._vehicles: list[_Vehicle] = []
        self._now_ms: int | None = None
        self._before_ms: int | None = None  # the frame before
        self._next_id = 1

    def update(self, frame: DetectedFrame) -> list[Track]:
        """The confirmed tracks that live, ascending by id; one not in the list any more is gone for good."""
        now_ms, p = frame.captured_ms, self._parameters
        assert self._now_ms is None or now_ms >= self._now_ms, "frame time never steps back"
        if frame.skipped:
            return self._keep_still(now_ms) if frame.skipped == STILL else self._coast(now_ms)
        before_ms = now_ms if self._now_ms is None else self._now_ms
        elapsed_s = (now_ms - before_ms) / 1000.0
        last_but_one_ms = before_ms if self._before_ms is None else self._before_ms
        self._now_ms, self._before_ms = now_ms, before_ms
        usual_s = (before_ms - last_but_one_ms) / 1000.0
        first = first_log_variance(
            min(elapsed_s, max(p.first_sighting_s_max, min(usual_s, p.first_sighting_s_max_slow))), self._all.motion
        )
        for vehicle in self._vehicles:
            hidden = vehicle.seen_ms < before_ms and vehicle.motion.speed == 0.0  # it stood, and was stopped
            vehicle.motion.predict(min(elapsed_s, p.hidden_s_max) if hidden else elapsed_s)

        found = [d for d in frame.detections if d.x1 < d.x2 and d.y1 < d.y2]  # a box without an area is no sighting
        strong = [d for d in found if d.score >= p.score_high]
        weak = [d for d in found if p.score_low <= d.score < p.score_high]
        cost_max = first + p.cost_margin
        recent_ms = min(now_ms - p.recent_ms, last_but_one_ms)  # one frame may miss it, however long ago it was
        unseen, unassigned = self._associate(
            self._vehicles, strong, p.distance_max, cost_max, _WeakDetections(recent_ms, [d.measures for d in weak])
        )
        self._associate([v for v in unseen if v.seen_ms >= recent_ms], weak, p.distance_max_weak, cost_max)
        again = [v for v in unseen if v.seen_ms < recent_ms and v.score_sum >= p.score_sum_again]
        _, unassigned = self._associate(again, unassigned, p.distance_max_again, first + p.cost_margin_again)
        for detection in unassigned:
            if not self._repeats(detection):
                self._found(detection, recent_ms)
        for vehicle in self._vehicles:
            if vehicle.seen_ms != now_ms:
                vehicle.box = vehicle.motion.box
        self._confirm(now_ms)
        self._find_parts(recent_ms, weak)
        self._release(now_ms, first)
        return self._confirmed()

    def _confirmed(self) -> list[Track]:
        unconfirmed = {v.id for v in self._vehicles if not v.confirmed}
        return [self._track(v, unconfirmed) for v in self._vehicles if v.confirmed]

    def _keep_still(self, now_ms: int) -> list[Track]:
        """Nothing moved since the frame before: what was seen then is seen now, at the same place.

        What was unseen then stays unseen, for the detector was run and did not find it.
        """
        if self._now_ms is not None and self._before_ms is not None:
            for vehicle in self._vehicles:
                if vehicle.seen_ms == self._now_ms:
                    vehicle.seen_ms = now_ms
            self._before_ms += now_ms - self._now_ms
            self._now_ms = now_ms
        return self._confirmed()

    def _coast(self, now_ms: int) -> list[Track]:
        """The detector was not run: the confirmed tracks where their speeds have taken them."""
        if self._now_ms is None:
            return []
        elapsed_s = (now_ms - self._now_ms) / 1000.0
        return [replace(track, box=moved(track.box, track.speed, elapsed_s)) for track in self._confirmed()]

    @property
    def unconfirmed(self) -> list[Box]:
        """The boxes seen in this frame of tracks that are not confirmed yet."""
        return [v.box for v in self._vehicles if not v.confirmed and v.seen_ms == self._now_ms]

    def _confirm(self, now_ms: int) -> None:
        """Confirm the tracks seen well enough by now; one that begins where a lost one must be continues that one."""
        p = self._parameters
        for vehicle in list(self._vehicles):
            if (
                vehicle.confirmed
                or vehicle.score_sum < p.confirmed_score
                or vehicle.seen_ms - vehicle.born[0] < p.confirmed_ms
            ):
                continue
            x1, y1, x2, y2 = vehicle.box
            least, lost = p.distance_max_lost, None
            for other in self._vehicles:
                if (
                    other.confirmed
                    and other.seen_ms < vehicle.born[0]
                    and now_ms - other.seen_ms <= p.lost_ms
                    and _miss(other, vehicle) < p.lost_error_max
                ):
                    distance = other.motion.distance((x1 + x2) / 2.0, y2, x2 - x1, y2 - y1, least)
                    if distance < least:
                        least, lost = distance, other
            if lost is None:
                vehicle.confirmed = True
            else:
                lost.continue_as(vehicle)
                self._vehicles.remove(vehicle)
                for other in self._vehicles:
                    other.replace_id(vehicle.id, lost.id)

    def _associate(
        self,
        vehicles: list[_Vehicle],
        detections: list[Detection],
        distance_max: float,
        cost_max: float,
        weak: _WeakDetections | None = None,
    ) -> tuple[list[_Vehicle], list[Detection]]:
        """Assign detections to vehicles and take in the sightings; returns the vehicles and detections left over.

        With `weak`, weak detections may block, and fragments of recently seen vehicles are joined.
        """
        assert self._now_ms is not None, "a frame is being handled"
        if not vehicles or not detections:
            return vehicles, detections
        margin = self._parameters.weak_margin
        measured = [d.measures for d in detections]
        order = sorted(range(len(measured)), key=lambda column: measured[column][0])
        places = [measured[column][0] for column in order]
        pairs: list[Pair] = []
        for row, vehicle in enumerate(vehicles):
            motion = vehicle.motion
            allowed = min(distance_max, cost_max - motion.log_variance)
            if allowed <= 0.0:
                continue
            reach = sqrt(allowed / motion.across.weight)  # beyond it across alone the distance is larger
            first = bisect_left(places, motion.across.value - reach)
            last = bisect_right(places, motion.across.value + reach)
            for column in order[first:last]:
                distance = motion.distance(*measured[column], allowed)
                if distance >= allowed:
                    continue
                if weak is None or distance < margin or not weak.block(vehicle, distance - margin):
                    pairs.append((row, column, distance + motion.log_variance))
        made = dict(assign(pairs, cost_max))
        taken = set(made.values())
        unassigned = [d for column, d in enumerate(detections) if column not in taken]
        unseen: list[_Vehicle] = []
        for row, vehicle in enumerate(vehicles):
            own = detections[made[row]] if row in made else None
            if unassigned and weak is not None:
                own, unassigned = self._join(vehicle, own, unassigned, weak)
            if own is None:
                unseen.append(vehicle)
            else:
                vehicle.motion.correct(*own.measures)
                vehicle.see(own, self._now_ms)
        return unseen, unassigned

    def _join(
        self, vehicle: _Vehicle, own: Detection | None, unassigned: list[Detection], weak: _WeakDetections
    ) -> tuple[Detection | None, list[Detection]]:
        """The detection of a vehicle, joined from fragments perhaps, and the detections left unassigned."""
        p, split = self._parameters, self._all.split
        distance = p.distance_max if own is None else vehicle.motion.distance(*own.measures, p.distance_max)
        if distance < split.distance_min:
            return own, unassigned
        if own is None and (vehicle.score_sum < p.confirmed_score or vehicle.seen_ms < weak.since_ms):
            return own, unassigned
        return join_fragments(vehicle.motion, own, unassigned, distance, split)

    def _repeats(self, detection: Detection) -> bool:
        """Whether a detection mostly repeats a vehicle seen in this frame (with its load, or with its shadow)."""
        least = self._parameters.duplicate_iou
        return any(
            vehicle.seen_ms == self._now_ms and intersection_over_union(vehicle.box, detection.box) > least
            for vehicle in self._vehicles
        )

    def _found(self, detection: Detection, recent_ms: int) -> None:
        assert self._now_ms is not None, "a frame is being handled"
        box, least = detection.box, self._parameters.born_on_share
        born_on = [v.id for v in self._vehicles if v.seen_ms >= recent_ms and _shared_of_smaller(v.box, box) > least]
        motion, at_rest = BoxMotion(box, self._all.motion), (0.0, 0.0)
        vehicle = _Vehicle(self._next_id, box, (self._now_ms, box), tuple(born_on), motion, (box, at_rest))
        vehicle.see(detection, self._now_ms)
        self._next_id += 1
        self._vehicles.append(vehicle)

    def _track(self, v: _Vehicle, unconfirmed: Container[int]) -> Track:
        """The track that is handed out of a vehicle; it names no whole that was not handed out."""
        least = self._parameters.part_sightings_min * v.score_sum
        named = v.inside > least and v.whole not in unconfirmed
        return Track(
            v.id,
            v.box,
            v.seen_ms,
            v.votes,
            v.inside + v.covered > least,
            v.whole if named else None,
            (v.motion.across.speed, v.motion.bottom.speed),
            v.born,
            v.born_on,
            v.looks,
            v.look,
        )

    def _find_parts(self, recent_ms: int, weak: Sequence[Detection]) -> None:
        """Note which vehicles seen now lie inside a larger one seen recently, or inside a larger weak detection."""
        p = self._parameters
        wholes = []
        for vehicle in self._vehicles:
            if vehicle.seen_ms >= recent_ms:
                x1, y1, x2, y2 = vehicle.box
                wholes.append(((x2 - x1) * (y2 - y1) * p.part_area_max, x1, y1, x2, y2, vehicle))
        larger_weak = [(one.area * p.part_area_max, one.box) for one in weak]
        wholes.sort(key=lambda whole: -whole[0])
        for scaled_area, x1, y1, x2, y2, part in wholes:
            if part.seen_ms != self._now_ms:
                continue
            area, x, y = scaled_area / p.part_area_max, (x1 + x2) / 2.0, (y1 + y2) / 2.0
            lies = False
            for larger_area, u1, v1, u2, v2, whole in wholes:
                if larger_area <= area:
                    break
                if u1 < x < u2 and v1 < y < v2 and part.overlapped_at_birth(whole):
                    shared = (min(x2, u2) - max(x1, u1)) * (min(y2, v2) - max(y1, v1))
                    if shared > p.part_inside * area and whole.score_sum > p.whole_score_share * part.score_sum:
                        part.add_inside(whole.id, part.score)
                        lies = True
                        break
            if not lies and any(
                larger > area and shared_area(part.box, box) > p.part_inside * area for larger, box in larger_weak
            ):
                part.covered += part.score

    def _release(self, now_ms: int, first: float) -> None:
        """Release tracks unseen for too long or with too large a variance, and the longest unseen beyond the bound.

        A larger box that was released unconfirmed was no vehicle: what lay in it is a part of none by name.
        """
        p = self._parameters
        living = []
        for vehicle in self._vehicles:
            unseen_ms = now_ms - vehicle.seen_ms
            if unseen_ms <= p.unseen_unconfirmed_ms:
                living.append(vehicle)
            elif vehicle.score_sum >= p.confirmed_score:
                if vehicle.motion.speed < p.standing_speed:
                    vehicle.motion.stop()
                    unseen_ms_max = p.unseen_standing_ms
                else:
                    unseen_ms_max = p.unseen_moving_ms
                again = vehicle.score_sum >= p.score_sum_again
                cost_max = first + (p.cost_margin_again if again else p.cost_margin)
                assignable = vehicle.motion.log_variance < cost_max
                if unseen_ms <= (unseen_ms_max if assignable else p.lost_ms):
                    living.append(vehicle)
        if len(living) > p.tracks_max:
            self.released += len(living) - p.tracks_max
            living.sort(key=lambda v: (-v.seen_ms, v.id))
            living = sorted(living[: p.tracks_max], key=lambda v: v.id)
        if len(living) < len(self._vehicles):
            kept = {v.id for v in living}
            never_confirmed = {v.id for v in self._vehicles if not v.confirmed and v.id not in kept}
            for vehicle in living:
                if vehicle.whole in never_confirmed:
                    vehicle.covered += vehicle.inside
                    vehicle.whole, vehicle.inside = None, 0.0
        self._vehicles = living


def sizes_per_interval(interval_s: float, parameters: CountingParameters = DEFAULT) -> float:
    """How many of its own sizes a vehicle may move from its first sighting to its second, so long after it.

    Once it is followed its speed is known, and any steady motion can be followed. 0.0 where frames are too far apart to
    tell anything.
    """
    p, size = parameters.tracking, 100.0
    motion = BoxMotion((0.0, 0.0, size, size), parameters.motion)
    motion.predict(interval_s)
    first = first_log_variance(min(interval_s, p.first_sighting_s_max_slow), parameters.motion)
    allowed = min(p.distance_max, first + p.cost_margin - motion.log_variance)
    return sqrt(max(allowed, 0.0) / motion.bottom.weight) / size


def _shared_of_smaller(one: Box, other: Box) -> float:
    """The area that two boxes share, as a share of that of the smaller one."""
    shared = shared_area(one, other)
    return shared / min(area_of(one), area_of(other)) if shared else 0.0


def _miss(lost: _Vehicle, found: _Vehicle) -> float:
    """How far from where both speeds lead a track begins that may continue a lost one, in box sizes."""
    (u1, v1, u2, v2), (speed_x, speed_y) = lost.last
    at_ms, (x1, y1, x2, y2) = found.born
    half_s = (at_ms - lost.seen_ms) / 2000.0
    motion = found.motion
    across = (x1 + x2 - u1 - u2) / 2.0 - half_s * (speed_x + motion.across.speed)
    down = y2 - v2 - half_s * (speed_y + motion.bottom.speed)
    return hypot(across, down) / sqrt(sqrt((u2 - u1) * (v2 - v1) * (x2 - x1) * (y2 - y1)))
