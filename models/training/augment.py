"""Augmentation: makes small traffic-camera pictures of poor quality from good ones, with random variation.

Geometry: `place` puts a picture at a random scale, position and aspect on a canvas. Weather and camera:
`spoil` does to the pixels what night, fog, rain, cheap lenses, low resolution, interlacing and compression
do.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]
Chance = np.random.Generator

PAD = 114
ALONE_RANGE = (0.6, 1.6)  # scale relative to the size at which the picture just fits the canvas
MOSAIC_RANGE = (0.4, 1.1)  # the same for a part of a mosaic: also against the canvas, so that parts are crops
SMALLEST_PX = 6.0  # what is smaller than this both ways is ignored, not learned
UNSPOILED = 0.25
KEPT_SHARE = 0.3  # of a box's area must stay in the picture, else it is ignored


def place(  # noqa: PLR0917  # canvas and window, then picture and labels
    canvas: Image,
    window: tuple[int, int, int, int],
    image: Image,
    boxes: Floats,
    ignore: Floats,
    chance: Chance,
) -> tuple[Floats, Floats]:
    """Draws `image` into the window (x1, y1, x2, y2) of the canvas; gives boxes and ignored regions there."""
    x1, y1, x2, y2 = window
    height, width = image.shape[:2]
    stretch_x, stretch_y = 1.0, 1.0
    if 0.9 < width / height < 1.1:  # sets that were squeezed to a square
        stretch_x = chance.uniform(1.0, 1.8)
    elif width / height > 2.5 and chance.random() < 0.5:  # single fields of interlaced video
        stretch_y = 2.0
    stretch_x *= float(np.exp(chance.uniform(-0.12, 0.12)))
    fit = min(canvas.shape[1] / (width * stretch_x), canvas.shape[0] / (height * stretch_y))
    alone = canvas.shape[:2] == (y2 - y1, x2 - x1)
    scale = fit * float(np.exp(chance.uniform(*np.log(ALONE_RANGE if alone else MOSAIC_RANGE))))
    scale_x, scale_y = scale * stretch_x, scale * stretch_y
    mirrored = chance.random() < 0.5
    new_width, new_height = max(1, round(width * scale_x)), max(1, round(height * scale_y))
    spare_x, spare_y = (x2 - x1) - new_width, (y2 - y1) - new_height
    left = x1 + chance.uniform(min(spare_x, 0), max(spare_x, 0))
    top = y1 + chance.uniform(min(spare_y, 0), max(spare_y, 0))
    if mirrored:
        matrix = np.array([[-scale_x, 0, left + new_width], [0, scale_y, top]])
    else:
        matrix = np.array([[scale_x, 0, left], [0, scale_y, top]])
    shrunk = image
    if scale < 0.6:  # average first: warpAffine alone would alias
        shrunk = cv2.resize(image, (new_width, new_height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        matrix = np.array([[-1.0, 0, left + new_width], [0, 1.0, top]] if mirrored else [[1.0, 0, left], [0, 1.0, top]])
    shift = matrix.copy()
    shift[:, 2] -= (x1, y1)
    canvas[y1:y2, x1:x2] = cv2.warpAffine(
        shrunk, shift, (x2 - x1, y2 - y1), flags=cv2.INTER_LINEAR, borderValue=(PAD, PAD, PAD)
    )

    def moved(rows: Floats) -> Floats:
        out = rows.copy()
        out[:, [0, 2]] = rows[:, [0, 2]] * scale_x
        out[:, [1, 3]] = rows[:, [1, 3]] * scale_y + top
        if mirrored:
            out[:, [0, 2]] = new_width - out[:, [2, 0]]
        out[:, [0, 2]] += left
        return out

    limits = np.array([x1, y1, x2, y2], np.float32)
    boxes = moved(boxes)
    clipped = clip(boxes, limits)
    share = area(clipped) / np.maximum(area(boxes), 1e-6)
    large = (clipped[:, 2:4] - clipped[:, :2]).max(1, initial=0) >= SMALLEST_PX
    good = (share >= KEPT_SHARE) & large
    doubtful = ~good & (share > 0.02)
    ignored = clip(moved(ignore), limits)
    ignored = ignored[area(ignored) > 1]
    return clipped[good], np.concatenate((ignored, clipped[doubtful, :4]))


def clip(rows: Floats, limits: Floats) -> Floats:
    """Boxes cut at the limits (x1, y1, x2, y2)."""
    out = rows.copy()
    out[:, [0, 2]] = rows[:, [0, 2]].clip(limits[0], limits[2])
    out[:, [1, 3]] = rows[:, [1, 3]].clip(limits[1], limits[3])
    return out


def area(rows: Floats) -> Floats:
    """In square pixels; the first four columns are corners."""
    return (rows[:, 2] - rows[:, 0]) * (rows[:, 3] - rows[:, 1])


def spoil(image: Image, boxes: Floats, chance: Chance) -> Image:
    """Light, weather, lens, sensor and compression, in the order in which they happen, or nothing."""
    if chance.random() < UNSPOILED:
        return image
    image = colours(image, chance)
    weather = chance.random()
    if weather < 0.10:
        image = night(image, boxes, chance)
    elif weather < 0.20:
        image = fog(image, chance)
    elif weather < 0.28:
        image = rain(image, chance)
    if chance.random() < 0.15:
        image = blurred(image, chance)
    if chance.random() < 0.4:
        image = coarse(image, chance)
    if chance.random() < 0.06:
        image = interlaced(image, chance)
    if chance.random() < 0.25:
        image = noisy(image, chance.uniform(3, 16), chance)
    if chance.random() < 0.5:
        image = compressed(image, int(chance.integers(15, 75)))
    return image


def colours(image: Image, chance: Chance) -> Image:
    """Hue, saturation, gamma, contrast, brightness, now and then grey."""
    if chance.random() < 0.7:
        hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV).astype(np.int16)
        hsv[..., 0] = (hsv[..., 0] + int(chance.integers(-6, 7))) % 180
        hsv[..., 1] = np.clip(hsv[..., 1] * chance.uniform(0.4, 1.5), 0, 255)
        image = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2BGR).astype(np.uint8, copy=False)
    if chance.random() < 0.05:
        image = np.repeat(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[..., None], 3, 2).astype(np.uint8, copy=False)
    if chance.random() < 0.6:
        steps = np.arange(256, dtype=np.float32) / 255.0
        steps = steps ** float(np.exp(chance.uniform(-0.5, 0.5)))
        steps = (steps - 0.5) * chance.uniform(0.6, 1.4) + 0.5 + chance.uniform(-0.15, 0.15)
        image = cv2.LUT(image, (steps * 255).clip(0, 255).astype(np.uint8)).astype(np.uint8, copy=False)
    return image


def night(image: Image, boxes: Floats, chance: Chance) -> Image:
    """Dark and noisy, with lamps on some of the vehicles."""
    dark = image.astype(np.float32) * chance.uniform(0.18, 0.5) * chance.uniform(0.8, 1.1, 3).astype(np.float32)
    glow = np.zeros(image.shape[:2], np.float32)
    for x1, y1, x2, y2 in boxes[:, :4]:
        if chance.random() < 0.6:
            radius = max(1.0, (x2 - x1) * chance.uniform(0.04, 0.12))
            for share in (0.2, 0.8):
                centre = (int(x1 + share * (x2 - x1)), int(y1 + 0.7 * (y2 - y1)))
                cv2.circle(glow, centre, int(radius) + 1, 1.0, -1)
    wide = cv2.GaussianBlur(glow, (0, 0), chance.uniform(3, 9))
    light = np.clip(glow * 0.9 + wide * chance.uniform(1.0, 3.0), 0, 1)[..., None]
    tint = np.array([chance.uniform(0.7, 1), 0.95, 1.0], np.float32) * 255
    dark = dark * (1 - light) + tint * light + chance.normal(0, chance.uniform(2, 9), image.shape)
    return np.asarray(dark.clip(0, 255), np.uint8)


def fog(image: Image, chance: Chance) -> Image:
    """Washed out, the more the further up in the picture."""
    height = image.shape[0]
    thick = np.linspace(chance.uniform(0.3, 0.75), chance.uniform(0.0, 0.4), height, dtype=np.float32)
    thick = thick[:, None, None]
    grey = chance.uniform(120, 235) + chance.uniform(-12, 12, 3)
    return (image * (1 - thick) + grey.astype(np.float32) * thick).clip(0, 255).astype(np.uint8)


def rain(image: Image, chance: Chance) -> Image:
    """Streaks in the air or drops on the glass."""
    height, width = image.shape[:2]
    if chance.random() < 0.5:
        streaks = np.zeros((height, width), np.uint8)
        lean = chance.uniform(-0.3, 0.3)
        for _ in range(int(chance.integers(60, 300))):
            x, y, length = chance.uniform(0, width), chance.uniform(0, height), chance.uniform(6, 24)
            end = (int(x + lean * length), int(y + length))
            cv2.line(streaks, (int(x), int(y)), end, int(chance.integers(60, 200)), 1)
        streaks = cv2.GaussianBlur(streaks, (3, 3), 0).astype(np.uint8, copy=False)
        return cv2.add(image, np.repeat(streaks[..., None], 3, 2)).astype(np.uint8, copy=False)
    drops = np.zeros((height, width), np.float32)
    for _ in range(int(chance.integers(4, 30))):
        centre = (int(chance.integers(width)), int(chance.integers(height)))
        cv2.circle(drops, centre, int(chance.integers(3, max(4, height // 14))), 1.0, -1)
    drops = cv2.GaussianBlur(drops, (0, 0), 2.0)[..., None] * chance.uniform(0.6, 1.0)
    soft = cv2.GaussianBlur(image, (0, 0), chance.uniform(3, 7)) * 0.9 + 20
    return (image * (1 - drops) + soft * drops).clip(0, 255).astype(np.uint8)


def blurred(image: Image, chance: Chance) -> Image:
    """Out of focus or moved."""
    if chance.random() < 0.6:
        return cv2.GaussianBlur(image, (0, 0), chance.uniform(0.5, 1.6)).astype(np.uint8, copy=False)
    length = int(chance.integers(3, 8))
    kernel = np.zeros((length, length), np.float32)
    ends = (
        ((0, 0), (length - 1, length - 1)) if chance.random() < 0.3 else ((0, length // 2), (length - 1, length // 2))
    )
    cv2.line(kernel, ends[0], ends[1], 1.0)
    return cv2.filter2D(image, -1, kernel / kernel.sum()).astype(np.uint8, copy=False)


def coarse(image: Image, chance: Chance) -> Image:
    """As if filmed with fewer pixels and enlarged."""
    height, width = image.shape[:2]
    share = chance.uniform(0.4, 0.85)
    down = cv2.INTER_AREA if chance.random() < 0.7 else cv2.INTER_LINEAR
    up = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST)[int(chance.choice(3, p=(0.6, 0.3, 0.1)))]
    small = cv2.resize(image, (int(width * share), int(height * share)), interpolation=down).astype(
        np.uint8, copy=False
    )
    if chance.random() < 0.5:  # the camera compressed it at its own size
        small = compressed(small, int(chance.integers(25, 80)))
    return cv2.resize(small, (width, height), interpolation=up).astype(np.uint8, copy=False)


def interlaced(image: Image, chance: Chance) -> Image:
    """Every other line a little aside, as when fields of two times are woven."""
    out = image.copy()
    out[1::2] = np.roll(image[1::2], int(chance.integers(1, 5)), axis=1)
    return out


def noisy(image: Image, deviation: float, chance: Chance) -> Image:
    """Normal noise per pixel and channel."""
    noise = chance.standard_normal(image.shape, dtype=np.float32) * deviation
    return (image + noise).clip(0, 255).astype(np.uint8)


def compressed(image: Image, quality: int) -> Image:
    """Through JPEG and back."""
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None, "what was just encoded must decode"
    return decoded.astype(np.uint8, copy=False)
