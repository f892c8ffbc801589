"""The rendered bridges that ship, with their exact truth: the whole way with the model that ships."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from edge.cli import main
from edge.config.schema import Config
from edge.offline.evaluate import ClipResult, evaluate
from edge.offline.evaluate_command import ANYWHERE

TRUTH = Path(__file__).parent / "clips" / "truth"


def scored(name: str) -> ClipResult:
    (result,) = evaluate([TRUTH / f"{name}.json"], Config(lines=ANYWHERE))
    return result


def test_by_day_every_vehicle_of_the_bridge_is_counted() -> None:
    score = scored("day").score
    assert score.missed == 0
    assert score.extra <= 1
    assert score.direction_errors == 0


@pytest.mark.slow
def test_the_line_of_the_readme_counts_on_its_own_clip_what_the_truth_says(capsys: pytest.CaptureFixture[str]) -> None:
    readme = (TRUTH.parents[2] / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"`crossing-edge (replay tests/clips/day\.mp4 --line [0-9.,]+)`", readme)
    assert main([*command.replace("tests/clips", str(TRUTH.parent)).split(), "--json"]) == 0
    counted = Counter(one["direction"] for one in json.loads(capsys.readouterr().out)["crossings"])
    truth = json.loads((TRUTH / "day.json").read_text())
    assert counted == Counter(one["direction"] for one in truth["crossings"])


def test_a_truck_that_stands_on_the_line_for_a_minute_counts_once() -> None:
    truth = json.loads((TRUTH / "convoy.json").read_text())
    convoy = [crossing for crossing in truth["crossings"] if crossing["direction"] == "a_to_b"]
    waits = max(later["frame"] - earlier["frame"] for earlier, later in zip(convoy, convoy[1:], strict=False))
    assert waits / truth["fps"] > 60, "a truck of this clip stands on the line for a minute"
    result = scored("convoy")
    assert result.score.missed == 0
    assert [crossing.direction for crossing in result.crossings].count("a_to_b") == len(convoy)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["night", "rain"])
def test_night_and_rain_are_counted_with_an_f1_of_90_percent(name: str) -> None:
    score = scored(name).score
    assert score.f1 >= 0.9
    assert score.direction_errors == 0


@pytest.mark.slow
def test_at_customs_everyone_counts_though_most_have_stood() -> None:
    score = scored("customs").score
    assert score.missed <= 1
    assert score.extra <= 1


def test_all_clips_together_stay_small() -> None:
    assert sum(clip.stat().st_size for clip in TRUTH.parent.glob("*.mp4")) < 12_000_000
