"""Counting on stills: who is inside, who stood from one picture to the next, and what no still can tell."""

from edge.counting.buckets import Bucket, BucketCounter
from edge.counting.detection import DetectedFrame, Detection
from edge.counting.ground_plane import plane_through
from edge.counting.pipeline import Step
from edge.counting.stills import StillPipeline, StillTime
from edge.counting.zone import Zone

MINUTE_MS = 60_000
SQUARE = ((0.0, 0.0), (100.0, 0.0), (100.0, 200.0), (0.0, 200.0))
PLANE = plane_through(SQUARE, ((0.0, 0.0), (10.0, 0.0), (10.0, 20.0), (0.0, 20.0)))


def car(y: float, likeness: float | None = 0.1) -> Detection:
    return Detection(40.0, y - 20.0, 60.0, y, 0.8, "car", (), likeness)


def pipeline(*, standing_after_ms: int = 10_000, vouches_ms: int = MINUTE_MS) -> StillPipeline:
    counter = BucketCounter((), zones=["queue"], width_ms=MINUTE_MS, gap_ms=vouches_ms, stills=True)
    zone = Zone("queue", SQUARE, standing_after_ms=standing_after_ms, plane=PLANE)
    return StillPipeline([zone], counter, StillTime(vouches_ms, 150_000))


def seen(pictures: dict[float, list[Detection] | str], **given: int) -> tuple[list[Step], list[Bucket]]:
    """Steps and buckets of these pictures, by minutes; a text says why one is blind."""
    pipe = pipeline(**given)
    steps = []
    for minute, found in pictures.items():
        boxes, blind = ((), found) if isinstance(found, str) else (tuple(found), "")
        steps.append(pipe.update(DetectedFrame(round(minute * MINUTE_MS), boxes, blind)))
    steps.append(pipe.close())
    return steps, [bucket for step in steps for bucket in step.buckets]


def told(step: Step) -> tuple[int, int | None, float | None]:
    (now,) = step.occupancies
    return now.inside, now.standing, now.queue_m


def test_who_is_as_in_the_picture_before_has_stood_and_the_next_in_the_queue_has_not() -> None:
    steps, _ = seen({0: [car(60), car(100)], 1: [car(60, 0.97), car(100, 0.6)], 2: [car(60, 0.95), car(100, 0.99)]})
    assert [told(step) for step in steps[:3]] == [(2, None, None), (2, 1, 4.5), (2, 2, 8.5)]
    first, second, third = ([track.id for track in step.tracks] for step in steps[:3])
    assert second[0] == first[0]
    assert second[1] not in first
    assert third == second


def test_nobody_inside_is_nobody_standing_and_an_old_picture_tells_nothing_of_who_is() -> None:
    steps, _ = seen({0: [], 1: [car(60, 0.1)], 4: [car(60, 0.99)], 5: [car(60, None)]})
    assert [told(step)[:2] for step in steps[:4]] == [(0, 0), (1, 0), (1, None), (1, None)]


def test_standing_lasts_over_as_many_pictures_as_it_needs() -> None:
    steps, _ = seen({m / 4: [car(60, 0.99)] for m in range(5)}, standing_after_ms=40_000)
    assert [told(step)[1] for step in steps[:5]] == [None, 0, 0, 1, 1]


def test_a_cab_and_a_second_box_are_no_vehicles_and_one_behind_another_is() -> None:
    truck = Detection(20, 20, 60, 100, 0.9, "truck")
    cab = Detection(22, 60, 58, 98, 0.5, "truck")
    again = Detection(22, 22, 62, 102, 0.6, "bus")
    behind = Detection(25, 25, 55, 70, 0.5, "car")
    weak = Detection(70, 20, 90, 40, 0.25, "car")
    steps, _ = seen({0: [truck, cab, again, behind, weak]})
    assert sorted(steps[0].occupancies[0].labels) == ["car", "truck"]


def test_a_bucket_says_on_how_many_pictures_it_stands_and_what_stills_do_not_tell() -> None:
    _, buckets = seen(
        {0.5: [car(60)], 1.5: [car(60, 0.99)], 2.5: "dark", 4.5: [car(60, 0.0)], 5.5: [], 7: "no picture"}
    )
    assert [(b.state, b.watched_ms, b.pictures) for b in buckets[:7]] == [
        ("partial", 30_000, 1),
        ("partial", 60_000, 2),
        ("partial", 30_000, 1),
        ("blind", 0, 0),
        ("partial", 30_000, 1),
        ("partial", 60_000, 2),
        ("partial", 30_000, 1),
    ]
    assert buckets[1].counts == {}
    assert buckets[3].counts is None
    assert buckets[1].zones is not None
    zone = buckets[1].zones["queue"]
    assert (zone.parked, zone.entered, zone.left, zone.lost, zone.waited, zone.wait_ms) == (None,) * 6
    assert zone.standing is not None  # of the half of the minute in which it is known
    assert (zone.inside.mean, zone.standing.mean, zone.standing.end) == (1.0, 1.0, 1)
    assert buckets[0].zones is not None
    assert buckets[0].zones["queue"].standing is None


def test_a_picture_vouches_for_its_time_and_no_longer() -> None:
    _, buckets = seen({0: [], 1: [], 2: []}, vouches_ms=10_000)
    assert [(b.watched_ms, b.pictures) for b in buckets] == [(10_000, 1), (10_000, 1), (0, 0)]
