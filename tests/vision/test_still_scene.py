"""Whether a still shows anything new: each picture is judged by itself."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.counting.detection import DetectedFrame, Detection
from edge.vision.frame import Frame
from edge.vision.likeness import Likeness
from edge.vision.still_scene import StillScene

FINE = np.kron(np.random.default_rng(3).integers(0, 100, (45, 80), np.uint8), np.ones((8, 8), np.uint8))
COARSE = np.kron(np.random.default_rng(4).integers(20, 140, (6, 10), np.uint8), np.ones((60, 64), np.uint8))
ROAD = cv2.GaussianBlur(FINE + COARSE, (0, 0), 1.0)


def picture(number: int, *, shift: int = 0) -> NDArray[np.uint8]:
    """The road, with the noise of a camera that is of this picture alone."""
    noise = np.random.default_rng(number).normal(0, 3, (*ROAD.shape, 3))
    road = np.roll(ROAD, shift, axis=1)[:, :, None].repeat(3, axis=2)
    return np.clip(road + noise, 0, 255).astype(np.uint8)


def fog(image: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    return np.clip(share * image + (1 - share) * 170.0, 0, 255).astype(np.uint8)


def watcher() -> StillScene:
    """One that has its reference."""
    scene = StillScene(learn=True)
    assert [scene.update(Frame(number, picture(number))).blind for number in range(4)] == [""] * 4
    assert scene.has_reference
    return scene


@pytest.mark.parametrize(
    ("image", "word"),
    [
        (picture(9), ""),
        (picture(2), "frozen"),
        (picture(9) // 10, "dark"),
        (np.maximum(picture(9), 245), "over-exposed"),
        (np.full((360, 640, 3), 120, np.uint8), "covered"),
        (fog(picture(9), 0.08), "fog"),
        (fog(picture(9), 0.5), ""),
        (np.asarray(cv2.GaussianBlur(picture(9), (0, 0), 9), np.uint8), "defocused"),
        (picture(9, shift=40), "moved"),
        (np.ascontiguousarray(picture(9)[::-1, ::-1]), "moved"),  # turned to look elsewhere
        (np.ascontiguousarray(picture(9)[::-1, ::-1]) // 4, ""),  # at night nobody can say
    ],
)
def test_what_a_picture_shows_is_said_at_once_and_the_next_one_is_judged_anew(
    image: NDArray[np.uint8], word: str
) -> None:
    scene = watcher()
    assert scene.update(Frame(10, image)).blind == word
    assert scene.update(Frame(11, picture(11))).blind == ""


def test_a_clock_in_the_border_does_not_hide_that_a_picture_is_the_same() -> None:
    scene = watcher()
    again = picture(3)
    again[5:20, 10:100] = 255
    assert scene.update(Frame(10, again)).blind == "frozen"


def test_the_reference_is_taken_by_day() -> None:
    scene = StillScene(learn=True)
    for number in range(9):
        scene.update(Frame(number, picture(number) // 4))
    assert not scene.has_reference


def test_likeness_tells_the_same_vehicle_from_another_at_its_place_in_whatever_light() -> None:
    def with_vehicle(number: int, seed: int, light: float) -> NDArray[np.uint8]:
        image = picture(number)
        looks = np.random.default_rng(seed).integers(0, 255, (8, 6), np.uint8)
        image[100:180, 200:260] = cv2.resize(looks, (60, 80), interpolation=cv2.INTER_CUBIC)[:, :, None]
        return np.clip(light * image, 0, 255).astype(np.uint8)

    alike = Likeness()
    box = (Detection(200, 100, 260, 180, 0.9, "truck"),)

    def told(number: int, seed: int, light: float = 1.0, dx: int = 0) -> float | None:
        image = np.roll(with_vehicle(number, seed, light), dx, axis=1)
        (one,) = alike.compare(Frame(number, image), DetectedFrame(number, box)).detections
        return one.likeness

    assert told(1, 7) is None
    same = told(2, 7, 0.8)
    swayed = told(3, 7, 0.8, dx=3)
    other = told(4, 8)
    assert same is not None
    assert swayed is not None
    assert other is not None
    assert same > 0.95
    assert swayed > 0.9
    assert other < 0.6
