"""The example configurations hold every key that the structs know, explained: default, bounds, and no key besides."""

import re
import typing
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
import yaml

from collector import config as collector_config
from edge.config import schema as edge_config
from edge.config.advice import warnings_of
from edge.config.loading import load_config

DEPLOY = Path(__file__).parents[1] / "deploy"
EXAMPLES: dict[str, type[msgspec.Struct]] = {
    "edge.example.yaml": edge_config.Config,
    "collector.example.yaml": collector_config.Configuration,
}


def struct_in(kind: Any) -> tuple[type[msgspec.Struct] | None, bool]:
    """The struct that a field holds, if any, and whether it holds many by name."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind, False
    if typing.get_origin(kind) is dict:
        return struct_in(typing.get_args(kind)[1])[0], True
    inner = typing.get_args(kind)[:1] if typing.get_origin(kind) is Annotated else typing.get_args(kind)
    return next((found for one in inner if (found := struct_in(one))[0]), (None, False))


def bounds_in(kind: Any) -> list[str]:
    """All bounds of a field and of what it is made of, as they are written."""
    if kind is edge_config.Fraction:
        return []  # coordinates are explained once, at the top of the file
    found: list[str] = []
    for meta in getattr(kind, "__metadata__", ()):
        for name in ("ge", "gt", "le", "lt", "min_length", "max_length"):
            value = getattr(meta, name)
            if value is not None and (name, value) != ("min_length", 1):
                found.append(f"{value:g}" if value < 1e6 else str(int(value)))
    if typing.get_origin(kind) is not dict:
        for inner in typing.get_args(kind):
            found += bounds_in(inner)
    return found


class Entry(typing.NamedTuple):
    path: str
    kind: Any
    default: Any
    comment: str
    value: str


def entries(name: str) -> tuple[list[Entry], list[str]]:
    """Every key of the file with its comment; and the keys that the structs know and the file does not tell."""
    text = (DEPLOY / name).read_text(encoding="utf-8")
    lines = text.splitlines()
    told: list[Entry] = []
    untold: list[str] = []

    def comment_of(node: yaml.Node) -> str:
        here = lines[node.start_mark.line].partition("#")[2]
        above = node.start_mark.line - 1
        while lines[above].lstrip().startswith("#"):
            here = f"{lines[above].strip(' #')} {here}"
            above -= 1
        return here

    known: set[type[msgspec.Struct]] = set()

    def walk(nodes: list[yaml.MappingNode], struct: type[msgspec.Struct], path: str) -> None:
        known.update(struct.__mro__)  # what may be said of one site besides was explained for all
        pairs = [pair for node in nodes for pair in node.value]
        for field in msgspec.structs.fields(struct):
            mine = [(key, value) for key, value in pairs if key.value == field.encode_name]
            if not mine:
                untold.append(f"{path}{field.encode_name}")
                continue
            key, value = mine[0]
            shown = value.value if isinstance(value, yaml.ScalarNode) else ""
            told.append(Entry(f"{path}{key.value}", field.type, field.default, comment_of(key), shown))
            inner, many = struct_in(field.type)
            if inner is not None and inner not in known:
                below = [v for _, v in mine]
                below = [one for v in below for _, one in v.value] if many else below
                walk(below, inner, f"{path}{key.value}.")

    root = yaml.compose(text, yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)
    walk([root], EXAMPLES[name], "")
    return told, untold


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_key_is_told_and_explained_with_its_bounds_and_its_default(name: str) -> None:
    told, untold = entries(name)
    assert untold == []
    for entry in told:
        group = struct_in(entry.kind)[0] is not None
        assert group or re.search(r"\bdefaults?\b", entry.comment, re.IGNORECASE), entry.path
        numbers = re.findall(r"-?\d+(?:\.\d+)?", entry.comment)
        missing = [bound for bound in bounds_in(entry.kind) if bound not in numbers]
        assert not missing, (entry.path, missing, entry.comment)
        if isinstance(entry.default, bool):
            assert f"default {str(entry.default).lower()}" in entry.comment, entry.path
        elif isinstance(entry.default, int | float):
            assert f"default {entry.default:.8g}" in entry.comment, entry.path
        elif isinstance(entry.default, str) and entry.default:
            assert f"default {entry.default}" in entry.comment, entry.path


@pytest.mark.parametrize("name", EXAMPLES)
def test_choices_are_named(name: str) -> None:
    for entry in entries(name)[0]:
        if typing.get_origin(entry.kind) is typing.Literal:
            assert all(choice in entry.comment for choice in typing.get_args(entry.kind)), entry.path


def test_the_examples_load_without_a_warning() -> None:
    config = load_config(DEPLOY / "edge.example.yaml")
    assert warnings_of(config) == []
    assert collector_config.load(DEPLOY / "collector.example.yaml").mqtt.host == "broker.example"
