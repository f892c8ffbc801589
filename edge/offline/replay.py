"""Replay: a recorded video or a tape through the stages of the live service, with the file's own time.

The same file, start and configuration give the same bytes of reports.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import msgspec

from edge.build.stages import build_detector, build_pipeline, build_second_look, looks_of, needs_of, still_time
from edge.config.loading import load_config
from edge.config.schema import Camera, Config, Convoys
from edge.config.shapes import lines_of
from edge.counting.buckets import Bucket
from edge.counting.convoys import Convoy
from edge.counting.crossing import Crossing
from edge.counting.detection import DetectedFrame
from edge.counting.occupancy import Occupancy
from edge.counting.pipeline import Step
from edge.counting.stills import StillTime
from edge.counting.tracking import Track
from edge.errors import InputError
from edge.vision.detector import OnnxDetector
from edge.vision.frame import Frame
from edge.vision.frame_selection import Looker, Needs
from edge.vision.likeness import Likeness
from edge.vision.recording import Recording
from edge.vision.scene import SceneWatcher
from edge.vision.second_look import SecondLook
from edge.vision.still_folder import StillFolder
from edge.vision.still_scene import StillScene
from edge.vision.tape import TapeHeader, TapeWriter, read_tape
from edge.wire.names import REPLAY

LEAP_MS_MAX = 86_400_000  # every bucket between two frames is reported, blind; years of them are useless
STILL_BUCKETS_MAX = 10_000  # of stills likewise: folders have gaps, and buckets may be wide
TAPE_SUFFIXES = {".tape", ".jsonl"}


class Source(Protocol):
    """Where detected frames come from; `frame` is None where there are no pixels."""

    width: int
    height: int
    model: str
    stills: StillTime | None
    """The times of stills; None where they are the frames of a video."""
    part: str
    """Why it ends before the recording did; "" where it does not."""
    end_unknown: str
    """Why it is not known whether it does; "" where it is."""

    def __iter__(self) -> Iterator[tuple[DetectedFrame, Frame | None]]:
        """All frames in order."""
        ...

    def follow(self, now_ms: int, tracks: Sequence[Track]) -> None:
        """The tracks after the last frame, for second looks and frame selection."""
        ...


class VideoSource:
    """A recording, or a folder of stills, seen by scene watcher and detector; writes a tape of it if asked to."""

    def __init__(
        self,
        recording: Recording | StillFolder,
        detector: OnnxDetector,
        tape: Path | None = None,
        second_look: SecondLook | None = None,
        stills: StillTime | None = None,
        *,
        needs: Needs | None = None,
    ) -> None:
        self.stills = stills
        self.width = recording.width
        self.height = recording.height
        self.recording = recording
        self.part = recording.part
        self.end_unknown = recording.length_unknown
        self.model = detector.manifest.words
        self.naming = second_look.model if second_look is not None else ""
        self._detector = detector
        self._tape = tape
        self._second_look = second_look
        self._needs = needs
        self._looker: Looker | None = None

    @property
    def name(self) -> str:
        """The models that name, as the collector calls them."""
        return f"{self.model} + {self.naming}" if self.naming else self.model

    def __iter__(self) -> Iterator[tuple[DetectedFrame, Frame | None]]:
        """Detect frame by frame."""
        recording, likeness = self.recording, Likeness()
        watcher = SceneWatcher(learn=True) if self.stills is None else StillScene(learn=True)
        self._looker = looker = Looker(watcher, self._detector, self._needs)
        with ExitStack() as stack:
            tape = None
            if self._tape is not None:
                header = TapeHeader(
                    width=recording.width,
                    height=recording.height,
                    model=self.model,
                    source=legible(recording.path),
                    start_ms=recording.start_ms,
                    every=recording.every,
                    score_min=self._detector.score_min,
                    naming=self.naming or msgspec.UNSET,
                    stills=msgspec.UNSET if self.stills is None else self.stills.vouches_ms,
                    compare=msgspec.UNSET if self.stills is None else self.stills.compare_ms,
                    part=self.part or msgspec.UNSET,
                )
                tape = stack.enter_context(TapeWriter(self._tape, header))
            for frame in recording:
                detected = looker.look(frame)
                if self._second_look is not None:
                    detected = self._second_look.look(frame, detected)
                if self.stills is not None:
                    detected = likeness.compare(frame, detected)
                if tape is not None:
                    tape.append(detected)
                yield detected, frame

    def follow(self, now_ms: int, tracks: Sequence[Track]) -> None:
        """The tracks after the last frame, for second looks and frame selection."""
        if self._looker is not None:
            self._looker.follow(now_ms, tracks)
        if self._second_look is not None:
            self._second_look.follow(now_ms, tracks)


class TapeSource:
    """A tape; `start_ms` moves it in time, `every` = n hands on each n-th frame only."""

    def __init__(self, path: Path, start_ms: int | None = None, every: int = 1) -> None:
        self._path = path
        self.header, self._frames = read_tape(path)
        self.width = self.header.width
        self.height = self.header.height
        self.model = self.header.model
        self.stills = self.header.still_time
        self.part = self.header.part or ""
        self.end_unknown = ""
        self._shift_ms = 0 if start_ms is None else start_ms - self.header.start_ms
        self._every = every

    @property
    def name(self) -> str:
        """The models that name, as the collector calls them."""
        return f"{self.model} + {self.header.naming}" if self.header.naming else self.model

    def __iter__(self) -> Iterator[tuple[DetectedFrame, Frame | None]]:
        """Frame by frame."""
        for index, frame in enumerate(self._frames):
            if frame.skipped and self._every > 1:
                raise InputError(
                    f"{self._path}: the detector looked at some of its frames only, so --every would leave out the"
                    " wrong ones; make the tape with --every, or with model.look: every-frame"
                )
            if index % self._every == 0:
                yield frame.shifted(self._shift_ms), None

    def follow(self, now_ms: int, tracks: Sequence[Track]) -> None:
        """Nothing to do: second looks are on the tape."""


@dataclass(slots=True)
class Outcome:
    """The result of a replay; crossings are in the order in which they became certain, waits per zone as they ended.

    `watched` has the spans of time that were watched, in ms, in order and apart from each other. `occupancies` are all
    frames' and their times, if asked for, and `tracks` those of the frames at these times: of hours they would be many.
    """

    crossings: list[Crossing] = field(default_factory=list)
    buckets: list[Bucket] = field(default_factory=list)
    convoys: list[Convoy] = field(default_factory=list)
    waits_ms: dict[str, list[int]] = field(default_factory=dict)
    watched: list[tuple[int, int]] = field(default_factory=list)
    occupancies: list[tuple[int, tuple[Occupancy, ...]]] | None = None
    tracks: dict[int, tuple[Track, ...]] | None = None
    frames: int = 0
    frames_blind: int = 0
    first_ms: int = 0
    last_ms: int = 0


def legible(path: Path) -> str:
    """The name of a file as one line of text, whatever bytes it has."""
    text = path.name.encode(errors="replace").decode()
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def is_tape(path: Path) -> bool:
    """By its suffix: `.tape` or `.jsonl`."""
    return path.suffix in TAPE_SUFFIXES


def is_still_tape(path: Path) -> bool:
    """Whether it is a tape of stills."""
    return is_tape(path) and path.is_file() and read_tape(path)[0].still_time is not None


def open_source(
    path: Path,
    config: Config,
    *,
    start_ms: int | None,
    every: int = 1,
    tape: Path | None = None,
    step_ms: int | None = None,
    partial: bool = False,
) -> Source:
    """The frames of a video, of a tape, or the stills in a folder, as the configuration says that they are looked at.

    Without `start_ms` a tape begins when it says, and a video in 1970. With `step_ms`, and only then, the stills of a
    folder are of `start_ms` and so on; else each is of the time that it says. `partial`: a video may break off; it is
    read once before, so that all that is made of it can say so.
    """
    if path.is_dir():
        return _folder_source(path, config, (start_ms, step_ms), every, tape)
    if is_tape(path):
        return TapeSource(path, start_ms, every)
    recording = Recording(path, start_ms or 0, every)
    if partial:
        recording.keep_part()
    size = recording.width, recording.height
    second_look = build_second_look(config, *size)
    return VideoSource(recording, build_detector(config, *size), tape, second_look, needs=needs_of(config, *size))


def _folder_source(
    path: Path, config: Config, given: tuple[int | None, int | None], every: int, tape: Path | None
) -> VideoSource:
    start_ms, step_ms = given
    folder = StillFolder(path, ZoneInfo(config.time_zone), start_ms=start_ms, step_ms=step_ms, every=every)
    camera = config.camera
    if camera is None or camera.every_s is None:
        camera = Camera(url="folder", every_s=folder.step_ms / 1000)
    stills = still_time(camera)
    size = folder.width, folder.height
    second_look = build_second_look(config, *size, stills=True)
    return VideoSource(folder, build_detector(config, *size), tape, second_look, stills)


def config_of(video: Path, path: Path | None, lines: Sequence[str], model: str | None, threads: int | None) -> Config:
    """The configuration in `path`, if any, with lines, model and threads of the command line over it."""
    changes: dict[str, Any] = {"lines": lines_of(lines, *size_of(video))} if lines else {}
    if path is not None:
        config = msgspec.structs.replace(load_config(path), **changes)
    elif lines:
        config = Config(**changes)
    else:
        raise InputError("no counting line: --line x1,y1,x2,y2, or lines: or zones: in a --config file")
    chosen = msgspec.structs.replace(
        config.model, name=model or config.model.name, threads=threads or config.model.threads
    )
    return msgspec.structs.replace(config, model=chosen)


def size_of(path: Path) -> tuple[int, int]:
    """Width and height of a video or tape, in pixels."""
    if is_tape(path):
        header, _ = read_tape(path)
        return header.width, header.height
    if path.is_dir():
        raise InputError(f"--line on {path}: stills cannot tell who crosses a line; draw zones in a --config file")
    recording = Recording(path)
    return recording.width, recording.height


def replay(source: Source, config: Config) -> Iterator[tuple[Step, DetectedFrame | None, Frame | None]]:
    """Count frame by frame; the last step has no frame and brings the buckets still open."""
    pipeline = build_pipeline(config, source.width, source.height, source.stills)
    before_ms: int | None = None
    leap_ms_max = LEAP_MS_MAX
    if source.stills is not None:
        leap_ms_max = max(leap_ms_max, STILL_BUCKETS_MAX * 1000 * config.report.every_s)
    for detected, frame in source:
        if before_ms is not None and detected.captured_ms - before_ms > leap_ms_max:
            raise InputError(
                f"time leaps by {(detected.captured_ms - before_ms) / 3_600_000:.1f} h from one frame to the next; "
                f"at most {leap_ms_max // 3_600_000} h are allowed in one run"
            )
        before_ms = detected.captured_ms
        step = pipeline.update(detected)
        source.follow(step.captured_ms, step.tracks)
        yield step, detected, frame
    if before_ms is None:
        raise InputError("the recording holds no frames; one at least is expected")
    yield pipeline.close(), None, None


def gather(
    steps: Iterator[tuple[Step, DetectedFrame | None, Frame | None]], *, with_occupancies: bool = False
) -> Outcome:
    """Run a replay to its end."""
    outcome = Outcome(occupancies=[] if with_occupancies else None, tracks={} if with_occupancies else None)
    for step, detected, _ in steps:
        note(outcome, step, detected)
    return outcome


def note(outcome: Outcome, step: Step, detected: DetectedFrame | None) -> None:
    """Add one step to the result."""
    outcome.crossings.extend(step.crossings)
    outcome.buckets.extend(step.buckets)
    outcome.convoys.extend(step.convoys)
    for from_ms, to_ms in step.watched:
        if outcome.watched and outcome.watched[-1][1] == from_ms:
            from_ms = outcome.watched.pop()[0]  # noqa: PLW2901  # they are one
        outcome.watched.append((from_ms, to_ms))
    for occupancy in step.occupancies:
        outcome.waits_ms.setdefault(occupancy.zone, []).extend(occupancy.waits_ms)
    if detected is not None:
        if outcome.occupancies is not None:
            outcome.occupancies.append((step.captured_ms, step.occupancies))
        if outcome.tracks is not None:
            outcome.tracks[step.captured_ms] = tuple(step.tracks)
        if outcome.frames == 0:
            outcome.first_ms = detected.captured_ms
        outcome.frames += 1
        outcome.frames_blind += bool(detected.blind)
        outcome.last_ms = detected.captured_ms


def run_of(
    path: Path,
    config: Config,
    start_ms: int | None,
    every: int,
    *,
    stills: StillTime | None = None,
    step_ms: int | None = None,
    part: bool = False,
) -> str:
    """The name of a replay's run: a fingerprint of the file and of everything that shapes its reports, and no more.

    That of a recording that breaks off ends in `-part`, so every report of it says so.
    """
    named = (config.site, config.device, config.lines, config.counting, config.report.every_s)
    # keys with the default of before they existed are left out, so that runs keep their names
    drawn = tuple(shapes for shapes in (config.zones, config.masks) if shapes)
    ruled = (config.convoys,) if config.convoys != Convoys() else ()
    timed = (stills, step_ms, config.time_zone) if stills is not None else ()
    shapes = msgspec.to_builtins((*named, *drawn, *ruled, *timed))
    looks = "" if is_tape(path) else looks_of(config)
    fingerprint = hashlib.sha256(repr((shapes, looks, start_ms, every)).encode())
    for still in sorted(path.iterdir()) if path.is_dir() else (path,):
        if path.is_dir():
            fingerprint.update(still.name.encode())
        if still.is_file():
            with still.open("rb") as file:
                fingerprint.update(hashlib.file_digest(file, "sha256").digest())
    return f"{REPLAY}{fingerprint.hexdigest()[:16]}{'-part' if part else ''}"
