"""How much of its own a device may bring into the store, so that none slows down or fills the centre for all."""

from typing import Annotated

import msgspec

_Bound = Annotated[int, msgspec.Meta(ge=1, le=100_000)]


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
    leap: Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)] = 10_000_000
    """Numbers by which a report may be ahead of all others of its journal: 19 years of minutes. Beyond it the number is
    taken for nonsense, because all before it would count as missing."""


DEFAULTS = Limits()
