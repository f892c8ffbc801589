"""Nothing is a vehicle that stands inside a mask; whatever stands outside is left alone."""

from edge.build.stages import build_pipeline
from edge.config.loading import parse_config
from edge.counting.detection import DetectedFrame, Detection
from edge.counting.masks import Masks
from tests.counting.scenes import HEIGHT, WIDTH, Vehicle, film

LOWER = ((0.0, 100.0), (200.0, 100.0), (200.0, 200.0), (0.0, 200.0))


def box(top: float, bottom: float) -> Detection:
    return Detection(40.0, top, 80.0, bottom, 0.9, "car")


def test_a_detection_is_ignored_where_its_ground_point_is_inside() -> None:
    inside, reaching_in, outside = box(120, 150), box(60, 120), box(40, 90)
    frame = DetectedFrame(1000, (inside, reaching_in, outside))
    assert Masks([LOWER]).apply(frame) == DetectedFrame(1000, (outside,))


def test_seen_from_straight_above_the_centre_decides() -> None:
    frame = DetectedFrame(1000, (box(120, 150), box(60, 120)))
    assert Masks([LOWER], ground="centre").apply(frame) == DetectedFrame(1000, (box(60, 120),))


def test_a_frame_that_shows_nothing_stays_blind() -> None:
    frame = DetectedFrame(1000, (), "covered")
    assert Masks([LOWER]).apply(frame) is frame


def test_what_a_configuration_masks_is_not_counted_and_the_rest_is() -> None:
    path = ((0, 100.0), (4_000, 900.0))
    vehicles = [Vehicle(tuple((at, x, y) for at, x in path)) for y in (200.0, 500.0)]
    line = {"from": [0.5, 1.0], "to": [0.5, 0.0]}
    lower = {"road-works": [[0.0, 0.5], [1.0, 0.5], [1.0, 1.0], [0.0, 1.0]]}

    def crossed(masks: dict[str, list[list[float]]]) -> int:
        pipeline = build_pipeline(parse_config({"lines": {"deck": line}, "masks": masks}), WIDTH, HEIGHT)
        steps = [pipeline.update(frame) for frame in film(vehicles)]
        return sum(len(step.crossings) for step in [*steps, pipeline.close()])

    assert (crossed({}), crossed(lower)) == (2, 1)
