"""How a driver keeps speed and distance: the Intelligent Driver Model, with what a queue adds to it.

Acceleration follows Treiber, Hennecke, Helbing: Congested traffic states in empirical observations and microscopic
simulations, Physical Review E 62 (2000), 1805, equations 3 and 4, with their exponent of 4. The model alone creeps up
to its gap for ever; people stand, and start again only when it is worth it: a standing vehicle waits until the gap has
grown by `restart_m`, and `start_s` longer. Parameters lie about those of the paper's table (headway 1.6 s, 0.73 m/s2,
1.67 m/s2, 2 m), livelier for cars, slower for what is heavy.
"""

from array import array
from dataclasses import dataclass
from math import atan2, cos, pi, sin, sqrt

from tests.scenes.bodies import Body

BRAKES = 8.0  # m/s2, the hardest anyone can
CLOSE_M = 0.3  # nobody comes nearer to the one ahead, whatever happened
STANDS = 0.1  # m/s; slower than this and near the gap, a driver stops
RAMP_M = 12.0  # a vehicle that goes aside is there after some three times this distance
SLOPE_MAX = 0.14  # metres aside per metre ahead
BEND = 0.025  # change of that slope per metre
AXLE_SHARE = 0.28  # a body's rear axle lies so much of its length behind its middle
TRAILER_BEHIND_AXLES_M = 4.5  # a trailer's length less this is from its kingpin to its axles


@dataclass(frozen=True, slots=True)
class Habit:
    """What drivers of a kind do, on average.

    `speed_share` is of the speed that the flow or convoy states; then time headway, gap when standing (m), acceleration
    and comfortable deceleration (m/s2), and how long they take to start.
    """

    speed_share: float
    headway_s: float
    gap_m: float
    acceleration: float
    deceleration: float
    start_s: float


HABITS: dict[str, Habit] = {
    "car": Habit(1.0, 1.2, 2.0, 1.5, 2.0, 0.8),
    "van": Habit(0.97, 1.3, 2.0, 1.3, 2.0, 0.9),
    "box-truck": Habit(0.88, 1.6, 2.5, 0.8, 1.8, 1.3),
    "tipper": Habit(0.86, 1.7, 2.5, 0.75, 1.8, 1.4),
    "tanker": Habit(0.84, 1.8, 3.0, 0.65, 1.7, 1.5),
    "articulated": Habit(0.85, 1.8, 3.0, 0.6, 1.6, 1.6),
    "minibus": Habit(0.95, 1.4, 2.2, 1.1, 1.9, 1.0),
    "coach": Habit(0.9, 1.5, 2.5, 0.9, 1.8, 1.2),
    "motorcycle": Habit(1.05, 1.0, 1.5, 2.0, 2.5, 0.6),
}


@dataclass(frozen=True, slots=True)
class Arrival:
    """A vehicle as it comes to the bridge, with its driver's ways; `wander` is amplitude (m), wavelength (m), phase."""

    due_s: float
    outbound: bool
    lane: int
    body: Body
    speed: float
    gap_m: float
    headway_s: float
    restart_m: float
    start_s: float
    wander: tuple[float, float, float]
    livery: int


class Vehicle:
    """One vehicle on the bridge. Positions are metres travelled from its end of the bridge, `offset` to its right."""

    def __init__(self, number: int, arrival: Arrival, front: float, speed: float, born_step: int) -> None:
        habit = HABITS[arrival.body.kind]
        self.number = number
        self.body = arrival.body
        self.livery = arrival.livery
        self.length = arrival.body.length
        self.width = max(arrival.body.width, 0.0 if arrival.body.trailer is None else arrival.body.trailer.width)
        self.front = front
        self.speed = speed
        self.desired = arrival.speed
        self.gap_m = arrival.gap_m
        self.headway_s = arrival.headway_s
        self.acceleration_max = habit.acceleration
        self.deceleration = habit.deceleration
        self.reach = 2.0 * sqrt(habit.acceleration * habit.deceleration)
        self.restart_m = arrival.restart_m
        self.start_s = arrival.start_s
        self.ready_s = -1.0  # when it starts again; negative while it has no reason to
        self.acceleration = 0.0
        self.wander = arrival.wander
        self.shift = 0.0  # deliberate part of the offset
        self.slope = 0.0  # its change per metre
        self.aside = 0.0  # the offset it wants
        self.reserve_m = 0.0  # room behind it that it will need
        self.planned = False  # something befalls it
        self.halt_at = float("inf")  # the front stops here, by its own will
        self.born_step = born_step
        self.axle: tuple[float, float] | None = None  # the trailer's, in the world
        self.path = (array("d"), array("d"), array("d"), array("d"), array("d"), array("b"))

    @property
    def rear(self) -> float:
        """Where it ends."""
        return self.front - self.length

    @property
    def offset(self) -> float:
        """Metres to the right of the lane's middle."""
        amplitude, wavelength, phase = self.wander
        return self.shift + amplitude * sin(2.0 * pi * self.front / wavelength + phase)

    @property
    def brakes_from(self) -> float:
        """Metres that it needs to stop in comfort."""
        return self.speed * self.speed / (2.0 * self.deceleration)

    def follow(self, gap: float, speed: float) -> float:
        """Acceleration behind something `gap` metres ahead that moves at `speed`."""
        if gap < 0.05:
            return -BRAKES
        v = self.speed
        wanted = self.gap_m + max(v * (self.headway_s + (v - speed) / self.reach), 0.0)
        return max(self.acceleration_max * (1.0 - (v / self.desired) ** 4 - (wanted / gap) ** 2), -BRAKES)

    def hold(self, room: float, now_s: float) -> bool:
        """Whether it goes on standing, with `room` metres beyond the gap it keeps."""
        if room < self.restart_m:
            self.ready_s = -1.0
            return True
        if self.ready_s < 0.0:
            self.ready_s = now_s + self.start_s
        return now_s < self.ready_s

    def move(self, acceleration: float, step_s: float) -> None:
        """Drive on for one step, not backwards."""
        v = self.speed + acceleration * step_s
        if v <= 0.0:
            ahead = 0.5 * self.speed * self.speed / -acceleration if acceleration < 0.0 else 0.0
            self.speed, self.ready_s = 0.0, -1.0
        else:
            ahead = 0.5 * (self.speed + v) * step_s
            self.speed = v
        self.acceleration = acceleration
        self.front += ahead
        if ahead > 0.0 and (self.slope != 0.0 or self.shift != self.aside):
            self._go_aside(ahead)

    def _go_aside(self, ahead: float) -> None:
        left = self.aside - self.shift
        wanted = max(-SLOPE_MAX, min(SLOPE_MAX, left / RAMP_M))
        bend = BEND * ahead
        self.slope += max(-bend, min(bend, wanted - self.slope))
        self.shift += self.slope * ahead
        if abs(left) < 0.005 and abs(self.slope) < 0.001:
            self.shift, self.slope = self.aside, 0.0

    def record(self, x: float, y: float, heading: float) -> None:
        """Note where its body is; the trailer is pulled along, its axles moving only towards the hitch."""
        trailer, follows = self.body.trailer, heading
        if trailer is not None:
            base = trailer.length - TRAILER_BEHIND_AXLES_M
            c, s = cos(heading), sin(heading)
            hitch_x, hitch_y = x + self.body.hitch_m * c, y + self.body.hitch_m * s
            axle_x, axle_y = self.axle or (hitch_x - base * c, hitch_y - base * s)
            follows = atan2(hitch_y - axle_y, hitch_x - axle_x)
            self.axle = hitch_x - base * cos(follows), hitch_y - base * sin(follows)
        xs, ys, headings, trailers, speeds, brakes = self.path
        xs.append(x)
        ys.append(y)
        headings.append(heading)
        trailers.append(follows)
        speeds.append(self.speed)
        brakes.append(self.speed == 0.0 or self.acceleration < -0.5)
