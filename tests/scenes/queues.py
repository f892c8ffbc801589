# ruff: noqa: T201 - a command prints
"""Queues on scene tapes: how right inside, standing and waits are, by the product's own pipeline with its defaults.

    python -m tests.scenes.queues [SCENE.yaml...] [--errors missed=0.2,jitter=0.08] [--json]

Without scenes, all tape scenes that have a zone.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
from tqdm import tqdm

from edge.config import Zone
from edge.evaluate import zone_summary_of
from edge.scoring import ZoneScore, score_zone
from edge.stages import build_pipeline
from tests.scenes.counts import config_of
from tests.scenes.description import Scene, load_scene
from tests.scenes.errors import Errors
from tests.scenes.tapes import SCENES, detected, errors_of
from tests.scenes.traffic import drive, frame_times_ms
from tests.scenes.truth import truth_of


def score_queue(scene: Scene, errors: Errors) -> ZoneScore:
    """Count the zone of a scene, frame by frame, and judge the count."""
    trips = drive(scene)
    true = truth_of(scene, trips, "")["zones"][scene.zone_name]
    polygon = tuple((x / scene.view.width, y / scene.view.height) for x, y in true["polygon"])
    zone = Zone(polygon=polygon, standing_after_s=scene.standing_after_s)
    config = msgspec.structs.replace(config_of(scene), zones={scene.zone_name: zone})
    pipeline = build_pipeline(config, scene.view.width, scene.view.height)
    times_ms = frame_times_ms(scene)
    number = {at_ms - times_ms[0]: place for place, at_ms in enumerate(times_ms)}
    frames, waits_ms = [], []
    for _, frame in detected(scene, trips, errors):
        [occupancy] = pipeline.update(frame).occupancies
        place = number[frame.captured_ms]
        frames.append(((true["inside"][place], true["standing"][place]), (occupancy.inside, occupancy.standing)))
        waits_ms += occupancy.waits_ms
    return score_zone(frames, true["waits_ms"], waits_ms)


def table_of(scores: dict[str, ZoneScore]) -> str:
    """A Markdown table."""
    rows = [
        "| scene | inside, mean | error | standing, mean | error | waits | counted | p50, s | counted | off by |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, score in scores.items():
        share = score.p50_error_share
        waits = [
            "-" if wait_ms is None else f"{wait_ms / 1000:.1f}" for wait_ms in (score.true_p50_ms, score.counted_p50_ms)
        ]
        cells = [
            name,
            f"{score.inside.true_mean:.2f}",
            f"{score.inside.error:.2f}",
            f"{score.standing.true_mean:.2f}",
            f"{score.standing.error:.2f}",
            str(score.true_waits),
            str(score.counted_waits),
            *waits,
            "-" if share is None else f"{share:+.1%}",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


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
        print(json.dumps({name: zone_summary_of(score) for name, score in scores.items()}, sort_keys=True))
    else:
        print(table_of(scores))


if __name__ == "__main__":
    main()
