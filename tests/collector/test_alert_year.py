"""One simulated year: what is planted is found, and little else; the full measure is alert_year."""

from pathlib import Path

from collector.alerts.settings import Rules
from tests.collector import alert_year


def test_what_is_planted_in_a_simulated_year_is_found(tmp_path: Path) -> None:
    score, listed, _ = alert_year.run(3, Rules(), folder=tmp_path)
    planted = sum(score.planted.values())
    found = sum(len(delays) for delays in score.delays_ms.values())
    assert planted >= 45
    assert found >= 0.9 * planted
    assert sum(score.false.values()) <= 6
    assert score.messages < 300
    assert all(one.reason.endswith(".") and len(one.reason) < 500 for one in listed)


def test_the_same_seed_is_the_same_year(tmp_path: Path) -> None:
    one, other = (alert_year.Maker(4).year() for _ in range(2))
    assert one.events == other.events
    assert all((one.numbers[key] == other.numbers[key]).all() for key in one.numbers)
    assert alert_year.Maker(5).year().events != one.events
