"""Trails of vehicles, for the advice on a line. Pure.

Of each vehicle some boxes are kept, evenly over its life, and of the vehicles the latest.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from edge.counting.motion import Box
from edge.counting.tracking import Track

BOXES_MAX = 48
TRAILS_MAX = 200


@dataclass(frozen=True, slots=True)
class Trail:
    """One vehicle's boxes, oldest first; whether they begin and end where it was first and last seen."""

    boxes: tuple[Box, ...]
    begins: bool
    ends: bool


class _Growing:
    def __init__(self, *, begins: bool) -> None:
        self.boxes: list[Box] = []
        self.begins = begins
        self._every = 1
        self._seen = 0

    def add(self, box: Box) -> None:
        if self._seen % self._every == 0:
            self.boxes.append(box)
        self._seen += 1
        if len(self.boxes) >= BOXES_MAX:
            del self.boxes[1::2]
            self._every *= 2


class Trails:
    """One `update` a frame. The beginnings of vehicles that were there in the first second are not known."""

    def __init__(self) -> None:
        self._living: dict[int, _Growing] = {}
        self._ended: deque[Trail] = deque(maxlen=TRAILS_MAX)
        self._first_ms: int | None = None

    def update(self, captured_ms: int, tracks: Sequence[Track]) -> None:
        """Note where the vehicles seen in this frame are."""
        if self._first_ms is None:
            self._first_ms = captured_ms
        for track in tracks:
            if track.part:
                continue
            growing = self._living.get(track.id)
            if growing is None:
                born_ms, box = track.born or (track.seen_ms, track.box)
                growing = self._living[track.id] = _Growing(begins=born_ms > self._first_ms + 1000)
                growing.add(box)
            if track.seen_ms == captured_ms:
                growing.add(track.box)
        gone = self._living.keys() - {track.id for track in tracks}
        for number in sorted(gone):
            growing = self._living.pop(number)
            self._ended.append(Trail(tuple(growing.boxes), growing.begins, ends=True))

    def all(self) -> list[Trail]:
        """All trails, ended or not."""
        living = [Trail(tuple(one.boxes), one.begins, ends=False) for one in self._living.values()]
        return [*self._ended, *living]
