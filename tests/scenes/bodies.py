"""The vehicles of the scenes: kinds, variants and their sizes, as cuboids in metres.

A body's own coordinates: x forward from its middle, y to the left, z up from the road. The renderer builds its meshes
inside these cuboids, and the simulation projects them, so that both agree about where a vehicle is. Sizes are those
of usual makes: lengths and heights within the limits of EU Directive 96/53/EC (12 m rigid, 16.5 m articulated, 2.55 m
wide, 4 m high).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cuboid:
    """A part of a body, `x1..x2` along it, `width` across (centred), `z1..z2` above the road, all in metres."""

    x1: float
    x2: float
    width: float
    z1: float
    z2: float


@dataclass(frozen=True, slots=True)
class Body:
    """One variant of one kind of vehicle; `label` is its class as the product names it.

    A `trailer` follows on a hitch that lies `hitch_m` ahead of the body's middle (negative: behind) and
    `kingpin_m` ahead of the trailer's middle. `length` is that of the whole vehicle when it stands straight.
    """

    variant: str
    kind: str
    label: str
    cuboids: tuple[Cuboid, ...]
    trailer: "Body | None" = None
    hitch_m: float = 0.0
    kingpin_m: float = 0.0

    @property
    def front_m(self) -> float:
        """From the body's middle to its front end."""
        return max(cuboid.x2 for cuboid in self.cuboids)

    @property
    def rear_m(self) -> float:
        """From the body's middle back to the rear end of the whole vehicle, standing straight; positive."""
        own = -min(cuboid.x1 for cuboid in self.cuboids)
        if self.trailer is None:
            return own
        return max(own, self.trailer.rear_m + self.kingpin_m - self.hitch_m)

    @property
    def length(self) -> float:
        """Bumper to bumper, m."""
        return self.front_m + self.rear_m

    @property
    def width(self) -> float:
        """At the widest, m."""
        return max(cuboid.width for cuboid in self.cuboids)

    @property
    def height(self) -> float:
        """At the highest, m, the trailer included."""
        own = max(cuboid.z2 for cuboid in self.cuboids)
        return own if self.trailer is None else max(own, self.trailer.height)


def _car(variant: str, length: float, width: float, height: float, cabin: tuple[float, float]) -> Body:
    """A hull up to the waist line and a narrower cabin from `cabin[0]` to `cabin[1]` on it."""
    half, waist = length / 2, 0.62 * height
    return Body(
        variant,
        "car",
        "car",
        (Cuboid(-half, half, width, 0.0, waist), Cuboid(cabin[0], cabin[1], 0.84 * width, waist, height)),
    )


def _box(  # noqa: PLR0917  # a table's row reads better without names
    variant: str, kind: str, label: str, length: float, width: float, height: float
) -> Body:
    return Body(variant, kind, label, (Cuboid(-length / 2, length / 2, width, 0.0, height),))


def _truck(  # noqa: PLR0917  # a table's row reads better without names
    variant: str, kind: str, length: float, cab: tuple[float, float], load: tuple[float, float], width: float = 2.5
) -> Body:
    """A rigid truck: `cab` is (length, height), `load` (lower edge, upper edge) of what it carries behind the cab."""
    half, behind_cab = length / 2, length / 2 - cab[0]
    return Body(
        variant,
        kind,
        "truck",
        (
            Cuboid(behind_cab, half, width, 0.0, cab[1]),
            Cuboid(-half, behind_cab, width, 0.0, load[0]),
            Cuboid(-half, behind_cab - 0.2, width, load[0], load[1]),
        ),
    )


def _articulated(variant: str, trailer_length: float, load: tuple[float, float]) -> Body:
    """A tractor of 6 m and a semi-trailer; the load's lower and upper edge in metres."""
    half = trailer_length / 2
    trailer = Body(
        f"{variant}-trailer",
        "articulated",
        "truck",
        (Cuboid(-half, half - 4.2, 2.5, 0.0, load[0]), Cuboid(-half, half, 2.55, load[0], load[1])),
    )
    return Body(
        f"{variant}-tractor",
        "articulated",
        "truck",
        (Cuboid(0.75, 3.0, 2.5, 0.0, 3.7), Cuboid(-3.0, 0.75, 2.5, 0.0, 1.15)),
        trailer=trailer,
        hitch_m=-1.6,
        kingpin_m=half - 1.5,
    )


BODIES: tuple[Body, ...] = (
    _car("saloon", 4.6, 1.82, 1.45, (-1.75, 0.85)),
    _car("hatchback", 4.05, 1.75, 1.5, (-1.9, 0.75)),
    _car("estate", 4.75, 1.83, 1.48, (-2.2, 0.8)),
    _car("suv", 4.65, 1.9, 1.72, (-2.15, 0.75)),
    _car("pickup", 5.3, 1.9, 1.8, (-0.7, 1.05)),
    _box("small-van", "van", "van", 4.5, 1.83, 1.85),
    _box("panel-van", "van", "van", 5.6, 2.03, 2.45),
    _box("long-van", "van", "van", 6.3, 2.05, 2.7),
    _truck("light-box", "box-truck", 6.6, (1.7, 2.35), (0.85, 3.1), 2.25),
    _truck("box", "box-truck", 8.7, (1.95, 3.0), (1.05, 3.65)),
    _truck("long-box", "box-truck", 10.6, (2.2, 3.4), (1.05, 3.95), 2.55),
    _truck("flatbed", "box-truck", 8.9, (1.95, 2.95), (1.05, 1.75)),
    _truck("tarpaulin", "box-truck", 9.3, (2.0, 3.0), (1.05, 3.5)),
    _truck("tipper", "tipper", 8.4, (2.0, 3.1), (1.1, 2.95)),
    _truck("short-tipper", "tipper", 6.9, (1.8, 2.8), (1.0, 2.5), 2.4),
    _truck("tanker", "tanker", 9.4, (2.0, 3.05), (1.05, 3.15)),
    _truck("short-tanker", "tanker", 7.6, (1.9, 2.9), (1.0, 2.9)),
    _articulated("container", 12.4, (1.3, 3.95)),
    _articulated("curtain", 13.6, (1.15, 4.0)),
    _articulated("flat", 13.2, (1.15, 2.3)),
    _box("minibus", "minibus", "bus", 7.0, 2.15, 2.85),
    _box("coach", "coach", "bus", 12.0, 2.55, 3.6),
    _box("city-bus", "coach", "bus", 10.6, 2.5, 3.1),
    Body(
        "motorcycle",
        "motorcycle",
        "motorcycle",
        (Cuboid(-1.05, 1.05, 0.5, 0.0, 1.0), Cuboid(-0.55, 0.25, 0.75, 0.6, 1.65)),
    ),
)
"""Every variant, in a fixed order: a scene is the same on every machine."""

KINDS: dict[str, tuple[Body, ...]] = {
    kind: tuple(body for body in BODIES if body.kind == kind) for kind in dict.fromkeys(body.kind for body in BODIES)
}
"""kind -> its variants."""


def _bonneted(  # noqa: PLR0917  # a table's row reads better without names
    variant: str,
    kind: str,
    length: float,
    cab: tuple[float, float],
    load: tuple[float, float] | None,
    trailer: Body | None,
) -> Body:
    """A truck with a bonnet of 2.1 m: `cab` is (length, height), `load` (lower edge, upper edge)."""
    front, wide = length / 2, 2.4
    back = front - 2.1 - cab[0]
    cuboids = [
        Cuboid(front - 2.1, front, wide, 0.0, 1.9),
        Cuboid(back, front - 2.1, wide, 0.0, cab[1]),
        Cuboid(-front, back, wide, 0.0, 1.1),
    ]
    if load is not None:
        cuboids.append(Cuboid(-front, back - 0.25, 2.5, *load))
    hitch = -front + 1.4
    kingpin = 0.0 if trailer is None else trailer.length / 2 - 1.0
    return Body(variant, kind, "truck", tuple(cuboids), trailer, hitch, kingpin)


def _semi_trailer(variant: str, length: float, load: tuple[float, float]) -> Body:
    half = length / 2
    under = Cuboid(-half, half - 4.2, 2.5, 0.0, load[0])
    return Body(variant, "bonneted", "truck", (under, Cuboid(-half, half, 2.6, *load)))


def _on_van(  # noqa: PLR0917  # a table's row reads better without names
    variant: str, kind: str, label: str, length: float, height: float, floor: float
) -> Body:
    """A wide body behind a van's cab and bonnet."""
    front = length / 2
    return Body(
        variant,
        kind,
        label,
        (
            Cuboid(-front, front - 2.0, 2.35, floor, height),
            Cuboid(front - 2.3, front - 0.85, 2.0, 0.0, 2.15),
            Cuboid(front - 1.2, front, 1.95, 0.0, 1.3),
        ),
    )


_SLEEPER, _DAY = (3.3, 3.7), (1.7, 2.9)
_VAN53, _VAN28 = _semi_trailer("dry-van", 16.1, (1.2, 4.1)), _semi_trailer("short-dry-van", 8.7, (1.2, 4.05))

AMERICAN: tuple[Body, ...] = (
    Body("school", "school-bus", "bus", (Cuboid(-5.6, 4.2, 2.45, 0.0, 3.15), Cuboid(4.2, 5.6, 2.2, 0.0, 1.75))),
    Body("short-school", "school-bus", "bus", (Cuboid(-3.9, 2.4, 2.4, 0.0, 3.0), Cuboid(2.4, 3.9, 2.1, 0.0, 1.6))),
    _box("flat-school", "school-bus", "bus", 11.6, 2.45, 3.15),
    _box("transit", "transit-bus", "bus", 12.2, 2.6, 3.3),
    _box("short-transit", "transit-bus", "bus", 9.2, 2.55, 3.2),
    Body(
        "bendy",
        "bendy-bus",
        "bus",
        (Cuboid(-5.3, 5.3, 2.6, 0.0, 3.3),),
        Body("bendy-rear", "bendy-bus", "bus", (Cuboid(-3.8, 4.2, 2.55, 0.0, 3.3),)),
        hitch_m=-5.2,
        kingpin_m=3.9,
    ),
    _box("double-decker", "double-decker", "bus", 10.9, 2.55, 4.35),
    _on_van("shuttle", "shuttle", "bus", 7.6, 2.95, 0.4),
    _bonneted("sleeper", "bonneted", 8.2, _SLEEPER, None, _VAN53),
    _bonneted("day-cab", "bonneted", 6.6, _DAY, None, _VAN53),
    _bonneted("day-cab-short", "bonneted", 6.6, _DAY, None, _VAN28),
    _bonneted("sleeper-flat", "bonneted", 8.2, _SLEEPER, None, _semi_trailer("flat-deck", 14.6, (1.2, 2.6))),
    _bonneted("sleeper-tank", "bonneted", 7.8, _SLEEPER, None, _semi_trailer("tank", 12.8, (1.1, 3.3))),
    _bonneted("day-cab-dump", "bonneted", 6.6, _DAY, None, _semi_trailer("dump", 9.8, (1.2, 3.1))),
    _bonneted("bonnet-box", "bonnet-rigid", 9.6, (1.7, 2.7), (1.05, 3.7), None),
    _bonneted("bonnet-tank", "bonnet-rigid", 9.0, (1.7, 2.7), (1.05, 3.0), None),
    _bonneted("stake-bed", "bonnet-rigid", 8.6, (1.7, 2.6), (1.05, 2.4), None),
    _bonneted("mixer", "bonnet-rigid", 9.2, (1.7, 2.8), (1.1, 3.8), None),
    _bonneted("dump", "dump", 8.4, (1.7, 2.8), (1.1, 2.9), None),
    _on_van("cube", "cube", "truck", 7.4, 3.3, 0.75),
    _box("high-roof-van", "step-van", "van", 5.9, 2.05, 2.75),
)
"""Bodies of North American roads, for training stills alone: no scene of a clip or tape has them."""

AMERICAN_KINDS: dict[str, tuple[Body, ...]] = {
    kind: tuple(body for body in AMERICAN if body.kind == kind)
    for kind in dict.fromkeys(body.kind for body in AMERICAN)
}
