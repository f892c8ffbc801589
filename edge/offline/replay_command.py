"""`crossing-edge replay`: count a recording; write, draw and publish what was found."""

import json
import logging
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec
from tqdm import tqdm

from edge.config.advice import warnings_of
from edge.config.schema import Config, Mqtt
from edge.config.shapes import counting_lines, queue_zones
from edge.counting.crossing import DIRECTIONS
from edge.counting.detection import DetectedFrame
from edge.counting.pipeline import Step
from edge.errors import InputError, WorkError
from edge.offline.publishing import Reporter
from edge.offline.recording_start import Start, start_of
from edge.offline.replay import (
    Outcome,
    Source,
    TapeSource,
    VideoSource,
    config_of,
    is_still_tape,
    is_tape,
    legible,
    note,
    open_source,
    replay,
    run_of,
)
from edge.offline.results import ResultFolder, crossing_rows
from edge.offline.summary import Origin, summary_of, text_of
from edge.vision.annotated_video import AnnotatedVideo
from edge.vision.drawing import Annotator
from edge.vision.frame import Frame
from edge.vision.recording import BrokenOff
from edge.vision.still_folder import StillFolder
from edge.wire.report import Health

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """The options of the command line."""

    video: Path
    lines: Sequence[str]
    config: Path | None
    start: str | None
    step_s: float | None
    every: int
    out: Path | None
    annotated: Path | None
    tape: Path | None
    publish: bool
    broker: str | None
    outbox: Path | None
    realtime: bool
    mark: bool
    bucket_s: int | None
    model: str | None
    threads: int | None
    json: bool
    partial: bool = False


def run_replay(request: ReplayRequest) -> None:
    """Run the replay; raises InputError or WorkError, and leaves nothing half-written."""
    config = configure(request)
    start = _start(request, config)
    _check(request, config)
    for warning in warnings_of(config):
        log.warning("%s", warning)
    source = _open(request, config, start)
    stills = _stills_of(source)
    config = _named(config, request)
    run = run_of(
        request.video,
        config,
        start.at_ms,
        request.every,
        stills=source.stills,
        step_ms=_step_ms(request),
        part=bool(source.part),
    )
    origin = _origin(request, config, start, source)
    outcome, reports = Outcome(), []
    with ExitStack() as stack:
        folder = None
        if request.out:
            folder = stack.enter_context(
                ResultFolder(
                    request.out,
                    config,
                    source.width,
                    source.height,
                    part=bool(origin.part),
                    time_zone=origin.time_zone,
                    mark=request.mark,
                )
            )
        annotator = Annotator(
            counting_lines(config, source.width, source.height),
            (source.width, source.height),
            config.direction_words,
            queue_zones(config, source.width, source.height),
            time_zone=origin.time_zone,
            part=bool(origin.part),
        )
        video = None
        if request.annotated and isinstance(source, VideoSource):
            pace = source.recording.frames_per_second / (request.every if stills is None else 1)
            video = stack.enter_context(AnnotatedVideo(request.annotated, pace, annotator.size))
        reporter = stack.enter_context(
            Reporter(config, run, source.model, publish=request.publish, outbox=request.outbox)
        )
        before = (0, 0)
        steps = _paced(_told(replay(source, config)), realtime=request.realtime)
        for step, detected, frame in _shown(steps, source, request):
            note(outcome, step, detected)
            if frame is not None and detected is not None:
                if folder:
                    folder.see(frame)
                if video:
                    seen = (detected.detections, step.tracks, step.crossings, step.captured_ms, step.occupancies)
                    video.write(annotator.draw(frame.image, *seen), step.captured_ms)
            for bucket in step.buckets:
                health = Health(
                    frames=outcome.frames - before[0],
                    frames_blind=outcome.frames_blind - before[1],
                    crossings_late=step.late,
                    tracks_released=step.released,
                )
                before = (outcome.frames, outcome.frames_blind)
                report = reporter.report(bucket, health)
                if folder:
                    reports.append(report)
                    folder.close_bucket(bucket)
            reporter.crossed(step.crossings)
            reporter.convoys(step.convoys)
            reporter.pump()
        reporter.finish()
        if video is not None and video.note:
            log.warning("%s", video.note)
        for sentence in stills.unreadable if stills is not None else ():
            log.warning("left out: %s", sentence)
        summary = summary_of(outcome, config, run, origin)
        if folder:
            folder.finish(outcome, reports, summary, title=legible(request.video))
    summary |= {"crossings": crossing_rows(outcome, config.direction_words, origin.time_zone)}
    print(json.dumps(summary, sort_keys=True) if request.json else text_of(outcome, config, origin), flush=True)


def _check(request: ReplayRequest, config: Config) -> None:
    """InputError if options do not go together."""
    if is_tape(request.video) and (request.annotated or request.tape):
        raise InputError(f"{request.video} is a tape and holds no pictures; --video and --tape need a video")
    if request.partial and (is_tape(request.video) or request.video.is_dir()):
        raise InputError(f"{request.video} is no video; --partial needs one")
    if request.publish and config.mqtt is None:
        raise InputError("--publish needs a broker: --broker HOST:PORT, or mqtt: in the configuration")
    if request.video.is_dir():
        if (request.start is None) != (request.step_s is None):
            raise InputError(
                "--start and --step belong together: when the first still is of, and the seconds to the next"
            )
        if not config.zones:
            raise InputError(f"{request.video} is a folder of stills, which need zones: in a --config file")
    elif request.step_s is not None:
        raise InputError(f"--step is for a folder of stills, and {request.video} is none")
    if request.outbox and not request.publish:
        raise InputError("--outbox holds what is to be published; say --publish as well")


def configure(request: ReplayRequest) -> Config:
    """The configuration file, if any, with what the command line says over it."""
    config = config_of(request.video, request.config, request.lines, request.model, request.threads)
    if config.lines and (request.video.is_dir() or is_still_tape(request.video)):
        log.warning("lines are left aside: stills cannot tell who crosses them")
        config = msgspec.structs.replace(config, lines={})
    if request.bucket_s is not None:
        if not 5 <= request.bucket_s <= 86_400:
            raise InputError(f"--bucket {request.bucket_s}: allowed are 5 to 86400 seconds")
        config = msgspec.structs.replace(
            config, report=msgspec.structs.replace(config.report, every_s=request.bucket_s)
        )
    if request.broker is not None:
        config = msgspec.structs.replace(config, mqtt=_broker(request.broker))
    return config


def _step_ms(request: ReplayRequest) -> int | None:
    return None if request.step_s is None else round(1000 * request.step_s)


def _open(request: ReplayRequest, config: Config, start: Start) -> Source:
    source = open_source(
        request.video,
        config,
        start_ms=start.at_ms,
        every=request.every,
        tape=request.tape,
        step_ms=_step_ms(request),
        partial=request.partial,
    )
    stills = _stills_of(source)
    if stills is not None:
        log.info("%s: %s", request.video, stills.note)
    return source


def _stills_of(source: Source) -> StillFolder | None:
    recording = source.recording if isinstance(source, VideoSource) else None
    return recording if isinstance(recording, StillFolder) else None


def _origin(request: ReplayRequest, config: Config, start: Start, source: Source) -> Origin:
    """What the output states of its recording; without a known start times are in UTC, as if of 1970."""
    stills = _stills_of(source)
    if start.at_ms is None and stills is not None:
        start = Start(stills.start_ms, "stills")
    elif start.at_ms is None and isinstance(source, TapeSource) and source.header.start_ms:
        start = Start(source.header.start_ms, "tape")
    if start.at_ms is None and request.publish:
        log.warning("no start is known: what is published is of 1970; --start says when the recording begins")
    zone = "UTC" if start.at_ms is None else config.time_zone
    return Origin(start, source.part, source.end_unknown, zone)


def _start(request: ReplayRequest, config: Config) -> Start:
    """When the recording begins, with a warning of a change of the clocks; tapes and stills say it themselves."""
    if request.start is None and (is_tape(request.video) or request.video.is_dir()):
        return Start()
    start = start_of(request.video, request.start, config.time_zone)
    if start.note:
        log.warning("%s", start.note)
    return start


def _broker(text: str) -> Mqtt:
    """`HOST:PORT` of a broker without TLS: for a laptop and its own broker; anything else is configured."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not re.fullmatch("[0-9]{1,5}", port) or not 1 <= int(port) <= 65_535:
        raise InputError(f"--broker {text}: allowed is HOST:PORT, such as 127.0.0.1:1883")
    return Mqtt(host=host, port=int(port), tls=False)


def _named(config: Config, request: ReplayRequest) -> Config:
    """The configuration of a replay without one: a device named after the file."""
    if request.config is not None:
        return config
    slug = "".join(c if c.isascii() and c.isalnum() else "-" for c in request.video.stem.lower()).strip("-")
    return msgspec.structs.replace(config, device=slug[:64] or "recording")


Steps = Iterator[tuple[Step, DetectedFrame | None, Frame | None]]


def _told(steps: Steps) -> Steps:
    """Name the option that keeps a part where a recording breaks off."""
    try:
        yield from steps
    except BrokenOff as error:
        raise WorkError(f"{error}; --partial keeps what came before, marked as a part") from error


def _paced(steps: Steps, *, realtime: bool) -> Steps:
    """Delay every step until its time, if asked to."""
    began_s = time.monotonic()
    first_ms: int | None = None
    for step, detected, frame in steps:
        if realtime and detected is not None:
            first_ms = step.captured_ms if first_ms is None else first_ms
            ahead_s = (step.captured_ms - first_ms) / 1000 - (time.monotonic() - began_s)
            if ahead_s > 0:
                time.sleep(ahead_s)
        yield step, detected, frame


def _shown(steps: Steps, source: Source, request: ReplayRequest) -> Steps:
    """A progress bar with the running counts, on standard error."""
    recording = source.recording if isinstance(source, VideoSource) else None
    frames = recording.frame_count if recording is not None else None
    totals: Counter[str] = Counter()
    with tqdm(
        total=frames and -(-frames // request.every), unit="frame", file=sys.stderr, mininterval=_bar_wait_s()
    ) as bar:
        for step, detected, frame in steps:
            if step.crossings:
                totals.update(c.direction for c in step.crossings)
                bar.set_postfix_str(" ".join(f"{way} {totals[way]}" for way in DIRECTIONS))
            yield step, detected, frame
            if detected is not None:
                bar.update()


def _bar_wait_s() -> float:
    """A terminal is redrawn in place; a log gets a line now and then."""
    return 0.1 if sys.stderr.isatty() else 5.0
