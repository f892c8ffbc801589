"""What one would otherwise take, on scene tapes: the contenders of tests/benchmarks beside ours, same detections.

Everybody runs as there: what is fair about it, and what favours the others, stands at the top of benchmarks/peers.py.
ByteTrack tuned has the settings found on real clips, for to tune it on hours of tapes takes a day. Whose a crossing of
the peers is, is told by the vehicle that its box overlaps most at the frame at which it is counted, which may be none;
of ours by the whole track near the line, so that more of its double counts are told.
"""

import json
from collections.abc import Sequence

from tqdm import tqdm

from edge.counting.crossing import CountingLine
from tests.benchmarks.peers import TUNED, Clip, Contender, contenders, events_of, run, versions_of
from tests.scenes import counts
from tests.scenes.counts import FIGURES, Outcome
from tests.scenes.description import Scene
from tests.scenes.errors import Errors
from tests.scenes.tapes import detected
from tests.scenes.traffic import drive
from tests.scenes.truth import line_in_picture


def report(scenes: Sequence[Scene], errors: Errors, *, as_json: bool) -> str:
    """Count all scenes with everybody; two Markdown tables, or one JSON object."""
    ours, *others = contenders(TUNED)
    field = [ours, *others]
    outcomes: dict[str, list[Outcome]] = {contender.name: [] for contender in field}
    for scene in tqdm(scenes, "scenes", unit="scene", leave=False):
        for name, outcome in count(scene, errors, others, ours.name).items():
            outcomes[name].append(outcome)
    if as_json:
        versions = {contender.name: versions_of(contender) for contender in field}
        scored = {
            name: {"versions": versions[name], "scenes": counts.as_json(those)} for name, those in outcomes.items()
        }
        return json.dumps(scored, sort_keys=True)
    return f"{_totals(field, outcomes)}\n\n{_scenes(scenes, outcomes)}"


def count(scene: Scene, errors: Errors, others: Sequence[Contender], ours: str) -> dict[str, Outcome]:
    """Count one scene with everybody; by name."""
    trips = drive(scene)
    frames = list(detected(scene, trips, errors))
    truth = counts.truth_events(scene, trips)
    there = {frame.captured_ms: seen.vehicles for seen, frame in frames}
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
    outcomes = {ours: counts.count(scene, trips, frames)}
    for contender in tqdm(others, scene.name, unit="counter", leave=False):
        found, _ = run(contender, clip)
        numbers = [None if one.box is None else counts.whose(one.box, there[one.event.at_ms]) for one in found]
        outcomes[contender.name] = counts.judge(scene.name, truth, events_of(found), numbers)
    return outcomes


def _totals(field: Sequence[Contender], outcomes: dict[str, list[Outcome]]) -> str:
    """All scenes together, in the columns of counts.table_of."""
    rows = [["counter", *FIGURES, "versions"], ["---"] * (2 + len(FIGURES))]
    for contender in field:
        versions = ", ".join(f"{name} {text}" for name, text in versions_of(contender).items())
        rows.append([contender.name, *counts.figures_of(counts.all_of(outcomes[contender.name])), versions])
    return _markdown(rows)


def _scenes(scenes: Sequence[Scene], outcomes: dict[str, list[Outcome]]) -> str:
    """The F1 of each scene; in brackets missed, extra, and how many of those that stood were counted twice."""
    rows = [["scene", *outcomes], ["---"] * (1 + len(outcomes))]
    for place, scene in enumerate(scenes):
        cells = [those[place] for those in outcomes.values()]
        rows.append(
            [scene.name, *(f"{o.score.f1:.3f} ({o.score.missed}/{o.score.extra}/{o.twice_standing})" for o in cells)]
        )
    return _markdown(rows)


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
