"""The commands and options of `crossing-collector`, with their help texts."""

import argparse
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NoReturn, get_args

from collector.alerts.repository import LIMIT_MAX
from collector.cli import token_command
from collector.cli.time_arguments import Moment
from collector.domain.calendar import INTERVALS
from collector.queries.compare import Earlier
from collector.queries.export import FORMATS
from collector.queries.schemes import OWN, SCHEMES
from collector.store.convoys import CONVOYS_MAX
from collector.store.verdicts import LIMIT_MAX as VERDICTS_LIMIT

_PROGRAM = "crossing-collector"
_ABOUT = """\
Receives the reports of all devices, and answers questions about them.

Answers go to standard output, as a table or, with --json, as one JSON object; all else to standard error.
Exit codes: 0 done, 1 the work failed, 2 the input is wrong.
"""
_MORE = """\
Times without a zone are those of the site's own clocks. Where nobody watched it says blind, never 0.
Tables fit themselves to the terminal, or to COLUMNS; NO_COLOR turns colours off.
"""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence."""

    def error(self, message: str) -> NoReturn:
        """End with exit code 2."""
        self.exit(2, f"{_PROGRAM}: {message}; see {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    """The parser with all commands."""
    raw = argparse.RawDescriptionHelpFormatter
    whole: argparse.ArgumentParser = Parser(prog=_PROGRAM, description=_ABOUT, epilog=_MORE, formatter_class=raw)
    whole.add_argument("--version", action="version", version=f"%(prog)s {_version()}")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")

    def command(name: str, about: str, *examples: str, more: str = "") -> argparse.ArgumentParser:
        shown = "\n".join(f"  {_PROGRAM} {example}" for example in examples)
        text = f"{about[0].upper()}{about[1:]}." + (f"\n{more}" if more else "")
        return commands.add_parser(
            name, help=about, description=text, epilog=f"for example:\n{shown}", formatter_class=raw
        )

    _add_run(command)
    _add_counts(command)
    _add_comparisons(command)
    _add_states(command)
    _add_alerts(command)
    _add_verdicts(command)
    _add_rows(command)
    token_command.add_parser(commands)
    return whole


_Command = Callable[..., argparse.ArgumentParser]


def _add_run(command: _Command) -> None:
    run = command(
        "run",
        "subscribe to the broker, store what the devices report, serve the pages, and tell of alerts",
        "run --config /etc/crossing-collector/collector.yaml",
    )
    run.add_argument("--config", type=Path, required=True, help="the collector's YAML file")


def _add_counts(command: _Command) -> None:
    sums = command(
        "totals",
        "vehicles per line, direction and class",
        "totals --config collector.yaml --from 2026-11-01 --to 2026-12-01",
        "totals --config collector.yaml --site friendship-bridge --interval day --estimate",
        "totals --config collector.yaml --from 2026-11-24 --against week",
        more="Beside each number stands how much of the time was watched.",
    )
    _add_common(sums)
    _add_span(sums)
    _add_classes(sums)
    sums.add_argument("--daylight", action="store_true", help="by day and by night apart")
    sums.add_argument(
        "--against",
        choices=get_args(Earlier),
        help="like for like against the same hours of a day, a week, 4 weeks, a year before, or of the span before",
    )
    net = command(
        "balance",
        "how many went out and have not come back, per class",
        "balance --config collector.yaml --from 2026-11-25T06:00",
        more="The 95% are about time that nobody watched, and nothing else: errors of counting are not in them.",
    )
    _add_common(net)
    _add_span(net)
    net.add_argument("--scheme", default=OWN, choices=[OWN, *SCHEMES], help="classes of another scheme")
    queues = command(
        "zones",
        "who is in the queue zones, as last reported",
        "zones --config collector.yaml --site friendship-bridge",
    )
    _add_common(queues)
    closely = command(
        "convoys",
        "vehicles that crossed a line one soon after the other, as their devices told",
        "convoys --config collector.yaml --from 2026-11-24",
        more="Times are those of the site; `export --convoys` writes them into a file.",
    )
    _add_common(closely)
    _add_span(closely)
    closely.add_argument("--limit", type=_number(1, CONVOYS_MAX), default=1_000, metavar="N", help="of a site (1000)")


def _add_comparisons(command: _Command) -> None:
    against = command(
        "compare",
        "devices that watch the same line, head to head",
        "compare --config collector.yaml --from 2026-11-01 --interval hour",
        more="Lines are the same where `sites` of the configuration says so (same_lines); both must have watched.",
    )
    _add_common(against)
    _add_span(against, line=False)
    against.add_argument("--interval", choices=INTERVALS, default="hour", help="in which they are compared (hour)")
    usual = command(
        "usual",
        "a day against what is usual for it, hour by hour",
        "usual --config collector.yaml --site friendship-bridge --date 2026-11-24",
        more="Usual is the same hour of the same weekday in past weeks: half of them lie between the two numbers.",
    )
    _add_common(usual)
    usual.add_argument("--line", help="only this counting line")
    usual.add_argument("--date", type=_moment, metavar="DATE", help="the day; default: the last one with reports")
    usual.add_argument("--weeks", type=_number(3, 52), default=8, metavar="N", help="past weeks to look at (8)")


def _add_states(command: _Command) -> None:
    fleet = command(
        "devices",
        "which devices are there, when and how late they report",
        "devices --config collector.yaml",
        "devices --config collector.yaml --json",
    )
    _add_common(fleet)
    early = command(
        "ahead",
        "reports ahead of this computer's clock, or of before 2016; --set-aside: take them out of all sums",
        "ahead --config collector.yaml",
        "ahead --config collector.yaml --site friendship-bridge --device mast-1 --set-aside",
        more="They are in no answer whose ends are not named. What is set aside is kept, and --take-back undoes it.",
    )
    _add_common(early)
    early.add_argument("--set-aside", action="store_true", help="keep them apart, in no sum")
    early.add_argument(
        "--before", type=_moment, metavar="TIME", help="with --set-aside: all that one device reported before it (UTC)"
    )
    early.add_argument("--take-back", action="store_true", help="store what was set aside again")
    twice = command(
        "overlaps",
        "reports of a second device of the same name, which are set aside",
        "overlaps --config collector.yaml",
        "overlaps --config collector.yaml --site friendship-bridge --device mast-1 --take-back",
        more="Of two devices that watched the same time under one name, the report that came first counts.",
    )
    _add_common(twice)
    twice.add_argument("--take-back", action="store_true", help="count them all the same")
    named = command(
        "models",
        "which model counted since when; --factors: what was measured between two of them",
        "models --config collector.yaml --site friendship-bridge",
        "models --config collector.yaml --site friendship-bridge --device mast-1 --factors factors.json",
        more="What is usual does not run across another model, unless `crossing-edge compare-models` measured factors.",
    )
    _add_common(named)
    named.add_argument("--factors", type=Path, metavar="FILE", help="what compare-models --json printed")
    lacks = command(
        "gaps",
        "which reports are missing, and which are gone for good",
        "gaps --config collector.yaml --site friendship-bridge",
    )
    _add_common(lacks)
    refused = command(
        "refusals",
        "which messages were refused, from whom, and why",
        "refusals --config collector.yaml",
        "refusals --config collector.yaml --site friendship-bridge --device mast-1 --json",
        more="A refused report is in no sum; its number stays missing until the device sends one that is taken.",
    )
    _add_common(refused)
    refused.add_argument("--limit", type=_number(1, LIMIT_MAX), default=50, metavar="N", help="at most so many (50)")


def _add_alerts(command: _Command) -> None:
    news = command(
        "alerts",
        "what was unusual, newest first; and to take note of it",
        "alerts --config collector.yaml --open",
        'alerts --config collector.yaml --acknowledge 12 --by "Li Wei" --note "road works until Friday"',
    )
    _add_common(news)
    news.add_argument("--open", action="store_true", help="only what is not over")
    news.add_argument("--limit", type=_number(1, LIMIT_MAX), default=50, metavar="N", help="at most so many (50)")
    news.add_argument("--acknowledge", type=_number(1, 2**53), metavar="ID", help="take note of this one")
    news.add_argument("--by", metavar="NAME", help="who takes note")
    news.add_argument("--note", metavar="TEXT", help="what they write beside it")


def _add_verdicts(command: _Command) -> None:
    judged = command(
        "verdicts",
        "what people say of crossings; to say something; to export it as truth for training",
        "verdicts --config collector.yaml --site friendship-bridge",
        'verdicts --config collector.yaml --say no --alert 12 --by "Li Wei"',
        "verdicts --config collector.yaml --export truth.jsonl --pictures crops",
        more="A verdict is kept beside the reports and changes none of them. The last one of a person holds.\n"
        "A crossing of which no alert told is named by --site, --device, --line, --run and --at.",
    )
    _add_common(judged)
    _add_span(judged)
    judged.add_argument("--history", action="store_true", help="also those that hold no more")
    judged.add_argument("--limit", type=_number(1, VERDICTS_LIMIT), default=1_000, metavar="N", help="(1000)")
    judged.add_argument("--say", metavar="SAID", help="yes, no, nothing-there or the name of a class")
    judged.add_argument("--by", metavar="NAME", help="who says it")
    judged.add_argument("--alert", type=_number(1, 2**53), metavar="ID", help="of the vehicle of this alert")
    judged.add_argument("--run", metavar="RUN", help="or of the vehicle that crossed --line of --site/--device in it")
    judged.add_argument("--at", type=_moment, metavar="TIME", help="... at that time, with its zone")
    judged.add_argument("--seq", type=_number(1, 2**53), metavar="N", help="... of that report, else the one at --at")
    judged.add_argument("--export", type=Path, metavar="FILE", help="JSON lines for the training; - for standard out")
    judged.add_argument("--pictures", type=Path, metavar="DIR", help="and the pictures of their alerts, in this folder")


def _add_rows(command: _Command) -> None:
    rows = command(
        "export",
        "a row per line, direction, class and interval, into a file",
        "export --config collector.yaml --interval 15min --out counts.parquet",
        "export --config collector.yaml --from 2026-11-01 --class truck > trucks.csv",
        "export --config collector.yaml --interval day --out counts.xlsx",
        "export --config collector.yaml --from 2026-11-01 --balance --out balance.xlsx",
        "export --config collector.yaml --convoys --out convoys.csv",
        more="The file is there whole or not at all.",
    )
    _add_source(rows)
    _add_span(rows)
    _add_classes(rows)
    rows.add_argument("--out", type=Path, default=Path("-"), metavar="FILE", help="or - for standard output (default)")
    instead = rows.add_mutually_exclusive_group()
    instead.add_argument("--totals", action="store_true", help="one sum over the span instead of intervals")
    instead.add_argument(
        "--balance", action="store_true", help="what went out and came back, per line and class, instead"
    )
    instead.add_argument("--convoys", action="store_true", help="a row per convoy instead")
    rows.add_argument("--format", choices=FORMATS, help="unless the name of the file tells it; csv to standard output")
    rows.add_argument("--class", dest="label", metavar="CLASS", help="only this class, and the time nobody watched")
    rows.add_argument("--mark", action="store_true", help="begin CSV with a byte order mark: Excel then reads UTF-8")
    sums_kept = command(
        "rollup",
        "how far hours and days are summed up; --rebuild: anew",
        "rollup --config collector.yaml --rebuild",
        more="They are kept as reports come; anew only where a site was given another time zone.",
    )
    _add_where(sums_kept)
    sums_kept.add_argument("--rebuild", action="store_true", help="sum up all reports anew, device by device")
    sums_kept.add_argument("--json", action="store_true", help="one JSON object")
    backs_up = command(
        "backup",
        "copy a store that is in use into one file, and check the copy",
        "backup backups/counts-1.sqlite --config collector.yaml",
        more="Of a store in PostgreSQL `pg_dump` makes one.",
    )
    _add_where(backs_up)
    backs_up.add_argument("to", type=Path, metavar="FILE", help="the backup, which must not exist yet")
    restores = command(
        "restore",
        "put a backup in the place of the store, while `run` is stopped",
        "restore backups/counts-1.sqlite --config collector.yaml --replace",
        more="Devices are then asked for the reports that came after the backup.",
    )
    _add_where(restores)
    restores.add_argument("backup", type=Path, metavar="FILE", help="what `backup` made")
    restores.add_argument("--replace", action="store_true", help="put the store that is there aside")
    packs = command(
        "pack",
        "pack the messages of past days now, and delete those of long ago",
        "pack --config collector.yaml",
        more="`run` does so bit by bit; `pack_after_days` and `messages_days` say when.",
    )
    _add_where(packs)
    packs.add_argument("--json", action="store_true", help="one JSON object")


def _add_span(command: argparse.ArgumentParser, *, line: bool = True) -> None:
    if line:
        command.add_argument("--line", help="only this counting line")
    when = "a date or a time in the site's own zone, or an RFC 3339 time"
    command.add_argument("--from", dest="from_", type=_moment, metavar="TIME", help=when)
    command.add_argument("--to", type=_moment, metavar="TIME", help="the end, not included")


def _add_classes(command: argparse.ArgumentParser) -> None:
    command.add_argument("--interval", choices=INTERVALS, help="of the site's calendar")
    command.add_argument("--scheme", default=OWN, choices=[OWN, *SCHEMES], help="classes of another scheme")
    command.add_argument("--estimate", action="store_true", help="also scaled from watched time to all of it")
    command.add_argument("--load", action="store_true", help="also about how many tonnes, as told for the site")
    command.add_argument("--places", action="store_true", help="lines that several devices watch as one")


def _add_common(command: argparse.ArgumentParser) -> None:
    _add_source(command)
    command.add_argument("--json", action="store_true", help="one JSON object")


def _add_source(command: argparse.ArgumentParser) -> None:
    _add_where(command)
    command.add_argument("--site", help="only this site")
    command.add_argument("--device", help="only this device")


def _add_where(command: argparse.ArgumentParser) -> None:
    where = command.add_mutually_exclusive_group(required=True)
    where.add_argument("--config", type=Path, help="the collector's YAML file, which names the store")
    where.add_argument("--store", metavar="PATH|URL", help="the store itself: a file, or postgresql://...")


def _version() -> str:
    try:
        return version("crossing-monitor")
    except PackageNotFoundError:
        return "of a source tree that is not installed"


def _moment(text: str) -> Moment:
    try:
        return Moment.of(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 2026-11-22 or 2026-11-22T06:00Z") from None


def _number(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least} to {most}")
        return int(text)

    return number
