"""Time zones and directions of sites, from the configuration or else from `info` of their devices."""

import difflib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from collector.domain.calendar import DAY_MS, zone_of
from collector.domain.scope import Scope
from collector.domain.sites import UNCONFIGURED, Site
from collector.protocol.device_messages import Info, decode_device_message
from collector.queries.results import Flow
from collector.store.interface import CHOSEN, Reading
from edge.errors import InputError
from edge.wire.report import ReportError

Sites = Mapping[str, Site]
"""The configured sites, by name."""
NAMED_MAX = 10
"""Names in an error message that lists what exists."""


class Directions(NamedTuple):
    """The names of the directions out and back over one line."""

    out: str
    back: str


def sites_of(reading: Reading, scope: Scope) -> list[str]:
    """The sites that have devices in the scope, sorted."""
    rows = reading.rows(
        f"SELECT DISTINCT site FROM device WHERE {CHOSEN} ORDER BY site", {"site": scope.site, "device": scope.device}
    )
    return [site for (site,) in rows]


def widest(reading: Reading, scope: Scope) -> tuple[str, str, int] | None:
    """The device with the widest reports: its site, its name, and their width in milliseconds.

    Widths above a day are ignored. Intervals shorter than the reports would mostly look unwatched, since a report
    belongs to the interval in which it begins.
    """
    rows = reading.rows(
        f"SELECT site, device, newest_width_ms FROM device WHERE {CHOSEN} AND newest_width_ms <= {DAY_MS}"
        " ORDER BY newest_width_ms DESC, site, device LIMIT 1",
        {"site": scope.site, "device": scope.device},
    )
    return rows[0] if rows else None


def check_scope(reading: Reading, scope: Scope) -> None:
    """InputError for a site, a device or a line that never reported, with the names that exist."""
    devices = reading.rows("SELECT site, device FROM device ORDER BY site, device", {})
    _check("site", scope.site, [site for site, _ in devices], "")
    of_site = f" at {scope.site}" if scope.site is not None else ""
    devices = [row for row in devices if scope.site in (None, row[0])]
    _check("device", scope.device, [device for _, device in devices], of_site)
    if scope.line is not None:
        rows = reading.rows(
            f"SELECT DISTINCT line FROM series JOIN device ON device.id = device_id WHERE {CHOSEN} ORDER BY line",
            {"site": scope.site, "device": scope.device},
        )
        _check("line", scope.line, [line for (line,) in rows], of_site)


def _check(what: str, name: str | None, there: Sequence[str], where: str) -> None:
    if name is None or name in there:
        return
    known = list(dict.fromkeys(there))
    if not known:
        raise InputError(f"there is no {what} {name!r}{where}: nothing was heard yet")
    near = sorted(difflib.get_close_matches(name, known, n=NAMED_MAX)) or known[:NAMED_MAX]
    more = f" and {len(known) - len(near)} more" if len(near) < len(known) else ""
    raise InputError(f"there is no {what} {name!r}{where}; there is {', '.join(near)}{more}")


def time_zone_of(reading: Reading, site: str, sites: Sites) -> str:
    """The site's IANA zone: as configured, or as its devices report (of several, the first by name), or UTC."""
    configured = sites.get(site, UNCONFIGURED).time_zone
    if configured is not None:
        return configured
    for info in _infos(reading, Scope(site=site)).values():
        try:
            zone_of(info.time_zone)
        except InputError:
            continue
        return info.time_zone
    return "UTC"


def directions_of(reading: Reading, site: str, sites: Sites) -> Mapping[tuple[str, str], Directions]:
    """By (device, line): what is out and back, for all lines of a site with two directions.

    As configured; else `a_to_b` of the device is out; else the first of the two names in the alphabet.
    """
    told = sites.get(site, UNCONFIGURED)
    words: dict[tuple[str, str], list[str]] = {}
    rows = reading.rows(
        "SELECT DISTINCT device, line, direction FROM series JOIN device ON device.id = device_id"
        " WHERE site = :site ORDER BY device, line, direction",
        {"site": site},
    )
    for device, line, word in rows:
        words.setdefault((device, line), []).append(word)
    infos = _infos(reading, Scope(site=site))
    found = {}
    for (device, line), of_line in words.items():
        out = [word for word in of_line if word in told.out]
        back = [word for word in of_line if word in told.back]
        info = infos.get((site, device))
        of_device = info.lines.get(line) if info is not None else None
        if out and back:
            found[device, line] = Directions(out[0], back[0])
        elif of_device is not None and {of_device.a_to_b, of_device.b_to_a} <= set(of_line):
            found[device, line] = Directions(of_device.a_to_b, of_device.b_to_a)
        elif len(of_line) == 2:
            found[device, line] = Directions(*of_line)
    return found


def of_place(directions: Mapping[tuple[str, str], Directions], flow: Flow, site: Site) -> Directions | None:
    """The directions of a flow of `counts.places`, whose line may be the name of a place."""
    if flow.device:
        return directions.get((flow.device, flow.line))
    lines = [line.split("/") for line in site.same_lines.get(flow.line, [])]
    return next((found for device, line in lines if (found := directions.get((device, line)))), None)


def _infos(reading: Reading, scope: Scope) -> dict[tuple[str, str], Info]:
    rows = reading.rows(
        "SELECT site, device, payload FROM said JOIN device ON device.id = device_id"
        f" WHERE channel = 'info' AND {CHOSEN} ORDER BY site, device",
        {"site": scope.site, "device": scope.device},
    )
    found = {}
    for site, device, payload in rows:
        try:
            found[site, device] = decode_device_message(bytes(payload), Info)
        except (ReportError, msgspec.MsgspecError):
            continue  # stored by another version; the defaults apply
    return found
