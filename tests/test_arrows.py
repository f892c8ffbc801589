"""The arrows of DESIGN: which part may import which, read from the source and not from what happens to load."""

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*ROOT.glob("edge/**/*.py"), *ROOT.glob("collector/**/*.py")])

OURS = ("edge", "collector")
IMPURE = ("cv2", "onnxruntime", "paho", "sqlite3", "threading", "time", "random", "logging", "numpy")

# Where a package may reach among our own; the longest name that fits a module decides.
MAY_IMPORT = {
    "edge": ("edge.redaction", "edge.wire"),  # the clock, the errors, redaction, typed YAML
    "edge.wire": ("edge.wire",),
    "edge.counting": ("edge.counting",),
    "edge.config": ("edge.config", "edge.counting", "edge.wire", "edge.typed_yaml", "edge.redaction", "edge.errors"),
    "edge.vision": ("edge.vision", "edge.counting", "edge.typed_yaml", "edge.redaction", "edge.clock", "edge.errors"),
    "edge.delivery": ("edge.delivery", "edge.wire", "edge.counting", "edge.clock", "edge.errors"),
    "edge.build": (
        "edge.build",
        "edge.config",
        "edge.vision",
        "edge.counting",
        "edge.delivery",
        "edge.wire",
        "edge.clock",
        "edge.errors",
    ),
    "edge.device": (
        "edge.device",
        "edge.build",
        "edge.config",
        "edge.vision",
        "edge.counting",
        "edge.delivery",
        "edge.wire",
        "edge.redaction",
        "edge.clock",
        "edge.errors",
    ),
    "edge.offline": (
        "edge.offline",
        "edge.device.machine",
        "edge.device.strip_store",
        "edge.build",
        "edge.config",
        "edge.vision",
        "edge.counting",
        "edge.delivery",
        "edge.wire",
        "edge.clock",
        "edge.errors",
    ),
    "edge.pages": (
        "edge.pages",
        "edge.offline",
        "edge.build",
        "edge.config",
        "edge.vision",
        "edge.counting",
        "edge.clock",
        "edge.errors",
    ),
    "edge.cli": ("edge",),
    "collector": (),
    "collector.domain": ("collector.domain", "edge.errors", "edge.wire"),
    "collector.protocol": ("collector.protocol", "collector.domain", "edge.errors", "edge.wire"),
    "collector.store": (
        "collector.store",
        "collector.protocol",
        "collector.domain",
        "edge.clock",
        "edge.errors",
        "edge.wire",
    ),
    "collector.queries": (
        "collector.queries",
        "collector.store",
        "collector.protocol",
        "collector.domain",
        "edge.errors",
        "edge.wire",
    ),
    "collector.alerts": (
        "collector.alerts",
        "collector.queries",
        "collector.store",
        "collector.protocol",
        "collector.domain",
        "edge.clock",
        "edge.errors",
        "edge.wire",
    ),
    "collector.config": (
        "collector.alerts.settings",
        "collector.store",
        "collector.protocol",
        "collector.domain",
        "edge.errors",
        "edge.typed_yaml",
        "edge.wire",
    ),
    "collector.mqtt": (
        "collector.mqtt",
        "collector.config",
        "collector.store",
        "collector.protocol",
        "collector.domain",
        "edge.clock",
        "edge.errors",
        "edge.wire",
    ),
    "collector.api": (
        "collector.api",
        "collector.mqtt",
        "collector.config",
        "collector.alerts",
        "collector.queries",
        "collector.store",
        "collector.protocol",
        "collector.domain",
        "edge.clock",
        "edge.errors",
        "edge.wire",
    ),
    "collector.cli": ("collector", "edge.clock", "edge.errors", "edge.wire"),
    "collector.dashboard": (),
}


def imports(source: str) -> Iterator[tuple[int, str]]:
    """Line and full name of every import, wherever it stands; relative ones begin with a dot.

    `from a.b import c` gives `a.b.c`: whether c is a module or a name in one, a prefix of it is what is imported.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            stem = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{stem}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and _called(node) in {"import_module", "__import__"}:
            yield node.lineno, "importlib"


@cache
def all_imports() -> dict[str, tuple[tuple[int, str], ...]]:
    """Of every module of ours, line and full name of its imports."""
    return {module_of(path): tuple(imports(path.read_text("utf-8"))) for path in SOURCES}


def offences(module: str, imported: Iterable[tuple[int, str]]) -> list[str]:
    """What a module imports against the arrows."""
    found = []
    package = max((name for name in MAY_IMPORT if within(module, name)), key=len)
    for line, name in imported:
        if name.startswith("."):
            found.append(f"{module}:{line} imports {name}, a relative name")
        elif within(name, *OURS) and not within(name, *MAY_IMPORT[package]):
            found.append(f"{module}:{line} imports {name}")
        elif package == "edge.counting" and within(name, *IMPURE, "importlib"):
            found.append(f"{module}:{line} imports {name}, and counting is pure")
    return found


def circles(imported: Mapping[str, Collection[str]]) -> list[list[str]]:
    """The modules that import each other, directly or through others; `imported` by module (Tarjan)."""
    numbers: dict[str, int] = {}
    lowest: dict[str, int] = {}
    path: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        numbers[module] = lowest[module] = len(numbers)
        path.append(module)
        for other in imported.get(module, ()):
            if other not in numbers:
                visit(other)
                lowest[module] = min(lowest[module], lowest[other])
            elif other in path:
                lowest[module] = min(lowest[module], numbers[other])
        if lowest[module] == numbers[module]:
            start = path.index(module)
            if len(path) - start > 1 or module in imported.get(module, ()):
                found.append(sorted(path[start:]))
            del path[start:]

    for module in imported:
        if module not in numbers:
            visit(module)
    return found


def modules_imported(imported: Mapping[str, Iterable[tuple[int, str]]]) -> dict[str, set[str]]:
    """Of each module, those of the others that it imports, wherever the import stands."""
    return {
        module: {
            known
            for _, name in of_module
            if (known := next((one for one in (name, name.rpartition(".")[0]) if one in imported), None)) is not None
        }
        for module, of_module in imported.items()
    }


def within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def test_nothing_is_imported_against_the_arrows() -> None:
    assert [one for module, imported in all_imports().items() for one in offences(module, imported)] == []


def test_the_init_files_are_empty_but_where_an_installed_script_begins() -> None:
    filled = [module_of(path) for path in SOURCES if path.name == "__init__.py" and path.read_bytes()]
    assert filled == ["collector.cli"]


def test_every_package_with_arrows_has_files_to_hold() -> None:
    modules = [module_of(path) for path in SOURCES]
    alone = ("edge.cli", "collector.config", "collector.dashboard")
    assert [
        package
        for package in MAY_IMPORT
        if sum(within(module, package) for module in modules) < 2 and package not in alone
    ] == []


@pytest.mark.parametrize(("top", "entries_max"), [("edge", 14), ("collector", 12)])
def test_every_folder_has_a_row_and_the_top_is_small(top: str, entries_max: int) -> None:
    packages = {f"{top}.{path.name}" for path in (ROOT / top).iterdir() if (path / "__init__.py").exists()}
    assert packages == {name for name in MAY_IMPORT if name.startswith(f"{top}.")} - {"collector.config", "edge.cli"}
    folders = {path.parts[-2] for path in (ROOT / top).glob("*/[!_]*")}  # not those left with a cache alone
    entries = (folders | {path.name for path in (ROOT / top).glob("*.*")}) - {"README.md", "py.typed"}
    assert len({name for name in entries if not name.startswith("__")}) <= entries_max


def test_no_files_import_each_other_in_a_circle() -> None:
    assert circles(modules_imported(all_imports())) == []


def test_a_planted_circle_is_found() -> None:
    planted = imports("def late():\n    from collector.store.opening import open_store")
    everything = all_imports()
    dialect = "collector.store.dialect"
    (found,) = circles(modules_imported({**everything, dialect: (*everything[dialect], *planted)}))
    assert {"collector.store.dialect", "collector.store.opening", "collector.store.writer"} <= set(found)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("edge.counting.tracking", "import numpy as np"),
        ("edge.counting.tracking", "from time import monotonic"),
        ("edge.counting.tracking", "def late():\n    import random"),
        ("edge.counting.tracking", "import logging.handlers"),
        ("edge.counting.tracking", "from edge.errors import InputError"),
        ("edge.counting.tracking", "from edge import errors"),
        ("edge.counting.tracking", "__import__('time')"),
        ("edge.counting.tracking", "from importlib import import_module\nimport_module('cv2')"),
        ("edge.vision.camera", "from edge.wire.report import Report"),
        ("edge.vision.camera", "from edge.config.schema import Camera"),
        ("edge.vision.camera", "from edge.build.stages import look"),
        ("edge.wire.report", "from edge.counting.buckets import Bucket"),
        ("edge.wire.report", "from edge.errors import InputError"),
        ("edge.build.stages", "from edge.device.service import Service"),
        ("edge.device.service", "from edge.offline.replay import replay"),
        ("edge.offline.replay", "from edge.device.service import Service"),
        ("edge.config.schema", "from edge.vision.frame import Frame"),
        ("edge.clock", "from edge.errors import InputError"),
        ("edge.vision.camera", "import edge.config.schema"),
        ("edge.vision.camera", "from edge.vision.frame import Frame; from edge import delivery"),
        ("edge.delivery.outbox", "from edge.vision.frame import Frame"),
        ("edge.delivery.outbox", "from edge.config.schema import Mqtt"),
        ("edge.delivery.outbox", "from collector.store.interface import Store"),
        ("edge.pages.draft", "from edge.delivery.outbox import Outbox"),
        ("edge.offline.replay", "from collector.store.interface import Store"),
        ("edge.offline.replay", "from . import config"),
        ("edge.offline.replay", "from .config import Config"),
        ("collector.store.writer", "from edge.delivery.outbox import Outbox"),
        ("collector.store.writer", "from edge.delivery import outbox"),
        ("collector.store.writer", "from edge.vision.tape import read_tape"),
        ("collector.store.writer", "import edge"),
        ("collector.store.writer", "from collector.queries.counts import counts"),
        ("collector.store.writer", "from collector.alerts.alert import Alert"),
        ("collector.protocol.gaps", "from collector.store.interface import Store"),
        ("collector.domain.calendar", "from collector.protocol.gaps import Missing"),
        ("collector.queries.counts", "from collector.api.models import Counts"),
        ("collector.alerts.evaluator", "from collector.mqtt.subscriber import Subscriber"),
        ("collector.mqtt.subscriber", "from collector.api.live_board import LiveBoard"),
        ("collector.config", "from collector.mqtt.subscriber import Subscriber"),
    ],
)
def test_a_planted_import_is_found(module: str, source: str) -> None:
    assert len(offences(module, imports(source))) >= 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("edge.counting.tracking", "from math import hypot\nfrom edge.counting.motion import Box"),
        ("edge.vision.camera", "import numpy as np\nimport time\nfrom edge.counting.detection import Detection"),
        ("edge.delivery.outbox", "import sqlite3\nfrom edge.errors import WorkError"),
        ("edge.offline.replay", "from edge.config.schema import Config\nfrom edge.vision.tape import read_tape"),
        ("collector.store.writer", "from edge.wire.report import Report, decode"),
        ("edge.counting.tracking", "import timeit_of_somebody"),
    ],
)
def test_what_is_allowed_is_left_alone(module: str, source: str) -> None:
    assert offences(module, imports(source)) == []


def test_the_api_is_imported_by_nobody_but_who_serves_it() -> None:
    """FastAPI and what it brings is needed only where `http` is configured; the edge knows nothing of it."""
    light = ("collector.api.live_board", "collector.api.tokens")
    found = [
        f"{module}:{line} imports {name}"
        for module, imported in all_imports().items()
        for line, name in imported
        if within(name, "collector.api")
        and not within(name, *light)
        and not within(module, "collector.api", "collector.cli.serving")
    ]
    assert found == []
