"""Chance, time and what is to happen when: all of a simulated world follows from its seed, without
threads.

Whoever is simulated asks the world before each thing that can go wrong (`hazard`), and the world may end that process
there and then by raising Killed, which no code of ours catches.
"""

import heapq
import random
from collections.abc import Callable
from typing import Any


class Killed(BaseException):  # not an error: nobody is to catch it
    """The process ends between two statements."""


class World:
    """Virtual time in milliseconds, events in its order, and chance from `seed`."""

    def __init__(self, seed: int, *, trace: bool = False) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.now_ms = 0
        self.calm = False
        self.calm_turn_ms = 10_000
        """How often a process looks around while nothing happens to it, and its camera gives a frame, in the calm."""
        self.said: list[str] | None = [] if trace else None
        self._events: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = 0

    def at(self, at_ms: int, action: Callable[..., None], *given: Any) -> None:
        """Do this then; what is due at one moment happens in the order in which it was asked for."""
        self._count += 1
        heapq.heappush(self._events, (max(at_ms, self.now_ms), self._count, action, given))

    def after(self, wait_ms: float, action: Callable[..., None], *given: Any) -> None:
        """Do this so much later."""
        self.at(self.now_ms + int(wait_ms), action, *given)

    def run_until(self, until_ms: int, *, stop: Callable[[], bool] = lambda: False) -> None:
        """Let everything happen that is due until then, or until `stop`."""
        while self._events and self._events[0][0] <= until_ms and not stop():
            self.now_ms, _, action, given = heapq.heappop(self._events)
            action(*given)
        if not stop():
            self.now_ms = max(self.now_ms, until_ms)

    def happens(self, share: float) -> bool:
        """A trouble that happens so often, while the world is not calm."""
        return not self.calm and self.chance.random() < share

    def tell(self, sentence: str) -> None:
        """For a person who looks for the cause of a failing seed."""
        if self.said is not None:
            self.said.append(f"{self.now_ms / 1000:10.3f} {sentence}")


class SimulatedClock:
    """A machine's clock: its real time is off, drifts, and steps; its monotonic time drifts with it."""

    def __init__(self, world: World, *, epoch_ms: int) -> None:
        self._world = world
        self._epoch_ms = epoch_ms
        self.off_ms = 0
        self.drift = world.chance.uniform(-1e-4, 1e-4)

    def real_ms(self) -> int:
        """Milliseconds UTC, as this machine believes."""
        return max(0, self._epoch_ms + self.off_ms + self.monotonic_ms())

    def monotonic_ms(self) -> int:
        """Since the world began."""
        return int(self._world.now_ms * (1.0 + self.drift))

    def sleep(self, seconds: float) -> None:
        """Let the world go on meanwhile."""
        self._world.run_until(self._world.now_ms + int(seconds * 1000))
