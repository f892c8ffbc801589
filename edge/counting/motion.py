"""Where a box goes: a constant-velocity Kalman filter for each of four coordinates.

The coordinates of a box are its centre across, its bottom edge, its width and its height. They are filtered apart from
each other, so a filter is five numbers and its update a few multiplications: exact on every machine and cheap.
Noise is stated in parts of the box, so a far car and a near truck obey the same rule, and in continuous time, so the
frame rate changes nothing (Bar-Shalom, Li, Kirubarajan 2001, section 6.2.2).
"""

from math import hypot, log, sqrt

from edge.counting.parameters import DEFAULT, MotionParameters

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels."""


def area_of(box: Box) -> float:
    """In square pixels."""
    return (box[2] - box[0]) * (box[3] - box[1])


def shared_area(one: Box, other: Box) -> float:
    """The area of the intersection of two boxes, in square pixels."""
    across, down = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    return across * down if across > 0.0 and down > 0.0 else 0.0


def intersection_over_union(one: Box, other: Box) -> float:
    """0 where two boxes are apart or without an area, 1 where they are equal."""
    shared = shared_area(one, other)
    return shared / (area_of(one) + area_of(other) - shared) if shared else 0.0


def moved(box: Box, speed: tuple[float, float], elapsed_s: float) -> Box:
    """The box after `elapsed_s` at that speed in pixels per second."""
    across, down = speed[0] * elapsed_s, speed[1] * elapsed_s
    x1, y1, x2, y2 = box
    return x1 + across, y1 + down, x2 + across, y2 + down


def touches_edge(box: Box, picture: tuple[int, int], edge_sides: float) -> bool:
    """Whether a box ends nearer to the edge of a picture of that width and height than `edge_sides` of its sides."""
    x1, y1, x2, y2 = box
    wide, high = picture
    across, down = edge_sides * (x2 - x1), edge_sides * (y2 - y1)
    return x1 < across or y1 < down or x2 > wide - across or y2 > high - down


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
        """Predict `elapsed_s` ahead; speed scales with `growth`. Returns the variance of the next innovation."""
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
    def shrunk_speed(self) -> float:
        """The speed, shrunk towards 0 by its variance."""
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
    """The four axes of one vehicle's box.

    `log_variance` is the logarithm of the variance of the predicted box, in parts of its sides.
    """

    __slots__ = ("_parameters", "across", "bottom", "height", "log_variance", "width")

    def __init__(self, box: Box, parameters: MotionParameters = DEFAULT.motion) -> None:
        self._parameters = p = parameters
        x1, y1, x2, y2 = box
        width, height = x2 - x1, y2 - y1
        size = sqrt(width * height)
        self.across = Axis((x1 + x2) / 2.0, p.position_noise * width, p.first_speed * size)
        self.bottom = Axis(y2, p.position_noise * height, p.first_speed * size)
        self.width = Axis(width, p.size_noise * width, p.first_growth * width)
        self.height = Axis(height, p.size_noise * height, p.first_growth * height)
        self.log_variance = 0.0

    def predict(self, elapsed_s: float) -> None:
        """Predict the box `elapsed_s` ahead; sizes stay positive."""
        p = self._parameters
        side_min = p.side_px_min
        width = max(self.width.value, side_min)
        height = max(self.height.value, side_min)
        density = p.position_density * width * height
        growth = self._growth(elapsed_s)
        self.log_variance = log(
            self.across.predict(elapsed_s, density, p.position_noise * width, growth)
            * self.bottom.predict(elapsed_s, density, p.position_noise * height, growth)
            * self.width.predict(elapsed_s, p.size_density * width * width, p.size_noise * width, growth)
            * self.height.predict(elapsed_s, p.size_density * height * height, p.size_noise * height, growth)
            / (width * height) ** 4
        )
        if self.width.value < side_min:
            self.width.value, self.width.speed = side_min, 0.0
        if self.height.value < side_min:
            self.height.value, self.height.speed = side_min, 0.0

    def _growth(self, elapsed_s: float) -> float:
        """The factor by which the vehicle grows meanwhile: at a steady speed on the road, size goes with 1 / distance.

        What moves towards the camera grows ever faster, and its speed in the picture with the square of its size.
        """
        width, height, side_min = self.width, self.height, self._parameters.side_px_min
        if width.speed * height.speed <= 0.0:  # it grows one way and shrinks the other: it turns, or trembles
            return 1.0
        rate = min(
            width.shrunk_speed / max(width.value, side_min), height.shrunk_speed / max(height.value, side_min), key=abs
        )
        most = self._parameters.growth_max
        return 1.0 / (1.0 - max(-most, min(most, rate * elapsed_s)))

    def distance(self, across: float, bottom: float, width: float, height: float, enough: float) -> float:
        """Squared Mahalanobis distance of a box from the prediction, 4 degrees of freedom.

        From `enough` on it may be only a part of it.
        """
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

    def stop(self) -> None:
        """Assume that the vehicle stands still from now on."""
        for axis in (self.across, self.bottom, self.width, self.height):
            axis.speed = axis.pxv = axis.pvv = 0.0
            axis.pxx = min(axis.pxx, axis.noise)

    @property
    def speed(self) -> float:
        """Of the ground point, in box sizes per second."""
        side_min = self._parameters.side_px_min
        return hypot(self.across.speed, self.bottom.speed) / sqrt(
            max(self.width.value, side_min) * max(self.height.value, side_min)
        )

    @property
    def box(self) -> Box:
        """The filtered or predicted box."""
        half = self.width.value / 2.0
        x, y2 = self.across.value, self.bottom.value
        return x - half, y2 - self.height.value, x + half, y2


def first_log_variance(elapsed_s: float, parameters: MotionParameters = DEFAULT.motion) -> float:
    """The log-variance of a square box so long after its first and only sighting."""
    motion = BoxMotion((0.0, 0.0, 100.0, 100.0), parameters)
    motion.predict(elapsed_s)
    return motion.log_variance
