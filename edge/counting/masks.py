"""Masks: parts of the picture in which nothing is a vehicle (a hoarding, a car park, a reflection).

A detection is ignored where its ground point lies inside a mask, before tracking; tapes keep it, so a mask can be drawn
later. Most of a vehicle may be inside a mask and still count: only where it stands matters.
"""

from collections.abc import Sequence
from dataclasses import replace

from edge.counting.crossing import Ground, Point, ground_point
from edge.counting.detection import DetectedFrame, Detection
from edge.counting.zone import Zone


class Masks:
    """Polygons in pixels; `ground` as for lines: the bottom centre of a box, or its centre."""

    def __init__(self, polygons: Sequence[tuple[Point, ...]], *, ground: Ground = "bottom") -> None:
        self._areas = [Zone("mask", polygon) for polygon in polygons]
        self._ground: Ground = ground

    def apply(self, frame: DetectedFrame) -> DetectedFrame:
        """The frame without the detections that stand inside a mask."""
        kept = tuple(one for one in frame.detections if not self._hides(one))
        if len(kept) == len(frame.detections):
            return frame
        return replace(frame, detections=kept)

    def _hides(self, one: Detection) -> bool:
        point = ground_point(one.box, self._ground)
        return any(area.holds(point) for area in self._areas)
