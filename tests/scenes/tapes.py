# ruff: noqa: T201 - a command prints
"""Scene tapes: the simulated traffic as detected frames, for tracking and counting at any density without pixels.

    python -m tests.scenes.tapes SCENE.yaml --out X.tape [--truth X.json] [--errors missed=0.2,jitter=0.08] [--seed N]
    python -m tests.scenes.tapes --score [SCENE.yaml...] [--peers] [--errors ...] [--json]

`--score` sends every tape scene (scenes/tape-*.yaml) through the product's own pipeline with its default settings and
prints how right the count is. Boxes are exact before the errors (see seen.py, errors.py), the truth is of truth.py.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from tqdm import tqdm

from edge.config import Config, Line
from edge.counting.detection import DetectedFrame
from edge.counting.tracking import Track
from edge.evaluate import summary_of
from edge.scoring import Event, Score, pair, score, total
from edge.stages import build_pipeline
from edge.vision.tape import TapeHeader, write_tape
from tests.scenes.description import Scene, load_scene
from tests.scenes.errors import Detecting, Errors, Seen, SeenFrame
from tests.scenes.seen import seen_frames
from tests.scenes.traffic import Trip, drive
from tests.scenes.truth import (
    CLEAR_SHARE,
    TrueCrossing,
    crossings_of,
    line_in_picture,
    path_of,
    span_of,
    truth_of,
    write_truth,
)

SCENES = Path(__file__).parent / "scenes"
STANDING_S = 5.0  # a vehicle whose ground point is as long as this within reach of the line stood on it
OWNER_MS = 2_000  # a track may go over to another vehicle: whose it was when it crossed is asked of this time around
OVERLAP_MIN = 0.3  # intersection over union from which a track's box is that of a true vehicle


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a scene was counted.

    `twice` are vehicles that counted more often in a direction than they crossed, `twice_standing` those of them that
    stood on the line.
    """

    scene: str
    vehicles: int
    standing: int
    score: Score
    twice: int
    twice_standing: int
    missed: tuple[TrueCrossing, ...] = field(default=(), repr=False)
    extra: tuple[tuple[Event, int | None], ...] = field(default=(), repr=False)


def config_of(scene: Scene) -> Config:
    """The product's defaults, with the scene's line."""
    view = scene.view
    points = tuple((x / view.width, y / view.height) for x, y in line_in_picture(scene))
    return Config(lines={"line": Line(points=points)})


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


def truth_events(scene: Scene, trips: Sequence[Trip]) -> tuple[list[TrueCrossing], list[Event], set[int]]:
    """The true crossings, the same as they are scored, and the vehicles that stood on the line."""
    from_ms, to_ms = span_of(scene)
    line = line_in_picture(scene)
    (x1, y1), (x2, y2) = line
    crossings, stood = [], set()
    for trip in trips:
        path = path_of(scene.view.camera, trip)
        crossings += crossings_of(path, line, from_ms, to_ms)
        across = (x2 - x1) * (path.ground[:, 1] - y1) - (y2 - y1) * (path.ground[:, 0] - x1)
        near = np.abs(across) / np.hypot(x2 - x1, y2 - y1) < CLEAR_SHARE * path.height
        near &= (path.at_ms >= from_ms) & (path.at_ms < to_ms)
        if len(near) and 0.1 * near.sum() > STANDING_S:
            stood.add(trip.number)
    crossings.sort(key=lambda crossing: (crossing.at_ms, crossing.number))
    events = [Event(c.direction, c.label, round(c.at_ms - from_ms), c.uncertain) for c in crossings]
    return crossings, events, stood


def count(scene: Scene, trips: Sequence[Trip], errors: Errors) -> Outcome:
    """Count a scene with the product's pipeline, and judge the count."""
    crossings, true, stood = truth_events(scene, trips)
    pipeline = build_pipeline(config_of(scene), scene.view.width, scene.view.height)
    owners: dict[int, list[tuple[int, int]]] = {}
    found: list[tuple[Event, int]] = []
    line = line_in_picture(scene)
    for there, frame in detected(scene, trips, errors):
        step = pipeline.update(frame)
        for track in step.tracks:
            if track.seen_ms == frame.captured_ms and _is_near(track, line):
                number = _whose(track, there.vehicles)
                if number is not None:
                    owners.setdefault(track.id, []).append((frame.captured_ms, number))
        found += [(Event(c.direction, c.label, c.crossed_ms), c.track) for c in step.crossings]
    found += [(Event(c.direction, c.label, c.crossed_ms), c.track) for c in pipeline.close().crossings]
    events = [event for event, _ in found]
    whose = [_owner(owners.get(track, []), event.at_ms) for event, track in found]
    asked = Counter((c.number, c.direction) for c in crossings)
    counted = Counter((n, event.direction) for event, n in zip(events, whose, strict=True) if n is not None)
    twice = [number for (number, way), times in counted.items() if times > max(asked[number, way], 1)]
    pairing = pair(true, events)
    return Outcome(
        scene.name,
        len({c.number for c in crossings}),
        len(stood & {c.number for c in crossings}),
        score(true, events),
        len(twice),
        len([number for number in twice if number in stood]),
        tuple(crossings[row] for row in pairing.missed),
        tuple((events[column], whose[column]) for column in pairing.extra),
    )


def _is_near(track: Track, line: tuple[tuple[float, float], tuple[float, float]]) -> bool:
    """Within one and a half box heights of the line."""
    (x1, y1), (x2, y2) = line
    x, y = track.ground
    across = (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)
    return bool(abs(across) < 1.5 * (track.box[3] - track.box[1]) * np.hypot(x2 - x1, y2 - y1))


def _owner(sightings: Sequence[tuple[int, int]], at_ms: int) -> int | None:
    """The true vehicle that a track showed most often about that time; each sighting is (ms, number)."""
    about = Counter(number for seen_ms, number in sightings if abs(seen_ms - at_ms) <= OWNER_MS)
    return about.most_common(1)[0][0] if about else None


def _whose(track: Track, vehicles: Sequence[Seen]) -> int | None:
    """The true vehicle whose visible box the track's box overlaps most."""
    x1, y1, x2, y2 = track.box
    best, number = OVERLAP_MIN, None
    for vehicle in vehicles:
        u1, v1, u2, v2 = vehicle.visible
        across, down = min(x2, u2) - max(x1, u1), min(y2, v2) - max(y1, v1)
        if across > 0.0 and down > 0.0:
            shared = across * down
            overlap = shared / ((x2 - x1) * (y2 - y1) + (u2 - u1) * (v2 - v1) - shared)
            if overlap > best:
                best, number = overlap, vehicle.number
    return number


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


def table_of(outcomes: Sequence[Outcome]) -> str:
    """A Markdown table, with the total below."""
    columns = [
        "scene",
        "crossings",
        "found",
        "missed",
        "extra",
        "F1",
        "stood on the line",
        "counted twice",
        "of those that stood",
    ]
    rows = [columns, ["---"] * len(columns)]
    whole = Outcome(
        "**all**",
        sum(o.vehicles for o in outcomes),
        sum(o.standing for o in outcomes),
        total(o.score for o in outcomes),
        sum(o.twice for o in outcomes),
        sum(o.twice_standing for o in outcomes),
    )
    for o in (*outcomes, whole):
        part = o.score
        numbers = (
            part.true,
            part.found,
            part.missed,
            part.extra,
            f"{part.f1:.4f}",
            o.standing,
            o.twice,
            o.twice_standing,
        )
        rows.append([o.scene, *map(str, numbers)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def as_json(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Everything measured."""
    return {
        o.scene: {
            "vehicles": o.vehicles,
            "standing": o.standing,
            "twice": o.twice,
            "twice_standing": o.twice_standing,
            **summary_of(o.score),
        }
        for o in outcomes
    }


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
    outcomes = []
    for scene in tqdm(scenes, "scenes", unit="scene", leave=False):
        outcomes.append(count(scene, drive(scene), given.errors))
    if given.json:
        print(json.dumps(as_json(outcomes), sort_keys=True))
    else:
        print(table_of(outcomes))


if __name__ == "__main__":
    main()
