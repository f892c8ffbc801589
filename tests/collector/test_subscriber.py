"""Over a simulated broker, clock and disk: the subscriber acknowledges what is stored, asks, and does not give up."""

import random
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from collector.config import Mqtt
from collector.domain.faults import Faults
from collector.mqtt.connection import Acknowledged, Ended, Event, Message, Subscribed
from collector.mqtt.subscriber import ANSWER_WAIT_S, NOT_CONNECTED, PUBLICATIONS_MAX, RETRY_WAIT_S_MAX, Subscriber
from collector.protocol.items import CommitCounts, Item
from collector.queries.devices import gaps
from collector.store.interface import StatementError
from collector.store.sqlite.store import SqliteStore
from edge.errors import CrossingError, WorkError
from edge.wire.commands import Resend, Response
from edge.wire.report import decode_as, encode
from edge.wire.topics import RESEND, topic_of
from tests.collector.messages import MINUTE_MS, NOON_MS, a_report

MQTT = Mqtt(host="broker.example", tls=False)


class SimulatedClock:
    def __init__(self) -> None:
        self.now_ms = 0

    def real_ms(self) -> int:
        return NOON_MS + self.now_ms

    def monotonic_ms(self) -> int:
        return self.now_ms

    def sleep(self, seconds: float) -> None:
        self.now_ms += round(1000 * seconds)


class SimulatedBroker:
    """One session. What is not acknowledged comes again on the next connection; `happens` comes at once."""

    def __init__(self, clock: SimulatedClock) -> None:
        self.clock = clock
        self.held: dict[int, tuple[str, bytes]] = {}
        self.happens: list[Event] = []
        self.published: list[tuple[str, bytes]] = []
        self.connections = 0
        self.answers = True
        self.lasts = True
        self.refuses = ""
        self.takes = False
        self._number = 0

    def receive(self, topic: str, payload: bytes) -> None:
        self._number += 1
        self.held[self._number] = (topic, payload)

    def report(self, *numbers: int, **fields: object) -> None:
        for seq in numbers:
            self.receive(topic_of("bridge", "mast-1", "report"), encode(a_report(seq, **fields)))

    def connect(self, mqtt: Mqtt, *, unacknowledged_max: int) -> "SimulatedLink":
        if self.refuses:
            raise WorkError(self.refuses)
        self.connections += 1
        if self.answers:
            self.happens.append(Subscribed(resumed=self.connections > 1))
        if not self.lasts:
            self.happens.append(Ended("closed the connection without a word"))
        return SimulatedLink(self)


class SimulatedLink:
    def __init__(self, broker: SimulatedBroker) -> None:
        self._broker = broker
        self._sent: set[int] = set()

    def events(self, wait_s: float, at_most: int) -> list[Event]:
        found, self._broker.happens = self._broker.happens, []
        for number, (topic, payload) in self._broker.held.items():
            if number not in self._sent and len(found) < at_most:
                self._sent.add(number)
                found.append(Message(topic, payload, 1, number))
        if not found:
            self._broker.clock.sleep(wait_s)
        return found

    def acknowledge(self, messages: Sequence[Message]) -> None:
        for message in messages:
            del self._broker.held[message.packet_id]

    def publish(self, topic: str, payload: bytes) -> int:
        self._broker.published.append((topic, payload))
        if self._broker.takes:
            self._broker.happens.append(Acknowledged(len(self._broker.published)))
        return len(self._broker.published)

    def close(self) -> None:
        self._broker.happens.clear()


class Disk(sqlite3.Connection):
    """Refuses to commit while it is full."""

    is_full = False

    def execute(self, sql: str, *parameters: object) -> sqlite3.Cursor:
        if sql == "COMMIT" and Disk.is_full:
            raise sqlite3.OperationalError("database or disk is full")
        return super().execute(sql, *parameters)  # type: ignore[arg-type]


class World:
    """A subscriber and all around it."""

    def __init__(self, store: SqliteStore) -> None:
        self.clock = SimulatedClock()
        self.broker = SimulatedBroker(self.clock)
        self.store = store
        self.faults = Faults()
        self.subscriber = Subscriber(
            MQTT,
            store,
            batch_max=10,
            clock=self.clock,
            chance=random.Random(1),
            connect=self.broker.connect,
            faults=self.faults,
        )

    def run(self, seconds: float) -> None:
        until_ms = self.clock.now_ms + 1000 * seconds
        while self.clock.now_ms < until_ms:
            self.subscriber.step(0.5)

    def requests(self) -> list[tuple[str, Resend]]:
        return [(topic, decode_as(payload, Resend)) for topic, payload in self.broker.published]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    Disk.is_full = False
    with SqliteStore(tmp_path / "store.sqlite", factory=Disk) as store:
        yield World(store)
    Disk.is_full = False


def test_what_is_stored_is_acknowledged_and_what_is_refused_too(world: World) -> None:
    world.broker.report(*range(1, 26))
    world.broker.receive("crossing/v1/bridge/mast-2/report", encode(a_report(1)))
    world.run(5)
    assert world.broker.held == {}
    assert world.subscriber.counts == CommitCounts(stored=25, refused=1)


def test_what_is_done_between_rounds_waits_until_nothing_else_does(world: World) -> None:
    stored: list[int] = []
    between = Subscriber(
        *(MQTT, world.store),
        batch_max=10,
        clock=world.clock,
        connect=world.broker.connect,
        between=lambda: stored.append(between.counts.stored),
    )
    world.broker.report(*range(1, 26))
    for _ in range(5):
        between.step(0.5)
    assert stored[0] == 25
    assert len(stored) > 1


def test_a_full_disk_loses_nothing_and_is_said_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.run(1)
    Disk.is_full = True
    world.broker.report(1, 2, 3)
    world.run(300)
    assert len(world.broker.held) == 3
    assert 5 < world.broker.connections < 40  # it tries again, later each time, up to 30 s apart
    Disk.is_full = False
    world.run(60)
    assert world.broker.held == {}
    assert world.subscriber.counts == CommitCounts(stored=3)
    said = [record.message for record in caplog.records if "disk is full" in record.message]
    assert len(said) == 1


def failing(world: World, monkeypatch: pytest.MonkeyPatch, error: Exception, *, device: str = "mast-1") -> list[bool]:
    """The store raises this at report 2 of a device, for as long as the list that is returned holds anything."""
    real = world.store._writer.write
    fails = [True]

    def write(batch: Sequence[Item], *, now_ms: int) -> CommitCounts:
        for item in batch:
            report = getattr(item, "report", None)
            if fails and report is not None and (report.device, report.seq) == (device, 2):
                raise error
        return real(batch, now_ms=now_ms)

    monkeypatch.setattr(world.store._writer, "write", write)
    return fails


@pytest.mark.parametrize("error", [sqlite3.DataError("string or blob too big"), OverflowError("int too large")])
def test_values_that_the_store_cannot_hold_become_a_refusal_and_hold_up_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    failing(world, monkeypatch, error)
    world.broker.report(1, 2, 3)
    world.run(5)
    assert world.broker.held == {}
    assert world.subscriber.counts == CommitCounts(stored=2, refused=1)
    (refusal,) = world.store.refusals()
    assert refusal.reason.startswith("the store cannot hold it: ")


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.IntegrityError("a rule that nobody foresaw"),
        sqlite3.ProgrammingError("incorrect number of bindings"),
        AssertionError("a fault of our own code"),
    ],
)
def test_a_fault_of_ours_at_one_message_keeps_it_at_the_broker_and_holds_up_nothing_else(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    fails = failing(world, monkeypatch, error)
    world.broker.report(*range(1, 26))
    for seq in range(1, 6):
        world.broker.receive(topic_of("bridge", "mast-2", "report"), encode(a_report(seq, device="mast-2")))
    world.run(100)
    assert [payload for _, payload in world.broker.held.values()] == [encode(a_report(2))]
    assert world.subscriber.counts == CommitCounts(stored=29)
    assert world.broker.connections == 1
    (fault,) = world.faults.now
    assert (fault.part, fault.subject) == ("intake", "bridge/mast-1")
    assert str(error) in fault.reason
    assert 3 < world.faults.counts["intake"] < 12  # tried again less and less often
    assert len([one for one in caplog.records if one.levelname == "ERROR"]) == 1
    fails.clear()
    world.run(40)
    assert world.broker.held == {}
    assert world.subscriber.counts == CommitCounts(stored=30)
    assert world.faults.now == ()


def test_a_store_that_refuses_everything_is_tried_again_with_all_of_it_and_told_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.store._database.execute("ALTER TABLE report RENAME TO elsewhere")
    world.broker.report(*range(1, 26))
    world.run(100)
    assert len(world.broker.held) == 25
    assert world.subscriber.counts == CommitCounts()
    assert [(fault.part, fault.subject) for fault in world.faults.now] == [("intake", "the store")]
    assert len([one for one in caplog.records if one.levelname == "ERROR"]) == 1
    world.store._database.execute("ALTER TABLE elsewhere RENAME TO report")
    world.run(40)
    assert world.subscriber.counts == CommitCounts(stored=25)
    assert world.faults.now == ()


def test_upkeep_that_fails_does_not_hold_up_the_intake(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise StatementError("no such table: packed")

    monkeypatch.setattr(world.subscriber, "_between", broken)
    world.broker.report(1, 2)
    world.run(5)
    assert world.subscriber.counts == CommitCounts(stored=2)
    assert world.broker.connections == 1
    assert [fault.part for fault in world.faults.now] == ["upkeep"]


def test_a_device_with_a_backlog_does_not_hold_up_another(world: World) -> None:
    """Reports of another device, behind 60 of the first, are in the first batch of ten."""
    world.broker.report(*range(1, 61))
    world.broker.receive(topic_of("bridge", "mast-2", "report"), encode(a_report(1, device="mast-2")))
    world.subscriber = Subscriber(
        MQTT, world.store, batch_max=30, clock=world.clock, chance=random.Random(1), connect=world.broker.connect
    )
    world.subscriber.step(0.5)
    waiting = {topic for topic, _ in world.broker.held.values()}
    assert waiting == {topic_of("bridge", "mast-1", "report")}
    world.run(5)
    assert world.broker.held == {}


def test_a_gap_is_asked_for_once_it_is_old_enough_and_then_less_and_less_often(world: World) -> None:
    world.broker.report(1, 5)
    world.run(8)
    assert world.requests() == []
    world.run(10)
    ((topic, resend),) = world.requests()
    assert topic == f"crossing/v1/bridge/mast-1/{RESEND}"
    assert resend.ranges == [(2, 4)]
    for _ in range(14):
        world.broker.report(5)  # a duplicate: the device lives
        world.run(60)
    assert 3 <= len(world.requests()) <= 5
    world.broker.report(2, 3, 4)
    before = len(world.requests())
    for _ in range(20):
        world.broker.report(5)
        world.run(60)
    assert len(world.requests()) == before


def test_what_the_device_says_is_gone_is_not_asked_for_again(world: World) -> None:
    world.broker.report(1, 5)
    world.run(20)
    ((_, resend),) = world.requests()
    response = Response(id=resend.id, verb="resend", ok=True, resent=1, gone=[(2, 3)])
    for device in ("mast-2", "mast-1"):  # the first one answers for another device
        world.broker.receive(topic_of("bridge", device, "response"), encode(response))
        world.run(1)
        found = [(gap.missing.first, gap.missing.last, gap.missing.gone) for gap in gaps(world.store)]
        assert found == ([(2, 4, False)] if device == "mast-2" else [(2, 3, True), (4, 4, False)])


def test_who_has_not_spoken_lately_is_not_asked(world: World) -> None:
    world.broker.report(5)
    world.run(1)
    world.clock.now_ms += 60 * MINUTE_MS
    world.run(60)
    assert world.requests() == []
    world.broker.report(6)
    world.run(10)
    assert len(world.requests()) == 1


def test_the_first_connection_must_succeed(world: World) -> None:
    world.broker.refuses = "broker broker.example:8883 cannot be reached: Connection refused"
    with pytest.raises(CrossingError, match="Connection refused"):
        world.subscriber.step(0.5)


def test_a_broker_that_says_nothing_at_first_is_an_error(world: World) -> None:
    world.broker.answers = False
    with pytest.raises(CrossingError, match="gave no answer within 15 s"):
        world.run(2 * ANSWER_WAIT_S)


def test_a_broker_that_goes_away_later_is_waited_for(world: World) -> None:
    world.run(1)
    world.broker.refuses = "broker broker.example:8883 cannot be reached: Connection refused"
    world.broker.happens.append(Ended("lost the connection"))
    world.run(600)
    world.broker.refuses = ""
    world.broker.report(1)
    world.run(RETRY_WAIT_S_MAX + 1)
    assert world.subscriber.counts == CommitCounts(stored=1)


def test_connections_that_do_not_last_are_made_less_and_less_often(world: World) -> None:
    world.broker.lasts = False
    world.run(600)
    assert world.broker.connections < 50


def test_two_of_one_id_do_not_take_over_from_each_other_all_the_time(world: World) -> None:
    world.run(1)
    for _ in range(10):
        world.broker.happens.append(Ended("gave our session to another client", taken_over=True))
        world.run(60)
    assert world.broker.connections == 11  # each time only after half a minute or so


def test_after_stop_the_connection_is_closed_and_the_rest_stays_with_the_broker(world: World) -> None:
    world.run(1)
    world.subscriber.stop()
    world.broker.report(1)
    world.subscriber.run()
    assert len(world.broker.held) == 1


def test_what_others_say_is_published_and_answered_when_the_broker_has_it(world: World) -> None:
    assert world.subscriber.listening_ms is None
    early = world.subscriber.publish("crossing/v1/bridge/alert", b"early")
    world.run(1)
    assert world.subscriber.listening_ms == NOON_MS
    assert world.broker.published == [("crossing/v1/bridge/alert", b"early")]
    world.broker.takes = True
    said = world.subscriber.publish("crossing/v1/bridge/alert", b"news")
    world.run(1)
    assert said.result(0) == ""
    assert not early.done()
    world.broker.happens.append(Ended("closed the connection without a word"))
    world.run(1)
    assert early.result(0) == "the connection to the broker was lost"
    assert world.subscriber.listening_ms is None or world.subscriber.listening_ms > NOON_MS


def test_what_others_say_when_we_end_is_answered_at_once(world: World) -> None:
    world.run(1)
    waiting = world.subscriber.publish("t", b"")
    world.subscriber.stop()
    world.subscriber.run()
    assert waiting.result(0) == NOT_CONNECTED
    assert world.subscriber.publish("t", b"").result(0) == NOT_CONNECTED
    assert world.broker.published == []


def test_what_others_say_is_given_up_while_there_is_no_broker_and_bounded(world: World) -> None:
    world.run(1)
    world.broker.refuses = "nobody is there"
    world.broker.happens.append(Ended("closed the connection without a word"))
    world.subscriber.step(0.5)
    waiting = [world.subscriber.publish("t", b"") for _ in range(PUBLICATIONS_MAX + 1)]
    assert waiting[-1].result(0) == "too many messages wait for the broker"
    world.subscriber.step(0.5)
    assert {one.result(0) for one in waiting[:-1]} == {NOT_CONNECTED}
