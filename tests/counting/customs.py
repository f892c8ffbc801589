# ruff: noqa: T201 - a command prints
"""A simulated customs post: vehicles queue, and are released in batches with pauses, or one by one.

    python -m tests.counting.customs [--seeds 200-219]

prints, seed by seed, in how many minutes the 80% interval of the expected wait held. Everything follows from the seed.
Times are in milliseconds from 0.
"""

import argparse
from bisect import bisect_right
from dataclasses import dataclass
from math import exp, pi, sin
from random import Random
from typing import Literal, get_args

from edge.counting.expected_wait import QueueService

HOUR_MS = 3_600_000
MINUTE_MS = 60_000
TICK_MS = 10_000
Kind = Literal["batches", "one by one"]
KINDS: tuple[Kind, ...] = get_args(Kind)
CLEARS_MS = {"truck": 15_000, "bus": 10_000, "car": 6_000}
"""How long a released vehicle takes to leave the zone before the next one does."""


@dataclass(frozen=True)
class Release:
    """So many vehicles may go from then on; those that come later wait for the next one."""

    at_ms: float
    vehicles: int


class Customs:
    """One post over `hours`. `arrivals` and `departures` are times in order, and nobody overtakes."""

    def __init__(self, seed: int, kind: Kind = "batches", hours: int = 24) -> None:
        chance = Random(seed)
        self.end_ms = hours * HOUR_MS
        self.releases = _releases(chance, kind, self.end_ms + 24 * HOUR_MS)
        capacity = sum(one.vehicles for one in self.releases if one.at_ms < self.end_ms)
        use, phase = chance.uniform(0.8, 1.05), chance.uniform(0, 2 * pi)
        self.arrivals: list[tuple[float, str]] = []
        at_ms = 0.0
        while at_ms < self.end_ms:
            busy = 1 + 0.4 * sin(2 * pi * at_ms / (24 * HOUR_MS) + phase)
            at_ms += chance.expovariate(use * capacity / self.end_ms * busy)
            self.arrivals.append((at_ms, chance.choices(("truck", "bus", "car"), (6, 1, 3))[0]))
        self._times = [at_ms for at_ms, _ in self.arrivals]
        self.departures: list[float] = []
        self._admitted: list[int] = []  # how many in all, after each release
        for release in self.releases:
            before = self._admitted[-1] if self._admitted else 0
            there = bisect_right(self._times, release.at_ms)
            self._admitted.append(min(there, before + release.vehicles))
            at_ms = max(release.at_ms, self.departures[-1] if self.departures else 0.0)
            for _, label in self.arrivals[before : self._admitted[-1]]:
                at_ms += CLEARS_MS[label]
                self.departures.append(at_ms)

    def inside(self, now_ms: float) -> int:
        """How many are there."""
        return bisect_right(self._times, now_ms) - bisect_right(self.departures, now_ms)

    def left(self, now_ms: float) -> int:
        """How many have left so far."""
        return bisect_right(self.departures, now_ms)

    def wait_ms(self, now_ms: float) -> float:
        """How long a truck waits that joins the queue now, behind all who are there."""
        first = bisect_right([one.at_ms for one in self.releases], now_ms)
        arrived = bisect_right(self._times, now_ms)
        number = first
        admitted = self._admitted[first - 1] if first else 0
        while admitted + self.releases[number].vehicles <= arrived:
            admitted += self.releases[number].vehicles
            number += 1
        before = self.departures[arrived - 1] if arrived else 0.0
        return max(self.releases[number].at_ms, before) + CLEARS_MS["truck"] - now_ms


def judged(customs: Customs, *, from_ms: int = 3 * HOUR_MS) -> tuple[int, int, int]:
    """Of the minutes with a queue: how many have an interval, of how many it holds, and how many have none."""
    service, told, held, unknown, left = QueueService(), 0, 0, 0, 0
    for now_ms in range(0, customs.end_ms, TICK_MS):
        inside = customs.inside(now_ms)
        service.update(now_ms, inside, customs.left(now_ms) - left)
        left = customs.left(now_ms)
        if now_ms % MINUTE_MS or now_ms < from_ms or not inside:
            continue
        expected = service.expected()
        if expected is None:
            unknown += 1
        else:
            told += 1
            held += expected.p10 <= customs.wait_ms(now_ms) <= expected.p90
    return told, held, unknown


def _releases(chance: Random, kind: Kind, end_ms: int) -> list[Release]:
    every_ms = 60_000 * chance.choice((8, 12, 15, 20, 30)) if kind == "batches" else 60_000
    vehicles, spread = (chance.choice((4, 6, 8, 12)), 0.35) if kind == "batches" else (1, 0.6)
    found: list[Release] = []
    at_ms, pause_ms = chance.uniform(0, 900_000), chance.uniform(2, 5) * HOUR_MS
    while at_ms < end_ms:
        some = max(1, round(chance.gauss(vehicles, 0.3 * vehicles))) if kind == "batches" else 1
        found.append(Release(at_ms, some))
        at_ms += every_ms * exp(chance.gauss(0, spread))
        if at_ms > pause_ms:
            at_ms += chance.uniform(20, 50) * 60_000
            pause_ms = at_ms + chance.uniform(2, 5) * HOUR_MS
    return found


def main() -> None:
    """Judge seeds of both kinds."""
    parser = argparse.ArgumentParser(prog="python -m tests.counting.customs", description=__doc__.split("\n\n", 1)[0])
    parser.add_argument("--seeds", default="200-219", metavar="FIRST-LAST")
    first, last = map(int, parser.parse_args().seeds.split("-"))
    for kind in KINDS:
        sums = [0, 0, 0]
        for seed in range(first, last + 1):
            found = judged(Customs(seed, kind))
            sums = [one + more for one, more in zip(sums, found, strict=True)]
            print(
                f"{kind}, seed {seed}: holds in {_share(found[1], found[0])} of {found[0]} minutes, {found[2]} unknown"
            )
        print(f"{kind}: holds in {_share(sums[1], sums[0])}; unknown in {_share(sums[2], sums[0] + sums[2])}")


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


if __name__ == "__main__":
    main()
