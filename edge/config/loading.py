"""Reads a configuration file, and says in one sentence what is wrong with it."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from edge import typed_yaml
from edge.config.schema import Camera, Config, Mqtt, Place, Zone
from edge.config.shapes import AREA_MIN, points_of, self_crossing
from edge.counting.ground_plane import plane_through, polygon_area
from edge.errors import InputError
from edge.redaction import masked


def load_config(path: str | Path) -> Config:
    """Read and check a configuration; InputError with one sentence if anything is wrong."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; a configuration (YAML) is expected") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not YAML: {error}") from error
    raw = read_yaml(text, str(path))
    try:
        return parse_config(raw)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def read_yaml(text: str, name: str) -> Any:
    """Parse a YAML text; InputError, beginning with `name`, if it is none or gives a key twice."""
    try:
        return typed_yaml.read_yaml(text, name)
    except typed_yaml.WrongError as error:
        raise InputError(str(error)) from error


def parse_config(raw: Any) -> Config:
    """Check a parsed document; InputError with one sentence if anything is wrong."""
    if not isinstance(raw, dict):
        raise InputError(f"keys and values are expected, not {typed_yaml.shown(raw)}")
    try:
        config = typed_yaml.convert(raw, Config)
    except typed_yaml.WrongError as error:
        raise InputError(str(error)) from error
    try:
        ZoneInfo(config.time_zone)
    except (KeyError, ValueError, OSError) as error:
        raise InputError(f"time_zone is {config.time_zone!r}; a name such as Asia/Shanghai is allowed") from error
    if not config.lines and not config.zones:
        raise InputError("lines and zones are missing; one counting line or one zone at least is needed")
    if config.camera is not None:
        _check_address(config.camera.url)
    _check_still(config)
    _check_password("camera", config.camera)
    _check_password("mqtt", config.mqtt)
    for name, line in config.lines.items():
        points_of(name, line)
        if line.a_to_b == line.b_to_a:
            raise InputError(f"lines.{name}: a_to_b and b_to_a are both {line.a_to_b!r}; two words are needed")
    for name, zone in config.zones.items():
        _check_zone(name, zone)
    for name in config.convoys.lines:
        if name not in config.lines:
            raise InputError(f"convoys.lines names {name!r}; allowed are the lines: {', '.join(config.lines)}")
    for name, mask in config.masks.items():
        _check_polygon(f"masks.{name}", mask)
    return config


def _check_address(url: str) -> None:
    """InputError if no camera can have this address."""
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):/", url)
    if scheme is not None and not re.match(r"(?:rtsps?|https?)://[^/]", url.lower()):
        raise InputError(
            f"camera.url is {masked(url)!r}; allowed are rtsp://, rtsps://, http:// and https:// with a host"
        )
    if scheme is not None:
        try:
            urlsplit(url).port  # noqa: B018  # reading it is what checks it
        except ValueError as error:
            reason = (
                "its port is none: a number from 1 to 65535 is allowed, and %40, %2F, %3A for @, / and : of a password"
            )
            raise InputError(f"camera.url is {masked(url)!r}; {reason}") from error


def _check_still(config: Config) -> None:
    """InputError if stills are configured for a camera without them, or for what stills cannot tell."""
    camera = config.camera
    if camera is None:
        return
    if camera.every_s is None:
        for key in ("vouches_s", "ca_file"):
            if getattr(camera, key):
                raise InputError(f"camera.{key} is for a still picture; say camera.every_s as well")
        return
    if not re.match("https?://", camera.url, re.IGNORECASE):
        raise InputError(
            f"camera.every_s is for a still picture, but camera.url is {typed_yaml.shown(camera.url)}; an http:// or "
            "https:// address is allowed"
        )
    if camera.vouches_s is not None and camera.vouches_s > camera.every_s:
        raise InputError(
            f"camera.vouches_s is {camera.vouches_s:g}; allowed is at most camera.every_s, which is {camera.every_s:g}"
        )
    if config.lines:
        raise InputError(
            "lines: a still picture (camera.every_s) cannot tell who crosses a line; leave lines out, and draw zones"
        )


def _check_password(where: str, access: Camera | Mqtt | None) -> None:
    """InputError if a password would be silently ignored."""
    if access is None or not (access.password_file or access.password_credential):
        return
    if access.password_file and access.password_credential:
        raise InputError(f"{where} has a password_file and a password_credential; one of them is allowed")
    if not access.username:
        raise InputError(f"{where} has a password and no username; say whose it is")


def _check_zone(name: str, zone: Zone) -> None:
    """InputError if the zone has no area, or its plane is none."""
    _check_polygon(f"zones.{name}.polygon", zone.polygon)
    if zone.plane is None:
        return
    plane = plane_through(zone.plane.points, zone.plane.metres)
    if plane is None:
        raise InputError(
            f"zones.{name}.plane: points and metres must be four corners of one quadrangle, in the same order, "
            "no three of them on a straight line"
        )
    for x, y in zone.polygon:
        if plane.metres((x, y)) is None:
            raise InputError(
                f"zones.{name}.plane: the corner [{x:g}, {y:g}] of the polygon lies beyond the horizon of that plane"
            )


def _check_polygon(where: str, corners: Sequence[Place]) -> None:
    """InputError if these are not the corners of a region."""
    if polygon_area(corners) < AREA_MIN:
        raise InputError(f"{where} has next to no area; the corners of a region, in order, are expected")
    if crossed := self_crossing((*corners, corners[0])):
        raise InputError(f"{where} crosses itself ({crossed}); the corners of a region, in order, are expected")
