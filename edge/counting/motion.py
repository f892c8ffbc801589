"""Where a box goes: a constant-velocity Kalman filter for each of four coordinates.

The coordinates of a box are its centre across, its bottom edge, its width and its height. They are filtered apart from
each other, so a filter is five numbers and its update a few multiplications: exact on every machine and cheap.
Noise is stated in parts of the box, so a far car and a near truck obey the same rule, and in continuous time, so the
frame rate changes nothing (Bar-Shalom, Li, Kirubarajan 2001, section 6.2.2).
"""

from math import hypot, log, sqrt

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels."""

NOISE_POSITION = 0.06  # standard deviation of a detected edge, in box sizes
NOISE_SIZE = 0.12
SPEED_AT_BIRTH = 4.0  # standard deviation of an unknown speed, in box sizes per second
GROWTH_AT_BIRTH = 0.5
JERK_POSITION = 1.5  # density of white acceleration noise, in box sizes squared per second cubed
JERK_SIZE = 0.15
GROWTH_MAX = 0.4  # of the distance to the camera, at once


def shared_area(one: Box, other: Box) -> float:
    """What lies in both, in square pixels."""
    across, down = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    return across * down if across > 0.0 and down > 0.0 else 0.0


class Axis:
    """One coordinate: value and speed (per second), with their covariance."""

    __slots__ = ("noise", "pvv", "pxv", "pxx", "speed", "value", "weight")

    def __init__(self, value: float, noise: float, speed_deviation: float) -> None:
        self.value = value
        self.speed = 0.0
        self.pxx = noise * noise
        self.pxv = 0.0
        self.pvv = speed_deviation * speed_deviation
        self.noise = self.pxx
        self.weight = 0.0  # 1 / variance of the next innovation

    def predict(self, elapsed_s: float, density: float, noise: float, growth: float) -> float:
        """Move on by `elapsed_s`, coming near by `growth`; returns the variance of the next innovation."""
        self.value += self.speed * growth * elapsed_s
        self.speed *= growth * growth
        spread = density * elapsed_s
        self.pxx += elapsed_s * (2.0 * self.pxv + elapsed_s * (self.pvv + spread / 3.0))
        self.pxv += elapsed_s * (self.pvv + spread / 2.0)
        self.pvv += spread
        self.noise = noise * noise
        variance = self.pxx + self.noise
        self.weight = 1.0 / variance
        return variance

    @property
    def sure_speed(self) -> float:
        """The speed, nearer to none the less is known of it."""
        square = self.speed * self.speed
        return self.speed * square / (square + self.pvv) if square > 0.0 else 0.0

    def correct(self, measured: float) -> None:
        """Take in a measurement made at the predicted moment."""
        innovation = measured - self.value
        gain_value = self.pxx * self.weight
        gain_speed = self.pxv * self.weight
        self.value += gain_value * innovation
        self.speed += gain_speed * innovation
        self.pvv -= gain_speed * self.pxv
        self.pxv -= gain_value * self.pxv
        self.pxx -= gain_value * self.pxx


class BoxMotion:
    """The four axes of one vehicle's box."""

    __slots__ = ("across", "bottom", "height", "spread", "width")

    def __init__(self, box: Box) -> None:
        x1, y1, x2, y2 = box
        width, height = x2 - x1, y2 - y1
        size = sqrt(width * height)
        self.across = Axis((x1 + x2) / 2.0, NOISE_POSITION * width, SPEED_AT_BIRTH * size)
        self.bottom = Axis(y2, NOISE_POSITION * height, SPEED_AT_BIRTH * size)
        self.width = Axis(width, NOISE_SIZE * width, GROWTH_AT_BIRTH * width)
        self.height = Axis(height, NOISE_SIZE * height, GROWTH_AT_BIRTH * height)
        self.spread = 0.0

    def predict(self, elapsed_s: float) -> None:
        """Move on; sizes stay positive."""
        width = max(self.width.value, 2.0)
        height = max(self.height.value, 2.0)
        density = JERK_POSITION * width * height
        growth = self._growth(elapsed_s)
        self.spread = log(
            self.across.predict(elapsed_s, density, NOISE_POSITION * width, growth)
            * self.bottom.predict(elapsed_s, density, NOISE_POSITION * height, growth)
            * self.width.predict(elapsed_s, JERK_SIZE * width * width, NOISE_SIZE * width, growth)
            * self.height.predict(elapsed_s, JERK_SIZE * height * height, NOISE_SIZE * height, growth)
            / (width * height) ** 4
        )
        if self.width.value < 2.0:
            self.width.value, self.width.speed = 2.0, 0.0
        if self.height.value < 2.0:
            self.height.value, self.height.speed = 2.0, 0.0

    def _growth(self, elapsed_s: float) -> float:
        """By how much it comes near meanwhile: at a steady speed on the road, sizes go with 1 / distance.

        What moves towards the camera grows ever faster, and its speed in the picture with the square of its size.
        """
        width, height = self.width, self.height
        if width.speed * height.speed <= 0.0:  # it would grow one way and shrink the other: it turns, or trembles
            return 1.0
        rate = min(width.sure_speed / max(width.value, 2.0), height.sure_speed / max(height.value, 2.0), key=abs)
        return 1.0 / (1.0 - max(-GROWTH_MAX, min(GROWTH_MAX, rate * elapsed_s)))

    def surprise(self, across: float, bottom: float, width: float, height: float, enough: float) -> float:
        """Squared Mahalanobis distance of a box from the prediction, 4 degrees of freedom; a part of it if `enough`."""
        axis = self.bottom
        distance = (bottom - axis.value) ** 2 * axis.weight
        if distance >= enough:  # most pairs end here
            return distance
        axis = self.across
        distance += (across - axis.value) ** 2 * axis.weight
        axis = self.width
        distance += (width - axis.value) ** 2 * axis.weight
        axis = self.height
        return distance + (height - axis.value) ** 2 * axis.weight

    def correct(self, across: float, bottom: float, width: float, height: float) -> None:
        """Take in a sighting made at the predicted moment."""
        self.across.correct(across)
        self.bottom.correct(bottom)
        self.width.correct(width)
        self.height.correct(height)

    def rest(self) -> None:
        """Presume that it stands still from now on, where it is."""
        for axis in (self.across, self.bottom, self.width, self.height):
            axis.speed = axis.pxv = axis.pvv = 0.0
            axis.pxx = min(axis.pxx, axis.noise)

    @property
    def speed(self) -> float:
        """Of the ground point, in box sizes per second."""
        return hypot(self.across.speed, self.bottom.speed) / sqrt(
            max(self.width.value, 2.0) * max(self.height.value, 2.0)
        )

    @property
    def box(self) -> Box:
        """The box as believed now."""
        half = self.width.value / 2.0
        x, y2 = self.across.value, self.bottom.value
        return x - half, y2 - self.height.value, x + half, y2


def spread_of_newborn(elapsed_s: float) -> float:
    """The spread of a square box so long after its first and only sighting."""
    motion = BoxMotion((0.0, 0.0, 100.0, 100.0))
    motion.predict(elapsed_s)
    return motion.spread
