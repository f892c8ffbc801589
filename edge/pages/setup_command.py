"""`crossing-edge setup`: draw lines, zones and masks in a browser, over the live picture, and see it count."""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from edge.build.live import open_camera
from edge.build.stages import still_time
from edge.clock import SystemClock
from edge.config.advice import explain_rate
from edge.config.schema import Camera, Config
from edge.errors import InputError
from edge.pages.draft import EMPTY, Draft, draft_of, parse_unfinished, written
from edge.pages.invitation import serve_until_stopped
from edge.pages.known_file import KnownFile
from edge.pages.server import PageServer
from edge.pages.setup_routes import SetupRoutes
from edge.pages.watching import LiveSource, Watching
from edge.vision.manifest import load_manifest
from edge.vision.recording import Recording


@dataclass(frozen=True, slots=True)
class SetupRequest:
    """The options of the command line."""

    config: Path
    camera: str | None
    time_zone: str | None
    broker: str | None
    video: Path | None
    port: int
    lan: bool


def run_setup(request: SetupRequest) -> None:
    """Serve the page until a signal; raises InputError before that if there is nothing to show."""
    file = KnownFile(request.config)
    try:
        config = parse_unfinished(file.text or EMPTY)
        given = _given_by(request)
        config = parse_unfinished(written(file.text or EMPTY, given(draft_of(config)), request.camera))
    except InputError as error:
        raise InputError(f"{request.config}: {error}") from error
    load_manifest(config.model.name)
    stills = still_time(config.camera) if request.video is None else None
    with Watching(_opener(request, config), config, stills=stills) as watching:
        if config.camera is not None and config.camera.every_s is None:
            print(f"camera: {explain_rate(config.camera.frames_per_second)}", file=sys.stderr)
        routes = SetupRoutes(file, watching, camera=request.camera, given=given)
        serve_until_stopped(PageServer("setup.html", routes.all(), port=request.port, lan=request.lan), lan=request.lan)


def _given_by(request: SetupRequest) -> Callable[[Draft], Draft]:
    """Puts the command line's time zone and broker into a draft; InputError if the broker is none."""
    broker: dict[str, Any] = {}
    if request.broker is not None:
        try:
            parts = urlsplit(f"//{request.broker}")
            broker = {"host": parts.hostname} | ({"port": parts.port} if parts.port is not None else {})
        except ValueError:
            parts = None
        if parts is None or parts.netloc != request.broker or not parts.hostname or parts.username:
            raise InputError(f"--broker is {request.broker!r}; allowed is HOST, HOST:PORT or [ADDRESS]:PORT")

    def given(draft: Draft) -> Draft:
        return msgspec.structs.replace(
            draft,
            time_zone=request.time_zone or draft.time_zone,
            broker=msgspec.structs.replace(draft.broker, **broker),
        )

    return given


def _opener(request: SetupRequest, config: Config) -> Callable[[], AbstractContextManager[LiveSource]]:
    """A function that opens the camera or recording; InputError if there is none."""
    camera = config.camera
    if request.video is not None:
        Recording(request.video)  # its errors about files are clearer than a camera's
        camera = Camera(url=str(request.video.resolve()))
    if camera is None:
        raise InputError(f"{request.config} names no camera; --camera URL, or --video FILE to draw over a recording")
    chosen = camera
    open_camera(chosen, SystemClock())  # not begun: only to see whether its password can be read
    return lambda: open_camera(chosen, SystemClock())[0]
