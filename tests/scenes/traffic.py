"""The traffic of a scene: from its description and its seed to where every vehicle is at every moment.

    for moment in simulate(scene): ...

The simulation goes in steps of STEP_S whatever the frame rate, and a moment between two of them lies on the straight
way between: the same scene at another frame rate shows the same traffic. Nothing depends on anything but the scene.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.scenes.arrivals import arrivals
from tests.scenes.bodies import Body
from tests.scenes.description import Barrier, Scene
from tests.scenes.driving import Vehicle
from tests.scenes.lanes import Lane, Stop
from tests.scenes.mishaps import Misfortune
from tests.scenes.moment import Floats, Moment, Placed

STEP_S = 0.1
STEP_MS = 100
ASKS_M = 40.0  # from so far before a barrier a vehicle can be among those that are let through


@dataclass(frozen=True, slots=True, eq=False)
class Trip:
    """One vehicle over the bridge: its places at the steps `first_ms`, `first_ms` + STEP_MS, and so on.

    x and y of its middle (m), heading and trailer's heading (radians, without jumps), speed (m/s).
    """

    number: int
    body: Body
    livery: int
    first_ms: int
    x: Floats
    y: Floats
    heading: Floats
    trailer_heading: Floats
    speed: Floats
    braking: NDArray[np.bool_]

    @property
    def last_ms(self) -> int:
        """Time of its last step."""
        return self.first_ms + STEP_MS * (len(self.x) - 1)

    def at(self, at_ms: float) -> Placed:
        """Where it is at a time within its trip."""
        steps = (at_ms - self.first_ms) / STEP_MS
        before = min(int(steps), len(self.x) - 1)
        after, share = min(before + 1, len(self.x) - 1), steps - before

        def between(values: Floats) -> float:
            return float(values[before] + share * (values[after] - values[before]))

        return Placed(
            self.number,
            self.body,
            between(self.x),
            between(self.y),
            between(self.heading),
            between(self.speed),
            self.livery,
            bool(self.braking[before]),
            between(self.trailer_heading),
        )


def frame_times_ms(scene: Scene) -> list[int]:
    """The times of the scene's frames, from the beginning of the simulation."""
    frames = round(scene.duration_s * scene.frames_per_second)
    return [round(1000.0 * (scene.warm_up_s + frame / scene.frames_per_second)) for frame in range(frames)]


def simulate(scene: Scene) -> Iterator[Moment]:
    """One moment for each frame of the scene."""
    trips = drive(scene)
    begun = 0
    living: list[Trip] = []
    for at_ms in frame_times_ms(scene):
        while begun < len(trips) and trips[begun].first_ms <= at_ms:
            living.append(trips[begun])
            begun += 1
        living = [trip for trip in living if trip.last_ms >= at_ms]
        yield Moment(at_ms, tuple(trip.at(at_ms) for trip in sorted(living, key=lambda trip: trip.number)))


def drive(scene: Scene) -> list[Trip]:
    """The trips of all vehicles that are on the bridge while the scene lasts, by the time at which they come."""
    until_s = scene.warm_up_s + scene.duration_s + 2 * STEP_S
    bridge = scene.bridge
    lanes = [
        Lane(bridge.length_m, bridge.lane_m, number, outbound=outbound)
        for outbound in (True, False)
        for number in range(bridge.lanes_each_way)
    ]
    at = {(lane.outbound, lane.number): lane for lane in lanes}
    for arrival in arrivals(scene, until_s):
        at[arrival.outbound, arrival.lane].expect(arrival)
    barriers = [_Gate(barrier, lanes) for barrier in scene.traffic.barriers]
    misfortunes = [Misfortune(mishap, lanes) for mishap in scene.traffic.mishaps]
    entered: list[Vehicle] = []
    for step in range(round(until_s / STEP_S)):
        now_s = step * STEP_S
        for barrier in barriers:
            barrier.step(now_s)
        for misfortune in misfortunes:
            misfortune.step(now_s, STEP_S)
        for lane in lanes:
            lane.step(now_s, STEP_S)
            vehicle = lane.enter(len(entered) + 1, now_s, step)
            if vehicle is not None:
                entered.append(vehicle)
            for vehicle in lane.vehicles:
                vehicle.record(*lane.place(vehicle))
        for misfortune in misfortunes:
            for vehicle, x, y, heading in misfortune.turning:
                vehicle.record(x, y, heading)
    first_ms = round(1000 * scene.warm_up_s) - STEP_MS
    return [
        trip
        for trip in (_trip(vehicle) for vehicle in entered if vehicle.path[0])
        if trip.last_ms > first_ms and len(trip.x) > 1
    ]


def _trip(vehicle: Vehicle) -> Trip:
    x, y, heading, trailer, speed, braking = vehicle.path
    return Trip(
        vehicle.number,
        vehicle.body,
        vehicle.livery,
        vehicle.born_step * STEP_MS,
        np.array(x),
        np.array(y),
        np.unwrap(np.array(heading)),
        np.unwrap(np.array(trailer)),
        np.array(speed),
        np.array(braking, bool),
    )


class _Gate:
    """A barrier across the lanes of one direction, going through its times."""

    def __init__(self, barrier: Barrier, lanes: list[Lane]) -> None:
        self._barrier = barrier
        self._stops: list[tuple[Lane, Stop]] = []
        for lane in lanes:
            if lane.outbound == (barrier.way == "outbound"):
                stop = Stop(lane.along(barrier.at_m))
                lane.stops.append(stop)
                self._stops.append((lane, stop))
        self._until_s = barrier.from_s
        self._closed = False
        self._released: set[int] = set()

    def step(self, now_s: float) -> None:
        """Close or open it when it is time, and let through whom it may."""
        if now_s >= self._until_s:
            self._closed = not self._closed
            self._until_s = now_s + (self._barrier.closed_s if self._closed else self._barrier.open_s)
            self._released = set()
            for lane, stop in self._stops:
                if self._closed:
                    stop.close(lane)
                elif not self._barrier.release:
                    stop.open()
        if self._barrier.release and not self._closed and now_s >= self._barrier.from_s:
            self._release(now_s)

    def _release(self, now_s: float) -> None:
        """With a number to be let through the stops stay closed, but for so many."""
        near = (
            sorted(
                (stop.at - vehicle.front, vehicle.number, stop)
                for lane, stop in self._stops
                for vehicle in lane.vehicles
                if 0.0 <= stop.at - vehicle.front < ASKS_M and vehicle.number not in self._released
            )
            if len(self._released) < self._barrier.release
            else []
        )
        for _, number, stop in near[: self._barrier.release - len(self._released)]:
            self._released.add(number)
            stop.may_pass.add(number)
        waiting = any(
            vehicle.front <= stop.at and vehicle.number in self._released
            for lane, stop in self._stops
            for vehicle in lane.vehicles
        )
        if len(self._released) >= self._barrier.release and not waiting:
            self._until_s = now_s
