"""The invariant under 100 seeds of trouble; `make simulate` runs 10,000, `make mutants` shows who notices breaks."""

import os
from pathlib import Path

import pytest

from tests.simulation.attempts import attempt, workers
from tests.simulation.mutants import ROOT, Mutant, mutants
from tests.simulation.scenario import live
from tests.simulation.world import SimulatedClock, World

SEEDS = range(1, 101)  # some two CPU seconds each


def test_nothing_is_lost_and_nothing_counted_twice_whatever_the_seed() -> None:
    with workers(os.cpu_count() or 1) as pool:
        failed = [why for _, ended, why in pool.map(attempt, SEEDS, chunksize=8) if ended is None]
    assert failed == []


def test_a_seed_is_the_same_world_every_time() -> None:
    first, again = live(17, trace=True), live(17, trace=True)
    assert first[0] == again[0]
    assert first[1].said == again[1].said


def test_the_troubles_do_happen() -> None:
    ended, _ = live(3)
    assert ended.troubles.total() > 3
    assert ended.reports > 10


def test_a_machine_s_clock_may_be_wrong_and_its_monotonic_time_goes_on() -> None:
    world = World(1)
    clock = SimulatedClock(world, epoch_ms=1_000_000)
    clock.off_ms = -3_000
    assert clock.real_ms() == 997_000
    clock.sleep(2.0)
    assert 1_990 <= clock.monotonic_ms() <= 2_010


@pytest.mark.parametrize("mutant", mutants(), ids=lambda one: one.name)
def test_every_deliberate_break_fits_the_code(mutant: Mutant) -> None:
    assert (Path(ROOT) / mutant.file).read_text("utf-8").count(mutant.old) == 1
