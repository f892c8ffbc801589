"""How right a scene tape is counted: every true crossing once, and nobody twice for standing on the line."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import hypot
from typing import Any

import numpy as np

from edge.build.stages import build_pipeline
from edge.config.schema import Config, Line
from edge.counting.detection import DetectedFrame
from edge.counting.tracking import Track
from edge.offline.evaluate import summary_of
from edge.offline.scoring import Event, Score, pair, score, total
from tests.scenes.camera import Box
from tests.scenes.description import Scene
from tests.scenes.errors import Errors, Seen, SeenFrame
from tests.scenes.traffic import Trip
from tests.scenes.truth import CLEAR_SHARE, TrueCrossing, crossings_of, line_in_picture, path_of, span_of

STANDING_S = 5.0  # a vehicle whose ground point is as long as this within reach of the line stood on it
OWNER_MS = 2_000  # a track may go over to another vehicle: whose it was when it crossed is asked of this time around
OVERLAP_MIN = 0.3  # intersection over union from which a track's box is that of a true vehicle
HIDDEN_HEIGHTS = 0.5  # who never shows so near to the line, in its own heights, crosses it hidden
FIGURES = ("crossings", "found", "missed", "extra", "F1", "stood on the line", "counted twice", "of those that stood")
HIDDEN = "missed that crossed hidden"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a scene was counted.

    `twice` are vehicles that counted more often in a direction than they crossed, `twice_standing` those of them that
    stood on the line. `hidden` are the missed that nobody could have seen cross: in no frame in which their ground
    point was within half a box height of the line did as much of them show as is ever found (Errors.may_find).
    """

    scene: str
    vehicles: int
    standing: int
    score: Score
    twice: int
    twice_standing: int
    hidden: int = 0
    missed: tuple[TrueCrossing, ...] = field(default=(), repr=False)
    extra: tuple[tuple[Event, int | None], ...] = field(default=(), repr=False)


def config_of(scene: Scene) -> Config:
    """The product's defaults, with the scene's line."""
    view = scene.view
    points = tuple((x / view.width, y / view.height) for x, y in line_in_picture(scene))
    return Config(lines={"line": Line(points=points)})


def truth_events(scene: Scene, trips: Sequence[Trip]) -> tuple[list[TrueCrossing], list[Event], set[int]]:
    """The true crossings, the same as they are scored, and the vehicles that stood on the line."""
    from_ms, to_ms = span_of(scene)
    line = line_in_picture(scene)
    (x1, y1), (x2, y2) = line
    crossings: list[TrueCrossing] = []
    stood: set[int] = set()
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


def count(scene: Scene, trips: Sequence[Trip], frames: Iterable[tuple[SeenFrame, DetectedFrame]]) -> Outcome:
    """Count a scene with the product's pipeline, and judge the count."""
    pipeline = build_pipeline(config_of(scene), scene.view.width, scene.view.height)
    owners: dict[int, list[tuple[int, int]]] = {}
    found: list[tuple[Event, int]] = []
    line = line_in_picture(scene)
    shown: set[int] = set()
    for there, frame in frames:
        shown |= {one.number for one in there.vehicles if Errors().may_find(one) and _crosses(one.whole, line)}
        step = pipeline.update(frame)
        for track in step.tracks:
            if track.seen_ms == frame.captured_ms and _is_near(track, line):
                number = whose(track.box, there.vehicles)
                if number is not None:
                    owners.setdefault(track.id, []).append((frame.captured_ms, number))
        found += [(Event(c.direction, c.label, c.crossed_ms), c.track) for c in step.crossings]
    found += [(Event(c.direction, c.label, c.crossed_ms), c.track) for c in pipeline.close().crossings]
    numbers = [_owner(owners.get(track, []), event.at_ms) for event, track in found]
    outcome = judge(scene.name, truth_events(scene, trips), [event for event, _ in found], numbers)
    return replace(outcome, hidden=len([one for one in outcome.missed if one.number not in shown]))


def judge(
    name: str, truth: tuple[list[TrueCrossing], list[Event], set[int]], events: list[Event], numbers: list[int | None]
) -> Outcome:
    """Compare crossings counted with the true ones; `numbers` says whose each is, None where nobody can tell."""
    crossings, true, stood = truth
    asked = Counter((c.number, c.direction) for c in crossings)
    counted = Counter((n, event.direction) for event, n in zip(events, numbers, strict=True) if n is not None)
    twice = [number for (number, way), times in counted.items() if times > max(asked[number, way], 1)]
    pairing = pair(true, events)
    return Outcome(
        name,
        len({c.number for c in crossings}),
        len(stood & {c.number for c in crossings}),
        score(true, events),
        len(twice),
        len([number for number in twice if number in stood]),
        missed=tuple(crossings[row] for row in pairing.missed),
        extra=tuple((events[column], numbers[column]) for column in pairing.extra),
    )


def _is_near(track: Track, line: tuple[tuple[float, float], tuple[float, float]]) -> bool:
    """Within one and a half box heights of the line."""
    return _heights_away(track.box, line) < 1.5


def _crosses(box: Box, line: tuple[tuple[float, float], tuple[float, float]]) -> bool:
    return _heights_away(box, line) < HIDDEN_HEIGHTS


def _heights_away(box: Box, line: tuple[tuple[float, float], tuple[float, float]]) -> float:
    (x1, y1), (x2, y2) = line
    x, y = (box[0] + box[2]) / 2.0, box[3]
    across = (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)
    return abs(across) / (hypot(x2 - x1, y2 - y1) * (box[3] - box[1]))


def _owner(sightings: Sequence[tuple[int, int]], at_ms: int) -> int | None:
    """The true vehicle that a track showed most often about that time; each sighting is (ms, number)."""
    about = Counter(number for seen_ms, number in sightings if abs(seen_ms - at_ms) <= OWNER_MS)
    return about.most_common(1)[0][0] if about else None


def whose(box: Box, vehicles: Sequence[Seen]) -> int | None:
    """The true vehicle whose visible box this one overlaps most."""
    x1, y1, x2, y2 = box
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


def table_of(outcomes: Sequence[Outcome]) -> str:
    """A Markdown table, with the total below."""
    rows = [["scene", *FIGURES, HIDDEN], ["---"] * (2 + len(FIGURES))]
    rows += [[o.scene, *figures_of(o), str(o.hidden)] for o in (*outcomes, all_of(outcomes))]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def all_of(outcomes: Sequence[Outcome]) -> Outcome:
    """The scenes together."""
    return Outcome(
        "**all**",
        sum(o.vehicles for o in outcomes),
        sum(o.standing for o in outcomes),
        total(o.score for o in outcomes),
        sum(o.twice for o in outcomes),
        sum(o.twice_standing for o in outcomes),
        sum(o.hidden for o in outcomes),
    )


def figures_of(outcome: Outcome) -> list[str]:
    """One cell for each of FIGURES."""
    part = outcome.score
    counted = (part.true, part.found, part.missed, part.extra, f"{part.f1:.4f}")
    return [*map(str, counted), str(outcome.standing), str(outcome.twice), str(outcome.twice_standing)]


def as_json(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Everything measured."""
    return {
        o.scene: {
            "vehicles": o.vehicles,
            "standing": o.standing,
            "twice": o.twice,
            "twice_standing": o.twice_standing,
            "hidden": o.hidden,
            **summary_of(o.score),
        }
        for o in outcomes
    }
