"""When the detector chooses other regions by the size of cars, and that it does so once."""

from edge.counting.sizes import SiteSizes
from edge.counting.tracking import Track
from edge.vision.region import Region
from edge.vision.scale import CARS_SURE, LearnedScale

PICTURE = (1000, 600)
CAR = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def car(number: int) -> Track:
    """The cars are larger the lower they are: a side of a tenth of where they stand."""
    y = 200.0 + 10.0 * number
    return Track(number, (400.0, 0.9 * y, 400.0 + 0.1 * y, y), 100 * number, CAR)


def test_regions_are_chosen_once_by_the_sizes_of_the_first_cars_and_of_no_other_run() -> None:
    asked: list[float] = []

    def regions(sizes: SiteSizes) -> tuple[Region, ...]:
        asked.append(sizes.car_side((400.0, 300.0)))
        return ((0, 0, 500, 300),)

    scale = LearnedScale(PICTURE, regions)
    assert all(scale.learn(100 * n, [car(n)]) is None for n in range(10))
    scale.forget()
    said = [scale.learn(100 * n, [car(n)]) for n in range(CARS_SURE + 5)]
    assert said == [None] * (CARS_SURE - 1) + [((0, 0, 500, 300),)] + [None] * 5
    assert len(asked) == 1
    assert 25.0 < asked[0] < 35.0
