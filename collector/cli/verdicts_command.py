"""`crossing-collector verdicts`: list verdicts on crossings, give one, and export them for the training."""

import argparse
import sys

import msgspec

from collector.alerts.judged_crossing import crossing_of
from collector.alerts.repository import picture
from collector.cli.answer import print_answer
from collector.cli.terminal_table import aligned, printable
from collector.domain.scope import Scope
from collector.queries.places import Sites, time_zone_of
from collector.store.interface import Reading, Store
from collector.store.verdicts import Crossing, record, truth_lines, verdicts
from edge.clock import SystemClock
from edge.errors import InputError, WorkError
from edge.wire.commands import Verdict


def check(given: argparse.Namespace) -> None:
    """InputError for options that do not go together."""
    if given.say is None:
        if any(value is not None for value in (given.by, given.alert, given.run, given.at, given.seq)):
            raise InputError("--by, --alert, --run, --at and --seq go with --say SAID")
        if given.pictures is not None and given.export is None:
            raise InputError("--pictures DIR goes with --export FILE")
        return
    if not given.by:
        raise InputError("--say needs --by NAME, who says it")
    if given.export is not None or given.history or given.from_ is not None or given.to is not None:
        raise InputError("--say says one thing: --export, --history, --from and --to do not go with it")
    direct = (given.site, given.device, given.line, given.run, given.at)
    if given.alert is None and any(value is None for value in direct):
        raise InputError("--say needs --alert ID, or all of --site, --device, --line, --run and --at")
    if given.alert is not None and any(value is not None for value in (*direct, given.seq)):
        raise InputError("--alert tells the crossing: nothing else of it can be said")
    if given.at is not None and given.at.is_local:
        raise InputError(f"--at {given.at.text} needs its zone, such as {given.at.text}Z")


def show_verdicts(store: Store, sites: Sites, given: argparse.Namespace) -> None:
    """Record a verdict, or list or export those in the selection."""
    if given.say is not None:
        found = [_say(store, given)]
    else:
        with store.reading() as reading:
            found = _found(reading, sites, given)
            if given.export is not None:
                _export(reading, found, given)
                return
    print_answer(
        given,
        found,
        lambda found: {"verdicts": msgspec.to_builtins(found)},
        _as_table,
        nothing="no verdicts in this selection",
    )


def _say(store: Store, given: argparse.Namespace) -> Verdict:
    if given.alert is not None:
        with store.reading() as reading:
            crossing = crossing_of(reading, given.alert)
    else:
        crossing = Crossing(given.site, given.device, given.run, given.line, given.at.in_zone("UTC"), given.seq)
    return record(store, crossing, said=given.say, by=given.by, now_ms=SystemClock().real_ms())


def _found(reading: Reading, sites: Sites, given: argparse.Namespace) -> list[Verdict]:
    zone = time_zone_of(reading, given.site, sites) if given.site else "UTC"
    return verdicts(
        reading,
        Scope(site=given.site, device=given.device, line=given.line),
        from_ms=None if given.from_ is None else given.from_.in_zone(zone),
        to_ms=None if given.to is None else given.to.in_zone(zone),
        history=given.history,
        limit=given.limit,
    )


def _export(reading: Reading, found: list[Verdict], given: argparse.Namespace) -> None:
    try:
        pictures = set()
        if given.pictures is not None:
            given.pictures.mkdir(parents=True, exist_ok=True)
            for number in sorted({one.alert for one in found if one.alert is not None}):
                if (jpeg := picture(reading, number)) is not None:
                    (given.pictures / f"{number}.jpg").write_bytes(jpeg)
                    pictures.add(number)
        text = b"".join(line + b"\n" for line in truth_lines(found, pictures))
        if str(given.export) == "-":
            sys.stdout.write(text.decode("utf-8"))
            return
        part = given.export.with_name(f"{given.export.name}.part")
        part.write_bytes(text)
        part.replace(given.export)
    except OSError as error:
        raise WorkError(f"the verdicts could not be written: {error}") from error
    print(f"{len(found)} verdicts and {len(pictures)} pictures in {given.export}", file=sys.stderr)


def _as_table(found: list[Verdict]) -> str:
    heads = ["site", "device", "line", "at", "counted as", "said", "by", "when", "alert", "run", "report"]
    rows = [
        [
            *(one.site, one.device, one.line, one.at, one.label or "-", one.said, printable(one.by), one.when),
            *("-" if one.alert is None else str(one.alert), one.run, "-" if one.seq is None else str(one.seq)),
        ]
        for one in found
    ]
    return aligned([heads, *rows])
