"""`crossing-collector totals`, `balance` and `export`: each site in its own time zone."""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import msgspec

from collector.cli.answer import print_answer
from collector.cli.convoys_command import convoys_of
from collector.cli.show_totals import as_json, as_table, likely_as_table
from collector.cli.show_views import (
    balances_as_json,
    balances_as_table,
    flows_as_json,
    flows_as_table,
    likes_as_json,
    likes_as_table,
    split_as_json,
    split_as_table,
)
from collector.cli.time_arguments import Moment
from collector.domain.calendar import STEPS_MS, Interval
from collector.domain.scope import Scope
from collector.domain.sites import UNCONFIGURED
from collector.queries import export
from collector.queries.axis import axis
from collector.queries.balance import balance
from collector.queries.compare import comparable_axes, days_before, like_for_like
from collector.queries.counts import with_tonnes
from collector.queries.extent import first_report, open_span
from collector.queries.merged_lines import merged
from collector.queries.models import NAMED_OTHERWISE, ModelTimeline, names_changed
from collector.queries.places import Sites, sites_of, time_zone_of, widest
from collector.queries.records import Record, records
from collector.queries.results import Axis, Balance, Flows, LikeForLike, Likely
from collector.queries.sums import BalanceRecord, TotalRecord, balance_rows, total_rows
from collector.queries.totals import LineTotal, Selection, totals
from collector.store.convoys import ConvoyRecord, record_of
from collector.store.interface import Reading, Store
from edge.clock import SystemClock
from edge.errors import InputError, WorkError
from edge.wire.times import rfc3339


def check(given: argparse.Namespace) -> None:
    """InputError for what is wrong without looking into the store."""
    if given.from_ is not None and given.to is not None and given.from_.is_local is given.to.is_local:
        _moments(given, "UTC")


def show_totals(store: Store, sites: Sites, given: argparse.Namespace) -> None:
    """One sum over the span, or one per interval."""
    if given.against is not None:
        _show_against(store, sites, given)
        return
    if _asks_for_views(given):
        _show_flows(store, sites, given)
        return
    found: list[LineTotal] = []
    spans = set()
    now_ms = SystemClock().real_ms()
    with store.reading() as reading:
        zones = {site: time_zone_of(reading, site, sites) for site in sites_of(reading, _scope(given))}
    for site, zone in zones.items():
        from_ms, to_ms = _moments(given, zone)
        spans.add((from_ms, to_ms))
        found += totals(store, Selection(site, given.device, given.line, from_ms, to_ms), now_ms=now_ms)
    if len(spans) > 1 and given.json:
        raise InputError("--from and --to are other moments at every site: say their zone, such as Z, or name a --site")
    from_ms, to_ms = next(iter(spans), _moments(given, "UTC"))
    from collector.queries.likely import likely, naming_of  # noqa: PLC0415  # needs numpy, slow to load

    with store.reading() as reading:
        names = [likely(total.counts or {}, naming_of(reading, total.site, total.device)) for total in found]
    if given.json:
        print(json.dumps(as_json(found, Selection(from_ms=from_ms, to_ms=to_ms), names), sort_keys=True))
    elif found:
        print(as_table(found))
        print(
            likely_as_table(
                [
                    ((t.site, t.device, t.line or "-", t.direction or "-"), one)
                    for t, one in zip(found, names, strict=True)
                ]
            )
        )
    else:
        print("no reports in this selection", file=sys.stderr)


def show_balance(store: Store, sites: Sites, given: argparse.Namespace) -> None:
    """Out minus back, per class."""
    with store.reading() as reading:
        found = _balances(reading, sites, given)
        from collector.queries.likely import likely_of  # noqa: PLC0415  # needs numpy, slow to load

        names = [likely_of(reading, one, scheme=given.scheme) for one in found]
    if given.json:
        print(json.dumps({"balances": balances_as_json(found, names)}, sort_keys=True))
    elif found:
        print(balances_as_table(found))
        rows = [
            ((one.site, one.device or "-", one.line, way), Likely(model=of.model, reason=of.reason, classes=classes))
            for one, of in zip(found, names, strict=True)
            for way, classes in ((one.out, of.out), (one.back, of.back), ("balance", of.balance))
        ]
        print(likely_as_table(rows))
    else:
        print("no line with two directions in this selection", file=sys.stderr)


def _balances(reading: Reading, sites: Sites, given: argparse.Namespace) -> list[Balance]:
    found: list[Balance] = []
    now_ms = SystemClock().real_ms()
    for site in sites_of(reading, _scope(given)):
        span = span_of(reading, site, sites, given, now_ms=now_ms)
        if span is not None:
            found += [
                one
                for one in balance(reading, site, sites, *span, scheme=given.scheme)
                if given.line in (None, one.line) and given.device in (None, one.device)
            ]
    return found


def export_records(store: Store, sites: Sites, given: argparse.Namespace) -> None:
    """A row per flow, class and interval, into a file that is complete or not there, or to standard output."""
    to_stdout = str(given.out) == "-"
    kind = given.format or ("csv" if to_stdout else given.out.suffix.lstrip(".").lower())
    if given.convoys and given.label:
        raise InputError("--class is for counts; a convoy has its classes in one row")
    if given.interval and (given.totals or given.balance):
        raise InputError("--interval does not go with --totals and --balance: they are sums over all of the span")
    if given.balance and (given.estimate or given.load):
        raise InputError("--estimate and --load do not go with --balance, which says what is expected of unseen time")
    if kind not in export.FORMATS:
        raise InputError(f"--out {given.out} does not tell a format; --format is one of {', '.join(export.FORMATS)}")
    with store.reading() as reading, _stdout() if to_stdout else _whole(given.out) as out:
        of, rows = _rows(reading, sites, given)
        number = export.write(rows, kind, out, of=of, mark=given.mark)
    print(f"{number} rows" if to_stdout else f"{number} rows in {given.out}", file=sys.stderr)


def _rows(
    reading: Reading, sites: Sites, given: argparse.Namespace
) -> tuple[type[msgspec.Struct], Iterator[msgspec.Struct]]:
    """The kind of the rows, and the rows."""
    if given.convoys:
        return ConvoyRecord, map(record_of, convoys_of(reading, sites, given))
    of: type[Record | BalanceRecord] = Record
    rows: Iterator[Record | BalanceRecord]
    if given.totals:
        of, rows = TotalRecord, _totals(reading, sites, given)
    elif given.balance:
        found = _balances(reading, sites, given)
        of, rows = BalanceRecord, (row for one in found for row in balance_rows(reading, one, scheme=given.scheme))
    else:
        rows = _records(reading, sites, given)
    if given.label:  # and rows without a class, of time that was not watched
        rows = (row for row in rows if row.label in (given.label, ""))
    return of, rows


def _totals(reading: Reading, sites: Sites, given: argparse.Namespace) -> Iterator[TotalRecord]:
    """The rows of one interval over the span."""
    for site, whole in _axes(reading, sites, given, None):
        scope = Scope(site=site, device=given.device, line=given.line)
        told, named = sites.get(site, UNCONFIGURED), ModelTimeline(reading, scope)
        together = sites if given.places else {}
        found = merged(reading, scope, whole, together, scheme=given.scheme, estimate=given.estimate)
        for flow in found.flows:
            flow_ = with_tonnes(flow, told) if given.load else flow
            yield from total_rows(reading, flow_, whole, told.tonnes if given.load else {}, named, scheme=given.scheme)


def _asks_for_views(given: argparse.Namespace) -> bool:
    own = given.scheme == "own"
    return bool(given.interval or given.estimate or given.load or given.places or given.daylight or not own)


def _show_against(store: Store, sites: Sites, given: argparse.Namespace) -> None:
    if given.interval or given.estimate or given.load or given.daylight:
        raise InputError("--against compares one sum over the span: it goes with --scheme and --places only")
    found: list[LikeForLike] = []
    now_ms = SystemClock().real_ms()
    with store.reading() as reading:
        for site in sites_of(reading, _scope(given)):
            zone, span = time_zone_of(reading, site, sites), span_of(reading, site, sites, given, now_ms=now_ms)
            days = 0 if span is None else days_before(zone, *span, given.against)
            hours = None if span is None else comparable_axes(zone, *span, now_ms=now_ms, days=days)
            if hours is not None:
                scope = Scope(site=site, device=given.device, line=given.line)
                told = sites if given.places else {}
                now = merged(reading, scope, hours[0], told, scheme=given.scheme).flows
                then = merged(reading, scope, hours[1], told, scheme=given.scheme, named_as=hours[0]).flows
                otherwise = names_changed(reading, scope, hours[1], hours[0])
                by_names = {(flow.device, flow.line, flow.direction): flow for flow in then}
                found += [
                    msgspec.structs.replace(one, reason=NAMED_OTHERWISE) if otherwise and one.reason else one
                    for flow in now
                    if (other := by_names.get((flow.device, flow.line, flow.direction))) is not None
                    for one in (like_for_like(flow, hours[0], other, hours[1]),)
                ]
    print_answer(
        given,
        found,
        lambda found: {"against": given.against, "comparisons": likes_as_json(found)},
        likes_as_table,
        nothing="no reports in this selection",
    )


def _show_flows(store: Store, sites: Sites, given: argparse.Namespace) -> None:
    answers: list[Flows] = []
    splits = []
    together = sites if given.places else {}
    with store.reading() as reading:
        for site, whole in _axes(reading, sites, given, given.interval):
            scope = Scope(site=site, device=given.device, line=given.line)
            if given.daylight:
                try:
                    from collector.queries.daylight import day_split  # noqa: PLC0415  # needs a library of the sun
                except ModuleNotFoundError as error:
                    needs = "--daylight needs astral: pip install 'crossing-monitor[collector]'"
                    raise InputError(f"{needs} ({error})") from error
                told = sites.get(site, UNCONFIGURED)
                split = day_split(
                    reading, scope, whole, told, scheme=given.scheme, estimate=given.estimate, sites=together
                )
                splits.append(split)
                continue
            found = merged(reading, scope, whole, together, scheme=given.scheme, estimate=given.estimate)
            answers.append(_with_loads(found, site, sites, given))
    if given.daylight:
        splits = [
            msgspec.structs.replace(
                split,
                day=_with_loads(split.day, None, sites, given),
                night=_with_loads(split.night, None, sites, given),
            )
            for split in splits
        ]
        _print(given, split_as_json(splits), lambda: split_as_table(splits))
    else:
        _print(given, flows_as_json(answers), lambda: flows_as_table(answers))


def _with_loads(found: Flows, site: str | None, sites: Sites, given: argparse.Namespace) -> Flows:
    """The flows with loads, if --load asks for them."""
    if given.load:
        flows = tuple(with_tonnes(flow, sites.get(site or flow.site, UNCONFIGURED)) for flow in found.flows)
        found = msgspec.structs.replace(found, flows=flows)
    return found


def _print(given: argparse.Namespace, said: list[dict[str, Any]], table: Callable[[], str]) -> None:
    if given.json:
        print(json.dumps({"interval": given.interval, "scheme": given.scheme, "totals": said}, sort_keys=True))
    elif said:
        print(table())
    else:
        print("no reports in this selection", file=sys.stderr)


def _records(reading: Reading, sites: Sites, given: argparse.Namespace) -> Iterator[Record]:
    for site, whole in _axes(reading, sites, given, given.interval or "hour"):
        yield from records(
            reading,
            Scope(site=site, device=given.device, line=given.line),
            sites,
            whole,
            scheme=given.scheme,
            estimate=given.estimate,
            load=given.load,
            merge=given.places,
        )


def _axes(
    reading: Reading, sites: Sites, given: argparse.Namespace, interval: Interval | None
) -> Iterator[tuple[str, Axis]]:
    """The sites in the selection, each with its intervals; time after now is not expected to be watched."""
    _check_interval(reading, _scope(given), interval)
    now_ms = SystemClock().real_ms()
    for site in sites_of(reading, _scope(given)):
        span = span_of(reading, site, sites, given, now_ms=now_ms)
        if span is not None:
            yield site, axis_of(reading, site, sites, given, span, interval=interval, now_ms=now_ms)


def _check_interval(reading: Reading, scope: Scope, interval: Interval | None) -> None:
    """InputError for an interval shorter than the reports: most intervals would look unwatched."""
    if (step_ms := STEPS_MS.get(interval or "")) is None:
        return
    found = widest(reading, scope)
    if found is not None and found[2] > step_ms:
        site, device, width_ms = found
        raise InputError(
            f"--interval {interval} is shorter than the reports of {site}/{device}, of {width_ms / 60_000:g} min each"
        )


def span_of(
    reading: Reading, site: str, sites: Sites, given: argparse.Namespace, *, now_ms: int
) -> tuple[int, int] | None:
    """The span, with open ends as in `open_span`; None if there are no reports for it."""
    from_ms, to_ms = _moments(given, time_zone_of(reading, site, sites))
    scope = Scope(site=site, device=given.device)
    span = open_span(reading, scope, from_ms, to_ms, now_ms=now_ms)
    return span if span is not None and span[0] < span[1] else None


def axis_of(
    reading: Reading,
    site: str,
    sites: Sites,
    given: argparse.Namespace,
    span: tuple[int, int],
    *,
    interval: Interval | None,
    now_ms: int,
) -> Axis:
    """The intervals of a span; if they are too many, InputError says where a span without --from begins."""
    try:
        zone = time_zone_of(reading, site, sites)
        return axis(interval, zone, *span, now_ms=now_ms if span[0] < now_ms else None)
    except InputError as error:
        first = first_report(reading, Scope(site=site, device=given.device))
        if given.from_ is not None or first is None:
            raise
        site, device, start_ms = first
        raise InputError(
            f"{error}. The span begins with the first report of {site}/{device}, at {rfc3339(start_ms)}; if the clock"
            f" was wrong then, name --from, or set such reports aside: crossing-collector ahead --site {site} --device"
            f" {device} --set-aside --before TIME"
        ) from None


def _moments(given: argparse.Namespace, time_zone: str) -> tuple[int | None, int | None]:
    from_, to = _moment(given.from_, time_zone), _moment(given.to, time_zone)
    if from_ is not None and to is not None and from_ >= to:
        raise InputError("--from must be before --to")
    return from_, to


def _moment(moment: Moment | None, time_zone: str) -> int | None:
    return None if moment is None else moment.in_zone(time_zone)


def _scope(given: argparse.Namespace) -> Scope:
    return Scope(site=given.site, device=given.device)


@contextmanager
def _stdout() -> Iterator[IO[bytes]]:
    yield sys.stdout.buffer
    sys.stdout.buffer.flush()


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """A file that replaces `path` when it is complete."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.absolute().parent, prefix=f".{path.name}-", delete=False) as out:
            try:
                yield out
                out.close()
                Path(out.name).chmod(0o644)
                Path(out.name).replace(path)
            except BaseException:
                Path(out.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise WorkError(f"{path} cannot be written: {error.strerror}") from error
