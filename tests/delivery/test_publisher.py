"""The publisher against real sockets: a real broker on the loopback, and brokers that refuse."""

import json
import queue
import socket
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from collector.mqtt.demo_broker import demo_broker
from edge.delivery.connection import Accepted, Acknowledged, Broker, Ended, Event, Message
from edge.delivery.courier import Courier
from edge.delivery.outbox import Outbox
from edge.delivery.outbox_journals import FORMER
from edge.delivery.publisher import Publisher
from edge.errors import InputError, WorkError
from edge.wire.device_messages import Info, LineInfo
from edge.wire.report import Report, decode
from tests.delivery.refusing_broker import NOT_AUTHORIZED, refusing_broker
from tests.delivery.reports import NOON_MS, a_report
from tests.ports import free_port

REPORTS = 80  # more than a window
INFO = Info(run="run-1", version="0.1.0", model="m", lines={"deck": LineInfo()}, classes=["car"], bucket_ms=60_000)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox.sqlite") as outbox:
        for _ in range(REPORTS):
            outbox.append_report(a_report, now_ms=NOON_MS)
        yield outbox


def publisher(
    port: int,
    outbox: Outbox,
    *,
    info: Info | None = None,
    device: str = "mast-1",
    courier: Courier | None = None,
    **access: Any,
) -> Publisher:
    broker = Broker("127.0.0.1", port, **{"tls": False, **access})
    return Publisher(broker, outbox, site="bridge", device=device, run="run-1", info=info, courier=courier)


@contextmanager
def listener(port: int, asked: str = "crossing/#") -> Iterator["queue.SimpleQueue[tuple[str, bytes]]"]:
    """All that is said there."""
    heard: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
    ready: queue.SimpleQueue[None] = queue.SimpleQueue()
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)

    def subscribe(*_: Any) -> None:
        client.subscribe(asked, 1)

    client.on_connect = subscribe
    client.on_subscribe = lambda *_: ready.put(None)
    client.on_message = lambda _, __, message: heard.put((message.topic, bytes(message.payload)))
    client.connect("127.0.0.1", port)
    client.loop_start()
    ready.get(timeout=60)
    yield heard
    client.disconnect()
    client.loop_stop()


def test_deliver_returns_when_the_broker_has_every_report(outbox: Outbox) -> None:
    with demo_broker() as port, listener(port) as heard:
        with publisher(port, outbox) as ours:
            assert ours.deliver(timeout_s=60) == REPORTS
            assert outbox.state().unsent == 0
            assert ours.deliver(timeout_s=60) == 0
        said = [heard.get(timeout=60) for _ in range(REPORTS + 2)]
    reports = [decode(payload) for topic, payload in said if topic == "crossing/v1/bridge/mast-1/report"]
    assert reports == [a_report(seq) for seq in range(1, REPORTS + 1)]


def test_status_info_and_total_are_retained_and_the_end_is_said(outbox: Outbox) -> None:
    with demo_broker() as port:
        with publisher(port, outbox, info=INFO) as ours:
            ours.connect(timeout_s=60)
            with listener(port) as heard:
                said = dict(heard.get(timeout=60) for _ in range(3))
            status = json.loads(said["crossing/v1/bridge/mast-1/status"])
            assert (status["state"], status["run"]) == ("online", "run-1")
            assert json.loads(said["crossing/v1/bridge/mast-1/info"])["lines"] == {
                "deck": {"a_to_b": "a_to_b", "b_to_a": "b_to_a"}
            }
        with listener(port) as heard:
            said = dict(heard.get(timeout=60) for _ in range(3))
        status = json.loads(said["crossing/v1/bridge/mast-1/status"])
        assert (status["state"], status["reason"]) == ("offline", "stopped")


def test_a_replay_under_the_name_of_a_live_device_leaves_what_the_broker_keeps_of_it(tmp_path: Path) -> None:
    with (
        demo_broker() as port,
        Outbox(tmp_path / "live") as kept,
        Outbox(tmp_path / "replay") as other,
        publisher(port, kept, info=INFO) as live,
    ):
        kept.append_report(a_report, now_ms=NOON_MS)
        assert live.deliver(timeout_s=60) == 1
        before = retained(port)
        assert json.loads(before["status"])["state"] == "online"
        replayed = msgspec.structs.replace(INFO, run="replay-1", lines={})
        who: dict[str, Any] = {"site": "bridge", "device": "mast-1", "run": "replay-1", "beside": "replay-1"}
        broker = Broker("127.0.0.1", port, tls=False)
        with Publisher(broker, other, info=replayed, home_assistant="ha", **who) as replay:
            other.append_report(a_report, now_ms=NOON_MS)
            assert replay.deliver(timeout_s=60) == 1
            assert retained(port) == before
        assert retained(port) == before, "the replay ended"


def retained(port: int) -> dict[str, bytes]:
    """By channel, what a reader who comes now gets of the device; a message of its own ends the wait."""
    found: dict[str, bytes] = {}
    with listener(port) as heard, listener(port, "ha/#") as announced:
        for _ in range(3):
            topic, payload = heard.get(timeout=60)
            found[topic.rsplit("/", 1)[-1]] = payload
        assert announced.empty()
    return found


def test_a_connection_that_breaks_leaves_the_last_will(outbox: Outbox) -> None:
    with demo_broker() as port, listener(port) as heard:
        ours = publisher(port, outbox)
        ours.connect(timeout_s=60)
        while json.loads(heard.get(timeout=60)[1]).get("state") != "online":
            pass
        ours._end(graceful=False)
        while (status := json.loads(heard.get(timeout=60)[1])).get("state") != "offline":
            pass
        assert (status["run"], status["reason"]) == ("run-1", "connection lost")


def test_a_broker_that_restarts_is_found_again(outbox: Outbox) -> None:
    port = free_port()  # nobody takes it while the broker is down
    with demo_broker(port=port):
        ours = publisher(port, outbox)
        assert ours.deliver(timeout_s=60) == REPORTS
    with demo_broker(port=port), ours:
        outbox.append_report(a_report, now_ms=NOON_MS)
        assert ours.deliver(timeout_s=60) == 1


def test_a_broker_that_does_not_come_back_is_given_up_after_the_timeout(outbox: Outbox) -> None:
    with demo_broker() as port:
        ours = publisher(port, outbox)
        ours.deliver(timeout_s=60)
    outbox.append_report(a_report, now_ms=NOON_MS)
    with ours, pytest.raises(WorkError, match=r"^gave up after 0\.5 s with 1 reports unsent: broker 127"):
        ours.deliver(timeout_s=0.5)
    assert outbox.state().unsent == 1


def test_live_words_are_said_only_where_somebody_is_connected(outbox: Outbox) -> None:
    with demo_broker() as port, listener(port) as heard, publisher(port, outbox) as ours:
        assert not ours.publish_transient("live", b"{}")
        ours.deliver(timeout_s=60)
        assert ours.publish_transient("live", b"{}")
        while heard.get(timeout=60) != ("crossing/v1/bridge/mast-1/live", b"{}"):
            pass


def assert_refused(ours: Publisher, sentence: str, *, timeout_s: float = 5) -> None:
    with ours, pytest.raises(WorkError, match=f"^{sentence}$"):
        ours.deliver(timeout_s=timeout_s)


def test_the_right_password_is_let_in_and_a_wrong_one_is_one_sentence(outbox: Outbox, tmp_path: Path) -> None:
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text("correct horse\n")
    wrong.write_text("battery staple\n")
    with demo_broker(users={"mast-1": "correct horse"}) as port:
        refused = publisher(port, outbox, username="mast-1", password_file=wrong)
        assert_refused(refused, rf"broker 127\.0\.0\.1:{port} closed .* the password right\?")
        assert outbox.state().unsent == REPORTS
        with publisher(port, outbox, username="mast-1", password_file=right) as ours:
            assert ours.deliver(timeout_s=60) == REPORTS


def test_a_port_where_nobody_listens_is_one_sentence(outbox: Outbox) -> None:
    with demo_broker() as port:
        pass
    sentence = rf"broker 127\.0\.0\.1:{port} cannot be reached: Connection refused"
    assert_refused(publisher(port, outbox), sentence)
    assert outbox.state().unsent == REPORTS


def test_a_broker_that_says_nothing_is_one_sentence(outbox: Outbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        sentence = rf"broker 127\.0\.0\.1:{port} gave no answer within 0\.3 s"
        assert_refused(publisher(port, outbox), sentence, timeout_s=0.3)


def test_a_broker_that_refuses_the_connection_is_quoted(outbox: Outbox) -> None:
    with refusing_broker(connect=NOT_AUTHORIZED) as port:
        assert_refused(
            publisher(port, outbox), r".* refused the connection: Not authorized; are user name and password right\?"
        )


def test_a_broker_that_refuses_a_report_is_quoted_and_the_report_stays(outbox: Outbox) -> None:
    with refusing_broker(publish=NOT_AUTHORIZED) as port:
        assert_refused(publisher(port, outbox), r".* refused report \d+ of bridge/mast-1: Not authorized")
    assert outbox.state().unsent == REPORTS


# paho leaves the socket of a failed handshake to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_tls_is_verified_unless_it_is_turned_off(outbox: Outbox) -> None:
    with demo_broker() as port:
        assert_refused(publisher(port, outbox, tls=True), ".* (failed the TLS handshake|cannot be reached): .*")


@pytest.mark.parametrize(
    "access", [{"username": "u", "password_file": Path("nowhere")}, {"tls": True, "ca_file": Path("nowhere")}]
)
def test_credentials_that_cannot_be_read_are_wrong_input(outbox: Outbox, access: dict[str, Any]) -> None:
    with publisher(1, outbox, **access) as ours, pytest.raises(InputError, match="cannot be"):
        ours.deliver(timeout_s=5)


@contextmanager
def speaker(port: int) -> Iterator[Client]:
    """Somebody else who publishes."""
    ready: queue.SimpleQueue[None] = queue.SimpleQueue()
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.on_connect = lambda *_: ready.put(None)
    client.connect("127.0.0.1", port)
    client.loop_start()
    ready.get(timeout=60)
    yield client
    client.disconnect()
    client.loop_stop()


def step_until(ours: Publisher, heard: "queue.SimpleQueue[tuple[str, bytes]]", channel: str, *, said: str) -> Any:
    """Let ours work until it says this on the channel; what it said."""
    until_s = time.monotonic() + 60
    while time.monotonic() < until_s:
        ours.step(wait_s=0.05)
        while not heard.empty():
            topic, payload = heard.get()
            if topic == f"crossing/v1/bridge/mast-1/{channel}" and said in payload.decode():
                return json.loads(payload)
    raise AssertionError(f"nothing like {said!r} was said on {channel}")


def test_a_collector_that_misses_reports_gets_them_again_and_hears_what_is_gone(tmp_path: Path) -> None:
    with demo_broker() as port, Outbox(tmp_path / "o.sqlite", keep_bytes=3_000) as outbox:
        for _ in range(REPORTS):
            outbox.append_report(a_report, now_ms=NOON_MS)
        held = outbox.state().held
        with publisher(port, outbox) as ours, listener(port) as heard, speaker(port) as collector:
            assert ours.deliver(timeout_s=60) == held
            first = REPORTS - held + 1
            ask = {"id": "ask-1", "ranges": [[first - 2, first + 1]]}
            collector.publish("crossing/v1/bridge/mast-1/command/resend", json.dumps(ask), 1)
            response = step_until(ours, heard, "response", said="ask-1")
            assert response == {
                "gone": [[first - 2, first - 1]],
                "id": "ask-1",
                "journal": outbox.journal,
                "ok": True,
                "reason": "",
                "resent": 2,
                "verb": "resend",
            }
            again = step_until(ours, heard, "report", said=f'"seq":{first + 1},')
            assert again["seq"] == first + 1
            assert ours.deliver(timeout_s=60) >= 0
            assert outbox.state().unsent == 0


@pytest.mark.parametrize(
    ("verb", "payload", "reason"),
    [
        ("resend", b"", "not a resend: "),
        ("resend", b'{"id": "a", "ranges": [[0, 5]]}', "not a resend: "),
        ("dance", b'{"id": "a"}', "no such command; there are resend"),
    ],
)
def test_a_command_that_cannot_be_obeyed_is_answered_with_the_reason(
    outbox: Outbox, verb: str, payload: bytes, reason: str
) -> None:
    with demo_broker() as port, publisher(port, outbox) as ours, listener(port) as heard, speaker(port) as collector:
        ours.connect(timeout_s=60)
        ours.step(wait_s=0.2)
        collector.publish(f"crossing/v1/bridge/mast-1/command/{verb}", payload, 1)
        response = step_until(ours, heard, "response", said=reason)
        assert (response["verb"], response["ok"]) == (verb, False)


def test_a_late_last_will_is_contradicted(outbox: Outbox) -> None:
    with demo_broker() as port, publisher(port, outbox) as ours, listener(port) as heard, speaker(port) as late:
        ours.connect(timeout_s=60)
        step_until(ours, heard, "status", said="online")
        will = {"schema": 1, "state": "offline", "run": "run-0", "since": "2026-11-22T02:46:00Z"}
        late.publish("crossing/v1/bridge/mast-1/status", json.dumps(will), 1, retain=True)
        assert step_until(ours, heard, "status", said="run-1")["state"] == "online"


def test_trouble_is_told_as_degraded_until_it_is_over(outbox: Outbox) -> None:
    with demo_broker() as port, publisher(port, outbox) as ours, listener(port) as heard:
        ours.connect(timeout_s=60)
        ours.set_trouble("disk", "the disk is full")
        assert step_until(ours, heard, "status", said="degraded")["reason"] == "the disk is full"
        ours.set_trouble("disk", "")
        assert step_until(ours, heard, "status", said="online")["reason"] == ""


def test_what_is_live_is_not_held_up_by_a_backlog(outbox: Outbox) -> None:
    with demo_broker() as port, publisher(port, outbox) as ours, listener(port) as heard:
        ours.connect(timeout_s=60)
        assert ours.publish_transient("live", b'{"now": 1}')
        before = []
        for _ in range(200):
            ours.step(wait_s=0.05)
            while not heard.empty():
                before.append(heard.get()[0].rsplit("/", 1)[-1])
            if "live" in before:
                break
        assert before.index("live") <= 64 + 3, "at most a window of reports and the retained messages come before it"


def test_two_devices_of_one_name_are_told_so_and_the_first_does_not_fight_back_at_once(
    tmp_path: Path, outbox: Outbox
) -> None:
    with demo_broker() as port, Outbox(tmp_path / "twin.sqlite") as other, publisher(port, outbox) as ours:
        ours.connect(timeout_s=60)
        with publisher(port, other) as twin:
            twin.connect(timeout_s=60)
            for _ in range(100):
                ours.step(wait_s=0.05)
                if ours.failure:
                    break
            assert "lost the connection" in ours.failure or "second device" in ours.failure


def test_home_assistant_hears_of_the_device_and_of_a_line_that_is_no_more(tmp_path: Path) -> None:
    topic = "homeassistant/device/bridge/mast-1/config"

    def announced(heard: "queue.SimpleQueue[tuple[str, bytes]]") -> list[bytes]:
        found = []
        while not heard.empty():
            said = heard.get()
            found += [said[1]] if said[0] == topic else []
        return found

    def connect(info: Info, prefix: str) -> list[bytes]:
        broker = Broker("127.0.0.1", port, tls=False)
        names: dict[str, Any] = {"site": "bridge", "device": "mast-1", "run": "run-1"}
        with Publisher(broker, outbox, **names, info=info, home_assistant=prefix) as ours:
            ours.connect(timeout_s=60)
            ours.step(wait_s=0.2)
        return announced(heard)

    both = msgspec.structs.replace(INFO, lines={"deck": LineInfo(), "ramp": LineInfo()})
    with (
        demo_broker() as port,
        Outbox(tmp_path / "o.sqlite") as outbox,
        listener(port, "homeassistant/#") as heard,
    ):
        [first] = connect(both, "homeassistant")
        assert "ramp_a_to_b_car" in json.loads(first)["cmps"]
        [removing, without] = connect(INFO, "homeassistant")
        assert json.loads(removing)["cmps"]["ramp_a_to_b_car"] == {"p": "sensor"}
        assert "ramp_a_to_b_car" not in json.loads(without)["cmps"]
        [again] = connect(INFO, "homeassistant")
        assert again == without
        assert connect(INFO, "") == [b""]
        assert connect(INFO, "") == []


def test_a_broker_that_takes_the_connection_and_says_nothing_is_left(tmp_path: Path) -> None:
    class Mute:
        """A link on which nothing ever happens."""

        closed = False

        def publish(self, message: Message) -> int:
            raise AssertionError("nobody has accepted the connection yet")

        def listen(self, topics: Sequence[str], *, needed: bool = True) -> None:
            raise AssertionError("nobody has accepted the connection yet")

        def events(self, wait_s: float) -> list[Any]:
            return []

        def close(self, *, graceful: bool) -> None:
            self.closed = True

    class Hurried:
        """A clock that runs ten seconds at every look."""

        now_ms = 0

        def real_ms(self) -> int:
            return NOON_MS

        def monotonic_ms(self) -> int:
            self.now_ms += 10_000
            return self.now_ms

        def sleep(self, seconds: float) -> None:
            self.now_ms += int(seconds * 1000)

    links: list[Mute] = []

    def connect(*_: Any, **__: Any) -> Mute:
        links.append(Mute())
        return links[-1]

    with Outbox(tmp_path / "o.sqlite") as outbox:
        names: dict[str, Any] = {"site": "bridge", "device": "mast-1", "run": "run-1"}
        ours = Publisher(Broker("b"), outbox, **names, clock=Hurried(), connect=connect)
        for _ in range(6):
            ours.step(wait_s=0.0)
        assert links[0].closed
        assert ours.failure == "broker b:8883 took our connection and gave no answer"


def test_a_renamed_device_clears_its_old_name_and_its_letters_still_go_out_under_it(tmp_path: Path) -> None:
    path = tmp_path / "o.sqlite"
    with demo_broker() as port:
        with Outbox(path, owner="bridge/mast-1") as outbox:
            outbox.append_report(a_report, now_ms=NOON_MS)
            with publisher(port, outbox) as ours:
                ours.deliver(timeout_s=60)
            outbox.append_report(a_report, now_ms=NOON_MS)
            before = outbox.journal

        def renamed(seq: int) -> Report:
            return msgspec.structs.replace(a_report(seq), device="mast-9", journal=outbox.journal)

        with Outbox(path, owner="bridge/mast-9") as outbox:
            outbox.append_report(renamed, now_ms=NOON_MS)
            with listener(port) as heard, publisher(port, outbox, device="mast-9") as ours:
                ours.deliver(timeout_s=60)
                ended = step_until(ours, heard, "total", said='"sent_through":2')
                assert (ended["journal"], ended["ended"], ended["last"]) == (before, True, 2)
                ask = {"id": "ask-1", "ranges": [[1, 1]], "journal": before}
                with speaker(port) as collector:
                    collector.publish("crossing/v1/bridge/mast-1/command/resend", json.dumps(ask), 1)
                    assert step_until(ours, heard, "response", said="ask-1")["resent"] == 1
            assert outbox.noted(FORMER) == ""
        with listener(port) as heard:  # what is retained
            said = {}
            while "crossing/v1/bridge/mast-9/total" not in said:
                topic, payload = heard.get(timeout=60)
                said[topic] = payload
            with suppress(queue.Empty):
                while True:
                    topic, payload = heard.get(timeout=1.0)
                    said[topic] = payload
    assert not [topic for topic in said if "/mast-1/" in topic]
    assert "crossing/v1/bridge/mast-9/total" in said


def test_what_comes_up_again_under_a_former_name_is_cleared_and_what_another_device_says_is_not(tmp_path: Path) -> None:
    path = tmp_path / "o.sqlite"
    with demo_broker() as port:
        with Outbox(path, owner="bridge/mast-1") as outbox, publisher(port, outbox) as ours:
            ours.connect(timeout_s=60)
            before = outbox.journal
        with Outbox(path, owner="bridge/mast-9") as outbox:
            broker = Broker("127.0.0.1", port, tls=False)
            with Publisher(broker, outbox, site="bridge", device="mast-9", run="run-9") as ours:
                ours.connect(timeout_s=60)
                topic = "crossing/v1/bridge/mast-1/"
                late = {
                    "status": {"run": "run-1", "state": "offline"},
                    "total": {"journal": before},
                    "info": {"run": "run-1"},
                }
                theirs = {"status": {"run": "run-of-another"}, "info": {"run": "run-of-another"}}
                with speaker(port) as world, listener(port) as heard:
                    for channel, said in (*late.items(), *theirs.items()):
                        world.publish(topic + channel, json.dumps(said), 1, retain=True)
                        if said in late.values():
                            step_until(ours, heard, channel, said="run-1" if "run" in said else before)
                            for _ in range(20):
                                ours.step(wait_s=0.02)
                    step_until(ours, heard, "info", said="run-of-another")
                    for _ in range(20):
                        ours.step(wait_s=0.02)
                with listener(port, "crossing/v1/bridge/mast-1/#") as heard:
                    assert heard.get(timeout=60)[0].startswith(topic)
                    assert heard.get(timeout=60)[0].startswith(topic)
                    with pytest.raises(queue.Empty):
                        heard.get(timeout=0.5)


class Hearing:
    """A connection that is accepted at once and notes what is listened to."""

    def __init__(self, *_: object, **__: object) -> None:
        self._events: list[Event] = [Accepted(None)]
        self._tokens = 0
        self.topics: set[str] = set()

    def publish(self, _: Message) -> int:
        self._tokens += 1
        self._events.append(Acknowledged(self._tokens))
        return self._tokens

    def listen(self, topics: Sequence[str], *, needed: bool = True) -> None:
        assert topics or needed
        self.topics.update(topics)

    def events(self, _: float) -> list[Event]:
        found, self._events = self._events, []
        return found

    def close(self, *, graceful: bool) -> None:
        assert graceful in (True, False)


def test_a_device_listens_under_its_former_name_though_the_disk_failed_when_it_connected(tmp_path: Path) -> None:
    class Fragile(sqlite3.Connection):
        fails = False

        def execute(self, *given: Any) -> sqlite3.Cursor:
            if Fragile.fails:
                error = sqlite3.OperationalError("disk I/O error")
                error.sqlite_errorcode = sqlite3.SQLITE_IOERR
                raise error
            return super().execute(*given)

    path, link = tmp_path / "o.sqlite", Hearing()
    Outbox(path, owner="bridge/mast-1").close()
    with Outbox(path, owner="bridge/mast-9", connection=Fragile) as outbox:
        broker = Broker("127.0.0.1", 1)
        with Publisher(
            broker, outbox, site="bridge", device="mast-9", run="run-9", connect=lambda *_, **__: link
        ) as ours:
            Fragile.fails = True
            for _ in range(3):
                ours.step(wait_s=0.0)
            assert "crossing/v1/bridge/mast-1/command/+" not in link.topics
            Fragile.fails = False
            for _ in range(3):
                ours.step(wait_s=0.0)
            assert {"crossing/v1/bridge/mast-1/command/+", "crossing/v1/bridge/mast-9/command/+"} <= link.topics


class TakenOver:
    """A connection that the broker gives to another client of the same name: Mosquitto before 2.0.15 just closes it."""

    def __init__(self, *_: object, **__: object) -> None:
        self._events: list[Event] = [Accepted(None)]
        self._tokens = 0
        self.said: list[Message] = []

    def publish(self, message: Message) -> int:
        self.said.append(message)
        self._tokens += 1
        self._events.append(Acknowledged(self._tokens))
        return self._tokens

    def listen(self, topics: Sequence[str], *, needed: bool = True) -> None:
        assert topics or needed

    def events(self, _: float) -> list[Event]:
        found, self._events = self._events, []
        return found

    def close(self, *, graceful: bool) -> None:
        assert not graceful, "it is over"

    def take_over(self) -> None:
        self._events.append(Ended("another client took our name over", taken_over=True))


def test_a_device_whose_name_another_client_takes_says_so_in_its_status(outbox: Outbox) -> None:
    links = [TakenOver(), TakenOver()]
    coming = iter(links)
    ours = Publisher(
        Broker("simulated"),
        outbox,
        site="bridge",
        device="mast-1",
        run="run-1",
        courier=Courier(retry_wait_ms_max=1),
        connect=lambda *_, **__: next(coming),
    )
    ours.connect()
    links[0].take_over()
    while not links[1].said:
        ours.step(wait_s=0.01)
    [status] = [json.loads(one.payload) for one in links[1].said if one.topic.endswith("/status")]
    assert (status["state"], status["reason"]) == ("degraded", "another client took our name over")
