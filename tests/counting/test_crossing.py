"""When a vehicle crosses a line: the path decides, distance arms, and nothing else does."""

import pickle
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import cos, pi, sin
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edge.counting.crossing import CountingLine, Crossing, LineWatcher, Point
from edge.counting.motion import Box
from edge.counting.occlusion import WholeBoxes
from edge.counting.tracking import Track
from tests.counting.scenes import DECK, NOON_MS

HEIGHT = 40.0  # a box of this height is armed 10 px from the line
CAR = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0)

ELBOW = CountingLine("elbow", ((300.0, 500.0), (500.0, 300.0), (300.0, 100.0)))


def sighting(
    point: Point,
    at_ms: int,
    *,
    number: int = 1,
    votes: Sequence[float] = CAR,
    part: bool = False,
    whole: int | None = None,
    width: float = 80.0,
) -> Track:
    x, y = point
    box = (x - width / 2, y - HEIGHT, x + width / 2, y)
    return Track(number, box, NOON_MS + at_ms, tuple(votes), part or whole is not None, whole)


def walk(
    points: Iterable[Point], *lines: CountingLine, every_ms: int = 1000, watcher: LineWatcher | None = None
) -> list[Crossing]:
    """The crossings of one vehicle that is seen at these points, one after another."""
    watcher = watcher or LineWatcher(lines or (DECK,))
    return [
        crossing
        for number, point in enumerate(points)
        for crossing in watcher.update(NOON_MS + number * every_ms, [sighting(point, number * every_ms)])
    ]


def ways(points: Iterable[Point], *lines: CountingLine) -> list[str]:
    return [crossing.direction for crossing in walk(points, *lines)]


def on_deck(*xs: float) -> list[Point]:
    return [(x, 300.0) for x in xs]


# The rule of direction and the moment of crossing


def test_from_the_left_of_the_arrow_to_its_right_is_a_to_b() -> None:
    assert walk(on_deck(440, 540)) == [
        Crossing("deck", "a_to_b", "car", 1.0, NOON_MS + 600, 0.5, 1),
    ]


def test_the_other_way_is_b_to_a() -> None:
    assert walk(on_deck(540, 440)) == [
        Crossing("deck", "b_to_a", "car", 1.0, NOON_MS + 400, 0.5, 1),
    ]


def test_the_moment_is_that_of_passing_and_not_that_of_certainty() -> None:
    [crossing] = walk(on_deck(440, 495, 505, 506, 507, 540))
    assert crossing.crossed_ms == NOON_MS + 1500


def test_one_step_over_the_whole_picture_still_crosses() -> None:
    assert ways(on_deck(0, 1000)) == ["a_to_b"]


# Arming by distance


def test_a_vehicle_that_only_reaches_the_line_does_not_cross() -> None:
    assert ways(on_deck(400, 480, 495, 503, 508)) == []


def test_trembling_on_the_line_counts_nothing_however_long() -> None:
    chance = Random(7)
    assert ways(on_deck(400, *(500 + chance.uniform(-9, 9) for _ in range(5000)))) == []


def test_trembling_on_the_line_and_going_on_counts_once() -> None:
    chance = Random(7)
    assert ways(on_deck(400, *(500 + chance.uniform(-9, 9) for _ in range(5000)), 520, 600)) == ["a_to_b"]


def test_trembling_on_the_line_and_going_back_counts_nothing() -> None:
    chance = Random(7)
    assert ways(on_deck(400, *(500 + chance.uniform(-9, 9) for _ in range(5000)), 480, 400)) == []


def test_after_trembling_the_last_passing_is_the_moment() -> None:
    [crossing] = walk(on_deck(440, 505, 495, 505, 540))
    assert crossing.crossed_ms == NOON_MS + 2500


def test_creeping_one_pixel_a_sighting_counts_once() -> None:
    assert ways(on_deck(*range(440, 560))) == ["a_to_b"]


def test_crossing_back_counts_in_the_other_direction() -> None:
    assert ways(on_deck(440, 540, 440, 540)) == ["a_to_b", "b_to_a", "a_to_b"]


def test_reversing_over_the_line_by_less_than_arms_nets_one() -> None:
    assert ways(on_deck(440, 505, 495, 508, 560)) == ["a_to_b"]


def test_the_distance_that_arms_is_a_share_of_the_box() -> None:
    assert walk(on_deck(440, 511)) != []
    assert walk(on_deck(440, 511), watcher=LineWatcher([DECK], reach_share=0.5)) == []
    assert walk(on_deck(440, 521), watcher=LineWatcher([DECK], reach_share=0.5)) != []


def test_a_vehicle_first_seen_near_the_line_counts_when_both_distances_make_up_for_it() -> None:
    assert ways(on_deck(494, 504, 513)) == []
    assert ways(on_deck(494, 504, 515)) == ["a_to_b"]


def test_a_vehicle_first_seen_all_but_on_the_line_does_not_count_however_far_it_goes() -> None:
    assert ways(on_deck(496, 504, 560)) == []


def two(left: Box, right: Box, *further: CountingLine) -> list[str]:
    """The directions counted when two boxes drive over the lines together, 20 px a frame."""
    watcher = LineWatcher([DECK, *further])
    found = []
    for frame in range(16):
        tracks = [
            Track(number, (x1 + 20 * frame, y1, x2 + 20 * frame, y2), frame * 100)
            for number, (x1, y1, x2, y2) in enumerate((left, right), start=1)
        ]
        found += [crossing.direction for crossing in watcher.update(frame * 100, tracks)]
    return found


def test_two_boxes_on_the_same_ground_are_one_vehicle() -> None:
    whole, cab = (300.0, 300.0, 420.0, 400.0), (320.0, 340.0, 410.0, 398.0)
    assert two(whole, cab) == ["a_to_b"]


def test_two_boxes_on_the_same_ground_are_one_vehicle_at_every_line() -> None:
    """The smaller box arms nearer, so the two lines are counted in turns by either."""
    whole, cab = (300.0, 300.0, 420.0, 400.0), (320.0, 340.0, 410.0, 398.0)
    further = CountingLine("further", ((505.0, 600.0), (505.0, 0.0)))
    assert two(whole, cab, further) == ["a_to_b", "a_to_b"]


def test_two_side_by_side_and_two_in_a_row_are_two_vehicles() -> None:
    one = (300.0, 300.0, 400.0, 400.0)
    beside, behind = (300.0, 340.0, 400.0, 440.0), (240.0, 300.0, 340.0, 400.0)
    assert two(one, beside) == ["a_to_b", "a_to_b"]
    assert two(one, behind) == ["a_to_b", "a_to_b"]


def test_a_vehicle_first_seen_beyond_the_line_does_not_count() -> None:
    assert ways(on_deck(504, 540, 700)) == []


# A point exactly on the line


def test_a_sighting_exactly_on_the_line_counts_once_both_ways() -> None:
    assert ways(on_deck(440, 500, 560)) == ["a_to_b"]
    assert ways(on_deck(560, 500, 440)) == ["b_to_a"]


def test_touching_the_line_exactly_and_turning_back_counts_nothing() -> None:
    assert ways(on_deck(440, 500, 440)) == []
    assert ways(on_deck(560, 500, 560)) == []


def test_driving_along_the_line_itself_counts_nothing() -> None:
    assert ways([(440, 550), (500, 500), (500, 300), (500, 100), (440, 50)]) == []


# The ends of a line


SHORT = CountingLine("short", ((500.0, 400.0), (500.0, 200.0)))


def test_passing_beside_an_end_counts_nothing() -> None:
    assert ways([(400, 410), (600, 410)], SHORT) == []
    assert ways([(400, 190), (600, 190)], SHORT) == []


def test_going_round_an_end_and_back_over_the_line_counts_only_the_line() -> None:
    assert ways([(400, 300), (450, 500), (550, 500), (600, 300)], SHORT) == []
    assert ways([(400, 300), (450, 500), (550, 500), (600, 300), (400, 300)], SHORT) == ["b_to_a"]


def test_going_round_an_end_and_back_over_the_line_without_having_been_away_counts_nothing() -> None:
    """Beside the end of the line, two pixels beyond it, and back: it was never as far beyond as arms."""
    assert ways([(400, 420), (502, 401), (400, 300)], SHORT) == []
    assert ways([(400, 300), (502, 401), (400, 420)], SHORT) == []


def test_circling_an_end_counts_every_round_once() -> None:
    rounds = [(500 + 60 * cos(turn * pi / 8), 400 + 60 * sin(turn * pi / 8)) for turn in range(16 * 3)]
    assert ways(rounds, SHORT) == ["a_to_b"] * 3


@pytest.mark.parametrize("end", [400.0, 200.0])
def test_a_path_exactly_through_an_end_counts_in_both_directions_alike(end: float) -> None:
    assert len(ways([(400, end), (600, end)], SHORT)) == len(ways([(600, end), (400, end)], SHORT))


# Several lines, and lines of several segments


def test_several_lines_count_each_for_itself() -> None:
    first, second = (CountingLine(name, ((x, 600.0), (x, 0.0))) for name, x in (("west", 300.0), ("east", 700.0)))
    found = walk(on_deck(100, 500, 900, 500), first, second)
    assert [(crossing.line, crossing.direction) for crossing in found] == [
        ("west", "a_to_b"),
        ("east", "a_to_b"),
        ("east", "b_to_a"),
    ]


def test_one_step_over_two_lines_crosses_both_in_order_of_time() -> None:
    first, second = (CountingLine(name, ((x, 600.0), (x, 0.0))) for name, x in (("west", 300.0), ("east", 700.0)))
    found = walk(on_deck(0, 1000), second, first)
    assert [(crossing.line, crossing.crossed_ms - NOON_MS) for crossing in found] == [("west", 300), ("east", 700)]


@pytest.mark.parametrize("y", [150.0, 250.0, 299.0, 300.0, 301.0, 400.0, 450.0])
def test_every_way_through_a_bent_line_counts_once(y: float) -> None:
    assert ways([(300, y), (600, y)], ELBOW) == ["a_to_b"]
    assert ways([(600, y), (300, y)], ELBOW) == ["b_to_a"]


def test_in_and_out_of_a_bend_in_one_step_nets_nothing() -> None:
    assert ways([(450, 100), (450, 500)], ELBOW) == []


def test_in_and_out_of_a_bend_with_a_stop_inside_counts_both() -> None:
    assert ways([(450, 100), (400, 300), (450, 500)], ELBOW) == ["b_to_a", "a_to_b"]


coordinates = st.floats(0.0, 1000.0)
points = st.tuples(coordinates, coordinates)


def test_stopping_exactly_on_the_vertex_counts_once() -> None:
    assert ways([(400, 300), (500, 300), (600, 300)], ELBOW) == ["a_to_b"]
    assert ways([(600, 300), (500, 300), (400, 300)], ELBOW) == ["b_to_a"]


@given(st.lists(points, min_size=2, max_size=12), st.sampled_from((DECK, ELBOW, SHORT)))
def test_a_line_drawn_backwards_swaps_the_directions(path: list[Point], line: CountingLine) -> None:
    assume(all(abs(line.distance(point)) > 1e-6 for point in path))
    backwards = CountingLine(line.name, line.points[::-1])
    swap = {"a_to_b": "b_to_a", "b_to_a": "a_to_b"}
    assert ways(path, backwards) == [swap[way] for way in ways(path, line)]


@given(st.lists(points, min_size=1, max_size=12))
def test_there_and_back_on_the_same_way_nets_zero(path: list[Point]) -> None:
    """Not of sightings from which a vehicle has left, but is not back: round an end of the line these differ."""
    assume(all(x != 500.0 and not 10.0 <= abs(DECK.distance((x, y))) < 15.0 for x, y in path))
    found = ways([(0.0, 300.0), *path, (1000.0, 300.0), *path[::-1], (0.0, 300.0)])
    assert found.count("a_to_b") == found.count("b_to_a")


@given(st.lists(points, min_size=1, max_size=12))
def test_directions_of_an_endless_line_take_turns(path: list[Point]) -> None:
    endless = CountingLine("endless", ((500.0, 9000.0), (500.0, -9000.0)))
    found = ways([(0.0, 300.0), *path, (1000.0, 300.0)], endless)
    assert found == ["a_to_b", "b_to_a"] * (len(found) // 2) + ["a_to_b"]


def stood(*xs: float, speed: float = 0.0) -> list[int]:
    """At which sighting after a second of standing it counts; one each 200 ms at these places."""
    watcher = LineWatcher([DECK])
    born = (NOON_MS - 2_000, (400.0, 200.0, 480.0, 300.0))
    found = []
    for number, x in enumerate((440, 440, *xs)):
        track = replace(sighting((x, 300), 200 * number), born=born, speed=(speed, 0.0))
        found += [number - 2 for _ in watcher.update(track.seen_ms, [track])]
    return found + [len(xs) for _ in watcher.close()]


def test_a_vehicle_that_stood_is_not_believed_to_be_elsewhere_until_it_is_sighted_there_again() -> None:
    assert stood(560) == []
    assert stood(560, 440, 440) == [], "it had taken another's box"
    assert stood(560, 570) == [1]
    assert stood(560, speed=300.0) == [0], "it was driving"


# The class, parts, and memory


def test_the_class_with_the_largest_vote_names_the_crossing() -> None:
    watcher = LineWatcher([DECK])
    votes = (2.0, 0.0, 3.0, 0.0, 0.0, 0.0)
    watcher.update(NOON_MS, [sighting((440, 300), 0, votes=votes)])
    [crossing] = watcher.update(NOON_MS + 40, [sighting((540, 300), 40, votes=votes)])
    assert (crossing.label, crossing.share) == ("truck", 0.6)


def test_below_the_stated_share_a_crossing_is_unclassified() -> None:
    watcher = LineWatcher([DECK], share_min=0.61)
    votes = (2.0, 0.0, 3.0, 0.0, 0.0, 0.0)
    watcher.update(NOON_MS, [sighting((440, 300), 0, votes=votes)])
    [crossing] = watcher.update(NOON_MS + 40, [sighting((540, 300), 40, votes=votes)])
    assert (crossing.label, crossing.share) == ("unclassified", 0.6)


def beside(whole_from: float, whole_to: float, *, until_ms: int = 2_400) -> list[tuple[int, int]]:
    """Track and time (after noon) of what counts when a part (2) crosses after a second and its whole (1) as told."""
    watcher = LineWatcher([DECK])
    found = []
    for at_ms in range(0, until_ms, 200):
        whole = sighting((whole_from if at_ms < 1_400 else whole_to, 300), at_ms)
        part = sighting((440 if at_ms < 1_000 else 540, 300), at_ms, number=2, whole=1)
        found += [(one.track, at_ms) for one in watcher.update(NOON_MS + at_ms, [whole, part])]
        found += [(one.track, at_ms) for one in watcher.close()] if at_ms + 200 == until_ms else []
    return found


def test_a_part_that_crosses_with_its_whole_counts_nothing_of_its_own() -> None:
    assert beside(420, 560) == [(1, 1_400)]


def test_a_part_whose_whole_does_not_cross_is_a_vehicle_and_counts_after_a_while() -> None:
    assert beside(420, 430, until_ms=4_000) == [(2, 3_600)]


def around(whole_to: float, *, wide: float) -> list[tuple[int, int]]:
    """As `beside`, of a part of somebody whose track begins later, ahead of the line or not."""
    watcher = LineWatcher([DECK])
    found = []
    for at_ms in range(0, 4_200, 200):
        tracks = [sighting((440 if at_ms < 1_000 else 540, 300), at_ms, number=2, part=True)]
        if at_ms >= 1_800:
            tracks.append(sighting((420 if at_ms < 3_000 else whole_to, 300), at_ms, number=1, width=wide))
        found += [(one.track, at_ms) for one in watcher.update(NOON_MS + at_ms, tracks)]
    return found


def test_a_part_of_what_is_seen_as_a_vehicle_only_later_counts_nothing_once_that_one_passes_the_line() -> None:
    assert around(560, wide=160.0) == [(1, 3_000)]
    assert around(505, wide=160.0) == [], "it has passed, and takes its time to leave the line behind"


def test_a_part_of_what_never_comes_is_a_vehicle_and_counts_after_a_while() -> None:
    assert around(430, wide=160.0) == [(2, 3_600)]


def test_a_vehicle_of_the_same_size_is_not_the_whole_of_a_part() -> None:
    assert around(560, wide=80.0) == [(1, 3_000), (2, 3_600)]


def test_a_part_whose_whole_crosses_the_other_way_is_a_vehicle() -> None:
    assert sorted(number for number, _ in beside(560, 420, until_ms=4_000)) == [1, 2]


def test_a_part_still_held_when_the_run_ends_counts() -> None:
    assert beside(420, 430) == [(2, 2_200)]


@pytest.mark.parametrize("later_ms", [200, 1_900, 2_100, 2_400])
def test_a_part_that_crosses_after_the_track_of_its_whole_is_gone_counts_nothing(later_ms: int) -> None:
    """The whole crosses half a second after noon and is not seen any more; its rear end crosses so much later."""
    watcher = LineWatcher([DECK])
    found = []
    for at_ms in range(0, 6_000, 100):
        tracks = [] if at_ms > 500 else [sighting((440 if at_ms < 500 else 540, 300), at_ms)]
        tracks.append(sighting((440 if at_ms < 500 + later_ms else 540, 300), at_ms, number=2, whole=1))
        found += watcher.update(NOON_MS + at_ms, tracks)
    assert [one.track for one in found] == [1]


def test_a_part_that_stands_on_the_line_long_after_its_whole_is_gone_counts_nothing() -> None:
    """It passed the line with its whole, and a minute later it drives on and that is certain."""
    watcher = LineWatcher([DECK])
    found = []
    for at_ms in range(0, 70_000, 200):
        tracks = [] if at_ms > 1_000 else [sighting((440 if at_ms < 400 else 540, 300), at_ms)]
        x = 440 if at_ms < 600 else 505 if at_ms < 60_000 else 560
        tracks.append(sighting((x, 300), at_ms, number=2, whole=1))
        found += watcher.update(NOON_MS + at_ms, tracks)
    assert [one.track for one in found] == [1]


def test_a_second_box_that_passed_with_a_vehicle_counts_nothing_however_much_later_that_is_certain() -> None:
    watcher = LineWatcher([DECK])
    found = []
    for at_ms in range(0, 20_000, 200):
        tracks = [] if at_ms > 1_000 else [sighting((440 if at_ms < 400 else 540, 300), at_ms)]
        x = 440 if at_ms < 400 else 502 if at_ms < 10_000 else 560
        tracks.append(sighting((x, 304), at_ms, number=2))
        found += watcher.update(NOON_MS + at_ms, tracks)
    assert [one.track for one in found] == [1]


def test_a_part_whose_whole_goes_on_under_another_number_counts_nothing() -> None:
    """The track of a truck ends before the line, and it is another that crosses with the cab."""
    watcher = LineWatcher([DECK])
    found = []
    for at_ms in range(0, 6_000, 200):
        truck = sighting((420 if at_ms < 1_800 else 560, 300), at_ms, number=1 if at_ms < 800 else 3, width=160.0)
        cab = sighting((440 if at_ms < 1_400 else 540, 300), at_ms, number=2, whole=1)
        found += watcher.update(NOON_MS + at_ms, [cab, truck])
    assert [one.track for one in found] == [3]


@pytest.mark.parametrize(
    ("whole", "later_ms"), [(None, 2_200), (7, 1_200)], ids=["never known", "gone before it crossed"]
)
def test_a_part_of_what_is_not_there_counts_though_a_larger_vehicle_crossed_there_before(
    whole: int | None, later_ms: int
) -> None:
    watcher = LineWatcher([DECK])
    found = []
    for at_ms in range(0, 6_000, 200):
        truck = sighting((420 if at_ms < 1_000 else 560, 300), at_ms, width=160.0)
        van = sighting((440 if at_ms < 1_000 + later_ms else 540, 300), at_ms, number=2, part=True, whole=whole)
        found += watcher.update(NOON_MS + at_ms, [truck, van])
    assert [one.track for one in found] == [1, 2]


def test_what_is_remembered_of_crossings_does_not_grow_while_a_vehicle_stands_on_the_line() -> None:
    """It trembles over the line for an hour while others pass it."""
    watcher, sizes = LineWatcher([DECK]), []
    for step in range(3_600):
        at_ms = 1_000 * step
        stands = sighting((503 if step % 3 else 497, 100), at_ms)
        passes = sighting((440 if step % 2 else 540, 400), at_ms, number=2 + step // 2)
        watcher.update(NOON_MS + at_ms, [stands, passes])
        sizes.append(len(pickle.dumps(watcher)))
    assert max(sizes[1_000:]) <= max(sizes[100:1_000]) + 50


def test_two_boxes_that_cross_at_one_place_in_one_moment_are_one_vehicle() -> None:
    """They part before either counts: a halo goes astray after the lamp that it came with has crossed."""
    watcher = LineWatcher([DECK])
    found = []
    for at_ms, first, second in (
        (0, (420, 300), (440, 306)),
        (100, (504, 300), (502, 306)),
        (200, (540, 300), (560, 380)),
    ):
        tracks = [sighting(first, at_ms), sighting(second, at_ms, number=2)]
        found += watcher.update(NOON_MS + at_ms, tracks)
    assert [one.track for one in found] == [1]


def test_of_the_passes_of_a_vehicle_that_trembles_on_the_line_the_likeliest_counts() -> None:
    """It stops just beyond the line; now and then its box seems to be before it. It crossed when it came."""
    stand = [503, 503, 499, 503, 503, 503, 498, 503, 503, 503]
    [crossing] = walk([(x, 300) for x in (400, 460, *stand, 560, 640)])
    assert crossing.crossed_ms < NOON_MS + 2_000


def test_a_vehicle_that_stands_before_the_line_crosses_when_it_drives_on() -> None:
    stand = [497, 497, 501, 497, 497, 497, 502, 497, 497, 497]
    [crossing] = walk([(x, 300) for x in (400, 460, *stand, 560, 640)])
    assert crossing.crossed_ms > NOON_MS + 11_000


def test_a_box_that_loses_a_third_of_itself_on_the_line_does_not_come_back() -> None:
    """A vehicle that counted and stands just beyond: its lower third is not seen for some time."""
    level = CountingLine("level", ((0.0, 300.0), (1000.0, 300.0)))
    boxes = [(0, 200, 240), (1, 220, 260), (2, 280, 318), (3, 270, 308), (4, 270, 296), (5, 270, 296), (6, 270, 308)]
    watcher = LineWatcher([level])
    found = []
    for second, top, bottom in boxes:
        track = Track(1, (460.0, float(top), 540.0, float(bottom)), second * 1_000)
        found += watcher.update(second * 1_000, [track])
    assert [one.direction for one in found] == ["a_to_b"]


@pytest.mark.parametrize(("born_on", "numbers"), [((1,), [1]), ((), [1, 2])], ids=["founded there", "came by itself"])
def test_on_the_ground_of_one_that_counted_only_who_was_first_seen_there_counts_nothing(
    born_on: tuple[int, ...], numbers: list[int]
) -> None:
    watcher = LineWatcher([DECK])
    found = []
    for at_ms, x in ((0, 440), (1_000, 540)):
        found += watcher.update(NOON_MS + at_ms, [sighting((x, 300), at_ms)])
    for at_ms, x in ((1_100, 488), (2_000, 530)):
        other = replace(sighting((x, 305), at_ms, number=2), born_on=born_on)
        found += watcher.update(NOON_MS + at_ms, [sighting((540, 300), at_ms), other])
    assert [crossing.track for crossing in found] == numbers


def test_a_vehicle_whose_lower_part_another_hides_has_not_moved() -> None:
    """A truck that stands beyond the line, before which a bus drives by: what shows of it seems to stand before it."""
    level = CountingLine("level", ((0.0, 300.0), (1000.0, 300.0)))
    boxes = [(100.0, 200.0), *[(250.0, 350.0)] * 5, *[(250.0, 280.0)] * 3, *[(250.0, 350.0)] * 3]
    bus = (400.0, 280.0, 600.0, 480.0)
    for unconfirmed, numbers in (([bus], ["a_to_b"]), ([], ["a_to_b", "b_to_a", "a_to_b"])):
        watcher, whole_boxes = LineWatcher([level]), WholeBoxes()
        found = []
        for second, (top, bottom) in enumerate(boxes):
            track = Track(1, (460.0, top, 540.0, bottom), second * 1_000, CAR)
            wholes = whole_boxes.update(second * 1_000, [track], unconfirmed if bottom == 280.0 else [])
            found += watcher.update(second * 1_000, [track], wholes)
        assert [one.direction for one in found] == numbers


def test_who_is_lost_on_the_line_while_it_stops_and_seen_there_again_does_not_count_as_gone_on() -> None:
    watcher = LineWatcher([DECK])
    fast = replace(sighting((504, 300), 100), speed=(200.0, 0.0))
    watcher.update(NOON_MS, [replace(sighting((440, 300), 0), speed=(200.0, 0.0))])
    watcher.update(NOON_MS + 100, [fast])
    stands = sighting((506, 300), 900, number=2)
    stands = replace(stands, born=(NOON_MS + 600, stands.box))
    assert watcher.update(NOON_MS + 900, [fast, stands]) == []
    assert watcher.update(NOON_MS + 1_000, [stands]) == []


def test_an_unseen_track_crosses_only_when_it_is_seen_again() -> None:
    watcher = LineWatcher([DECK])
    seen = sighting((440, 300), 0)
    guessed = Track(1, (520.0, 260.0, 600.0, 300.0), seen.seen_ms, seen.votes)
    assert watcher.update(NOON_MS, [seen]) == []
    assert watcher.update(NOON_MS + 1000, [guessed]) == []
    [crossing] = watcher.update(NOON_MS + 2000, [sighting((560, 300), 2000)])
    assert crossing == Crossing("deck", "a_to_b", "car", 1.0, NOON_MS + 1000, 0.5, 1)


def test_a_straight_down_camera_counts_by_the_centre_of_the_box() -> None:
    level = CountingLine("level", ((0.0, 300.0), (1000.0, 300.0)))
    down = [(500.0, 290.0), (500.0, 305.0), (500.0, 315.0)]
    assert ways(down, level) == ["a_to_b"]
    assert walk(down, watcher=LineWatcher([level], ground="centre")) == []


def test_two_vehicles_do_not_share_a_passage() -> None:
    watcher = LineWatcher([DECK])
    watcher.update(NOON_MS, [sighting((440, 300), 0), sighting((560, 200), 0, number=2)])
    found = watcher.update(NOON_MS + 40, [sighting((560, 300), 40), sighting((440, 200), 40, number=2)])
    assert [(crossing.track, crossing.direction) for crossing in found] == [(1, "a_to_b"), (2, "b_to_a")]


def test_what_is_known_of_a_vehicle_goes_with_its_track() -> None:
    watcher = LineWatcher([DECK])
    watcher.update(NOON_MS, [sighting((440, 300), 0)])
    watcher.update(NOON_MS + 40, [])
    assert watcher.update(NOON_MS + 80, [sighting((560, 300), 80)]) == []


def test_a_line_needs_two_points_that_differ() -> None:
    with pytest.raises(AssertionError, match="two points"):
        CountingLine("dot", ((1.0, 1.0),))
    with pytest.raises(AssertionError, match="length"):
        CountingLine("dot", ((1.0, 1.0), (1.0, 1.0)))


@given(points)
def test_distance_is_signed_by_the_side_and_is_that_of_the_nearest_point(q: Point) -> None:
    assume(0.0 < q[1] < 600.0)
    assert DECK.distance(q) == pytest.approx(q[0] - 500.0)
