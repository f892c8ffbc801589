"""Out minus back, per class, since a chosen start, with an interval for the vehicles of time that was not watched.

The model: a direction was watched for W of the span; in the rest, M = max(0, span - W), vehicles of a class are
expected at the rate of the same hour of the day (for long spans, which are read day by day: of the same weekday), or of
the whole span if that hour was never watched. With n vehicles in W, mu = n M / W vehicles are expected in M, with the
variance phi (mu + (n + 1) (M / W)^2): that of a Poisson number and that of the rate, which is estimated from n (plus
one, since none in W does not prove a rate of 0); phi >= 1 is the overdispersion of the counts about the mean of their
hour. The 95% interval is balance + mu_out - mu_back +- 1.96 standard deviations, with the two directions taken as
independent and the watched time as counted correctly: errors of counting are not included.
"""

import math
from collections.abc import Mapping, Sequence

from collector.domain.calendar import local
from collector.domain.scope import Scope
from collector.domain.sites import UNCONFIGURED
from collector.queries.axis import axis
from collector.queries.counts import counts, places
from collector.queries.merged_lines import step_of
from collector.queries.places import Sites, directions_of, of_place, time_zone_of
from collector.queries.results import Axis, Balance, ClassBalance, Flow, sum_known
from collector.queries.schemes import OWN
from collector.store.interface import Reading

SLOTS = 24
COVERS = (
    "where the balance lies with the vehicles of time that nobody watched; errors of counting, in time that was"
    " watched, are not in it"
)
"""What the 95% of every answer are about."""
SPREAD = 1.96


def balance(
    reading: Reading, site: str, sites: Sites, from_ms: int, to_ms: int, *, scheme: str = OWN, merge: bool = True
) -> list[Balance]:
    """The balance over every line of a site of which it is known what is out and back, sorted by device and line.

    `merge` takes lines that several devices watch as one place, see `merged_lines.merged`. InputError as in `counts`.
    """
    step = step_of(from_ms, to_ms)
    steps = axis(step, time_zone_of(reading, site, sites), from_ms, to_ms)
    starts = [local(start_ms, steps.time_zone) for start_ms in steps.edges_ms[:-1]]
    slots = [start.weekday() if step == "day" else start.hour for start in starts]
    flows = counts(reading, Scope(site=site), steps, scheme=scheme)
    if merge:
        flows = places(flows, sites)
    directions = directions_of(reading, site, sites)
    pairs: dict[tuple[str, str], dict[str, Flow]] = {}
    for flow in flows.flows:
        pairs.setdefault((flow.device, flow.line), {})[flow.direction] = flow
    found = []
    for (device, line), of_line in sorted(pairs.items()):
        words = of_place(directions, next(iter(of_line.values())), sites.get(site, UNCONFIGURED))
        if words is not None and words.out in of_line and words.back in of_line:
            out, back = of_line[words.out], of_line[words.back]
            classes = _classes(out, back, steps, slots)
            found.append(
                Balance(
                    site=site,
                    device=device,
                    line=line,
                    out=words.out,
                    back=words.back,
                    from_ms=from_ms,
                    to_ms=to_ms,
                    watched_ms=min(sum(out.watched_ms), sum(back.watched_ms)),
                    classes=classes,
                    all=_together(list(classes.values())),
                )
            )
    return found


def unseen(
    numbers: Sequence[int | None], watched_ms: Sequence[int], spans_ms: Sequence[int], slots: Sequence[int]
) -> tuple[float, float] | None:
    """Vehicles expected in the time that was not watched, and their variance; None where nothing was watched.

    All are per interval; intervals of one slot are taken as alike.
    """
    n_slot, w_slot, m_slot = [0] * SLOTS, [0] * SLOTS, [0] * SLOTS
    known = []
    for number, w, span_ms, slot in zip(numbers, watched_ms, spans_ms, slots, strict=True):
        if number is not None and w > 0:
            n_slot[slot] += number
            w_slot[slot] += w
            known.append((slot, number, w))
            m_slot[slot] += max(0, span_ms - w)
        else:
            m_slot[slot] += span_ms
    n_all, w_all = sum(n_slot), sum(w_slot)
    if w_all == 0:
        return None
    mean = variance = lacking_ms = 0.0
    for n, w, m in zip(n_slot, w_slot, m_slot, strict=True):
        if w > 0:
            mean += n * m / w
            variance += n * m / w + (n + 1) * (m / w) ** 2  # + 1: none in w does not prove a rate of 0
        else:
            lacking_ms += m
    mean += n_all * lacking_ms / w_all
    variance += n_all * lacking_ms / w_all + (n_all + 1) * (lacking_ms / w_all) ** 2
    usual = [n / w if w else 0.0 for n, w in zip(n_slot, w_slot, strict=True)]
    return mean, variance * _scatter([(number, usual[slot] * w) for slot, number, w in known], len(set(slots)))


def _scatter(pairs: Sequence[tuple[int, float]], rates: int) -> float:
    """The overdispersion of counts against Poisson numbers of their expectation: 1 or more."""
    pairs = [(number, expected) for number, expected in pairs if expected > 0]
    if len(pairs) <= rates:  # no degrees of freedom are left
        return 1.0
    return max(1.0, sum((number - expected) ** 2 / expected for number, expected in pairs) / (len(pairs) - rates))


def _classes(out: Flow, back: Flow, steps: Axis, slots: Sequence[int]) -> dict[str, ClassBalance]:
    n = len(steps)
    spans_ms = [steps.span_ms(i) for i in range(n)]
    blind: tuple[int | None, ...] = (None,) * n
    found = {}
    for label in sorted({*out.counts, *back.counts}):
        of_out, of_back = out.counts.get(label, blind), back.counts.get(label, blind)
        out_sum, back_sum = sum_known(of_out), sum_known(of_back)
        more = (unseen(of, way.watched_ms, spans_ms, slots) for of, way in ((of_out, out), (of_back, back)))
        seen = None if out_sum is None or back_sum is None else out_sum - back_sum
        found[label] = _class_balance(out_sum, back_sum, seen, *more)
    return found


def _class_balance(
    out: int | None,
    back: int | None,
    seen: int | None,
    more_out: tuple[float, float] | None,
    more_back: tuple[float, float] | None,
) -> ClassBalance:
    low = high = None
    if seen is not None and more_out is not None and more_back is not None:
        middle = seen + more_out[0] - more_back[0]
        spread = SPREAD * math.sqrt(more_out[1] + more_back[1])
        low, high = middle - spread, middle + spread
    return ClassBalance(
        out=out,
        back=back,
        balance=seen,
        unseen_out=None if more_out is None else more_out[0],
        unseen_back=None if more_back is None else more_back[0],
        low=low,
        high=high,
    )


def _together(classes: Sequence[ClassBalance]) -> ClassBalance:
    """The sum over all classes; their variances add as those of independent numbers."""
    out, back = sum_known([one.out for one in classes]), sum_known([one.back for one in classes])
    seen = sum_known([one.balance for one in classes])
    if seen is None or any(one.low is None for one in classes):
        return _class_balance(out, back, seen, None, None)
    more_out = sum(one.unseen_out or 0.0 for one in classes)
    more_back = sum(one.unseen_back or 0.0 for one in classes)
    variance = sum((((one.high or 0.0) - (one.low or 0.0)) / 2 / SPREAD) ** 2 for one in classes)
    return _class_balance(out, back, seen, (more_out, variance), (more_back, 0.0))


def totals_of(balances: Sequence[Balance]) -> Mapping[str, int | None]:
    """The balance of a site per class, over all lines."""
    labels = sorted({label for one in balances for label in one.classes})
    return {
        label: sum_known([one.classes[label].balance for one in balances if label in one.classes]) for label in labels
    }
