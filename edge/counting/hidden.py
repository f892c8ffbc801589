"""How many vehicles of a queue nearer ones hide: an estimate beside the count, with an interval.

The method, with the numbers of `HiddenParameters`:

1. Where a vehicle could stand unseen: the ground of the zone is divided into lanes along its longest side. Ground is
   free where a light or a heavy vehicle has room between the known ones, which are as long as their class usually is.
   It is hidden if nearer boxes cover more than `covered_min` of a vehicle that would stand there: behind a truck that
   is so for tens of metres, behind a car hardly anywhere.
2. How many stand there: hidden ground is taken to be as full as visible ground. Between the first and the last known
   vehicle of a lane the share of places that are taken is `known / (known + free)`, of a beta distribution; where only
   light vehicles have room, given their share of all vehicles seen so far. Beyond the known ones of a lane the queue
   ends at any of the hidden places with equal probability.
3. Those that entered less those that left less those that are known are hidden, too. That balance is exact at first and
   drifts with every vehicle that is miscounted, so it starts anew from the ground whenever the ground has the smaller
   variance. Both are weighted by their variances. On stills no vehicle is followed, and the ground alone decides.

The interval holds with 80% probability; `python -m tests.scenes.hidden` measures that. Unknown (None) without a ground
plane.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, hypot, sqrt

from edge.counting.expected_wait import NORMAL_90
from edge.counting.ground_plane import Plane, Point
from edge.counting.motion import Box
from edge.counting.parameters import DEFAULT, CountingParameters, HiddenParameters
from edge.counting.zone import Zone

HEAVY = frozenset({"truck", "bus"})


@dataclass(frozen=True, slots=True)
class HiddenLikely:
    """Estimated number of hidden vehicles: the mean, and an interval that holds with 80% probability."""

    mean: float
    p10: int
    p90: int


@dataclass(frozen=True, slots=True)
class Known:
    """A vehicle that counts: its box, its ground point in the picture, and its class."""

    box: Box
    point: Point
    label: str


@dataclass(frozen=True, slots=True)
class _Guess:
    mean: float
    variance: float
    most: int


class HiddenVehicles:
    """The estimate for one zone over time."""

    def __init__(self, zone: Zone, parameters: CountingParameters = DEFAULT) -> None:
        self._zone = zone
        self._parameters = parameters
        self._balance: _Guess | None = None  # None: it is not known who was inside when watching began
        self._inside = 0
        self._mix = [1.0, 1.0]  # light and heavy ones seen

    def note_unwatched(self) -> None:
        """The time until now was not watched: who entered and left meanwhile is not known."""
        self._balance = None

    def follow(self, inside: int, entered: int, left: int) -> None:
        """Take in a frame: how many are known inside, and how many entered and left since the frame before."""
        before, self._inside = self._inside, inside
        if self._balance is None:
            return
        unseen = entered - left - (inside - before)
        events = entered + left + abs(unseen)
        if events:
            one = self._balance
            variance = one.variance + self._parameters.hidden.event_variance * events
            self._balance = _Guess(max(one.mean + unseen, 0.0), variance, one.most)

    def estimate(self, plane: Plane | None, known: Sequence[Known], hiders: Sequence[Box]) -> HiddenLikely | None:
        """The estimate now. `known` are the vehicles inside; `hiders` all boxes, in the zone and beside it."""
        for one in known:
            self._mix[one.label in HEAVY] += 1.0
        if sum(self._mix) > self._parameters.hidden.mix_max:
            self._mix = [number / 2 for number in self._mix]
        shares = [number / sum(self._mix) for number in self._mix]
        guess = (
            None if plane is None else _by_ground(self._zone, plane, known, hiders, shares, parameters=self._parameters)
        )
        if guess is None:
            return None
        balance = self._balance
        if balance is None or guess.variance <= balance.variance:
            self._balance = guess
        else:
            weight = guess.variance / (guess.variance + balance.variance)
            mean = min(guess.mean + weight * (balance.mean - guess.mean), float(guess.most))
            guess = _Guess(mean, guess.variance * (1.0 - weight), guess.most)
        reach = NORMAL_90 * sqrt(guess.variance)
        return HiddenLikely(
            round(guess.mean, 1), max(floor(guess.mean - reach), 0), min(ceil(guess.mean + reach), guess.most)
        )


def _by_ground(
    zone: Zone,
    plane: Plane,
    known: Sequence[Known],
    hiders: Sequence[Box],
    shares: Sequence[float],
    *,
    parameters: CountingParameters,
) -> _Guess | None:
    """From the free places that are not visible; None where the zone is not on that ground plane."""
    p, ground = parameters.hidden, parameters.ground
    lanes = _lanes_of(zone, plane, p)
    if lanes is None:
        return None
    lengths = [ground.length_of(one.label) for one in known]
    kinds = (ground.length_of("car"), p.light_side_m), (ground.length_of("truck"), p.heavy_side_m)
    slot_m = p.gap_m + sum(share * length_m for share, (length_m, _) in zip(shares, kinds, strict=True))
    taken: list[list[tuple[float, float]]] = [[] for _ in range(lanes.number)]
    for one, its_m in zip(known, lengths, strict=True):
        place = plane.metres(one.point)
        if place is not None:
            lane, begin_m = lanes.find(place, its_m)
            taken[lane].append((begin_m, begin_m + its_m))
    places, sight = _Places(slot_m, p.prior), _Sight(zone, plane, lanes, hiders, p)
    for lane, spans in enumerate(taken):
        light, heavy = (sight.free_spans(lane, spans, kind) for kind in kinds)
        places.add_lane(light, heavy, spans, shares)
    return places.guess(len(known))


@dataclass(frozen=True, slots=True)
class _Span:
    """Free ground of a lane with room for a vehicle of some kind, in metres, either hidden or visible all along."""

    begin_m: float
    end_m: float
    hidden: bool


@dataclass(frozen=True, slots=True)
class _Place:
    """A hidden span: room for so many vehicles, and what share of all vehicles could stand there, by their length."""

    room: float
    share: float


class _Places:
    """Places for further vehicles in the lanes of a zone, each vehicle of the usual length and gap `slot_m`."""

    def __init__(self, slot_m: float, prior: float) -> None:
        self._slot_m = slot_m
        self._prior = prior
        self._between: list[_Place] = []  # two known vehicles of a lane
        self._beyond: list[_Place] = []  # the first or the last one
        self._seen = self._seen_beyond = 0.0  # vehicles for which there is visible room

    def add_lane(
        self,
        light: Sequence[_Span],
        heavy: Sequence[_Span],
        taken: Sequence[tuple[float, float]],
        shares: Sequence[float],
    ) -> None:
        """Add a lane: the free spans as light and heavy vehicles find them, and those on which known vehicles are."""
        first = min((begin for begin, _ in taken), default=0.0)
        last = max((end for _, end in taken), default=0.0)
        for span in light:
            fits = any(
                other.begin_m < span.end_m and span.begin_m < other.end_m
                for other in heavy
                if other.hidden or not span.hidden
            )
            place = _Place(max(1.0, (span.end_m - span.begin_m) / self._slot_m), shares[0] + shares[1] * fits)
            inner = first < span.begin_m < last
            if span.hidden:
                (self._between if inner else self._beyond).append(place)
            elif inner:
                self._seen += place.room * place.share
            else:
                self._seen_beyond += place.room * place.share

    def guess(self, known: int) -> _Guess:
        """How many stand on hidden ground."""
        among = known + 2 * self._prior + self._seen
        full = (known + self._prior) / among
        mean = variance = 0.0
        for place in self._between:
            taken = _given_that_it_fits(full, place.share)
            mean += taken * place.room
            variance += taken * (1.0 - taken) * place.room * (1.0 + place.room / (among + 1.0))
        full = (known + self._prior) / (among + self._seen_beyond)
        for place in self._beyond:
            taken = _given_that_it_fits(full, place.share)
            mean += taken * place.room / 2
            variance += taken * place.room * place.room * (1 / 3 - taken / 4)
        return _Guess(mean, variance, ceil(sum(place.room for place in (*self._between, *self._beyond))))


def _given_that_it_fits(full: float, share: float) -> float:
    """The probability that a place is taken where only that share of all vehicles has room; `full`, where all have."""
    return full * share / (full * share + 1.0 - full)


@dataclass(frozen=True, slots=True)
class _Lanes:
    """The lanes of a zone on the ground: from `start_m` to `end_m` along `axis`, which leads away from the camera."""

    axis: Point
    start_m: float
    end_m: float
    side_m: float  # of the first lane's middle
    number: int
    away: float  # how much along the axis the camera looks: 1 along it, 0 across
    lane_m: float

    def find(self, place: Point, length_m: float) -> tuple[int, float]:
        """The lane of a vehicle whose ground point is there, and where it begins: the camera shows its near end."""
        along = self.axis[0] * place[0] + self.axis[1] * place[1]
        across = self.axis[0] * place[1] - self.axis[1] * place[0]
        lane = min(max(round((across - self.side_m) / self.lane_m), 0), self.number - 1)
        return lane, along - (1.0 - self.away) * length_m / 2

    def place(self, lane: int, along_m: float) -> Point:
        """The middle of a lane there."""
        across = self.side_m + lane * self.lane_m
        return (
            self.axis[0] * along_m - self.axis[1] * across,
            self.axis[1] * along_m + self.axis[0] * across,
        )


def _lanes_of(zone: Zone, plane: Plane, p: HiddenParameters) -> _Lanes | None:
    corners = []
    for corner in zone.polygon:
        place = plane.metres(corner)
        if place is None:
            return None
        corners.append(place)
    sides = [(q[0] - p[0], q[1] - p[1]) for p, q in zip(corners, (*corners[1:], corners[0]), strict=True)]
    x, y = max(sides, key=lambda side: hypot(*side))
    if hypot(x, y) == 0.0:
        return None
    axis = x / hypot(x, y), y / hypot(x, y)
    middle = sum(q[0] for q in zone.polygon) / len(corners), sum(q[1] for q in zone.polygon) / len(corners)
    here, farther = plane.metres(middle), plane.metres((middle[0], middle[1] - 1.0))
    if here is None or farther is None:
        return None
    look = farther[0] - here[0], farther[1] - here[1]
    away = (axis[0] * look[0] + axis[1] * look[1]) / max(hypot(*look), 1e-9)
    if away < 0.0:
        axis, away = (-axis[0], -axis[1]), -away
    along = [axis[0] * u + axis[1] * v for u, v in corners]
    across = [axis[0] * v - axis[1] * u for u, v in corners]
    width = max(across) - min(across)
    number = min(max(round(width / p.lane_m), 1), p.lanes_max)
    side_m = (min(across) + max(across) - (number - 1) * p.lane_m) / 2
    end_m = min(max(along), min(along) + p.steps_max * p.step_m)
    return _Lanes(axis, min(along), end_m, side_m, number, away, p.lane_m)


@dataclass(frozen=True, slots=True)
class _Sight:
    """What the camera sees of the lanes between the boxes."""

    zone: Zone
    plane: Plane
    lanes: _Lanes
    hiders: Sequence[Box]
    parameters: HiddenParameters

    def free_spans(self, lane: int, taken: Sequence[tuple[float, float]], kind: tuple[float, float]) -> list[_Span]:
        """Where in a lane another vehicle of that kind has room, each span hidden or visible from end to end."""
        p, (length_m, side_m) = self.parameters, kind
        found: list[_Span] = []
        begin_m, was_hidden, at_m = None, False, self.lanes.start_m
        while True:
            point = self.plane.pixel(self.lanes.place(lane, at_m + (1.0 - self.lanes.away) * length_m / 2))
            is_free = (
                at_m < self.lanes.end_m
                and point is not None
                and self.zone.holds(point)
                and not any(at_m - p.gap_m / 2 < end and begin < at_m + length_m + p.gap_m / 2 for begin, end in taken)
            )
            is_hidden = is_free and point is not None and self._is_hidden(point, side_m)
            if begin_m is not None and (not is_free or is_hidden != was_hidden):
                found.append(_Span(begin_m, at_m - p.step_m + length_m + p.gap_m, was_hidden))
                begin_m = None
            if is_free and begin_m is None:
                begin_m, was_hidden = at_m, is_hidden
            if at_m >= self.lanes.end_m:
                return found
            at_m += p.step_m

    def _is_hidden(self, point: Point, side_m: float) -> bool:
        """Whether nearer boxes cover a vehicle that stands there."""
        x, y = point
        here, beside = self.plane.metres(point), self.plane.metres((x + 1.0, y))
        if here is None or beside is None:
            return False
        side = side_m / max(hypot(beside[0] - here[0], beside[1] - here[1]), 1e-9)
        x1, y1 = x - side / 2, y - side
        nearer = [one for one in self.hiders if one[3] > y > one[1] and one[0] < x + side / 2 and one[2] > x1]
        covered = sum(
            any(u1 <= x1 + right * side <= u2 and v1 <= y1 + down * side <= v2 for u1, v1, u2, v2 in nearer)
            for right, down in self.parameters.samples
        )
        return covered > self.parameters.covered_min * len(self.parameters.samples)
