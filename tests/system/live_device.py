"""`crossing-edge run` as a process that watches the road, everything it says, and what it holds of the machine.

    with broker(folder) as mosquitto, RtspServer() as server:
        with LiveDevice(folder, mosquitto, {"url": server.address}) as device:
            device.wait_seeing(after_ms)
        complaints(device.passages(), ...)

Times are milliseconds of the monotonic clock that the device has, by which the road drives, unless a name says `utc`.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from edge.clock import Clock, SystemClock
from edge.wire.report import Report, decode
from tests.bright_squares import write_model
from tests.system.broker import Mosquitto
from tests.system.peer import peer
from tests.system.product import EDGE, REPOSITORY
from tests.system.road import HEIGHT, LANES, LINE, SIDE, WIDTH, Lane

CROSSING_OFF_MS = 1_500
"""So far a crossing may be told from its truth: the camera's delay, and the detector's windows of 4 pixels."""
LINES = {"deck": {"from": [0, LINE / HEIGHT], "to": [1, LINE / HEIGHT], "a_to_b": "down", "b_to_a": "up"}}


def now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Held:
    """Of the machine, by a process at a moment."""

    memory_mb: float
    threads: int
    files: int

    def __str__(self) -> str:
        return f"{self.memory_mb:.1f} MB, {self.threads} threads, {self.files} files"


def held(pid: int) -> Held:
    process = Path("/proc") / str(pid)
    pages = int((process / "statm").read_text(encoding="ascii").split()[1])
    threads, files = (sum(1 for _ in (process / name).iterdir()) for name in ("task", "fd"))
    return Held(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, threads, files)


@dataclass(frozen=True, slots=True)
class Live:
    """A look at the open bucket: the frame it is as of, when the bucket began, what of it was watched up to then."""

    run: str
    as_of_ms: int
    start_utc_ms: int
    watched_ms: int
    blind: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A crossing as the device told it, and the square of the road that it was."""

    run: str
    at_utc_ms: int
    lane: int
    number: int
    off_ms: int
    direction: str


class LiveDevice:
    """Use it in a `with` block; what it said can be asked for after it, too."""

    def __init__(
        self,
        folder: Path,
        mosquitto: Mosquitto,
        camera: Mapping[str, Any],
        *,
        command: Sequence[str] = (sys.executable, "-c", EDGE),
        environment: Mapping[str, str] | None = None,
        clock: Clock | None = None,
        **more: Any,
    ) -> None:
        self.configuration = folder / "edge.yaml"
        self.said: list[tuple[int, str]] = []
        """Its log, each line with the moment when it came."""
        self.lives: list[Live] = []
        self.reports: list[Report] = []
        self.health: list[dict[str, Any]] = []
        self.exit_code: int | None = None
        self.end_s = 0.0
        self.utc_from_ms: set[int] = set()
        """What was ever to be added to the monotonic clock to have UTC, as the device knew it."""
        self._clock = clock or SystemClock()
        self._passages: dict[tuple[Any, ...], tuple[int, dict[str, Any]]] = {}
        self._mosquitto = mosquitto
        self._command = [*command, "run", "--config", str(self.configuration)]
        self._environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), **(environment or {})}
        self._stack = ExitStack()
        said: dict[str, Any] = {
            "site": "bridge",
            "device": "mast-1",
            "camera": camera,
            "model": {"name": str(write_model(folder)), "threads": 1, "region": "picture"},
            "lines": LINES,
            "report": {"every_s": 5, "crossings": True, "live_s": 1},
            "mqtt": mosquitto.mqtt("bridge/mast-1"),
            **more,
        }
        self.configuration.write_text(json.dumps(said), encoding="utf-8")  # JSON is YAML

    def __enter__(self) -> Self:
        self._peer = self._stack.enter_context(peer(self._mosquitto, "collector"))
        assert self._peer.accepted == 0, "the broker takes us"
        self._peer.subscribe("crossing/v1/bridge/mast-1/#")
        self.note_time()
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=self._environment
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        """SIGTERM, and everything that was still on its way."""
        began_ms = now_ms()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self.exit_code = self._process.wait()
        self.end_s = (now_ms() - began_ms) / 1000
        self.listen(1.0)
        self._stack.close()
        self._reader.join()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def now_ms(self) -> int:
        """Of the last frame that it told of; 0 before."""
        return self.lives[-1].as_of_ms if self.lives else 0

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def note_time(self) -> None:
        """The clock was changed: what the device tells from now on may be in other times."""
        self.utc_from_ms.add(self._clock.real_ms() - self._clock.monotonic_ms())

    def listen(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Take what is said for so long, in real seconds; whether `until` came true."""
        end_ms = now_ms() + round(1000 * seconds)
        while not until():
            left_ms = end_ms - now_ms()
            if left_ms <= 0:
                return False
            try:
                topic, payload = self._peer.heard.get(timeout=min(left_ms / 1000, 0.1))
            except queue.Empty:
                continue
            self._take(topic.rsplit("/", 1)[-1], payload)
        return True

    def wait_seeing(self, after_ms: int, within_s: float) -> Live | None:
        """What it says of the first moment after that one in which it sees."""

        def sees() -> bool:
            return bool(self.lives) and self.lives[-1].as_of_ms > after_ms and not self.lives[-1].blind

        return self.lives[-1] if self.listen(within_s, sees) else None

    def frames_again_ms(self, after_ms: int) -> int:
        """When the camera gave frames again, by the log; the moment itself where it never ceased to be open."""
        return next((at_ms for at_ms, line in list(self.said) if at_ms >= after_ms and "gives frames of" in line), 0)

    def passages(self) -> list[Passage]:
        """Every crossing that was told, once however often it came."""
        return [self._recognised(*one) for one in self._passages.values()]

    def heard_passages(self) -> list[tuple[int, dict[str, Any]]]:
        """The same as they were told, each with its moment."""
        return [(self._monotonic(_utc_ms(one["at"]), heard_ms), one) for heard_ms, one in list(self._passages.values())]

    def watched_ms(self, until: Live) -> int:
        """Of all time up to that look; to be asked once every report is there."""
        order: dict[str, int] = {}
        for report in self.reports:
            order.setdefault(report.run, len(order))
        ours = order.get(until.run, len(order))
        before = (
            report.watched_ms
            for report in self.reports
            if report.start_ms < until.start_utc_ms
            or (report.start_ms == until.start_utc_ms and order[report.run] < ours)
        )
        return sum(before) + until.watched_ms

    def _read(self) -> None:
        assert self._process.stderr is not None, "it is a pipe"
        with self._process.stderr as said:
            for line in said:
                self.said.append((self._clock.monotonic_ms(), line.rstrip("\n")))

    def _take(self, channel: str, payload: bytes) -> None:
        if channel == "report":
            report = decode(payload)
            if all((report.journal, report.seq) != (known.journal, known.seq) for known in self.reports[-50:]):
                self.reports.append(report)
        elif channel == "live":
            live = json.loads(payload)
            self.lives.append(
                Live(
                    live["run"],
                    self._monotonic(_utc_ms(live["as_of"]), self._clock.monotonic_ms()),
                    _utc_ms(live["start"]),
                    live["watched_ms"],
                    live["blind"],
                )
            )
        elif channel == "crossing":
            one = json.loads(payload)
            name = (one["run"], one["track"], one["line"], one["at"])
            self._passages.setdefault(name, (self._clock.monotonic_ms(), one))
        elif channel == "health":
            self.health.append(json.loads(payload))

    def _monotonic(self, utc_ms: int, heard_ms: int) -> int:
        """The moment that was meant: of those possible, the one nearest to when we heard of it."""
        return min((utc_ms - from_ms for from_ms in self.utc_from_ms), key=lambda at_ms: abs(at_ms - heard_ms))

    def _recognised(self, heard_ms: int, passage: dict[str, Any]) -> Passage:
        at_utc_ms = _utc_ms(passage["at"])
        at_ms = self._monotonic(at_utc_ms, heard_ms)
        places = [(lane.x + SIDE / 2) / WIDTH for lane in LANES]
        lane = min(range(len(LANES)), key=lambda i: abs(places[i] - passage["along"]))
        number = round(at_ms / LANES[lane].every_ms)
        off_ms = at_ms - number * LANES[lane].every_ms
        return Passage(passage["run"], at_utc_ms, lane, number, off_ms, passage["direction"])


@dataclass(frozen=True, slots=True)
class Seen:
    """A time in which nothing kept the device from seeing the road."""

    from_ms: int
    to_ms: int

    def holds(self, lane: Lane, number: int) -> bool:
        """Whether it was long enough around that crossing for it to have to be counted."""
        before_ms, after_ms = (2_000, 1_000) if abs(lane.speed) > 20 else (3_500, 2_500)
        return self.from_ms <= number * lane.every_ms - before_ms and number * lane.every_ms + after_ms <= self.to_ms


def complaints(passages: Sequence[Passage], reports: Sequence[Report]) -> Iterator[str]:
    """What was counted twice, or where nobody crossed; and `disagreements`."""
    times = Counter((passage.lane, passage.number) for passage in passages)
    for (lane, number), count in times.items():
        if count > 1:
            yield f"square {number} of lane {lane} was counted {count} times"
    for passage in passages:
        crossed = LANES[passage.lane]
        if abs(passage.off_ms) > CROSSING_OFF_MS or passage.direction != crossed.direction:
            yield f"a crossing {passage.direction} in lane {passage.lane} is {passage.off_ms} ms from any"
    yield from disagreements(passages, reports)


def disagreements(passages: Sequence[Passage], reports: Sequence[Report]) -> Iterator[str]:
    """Where reports say another thing than the crossings told one by one, or one is missing.

    A run may have booked as many crossings in a later bucket as it says: those that took place while no frame came.
    """
    told: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for passage in passages:
        told[passage.run][passage.at_utc_ms // reports[0].width_ms] += 1
    late = {report.run: report.health.crossings_late for report in reports}
    for report in reports:
        counted = sum(sum(of.values()) for ways in (report.lines or {}).values() for of in ways.values())
        told[report.run][report.start_ms // report.width_ms] -= counted
    for run, left in told.items():
        moved = sum(map(abs, left.values()))
        if left.total() or moved > 2 * late.get(run, 0):
            yield f"of {run}, {moved} crossings are not in the bucket of their time, {left.total()} in none"
    numbers = [report.seq for report in reports]
    if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        yield f"reports are numbered {numbers}"


def missed(passages: Sequence[Passage], seen: Sequence[Seen]) -> list[str]:
    """What was not counted though it was due. On a machine so busy that frames come seconds apart there are some."""
    counted = {(passage.lane, passage.number) for passage in passages}
    found = []
    for span in seen:
        for place, number in due([span]):
            if (place, number) not in counted:
                at_ms = number * LANES[place].every_ms
                where = f"{at_ms - span.from_ms} ms after seeing began, {span.to_ms - at_ms} ms before it ended"
                found.append(f"square {number} of lane {place} was not counted, {where}")
    return found


def due(seen: Sequence[Seen]) -> list[tuple[int, int]]:
    """Lane and number of the squares that have to be counted."""
    found = []
    for span in seen:
        for place, lane in enumerate(LANES):
            numbers = range(span.from_ms // lane.every_ms, span.to_ms // lane.every_ms + 1)
            found += [(place, number) for number in numbers if span.holds(lane, number)]
    return found


def _utc_ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)
