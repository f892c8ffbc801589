"""`crossing-edge check`: what is wrong with a configuration, what is in force, and whether camera and broker work."""

import json
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import yaml

from edge.build.live import open_camera
from edge.build.publishing import broker_of
from edge.build.stages import NOMINAL_SIZE, build_detector, build_second_look, check_files, explain_cost
from edge.clock import SystemClock
from edge.config.advice import explain_rate, explain_stills, explain_zone, warnings_of
from edge.config.loading import load_config
from edge.config.schema import Camera as CameraConfig
from edge.config.schema import Config, Mqtt
from edge.delivery.connection import Accepted, Connection, Ended, SubscriptionRefused, UnreachableError
from edge.errors import CrossingError, InputError
from edge.redaction import masked
from edge.vision.capture import Source
from edge.wire.topics import topic_of

FRAMES = 20
"""So many frames of the camera tell how fast they come."""
CAMERA_S = 5.0
"""So long they may take after the first."""
LARGE_PX = 1_920
"""A wider picture costs a small board more to decode than to look at."""
BROKER_S = 10.0


def run_check(path: Path, *, as_json: bool, try_it: bool) -> int:
    """Print what is in force, and return the exit code: 1 where camera or broker were tried and do not work.

    InputError where something is wrong with the configuration, or with a file that it names.
    """
    config = load_config(path)
    check_files(config)
    if config.camera is not None and Source(config.camera.url).kind == "file" and not Path(config.camera.url).is_file():
        raise InputError(
            f"camera.url is {masked(config.camera.url)!r}, which is no file; allowed are rtsp://..., http://...,"
            " /dev/video0, csi:0 and the path of a video"
        )
    build_detector(config, *NOMINAL_SIZE)  # a model that is not what its manifest says is told now, not at the bridge
    build_second_look(config, *NOMINAL_SIZE)
    warnings = warnings_of(config)
    effective = msgspec.to_builtins(config)
    if config.camera is not None:
        effective["camera"]["url"] = masked(config.camera.url)
    tried = try_all(config) if try_it else {}
    if as_json:
        sentence = {"configuration": effective, "sha256": config.sha256, "warnings": warnings}
        print(json.dumps(sentence | ({"tried": tried} if try_it else {}), sort_keys=True))
    else:
        print(yaml.safe_dump(effective, sort_keys=False, allow_unicode=True, default_flow_style=None).rstrip())
        stills = config.camera is not None and config.camera.every_s is not None
        if config.camera is not None and stills:
            print(explain_stills(config.camera, config.report), file=sys.stderr)
        elif config.camera is not None:
            print(f"camera: {explain_rate(config.camera.frames_per_second)}", file=sys.stderr)
        for name, zone in config.zones.items():
            print(explain_zone(name, zone, stills=stills), file=sys.stderr)
        print(explain_cost(config), file=sys.stderr)
        for warning in warnings:
            print(f"warning: {warning}", file=sys.stderr)
        for part, found in tried.items():
            print(f"{part}: {'works' if found['works'] else 'does not work'}: {found['sentence']}", file=sys.stderr)
        print(f"{path} is in order", file=sys.stderr)
    return int(not all(found["works"] for found in tried.values()))


def try_all(config: Config) -> dict[str, Mapping[str, Any]]:
    """Open what the configuration names of camera and broker; `works` and, for people, `sentence`, of each.

    A service that runs meanwhile is not disturbed at the broker; a USB or CSI camera can be open only once.
    """
    tried: dict[str, Mapping[str, Any]] = {}
    if config.camera is not None:
        tried["camera"] = _try(partial(try_camera, config.camera))
    if config.mqtt is not None:
        tried["broker"] = _try(partial(try_broker, config, config.mqtt))
    return tried


def _try(part: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    try:
        return part()
    except CrossingError as error:
        return {"works": False, "said": str(error)}


def try_camera(config: CameraConfig) -> Mapping[str, Any]:
    """Open it and take some frames."""
    camera, _ = open_camera(config, SystemClock())
    with camera:
        began_s = time.monotonic()
        frame = camera.take(config.open_timeout_s + config.stall_s)
        if frame is None:
            return {"works": False, "said": camera.state.reason}
        first_s = time.monotonic()
        if config.every_s is not None:
            height, width = frame.image.shape[:2]
            sentence = f"a picture of {width} x {height} pixels after {first_s - began_s:.1f} s"
            return {"works": True, "said": sentence, "width": width, "height": height}
        taken_ms = [frame.captured_ms]
        while len(taken_ms) < FRAMES and (left_s := first_s + CAMERA_S - time.monotonic()) > 0:
            frame = camera.take(left_s)
            if frame is not None:
                taken_ms.append(frame.captured_ms)
        state = camera.state
    spent_s = (taken_ms[-1] - taken_ms[0]) / 1000
    rate = (len(taken_ms) - 1) / spent_s if spent_s > 0 else 0.0
    then = f"then {rate:.1f} frames/s" if rate else f"and no second within {CAMERA_S:g} s"
    sentence = f"{state.width} x {state.height} pixels, the first after {first_s - began_s:.1f} s, {then}"
    if 0 < rate < config.frames_per_second / 2:
        sentence += f"; camera.frames_per_second asks for {config.frames_per_second:g}"
    if state.width > LARGE_PX:
        sentence += "; a second stream, some 640 to 1280 pixels wide, costs less to decode and counts as well"
    size = {"width": state.width, "height": state.height}
    return {"works": True, "said": sentence, **size, "frames_per_second": round(rate, 1)}


def try_broker(config: Config, mqtt: Mqtt) -> Mapping[str, Any]:
    """Connect under another client name than the service's, and ask for the device's own commands."""
    broker = broker_of(mqtt)
    name = f"{config.site}.{config.device}.check-{secrets.token_hex(4)}"
    try:
        connection = Connection(broker, name, will=None, timeout_s=BROKER_S)
    except UnreachableError as error:
        return {"works": False, "said": str(error), "cause": error.failure.cause}
    try:
        until_s = time.monotonic() + BROKER_S
        while (left_s := until_s - time.monotonic()) > 0:
            for event in connection.events(left_s):
                if isinstance(event, Ended):
                    return {"works": False, "said": event.reason, "cause": event.cause}
                if isinstance(event, Accepted):
                    connection.listen([topic_of(config.site, config.device, "command/+", root=mqtt.root)])
                    return _heard(connection, str(broker))
        return {"works": False, "said": f"{broker} does not answer within {BROKER_S:g} s", "cause": "silent"}
    finally:
        connection.close(graceful=True)


def _heard(connection: Connection, broker: str) -> Mapping[str, Any]:
    """After it let us in: whether the device may hear its commands, which is refused within a moment if it is."""
    for event in connection.events(1.0):
        if isinstance(event, SubscriptionRefused | Ended):
            return {"works": False, "said": event.reason, "cause": "refused"}
    return {"works": True, "said": f"{broker} lets the device in"}
