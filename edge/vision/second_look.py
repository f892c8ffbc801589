"""Second looks: which vehicles are classified from their own picture, and when.

A look costs half of a detection. So a vehicle is looked at only while it is near a line, `looks_max` times at most and
with time between; of several the nearest go first, and the others wait for the next frame.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from edge.counting.class_tail import Tail
from edge.counting.crossing import CountingLine
from edge.counting.detection import DetectedFrame, Detection
from edge.counting.motion import Box, intersection_over_union, moved
from edge.counting.parameters import DEFAULT
from edge.counting.tracking import Track
from edge.counting.zone import Zone
from edge.errors import WorkError
from edge.vision.frame import Frame
from edge.vision.naming import OnnxNamer

NEAR_HEIGHTS = 1.5  # of the box, from the line
BETWEEN_MS = 150  # two looks at one vehicle
PER_FRAME = 3
STILL_LOOKS_MAX = 60  # of one still
SAME = 0.4  # intersection over union of a detection and where its track must be now


class SecondLook:
    """Adds second looks to detections. `follow` gives it the tracks after each frame.

    `looked` counts pictures of vehicles that were looked at; `failure` says why the last look failed, else nothing: a
    failing second look costs names, not counts. `macs_millions` is the work of one look, if that is known; `tails` are
    those of its manifest; `model` is its name, version and the beginning of its sha256.
    """

    def __init__(
        self,
        namer: OnnxNamer,
        lines: Sequence[CountingLine],
        *,
        macs_millions: float | None = None,
        tails: Mapping[str, Tail] = MappingProxyType({}),
        model: str = "",
    ) -> None:
        self.tails = tails
        self.model = model
        self.looked = 0
        self.macs_millions = macs_millions
        self.failure = ""
        self._namer = namer
        self._lines = tuple(lines)
        self._tracks: Sequence[Track] = ()
        self._believed_ms = 0
        self._looks: dict[int, tuple[int, int]] = {}  # of the tracks there are: how often each was looked at, when last

    def follow(self, now_ms: int, tracks: Sequence[Track]) -> None:
        """The tracks after the frame of that time."""
        self._tracks, self._believed_ms = tracks, now_ms
        living = {track.id for track in tracks}
        self._looks = {id_: looks for id_, looks in self._looks.items() if id_ in living}

    def look(self, frame: Frame, detected: DetectedFrame) -> DetectedFrame:
        """The same detections, with second looks at those that were due."""
        chosen: dict[int, Track] = {}
        seconds = (frame.captured_ms - self._believed_ms) / 1000.0
        for track in self._wanted(frame.captured_ms):
            number = _match(moved(track.box, track.speed, seconds), detected.detections)
            if number is not None and number not in chosen:
                chosen[number] = track
                if len(chosen) == PER_FRAME:
                    break
        if not chosen:
            return detected
        named = self._ask(frame, detected, list(chosen))
        if named is None:
            return detected
        for track in chosen.values():
            times, _ = self._looks.get(track.id, (0, 0))
            self._looks[track.id] = times + 1, frame.captured_ms
        return named

    def _ask(self, frame: Frame, detected: DetectedFrame, numbers: Sequence[int]) -> DetectedFrame | None:
        """The same detections, with second looks at those of these numbers; None where the look failed."""
        try:
            answers = self._namer.look(frame.image, [detected.detections[number] for number in numbers])
            self.failure = ""
        except WorkError as error:
            self.failure = str(error)
            return None
        self.looked += len(numbers)
        detections = list(detected.detections)
        for number, answer in zip(numbers, answers, strict=True):
            detections[number] = replace(detections[number], look=answer)
        return replace(detected, detections=tuple(detections))

    def _wanted(self, now_ms: int) -> list[Track]:
        """The tracks to look at, the nearest to a line first."""
        wanted: list[tuple[float, int, Track]] = []
        for track in self._tracks if self._lines else ():
            times, last_ms = self._looks.get(track.id, (0, now_ms - BETWEEN_MS))
            if track.part or max(track.looks, times) >= DEFAULT.naming.looks_max or now_ms - last_ms < BETWEEN_MS:
                continue
            height = max(track.box[3] - track.box[1], 1.0)
            heights = min(abs(line.distance(track.ground)) for line in self._lines) / height
            if heights <= NEAR_HEIGHTS:
                wanted.append((heights, track.id, track))
        return [track for _, _, track in sorted(wanted, key=lambda one: one[:2])]


class StillLook(SecondLook):
    """The second look of stills: at every vehicle inside one of `zones`, for there is time, and no next frame."""

    def __init__(self, namer: OnnxNamer, zones: Sequence[Zone], **known: Any) -> None:
        super().__init__(namer, (), **known)
        self._zones = tuple(zones)

    def look(self, frame: Frame, detected: DetectedFrame) -> DetectedFrame:
        """The same detections, with looks at the STILL_LOOKS_MAX of highest score inside."""
        inside = [
            number
            for number, one in enumerate(detected.detections)
            if one.score >= DEFAULT.stills.score_min
            and any(zone.holds(((one.x1 + one.x2) / 2.0, one.y2)) for zone in self._zones)
        ]
        inside = sorted(inside, key=lambda number: -detected.detections[number].score)[:STILL_LOOKS_MAX]
        return (self._ask(frame, detected, inside) if inside else None) or detected


def _match(box: Box, detections: Sequence[Detection]) -> int | None:
    """The detection that overlaps the box most, if it does by SAME; of equals the last one."""
    overlaps = [(intersection_over_union(box, one.box), number) for number, one in enumerate(detections)]
    most, number = max(overlaps, default=(0.0, 0))
    return number if most >= SAME else None
