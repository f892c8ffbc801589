"""Vehicles that follow each other closely over a line are one convoy, in whatever order they are told."""

from collections.abc import Sequence
from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.counting.buckets import BucketCounter
from edge.counting.convoys import Convoy, ConvoyRule, ConvoyWatcher, Gaps
from edge.counting.crossing import DIRECTIONS, Crossing
from edge.counting.detection import DetectedFrame
from edge.counting.parameters import DEFAULT
from edge.counting.pipeline import Pipeline
from tests.counting.scenes import DECK, MINUTE_MS, NOON_MS, Vehicle, film, pipeline

SETTLE_MS = DEFAULT.convoys.settle_ms
VEHICLES_MAX = DEFAULT.convoys.vehicles_max

HEADWAY_MS = 20_000
TRUCKS = {"deck": ConvoyRule(frozenset(["truck"]), HEADWAY_MS, 3)}


def crossing(at_s: float, *, direction: str = "a_to_b", label: str = "truck", track: int = 1) -> Crossing:
    return Crossing("deck", direction, label, 1.0, NOON_MS + round(1000 * at_s), 0.5, track)


def run(
    told: Sequence[tuple[float, Crossing]],
    *,
    until_s: int = 600,
    blind_s: Sequence[tuple[int, int]] = (),
    rules: dict[str, ConvoyRule] | None = None,
) -> list[Convoy]:
    """The convoys of a run with a frame a second; crossings are told at the second beside them."""
    counter, watcher = BucketCounter(["deck"]), ConvoyWatcher(rules or TRUCKS)
    found: list[Convoy] = []
    for second in range(until_s + 1):
        now = [one for at_s, one in told if second - 1 < at_s <= second]
        sees = not any(first <= second < last for first, last in blind_s)
        list(counter.advance(NOON_MS + 1000 * second, now, watching=sees))
        assert counter.decided_ms is not None
        found += watcher.update(NOON_MS + 1000 * second, now, counter.watched, decided_ms=counter.decided_ms)
    list(counter.close())
    return found + watcher.close([], counter.watched)


def at_once(*crossings: Crossing) -> list[tuple[float, Crossing]]:
    return [((one.crossed_ms - NOON_MS) / 1000 + 1, one) for one in crossings]


def convoy(
    *at_s: float,
    direction: str = "a_to_b",
    began: str = "headway",
    ended: str = "headway",
    by_class: dict[str, int] | None = None,
) -> Convoy:
    """The convoy of crossings at these times, worked out by hand."""
    gaps = sorted(round(1000 * (after - before)) for before, after in pairwise(at_s))
    return Convoy(
        "deck",
        direction,
        NOON_MS + round(1000 * at_s[0]),
        NOON_MS + round(1000 * at_s[-1]),
        by_class or {"truck": len(at_s)},
        Gaps(gaps[0], gaps[(len(gaps) - 1) // 2], gaps[-1]),
        HEADWAY_MS,
        began,  # type: ignore[arg-type]
        ended,  # type: ignore[arg-type]
    )


def test_trucks_that_follow_each_other_are_one_convoy_with_its_gaps() -> None:
    at_s = (100, 110, 125, 145)
    assert run(at_once(*map(crossing, at_s))) == [convoy(*at_s)]


def test_a_headway_too_long_parts_two_convoys_and_too_few_are_none() -> None:
    at_s = (100, 110, 120, 140.001, 150, 160, 300, 310)
    assert run(at_once(*map(crossing, at_s))) == [convoy(100, 110, 120), convoy(140.001, 150, 160)]


def test_cars_between_trucks_neither_join_nor_break_a_convoy() -> None:
    at_s = (100, 115, 130)
    cars = [crossing(at, label="car") for at in (105, 116)]
    assert run(at_once(*map(crossing, at_s), *cars)) == [convoy(*at_s)]


def test_the_two_directions_are_convoys_of_their_own() -> None:
    back = [crossing(at, direction="b_to_a") for at in (106, 118, 130)]
    found = run(at_once(*map(crossing, (100, 112, 124)), *back))
    assert found == [convoy(100, 112, 124), convoy(106, 118, 130, direction="b_to_a")]


def test_each_class_of_the_rule_is_counted() -> None:
    rules = {"deck": ConvoyRule(frozenset(["truck", "bus"]), HEADWAY_MS, 3)}
    found = run(at_once(crossing(100), crossing(110, label="bus"), crossing(120)), rules=rules)
    assert found == [convoy(100, 110, 120, by_class={"bus": 1, "truck": 2})]


def test_a_line_without_a_rule_has_no_convoys() -> None:
    assert run(at_once(*map(crossing, (100, 110, 120))), rules={"ramp": TRUCKS["deck"]}) == []


def test_bucket_boundaries_mean_nothing_to_a_convoy() -> None:
    at_s = [100 + 15 * number for number in range(21)]
    assert run(at_once(*map(crossing, at_s))) == [convoy(*at_s)]


def test_crossings_that_are_told_in_another_order_than_they_happened_make_the_same_convoy() -> None:
    told = [(130, crossing(100)), (112, crossing(110)), (150, crossing(125)), (137, crossing(136))]
    assert run(told) == [convoy(100, 110, 125, 136)]


def test_a_convoy_is_told_once_its_headway_has_passed_and_is_settled_and_not_before() -> None:
    counter, watcher = BucketCounter(["deck"]), ConvoyWatcher(TRUCKS)
    told_s = []
    for second in range(300):
        now = [crossing(second - 1)] if second in (101, 111, 121) else []
        list(counter.advance(NOON_MS + 1000 * second, now))
        assert counter.decided_ms is not None
        if watcher.update(NOON_MS + 1000 * second, now, counter.watched, decided_ms=counter.decided_ms):
            told_s.append(second)
    assert told_s == [120 + (HEADWAY_MS + SETTLE_MS) // 1000 + 1]


def test_unwatched_time_ends_a_convoy_and_the_next_says_that_it_began_after_such() -> None:
    at_s = (100, 110, 120, 136, 146, 156)
    found = run(at_once(*map(crossing, at_s)), blind_s=[(125, 130)])
    assert found == [convoy(100, 110, 120, ended="unwatched"), convoy(136, 146, 156, began="unwatched")]


def test_the_beginning_and_the_end_of_a_run_are_unwatched_time() -> None:
    found = run(at_once(*map(crossing, (5, 15, 25, 35))), until_s=40)
    assert found == [convoy(5, 15, 25, 35, began="unwatched", ended="unwatched")]


def test_what_crossed_while_nobody_watched_joins_nothing() -> None:
    found = run(at_once(*map(crossing, (100, 110, 120, 127, 133, 143, 153))), blind_s=[(125, 130)])
    assert found == [convoy(100, 110, 120, ended="unwatched"), convoy(133, 143, 153, began="unwatched")]


def test_a_crossing_that_is_told_long_after_joins_a_convoy_that_is_still_open() -> None:
    at_s = [100 + 15 * number for number in range(8)]
    late = [(140, crossing(105)), (150, crossing(90))]
    found = run([*at_once(*map(crossing, at_s)), *late])
    assert found == [convoy(90, 100, 105, *at_s[1:])]


def test_a_crossing_that_is_told_after_its_convoy_was_is_counted_as_late() -> None:
    counter, watcher = BucketCounter(["deck"]), ConvoyWatcher(TRUCKS)
    found = []
    for second in range(400):
        now = [crossing(at) for at, told_s in ((100, 101), (110, 111), (120, 121), (125, 300)) if told_s == second]
        list(counter.advance(NOON_MS + 1000 * second, now))
        assert counter.decided_ms is not None
        found += watcher.update(NOON_MS + 1000 * second, now, counter.watched, decided_ms=counter.decided_ms)
    assert (found, watcher.late) == ([convoy(100, 110, 120)], 1)


def test_a_convoy_without_end_is_told_in_parts() -> None:
    at_s = [100 + number for number in range(VEHICLES_MAX + 5)]
    found = run(at_once(*map(crossing, at_s)), until_s=1_300)
    assert found == [
        convoy(*at_s[:VEHICLES_MAX], ended="limit"),
        convoy(*at_s[VEHICLES_MAX:], began="limit"),
    ]


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32))
def test_convoys_are_those_of_a_plain_recomputation(seed: int) -> None:
    chance = Random(seed)
    blind_s = []
    at_s = 50
    while at_s < 500:
        at_s += chance.randint(40, 300)
        blind_s.append((at_s, at_s := at_s + chance.randint(1, 40)))
    told = []
    at_ms = 0
    for track in range(chance.randint(0, 60)):
        at_ms += chance.choice([chance.randint(0, 500), chance.randint(0, 25_000)])
        if at_ms < 600_000:
            label, way = chance.choice(["truck", "truck", "truck", "car"]), chance.choice(["a_to_b", *DIRECTIONS])
            one = crossing(at_ms / 1000, direction=way, label=label, track=track)
            told.append(
                (
                    at_ms / 1000 + chance.choice([0.0, 3.0, (SETTLE_MS - 2_000) / 1000]) * chance.random(),
                    one,
                )
            )
    found = run(told, blind_s=blind_s)
    assert sorted(found, key=lambda one: (one.direction, one.first_ms)) == plainly([one for _, one in told], blind_s)


def plainly(crossings: Sequence[Crossing], blind_s: Sequence[tuple[int, int]]) -> list[Convoy]:
    """All convoys of a run of 600 s, from all of its crossings at once."""
    edges = [0, *(edge for span in blind_s for edge in span), 600]
    watched = [(1000 * first, 1000 * min(600, last)) for first, last in zip(edges[::2], edges[1::2], strict=True)]

    def is_watched(from_ms: int, to_ms: int) -> bool:
        return from_ms >= to_ms or any(a <= from_ms - NOON_MS and to_ms - NOON_MS <= b for a, b in watched)

    found = []
    for way in DIRECTIONS:
        times = sorted(one.crossed_ms for one in crossings if one.direction == way and one.label == "truck")
        groups: list[list[int]] = []
        for at_ms in times:
            joins = groups and at_ms - groups[-1][-1] <= HEADWAY_MS and is_watched(groups[-1][-1], at_ms)
            groups[-1].append(at_ms) if joins else groups.append([at_ms])
        for group in groups:
            began = "headway" if is_watched(group[0] - HEADWAY_MS, group[0]) else "unwatched"
            ended = "headway" if is_watched(group[-1], group[-1] + HEADWAY_MS) else "unwatched"
            if len(group) >= 3:
                at_s = [(at_ms - NOON_MS) / 1000 for at_ms in group]
                found.append(convoy(*at_s, direction=way, began=began, ended=ended))
    return found


# In the pipeline: detections to convoys


def trucks(*at_s: int) -> list[Vehicle]:
    """Trucks that are on the line at these seconds."""
    return [
        Vehicle(((1000 * at - 3_000, 0.0, 300.0), (1000 * at + 3_000, 1000.0, 300.0)), label="truck") for at in at_s
    ]


def counted(frames: Sequence[DetectedFrame], counting: Pipeline) -> list[Convoy]:
    found = [one for frame in frames for one in counting.update(frame).convoys]
    return found + list(counting.close().convoys)


def watching() -> Pipeline:
    return pipeline(DECK, convoys=ConvoyWatcher(TRUCKS))


def test_a_restart_in_the_middle_makes_two_convoys_that_say_so_and_have_every_truck_once() -> None:
    frames = film(trucks(40, 50, 60, 72, 82, 92), to_ms=2 * MINUTE_MS, frames_per_second=5)
    [whole] = counted(frames, watching())
    assert (whole.by_class, whole.began, whole.ended) == ({"truck": 6}, "headway", "headway")
    middle = next(index for index, frame in enumerate(frames) if frame.captured_ms >= NOON_MS + 66_000)
    first, second = [*counted(frames[:middle], watching()), *counted(frames[middle:], watching())]
    assert (first.by_class, first.began, first.ended) == ({"truck": 3}, "headway", "unwatched")
    assert (second.by_class, second.began, second.ended) == ({"truck": 3}, "unwatched", "headway")
    assert (first.first_ms, second.last_ms) == (whole.first_ms, whole.last_ms)
