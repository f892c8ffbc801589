# ruff: noqa: T201 - a command prints
"""Queues on scene tapes: how right inside, standing and waits are, by the product's own pipeline with its defaults.

    python -m tests.scenes.queues [SCENE.yaml...] [--errors missed=0.2,jitter=0.08] [--json]

Without scenes, all tape scenes that have a zone. What is counted is held against all vehicles, and against those that
could be seen: at that frame `shown_min` of a vehicle shows, `height_px_min` high (errors.py), so that a detector can
find it at all. The difference is what the vehicles in front hide.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from tqdm import tqdm

from edge.build.stages import build_pipeline
from edge.config.schema import Zone
from edge.offline.evaluate import zone_summary_of
from edge.offline.scoring import ZoneScore, score_zone
from tests.scenes.counts import config_of
from tests.scenes.description import Scene, load_scene
from tests.scenes.errors import Errors
from tests.scenes.tapes import SCENES, detected, errors_of
from tests.scenes.traffic import drive
from tests.scenes.truth import span_of, stays_in, zone_in_picture


@dataclass(frozen=True, slots=True)
class QueueScore:
    """How right a queue is: against all that are there, and against those that could be seen at each frame."""

    whole: ZoneScore
    seen: ZoneScore


def score_queue(scene: Scene, errors: Errors) -> QueueScore:
    """Count the zone of a scene, frame by frame, and judge the count."""
    trips = drive(scene)
    stays = stays_in(scene, trips)
    polygon = tuple((x / scene.view.width, y / scene.view.height) for x, y in zone_in_picture(scene))
    zone = Zone(polygon=polygon, standing_after_s=scene.standing_after_s)
    config = msgspec.structs.replace(config_of(scene), zones={scene.zone_name: zone})
    pipeline = build_pipeline(config, scene.view.width, scene.view.height)
    from_ms, _ = span_of(scene)
    whole: list[tuple[tuple[int, int], tuple[int, int]]] = []
    seen: list[tuple[tuple[int, int], tuple[int, int]]] = []
    waits_ms: list[int] = []
    for there, frame in detected(scene, trips, errors):
        [occupancy] = pipeline.update(frame).occupancies
        at_ms = from_ms + frame.captured_ms
        inside = [stay for stay in stays if stay.is_inside(at_ms)]
        shown = {one.number for one in there.vehicles if errors.may_find(one)}
        visible = [stay for stay in inside if stay.number in shown]
        assert occupancy.standing is not None, "a recording is no still"
        counted = occupancy.inside, occupancy.standing
        whole.append(((len(inside), sum(stay.is_standing(at_ms) for stay in inside)), counted))
        seen.append(((len(visible), sum(stay.is_standing(at_ms) for stay in visible)), counted))
        waits_ms += occupancy.waits_ms
    true_ms = [stay.waited_ms for stay in stays if stay.waited_ms is not None and stay.stood_ms is not None]
    return QueueScore(score_zone(whole, true_ms, waits_ms), score_zone(seen, true_ms, waits_ms))


def table_of(scores: dict[str, QueueScore]) -> str:
    """A Markdown table."""
    rows = [
        "| scene | inside, mean | error | of seen | standing, mean | error | of seen | waits | counted "
        "| p50, s | counted | off by |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, both in scores.items():
        score = both.whole
        share = score.p50_error_share
        waits = [
            "-" if wait_ms is None else f"{wait_ms / 1000:.1f}" for wait_ms in (score.true_p50_ms, score.counted_p50_ms)
        ]
        cells = [
            name,
            f"{score.inside.true_mean:.2f}",
            f"{score.inside.error:.2f}",
            f"{both.seen.inside.error:.2f}",
            f"{score.standing.true_mean:.2f}",
            f"{score.standing.error:.2f}",
            f"{both.seen.standing.error:.2f}",
            str(score.true_waits),
            str(score.counted_waits),
            *waits,
            "-" if share is None else f"{share:+.1%}",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def as_json(scores: dict[str, QueueScore]) -> dict[str, Any]:
    """Everything measured."""
    return {name: {**zone_summary_of(both.whole), "seen": zone_summary_of(both.seen)} for name, both in scores.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Score all."""
    parser = argparse.ArgumentParser(prog="python -m tests.scenes.queues", description=__doc__.split("\n", 1)[0])
    parser.add_argument("scenes", type=Path, nargs="*", metavar="SCENE.yaml")
    parser.add_argument("--errors", type=errors_of, default=Errors(), metavar="KEY=N,...")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(arguments)
    scenes = [load_scene(path) for path in given.scenes or sorted(SCENES.glob("tape-*.yaml"))]
    scenes = [scene for scene in scenes if scene.zone]
    scores = {s.name: score_queue(s, given.errors) for s in tqdm(scenes, "scenes", unit="scene", leave=False)}
    if given.json:
        print(json.dumps(as_json(scores), sort_keys=True))
    else:
        print(table_of(scores))


if __name__ == "__main__":
    main()
