"""A device of the simulated world: the real outbox, shelf, courier, publisher and bucket counter, on a fragile machine.

The camera gives frames for as long as the process lives; every frame that was delivered to it goes into the oracle's
book, whatever becomes of it.
"""

import random
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from edge.counting.buckets import Bucket, BucketCounter
from edge.counting.crossing import DIRECTIONS, Crossing
from edge.counting.parameters import DEFAULT
from edge.delivery.commands import compare
from edge.delivery.connection import Accepted, Acknowledged, Broker, Ended, Event, Message, Received, Refused
from edge.delivery.courier import Courier
from edge.delivery.failure import Cause
from edge.delivery.memory_buffer import MemoryBuffer
from edge.delivery.outbox import Outbox
from edge.delivery.publisher import Publisher
from edge.delivery.reports import report_of
from edge.delivery.waiting_record import WaitingRecord
from edge.errors import WorkError
from edge.wire.device_messages import Info, LineInfo
from edge.wire.report import Level, Report, ZoneReport, decode, encode
from tests.simulation.broker import TAKEN_OVER, TOO_LARGE, Client, Said, SimulatedBroker
from tests.simulation.disk import Disk
from tests.simulation.network import Wire
from tests.simulation.oracle import Book
from tests.simulation.world import Killed, SimulatedClock, World

LINES = ("deck", "ramp")
LABELS = ("car", "truck", "bus")
BUCKET_MS = 10_000
GAP_MS = 2_000
SETTLE_MS = 1_000
PARAMETERS = msgspec.structs.replace(DEFAULT, buckets=msgspec.structs.replace(DEFAULT.buckets, settle_ms=SETTLE_MS))
EPOCH_MS = 1_795_600_000_000
FAT_EVERY = 7
FAT_ZONES = {
    f"zone-{n}": ZoneReport(inside=Level(mean=0.0, max=0, end=0), standing=Level(mean=0.0, max=0, end=0))
    for n in range(20)
}
"""They make a report larger than some brokers take; nobody counts in them."""
FRAME_MS = (300, 700, 1_000, 1_900, 2_500, 6_000)


class SimulatedLink(Client):
    """The device's end of a connection; implements edge.delivery.connection.Link."""

    def __init__(self, world: World, broker: SimulatedBroker, client_id: str, will: Message) -> None:
        self._world = world
        self._broker = broker
        self._events: deque[Event] = deque()
        self._tokens = 0
        self.on_event: Callable[[], object] = lambda: None
        self.wire = Wire(world)
        self.wire.client = self
        self._over = False
        self.heard: set[tuple[str, int]] = set()
        """Run and number of every report that was published."""
        self.killed = False
        """The process that waits here was ended meanwhile."""
        said = Said(will.topic, will.payload, will.qos, will.retain)
        self.wire.up.send(lambda: broker.connect(self.wire, self, client_id, said, lasting=False, receive_max=20))

    def publish(self, message: Message) -> int:
        self._tokens += 1
        if message.topic.endswith("/report"):
            report = decode(message.payload)
            self.heard.add((report.run, report.seq))
        said = Said(message.topic, message.payload, message.qos, message.retain)
        self._send("publish", said, self._tokens)
        return self._tokens

    def listen(self, topics: Sequence[str], *, needed: bool = True) -> None:
        self._send("subscribe", list(topics))

    def events(self, wait_s: float) -> list[Event]:
        if not self._events and wait_s > 0:
            until_ms = self._world.now_ms + int(wait_s * 1000)
            self._world.run_until(until_ms, stop=lambda: bool(self._events) or self.killed)
            if self.killed:
                raise Killed
        found = list(self._events)
        self._events.clear()
        return found

    def close(self, *, graceful: bool) -> None:
        self._over = True
        if graceful:
            self._send("disconnect")
            self.wire.client = None
        else:
            self.wire.break_down(client_ms=0, server_ms=self._world.chance.choice((5, 30_000, 45_000)))

    def accepted(self, *, resumed: bool, receive_max: int | None) -> None:
        assert not resumed, "a device's session ends with its connection"
        said = self._broker.packet_max if self._broker.says_packet_max else None
        self._happen(Accepted(receive_max, packet_max=said))

    def acknowledged(self, token: int, refused: str) -> None:
        self._happen(Refused(token, refused, 0x87) if refused else Acknowledged(token))

    def subscribed(self) -> None:
        pass

    def arrived(self, number: int, said: Said) -> None:
        self._send("acknowledge", number)
        self._happen(Received(said.topic, said.payload))

    def ended(self, reason: str) -> None:
        if not self._over:
            cause: Cause = "too-large" if reason == TOO_LARGE else "lost"
            self._happen(Ended(reason, taken_over=reason == TAKEN_OVER, cause=cause))

    def broken(self) -> None:
        self.ended("the wire is dead")

    def _happen(self, event: Event) -> None:
        self._events.append(event)
        self.on_event()


class Device:
    """One machine: it boots, counts, is killed, boots again."""

    def __init__(
        self, world: World, broker: SimulatedBroker, folder: Path, number: int, book: Book, *, copy: str = ""
    ) -> None:
        self.world = world
        self.site, self.name = "bridge", f"mast-{number}"
        self.card = self.name
        """What it is for the book, whatever it is called."""
        self.former: set[str] = set()
        """Names that it had."""
        self.unnoted: set[str] = set()
        """Runs during which the disk took nothing, so that it may not know of them later."""
        self.disk = Disk(world, folder)
        self.path = folder / f"{self.name}{copy}.outbox"
        self._copy = copy
        self.book = book
        self.clock = SimulatedClock(world, epoch_ms=EPOCH_MS)
        self.fat = world.chance.random() < 0.3
        self.keep_bytes = world.chance.choice((3_000, 20_000, 10_000_000))
        self.alive = False
        self.camera = True
        self.kills = 0
        self.rotted = 0
        self.image: dict[str, bytes] = {}
        """A copy of its card: what follows the name of the outbox, and the file."""
        self._broker = broker
        self._boots = 0
        self._journals = 0
        self._generation = 0
        self._woken = False
        self._link: SimulatedLink | None = None
        self._outbox: Outbox | None = None
        self._publisher: Publisher | None = None
        self._buffer: MemoryBuffer | None = None
        self._record: WaitingRecord | None = None
        self._counter: BucketCounter | None = None
        self._run = ""
        self._said_run = ""  # with which the publisher began
        self._synced = self._clock_set = True
        self._heard: set[tuple[str, int]] = set()  # run and number of every report that was ever on its way
        self._frame_ms = 0
        self._anchor_ms = 0
        self._crossings = 0

    # The process

    def boot(self) -> None:
        """Start the process; it may die in the middle of that."""
        if self.alive:
            return
        self.alive = True
        self._boots += 1
        self._generation += 1
        self.world.tell(f"{self.name} boots")
        self._guard(self._start)
        if self.alive:
            self.world.after(1, self._live, self._generation)

    def _start(self) -> None:
        chance = self.world.chance
        self._synced = self._clock_set
        self._said_run = f"{self.card}{self._copy}-r{self._boots}"
        self._outbox = Outbox(
            self.path,
            keep_bytes=self.keep_bytes,
            patient=True,
            connection=self.disk.connections(),
            name_journal=self._name_journal,
            owner=f"{self.site}/{self.name}",
        )
        outbox = self._outbox
        self._record = WaitingRecord(self.path.with_suffix(".waiting"))
        waiting_max = chance.choice((3, 1_000)) if not self.world.calm else 1_000
        self._buffer = MemoryBuffer(self._outbox, waiting_max=waiting_max, record=self._record)
        self._publisher = Publisher(
            Broker("simulated"),
            self._outbox,
            site=self.site,
            device=self.name,
            run=self._said_run,
            info=Info(
                run=self._said_run,
                version="0",
                model="m",
                lines={line: LineInfo() for line in LINES},
                classes=list(LABELS),
                bucket_ms=BUCKET_MS,
            ),
            courier=Courier(in_flight_max=chance.choice((1, 4, 64))),
            clock=self.clock,
            chance=random.Random(chance.random()),
            connect=self._connect,
            handlers={"journal": compare(outbox)},
        )
        self._begin_run(self._said_run)

    def _begin_run(self, run: str) -> None:
        self._run = run
        self._counter = BucketCounter(LINES, width_ms=BUCKET_MS, gap_ms=GAP_MS, parameters=PARAMETERS)
        self._anchor_ms = self.clock.real_ms() - self.clock.monotonic_ms()
        self._frame_ms = -1
        self.book.begin(self.site, self.name, run, synced=self._synced)

    def _mind_clock(self) -> None:
        """A clock that was set begins a new run, and what was not sent of the one before is corrected."""
        if self._synced or not self._clock_set:
            return
        assert self._counter is not None, "it has booted"
        assert self._buffer is not None, "it has booted"
        assert self._outbox is not None, "it has booted"
        self._close_run()
        old, moved_ms = self._run, self.clock.real_ms() - self.clock.monotonic_ms() - self._anchor_ms
        self._synced = True
        self._begin_run(f"{old}-set")
        self.world.tell(f"{self.name} corrects {old} by {moved_ms} ms")
        self.book.correct(self.site, self.name, old, moved_ms, set())
        self._buffer.correct(old, moved_ms, now_ms=self.clock.monotonic_ms())
        with suppress(WorkError), self._outbox._reading() as database:
            if self._outbox._offset_ms(database, old) is not None:
                rows = database.execute("SELECT payload FROM letter WHERE seq IS NOT NULL AND run = ?", (old,))
                numbers = {decode(payload).seq for (payload,) in rows}
                unheard = {seq for seq in numbers if (old, seq) not in self._heard}
                self.book.correct(self.site, self.name, old, moved_ms, unheard)

    def _close_run(self) -> None:
        assert self._counter is not None, "it has booted"
        for bucket in self._counter.close():
            self._append_report(bucket)

    def _name_journal(self) -> str:
        self._journals += 1
        return f"{self.card}{self._copy}-j{self._journals}"

    def _connect(self, _: Broker, client_id: str, *, will: Message, timeout_s: float) -> SimulatedLink:
        assert timeout_s >= 1.0, "time enough to connect"
        if not self._broker.up or self.world.happens(0.1):
            raise WorkError("the broker cannot be reached")
        self._link = SimulatedLink(self.world, self._broker, client_id, will)
        self._link.heard = self._heard
        self._link.on_event = self._wake
        return self._link

    def _live(self, generation: int) -> None:
        """One turn of the service's loop."""
        if not self.alive or generation != self._generation:
            return
        self._guard(self._turn)
        if self.alive:
            wait_ms = self.world.calm_turn_ms if self.world.calm else self.world.chance.choice(FRAME_MS)
            if self._woken:  # what it has just heard is answered in the next turn
                self._woken, wait_ms = False, 1
            self.world.after(wait_ms, self._live, generation)

    def _wake(self) -> None:
        """In the calm, an event begins a turn: the loop of the service waits for events, too."""
        if self.alive and self.world.calm:
            self._generation += 1
            self._woken = True
            self.world.after(1, self._live, self._generation)

    def _turn(self) -> None:
        assert self._publisher is not None, "it has booted"
        assert self._buffer is not None, "it has booted"
        if self.disk.failing:
            self.unnoted.add(self._said_run)
        self._mind_clock()
        if self.camera:
            self._see_frame()
        self._buffer.hand_on(now_ms=self.clock.monotonic_ms())
        self._publisher.set_trouble("disk", self._buffer.failure)
        self._note_loss()
        self._publisher.step(wait_s=0.0)

    def _see_frame(self) -> None:
        assert self._counter is not None, "it has booted"
        chance = self.world.chance
        captured_ms = self._anchor_ms + self.clock.monotonic_ms()
        next_ms = self._frame_ms + (self.world.calm_turn_ms if self.world.calm else 1)
        if captured_ms < next_ms:
            return
        watching = chance.random() > 0.1
        crossings = []
        if watching and self._frame_ms >= 0:
            for _ in range(chance.choice((0, 0, 0, 1, 1, 2))):
                crossed_ms = chance.randrange(max(self._frame_ms, captured_ms - SETTLE_MS), captured_ms + 1)
                crossings.append(
                    Crossing(
                        chance.choice(LINES), chance.choice(DIRECTIONS), chance.choice(LABELS), 1.0, crossed_ms, 0.5, 1
                    )
                )
        self._frame_ms = captured_ms
        self._tell_crossings(crossings)
        self.book.frame(self.site, self.name, self._run, captured_ms, crossings, watching=watching)
        for bucket in self._counter.advance(captured_ms, crossings, watching=watching):
            self._append_report(bucket)

    def _tell_crossings(self, crossings: Sequence[Crossing]) -> None:
        assert self._buffer is not None, "it has booted"
        for crossing in crossings:
            if crossing.label != "bus":  # a letter for every crossing would be most of the work
                continue
            self._crossings += 1
            payload = f"{self.card} {self._run} {self._crossings} {crossing.line}".encode()
            address = f"{self.site}/{self.name}/crossing"
            self._buffer.append_message(address, payload, run=self._run, now_ms=self.clock.monotonic_ms())
            self.book.posted(self.card, payload)

    def _append_report(self, bucket: Bucket) -> None:
        assert self._buffer is not None, "it has booted"
        outbox, run, synced = self._outbox, self._run, self._synced
        assert outbox is not None, "it has booted"

        def made(seq: int) -> Report:
            names: dict[str, Any] = {"site": self.site, "device": self.name, "run": run, "journal": outbox.journal}
            report = report_of(bucket, **names, seq=seq, clock_synced=synced)
            fat = (
                self.fat
                and not self.world.calm
                and report.lines is not None
                and bucket.start_ms // BUCKET_MS % FAT_EVERY == 0
            )
            return msgspec.structs.replace(report, zones=FAT_ZONES) if fat else report

        self._buffer.append_report(made, now_ms=self.clock.monotonic_ms())
        self._note_loss()
        self.book.took(self.card)
        if not self._buffer.waiting:
            self.book.told(self.site, self.name, run, bucket.start_ms)

    def _note_loss(self) -> None:
        assert self._buffer is not None, "it has booted"
        self.book.declare_lost(self.site, self.name, self._run, self._buffer.lost)

    def stop(self) -> None:
        """End politely: the open bucket goes out as it is."""
        if self.alive:
            self.world.tell(f"{self.name} stops")
            self._generation += 1  # no more turns, while the world goes on during the farewell
            self._guard(self._stop)
            if self.alive:
                self._forget()

    def _stop(self) -> None:
        assert self._publisher is not None, "it has booted"
        assert self._outbox is not None, "it has booted"
        self._close_run()
        self._publisher.close()
        self._outbox.close()

    # What happens to it

    def kill(self, *, power: bool) -> None:
        """The process is gone; with `power` the machine too, and what it had not synced."""
        if not self.alive:
            return
        self.kills += 1
        self.world.tell(f"{self.name} {'loses power' if power else 'is killed'}")
        outbox = self._outbox
        if outbox is not None:
            database: sqlite3.Connection | None = outbox._database
            if power:
                self.disk.lose_power(self.path, database, self.world.chance)
            elif database is not None:
                database.close()
            if outbox._lock_file is not None:
                outbox._lock_file.close()
        if self._link is not None:
            self._link._over = self._link.killed = True
            server_ms = self.world.chance.randrange(20_000, 45_000) if power else 1
            self._link.wire.break_down(client_ms=0, server_ms=server_ms)
        self._forget()

    def rename(self, name: str) -> None:
        """It is started again with another name in its configuration."""
        if self.world.happens(0.5):
            self.stop()
        self.kill(power=False)
        self.world.tell(f"{self.name} is called {name} now")
        self.former = {*self.former, self.name} - {name}
        self.name = name

    def lose_clock(self) -> None:
        """It starts in 1970, until its clock is set."""
        self.kill(power=True)
        self.clock.off_ms = -EPOCH_MS - self.clock.monotonic_ms()
        self._clock_set = False

    def set_clock(self) -> None:
        """Somebody has told it the time."""
        if not self._clock_set:
            self.clock.off_ms, self._clock_set = 0, True

    def save_image(self) -> None:
        """Copy the card, whatever the process is doing."""
        self.image = {
            suffix: path.read_bytes() for suffix in ("", "-wal") if (path := Path(f"{self.path}{suffix}")).exists()
        }

    def made_of(self, image: dict[str, bytes]) -> None:
        """Its card is a copy of another device's, which runs, too."""
        for suffix, content in image.items():
            Path(f"{self.path}{suffix}").write_bytes(content)
        self.book.copied.add(self.card)
        self.book.twice.add(self.card)

    def put_back(self, image: dict[str, bytes]) -> None:
        """The card is what a copy of it holds; an empty one is a new card."""
        self.kill(power=False)
        self.wipe_outbox()
        for suffix, content in image.items():
            Path(f"{self.path}{suffix}").write_bytes(content)
        self.book.copied.add(self.card)

    def wipe_outbox(self) -> None:
        """Delete the outbox, even while it is open."""
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)
        self.book.copied.add(self.card)

    def _forget(self) -> None:
        self.alive = False
        if self._record is not None:
            self._record.close()
        self._link = self._outbox = self._publisher = self._buffer = self._counter = None

    def _guard(self, action: Any) -> None:
        try:
            action()
        except Killed:
            self.kill(power=self.world.chance.random() < 0.5)

    def wire(self) -> Wire | None:
        """Its connection, to be cut."""
        return self._link.wire if self._link is not None else None

    def settled(self) -> bool:
        """Nothing waits to be sent; or, while the camera goes on, no more than the newest."""
        if not self.alive or self._outbox is None or self._buffer is None:
            return False
        return not self._buffer.waiting and len(self._outbox.pending(9)) <= (8 if self.camera else 0)

    @property
    def run(self) -> str:
        """The run that its status names."""
        return self._said_run

    def end(self) -> None:
        """Look at what it holds, when all is over."""
        self.kill(power=False)
        with Outbox(self.path) as outbox:
            self.book.examine(self.site, self.name, outbox)


def payload_of(report: Report) -> bytes:
    """As it travels."""
    return encode(report)
