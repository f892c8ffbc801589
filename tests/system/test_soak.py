"""The soaks themselves, cut short: what they are to find they find, and a device that is well passes."""

from pathlib import Path

import pytest

from tests.system.live_device import Held
from tests.system.rtsp import why_not
from tests.system.rtsp_soak import run
from tests.system.soak import GROWTH_MB, grown, over_rtsp, paced

MISSING = why_not()
needs_rtsp = pytest.mark.skipif(bool(MISSING), reason=MISSING)
FLAT = [Held(100.0, 10, 11)] * 40


def test_what_grows_while_it_warms_up_is_flat() -> None:
    assert grown([Held(80.0, 8, 9), *FLAT]) == []
    assert grown([]) == []


@pytest.mark.parametrize(
    ("later", "word"),
    [
        (Held(100.0 + GROWTH_MB + 1, 10, 11), "memory grew by 6.0 MB"),
        (Held(100.0, 11, 11), "threads grew from 10 to 11"),
        (Held(100.0, 10, 12), "files grew from 11 to 12"),
    ],
)
def test_what_grows_later_is_told(later: Held, word: str) -> None:
    [told] = grown([*FLAT, *[later] * 5])
    assert told.startswith(word)


@pytest.mark.slow
def test_six_minutes_as_fast_as_the_device_works(tmp_path: Path) -> None:
    assert paced(tmp_path, hours=0.1, sample_h=0.02) == []


@pytest.mark.slow
@needs_rtsp
def test_half_a_minute_of_a_network_camera(tmp_path: Path) -> None:
    assert over_rtsp(tmp_path, minutes=0.5, rate=5, sample_s=5.0) == []


@pytest.mark.slow
@needs_rtsp
def test_three_faults_of_a_network_camera(tmp_path: Path) -> None:
    tally = run(tmp_path, faults=3, seed=7, minutes=5.0)
    assert tally.faults.total() == 3
    assert tally.wrong == []
