"""The configuration of a site: where it is, which directions are out and back, what a vehicle carries."""

from typing import Annotated

import msgspec

from collector.domain.calendar import zone_of
from edge.errors import InputError
from edge.wire.names import NAME, Name, Word

LineOfDevice = Annotated[str, msgspec.Meta(pattern=rf"^{NAME}/{NAME}$(?!\n)")]
"""`device/line`, as in `mast-1/deck`."""
Tonnes = Annotated[float, msgspec.Meta(gt=0, le=1_000)]


class Site(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One site; every key may be omitted."""

    time_zone: str | None = None
    """An IANA name; None: the one that its devices report, or UTC."""
    latitude: Annotated[float, msgspec.Meta(ge=-90, le=90)] | None = None
    longitude: Annotated[float, msgspec.Meta(ge=-180, le=180)] | None = None
    tonnes: dict[Word, Tonnes] = {}
    """The mean load of a vehicle of each class, for estimates."""
    same_lines: dict[Name, list[LineOfDevice]] = {}
    """Lines that several devices watch: name of the place -> the lines, the most reliable first."""
    out: list[Word] = []
    """Directions that are out; if none is named, the device's `a_to_b`."""
    back: list[Word] = []


def fault_of(site: Site) -> str:
    """What is wrong with the combination of keys, as a sentence; empty if nothing is."""
    if (site.latitude is None) is not (site.longitude is None):
        return "`latitude` and `longitude` go together"
    if site.time_zone is not None:
        try:
            zone_of(site.time_zone)
        except InputError as error:
            return f"time_zone: {error}"
    if both := set(site.out) & set(site.back):
        return f"`out` and `back` both name {sorted(both)[0]}"
    lines = [line for of_place in site.same_lines.values() for line in of_place]
    for line in lines:
        if lines.count(line) > 1:
            return f"same_lines: {line} stands there twice"
    return ""


UNCONFIGURED = Site()
"""For sites that the configuration does not name."""
