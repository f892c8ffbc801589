"""The collector of the simulated world: the real subscriber and the real store, on a fragile machine."""

import random
import sqlite3
from collections import deque
from collections.abc import Callable, Container, Sequence
from pathlib import Path
from typing import Any

from collector.config import Mqtt
from collector.mqtt.connection import Ended, Event, Message, Subscribed
from collector.mqtt.subscriber import Subscriber
from collector.protocol.items import CommitCounts
from collector.store.sqlite.store import SqliteStore
from edge.errors import CrossingError, WorkError
from edge.wire.report import Report, decode
from tests.simulation.broker import TAKEN_OVER, Client, Said, SimulatedBroker
from tests.simulation.disk import Disk
from tests.simulation.network import Wire
from tests.simulation.world import Killed, SimulatedClock, World

EPOCH_MS = 1_795_600_000_000
TURN_MS = (20, 200, 1_000)


class SimulatedSubscription(Client):
    """The collector's end of a connection; implements collector.mqtt.connection.Link."""

    def __init__(self, world: World, broker: SimulatedBroker, mqtt: Mqtt, receive_max: int) -> None:
        self._events: deque[Event] = deque()
        self._filters = list(mqtt.filters)
        self._resumed = False
        self.on_event: Callable[[], object] = lambda: None
        self.over = False
        self.dropped = 0
        self.wire = Wire(world)
        self.wire.client = self
        self.wire.up.send(
            lambda: broker.connect(self.wire, self, mqtt.client_id, None, lasting=True, receive_max=receive_max)
        )

    def events(self, wait_s: float, at_most: int) -> Sequence[Event]:
        assert wait_s == 0, "time goes on outside"
        return [self._events.popleft() for _ in range(min(at_most, len(self._events)))]

    def acknowledge(self, messages: Sequence[Message]) -> None:
        for message in messages:
            if message.qos:
                self._send("acknowledge", message.packet_id)

    def publish(self, topic: str, payload: bytes) -> int:
        self._send("publish", Said(topic, payload, 1), 0)
        return 0

    def close(self) -> None:
        self.over = True
        self._send("disconnect")

    def accepted(self, *, resumed: bool, receive_max: int | None) -> None:
        assert receive_max is None or receive_max > 0, "the broker takes something"
        self._resumed = resumed
        self._send("subscribe", self._filters)

    def acknowledged(self, token: int, refused: str) -> None:
        assert token == 0 or refused, "of a command, which may be refused"

    def subscribed(self) -> None:
        self._happen(Subscribed(self._resumed))

    def arrived(self, number: int, said: Said) -> None:
        if not self.over:
            self._happen(Message(said.topic, said.payload, said.qos, number))

    def ended(self, reason: str) -> None:
        if not self.over:
            self._happen(Ended(reason, taken_over=reason == TAKEN_OVER))

    def broken(self) -> None:
        self.ended("the wire is dead")

    @property
    def waiting(self) -> bool:
        """Something has happened that nobody has looked at."""
        return bool(self._events)

    def _happen(self, event: Event) -> None:
        self._events.append(event)
        self.on_event()


class Centre:
    """One machine with one collector: it boots, stores, is killed, boots again."""

    def __init__(self, world: World, broker: SimulatedBroker, folder: Path) -> None:
        self.world = world
        self.disk = Disk(world, folder)
        self.path = folder / "collector.sqlite"
        self.clock = SimulatedClock(world, epoch_ms=EPOCH_MS)
        self.duplicates = 0
        self.suspected: set[tuple[Any, ...]] = set()  # site, device and journal that were ever in doubt
        self._broker = broker
        self._batch_max = world.chance.choice((1, 7, 500))
        self._generation = 0
        self._woken = False
        self._store: SqliteStore | None = None
        self._subscriber: Subscriber | None = None
        self._link: SimulatedSubscription | None = None

    def boot(self) -> None:
        """Start the process; it may die in the middle of that, or end where it cannot begin."""
        if self._subscriber is not None or not self._broker.up:
            return
        self.world.tell("collector boots")
        self._generation += 1
        self._guard(self._start)
        self.world.after(1, self._live, self._generation)

    def _start(self) -> None:
        self._store = SqliteStore(self.path, factory=self.disk.connections())
        self._subscriber = Subscriber(
            Mqtt(host="simulated", tls=False),
            self._store,
            batch_max=self._batch_max,
            on_commit=self._note,
            clock=self.clock,
            chance=random.Random(self.world.chance.random()),
            connect=self._connect,
        )

    def _note(self, counts: CommitCounts) -> None:
        self.duplicates += counts.duplicates
        self.suspected.update(
            self._read(
                "SELECT site, device, name FROM lineage JOIN journal ON journal.id = journal_id"
                " JOIN device ON device.id = device_id WHERE doubt IS NOT NULL"
            )
        )

    def _connect(self, mqtt: Mqtt, *, unacknowledged_max: int) -> SimulatedSubscription:
        if not self._broker.up or self.world.happens(0.1):
            raise WorkError("the broker cannot be reached")
        self._link = SimulatedSubscription(self.world, self._broker, mqtt, unacknowledged_max)
        self._link.on_event = self._wake
        return self._link

    def _live(self, generation: int) -> None:
        if self._subscriber is None or generation != self._generation:
            return
        subscriber = self._subscriber
        self._guard(lambda: subscriber.step(0.0))
        if self._subscriber is not None:
            wait_ms = self.world.calm_turn_ms if self.world.calm else self.world.chance.choice(TURN_MS)
            if self._woken or (self.world.calm and self._link is not None and self._link.waiting):
                self._woken, wait_ms = False, 1  # what it has heard is answered in the next turn
            self.world.after(wait_ms, self._live, generation)

    def _wake(self) -> None:
        """In the calm, an event begins a turn: the subscriber waits for events, too."""
        if self._subscriber is not None and self.world.calm:
            self._generation += 1
            self._woken = True
            self.world.after(1, self._live, self._generation)

    def _guard(self, action: Callable[[], object]) -> None:
        try:
            action()
        except Killed:
            self.kill(power=self.world.chance.random() < 0.5)
        except CrossingError as error:  # at the start, where a person or systemd tries again
            self.world.tell(f"collector ends: {error}")
            self.kill(power=False)

    def kill(self, *, power: bool = False) -> None:
        """The process is gone; with `power` the machine too."""
        self.world.tell("collector is gone")
        if self._store is not None:
            database: sqlite3.Connection = self._store._database
            if power:
                self.disk.lose_power(self.path, database, self.world.chance)
            else:
                database.close()
        if self._link is not None:
            self._link.over = True
            self._link.wire.break_down(client_ms=0, server_ms=self.world.chance.choice((1, 30_000)))
        self._store = self._subscriber = self._link = None

    def kill_at(self, statements: int) -> None:
        """It dies so many statements from now."""
        self.disk.kill_in = statements

    def wire(self) -> Wire | None:
        """Its connection, to be cut."""
        return self._link.wire if self._link is not None else None

    def settled(self, *, unheard: Container[tuple[str, str]]) -> bool:
        """Nothing is missing but what is known to be gone, and what devices lack that nobody answers for."""
        return self._subscriber is not None and all(row[:2] in unheard for row in [*self.missing(), *self.doubted()])

    def missing(self) -> list[tuple[Any, ...]]:
        """The ranges that a device may still have."""
        return [row for row in self._gaps() if not row[-1]]

    def doubted(self) -> list[tuple[Any, ...]]:
        """The journals about which a device is still to be asked that speaks now."""
        return self._read(
            "SELECT site, device, name FROM lineage JOIN journal ON journal.id = journal_id"
            " JOIN device ON device.id = device_id WHERE doubt IS NOT NULL"
            " AND (told_ms IS NOT NULL OR begun_ms IS NULL)"
        )

    def undoubted(self) -> set[tuple[Any, ...]]:
        """The journals in which no number was seen twice."""
        return set(
            self._read(
                "SELECT site, device, name FROM journal JOIN device ON device.id = device_id"
                " LEFT JOIN lineage ON journal_id = journal.id WHERE coalesce(others, 0) = 0"
            )
        )

    def reports(self) -> list[Report]:
        """All that is stored."""
        return [decode(payload) for (payload,) in self._read("SELECT payload FROM unpacked")]

    def set_aside(self) -> list[Report]:
        """What another device of the same name had watched: stored, in no sum."""
        return [decode(payload) for (payload,) in self._read("SELECT payload FROM set_aside")]

    def gone(self) -> dict[tuple[str, str, str], set[int]]:
        """By site, device and journal, what the devices said they hold no more."""
        gone: dict[tuple[str, str, str], set[int]] = {}
        for site, device, journal, first, last, is_gone in self._gaps():
            if is_gone:
                gone.setdefault((site, device, journal), set()).update(range(first, last + 1))
        return gone

    def _gaps(self) -> list[tuple[Any, ...]]:
        return self._read(
            "SELECT site, device, name, first, last, gone FROM missing JOIN journal ON journal.id = journal_id"
            " JOIN device ON device.id = device_id ORDER BY 1, 2, 3, 4"
        )

    def _read(self, query: str) -> list[tuple[Any, ...]]:
        if not self.path.exists():
            return []
        database = sqlite3.connect(self.path)
        try:
            return database.execute(query).fetchall()
        except sqlite3.OperationalError:  # killed before it made its tables
            return []
        finally:
            database.close()
