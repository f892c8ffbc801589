# ruff: noqa: T201 - a command prints
"""Scene tapes: the simulated traffic as detected frames, for tracking and counting at any density without pixels.

    python -m tests.scenes.tapes SCENE.yaml --out X.tape [--truth X.json] [--errors missed=0.2,jitter=0.08] [--seed N]
    python -m tests.scenes.tapes --score [SCENE.yaml...] [--peers] [--errors ...] [--json]

`--score` sends every tape scene (scenes/tape-*.yaml) through the product's own pipeline with its default settings and
prints how right the count is (counts.py); with `--peers`, those of tests/benchmarks beside it, on the same detections
(peers.py). Boxes are exact before the errors (see seen.py, errors.py), the truth is of truth.py.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path

import msgspec
from tqdm import tqdm

from edge.counting.detection import DetectedFrame
from edge.vision.tape import TapeHeader, write_tape
from tests.scenes.counts import as_json, count, table_of
from tests.scenes.description import Scene, load_scene
from tests.scenes.errors import Detecting, Errors, SeenFrame
from tests.scenes.seen import seen_frames
from tests.scenes.traffic import Trip, drive
from tests.scenes.truth import truth_of, write_truth

SCENES = Path(__file__).parent / "scenes"


def detected(scene: Scene, trips: Sequence[Trip], errors: Errors) -> Iterator[tuple[SeenFrame, DetectedFrame]]:
    """What is there and what is detected, frame by frame; dropped frames are left out."""
    detecting = Detecting(errors, scene.seed, scene.view.width, scene.view.height)
    waiting: list[SeenFrame] = []

    def handed_on() -> Iterator[SeenFrame]:
        for frame in seen_frames(scene, trips):
            waiting[:] = [frame]
            yield frame

    for made in detecting.frames(handed_on()):
        yield waiting[0], made


def write(scene: Scene, tape: Path, truth: Path | None, errors: Errors) -> int:
    """Write the tape, and the truth with it if asked for; returns the number of vehicles on it."""
    trips = drive(scene)
    header = TapeHeader(
        width=scene.view.width, height=scene.view.height, model="scene", source=f"{scene.name}.yaml", start_ms=0
    )
    write_tape(tape, header, (frame for _, frame in detected(scene, trips, errors)))
    if truth is not None:
        stated = f"a tape with stated errors: {json.dumps(asdict(errors))}"
        write_truth(truth, truth_of(scene, trips, tape.name, (stated,)))
    return len(trips)


def errors_of(text: str) -> Errors:
    """`missed=0.2,jitter=0.08` over the defaults."""
    known = {one.name for one in fields(Errors)}
    changes = {}
    for part in text.split(",") if text else []:
        key, _, value = part.partition("=")
        if key not in known:
            raise argparse.ArgumentTypeError(f"{key!r} is not known; allowed are {', '.join(sorted(known))}")
        changes[key] = float(value)
    return replace(Errors(), **changes)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write one tape, or score all."""
    parser = argparse.ArgumentParser(prog="python -m tests.scenes.tapes", description=__doc__.split("\n", 1)[0])
    parser.add_argument(
        "scenes", type=Path, nargs="*", metavar="SCENE.yaml", help="with --score: all tape scenes unless given"
    )
    parser.add_argument("--out", type=Path, metavar="X.tape")
    parser.add_argument("--truth", type=Path, metavar="X.json")
    parser.add_argument(
        "--errors", type=errors_of, default=Errors(), metavar="KEY=N,...", help="over the defaults of errors.py"
    )
    parser.add_argument("--seed", type=int, help="another than the scene's")
    parser.add_argument("--score", action="store_true", help="count and judge")
    parser.add_argument("--peers", action="store_true", help="the peers too; see tests/benchmarks")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(arguments)
    if given.score == (given.out is not None):
        parser.error("either --out X.tape, to write one scene, or --score is expected")
    if not given.score and len(given.scenes) != 1:
        parser.error("one scene is expected with --out")
    scenes = [load_scene(path) for path in given.scenes or sorted(SCENES.glob("tape-*.yaml"))]
    if given.seed is not None:
        scenes = [msgspec.structs.replace(scene, seed=given.seed) for scene in scenes]
    if given.out is not None:
        vehicles = write(scenes[0], given.out, given.truth, given.errors)
        print(f"{given.out}: {vehicles} vehicles")
        return
    if given.peers:
        from tests.scenes import peers  # noqa: PLC0415 - only there are the peers' packages needed

        print(peers.report(scenes, given.errors, as_json=given.json))
        return
    outcomes = []
    for scene in tqdm(scenes, "scenes", unit="scene", leave=False):
        trips = drive(scene)
        outcomes.append(count(scene, trips, detected(scene, trips, given.errors)))
    if given.json:
        print(json.dumps(as_json(outcomes), sort_keys=True))
    else:
        print(table_of(outcomes))


if __name__ == "__main__":
    main()
