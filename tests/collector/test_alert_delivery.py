"""Alerts reach a real webhook, a real mail server and a real broker, each once; and no secret reaches a log."""

import email
import json
import logging
import threading
from collections.abc import Iterator
from email.message import Message as Mail
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from collector.alerts.channels import MqttChannel, apprise_channels, site_alert_of
from collector.alerts.delivery import MessageDelivery
from collector.alerts.repository import deliveries
from collector.alerts.settings import AlertSettings
from collector.alerts.site_alert import encode_site_alert, site_alert_topic
from collector.alerts.worker import AlertThread
from collector.config import Mqtt as MqttSettings
from collector.mqtt.subscriber import NOT_CONNECTED
from collector.store.sqlite.store import SqliteStore
from edge.errors import InputError, WorkError
from tests.collector.listening import listening
from tests.collector.messages import received
from tests.collector.mosquitto import binary, mosquitto
from tests.collector.test_alert_ledger import NOW_MS, Office, finding, listed, take, told
from tests.collector.test_alert_watch import HOUR_MS, hourly
from tests.ports import free_port

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what Apprise imports
JPEG = b"\xff\xd8\xff\xe0 a picture"


class Webhook:
    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.answer = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(outer.answer)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Mailbox:
    def __init__(self) -> None:
        self.mails: list[Mail] = []

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802
        self.mails.append(email.message_from_bytes(envelope.content))
        return "250 OK"


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    one = Webhook()
    yield one
    one.close()


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    box = Mailbox()
    port = free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, port
    controller.stop()


def test_a_webhook_and_a_mailbox_are_told_once_and_nothing_secret_is_logged(
    tmp_path: Path, webhook: Webhook, mailbox: tuple[Mailbox, int], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    box, port = mailbox
    urls = tmp_path / "urls"
    urls.write_text(
        f"# who is told\noffice = json://user:s3cret@127.0.0.1:{webhook.port}/hook\n"
        f"mail = mailto://127.0.0.1:{port}?smtp=127.0.0.1&mode=insecure&from=centre@example.org&to=duty@example.org\n"
    )
    urls.chmod(0o600)
    with SqliteStore(tmp_path / "s") as store:
        postman = MessageDelivery(store, apprise_channels(urls, pictures=True))
        from collector.alerts.lifecycle import AlertLifecycle, ProvenFinding  # noqa: PLC0415
        from collector.alerts.settings import Rules  # noqa: PLC0415

        with store.writing() as tables:
            ledger = AlertLifecycle(tables, "bridge", Rules(), now_ms=NOW_MS, channels=["mail", "office"])
            ledger.take([ProvenFinding(finding(kind="first", reason="The first bus since 2022."), jpeg=JPEG)])
        webhook.answer = 500
        assert postman.deliver(NOW_MS) == 1
        webhook.answer = 200
        assert postman.deliver(NOW_MS) == 0  # a minute must pass
        assert postman.deliver(NOW_MS + 60_000) == 1
        assert postman.deliver(NOW_MS + HOUR_MS) == 0
        with store.reading() as reading:
            said = {one.channel: (one.state, one.attempts, one.error) for one in deliveries(reading, 1)}
    assert said == {"mail": ("sent", 1, ""), "office": ("sent", 2, "")}
    assert [one["message"] for one in webhook.heard] == [
        "The first bus since 2022.\n\nAlert 1, with a picture. Times are those of UTC."
    ] * 2
    assert [one["title"] for one in webhook.heard] == ["bridge: first mast-1"] * 2
    (mail,) = box.mails
    assert mail["Subject"] == "bridge: first mast-1"
    parts = {part.get_content_type(): part.get_payload(decode=True) for part in mail.walk() if not part.is_multipart()}
    assert any(value == JPEG for value in parts.values())
    assert "s3cret" not in caplog.text
    assert "was not taken by office" in caplog.text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("office json://x\n", "line 1: it must be `name = URL`"),
        ("a = json://x\n\na = json://y\n", "line 3: the name a is taken"),
        ("mqtt = json://x\n", "line 1: the name mqtt is taken"),
        ("a = nothing://s3cret@x\n", "the URL of a is none that Apprise knows"),
    ],
)
def test_a_wrong_file_of_urls_is_one_sentence_without_the_url(tmp_path: Path, text: str, reason: str) -> None:
    urls = tmp_path / "urls"
    urls.write_text(text)
    with pytest.raises(InputError) as error:
        apprise_channels(urls, pictures=False)
    assert reason in str(error.value)
    assert "s3cret" not in str(error.value)


def test_a_file_without_urls_is_no_channel(tmp_path: Path) -> None:
    urls = tmp_path / "urls"
    urls.write_text("# nobody yet\n")
    assert apprise_channels(urls, pictures=False) == []


@pytest.mark.skipif(binary() is None, reason="mosquitto is not installed")
def test_the_broker_is_told_through_the_connection_of_the_subscriber(tmp_path: Path) -> None:
    import paho.mqtt.client as paho  # noqa: PLC0415
    from paho.mqtt.enums import CallbackAPIVersion  # noqa: PLC0415

    heard: list[tuple[str, dict[str, Any]]] = []
    come = threading.Event()
    with mosquitto() as broker, SqliteStore(tmp_path / "s") as store:
        reader = paho.Client(CallbackAPIVersion.VERSION2)

        def hear(_c: paho.Client, _u: Any, message: paho.MQTTMessage) -> None:
            heard.append((message.topic, json.loads(message.payload)))
            come.set()

        reader.on_message = hear
        subscribed = threading.Event()
        reader.on_subscribe = lambda *_: subscribed.set()
        reader.connect("127.0.0.1", broker.port)
        reader.subscribe("crossing/v1/+/alert", 1)
        reader.loop_start()
        assert subscribed.wait(60)
        take(store, finding(reason="Nothing was heard."))
        office = Office()
        MessageDelivery(store, [office]).deliver(NOW_MS)
        settings = MqttSettings(host="127.0.0.1", port=broker.port, tls=False)
        with listening(settings, tmp_path / "s") as subscriber:
            channel = MqttChannel(subscriber.publish)
            deadline = threading.Event()
            while (error := channel.send(office.heard[0])) == NOT_CONNECTED:
                deadline.wait(0.1)
            assert error == ""
            assert come.wait(60)
        reader.disconnect()
        reader.loop_stop()
    topic, said = heard[0]
    assert topic == site_alert_topic("bridge") == "crossing/v1/bridge/alert"
    assert (said["kind"], said["device"], said["event"], said["text"]) == (
        "silent",
        "mast-1",
        "opened",
        "Nothing was heard.",
    )
    assert json.loads(encode_site_alert(site_alert_of(office.heard[0]))) == said
    assert subscriber.counts.refused == 0  # it does not hear itself


def test_a_thread_that_cannot_open_its_store_goes_on_trying_and_ends_when_told(tmp_path: Path) -> None:
    tries = threading.Semaphore(0)

    def failing() -> SqliteStore:
        tries.release()
        raise WorkError("no store")

    beside = AlertThread(
        failing, AlertSettings(), {}, channels=[], holder="one", listening=lambda: 0, look_every_s=0.01
    )  # fmt: skip
    beside.start()
    for _ in range(3):
        assert tries.acquire(timeout=60)
    beside.stop()
    assert beside.failures >= 2


def test_the_thread_looks_and_tells(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "s") as store:
        store.commit([received(hourly(1, NOW_MS - 10 * HOUR_MS, 5))], now_ms=NOW_MS - 9 * HOUR_MS)

    class Late:
        def real_ms(self) -> int:
            return NOW_MS

        def monotonic_ms(self) -> int:
            return 0

        def sleep(self, seconds: float) -> None:
            raise AssertionError(seconds)

    heard = threading.Event()

    class Once(Office):
        def send(self, message: Any) -> str:
            super().send(message)
            heard.set()
            return ""

    office = Once()
    beside = AlertThread(
        lambda: SqliteStore(tmp_path / "s"), AlertSettings(), {}, channels=[office], holder="one",
        listening=lambda: NOW_MS - 9 * HOUR_MS, clock=Late(), look_every_s=0.01,
    )  # fmt: skip
    beside.start()
    assert heard.wait(60)
    beside.stop()
    assert beside.failures == 0
    with SqliteStore(tmp_path / "s") as store:
        assert [one.kind for one in listed(store)] == ["silent"]
        assert len(told(store)) == len(office.heard) == 1
