"""The command `crossing-collector token`: who may use the API and the dashboard."""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from collector.api.tokens import LINK_MINUTES, SCOPES, Token, TokenFile
from collector.cli.terminal_table import aligned
from collector.config import load
from edge.clock import SystemClock
from edge.errors import InputError
from edge.wire.names import NAME, NAME_RULE
from edge.wire.times import rfc3339


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its actions to the parser."""
    tokens = commands.add_parser(
        "token",
        help="who may use the API and the dashboard",
        description="Who may use the API and the dashboard. A token is printed once, and only its digest is kept.",
        epilog="for example:\n  crossing-collector token add wall --scope read --config collector.yaml\n"
        "  crossing-collector token link wall --config collector.yaml",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
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
    show.add_argument("--json", action="store_true", help="one JSON object")


def token(arguments: argparse.Namespace) -> None:
    """Add, list, link or remove tokens."""
    configuration = load(arguments.config)
    if configuration.http is None:
        raise InputError(f"configuration {arguments.config}: tokens are for `http`, and there is none")
    http = configuration.http
    book = TokenFile(http.tokens_file)
    now_ms = SystemClock().real_ms()
    if arguments.action == "list":
        if arguments.json:
            print(json.dumps({"tokens": [_as_json(token) for token in book.tokens()]}, sort_keys=True))
            return
        rows = [["name", "scopes", "since"]]
        rows += [[token.name, ", ".join(token.scopes), rfc3339(token.created_ms)] for token in book.tokens()]
        print(aligned(rows) if len(rows) > 1 else "no tokens yet")
    elif arguments.action == "remove":
        book.remove(arguments.name)
    elif arguments.action == "link":
        code = book.link(arguments.name, now_ms=now_ms)
        scheme = "https" if http.certificate_file or http.behind_tls else "http"
        address = http.address or f"{scheme}://{(http.names or [http.host])[0]}:{http.port}"
        print(f"{address.rstrip('/')}/#code={code}")
        print(f"good once, within {LINK_MINUTES} minutes", file=sys.stderr)
    else:
        print(book.add(arguments.name, arguments.scope or ["read"], now_ms=now_ms))
        print("keep it: it is not shown again, and only what it is known by is stored", file=sys.stderr)


def _as_json(token: Token) -> dict[str, Any]:
    return {"name": token.name, "scopes": list(token.scopes), "since": rfc3339(token.created_ms)}


def _name(text: str) -> str:
    if not re.fullmatch(NAME, text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a name of {NAME_RULE}")
    return text
