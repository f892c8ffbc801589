"""Rows of one sum over a span for other programs: totals per flow and class, balances per line and class."""

from collections.abc import Iterator, Mapping

import msgspec

from collector.queries.models import ModelTimeline
from collector.queries.records import Record, rows_of
from collector.queries.results import Axis, Balance, Flow
from collector.queries.schemes import OWN
from collector.store.interface import Reading
from edge.wire.times import rfc3339

ALL = "all"


class TotalRecord(Record, frozen=True, kw_only=True):
    """A record of all of the span. `names_low` to `names_high` is where the true number of the class lies with 95%, by
    how often the model misnames vehicles; None where that is not known, and of time that nobody watched.
    """

    names_low: int | None = None
    names_high: int | None = None


class BalanceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The balance of one line and class; the class `all` is their sum. None where nobody watched, or too little.

    `unseen_low` to `unseen_high` is where the balance lies with 95% as far as time that nobody watched is concerned,
    `names_low` to `names_high` by how often the model misnames vehicles.
    """

    site: str
    device: str
    line: str
    label: str = msgspec.field(name="class")
    start: str
    end: str
    out_direction: str
    back_direction: str
    out: int | None
    back: int | None
    balance: int | None
    unseen_out: float | None
    unseen_back: float | None
    unseen_low: float | None
    unseen_high: float | None
    names_low: int | None
    names_high: int | None
    watched_ms: int
    span_ms: int
    watched_share: float


def total_rows(
    reading: Reading, flow: Flow, whole: Axis, tonnes: Mapping[str, float], named: ModelTimeline, *, scheme: str = OWN
) -> Iterator[TotalRecord]:
    """The rows of a flow over an axis of one interval, by class."""
    from collector.queries.likely import likely, naming_of  # noqa: PLC0415  # needs numpy, slow to load

    counts = {label: of[0] for label, of in flow.counts.items()}
    intervals = likely(counts, naming_of(reading, flow.site, flow.device, scheme=scheme)).classes
    for row in rows_of(flow, whole, tonnes, named):
        low, high = (None, None) if row.vehicles is None else intervals.get(row.label, (None, None))
        yield TotalRecord(**msgspec.structs.asdict(row), names_low=low, names_high=high)


def balance_rows(reading: Reading, one: Balance, *, scheme: str = OWN) -> Iterator[BalanceRecord]:
    """The rows of a balance: its classes, and all of them."""
    from collector.queries.likely import likely_of  # noqa: PLC0415  # needs numpy, slow to load

    intervals = likely_of(reading, one, scheme=scheme).balance
    span_ms = one.to_ms - one.from_ms
    for label, of in [*one.classes.items(), (ALL, one.all)]:
        low, high = (None, None) if of.balance is None else intervals.get(label, (None, None))
        yield BalanceRecord(
            site=one.site,
            device=one.device,
            line=one.line,
            label=label,
            start=rfc3339(one.from_ms),
            end=rfc3339(one.to_ms),
            out_direction=one.out,
            back_direction=one.back,
            out=of.out,
            back=of.back,
            balance=of.balance,
            unseen_out=_rounded(of.unseen_out),
            unseen_back=_rounded(of.unseen_back),
            unseen_low=_rounded(of.low),
            unseen_high=_rounded(of.high),
            names_low=low,
            names_high=high,
            watched_ms=one.watched_ms,
            span_ms=span_ms,
            watched_share=round(one.watched_ms / span_ms, 4),
        )


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 1)
