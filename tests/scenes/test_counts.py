"""How right a tape is counted, and whose fault it is not."""

from dataclasses import replace

import msgspec

from edge.counting.detection import DetectedFrame
from tests.scenes.counts import count
from tests.scenes.description import load_scene
from tests.scenes.errors import Errors
from tests.scenes.seen import seen_frames
from tests.scenes.tapes import SCENES
from tests.scenes.traffic import drive


def test_of_the_missed_those_count_as_hidden_that_never_showed_near_the_line() -> None:
    scene = load_scene(SCENES / "tape-free-slow-camera.yaml")
    scene = msgspec.structs.replace(scene, duration_s=60.0)
    trips = drive(scene)
    there = list(seen_frames(scene, trips))
    blind = [(frame, DetectedFrame(frame.at_ms, ())) for frame in there]
    shown = count(scene, trips, blind)
    assert (shown.score.found, shown.hidden) == (0, 0)
    assert shown.score.missed > 0
    barely = [
        (replace(frame, vehicles=tuple(replace(one, shown=Errors().shown_min / 2.0) for one in frame.vehicles)), made)
        for frame, made in blind
    ]
    hidden = count(scene, trips, barely)
    assert hidden.hidden == hidden.score.missed == shown.score.missed
