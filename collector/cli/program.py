"""The command `crossing-collector`: receive the reports of all devices, and answer questions about them.

Exit codes: 0 done, 1 the work failed, 2 the input is wrong. Answers go to standard output, the rest to
standard error.
"""

import argparse
import json
import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from collector.alerts.channels import Channel, Mqtt, apprise_channels
from collector.alerts.repository import acknowledge, alerts, deliveries
from collector.alerts.worker import AlertThread
from collector.api.live_board import LiveBoard
from collector.cli import (
    ahead_command,
    backup_command,
    compare_command,
    convoys_command,
    models_command,
    overlaps_command,
    pack_command,
    token_command,
    verdicts_command,
    views_command,
)
from collector.cli.arguments import parser
from collector.cli.serving import serving
from collector.cli.show_alerts import alerts_as_json, alerts_as_table
from collector.cli.show_devices import devices_as_json, devices_as_table, gaps_as_json, gaps_as_table, identity_lines
from collector.cli.show_refusals import refusals_as_json, refusals_as_table
from collector.cli.show_rollups import rollups_as_json, rollups_as_table
from collector.cli.show_totals import zones_as_json, zones_as_table
from collector.cli.terminal_table import printable
from collector.clock import SystemClock
from collector.config import Configuration, load
from collector.domain.faults import Faults
from collector.domain.scope import Scope
from collector.errors import CollectorError, InputError
from collector.mqtt.subscriber import Subscriber
from collector.queries.devices import devices, gaps
from collector.queries.places import Sites, check_scope
from collector.queries.refusals import refusals_in
from collector.queries.zones import last_zones
from collector.store.interface import Keeping, Store
from collector.store.opening import POSTGRES, open_store
from collector.store.packing import Packer


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    arguments = parser().parse_args(argv)
    try:
        _COMMANDS[arguments.command](arguments)
    except CollectorError as error:
        print(f"crossing-collector: {printable(str(error), lines=True)}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # the reader of our output, such as head, has seen enough
        sys.stderr.close()
    return 0


def _run(arguments: argparse.Namespace) -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    configuration = load(arguments.config)
    with open_store(
        configuration.store,
        refusals_max=configuration.refusals_max,
        password_file=configuration.store_password_file,
        time_zones=configuration.time_zones,
        limits=configuration.limits,
    ) as store:
        board, faults = LiveBoard(SystemClock().real_ms), Faults()
        _sum_up(store)
        subscriber = Subscriber(
            configuration.mqtt,
            store,
            batch_max=configuration.batch_max,
            on_commit=board.committed,
            on_glimpse=board.take,
            between=Packer(store, configuration.keeping, SystemClock()).step,
            faults=faults,
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: subscriber.stop())
        beside = _alert_thread(configuration, subscriber, faults)
        if beside is not None:
            beside.start()
        try:
            with serving(configuration, board, subscriber, faults):
                subscriber.run()
        finally:
            if beside is not None:
                beside.stop()
        tally = subscriber.tally
        logging.getLogger(__name__).info(
            "stopped: %d reports stored, %d came twice, %d messages refused",
            *(tally.stored, tally.duplicates, tally.refused),
        )


def _alert_thread(configuration: Configuration, subscriber: Subscriber, faults: Faults) -> AlertThread | None:
    """What watches beside the intake; InputError where its channels cannot be made."""
    settings = configuration.alerts
    if not settings.enabled:
        return None
    channels: list[Channel] = []
    if settings.tell.mqtt:
        channels.append(Mqtt(subscriber.publish, root=configuration.mqtt.root))
    if settings.tell.urls_file is not None:
        channels += apprise_channels(settings.tell.urls_file, pictures=settings.tell.pictures)
    return AlertThread(
        lambda: open_store(
            configuration.store,
            password_file=configuration.store_password_file,
            time_zones=configuration.time_zones,
        ),
        settings,
        configuration.sites,
        channels=channels,
        holder=configuration.mqtt.client_id,
        listening=lambda: subscriber.listening_ms,
        faults=faults,
    )


def _sum_up(store: Store) -> None:
    """What a store of an older version never summed up, or in another zone than a site is now told to have."""
    behind = [state for state in store.rollups() if not state.complete or state.time_zone not in (None, state.wanted)]
    for state in behind:
        log = logging.getLogger(__name__)
        log.info("summing up the reports of %s/%s, in the zone %s", state.site, state.device, state.wanted)
        store.rebuild(state.device_id)
    if behind:
        store.settle()


def _totals(arguments: argparse.Namespace) -> None:
    views_command.check(arguments)
    with _store_and_sites(arguments) as (store, sites):
        views_command.show_totals(store, sites, arguments)
        ahead_command.warn_of_ahead(store, arguments)


def _balance(arguments: argparse.Namespace) -> None:
    views_command.check(arguments)
    with _store_and_sites(arguments) as (store, sites):
        views_command.show_balance(store, sites, arguments)
        ahead_command.warn_of_ahead(store, arguments)


def _compare(arguments: argparse.Namespace) -> None:
    with _store_and_sites(arguments) as (store, sites):
        compare_command.show_compare(store, sites, arguments)
        ahead_command.warn_of_ahead(store, arguments)


def _usual(arguments: argparse.Namespace) -> None:
    with _store_and_sites(arguments) as (store, sites):
        compare_command.show_usual(store, sites, arguments)


def _export(arguments: argparse.Namespace) -> None:
    views_command.check(arguments)
    with _store_and_sites(arguments) as (store, sites):
        views_command.export_records(store, sites, arguments)
        ahead_command.warn_of_ahead(store, arguments)


def _backup(arguments: argparse.Namespace) -> None:
    backup_command.backup(_named_store(arguments), arguments.to)


def _restore(arguments: argparse.Namespace) -> None:
    backup_command.restore(_named_store(arguments), arguments.backup, replace=arguments.replace)


def _named_store(arguments: argparse.Namespace) -> str | Path:
    return load(arguments.config).store if arguments.config is not None else str(arguments.store)


def _rollup(arguments: argparse.Namespace) -> None:
    with _store_and_sites(arguments, write=arguments.rebuild) as (store, _):
        states = store.rollups()
        if arguments.rebuild:
            for state in tqdm(states, unit="device", file=sys.stderr, disable=None):
                store.rebuild(state.device_id)
            store.settle()
            states = store.rollups()
    if arguments.json:
        print(json.dumps(rollups_as_json(states), sort_keys=True))
    elif states:
        print(rollups_as_table(states))
    else:
        print("no device has said anything yet", file=sys.stderr)


def _pack(arguments: argparse.Namespace) -> None:
    keeping = Keeping() if arguments.config is None else load(arguments.config).keeping
    with _store_and_sites(arguments, write=True) as (store, _):
        pack_command.pack(store, keeping, as_json=arguments.json)


def _zones(arguments: argparse.Namespace) -> None:
    with _store_and_sites(arguments) as (store, _):
        now_ms = SystemClock().real_ms()
        found = last_zones(store, site=arguments.site, device=arguments.device, now_ms=now_ms)
    if arguments.json:
        print(json.dumps(zones_as_json(found), sort_keys=True))
    elif found:
        print(zones_as_table(found))
    else:
        print("no zones in the last reports", file=sys.stderr)


def _convoys(arguments: argparse.Namespace) -> None:
    with _store_and_sites(arguments) as (store, sites):
        convoys_command.show_convoys(store, sites, arguments)


def _devices(arguments: argparse.Namespace) -> None:
    now_ms = SystemClock().real_ms()
    with _store_and_sites(arguments) as (store, _):
        found = devices(store, site=arguments.site, device=arguments.device, now_ms=now_ms)
    if arguments.json:
        print(json.dumps(devices_as_json(found, now_ms=now_ms), sort_keys=True))
    elif found:
        print(devices_as_table(found, now_ms=now_ms))
    else:
        print("no device has said anything yet", file=sys.stderr)


def _ahead(arguments: argparse.Namespace) -> None:
    with _store_and_sites(arguments, write=arguments.set_aside or arguments.take_back) as (store, _):
        ahead_command.ahead(store, arguments)


def _overlaps(arguments: argparse.Namespace) -> None:
    with _store_and_sites(arguments, write=arguments.take_back) as (store, _):
        overlaps_command.overlaps(store, arguments)


def _gaps(arguments: argparse.Namespace) -> None:
    with _store_and_sites(arguments) as (store, _):
        found = gaps(store, site=arguments.site, device=arguments.device)
        states = devices(store, site=arguments.site, device=arguments.device)
    identity = identity_lines(states, now_ms=SystemClock().real_ms())
    if arguments.json:
        print(json.dumps({**gaps_as_json(found), "identity": identity}, sort_keys=True))
    elif found or identity:
        print("\n".join([*([gaps_as_table(found)] if found else []), *identity]))
    else:
        print("nothing is missing", file=sys.stderr)


def _refusals(arguments: argparse.Namespace) -> None:
    scope = {"site": arguments.site, "device": arguments.device}
    with _store_and_sites(arguments) as (store, _), store.reading() as reading:
        found = refusals_in(reading, **scope, limit=arguments.limit)
    if arguments.json:
        print(json.dumps(refusals_as_json(found), sort_keys=True))
    elif found.newest:
        print(refusals_as_table(found))
    else:
        print("nothing was refused", file=sys.stderr)


def _alerts(arguments: argparse.Namespace) -> None:
    now_ms = SystemClock().real_ms()
    if arguments.acknowledge is not None:
        if not arguments.by:
            raise InputError("--acknowledge needs --by NAME, who takes note")
        with _store_and_sites(arguments, write=True) as (store, _):
            note = arguments.note or ""
            found = [acknowledge(store, arguments.acknowledge, by=arguments.by, note=note, now_ms=now_ms)]
            with store.reading() as reading:
                said = {found[0].id: deliveries(reading, found[0].id)}
    elif arguments.by or arguments.note:
        raise InputError("--by and --note go with --acknowledge ID")
    else:
        scope = Scope(site=arguments.site, device=arguments.device)
        with _store_and_sites(arguments) as (store, _), store.reading() as reading:
            found = alerts(reading, scope, open_only=arguments.open, limit=arguments.limit)
            said = {one.id: deliveries(reading, one.id) for one in found} if arguments.json else {}
    if arguments.json:
        print(json.dumps(alerts_as_json(found, said, now_ms=now_ms), sort_keys=True))
    elif found:
        print(alerts_as_table(found, now_ms=now_ms))
    else:
        print("no open alerts" if arguments.open else "no alerts yet", file=sys.stderr)


def _verdicts(arguments: argparse.Namespace) -> None:
    verdicts_command.check(arguments)
    with _store_and_sites(arguments, write=arguments.say is not None) as (store, sites):
        verdicts_command.verdicts_of(store, sites, arguments)


def _models(arguments: argparse.Namespace) -> None:
    with _store_and_sites(arguments, write=arguments.factors is not None) as (store, _):
        models_command.models(store, arguments)


_COMMANDS = {
    "run": _run,
    "totals": _totals,
    "balance": _balance,
    "compare": _compare,
    "usual": _usual,
    "zones": _zones,
    "convoys": _convoys,
    "devices": _devices,
    "ahead": _ahead,
    "overlaps": _overlaps,
    "gaps": _gaps,
    "models": _models,
    "refusals": _refusals,
    "export": _export,
    "rollup": _rollup,
    "pack": _pack,
    "backup": _backup,
    "restore": _restore,
    "token": token_command.token,
    "alerts": _alerts,
    "verdicts": _verdicts,
}


def _check_names(store: Store, arguments: argparse.Namespace) -> None:
    if arguments.command == "refusals":
        return  # of a device of which everything was refused nothing else is known
    names = [getattr(arguments, name, None) for name in ("site", "device", "line")]
    if any(name is not None for name in names):
        with store.reading() as reading:
            check_scope(reading, Scope(site=names[0], device=names[1], line=names[2]))


@contextmanager
def _store_and_sites(arguments: argparse.Namespace, *, write: bool = False) -> Iterator[tuple[Store, Sites]]:
    """The store that was named, and what is told of its sites. InputError for a site or device that nobody heard of."""
    if arguments.store is not None:
        if write and not POSTGRES.match(arguments.store) and not Path(arguments.store).is_file():
            raise InputError(f"store {arguments.store} does not exist")
        with open_store(arguments.store, write=write) as store:
            _check_names(store, arguments)
            yield store, {}
        return
    configuration = load(arguments.config)
    with open_store(
        configuration.store,
        write=write,
        password_file=configuration.store_password_file,
        time_zones=configuration.time_zones,
    ) as store:
        _check_names(store, arguments)
        yield store, configuration.sites
