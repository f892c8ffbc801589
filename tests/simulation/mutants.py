# ruff: noqa: T201 - a command prints
"""Deliberate breaks of delivery and counting; each must be caught by a seed of the simulation, or by a test.

    python -m tests.simulation.mutants [--seeds 150] [NAME...]

A copy of the repository is broken, one break at a time; a break that nobody notices is a hole in the tests, and the
command ends with 1. A break whose text is not found in the code ends it with 2: the list has to follow the code.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tqdm import tqdm

ROOT = Path(__file__).parents[2]
COPIED = ("edge", "collector", "tests", "models", "pyproject.toml", "README.md", "Makefile")
TESTS = ("tests/delivery", "tests/collector", "tests/counting", "tests/test_replay_outbox.py")


@dataclass(frozen=True, slots=True)
class Mutant:
    """`old` stands once in `file`, and is replaced by `new`."""

    name: str
    file: str
    old: str
    new: str


def mutants() -> list[Mutant]:
    """Those of the list beside this file."""
    return [Mutant(**one) for one in yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text("utf-8"))]


def is_noticed(tree: Path, file: str, seeds: int) -> str:
    """By whom a break in `file` below `tree` is noticed: `seed`, `test`, or empty."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    silent = subprocess.DEVNULL
    given: dict[str, Any] = {"cwd": tree, "env": environment, "stdout": silent, "stderr": silent}
    test = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    simulate = [sys.executable, "-m", "tests.simulation", "--seeds", str(seeds), "--until-failure"]
    near = tests_near(tree, file)
    if near is not None and subprocess.run([*test, near], check=False, **given).returncode:
        return "test"
    if subprocess.run(simulate, check=False, **given).returncode:
        return "seed"
    return "test" if subprocess.run([*test, *TESTS], check=False, **given).returncode else ""


def tests_near(tree: Path, file: str) -> str | None:
    """The tests below `tree` that bear the name of a file, or else of its folder: they are asked first, being quick."""
    package, *folder = Path(file).parent.parts
    name = f"test_{Path(file).stem}.py"
    places = (
        Path("tests", *folder, name),
        Path("tests", package, name),
        Path("tests", name),
        *(Path("tests", one) for one in folder),
    )
    return next((str(one) for one in places if (tree / one).exists()), None)


def main(arguments: Sequence[str] | None = None) -> int:
    """Break, look who notices, mend."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mutants", description=__doc__.split("\n", 1)[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="only those whose name holds this")
    parser.add_argument("--seeds", type=int, default=150)
    parser.add_argument("--list", action="store_true", help="print their names")
    given = parser.parse_args(arguments)
    known = mutants()
    chosen = [one for one in known if not given.names or any(name in one.name for name in given.names)]
    stray = [one.name for one in known if (ROOT / one.file).read_text("utf-8").count(one.old) != 1]
    if stray:
        print(f"these do not fit the code any more: {'; '.join(stray)}", file=sys.stderr)
        return 2
    if given.list:
        print("\n".join(one.name for one in chosen))
        return 0
    unnoticed = []
    with tempfile.TemporaryDirectory(prefix="crossing-mutants-") as folder:
        tree = Path(folder)
        for name in COPIED:
            place = ROOT / name
            if place.is_dir():
                shutil.copytree(place, tree / name, ignore=shutil.ignore_patterns("__pycache__", "*.mp4", "training"))
            else:
                shutil.copy(place, tree / name)
        for one in tqdm(chosen, unit="mutant"):
            file = tree / one.file
            whole = file.read_text("utf-8")
            file.write_text(whole.replace(one.old, one.new), "utf-8")
            noticed = is_noticed(tree, one.file, given.seeds)
            file.write_text(whole, "utf-8")
            tqdm.write(f"{noticed or 'NOBODY':6} {one.name}", file=sys.stdout)
            if not noticed:
                unnoticed.append(one.name)
    print(f"{len(chosen) - len(unnoticed)} of {len(chosen)} mutants are noticed")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
