"""The truth of a scene: who crossed the line and when, who stood in the zone and how long, and where every box was.

All of it follows from the simulated places at the steps of traffic.STEP_MS, not from the frames. The rules:

1. A vehicle's ground point is the bottom centre of its whole box, hidden or not, as the camera projects it.
2. It crosses when the path of that point passes the line, having been away from it by a quarter of its box height on
   the side it came from, and then being so on the other. It may stand on the line in between; going back and forth
   there, the last time it set out counts. To cross a second time it must have been away on the far side by as much.
3. Where that could not be seen, because one of the two lies outside the watched time, the crossing is uncertain.
4. It is inside a zone while its ground point is. It stands once the point stayed within a quarter of its box height of
   one place for `standing_after_s`, until it goes further; then the place where it is becomes the next one.
5. It waits from the beginning of its first stand in the zone, which is when it came to that place, until it leaves.
   One that never stood did not wait.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.scenes.boxes import whole_boxes
from tests.scenes.camera import Camera, outlines
from tests.scenes.description import Scene
from tests.scenes.moment import Floats, Moment
from tests.scenes.traffic import STEP_MS, Trip, frame_times_ms

CLEAR_SHARE = 0.25  # of the box height

Pixel = tuple[float, float]


@dataclass(frozen=True, slots=True)
class TruePath:
    """A vehicle's way through the picture, at the steps at which it is in front of the camera.

    `at_ms` from the beginning of the simulation; `ground` (n, 2) and `height` (n,) in pixels.
    """

    number: int
    label: str
    at_ms: NDArray[np.int64]
    ground: Floats
    height: Floats


@dataclass(frozen=True, slots=True)
class TrueCrossing:
    """One vehicle over the line, `at_ms` from the beginning of the simulation."""

    number: int
    label: str
    direction: str
    at_ms: float
    uncertain: bool


@dataclass(frozen=True, slots=True)
class Stay:
    """One vehicle in the zone, in ms from the beginning of the simulation.

    `entered_ms` is None if it was inside when watching began, `left_ms` if it still was when it ended, and
    `stood_ms` (the beginning of its first stand) if it never stood. `stands`: from when to when it counts as standing.
    """

    number: int
    label: str
    first_ms: int
    last_ms: int
    entered_ms: int | None
    left_ms: int | None
    stood_ms: int | None
    stands: tuple[tuple[int, int], ...]

    @property
    def waited_ms(self) -> int | None:
        """From its first stand until it left; 0 if it never stood, None if the whole of it was not seen."""
        if self.entered_ms is None or self.left_ms is None:
            return None
        return 0 if self.stood_ms is None else self.left_ms - self.stood_ms

    def is_inside(self, at_ms: int) -> bool:
        """Whether it is in the zone then."""
        return self.first_ms <= at_ms < self.last_ms + STEP_MS

    def is_standing(self, at_ms: int) -> bool:
        """Whether it counts as standing there then."""
        return any(begun_ms <= at_ms < until_ms for begun_ms, until_ms in self.stands)


def path_of(camera: Camera, trip: Trip) -> TruePath:
    """The ground points of a trip."""
    boxes, seen = whole_boxes(camera, trip)
    boxes = boxes[seen]
    at_ms = trip.first_ms + STEP_MS * np.flatnonzero(seen)
    ground = np.stack([(boxes[:, 0] + boxes[:, 2]) / 2.0, boxes[:, 3]], axis=1)
    return TruePath(trip.number, trip.body.label, at_ms, ground, boxes[:, 3] - boxes[:, 1])


def line_in_picture(scene: Scene) -> tuple[Pixel, Pixel]:
    """The scene's line in pixels."""
    (x1, y1), (x2, y2) = scene.view.camera.project(np.array([(*point, 0.0) for point in scene.line])).tolist()
    return (x1, y1), (x2, y2)


def zone_in_picture(scene: Scene) -> tuple[Pixel, ...]:
    """The scene's zone in pixels; empty if it has none."""
    if not scene.zone:
        return ()
    return tuple(
        (x, y) for x, y in scene.view.camera.project(np.array([(*point, 0.0) for point in scene.zone])).tolist()
    )


def span_of(scene: Scene) -> tuple[int, int]:
    """When watching begins and ends, from the beginning of the simulation."""
    return round(1000 * scene.warm_up_s), round(1000 * (scene.warm_up_s + scene.duration_s))


def crossings_of(path: TruePath, line: tuple[Pixel, Pixel], from_ms: int, to_ms: int) -> Iterator[TrueCrossing]:
    """Its crossings between two times."""
    (x1, y1), (x2, y2) = line
    dx, dy = x2 - x1, y2 - y1
    length = float(np.hypot(dx, dy))
    across = (dx * (path.ground[:, 1] - y1) - dy * (path.ground[:, 0] - x1)) / length  # negative: left
    along = (dx * (path.ground[:, 0] - x1) + dy * (path.ground[:, 1] - y1)) / length**2
    right = across >= 0.0
    passes = np.flatnonzero(right[1:] != right[:-1])
    if not len(passes):
        return
    away = np.abs(across) >= CLEAR_SHARE * path.height
    net, was_clear_ms, crossed_ms = 0, -1, 0.0
    turns = set(passes.tolist())
    for step in range(len(across)):
        if step - 1 in turns:
            share = across[step - 1] / (across[step - 1] - across[step])
            if 0.0 <= along[step - 1] + share * (along[step] - along[step - 1]) <= 1.0:
                turn = 1 if right[step] else -1
                net += turn
                if net == turn:
                    crossed_ms = path.at_ms[step - 1] + share * (path.at_ms[step] - path.at_ms[step - 1])
        if away[step]:
            now_ms = int(path.at_ms[step])
            if net != 0 and (net > 0) == bool(right[step]) and from_ms <= crossed_ms < to_ms:
                seen = from_ms <= was_clear_ms and now_ms < to_ms
                yield TrueCrossing(path.number, path.label, "a_to_b" if net > 0 else "b_to_a", crossed_ms, not seen)
            net, was_clear_ms = 0, now_ms
    if net != 0 and from_ms <= crossed_ms < to_ms:  # gone, or still on the line when the simulation ends
        yield TrueCrossing(path.number, path.label, "a_to_b" if net > 0 else "b_to_a", crossed_ms, uncertain=True)


def stays_of(
    path: TruePath, zone: Sequence[Pixel], standing_after_s: float, from_ms: int, to_ms: int
) -> Iterator[Stay]:
    """Its stays in a zone between two times."""
    inside = _inside(zone, path.ground)
    watched = (path.at_ms >= from_ms) & (path.at_ms < to_ms)
    if not (inside & watched).any():
        return
    stands = list(_stands(path, round(1000 * standing_after_s)))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], inside & watched, [False]]).astype(np.int8)))
    for first, after in zip(edges[::2], edges[1::2], strict=True):
        first_ms, last_ms = int(path.at_ms[first]), int(path.at_ms[after - 1])
        left = after < len(path.at_ms) and bool(watched[after])
        end_ms = int(path.at_ms[after]) if left else last_ms + STEP_MS
        here = [
            (max(begun_ms, first_ms), max(from_then_ms, first_ms), min(until_ms, end_ms))
            for begun_ms, from_then_ms, until_ms in stands
            if until_ms > first_ms and from_then_ms < end_ms
        ]
        already = first_ms - STEP_MS < from_ms and (first == 0 or bool(inside[first - 1]))
        yield Stay(
            path.number,
            path.label,
            first_ms,
            last_ms,
            None if already else first_ms,
            int(path.at_ms[after]) if left else None,
            here[0][0] if here else None,
            tuple((from_then_ms, until_ms) for _, from_then_ms, until_ms in here),
        )


def _stands(path: TruePath, after_ms: int) -> Iterator[tuple[int, int, int]]:
    """Each stand: when it came to the place, from when on it counts as standing, and until when."""
    place, since = path.ground[0], 0
    for step in range(1, len(path.at_ms) + 1):
        gone = step == len(path.at_ms) or bool(np.hypot(*(path.ground[step] - place)) > CLEAR_SHARE * path.height[step])
        if gone:
            until_ms = int(path.at_ms[min(step, len(path.at_ms) - 1)])
            if until_ms - int(path.at_ms[since]) >= after_ms:
                yield int(path.at_ms[since]), int(path.at_ms[since]) + after_ms, until_ms
            if step < len(path.at_ms):
                place, since = path.ground[step], step


def _inside(polygon: Sequence[Pixel], points: Floats) -> NDArray[np.bool_]:
    """Even-odd rule."""
    inside = np.zeros(len(points), bool)
    x, y = points[:, 0], points[:, 1]
    for (x1, y1), (x2, y2) in zip(polygon, (*polygon[1:], polygon[0]), strict=True):
        if y1 != y2:
            inside ^= ((y1 > y) != (y2 > y)) & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return inside


def truth_of(scene: Scene, trips: Sequence[Trip], video: str, notes: Sequence[str] = ()) -> dict[str, Any]:
    """The truth file of a scene, as JSON; `video` is relative to where it will stand. Times: from the first frame."""
    camera = scene.view.camera
    times_ms = frame_times_ms(scene)
    from_ms, to_ms = span_of(scene)
    paths = [path_of(camera, trip) for trip in trips]
    line = line_in_picture(scene)
    crossings = sorted(
        (crossing for path in paths for crossing in crossings_of(path, line, from_ms, to_ms)),
        key=lambda crossing: (crossing.at_ms, crossing.number),
    )
    found: dict[str, Any] = {
        "video": video,
        "line": [[round(v, 2) for v in point] for point in line],
        "fps": scene.frames_per_second,
        "frames": len(times_ms),
        "crossings": [
            {
                "frame": min(round((c.at_ms - from_ms) * scene.frames_per_second / 1000.0), len(times_ms) - 1),
                "ms": round(c.at_ms - from_ms),
                "class": c.label,
                "direction": c.direction,
                "uncertain": c.uncertain,
                "number": c.number,
            }
            for c in crossings
        ],
        "notes": [scene.about, "exact, from the simulation", *notes],
    }
    if scene.zone:
        found["zones"] = {scene.zone_name: _zone(scene, stays_in(scene, trips), times_ms)}
    return found


def stays_in(scene: Scene, trips: Sequence[Trip]) -> list[Stay]:
    """All stays in the scene's zone while it is watched."""
    polygon = zone_in_picture(scene)
    from_ms, to_ms = span_of(scene)
    return [
        stay
        for trip in trips
        for stay in stays_of(path_of(scene.view.camera, trip), polygon, scene.standing_after_s, from_ms, to_ms)
    ]


def _zone(scene: Scene, stays: Sequence[Stay], times_ms: Sequence[int]) -> dict[str, Any]:
    def since(at_ms: int | None) -> int | None:
        return None if at_ms is None else at_ms - times_ms[0]

    frames = np.array(times_ms)
    inside, standing = np.zeros(len(frames), int), np.zeros(len(frames), int)
    for stay in stays:
        inside += (frames >= stay.first_ms) & (frames < stay.last_ms + STEP_MS)
        for begun_ms, until_ms in stay.stands:
            standing += (frames >= begun_ms) & (frames < until_ms)
    return {
        "polygon": [[round(v, 2) for v in point] for point in zone_in_picture(scene)],
        "standing_after_s": scene.standing_after_s,
        "inside": inside.tolist(),
        "standing": standing.tolist(),
        "waits_ms": [
            stay.waited_ms
            for stay in sorted(stays, key=lambda stay: (stay.left_ms or 0, stay.number))
            if stay.waited_ms is not None and stay.stood_ms is not None
        ],
        "vehicles": [
            {
                "number": stay.number,
                "class": stay.label,
                "entered_ms": since(stay.entered_ms),
                "left_ms": since(stay.left_ms),
                "stood_ms": since(stay.stood_ms),
                "waited_ms": stay.waited_ms,
            }
            for stay in sorted(stays, key=lambda stay: (stay.first_ms, stay.number))
        ],
    }


def boxes_of(scene: Scene, moments: Iterable[Moment]) -> list[list[dict[str, Any]]]:
    """For each frame the vehicles in the picture: number, class, whole box, box of the part that shows, share shown."""
    return [
        [
            {
                "number": outline.number,
                "class": outline.label,
                "whole": [round(v, 1) for v in outline.whole],
                "visible": [round(v, 1) for v in outline.visible],
                "shown": round(outline.shown, 3),
            }
            for outline in outlines(scene.view.camera, moment.vehicles)
            if outline.visible is not None
        ]
        for moment in moments
    ]


def write_truth(path: Path, truth: dict[str, Any]) -> None:
    """One key a line, so that two versions compare well."""
    lines = ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in truth.items())
    path.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
