"""One lane of the bridge: who follows whom on it, what stops them, and who stands aside."""

from collections import deque
from math import atan2, cos, pi

from tests.scenes.driving import BRAKES, CLOSE_M, STANDS, Arrival, Vehicle

LOOK_AHEAD_M = 55.0  # from there on a vehicle makes room for one that stands aside
CLEARANCE_M = 0.5  # between the two
CLEAR_MIN_M = 0.2  # with less than this it waits behind
OVER_THE_MIDDLE_M = 0.25  # so far it may come out of its lane to pass


class Stop:
    """A place that no front passes while it is closed, but of those that cannot stop any more when it closes."""

    def __init__(self, at: float) -> None:
        self.at = at
        self.closed = False
        self.may_pass: set[int] = set()

    def close(self, lane: "Lane") -> None:
        """Stop the lane here from now on."""
        self.closed = True
        self.may_pass = {
            vehicle.number
            for vehicle in lane.vehicles
            if vehicle.front <= self.at
            and 1.2 * vehicle.brakes_from > self.at - vehicle.front - 0.5 * vehicle.gap_m > 0.0
            and vehicle.speed > 0.0
        }

    def open(self) -> None:
        """Let everyone pass."""
        self.closed = False
        self.may_pass = set()


class Lane:
    """The vehicles of one lane, the foremost first; places are metres travelled from the lane's beginning."""

    def __init__(self, length_m: float, width_m: float, number: int, *, outbound: bool) -> None:
        self.length_m = length_m
        self.width_m = width_m
        self.outbound = outbound
        self.number = number  # 0 is the one next to the middle of the bridge
        self.ahead = 1.0 if outbound else -1.0  # along x
        self.middle_m = (number + 0.5) * width_m  # from the middle of the bridge
        self.vehicles: list[Vehicle] = []
        self.aside: list[Vehicle] = []
        self.stops: list[Stop] = []
        self._waiting: deque[Arrival] = deque()

    def along(self, x: float) -> float:
        """The place of the deck's `x`."""
        return self.ahead * x + self.length_m / 2.0

    def expect(self, arrival: Arrival) -> None:
        """Add one that comes later than all before."""
        self._waiting.append(arrival)

    def enter(self, number: int, now_s: float, step: int) -> Vehicle | None:
        """Let the next one in if it is due and there is room."""
        if not self._waiting or self._waiting[0].due_s > now_s:
            return None
        arrival = self._waiting[0]
        speed = arrival.speed
        if self.vehicles:
            last = self.vehicles[-1]
            gap = last.rear - last.reserve_m - arrival.gap_m
            if gap < 1.0:
                return None
            speed = min(speed, gap / arrival.headway_s, (max(last.speed, 0.0) ** 2 + 2.0 * gap) ** 0.5)
            if speed < 0.8 * min(arrival.speed, last.speed):
                return None
        self._waiting.popleft()
        vehicle = Vehicle(number, arrival, 0.0, speed, step)
        self.vehicles.append(vehicle)
        return vehicle

    def insert(self, vehicle: Vehicle) -> None:
        """Take in one that comes from elsewhere."""
        self.vehicles.append(vehicle)
        self.vehicles.sort(key=lambda v: -v.front)

    def is_clear(self, first: float, last: float, but: Vehicle | None = None) -> bool:
        """Whether nobody is between two places, nor about to be."""
        for vehicle in self.vehicles:
            if vehicle is not but and vehicle.front > first and vehicle.rear < last:
                return False
        return not any(
            vehicle.front <= stop.at and vehicle.number in stop.may_pass
            for stop in self.stops
            if stop.closed
            for vehicle in self.vehicles
            if vehicle is not but
        )

    def step(self, now_s: float, step_s: float) -> list[Vehicle]:
        """Everybody drives on; returns those that left the bridge."""
        ahead: Vehicle | None = None
        rear_before = speed_before = 0.0
        closed = [stop for stop in self.stops if stop.closed]
        for vehicle in self.vehicles:
            rear, speed = vehicle.rear - vehicle.reserve_m, vehicle.speed
            if speed >= 0.0:  # else its mishap moves it
                self._drive(vehicle, ahead, rear_before, speed_before, closed, now_s, step_s)
            rear_before, speed_before, ahead = rear, speed, vehicle
        gone = []
        while self.vehicles and self.vehicles[0].rear > self.length_m:
            gone.append(self.vehicles.pop(0))
        return gone

    def _drive(  # noqa: PLR0917
        self,
        vehicle: Vehicle,
        ahead: Vehicle | None,
        rear: float,
        speed: float,
        closed: list[Stop],
        now_s: float,
        step_s: float,
    ) -> None:
        front = vehicle.front
        room = float("inf")  # beyond the gap it keeps
        if ahead is None:
            free = 1.0 - (vehicle.speed / vehicle.desired) ** 4
            wanted = max(vehicle.acceleration_max * free, -BRAKES)
        else:
            wanted = vehicle.follow(rear - front, speed)
            room = rear - front - vehicle.gap_m
        for stop in closed:
            if front <= stop.at and vehicle.number not in stop.may_pass:
                wanted = min(wanted, vehicle.follow(stop.at - front, 0.0))
                room = min(room, stop.at - front - vehicle.gap_m)
        if vehicle.halt_at != float("inf"):
            left = vehicle.halt_at - front
            wanted = min(wanted, vehicle.follow(left + vehicle.gap_m, 0.0))
            room = min(room, left if left < 0.2 else left + vehicle.restart_m)
        elif self.aside:
            wanted, room = self._make_room(vehicle, wanted, room)
        if vehicle.speed == 0.0 and vehicle.hold(room, now_s):
            vehicle.acceleration = 0.0
            return
        if room < 0.2 and vehicle.speed < STANDS:
            wanted = -BRAKES
        vehicle.move(wanted, step_s)
        if (
            ahead is not None and vehicle.front > ahead.rear - CLOSE_M
        ):  # the model never gets there; a rule all the same
            vehicle.front = max(front, ahead.rear - CLOSE_M)
            vehicle.speed = 0.0

    def _make_room(self, vehicle: Vehicle, wanted: float, room: float) -> tuple[float, float]:
        """Pass those that stand aside, or wait behind them."""
        aside = 0.0
        for other in self.aside:
            if other.rear - LOOK_AHEAD_M < vehicle.front and vehicle.rear < other.front + 2.0:
                inner = other.offset - other.width / 2.0
                aside = min(aside, inner - CLEARANCE_M - vehicle.width / 2.0)
                short = vehicle.offset + vehicle.width / 2.0 + CLEAR_MIN_M > inner
                if short and vehicle.front <= other.rear:
                    wanted = min(wanted, vehicle.follow(other.rear - vehicle.front, 0.0))
                    room = min(room, other.rear - vehicle.front - vehicle.gap_m)
        vehicle.aside = aside
        return wanted, room

    def passable(self, offset: float, width: float) -> bool:
        """Whether a truck gets past one so wide that stands so far to the right."""
        return offset - width / 2.0 - CLEARANCE_M - 2.55 > -self.width_m / 2.0 - OVER_THE_MIDDLE_M

    def place(self, vehicle: Vehicle) -> tuple[float, float, float]:
        """x and y of its middle and its heading."""
        amplitude, wavelength, phase = vehicle.wander
        slope = vehicle.slope + amplitude * 2.0 * pi / wavelength * cos(2.0 * pi * vehicle.front / wavelength + phase)
        x = self.ahead * (vehicle.front - vehicle.body.front_m - self.length_m / 2.0)
        return x, -self.ahead * (self.middle_m + vehicle.offset), atan2(-self.ahead * slope, self.ahead)
