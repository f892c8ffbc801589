"""`crossing-edge annotate`: a person says in a browser which vehicles crossed, or with `--tracks` what each one is."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge.build.stages import build_detector
from edge.config.schema import Config, Line
from edge.config.shapes import lines_of, points_of
from edge.counting.crossing import Point
from edge.errors import InputError
from edge.offline.evaluate import Truth, parse_truth
from edge.pages.annotate_routes import AnnotateRoutes
from edge.pages.frame_pictures import FramePictures
from edge.pages.invitation import serve_until_stopped
from edge.pages.known_file import KnownFile
from edge.pages.names_text import read_rows
from edge.pages.naming_routes import NamingRoutes
from edge.pages.server import PageServer
from edge.pages.suggestions import Suggestions
from edge.pages.vehicle_pictures import VehiclePictures
from edge.vision.manifest import load_manifest
from edge.vision.recording import Recording


@dataclass(frozen=True, slots=True)
class AnnotateRequest:
    """The options of the command line."""

    video: Path
    line: str | None
    out: Path | None
    model: str | None
    threads: int | None
    every: int
    port: int
    lan: bool
    tracks: bool = False


def run_annotate(request: AnnotateRequest) -> None:
    """Serve the page until told to end; raises InputError before that if anything does not fit."""
    if request.tracks:
        _name_tracks(request)
    else:
        _annotate_crossings(request)


def _name_tracks(request: AnnotateRequest) -> None:
    """The page on which vehicles are named; the detector looks at the whole picture."""
    if request.line is not None:
        raise InputError("--tracks shows all vehicles, wherever they go: leave --line out")
    recording = Recording(request.video)
    file = KnownFile(request.out or request.video.with_suffix(".names.jsonl"))
    read_rows(file.text, str(file.path))
    anywhere = Config(lines={"line": Line(points=((0.0, 0.5), (1.0, 0.5)))})
    model = msgspec.structs.replace(anywhere.model, threads=request.threads or 1, region="picture")
    model = msgspec.structs.replace(model, name=request.model or model.name)
    config = msgspec.structs.replace(anywhere, model=model)
    detector = build_detector(config, recording.width, recording.height)
    with VehiclePictures(recording, detector, every=request.every) as album:
        server = PageServer("naming.html", NamingRoutes(file, album).all(), port=request.port, lan=request.lan)
        serve_until_stopped(server, lan=request.lan)


def _annotate_crossings(request: AnnotateRequest) -> None:
    recording = Recording(request.video)
    file = KnownFile(request.out or request.video.with_suffix(".truth.json"))
    truth = parse_truth(file.text.encode(), str(file.path)) if file.text else None
    if truth is not None and (file.path.resolve().parent / truth.video).resolve() != request.video.resolve():
        raise InputError(f"{file.path} is the truth of {truth.video}, not of {request.video}; --out names another file")
    points = _line(request, recording, truth)
    line = Line(points=tuple((x / recording.width, y / recording.height) for x, y in points))
    points_of("line", line)
    model = msgspec.structs.replace(Config(lines={"line": line}).model, threads=request.threads or 1)
    model = msgspec.structs.replace(model, name=request.model or model.name)
    load_manifest(model.name)
    with (
        FramePictures(recording, points) as reel,
        Suggestions(reel, Config(lines={"line": line}, model=model), every=request.every) as suggestions,
    ):
        routes = AnnotateRoutes(file, reel, suggestions, points)
        server = PageServer("annotate.html", routes.all(), port=request.port, lan=request.lan)
        serve_until_stopped(server, lan=request.lan)


def _line(request: AnnotateRequest, recording: Recording, truth: Truth | None) -> Sequence[Point]:
    """The line in pixels: of the command line, or of a truth file that there is; both must say the same."""
    width, height = recording.width, recording.height
    if truth is not None and truth.line is None:
        raise InputError("the truth file has no line, and so no crossings; name another file with --out")
    there = truth.line if truth is not None else None
    if any(x > width or y > height for x, y in there or ()):
        raise InputError(f"the line of the truth file leaves the picture, which is {width}x{height} pixels")
    if request.line is None:
        if there is None:
            raise InputError("no counting line: --line x1,y1,x2,y2, in pixels or in fractions of the picture")
        return there
    (line,) = lines_of([request.line], width, height).values()
    points = tuple((x * width, y * height) for x, y in points_of("line", line))
    if there is None:
        return points
    same = len(points) == len(there) and all(
        abs(a - b) <= 1.0 for p, q in zip(points, there, strict=True) for a, b in zip(p, q, strict=True)
    )
    if not same:
        raise InputError(
            f"--line {request.line}: the truth file that there is has the line "
            f"{','.join(f'{value:g}' for point in there for value in point)}; leave --line out to go on with it, "
            "or name another file with --out"
        )
    return there
