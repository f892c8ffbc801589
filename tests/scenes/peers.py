"""What one would otherwise take, on scene tapes: the contenders of tests/benchmarks beside ours, same detections.

Everybody runs as there: what is fair about it, and what favours the others, stands at the top of benchmarks/peers.py.
ByteTrack is tuned on the first `TUNING_S` of the very tapes that are scored. Whose a crossing of the peers is, is told
by the vehicle that its box overlaps most at the frame at which it is counted, which may be none; of ours by the track
in the seconds around, so that more of its double counts are told.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tqdm import tqdm

from edge.counting.crossing import CountingLine
from edge.counting.detection import DetectedFrame
from edge.offline.scoring import Event
from tests.benchmarks.peers import GRID, Clip, Contender, Settings, contenders, events_of, run, tune, versions_of
from tests.scenes import counts
from tests.scenes.counts import FIGURES, Outcome
from tests.scenes.description import Scene
from tests.scenes.errors import Errors, SeenFrame
from tests.scenes.tapes import detected
from tests.scenes.traffic import Trip, drive
from tests.scenes.truth import TrueCrossing, line_in_picture

TUNING_S = 240.0
TAPE_GRID = {**GRID, "minimum_crossing_threshold": (2, 3, 5)}  # frames: tapes have fewer a second than clips

Outcomes = dict[str, list[Outcome]]
"""Of each contender, in the order of the scenes."""


@dataclass(frozen=True, slots=True)
class Tape:
    """A scene as everybody gets it, and what is true of it."""

    scene: Scene
    trips: Sequence[Trip]
    frames: list[tuple[SeenFrame, DetectedFrame]]
    truth: tuple[list[TrueCrossing], list[Event], set[int]]
    clip: Clip


def report(scenes: Sequence[Scene], errors: Errors, *, as_json: bool) -> str:
    """Count all scenes with everybody; two Markdown tables, or one JSON object."""
    tapes = [tape_of(scene, errors) for scene in tqdm(scenes, "tapes", unit="scene", leave=False)]
    tuned = tune([beginning_of(tape.clip) for tape in tapes], TAPE_GRID)
    field = contenders(tuned)
    outcomes: Outcomes = {contender.name: [] for contender in field}
    for tape in tqdm(tapes, "scenes", unit="scene", leave=False):
        for contender in field:
            outcomes[contender.name].append(count(tape, contender))
    return _json(field, outcomes, tuned) if as_json else _tables(field, outcomes, tuned)


def tape_of(scene: Scene, errors: Errors) -> Tape:
    """Drive a scene and detect."""
    trips = drive(scene)
    frames = list(detected(scene, trips, errors))
    truth = counts.truth_events(scene, trips)
    clip = Clip(
        name=scene.name,
        width=scene.view.width,
        height=scene.view.height,
        frames_per_second=scene.frames_per_second,
        line=CountingLine("line", line_in_picture(scene)),
        config=counts.config_of(scene),
        frames=tuple(frame for _, frame in frames),
        true=tuple(truth[1]),
    )
    return Tape(scene, trips, frames, truth, clip)


def beginning_of(clip: Clip) -> Clip:
    """What of it is for tuning."""
    to_ms = 1000 * TUNING_S
    frames = tuple(frame for frame in clip.frames if frame.captured_ms < to_ms)
    return replace(clip, frames=frames, true=tuple(event for event in clip.true if event.at_ms < to_ms))


def count(tape: Tape, contender: Contender) -> Outcome:
    """Count one scene, and judge the count."""
    if contender.name == "ours":
        return counts.count(tape.scene, tape.trips, tape.frames)
    found, _ = run(contender, tape.clip)
    there = {frame.captured_ms: seen.vehicles for seen, frame in tape.frames}
    numbers = [None if one.box is None else counts.whose(one.box, there[one.event.at_ms]) for one in found]
    return counts.judge(tape.scene.name, tape.truth, events_of(found), numbers)


def _json(field: Sequence[Contender], outcomes: Outcomes, tuned: Settings) -> str:
    counters = {
        contender.name: {
            "versions": versions_of(contender),
            "scenes": counts.as_json(outcomes[contender.name]),
        }
        for contender in field
    }
    return json.dumps({"bytetrack_tuned": tuned, "counters": counters}, sort_keys=True)


def _tables(field: Sequence[Contender], outcomes: Outcomes, tuned: Settings) -> str:
    """All scenes together in the columns of counts.table_of; then scene by scene; then what tuning found."""
    totals = [["counter", *FIGURES, "versions"], ["---"] * (2 + len(FIGURES))]
    for contender in field:
        versions = ", ".join(f"{name} {text}" for name, text in versions_of(contender).items())
        totals.append([contender.name, *counts.figures_of(counts.all_of(outcomes[contender.name])), versions])
    rows = [["scene", *outcomes], ["---"] * (1 + len(outcomes))]
    for those in zip(*outcomes.values(), strict=True):
        cells = [f"{o.score.f1:.3f} ({o.score.missed}/{o.score.extra}/{o.twice_standing})" for o in those]
        rows.append([those[0].scene, *cells])
    settings = ", ".join(f"{key}={value}" for key, value in tuned.items())
    return f"{_markdown(totals)}\n\n{_markdown(rows)}\n\nByteTrack tuned: {settings}"


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
