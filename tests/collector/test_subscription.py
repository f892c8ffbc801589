"""One connection to a real mosquitto: what is acknowledged does not come again, all else does; who took it over."""

import itertools
import socket
import time
from collections.abc import Callable, Iterator

import pytest
from paho.mqtt import publish

from collector.config import Mqtt
from collector.mqtt.connection import Ended, Event, Subscribed, Subscription
from collector.mqtt.packets import PACKET_BYTES_MAX, Arrival
from edge.wire.commands import Resend
from edge.wire.report import encode
from edge.wire.topics import RESEND, topic_of
from tests.collector.messages import a_report
from tests.collector.mosquitto import Mosquitto, binary, mosquitto

pytestmark = pytest.mark.skipif(binary() is None, reason="mosquitto is not installed (Debian: mosquitto)")
REPORT = topic_of("bridge", "mast-1", "report")
NAMES = (f"collector-{i}" for i in itertools.count())
DEADLINE_S = 10.0


@pytest.fixture(scope="module")
def broker() -> Iterator[Mosquitto]:
    with mosquitto() as running:
        yield running


@pytest.fixture
def mqtt(broker: Mosquitto) -> Mqtt:
    return Mqtt(host="127.0.0.1", port=broker.port, tls=False, client_id=next(NAMES))


@pytest.fixture
def open_link(mqtt: Mqtt) -> Iterator[Callable[..., Subscription]]:
    opened = []

    def opening(mqtt: Mqtt = mqtt, unacknowledged_max: int = 100) -> Subscription:
        opened.append(Subscription(mqtt, unacknowledged_max=unacknowledged_max))
        return opened[-1]

    yield opening
    for link in opened:
        link.close()


def say(mqtt: Mqtt, *payloads: bytes, topic: str = REPORT, retain: bool = False) -> None:
    messages = [{"topic": topic, "payload": payload, "qos": 1, "retain": retain} for payload in payloads]
    publish.multiple(messages, hostname="127.0.0.1", port=mqtt.port)  # type: ignore[arg-type]


def take(link: Subscription, until: Callable[[list[Event]], bool]) -> list[Event]:
    found: list[Event] = []
    deadline = time.monotonic() + DEADLINE_S
    while not until(found):
        assert time.monotonic() < deadline, found
        found += link.events(0.2, 100)
    return found


def subscribed(link: Subscription) -> Subscribed:
    found = take(link, lambda found: any(isinstance(event, Subscribed) for event in found))
    return next(event for event in found if isinstance(event, Subscribed))


def arrivals(link: Subscription, number: int) -> list[Arrival]:
    found = take(link, lambda found: sum(isinstance(event, Arrival) for event in found) >= number)
    return [event for event in found if isinstance(event, Arrival)]


def test_what_is_not_acknowledged_comes_again_and_the_rest_does_not(
    mqtt: Mqtt, open_link: Callable[..., Subscription]
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


def test_the_broker_sends_no_more_than_may_be_unacknowledged(
    mqtt: Mqtt, open_link: Callable[..., Subscription]
) -> None:
    link = open_link(unacknowledged_max=3)
    subscribed(link)
    say(mqtt, *(encode(a_report(seq)) for seq in range(1, 8)))
    found = arrivals(link, 3)
    assert link.events(0.3, 100) == []
    link.acknowledge(found)
    assert len(arrivals(link, 3)) >= 3  # mosquitto 2.0.11 is not exact once the window has moved


def test_retained_words_come_with_the_subscription(mqtt: Mqtt, open_link: Callable[..., Subscription]) -> None:
    topic = topic_of("bridge", "mast-7", "status")
    say(mqtt, b"{}", topic=topic, retain=True)
    (found,) = arrivals(open_link(), 1)
    assert (found.topic, found.payload, found.retained) == (topic, b"{}", True)
    say(mqtt, b"", topic=topic, retain=True)


def test_mosquitto_does_not_say_that_our_session_was_taken_over_so_we_say_that_it_may_be(
    open_link: Callable[..., Subscription],
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
        link = Subscription(mqtt, unacknowledged_max=10)
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


def test_a_share_is_divided_and_status_is_heard_by_all(mqtt: Mqtt, open_link: Callable[..., Subscription]) -> None:
    shared = [Mqtt(host="127.0.0.1", port=mqtt.port, tls=False, client_id=next(NAMES), share="all") for _ in range(2)]
    links = [open_link(one) for one in shared]
    for link in links:
        subscribed(link)
    say(mqtt, *(encode(a_report(seq)) for seq in range(1, 11)))
    say(mqtt, b"{}", topic=topic_of("bridge", "mast-1", "status"))
    heard: list[list[Arrival]] = [[], []]
    deadline = time.monotonic() + DEADLINE_S
    while sum(map(len, heard)) < 12 and time.monotonic() < deadline:
        for link, of_link in zip(links, heard, strict=True):
            of_link += [event for event in link.events(0.1, 100) if isinstance(event, Arrival)]
    reports = [[one.payload for one in of_link if one.topic == REPORT] for of_link in heard]
    assert sorted(reports[0] + reports[1]) == sorted(encode(a_report(seq)) for seq in range(1, 11))
    assert all(reports)
    assert [sum(one.topic != REPORT for one in of_link) for of_link in heard] == [1, 1]


def test_a_command_is_published(mqtt: Mqtt, open_link: Callable[..., Subscription]) -> None:
    link = open_link()
    subscribed(link)
    link.publish(topic_of("bridge", "mast-1", "response"), encode(Resend(id="1", ranges=[(1, 2)])))
    (found,) = arrivals(link, 1)  # on a topic that we hear ourselves
    assert found.payload == b'{"id":"1","ranges":[[1,2]]}'
    assert RESEND == "command/resend"


def test_a_message_larger_than_agreed_does_not_reach_us_and_holds_up_nothing(
    mqtt: Mqtt, open_link: Callable[..., Subscription]
) -> None:
    link = open_link()
    subscribed(link)
    say(mqtt, b"x" * PACKET_BYTES_MAX, b"small")
    assert [one.payload for one in arrivals(link, 1)] == [b"small"]


def test_a_broker_that_dies_ends_the_connection() -> None:
    with mosquitto() as broker:
        link = Subscription(Mqtt(host="127.0.0.1", port=broker.port, tls=False), unacknowledged_max=10)
        subscribed(link)
        broker.kill()
        ended = take(link, bool)[-1]
        link.close()
    assert isinstance(ended, Ended)
    assert not ended.taken_over
