"""From detections to tracks: which box of this frame is which vehicle of the frames before.

The rules, in the order in which a frame goes through them:

1. Every living track predicts where its box is now. A track that was seen standing and is hidden stays where it stood;
   a moving one goes on, and the longer it is unseen the less is known of where it is: its spread grows.
2. Detections of high score are assigned to tracks so that the total of surprise (how far from the prediction) and
   spread is least. Both together, the doubt about it, may exceed that about a vehicle sighted only once, in the frame
   before, by `doubt` at most. None goes where one of low score lies much nearer: that is the vehicle, blurred or half
   hidden, and the other one is another. Several that together are what one track should be are pieces of it.
3. Detections of low score are assigned to tracks left over that were seen lately, or in one of the two frames before: a
   hidden or blurred vehicle keeps its track, but never founds one (two rounds, as in ByteTrack, Zhang et al. 2022).
4. Detections of high score left over are offered to tracks that lapsed and were well seen before, in larger doubt but
   with less surprise: a vehicle reappears where its motion says, and no picture of it is needed.
5. What is left of them founds tracks, unless it repeats a vehicle already seen in this frame.
6. A vehicle seen inside the same larger one most of the time is a part of it (a cab, a load), handed out as such, if
   one of the two was first seen on the other: a part comes with its whole, and who came by itself is none.
7. A track is known (handed out) once the scores of its sightings add up to enough, over long enough. If by then it
   turns out to begin where a track lost lately must have come to, by the speeds of both, it is that one. It is released
   when it is in so much doubt that no box could be assigned to it any more, or unseen for too long: soon when it was
   hardly seen, late when it was standing, for then something hides it.
8. A frame that the detector did not look at is no frame in which a vehicle was not seen. Where nothing moved, what was
   seen at the last look is still there and counts as seen; else vehicles go on at their speeds until the next look.

Lifetimes are milliseconds, so a camera of 3 frames/s and one of 30 see the same vehicles.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from math import hypot, sqrt
from operator import add

from edge.counting.assignment import Pair, assign
from edge.counting.detection import CLASSES, STILL, UNCLASSIFIED, DetectedFrame, Detection
from edge.counting.motion import Box, BoxMotion, shared_area, spread_of_newborn
from edge.counting.naming import probabilities, told
from edge.counting.split_detections import SURPRISE_OF_PIECES_MIN, join_pieces

NEWBORN_S_MAX = 0.5  # what is known of a vehicle half a second after its only sighting is next to nothing
NEWBORN_S_SLOW = 2.0  # but where frames are that far apart as a rule, there is nothing better to go by
HIDDEN_S_MAX = 0.5  # what stood and is hidden goes nowhere, however long no frame comes
GATE = 16.0  # bound of the surprise of a sighting: squared Mahalanobis distance, 4 degrees of freedom
DOUBT = 5.0  # by which surprise and spread may exceed the spread of a newborn
BORN_ON_SHARE = 0.5  # of the smaller of two boxes, which both must share for one to be first seen on the other
CLASS_AT = {label: place for place, label in enumerate(CLASSES)}
NO_VOTES = (0.0,) * len(CLASSES)


@dataclass(frozen=True, slots=True)
class Track:
    """One vehicle as believed at one frame.

    `box` is filtered, in pixels; `seen_ms` is its last sighting (equal to the frame's time if it was seen now);
    `votes` weigh each of CLASSES by score and size over all sightings so far. `part` says that it belongs to a larger
    vehicle, and `whole` is the track of that one: None where the larger one is not known as a vehicle yet. The track of
    the whole may have ended since.
    `looks` is the number of second looks at it, and `look` the sum of their answers (naming.py).
    `size` is how large it is for where it stands, where that is known (sizes.py).
    `speed` is that of the ground point, in pixels per second; `born` is the time and box of the first sighting, and
    `born_on` are the vehicles that were seen just there then.
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

    def is_kin(self, other: "Track") -> bool:
        """Whether one of the two was first seen on the other: only then may they be the same vehicle."""
        return other.id in self.born_on or self.id in other.born_on

    @property
    def ground(self) -> tuple[float, float]:
        """Where the vehicle stands: the bottom centre of its box."""
        x1, _, x2, y2 = self.box
        return (x1 + x2) / 2.0, y2

    def label(self, share_min: float) -> tuple[str, float]:
        """The class to tell and how likely it is; `unclassified` below `share_min`, or if nothing is known of it."""
        label, share = told(probabilities(self.votes, self.looks, self.look, self.size))
        return (label if share > 0.0 and share >= share_min else UNCLASSIFIED), share

    @property
    def form(self) -> str:
        """The class with the largest vote: what it is like for the rules of counting, which take no second look."""
        return CLASSES[self.votes.index(max(self.votes))] if any(self.votes) else UNCLASSIFIED


class _Vehicle:
    """What the tracker remembers of one track."""

    __slots__ = (
        "born",
        "born_on",
        "box",
        "covered",
        "id",
        "inside",
        "known",
        "last",
        "look",
        "looks",
        "motion",
        "score",
        "seen_ms",
        "votes",
        "weight",
        "whole",
    )

    def __init__(self, id_: int, box: Box, now_ms: int, born_on: tuple[int, ...]) -> None:
        self.id = id_
        self.born = (now_ms, box)
        self.born_on = born_on  # the vehicles seen lately where this one was first seen
        self.box = box  # as believed at this frame
        self.motion = BoxMotion(box)
        self.last = (box, (0.0, 0.0))  # box and speed of the ground point at its last sighting
        self.seen_ms = 0
        self.known = False  # handed out
        self.score = 0.0  # of the last sighting
        self.weight = 0.0  # sum of the scores of all sightings
        self.whole: int | None = None  # the larger vehicle inside which it was seen most
        self.inside = 0.0  # of these, the ones inside that one, less those inside others since
        self.covered = 0.0  # of the sightings, the ones inside a larger box that is no vehicle yet
        self.votes = NO_VOTES
        self.looks = 0
        self.look = NO_VOTES  # the sum of their answers

    def is_kin(self, other: "_Vehicle") -> bool:
        """Whether one of the two was first seen on the other."""
        return other.id in self.born_on or self.id in other.born_on

    def lie_in(self, whole: int, weight: float) -> None:
        """Note that it was inside that larger one. Of several, only the one that has the majority counts."""
        if self.whole == whole:
            self.inside += weight
        elif self.inside >= weight:
            self.inside -= weight
        else:
            self.whole, self.inside = whole, weight

    def rename(self, old: int, new: int) -> None:
        """What was vehicle `old` is `new` from now on."""
        self.born_on = tuple(new if id_ == old else id_ for id_ in self.born_on)
        if self.whole == old:
            self.whole = new
        if self.whole == self.id:  # it was seen inside what turned out to be itself
            self.whole, self.inside = None, 0.0

    def go_on_with(self, other: "_Vehicle") -> None:
        """Be the one that was taken for another since this one was lost."""
        self.box, self.motion, self.last = other.box, other.motion, other.last
        self.seen_ms, self.score = other.seen_ms, other.score
        self.weight += other.weight
        if other.whole is not None and other.whole != self.id:
            self.lie_in(other.whole, other.inside)
        self.covered += other.covered
        self.votes = tuple(map(add, self.votes, other.votes))
        self.looks += other.looks
        self.look = tuple(map(add, self.look, other.look))

    def see(self, detection: Detection, now_ms: int) -> None:
        """Note a sighting; the motion is corrected before."""
        self.seen_ms = now_ms
        self.box = self.motion.box
        self.last = (self.box, (self.motion.across.speed, self.motion.bottom.speed))
        self.score = detection.score
        self.weight += detection.score
        place = CLASS_AT[detection.label]
        votes = self.votes
        self.votes = (*votes[:place], votes[place] + detection.vote, *votes[place + 1 :])
        if detection.look:
            self.looks += 1
            self.look = tuple(map(add, self.look, detection.look))


@dataclass(frozen=True, slots=True)
class _Lately:
    """Since when a vehicle must have been seen for its place to be well known, and the weak boxes of this frame."""

    since_ms: int
    weak: list[tuple[float, float, float, float]]

    def nearer(self, vehicle: _Vehicle, surprise: float) -> bool:
        """Whether a weak box surprises by less, of a vehicle that was seen since then."""
        surprise_of = vehicle.motion.surprise
        return vehicle.seen_ms >= self.since_ms and any(surprise_of(*one, surprise) < surprise for one in self.weak)


class Tracker:
    """Follows vehicles through frames; one `update` a frame, times never stepping back.

    `score_high` founds and carries a track, `score_low` only carries; `weight_known` is the sum of scores, and
    `age_known_ms` the time from first to last sighting, from which a track is handed out. `gate` bounds the surprise of
    a sighting (squared Mahalanobis distance, 4 degrees of freedom), `gate_low` that of one of low score, and by
    `nearer` less the latter must surprise to stand in the way of the former; `gate_again` and `doubt_again` are for
    lapsed tracks whose scores add up to `weight_again`. Lately is within `lately_ms`. Unseen, a track lives
    `lapse_tentative_ms` if it was never known, `lapse_ms` if it moved, and `lapse_standing_ms` if it was slower than
    `standing_speed` (box sizes per second). A track lost for up to `lost_ms` is found again in one that
    becomes known where it must be: with no more surprise than `gate_lost`, and no more than `astray_lost` box sizes
    from where both speeds lead.
    `repeat_overlap` is the intersection over union from which a new box repeats a vehicle; a part lies by `part_inside`
    of its area in a vehicle that is larger by 1 / `part_area` and was seen at least `part_weight` as much, in
    `part_share` of its sightings. At most `tracks_max` tracks live; beyond it the longest unseen go, and `released`
    counts them.
    """

    def __init__(
        self,
        *,
        score_high: float = 0.4,
        score_low: float = 0.2,
        weight_known: float = 1.2,
        age_known_ms: int = 200,
        gate: float = GATE,
        gate_low: float = 12.0,
        nearer: float = 4.0,
        doubt: float = DOUBT,
        doubt_again: float = 9.0,
        gate_again: float = 9.0,
        weight_again: float = 6.0,
        lately_ms: int = 250,
        lapse_tentative_ms: int = 400,
        lapse_ms: int = 1_500,
        lapse_standing_ms: int = 20_000,
        standing_speed: float = 0.15,
        repeat_overlap: float = 0.45,
        part_inside: float = 0.75,
        part_area: float = 0.7,
        part_share: float = 0.5,
        part_weight: float = 0.3,
        lost_ms: int = 1_000,
        gate_lost: float = 25.0,
        astray_lost: float = 0.7,
        tracks_max: int = 500,
    ) -> None:
        self.released = 0
        self._score_high = score_high
        self._score_low = score_low
        self._weight_known = weight_known
        self._age_known_ms = age_known_ms
        self._gate = gate
        self._gate_low = gate_low
        self._nearer = nearer
        self._doubt = doubt
        self._doubt_again = doubt_again
        self._gate_again = gate_again
        self._weight_again = weight_again
        self._lately_ms = lately_ms
        self._lapse_tentative_ms = lapse_tentative_ms
        self._lapse_ms = lapse_ms
        self._lapse_standing_ms = lapse_standing_ms
        self._standing_speed = standing_speed
        self._repeat_overlap = repeat_overlap
        self._part_inside = part_inside
        self._part_area = part_area
        self._part_share = part_share
        self._part_weight = part_weight
        self._lost_ms = lost_ms
        self._gate_lost = gate_lost
        self._astray_lost = astray_lost
        self._tracks_max = tracks_max
        self._vehicles: list[_Vehicle] = []
        self._now_ms: int | None = None
        self._before_ms: int | None = None  # the frame before
        self._next_id = 1

    def update(self, frame: DetectedFrame) -> list[Track]:
        """The known tracks that live, ascending by id; one not in the list any more is gone for good."""
        now_ms = frame.captured_ms
        assert self._now_ms is None or now_ms >= self._now_ms, "frame time never steps back"
        if frame.skipped:
            return self._rest(now_ms) if frame.skipped == STILL else self._coast(now_ms)
        before_ms = now_ms if self._now_ms is None else self._now_ms
        elapsed_s = (now_ms - before_ms) / 1000.0
        last_but_one_ms = before_ms if self._before_ms is None else self._before_ms
        self._now_ms, self._before_ms = now_ms, before_ms
        usual_s = (before_ms - last_but_one_ms) / 1000.0
        newborn = spread_of_newborn(min(elapsed_s, max(NEWBORN_S_MAX, min(usual_s, NEWBORN_S_SLOW))))
        for vehicle in self._vehicles:
            hidden = vehicle.seen_ms < before_ms and vehicle.motion.speed == 0.0  # it stood, and was made to rest
            vehicle.motion.predict(min(elapsed_s, HIDDEN_S_MAX) if hidden else elapsed_s)

        found = [d for d in frame.detections if d.x1 < d.x2 and d.y1 < d.y2]  # what has no area was not seen
        high = [d for d in found if d.score >= self._score_high]
        low = [d for d in found if self._score_low <= d.score < self._score_high]
        doubt = newborn + self._doubt
        lately_ms = min(now_ms - self._lately_ms, last_but_one_ms)  # one frame may miss it, however long ago it was
        unseen, strangers = self._associate(
            self._vehicles, high, self._gate, doubt, _Lately(lately_ms, [d.measures for d in low])
        )
        self._associate([v for v in unseen if v.seen_ms >= lately_ms], low, self._gate_low, doubt)
        lapsed = [v for v in unseen if v.seen_ms < lately_ms and v.weight >= self._weight_again]
        _, strangers = self._associate(lapsed, strangers, self._gate_again, newborn + self._doubt_again)
        for detection in strangers:
            if not self._repeats(detection):
                self._found(detection, lately_ms)
        for vehicle in self._vehicles:
            if vehicle.seen_ms != now_ms:
                vehicle.box = vehicle.motion.box
        self._find_again(now_ms)
        self._find_parts(lately_ms, low)
        self._release(now_ms, newborn)
        return self._known()

    def _known(self) -> list[Track]:
        unknown = {v.id for v in self._vehicles if not v.known}
        return [self._track(v, unknown) for v in self._vehicles if v.known]

    def _rest(self, now_ms: int) -> list[Track]:
        """Nothing moved since the frame before: who was seen then is seen now, at the same place.

        Who was unseen then grows older, for the detector looked and did not find it.
        """
        if self._now_ms is not None and self._before_ms is not None:
            for vehicle in self._vehicles:
                if vehicle.seen_ms == self._now_ms:
                    vehicle.seen_ms = now_ms
            self._before_ms += now_ms - self._now_ms
            self._now_ms = now_ms
        return self._known()

    def _coast(self, now_ms: int) -> list[Track]:
        """Nobody looked: where the known tracks are by now, at their speeds."""
        if self._now_ms is None:
            return []
        return [_moved(track, (now_ms - self._now_ms) / 1000.0) for track in self._known()]

    @property
    def strangers(self) -> list[Box]:
        """The boxes seen in this frame of what is not known yet: perhaps vehicles."""
        return [v.box for v in self._vehicles if not v.known and v.seen_ms == self._now_ms]

    def _find_again(self, now_ms: int) -> None:
        """Know the vehicles seen well enough by now; one that begins where a lost one must be is that one."""
        for vehicle in list(self._vehicles):
            if (
                vehicle.known
                or vehicle.weight < self._weight_known
                or vehicle.seen_ms - vehicle.born[0] < self._age_known_ms
            ):
                continue
            x1, y1, x2, y2 = vehicle.box
            least, lost = self._gate_lost, None
            for other in self._vehicles:
                if (
                    other.known
                    and other.seen_ms < vehicle.born[0]
                    and now_ms - other.seen_ms <= self._lost_ms
                    and _astray(other, vehicle) < self._astray_lost
                ):
                    surprise = other.motion.surprise((x1 + x2) / 2.0, y2, x2 - x1, y2 - y1, least)
                    if surprise < least:
                        least, lost = surprise, other
            if lost is None:
                vehicle.known = True
            else:
                lost.go_on_with(vehicle)
                self._vehicles.remove(vehicle)
                for other in self._vehicles:
                    other.rename(vehicle.id, lost.id)

    def _associate(
        self,
        vehicles: list[_Vehicle],
        detections: list[Detection],
        gate: float,
        doubt: float,
        lately: _Lately | None = None,
    ) -> tuple[list[_Vehicle], list[Detection]]:
        """Assign detections to vehicles and note the sightings; returns the vehicles and detections left over.

        With `lately`, weak boxes may stand in the way, and pieces of those seen since then are put together.
        """
        assert self._now_ms is not None, "a frame is being handled"
        if not vehicles or not detections:
            return vehicles, detections
        measured = [d.measures for d in detections]
        order = sorted(range(len(measured)), key=lambda column: measured[column][0])
        places = [measured[column][0] for column in order]
        pairs: list[Pair] = []
        for row, vehicle in enumerate(vehicles):
            motion = vehicle.motion
            allowed = min(gate, doubt - motion.spread)  # of surprise
            if allowed <= 0.0:
                continue
            reach = sqrt(allowed / motion.across.weight)  # only what is near enough across can surprise so little
            first = bisect_left(places, motion.across.value - reach)
            last = bisect_right(places, motion.across.value + reach)
            for column in order[first:last]:
                surprise = motion.surprise(*measured[column], allowed)
                if surprise >= allowed:
                    continue
                if lately is None or surprise < self._nearer or not lately.nearer(vehicle, surprise - self._nearer):
                    pairs.append((row, column, surprise + motion.spread))
        made = dict(assign(pairs, doubt))
        taken = set(made.values())
        strangers = [d for column, d in enumerate(detections) if column not in taken]
        unseen: list[_Vehicle] = []
        for row, vehicle in enumerate(vehicles):
            own = detections[made[row]] if row in made else None
            if strangers and lately is not None:
                own, strangers = self._join(vehicle, own, strangers, lately)
            if own is None:
                unseen.append(vehicle)
            else:
                vehicle.motion.correct(*own.measures)
                vehicle.see(own, self._now_ms)
        return unseen, strangers

    def _join(
        self, vehicle: _Vehicle, own: Detection | None, strangers: list[Detection], lately: _Lately
    ) -> tuple[Detection | None, list[Detection]]:
        """What a vehicle is seen by, and the strangers left over: some may be pieces of it."""
        surprise = self._gate if own is None else vehicle.motion.surprise(*own.measures, self._gate)
        if surprise < SURPRISE_OF_PIECES_MIN:
            return own, strangers
        if own is None and (vehicle.weight < self._weight_known or vehicle.seen_ms < lately.since_ms):
            return own, strangers
        return join_pieces(vehicle.motion, own, strangers, surprise)

    def _repeats(self, detection: Detection) -> bool:
        """Whether this box mostly repeats a vehicle seen in this very frame (it with its load, or with its shadow)."""
        area = detection.area
        for vehicle in self._vehicles:
            if vehicle.seen_ms != self._now_ms:
                continue
            x1, y1, x2, y2 = vehicle.box
            across = min(x2, detection.x2) - max(x1, detection.x1)
            down = min(y2, detection.y2) - max(y1, detection.y1)
            if across > 0.0 and down > 0.0:
                shared = across * down
                if shared > self._repeat_overlap * ((x2 - x1) * (y2 - y1) + area - shared):
                    return True
        return False

    def _found(self, detection: Detection, lately_ms: int) -> None:
        assert self._now_ms is not None, "a frame is being handled"
        box = detection.box
        born_on = [v.id for v in self._vehicles if v.seen_ms >= lately_ms and _shared(v.box, box) > BORN_ON_SHARE]
        vehicle = _Vehicle(self._next_id, box, self._now_ms, tuple(born_on))
        vehicle.see(detection, self._now_ms)
        self._next_id += 1
        self._vehicles.append(vehicle)

    def _track(self, v: _Vehicle, unknown: Container[int]) -> Track:
        """What is handed out of a vehicle. It names no whole that was not handed out."""
        part = v.inside + v.covered > self._part_share * v.weight
        named = v.inside > self._part_share * v.weight and v.whole not in unknown
        return Track(
            v.id,
            v.box,
            v.seen_ms,
            v.votes,
            part,
            v.whole if named else None,
            (v.motion.across.speed, v.motion.bottom.speed),
            v.born,
            v.born_on,
            v.looks,
            v.look,
        )

    def _find_parts(self, lately_ms: int, weak: Sequence[Detection]) -> None:
        """Note which vehicles seen now lie inside a larger one that was seen lately, or inside a larger weak box."""
        wholes = []
        for vehicle in self._vehicles:
            if vehicle.seen_ms >= lately_ms:
                x1, y1, x2, y2 = vehicle.box
                wholes.append(((x2 - x1) * (y2 - y1) * self._part_area, x1, y1, x2, y2, vehicle))
        larger_weak = [(one.area * self._part_area, one) for one in weak]
        wholes.sort(key=lambda whole: -whole[0])
        for scaled_area, x1, y1, x2, y2, part in wholes:
            if part.seen_ms != self._now_ms:
                continue
            area, x, y = scaled_area / self._part_area, (x1 + x2) / 2.0, (y1 + y2) / 2.0
            lies = False
            for larger_area, u1, v1, u2, v2, whole in wholes:
                if larger_area <= area:
                    break
                if u1 < x < u2 and v1 < y < v2 and part.is_kin(whole):
                    shared = (min(x2, u2) - max(x1, u1)) * (min(y2, v2) - max(y1, v1))
                    if shared > self._part_inside * area and whole.weight > self._part_weight * part.weight:
                        part.lie_in(whole.id, part.score)
                        lies = True
                        break
            if not lies and any(larger > area and self._covers(one, part.box, area) for larger, one in larger_weak):
                part.covered += part.score

    def _covers(self, larger: Detection, box: Box, area: float) -> bool:
        """Whether a box of that area lies in a larger one."""
        x1, y1, x2, y2 = box
        across, down = min(x2, larger.x2) - max(x1, larger.x1), min(y2, larger.y2) - max(y1, larger.y1)
        return across > 0.0 and down > 0.0 and across * down > self._part_inside * area

    def _release(self, now_ms: int, newborn: float) -> None:
        """Let go of tracks unseen for too long or in too much doubt, and of the longest unseen beyond the bound.

        A larger box that was let go of before it was known was no vehicle: what lay in it is part of none by name.
        """
        living = []
        for vehicle in self._vehicles:
            unseen_ms = now_ms - vehicle.seen_ms
            if unseen_ms <= self._lapse_tentative_ms:
                living.append(vehicle)
            elif vehicle.weight >= self._weight_known:
                if vehicle.motion.speed < self._standing_speed:
                    vehicle.motion.rest()
                    patience_ms = self._lapse_standing_ms
                else:
                    patience_ms = self._lapse_ms
                again = vehicle.weight >= self._weight_again
                doubt = newborn + (self._doubt_again if again else self._doubt)
                sure = vehicle.motion.spread < doubt  # else no box could be assigned to it
                if unseen_ms <= (patience_ms if sure else self._lost_ms):
                    living.append(vehicle)
        if len(living) > self._tracks_max:
            self.released += len(living) - self._tracks_max
            living.sort(key=lambda v: (-v.seen_ms, v.id))
            living = sorted(living[: self._tracks_max], key=lambda v: v.id)
        if len(living) < len(self._vehicles):
            kept = {v.id for v in living}
            never_known = {v.id for v in self._vehicles if not v.known and v.id not in kept}
            for vehicle in living:
                if vehicle.whole in never_known:
                    vehicle.covered += vehicle.inside
                    vehicle.whole, vehicle.inside = None, 0.0
        self._vehicles = living


def _moved(track: Track, elapsed_s: float) -> Track:
    """So much later, at its speed."""
    across, down = track.speed[0] * elapsed_s, track.speed[1] * elapsed_s
    x1, y1, x2, y2 = track.box
    return replace(track, box=(x1 + across, y1 + down, x2 + across, y2 + down))


def reach_of(interval_s: float) -> float:
    """How many of its own sizes a vehicle may move from its first sighting to its second, so long after it.

    Of one that is followed already, its speed is known, and any steady motion may be followed. 0.0 where frames are too
    far apart to tell anything.
    """
    size = 100.0
    motion = BoxMotion((0.0, 0.0, size, size))
    motion.predict(interval_s)
    newborn = spread_of_newborn(min(interval_s, NEWBORN_S_SLOW))
    allowed = min(GATE, newborn + DOUBT - motion.spread)
    return sqrt(max(allowed, 0.0) / motion.bottom.weight) / size


def _shared(one: Box, other: Box) -> float:
    """What two boxes share, of the smaller one."""
    shared = shared_area(one, other)
    smaller = min((one[2] - one[0]) * (one[3] - one[1]), (other[2] - other[0]) * (other[3] - other[1]))
    return shared / smaller if shared else 0.0


def _astray(lost: _Vehicle, found: _Vehicle) -> float:
    """How far from where both speeds lead the one begins that may be the lost one, in box sizes."""
    (u1, v1, u2, v2), (speed_x, speed_y) = lost.last
    at_ms, (x1, y1, x2, y2) = found.born
    half_s = (at_ms - lost.seen_ms) / 2000.0
    motion = found.motion
    across = (x1 + x2 - u1 - u2) / 2.0 - half_s * (speed_x + motion.across.speed)
    down = y2 - v2 - half_s * (speed_y + motion.bottom.speed)
    return hypot(across, down) / sqrt(sqrt((u2 - u1) * (v2 - v1) * (x2 - x1) * (y2 - y1)))
