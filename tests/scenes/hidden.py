# ruff: noqa: T201 - a command prints
"""How right the estimate of hidden vehicles is on scene tapes, by the product's own pipeline with its defaults.

    python -m tests.scenes.hidden [SCENE.yaml...] [--learned] [--json]

Without scenes, those of `far_scenes`: queues drawn out to where trucks hide much. What is hidden is known exactly: who
is inside and is not counted. The zone has its plane unless `--learned`, which leaves the ground to the sizes of cars.
The estimate is judged as often as it is made.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
from tqdm import tqdm

from edge.build.stages import build_pipeline
from edge.config.schema import Plane, Zone
from edge.counting.hidden import HiddenLikely
from edge.counting.parameters import DEFAULT
from edge.offline.evaluate import zone_summary_of
from edge.offline.scoring import ZoneScore, score_zone
from tests.scenes.counts import config_of
from tests.scenes.description import Scene, load_scene
from tests.scenes.errors import Errors
from tests.scenes.tapes import SCENES, detected
from tests.scenes.traffic import drive
from tests.scenes.truth import Pixel, span_of, stays_in, zone_in_picture

DURATION_S = 600.0


def far_scenes() -> list[Scene]:
    """Two stop-and-go scenes, from a portal and from beside the deck, and customs, with zones up to 70 m away."""

    def drawn_out(name: str, to_m: float, look_m: float | None = None) -> Scene:
        scene = load_scene(SCENES / f"{name}.yaml")
        near_m = min(x for x, _ in scene.zone)
        zone = tuple((x if x == near_m else to_m, y) for x, y in scene.zone)
        view = scene.view
        if look_m is not None:
            view = msgspec.structs.replace(view, target=(look_m, *view.target[1:]))
        return msgspec.structs.replace(scene, zone=zone, view=view, duration_s=DURATION_S)

    return [
        drawn_out("tape-stop-and-go", 45.0, 16.0),
        drawn_out("tape-stop-and-go-side", 25.0),
        drawn_out("tape-stop-and-go-side", 45.0),
        drawn_out("tape-customs", 60.0),
    ]


def four(points: tuple[Pixel, ...]) -> tuple[Pixel, Pixel, Pixel, Pixel]:
    """A zone of which the ground is known has four corners."""
    a, b, c, d = points
    return a, b, c, d


def score_hidden(scene: Scene, *, learned: bool = False) -> ZoneScore:
    """Count the zone of a scene, and judge the estimate of who is hidden in it."""
    trips = drive(scene)
    stays = stays_in(scene, trips)
    width, height = scene.view.width, scene.view.height
    corners = tuple((x / width, y / height) for x, y in zone_in_picture(scene))
    plane = None if learned else Plane(points=four(corners), metres=four(scene.zone))
    config = msgspec.structs.replace(config_of(scene), zones={scene.zone_name: Zone(polygon=corners, plane=plane)})
    pipeline = build_pipeline(config, width, height)
    from_ms, _ = span_of(scene)
    frames: list[tuple[tuple[int, int], tuple[int, int]]] = []
    hidden: list[tuple[int, HiddenLikely]] = []
    next_ms = 0
    for _, frame in detected(scene, trips, Errors()):
        [occupancy] = pipeline.update(frame).occupancies
        if frame.captured_ms < next_ms:
            continue
        next_ms = frame.captured_ms + DEFAULT.occupancy.hidden_every_ms
        inside = sum(stay.is_inside(from_ms + frame.captured_ms) for stay in stays)
        frames.append(((inside, 0), (occupancy.inside, 0)))
        if occupancy.hidden is not None:
            hidden.append((inside - occupancy.inside, occupancy.hidden))
    return score_zone(frames, None, (), hidden)


def table_of(scores: dict[str, ZoneScore]) -> str:
    """A Markdown table."""
    rows = [
        "| scene | inside, mean | error | hidden, true mean | told | 80% interval holds | error of inside with it |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, score in scores.items():
        hidden = score.hidden
        cells = [name, f"{score.inside.true_mean:.2f}", f"{score.inside.error:.2f}"]
        if hidden is not None:
            held = f"{hidden.held / hidden.frames:.1%} of {hidden.frames}"
            cells += [f"{hidden.true_mean:.2f}", f"{hidden.told_mean:.2f}", held, f"{hidden.error:.2f}"]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Score all."""
    parser = argparse.ArgumentParser(prog="python -m tests.scenes.hidden", description=__doc__.split("\n", 1)[0])
    parser.add_argument("scenes", type=Path, nargs="*", metavar="SCENE.yaml")
    parser.add_argument("--learned", action="store_true", help="no plane: the ground as the sizes of cars tell it")
    parser.add_argument("--seed", type=int, help="another than the scene's")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(arguments)
    scenes = [load_scene(path) for path in given.scenes] or far_scenes()
    if given.seed is not None:
        scenes = [msgspec.structs.replace(scene, seed=given.seed) for scene in scenes]
    scores = {
        f"{scene.name}, to {max(x for x, _ in scene.zone):.0f} m": score_hidden(scene, learned=given.learned)
        for scene in tqdm(scenes, "scenes", unit="scene", leave=False)
    }
    if given.json:
        print(json.dumps({name: zone_summary_of(score) for name, score in scores.items()}, sort_keys=True))
    else:
        print(table_of(scores))


if __name__ == "__main__":
    main()
