"""The README and the commands say the same: nothing is promised that is not there, nothing is there in secret."""

import argparse
import json
import re
import tomllib
from pathlib import Path

import msgspec
import pytest
import yaml

from collector import config as collector_config
from collector.cli import arguments as collector_arguments
from edge import cli as edge_cli
from edge.config.loading import parse_config
from edge.config.schema import Config, Zone
from edge.offline.evaluate import Truth
from edge.wire.report import ZoneReport, decode

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PARSERS = {"crossing-edge": edge_cli._parser(), "crossing-collector": collector_arguments.parser()}
EVERYWHERE = {"-h", "--help", "--version"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def block(language: str, word: str) -> str:
    """The one block of a language that holds this word."""
    (found,) = [one for one in blocks(language) if word in one]
    return found


def commands_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """By name; those of a command that has commands of its own are `token add` and so on."""
    found: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, one in action.choices.items():
                inner = commands_of(one)
                found |= {f"{name} {of}": deeper for of, deeper in inner.items()} if inner else {name: one}
    return found


SHOWN = [
    line.split("#")[0].split()
    for block in blocks("sh")
    for line in block.splitlines()
    if line.startswith(tuple(PARSERS))
]


@pytest.mark.parametrize("words", SHOWN, ids=" ".join)
def test_every_command_shown_is_one_that_the_parser_takes(words: list[str]) -> None:
    PARSERS[words[0]].parse_args(words[1:])


@pytest.mark.parametrize(
    ("program", "command"), [(program, name) for program, parser in PARSERS.items() for name in commands_of(parser)]
)
def test_every_command_and_option_stands_in_the_readme(program: str, command: str) -> None:
    assert f"{program} {command}" in README
    for action in commands_of(PARSERS[program])[command]._actions:
        options = set(action.option_strings) - EVERYWHERE
        assert not options or any(re.search(rf"{option}\b", README) for option in options), (command, options)


def test_every_option_in_the_readme_exists() -> None:
    known = {
        option
        for parser in PARSERS.values()
        for command in commands_of(parser).values()
        for action in command._actions
        for option in action.option_strings
    }
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README)) <= known


def test_the_chores_of_the_readme_and_of_the_makefile_are_the_same() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE)) == targets - {"help"}


def test_the_configuration_shown_is_valid_and_its_keys_are_all_there_are(tmp_path: Path) -> None:
    words = ("store:", "plane:", "site:", "metrics_port:", ".jpg")
    collector_yaml, zone_yaml, edge_yaml, service_yaml, stills_yaml = (block("yaml", word) for word in words)
    assert len(blocks("yaml")) == 5
    assert parse_config(yaml.safe_load(stills_yaml)).lines == {}
    config = parse_config(yaml.safe_load(edge_yaml))
    assert config.site == "friendship-bridge"
    zone = yaml.safe_load(zone_yaml)["zones"]["queue"]
    parse_config(yaml.safe_load(edge_yaml) | {"zones": {"queue": zone}})
    assert set(zone) == {f.name for f in msgspec.structs.fields(Zone)}
    both = yaml.safe_load(edge_yaml) | yaml.safe_load(service_yaml)
    parse_config(both)
    assert set(both) == {f.name for f in msgspec.structs.fields(Config)}
    path = tmp_path / "collector.yaml"
    path.write_text(collector_yaml, encoding="utf-8")
    assert collector_config.load(path).mqtt.host == "broker.example"


def test_the_messages_shown_are_valid() -> None:
    truth, zones, report = (block("json", word) for word in ('"crossings"', '"standing"', '"schema"'))
    assert len(blocks("json")) == 3
    msgspec.json.decode(truth.encode(), type=Truth)
    shown = msgspec.json.decode(zones.encode(), type=dict[str, ZoneReport])["queue"]
    assert set(msgspec.json.decode(zones.encode())["queue"]) == {f.name for f in msgspec.structs.fields(ZoneReport)}
    assert sum(shown.by_class.values()) == shown.inside.end
    assert decode(json.dumps(json.loads(report)).encode()).site == "friendship-bridge"


def test_nothing_is_left_to_fill_in() -> None:
    assert not re.findall(r"@[A-Z]+@", README)


def test_every_file_linked_exists() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_documents_name_the_version_that_there_is() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    pages = [
        *ROOT.glob("*.md"),
        *(page for part in ("deploy", "docs", "collector") for page in (ROOT / part).rglob("*.md")),
    ]
    found = [
        (page.name, number)
        for page in pages
        for number in re.findall(r"crossing[-_]monitor[-_](\d+\.\d+\.\d+)", page.read_text(encoding="utf-8"))
    ]
    assert found, "the page on installing names a package"
    assert {number for _, number in found} == {version}, found
