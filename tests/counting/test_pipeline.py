"""Scenes from detections to buckets: what DESIGN promises to a person who watches the line."""

import pickle
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from edge.counting.buckets import Bucket
from edge.counting.crossing import CountingLine, Crossing, in_order
from edge.counting.detection import DetectedFrame, Detection
from edge.counting.pipeline import Pipeline, count
from edge.counting.tracking import Track
from edge.counting.zone import Zone
from tests.counting.scenes import (
    DECK,
    MINUTE_MS,
    NOON_MS,
    USUAL_ERRORS,
    Errors,
    Vehicle,
    crossings,
    film,
    mirrored,
    passed,
    pipeline,
    scaled,
)

OUT, BACK = ("deck", "a_to_b"), ("deck", "b_to_a")

TREMBLE = Errors(jitter=0.03, missed=0.05)

QUEUE = Zone("queue", ((300.0, 250.0), (700.0, 250.0), (700.0, 600.0), (300.0, 600.0)), standing_after_ms=2_000)


def driving(from_ms: int, *, y: float = 400.0, to_ms: int | None = None, **kind: object) -> Vehicle:
    """A vehicle that crosses the whole picture to the right, in four seconds unless told."""
    end_ms = from_ms + 4_000 if to_ms is None else to_ms
    return Vehicle(((from_ms, 60.0, y), (end_ms, 940.0, y)), **kind)  # type: ignore[arg-type]


def returning(from_ms: int, *, y: float = 400.0) -> Vehicle:
    return Vehicle(((from_ms, 940.0, y), (from_ms + 4_000, 60.0, y)))


# Standing, creeping, reversing


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("frames_per_second", [3, 10])
def test_ten_minutes_standing_on_the_line_count_once(seed: int, frames_per_second: int) -> None:
    truck = Vehicle(((0, 100, 400), (2_000, 500, 400), (602_000, 500, 400), (604_000, 900, 400)), width=200, height=100)
    frames = film([truck], frames_per_second=frames_per_second, errors=replace(TREMBLE, seed=seed))
    assert passed(frames) == [OUT]


def test_standing_on_the_line_and_never_moving_on_counts_nothing() -> None:
    truck = Vehicle(((0, 100, 400), (2_000, 498, 400), (302_000, 498, 400)), width=200, height=100)
    assert passed(film([truck], frames_per_second=5, errors=TREMBLE)) == []


def test_standing_on_the_line_and_backing_off_counts_nothing() -> None:
    truck = Vehicle(((0, 100, 400), (2_000, 500, 400), (62_000, 500, 400), (64_000, 100, 400)))
    assert passed(film([truck], frames_per_second=5, errors=TREMBLE)) == []


@pytest.mark.parametrize("seed", range(3))
def test_creeping_one_pixel_a_second_counts_once(seed: int) -> None:
    creeper = Vehicle(((0, 420, 400), (160_000, 580, 400)), width=160, height=80)
    frames = film([creeper], frames_per_second=5, errors=replace(TREMBLE, seed=seed))
    assert passed(frames) == [OUT]


def test_stop_and_go_over_the_line_counts_once() -> None:
    stops = [(k * 6_000 + wait, 380.0 + 20.0 * (k + (wait > 0)), 400.0) for k in range(12) for wait in (0, 1_500)]
    assert passed(film([Vehicle(tuple(stops))], frames_per_second=10, errors=TREMBLE)) == [OUT]


def test_reversing_two_metres_over_the_line_and_going_on_nets_one() -> None:
    """A truck 2.5 m high is 100 px here, so two metres are 80 px."""
    truck = Vehicle(
        ((0, 100, 400), (2_500, 540, 400), (3_500, 540, 400), (5_500, 460, 400), (6_500, 460, 400), (9_000, 900, 400)),
        width=240,
        height=100,
    )
    assert passed(film([truck], frames_per_second=10, errors=TREMBLE)) == [OUT, BACK, OUT]


def test_reversing_less_than_arms_counts_once() -> None:
    truck = Vehicle(
        ((0, 100, 400), (2_000, 508, 400), (4_000, 492, 400), (6_000, 508, 400), (8_000, 900, 400)),
        width=240,
        height=100,
    )
    assert passed(film([truck], frames_per_second=10)) == [OUT]


def test_crossing_and_returning_counts_once_in_each_direction() -> None:
    car = Vehicle(((0, 100, 400), (3_000, 900, 400), (5_000, 900, 400), (8_000, 100, 400)))
    assert passed(film([car], errors=USUAL_ERRORS)) == [OUT, BACK]


# Several vehicles


@pytest.mark.parametrize("seed", range(3))
def test_a_convoy_bumper_to_bumper_counts_every_truck(seed: int) -> None:
    convoy = [
        Vehicle(((0, -100 - k * 190, 400), (30_000, 3_000 - k * 190, 400)), width=180, height=90, label="truck")
        for k in range(8)
    ]
    frames = film(convoy, frames_per_second=10, errors=Errors(seed=seed, jitter=0.02, missed=0.03))
    assert passed(frames) == [OUT] * 8


def test_a_convoy_that_stops_on_the_line_counts_every_truck_once() -> None:
    convoy = [
        Vehicle(
            tuple((at_ms, x - k * 190, 400.0) for at_ms, x in ((0, 400), (4_000, 880), (64_000, 880), (80_000, 2_800))),
            width=180,
            height=90,
            label="truck",
        )
        for k in range(4)
    ]
    frames = film(convoy, frames_per_second=5, errors=Errors(jitter=0.02, missed=0.03))
    assert passed(frames) == [OUT] * 4


def test_a_vehicle_hidden_by_another_near_the_line_still_counts() -> None:
    far_car = driving(0, y=360)
    near_truck = Vehicle(((0, 800, 400), (4_000, 200, 400)), width=220, height=120, label="truck")
    frames = film([far_car, near_truck], errors=Errors(hidden_from=0.6))
    hidden = [frame for frame in frames if len(frame.detections) == 1]
    assert 5 < len(hidden) < 40
    assert sorted(passed(frames)) == [OUT, BACK]


def test_a_vehicle_that_waits_hidden_behind_a_standing_truck_still_counts() -> None:
    car = Vehicle(((0, 100, 380), (2_000, 440, 380), (14_000, 440, 380), (16_000, 900, 380)))
    truck = Vehicle(
        ((3_000, 940, 420), (6_000, 450, 420), (11_000, 450, 420), (14_000, 20, 420)), width=260, height=150
    )
    frames = film([car, truck], frames_per_second=10, errors=Errors(hidden_from=0.6))
    assert sorted(passed(frames)) == [OUT, BACK]


@pytest.mark.parametrize("frames_per_second", [5, 10, 25])
def test_two_that_meet_on_the_line_keep_the_count_whoever_is_who(frames_per_second: float) -> None:
    """Where they lie on each other their identities may be swapped: the sum of each direction may not."""
    frames = film([driving(0, y=400), returning(0, y=410)], frames_per_second=frames_per_second)
    assert sorted(passed(frames)) == [OUT, BACK]


def test_two_that_become_one_box_on_the_line_keep_the_count() -> None:
    frames = film([driving(0, y=400), returning(0, y=430)], errors=Errors(merged_from=0.5))
    assert any(len(frame.detections) == 1 for frame in frames[20:80])
    assert sorted(passed(frames)) == [OUT, BACK]


def test_two_abreast_count_twice() -> None:
    assert passed(film([driving(0, y=300), driving(0, y=420)], errors=TREMBLE)) == [OUT, OUT]


# What the detector does to them


@pytest.mark.parametrize("frames_per_second", [3, 5, 10, 25, 50])
def test_no_frame_rate_jumps_over_the_line(frames_per_second: float) -> None:
    """At 3 frames/s a car of 100 px goes 110 px from frame to frame here: its boxes never touch."""
    cars = [driving(k * 2_000, to_ms=k * 2_000 + 2_667) for k in range(10)]
    assert passed(film(cars, frames_per_second=frames_per_second)) == [OUT] * 10


@pytest.mark.parametrize("seed", range(5))
def test_a_flickering_box_counts_once(seed: int) -> None:
    errors = Errors(seed=seed, missed=0.4, jitter=0.03, weak=0.2)
    assert passed(film([driving(0)], frames_per_second=15, errors=errors)) == [OUT]


@pytest.mark.parametrize("seed", range(5))
def test_a_box_that_falls_in_halves_now_and_then_counts_once(seed: int) -> None:
    truck = driving(0, to_ms=8_000, width=240, height=110, label="truck")
    assert passed(film([truck], frames_per_second=10, errors=Errors(seed=seed, split=0.1, jitter=0.02))) == [OUT]


@pytest.mark.parametrize("seed", range(5))
def test_boxes_where_no_vehicle_is_count_nothing(seed: int) -> None:
    assert passed(film([], to_ms=60_000, frames_per_second=10, errors=Errors(seed=seed, false=0.05))) == []


def test_weak_boxes_alone_count_nothing() -> None:
    assert passed(film([driving(0, score=0.2)])) == []


def test_the_cab_inside_the_box_of_its_truck_counts_nothing_of_its_own() -> None:
    truck = Vehicle(((0, 120, 400), (4_000, 880, 400)), width=240, height=120, label="truck")
    cab = Vehicle(((0, 200, 398), (4_000, 960, 398)), width=76, height=90, label="car", score=0.6)
    found = crossings(film([truck, cab], errors=Errors(jitter=0.01)))
    assert [(crossing.direction, crossing.label) for crossing in found] == [("a_to_b", "truck")]


def test_a_vehicle_seen_first_alone_and_then_beside_another_is_no_part() -> None:
    assert passed(film([driving(0, y=400), driving(500, y=420, width=260, height=140)])) == [OUT, OUT]


# Class


def test_many_small_mistakes_far_away_do_not_beat_few_large_sightings_near() -> None:
    """It comes from afar as a small "car" and is a large "bus" where it passes, in half as many frames."""
    afar = Vehicle(((0, 250, 110), (4_000, 300, 160)), width=400, height=300, label="car")
    near = Vehicle(((4_000, 300, 160), (5_000, 480, 500), (6_000, 900, 560)), width=400, height=300, label="bus")
    frames = list(chain(film([afar], horizon_px=50)[:-1], film([near], from_ms=4_000, horizon_px=50)))
    [crossing] = crossings(frames)
    assert crossing.label == "bus"
    assert sum(frame.detections[0].label == "car" for frame in frames) == 100
    assert sum(frame.detections[0].label == "bus" for frame in frames) == 51


def test_a_few_confused_sightings_change_no_class() -> None:
    [crossing] = crossings(film([driving(0, label="bus")], errors=Errors(confused=0.3)))
    assert (crossing.label, 0.6 < crossing.share < 0.9) == ("bus", True)


# Lines


def test_passing_beside_the_end_of_a_line_counts_nothing() -> None:
    short = CountingLine("deck", ((500.0, 600.0), (500.0, 440.0)))
    assert passed(film([driving(0, y=400)], errors=TREMBLE), short) == []
    assert passed(film([driving(0, y=480)], errors=TREMBLE), short) == [OUT]


def test_going_round_the_end_of_a_line_counts_nothing() -> None:
    short = CountingLine("deck", ((500.0, 600.0), (500.0, 300.0)))
    u_turn = Vehicle(((0, 100, 500), (2_000, 400, 500), (4_000, 500, 200), (6_000, 600, 500), (8_000, 900, 500)))
    assert passed(film([u_turn]), short) == []


def test_several_lines_count_each_for_itself() -> None:
    lines = [CountingLine(name, ((x, 600.0), (x, 0.0))) for name, x in (("west", 300.0), ("east", 700.0))]
    turning = Vehicle(((0, 100, 400), (3_000, 500, 400), (6_000, 100, 400)))
    assert passed(film([turning, driving(4_000, y=250)]), *lines) == [
        ("west", "a_to_b"),
        ("west", "b_to_a"),
        ("west", "a_to_b"),
        ("east", "a_to_b"),
    ]


def test_a_vehicle_lost_over_the_line_for_half_a_second_keeps_its_arm_state() -> None:
    frames = film([driving(0)], frames_per_second=10)
    unseen = [
        replace(frame, detections=()) if 1_700 < frame.captured_ms - NOON_MS < 2_300 else frame for frame in frames
    ]
    assert passed(unseen) == [OUT]


def test_a_lapsed_vehicle_keeps_its_arm_state() -> None:
    """It is seen before the line and, a second and a third later, beyond it."""
    frames = film([driving(0)], frames_per_second=10)
    unseen = [
        replace(frame, detections=()) if 1_200 < frame.captured_ms - NOON_MS < 2_500 else frame for frame in frames
    ]
    assert passed(unseen) == [OUT]


# Buckets of a whole run


def test_a_run_over_minutes_fills_the_right_buckets() -> None:
    vehicles = [driving(10_000), driving(58_500), driving(130_000, label="bus"), returning(140_000)]
    buckets = list(count(film(vehicles, frames_per_second=10, to_ms=180_000), pipeline()))
    assert [(bucket.start_ms - NOON_MS, bucket.watched_ms, bucket.state) for bucket in buckets] == [
        (0, 60_000, "ok"),
        (60_000, 60_000, "ok"),
        (120_000, 60_000, "ok"),
        (180_000, 0, "blind"),
    ]
    filled = [
        {(way, label): n for way, by_class in bucket.counts["deck"].items() for label, n in by_class.items() if n}
        for bucket in buckets[:3]
        if bucket.counts
    ]
    assert filled == [
        {("a_to_b", "car"): 1},
        {("a_to_b", "car"): 1},
        {("a_to_b", "bus"): 1, ("b_to_a", "car"): 1},
    ]


def test_a_covered_camera_is_blind_and_not_empty() -> None:
    seen = film([driving(0)], frames_per_second=10, to_ms=59_900)
    covered = [DetectedFrame(NOON_MS + at_ms, (), "covered") for at_ms in range(60_000, 180_000, 100)]
    states = [bucket.state for bucket in count([*seen, *covered], pipeline())]
    assert states == ["ok", "blind", "blind"]


def test_the_memory_of_a_pipeline_does_not_grow_with_the_vehicles_it_has_seen() -> None:
    counting = pipeline()
    sizes = []
    for day in range(5):
        for frame in film([driving(k * 1_000, y=300 + 40 * (k % 4)) for k in range(60)], frames_per_second=5):
            counting.update(replace(frame, captured_ms=frame.captured_ms + day * 2 * MINUTE_MS))
        counting.update(DetectedFrame(NOON_MS + (day * 2 + 1) * MINUTE_MS + 50_000, ()))
        sizes.append(len(pickle.dumps(counting)))
    assert max(sizes) - min(sizes) < 100


@pytest.mark.parametrize(
    "box", [(500.0, 400.0, 500.0, 400.0), (400.0, 400.0, 480.0, 400.0), (480.0, 300.0, 400.0, 360.0)]
)
def test_a_box_without_an_area_is_no_sighting(box: tuple[float, float, float, float]) -> None:
    """On a tape of somebody else's, say: beside a vehicle, within a zone and at a line."""
    nothing = Detection(*box, 0.9, "car")
    plain = film([driving(0), driving(3_000, y=300.0)], frames_per_second=10)
    frames = [replace(frame, detections=(*frame.detections, nothing)) for frame in plain]
    counting, without = pipeline(zones=[QUEUE]), pipeline(zones=[QUEUE])
    assert [counting.update(frame) for frame in frames] == [without.update(frame) for frame in plain]


# Properties

at_y = st.sampled_from((200.0, 320.0, 440.0, 560.0))
labels = st.sampled_from(("car", "truck", "bus"))
places = st.integers(5, 95).map(lambda tenth: tenth * 10.0)


@st.composite
def vehicles(draw: st.DrawFn) -> Vehicle:
    at_ms, y = draw(st.integers(0, 2_000)), draw(at_y)
    path = [(at_ms, draw(places), y)]
    for x in draw(st.lists(places, min_size=1, max_size=3)):
        at_ms += draw(st.integers(500, 2_500)) + 4 * round(abs(x - path[-1][1]))  # at most 250 px/s
        path.append((at_ms, x, y))
    return Vehicle(tuple(path), draw(st.sampled_from((80.0, 160.0))), 60.0, draw(labels))


@st.composite
def scenes(draw: st.DrawFn) -> list[DetectedFrame]:
    """Up to four vehicles that drive, stop and turn back, filmed at any rate by a detector that errs."""
    errors = draw(st.sampled_from((Errors(), USUAL_ERRORS, Errors(jitter=0.05, missed=0.2, split=0.05))))
    return film(
        draw(st.lists(vehicles(), min_size=1, max_size=4)),
        frames_per_second=draw(st.sampled_from((3, 7, 12))),
        errors=replace(errors, seed=draw(st.integers(0, 1_000))),
    )


few = settings(max_examples=40, deadline=None)
SWAP = {"a_to_b": "b_to_a", "b_to_a": "a_to_b"}


@few
@given(scenes())
def test_a_mirrored_scene_swaps_the_directions(frames: list[DetectedFrame]) -> None:
    swapped = [replace(crossing, direction=SWAP[crossing.direction]) for crossing in crossings(mirrored(frames))]
    assert _told(swapped) == _told(crossings(frames))


@few
@given(scenes())
def test_a_line_drawn_backwards_swaps_the_directions(frames: list[DetectedFrame]) -> None:
    backwards = CountingLine("deck", DECK.points[::-1])
    swapped = [replace(one, direction=SWAP[one.direction], along=1 - one.along) for one in crossings(frames, backwards)]
    assert _told(swapped) == _told(crossings(frames))


@few
@given(scenes(), st.sampled_from((2.0, 3.0, 4.0)))
def test_another_resolution_changes_nothing(frames: list[DetectedFrame], factor: float) -> None:
    larger = CountingLine("deck", tuple((x * factor, y * factor) for x, y in DECK.points))
    assert _told(crossings(scaled(frames, factor), larger)) == _told(crossings(frames))


@few
@given(scenes(), st.lists(st.integers(0, 100), max_size=3))
def test_splitting_a_stream_anywhere_changes_nothing(frames: list[DetectedFrame], cuts: list[int]) -> None:
    """Even when what counting remembers is put away and fetched again in between."""
    whole = list(count(frames, pipeline(width_ms=5_000)))
    counting = pipeline(width_ms=5_000)
    found = []
    for number, frame in enumerate(frames):
        if number in cuts:
            counting = pickle.loads(pickle.dumps(counting))
        found += counting.update(frame).buckets
    assert found + counting.close().buckets == whole


@few
@given(scenes(), st.integers(0, 30), st.integers(0, 30))
def test_empty_frames_before_and_after_change_no_crossing(frames: list[DetectedFrame], before: int, after: int) -> None:
    first_ms, last_ms = frames[0].captured_ms, frames[-1].captured_ms
    longer = [
        *(DetectedFrame(first_ms - 100 * n, ()) for n in range(before, 0, -1)),
        *frames,
        *(DetectedFrame(last_ms + 100 * n, ()) for n in range(1, after + 1)),
    ]
    # When a vehicle that is lost becomes certain depends on the frames after it, and so does the order; what, does not.
    assert sorted(crossings(longer), key=in_order) == sorted(crossings(frames), key=in_order)


@few
@given(scenes(), st.integers(-1_000, 1_000))
def test_shifting_time_by_whole_buckets_shifts_only_the_starts(frames: list[DetectedFrame], minutes: int) -> None:
    shift_ms = minutes * MINUTE_MS
    later = [replace(frame, captured_ms=frame.captured_ms + shift_ms) for frame in frames]
    expected = [replace(b, start_ms=b.start_ms + shift_ms) for b in count(frames, pipeline())]
    assert list(count(later, pipeline())) == expected


@few
@given(scenes())
def test_buckets_hold_exactly_the_crossings(frames: list[DetectedFrame]) -> None:
    counting = pipeline(width_ms=5_000)
    steps = [*(counting.update(frame) for frame in frames), counting.close()]
    buckets = list(chain.from_iterable(step.buckets for step in steps))
    counted = sum(
        n for b in buckets if b.counts for ways in b.counts.values() for c in ways.values() for n in c.values()
    )
    assert counted == sum(len(step.crossings) for step in steps)
    assert sum(b.watched_ms for b in buckets) <= frames[-1].captured_ms - frames[0].captured_ms


@few
@given(vehicles(), st.integers(0, 3_000))
def test_crossing_and_returning_nets_zero(vehicle: Vehicle, pause_ms: int) -> None:
    """Its own way back, at the same pace; it must be sighted before the line on its way out."""
    assume(abs(vehicle.path[0][1] - 500.0) > 60.0)
    last_ms, x, y = vehicle.path[-1]
    way = [*vehicle.path, (last_ms + 500 + pause_ms, x, y)]
    back = [(2 * way[-1][0] - at_ms, x, y) for at_ms, x, y in way[-2::-1]]
    found = [way for _, way in passed(film([replace(vehicle, path=(*way, *back))], frames_per_second=12))]
    assert found.count("a_to_b") == found.count("b_to_a")


@few
@given(scenes())
def test_the_same_frames_count_the_same(frames: list[DetectedFrame]) -> None:
    def steps(counting: Pipeline) -> list[object]:
        return [*(counting.update(frame) for frame in frames), counting.close()]

    assert steps(pipeline()) == steps(pipeline())


def _told(found: Iterable[Crossing]) -> list[tuple[int, str, str, int, float]]:
    """Crossings without the last digits, which depend on the order of floating-point sums."""
    return [(c.track, c.direction, c.label, c.crossed_ms, round(c.along, 6)) for c in found]


# The same of zones


def visits(buckets: Iterable[Bucket]) -> list[int]:
    """Who entered, left, was lost, and waited, over all buckets."""
    zones = [one.zones["queue"] for one in buckets if one.zones]
    return [sum(getattr(zone, what) for zone in zones) for what in ("entered", "left", "lost", "waited")]


def surrounded(frames: list[DetectedFrame]) -> list[DetectedFrame]:
    """With an empty road before, and for as long after as it takes to give up whoever was lost."""
    first_ms, last_ms = frames[0].captured_ms, frames[-1].captured_ms
    before = (DetectedFrame(first_ms - 100 * n, ()) for n in range(40, 0, -1))
    return [*before, *frames, *(DetectedFrame(last_ms + 1_000 * n, ()) for n in range(1, 90))]


@few
@given(scenes())
def test_everybody_who_entered_a_zone_has_left_it_or_is_told_as_lost(frames: list[DetectedFrame]) -> None:
    counting = pipeline(zones=[QUEUE], width_ms=5_000)
    steps = [*(counting.update(frame) for frame in surrounded(frames)), counting.close()]
    entered, left, lost, waited = visits(chain.from_iterable(step.buckets for step in steps))
    assert steps[-2].occupancies[0].inside == 0
    assert entered <= left + lost, "who stood where it was first seen may have left without having entered"
    assert waited <= left


def track_is_at(zone: Zone, track: Track) -> bool:
    """Whether its ground point is in the bounds of the zone, or nearer to them than its own height."""
    x1, y1, x2, y2 = track.box
    x, y, free = (x1 + x2) / 2, y2, y2 - y1
    across, down = zip(*zone.polygon, strict=True)
    return min(across) - free <= x <= max(across) + free and min(down) - free <= y <= max(down) + free


@few
@given(scenes(), st.integers(0, 100))
def test_a_zone_loses_nobody_where_a_run_ends_and_another_begins(frames: list[DetectedFrame], cut: int) -> None:
    """Who is inside there is told by neither as lost, but who was lost before is, and nobody enters twice.

    The number inside tells of one vehicle for each piece of ground, so those who are there are taken from their tracks.
    """
    at = min(cut, len(frames) - 1)
    counting = pipeline(zones=[QUEUE], width_ms=5_000)
    steps = [counting.update(frame) for frame in surrounded(frames)[: 40 + at + 1]]
    inside = sum(track_is_at(QUEUE, track) for track in steps[-1].tracks)
    steps.append(counting.close())
    entered, left, lost, _ = visits(chain.from_iterable(step.buckets for step in steps))
    assert entered <= left + lost + inside


def test_of_two_who_came_in_and_whose_tracks_end_on_one_ground_each_is_told_to_be_lost() -> None:
    # Both were seen to move inside a zone in which they had appeared; then neither is seen any more.
    first = (548, 499, 450, 409, 363, 345, 325, 306, 297, 302, 319, 340, 362, 383, 405, None)
    second = (None, None, 380, 374, 380, 362, 350, 339, 327, 316, 304, 295, 299, 319, 353, 392)
    frames = [
        DetectedFrame(
            NOON_MS + n * 1_000 // 3,
            tuple(Detection(x, 380.0, x + 160.0, 440.0, 0.9, "car") for x in both if x is not None),
        )
        for n, both in enumerate(zip(first, second, strict=True))
    ]
    told = count([*surrounded(frames)], pipeline(zones=[QUEUE], width_ms=5_000))
    assert visits(told)[:3] == [2, 0, 2]


def test_who_has_left_a_zone_when_the_run_ends_is_told_to_have_left() -> None:
    x_of = [100.0 + 20.0 * n for n in range(32)]  # it is seen last 20 pixels beyond the border, not clear of it
    seen = [Detection(x - 40.0, 260.0, x + 40.0, 320.0, 0.9, "car") for x in x_of]
    frames = [DetectedFrame(NOON_MS + 140 * n, (one,)) for n, one in enumerate(seen)]
    first = list(count(surrounded(frames)[: 40 + len(frames)], pipeline(zones=[QUEUE], width_ms=5_000)))
    assert visits(first)[:3] == [1, 1, 0]


@few
@given(scenes())
def test_in_a_mirror_a_zone_tells_the_same(frames: list[DetectedFrame]) -> None:
    # No vehicle stands exactly on these borders: of two opposite ones, the points of one are inside, in a mirror too.
    here = replace(QUEUE, polygon=tuple((x + 0.3, y + 0.3) for x, y in QUEUE.polygon))
    there = replace(here, polygon=tuple((1000.0 - x, y) for x, y in here.polygon))
    plain, turned = pipeline(zones=[here]), pipeline(zones=[there])
    assert [turned.update(frame).occupancies for frame in mirrored(frames)] == [
        plain.update(frame).occupancies for frame in frames
    ]


@few
@given(scenes(), st.integers(-1_000, 1_000))
def test_shifting_time_by_whole_buckets_shifts_only_the_starts_of_zones(
    frames: list[DetectedFrame], minutes: int
) -> None:
    shift_ms = minutes * MINUTE_MS
    later = [replace(frame, captured_ms=frame.captured_ms + shift_ms) for frame in frames]
    expected = [replace(b, start_ms=b.start_ms + shift_ms) for b in count(frames, pipeline(zones=[QUEUE]))]
    assert list(count(later, pipeline(zones=[QUEUE]))) == expected


@few
@given(scenes(), st.integers(0, 100))
def test_two_runs_watch_together_all_but_the_time_between_them(frames: list[DetectedFrame], cut: int) -> None:
    """The last frame of a run vouches for nothing, so what is watched is less by just the step at the cut."""
    at = min(cut, len(frames))
    watched = [
        sum(one.watched_ms for one in count(part, pipeline(width_ms=5_000)))
        for part in (frames, frames[:at], frames[at:])
    ]
    between_ms = frames[at].captured_ms - frames[at - 1].captured_ms if 0 < at < len(frames) else 0
    assert watched[1] + watched[2] == watched[0] - between_ms


@few
@given(st.lists(vehicles(), min_size=1, max_size=3), st.lists(vehicles(), min_size=1, max_size=3))
def test_beginning_anew_on_an_empty_road_changes_no_crossing(first: list[Vehicle], second: list[Vehicle]) -> None:
    """Of two groups a minute apart, counted by one run or by two."""
    one, other = film(first, frames_per_second=10), film(second, frames_per_second=10)
    gap_ms = one[-1].captured_ms + MINUTE_MS - NOON_MS
    later = [replace(frame, captured_ms=frame.captured_ms + gap_ms) for frame in other]
    empty = [DetectedFrame(one[-1].captured_ms + at_ms, ()) for at_ms in range(500, MINUTE_MS, 500)]
    whole = [replace(crossing, track=0) for crossing in crossings([*one, *empty, *later])]
    halves = [replace(crossing, track=0) for crossing in (*crossings([*one, *empty]), *crossings(later))]
    assert sorted(whole, key=in_order) == sorted(halves, key=in_order)
