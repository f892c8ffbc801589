"""What camera, lens, weather and encoder do to a clean picture: streaks, flakes, dirt, glare, blur, noise, shake.

Everything follows from the seed and the number of the frame. Pictures are (height, width, 3) uint8 BGR.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.scenes.description import Scene

Image = NDArray[np.uint8]
Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Spoiling:
    """How much of each; 0 is none. `noise` in grey levels, lengths in pixels."""

    noise: float = 2.0
    shake_px: float = 0.0
    dirt: float = 0.0
    blur_px: float = 0.0
    glare: float = 0.0
    """How far bright lamps bleed into the picture."""
    rain: float = 0.0
    snow: float = 0.0
    vignette: float = 0.1
    sharpen: float = 0.0
    saturation: float = 1.0
    warmth: float = 0.0
    """Above 0 the picture is too red, below too blue."""


def spoiling_of(scene: Scene) -> Spoiling:
    """What the scene's picture, light and weather ask for."""
    dark = scene.light in {"dusk", "night"}
    return Spoiling(
        noise=scene.picture.noise,
        shake_px=scene.picture.shake_px,
        dirt=scene.picture.dirt,
        blur_px=scene.picture.blur_px,
        glare=0.6 if dark else 0.15,
        rain=0.6 if scene.weather == "rain" else 0.0,
        snow=0.6 if scene.weather == "snow" else 0.0,
        sharpen=0.4,
    )


class Spoiler:
    """One camera: its dirt stays where it is from frame to frame."""

    def __init__(self, spoiling: Spoiling, width: int, height: int, seed: int) -> None:
        self._spoiling, self._seed = spoiling, seed
        rng = np.random.default_rng([seed, 0xD187])
        self._veil = _dirt(rng, width, height, spoiling.dirt) if spoiling.dirt > 0 else None
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
        self._shade: Plane = (1 - spoiling.vignette * (x**2 + y**2) / 2)[:, :, None]

    def spoil(self, image: Image, frame: int) -> Image:
        """The picture as it leaves the camera."""
        how, rng = self._spoiling, np.random.default_rng([self._seed, frame])
        picture = image.astype(np.float32)
        if how.rain > 0:
            picture = _streaks(picture, rng, how.rain)
        if how.snow > 0:
            picture = _flakes(picture, rng, how.snow)
        if how.glare > 0:
            picture = _glare(picture, how.glare)
        if self._veil is not None:
            haze = cv2.GaussianBlur(picture, (0, 0), 6.0)
            picture = picture * (1 - self._veil) + (0.75 * haze + 22.0) * self._veil
        picture = picture * self._shade
        if how.saturation != 1.0:
            grey = picture.mean(axis=2, keepdims=True)
            picture = grey + how.saturation * (picture - grey)
        if how.warmth:
            picture = picture * np.array([1 - how.warmth, 1.0, 1 + how.warmth], np.float32)
        if how.shake_px > 0:
            dx, dy = rng.normal(0.0, how.shake_px, 2)
            shift = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
            size = (image.shape[1], image.shape[0])
            moved = cv2.warpAffine(picture, shift, size, borderMode=cv2.BORDER_REPLICATE)
            picture = np.asarray(moved, np.float32)
        if how.blur_px > 0:
            picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), how.blur_px), np.float32)
        if how.noise > 0:
            picture = picture + _noise(rng, picture, how.noise)
        if how.sharpen > 0:
            picture = picture + how.sharpen * (picture - cv2.GaussianBlur(picture, (0, 0), 1.2))
        return np.clip(picture, 0, 255).astype(np.uint8)


def _noise(rng: np.random.Generator, picture: Plane, sigma: float) -> Plane:
    """Sensor noise: more in the dark, coarser in colour than in brightness."""
    height, width = picture.shape[:2]
    fine = rng.standard_normal((height, width, 1), np.float32)
    coarse = rng.standard_normal((height // 2 + 1, width // 2 + 1, 3), np.float32)
    colour = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    dark = 1.3 - 0.5 * np.minimum(picture.mean(axis=2, keepdims=True) / 128.0, 1.0)
    return sigma * dark * (fine + 0.6 * colour)


def _streaks(picture: Plane, rng: np.random.Generator, amount: float) -> Plane:
    """Drops that fall past the lens during the exposure."""
    height, width = picture.shape[:2]
    sheet = np.zeros((height, width), np.float32)
    slant = rng.normal(0.0, 0.12)
    for _ in range(int(amount * width * height / 900)):
        x, y = rng.uniform(0, width), rng.uniform(-20, height)
        long = rng.uniform(5, 26)
        start, end = (int(x), int(y)), (int(x + slant * long), int(y + long))
        cv2.line(sheet, start, end, float(rng.uniform(0.05, 0.35)), 1, cv2.LINE_AA)
    falling = cv2.GaussianBlur(sheet, (0, 0), 0.7)[:, :, None] * (0.4 + 0.6 * amount)
    light = cv2.GaussianBlur(picture, (0, 0), 15.0) * 1.2 + 12.0
    return picture * (1 - falling) + light * falling


def _flakes(picture: Plane, rng: np.random.Generator, amount: float) -> Plane:
    height, width = picture.shape[:2]
    sheet = np.zeros((height, width), np.float32)
    for _ in range(int(amount * width * height / 700)):
        near = rng.random() ** 4
        place = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
        size = (max(1, int(0.6 + 2.2 * near)), max(1, int(1 + 4 * near)))
        cv2.ellipse(sheet, place, size, rng.uniform(-30, 30), 0, 360, float(rng.uniform(0.2, 0.75)), -1, cv2.LINE_AA)
    fallen = cv2.GaussianBlur(sheet, (0, 0), 0.6)[:, :, None]
    light = cv2.GaussianBlur(picture, (0, 0), 15.0) * 0.8 + 70.0
    return picture * (1 - fallen) + light * fallen


def _glare(picture: Plane, amount: float) -> Plane:
    """Light of what is brighter than the sensor takes spreads around it."""
    bright = np.maximum(picture - 215.0, 0.0) * 4.0
    small = cv2.resize(bright, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    wide = 0.7 * cv2.GaussianBlur(small, (0, 0), 2.5) + 0.5 * cv2.GaussianBlur(small, (0, 0), 10.0)
    return picture + amount * cv2.resize(wide, (picture.shape[1], picture.shape[0]))


def _dirt(rng: np.random.Generator, width: int, height: int, amount: float) -> Plane:
    """How much each pixel is veiled: a film of dust and some drops or specks out of focus."""
    film = cv2.resize(rng.random((6, 9), np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    veil = 0.3 * amount * np.clip(film, 0, 1) ** 2
    for _ in range(int(rng.integers(2, 5 + int(25 * amount)))):
        spot = np.zeros((height, width), np.float32)
        radius = int(rng.uniform(0.006, 0.03 + 0.03 * amount) * width) + 1
        place = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
        cv2.ellipse(spot, place, (radius, int(radius * rng.uniform(0.6, 1.3))), 0, 0, 360, 1.0, -1)
        veil = np.maximum(
            veil, cv2.GaussianBlur(spot, (0, 0), 0.4 * radius) * rng.uniform(0.15, 0.5) * (0.4 + 0.6 * amount)
        )
    return np.clip(veil, 0, 0.8).astype(np.float32)[:, :, None]
