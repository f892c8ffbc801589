"""Real clips with their truth: the whole way with the model that ships, in one default configuration."""

from pathlib import Path

import pytest

from edge.config.schema import Config
from edge.offline.evaluate import ClipResult, evaluate
from edge.offline.evaluate_command import ANYWHERE
from edge.offline.scoring import total

TRUTH = Path(__file__).parents[2] / "shared" / "clips" / "truth"
HARD = ("caltrans_", "iacv_", "tfl_a13_625_201709042122")

pytestmark = pytest.mark.skipif(not TRUTH.is_dir(), reason="the clips of ../shared are not here")


def scored(*names: str) -> list[ClipResult]:
    return list(evaluate([TRUTH / f"{name}.json" for name in names], Config(lines=ANYWHERE)))


def test_two_lanes_that_stand_across_the_line_count_nothing() -> None:
    (result,) = scored("tfl_a13_625_201708311651")
    assert result.score.missed <= 1
    assert result.score.extra <= 1
    assert result.score.direction_errors == 0


@pytest.mark.slow
def test_plain_clips_are_counted_with_an_f1_of_96_percent_and_no_direction_errors() -> None:
    plain = sorted(path.stem for path in TRUTH.glob("*.json") if not path.stem.startswith(HARD))
    score = total(result.score for result in scored(*plain))
    assert score.f1 >= 0.96
    assert score.direction_errors == 0
