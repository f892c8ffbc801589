"""The broker that ships lets nobody in who has no business there, and keeps what it was given."""

import queue
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.wire.topics import CHANNELS
from tests.system.broker import SHIPPED, USERS, Mosquitto, broker
from tests.system.peer import NO_SUBSCRIBER, NOT_AUTHORIZED, SUCCESS, Peer, peer

A, B = "bridge/mast-1", "bridge/mast-2"
STRANGERS = ("bri+ge/#", "bridge/+", "bridge")


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with broker(tmp_path_factory.mktemp("production")) as running:
        yield running


@contextmanager
def let_in(mosquitto: Mosquitto, user: str, **how: bool | str) -> Iterator[Peer]:
    with peer(mosquitto, user, **how) as one:  # type: ignore[arg-type]
        assert one.accepted == SUCCESS
        yield one


def assert_silent(one: Peer) -> None:
    """Nothing more comes: what is asked of the broker later is answered later."""
    one.subscribe("crossing/v1/nobody")
    with pytest.raises(queue.Empty):
        one.heard.get_nowait()


def test_nobody_is_let_in_without_a_name(mosquitto: Mosquitto) -> None:
    with peer(mosquitto, "") as one:
        assert one.accepted == NOT_AUTHORIZED


def test_a_wrong_password_is_refused(mosquitto: Mosquitto) -> None:
    with peer(mosquitto, A, password="wrong") as one:
        assert one.accepted == NOT_AUTHORIZED


def test_plain_tcp_is_refused(mosquitto: Mosquitto) -> None:
    with peer(mosquitto, A, tls=False) as one:
        assert one.accepted is None


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_tls_before_1_2_is_refused(mosquitto: Mosquitto) -> None:
    old = ssl.create_default_context(cafile=mosquitto.folder / "broker" / "ca.crt")
    old.set_ciphers("DEFAULT:@SECLEVEL=0")  # else this side would refuse it
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", mosquitto.port)) as plain,
        pytest.raises((ssl.SSLError, ConnectionError), match=r"(?i)version|reset|protocol"),
    ):
        old.wrap_socket(plain, server_hostname="localhost")


@pytest.mark.parametrize("channel", [*CHANNELS, "alert/picture"])
def test_a_device_may_say_all_that_is_its_own(mosquitto: Mosquitto, channel: str) -> None:
    with let_in(mosquitto, A) as one:
        assert one.publish(f"crossing/v1/{A}/{channel}") in {SUCCESS, NO_SUBSCRIBER}


@pytest.mark.parametrize(
    "topic",
    [
        *(f"crossing/v1/{B}/{channel}" for channel in CHANNELS),
        f"crossing/v1/{A}/command/resend",
        f"crossing/v1/{A}",
        f"crossing/v1/{A}/report/more",
        f"crossing/v1/{A}/unheard-of",
        f"crossing/v2/{A}/report",
        f"other/v1/{A}/report",
        f"homeassistant/device/{B}/config",
        "homeassistant/device/bridge/config",
        "homeassistant/status",
    ],
)
def test_a_device_may_say_nothing_else(mosquitto: Mosquitto, topic: str) -> None:
    with let_in(mosquitto, A) as one:
        assert one.publish(topic) == NOT_AUTHORIZED


def test_a_device_announces_itself_to_home_assistant(mosquitto: Mosquitto) -> None:
    with let_in(mosquitto, "home-assistant") as reader, let_in(mosquitto, A) as one:
        reader.subscribe("homeassistant/#")
        assert one.publish(f"homeassistant/device/{A}/config", b"{}") == SUCCESS
        assert reader.hears() == (f"homeassistant/device/{A}/config", b"{}")


def test_a_device_hears_its_own_commands_and_its_own_status_and_nothing_else(mosquitto: Mosquitto) -> None:
    with let_in(mosquitto, A) as one, let_in(mosquitto, B) as other, let_in(mosquitto, "collector") as collector:
        assert one.subscribe("crossing/#") == 1, "Mosquitto grants every subscription and judges every delivery"
        other.publish(f"crossing/v1/{B}/report")
        other.publish(f"crossing/v1/{B}/status")
        collector.publish(f"crossing/v1/{B}/command/resend")
        one.publish(f"crossing/v1/{A}/report")
        collector.publish(f"crossing/v1/{A}/command/resend", b"this")
        one.publish(f"crossing/v1/{A}/status", b"that")
        assert [one.hears(), one.hears()] == [
            (f"crossing/v1/{A}/command/resend", b"this"),
            (f"crossing/v1/{A}/status", b"that"),
        ]
        assert_silent(one)


def test_a_collector_hears_every_device_and_writes_commands_only(mosquitto: Mosquitto) -> None:
    with let_in(mosquitto, "collector") as collector, let_in(mosquitto, A) as one:
        collector.subscribe("$share/collectors/crossing/v1/+/+/report")
        assert one.publish(f"crossing/v1/{A}/report", b"counted") == SUCCESS
        assert collector.hears() == (f"crossing/v1/{A}/report", b"counted")
        for channel in CHANNELS:
            assert collector.publish(f"crossing/v1/{A}/{channel}") == NOT_AUTHORIZED
        assert collector.publish(f"crossing/v1/{A}/command/resend") == NO_SUBSCRIBER


def test_a_message_that_nobody_subscribed_to_is_acknowledged_all_the_same(mosquitto: Mosquitto) -> None:
    with let_in(mosquitto, B) as one:
        assert one.publish(f"crossing/v1/{B}/live") == NO_SUBSCRIBER, "a PUBACK is not delivery"


def test_a_stranger_in_a_share_group_takes_reports_away_so_its_name_is_a_secret(mosquitto: Mosquitto) -> None:
    """What Mosquitto's ACL files cannot prevent; README of deploy/broker says what follows."""
    with let_in(mosquitto, "collector") as collector, let_in(mosquitto, A) as one, let_in(mosquitto, B) as stranger:
        collector.subscribe("$share/guessed/crossing/v1/+/+/report")
        stranger.subscribe("$share/guessed/crossing/v1/+/+/report")
        for number in range(10):
            assert one.publish(f"crossing/v1/{A}/report", b"%d" % number) == SUCCESS
        assert len({collector.hears() for _ in range(5)}) == 5
        assert_silent(collector)
        assert_silent(stranger)


def test_nobody_takes_a_session_over_by_its_client_id(mosquitto: Mosquitto) -> None:
    with let_in(mosquitto, "collector", client_id="crossing-collector", session=True) as collector:
        collector.subscribe(f"crossing/v1/{A}/report")
        for client_id in ("collector", "crossing-collector"):
            with let_in(mosquitto, B, client_id=client_id) as thief:
                assert not thief.resumed
        with let_in(mosquitto, A) as one:
            assert one.publish(f"crossing/v1/{A}/report", b"still mine") == SUCCESS
        assert collector.hears() == (f"crossing/v1/{A}/report", b"still mine")


def test_a_packet_beyond_the_limit_ends_the_connection(mosquitto: Mosquitto) -> None:
    with let_in(mosquitto, A) as one:
        assert one.publish(f"crossing/v1/{A}/alert/picture", bytes(524_000)) == NO_SUBSCRIBER
        assert one.publish(f"crossing/v1/{A}/alert/picture", bytes(524_289)) is None


def test_a_refusal_leaves_the_connection_as_it_is(mosquitto: Mosquitto) -> None:
    with let_in(mosquitto, A) as one:
        for _ in range(3):
            assert one.publish(f"crossing/v1/{B}/report") == NOT_AUTHORIZED
        assert one.publish(f"crossing/v1/{A}/live") == NO_SUBSCRIBER


def test_more_than_a_thousand_reports_wait_and_the_bound_in_bytes_drops_the_newest(tmp_path: Path) -> None:
    waiting, size = 1_200, 1_000
    small = {"max_queued_bytes 536870912": f"max_queued_bytes {waiting * size}"}
    with broker(tmp_path, users=[A, "collector"], settings=small) as mosquitto:
        queue_up(mosquitto, bytes(size))
        with let_in(mosquitto, A) as one:
            for _ in range(waiting + 99):
                assert one.publish(f"crossing/v1/{A}/report", bytes(size)) in {SUCCESS, NO_SUBSCRIBER}
        with let_in(mosquitto, "collector", session=True) as collector:
            for _ in range(waiting):
                collector.hears()
            assert_silent(collector)


def test_wildcards_in_a_user_name_open_nothing(tmp_path: Path) -> None:
    with broker(tmp_path, users=[A, "collector"]) as mosquitto:
        mosquitto.stop()
        passwords, plain = mosquitto.folder / "broker" / "passwords", tmp_path / "plain"
        plain.write_text("".join(f"{name}:secret\n" for name in STRANGERS), encoding="utf-8")
        subprocess.run(["mosquitto_passwd", "-U", plain], check=True)
        passwords.write_text(passwords.read_text(encoding="utf-8") + plain.read_text(encoding="utf-8"))
        mosquitto.start()
        for name in STRANGERS:
            with let_in(mosquitto, name, password="secret") as stranger, let_in(mosquitto, A) as one:
                for topic in (f"crossing/v1/{A}/report", f"crossing/v1/{B}/report", "crossing/v1/bridge/x/report"):
                    assert stranger.publish(topic) == NOT_AUTHORIZED
                stranger.subscribe("crossing/#")
                one.publish(f"crossing/v1/{A}/report")
                assert_silent(stranger)


def test_a_certificate_stands_for_name_and_password(tmp_path: Path) -> None:
    with broker(tmp_path, users=[A, B, "collector"], certificates=True) as mosquitto:
        with let_in(mosquitto, A, certificate=True) as one:
            assert one.publish(f"crossing/v1/{A}/report") == NO_SUBSCRIBER
            assert one.publish(f"crossing/v1/{B}/report") == NOT_AUTHORIZED
        with peer(mosquitto, A) as one:
            assert one.accepted is None, "a password alone is not enough"


def test_what_waits_for_a_collector_outlives_a_restart(tmp_path: Path) -> None:
    with broker(tmp_path, users=[A, "collector"]) as mosquitto:
        queue_up(mosquitto, b"waited")
        mosquitto.stop()
        mosquitto.start()
        assert what_waited(mosquitto) == b"waited"


def test_a_killed_broker_forgets_what_came_since_its_last_save_and_no_more(tmp_path: Path) -> None:
    with broker(tmp_path, users=[A, "collector"]) as mosquitto:
        queue_up(mosquitto, b"saved")
        mosquitto.save()
        with let_in(mosquitto, A) as one:
            assert one.publish(f"crossing/v1/{A}/report", b"acknowledged and forgotten") == SUCCESS
        mosquitto.kill()
        mosquitto.start()
        assert what_waited(mosquitto) == b"saved"


def test_a_broker_that_loses_its_file_starts_with_nothing(tmp_path: Path) -> None:
    with broker(tmp_path, users=[A, "collector"]) as mosquitto:
        queue_up(mosquitto, b"waited")
        mosquitto.stop()
        mosquitto.lose_what_was_saved()
        mosquitto.start()
        with let_in(mosquitto, "collector", session=True) as collector:
            assert not collector.resumed


def test_a_frozen_broker_answers_once_it_goes_on(tmp_path: Path) -> None:
    with broker(tmp_path, users=[A]) as mosquitto, let_in(mosquitto, A) as one:
        mosquitto.freeze()
        one.send(f"crossing/v1/{A}/report")
        with pytest.raises(queue.Empty):
            one.answer(wait_s=0.3)
        mosquitto.thaw()
        assert one.answer() == NO_SUBSCRIBER


def test_at_its_memory_limit_the_broker_acknowledges_nothing_that_it_drops(tmp_path: Path) -> None:
    small = {"memory_limit 1073741824": "memory_limit 3000000"}
    with broker(tmp_path, users=[A, "collector"], settings=small) as mosquitto:
        queue_up(mosquitto, bytes(100_000))
        acknowledged = 1
        with let_in(mosquitto, A) as one:
            while one.publish(f"crossing/v1/{A}/report", bytes(100_000)) is not None:
                acknowledged += 1
                assert acknowledged < 40, "it has a limit"
        with let_in(mosquitto, "collector", session=True) as collector:
            for _ in range(acknowledged):
                assert len(collector.hears()[1]) == 100_000


def test_the_acls_name_every_channel_of_the_contract_and_every_service_that_tests_use() -> None:
    acl = (SHIPPED / "acl").read_text(encoding="utf-8")
    written = {line.removeprefix("pattern write crossing/v1/%u/") for line in acl.splitlines()}
    assert set(CHANNELS) <= written
    assert {f"user {user}" for user in USERS if "/" not in user} <= set(acl.splitlines())


def queue_up(mosquitto: Mosquitto, payload: bytes) -> None:
    """The collector subscribes and goes away; a report comes for it."""
    with let_in(mosquitto, "collector", session=True) as collector:
        collector.subscribe("crossing/v1/+/+/report")
    with let_in(mosquitto, A) as one:
        assert one.publish(f"crossing/v1/{A}/report", payload) == SUCCESS


def what_waited(mosquitto: Mosquitto) -> bytes:
    """All that waited for the collector."""
    with let_in(mosquitto, "collector", session=True) as collector:
        assert collector.resumed
        payload = collector.hears()[1]
        assert_silent(collector)
        return payload
