# ruff: noqa: T201 - a command prints
"""The whole device for long: memory, threads and open files stay flat, and every crossing is counted once.

    python -m tests.system.soak --minutes 60 --rtsp [--rate 5]

`crossing-edge run` as a process, on an RTSP server that shows the road, in real time, with a broker in between. Each
minute what the process holds is told.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.system.broker import broker
from tests.system.live_device import Held, LiveDevice, Seen, complaints, due, held, now_ms
from tests.system.rtsp import RtspServer, why_not

WARM_SHARE = 0.1
"""Of the time: so long it may still grow, for caches fill and the reference picture is taken."""
GROWTH_MB = 5.0
SEEING_S = 30.0


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
    wrong = [*complaints(passages, seen), *grown(samples)]
    if not runs or device.exit_code != 0:
        wrong.append(f"it ended with {device.exit_code}: {[line for _, line in device.said[-5:]]}")
    total = sum(device.counted().values())
    if total != len(passages):
        wrong.append(f"reports count {total} crossings, {len(passages)} were told one by one")
    watched_s, elapsed_s = device.watched_ms(last) / 1000, (last.as_of_ms - first.as_of_ms) / 1000
    off_ms = sorted(passage.off_ms for passage in passages)
    print(
        f"{elapsed_s:.0f} s at {rate} frames/s: {watched_s:.0f} s watched, {len(due(seen))} crossings due, {len(passages)} "
        f"counted, {off_ms[0]} to {off_ms[-1]} ms late; ended in {device.end_s:.1f} s; {len(device.reports)} reports; "
        f"{samples[0]} at first, {samples[-1]} at last; {device.health[-1] if device.health else 'no health'}"
    )
    return wrong


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 1 where something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.system.soak", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--minutes", type=float, default=60.0, help="real ones")
    parser.add_argument("--rtsp", action="store_true")
    parser.add_argument("--rate", type=int, default=5, help="frames a second")
    given = parser.parse_args(arguments)
    reason = why_not()
    if reason:
        print(reason, file=sys.stderr)
        return 1
    print(time.strftime("%H:%M:%S"), flush=True)
    with tempfile.TemporaryDirectory(prefix="crossing-soak-") as folder:
        wrong = over_rtsp(Path(folder), minutes=given.minutes, rate=given.rate)
    print("\n".join(wrong) or "nothing was wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
