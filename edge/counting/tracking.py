"""From detections to tracks: which box of this frame is which vehicle of the frames before.

The rules, in the order in which a frame goes through them:

1. Every living track predicts where its box is now.
2. Detections of high score are assigned to tracks so that the total surprise is least (optimal assignment, gated).
3. Detections of low score are assigned to tracks that are left and were seen lately: a hidden or blurred vehicle keeps
   its track, but never founds one (two rounds, as in ByteTrack, Zhang et al. 2022).
4. Detections of high score that are left are offered to tracks that lapsed, by where their motion says they must be
   (no picture of the vehicle is needed). Otherwise they found a track, unless they repeat a vehicle already taken.
5. A track is known (handed out) once its sightings weigh enough; it lapses when unseen and is released when it was
   unseen for too long: sooner when it had hardly been seen, later when it was standing (hidden in a queue).

Lifetimes are milliseconds, so a camera of 3 frames/s and one of 30 see the same vehicles.
"""

from dataclasses import dataclass
from math import hypot

from edge.counting.assignment import Pair, assign
from edge.counting.detection import CLASSES, UNCLASSIFIED, DetectedFrame, Detection
from edge.counting.motion import Box, BoxMotion

CLASS_AT = {label: place for place, label in enumerate(CLASSES)}
NO_VOTES = (0.0,) * len(CLASSES)


@dataclass(frozen=True, slots=True)
class Track:
    """One vehicle as believed at one frame.

    `box` is filtered, in pixels; `seen_ms` is its last sighting (equal to the frame's time if it was seen now);
    `votes` weigh each of CLASSES by score and size over all sightings so far.
    """

    id: int
    box: Box
    seen_ms: int
    votes: tuple[float, ...] = NO_VOTES
    part: bool = False

    @property
    def ground(self) -> tuple[float, float]:
        """Where the vehicle stands: the bottom centre of its box."""
        x1, _, x2, y2 = self.box
        return (x1 + x2) / 2.0, y2

    def label(self, share_min: float) -> tuple[str, float]:
        """The class with the largest vote and its share of all votes; `unclassified` below `share_min`."""
        total = sum(self.votes)
        if total <= 0.0:
            return UNCLASSIFIED, 0.0
        vote = max(self.votes)
        share = vote / total
        return (CLASSES[self.votes.index(vote)] if share >= share_min else UNCLASSIFIED), share


class _Vehicle:
    """What the tracker remembers of one track."""

    __slots__ = ("born_ms", "id", "inside", "motion", "score", "seen_ms", "votes", "weight")

    def __init__(self, id_: int, box: Box, now_ms: int) -> None:
        self.id = id_
        self.motion = BoxMotion(box)
        self.born_ms = now_ms
        self.seen_ms = now_ms
        self.weight = 0.0
        self.inside = 0.0
        self.votes = NO_VOTES


class Tracker:
    """Follows vehicles through frames; one `update` a frame, times never stepping back.

    Scores: `score_high` founds and carries a track, `score_low` only carries. `weight_known` is the sum of scores from
    which a track is handed out. Lifetimes: `lapse_ms` for a moving track without sightings, `lapse_standing_ms` for a
    standing one. `standing_speed` is in box sizes per second. At most `tracks_max` tracks live; the longest unseen go.
    """

    def __init__(
        self,
        *,
        score_high: float = 0.3,
        score_low: float = 0.1,
        weight_known: float = 0.8,
        gate: float = 16.0,
        gate_low: float = 12.0,
        doubt: float = 10.0,
        lapse_tentative_ms: int = 400,
        lapse_ms: int = 1_500,
        lapse_standing_ms: int = 20_000,
        standing_speed: float = 0.15,
        repeat_overlap: float = 0.45,
        part_inside: float = 0.75,
        part_area: float = 0.7,
        part_share: float = 0.5, pw=0.3, pl=0.,
        tracks_max: int = 500,
    ) -> None:
        self._score_high = score_high
        self._score_low = score_low
        self._weight_known = weight_known
        self._gate = gate
        self._gate_low = gate_low
        self._doubt = doubt
        self._lapse_tentative_ms = lapse_tentative_ms
        self._lapse_ms = lapse_ms
        self._lapse_standing_ms = lapse_standing_ms
        self._standing_speed = standing_speed
        self._repeat_overlap = repeat_overlap
        self._part_inside = part_inside
        self._pw=pw; self._pl=pl
        self._part_area = part_area
        self._part_share = part_share
        self._tracks_max = tracks_max
        self._vehicles: list[_Vehicle] = []
        self._now_ms: int | None = None
        self._next_id = 1

    def update(self, frame: DetectedFrame) -> list[Track]:
        """The known tracks that live, ascending by id; one not in the list any more is gone for good."""
        now_ms = frame.captured_ms
        assert self._now_ms is None or now_ms >= self._now_ms, "frame time never steps back"
        elapsed_s = 0.0 if self._now_ms is None else (now_ms - self._now_ms) / 1000.0
        self._now_ms = now_ms
        for vehicle in self._vehicles:
            vehicle.motion.predict(elapsed_s)

        high = [d for d in frame.detections if d.score >= self._score_high]
        low = [d for d in frame.detections if self._score_low <= d.score < self._score_high]
        left, high_left = self._associate(self._vehicles, high, self._gate)
        lately = [v for v in left if now_ms - v.seen_ms <= self._lapse_tentative_ms]
        left_low, _ = self._associate(lately, low, self._gate_low)
        for detection in high_left:
            if not self._repeats(detection):
                self._found(detection)
        self._release()
        self._find_parts()
        return [
            Track(v.id, v.motion.box, v.seen_ms, v.votes, v.inside > self._part_share * v.weight)
            for v in self._vehicles
            if v.weight >= self._weight_known
        ]

    def _associate(
        self, vehicles: list[_Vehicle], detections: list[Detection], gate: float
    ) -> tuple[list[_Vehicle], list[Detection]]:
        """Assign, correct the motion of those assigned, and return the vehicles and detections left over."""
        if not vehicles or not detections:
            return vehicles, detections
        pairs: list[Pair] = []
        measured = [
            ((d.x1 + d.x2) / 2.0, d.y2, d.x2 - d.x1, d.y2 - d.y1) for d in detections
        ]
        for row, vehicle in enumerate(vehicles):
            motion = vehicle.motion
            axis, weight = motion.across.value, motion.across.weight
            spread = motion.spread
            for column, (across, bottom, width, height) in enumerate(measured):
                if (across - axis) ** 2 * weight < gate:
                    surprise = motion.surprise(across, bottom, width, height)
                    if surprise < gate:
                        pairs.append((row, column, surprise + spread))
        assigned = assign(pairs, self._doubt)
        for row, column in assigned:
            vehicle, detection = vehicles[row], detections[column]
            vehicle.motion.correct(*measured[column])
            self._see(vehicle, detection)
        rows = {row for row, _ in assigned}
        columns = {column for _, column in assigned}
        return (
            [v for row, v in enumerate(vehicles) if row not in rows],
            [d for column, d in enumerate(detections) if column not in columns],
        )

    def _see(self, vehicle: _Vehicle, detection: Detection) -> None:
        assert self._now_ms is not None
        vehicle.seen_ms = self._now_ms
        vehicle.weight += detection.score
        vehicle.score = detection.score
        area = (detection.x2 - detection.x1) * (detection.y2 - detection.y1)
        place = CLASS_AT[detection.label]
        votes = vehicle.votes
        vehicle.votes = (*votes[:place], votes[place] + detection.score * area**0.5, *votes[place + 1 :])

    def _repeats(self, detection: Detection) -> bool:
        """Whether this box mostly repeats a vehicle seen in this very frame (its cab, or it and its shadow)."""
        for vehicle in self._vehicles:
            if vehicle.seen_ms != self._now_ms:
                continue
            x1, y1, x2, y2 = vehicle.motion.box
            across = min(x2, detection.x2) - max(x1, detection.x1)
            down = min(y2, detection.y2) - max(y1, detection.y1)
            if across > 0.0 and down > 0.0:
                shared = across * down
                joined = (x2 - x1) * (y2 - y1) + (detection.x2 - detection.x1) * (detection.y2 - detection.y1)
                if shared > self._repeat_overlap * (joined - shared):
                    return True
        return False

    def _find_parts(self) -> None:
        """Note which vehicles seen now lie inside a larger one: a cab, a load, the cars on a transporter."""
        assert self._now_ms is not None
        lately_ms = self._now_ms - self._lapse_tentative_ms
        boxes = [(v, *v.motion.box) for v in self._vehicles if v.seen_ms >= lately_ms]
        for part, x1, y1, x2, y2 in boxes:
            if part.seen_ms != self._now_ms:
                continue
            area = (x2 - x1) * (y2 - y1)
            for whole, u1, v1, u2, v2 in boxes:
                across = (x2 if x2 < u2 else u2) - (x1 if x1 > u1 else u1)
                if across <= 0.0 or whole is part or whole.weight < self._pw * part.weight or sum(whole.votes[2:4]) < self._pl * sum(whole.votes):
                    continue
                down = (y2 if y2 < v2 else v2) - (y1 if y1 > v1 else v1)
                if across * down > self._part_inside * area and down > 0 and area < self._part_area * (u2 - u1) * (v2 - v1):
                    part.inside += part.score
                    break

    def _found(self, detection: Detection) -> None:
        assert self._now_ms is not None
        vehicle = _Vehicle(self._next_id, (detection.x1, detection.y1, detection.x2, detection.y2), self._now_ms)
        self._next_id += 1
        self._see(vehicle, detection)
        self._vehicles.append(vehicle)

    def _release(self) -> None:
        """Let go of tracks unseen for too long, and of the longest unseen beyond the bound."""
        assert self._now_ms is not None
        now_ms = self._now_ms
        self._vehicles = [v for v in self._vehicles if now_ms - v.seen_ms <= self._patience_ms(v)]
        if len(self._vehicles) > self._tracks_max:
            latest = sorted(self._vehicles, key=lambda v: (-v.seen_ms, v.id))[: self._tracks_max]
            self._vehicles = sorted(latest, key=lambda v: v.id)

    def _patience_ms(self, vehicle: _Vehicle) -> int:
        if vehicle.weight < self._weight_known:
            return self._lapse_tentative_ms
        motion = vehicle.motion
        size = (max(motion.width.value, 2.0) * max(motion.height.value, 2.0)) ** 0.5
        speed = hypot(motion.across.speed, motion.bottom.speed)
        return self._lapse_standing_ms if speed < self._standing_speed * size else self._lapse_ms
