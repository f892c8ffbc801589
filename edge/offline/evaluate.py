"""Accuracy of counting: replay every clip with one configuration and score it against its truth file.

A truth file says at which frame a vehicle crosses; the frame's own timestamp makes that a time. It may tell of zones,
too: how many were inside and stood at each frame, and how long those that left had waited. Detections can be kept as
tapes (`tapes`), so that tracking and counting are scored again in seconds. A file with zones alone has no
score of crossings. One that lists stills says how many vehicles are in a zone of each; the stills lie beside it, or in
`images` there.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from edge.build.stages import build_detector, build_pipeline, build_second_look, looks_of, needs_of
from edge.config.schema import Config, Line, Zone
from edge.config.shapes import points_of
from edge.counting.crossing import Crossing
from edge.counting.detection import CLASSES
from edge.counting.motion import Box
from edge.counting.occupancy import Occupancy
from edge.counting.stills import StillTime
from edge.counting.tracking import Track, sizes_per_interval
from edge.errors import InputError, WorkError
from edge.offline.names_score import ClassScore, NamesScore, Reliability, names_score, reliability
from edge.offline.replay import Outcome, TapeSource, VideoSource, gather, replay
from edge.offline.scoring import (
    Event,
    LevelScore,
    Pairing,
    Score,
    Watch,
    ZoneScore,
    pair,
    score,
    score_zone,
    watch_of,
    wilson_interval,
)
from edge.offline.wrong_pictures import ZoneMoment
from edge.vision.detector import OnnxDetector
from edge.vision.fitting import Picture
from edge.vision.frame import Frame
from edge.vision.picture_file import decode_picture
from edge.vision.recording import Recording
from edge.vision.second_look import SecondLook

Pixel = Annotated[float, msgspec.Meta(ge=0)]


class TrueCrossing(msgspec.Struct, frozen=True, rename={"label": "class"}):
    """One crossing as a person saw it."""

    frame: Annotated[int, msgspec.Meta(ge=0)]
    label: Literal["car", "van", "truck", "bus", "motorcycle", "bicycle", "unclassified"]
    direction: Literal["a_to_b", "b_to_a"]
    uncertain: bool = False
    class_uncertain: bool = False


Number = Annotated[int, msgspec.Meta(ge=0)]


class TrueFrame(msgspec.Struct, frozen=True):
    """A zone at one frame, as a person counted it."""

    frame: Number
    inside: Number
    standing: Number


class TrueZone(msgspec.Struct, frozen=True):
    """A zone, its polygon in pixels: `inside` and `standing` at every frame, or `frames` for some of them.

    `waits_ms` are those of vehicles that came in and left while the clip lasts, and stood between.
    """

    polygon: Annotated[tuple[tuple[Pixel, Pixel], ...], msgspec.Meta(min_length=3)]
    standing_after_s: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 10.0
    inside: tuple[Number, ...] = ()
    standing: tuple[Number, ...] = ()
    frames: tuple[TrueFrame, ...] = ()
    waits_ms: tuple[Number, ...] | None = None

    @property
    def known(self) -> dict[int, tuple[int, int]]:
        """Frame -> how many are inside and stand."""
        every = dict(enumerate(zip(self.inside, self.standing, strict=True)))
        return every | {one.frame: (one.inside, one.standing) for one in self.frames}


class Truth(msgspec.Struct, frozen=True):
    """A truth file; further keys (source, notes) are for people."""

    video: str
    fps: Annotated[float, msgspec.Meta(gt=0)]
    frames: Annotated[int, msgspec.Meta(ge=1)]
    line: Annotated[tuple[tuple[Pixel, Pixel], ...], msgspec.Meta(min_length=2)] | None = None
    crossings: tuple[TrueCrossing, ...] = ()
    zones: dict[str, TrueZone] = {}

    @property
    def only_zones(self) -> bool:
        """Whether it has zones alone: its crossings were not counted, so no line is watched."""
        return bool(self.zones) and not self.crossings


class TrueStill(msgspec.Struct, frozen=True):
    """A still picture with a zone, its polygon in pixels: how many vehicles are inside of each class, and `all`."""

    image: str
    polygon: Annotated[tuple[tuple[Pixel, Pixel], ...], msgspec.Meta(min_length=3)]
    inside: dict[str, Number]
    zone: str = "zone"

    @property
    def count(self) -> int:
        """Vehicles inside."""
        return self.inside.get("all", sum(self.inside.values()))


@dataclass(frozen=True, slots=True)
class ClipResult:
    """The result of one truth file: true and counted crossings, their pairs, the score, and watched time.

    `name` is its path. `line` is None, and there is no score of crossings, where it has zones alone. `named` are
    the vehicles of each class in stills: how many there are, and how many of as many that were named so.
    """

    name: str
    video: Path
    line: tuple[tuple[float, float], ...] | None
    true: tuple[Event, ...]
    crossings: tuple[Crossing, ...]
    predicted: tuple[Event, ...]
    pairing: Pairing
    score: Score
    watch: Watch = field(default_factory=Watch)
    frames_per_second: float | None = None
    """The rate of the frames handled; None of a single one."""
    zones: dict[str, ZoneScore] = field(default_factory=dict)
    named: dict[str, tuple[int, int]] = field(default_factory=dict)
    moments: tuple[ZoneMoment, ...] = ()
    """Every picture for which the numbers of a zone are known."""


def load_truth(path: Path) -> Truth:
    """Read and check a truth file; InputError if it is none."""
    return parse_truth(_read(path), str(path))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; a truth file (JSON) is expected") from error


def parse_truth(text: bytes, path: str) -> Truth:
    """Check the text of a truth file; InputError, beginning with `path`, if it is none."""
    try:
        document = msgspec.json.decode(text)
        truth = msgspec.convert(document, Truth)
    except msgspec.DecodeError as error:
        raise InputError(f"{path} is not a truth file: {error}") from error
    if not truth.zones and "crossings" not in document:
        raise InputError(f"{path} has no crossings; allowed is none where it has zones")
    if truth.line is None and not truth.only_zones:
        raise InputError(f"{path} has no line; allowed is none where it has zones and no crossings")
    late = [crossing.frame for crossing in truth.crossings if crossing.frame >= truth.frames]
    if late:
        raise InputError(f"{path}: a crossing at frame {late[0]}, but the clip has {truth.frames} frames")
    for name, zone in truth.zones.items():
        if len(zone.inside) != len(zone.standing) or len(zone.inside) not in {0, truth.frames}:
            raise InputError(
                f"{path}: zones.{name} has {len(zone.inside)} numbers inside and {len(zone.standing)} standing; "
                f"one of each for all {truth.frames} frames is expected, or none"
            )
        if any(one.frame >= truth.frames for one in zone.frames):
            raise InputError(f"{path}: zones.{name} has a frame beyond the {truth.frames} of the clip")
    return truth


def evaluate(
    paths: Sequence[Path],
    config: Config,
    *,
    every: int = 1,
    tapes: Path | None = None,
) -> Iterator[ClipResult]:
    """Score each truth file; `config` gives all but line and zones. Files are checked before any work is done."""
    texts = {path: _read(path) for path in paths}
    stills = {path: parse_stills(text, path) for path, text in texts.items() if text.lstrip().startswith(b"[")}
    clips = {
        path: _open(path, parse_truth(text, str(path)), config) for path, text in texts.items() if path not in stills
    }
    for path in texts:
        if path in stills:
            yield _evaluate_stills(path, stills[path], config)
        else:
            yield _evaluate_clip(*clips[path], every=every, tapes=tapes)


def parse_stills(text: bytes, path: Path) -> tuple[TrueStill, ...]:
    """The stills that the text of a truth file lists; InputError if it lists none."""
    try:
        return msgspec.json.decode(text, type=Annotated[tuple[TrueStill, ...], msgspec.Meta(min_length=1)])
    except msgspec.DecodeError as error:
        raise InputError(f"{path} is not a truth file of stills: {error}") from error


def _evaluate_stills(path: Path, stills: Sequence[TrueStill], config: Config) -> ClipResult:
    """Count each picture by itself; whether vehicles stand is not known."""
    counts: dict[str, list[tuple[tuple[int, int], tuple[int, int]]]] = {}
    moments = []
    named: dict[str, tuple[int, int]] = {}
    pipelines: dict[tuple[object, ...], tuple[OnnxDetector, SecondLook | None, Config]] = {}
    for still in stills:
        image_path, image = _picture(path, still.image)
        height, width = image.shape[:2]
        if any(x > width or y > height for x, y in still.polygon):
            raise InputError(f"{path}: the zone of {still.image} leaves the picture, which is {width}x{height} pixels")
        key = (still.zone, still.polygon, width, height)
        if key not in pipelines:
            zone = Zone(polygon=tuple((x / width, y / height) for x, y in still.polygon))
            own = msgspec.structs.replace(config, lines={}, zones={still.zone: zone})
            second_look = build_second_look(own, width, height, stills=True)
            pipelines[key] = build_detector(own, width, height), second_look, own
        detector, second_look, own = pipelines[key]
        frame = Frame(0, image)
        detected = detector.detect(frame)
        if second_look is not None:
            detected = second_look.look(frame, detected)
        step = build_pipeline(own, width, height, StillTime(1, 1)).update(detected)
        [occupancy] = step.occupancies
        boxes = _boxes_of(step.tracks, own)
        moments.append(ZoneMoment(image_path, still.zone, still.polygon, still.count, occupancy.inside, boxes=boxes))
        counts.setdefault(still.zone, []).append(((still.count, 0), (occupancy.inside, 0)))
        for label in CLASSES:
            true = still.inside.get(label, 0)
            there, right = named.get(label, (0, 0))
            named[label] = there + true, right + min(true, occupancy.labels.count(label))
    zones = {name: score_zone(frames, None, ()) for name, frames in counts.items()}
    return ClipResult(
        name=str(path),
        video=path.parent,
        line=None,
        true=(),
        crossings=(),
        predicted=(),
        pairing=Pairing((), (), (), ()),
        score=Score(),
        zones=zones,
        named=named,
        moments=tuple(moments),
    )


def _boxes_of(tracks: Sequence[Track], config: Config) -> tuple[tuple[Box, str], ...]:
    """The boxes that were found, with their classes."""
    return tuple((one.box, one.label(config.counting.class_share_min)[0]) for one in tracks if not one.part)


def _picture(truth: Path, name: str) -> tuple[Path, Picture]:
    """A still beside its truth file, or in `images` there; InputError where there is none."""
    for path in (truth.parent / name, truth.parent / "images" / name):
        if path.is_file():
            try:
                return path, decode_picture(path.read_bytes())
            except WorkError as error:
                raise InputError(f"{path} {error}") from error
    raise InputError(f"{truth}: no picture {name} beside it, nor in images")


def open_truth(path: Path, truth: Truth, config: Config) -> tuple[Recording, Config]:
    """The clip of a truth file, and the configuration with its line and zones; InputError if they do not fit."""
    _, _, recording, own = _open(path, truth, config)
    return recording, own


def _open(path: Path, truth: Truth, config: Config) -> tuple[Path, Truth, Recording, Config]:
    """Open the clip of a truth file and put its line and zones in the configuration; InputError if they do not fit."""
    recording = Recording(path.parent / truth.video)
    width, height = recording.width, recording.height
    lines = {}
    if truth.line is not None and not truth.only_zones:
        if any(x > width or y > height for x, y in truth.line):
            raise InputError(f"{path}: the line leaves the picture, which is {width}x{height} pixels")
        lines["line"] = Line(points=tuple((x / width, y / height) for x, y in truth.line))
        try:
            points_of("line", lines["line"])
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
    if recording.frame_count is not None and truth.frames > 1.05 * recording.frame_count + 1:  # headers only estimate
        raise InputError(f"{path} speaks of {truth.frames} frames, but {recording.path} has {recording.frame_count}")
    zones = {}
    for name, zone in truth.zones.items():
        if any(x > width or y > height for x, y in zone.polygon):
            raise InputError(f"{path}: zones.{name} leaves the picture, which is {width}x{height} pixels")
        corners = tuple((x / width, y / height) for x, y in zone.polygon)
        zones[name] = Zone(polygon=corners, standing_after_s=zone.standing_after_s)
    return path, truth, recording, msgspec.structs.replace(config, lines=lines, zones=zones)


def _evaluate_clip(
    path: Path, truth: Truth, recording: Recording, config: Config, *, every: int, tapes: Path | None
) -> ClipResult:
    outcome = _replay(recording, config, every, tapes)
    times_ms = recording.times_ms()
    true = tuple(
        Event(c.direction, c.label, times_ms[min(c.frame, len(times_ms) - 1)], c.uncertain, c.class_uncertain)
        for c in truth.crossings
    )
    predicted = tuple(Event(c.direction, c.label, c.crossed_ms, share=c.share) for c in outcome.crossings)
    frames = {name: _known_frames(name, zone, outcome, times_ms) for name, zone in truth.zones.items()}
    tracks = outcome.tracks or {}
    moments = tuple(
        ZoneMoment(
            recording.path,
            name,
            truth.zones[name].polygon,
            inside,
            one.inside,
            at_ms,
            (standing, one.standing or 0),
            _boxes_of(tracks.get(at_ms, ()), config),
        )
        for name, known in frames.items()
        for at_ms, (inside, standing), one in known
    )
    return ClipResult(
        name=str(path),
        video=recording.path,
        line=None if truth.only_zones else truth.line,
        true=true,
        crossings=tuple(outcome.crossings),
        predicted=predicted,
        pairing=pair(true, predicted),
        score=score(true, predicted),
        watch=watch_of(true, outcome.watched, outcome.first_ms, outcome.last_ms),
        frames_per_second=_rate_of(outcome),
        zones={
            name: _score_zone(frames[name], zone, outcome.waits_ms.get(name, ())) for name, zone in truth.zones.items()
        },
        moments=moments,
    )


def _rate_of(outcome: Outcome) -> float | None:
    elapsed_ms = outcome.last_ms - outcome.first_ms
    return 1000.0 * (outcome.frames - 1) / elapsed_ms if elapsed_ms > 0 else None


def rate_summary_of(frames_per_second: float | None) -> dict[str, float | None]:
    """How fast vehicles may be to be followed at this rate, ready for JSON."""
    if frames_per_second is None:
        return {"frames_per_second": None, "sizes_per_frame_max": None}
    return {
        "frames_per_second": round(frames_per_second, 2),
        "sizes_per_frame_max": round(sizes_per_interval(1.0 / frames_per_second), 2),
    }


def _known_frames(
    name: str, zone: TrueZone, outcome: Outcome, times_ms: Sequence[int]
) -> list[tuple[int, tuple[int, int], Occupancy]]:
    """Of each frame that was handled and whose truth is known: its time, true inside and standing, and the count."""
    counted = {
        at_ms: one
        for at_ms, occupancies in outcome.occupancies or ()
        for one in occupancies
        if one.zone == name and one.standing is not None
    }
    return [
        (times_ms[frame], true, counted[times_ms[frame]])
        for frame, true in sorted(zone.known.items())
        if frame < len(times_ms) and times_ms[frame] in counted
    ]


def _score_zone(
    frames: Sequence[tuple[int, tuple[int, int], Occupancy]], zone: TrueZone, waits_ms: Sequence[int]
) -> ZoneScore:
    return score_zone(
        [(true, (one.inside, one.standing or 0)) for _, true, one in frames],
        zone.waits_ms,
        waits_ms,
        [(true[0] - one.inside, one.hidden) for _, true, one in frames if one.hidden is not None],
    )


def _replay(recording: Recording, config: Config, every: int, tapes: Path | None) -> Outcome:
    """Count a clip, from its tape where there is one that this model made, else writing it if asked to."""
    if tapes is None:
        sampled = Recording(recording.path, every=every)
        return gather(replay(_watched(sampled, config), config), with_occupancies=True)
    if config.model.look == "as-needed" and every > 1:  # frame selection depends on which frames there are
        tape = tape_path(recording, config, tapes, every)
        recording, every = Recording(recording.path, every=every), 1
    else:
        tape = tape_path(recording, config, tapes)
    if not tape.is_file():
        try:
            tapes.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"--tapes {tapes} cannot be written: {error.strerror}; a folder is expected") from error
        gather(replay(_watched(recording, config, tape), config))
    return gather(replay(TapeSource(tape, every=every), config), with_occupancies=True)


def _watched(recording: Recording, config: Config, tape: Path | None = None) -> VideoSource:
    """The clip with detector and second look."""
    size = recording.width, recording.height
    second_look = build_second_look(config, *size)
    return VideoSource(recording, build_detector(config, *size), tape, second_look, needs=needs_of(config, *size))


def tape_path(recording: Recording, config: Config, tapes: Path, every: int = 1) -> Path:
    """The path of the clip's tape, named by all it depends on: clip, model, regions and frame selection."""
    with recording.path.open("rb") as file:
        clip = hashlib.file_digest(file, "sha256").hexdigest()
    each = f" {every}" if every > 1 else ""
    fingerprint = hashlib.sha256(f"{clip} {looks_of(config)}{each}".encode()).hexdigest()[:12]
    return tapes / f"{recording.path.stem}.{fingerprint}.tape"


def summary_of(part: Score) -> dict[str, Any]:
    """A score, ready for JSON."""
    low, high = part.f1_interval
    numbers = ("true", "found", "missed", "extra", "direction_errors", "total_error")
    shares = ("precision", "recall", "f1", "class_accuracy")
    return {
        **{name: getattr(part, name) for name in numbers},
        **{name: round(getattr(part, name), 4) for name in shares},
        "f1_interval_95": [round(low, 4), round(high, 4)],
        "confusion": {
            label: {other: n for other in (*CLASSES, "unclassified") if (n := part.confusion[label, other])}
            for label in (*CLASSES, "unclassified")
            if any(a == label for a, _ in part.confusion)
        },
        "names": {
            "fine": _names_summary_of(names_score(part)),
            "coarse": _names_summary_of(names_score(part, coarse=True)),
        },
        "reliability": _reliability_summary_of(reliability(part)),
    }


def _names_summary_of(names: NamesScore) -> dict[str, Any]:
    """Of found crossings of known class; recall and precision are null where nothing is true or told."""

    def of(one: ClassScore) -> dict[str, Any]:
        return {
            **asdict(one),
            "false": one.false,
            "recall": _rounded(one.recall),
            "recall_interval_95": _interval(one.right, one.true),
            "precision": _rounded(one.precision),
            "precision_interval_95": _interval(one.right, one.told),
        }

    return {
        "judged": names.judged,
        "right": names.right,
        "share": _rounded(names.right / names.judged if names.judged else None),
        "interval_95": _interval(names.right, names.judged),
        "classes": {label: of(one) for label, one in names.classes.items()},
    }


def _reliability_summary_of(part: Reliability) -> dict[str, Any]:
    return {
        "named": part.named,
        "unclassified": part.unclassified,
        "expected_calibration_error": _rounded(part.error),
        "error_by_chance": _rounded(part.by_chance),
        "groups": [
            {
                "crossings": group.crossings,
                "from": _rounded(group.low),
                "to": _rounded(group.high),
                "share": _rounded(group.share),
                "right": group.right,
                "right_share": _rounded(group.right_share),
                "interval_95": [_rounded(end) for end in group.interval],
            }
            for group in part.groups
        ],
    }


def _interval(successes: int, trials: int) -> list[float] | None:
    return [round(end, 4) for end in wilson_interval(successes, trials)] if trials else None


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


def watch_summary_of(part: Watch) -> dict[str, Any]:
    """Watched time and true crossings outside of it, ready for JSON; no share where no time passed."""
    return {
        "watched_ms": part.watched_ms,
        "elapsed_ms": part.elapsed_ms,
        "watched_share": _rounded(part.share),
        "unwatched": part.unwatched,
    }


def pooled_of(zones: Sequence[ZoneScore]) -> dict[str, tuple[float, float]]:
    """Of the numbers inside and standing: the sum of absolute errors over all frames, and the sum of what is true."""
    return {
        what: (
            sum(zone.frames * getattr(zone, what).error for zone in zones),
            sum(zone.frames * getattr(zone, what).true_mean for zone in zones),
        )
        for what in ("inside", "standing")
    }


def zone_summary_of(part: ZoneScore) -> dict[str, Any]:
    """A zone's score, ready for JSON; null where it is not known."""

    def level(one: LevelScore) -> dict[str, float | None]:
        share = one.error_share
        return {
            "true_mean": round(one.true_mean, 3),
            "mean_absolute_error": round(one.error, 3),
            "error_share": _rounded(share),
        }

    share = part.p50_error_share
    return {
        "frames": part.frames,
        "inside": level(part.inside),
        "standing": level(part.standing),
        "waits": {"true": part.true_waits, "counted": part.counted_waits},
        "wait_ms_p50": {
            "true": part.true_p50_ms,
            "counted": part.counted_p50_ms,
            "error_share": _rounded(share),
        },
        "hidden_likely": None
        if part.hidden is None
        else {
            "frames": part.hidden.frames,
            "true_mean": round(part.hidden.true_mean, 3),
            "told_mean": round(part.hidden.told_mean, 3),
            "held_share": round(part.hidden.held / part.hidden.frames, 4),
            "inside_error_with_it": round(part.hidden.error, 3),
        },
    }
