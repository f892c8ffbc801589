"""How much of its own a device may bring into the store, so that none slows down or fills the centre for all."""

from collections.abc import Callable
from typing import Annotated

import msgspec

_Bound = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
_RowsBound = Annotated[int, msgspec.Meta(ge=1, le=10_000_000)]


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of one device, over all its years: far beyond what an honest one has. A report beyond them is refused, and why
    is told; what was stored before stays and goes on, also where a bound was lowered since."""

    lines: _Bound = 64
    directions: _Bound = 64
    """Different words for directions."""
    classes: _Bound = 64
    zones: _Bound = 64
    series: _Bound = 1_024
    """Combinations of line, direction and class."""
    layouts: _Bound = 256
    """Different sets of lines, directions and classes: one for each time that they were changed."""
    runs: _RowsBound = 100_000
    """One for each start of the device that reported, and one for each recording that was replayed under its name."""
    overlapping: _RowsBound = 100_000
    """Reports that are set aside because another device of the same name had watched the same time: ten weeks of two
    devices that report once a minute."""
    leap: Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)] = 10_000_000
    """Numbers by which a report may be ahead of all others of its journal: 19 years of minutes. Beyond it the number is
    taken for nonsense, because all before it would count as missing."""


DEFAULTS = Limits()
RECOUNTED_AFTER = 1_000
"""Rows of our own after which those of a device are counted anew: other collectors add some as well."""


class RowLimit:
    """How many more rows of one kind each device may bring. `count` looks up how many rows a device has.

    A count is remembered. It is looked up once a batch at most for a device that is at its bound (rows may have been
    taken away), and otherwise every RECOUNTED_AFTER rows.
    """

    def __init__(self, count: Callable[[int], int], at_most: int) -> None:
        self.at_most = at_most
        self._count = count
        self._known: dict[int, int] = {}
        self._trusted_to: dict[int, int] = {}
        self._looked_up: set[int] = set()

    def begin_batch(self) -> None:
        """Another transaction: what others did since then is seen."""
        self._looked_up.clear()

    def forget(self) -> None:
        """Count everything anew."""
        self._known.clear()
        self._trusted_to.clear()
        self._looked_up.clear()

    def known(self, device_id: int) -> int:
        """How many rows the device has, as far as is known."""
        return self._known.get(device_id, 0)

    def take(self, device_id: int) -> bool:
        """Whether the device may bring one row more, which then counts. The device is held."""
        if self.known(device_id) >= self._trusted_to.get(device_id, 0) and device_id not in self._looked_up:
            known = self._known[device_id] = self._count(device_id)
            self._trusted_to[device_id] = min(self.at_most, known + RECOUNTED_AFTER)
            self._looked_up.add(device_id)
        if self._known[device_id] >= self.at_most:
            return False
        self._known[device_id] += 1
        return True
