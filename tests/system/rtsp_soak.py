# ruff: noqa: T201 - a command prints
"""A camera on a server that has one fault after another: frames come back, watched time is right, nothing is left over.

    python -m tests.system.rtsp_soak --faults 100 [--seed 1] [--minutes 20]

Faults are drawn from the seed: the server is killed and comes back after a while, comes back with another picture, or
freezes and goes on. Every third life is watched over UDP, of whose RTP packets a twentieth never leaves the server.
After each fault: frames again within RETURN_S of the server's return; the time watched since the fault before, as the
buckets count it, is within WATCHED_S of the time for which the server served; the time of frames never steps back. At
the end: as many threads and open files as at the beginning.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge.clock import SystemClock
from edge.counting.buckets import BucketCounter
from edge.vision.camera import Camera
from edge.vision.capture import Source
from edge.vision.clock import FrameClock
from edge.vision.frame import Frame
from tests.system.rtsp import RtspServer, why_not

GAP_MS = 2_000
RETURN_S = 10.0
WATCHED_S = 2.0
FRAME_S = 0.3  # the space between two frames, and what a busy machine adds to it
SIZES = ((320, 180), (160, 90), (640, 360))
FAULTS = ("kill", "freeze", "restart", "resolution")
LOSS = 0.05
FAULTS_A_LIFE = 10


@dataclass
class Tally:
    """What was done and what came of it; times in seconds."""

    faults: Counter[str] = field(default_factory=Counter)
    frames: int = 0
    returns: list[float] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    """Watched time beyond the served time, of each span between two faults."""
    wrong: list[str] = field(default_factory=list)
    held: list[tuple[tuple[int, int], tuple[int, int]]] = field(default_factory=list)
    """Threads and open files at the beginning and the end of each life."""


class Watch:
    """Takes frames and counts the time watched."""

    def __init__(self, camera: Camera, clock: FrameClock, tally: Tally) -> None:
        self._camera = camera
        self._clock = clock
        self._tally = tally
        self._last_ms = 0
        self._counter = BucketCounter((), gap_ms=GAP_MS)
        self._watched_ms = 0

    def begin(self, since: Frame) -> None:
        """A new span, from that frame on."""
        self._counter = BucketCounter((), gap_ms=GAP_MS)
        self._watched_ms = 0
        for _ in self._counter.advance(since.captured_ms, ()):
            pass

    def close(self) -> float:
        """The seconds watched in the span that ends."""
        return (self._watched_ms + sum(bucket.watched_ms for bucket in self._counter.close())) / 1000

    def take(self) -> Frame | None:
        frame = self._camera.take(0.1)
        if frame is None:
            return None
        self._tally.frames += 1
        if frame.captured_ms < self._last_ms:
            self._tally.wrong.append(f"a frame's time steps back by {self._last_ms - frame.captured_ms} ms")
        self._last_ms = max(self._last_ms, frame.captured_ms)
        for bucket in self._counter.advance(self._last_ms, ()):
            self._watched_ms += bucket.watched_ms
        return frame

    def take_for(self, seconds: float) -> None:
        until_ms = self._clock.captured_ms() + round(1000 * seconds)
        while self._clock.captured_ms() < until_ms:
            self.take()

    def first(self, size: tuple[int, int], after_ms: int = 0) -> Frame | None:
        """The first frame of that size taken after that moment, within a minute."""
        until_ms = self._clock.captured_ms() + 60_000
        while self._clock.captured_ms() < until_ms:
            frame = self.take()
            if frame is not None and frame.image.shape[1::-1] == size and frame.captured_ms >= after_ms:
                return frame
        return None


class Life:
    """A camera on a server, over some faults."""

    def __init__(self, folder: Path, chance: random.Random, tally: Tally, transport: str) -> None:
        self._chance = chance
        self._tally = tally
        self._transport = transport
        self._server = RtspServer(folder, loss=LOSS if transport == "udp" else 0.0)
        self._size = SIZES[0]
        self._clock = FrameClock(SystemClock())
        self._camera = Camera(Source(self._server.address, transport=transport), SystemClock(), self._clock)

    def live(self, faults: int, until_s: float) -> None:
        self._server.start(self._size)
        try:
            with self._camera:
                watch = Watch(self._camera, self._clock, self._tally)
                frame = watch.first(self._size)
                watch.take_for(2)
                before = _held()
                for _ in range(faults):
                    if frame is None or time.monotonic() > until_s:
                        break
                    frame = self._fault(watch, frame)
                watch.take_for(5)  # what was abandoned ends
                self._tally.held.append((before, _held()))
                if self._camera.state.abandoned:
                    self._tally.wrong.append(f"{self._camera.state.abandoned} threads still hang at the end of a life")
        finally:
            self._server.kill()

    def _fault(self, watch: Watch, since: Frame) -> Frame | None:
        """One, and what must be true after it; the first frame after it."""
        fault = self._chance.choice(FAULTS)
        self._tally.faults[f"{fault} over {self._transport}"] += 1
        watch.begin(since)
        watch.take_for(self._chance.uniform(1, 4))
        if fault == "freeze":
            self._server.freeze()
        else:
            self._server.kill()
        served_s = (self._clock.captured_ms() - since.captured_ms) / 1000
        if fault == "freeze":
            watch.take_for(self._chance.uniform(3, 20))
            self._server.thaw()
        else:
            watch.take_for(self._chance.uniform(2, 8) if fault == "kill" else 0)
            if fault == "resolution":
                self._size = self._chance.choice([size for size in SIZES if size != self._size])
            self._server.start(self._size)
        back_ms = self._clock.captured_ms()
        frame = watch.first(self._size, back_ms)
        if frame is None:
            self._tally.wrong.append(f"{fault}: no frames within a minute: {self._camera.state}")
            return None
        self._judge(fault, served_s, watch.close(), (frame.captured_ms - back_ms) / 1000)
        return frame

    def _judge(self, fault: str, served_s: float, watched_s: float, after_s: float) -> None:
        self._tally.returns.append(after_s)
        self._tally.errors.append(watched_s - served_s)
        if after_s > RETURN_S:
            self._tally.wrong.append(f"{fault}: frames only {after_s:.1f} s after the server's return")
        if not -WATCHED_S <= watched_s - served_s <= WATCHED_S + FRAME_S:
            self._tally.wrong.append(f"{fault}: {watched_s:.1f} s watched of {served_s:.1f} s served")


def _held() -> tuple[int, int]:
    """The threads, FFmpeg's too, and open files of this process."""
    return len(list(Path("/proc/self/task").iterdir())), len(list(Path("/proc/self/fd").iterdir()))


def run(folder: Path, *, faults: int, seed: int, minutes: float) -> Tally:
    """All of it, or as many faults as fit."""
    chance = random.Random(seed)
    tally = Tally()
    until_s = time.monotonic() + 60 * minutes
    life = 0
    while (left := faults - tally.faults.total()) > 0 and time.monotonic() < until_s:
        life += 1
        Life(folder, chance, tally, "tcp" if life % 3 else "udp").live(min(left, FAULTS_A_LIFE), until_s)
    for before, after in tally.held:
        if after[0] > before[0] or after[1] > before[1]:
            tally.wrong.append(f"threads and files were {before} and are {after}")
    if tally.held and tally.held[-1][1] > tally.held[0][1]:
        tally.wrong.append(
            f"threads and files were {tally.held[0][1]} after the first life and are {tally.held[-1][1]}"
        )
    return tally


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it and print a summary; 1 where something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.system.rtsp_soak", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=30.0)
    given = parser.parse_args(arguments)
    reason = why_not()
    if reason:
        print(reason, file=sys.stderr)
        return 1
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="crossing-rtsp-") as folder:
        tally = run(Path(folder), faults=given.faults, seed=given.seed, minutes=given.minutes)
    print("\n".join(tally.wrong))
    print(", ".join(f"{fault}: {times}" for fault, times in sorted(tally.faults.items())))
    print(f"threads and files at the beginning and end of each life: {tally.held}")
    returns = sorted(tally.returns)
    print(
        f"{tally.faults.total()} faults, {len(tally.wrong)} wrong, {tally.frames} frames; back after "
        f"{returns[len(returns) // 2]:.1f} s (median), {returns[-1]:.1f} s (most); watched beyond served "
        f"{min(tally.errors):.1f} to {max(tally.errors):.1f} s; seed {given.seed}, {time.monotonic() - began_s:.0f} s"
    )
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
