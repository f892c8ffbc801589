"""Counting on stills: who is in a zone on single pictures, minutes apart, and who stood from one to the next.

The rules, with the numbers of `StillParameters`:

1. A vehicle is a detection of score `score_min` or more. One that repeats a better one, or that ends on the same ground
   as a larger one and lies in it (a cab), is none. It is inside a zone while its ground point is.
2. A vehicle stood from the picture before to this one if the picture before shows the same in its box (`likeness`,
   made by edge/vision/likeness.py). The place alone may be that of the next vehicle in the queue, for in a minute a
   whole queue moves up. It stands once it stood for `standing_after_ms`; nothing shorter than a step can be told.
3. Whether it stands is not known where the picture before is missing or older than `compare_ms`, or was not compared.
   A zone with such a vehicle inside has no number standing and no length.
4. Who is parked, entered, left or waited, and who crossed a line, cannot be told from stills: no vehicle is followed.
   A vehicle that stands keeps its id and its votes, and nothing else is remembered.
5. A picture counts as watched time for `vouches_ms` after it was taken, and only if it shows something new and can be
   seen (edge/vision/still_scene.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import add

from edge.counting.buckets import Bucket, BucketCounter
from edge.counting.crossing import Ground, Point, ground_point
from edge.counting.detection import CLASSES, DetectedFrame, Detection
from edge.counting.ground_plane import Queuer, queue_length_m
from edge.counting.hidden import HiddenLikely, HiddenVehicles, Known
from edge.counting.masks import Masks
from edge.counting.motion import intersection_over_union, shared_area
from edge.counting.occupancy import Occupancy
from edge.counting.parameters import CONFIGURED, DEFAULT, CountingParameters
from edge.counting.pipeline import Step
from edge.counting.sizes import SiteSizes
from edge.counting.tracking import Track
from edge.counting.zone import Zone


@dataclass(frozen=True, slots=True)
class StillTime:
    """How long after a picture time counts as watched, and how old the one before may be to compare with.

    `late_ms` is how long after it was taken a picture may arrive: until then none can be said to be missing.
    """

    vouches_ms: int
    compare_ms: int
    late_ms: int = 0


@dataclass(frozen=True, slots=True)
class _StillVehicle:
    """A vehicle of the last picture; `since_ms`: first seen at its place, None if it may have been there before."""

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
        share_min: float = CONFIGURED.class_share_min,
        ground: Ground = "bottom",
        parameters: CountingParameters = DEFAULT,
    ) -> None:
        self._parameters = parameters
        self._zones = tuple(zones)
        self._counter = counter
        self._compare_ms = time.compare_ms
        self._masks = masks
        self._share_min = share_min
        self._ground: Ground = ground
        self._vehicles: list[_StillVehicle] = []  # of the last picture that could be seen
        self._seen_ms: int | None = None  # when that was
        self._next_id = 1
        self._now_ms = 0
        self._sizes = SiteSizes(picture, parameters) if picture is not None else None
        self._hidden = {zone.name: HiddenVehicles(zone, parameters) for zone in self._zones}

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
        """Find the vehicles of this picture; those that stood keep what was known of them."""
        now_ms, before_ms, p = frame.captured_ms, self._seen_ms, self._parameters.stills
        comparable = before_ms is not None and now_ms - before_ms <= self._compare_ms
        left = list(self._vehicles) if comparable else []
        vehicles = []
        for detection in self._vehicles_in(frame.detections):
            since_ms: int | None = now_ms
            before = None
            if not comparable or detection.likeness is None:
                since_ms = None
            elif detection.likeness >= p.likeness_min:
                since_ms = before_ms
                before = next(
                    (
                        one
                        for one in left
                        if intersection_over_union(one.detection.box, detection.box) >= p.same_place_iou
                    ),
                    None,
                )
            votes = _votes_of(detection)
            if before is None:
                id_, self._next_id = self._next_id, self._next_id + 1
            else:
                left.remove(before)
                id_, votes = before.id, tuple(map(add, before.votes, votes))
                since_ms = before_ms if before.since_ms is None else before.since_ms
            vehicles.append(_StillVehicle(id_, detection, votes, since_ms))
        self._vehicles, self._seen_ms = vehicles, now_ms

    def _occupancy(self, zone: Zone) -> Occupancy:
        inside = [vehicle for vehicle in self._vehicles if zone.holds(self._point(vehicle.detection))]
        labels = tuple(self._track(vehicle).label(self._share_min, self._parameters.naming)[0] for vehicle in inside)
        hidden = self._likely_hidden(zone, inside, labels)
        since = [vehicle.since_ms for vehicle in inside]
        if any(since_ms is None for since_ms in since):
            return Occupancy(zone.name, labels, standing=None, followed=False, hidden=hidden)
        stands = [self._now_ms - since_ms >= zone.standing_after_ms for since_ms in since if since_ms is not None]
        queue_m = None
        if zone.plane is not None:
            lengths, queuers = self._parameters.ground, []
            for vehicle, label, stood in zip(inside, labels, stands, strict=True):
                where = self._point(vehicle.detection)
                place = zone.plane.metres(where)
                if stood and place is not None:
                    queuers.append(Queuer(place, where[1], lengths.length_of(label), standing=True))
            queue_m = round(queue_length_m(queuers, lengths.link_m), 1)
        return Occupancy(zone.name, labels, sum(stands), queue_m=queue_m, followed=False, hidden=hidden)

    def _likely_hidden(self, zone: Zone, inside: Sequence[_StillVehicle], labels: Sequence[str]) -> HiddenLikely | None:
        known = [
            Known(vehicle.detection.box, self._point(vehicle.detection), label)
            for vehicle, label in zip(inside, labels, strict=True)
        ]
        ground = zone.plane or (self._sizes.ground() if self._sizes is not None else None)
        return self._hidden[zone.name].estimate(ground, known, [vehicle.detection.box for vehicle in self._vehicles])

    def _point(self, one: Detection) -> Point:
        return ground_point(one.box, self._ground)

    def _track(self, vehicle: _StillVehicle) -> Track:
        one = vehicle.detection
        looks, look = (1, one.look) if one.look else (0, (0.0,) * len(CLASSES))
        return Track(vehicle.id, one.box, self._now_ms, vehicle.votes, looks=looks, look=look)

    def _vehicles_in(self, detections: Sequence[Detection]) -> list[Detection]:
        """One detection for each vehicle, the highest score first."""
        least, duplicate_iou = self._parameters.stills.score_min, self._parameters.tracking.duplicate_iou
        found = sorted(
            (one for one in detections if one.score >= least and one.x1 < one.x2 and one.y1 < one.y2),
            key=lambda one: (-one.score, one.x1, one.y1),
        )
        kept: list[Detection] = []
        for one in found:
            if all(intersection_over_union(one.box, other.box) < duplicate_iou for other in kept):
                kept.append(one)
        return [one for one in kept if not any(self._is_part(one, other) for other in kept)]

    def _is_part(self, one: Detection, whole: Detection) -> bool:
        """Whether it lies in a larger box that ends on the same ground. Who stands behind another ends higher up."""
        p = self._parameters
        return (
            one.area <= p.tracking.part_area_max * whole.area
            and shared_area(one.box, whole.box) >= p.tracking.part_inside * one.area
            and abs(one.y2 - whole.y2) <= p.stills.part_ground * (whole.y2 - whole.y1)
        )


def _votes_of(detection: Detection) -> tuple[float, ...]:
    """The vote of one detection for each of CLASSES."""
    return tuple(detection.vote if label == detection.label else 0.0 for label in CLASSES)
