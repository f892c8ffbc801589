"""Which box is which vehicle: ids, lifetimes, votes, parts and bounds."""

import pickle
from collections.abc import Iterable, Sequence
from dataclasses import replace
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.counting.detection import CLASSES, PACED, STILL, DetectedFrame, Detection, Skipped
from edge.counting.parameters import DEFAULT
from edge.counting.tracking import Track, Tracker
from tests.counting.scenes import NOON_MS, USUAL_ERRORS, Errors, Vehicle, film

CAR = Vehicle(((0, 100, 400), (4_000, 900, 400)))
OTHER = Vehicle(((0, 900, 250), (4_000, 100, 250)), label="truck", width=160)


def tracks(frames: Iterable[DetectedFrame], tracker: Tracker | None = None) -> list[list[Track]]:
    tracker = tracker or Tracker()
    return [tracker.update(frame) for frame in frames]


def ids(frames: Iterable[DetectedFrame], tracker: Tracker | None = None) -> list[int]:
    return sorted({track.id for step in tracks(frames, tracker) for track in step})


def boxes(*corners: tuple[float, float], at_ms: int = 0, score: float = 0.9) -> DetectedFrame:
    """A frame of equal boxes with these upper left corners."""
    return DetectedFrame(NOON_MS + at_ms, tuple(Detection(x, y, x + 40, y + 30, score, "car") for x, y in corners))


# Ids


def test_ids_start_at_one_for_every_tracker() -> None:
    frames = film([CAR])
    assert [ids(frames), ids(frames)] == [[1], [1]]


def test_two_trackers_share_nothing() -> None:
    one, other = film([CAR], errors=USUAL_ERRORS), film([OTHER, CAR], errors=USUAL_ERRORS)
    first, second = Tracker(), Tracker()
    in_turns = [(first.update(a), second.update(b)) for a, b in zip(one, other, strict=True)]
    assert in_turns == list(zip(tracks(one), tracks(other), strict=True))


def test_a_vehicle_keeps_its_id_and_two_have_two() -> None:
    assert ids(film([CAR, OTHER], errors=Errors(jitter=0.02, missed=0.1))) == [1, 2]


def test_tracks_are_handed_out_in_the_order_of_their_ids() -> None:
    for step in tracks(film([OTHER, CAR], errors=USUAL_ERRORS)):
        assert [track.id for track in step] == sorted(track.id for track in step)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1_000))
def test_the_order_of_detections_in_a_frame_decides_nothing_but_ids(seed: int) -> None:
    chance = Random(seed)
    frames = film([CAR, OTHER], frames_per_second=10, errors=Errors(seed=seed, jitter=0.02, missed=0.1))
    shuffled = [
        replace(frame, detections=tuple(chance.sample(frame.detections, len(frame.detections)))) for frame in frames
    ]
    assert [_nameless(step) for step in tracks(shuffled)] == [_nameless(step) for step in tracks(frames)]


def _nameless(step: Sequence[Track]) -> list[Track]:
    return sorted((replace(track, id=0) for track in step), key=lambda track: track.box)


# Knowing, losing and finding again


def test_one_weak_sighting_is_no_vehicle() -> None:
    assert tracks([boxes((100, 100), score=0.45), boxes(at_ms=100)]) == [[], []]


def test_weak_boxes_carry_a_track_and_never_found_one() -> None:
    strong = [boxes((100, 100), at_ms=at_ms) for at_ms in range(0, 500, 50)]
    weak = [boxes((100, 100), at_ms=at_ms, score=0.25) for at_ms in range(500, 5_000, 50)]
    assert [track.seen_ms for track in tracks([*strong, *weak])[-1]] == [NOON_MS + 4_950]
    assert ids(weak) == []


def test_a_box_below_the_low_score_is_not_looked_at() -> None:
    strong = [boxes((100, 100), at_ms=at_ms) for at_ms in range(0, 500, 50)]
    dim = [boxes((100, 100), at_ms=at_ms, score=0.05) for at_ms in range(500, 700, 50)]
    assert [track.seen_ms for track in tracks([*strong, *dim])[-1]] == [NOON_MS + 450]


def test_a_vehicle_seen_again_after_a_short_gap_is_the_same() -> None:
    frames = film([CAR], frames_per_second=20)
    unseen = [replace(f, detections=()) if 1_500 < f.captured_ms - NOON_MS < 1_900 else f for f in frames]
    assert ids(unseen) == [1]


@pytest.mark.parametrize("frames_per_second", [5, 25])
def test_lifetimes_are_milliseconds_and_not_frames(frames_per_second: float) -> None:
    """A moving car is let go of within two seconds, a standing one within twenty-one."""
    rate = frames_per_second
    gone = tracks([*film([CAR], frames_per_second=25), *_empty(4_200, 9_000, rate)])
    assert [track.id for track in gone[-1]] == []
    standing = Vehicle(((0, 500, 400), (3_000, 500, 400)))
    after = tracks([*film([standing], frames_per_second=25), *_empty(3_200, 30_000, rate)])
    assert ([track.id for track in after[-1]], max(track.seen_ms for track in after[75])) == ([], NOON_MS + 3_000)


def _empty(from_ms: int, to_ms: int, frames_per_second: float) -> list[DetectedFrame]:
    step_ms = round(1000 / frames_per_second)
    return [DetectedFrame(NOON_MS + at_ms, ()) for at_ms in range(from_ms, to_ms, step_ms)]


@pytest.mark.parametrize("pause_ms", [100, 1_000, 1_900])
def test_what_stood_and_is_hidden_does_not_leap_while_no_frames_come(pause_ms: int) -> None:
    """As when one stops at the edge of the picture and another comes in on the far side, while a camera reconnects."""
    stood = [boxes((300, 300), at_ms=at_ms) for at_ms in range(0, 2_000, 100)]
    hidden = [boxes(at_ms=at_ms) for at_ms in range(2_000, 5_000, 100)]
    came = [boxes((300, 200), at_ms=at_ms + pause_ms) for at_ms in range(5_000, 6_000, 100)]
    assert ids([*stood, *hidden, *came]) == [1, 2]


# Frames that the detector did not look at


def _skipped(frames: Iterable[DetectedFrame], skipped: Skipped) -> list[DetectedFrame]:
    return [DetectedFrame(frame.captured_ms, (), skipped=skipped) for frame in frames]


def test_frames_without_a_look_are_none_in_which_a_vehicle_was_missed() -> None:
    """Seen five times a second, it is the same track whether or not other frames come between; meanwhile it goes on."""
    frames = film([CAR], frames_per_second=25)
    paced = [one if n % 5 == 0 else replace(one, detections=(), skipped=PACED) for n, one in enumerate(frames)]
    steps = tracks(paced)
    assert steps[::5] == tracks(frames[::5])
    [before], [between], [after] = steps[50], steps[52], steps[55]
    assert between.seen_ms == before.seen_ms
    assert before.ground[0] < between.ground[0] < after.ground[0]


def test_what_was_seen_before_nothing_moved_is_seen_while_nothing_moves() -> None:
    stood = [boxes((300, 300), at_ms=at_ms) for at_ms in range(0, 2_000, 100)]
    still = _skipped((boxes(at_ms=at_ms) for at_ms in range(2_000, 62_000, 100)), STILL)
    *_, [last] = steps = tracks([*stood, *still])
    assert all(step[0].seen_ms == frame.captured_ms for step, frame in zip(steps[20:], still, strict=True))
    assert last.box == steps[19][0].box
    assert ids([*stood, *still, boxes((302, 300), at_ms=62_000)]) == [1]


def test_what_the_last_look_missed_grows_old_while_nothing_moves() -> None:
    stood = [boxes((300, 300), at_ms=at_ms) for at_ms in range(0, 2_000, 100)]
    still = _skipped((boxes(at_ms=at_ms) for at_ms in range(2_100, 30_000, 100)), STILL)
    assert tracks([*stood, boxes(at_ms=2_000), *still, boxes(at_ms=30_000)])[-1] == []


def test_time_never_steps_back() -> None:
    tracker = Tracker()
    tracker.update(boxes(at_ms=100))
    with pytest.raises(AssertionError, match="never steps back"):
        tracker.update(boxes(at_ms=99))


def test_two_frames_of_one_moment_are_taken() -> None:
    assert len(tracks([boxes((100, 100)), boxes((100, 100)), boxes((100, 100), at_ms=500)])) == 3


def test_an_empty_box_or_a_leap_of_years_breaks_nothing() -> None:
    tracker = Tracker()
    point = Detection(5.0, 5.0, 5.0, 5.0, 0.9, "car")
    for at_ms in (0, 0, 40, 80, 120, 10**12, 10**12 + 40):
        tracker.update(DetectedFrame(at_ms, (point,)))


# Class


def test_votes_are_score_times_the_side_of_the_box() -> None:
    sightings = [
        Detection(100.0, 100.0, 140.0, 140.0, 0.5, "car"),
        Detection(100.0, 100.0, 140.0, 140.0, 1.0, "truck"),
        Detection(100.0, 100.0, 140.0, 140.0, 1.0, "truck"),
    ]
    frames = [DetectedFrame(NOON_MS + 100 * number, (one,)) for number, one in enumerate(sightings)]
    [track] = tracks(frames)[-1]
    assert dict(zip(CLASSES, track.votes, strict=True)) == {
        "car": 20.0,
        "van": 0.0,
        "truck": 80.0,
        "bus": 0.0,
        "motorcycle": 0.0,
        "bicycle": 0.0,
    }
    assert (track.label(0.8), track.label(0.81)) == (("truck", 0.8), ("unclassified", 0.8))


def test_without_a_vote_a_track_is_unclassified() -> None:
    assert Track(1, (0.0, 0.0, 1.0, 1.0), 0).label(0.0) == ("unclassified", 0.0)


def test_the_ground_point_is_the_bottom_centre_of_the_box() -> None:
    assert Track(1, (100.0, 20.0, 140.0, 60.0), 0).ground == (120.0, 60.0)


# Parts


def test_a_cab_inside_the_box_of_its_truck_is_a_part_and_the_truck_is_none() -> None:
    truck = Vehicle(((0, 120, 400), (4_000, 880, 400)), width=240, height=120, label="truck")
    cab = Vehicle(((0, 200, 398), (4_000, 960, 398)), width=76, height=90)
    assert [track.part for track in tracks(film([truck, cab]))[-1]] == [False, True]


def test_a_car_that_a_truck_overtakes_is_no_part() -> None:
    car = Vehicle(((0, 400, 380), (6_000, 600, 380)))
    truck = Vehicle(((0, 0, 400), (6_000, 1_000, 400)), width=240, height=130, label="truck")
    assert [track.part for track in tracks(film([car, truck]))[-1]] == [False, False]


def test_who_came_by_itself_is_no_part_of_the_truck_beside_which_it_drives() -> None:
    """From a mast, a van lies in the box of the truck in the next lane for as long as they drive abreast."""
    truck = Detection(400.0, 100.0, 640.0, 300.0, 0.9, "truck")
    van = [Detection(x, 190.0, x + 100.0, 290.0, 0.9, "van") for x in [*range(100, 420, 40), *[420] * 20]]
    apart = [at(truck, one, at_ms=200 * number) for number, one in enumerate(van)]
    assert [track.part for track in tracks(apart)[-1]] == [False, False]
    there = [at(truck, van[-1], at_ms=200 * number) for number in range(20)]
    assert [(track.part, track.whole, track.born_on) for track in tracks(there)[-1]] == [
        (False, None, ()),
        (True, 1, (1,)),
    ]


def test_a_vehicle_inside_one_and_then_another_larger_one_is_no_part() -> None:
    """In a queue beside trucks that pass: each hides in its box what stands behind it for a while."""
    car = Detection(100.0, 100.0, 140.0, 130.0, 0.9, "car")
    one, other = Detection(50.0, 50.0, 200.0, 150.0, 0.9, "truck"), Detection(90.0, 0.0, 600.0, 500.0, 0.9, "truck")
    around = [()] * 2 + [(one,)] * 10 + [()] * 2 + [(other,)] * 10
    frames = [DetectedFrame(NOON_MS + 200 * number, (car, *some)) for number, some in enumerate(around)]
    assert [track.part for track in tracks(frames)[-1] if track.id == 1] == [False]
    always = [DetectedFrame(NOON_MS + 200 * number, (car, one)) for number in range(20)]
    assert [(track.part, track.whole) for track in tracks(always)[-1] if track.id == 1] == [(True, 2)]


# Lost and found


def lost(gone_on_px: float) -> list[int]:
    """The tracks of a vehicle that brakes unseen for 0.8 s, and is seen so far from where it was lost."""
    before = [boxes((100 + 20 * number, 100), at_ms=100 * number) for number in range(6)]
    after = [boxes((200 + gone_on_px + 2 * number, 100), at_ms=1_300 + 100 * number) for number in range(6)]
    return [track.id for track in tracks([*before, *after])[-1]]


def test_a_vehicle_lost_is_found_again_where_the_speeds_before_and_after_lead() -> None:
    assert lost(80) == [1]


def test_a_vehicle_that_begins_behind_where_one_was_lost_is_another() -> None:
    assert lost(-60) == [2]


def test_a_part_of_a_vehicle_that_was_lost_and_found_again_is_a_part_of_that_one() -> None:
    """It comes back with a load on it that is seen as a vehicle of its own, and is another until it is known."""
    before = [boxes((100 + 20 * number, 100), at_ms=100 * number) for number in range(6)]
    after = []
    for number in range(12):
        x = 280.0 + 2 * number
        whole, load = Detection(x, 100, x + 40, 130, 0.9, "car"), Detection(x + 5, 104, x + 25, 128, 0.9, "car")
        after.append(at(whole, load, at_ms=1_300 + 100 * number))
    found = {(track.id, track.part, track.whole) for step in tracks([*before, *after]) for track in step}
    assert found == {(1, False, None), (3, True, 1)}, "as soon as it is known, and at every frame"


def test_a_vehicle_is_no_part_of_itself() -> None:
    """Half of it is seen where it was lost just now, as another until that one is known."""
    before = [at(Detection(100, 100, 200, 160, 0.4, "car"), at_ms=50 * number) for number in range(5)]
    after = [at(Detection(125, 130, 175, 160, 0.9, "car"), at_ms=250 + 50 * number) for number in range(8)]
    steps = tracks([*before, *after])
    assert [track.id for track in steps[-1]] == [1]
    assert not any(track.part for step in steps for track in step)


def test_what_a_part_lay_in_is_no_vehicle_if_it_goes_before_it_is_known() -> None:
    """Two strong boxes of a truck that is not seen again, around its cab."""
    cab = Detection(130, 130, 170, 165, 0.6, "car")
    around = [(Detection(100, 100, 240, 170, 0.45, "truck"),)] * 2 + [()] * 8
    steps = tracks([at(*one, cab, at_ms=200 * number) for number, one in enumerate(around)])
    assert {track.whole for step in steps for track in step} == {None}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from((5, 10, 25)))
def test_a_whole_is_always_another_track_that_was_handed_out(seed: int, frames_per_second: int) -> None:
    trucks = [
        Vehicle(
            ((start, 120, y), (start + 3_000, 500, y), (start + 5_000, 500, y), (start + 7_000, 880, y)), width, high
        )
        for start, y in ((0, 400.0), (1_500, 330.0))
        for width, high in ((240.0, 120.0), (76.0, 90.0))
    ]
    errors = Errors(seed=seed, missed=0.3, jitter=0.04, weak=0.2, split=0.1)
    seen: set[int] = set()
    for step in tracks(film(trucks, frames_per_second=frames_per_second, errors=errors)):
        seen |= {track.id for track in step}
        assert all(track.whole is None or (track.part and track.whole in seen - {track.id}) for track in step)


# Bounds


def test_never_more_tracks_than_the_bound_and_what_goes_is_counted() -> None:
    few = msgspec.structs.replace(DEFAULT.tracking, tracks_max=10)
    tracker = Tracker(msgspec.structs.replace(DEFAULT, tracking=few))
    crowd = [(80.0 * column, 60.0 * row) for column in range(6) for row in range(5)]
    steps = tracks([boxes(*crowd, at_ms=at_ms) for at_ms in range(0, 2_000, 100)], tracker)
    assert max(map(len, steps)) <= 10
    assert tracker.released >= 20


def test_memory_does_not_grow_over_thousands_of_vehicles() -> None:
    tracker = Tracker()
    sizes = []
    for hour in range(4):
        passing = [Vehicle(((k * 100, 0, 300), (k * 100 + 1_000, 900, 300))) for k in range(600)]
        for frame in film(passing, frames_per_second=5):
            tracker.update(replace(frame, captured_ms=frame.captured_ms + hour * 3_600_000))
        tracker.update(DetectedFrame(NOON_MS + hour * 3_600_000 + 3_000_000, ()))
        sizes.append(len(pickle.dumps(tracker)))
    assert max(sizes) - min(sizes) < 50


def test_what_lies_in_larger_weak_boxes_most_of_the_time_is_a_part_of_no_known_vehicle() -> None:
    """A fan on the roof of a coach that comes into the picture and is not known yet."""
    frames = [
        DetectedFrame(
            NOON_MS + at_ms,
            (
                Detection(100, 100 - at_ms / 20, 125, 125 - at_ms / 20, 0.7, "car"),
                Detection(70, 80 - at_ms / 20 + 20 * (at_ms % 300 == 0), 170, 190 - at_ms / 20, 0.25, "truck"),
            ),
        )
        for at_ms in range(0, 600, 100)
    ]
    assert [(track.part, track.whole) for track in tracks(frames)[-1]] == [(True, None)]
    alone = [replace(frame, detections=frame.detections[:1]) for frame in frames]
    assert [track.part for track in tracks(alone)[-1]] == [False]


# Weak boxes and pieces


def at(*found: Detection, at_ms: int) -> DetectedFrame:
    return DetectedFrame(NOON_MS + at_ms, found)


def truck_at(y: float, score: float = 0.9) -> Detection:
    return Detection(100.0, y, 240.0, y + 130.0, score, "truck")


@pytest.mark.parametrize(("weak", "ground"), [([truck_at(111.0, score=0.3)], 241.0), ([], 310.0)])
def test_a_track_does_not_go_over_to_a_stranger_where_a_weak_box_lies_nearer(
    weak: list[Detection], ground: float
) -> None:
    """A truck that is missed in one frame and weak in the next, when a car comes into the picture before it."""
    before = [at(truck_at(100.0 + number), at_ms=200 * number) for number in range(10)]
    car = Detection(130.0, 210.0, 260.0, 315.0, 0.6, "car")
    (track,) = tracks([*before, at(at_ms=2_000), at(car, *weak, at_ms=2_200)])[-1]
    assert (track.id, track.seen_ms) == (1, NOON_MS + 2_200)
    assert abs(track.ground[1] - ground) < 6.0


def test_a_weak_box_carries_a_track_on_after_one_frame_without_any_however_long_that_was() -> None:
    frames = [at(truck_at(100.0), at_ms=300 * number) for number in range(6)]
    weak = [at(truck_at(100.0, score=0.3), at_ms=2_100)]
    assert tracks([*frames, at(at_ms=1_800), *weak])[-1][0].seen_ms == NOON_MS + 2_100
    assert tracks([*frames, at(at_ms=1_700), at(at_ms=1_900), *weak])[-1][0].seen_ms == NOON_MS + 1_500


@pytest.mark.parametrize(
    "pieces",
    [
        (Detection(100.0, 100.0, 240.0, 150.0, 0.8, "truck"), Detection(102.0, 152.0, 238.0, 230.0, 0.9, "truck")),
        (Detection(100.0, 100.0, 160.0, 230.0, 0.9, "truck"), Detection(162.0, 102.0, 240.0, 228.0, 0.8, "bus")),
    ],
    ids=["above each other", "beside each other"],
)
def test_pieces_of_a_box_found_no_track_and_leave_the_vehicle_where_it_is(
    pieces: tuple[Detection, Detection],
) -> None:
    whole = [at(truck_at(100.0), at_ms=200 * number) for number in range(10)]
    split = [at(*pieces, at_ms=2_000 + 200 * number) for number in range(5)]
    (track,) = tracks([*whole, *split])[-1]
    assert (track.id, track.seen_ms) == (1, NOON_MS + 2_800)
    assert max(abs(a - b) for a, b in zip(track.box, (100.0, 100.0, 240.0, 230.0), strict=True)) < 3.0
