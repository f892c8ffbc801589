"""One device that sends what no honest one does takes nothing from the others; `hostile_device` measures it in full."""

import pytest

from tests.collector import mosquitto
from tests.system.hostile_device import faults_in, measure


@pytest.mark.skipif(mosquitto.binary() is None, reason="mosquitto is not installed (Debian: mosquitto)")
@pytest.mark.parametrize("kind", ["invented", "bounds"])
def test_a_hostile_device_delays_no_other_and_pages_answer(kind: str) -> None:
    found = measure(60, 1_000, kind=kind, seconds=4.0)
    assert faults_in(found) == [], found
