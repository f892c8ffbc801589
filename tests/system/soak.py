# ruff: noqa: T201 - a command prints
"""The whole device for long: memory, threads and open files stay flat, and every crossing is counted once.

    python -m tests.system.soak --minutes 60 --rtsp [--rate 5]
    python -m tests.system.soak --hours 24

`crossing-edge run` as a process, and a broker. With --rtsp in real time, on an RTSP server that shows the road. Else
its clock goes on as fast as it works, and its camera is a film of the road, over and over. Now and then what the
process holds is told; in the end, whether it stayed flat and whether every square was counted once.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.system import film
from tests.system.broker import broker
from tests.system.live_device import Held, LiveDevice, Seen, complaints, disagreements, due, held, missed, now_ms
from tests.system.rtsp import RtspServer, why_not
from tests.system.steering import SteeredClock, command

WARM_SHARE = 0.1
"""Of the time: so long it may still grow, for caches fill and the reference picture is taken."""
GROWTH_MB = 5.0
MISSED_SHARE = 0.01
"""Of the crossings in real time: frames of a busy machine come late at times."""
SEEING_S = 30.0
DAY_MS = 1_780_272_000_000  # 2026-06-01


def grown(samples: Sequence[Held]) -> list[str]:
    """What of the process did not stay flat after it was warm."""
    warm = samples[round(WARM_SHARE * len(samples)) :]
    wrong = []
    half = len(warm) // 2
    first, second = warm[:half], warm[half:]
    if not first:
        return []
    memory = max(one.memory_mb for one in second) - max(one.memory_mb for one in first)
    if memory > GROWTH_MB:
        wrong.append(f"memory grew by {memory:.1f} MB from the first half to the second")
    for name in ("threads", "files"):
        before, after = (max(getattr(one, name) for one in part) for part in (first, second))
        if after > before:
            wrong.append(f"{name} grew from {before} to {after}")
    return wrong


def over_rtsp(folder: Path, *, minutes: float, rate: int, sample_s: float = 60.0) -> list[str]:
    """What was wrong after so long."""
    samples: list[Held] = []
    with broker(folder) as mosquitto, RtspServer(rate=rate) as server:
        camera = {"url": server.address, "frames_per_second": rate}
        with LiveDevice(folder, mosquitto, camera) as device:
            began_ms = now_ms()
            first = device.wait_seeing(began_ms, SEEING_S)
            if first is None:
                return [f"it does not see within {SEEING_S:g} s"]
            end_ms = began_ms + round(60_000 * minutes)
            while device.runs and now_ms() < end_ms:
                device.listen(min(sample_s, (end_ms - now_ms()) / 1000))
                samples.append(held(device.pid))
                watched_ms = device.watched_ms(device.lives[-1])
                print(
                    f"{(now_ms() - began_ms) / 60_000:5.1f} min: {samples[-1]}, {len(device.passages())} crossings, "
                    f"{watched_ms / 1000:.0f} s watched",
                    flush=True,
                )
            runs, last = device.runs, device.lives[-1]
    seen = [Seen(first.as_of_ms, last.as_of_ms)]
    passages = device.passages()
    wrong = [*complaints(passages, device.reports), *grown(samples)]
    not_counted = missed(passages, seen)
    if len(not_counted) > MISSED_SHARE * len(due(seen)):
        wrong += not_counted
    if not runs or device.exit_code != 0:
        wrong.append(f"it ended with {device.exit_code}: {[line for _, line in device.said[-5:]]}")
    watched_s, elapsed_s = device.watched_ms(last) / 1000, (last.as_of_ms - first.as_of_ms) / 1000
    off_ms = sorted(passage.off_ms for passage in passages)
    print(
        f"{elapsed_s:.0f} s at {rate} frames/s: {watched_s:.0f} s watched, {len(due(seen))} crossings due, "
        f"{len(not_counted)} of them missed, {len(passages)} counted, {off_ms[0]} to {off_ms[-1]} ms late; "
        f"ended in {device.end_s:.1f} s; {len(device.reports)} reports; {samples[0]} at first, "
        f"{samples[-1]} at last; {device.health[-1] if device.health else 'no health'}"
    )
    return wrong


def paced(folder: Path, *, hours: float, sample_h: float = 0.5) -> list[str]:
    """What was wrong after so many hours of a clock that goes on as fast as the device works."""
    samples: list[Held] = []
    clock = SteeredClock.begun(folder / "clock.json", paced=True, ahead_ms=DAY_MS)
    camera = {"url": str(film.write(folder / "road.mp4")), "frames_per_second": film.RATE}
    report = {"every_s": 60, "crossings": True, "live_s": 60}
    ours = command(folder / "clock.json")
    began_s = time.monotonic()
    with (
        broker(folder) as mosquitto,
        LiveDevice(folder, mosquitto, camera, command=ours, clock=clock, report=report) as device,
    ):
        while device.runs and len(samples) < round(hours / sample_h):
            until_ms = 3_600_000 * sample_h * (len(samples) + 1)
            device.listen(3_600, lambda: not device.runs or device.now_ms >= until_ms)  # noqa: B023  # asked at once
            samples.append(held(device.pid))
            shown = f"{device.now_ms / 3_600_000:5.1f} h: {samples[-1]}, {len(device.passages())} crossings"
            print(f"{shown}, after {time.monotonic() - began_s:.0f} s", flush=True)
        runs, elapsed_s = device.runs, device.now_ms / 1000
    wrong = [*film.complaints(device), *disagreements(device.passages(), device.reports), *grown(samples)]
    if not runs or device.exit_code != 0:
        wrong.append(f"it ended with {device.exit_code}: {[line for _, line in device.said[-5:]]}")
    states = Counter(report.state for report in device.reports)
    watched_s = sum(report.watched_ms for report in device.reports) / 1000
    if watched_s < elapsed_s - 2:
        wrong.append(f"{watched_s:.0f} s of {elapsed_s:.0f} s were watched")
    print(
        f"{elapsed_s / 3600:.2f} h in {time.monotonic() - began_s:.0f} s: {watched_s / 3600:.2f} h watched, "
        f"{len(device.passages())} crossings, {len(device.reports)} reports ({dict(states)}); {samples[0]} at first, "
        f"{samples[-1]} at last; {device.health[-1]}"
    )
    return wrong


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 1 where something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.system.soak", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--hours", type=float, default=24.0, help="by a clock that is faster than time")
    parser.add_argument("--rtsp", action="store_true", help="in real time, on a network camera")
    parser.add_argument("--minutes", type=float, default=60.0, help="real ones, with --rtsp")
    parser.add_argument("--rate", type=int, default=5, help="frames a second, with --rtsp")
    given = parser.parse_args(arguments)
    reason = why_not() if given.rtsp else ""
    if reason:
        print(reason, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="crossing-soak-") as folder:
        if given.rtsp:
            wrong = over_rtsp(Path(folder), minutes=given.minutes, rate=given.rate)
        else:
            wrong = paced(Path(folder), hours=given.hours)
    print("\n".join(wrong) or "nothing was wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
