"""How many rows a device may add to the store, so that no device slows down or fills the collector for all."""

from collections.abc import Callable
from typing import Annotated

import msgspec

_Bound = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
_RowsBound = Annotated[int, msgspec.Meta(ge=1, le=10_000_000)]


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds of one device over its whole life, far above what a correct device needs. A report beyond them is refused
    with the reason; names that are stored already stay valid, even if a bound is lowered later."""

    lines: _Bound = 64
    directions: _Bound = 64
    """Different names of directions."""
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
    """By how much the number of a report may exceed all others of its journal: 19 years of minutes. A greater number is
    refused as wrong, because all numbers before it would count as missing."""


DEFAULTS = Limits()
RECOUNTED_AFTER = 1_000
"""After this many rows added by this collector the rows of a device are counted again: other collectors add some."""


class RowLimit:
    """How many more rows of one kind each device may bring. `count` looks up how many rows a device has.

    Counts are cached. For a device at its bound the count is looked up once a batch at most (rows may have been
    removed), and otherwise every RECOUNTED_AFTER rows.
    """

    def __init__(self, count: Callable[[int], int], at_most: int) -> None:
        self.at_most = at_most
        self._count = count
        self._known: dict[int, int] = {}
        self._trusted_to: dict[int, int] = {}
        self._looked_up: set[int] = set()

    def begin_batch(self) -> None:
        """A new transaction begins: rows that others have changed meanwhile are seen."""
        self._looked_up.clear()

    def forget(self) -> None:
        """Clear the cache."""
        self._known.clear()
        self._trusted_to.clear()
        self._looked_up.clear()

    def known(self, device_id: int) -> int:
        """The cached number of rows of a device."""
        return self._known.get(device_id, 0)

    def take(self, device_id: int) -> bool:
        """Whether the device may add one more row, which is then counted. The row of the device must be locked."""
        if self.known(device_id) >= self._trusted_to.get(device_id, 0) and device_id not in self._looked_up:
            known = self._known[device_id] = self._count(device_id)
            self._trusted_to[device_id] = min(self.at_most, known + RECOUNTED_AFTER)
            self._looked_up.add(device_id)
        if self._known[device_id] >= self.at_most:
            return False
        self._known[device_id] += 1
        return True
