"""Optimal one-to-one assignment of rows to columns when most pairs are impossible.

Only the pairs inside a gate are given. They fall apart into small connected groups; a group of one pair is
settled at once and the rest by shortest augmenting paths, so that the cost follows the ambiguity of a scene
and not the number of vehicles in it.
"""

from collections.abc import Iterable
from math import inf

Pair = tuple[int, int, float]
"""Row, column, cost."""


def assign(pairs: Iterable[Pair], cost_unassigned: float) -> list[tuple[int, int]]:
    """Pairs (row, column), ascending, that make the total cost least.

    A row left alone costs `cost_unassigned`; a pair that costs as much or more is never made. Among equal
    totals the choice follows the order of row and column numbers, so equal input gives equal output.
    """
    affordable = sorted(pair for pair in pairs if pair[2] < cost_unassigned)
    if not affordable:
        return []
    chosen: list[tuple[int, int]] = []
    for group in _connected(affordable):
        if len(group) == 1:
            chosen.append(group[0][:2])
        else:
            chosen.extend(_shortest_augmenting_paths(group, cost_unassigned))
    chosen.sort()
    return chosen


def _connected(pairs: list[Pair]) -> list[list[Pair]]:
    """The pairs in groups that share no row and no column."""
    parent: dict[int, int] = {}  # rows as they are, columns as ~column

    def root(node: int) -> int:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for row, column, _ in pairs:
        parent[root(row)] = root(~column)
    groups: dict[int, list[Pair]] = {}
    for pair in pairs:
        groups.setdefault(root(pair[0]), []).append(pair)
    return list(groups.values())


def _shortest_augmenting_paths(pairs: list[Pair], cost_unassigned: float) -> list[tuple[int, int]]:
    """Hungarian method with potentials over a dense matrix of one group (Jonker and Volgenant 1987).

    Each row has a column of its own that stands for "unassigned", so a full matching always exists.
    """
    rows = sorted({pair[0] for pair in pairs})
    columns = sorted({pair[1] for pair in pairs})
    row_at = {row: i for i, row in enumerate(rows)}
    column_at = {column: j for j, column in enumerate(columns)}
    width = len(columns) + len(rows)
    cost = [[inf] * width for _ in rows]
    for i in range(len(rows)):
        cost[i][len(columns) + i] = cost_unassigned
    for row, column, value in pairs:
        cost[row_at[row]][column_at[column]] = value

    row_potential = [0.0] * len(rows)
    column_potential = [0.0] * (width + 1)
    row_of_column = [-1] * (width + 1)  # the last place holds the row being placed
    for start in range(len(rows)):
        row_of_column[width] = start
        j = width
        distance = [inf] * width
        previous = [width] * width
        done = [False] * (width + 1)
        while row_of_column[j] >= 0:
            done[j] = True
            i = row_of_column[j]
            step, j_next = inf, -1
            line, potential = cost[i], row_potential[i]
            for k in range(width):
                if done[k]:
                    continue
                reduced = line[k] - potential - column_potential[k]
                if reduced < distance[k]:
                    distance[k] = reduced
                    previous[k] = j
                if distance[k] < step:
                    step, j_next = distance[k], k
            for k in range(width):
                if done[k]:
                    row_potential[row_of_column[k]] += step
                    column_potential[k] -= step
                else:
                    distance[k] -= step
            row_potential[start] += step
            j = j_next
        while j != width:
            row_of_column[j] = row_of_column[previous[j]]
            j = previous[j]
    return [(rows[row_of_column[j]], columns[j]) for j in range(len(columns)) if row_of_column[j] >= 0]
