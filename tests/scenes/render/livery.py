"""How one vehicle is painted and fitted: everything follows from its number.

Liveries of the training stills have even numbers, those of the clips odd ones: no paint of a clip is ever learned.
"""

from dataclasses import dataclass
from random import Random

from tests.scenes.render.shape import Colour

CAR_PAINTS: tuple[Colour, ...] = (
    (0.78, 0.78, 0.77),
    (0.78, 0.78, 0.77),
    (0.42, 0.43, 0.45),
    (0.16, 0.17, 0.18),
    (0.016, 0.016, 0.018),
    (0.03, 0.03, 0.034),
    (0.33, 0.02, 0.02),
    (0.02, 0.06, 0.22),
    (0.05, 0.13, 0.27),
    (0.22, 0.2, 0.15),
    (0.05, 0.09, 0.05),
    (0.25, 0.12, 0.05),
)
CAB_PAINTS: tuple[Colour, ...] = (
    (0.75, 0.75, 0.73),
    (0.75, 0.75, 0.73),
    (0.03, 0.09, 0.34),
    (0.05, 0.2, 0.45),
    (0.42, 0.02, 0.02),
    (0.3, 0.03, 0.02),
    (0.03, 0.16, 0.08),
    (0.55, 0.2, 0.02),
    (0.62, 0.4, 0.05),
    (0.3, 0.31, 0.32),
    (0.05, 0.05, 0.06),
    (0.2, 0.3, 0.3),
)
LOAD_PAINTS: tuple[Colour, ...] = (
    (0.72, 0.72, 0.7),
    (0.72, 0.72, 0.7),
    (0.5, 0.5, 0.48),
    (0.06, 0.12, 0.33),
    (0.33, 0.06, 0.03),
    (0.03, 0.17, 0.12),
    (0.5, 0.25, 0.04),
    (0.2, 0.2, 0.2),
    (0.15, 0.06, 0.04),
    (0.1, 0.22, 0.35),
)
CLOTHS: tuple[Colour, ...] = (
    (0.04, 0.12, 0.07),
    (0.03, 0.1, 0.25),
    (0.16, 0.17, 0.13),
    (0.25, 0.24, 0.2),
    (0.35, 0.06, 0.03),
    (0.3, 0.32, 0.33),
    (0.5, 0.26, 0.05),
    (0.6, 0.6, 0.57),
)
BUS_PAINTS: tuple[Colour, ...] = (
    (0.76, 0.76, 0.74),
    (0.76, 0.76, 0.74),
    (0.7, 0.62, 0.4),
    (0.05, 0.16, 0.4),
    (0.5, 0.04, 0.03),
    (0.05, 0.3, 0.22),
    (0.6, 0.35, 0.03),
    (0.4, 0.42, 0.43),
)
PLATES: tuple[Colour, ...] = (
    (0.75, 0.75, 0.72),
    (0.75, 0.55, 0.03),
    (0.02, 0.07, 0.4),
    (0.03, 0.25, 0.1),
    (0.75, 0.75, 0.72),
)
EARTHS: tuple[Colour, ...] = ((0.16, 0.1, 0.06), (0.27, 0.24, 0.19), (0.05, 0.05, 0.05), (0.4, 0.33, 0.22))


@dataclass(frozen=True, slots=True)
class Livery:
    """Colours, and `chance` for the choices of fittings (drawn in the order in which the vehicle is built)."""

    car: Colour
    cab: Colour
    load: Colour
    cloth: Colour
    bus: Colour
    second: Colour
    plate: Colour
    earth: Colour
    hub: Colour
    dirt: float
    chance: Random


def livery_of(number: int) -> Livery:
    """The livery with this number."""
    chance = Random(f"livery {number}")

    def paint(colours: tuple[Colour, ...]) -> Colour:
        shade = chance.uniform(0.8, 1.15)
        r, g, b = (min(0.9, part * shade * chance.uniform(0.9, 1.1)) for part in chance.choice(colours))
        return r, g, b

    return Livery(
        car=paint(CAR_PAINTS),
        cab=paint(CAB_PAINTS),
        load=paint(LOAD_PAINTS),
        cloth=paint(CLOTHS),
        bus=paint(BUS_PAINTS),
        second=paint(BUS_PAINTS[3:] + CAB_PAINTS[2:8]),
        plate=chance.choice(PLATES),
        earth=paint(EARTHS),
        hub=chance.choice(((0.5, 0.5, 0.52), (0.2, 0.2, 0.2), (0.35, 0.05, 0.04), (0.65, 0.65, 0.65))),
        dirt=chance.choice((0.1, 0.25, 0.45, 0.7, 0.95)),
        chance=chance,
    )
