"""Who is looked at a second time, and when."""

from dataclasses import replace
from typing import Any, cast

import numpy as np

from edge.counting.crossing import CountingLine
from edge.counting.detection import DetectedFrame, Detection
from edge.counting.parameters import DEFAULT
from edge.counting.tracking import Tracker
from edge.errors import WorkError
from edge.vision.fitting import Picture
from edge.vision.frame import Frame
from edge.vision.second_look import BETWEEN_MS, PER_FRAME, SecondLook

LINE = CountingLine("line", ((0.0, 240.0), (640.0, 240.0)))
PICTURE = np.zeros((480, 640, 3), np.uint8)
FRAME_MS = 50


class Notebook:
    """A namer that notes who was shown to it."""

    def __init__(self) -> None:
        self.seen: list[Detection] = []
        self.broken = False

    def look(self, image: Picture, boxes: list[Detection]) -> list[tuple[float, ...]]:
        if self.broken:
            raise WorkError("the model failed")
        self.seen += boxes
        return [(-3.0, -3.0, -0.1, -3.0, -3.0, -3.0)] * len(boxes)


def drive(namer: Notebook, lanes: int = 1, frames: int = 120, step: float = 4.0) -> list[DetectedFrame]:
    """Vehicles beside each other drive down the picture."""
    second, tracker, out = SecondLook(cast(Any, namer), [LINE]), Tracker(), []
    for number in range(frames):
        y = number * step
        boxes = tuple(Detection(20 + 90 * k, y, 80 + 90 * k, y + 40, 0.9, "car") for k in range(lanes))
        frame = Frame(number * FRAME_MS, PICTURE)
        detected = second.look(frame, DetectedFrame(frame.captured_ms, boxes))
        out.append(detected)
        second.follow(frame.captured_ms, tracker.update(detected))
    return out


def test_a_vehicle_is_looked_at_a_few_times_near_the_line_and_never_far_from_it() -> None:
    namer = Notebook()
    frames = drive(namer)
    assert len(namer.seen) == DEFAULT.naming.looks_max
    assert all(abs(box.y2 - 240) <= 1.5 * 40 + 4 for box in namer.seen)
    times = [frame.captured_ms for frame in frames if any(one.look for one in frame.detections)]
    assert min(b - a for a, b in zip(times, times[1:], strict=False)) >= BETWEEN_MS


def test_many_at_once_are_looked_at_one_after_the_other() -> None:
    namer = Notebook()
    frames = drive(namer, lanes=6)
    assert max(sum(bool(one.look) for one in frame.detections) for frame in frames) == PER_FRAME
    lanes = [round((box.x1 - 20) / 90) for box in namer.seen]
    assert sorted(lanes) == sorted([*range(6)] * DEFAULT.naming.looks_max)


def test_a_second_look_that_fails_costs_no_detection() -> None:
    namer = Notebook()
    namer.broken = True
    second, tracker = SecondLook(cast(Any, namer), [LINE]), Tracker()
    for number in range(20):
        detected = DetectedFrame(number * FRAME_MS, (Detection(20, 190 + number, 80, 230 + number, 0.9, "car"),))
        assert second.look(Frame(number * FRAME_MS, PICTURE), detected) == detected
        second.follow(number * FRAME_MS, tracker.update(detected))
    assert second.failure == "the model failed"
    namer.broken = False
    second.look(Frame(20 * FRAME_MS, PICTURE), replace(detected, captured_ms=20 * FRAME_MS))
    assert not second.failure
    assert second.looked == 1


def test_what_is_remembered_goes_with_its_track() -> None:
    namer = Notebook()
    second, tracker = SecondLook(cast(Any, namer), [LINE]), Tracker()
    for number in range(400):
        box = Detection(20, 120 + 4 * number, 80, 160 + 4 * number, 0.9, "car")
        detected = DetectedFrame(number * FRAME_MS, (box,) if number < 20 else ())
        second.follow(detected.captured_ms, tracker.update(second.look(Frame(detected.captured_ms, PICTURE), detected)))
    assert namer.seen
    assert not second._looks
