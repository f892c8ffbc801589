# ruff: noqa: T201 - a command prints
"""Random faults of an RTSP camera whose pictures say when they were made, and what must hold after each.

    python -m tests.system.stamp_soak --faults 100 [--seed 1] [--minutes 60]

1. A picture made after the server's return is taken within RECOVERY_S of that return.
2. What the buckets call watched is what the stamps of the pictures say, within WATCHED_S for each fault.
3. No frame is older than the one before it.
4. What is taken once all is well again is the newest picture and no backlog: made less than LAG_S ago.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from edge.clock import SystemClock
from edge.counting.buckets import BucketCounter
from edge.vision.camera import Camera
from edge.vision.capture import Source
from edge.vision.clock import FrameClock
from tests.system.stamps import StampingServer, absent, lag_ms, made_ms

RECOVERY_S = 10.0
WATCHED_S = 2.2  # for so long the last frame vouches (`gap_ms`), and a little for a busy machine
LAG_S = 1.5
CALM_S = 2.0  # between faults
UNSEEN_MS = 2_000  # between two pictures: as long as a frame may vouch; of a longer gap nothing was seen
SIZES = ((320, 180), (640, 360), (480, 270))


@dataclass(slots=True)
class Seen:
    """What came of the frames."""

    frames: int = 0
    torn: int = 0
    last_ms: int | None = None  # of frame time
    size: tuple[int, int] = (0, 0)
    lags_ms: list[int] = field(default_factory=list)
    watched_ms: int = 0  # of closed buckets
    seen_ms: int = 0  # the same in truth: by when the pictures were made


class Watch:
    """Takes frames into buckets, and remembers when each was made."""

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.seen = Seen()
        self.fresh_ms: int | None = None  # frame time of the first picture made since the moment given
        self._made_ms: int | None = None  # the last picture
        self._counter = BucketCounter(["deck"], settle_ms=0)
        self._since_ms = 0

    def fresh_from_now(self) -> None:
        """Wait for a picture made after this moment."""
        self._since_ms, self.fresh_ms = time.monotonic_ns() // 1_000_000, None

    def run(self, seconds: float, *, until: Callable[[], bool] = lambda: False) -> None:
        """Take frames for so long."""
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s and not until():
            frame = self.camera.take(0.1)
            if frame is None:
                continue
            seen = self.seen
            assert seen.last_ms is None or frame.captured_ms >= seen.last_ms, "a frame is older than the one before it"
            seen.frames += 1
            seen.last_ms = frame.captured_ms
            seen.size = (frame.image.shape[1], frame.image.shape[0])
            seen.watched_ms += sum(bucket.watched_ms for bucket in self._counter.advance(frame.captured_ms, ()))
            stamp_ms = made_ms(frame.image)
            lag = lag_ms(stamp_ms) if stamp_ms is not None else 0
            if stamp_ms is None or lag >= 1 << 31:  # from the future: torn in both of its rows alike
                seen.torn += 1
                continue
            seen.lags_ms.append(lag)
            if self.fresh_ms is None and time.monotonic_ns() // 1_000_000 - lag >= self._since_ms:
                self.fresh_ms = frame.captured_ms
            if self._made_ms is not None and (gap_ms := stamp_ms - self._made_ms) <= UNSEEN_MS:
                seen.seen_ms += max(0, gap_ms)
            self._made_ms = stamp_ms

    def watched_ms(self) -> int:
        """Up to the last frame: of the closed buckets and the open one."""
        newest = self._counter.peek()
        return self.seen.watched_ms + (newest.watched_ms if newest is not None else 0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one fault."""

    fault: str
    down_s: float
    recovery_s: float | None  # from the server's return; None: not within RECOVERY_S
    watched_off_s: float  # called watched, less what was seen
    lag_s: float  # the greatest, after recovery


def kill(server: StampingServer, down: Callable[[], None], size: tuple[int, int]) -> None:
    server.kill()
    down()
    server.start(*size)


def freeze(server: StampingServer, down: Callable[[], None], _: tuple[int, int]) -> None:
    server.freeze()
    down()
    server.thaw()


FAULTS = {"killed": kill, "frozen": freeze, "another resolution": kill, "restarted": kill}


def suffer(watch: Watch, server: StampingServer, fault: str, down_s: float, size: tuple[int, int]) -> Outcome:
    """One fault, from a calm camera to a calm camera."""
    watched_ms, seen_ms = watch.watched_ms(), watch.seen.seen_ms
    FAULTS[fault](server, lambda: watch.run(down_s), size)
    returned_s = time.monotonic()
    watch.fresh_from_now()
    watch.run(RECOVERY_S, until=lambda: watch.fresh_ms is not None)
    recovery_s = time.monotonic() - returned_s if watch.fresh_ms is not None else None
    watch.seen.lags_ms.clear()
    watch.run(CALM_S)
    off_ms = (watch.watched_ms() - watched_ms) - (watch.seen.seen_ms - seen_ms)
    return Outcome(fault, down_s, recovery_s, off_ms / 1000, max(watch.seen.lags_ms, default=0) / 1000)


def complaints(outcome: Outcome) -> Iterator[str]:
    """What did not hold."""
    if outcome.recovery_s is None:
        yield f"no picture within {RECOVERY_S:g} s of the server's return"
    if abs(outcome.watched_off_s) > WATCHED_S:
        yield f"watched time is off by {outcome.watched_off_s:.2f} s"
    if outcome.lag_s > LAG_S:
        yield f"a picture was taken {outcome.lag_s:.2f} s after it was made"


@contextmanager
def watching(server: StampingServer, *, transport: str = "tcp") -> Iterator[Watch]:
    """A camera that watches the server, calm."""
    clock = SystemClock()
    with Camera(Source(server.url, transport=transport), clock, FrameClock(clock)) as camera:
        watch = Watch(camera)
        watch.fresh_from_now()
        watch.run(2 * RECOVERY_S, until=lambda: watch.fresh_ms is not None)
        watch.run(CALM_S)
        yield watch


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a line for every fault and the worst of all."""
    parser = argparse.ArgumentParser(prog="python -m tests.system.stamp_soak", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60.0, help="no new fault after so long")
    parser.add_argument("--transport", choices=("tcp", "udp"), default="tcp")
    given = parser.parse_args(arguments)
    if absent():
        sys.exit(absent())
    chance = random.Random(given.seed)
    outcomes, broken = [], 0
    with StampingServer() as server, watching(server, transport=given.transport) as watch:
        size = SIZES[0]
        end_s = time.monotonic() + 60 * given.minutes
        for number in range(1, given.faults + 1):
            if time.monotonic() > end_s:
                break
            fault = chance.choice(sorted(FAULTS))
            down_s = 0.0 if fault == "restarted" else chance.uniform(0.2, 7.0)
            if fault == "another resolution":
                size = chance.choice([other for other in SIZES if other != size])
            outcome = suffer(watch, server, fault, down_s, size)
            outcomes.append(outcome)
            wrong = list(complaints(outcome))
            if watch.seen.size != size:
                wrong.append(f"frames of {watch.seen.size}, the server gives {size}")
            broken += bool(wrong)
            came = "never" if outcome.recovery_s is None else f"{outcome.recovery_s:.2f} s"
            print(
                f"{number:4} {fault:18} down {down_s:4.1f} s, back after {came}, watched off by "
                f"{outcome.watched_off_s:+.2f} s, lag {outcome.lag_s:.2f} s {'; '.join(wrong)}",
                flush=True,
            )
        state = watch.camera.state
    came_s = sorted(outcome.recovery_s for outcome in outcomes if outcome.recovery_s is not None)
    print(
        f"{len(outcomes)} faults, {broken} broken; back after {came_s[len(came_s) // 2]:.2f} s (median), "
        f"{came_s[-1]:.2f} s (worst); watched off by {max(abs(o.watched_off_s) for o in outcomes):.2f} s (worst); "
        f"lag {max(o.lag_s for o in outcomes):.2f} s (worst); {watch.seen.frames} frames, {watch.seen.torn} torn, "
        f"{state.dropped} dropped, reopened {state.reopened} times, {state.abandoned} threads abandoned at the end"
    )
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
