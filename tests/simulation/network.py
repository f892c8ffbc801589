"""Wires between clients and the broker: they delay, break with what is on its way, and go silent. In order, as
TCP is."""

from collections.abc import Callable
from typing import Any, Protocol

from tests.simulation.world import World


class End(Protocol):
    """One end of a wire."""

    def broken(self) -> None:
        """It notices that the wire is dead."""
        ...


class Pipe:
    """One way of a wire."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._last_ms = 0
        self.silent_until_ms = 0
        self.cut = False

    def send(self, deliver: Callable[..., None], *given: Any) -> None:
        """It arrives later, after what was sent before, or never."""
        if self.cut:
            return
        delay_ms = self._world.chance.choice((1, 5, 5, 20, 20, 60, 200)) if not self._world.calm else 5
        at_ms = max(self._last_ms, self._world.now_ms + delay_ms, self.silent_until_ms)
        self._last_ms = at_ms
        self._world.at(at_ms, self._arrive, deliver, given)

    def _arrive(self, deliver: Callable[..., None], given: tuple[Any, ...]) -> None:
        if not self.cut:
            deliver(*given)


class Wire:
    """Two pipes; either end may be gone without the other knowing."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.up = Pipe(world)
        self.down = Pipe(world)
        self.client: End | None = None
        self.server: End | None = None

    def break_down(self, *, client_ms: int, server_ms: int) -> None:
        """What is on its way is lost; the ends notice so much later."""
        if self.up.cut:
            return
        self.up.cut = self.down.cut = True
        for end, wait_ms in ((self.client, client_ms), (self.server, server_ms)):
            if end is not None:
                self._world.after(wait_ms, end.broken)

    def fall_silent(self, for_ms: int) -> None:
        """Nothing arrives for so long, then everything."""
        self.up.silent_until_ms = self.down.silent_until_ms = self._world.now_ms + for_ms
