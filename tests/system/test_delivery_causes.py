"""Why nothing is delivered is told apart: each cause, at a real broker with TLS."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from edge.delivery.connection import Broker
from edge.delivery.failure import Cause, Failure
from edge.delivery.outbox import Outbox
from edge.delivery.publisher import Publisher
from edge.delivery.sender import Sender
from tests.delivery.reports import NOON_MS, a_report
from tests.ports import free_port
from tests.system.broker import Mosquitto, broker

DEADLINE_S = 60.0
# paho leaves the socket of a failed handshake to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with broker(tmp_path_factory.mktemp("broker"), users=("bridge/mast-1",)) as running:
        yield running


@contextmanager
def sending(tmp_path: Path, access: Broker) -> Iterator[Sender]:
    """A device with a report to send."""
    with Outbox(tmp_path / "outbox.sqlite") as outbox:
        outbox.append_report(a_report, now_ms=NOON_MS)
        sender = Sender(lambda: Publisher(access, outbox, site="bridge", device="mast-1", run="run-1"))
        sender.start()
        try:
            yield sender
        finally:
            sender.stop()


def wait(until: Callable[[], bool], found: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not until():
        assert time.monotonic() < deadline_s, found()
        time.sleep(0.02)  # the sender's thread announces nothing


def failure_with(tmp_path: Path, access: Broker) -> Failure:
    with sending(tmp_path, access) as sender:
        wait(lambda: sender.failure is not None, lambda: "no failure")
        assert sender.failure is not None
        assert not sender.connected or sender.failure.cause in {"refused", "too-large"}  # the connection itself stands
        return sender.failure


def test_while_all_is_well_there_is_no_failure(tmp_path: Path, mosquitto: Mosquitto) -> None:
    with sending(tmp_path, mosquitto.access("bridge/mast-1")) as sender:
        wait(lambda: sender.reports_acknowledged == 1, lambda: sender.failure)
        assert (sender.connected, sender.failure) == (True, None)


def test_each_cause_has_its_sentence(tmp_path: Path, mosquitto: Mosquitto) -> None:
    right = mosquitto.access("bridge/mast-1")
    wrong_password = tmp_path / "wrong"
    wrong_password.write_text("wrong")
    closed = free_port()
    cases: list[tuple[Broker, Cause, str]] = [
        (replace(right, port=closed), "unreachable", "cannot be reached: Connection refused"),
        (replace(right, host="broker.invalid"), "name-not-found", "has no address"),
        (replace(right, password_file=wrong_password), "credentials", "Not authorized; are user name and password"),
        (replace(right, password_file=tmp_path / "absent"), "credentials", "cannot be read"),
        (replace(right, ca_file=None), "certificate-authority", "no authority that this device trusts"),
    ]
    for number, (access, cause, words) in enumerate(cases):
        folder = tmp_path / str(number)
        folder.mkdir()
        failure = failure_with(folder, access)
        assert (failure.cause, words in failure.sentence) == (cause, True), failure


def test_a_certificate_that_expired_or_is_another_hosts_is_told_apart(tmp_path: Path) -> None:
    with broker(tmp_path, users=("bridge/mast-1",)) as mosquitto:
        for server, days, cause, words in (
            ("localhost", -1, "certificate-date", "certificate has expired; is the clock of this device right?"),
            ("other.example", 10, "certificate-name", "its certificate is another host's"),
        ):
            mosquitto.present(server, days=days)
            with sending(tmp_path, mosquitto.access("bridge/mast-1")) as sender:
                wait(lambda: sender.failure is not None and sender.failure.cause == cause, lambda: sender.failure)  # noqa: B023
                assert sender.failure is not None
                assert words in sender.failure.sentence


def test_what_the_acl_refuses_is_named_until_it_is_allowed(tmp_path: Path) -> None:
    with broker(tmp_path, users=("bridge/mast-1",)) as mosquitto:
        mosquitto.refuse("report")
        failure = failure_with(tmp_path, mosquitto.access("bridge/mast-1"))
        assert failure.cause == "refused"
        assert "refused report 1 of bridge/mast-1: Not authorized" in failure.sentence


def test_a_twin_of_its_name_is_named(tmp_path: Path, mosquitto: Mosquitto) -> None:
    access = mosquitto.access("bridge/mast-1")
    (tmp_path / "twin").mkdir()
    with sending(tmp_path, access) as first:
        wait(lambda: first.connected, lambda: first.failure)
        with sending(tmp_path / "twin", access) as second:
            found = dict[Cause, str]()

            def told() -> bool:
                found.update((one.cause, one.sentence) for one in (first.failure, second.failure) if one is not None)
                return "taken-over" in found

            wait(told, lambda: found)  # by one of them; a connection may also break without a word
            assert "second device of this site and name" in found["taken-over"]


def test_a_broker_that_goes_away_and_comes_back(tmp_path: Path) -> None:
    with (
        broker(tmp_path, users=("bridge/mast-1",)) as mosquitto,
        sending(tmp_path, mosquitto.access("bridge/mast-1")) as sender,
    ):
        wait(lambda: sender.connected, lambda: sender.failure)
        mosquitto.kill()
        wait(lambda: sender.failure is not None and sender.failure.cause == "unreachable", lambda: sender.failure)
        mosquitto.start()
        wait(lambda: sender.connected and sender.failure is None, lambda: sender.failure)


def test_a_report_that_is_larger_than_the_broker_takes_is_named(tmp_path: Path) -> None:
    with broker(
        tmp_path, users=("bridge/mast-1",), settings={"max_packet_size 524288": "max_packet_size 1000"}
    ) as mosquitto:
        lines = {f"line-{i}": {"out": {"car": i}, "back": {"car": 0}} for i in range(50)}
        with Outbox(tmp_path / "outbox.sqlite") as outbox:
            outbox.append_report(lambda seq: msgspec.structs.replace(a_report(seq), lines=lines), now_ms=NOON_MS)
        failure = failure_with(tmp_path, mosquitto.access("bridge/mast-1"))
        assert failure.cause == "too-large", failure
