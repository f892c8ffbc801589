"""Who comes to the bridge, and when: everything random about the traffic is drawn here, from the scene's seed."""

from math import pi
from random import Random

from tests.scenes.bodies import KINDS
from tests.scenes.description import Convoy, Flow, Scene
from tests.scenes.driving import HABITS, Arrival

HEAVY = ("box-truck", "tipper", "tanker", "articulated", "coach")


def arrivals(scene: Scene, until_s: float) -> list[Arrival]:
    """All arrivals up to `until_s`, by time; those of one flow do not depend on what else is in the scene."""
    found: list[tuple[float, int, int, Arrival]] = []
    sources: tuple[Flow | Convoy, ...] = (*scene.traffic.flows, *scene.traffic.convoys)
    for number, source in enumerate(sources):
        random = Random(f"{scene.seed}/{number}")
        if isinstance(source, Flow):
            made = _flow(source, random, scene.bridge.lanes_each_way, until_s)
        else:
            made = _convoy(source, random, scene.bridge.lanes_each_way)
        found.extend((arrival.due_s, number, place, arrival) for place, arrival in enumerate(made))
    found.sort(key=lambda one: one[:3])
    return [arrival for *_, arrival in found]


def _flow(flow: Flow, random: Random, lanes: int, until_s: float) -> list[Arrival]:
    made = []
    now_s = flow.from_s
    while flow.vehicles_per_hour > 0.0:
        now_s += random.expovariate(flow.vehicles_per_hour / 3600.0)
        if now_s >= min(flow.to_s, until_s):
            break
        made.append(_arrival(flow, random, now_s, lanes, None))
    return made


def _convoy(convoy: Convoy, random: Random, lanes: int) -> list[Arrival]:
    assert convoy.lane < lanes, "the bridge has such a lane"
    return [_arrival(convoy, random, convoy.at_s, lanes, convoy.lane) for _ in range(convoy.vehicles)]


def _arrival(source: Flow | Convoy, random: Random, due_s: float, lanes: int, lane: int | None) -> Arrival:
    kinds = sorted(source.kinds)
    kind = random.choices(kinds, [source.kinds[kind] for kind in kinds])[0]
    habit, together = HABITS[kind], isinstance(source, Convoy)
    share = 1.0 if together else habit.speed_share
    speed = source.speed_kmh / 3.6 * share * max(0.8, min(1.2, random.gauss(1.0, 0.03 if together else 0.08)))
    outer = random.random() < 0.8  # heavy vehicles keep to the outer lane
    anywhere = random.randrange(lanes)
    chosen = lanes - 1 if kind in HEAVY and outer else anywhere
    return Arrival(
        due_s,
        source.way == "outbound",
        chosen if lane is None else lane,
        random.choice(KINDS[kind]),
        speed,
        (source.gap_m if isinstance(source, Convoy) else habit.gap_m) * random.uniform(0.85, 1.3),
        habit.headway_s * random.uniform(0.8, 1.3),
        random.uniform(0.4, 2.5),
        habit.start_s * random.uniform(0.6, 1.6),
        (random.uniform(0.03, 0.18), random.uniform(90.0, 240.0), random.uniform(0.0, 2.0 * pi)),
        random.getrandbits(31),
    )
