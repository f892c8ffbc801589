"""The path of a frame through counting: detections, tracks, crossings and occupancies, buckets.

Live and replay run this same pipeline; only the source of frames and of time differs.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from edge.counting.buckets import Bucket, BucketCounter
from edge.counting.convoys import Convoy, ConvoyWatcher
from edge.counting.crossing import Crossing, LineWatcher
from edge.counting.detection import PACED, DetectedFrame
from edge.counting.masks import Masks
from edge.counting.occlusion import WholeBoxes
from edge.counting.occupancy import Occupancy, ZoneWatcher
from edge.counting.sizes import SiteSizes
from edge.counting.tracking import Track, Tracker


@dataclass(frozen=True, slots=True)
class Step:
    """The result of one frame: living tracks, crossings that became certain, buckets that closed, zones as they are.

    `late` crossings and tracks `released` at the bound are counted since the beginning of the run. `watched` has the
    spans of time, in ms, that this step found to be watched; they lie a little before it.
    """

    captured_ms: int
    tracks: list[Track]
    crossings: list[Crossing]
    buckets: list[Bucket]
    late: int = 0
    released: int = 0
    occupancies: tuple[Occupancy, ...] = ()
    watched: tuple[tuple[int, int], ...] = ()
    convoys: tuple[Convoy, ...] = ()
    """Those that became final with this step."""
    convoys_late: int = 0
    """Crossings so far in the run that became certain after the convoy that they may belong to was told."""


class Pipeline:
    """Counts frame by frame; `close` at the end of a run.

    `whole_boxes` completes boxes that are partly hidden, once for lines and zones; None where nothing is hidden (a
    camera that looks straight down). `sizes` gives tracks their size for where they stand; None where no class is asked
    for.
    """

    def __init__(
        self,
        tracker: Tracker,
        watcher: LineWatcher,
        counter: BucketCounter,
        zones: ZoneWatcher | None = None,
        masks: Masks | None = None,
        *,
        whole_boxes: WholeBoxes | None,
        sizes: SiteSizes | None = None,
        convoys: ConvoyWatcher | None = None,
    ) -> None:
        self._tracker = tracker
        self._watcher = watcher
        self._zones = zones
        self._masks = masks
        self._whole_boxes = whole_boxes
        self._sizes = sizes
        self._convoys = convoys
        self._counter = counter
        self._now_ms = 0

    def update(self, frame: DetectedFrame) -> Step:
        """Count one frame; frames come in order of time."""
        self._now_ms = frame.captured_ms
        tracks = self._tracker.update(self._masks.apply(frame) if self._masks is not None else frame)
        if self._sizes is not None:
            tracks = self._sizes.update(frame.captured_ms, tracks)
        wholes = None
        if self._whole_boxes is not None:
            wholes = self._whole_boxes.update(frame.captured_ms, tracks, self._tracker.unconfirmed)
        crossings = self._watcher.update(frame.captured_ms, tracks, wholes)
        watching = not frame.blind
        occupancies: list[Occupancy] = []
        if self._zones is not None:
            ground = self._sizes.ground() if self._sizes is not None else None
            occupancies = self._zones.update(
                frame.captured_ms, tracks, wholes, ground, watching=watching, looked=frame.skipped != PACED
            )
        buckets = list(
            self._counter.advance(frame.captured_ms, crossings, occupancies, watching=watching, since_ms=frame.since_ms)
        )
        watched, decided_ms = tuple(self._counter.watched), self._counter.decided_ms
        convoys: list[Convoy] = []
        if self._convoys is not None and decided_ms is not None:
            convoys = self._convoys.update(frame.captured_ms, crossings, watched, decided_ms=decided_ms)
        return Step(
            frame.captured_ms,
            tracks,
            crossings,
            buckets,
            self._counter.late,
            self._tracker.released,
            tuple(occupancies),
            watched,
            tuple(convoys),
            self._convoys.late if self._convoys is not None else 0,
        )

    def peek(self) -> Bucket | None:
        """The bucket that is open now."""
        return self._counter.peek()

    def close(self) -> Step:
        """End the run: the crossings that were about to be certain, and the buckets still open."""
        crossings = self._watcher.close()
        occupancies = self._zones.close() if self._zones is not None and self.peek() is not None else []
        buckets = list(self._counter.close(crossings, occupancies))
        watched = tuple(self._counter.watched)
        convoys = self._convoys.close(crossings, watched) if self._convoys is not None else []
        return Step(
            self._now_ms,
            [],
            crossings,
            buckets,
            self._counter.late,
            self._tracker.released,
            watched=watched,
            convoys=tuple(convoys),
            convoys_late=self._convoys.late if self._convoys is not None else 0,
        )


def count(frames: Iterable[DetectedFrame], pipeline: Pipeline) -> Iterator[Bucket]:
    """All buckets of a run."""
    for frame in frames:
        yield from pipeline.update(frame).buckets
    yield from pipeline.close().buckets
