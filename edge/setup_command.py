"""`crossing-edge setup`: draw lines, zones and masks in a browser, over the live picture, and see it count."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from edge.config import Config
from edge.errors import InputError
from edge.pages.draft import EMPTY, parse_unfinished
from edge.pages.invitation import serve_until_told
from edge.pages.known_file import KnownFile
from edge.pages.live import LiveSource, PlayedRecording
from edge.pages.server import PageServer
from edge.pages.setup_routes import SetupRoutes
from edge.pages.watching import Watching
from edge.vision.manifest import load_manifest
from edge.vision.recording import Recording


@dataclass(frozen=True, slots=True)
class SetupRequest:
    """What the command line asks for."""

    config: Path
    camera: str | None
    video: Path | None
    port: int
    lan: bool


def run_setup(request: SetupRequest) -> None:
    """Serve the page until told to end; raises InputError before that if there is nothing to show."""
    file = KnownFile(request.config)
    try:
        config = parse_unfinished(file.text or EMPTY)
    except InputError as error:
        raise InputError(f"{request.config}: {error}") from error
    load_manifest(config.model.name)
    opened = _opener(request, config)
    plays = request.video.name if request.video else ""
    with Watching(opened, config) as watching:
        routes = SetupRoutes(file, watching, camera=request.camera, plays=plays)
        serve_until_told(PageServer("setup.html", routes.all(), port=request.port, lan=request.lan), lan=request.lan)


def _opener(request: SetupRequest, config: Config) -> Callable[[], AbstractContextManager[LiveSource]]:
    """How to open what is looked at."""
    if request.video is not None:
        recording = Recording(request.video)
        return lambda: PlayedRecording(recording)
    if request.camera is None and config.camera is None:
        raise InputError(f"{request.config} names no camera; --camera URL, or --video FILE to draw over a recording")
    raise InputError("--camera: this version looks at recordings only; give --video FILE")
