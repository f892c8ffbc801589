"""Intervals for the true number of vehicles of each class among those counted, given the errors of the classifier.

The device's `info` has the confusion matrix of its model on a test set: true class -> name -> vehicles (`judged`). The
statistical model: a vehicle of class t is named c with probability theta[t][c], with
theta[t] ~ Dirichlet(judged[t] + 1/C), C the number of names. The frequency of the classes at this site is not known
beforehand: pi ~ Dirichlet(1/T), T the number of classes. It is estimated from the counts themselves, so a bridge of
trucks is not assumed to be a street of cars. Of the n[c] vehicles named c, each is a t with probability proportional to
pi[t] theta[t][c]. DRAWS values of theta are drawn; for each, pi starts at its most likely value (EM) and is drawn in
turn with the true numbers (Gibbs sampling). The interval is from the 2.5% to the 97.5% quantile of the true numbers.
Both directions share theta, since the model errs alike in both, so much of the error cancels in a balance.

The seed is fixed, so the same counts have the same interval. The number of all vehicles stays as counted: missed
vehicles and false counts are not considered. A name that no vehicle of the test set got is taken as right;
`unclassified` may be any class.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from collector.protocol.device_messages import Info, decode_device_message
from collector.queries.results import Balance, Likely, LikelyBalance
from collector.queries.schemes import OWN, UNCLASSIFIED
from collector.store.interface import CHOSEN, Reading
from edge.wire.report import ReportError

DRAWS = 400
EM_STEPS = 30
STEPS = 25
SEED = 14
Rows = tuple[tuple[str, tuple[tuple[str, int], ...]], ...]
Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


class Naming(msgspec.Struct, frozen=True, kw_only=True):
    """The classifier of devices: `judged` is true class -> name -> vehicles; `reason` says why it is empty."""

    model: str = ""
    judged: Rows = ()
    reason: str = ""


def naming_of(reading: Reading, site: str, device: str = "", *, scheme: str = OWN) -> Naming:
    """The classifier of a device by its last `info`; without a device, that of all devices of the site if it is one."""
    if scheme != OWN:
        return Naming(reason=f"the classes are those of {scheme}: how names err is known of the device's own classes")
    rows = reading.rows(
        f"SELECT device, payload FROM device LEFT JOIN said ON device.id = device_id AND channel = 'info'"
        f" WHERE {CHOSEN} ORDER BY device",
        {"site": site, "device": device or None},
    )
    found = [_naming(name, payload) for name, payload in rows]
    if not found:
        return Naming(reason="no device of this name was heard")
    if len({(one.model, one.judged) for one in found}) > 1:
        return Naming(reason=f"the devices of {site} name vehicles by different models: ask for each device alone")
    return found[0]


def _naming(device: str, payload: bytes | None) -> Naming:
    try:
        info = None if payload is None else decode_device_message(payload, Info)
    except ReportError:
        info = None
    if info is None:
        return Naming(reason=f"{device} has not said how it names vehicles")
    if info.names is None:
        return Naming(
            reason=f"{device} does not say how its names err: no second look (model.names), or an older version"
        )
    judged = tuple(
        (true, tuple((name, number) for name, number in sorted(of.items()) if number))
        for true, of in sorted(info.names.judged.items())
        if any(of.values())
    )
    reason = "" if judged else f"no vehicles have judged {info.names.model}, the model of {device}"
    return Naming(model=info.names.model, judged=judged, reason=reason)


def likely(told: Mapping[str, int | None], naming: Naming) -> Likely:
    """The intervals for counts by name; None counts as 0."""
    if naming.reason:
        return Likely(model=naming.model, reason=naming.reason, classes={})
    labels, numbers = _drawn(naming.judged, _counted(told))
    return Likely(model=naming.model, reason="", classes=_intervals(labels, numbers))


def likely_balance(out: Mapping[str, int | None], back: Mapping[str, int | None], naming: Naming) -> LikelyBalance:
    """The intervals for two directions over one line, and for their difference."""
    if naming.reason:
        return LikelyBalance(model=naming.model, reason=naming.reason, out={}, back={}, balance={})
    names = sorted({*out, *back})
    ways = [_drawn(naming.judged, _counted({name: way.get(name) or 0 for name in names})) for way in (out, back)]
    labels = ways[0][0]
    return LikelyBalance(
        model=naming.model,
        reason="",
        out=_intervals(labels, ways[0][1]),
        back=_intervals(labels, ways[1][1]),
        balance=_intervals(labels, ways[0][1] - ways[1][1]),
    )


def likely_of(reading: Reading, balance: Balance, *, scheme: str = OWN) -> LikelyBalance:
    """The intervals for a balance, by the classifier of its device, or of all devices if several watch the place."""
    return likely_balance(
        {label: of.out for label, of in balance.classes.items()},
        {label: of.back for label, of in balance.classes.items()},
        naming_of(reading, balance.site, balance.device, scheme=scheme),
    )


def _counted(told: Mapping[str, int | None]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted((name, number or 0) for name, number in told.items()))


def _intervals(labels: Sequence[str], numbers: Integers) -> dict[str, tuple[int, int]]:
    low, high = np.quantile(numbers, (0.025, 0.975), axis=0)
    return {
        label: (int(np.floor(a + 1e-9)), int(np.ceil(b - 1e-9))) for label, a, b in zip(labels, low, high, strict=True)
    }


@lru_cache(maxsize=512)
def _drawn(judged: Rows, told: tuple[tuple[str, int], ...]) -> tuple[tuple[str, ...], Integers]:
    """The classes, and (DRAWS, classes) true numbers."""
    rows = {true: dict(of) for true, of in judged}
    names = sorted({UNCLASSIFIED, *(name for of in rows.values() for name in of)})
    counts = np.array([dict(told).get(name, 0) for name in names], np.int64)
    sure = {name: number for name, number in told if name not in names}
    labels = tuple(sorted(rows))
    chance = np.random.default_rng(SEED)
    theta = np.stack(
        [chance.dirichlet([rows[label].get(name, 0) + 1 / len(names) for name in names], DRAWS) for label in labels], 1
    )
    numbers = _true_numbers(theta, counts, chance)
    for at, label in enumerate(labels):
        numbers[:, at] += sure.get(label, 0)
    return labels, numbers


def _true_numbers(theta: Floats, counts: Integers, chance: np.random.Generator) -> Integers:
    """(draws, classes): one draw for each theta (draws, classes, names)."""
    draws, classes, _ = theta.shape
    pi = np.full((draws, classes), 1.0 / classes)
    total = max(int(counts.sum()), 1)
    for _ in range(EM_STEPS):
        pi = (_shares(pi, theta) * counts).sum(2) / total
        pi = (pi + 1e-12) / (pi + 1e-12).sum(1, keepdims=True)
    numbers = np.zeros((draws, classes), np.int64)
    for _ in range(STEPS):
        shares = _shares(pi, theta)
        numbers = sum(
            (chance.multinomial(number, shares[:, :, name]) for name, number in enumerate(counts) if number),
            np.zeros((draws, classes), np.int64),
        )
        drawn = chance.standard_gamma(numbers + 1 / classes) + 1e-300
        pi = drawn / drawn.sum(1, keepdims=True)
    return numbers


def _shares(pi: Floats, theta: Floats) -> Floats:
    """(draws, classes, names): the share of each class among vehicles with a name."""
    joint = pi[:, :, None] * theta + 1e-300
    return np.asarray(joint / joint.sum(1, keepdims=True))
