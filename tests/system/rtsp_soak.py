# ruff: noqa: T201 - a command prints
"""The whole device on a network camera that has one fault after another: it comes back, and counts nothing twice.

    python -m tests.system.rtsp_soak --faults 100 [--seed 1] [--minutes 45] [--transport tcp|udp]

The road of road.py goes on whatever happens to the server that shows it. Faults are drawn from the seed: the server is
killed and comes back after a while, comes back at once, comes back with another picture, freezes and goes on; or the
link to it, a network namespace, loses 5% of its packets for a while. Lives of FAULTS_A_LIFE faults each: the device is
ended and started again between them, on the same state; every third is over UDP, unless one transport is asked for.

1. The device sees again within RETURN_S of the server's return.
2. The time watched since the fault before is within WATCHED_S of the time in which the server showed the road.
3. No square that crosses the line is counted twice, nothing is counted that did not cross, and MISSED_SHARE at most of
   those that crossed with no fault near is not counted: frames of a busy machine come late at times.
4. Reports and crossings told one by one agree; reports are numbered without a gap; the device ends with 0.
5. Threads and files at the end of a life are those after its beginning.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.system.broker import broker
from tests.system.live_device import Live, LiveDevice, Passage, Seen, complaints, due, held, missed, now_ms
from tests.system.rtsp import SIZES, Network, RtspServer, network, why_not

RETURN_S = 10.0
WATCHED_S = 2.0
DELAY_S = 0.5
"""Of the camera, FFmpeg and a busy machine; what vouches is a frame's arrival."""
LOSS_PERCENT = 5
MISSED_SHARE = 0.01
FAULTS = ("killed", "restarted", "another resolution", "frozen", "lossy")
FAULTS_A_LIFE = 20
CALM_S = (4.0, 14.0)  # between a recovery and the next fault: a square crosses every three seconds


@dataclass
class Tally:
    """What was done and what came of it."""

    faults: Counter[str] = field(default_factory=Counter)
    returns_s: list[float] = field(default_factory=list)
    watched_off_s: list[float] = field(default_factory=list)
    """Watched beyond what was shown, between two recoveries."""
    crossings_due: int = 0
    missed: list[str] = field(default_factory=list)
    passages: list[Passage] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    ends_s: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Span:
    """From one recovery to the next: the looks at its ends, when its fault began, when frames came again."""

    name: str
    begun: Live
    fault_ms: int
    frames_ms: int
    ended: Live


class Life:
    """One process of the device, over some faults."""

    def __init__(self, server: RtspServer, cable: Network | None, chance: random.Random, tally: Tally) -> None:
        self._server = server
        self._cable = cable
        self._chance = chance
        self._tally = tally
        self._size = SIZES[0]
        self._spans: list[Span] = []
        self._seen: list[Seen] = []

    def live(self, device: LiveDevice, transport: str, faults: int, until_s: float) -> None:
        """Runs the device, has the faults, and judges them."""
        self._server.start(self._size)
        with device:
            since = device.wait_seeing(now_ms(), 30.0)
            device.listen(10.0)  # until the first strip is written
            before = held(device.pid)
            for _ in range(faults):
                if since is None or not device.runs or time.monotonic() > until_s:
                    break
                since = self._fault(device, transport, since)
            device.listen(8.0)
            if since is not None:
                self._see(since.as_of_ms, device.lives[-1].as_of_ms)
            runs = device.runs
            after = held(device.pid) if runs else before
        self._server.kill()
        self._tally.held.append(f"{before} -> {after}")
        self._tally.ends_s.append(device.end_s)
        if not runs or device.exit_code != 0:
            self._wrong(f"the device ended with {device.exit_code}: {[line for _, line in device.said[-5:]]}")
        if after.threads > before.threads or after.files > before.files:
            self._wrong(f"it held {before} and holds {after}")
        self._judge(device)

    def _fault(self, device: LiveDevice, transport: str, since: Live) -> Live | None:
        """One, from a recovery to the next; what is said of the first moment after it."""
        name = self._chance.choice(FAULTS if self._cable else FAULTS[:-1])
        device.listen(self._chance.uniform(*CALM_S))
        fault_ms = now_ms()
        back_ms = self._suffer(device, name)
        ended = device.wait_seeing(back_ms, 60.0)
        self._tally.faults[f"{name} over {transport}"] += 1
        if ended is None:
            self._wrong(f"{name} over {transport}: it does not see within a minute: {device.lives[-1].blind}")
            return None
        frames_ms = max(device.frames_again_ms(fault_ms), back_ms) if name != "lossy" else back_ms
        returned_s = (frames_ms - back_ms) / 1000
        self._tally.returns_s.append(returned_s)
        number = self._tally.faults.total()
        print(
            f"{number:4} {name:18} over {transport}: frames again after {returned_s:4.1f} s, {held(device.pid)}",
            flush=True,
        )
        if returned_s > RETURN_S:
            said = [f"{(at_ms - back_ms) / 1000:.1f} s {line}" for at_ms, line in device.said if at_ms >= fault_ms]
            self._wrong(f"{number} {name} over {transport}: frames again after {returned_s:.1f} s: {said}")
        self._spans.append(Span(f"{number} {name} over {transport}", since, fault_ms, frames_ms, ended))
        self._see(since.as_of_ms, fault_ms)
        return ended

    def _suffer(self, device: LiveDevice, name: str) -> int:
        """The fault itself; when it is over."""
        if name == "lossy":
            assert self._cable is not None, "only there are packets lost"
            self._cable.lose(LOSS_PERCENT)
            device.listen(self._chance.uniform(5, 15))
            self._cable.lose(0)
        elif name == "frozen":
            self._server.freeze()
            device.listen(self._chance.uniform(1, 20))
            self._server.thaw()
        else:
            self._server.kill()
            device.listen(self._chance.uniform(2, 12) if name == "killed" else 0)
            if name == "another resolution":
                self._size = self._chance.choice([size for size in SIZES if size != self._size])
            self._server.start(self._size)
        return now_ms()

    def _see(self, from_ms: int, to_ms: int) -> None:
        self._seen.append(Seen(from_ms, to_ms))

    def _judge(self, device: LiveDevice) -> None:
        """What can only be told once every report is there."""
        tally = self._tally
        for span in self._spans:
            watched_ms = device.watched_ms(span.ended) - device.watched_ms(span.begun)
            shown_ms = span.fault_ms - span.begun.as_of_ms + span.ended.as_of_ms - span.frames_ms
            lossy = "lossy" in span.name
            if lossy:
                shown_ms = span.ended.as_of_ms - span.begun.as_of_ms
            off_s = (watched_ms - shown_ms) / 1000
            tally.watched_off_s.append(off_s)
            if not -WATCHED_S - DELAY_S <= off_s <= WATCHED_S + DELAY_S:
                self._wrong(f"{span.name}: {watched_ms / 1000:.1f} s watched of {shown_ms / 1000:.1f} s shown")
        passages = device.passages()
        tally.passages += passages
        tally.crossings_due += len(due(self._seen))
        tally.missed += missed(passages, self._seen)
        for complaint in complaints(passages, device.reports):
            self._wrong(complaint)

    def _wrong(self, sentence: str) -> None:
        print(sentence, flush=True)
        self._tally.wrong.append(sentence)


def run(folder: Path, *, faults: int, seed: int, minutes: float, transport: str = "") -> Tally:
    """All of it, or as many faults as fit."""
    chance = random.Random(seed)
    tally = Tally()
    until_s = time.monotonic() + 60 * minutes
    life = 0
    with ExitStack() as stack:
        mosquitto = stack.enter_context(broker(folder))
        cable: Network | None = None
        try:
            cable = stack.enter_context(network())
            server = RtspServer(cable.address, namespace=cable.name)
        except PermissionError as error:
            print(f"no packets will be lost: there can be no network namespace here: {error}")
            server = RtspServer()
        stack.callback(server.kill)
        while (left := faults - tally.faults.total()) > 0 and time.monotonic() < until_s:
            life += 1
            over = transport or ("tcp" if life % 3 else "udp")
            device = LiveDevice(folder, mosquitto, {"url": server.address, "transport": over})
            Life(server, cable, chance, tally).live(device, over, min(left, FAULTS_A_LIFE), until_s)
    if len(tally.missed) > MISSED_SHARE * tally.crossings_due:
        tally.wrong += tally.missed
    return tally


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it and print a summary; 1 where something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.system.rtsp_soak", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=45.0, help="no new fault after so long")
    parser.add_argument("--transport", choices=("tcp", "udp"), default="", help="in every life")
    given = parser.parse_args(arguments)
    reason = why_not()
    if reason:
        print(reason, file=sys.stderr)
        return 1
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="crossing-rtsp-") as folder:
        tally = run(
            Path(folder), faults=given.faults, seed=given.seed, minutes=given.minutes, transport=given.transport
        )
    print(", ".join(f"{fault}: {times}" for fault, times in sorted(tally.faults.items())))
    print(f"held at the beginning and end of each life: {'; '.join(tally.held)}")
    returns, off_ms = sorted(tally.returns_s), sorted(passage.off_ms for passage in tally.passages)
    print(
        f"{tally.faults.total()} faults, {len(tally.wrong)} wrong; frames again after "
        f"{returns[len(returns) // 2]:.1f} s (median), {returns[-1]:.1f} s (most); watched beyond shown "
        f"{min(tally.watched_off_s):+.1f} to {max(tally.watched_off_s):+.1f} s; {len(tally.passages)} crossings "
        f"counted, {len(tally.missed)} of {tally.crossings_due} due missed, told {off_ms[0]} to {off_ms[-1]} ms "
        f"late; ended within {max(tally.ends_s):.1f} s; seed {given.seed}, "
        f"{time.monotonic() - began_s:.0f} s"
    )
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
