"""The model that ships is what its manifest says, and sees nothing where nothing is."""

import numpy as np

from edge.counting.detection import CLASSES
from edge.vision.detector import OnnxDetector
from edge.vision.frame import Frame
from edge.vision.manifest import load_manifest


def test_the_model_that_ships_opens_under_its_name_and_its_hash() -> None:
    manifest = load_manifest("vehicle-nano")
    assert manifest.licence == "Apache-2.0"
    assert set(manifest.class_of.values()) <= set(CLASSES)
    assert {"car", "truck", "bus"} <= set(manifest.class_of.values())
    OnnxDetector(manifest)


def test_an_empty_road_holds_no_vehicle() -> None:
    detector = OnnxDetector(load_manifest("vehicle-nano"), score_min=0.2)
    for grey in (0, 90, 255):
        assert detector.detect(Frame(0, np.full((288, 352, 3), grey, np.uint8))).detections == ()
