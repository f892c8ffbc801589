# ruff: noqa: T201 - a command prints
"""The net: what the programs say and write, held to the byte. `--record` writes it anew; see README.md.

python -m tests.golden [--record] [NAME...]
"""

import argparse
import difflib
import json
import sys
from collections.abc import Callable, Iterator
from functools import partial

from tests.collector.postgres import binaries, server
from tests.golden import answers, contracts, replays

EXPECTED = replays.FOLDER / "expected"
CLIPS, POSTGRES, VERSIONS = "clips.json", "postgres.txt", "made-with.json"


def makers() -> dict[str, Callable[[], str]]:
    """Of every file that is expected, except of those that need a database or clips of ../shared: how it is made."""
    found: dict[str, Callable[[], str]] = {
        f"replay-{name}-every-{every}.txt": partial(replays.replayed, name, every)
        for name in replays.names()
        for every in replays.EVERY
    }
    found |= {f"collector-{name}.txt": partial(_answer, name) for name in answers.QUESTIONS}
    found |= {"sqlite.txt": contracts.sqlite_tables}
    return found | {"openapi.json": contracts.openapi, "help.txt": contracts.help_texts}


def _answer(name: str) -> str:
    return answers.answers()[name]


def clip_hashes() -> str:
    """By clip."""
    found = {name: replays.clip_hash(name) for name in replays.CLIP_NAMES}
    return json.dumps(found, indent=1) + "\n"


def made(names: list[str]) -> Iterator[tuple[str, str]]:
    """File name and content, of those whose name holds one of `names`, or of all that can be made here."""
    chosen = {name: maker for name, maker in makers().items() if not names or any(one in name for one in names)}
    for name, maker in chosen.items():
        yield name, maker()
    if (not names or "postgres" in names) and binaries() is not None:
        with server() as running:
            yield POSTGRES, contracts.postgres_tables(running.url)
    if "clips" in names and replays.CLIPS.is_dir():
        yield CLIPS, clip_hashes()
    if not names:
        yield VERSIONS, json.dumps(contracts.made_with(), indent=1) + "\n"


def main() -> int:
    """Say what differs, and write it with `--record`; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.golden", description=__doc__.split("\n", 1)[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="only those with this in their name; clips: hashes")
    parser.add_argument("--record", action="store_true", help="write what is expected anew")
    given = parser.parse_args()
    EXPECTED.mkdir(exist_ok=True)
    differing = 0
    for name, text in made(given.names):
        path = EXPECTED / name
        before = path.read_text("utf-8") if path.exists() else ""
        if text == before:
            continue
        differing += 1
        sys.stdout.writelines(
            list(difflib.unified_diff(before.splitlines(True), text.splitlines(True), name, name, n=1))[:20]
        )
        if given.record:
            path.write_bytes(text.encode())
    print(f"{differing} files {'written' if given.record else 'differ'}")
    return 0 if given.record else int(differing > 0)


if __name__ == "__main__":
    sys.exit(main())
