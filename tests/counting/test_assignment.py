"""The assignment costs the least there is, whatever the order in which the pairs are told."""

from itertools import permutations
from math import fsum
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.counting.assignment import Pair, assign

ALONE = 10.0

places = st.tuples(st.integers(0, 4), st.integers(0, 4))
costs = st.floats(-20.0, 20.0)
problems = st.dictionaries(places, costs).map(lambda found: [(row, column, c) for (row, column), c in found.items()])
ties = st.dictionaries(places, st.sampled_from((1.0, 2.0))).map(
    lambda found: [(row, column, c) for (row, column), c in found.items()]
)


def cost_of(pairs: list[Pair], made: list[tuple[int, int]]) -> float:
    """What an assignment costs, rows left alone included."""
    cost = {(row, column): value for row, column, value in pairs}
    rows = {row for row, _, _ in pairs}
    return fsum(cost[place] for place in made) + ALONE * (len(rows) - len(made))


def least_cost(pairs: list[Pair]) -> float:
    """By trying every assignment there is."""
    cost = {(row, column): value for row, column, value in pairs}
    rows = sorted({row for row, _, _ in pairs})
    columns = [*{column for _, column, _ in pairs}, *(-1 - row for row in rows)]
    return min(
        fsum(cost.get((row, column), ALONE) for row, column in zip(rows, choice, strict=True))
        for choice in permutations(columns, len(rows))
    )


@given(problems)
def test_no_other_assignment_costs_less(pairs: list[Pair]) -> None:
    made = assign(pairs, ALONE)
    assert cost_of(pairs, made) == pytest.approx(least_cost([p for p in pairs if p[2] < ALONE]) + _alone(pairs))


def _alone(pairs: list[Pair]) -> float:
    """What the rows cost that can be paired with nothing."""
    affordable = {row for row, _, cost in pairs if cost < ALONE}
    return ALONE * len({row for row, _, _ in pairs} - affordable)


@given(problems)
def test_each_row_and_column_is_taken_once_and_only_by_pairs_that_pay(pairs: list[Pair]) -> None:
    made = assign(pairs, ALONE)
    assert made == sorted(made)
    assert len({row for row, _ in made}) == len({column for _, column in made}) == len(made)
    assert set(made) <= {(row, column) for row, column, cost in pairs if cost < ALONE}


@given(st.one_of(problems, ties), st.randoms(use_true_random=False))
def test_the_order_of_the_pairs_decides_nothing(pairs: list[Pair], chance: Random) -> None:
    shuffled = list(pairs)
    chance.shuffle(shuffled)
    assert assign(shuffled, ALONE) == assign(pairs, ALONE)


@given(problems, st.permutations(range(5)), st.permutations(range(5)))
def test_numbering_rows_and_columns_otherwise_costs_the_same(
    pairs: list[Pair], rows: list[int], columns: list[int]
) -> None:
    renamed = [(rows[row], columns[column], cost) for row, column, cost in pairs]
    assert cost_of(renamed, assign(renamed, ALONE)) == pytest.approx(cost_of(pairs, assign(pairs, ALONE)))


def test_nothing_is_assigned_when_nothing_is_offered() -> None:
    assert assign([], ALONE) == []


def test_a_pair_that_costs_as_much_as_being_alone_is_not_made() -> None:
    assert assign([(0, 0, ALONE)], ALONE) == []
    assert assign([(0, 0, ALONE - 0.001)], ALONE) == [(0, 0)]


def test_the_nearest_pair_gives_way_when_the_total_is_less() -> None:
    greedy_would_take_0_0 = [(0, 0, 1.0), (0, 1, 2.0), (1, 0, 2.0)]
    assert assign(greedy_would_take_0_0, ALONE) == [(0, 1), (1, 0)]


def test_a_row_stays_alone_when_another_makes_better_use_of_its_column() -> None:
    assert assign([(0, 7, 3.0), (1, 7, 2.0)], ALONE) == [(1, 7)]


def test_a_chain_of_two_hundred_gives_way_from_end_to_end() -> None:
    chain = [(i, i, 5.0) for i in range(200)] + [(i + 1, i, 1.0) for i in range(199)] + [(0, 200, 5.0)]
    assert assign(chain, ALONE) == sorted([(0, 200), *((i + 1, i) for i in range(199))])
