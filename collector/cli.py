"""The command `crossing-collector`: receive the reports of all devices, and answer questions about them.

Exit codes: 0 done, 1 the work failed, 2 the input is wrong. Answers go to standard output, the rest to
standard error.
"""

import argparse
import json
import logging
import signal
import sys
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from collector.alerts.book import acknowledge, alerts, deliveries
from collector.alerts.channels import Channel, Mqtt, apprise_channels
from collector.alerts.thread import AlertThread
from collector.clock import SystemClock
from collector.config import Configuration, load
from collector.devices import devices, gaps
from collector.errors import CollectorError, InputError
from collector.show import as_json, as_table, zones_as_json, zones_as_table
from collector.show_alerts import alerts_as_json, alerts_as_table
from collector.show_devices import devices_as_json, devices_as_table, gaps_as_json, gaps_as_table
from collector.store import Store, open_store
from collector.subscriber import Subscriber
from collector.totals import Selection, totals
from collector.views.results import Scope
from collector.zones import last_zones

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    arguments = _parser().parse_args(argv)
    try:
        _COMMANDS[arguments.command](arguments)
    except CollectorError as error:
        print(f"crossing-collector: {error}", file=sys.stderr)
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
    ) as store:
        subscriber = Subscriber(configuration.mqtt, store, batch_max=configuration.batch_max)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: subscriber.stop())
        beside = _alert_thread(configuration, subscriber)
        if beside is not None:
            beside.start()
        try:
            subscriber.run()
        finally:
            if beside is not None:
                beside.stop()
        tally = subscriber.tally
        logging.getLogger(__name__).info(
            "stopped: %d reports stored, %d came twice, %d messages refused",
            *(tally.stored, tally.duplicates, tally.refused),
        )


def _alert_thread(configuration: Configuration, subscriber: Subscriber) -> AlertThread | None:
    """What watches beside the intake; InputError where its channels cannot be made."""
    settings = configuration.alerts
    if not settings.enabled:
        return None
    channels: list[Channel] = []
    if settings.tell.mqtt:
        channels.append(Mqtt(subscriber.say, root=configuration.mqtt.root))
    if settings.tell.urls_file is not None:
        channels += apprise_channels(settings.tell.urls_file, pictures=settings.tell.pictures)
    return AlertThread(
        lambda: open_store(configuration.store, password_file=configuration.store_password_file),
        settings,
        configuration.sites,
        channels=channels,
        holder=configuration.mqtt.client_id,
        listening=lambda: subscriber.listening_ms,
    )


def _totals(arguments: argparse.Namespace) -> None:
    if arguments.from_ms is not None and arguments.to_ms is not None and arguments.from_ms >= arguments.to_ms:
        raise InputError("--from must be before --to")
    selection = Selection(
        site=arguments.site,
        device=arguments.device,
        line=arguments.line,
        from_ms=arguments.from_ms,
        to_ms=arguments.to_ms,
    )
    with _store_of(arguments) as store:
        found = totals(store, selection)
    if arguments.json:
        print(json.dumps(as_json(found, selection), sort_keys=True))
    elif found:
        print(as_table(found))
    else:
        print("no reports in this selection", file=sys.stderr)


def _zones(arguments: argparse.Namespace) -> None:
    with _store_of(arguments) as store:
        found = last_zones(store, site=arguments.site, device=arguments.device)
    if arguments.json:
        print(json.dumps(zones_as_json(found), sort_keys=True))
    elif found:
        print(zones_as_table(found))
    else:
        print("no zones in the last reports", file=sys.stderr)


def _devices(arguments: argparse.Namespace) -> None:
    now_ms = SystemClock().real_ms()
    with _store_of(arguments) as store:
        found = devices(store, site=arguments.site, device=arguments.device)
    if arguments.json:
        print(json.dumps(devices_as_json(found, now_ms=now_ms), sort_keys=True))
    elif found:
        print(devices_as_table(found, now_ms=now_ms))
    else:
        print("no device has said anything yet", file=sys.stderr)


def _gaps(arguments: argparse.Namespace) -> None:
    with _store_of(arguments) as store:
        found = gaps(store, site=arguments.site, device=arguments.device)
    if arguments.json:
        print(json.dumps(gaps_as_json(found), sort_keys=True))
    elif found:
        print(gaps_as_table(found))
    else:
        print("nothing is missing", file=sys.stderr)


def _alerts(arguments: argparse.Namespace) -> None:
    now_ms = SystemClock().real_ms()
    if arguments.acknowledge is not None:
        if not arguments.by:
            raise InputError("--acknowledge needs --by NAME, who takes note")
        with _store_of(arguments, write=True) as store:
            note = arguments.note or ""
            found = [acknowledge(store, arguments.acknowledge, by=arguments.by, note=note, now_ms=now_ms)]
            with store.reading() as reading:
                said = {found[0].id: deliveries(reading, found[0].id)}
    elif arguments.by or arguments.note:
        raise InputError("--by and --note go with --acknowledge ID")
    else:
        scope = Scope(site=arguments.site, device=arguments.device)
        with _store_of(arguments) as store, store.reading() as reading:
            found = alerts(reading, scope, open_only=arguments.open, limit=arguments.limit)
            said = {one.id: deliveries(reading, one.id) for one in found} if arguments.json else {}
    if arguments.json:
        print(json.dumps(alerts_as_json(found, said, now_ms=now_ms), sort_keys=True))
    elif found:
        print(alerts_as_table(found, now_ms=now_ms))
    else:
        print("no open alerts" if arguments.open else "no alerts yet", file=sys.stderr)


_COMMANDS = {"run": _run, "totals": _totals, "zones": _zones, "devices": _devices, "gaps": _gaps, "alerts": _alerts}


def _store_of(arguments: argparse.Namespace, *, write: bool = False) -> Store:
    """The store that was named, to read from; one that is not there is not made."""
    if arguments.store is not None:
        where, password_file = arguments.store, None
    else:
        configuration = load(arguments.config)
        where, password_file = configuration.store, configuration.store_password_file
    store = open_store(where, write=False, password_file=password_file)
    if write:
        store.close()
        store = open_store(where, password_file=password_file)
    return store


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="crossing-collector", description="Receives and sums up crossing counts.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="subscribe to the broker and store what the devices report")
    run.add_argument("--config", type=Path, required=True, help="the collector's YAML file")
    sums = commands.add_parser("totals", help="vehicles per line, direction and class")
    _add_common(sums)
    sums.add_argument("--line", help="only this counting line")
    sums.add_argument("--from", dest="from_ms", type=_time, metavar="TIME", help="a date (UTC) or RFC 3339 time")
    sums.add_argument("--to", dest="to_ms", type=_time, metavar="TIME", help="the end, not included")
    queues = commands.add_parser("zones", help="who is in the queue zones, as last reported")
    _add_common(queues)
    fleet = commands.add_parser("devices", help="which devices are there, when and how late they report")
    _add_common(fleet)
    lacks = commands.add_parser("gaps", help="which reports are missing, and which are gone for good")
    _add_common(lacks)
    news = commands.add_parser("alerts", help="what was unusual, newest first; and to take note of it")
    _add_common(news)
    news.add_argument("--open", action="store_true", help="only what is not over")
    news.add_argument("--limit", type=int, default=50, metavar="N", help="at most so many (50)")
    news.add_argument("--acknowledge", type=int, metavar="ID", help="take note of this one")
    news.add_argument("--by", metavar="NAME", help="who takes note")
    news.add_argument("--note", metavar="TEXT", help="what they write beside it")
    return parser


def _add_common(command: argparse.ArgumentParser) -> None:
    where = command.add_mutually_exclusive_group(required=True)
    where.add_argument("--config", type=Path, help="the collector's YAML file, which names the store")
    where.add_argument("--store", metavar="PATH|URL", help="the store itself: a file, or postgresql://...")
    command.add_argument("--site", help="only this site")
    command.add_argument("--device", help="only this device")
    command.add_argument("--json", action="store_true", help="one JSON object")


def _version() -> str:
    try:
        return version("crossing-monitor")
    except PackageNotFoundError:
        return "of a source tree that is not installed"


def _time(text: str) -> int:
    """Milliseconds UTC of a date or of a time with its zone."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 2026-11-22T06:00:00Z") from None
    if time.tzinfo is None:
        if time.time() != datetime.min.time() or "T" in text:
            raise argparse.ArgumentTypeError(f"{text!r} does not say its zone; add Z for UTC")
        time = time.replace(tzinfo=UTC)
    return (time - _EPOCH) // timedelta(milliseconds=1)
