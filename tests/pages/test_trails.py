"""Of every vehicle enough is kept to judge a line by, and never more than the bound."""

from edge.counting.tracking import Track
from edge.pages.trails import BOXES_MAX, TRAILS_MAX, Trails


def track(number: int, now_ms: int, x: float, born_ms: int = 0) -> Track:
    return Track(number, (x, 0.0, x + 10, 10.0), now_ms, born=(born_ms, (0.0, 0.0, 10.0, 10.0)))


def test_a_vehicle_begins_and_ends_where_it_was_first_and_last_seen() -> None:
    trails = Trails()
    trails.update(0, [])
    for step in range(1, 4):
        trails.update(2000 + step, [track(1, 2000 + step, step, born_ms=2000)])
    (going,) = trails.all()
    assert (going.begins, going.ends, len(going.boxes)) == (True, False, 4)
    trails.update(2010, [])
    (gone,) = trails.all()
    assert (gone.boxes, gone.ends) == (going.boxes, True)


def test_who_was_there_at_once_has_no_known_beginning() -> None:
    trails = Trails()
    trails.update(0, [track(1, 0, 0.0)])
    assert [trail.begins for trail in trails.all()] == [False]


def test_boxes_and_trails_are_bounded_and_spread_over_the_whole_life() -> None:
    trails = Trails()
    for step in range(5000):
        trails.update(step, [track(1, step, float(step))])
    (long,) = trails.all()
    assert BOXES_MAX / 2 - 1 <= len(long.boxes) <= BOXES_MAX
    assert long.boxes[-1][0] > 4500
    for number in range(2, TRAILS_MAX + 50):
        trails.update(5000 + number, [track(number, 5000 + number, 1.0)])
    assert len(trails.all()) == TRAILS_MAX + 1
