"""Warnings about a valid configuration, and sentences on what to expect from it."""

import math
import re

from edge.config.schema import STILL, Camera, Config, Reporting, Zone
from edge.config.shapes import points_along, points_of
from edge.counting.ground_plane import plane_through, polygon_area
from edge.counting.tracking import sizes_per_interval
from edge.counting.zone import Zone as QueueZone
from edge.redaction import masked

LOW_RATE = 3.0
"""Frames a second, below which a tenth of the vehicles or more is missed; see docs/recordings.md."""


def warnings_of(config: Config) -> list[str]:
    """Warnings about what is allowed but counts badly."""
    found = []
    if config.report.every_s < 10:
        found.append(
            f"report.every_s is {config.report.every_s}: shorter than most vehicles take to cross the picture, "
            "so a crossing may be reported in the bucket after its own"
        )
    if config.mqtt is not None and not config.mqtt.tls and config.mqtt.host not in {"127.0.0.1", "localhost", "::1"}:
        found.append(f"mqtt.tls is off for {config.mqtt.host}: anybody on the way can read and change the counts")
    for name, line in config.lines.items():
        edge = min(min(x, y, 1 - x, 1 - y) for x, y in points_along(points_of(name, line)))
        if edge < 0.05:
            found.append(
                f"lines.{name} runs within 5% of the edge of the picture: vehicles are cut off there and counts suffer"
            )
        for mask, polygon in config.masks.items():
            if any(QueueZone(mask, polygon).holds(place) for place in points_along(points_of(name, line))):
                found.append(f"lines.{name} runs through masks.{mask}: what stands in a mask is not counted")
    for name, zone in config.zones.items():
        if min(min(x, y, 1 - x, 1 - y) for x, y in zone.polygon) < 0.02:
            found.append(
                f"zones.{name} reaches the edge of the picture: vehicles are lost from sight there, not seen to leave"
            )
    if config.camera is not None:
        found += _camera_warnings(config.camera)
    return found


def _camera_warnings(camera: Camera) -> list[str]:
    found = []
    if camera.every_s is None and camera.frames_per_second < LOW_RATE:
        found.append(
            f"camera.frames_per_second is {camera.frames_per_second:g}: many vehicles are missed below {LOW_RATE:g}; "
            + explain_rate(camera.frames_per_second)
        )
    if camera.every_s is None and STILL.fullmatch(camera.url):
        found.append("camera.url looks like a still picture: say camera.every_s, the seconds from one to the next")
    if masked(camera.url) != camera.url:
        found.append("camera.url holds a password: say username and password_file or password_credential instead")
    if camera.url.startswith("http://") and camera.username:
        found.append("camera.url is http: anybody on the way can read the password and the picture")
    if re.search(r"stream1\b|/101\b|subtype=0\b|main", camera.url):
        found.append(
            "camera.url looks like a main stream: 4K costs a small board its processor to decode and counts no better; "
            "take the second stream, some 640 to 1280 pixels wide"
        )
    return found


def explain_stills(camera: Camera, report: Reporting) -> str:
    """One sentence on what a still camera can report."""
    assert camera.every_s is not None, "asked of stills"
    vouches_s = camera.vouches_ms / 1000
    return (
        f"camera: a still every {camera.every_s:g} s, each vouching for {vouches_s:g} s after it, so that at most "
        f"{min(vouches_s / camera.every_s, 1.0):.0%} of the time is watched; a report of {report.every_s} s stands on "
        f"{report.every_s / camera.every_s:.3g} of them and is partial or blind, never ok; who crosses, comes, leaves "
        "or waits is not told"
    )


def explain_rate(frames_per_second: float) -> str:
    """One sentence on how fast vehicles may be at this rate."""
    reach = sizes_per_interval(1.0 / frames_per_second)
    if not reach:
        return f"at {frames_per_second:.3g} frames/s frames are too far apart to follow any vehicle that moves"
    return (
        f"at {frames_per_second:.3g} frames/s a vehicle is followed if it moves up to {reach:.2g} of its own sizes "
        f"from one frame to the next ({reach * frames_per_second:.2g} a second), less than the distance to the vehicle "
        "behind it, and is seen in two frames or more"
    )


def explain_zone(name: str, zone: Zone, *, stills: bool = False) -> str:
    """One sentence on what a zone reports; on `stills` parked vehicles are not known."""
    sentence = (
        f"zones.{name} ({len(zone.polygon)} corners, {polygon_area(zone.polygon):.1%} of the picture): "
        f"a vehicle stands once it stayed in one place for {zone.standing_after_s:g} s"
    )
    if not stills:
        sentence += (
            f", and is parked once it stood for {zone.parked_after_s:g} s and {zone.parked_after_passed} that came "
            "after it have left"
        )
    if zone.plane is None:
        return f"{sentence}; queue_m is null: the length of the queue needs a plane"
    plane = plane_through(zone.plane.points, zone.plane.metres)
    assert plane is not None, "the configuration was checked"
    places = [place for corner in zone.polygon if (place := plane.metres(corner)) is not None]
    longest_m = max(math.dist(p, q) for p in places for q in places)
    return f"{sentence}; on the ground it is {longest_m:.1f} m from one corner to the farthest other"
