import numpy as np

from tests.scenes.spoil import Spoiler, Spoiling

GREY = np.full((90, 160, 3), 120, np.uint8)
CLEAN = Spoiling(noise=0.0, vignette=0.0)


def spoiled(how: Spoiling, frame: int = 0, seed: int = 4) -> np.ndarray:
    return Spoiler(how, 160, 90, seed).spoil(GREY, frame)


def test_nothing_asked_changes_nothing() -> None:
    assert (spoiled(CLEAN) == GREY).all()


def test_the_same_seed_and_frame_give_the_same_picture_and_another_frame_another() -> None:
    how = Spoiling(noise=4.0, rain=0.5, dirt=0.4, shake_px=1.0)
    assert (spoiled(how, 3) == spoiled(how, 3)).all()
    assert (spoiled(how, 3) != spoiled(how, 4)).any()


def test_noise_has_the_strength_it_says() -> None:
    deviation = float((spoiled(Spoiling(noise=6.0, vignette=0.0)).astype(float) - 120.0).std())
    assert 4.0 < deviation < 9.0


def test_dirt_stays_where_it_is() -> None:
    how = Spoiling(noise=0.0, vignette=0.0, dirt=0.8)
    camera = Spoiler(how, 160, 90, 4)
    assert (camera.spoil(GREY, 0) == camera.spoil(GREY, 1)).all()
    assert (camera.spoil(GREY, 0) != GREY).any()


def test_lamps_bleed_into_the_dark_around_them() -> None:
    night = np.zeros((90, 160, 3), np.uint8)
    night[40:46, 70:76] = 255
    picture = Spoiler(Spoiling(noise=0.0, vignette=0.0, glare=1.0), 160, 90, 1).spoil(night, 0)
    assert picture[40:46, 64:69].mean() > 5.0
    assert picture[:10].max() < picture[40:46, 64:69].max()
