"""The command `crossing-collector`: receive the reports of all devices, and answer questions about them.

Exit codes: 0 done, 1 the work failed, 2 the input is wrong. Answers go to standard output, the rest to
standard error.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from collector.cli import (
    ahead_command,
    backup_command,
    compare_command,
    convoys_command,
    models_command,
    overlaps_command,
    pack_command,
    rollup_command,
    run_command,
    show_alerts,
    show_devices,
    show_refusals,
    show_totals,
    token_command,
    verdicts_command,
    views_command,
)
from collector.cli.arguments import parser
from collector.cli.terminal_table import printable
from collector.config import load
from collector.domain.scope import Scope
from collector.queries.places import Sites, check_scope
from collector.store.interface import Store
from collector.store.opening import POSTGRES, open_store
from edge.errors import CrossingError, InputError


@dataclass(frozen=True, slots=True)
class Query:
    """A command that answers from a store: `show` prints the answer, `check` raises InputError before it is opened."""

    show: Callable[[Store, Sites, argparse.Namespace], None]
    check: Callable[[argparse.Namespace], None] = lambda _: None
    writes: Callable[[argparse.Namespace], bool] = lambda _: False
    warns_of_ahead: bool = False
    """Say afterwards which reports the answer leaves out because their times cannot be right."""


_QUERIES = {
    "totals": Query(views_command.show_totals, views_command.check, warns_of_ahead=True),
    "balance": Query(views_command.show_balance, views_command.check, warns_of_ahead=True),
    "compare": Query(compare_command.show_compare, warns_of_ahead=True),
    "usual": Query(compare_command.show_usual),
    "zones": Query(show_totals.show_zones),
    "convoys": Query(convoys_command.show_convoys),
    "devices": Query(show_devices.show_devices),
    "ahead": Query(ahead_command.show_ahead, writes=lambda given: given.set_aside or given.take_back),
    "overlaps": Query(overlaps_command.show_overlaps, writes=lambda given: given.take_back),
    "gaps": Query(show_devices.show_gaps),
    "models": Query(models_command.show_models, writes=lambda given: given.factors is not None),
    "refusals": Query(show_refusals.show_refusals),
    "export": Query(views_command.export_records, views_command.check, warns_of_ahead=True),
    "rollup": Query(rollup_command.show_rollups, writes=lambda given: given.rebuild),
    "pack": Query(pack_command.pack, writes=lambda _: True),
    "alerts": Query(show_alerts.show_alerts, show_alerts.check, writes=lambda given: given.acknowledge is not None),
    "verdicts": Query(
        verdicts_command.show_verdicts, verdicts_command.check, writes=lambda given: given.say is not None
    ),
}
_COMMANDS = {
    "run": run_command.run,
    "backup": lambda given: backup_command.backup(_named_store(given), given.to),
    "restore": lambda given: backup_command.restore(_named_store(given), given.backup, replace=given.replace),
    "token": token_command.token,
}


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    given = parser().parse_args(argv)
    try:
        if given.command in _QUERIES:
            _answer(_QUERIES[given.command], given)
        else:
            _COMMANDS[given.command](given)
    except CrossingError as error:
        print(f"crossing-collector: {printable(str(error), lines=True)}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # the reader of our output, such as head, has seen enough
        sys.stderr.close()
    return 0


def _answer(query: Query, given: argparse.Namespace) -> None:
    query.check(given)
    with _store_and_sites(given, write=query.writes(given)) as (store, sites):
        query.show(store, sites, given)
        if query.warns_of_ahead:
            ahead_command.warn_of_ahead(store, given)


def _named_store(given: argparse.Namespace) -> str | Path:
    return load(given.config).store if given.config is not None else str(given.store)


@contextmanager
def _store_and_sites(given: argparse.Namespace, *, write: bool) -> Iterator[tuple[Store, Sites]]:
    """The store that was named, and what the configuration says of its sites.

    InputError for a site, device or line that never reported.
    """
    if given.store is not None:
        if write and not POSTGRES.match(given.store) and not Path(given.store).is_file():
            raise InputError(f"store {given.store} does not exist")
        with open_store(given.store, write=write) as store:
            _check_names(store, given)
            yield store, {}
        return
    configuration = load(given.config)
    with open_store(
        configuration.store,
        write=write,
        password_file=configuration.store_password_file,
        time_zones=configuration.time_zones,
    ) as store:
        _check_names(store, given)
        yield store, configuration.sites


def _check_names(store: Store, given: argparse.Namespace) -> None:
    if given.command == "refusals":
        return  # a device whose every message was refused is in no other table
    names = [getattr(given, name, None) for name in ("site", "device", "line")]
    if any(name is not None for name in names):
        with store.reading() as reading:
            check_scope(reading, Scope(site=names[0], device=names[1], line=names[2]))
