"""Who is in a zone, who of them stands and who is parked, and how long those that left had waited."""

import pickle
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import msgspec
import pytest

from edge.counting.detection import CLASSES, DetectedFrame, Detection
from edge.counting.ground_plane import plane_through
from edge.counting.occupancy import Occupancy, ZoneWatcher
from edge.counting.parameters import DEFAULT
from edge.counting.tracking import Track
from edge.counting.zone import Zone
from tests.counting.scenes import NOON_MS, Errors, Vehicle, film, mirrored, pipeline, scaled

BOX = ((300.0, 300.0), (700.0, 300.0), (700.0, 500.0), (300.0, 500.0))
ZONE = Zone("queue", BOX, standing_after_ms=10_000)
MIRRORED_ZONE = replace(ZONE, polygon=tuple((1000.0 - x, y) for x, y in BOX))
SECOND_MS = 1_000
TRUCK = tuple(float(label == "truck") for label in CLASSES)


# Scenes of tracks, exact


def track(number: int, x: float, at_ms: int, *, y: float = 400.0, seen_ms: int | None = None, **given: object) -> Track:
    """One box of 80 x 100 pixels whose ground point is at (x, y)."""
    box = (x - 40.0, y - 100.0, x + 40.0, y)
    seen = at_ms if seen_ms is None else seen_ms
    return Track(number, box, NOON_MS + seen, TRUCK, **given)  # type: ignore[arg-type]


def known(number: int | None) -> int:
    """Of a zone that a video shows nothing is unknown; of stills, much is."""
    assert number is not None
    return number


class Scene:
    """Tracks at ten frames a second, each where its path says; a path is (ms, x), straight between."""

    def __init__(self, paths: Mapping[int, Sequence[tuple[int, float]]], zone: Zone = ZONE, **rules: object) -> None:
        self.paths = paths
        self.watcher = ZoneWatcher([zone], **rules)  # type: ignore[arg-type]
        self.log: list[tuple[int, Occupancy]] = []

    def run(self, to_s: float, *, step_ms: int = 100, blind_s: tuple[float, float] = (-1.0, -1.0)) -> "Scene":
        tracks: list[Track] = []
        for at_ms in range(0, round(to_s * SECOND_MS) + 1, step_ms):
            blind = blind_s[0] * SECOND_MS <= at_ms < blind_s[1] * SECOND_MS
            if blind:
                tracks = [replace(one, seen_ms=NOON_MS + round(blind_s[0] * SECOND_MS) - step_ms) for one in tracks]
            else:
                tracks = list(self._tracks(at_ms))
            [now] = self.watcher.update(NOON_MS + at_ms, tracks, watching=not blind)
            self.log.append((at_ms, now))
        return self

    def _tracks(self, at_ms: int) -> Iterable[Track]:
        for number, path in self.paths.items():
            if path[0][0] <= at_ms <= path[-1][0]:
                (a_ms, a), (b_ms, b) = next(leg for leg in zip(path, path[1:], strict=False) if at_ms <= leg[1][0])
                x = a + (b - a) * (at_ms - a_ms) / (b_ms - a_ms)
                born_ms, born_x = path[0]
                yield track(number, x, at_ms, born=(NOON_MS + born_ms, track(0, born_x, born_ms).box))

    def at(self, second: float) -> Occupancy:
        return next(now for at_ms, now in self.log if at_ms >= second * SECOND_MS)

    @property
    def waits_s(self) -> list[float]:
        return [wait_ms / SECOND_MS for _, now in self.log for wait_ms in now.waits_ms]

    def summed(self, what: str) -> int:
        return sum(getattr(now, what) for _, now in self.log)


def standing_from(at_s: float, until_s: float, x: float = 500.0) -> list[tuple[int, float]]:
    """Drives in from the left in two seconds, stands at x, and drives out to the right in two."""
    return [(round(1000 * s), where) for s, where in ((at_s - 2, 100.0), (at_s, x), (until_s, x), (until_s + 2, 950.0))]


def test_a_vehicle_stands_ten_seconds_after_it_came_to_its_place_and_waits_from_then_until_it_leaves() -> None:
    scene = Scene({1: standing_from(4.0, 64.0)}).run(80.0)
    assert [scene.at(s).inside for s in (2.5, 3.5, 30.0, 64.5, 66.0)] == [0, 1, 1, 1, 0]
    assert [scene.at(s).standing for s in (13.0, 15.0, 60.0, 65.5)] == [0, 1, 1, 0]
    assert scene.waits_s == pytest.approx([61.0], abs=0.5)  # it stands 60 s, and has 200 px at 225 px/s to drive
    assert (scene.summed("entered"), scene.summed("left"), scene.summed("lost")) == (1, 1, 0)


def test_a_vehicle_that_only_drives_through_waits_nothing() -> None:
    scene = Scene({1: [(0, 100.0), (20_000, 950.0)]}).run(20.0)
    assert (scene.waits_s, scene.summed("left"), max(known(now.standing) for _, now in scene.log)) == ([], 1, 0)


def test_in_a_creeping_queue_the_wait_runs_from_the_first_stand() -> None:
    """Five metres (100 px) every thirty seconds: each time it moves on it stands no more, for ten seconds."""
    path = [(0, 100.0), (2_000, 320.0)]
    for move in range(3):
        path += [(30_000 * (move + 1), 320.0 + 100 * move), (30_000 * (move + 1) + 2_000, 420.0 + 100 * move)]
    path += [(120_000, 620.0), (122_000, 900.0)]
    scene = Scene({1: path}).run(130.0)
    assert [scene.at(s).standing for s in (20, 29, 35, 45, 65, 75, 110)] == [1, 1, 0, 1, 0, 1, 1]
    assert scene.waits_s == pytest.approx([119.0], abs=1.0)


def test_who_trembles_along_the_border_in_another_lane_neither_enters_nor_leaves() -> None:
    watcher = ZoneWatcher([ZONE])
    found = []
    for step in range(200):
        y = 300.0 + (12.0 if step % 6 < 3 else -12.0)
        found += watcher.update(NOON_MS + 100 * step, [track(1, 100.0 + 4.0 * step, 100 * step, y=y)])
    assert max(one.inside for one in found) == 1
    assert sum(one.entered + one.left + one.lost for one in found) == 0


def test_two_visits_are_two_waits() -> None:
    back = [(t + 100_000, 1000.0 - x) for t, x in standing_from(4.0, 44.0)]
    scene = Scene({1: [*standing_from(4.0, 24.0), *back]}).run(160.0)
    assert scene.waits_s == pytest.approx([21.0, 41.0], abs=1.0)


# What is not known is not told


def test_the_wait_of_one_that_was_inside_when_watching_began_is_unknown() -> None:
    scene = Scene({1: [(0, 500.0), (40_000, 500.0), (42_000, 950.0)]}).run(50.0)
    assert scene.at(20.0).standing == 1
    assert (scene.waits_s, scene.summed("entered"), scene.summed("left")) == ([], 0, 1)


def test_the_waits_of_those_inside_during_a_gap_are_unknown() -> None:
    first, second = standing_from(4.0, 64.0), standing_from(70.0, 100.0)
    scene = Scene({1: first, 2: second}).run(110.0, blind_s=(30.0, 33.0))
    assert scene.waits_s == pytest.approx([31.0], abs=0.5)
    assert Scene({1: first, 2: second}).run(110.0, blind_s=(30.0, 31.0)).waits_s == pytest.approx([61, 31], abs=0.5)


def test_the_wait_of_one_that_stood_where_it_was_first_seen_is_unknown() -> None:
    """It was hidden all the time behind one that drove away."""
    scene = Scene({1: standing_from(4.0, 30.0), 2: [(30_000, 420.0), (60_000, 420.0), (62_000, 950.0)]}).run(70.0)
    assert scene.waits_s == pytest.approx([27.0], abs=0.5)
    assert (scene.summed("entered"), scene.summed("left")) == (1, 2)


def test_one_that_appears_inside_and_drives_has_entered() -> None:
    scene = Scene({1: [(5_000, 320.0), (7_000, 520.0), (40_000, 520.0), (42_000, 950.0)]}).run(50.0)
    assert (scene.summed("entered"), scene.summed("left")) == (1, 1)
    assert scene.waits_s == pytest.approx([34.0], abs=0.7)


def test_who_came_in_as_itself_is_no_part_of_the_truck_that_it_stands_behind() -> None:
    watcher = ZoneWatcher([ZONE])
    counted = []
    for at_ms in range(0, 30_000, 100):
        x = min(280.0 + at_ms / 20.0, 400.0)  # seen clear of the border before it is taken for a part
        [now] = watcher.update(
            NOON_MS + at_ms,
            [track(1, 500.0, at_ms), track(2, x, at_ms, part=at_ms > 5_000, whole=1)] if at_ms else [],
        )
        counted.append((now.inside, now.standing))
    assert counted[-1] == (2, 2)


def test_a_part_of_a_larger_vehicle_does_not_count() -> None:
    watcher = ZoneWatcher([ZONE])
    for at_ms in range(0, 20_000, 100):
        [now] = watcher.update(NOON_MS + at_ms, [track(1, 500.0, at_ms), track(2, 505.0, at_ms, part=True, whole=1)])
    assert (now.inside, now.standing) == (1, 1)


# Lost, and found again


def test_a_track_that_ends_inside_is_lost_and_not_left() -> None:
    scene = Scene({1: standing_from(4.0, 64.0)[:3]}).run(140.0)
    assert scene.at(65.0).inside == 0
    assert (scene.summed("entered"), scene.summed("left"), scene.summed("lost")) == (1, 0, 1)
    assert scene.waits_s == []


def test_a_track_that_begins_where_one_was_lost_goes_on_with_its_stand_and_its_wait() -> None:
    found = [(50_000, 504.0), (100_000, 504.0), (102_000, 950.0)]
    scene = Scene({1: [(2_000, 100.0), (4_000, 500.0), (30_000, 500.0)], 2: found}).run(110.0)
    assert [scene.at(s).standing for s in (29.0, 40.0, 50.5, 99.0)] == [1, 0, 1, 1]
    assert scene.waits_s == pytest.approx([97.0], abs=0.7)
    assert (scene.summed("entered"), scene.summed("left"), scene.summed("lost")) == (1, 1, 0)


def test_found_after_more_than_a_minute_it_is_another() -> None:
    late = [(92_000, 500.0), (120_000, 500.0), (122_000, 950.0)]
    scene = Scene({1: [(2_000, 100.0), (4_000, 500.0), (30_000, 500.0)], 2: late}).run(130.0)
    assert (scene.waits_s, scene.summed("lost"), scene.summed("left")) == ([], 1, 1)


def test_one_that_comes_over_the_border_to_where_another_was_lost_is_another() -> None:
    scene = Scene({1: [(2_000, 100.0), (4_000, 500.0), (30_000, 500.0)], 2: standing_from(34.0, 64.0)}).run(110.0)
    assert scene.waits_s == pytest.approx([31.0], abs=0.5)
    assert scene.summed("lost") == 1


@pytest.mark.parametrize("overlap_s", [0, 1, 15])
def test_a_second_box_that_stays_when_the_first_one_ends_goes_on_with_its_wait(overlap_s: int) -> None:
    """The tracker takes up a second track of a vehicle before it lets the first one go."""
    first = [(2_000, 100.0), (4_000, 500.0), (40_000 + 1_000 * overlap_s, 500.0)]
    scene = Scene({1: first, 2: [(39_900, 496.0), (90_000, 496.0), (92_000, 950.0)]}).run(100.0)
    assert scene.waits_s == pytest.approx([87.0], abs=0.7)


def test_a_track_that_begins_where_another_is_unseen_takes_its_place_and_they_are_one() -> None:
    watcher = ZoneWatcher([ZONE])
    paths = {1: [(2_000, 100.0), (4_000, 500.0), (40_000, 500.0)]}
    scene = Scene(paths)
    scene.watcher = watcher
    scene.run(30.0)
    inside = []
    for at_ms in range(30_100, 60_000, 100):
        hidden = track(1, 500.0, at_ms, seen_ms=30_000)
        born = (NOON_MS + 40_000, track(2, 503.0, 40_000).box)
        seen = [track(2, 503.0, at_ms, born=born)] if at_ms >= 40_200 else []
        [now] = watcher.update(NOON_MS + at_ms, [hidden, *seen] if at_ms < 50_000 else seen)
        inside.append((at_ms, now.inside, now.standing))
    assert [one for one in inside if one[1:] != (1, 1)] == []


def test_between_two_looks_of_the_detector_nobody_comes_goes_or_is_doubled() -> None:
    """A vehicle stands, with a second box on its ground; the next looks are 400 ms apart."""
    watcher = ZoneWatcher([ZONE])
    told = []
    for at_ms in range(0, 30_000, 100):
        looked = at_ms % 400 == 0
        seen_ms = at_ms - at_ms % 400
        tracks = [track(1, 500.0, at_ms, seen_ms=seen_ms), track(2, 503.0, at_ms, seen_ms=seen_ms)]
        [now] = watcher.update(NOON_MS + at_ms, tracks, looked=looked)
        told.append((now.inside, now.entered, now.left))
    assert set(told[1:]) == {(1, 0, 0)}


# Parked, or queued


def a_queue(vehicles: int, headway_s: float = 60.0) -> dict[int, Sequence[tuple[int, float]]]:
    """One after another comes, stands for forty seconds, and leaves."""
    return {10 + k: standing_from(10.0 + headway_s * k, 50.0 + headway_s * k, 400.0) for k in range(vehicles)}


def test_one_that_others_pass_is_parked_and_is_no_queue() -> None:
    zone = replace(ZONE, parked_after_ms=120_000)
    scene = Scene({1: standing_from(5.0, 400.0, 600.0), **a_queue(6)}, zone).run(420.0)
    assert [(scene.at(s).standing, scene.at(s).parked) for s in (100.0, 165.0, 200.0, 300.0)] == [
        (2, 0),
        (2, 0),
        (1, 1),
        (0, 1),
    ]
    assert scene.at(200.0).inside == 2
    assert scene.waits_s == pytest.approx([41.3] * 6, abs=0.7)  # its own wait is in no percentile


def test_in_a_queue_that_stands_for_hours_nobody_is_parked() -> None:
    """Those behind leave after those before."""
    paths = {k: standing_from(5.0 * k, 7_200.0 + 5.0 * k, 680.0 - 90.0 * k) for k in range(1, 5)}
    scene = Scene(paths).run(7_300.0, step_ms=500)
    assert max(now.parked for _, now in scene.log) == 0
    assert scene.at(7_000.0).standing == 4
    assert len(scene.waits_s) == 4


def test_one_that_is_passed_but_moves_on_is_not_parked() -> None:
    zone = replace(ZONE, parked_after_ms=120_000)
    moved = [(3_000, 100.0), (5_000, 550.0), (110_000, 550.0), (112_000, 640.0), (220_000, 640.0), (222_000, 950.0)]
    scene = Scene({1: moved, **a_queue(4)}, zone).run(260.0)
    assert max(now.parked for _, now in scene.log) == 0


# The length of the queue


def test_the_queue_is_measured_on_the_ground_where_that_is_known() -> None:
    plane = plane_through(BOX, ((0.0, 0.0), (40.0, 0.0), (40.0, 20.0), (0.0, 20.0)))  # ten pixels a metre
    zone = replace(ZONE, plane=plane)
    scene = Scene({1: standing_from(4.0, 40.0, 600.0), 2: standing_from(6.0, 40.0, 450.0)}, zone).run(60.0)
    assert scene.at(3.0).queue_m == 0.0
    assert scene.at(14.8).queue_m == 12.0
    assert scene.at(30.0).queue_m == pytest.approx(27.0, abs=0.2)
    assert scene.at(55.0).queue_m == 0.0


def test_without_known_ground_there_is_no_length() -> None:
    assert Scene({1: standing_from(4.0, 40.0)}).run(20.0).at(20.0).queue_m is None


# Properties


def counted(frames: Iterable[DetectedFrame], zone: Zone = ZONE) -> list[Occupancy]:
    counting = pipeline(zones=[zone])
    return [step for frame in frames for step in counting.update(frame).occupancies]


def a_crowd(errors: Errors, frames_per_second: float = 10.0) -> list[DetectedFrame]:
    """Six vehicles come one after another, stand abreast of each other, and leave; two drive through."""
    vehicles = [
        Vehicle(
            (
                (4_000 * k, 60.0, 320.0 + 30.0 * k),
                (4_000 * k + 4_000, 620.0 - 50.0 * (k % 2), 320.0 + 30.0 * k),
                (60_000 + 3_000 * k, 620.0 - 50.0 * (k % 2), 320.0 + 30.0 * k),
                (63_000 + 3_000 * k, 940.0, 320.0 + 30.0 * k),
            ),
            width=60.0,
            height=24.0,
        )
        for k in range(6)
    ]
    return film(vehicles, frames_per_second=frames_per_second, errors=errors)


TREMBLE = Errors(seed=5, missed=0.1, jitter=0.05, false=0.02)


def test_a_queue_is_counted_through_misses_false_boxes_and_trembling() -> None:
    exact, erring = counted(a_crowd(Errors())), counted(a_crowd(TREMBLE))
    differences = [abs(known(a.standing) - known(b.standing)) for a, b in zip(exact, erring, strict=True)]
    assert max(known(one.standing) for one in exact) == 6
    assert sum(differences) / len(differences) <= 0.1
    waits = [sorted(wait for one in all_ for wait in one.waits_ms) for all_ in (exact, erring)]
    assert waits[1] == pytest.approx(waits[0], abs=1_500)


def test_in_a_mirror_and_in_a_larger_picture_the_queue_is_the_same() -> None:
    frames = a_crowd(TREMBLE)
    plain = counted(frames)
    numbers = [(one.inside, one.standing, one.waits_ms) for one in plain]
    assert [(one.inside, one.standing, one.waits_ms) for one in counted(mirrored(frames), MIRRORED_ZONE)] == numbers
    double = replace(ZONE, polygon=tuple((2.0 * x, 2.0 * y) for x, y in BOX))
    assert [(one.inside, one.standing, one.waits_ms) for one in counted(scaled(frames, 2.0), double)] == numbers


def test_shifting_time_shifts_nothing_else() -> None:
    frames = a_crowd(TREMBLE)
    shifted = [replace(frame, captured_ms=frame.captured_ms + 3_600_000) for frame in frames]
    assert counted(shifted) == counted(frames)


def test_splitting_a_stream_anywhere_changes_nothing() -> None:
    frames = a_crowd(TREMBLE)
    found: list[Occupancy] = []
    counting = pipeline(zones=[ZONE])
    for number, frame in enumerate(frames):
        if number % 97 == 0:
            counting = pickle.loads(pickle.dumps(counting))
        found += counting.update(frame).occupancies
    assert found == counted(frames)


def test_an_empty_road_is_empty() -> None:
    frames = [DetectedFrame(NOON_MS + 100 * number, ()) for number in range(300)]
    assert set(counted(frames)) == {Occupancy("queue")}


def test_every_zone_tells_for_itself() -> None:
    other = Zone("other", ((750.0, 300.0), (950.0, 300.0), (950.0, 500.0), (750.0, 500.0)), 5_000)
    watcher = ZoneWatcher([other, ZONE])
    for at_ms in range(0, 20_000, 100):
        now = watcher.update(NOON_MS + at_ms, [track(1, 500.0, at_ms), track(2, 800.0, at_ms)])
    assert [(one.zone, one.inside, one.standing) for one in now] == [("other", 1, 1), ("queue", 1, 1)]


def test_hours_of_standing_need_no_more_memory() -> None:
    watcher = ZoneWatcher([ZONE])
    sizes = []
    for at_ms in range(0, 6 * 3_600_000, 2_000):
        watcher.update(NOON_MS + at_ms, [track(number, 320.0 + 45.0 * number, at_ms) for number in range(3)])
        if at_ms % 3_600_000 == 0:
            sizes.append(len(pickle.dumps(watcher)))
    assert max(sizes[1:]) - min(sizes[1:]) < 100


def test_vehicles_that_are_gone_are_forgotten() -> None:
    watcher = ZoneWatcher([ZONE])
    empty = None
    for number in range(2_000):
        for step in range(3):
            at_ms = 300 * number + 100 * step
            watcher.update(NOON_MS + at_ms, [track(number, 320.0, at_ms)])
        if number == 0:
            empty = len(pickle.dumps(watcher))
    for at_ms in (600_000, 700_000):
        watcher.update(NOON_MS + at_ms, [])
    assert empty is not None
    assert len(pickle.dumps(watcher)) < empty + 500


# Where a vehicle stands that another hides


@pytest.mark.parametrize("hidden", [False, True])
def test_a_vehicle_cut_by_another_is_where_it_stands_and_not_where_it_seems_to(*, hidden: bool) -> None:
    """It drives towards the camera into the zone, whose border is above what shows of it in the end."""
    zone = Zone("queue", ((400.0, 300.0), (600.0, 300.0), (600.0, 590.0), (400.0, 590.0)))

    def seen(at_ms: int) -> tuple[Detection, ...]:
        bottom = min(160.0 + at_ms / 50.0, 340.0)
        hider = Detection(430.0, 270.0, 570.0, 580.0, 0.9, "truck")
        shown = min(bottom, hider.y1) if hidden else bottom
        vehicle = Detection(450.0, bottom - 120.0, 550.0, shown, 0.9, "truck")
        return (vehicle, hider) if hidden else (vehicle,)

    found = counted([DetectedFrame(NOON_MS + at_ms, seen(at_ms)) for at_ms in range(0, 40_000, 100)], zone)
    assert (found[-1].inside, found[-1].standing) == (1 + hidden, 1 + hidden)


# Nobody is forgotten without a word


def test_who_was_lost_when_nobody_watched_any_more_is_told_as_lost() -> None:
    """A vehicle goes out of sight ten seconds before the camera is covered; nobody finds it again."""
    scene = Scene({1: standing_from(4.0, 30.0)[:3]}).run(60.0, blind_s=(40.0, 50.0))
    assert (scene.summed("entered"), scene.summed("left"), scene.summed("lost")) == (1, 0, 1)


def test_who_was_lost_when_the_run_ends_is_told_as_lost_and_only_once() -> None:
    scene = Scene({1: standing_from(4.0, 30.0)[:3]}).run(60.0)
    assert (scene.summed("entered"), scene.summed("lost")) == (1, 0)
    assert scene.watcher.close() == [Occupancy("queue", lost=1)]
    assert scene.watcher.close() == [Occupancy("queue")]


def test_who_is_not_found_within_a_minute_is_not_found_later_by_another_that_was_lost_before() -> None:
    """A standing vehicle is let go of long after it was last seen, a moving one soon: they end in another order."""
    occupancy = msgspec.structs.replace(DEFAULT.occupancy, found_ms=30_000)
    watcher, told = ZoneWatcher([ZONE], parameters=msgspec.structs.replace(DEFAULT, occupancy=occupancy)), []
    for at_ms in range(0, 90_000, 100):
        tracks = []
        if at_ms < 40_000:  # stands, unseen from 20 s on
            tracks.append(track(1, 400.0, at_ms, seen_ms=min(at_ms, 20_000)))
        if at_ms < 25_000:
            tracks.append(track(2, 600.0, at_ms))
        told.append(watcher.update(NOON_MS + at_ms, tracks)[0].lost)
    assert [100 * place for place, lost in enumerate(told) for _ in range(lost)] == [50_100, 55_000]


def test_the_cab_of_a_vehicle_that_is_unseen_for_a_moment_does_not_count_beside_it() -> None:
    watcher, inside = ZoneWatcher([ZONE]), []
    for at_ms in range(0, 20_000, 100):
        hidden = 5_000 <= at_ms < 7_000
        whole = track(1, 500.0, at_ms, seen_ms=4_900 if hidden else None)
        born = (NOON_MS + 5_000, track(2, 505.0, 5_000).box)
        cab = [track(2, 505.0, at_ms, part=True, whole=1, born=born)] if at_ms >= 5_500 else []
        [now] = watcher.update(NOON_MS + at_ms, [whole, *cab])
        inside.append(now.inside)
    assert set(inside) == {1}


def test_lines_and_zones_see_the_same_whole_boxes() -> None:
    """What hides the lower part of a standing vehicle is seen too seldom to be known as a vehicle."""
    zone = Zone("queue", ((400.0, 300.0), (600.0, 300.0), (600.0, 590.0), (400.0, 590.0)))

    def seen(at_ms: int) -> tuple[Detection, ...]:
        hidden = at_ms >= 10_000
        vehicle = Detection(450.0, 220.0, 550.0, 280.0 if hidden else 340.0, 0.9, "truck")
        hider = Detection(430.0, 280.0, 570.0, 500.0, 0.9, "truck")
        return (vehicle, hider) if hidden and at_ms % 500 == 0 else (vehicle,)

    found = counted([DetectedFrame(NOON_MS + at_ms, seen(at_ms)) for at_ms in range(0, 40_000, 100)], zone)
    assert {one.inside for one in found[110:]} == {1}


def test_a_bucket_tells_what_who_joins_the_queue_at_its_end_is_to_wait() -> None:
    """One drives in and one drives out every ten seconds; three are always there."""
    through = [
        Vehicle(((10_000 * number, 0.0, 300.0), (10_000 * number + 40_000, 1000.0, 300.0))) for number in range(40)
    ]
    zone = Zone("queue", ((100.0, 0.0), (850.0, 0.0), (850.0, 600.0), (100.0, 600.0)))
    counting = pipeline(zones=[zone])
    frames = film(through, frames_per_second=5, to_ms=360_000)
    buckets = [bucket for frame in frames for bucket in counting.update(frame).buckets]
    first, *_, last = [bucket.zones["queue"] for bucket in buckets if bucket.zones]
    assert first.expected_ms is None
    assert last.inside.end == 3
    assert last.expected_ms is not None
    assert 30_000 <= last.expected_ms.p10 <= last.expected_ms.p50 <= last.expected_ms.p90 <= 41_000


# Standing as people see it, and one vehicle on a piece of ground


@pytest.mark.parametrize("scale", [1.0, 0.15])
@pytest.mark.parametrize(("heights_per_s", "stands"), [(0.25, 0), (0.1, 0), (0.02, 1), (0.0, 1)])
def test_who_moves_a_tenth_of_its_length_in_a_second_does_not_stand_near_or_far(
    scale: float, heights_per_s: float, stands: int
) -> None:
    """Seen along the road a vehicle is twice as high as it is long."""
    zone = replace(ZONE, standing_after_ms=SECOND_MS, polygon=tuple((x * scale, y * scale) for x, y in BOX))
    watcher, told = ZoneWatcher([zone]), []
    for at_ms in range(0, 6_000, 40):
        one = track(1, 400.0 + 100.0 * heights_per_s * at_ms / SECOND_MS, at_ms)
        x1, y1, x2, y2 = one.box
        now = replace(one, box=(x1 * scale, y1 * scale, x2 * scale, y2 * scale))
        told.append(watcher.update(NOON_MS + at_ms, [now])[0].standing)
    assert set(told[50:]) == {stands}


def test_where_standing_takes_ten_seconds_a_few_tenths_of_a_height_on_the_way_end_it_not() -> None:
    rolls = [(0, 100.0), (2_000, 500.0), (30_000, 500.0), (31_000, 515.0), (60_000, 515.0)]
    scene = Scene({1: rolls}).run(59.0)
    assert [scene.at(s).standing for s in (15.0, 30.5, 31.5, 50.0)] == [1, 1, 1, 1]


def test_two_boxes_on_one_piece_of_ground_are_one_vehicle() -> None:
    scene = Scene({1: [(0, 500.0), (9_000, 500.0)], 2: [(3_000, 512.0), (9_000, 512.0)]}).run(8.0)
    assert {now.inside for _, now in scene.log} == {1}


def test_a_second_box_neither_enters_nor_leaves_nor_waits() -> None:
    way = standing_from(5.0, 30.0)
    scene = Scene({1: way, 2: [(at_ms, x + 12.0) for at_ms, x in way]}).run(60.0)
    assert (scene.summed("entered"), scene.summed("left"), len(scene.waits_s)) == (1, 1, 1)


def test_who_drives_and_is_not_seen_does_not_count_until_it_is_seen_again() -> None:
    watcher, told = ZoneWatcher([ZONE]), []
    for at_ms in range(0, 2_000, 100):
        seen_ms = 800 if 800 < at_ms < 1_500 else at_ms
        [now] = watcher.update(NOON_MS + at_ms, [track(1, 350.0 + 0.1 * at_ms, at_ms, seen_ms=seen_ms)])
        told.append(now.inside)
    assert told == [1] * 12 + [0] * 3 + [1] * 5


def test_two_vehicles_in_a_row_are_two() -> None:
    scene = Scene({1: [(0, 500.0), (9_000, 500.0)], 2: [(0, 560.0), (9_000, 560.0)]}).run(8.0)
    assert {now.inside for _, now in scene.log} == {2}


@pytest.mark.parametrize(("moves_px", "inside"), [(0.0, 3), (90.0, 2)])
def test_who_is_unseen_stays_in_a_queue_that_stands_and_leaves_with_one_that_moves(
    moves_px: float, inside: int
) -> None:
    watcher, told = ZoneWatcher([ZONE]), []
    for at_ms in range(0, 20_000, 100):
        moved = moves_px * min(max(at_ms - 10_000, 0) / 2_000, 1.0)
        before, after = track(1, 390.0 + moved, at_ms), track(3, 550.0 + moved, at_ms)
        told.append(watcher.update(NOON_MS + at_ms, [before, track(2, 470.0, at_ms, seen_ms=min(at_ms, 8_000)), after]))
    assert told[70][0].inside == 3
    assert told[-1][0].inside == inside


def test_who_was_left_behind_and_is_seen_again_counts_again() -> None:
    watcher, told = ZoneWatcher([ZONE]), []
    for at_ms in range(0, 20_000, 100):
        moved = 90.0 * min(max(at_ms - 5_000, 0) / 2_000, 1.0)
        seen_ms = at_ms if at_ms >= 15_000 else min(at_ms, 4_000)
        other = track(1, 400.0 + moved, at_ms)
        told.append(watcher.update(NOON_MS + at_ms, [other, track(2, 590.0, at_ms, seen_ms=seen_ms)])[0].inside)
    assert (told[100], told[-1]) == (1, 2)
