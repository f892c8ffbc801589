from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from tests.scenes.description import Scene, load_scene
from tests.scenes.traffic import drive, simulate
from tests.scenes.truth import truth_of

SCENES = Path(__file__).with_name("scenes")


def scene(name: str, **changes: object) -> Scene:
    return msgspec.structs.replace(load_scene(SCENES / f"{name}.yaml"), **changes)


def test_the_same_seed_gives_the_same_traffic_and_another_seed_another() -> None:
    one, two = (list(simulate(scene("day", duration_s=5.0))) for _ in range(2))
    assert one == two
    assert list(simulate(scene("day", duration_s=5.0, seed=12))) != one


def test_traffic_does_not_depend_on_the_frame_rate() -> None:
    slow = list(simulate(scene("day", duration_s=5.0, frames_per_second=4.0)))
    fast = list(simulate(scene("day", duration_s=5.0, frames_per_second=8.0)))
    assert fast[::2] == slow


@pytest.mark.parametrize("name", ["day", "convoy", "customs"])
def test_no_two_vehicles_of_a_lane_ever_overlap(name: str) -> None:
    for moment in simulate(scene(name, frames_per_second=1.0)):
        for side in (-1, 1):
            spans = []
            for vehicle in moment.vehicles:
                if (1 if vehicle.y > 0 else -1) == side:
                    ends = [float(x) for points in vehicle.corners() for x in points[:, 0]]
                    spans.append((min(ends), max(ends)))
            assert all(one[1] <= two[0] + 0.05 for one, two in pairwise(sorted(spans)))


def test_the_truck_that_stands_on_the_line_crosses_it_once() -> None:
    convoy = scene("convoy")
    truth = truth_of(convoy, drive(convoy), "../convoy.mp4")
    numbers = [crossing["number"] for crossing in truth["crossings"]]
    assert len(numbers) == len(set(numbers))
    gaps = [b["ms"] - a["ms"] for a, b in pairwise(c for c in truth["crossings"] if c["direction"] == "a_to_b")]
    assert max(gaps) > 60_000


def test_the_truth_of_the_clips_that_ship_is_that_of_their_scenes() -> None:
    for name in ("day", "night", "rain", "convoy"):
        described = scene(name)
        shipped = msgspec.json.decode((SCENES.parents[1] / "clips" / "truth" / f"{name}.json").read_bytes())
        told = truth_of(described, drive(described), f"../{name}.mp4")
        assert msgspec.json.decode(msgspec.json.encode(told)) == shipped
