"""Tables fit the terminal, colours are for terminals alone, and every command answers in JSON or one sentence."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from collector.cli import main
from collector.cli.arguments import parser
from collector.cli.terminal_table import aligned
from collector.store.sqlite.store import SqliteStore
from edge.wire.times import rfc3339
from tests.collector.messages import MINUTE_MS, NOON_MS, a_report, blind, held, received
from tests.collector.test_alert_ledger import finding, take

ROWS = [["site", "device", "line", "cars", "trucks"], ["bridge", "mast-1", "deck", "1", "20"],
        ["bridge", "mast-1", "ramp", "3,000", "4"], ["gate", "mast-9", "in", "blind", "blind"]]  # fmt: skip
QUIET = {"PATH": os.environ["PATH"], "TERM": "xterm"}


@pytest.fixture
def config(tmp_path: Path) -> str:
    classes = dict.fromkeys(("bicycle", "bus", "car", "motorcycle", "truck", "unclassified", "van"), 1000000)
    lines = {"deck": {"outbound": classes, "return": classes}}
    with SqliteStore(tmp_path / "store.sqlite") as store:
        week_ms = 7 * 24 * 60 * MINUTE_MS
        reports = [blind(9, device="mast-2")]
        for device in ("mast-1", "mast-2"):
            reports += [a_report(seq, site="friendship-bridge", device=device, lines=lines) for seq in (1, 2, 3)]
            starts = [NOON_MS - week * week_ms for week in range(1, 5)]
            whole = {"width_ms": 60 * MINUTE_MS, "watched_ms": 60 * MINUTE_MS, "lines": lines}
            reports += [
                a_report(50 + i, site="friendship-bridge", device=device, start=rfc3339(at_ms), **whole)
                for i, at_ms in enumerate(starts)
            ]
        store.commit([received(one) for one in reports], now_ms=NOON_MS)
        take(store, finding(reason="Nothing was heard of mast-1, " + "and that is a long story, " * 8 + "so."))
    path = tmp_path / "collector.yaml"
    same = "friendship-bridge: {same_lines: {deck: [mast-1/deck, mast-2/deck]}}"
    tokens = "http: {tokens_file: tokens.json}"
    path.write_text(f"store: store.sqlite\nmqtt: {{host: x}}\n{tokens}\nsites: {{{same}}}\n")
    return str(path)


def test_what_fits_is_one_table(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = (
        "site    device  line   cars  trucks\nbridge  mast-1  deck      1      20\n"
        "bridge  mast-1  ramp  3,000       4\ngate    mast-9  in    blind   blind"
    )
    assert aligned(ROWS, names=3, shared=2) == wide  # nothing says how wide it may be
    monkeypatch.setenv("COLUMNS", "35")
    assert aligned(ROWS, names=3, shared=2) == wide


def test_what_rows_share_stands_above_them_and_columns_go_on_below(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "34")
    assert aligned(ROWS, names=3, shared=2).splitlines() == [
        "bridge  mast-1", "  line   cars  trucks", "  deck      1      20", "  ramp  3,000       4", "",
        "gate  mast-9", "  line   cars  trucks", "  in    blind   blind",
    ]  # fmt: skip
    monkeypatch.setenv("COLUMNS", "20")
    assert aligned(ROWS, names=3, shared=2).splitlines()[:4] == [
        "bridge  mast-1", "  line  cars trucks", "  deck     1     20", "  ramp 3,000      4",
    ]  # fmt: skip
    monkeypatch.setenv("COLUMNS", "14")
    assert aligned(ROWS, names=3, shared=2).splitlines()[:7] == [
        "bridge  mast-1", "  line   cars", "  deck      1", "  ramp  3,000", "  line  trucks", "  deck      20",
        "  ramp       4",
    ]  # fmt: skip


COMMANDS = ("totals", "totals --interval hour --estimate", "balance", "zones", "devices", "gaps", "rollup", "compare",
            "usual", "alerts", "token list")  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("columns", [80, 200])
def test_no_line_of_a_table_is_wider_than_the_terminal(
    config: str, command: str, columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["token", "add", "wall", "--config", config])
    capsys.readouterr()
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main([*command.split(), "--config", config]) == 0
    out, err = capsys.readouterr()
    if command not in ("zones", "gaps"):  # of which there is nothing to tell
        assert len(out.splitlines()) > 1, err
    assert max(map(len, out.splitlines()), default=0) <= columns
    assert "\x1b" not in out
    assert not any(line != line.rstrip() for line in out.splitlines())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_answers_with_one_json_object(
    config: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command.split(), "--config", config, "--json"]) == 0
    out, err = capsys.readouterr()
    assert isinstance(json.loads(out), dict)
    assert (out.count("\n"), err) == (1, "")


def on_a_terminal(config: str, **environment: str) -> str:
    """What a person sees: the command in a process of its own, on a terminal of 100 columns."""
    mine, its = pty.openpty()
    try:
        command = [
            sys.executable,
            "-c",
            "import sys; from collector.cli import main; sys.exit(main(sys.argv[1:]))",
        ]
        subprocess.run(["stty", "cols", "100"], stdin=its, check=True)
        subprocess.run(
            [*command, "totals", "--config", config], stdout=its, check=True, env=QUIET | environment,
            cwd=Path(__file__).parents[2],
        )  # fmt: skip
        return os.read(mine, 65_536).decode()
    finally:
        os.close(mine)
        os.close(its)


def test_colours_are_for_a_terminal_and_only_where_they_are_wanted(config: str) -> None:
    coloured = on_a_terminal(config)
    assert "\x1b[1m" in coloured
    assert "\x1b[33m" in coloured  # who is blind
    plain = re.sub(r"\x1b\[\d+m", "", coloured)
    assert max(map(len, plain.splitlines())) <= 100
    assert on_a_terminal(config, NO_COLOR="1") == plain
    assert on_a_terminal(config, TERM="dumb") == plain


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("totals --site nowhere", "there is no site 'nowhere'; there is bridge, friendship-bridge"),
        (
            "totals --site frendship-bridge",
            "there is no site 'frendship-bridge'; there is friendship-bridge and 1 more",
        ),
        ("devices --device mast-7", "there is no device 'mast-7'; there is mast-1, mast-2"),
        ("gaps --site bridge --device mast-1", "there is no device 'mast-1' at bridge; there is mast-2"),
        ("balance --line ramp", "there is no line 'ramp'; there is deck"),
        ("alerts --site nowhere", "there is no site 'nowhere'; there is"),
        ("export --site nowhere --format csv", "there is no site 'nowhere'; there is"),
        ("compare --site bridge", "no lines of bridge are told to be the same: name them in the configuration"),
    ],
)
def test_a_name_that_nobody_heard_of_is_wrong_input(
    config: str, words: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words.split(), "--config", config]) == 2
    out, err = capsys.readouterr()
    assert err.startswith(f"crossing-collector: {sentence}")
    assert (out, err.count("\n")) == ("", 1)


@pytest.mark.parametrize(
    "words",
    ["", "frobnicate", "totals", "totals --store x --interval fortnight", "alerts --store x --limit 0",
     "alerts --store x --limit many", "usual --store x --weeks 2", "token add --config x"],
)  # fmt: skip
def test_a_wrong_command_line_is_one_sentence_and_exit_code_2(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(words.split())
    out, err = capsys.readouterr()
    assert (end.value.code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("crossing-collector: ")
    assert "--help" in err


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "is empty"), (b"not a database, but some text " * 40, "is not a collector's store, nor any SQLite file")],
)
def test_a_file_that_is_no_store_is_wrong_input(
    tmp_path: Path, content: bytes, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "store.sqlite"
    path.write_bytes(content)
    assert main(["totals", "--store", str(path)]) == 2
    assert capsys.readouterr().err == f"crossing-collector: store {path} {sentence}\n"


def test_a_store_of_a_newer_collector_is_left_alone(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    import sqlite3  # noqa: PLC0415

    path = Path(config).with_name("store.sqlite")
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    assert main(["totals", "--config", config]) == 2
    assert f"store {path} is of version 99, of a newer collector" in capsys.readouterr().err


def test_every_command_explains_itself_with_an_example_that_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    whole = parser()
    (commands,) = [action for action in whole._actions if action.dest == "command"]
    choices: Any = commands.choices
    for name in choices:
        with pytest.raises(SystemExit):
            main([name, "--help"])
        shown = capsys.readouterr().out
        assert max(map(len, shown.splitlines())) <= 120
        examples = re.findall(r"^  crossing-collector (.*)$", shown, re.MULTILINE)
        assert examples, name
        for example in examples:
            words = re.findall(r'"[^"]*"|\S+', example.split(">")[0])
            whole.parse_args([word.strip('"') for word in words])


def test_names_cannot_turn_the_direction_of_a_line_nor_hide(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "store.sqlite"
    names = {"deck": {"out\u202eward": {"c\u2066ar\u200b": 3}, "\u05d7\u05d6\u05e8\u05d4": {"c\u2066ar\u200b": 1}}}
    with SqliteStore(path) as store:
        store.commit([held(a_report(1, lines=names))], now_ms=NOON_MS)
    for words in (["totals"], ["totals", "--interval", "hour"], ["balance"], ["usual", "--date", "2026-11-25"]):
        assert main([words[0], "--store", str(path), *words[1:]]) == 0
        shown = capsys.readouterr()
        assert not set("\u202e\u2066\u200b") & set(shown.out + shown.err), words
    assert main(["totals", "--store", str(path)]) == 0
    shown_rows = capsys.readouterr().out
    assert "out<U+202E>ward" in shown_rows
    assert "c<U+2066>ar<U+200B>" in shown_rows
    assert "\u05d7\u05d6\u05e8\u05d4" in shown_rows, "a word that is written from right to left is no control"
    assert main(["totals", "--store", str(path), "--site", "bri\u202edge"]) == 2
    assert "\u202e" not in capsys.readouterr().err
