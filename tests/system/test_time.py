"""The whole device, as a process, while its clock is stepped and slewed, from 1970 on, while it sleeps, over a change
of daylight time: each crossing is counted once, and stands in the bucket of its time."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.system import film
from tests.system.broker import Mosquitto, broker
from tests.system.live_device import LiveDevice, Seen, complaints, disagreements, due, missed
from tests.system.rtsp import RtspServer, why_not
from tests.system.steering import SteeredClock, command

MISSING = why_not()
pytestmark = pytest.mark.slow
needs_rtsp = pytest.mark.skipif(bool(MISSING), reason=MISSING)
HOUR_MS = 3_600_000
SEEING_S = 20.0
PACED_S = 600.0  # on a busy machine


def ahead_at(utc: datetime) -> int:
    """What the clock has to be ahead of the monotonic one for it to be that time now."""
    return round(utc.timestamp() * 1000) - time.monotonic_ns() // 1_000_000


@contextmanager
def steered(tmp_path: Path, begin: datetime, **more: Any) -> Iterator[tuple[RtspServer, LiveDevice, SteeredClock]]:
    """A device that begins at that time and sees."""
    clock = SteeredClock.begun(tmp_path / "clock.json", ahead_ms=ahead_at(begin))
    camera = {"url": ""}
    with broker(tmp_path) as mosquitto, RtspServer() as server:
        camera["url"] = server.address
        ours = command(tmp_path / "clock.json")
        device = LiveDevice(tmp_path, mosquitto, camera, command=ours, clock=clock, **more)
        with device:
            assert device.wait_seeing(clock.monotonic_ms(), SEEING_S) is not None
            yield server, device, clock
        assert device.exit_code == 0


def spans(device: LiveDevice) -> list[Seen]:
    """The runs that saw: from a second after each began until the next."""
    began_ms = [at_ms for at_ms, line in device.said if "begins, picture 320" in line]
    ends_ms = [*began_ms[1:], device.lives[-1].as_of_ms]
    return [Seen(from_ms + 1_000, to_ms) for from_ms, to_ms in zip(began_ms, ends_ms, strict=True)]


def wrong(device: LiveDevice, seen: list[Seen]) -> list[str]:
    """Of one that is due, a machine so busy that frames come seconds apart may miss one."""
    not_counted = missed(device.passages(), seen)
    return [*complaints(device.passages(), device.reports), *(not_counted if len(not_counted) > 1 else ())]


@needs_rtsp
def test_a_clock_that_is_stepped_by_an_hour_and_back_moves_no_crossing(tmp_path: Path) -> None:
    with steered(tmp_path, datetime(2026, 6, 1, 12, tzinfo=UTC)) as (_, device, clock):
        device.listen(12)
        for step_ms in (HOUR_MS, -HOUR_MS):
            clock.steer(ahead_ms=clock.real_ms() - clock.monotonic_ms() + step_ms)
            device.note_time()
            device.listen(14)
    seen = spans(device)
    assert len(seen) == 3, "each step begins a run"
    assert len(due(seen)) > 6
    assert wrong(device, seen) == []
    watched_ms, elapsed_ms = sum(report.watched_ms for report in device.reports), seen[-1].to_ms - seen[0].from_ms
    assert abs(watched_ms - elapsed_ms) < 2_000
    hours = [report.start_ms // HOUR_MS for report in device.reports]
    assert sorted(set(hours)) == [hours[0], hours[0] + 1]


@contextmanager
def paced(tmp_path: Path, mosquitto: Mosquitto, **how: Any) -> Iterator[LiveDevice]:
    """A device on the film of the road, whose clock goes on as fast as it works; it begins at 0."""
    clock = SteeredClock.begun(tmp_path / "clock.json", paced=True, **how)
    camera = {"url": str(film.write(tmp_path / "road.mp4")), "frames_per_second": film.RATE}
    report = {"every_s": 60, "crossings": True, "live_s": 10}
    ours = command(tmp_path / "clock.json")
    with LiveDevice(tmp_path, mosquitto, camera, command=ours, clock=clock, report=report) as device:
        yield device
    assert device.exit_code == 0


def test_a_boot_in_1970_that_is_synchronised_after_ten_minutes_is_corrected_before_a_broker_hears_of_it(
    tmp_path: Path,
) -> None:
    """Without a network there is neither right time nor a broker; with it both come."""
    ahead_ms = round(datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp() * 1000)
    how = {"ahead_ms": 0, "synced": False, "corrected_at_ms": 600_000, "corrected_ahead_ms": ahead_ms}
    with broker(tmp_path) as mosquitto, paced(tmp_path, mosquitto, **how) as device:
        mosquitto.freeze()
        assert device.listen(PACED_S, lambda: any("synchronised now" in line for _, line in list(device.said)))
        device.utc_from_ms = {ahead_ms}
        mosquitto.thaw()
        assert device.listen(PACED_S, lambda: device.now_ms > 1_200_000)
    assert all(report.clock_synced for report in device.reports)
    assert [report.start_ms for report in device.reports if report.start_ms < ahead_ms] == []
    assert list(film.complaints(device)) == []
    assert list(disagreements(device.passages(), device.reports)) == []
    watched_ms, minutes = sum(report.watched_ms for report in device.reports), device.now_ms / 60_000
    assert abs(watched_ms - device.now_ms) < 4_000
    assert {report.start_ms for report in device.reports} == {ahead_ms + 60_000 * k for k in range(int(minutes) + 1)}


def test_a_clock_that_is_slewed_is_followed_within_a_second(tmp_path: Path) -> None:
    """By 500 ppm, the most that the kernel slews by, for an hour and a half."""
    ahead_ms = round(datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp() * 1000)
    with broker(tmp_path) as mosquitto, paced(tmp_path, mosquitto, ahead_ms=ahead_ms, gains_ppm=500.0) as device:
        assert device.listen(PACED_S, lambda: device.now_ms > 5_400_000)
    stepped = [line for _, line in device.said if "the clock was stepped by" in line]
    assert len(stepped) == 2, "a run for every second gained"
    assert max(health["clock_offset_ms"] for health in device.health) <= 1_000
    assert list(film.complaints(device, [2_000_000, 4_000_000])) == []
    assert list(disagreements(device.passages(), device.reports)) == []
    assert abs(sum(report.watched_ms for report in device.reports) - device.now_ms) < 6_000


@needs_rtsp
def test_a_night_of_suspend_is_not_watched(tmp_path: Path) -> None:
    """The monotonic clock stands still in it, and the camera's connection does not outlive it."""
    with steered(tmp_path, datetime(2026, 6, 1, 20, tzinfo=UTC)) as (server, device, clock):
        device.listen(12)
        os.kill(device.pid, signal.SIGSTOP)
        slept_ms = clock.monotonic_ms()
        server.kill()
        clock.steer(ahead_ms=clock.real_ms() - clock.monotonic_ms() + 8 * HOUR_MS)
        device.note_time()
        server.start()
        os.kill(device.pid, signal.SIGCONT)
        woke = device.wait_seeing(clock.monotonic_ms(), SEEING_S)
        assert woke is not None
        device.listen(14)
    begun, *_ = spans(device)
    seen = [Seen(begun.from_ms, slept_ms), Seen(woke.as_of_ms, device.lives[-1].as_of_ms)]
    assert len(due(seen)) > 4
    assert wrong(device, seen) == []
    watched_ms = sum(report.watched_ms for report in device.reports)
    shown_ms = sum(span.to_ms - span.from_ms for span in seen)
    assert abs(watched_ms - shown_ms) < 4_000
    assert device.reports[-1].start_ms - device.reports[0].start_ms > 8 * HOUR_MS - 10_000


@needs_rtsp
@pytest.mark.parametrize(
    "change", [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)], ids=["spring", "autumn"]
)
def test_no_bucket_feels_a_change_of_daylight_time(tmp_path: Path, change: datetime) -> None:
    before = datetime.fromtimestamp(change.timestamp() - 18, UTC)
    zone = {"time_zone": "Europe/Berlin", "environment": {"TZ": "Europe/Berlin"}}
    with steered(tmp_path, before, **zone) as (_, device, _):
        device.listen(28)
    seen = spans(device)
    assert wrong(device, seen) == []
    ours = [report for report in device.reports if report.lines is not None]
    starts = [report.start_ms for report in ours]
    assert starts == list(range(starts[0], starts[-1] + 1, 5_000))
    assert starts[0] < change.timestamp() * 1000 < starts[-1]
    assert {report.state for report in ours[1:-1]} == {"ok"}
    assert all(report.start.endswith("Z") for report in ours)
