"""Maps our classes to those of other schemes, if ours are fine enough: a mapping joins classes and never splits one.

`unclassified` is the same in every scheme. If a scheme has no place for a class of a device, it is refused with an
error that names the class, because a guess would be a false count.
"""

from collections.abc import Mapping

import msgspec

from collector.queries.results import Flow
from edge.errors import InputError

OWN = "own"
"""The classes as the devices count them."""
UNCLASSIFIED = "unclassified"

SCHEMES: Mapping[str, Mapping[str, str]] = {
    # Technische Lieferbedingungen fuer Streckenstationen (BASt): cars and what is like them, trucks and the rest
    "tls-2+0": {
        "motorcycle": "like-car",
        "car": "like-car",
        "van": "like-car",
        "car-trailer": "like-truck",
        "bus": "like-truck",
        "truck": "like-truck",
        "rigid-truck": "like-truck",
        "truck-trailer": "like-truck",
        "articulated-truck": "like-truck",
    },
    # 5+1 tells trucks from their combinations, so a device that counts `truck` only cannot be mapped to it
    "tls-5+1": {
        "motorcycle": "car-group",
        "car": "car-group",
        "van": "car-group",
        "car-trailer": "car-trailer",
        "bus": "bus",
        "rigid-truck": "truck",
        "truck-trailer": "truck-combination",
        "articulated-truck": "truck-combination",
    },
    # Federal Highway Administration, 13 classes; 1 to 4 as they are, 5 to 13 (by axles) in one
    "fhwa-coarse": {
        "motorcycle": "1-motorcycle",
        "car": "2-passenger-car",
        "van": "3-two-axle-four-tire",
        "bus": "4-bus",
        "truck": "5-13-truck",
        "rigid-truck": "5-13-truck",
        "truck-trailer": "5-13-truck",
        "articulated-truck": "5-13-truck",
    },
    "telraam": {
        "person": "pedestrian",
        "bicycle": "two-wheeler",
        "motorcycle": "two-wheeler",
        "car": "car",
        "van": "car",
        "bus": "heavy",
        "truck": "heavy",
    },
}
"""Scheme -> class of ours -> class of the scheme."""
OUTSIDE: Mapping[str, frozenset[str]] = {
    "tls-2+0": frozenset({"bicycle", "person"}),
    "tls-5+1": frozenset({"bicycle", "person"}),
    "fhwa-coarse": frozenset({"bicycle", "person"}),
}
"""Classes of ours that a scheme does not count at all: they keep their own name beside it."""


def mapped(flow: Flow, scheme: str) -> Flow:
    """The flow in the classes of a scheme; InputError where there is none, or where it needs finer classes."""
    if scheme == OWN:
        return flow
    classes = SCHEMES.get(scheme)
    if classes is None:
        raise InputError(f"there is no class scheme {scheme!r}; there are {', '.join([OWN, *SCHEMES])}")
    joined: dict[str, list[tuple[int | None, ...]]] = {}
    for label, numbers in flow.counts.items():
        keeps = label == UNCLASSIFIED or label in OUTSIDE.get(scheme, ())
        if not keeps and label not in classes:
            raise InputError(
                f"{flow.site}/{flow.device} counts {label!r}, which {scheme} would need told apart finer, or does not"
                f" know; it takes {', '.join(classes)}"
            )
        joined.setdefault(label if keeps else classes[label], []).append(numbers)
    n = len(flow.watched_ms)
    # blind if any of the classes joined was: a part of a class is no count of it
    counts = {
        label: tuple(None if any(of[i] is None for of in parts) else sum(of[i] or 0 for of in parts) for i in range(n))
        for label, parts in sorted(joined.items())
    }
    return msgspec.structs.replace(flow, counts=counts)
