"""One connection to a real mosquitto: what is acknowledged does not come again, all else does; who took it over."""

import itertools
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt import publish

from collector.config import Mqtt
from collector.mqtt.connection import PACKET_BYTES_MAX, Acknowledged, Connection, Ended, Event, Message, Subscribed
from edge.wire.commands import Resend
from edge.wire.report import encode
from edge.wire.topics import RESEND, topic_of
from tests.collector.messages import a_report
from tests.collector.mosquitto import Mosquitto, binary, mosquitto

pytestmark = pytest.mark.skipif(binary() is None, reason="mosquitto is not installed (Debian: mosquitto)")
REPORT = topic_of("bridge", "mast-1", "report")
NAMES = (f"collector-{i}" for i in itertools.count())
DEADLINE_S = 60.0
PACKETS = [
    b"\x20\x12\x01\x00\x0f\x13\x00\x3c\x1f\x00\x02ok\x26\x00\x01a\x00\x01b",  # CONNACK with properties
    b"\x20\x03\x00\x87\x00",  # refused
    b"\x20\x02\x00\x01",  # as MQTT 3.1.1 does
    b"\x90\x06\x00\x01\x00\x01\x87\x00",
    b"\x30\x07\x00\x01t\x00abc",
    b"\x32\x0b\x00\x01t\x00\x07\x03\x23\x00\x01xy",
    b"\x34\x07\x00\x01t\x00\x08\x00x",  # QoS 2
    b"\x40\x02\x01\x02",
    b"\x62\x02\x00\x08",
    b"\xd0\x00",
    b"\xe0\x02\x8e\x00",
]


@pytest.fixture(scope="module")
def broker() -> Iterator[Mosquitto]:
    with mosquitto() as running:
        yield running


@pytest.fixture
def mqtt(broker: Mosquitto) -> Mqtt:
    return Mqtt(host="127.0.0.1", port=broker.port, tls=False, client_id=next(NAMES))


@pytest.fixture
def open_link(mqtt: Mqtt) -> Iterator[Callable[..., Connection]]:
    opened = []

    def opening(mqtt: Mqtt = mqtt, unacknowledged_max: int = 100) -> Connection:
        opened.append(Connection(mqtt, unacknowledged_max=unacknowledged_max))
        return opened[-1]

    yield opening
    for link in opened:
        link.close()


def say(mqtt: Mqtt, *payloads: bytes, topic: str = REPORT, retain: bool = False) -> None:
    messages = [{"topic": topic, "payload": payload, "qos": 1, "retain": retain} for payload in payloads]
    publish.multiple(messages, hostname="127.0.0.1", port=mqtt.port)  # type: ignore[arg-type]


def take(link: Connection, until: Callable[[list[Event]], bool]) -> list[Event]:
    found: list[Event] = []
    deadline = time.monotonic() + DEADLINE_S
    while not until(found):
        assert time.monotonic() < deadline, found
        found += link.events(0.2, 100)
    return found


def subscribed(link: Connection) -> Subscribed:
    found = take(link, lambda found: any(isinstance(event, Subscribed) for event in found))
    return next(event for event in found if isinstance(event, Subscribed))


def arrivals(link: Connection, number: int) -> list[Message]:
    found = take(link, lambda found: sum(isinstance(event, Message) for event in found) >= number)
    return [event for event in found if isinstance(event, Message)]


def test_what_is_not_acknowledged_comes_again_and_the_rest_does_not(
    mqtt: Mqtt, open_link: Callable[..., Connection]
) -> None:
    link = open_link()
    assert subscribed(link) == Subscribed(resumed=False)
    say(mqtt, *(encode(a_report(seq)) for seq in range(1, 6)))
    found = arrivals(link, 5)
    link.acknowledge(found[:3])
    link.close()
    say(mqtt, encode(a_report(6)))  # nobody is there: the broker keeps it
    again = open_link()
    assert [one.payload for one in arrivals(again, 3)] == [encode(a_report(seq)) for seq in (4, 5, 6)]


def test_the_broker_sends_no_more_than_may_be_unacknowledged(mqtt: Mqtt, open_link: Callable[..., Connection]) -> None:
    link = open_link(unacknowledged_max=3)
    subscribed(link)
    say(mqtt, *(encode(a_report(seq)) for seq in range(1, 8)))
    found = arrivals(link, 3)
    assert link.events(0.3, 100) == []
    link.acknowledge(found)
    assert len(arrivals(link, 3)) >= 3  # mosquitto 2.0.11 is not exact once the window has moved


def test_retained_words_come_with_the_subscription(mqtt: Mqtt, open_link: Callable[..., Connection]) -> None:
    topic = topic_of("bridge", "mast-7", "status")
    say(mqtt, b"{}", topic=topic, retain=True)
    (found,) = arrivals(open_link(), 1)
    assert (found.topic, found.payload, found.retained) == (topic, b"{}", True)
    say(mqtt, b"", topic=topic, retain=True)


def test_mosquitto_does_not_say_that_our_session_was_taken_over_so_we_say_that_it_may_be(
    open_link: Callable[..., Connection],
) -> None:
    first = open_link()
    subscribed(first)
    subscribed(open_link())
    ended = take(first, bool)[-1]
    assert isinstance(ended, Ended)
    assert "another client" in ended.reason


def events_of(said: bytes, number: int) -> tuple[Mqtt, list[Event]]:
    """What a connection makes of a broker that says this and nothing else."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        mqtt = Mqtt(host="127.0.0.1", port=server.getsockname()[1], tls=False)
        link = Connection(mqtt, unacknowledged_max=10)
        broker, _ = server.accept()
        with broker:
            broker.sendall(said)
            found = take(link, lambda found: len(found) == number)
        link.close()
    return mqtt, found


def test_a_broker_that_says_that_our_session_was_taken_over_is_understood() -> None:
    granted = b"\x90\x08\x00\x01\x00\x01\x01\x01\x01\x01"
    mqtt, found = events_of(b"\x20\x03\x00\x00\x00" + granted + b"\xe0\x02\x8e\x00", 2)
    reason = f"{mqtt} gave our session to another client with the id crossing-collector; does a second collector run?"
    assert found == [Subscribed(resumed=False), Ended(reason, taken_over=True)]


def test_a_refusal_says_why() -> None:
    mqtt, found = events_of(b"\x20\x03\x00\x86\x00", 1)
    assert found == [Ended(f"{mqtt} refused the connection: bad user name or password")]


def test_a_subscription_that_is_not_granted_is_named() -> None:
    mqtt, found = events_of(b"\x20\x03\x00\x00\x00" + b"\x90\x08\x00\x01\x00\x01\x87\x01\x01\x01", 1)
    assert found == [Ended(f"{mqtt} refused the subscription to crossing/v1/+/+/status: not authorized")]


def test_a_share_is_divided_and_status_is_heard_by_all(mqtt: Mqtt, open_link: Callable[..., Connection]) -> None:
    shared = [Mqtt(host="127.0.0.1", port=mqtt.port, tls=False, client_id=next(NAMES), share="all") for _ in range(2)]
    links = [open_link(one) for one in shared]
    for link in links:
        subscribed(link)
    say(mqtt, *(encode(a_report(seq)) for seq in range(1, 11)))
    say(mqtt, b"{}", topic=topic_of("bridge", "mast-1", "status"))
    heard: list[list[Message]] = [[], []]
    deadline = time.monotonic() + DEADLINE_S
    while sum(map(len, heard)) < 12 and time.monotonic() < deadline:
        for link, of_link in zip(links, heard, strict=True):
            of_link += [event for event in link.events(0.1, 100) if isinstance(event, Message)]
    reports = [[one.payload for one in of_link if one.topic == REPORT] for of_link in heard]
    assert sorted(reports[0] + reports[1]) == sorted(encode(a_report(seq)) for seq in range(1, 11))
    assert all(reports)
    assert [sum(one.topic != REPORT for one in of_link) for of_link in heard] == [1, 1]


def test_a_command_is_published(mqtt: Mqtt, open_link: Callable[..., Connection]) -> None:
    link = open_link()
    subscribed(link)
    link.publish(topic_of("bridge", "mast-1", "response"), encode(Resend(id="1", ranges=[(1, 2)])))
    (found,) = arrivals(link, 1)  # on a topic that we hear ourselves
    assert found.payload == b'{"id":"1","ranges":[[1,2]]}'
    assert RESEND == "command/resend"


def test_a_message_larger_than_agreed_does_not_reach_us_and_holds_up_nothing(
    mqtt: Mqtt, open_link: Callable[..., Connection]
) -> None:
    link = open_link()
    subscribed(link)
    say(mqtt, b"x" * PACKET_BYTES_MAX, b"small")
    assert [one.payload for one in arrivals(link, 1)] == [b"small"]


def test_what_was_acknowledged_before_the_end_does_not_come_again_though_more_is_on_its_way(
    mqtt: Mqtt, open_link: Callable[..., Connection]
) -> None:
    """A socket closed with unread bytes resets the connection, and the broker loses what it had not read."""
    link = open_link(unacknowledged_max=1_000)
    subscribed(link)
    say(mqtt, *(b"%d" % number * 5_000 for number in range(100)))
    found: list[Event] = []
    while len(found) < 20:
        found += link.events(0.2, 20 - len(found))
    link.acknowledge([event for event in found if isinstance(event, Message)])
    link.close()
    again = arrivals(open_link(unacknowledged_max=1_000), 80)
    assert [one.payload for one in again] == [b"%d" % number * 5_000 for number in range(20, 100)]


def test_a_refused_publication_says_why() -> None:
    granted = b"\x90\x0b\x00\x01\x00" + b"\x01" * 8
    with socket.create_server(("127.0.0.1", 0)) as server:
        mqtt = Mqtt(host="127.0.0.1", port=server.getsockname()[1], tls=False)
        link = Connection(mqtt, unacknowledged_max=10)
        broker, _ = server.accept()
        with broker:
            broker.sendall(b"\x20\x03\x00\x00\x00" + granted)
            subscribed(link)
            packet_ids = [link.publish("a/b", b"x"), link.publish("a/b", b"x")]
            broker.sendall(b"\x40\x02" + packet_ids[0].to_bytes(2, "big"))
            broker.sendall(b"\x40\x0c" + packet_ids[1].to_bytes(2, "big") + b"\x97\x08\x1f\x00\x05quota")
            found = take(link, lambda found: len(found) == 2)
        link.close()
    assert found == [Acknowledged(packet_ids[0]), Acknowledged(packet_ids[1], "quota exceeded (quota)")]


def test_a_topic_that_is_not_utf8_is_handed_on_to_be_refused() -> None:
    """Ending the connection would bring the same message again for ever."""
    _, found = events_of(b"\x20\x03\x00\x00\x00" + b"\x32\x09\x00\x03a\xff/\x00\x07\x00x", 1)
    assert found == [Message("a\ufffd/", b"x", 1, 7)]


@pytest.mark.parametrize(
    "broken",
    [
        b"\x30\xff\xff\xff\xff\x01",  # a length of five bytes
        b"\x32\x03\x00\x01t",  # no packet identifier
        b"\x36\x06\x00\x01t\x00\x01\x00",  # a quality of service of 3
        b"\x30\x04\x00\x02\xff\xfe",  # no properties
        b"\x30\x05\x00\x01t\x01\x77",  # a property that does not exist
        b"\xf0\x00",  # a packet of no use to a subscriber
    ],
)
def test_what_is_not_mqtt_ends_the_connection(broken: bytes) -> None:
    mqtt, found = events_of(b"\x20\x03\x00\x00\x00" + broken, 1)
    assert found == [Ended(f"{mqtt} sent a packet that is not MQTT 5")]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.one_of(st.binary(max_size=40), st.sampled_from(PACKETS)), max_size=6))
def test_no_bytes_of_a_broker_do_worse_than_end_the_connection(parts: list[bytes]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        link = Connection(Mqtt(host="127.0.0.1", port=server.getsockname()[1], tls=False), unacknowledged_max=10)
        broker, _ = server.accept()
        with broker, suppress(ConnectionError):  # it has hung up on us already
            for part in parts:
                broker.sendall(part)
            broker.shutdown(socket.SHUT_WR)
            found = take(link, lambda found: any(isinstance(event, Ended) for event in found))
            assert isinstance(found[-1], Ended)
        link.close()


def test_a_broker_that_answers_no_pings_has_gone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        mqtt = Mqtt(host="127.0.0.1", port=server.getsockname()[1], tls=False)
        link = Connection(mqtt, unacknowledged_max=10)
        broker, _ = server.accept()
        with broker:
            broker.sendall(b"\x20\x06\x00\x00\x03\x13\x00\x01")  # it wants to hear from us every second
            found = take(link, bool)
        link.close()
    assert found == [Ended(f"{mqtt} lost the connection: it does not answer pings")]


def test_a_broker_that_dies_ends_the_connection() -> None:
    with mosquitto() as broker:
        link = Connection(Mqtt(host="127.0.0.1", port=broker.port, tls=False), unacknowledged_max=10)
        subscribed(link)
        broker.kill()
        ended = take(link, bool)[-1]
        link.close()
    assert isinstance(ended, Ended)
    assert not ended.taken_over
