# ruff: noqa: T201 - a script prints
"""Our counting beside its peers: the same clips, the same detections, the same scoring, and the CPU time of each.

    python -m tests.benchmarks.peers ../shared/clips/truth/*.json --tapes DIR [--model M] [--json]

What was done so that the comparison is fair:

* All start from one tape per clip, which `edge.offline.evaluate` makes or finds: boxes of score 0.1 and above, in
  pixels.
* Who associates in two rounds (ours, ByteTrack) gets all boxes, for low scores are what the second round is for. Who
  has one round (SORT, Norfair) gets the boxes from `ONE_ROUND_SCORE_MIN`, the best for both of 0.1, 0.25 and 0.35.
* Parameters are as published. Norfair publishes no default distance: intersection over union at 0.7 is what its own
  YOLO demonstrations take. It gets no labels to associate by, since our detector's flicker between car, van and truck.
  The tuned ByteTrack is the best of `GRID` on the very clips that are scored. Ours runs as shipped; its defaults were
  developed on these clips too.
* Who knows a frame rate is told the clip's. Norfair's lifetimes are frames.
* The line is supervision's LineZone on the bottom centre of the boxes; for Norfair any side change of the bottom
  centre of its estimate over the segment, which costs it less time than building arrays for LineZone.
* A crossing has the time of its frame (ours interpolates; 1.0 s of tolerance makes no difference of that) and, for
  those without a vote, the class of that frame's box.
* The clock is this process's CPU time around tracking and line counting alone. Reading tapes and building each one's
  own input types stands outside it, in favour of those that need arrays. Ours also fills its buckets inside it.
  Contenders take turns clip by clip; each figure is the median of `ROUNDS` rounds.
"""

import argparse
import itertools
import json
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import supervision as sv
import trackers
from norfair.tracker import Detection as NorfairDetection
from norfair.tracker import Tracker as NorfairTracker
from tqdm import tqdm

from edge.build.stages import build_pipeline
from edge.config.schema import Config, Line, Model
from edge.counting.crossing import CountingLine
from edge.counting.detection import CLASSES, DetectedFrame
from edge.counting.motion import Box
from edge.offline import evaluate as evaluation
from edge.offline.scoring import Event, Score, score, total
from edge.vision.recording import Recording
from edge.vision.tape import read_tape

HARD = ("caltrans_", "iacv_", "tfl_a13_625_201709042122")  # as ../shared/README.md calls them
ROUNDS = 3
ONE_ROUND_SCORE_MIN = 0.25
NORFAIR_DISTANCE_MAX = 0.7
GRID = {
    "track_activation_threshold": (0.3, 0.5),  # what is less than the next has no effect
    "high_conf_det_threshold": (0.3, 0.4, 0.5),
    "minimum_consecutive_frames": (1, 2),
    "minimum_crossing_threshold": (3, 5, 8),  # LineZone's own remedy against boxes that tremble on the line
}

Settings = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Counted:
    """A crossing, and for peers where the tracker believes the vehicle to be at the frame at which it is counted."""

    event: Event
    box: Box | None = None


Step = Callable[[int, Any], list[Counted]]
"""Counts one frame: its time in ms and its detections in the contender's own type."""


@dataclass(frozen=True, slots=True)
class Clip:
    """What every contender is given, and the truth."""

    name: str
    width: int
    height: int
    frames_per_second: float
    line: CountingLine
    config: Config
    frames: tuple[DetectedFrame, ...]
    true: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Contender:
    """A way to count. `prepare` is not timed; `start` begins a clip and returns what counts its frames."""

    name: str
    packages: tuple[str, ...]
    prepare: Callable[[DetectedFrame], Any]
    start: Callable[[Clip], Step]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a contender did."""

    contender: Contender
    scores: dict[str, Score]
    """Clip -> score."""
    ms_per_frame: float


def main() -> None:
    """Load the clips, tune, run the rounds, print."""
    given = _parser().parse_args()
    clips = load_clips(given.truths, given.model, given.region, given.tapes)
    tuned = tune(clips)
    standings = compare(clips, contenders(tuned))
    if given.json:
        print(json.dumps(as_json(standings, clips, given.hard, tuned), sort_keys=True))
    else:
        print(table_of(standings, clips, given.hard))
        print(f"\nByteTrack tuned: {', '.join(f'{key}={value}' for key, value in tuned.items())}")


def load_clips(paths: Sequence[Path], model: str, region: str, tapes: Path) -> list[Clip]:
    """Every clip with its tape, made where there is none of this model."""
    config = msgspec.convert(
        {
            "model": {"name": model, "region": region, "look": "every-frame"},
            "lines": {"line": {"points": [[0.0, 0.5], [1.0, 0.5]]}},
        },
        Config,
    )
    clips = []
    results = evaluation.evaluate(paths, config, tapes=tapes)
    for result in tqdm(results, "tapes", len(paths), unit="clip", leave=False):
        recording = Recording(result.video)
        assert result.line is not None, "a clip of crossings has a line"
        width, height = recording.width, recording.height
        line = Line(points=tuple((x / width, y / height) for x, y in result.line))
        own = msgspec.structs.replace(config, lines={"line": line})
        _, frames = read_tape(evaluation.tape_path(recording, own, tapes))
        clips.append(
            Clip(
                name=Path(result.name).stem,
                width=width,
                height=height,
                frames_per_second=recording.frames_per_second,
                line=CountingLine("line", result.line),
                config=own,
                frames=tuple(frames),
                true=result.true,
            )
        )
    return clips


def contenders(tuned: Settings) -> list[Contender]:
    """All that are compared, ours first."""
    roboflow = ("trackers", "supervision")
    return [
        Contender("ours", ("crossing-monitor",), lambda frame: frame, start_ours),
        Contender("ByteTrack", roboflow, arrays_of, partial(start_bytetrack, settings={})),
        Contender("ByteTrack, tuned", roboflow, arrays_of, partial(start_bytetrack, settings=tuned)),
        Contender("SORT", roboflow, partial(arrays_of, score_min=ONE_ROUND_SCORE_MIN), start_sort),
        Contender("Norfair", ("norfair",), partial(norfair_detections, score_min=ONE_ROUND_SCORE_MIN), start_norfair),
    ]


def start_ours(clip: Clip) -> Step:
    """The pipeline of the device, as configured by default."""
    pipeline = build_pipeline(clip.config, clip.width, clip.height)

    def step(captured_ms: int, frame: DetectedFrame) -> list[Counted]:
        crossings = pipeline.update(frame).crossings
        if captured_ms == clip.frames[-1].captured_ms:
            crossings = [*crossings, *pipeline.close().crossings]  # the end of the run is a part of the rule
        return [Counted(Event(c.direction, c.label, c.crossed_ms)) for c in crossings]

    return step


def start_bytetrack(clip: Clip, settings: Settings) -> Step:
    """ByteTrack and LineZone; `settings` go to the one that knows them."""
    rest = dict(settings)
    zone_settings = {key: rest.pop(key) for key in ("minimum_crossing_threshold",) if key in rest}
    tracker = trackers.ByteTrackTracker(frame_rate=clip.frames_per_second, **rest)
    return _with_line_zone(clip, tracker.update, zone_settings)


def start_sort(clip: Clip) -> Step:
    """SORT and LineZone."""
    return _with_line_zone(clip, trackers.SORTTracker(frame_rate=clip.frames_per_second).update, {})


def _with_line_zone(clip: Clip, track: Callable[[sv.Detections], sv.Detections], settings: Settings) -> Step:
    start, end = (sv.Point(x, y) for x, y in clip.line.points)
    zone = sv.LineZone(start, end, triggering_anchors=[sv.Position.BOTTOM_CENTER], **settings)

    def step(captured_ms: int, detections: sv.Detections) -> list[Counted]:
        tracked = track(detections)
        class_ids = tracked.class_id
        assert class_ids is not None, "what had classes comes back with classes"
        crossed_in, crossed_out = zone.trigger(tracked)
        found: list[Counted] = []
        # "In" is LineZone's word for the left-hand side of the line, as seen in the picture: our a.
        for direction, crossed in (("b_to_a", crossed_in), ("a_to_b", crossed_out)):
            for i in np.flatnonzero(crossed):
                x1, y1, x2, y2 = tracked.xyxy[i].tolist()
                found.append(Counted(Event(direction, CLASSES[class_ids[i]], captured_ms), (x1, y1, x2, y2)))
        return found

    return step


def start_norfair(clip: Clip) -> Step:
    """Norfair on boxes, and a side change of the bottom centre over the segment."""
    tracker = NorfairTracker(distance_function="iou", distance_threshold=NORFAIR_DISTANCE_MAX)
    places: dict[int | None, tuple[float, float]] = {}

    def step(captured_ms: int, detections: list[NorfairDetection]) -> list[Counted]:
        nonlocal places
        found: list[Counted] = []
        now: dict[int | None, tuple[float, float]] = {}
        for vehicle in tracker.update(detections):
            (x1, y1), (x2, y2) = vehicle.estimate.tolist()
            place = now[vehicle.id] = ((x1 + x2) / 2.0, y2)
            for _, turn, _ in clip.line.intersections(places.get(vehicle.id, place), place):
                event = Event("a_to_b" if turn > 0 else "b_to_a", vehicle.last_detection.data, captured_ms)
                found.append(Counted(event, (x1, y1, x2, y2)))
        places = now
        return found

    return step


def arrays_of(frame: DetectedFrame, score_min: float = 0.0) -> sv.Detections:
    """A frame as supervision holds it."""
    kept = [d for d in frame.detections if d.score >= score_min]
    return sv.Detections(
        xyxy=np.array([(d.x1, d.y1, d.x2, d.y2) for d in kept], dtype=np.float32).reshape(-1, 4),
        confidence=np.array([d.score for d in kept], dtype=np.float32),
        class_id=np.array([CLASSES.index(d.label) for d in kept], dtype=int),
    )


def norfair_detections(frame: DetectedFrame, score_min: float) -> list[NorfairDetection]:
    """A frame as Norfair holds it; the class rides along unseen."""
    return [
        NorfairDetection(np.array([(d.x1, d.y1), (d.x2, d.y2)]), np.array([d.score, d.score]), data=d.label)
        for d in frame.detections
        if d.score >= score_min
    ]


def tune(clips: Sequence[Clip], grid: Mapping[str, Sequence[Any]] = GRID) -> dict[str, Any]:
    """The settings of `grid` with which ByteTrack reaches its highest F1 over all clips."""
    best, best_f1 = {}, -1.0
    choices = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    for settings in tqdm(choices, "tuning ByteTrack", unit="setting", leave=False):
        contender = Contender("ByteTrack", (), arrays_of, partial(start_bytetrack, settings=settings))
        f1 = total(score(clip.true, events_of(run(contender, clip)[0])) for clip in clips).f1
        if f1 > best_f1:
            best, best_f1 = settings, f1
    return best


def run(contender: Contender, clip: Clip) -> tuple[list[Counted], float]:
    """Count one clip: the crossings, and the CPU seconds that tracking and counting took."""
    prepared = [(frame.captured_ms, contender.prepare(frame)) for frame in clip.frames]
    step = contender.start(clip)
    found: list[Counted] = []
    start_s = time.process_time()
    for captured_ms, detections in prepared:
        found += step(captured_ms, detections)
    return found, time.process_time() - start_s


def events_of(found: Iterable[Counted]) -> list[Event]:
    """The crossings alone, as they are scored."""
    return [one.event for one in found]


def compare(clips: Sequence[Clip], field: Sequence[Contender]) -> list[Standing]:
    """Run all rounds; contenders take turns at every clip."""
    frames = sum(len(clip.frames) for clip in clips)
    spent_s = {contender.name: [0.0] * ROUNDS for contender in field}
    scores: dict[str, dict[str, Score]] = {contender.name: {} for contender in field}
    turns = list(itertools.product(range(ROUNDS), clips, field))
    for turn, clip, contender in tqdm(turns, "rounds", unit="run", leave=False):
        found, cpu_s = run(contender, clip)
        spent_s[contender.name][turn] += cpu_s
        scored = score(clip.true, events_of(found))
        assert scores[contender.name].setdefault(clip.name, scored) == scored, "a round repeats the one before"
    return [
        Standing(contender, scores[contender.name], 1000 * statistics.median(spent_s[contender.name]) / frames)
        for contender in field
    ]


def groups_of(standing: Standing, hard: Sequence[str]) -> dict[str, Score]:
    """Scores summed over plain clips, hard clips and all."""
    is_hard = {name: name.startswith(tuple(hard)) for name in standing.scores}
    return {
        "plain": total(part for name, part in standing.scores.items() if not is_hard[name]),
        "hard": total(part for name, part in standing.scores.items() if is_hard[name]),
        "total": total(standing.scores.values()),
    }


def table_of(standings: Sequence[Standing], clips: Sequence[Clip], hard: Sequence[str]) -> str:
    """A Markdown table; `missed/extra` stand in brackets behind the F1 of a group."""
    every = groups_of(standings[0], hard)
    heads = [f"{name} F1 ({part.true} true)" for name, part in every.items()]
    columns = ["counter", *heads, "missed", "extra", "turned", "class right", "CPU ms/frame", "to ours", "versions"]
    rows = [columns, ["---"] * len(columns)]
    for standing in standings:
        groups = groups_of(standing, hard)
        whole = groups["total"]
        rows.append(
            [
                standing.contender.name,
                *(f"{groups[name].f1:.3f} ({groups[name].missed}/{groups[name].extra})" for name in ("plain", "hard")),
                f"{whole.f1:.3f}",
                str(whole.missed),
                str(whole.extra),
                str(whole.direction_errors),
                f"{whole.class_accuracy:.1%}",
                f"{standing.ms_per_frame:.3f}",
                f"{standing.ms_per_frame / standings[0].ms_per_frame:.2f}",
                ", ".join(f"{name} {text}" for name, text in versions_of(standing.contender).items()),
            ]
        )
    frames = sum(len(clip.frames) for clip in clips)
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + f"\n\n{len(clips)} clips, {frames} frames"


def as_json(
    standings: Sequence[Standing], clips: Sequence[Clip], hard: Sequence[str], tuned: Settings
) -> dict[str, Any]:
    """Everything measured."""
    return {
        "clips": len(clips),
        "frames": sum(len(clip.frames) for clip in clips),
        "bytetrack_tuned": tuned,
        "counters": [
            {
                "name": standing.contender.name,
                "versions": versions_of(standing.contender),
                "groups": {name: evaluation.summary_of(part) for name, part in groups_of(standing, hard).items()},
                "clips": {name: evaluation.summary_of(part) for name, part in standing.scores.items()},
                "cpu_ms_per_frame": round(standing.ms_per_frame, 4),
                "to_ours": round(standing.ms_per_frame / standings[0].ms_per_frame, 3),
            }
            for standing in standings
        ],
    }


def versions_of(contender: Contender) -> dict[str, str]:
    """Package -> version; ours may be run from the tree without being installed."""
    found = {}
    for name in contender.packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "from the tree"
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.peers", description=__doc__.split("\n", 1)[0])
    parser.add_argument("truths", type=Path, nargs="+", metavar="TRUTH.json")
    parser.add_argument("--tapes", type=Path, required=True, metavar="DIR", help="detections are kept there")
    parser.add_argument("--model", default=Model().name, metavar="M", help="a model that ships, or a manifest")
    parser.add_argument("--region", choices=("lines", "picture"), default=Model().region, help="what the detector sees")
    parser.add_argument("--hard", nargs="+", default=HARD, metavar="PREFIX", help="names of hard clips begin so")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


if __name__ == "__main__":
    main()
