"""How large a vehicle is for where it stands, learned on site."""

from math import log

import pytest

from edge.counting.detection import CLASSES
from edge.counting.naming import probabilities
from edge.counting.parameters import DEFAULT
from edge.counting.sizes import SiteSizes
from edge.counting.tracking import Track

PICTURE = (640, 360)


def vehicle(number: int, x: float, y: float, times: float = 1.0, form: str = "car") -> Track:
    """A vehicle on a road that comes nearer towards the lower edge: a car is as wide and high as `side`."""
    side = times * 20.0 * 1.005**y
    votes = tuple(float(form == label) for label in CLASSES)
    return Track(number, (x - side / 2, y - side, x + side / 2, y), 0, votes)


def cars(count: int) -> list[Track]:
    return [vehicle(n, 100 + 37 * n % 400, 100 + 53 * n % 200, 1.0 + 0.1 * (n % 3 - 1)) for n in range(count)]


def test_a_lorry_is_larger_than_cars_are_at_its_place_near_and_far() -> None:
    sites = SiteSizes(PICTURE)
    sites.update(0, cars(40))
    for y in (120, 280):
        (lorry,) = sites.update(0, [vehicle(99 + y, 300, y, 2.0, "truck")])
        assert lorry.size is not None
        assert lorry.size[0] == pytest.approx(log(2.0), abs=0.06)


def test_of_few_cars_nothing_is_learned() -> None:
    sites = SiteSizes(PICTURE)
    assert all(track.size is None for track in sites.update(0, cars(DEFAULT.sizes.cars_min - 1)))
    assert all(track.size is not None for track in sites.update(0, cars(DEFAULT.sizes.cars_min)))


def test_less_is_known_of_places_where_no_car_was_seen_and_through_few_cars() -> None:
    few, many = SiteSizes(PICTURE), SiteSizes(PICTURE)
    few.update(0, cars(DEFAULT.sizes.cars_min))
    many.update(0, cars(60))
    (among,) = many.update(0, [vehicle(99, 300, 200)])
    (aside,) = many.update(0, [vehicle(98, 560, 320)])
    (early,) = few.update(0, [vehicle(99, 300, 200)])
    assert among.size is not None
    assert aside.size is not None
    assert early.size is not None
    assert among.size[1] < aside.size[1]
    assert among.size[1] < early.size[1]


def test_vans_that_the_detector_calls_cars_do_not_make_cars_small() -> None:
    sites = SiteSizes(PICTURE)
    sites.update(0, [*cars(40), *(vehicle(100 + n, 120 + 30 * n, 150 + 10 * n, 1.6) for n in range(10))])
    (car,) = sites.update(0, [vehicle(99, 300, 200)])
    assert car.size is not None
    assert car.size[0] == pytest.approx(0.0, abs=0.06)


def test_what_the_edge_of_the_picture_cuts_teaches_nothing_and_has_no_size() -> None:
    sites = SiteSizes(PICTURE)
    cut = [vehicle(n, 3, 100 + 20 * n) for n in range(20)]
    assert all(track.size is None for track in sites.update(0, cut))
    sites.update(0, cars(40))
    assert sites.update(0, [vehicle(99, 3, 200)])[0].size is None


def test_a_vehicle_that_stands_is_one_sighting_and_the_oldest_cars_are_forgotten() -> None:
    once, often = SiteSizes(PICTURE), SiteSizes(PICTURE)
    once.update(0, cars(20))
    for _ in range(50):
        often.update(0, cars(20))
    assert once.update(0, cars(1)) == often.update(0, cars(1))

    changed = SiteSizes(PICTURE)  # the camera was moved: the same cars look twice as large
    changed.update(0, cars(40))
    for first in range(100, 100 + 2 * DEFAULT.sizes.cars_max, 10):
        changed.update(0, [vehicle(first + n, 100 + 40 * n, 100 + 20 * n, 2.0) for n in range(10)])
    (car,) = changed.update(0, [vehicle(1, 300, 200, 2.0)])
    assert car.size is not None
    assert car.size[0] == pytest.approx(0.0, abs=0.06)


def test_size_settles_what_looks_leave_open_as_far_as_it_is_known() -> None:
    torn = tuple(log(0.4 if label in {"car", "truck"} else 0.05) for label in CLASSES)
    vote = (0.5, 0.0, 0.5, 0.0, 0.0, 0.0)

    def truck(size: tuple[float, float] | None) -> float:
        return probabilities(vote, 1, torn, size)[CLASSES.index("truck")]

    assert truck((0.0, 0.001)) < truck(None) < truck((0.6, 0.001))
    assert truck((0.6, 10.0)) == pytest.approx(truck(None), abs=0.05)
    assert sum(probabilities(vote, 1, torn, (0.6, 0.001))) == pytest.approx(1.0)
