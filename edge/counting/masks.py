"""Masks: parts of the picture in which nothing is a vehicle (a hoarding, a car park, a reflection).

A detection is ignored where its ground point lies inside a mask, before tracking ever sees it; tapes keep it, so a mask
can be drawn after the fact. Most of a vehicle may be inside a mask and still count: only where it stands matters.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from edge.counting.crossing import Point
from edge.counting.detection import DetectedFrame, Detection
from edge.counting.occupancy import Zone


class Masks:
    """Polygons in pixels; `ground` as for lines: the bottom centre of a box, or its centre."""

    def __init__(
        self, polygons: Sequence[tuple[Point, ...]], *, ground: Literal["bottom", "centre"] = "bottom"
    ) -> None:
        self._areas = [Zone("mask", polygon) for polygon in polygons]
        self._centre = ground == "centre"

    def apply(self, frame: DetectedFrame) -> DetectedFrame:
        """The frame without the detections that stand inside a mask."""
        kept = tuple(one for one in frame.detections if not self._hides(one))
        if len(kept) == len(frame.detections):
            return frame
        return replace(frame, detections=kept)

    def _hides(self, one: Detection) -> bool:
        ground = (one.x1 + one.x2) / 2, (one.y1 + one.y2) / 2 if self._centre else one.y2
        return any(area.holds(ground) for area in self._areas)
