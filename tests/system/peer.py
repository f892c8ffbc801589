"""A plain MQTT 5 client that says what the broker answered; for tests of the broker, not of our own clients."""

import queue
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.system.broker import Mosquitto

WAIT_S = 60.0
SUCCESS, NO_SUBSCRIBER, NOT_AUTHORIZED = 0x00, 0x10, 0x87


class Peer:
    """One connection. `accepted` is the reason code of the CONNACK, None where the broker closed without one."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._accepted: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self.heard: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        self.resumed = False
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = lambda _, __, ___, code, *____: self._answers.put(code.value)
        client.on_subscribe = lambda _, __, ___, codes, *____: self._answers.put(codes[0].value)
        client.on_message = self._on_message

    @property
    def accepted(self) -> int | None:
        return self._accepted.get(timeout=WAIT_S)

    def publish(self, topic: str, payload: bytes = b"x", *, retain: bool = False) -> int | None:
        """Reason code of the PUBACK; None where the connection ended instead."""
        self.send(topic, payload, retain=retain)
        return self.answer()

    def send(self, topic: str, payload: bytes = b"x", *, retain: bool = False) -> None:
        """Publish and wait for nothing."""
        self._client.publish(topic, payload, 1, retain)

    def answer(self, wait_s: float = WAIT_S) -> int | None:
        """The next of the broker's answers, as `publish` gives it; queue.Empty where none comes."""
        return self._answers.get(timeout=wait_s)

    def subscribe(self, topic: str) -> int | None:
        self._client.subscribe(topic, 1)
        return self.answer()

    def hears(self) -> tuple[str, bytes]:
        return self.heard.get(timeout=WAIT_S)

    def _on_connect(self, _: Client, __: Any, flags: Any, code: Any, *___: Any) -> None:
        self.resumed = flags.session_present
        self._accepted.put(code.value)

    def _on_disconnect(self, *_: Any) -> None:
        self._accepted.put(None)
        self._answers.put(None)

    def _on_message(self, _: Client, __: Any, message: MQTTMessage) -> None:
        self.heard.put((message.topic, bytes(message.payload)))


@contextmanager
def peer(
    mosquitto: Mosquitto,
    user: str,
    *,
    client_id: str = "",
    password: str | None = None,
    certificate: bool = False,
    session: bool = False,
    tls: bool = True,
) -> Iterator[Peer]:
    """Connect as `user` with its password (or another, or its certificate); `session` asks to be remembered."""
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        protocol=MQTTProtocolVersion.MQTTv5,
        reconnect_on_failure=False,
    )
    client.max_inflight_messages = 1_000  # as many as the broker that ships takes
    if certificate:
        files = (mosquitto.client_file(user, "client.crt"), mosquitto.client_file(user, "client.key"))
    elif user:
        known = mosquitto.client_file(user, "password")
        client.username_pw_set(user, password or known.read_text(encoding="utf-8").strip())
    if tls:
        context = ssl.create_default_context(cafile=mosquitto.folder / "broker" / "ca.crt")
        if certificate:
            context.load_cert_chain(*files)
        client.tls_set_context(context)
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 3600 if session else 0
    ours = Peer(client)
    client.connect("localhost", mosquitto.port, clean_start=not session, properties=properties)
    client.loop_start()
    try:
        yield ours
    finally:
        client.disconnect()
        client.loop_stop()
