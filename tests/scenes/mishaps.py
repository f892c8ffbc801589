"""What befalls single vehicles: a breakdown, standing at the roadside, backing, turning round on the bridge.

Each mishap takes the first vehicle that can still stop in comfort with its front at the stated place, when its time has
come, and that it can befall at all. It then goes through stages, one `step` at a time.
"""

from collections.abc import Iterator
from math import cos, hypot, pi, sin

from tests.scenes.description import Mishap
from tests.scenes.driving import AXLE_SHARE, Vehicle
from tests.scenes.lanes import Lane, Stop

BACKS = 1.4  # m/s
TURNS = 2.5  # m/s
STEERS_ACCELERATION = 0.7  # m/s2, when backing or turning
PAUSE_S = 2.0  # between stopping and backing
BEHIND_M = 1.5  # room kept behind when backing
NEXT_TO_M = 1.0  # room kept about a vehicle that turns
OVERHANG_M = 0.2  # so far over the lane's edge a vehicle at the roadside stands
SEEN_AHEAD_M = 120.0


class Misfortune:
    """One mishap under way."""

    def __init__(self, mishap: Mishap, lanes: list[Lane]) -> None:
        self._mishap = mishap
        self._lanes = lanes
        self._own = [lane for lane in lanes if lane.outbound == (mishap.way == "outbound")]
        if mishap.what == "parked":
            self._own = self._own[-1:]  # the outermost
        self._stages: Iterator[None] | None = None
        self._now_s = 0.0
        self._step_s = 0.0
        self.turning: list[tuple[Vehicle, float, float, float]] = []
        """The vehicle that is on none of the lanes just now, with x, y and heading."""
        self.done = False

    def step(self, now_s: float, step_s: float) -> None:
        """One step on; before the lanes' own."""
        if self.done or now_s < self._mishap.from_s:
            return
        self._now_s, self._step_s = now_s, step_s
        if self._stages is None:
            chosen = self._choose()
            if chosen is None:
                return
            self._stages = self._go(*chosen)
        if next(self._stages, False) is False:
            self.done = True

    def _choose(self) -> tuple[Lane, Vehicle] | None:
        found: list[tuple[float, Lane, Vehicle]] = []
        for lane in self._own:
            at = lane.along(self._mishap.at_m)
            behind: Vehicle | None = None
            for vehicle in reversed(lane.vehicles):
                left = at - vehicle.front
                if (
                    1.3 * vehicle.brakes_from < left < SEEN_AHEAD_M
                    and not vehicle.planned
                    and (not self._mishap.kinds or vehicle.body.kind in self._mishap.kinds)
                    and self._has_room(at, vehicle, behind)
                ):
                    found.append((left, lane, vehicle))
                behind = vehicle
        if not found:
            return None
        _, lane, vehicle = min(found, key=lambda one: (one[0], one[2].number))
        return lane, vehicle

    def _has_room(self, at: float, vehicle: Vehicle, behind: Vehicle | None) -> bool:
        """Whether the one behind can stop before the room that this mishap needs."""
        needed = self._reserve(vehicle)
        if behind is None or needed == 0.0:
            return True
        return at - vehicle.length - needed - behind.front > 1.2 * behind.brakes_from + behind.gap_m

    def _reserve(self, vehicle: Vehicle) -> float:
        """Metres behind it that it needs: to back, to come out again, for its trailer to sweep."""
        match self._mishap.what:
            case "reverse":
                return self._mishap.by_m + BEHIND_M
            case "parked":
                return 10.0
            case "u-turn" if vehicle.body.trailer is not None:
                return 1.6 * vehicle.body.trailer.length
        return 0.0

    def _go(self, lane: Lane, vehicle: Vehicle) -> Iterator[None]:
        mishap, at = self._mishap, lane.along(self._mishap.at_m)
        vehicle.planned = True
        vehicle.halt_at = at
        aside = lane.width_m / 2.0 + OVERHANG_M - vehicle.width / 2.0
        vehicle.reserve_m = self._reserve(vehicle)
        while vehicle.speed > 0.0 or vehicle.front < at - 3.0:
            if mishap.what == "parked" and vehicle.front > at - 50.0:
                vehicle.aside = aside
            yield
        if mishap.what == "breakdown":
            yield from self._stand(mishap.for_s)
        elif mishap.what == "reverse":
            yield from self._back(lane, vehicle)
        elif mishap.what == "parked":
            yield from self._park(lane, vehicle)
        else:
            yield from self._stand(mishap.for_s)
            yield from self._turn(lane, vehicle)
        vehicle.halt_at, vehicle.reserve_m = float("inf"), 0.0
        vehicle.aside = 0.0

    def _stand(self, for_s: float) -> Iterator[None]:
        until_s = self._now_s + for_s
        while self._now_s < until_s:
            yield

    def _back(self, lane: Lane, vehicle: Vehicle) -> Iterator[None]:
        yield from self._stand(PAUSE_S)
        goal = vehicle.front - self._mishap.by_m
        while True:
            place = lane.vehicles.index(vehicle)
            behind = lane.vehicles[place + 1].front if place + 1 < len(lane.vehicles) else -float("inf")
            left = min(vehicle.front - goal, vehicle.rear - behind - BEHIND_M)
            if left <= 0.02:
                break
            speed = min(-vehicle.speed + STEERS_ACCELERATION * self._step_s, BACKS, (left * STEERS_ACCELERATION) ** 0.5)
            vehicle.speed = -speed
            vehicle.front -= min(speed * self._step_s, left)
            vehicle.reserve_m = max(vehicle.front - goal, 0.0)
            yield
        vehicle.speed = 0.0
        vehicle.halt_at = vehicle.front
        yield from self._stand(self._mishap.for_s)

    def _park(self, lane: Lane, vehicle: Vehicle) -> Iterator[None]:
        leaves = lane.passable(vehicle.offset, vehicle.width)
        until_s = self._now_s + self._mishap.for_s
        if leaves:
            lane.vehicles.remove(vehicle)
            lane.aside.append(vehicle)
            self.turning = [(vehicle, *lane.place(vehicle))]
        yield from self._stand(until_s - self._now_s)
        if leaves:
            stop = Stop(vehicle.rear - 1.0)
            lane.stops.append(stop)
            stop.close(lane)
            while not lane.is_clear(vehicle.rear - 1.0, vehicle.front + 4.0):
                yield
            self.turning = []
            lane.stops.remove(stop)
            lane.aside.remove(vehicle)
            lane.insert(vehicle)

    def _turn(self, lane: Lane, vehicle: Vehicle) -> Iterator[None]:
        """Half a circle into the lane that mirrors its own, the rear axle on it; everyone else waits."""
        target = next(other for other in self._lanes if other.outbound != lane.outbound and other.number == lane.number)
        x, y, _ = lane.place(vehicle)
        to_axle = AXLE_SHARE * (vehicle.body.front_m - min(cuboid.x1 for cuboid in vehicle.body.cuboids))
        radius = (abs(y) + target.middle_m) / 2.0
        turn_x = x - lane.ahead * to_axle
        swept = hypot(radius, to_axle + vehicle.body.front_m) + NEXT_TO_M
        edges = (
            x + lane.ahead * (vehicle.body.front_m - vehicle.length - self._reserve(vehicle)),
            turn_x + lane.ahead * swept,
        )
        stops = []
        for other in self._lanes:
            first, last = sorted(other.along(edge) for edge in edges)
            stop = Stop(first)
            other.stops.append(stop)
            stop.close(other)
            stops.append((other, stop, first, last))
        while not all(other.is_clear(first, last, vehicle) for other, _, first, last in stops):
            yield
        lane.vehicles.remove(vehicle)
        vehicle.halt_at, vehicle.reserve_m = float("inf"), 0.0
        gone = 0.0
        begins = 0.0 if lane.outbound else pi
        while gone < pi * radius:
            vehicle.speed = min(vehicle.speed + STEERS_ACCELERATION * self._step_s, TURNS)
            gone = min(gone + vehicle.speed * self._step_s, pi * radius)
            turned = gone / radius
            axle_x = turn_x + lane.ahead * radius * sin(turned)
            axle_y = y + lane.ahead * radius * (1.0 - cos(turned))
            heading = begins + turned
            placed = axle_x + to_axle * cos(heading), axle_y + to_axle * sin(heading), heading
            self.turning = [(vehicle, *placed)]
            yield
        self.turning = []
        x = turn_x + to_axle * target.ahead
        vehicle.front = target.along(x) + vehicle.body.front_m
        vehicle.shift = vehicle.slope = vehicle.aside = 0.0
        vehicle.shift = -vehicle.offset
        target.insert(vehicle)
        goal = vehicle.front + vehicle.length + 4.0 + self._reserve(vehicle)  # until the trailer is in line again
        while vehicle.front < goal and vehicle in target.vehicles:
            yield
        for other, stop, _, _ in stops:
            other.stops.remove(stop)
