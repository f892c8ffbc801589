"""Prints the answer of a command: one JSON object with --json, else a table."""

import argparse
import json
import sys
from collections.abc import Callable
from typing import TypeVar

_Found = TypeVar("_Found")


def print_answer(
    given: argparse.Namespace,
    found: _Found,
    as_json: Callable[[_Found], object],
    as_table: Callable[[_Found], str],
    *,
    nothing: str,
) -> None:
    """On standard output; where nothing was `found`, a table is replaced by `nothing` on standard error."""
    if given.json:
        print(json.dumps(as_json(found), sort_keys=True))
    elif found:
        print(as_table(found))
    else:
        print(nothing, file=sys.stderr)
