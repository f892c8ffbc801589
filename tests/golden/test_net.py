"""What the programs say and write, to the byte; README.md says when it is right to record it anew."""

import json

import pytest

from tests.golden import answers, contracts, replays
from tests.golden.__main__ import CLIPS, EXPECTED, POSTGRES, VERSIONS, clip_hashes, makers


def recorded(name: str) -> str:
    return (EXPECTED / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("every", replays.EVERY)
@pytest.mark.parametrize("name", replays.names())
def test_a_replay_of_a_tape_writes_what_was_recorded(name: str, every: int) -> None:
    assert replays.replayed(name, every) == recorded(f"replay-{name}-every-{every}.txt")


def test_every_question_to_the_collector_is_answered_as_was_recorded() -> None:
    assert answers.answers() == {name: recorded(f"collector-{name}.txt") for name in answers.QUESTIONS}


def test_the_tables_in_sqlite_are_what_was_recorded() -> None:
    assert contracts.sqlite_tables() == recorded("sqlite.txt")


@pytest.mark.parametrize("name", ["help.txt", "openapi.json"])
def test_help_and_openapi_are_what_was_recorded(name: str) -> None:
    made_with = json.loads(recorded(VERSIONS))
    if contracts.made_with() != made_with:
        pytest.skip(f"recorded with {made_with}: other versions word it otherwise")
    assert makers()[name]() == recorded(name)


@pytest.mark.slow
@pytest.mark.skipif(not replays.CLIPS.is_dir(), reason="the clips of ../shared are not here")
def test_the_reports_of_the_clips_are_what_was_recorded() -> None:
    assert clip_hashes() == recorded(CLIPS)


def test_every_recorded_file_is_compared() -> None:
    assert {path.name for path in EXPECTED.iterdir()} == {*makers(), POSTGRES, VERSIONS, CLIPS}
