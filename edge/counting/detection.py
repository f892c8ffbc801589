"""The detections of one frame: the interface between vision and counting."""

from dataclasses import dataclass, replace
from typing import Final, Literal, Self

from edge.counting.motion import Box

CLASSES = ("car", "van", "truck", "bus", "motorcycle", "bicycle")
UNCLASSIFIED = "unclassified"

Skipped = Literal["", "still", "paced"]
STILL: Final = "still"
PACED: Final = "paced"
"""Why the detector was not run on a frame: nothing moved, or no vehicle in view needed to be seen again yet."""


@dataclass(frozen=True, slots=True)
class Detection:
    """One box, in pixels of the picture (x right, y down), with its score in 0..1 and one of CLASSES.

    `look` is the answer of a second look at it (naming.py), if any: the logarithm of a probability for each of CLASSES.
    `likeness`, on stills, is the correlation with the picture before in this box, 1 for the same; None if none was
    compared.
    """

    x1: float
    y1: float
    x2: float
    y2: float
    score: float
    label: str
    look: tuple[float, ...] = ()
    likeness: float | None = None

    @property
    def area(self) -> float:
        """In square pixels."""
        return (self.x2 - self.x1) * (self.y2 - self.y1)

    @property
    def box(self) -> Box:
        """Its corners."""
        return self.x1, self.y1, self.x2, self.y2

    @property
    def vote(self) -> float:
        """The weight of its label among the sightings of a track: score times the side of the box."""
        return float(self.score * self.area**0.5)

    @property
    def measures(self) -> tuple[float, float, float, float]:
        """Centre across, bottom edge, width and height in pixels: the measurement of a track's filter."""
        return (self.x1 + self.x2) / 2.0, self.y2, self.x2 - self.x1, self.y2 - self.y1


@dataclass(frozen=True, slots=True)
class DetectedFrame:
    """All detections of one frame, comparable and writable as JSON.

    `captured_ms` is UTC. `blind` is empty, or says why nothing can be seen (covered, frozen, detector failed): such a
    frame holds no detections and its time is not watched. `since_ms` says when the symptom began that makes the frame
    blind, or, while `blind` is empty, one that may yet turn out to be blindness; None if there is no symptom.
    `skipped` is empty where the detector was run. Else the frame holds no detections, whatever is there: STILL means
    that nothing moved since the frame before, PACED that no vehicle needed to be seen.
    """

    captured_ms: int
    detections: tuple[Detection, ...]
    blind: str = ""
    since_ms: int | None = None
    skipped: Skipped = ""

    def shifted(self, by_ms: int) -> Self:
        """The same frame at another time."""
        since_ms = None if self.since_ms is None else self.since_ms + by_ms
        return replace(self, captured_ms=self.captured_ms + by_ms, since_ms=since_ms)
