"""A truth file that a page writes is one that evaluate reads, and keeps what people wrote into it."""

import json
from typing import Any

import msgspec
import pytest

from edge.errors import InputError
from edge.offline.evaluate import Truth
from edge.pages.truth_text import Annotation, Annotations, read_annotations, written_truth

OLD = json.dumps(
    {
        "video": "../clip.mp4",
        "source": "a mast at the bridge",
        "line": [[2, 205], [350, 205]],
        "fps": 25.0,
        "frames": 375,
        "zones": {"queue": {"polygon": [[0, 0], [9, 0], [9, 9]], "frames": [{"frame": 3, "inside": 1, "standing": 0}]}},
        "crossings": [
            {"frame": 41, "ms": 1650, "class": "truck", "direction": "a_to_b", "number": 7, "class_uncertain": True},
            {"frame": 90, "ms": 3610, "class": "car", "direction": "b_to_a", "uncertain": True},
        ],
    }
)
CLIP: dict[str, Any] = {"video": "../clip.mp4", "line": [(2.0, 205.0), (350.0, 205.0)], "fps": 25.0, "frames": 375}


def test_a_new_file_is_read_by_evaluate_and_ordered_by_frame() -> None:
    late = Annotation(frame=90, label="car", direction="b_to_a", uncertain=True, along=0.25)
    soon = Annotation(frame=41, label="truck", direction="a_to_b")
    text = written_truth("", Annotations((late, soon), "windy"), **CLIP)
    truth = msgspec.json.decode(text, type=Truth)
    assert [(one.frame, one.label, one.uncertain) for one in truth.crossings] == [
        (41, "truck", False),
        (90, "car", True),
    ]
    assert (truth.video, truth.line, truth.fps, truth.frames) == ("../clip.mp4", ((2, 205), (350, 205)), 25.0, 375)
    assert json.loads(text)["notes"] == "windy"
    assert text.count("\n") == 11  # a crossing a line, so that a change can be seen


def test_what_is_opened_and_saved_again_says_the_same() -> None:
    opened = read_annotations(OLD)
    given = msgspec.convert(opened, Annotations)
    said = json.loads(written_truth(OLD, given, **CLIP))
    was = json.loads(OLD)
    was["crossings"][0]["uncertain"] = False
    assert said == was


def test_a_moved_crossing_loses_the_time_that_was_of_its_old_frame() -> None:
    moved = Annotation(frame=43, label="bus", direction="a_to_b", kept=0)
    (said,) = json.loads(written_truth(OLD, Annotations((moved,)), **CLIP))["crossings"]
    assert said == {
        "frame": 43,
        "class": "bus",
        "direction": "a_to_b",
        "number": 7,
        "class_uncertain": True,
        "uncertain": False,
    }


def test_what_evaluate_would_refuse_is_not_written() -> None:
    beyond = Annotation(frame=375, label="car", direction="a_to_b")
    with pytest.raises(InputError, match=r"this cannot be saved: .* a crossing at frame 375"):
        written_truth("", Annotations((beyond,)), **CLIP)
    with pytest.raises(InputError, match="is not a truth file"):
        read_annotations("{}")
