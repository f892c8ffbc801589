"""Counting on stills: who is in a zone on single pictures, minutes apart, and who stood from one to the next.

The rules:

1. A vehicle is a box of score `SCORE_MIN` or more. A box that repeats a better one, or that ends on the same ground as
   a larger one and lies in it (a cab), is none. It is inside a zone while its ground point is.
2. A vehicle stood from the picture before to this one if the picture before shows the same in its box (`likeness`,
   made by edge/vision/likeness.py): the same place alone may be that of the next vehicle in the queue, for in a minute
   a whole queue moves up. It stands once it stood for `standing_after_ms`; nothing shorter than a step can be told.
3. Whether it stands is not known where the picture before is missing or older than `compare_ms`, or was not compared.
   A zone with such a vehicle inside tells no standing and no length.
4. Who is parked, came, left or waited, and who crossed a line, cannot be told from stills: no vehicle is followed. A
   vehicle that stands keeps its number and its votes, and nothing else is remembered.
5. A picture vouches for `vouches_ms` after it was taken, and only if it shows something new and can be seen (scene).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import add
from typing import Literal

from edge.counting.buckets import Bucket, BucketCounter
from edge.counting.crossing import Point
from edge.counting.detection import CLASSES, DetectedFrame, Detection
from edge.counting.ground_plane import LENGTH_M, LENGTHS_M, Queuer, queue_length_m
from edge.counting.hidden import HiddenLikely, HiddenVehicles, Known
from edge.counting.masks import Masks
from edge.counting.motion import shared_area
from edge.counting.occupancy import Occupancy, Zone
from edge.counting.pipeline import Step
from edge.counting.sizes import SiteSizes
from edge.counting.tracking import Track

SCORE_MIN = 0.3
"""A still has no second frame that could confirm a weak box, and none in which a vehicle might be seen better."""
REPEAT_OVERLAP = 0.45  # intersection over union from which a box repeats a better one
PART_INSIDE = 0.75  # of the area of a part, in the larger box
PART_AREA = 0.7  # of the larger box, at most
PART_GROUND = 0.15  # of its height: so far apart the two may end
SAME_PLACE = 0.5  # intersection over union of one that stood
LIKENESS_MIN = 0.85
"""From this correlation on the picture before shows the same vehicle."""


@dataclass(frozen=True, slots=True)
class StillTime:
    """How long a picture vouches for the time after it, and how old the one before may be to compare with.

    `late_ms` is how long after it was taken a picture may come: so long nobody can say that there was none.
    """

    vouches_ms: int
    compare_ms: int
    late_ms: int = 0


@dataclass(frozen=True, slots=True)
class _Vehicle:
    """`since_ms` is when it was first seen at its place; None: it is not known whether it was there before."""

    id: int
    detection: Detection
    votes: tuple[float, ...]
    since_ms: int | None


class StillPipeline:
    """Counts picture by picture, as edge.counting.pipeline does frames; `close` at the end of a run."""

    def __init__(
        self,
        zones: Sequence[Zone],
        counter: BucketCounter,
        time: StillTime,
        masks: Masks | None = None,
        *,
        picture: tuple[int, int] | None = None,
        share_min: float = 0.4,
        ground: Literal["bottom", "centre"] = "bottom",
    ) -> None:
        self._zones = tuple(zones)
        self._counter = counter
        self._compare_ms = time.compare_ms
        self._masks = masks
        self._share_min = share_min
        self._centre = ground == "centre"
        self._vehicles: list[_Vehicle] = []  # of the last picture that could be seen
        self._seen_ms: int | None = None  # when that was
        self._next_id = 1
        self._now_ms = 0
        self._sizes = SiteSizes(picture) if picture is not None else None
        self._hidden = {zone.name: HiddenVehicles(zone) for zone in self._zones}

    def update(self, frame: DetectedFrame) -> Step:
        """Count one picture, or let time go on with a blind one; they come in order of time."""
        self._now_ms = now_ms = frame.captured_ms
        occupancies: tuple[Occupancy, ...] = ()
        if not frame.blind:
            self._see(self._masks.apply(frame) if self._masks is not None else frame)
            if self._sizes is not None:
                self._sizes.update(now_ms, [self._track(vehicle) for vehicle in self._vehicles])
            occupancies = tuple(self._occupancy(zone) for zone in self._zones)
        buckets = list(self._counter.advance(now_ms, (), occupancies, watching=not frame.blind))
        tracks = [] if frame.blind else [self._track(vehicle) for vehicle in self._vehicles]
        return Step(now_ms, tracks, [], buckets, occupancies=occupancies, watched=tuple(self._counter.watched))

    def peek(self) -> Bucket | None:
        """The bucket that is open now."""
        return self._counter.peek()

    def close(self) -> Step:
        """End the run: the buckets still open."""
        buckets = list(self._counter.close())
        return Step(self._now_ms, [], [], buckets, watched=tuple(self._counter.watched))

    def _see(self, frame: DetectedFrame) -> None:
        """The vehicles of this picture, those that stood with what was known of them."""
        now_ms, before_ms = frame.captured_ms, self._seen_ms
        comparable = before_ms is not None and now_ms - before_ms <= self._compare_ms
        left = list(self._vehicles) if comparable else []
        vehicles = []
        for detection in _vehicles_in(frame.detections):
            since_ms: int | None = now_ms
            was = None
            if not comparable or detection.likeness is None:
                since_ms = None
            elif detection.likeness >= LIKENESS_MIN:
                since_ms = before_ms
                was = next((one for one in left if _overlap(one.detection, detection) >= SAME_PLACE), None)
            votes = _votes_of(detection)
            if was is None:
                id_, self._next_id = self._next_id, self._next_id + 1
            else:
                left.remove(was)
                id_, votes = was.id, tuple(map(add, was.votes, votes))
                since_ms = before_ms if was.since_ms is None else was.since_ms
            vehicles.append(_Vehicle(id_, detection, votes, since_ms))
        self._vehicles, self._seen_ms = vehicles, now_ms

    def _occupancy(self, zone: Zone) -> Occupancy:
        inside = [vehicle for vehicle in self._vehicles if zone.holds(self._ground(vehicle.detection))]
        labels = tuple(self._track(vehicle).label(self._share_min)[0] for vehicle in inside)
        hidden = self._likely_hidden(zone, inside, labels)
        since = [vehicle.since_ms for vehicle in inside]
        if any(since_ms is None for since_ms in since):
            return Occupancy(zone.name, labels, standing=None, followed=False, hidden=hidden)
        stands = [self._now_ms - since_ms >= zone.standing_after_ms for since_ms in since if since_ms is not None]
        queue_m = None
        if zone.plane is not None:
            queuers = []
            for vehicle, label, stood in zip(inside, labels, stands, strict=True):
                where = self._ground(vehicle.detection)
                place = zone.plane.metres(where)
                if stood and place is not None:
                    queuers.append(Queuer(place, where[1], LENGTHS_M.get(label, LENGTH_M), standing=True))
            queue_m = round(queue_length_m(queuers), 1)
        return Occupancy(zone.name, labels, sum(stands), queue_m=queue_m, followed=False, hidden=hidden)

    def _likely_hidden(self, zone: Zone, inside: Sequence[_Vehicle], labels: Sequence[str]) -> HiddenLikely | None:
        known = [
            Known(vehicle.detection.box, self._ground(vehicle.detection), label)
            for vehicle, label in zip(inside, labels, strict=True)
        ]
        ground = zone.plane or (self._sizes.ground() if self._sizes is not None else None)
        return self._hidden[zone.name].estimate(ground, known, [vehicle.detection.box for vehicle in self._vehicles])

    def _ground(self, one: Detection) -> Point:
        return (one.x1 + one.x2) / 2.0, (one.y1 + one.y2) / 2.0 if self._centre else one.y2

    def _track(self, vehicle: _Vehicle) -> Track:
        one = vehicle.detection
        looks, look = (1, one.look) if one.look else (0, (0.0,) * len(CLASSES))
        return Track(vehicle.id, one.box, self._now_ms, vehicle.votes, looks=looks, look=look)


def _votes_of(detection: Detection) -> tuple[float, ...]:
    """For each of CLASSES."""
    return tuple(detection.vote if label == detection.label else 0.0 for label in CLASSES)


def _vehicles_in(detections: Sequence[Detection]) -> list[Detection]:
    """One box for each vehicle, the surest first."""
    found = sorted(
        (one for one in detections if one.score >= SCORE_MIN and one.x1 < one.x2 and one.y1 < one.y2),
        key=lambda one: (-one.score, one.x1, one.y1),
    )
    kept: list[Detection] = []
    for one in found:
        if all(_overlap(one, other) < REPEAT_OVERLAP for other in kept):
            kept.append(one)
    return [one for one in kept if not any(_is_part(one, other) for other in kept)]


def _is_part(one: Detection, whole: Detection) -> bool:
    """Whether it lies in a larger box that ends on the same ground. Who stands behind another ends higher up."""
    return (
        one.area <= PART_AREA * whole.area
        and shared_area(one.box, whole.box) >= PART_INSIDE * one.area
        and abs(one.y2 - whole.y2) <= PART_GROUND * (whole.y2 - whole.y1)
    )


def _overlap(one: Detection, other: Detection) -> float:
    """Intersection over union."""
    shared = shared_area(one.box, other.box)
    return shared / (one.area + other.area - shared)
