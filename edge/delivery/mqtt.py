"""The publisher: from the outbox to a broker, over MQTT 5, until every letter is acknowledged.

All of it runs in the thread that calls it; that thread owns the connection and the courier. Paho's own thread
only notes events (see `connection`). A replay calls `deliver`; a live service calls `step` for ever.
"""

import random
import time
from typing import Literal, Self

from edge.delivery.connection import (
    Accepted,
    Acknowledged,
    Broker,
    Connection,
    Ended,
    Event,
    Message,
    Refused,
)
from edge.delivery.courier import Courier
from edge.delivery.letter import Letter
from edge.delivery.outbox import Outbox
from edge.delivery.report import ROOT, rfc3339, topic_of
from edge.delivery.status import Info, Status, encode_self
from edge.errors import WorkError

FAREWELL_WAIT_S = 2.0  # for the broker to take `offline` before the polite end


class Publisher:
    """Carries what is in `outbox`, for one run of one device; connects when first asked to do something.

    On every connection it says `info` and `status` online (retained); `status` offline is its last will.
    `failure` says why the last connection ended or the last letter was refused; empty while all is well.
    `acknowledged` counts letters since the start.
    """

    def __init__(
        self,
        broker: Broker,
        outbox: Outbox,
        *,
        site: str,
        device: str,
        run: str,
        root: str = ROOT,
        info: Info | None = None,
        courier: Courier | None = None,
    ) -> None:
        self.failure = ""
        self.acknowledged = 0
        self._broker = broker
        self._outbox = outbox
        self._site = site
        self._device = device
        self._run = run
        self._root = root
        self._info = info
        self._courier = courier or Courier()
        self._since = rfc3339(time.time_ns() // 1_000_000)
        self._connection: Connection | None = None
        self._accepted = False
        self._was_accepted = False
        self._greeting: set[int] = set()  # tokens of status and info in flight

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def connect(self, *, timeout_s: float = 10.0) -> None:
        """Be let in and heard (`online` is acknowledged), or raise WorkError with the reason."""
        self.failure = ""
        deadline = time.monotonic() + timeout_s
        while not self._accepted or self._greeting:
            wait_s = deadline - time.monotonic()
            if wait_s <= 0:
                self._lost(f"{self._broker} gave no answer within {timeout_s:g} s")
            else:
                self.step(wait_s=wait_s)
            if self.failure:
                raise WorkError(self.failure)

    def deliver(self, *, timeout_s: float = 30.0) -> int:
        """Publish all that is pending; returns how many letters, once the broker has acknowledged every one.

        Raises WorkError where the broker does not let us in, refuses a letter, or acknowledges nothing for
        `timeout_s`; a connection that breaks later is made again. What is unacknowledged stays pending.
        """
        before = self.acknowledged
        if self._outbox.pending(1) and not self._was_accepted:
            self.connect(timeout_s=timeout_s)
        deadline = time.monotonic() + timeout_s
        while self._outbox.pending(1):
            progress = self.step(wait_s=min(1.0, timeout_s))
            if self._accepted and self.failure:
                raise WorkError(self.failure)
            if progress:
                deadline = time.monotonic() + timeout_s
            elif time.monotonic() >= deadline:
                unsent = self._outbox.state().unsent
                reason = self.failure or f"{self._broker} acknowledges nothing"
                raise WorkError(f"gave up after {timeout_s:g} s with {unsent} reports unsent: {reason}")
        return self.acknowledged - before

    def step(self, *, wait_s: float) -> int:
        """Do what is due, then wait up to `wait_s` for the broker; returns how many letters it acknowledged.

        A broker that fails raises nothing here: `failure` says what happened, the courier when to try again.
        """
        now_ms = _monotonic_ms()
        if self._connection is None:
            pause_s = self._courier.retry_wait_ms(now_ms) / 1000
            if pause_s > 0:
                time.sleep(min(pause_s, wait_s))
                return 0
            try:
                self._connection = self._open(wait_s)
            except WorkError as error:
                self._lost(str(error))
                return 0
        if self._courier.stalled(now_ms):
            self._lost(f"{self._broker} stopped acknowledging")
            return 0
        for letter in self._courier.offer(self._pending(), now_ms, busy=len(self._greeting)):
            token = self._connection.publish(
                Message(topic_of(*letter.address.split("/", 2), root=self._root), letter.payload)
            )
            self._courier.published(token, letter.seq, now_ms)
        acknowledged = [seq for event in self._connection.events(wait_s) if (seq := self._handle(event))]
        if acknowledged:
            self._outbox.sent(acknowledged)
            self.acknowledged += len(acknowledged)
        return len(acknowledged)

    def say(self, channel: str, payload: bytes, *, retain: bool = False) -> bool:
        """Say what may be missed (`live`, `health`), at QoS 0; False where nobody is connected."""
        if self._connection is None or not self._accepted:
            return False
        self._connection.publish(Message(self._topic(channel), payload, qos=0, retain=retain))
        return True

    def close(self) -> None:
        """Say `offline` and end the connection. Letters still in flight stay pending in the outbox."""
        if self._connection is not None and self._accepted:
            self._greet(self._status("offline", reason="stopped"))
            deadline = time.monotonic() + FAREWELL_WAIT_S
            while self._greeting and (wait_s := deadline - time.monotonic()) > 0:
                self.step(wait_s=wait_s)
        self._end(politely=True)

    def _open(self, wait_s: float) -> Connection:
        client_id = f"{self._root}.{self._site}.{self._device}"  # no name holds a dot; some brokers refuse a slash
        will = self._status("offline", reason="connection lost")
        return Connection(self._broker, client_id, will=will, timeout_s=max(1.0, wait_s))

    def _pending(self) -> list[Letter]:
        return self._outbox.pending(self._courier.window) if self._accepted else []

    def _handle(self, event: Event) -> int | None:
        """Take one event in; the `seq` of the letter that it acknowledges, if it does."""
        now_ms = _monotonic_ms()
        match event:
            case Accepted(receive_max):
                self._accepted = self._was_accepted = True
                self.failure = ""
                self._courier.connected(now_ms, receive_max=receive_max)
                if self._info is not None:
                    self._greet(Message(self._topic("info"), encode_self(self._info), retain=True))
                self._greet(self._status("online"))
            case Acknowledged(token) if token in self._greeting:
                self._greeting.remove(token)
            case Acknowledged(token):
                return self._courier.acknowledged(token, now_ms)
            case Refused(token, reason):
                seq = self._courier.refused(token, now_ms)
                what = f"report {seq}" if seq else "the status"
                self._greeting.discard(token)
                self.failure = f"{self._broker} refused {what} of {self._site}/{self._device}: {reason}"
            case Ended(reason) if self._connection is not None:
                self._lost(reason)
        return None

    def _greet(self, message: Message) -> None:
        assert self._connection is not None, "a greeting needs a connection"
        self._greeting.add(self._connection.publish(message))

    def _lost(self, reason: str) -> None:
        self.failure = reason
        self._end(politely=False)

    def _end(self, *, politely: bool) -> None:
        self._accepted = False
        self._greeting.clear()
        jitter = random.random()  # noqa: S311  # spreads the devices over time, guards nothing
        self._courier.lost(_monotonic_ms(), jitter=jitter)
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close(politely=politely)

    def _status(self, state: Literal["online", "offline"], *, reason: str = "") -> Message:
        status = Status(state=state, run=self._run, since=self._since, reason=reason)
        return Message(self._topic("status"), encode_self(status), retain=True)

    def _topic(self, channel: str) -> str:
        return topic_of(self._site, self._device, channel, root=self._root)


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000
