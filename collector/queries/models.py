"""Which model classified the vehicles of which run, so that a new model is not taken for a change of the traffic.

1. `info` of a device names its run, its version, its models (the detector, and the second look), and the SHA-256 of
   its configuration. A difference from the last one is a *change*, which begins with the first report of that run.
   Runs in between belong to the change before them. Replays are of any time: their `info` is no change.
2. Comparisons over time (usual counts, trends, first vehicles) do not extend across a change of a model: the time of
   the former model counts as not watched. Changes of version or configuration are only stored and shown.
3. If both models classified the same crossings (`crossing-edge compare-models`), `take_factors` stores the factor of
   each class, and counts of the former model are scaled by it, to whole vehicles.
4. Of a device CHANGES_MAX changes are stored; beyond that the oldest are deleted, and their runs belong to the next.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec

from collector.domain.scope import Scope
from collector.queries.results import Axis, Flow, Numbers
from collector.store.interface import CHOSEN, Reading, Store
from collector.store.model_history import COLUMNS
from edge.errors import InputError

FACTORS_BYTES_MAX = 1_000_000
NAMED_OTHERWISE = "another model named the vehicles then, and no factor between the two was measured"


class ModelChange(msgspec.Struct, frozen=True, kw_only=True):
    """A device counts with another version, model or configuration from `at_ms` on, the first report of `run`.

    Before that report arrives, `at_ms` is when the `info` arrived.
    """

    site: str
    device: str
    at_ms: int
    run: str
    version: str
    model: str
    naming: str
    """The model of the second look; empty: none."""
    configuration: str
    """The SHA-256 of the configuration file."""
    names_anew: bool
    """Another model classifies; false for the first entry of a device."""
    before: str
    """The models before, see `name`; empty: not known."""

    @property
    def name(self) -> str:
        """The models that classify, as one text."""
        return name_of(self.model, self.naming)


class Factor(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    """Vehicles of a class by the second model per vehicle by the first, with a 95% interval; null: too few vehicles."""

    factor: Annotated[float, msgspec.Meta(ge=0, le=1_000)] | None = None
    low: Annotated[float, msgspec.Meta(ge=0)] | None = None
    high: Annotated[float, msgspec.Meta(ge=0)] | None = None


class FactorFile(msgspec.Struct, frozen=True, rename={"before": "from", "after": "to"}):
    """The part of the output of `crossing-edge compare-models --json` that is read here."""

    before: str
    after: str
    classes: dict[str, Factor]


def name_of(model: str, naming: str) -> str:
    """The models that classify, as one text for people and as the key of factors."""
    return f"{model} + {naming}" if naming else model


def changes(reading: Reading, scope: Scope) -> list[ModelChange]:
    """The changes of every device in the scope, by time; the first one of each is what it began with."""
    rows = reading.rows(
        f"SELECT site, device, model_change.run, since_ms, {COLUMNS}, (SELECT start_ms FROM run"
        f" JOIN {reading.keys} AS known ON known.run_id = run.id"
        " WHERE run.device_id = device.id AND run.name = model_change.run ORDER BY known.seq LIMIT 1)"
        f" FROM model_change JOIN device ON device.id = model_change.device_id WHERE {CHOSEN}"
        " ORDER BY site, device, model_change.id",
        {"site": scope.site, "device": scope.device},
    )
    found: list[ModelChange] = []
    for site, device, run, since_ms, version, model, naming, configuration, first_ms in rows:
        last = found[-1] if found and (found[-1].site, found[-1].device) == (site, device) else None
        found.append(
            ModelChange(
                site=site,
                device=device,
                at_ms=since_ms if first_ms is None else first_ms,
                run=run,
                version=version,
                model=model,
                naming=naming,
                configuration=configuration,
                names_anew=last is not None and last.name != name_of(model, naming),
                before="" if last is None else last.name,
            )
        )
    return found


def names_changed(reading: Reading, scope: Scope, then: Axis, now: Axis) -> bool:
    """Whether a model of any device changed between the beginning of one axis and the end of the other."""
    return any(one.names_anew and then.edges_ms[0] < one.at_ms < now.edges_ms[-1] for one in changes(reading, scope))


class ModelTimeline:
    """Which models classified when, for the devices in a scope."""

    def __init__(self, reading: Reading, scope: Scope) -> None:
        self._changes: dict[tuple[str, str], list[ModelChange]] = {}
        for one in changes(reading, Scope(site=scope.site, device=scope.device)):
            self._changes.setdefault((one.site, one.device), []).append(one)

    def by(self, site: str, device: str, from_ms: int, to_ms: int) -> str:
        """The models in a span, by time; without a device those of all devices of the site. Empty if none is known."""
        found: dict[str, None] = {}
        for (of_site, of_device), known in self._changes.items():
            if of_site == site and device in ("", of_device):
                ends = [*(one.at_ms for one in known[1:]), None]
                for one, end_ms in zip(known, ends, strict=True):
                    if one.at_ms < to_ms and (end_ms is None or end_ms > from_ms):
                        found[one.name] = None
        return " | ".join(found)


def adjusted_for_models(
    reading: Reading, scope: Scope, flows: Sequence[Flow], axis: Axis, named_as: Axis | int
) -> list[Flow]:
    """The flows scaled to the models that classify at the time `named_as`, or in the same interval of that axis.

    Where no factor is known, the interval counts as not watched.
    """
    anew = [one for one in changes(reading, scope) if one.names_anew]
    if not anew:
        return list(flows)
    factors = _factors(reading, scope)
    by_device: dict[tuple[str, str], list[ModelChange]] = {}
    for one in anew:
        by_device.setdefault((one.site, one.device), []).append(one)
    found = []
    for flow in flows:
        who = (flow.site, flow.device)
        found.append(_alike(flow, by_device.get(who, ()), factors.get(who, {}), axis, named_as))
    return found


def unmeasured_ms(reading: Reading, site: str, devices: Iterable[str], label: str) -> int | None:
    """When one of these devices last changed to a model without a known factor for the class; None: never."""
    factors, wanted = _factors(reading, Scope(site=site)), set(devices)
    return max(
        (
            one.at_ms
            for one in changes(reading, Scope(site=site))
            if one.names_anew
            and one.device in wanted
            and label not in factors.get((site, one.device), {}).get((one.before, one.name), {})
        ),
        default=None,
    )


def take_factors(store: Store, device_ids: Sequence[int], path: Path) -> tuple[FactorFile, int]:
    """Store the factors of a file for these devices; returns its content and how many classes have a factor.

    InputError for a file that cannot be read or is not valid.
    """
    try:
        text = path.read_bytes()
        if len(text) > FACTORS_BYTES_MAX:
            raise InputError(f"{path} has {len(text)} bytes; at most {FACTORS_BYTES_MAX} are taken")
        given = msgspec.json.decode(text, type=FactorFile)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise InputError(f"{path} is not what `crossing-edge compare-models --json` prints: {error}") from error
    if given.before == given.after:
        raise InputError(f"{path} compares {given.before} with itself")
    known = {label: one for label, one in given.classes.items() if None not in (one.factor, one.low, one.high)}
    with store.writing() as tables:
        for device_id in device_ids:
            where = (device_id, given.before, given.after)
            tables.many("DELETE FROM model_factor WHERE device_id = ? AND from_name = ? AND to_name = ?", [where])
            tables.many(
                "INSERT INTO model_factor (device_id, from_name, to_name, class, factor, low, high)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(*where, label, one.factor, one.low, one.high) for label, one in known.items()],
            )
    return given, len(known)


FactorRow = tuple[str, str, str, str, str, float, float, float]
"""Site, device, model from, model to, class, factor, and the ends of its 95% interval."""


def factors_of(reading: Reading, scope: Scope) -> list[FactorRow]:
    """All factors that are stored for the devices of the scope."""
    rows = reading.rows(
        "SELECT site, device, from_name, to_name, class, factor, low, high FROM model_factor"
        f" JOIN device ON device.id = device_id WHERE {CHOSEN} ORDER BY site, device, from_name, to_name, class",
        {"site": scope.site, "device": scope.device},
    )
    return [(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7]) for row in rows]


_OfDevice = Mapping[tuple[str, str], Mapping[str, float]]


def _factors(reading: Reading, scope: Scope) -> dict[tuple[str, str], dict[tuple[str, str], dict[str, float]]]:
    found: dict[tuple[str, str], dict[tuple[str, str], dict[str, float]]] = {}
    for site, device, before, after, label, factor, _, _ in factors_of(reading, scope):
        found.setdefault((site, device), {}).setdefault((before, after), {})[label] = factor
    return found


def _alike(flow: Flow, anew: Sequence[ModelChange], factors: _OfDevice, axis: Axis, named_as: Axis | int) -> Flow:
    if not anew:
        return flow
    columns: dict[str, list[int | None]] = {label: list(numbers) for label, numbers in flow.counts.items()}
    watched = list(flow.watched_ms)
    for i in range(len(axis)):
        until_ms = named_as if isinstance(named_as, int) else named_as.edges_ms[i + 1]
        between = [one for one in anew if axis.edges_ms[i] < one.at_ms < until_ms]
        if not between:
            continue
        measured = [factors.get((one.before, one.name)) for one in between]
        if any(of is None for of in measured):
            watched[i] = 0
        for label, numbers in columns.items():
            numbers[i] = _scaled(numbers[i], label, measured)
    counts: dict[str, Numbers] = {label: tuple(numbers) for label, numbers in columns.items()}
    return msgspec.structs.replace(flow, watched_ms=tuple(watched), counts=counts)


def _scaled(number: int | None, label: str, measured: Sequence[Mapping[str, float] | None]) -> int | None:
    factor = 1.0
    for of in measured:
        if number is None or of is None or label not in of:
            return None
        factor *= of[label]
    return None if number is None else round(number * factor)


def as_json(found: Sequence[ModelChange]) -> list[dict[str, Any]]:
    """The changes as JSON, each with its `name`."""
    return [msgspec.to_builtins(one) | {"name": one.name} for one in found]
