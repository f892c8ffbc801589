"""A few minutes of chaos over real processes; the command runs as long as one likes."""

from pathlib import Path

import pytest

from tests.system.chaos import run


@pytest.mark.slow
def test_nothing_is_lost_and_nothing_is_twice_whatever_is_killed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    reports, chaos = run(tmp_path / "chaos", kills=8, store="sqlite", seed=7, minutes=2)
    assert reports > 500
    assert chaos.tally.kills["devices"] >= 4
