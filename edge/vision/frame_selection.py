"""Selects the frames on which the detector is run (a *look*): where something moves, and as often as vehicles need it.

Every frame is decoded, checked by the scene watcher and counted; only inference is left out. Only pixels and times of
frames decide, never how busy the machine is, so the same file gives the same reports. The rules:

1. The detector looks at the first frame, and at the first after a blind one.
2. Moving vehicles are looked at as often as they need (edge/counting/cadence.py), and so is a detection without a
   track, while something moves on it.
3. Anything else that moves is looked at after `UNKNOWN_MS`; where looks find no new vehicle, after growing waits.
4. While nothing moves the detector looks again as long after the last motion as that look was, `CALM_MS_MAX` at most:
   what was missed while it moved is found soon, and what stands is found again. Where look after look finds nothing at
   all, that begins ever later: leaves and noise on an empty road cost ever less.
5. A skipped frame is STILL only if nothing changed for `STILL_AFTER_MS` and no known vehicle seems to move; else it is
   PACED, and says nothing of where vehicles are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from edge.counting.cadence import moves, newcomer_wait_ms, wait_ms
from edge.counting.crossing import CountingLine
from edge.counting.detection import PACED, STILL, DetectedFrame, Skipped
from edge.counting.motion import Box, shared_area
from edge.counting.tracking import Track
from edge.vision.frame import Frame
from edge.vision.motion_gate import EVERY_MS, Blocks, Motion, MotionGate
from edge.vision.region import Region
from edge.vision.scene import SceneState

REVISION = 3
"""Raised when other frames of the same video are selected, so that old tapes are not reused."""

UNKNOWN_MS = 120.0
BACKOFF = 1.3
UNKNOWN_MS_MAX = 480.0
CALM_MS_MIN, CALM_MS_MAX = 500.0, 10_000.0
STILL_AFTER_MS = 300
SHADOW = 0.25  # of the sides of a vehicle: motion this near is its own
FOUNDING = 0.4  # the score from which a detection may found a track
SAME = 0.5  # of the area of a detection, which a track must cover to be the same vehicle


class Detector(Protocol):
    """Detects vehicles in frames."""

    def detect(self, frame: Frame) -> DetectedFrame: ...  # noqa: D102

    def follow(self, now_ms: int, tracks: Sequence[Track]) -> None: ...  # noqa: D102

    def begin_anew(self) -> None: ...  # noqa: D102


class Scene(Protocol):
    """Whether something can be seen, and since when there is a symptom that it cannot."""

    def update(self, frame: Frame) -> SceneState: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Needs:
    """What frame selection needs: the lines, and the part of the picture in which vehicles are followed."""

    lines: tuple[CountingLine, ...]
    region: Region


class Looker:
    """Looks at frames, in order of time; `follow` gives it the tracks after each.

    Without `needs` it looks at every frame that is not blind.
    """

    def __init__(self, scene: Scene, detector: Detector, needs: Needs | None = None) -> None:
        self._scene = scene
        self._detector = detector
        self._blind = False
        self._pace = None if needs is None else _Pace(needs)

    def look(self, frame: Frame) -> DetectedFrame:
        """The detections of the frame. Raises WorkError if the detector fails."""
        state = self._scene.update(frame)
        pace = self._pace
        self._blind = bool(state.blind)
        if state.blind:
            if pace is not None:
                pace.lose_sight()
            return DetectedFrame(frame.captured_ms, (), state.blind, state.since_ms)
        skipped: Skipped = "" if pace is None else pace.skips(frame)
        if skipped:
            return DetectedFrame(frame.captured_ms, (), "", state.since_ms, skipped)
        detected = self._detector.detect(frame)
        if pace is not None:
            pace.looked(detected)
        return replace(detected, since_ms=state.since_ms)

    def follow(self, now_ms: int, tracks: Sequence[Track]) -> None:
        """The tracks after the last frame, which is of that time."""
        if not self._blind:
            self._detector.follow(now_ms, tracks)
        if self._pace is not None:
            self._pace.follow(tracks)


class _Pace:
    """Decides which frames are looked at."""

    def __init__(self, needs: Needs) -> None:
        self._lines = needs.lines
        self._gate = MotionGate(needs.region)
        self._tracks: Sequence[Track] = ()
        self._found: tuple[Box, ...] = ()  # boxes of the last look that may found tracks
        self._motion: Motion | None = None
        self._judged_ms: int | None = None
        self._looked_ms: int | None = None
        self._before_ms: int | None = None  # the frame before
        self._moved_ms = 0  # when something moved last
        self._stirred_ms = 0  # when something changed that may have been motion
        self._vain_ms = UNKNOWN_MS  # wait for unknown motion; grows while looks find no new vehicle
        self._idle_ms = CALM_MS_MIN  # least wait while nothing moves; grows while looks find nothing at all
        self._moving: Blocks | None = None  # where moving vehicles were at the last look

    def lose_sight(self) -> None:
        """The frame is blind: look at the next one that is not."""
        self._looked_ms = None

    def skips(self, frame: Frame) -> Skipped:
        """Why the detector need not look at this frame; empty if it must."""
        now_ms = frame.captured_ms
        step_ms = 0 if self._before_ms is None else now_ms - self._before_ms
        self._before_ms = now_ms
        motion = self._motion
        if motion is None or self._judged_ms is None or now_ms - self._judged_ms >= EVERY_MS - step_ms / 2:
            motion = self._judge(frame)
        if self._looked_ms is not None:
            due_ms = self._looked_ms + self._wait_ms(now_ms, motion)
            if now_ms < due_ms - step_ms / 2:  # the next frame is no nearer to when a look is due
                is_still = now_ms - max(self._moved_ms, self._stirred_ms) >= STILL_AFTER_MS
                return STILL if is_still else PACED
        if self._judged_ms != now_ms:
            self._judge(frame)
        return ""

    def looked(self, detected: DetectedFrame) -> None:
        """Take the detections of the frame that was not skipped."""
        self._looked_ms = detected.captured_ms
        self._moving = None
        self._found = tuple(one.box for one in detected.detections if one.score >= FOUNDING)
        self._gate.looked([*(one.box for one in detected.detections), *(track.box for track in self._tracks)])

    def follow(self, tracks: Sequence[Track]) -> None:
        """The tracks after the last frame."""
        self._tracks = tracks
        if self._moving is None:
            new = [box for box in self._found if not self._is_known(box)]
            self._moving = self._gate.blocks_of([*map(_wide, new), *(_wide(t.box) for t in tracks if moves(t))])
            self._vain_ms = UNKNOWN_MS if new else min(BACKOFF * self._vain_ms, UNKNOWN_MS_MAX)
            self._idle_ms = CALM_MS_MIN if self._found or tracks else min(BACKOFF * self._idle_ms, CALM_MS_MAX)

    def _judge(self, frame: Frame) -> Motion:
        self._judged_ms = frame.captured_ms
        self._motion = self._gate.judge(frame.captured_ms, self._gate.small_of(frame.image))
        if not self._motion.calm:
            self._stirred_ms = frame.captured_ms
        return self._motion

    def _wait_ms(self, now_ms: int, motion: Motion) -> float:
        """How long after the last look the next one is due."""
        assert self._looked_ms is not None, "asked after the first look"
        needed = wait_ms(self._tracks, self._looked_ms, self._lines)
        waits = [] if needed is None else [needed]
        waits += [
            newcomer_wait_ms(box, self._lines)
            for box in self._found
            if not self._is_known(box) and self._stirs(motion, box)
        ]
        if self._is_unexplained(motion):
            waits.append(self._vain_ms)
        if waits:
            self._moved_ms = now_ms
            return min(waits)
        return max(self._idle_ms, min(float(self._looked_ms - self._moved_ms), CALM_MS_MAX))

    def _is_known(self, box: Box) -> bool:
        """Whether a track lies on that box for the most part."""
        area = (box[2] - box[0]) * (box[3] - box[1])
        return any(shared_area(box, track.box) > SAME * area for track in self._tracks)

    def _stirs(self, motion: Motion, box: Box) -> bool:
        return not motion.sure or bool((motion.blocks & self._gate.blocks_of([box])).any())

    def _is_unexplained(self, motion: Motion) -> bool:
        """Whether something moves that is none of the vehicles that are known to move."""
        if not motion.sure:
            return True
        if not motion.blocks.any():
            return False
        known = self._gate.blocks_of(_wide(track.box) for track in self._tracks if moves(track))
        if self._moving is not None:
            known |= self._moving
        return bool((motion.blocks & ~known).any())


def _wide(box: Box) -> Box:
    """The box with a margin for what moves along: its shadow, and the ground that it uncovers."""
    x1, y1, x2, y2 = box
    across, down = SHADOW * (x2 - x1), SHADOW * (y2 - y1)
    return x1 - across, y1 - down, x2 + across, y2 + down
