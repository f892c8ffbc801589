"""Simulated tapes against the reports that a person reviewed, byte for byte."""

import json
from pathlib import Path

import pytest

from edge.config.schema import Config, Line
from edge.delivery.reports import report_of
from edge.offline.replay import TapeSource, gather, replay
from edge.wire.report import encode

FOLDER = Path(__file__).parent
TAPES = ("free-flow", "convoy", "unseen")
CONFIG = Config(lines={"deck": Line(points=((0.5, 1.0), (0.5, 0.0)), a_to_b="outbound", b_to_a="return")})


def reports_of(tape: Path) -> bytes:
    outcome = gather(replay(TapeSource(tape), CONFIG))
    return b"".join(
        encode(
            report_of(
                bucket, site="golden", device=tape.stem, run="run", seq=seq, direction_words=CONFIG.direction_words
            )
        )
        + b"\n"
        for seq, bucket in enumerate(outcome.buckets, start=1)
    )


@pytest.mark.parametrize("name", TAPES)
def test_reports_are_the_reviewed_ones(name: str) -> None:
    assert reports_of(FOLDER / f"{name}.tape") == (FOLDER / f"{name}.reports.jsonl").read_bytes()


@pytest.mark.parametrize(("name", "outbound", "back"), [("free-flow", 12, 12), ("convoy", 5, 0)])
def test_what_was_reviewed_is_what_the_scene_holds(name: str, outbound: int, back: int) -> None:
    lines = (FOLDER / f"{name}.reports.jsonl").read_text(encoding="utf-8").splitlines()
    decks = [json.loads(line)["lines"]["deck"] for line in lines]
    assert sum(sum(deck["outbound"].values()) for deck in decks) == outbound
    assert sum(sum(deck["return"].values()) for deck in decks) == back


def test_the_time_that_nobody_watched_is_in_no_report() -> None:
    lines = (FOLDER / "unseen.reports.jsonl").read_text(encoding="utf-8").splitlines()
    watched_ms = [json.loads(line)["watched_ms"] for line in lines]
    assert sum(watched_ms) == 8_000 + 9_000
    versions = [json.loads((FOLDER / f"{name}.tape").read_text().split("\n", 1)[0])["tape"] for name in TAPES]
    assert versions == [1, 1, 2]
