"""The command `crossing-collector`: receive the reports of all devices, and answer questions about them.

Exit codes: 0 done, 1 the work failed, 2 the input is wrong. Answers go to standard output, the rest to
standard error.
"""

import argparse
import json
import logging
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from collector.api.live_board import LiveBoard
from collector.api.tokens import LINK_MINUTES, SCOPES, TokenBook
from collector.clock import SystemClock
from collector.config import Configuration, load
from collector.devices import devices, gaps
from collector.errors import CollectorError, InputError
from collector.show import aligned, as_json, as_table, zones_as_json, zones_as_table
from collector.show_devices import devices_as_json, devices_as_table, gaps_as_json, gaps_as_table
from collector.store import Store, open_store
from collector.subscriber import Subscriber
from collector.totals import Selection, totals
from collector.zones import last_zones
from edge.delivery.report import NAME, NAME_RULE, rfc3339

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
        board = LiveBoard(SystemClock().real_ms)
        subscriber = Subscriber(
            configuration.mqtt,
            store,
            batch_max=configuration.batch_max,
            on_commit=board.committed,
            on_glimpse=board.take,
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: subscriber.stop())
        with _serving(configuration, board, subscriber):
            subscriber.run()
        tally = subscriber.tally
        logging.getLogger(__name__).info(
            "stopped: %d reports stored, %d came twice, %d messages refused",
            *(tally.stored, tally.duplicates, tally.refused),
        )


@contextmanager
def _serving(configuration: Configuration, board: LiveBoard, subscriber: Subscriber) -> Iterator[None]:
    """The API and the dashboard, while this lasts, where the configuration asks for them."""
    if configuration.http is None:
        yield
        return
    try:
        from collector.api.server import Api
    except ModuleNotFoundError as error:
        raise InputError(f"`http` needs more: pip install 'crossing-monitor[collector]' ({error})") from error
    with Api(
        configuration.http,
        open_store=lambda write: open_store(
            configuration.store, write=write, password_file=configuration.store_password_file
        ),
        board=board,
        sites=configuration.sites,
        clock=SystemClock(),
        wish=subscriber.wish,
    ):
        yield


def _token(arguments: argparse.Namespace) -> None:
    configuration = load(arguments.config)
    if configuration.http is None:
        raise InputError(f"configuration {arguments.config}: tokens are for `http`, and there is none")
    http = configuration.http
    book = TokenBook(http.tokens_file)
    now_ms = SystemClock().real_ms()
    if arguments.action == "list":
        rows = [["name", "scopes", "since"]]
        rows += [[token.name, ", ".join(token.scopes), rfc3339(token.created_ms)] for token in book.tokens()]
        print(aligned(rows) if len(rows) > 1 else "no tokens yet")
    elif arguments.action == "remove":
        book.remove(arguments.name)
    elif arguments.action == "link":
        code = book.link(arguments.name, now_ms=now_ms)
        scheme = "https" if http.certificate_file or http.behind_tls else "http"
        print(f"{scheme}://{(http.names or [http.host])[0]}:{http.port}/#code={code}")
        print(f"good once, within {LINK_MINUTES} minutes", file=sys.stderr)
    else:
        print(book.add(arguments.name, arguments.scope or ["read"], now_ms=now_ms))
        print("keep it: it is not shown again, and only what it is known by is stored", file=sys.stderr)


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


_COMMANDS = {"run": _run, "totals": _totals, "zones": _zones, "devices": _devices, "gaps": _gaps, "token": _token}


def _store_of(arguments: argparse.Namespace) -> Store:
    """The store that was named, to read from."""
    if arguments.store is not None:
        return open_store(arguments.store, write=False)
    configuration = load(arguments.config)
    return open_store(configuration.store, write=False, password_file=configuration.store_password_file)


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
    tokens = commands.add_parser("token", help="who may use the API and the dashboard")
    actions = tokens.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="make a token, and print it once")
    add.add_argument("--scope", action="append", choices=SCOPES, help="what it allows; again for more; default: read")
    link = actions.add_parser("link", help="print an address that lets one browser in, once, as the bearer of a token")
    remove = actions.add_parser("remove", help="let its bearer in no more")
    show = actions.add_parser("list", help="the tokens there are")
    for action in (add, link, remove):
        action.add_argument("name", metavar="NAME", type=_name, help="what the token is called")
    for action in (add, link, remove, show):
        action.add_argument("--config", type=Path, required=True, help="the collector's YAML file")
    return parser


def _name(text: str) -> str:
    if not re.fullmatch(NAME, text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a name of {NAME_RULE}")
    return text


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
