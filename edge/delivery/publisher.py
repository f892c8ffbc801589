"""The publisher: from the outbox to a broker, over MQTT 5, until every entry is acknowledged.

All of it runs in the thread that calls it; that thread owns the connection and the courier. Paho's own thread
only queues events (see `connection`). A replay calls `deliver`; a live service calls `step` for ever.
"""

import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal, Self

import msgspec

from edge.clock import Clock, SystemClock
from edge.delivery.announcement import HomeAssistantAnnouncer
from edge.delivery.commands import CommandHandler, resend, unknown
from edge.delivery.connection import (
    RETAIN_NOT_SUPPORTED,
    TWIN_HINT,
    Accepted,
    Acknowledged,
    Broker,
    Connection,
    Ended,
    Event,
    Link,
    Message,
    Received,
    Refused,
    SubscriptionRefused,
    UnreachableError,
    packet_bytes,
)
from edge.delivery.courier import Courier
from edge.delivery.dispatch import Dispatch
from edge.delivery.entry import kind_of
from edge.delivery.failure import Cause, Failure
from edge.delivery.former_names import FormerNames
from edge.delivery.outbox import Outbox
from edge.delivery.retained import RetainedMessages
from edge.errors import WorkError
from edge.wire.device_messages import Info, Status, encode_self
from edge.wire.report import encode
from edge.wire.times import rfc3339
from edge.wire.topics import ROOT, parse_topic, topic_of

ACCEPT_WAIT_MS = 30_000  # then a broker that accepted the TCP connection without a CONNACK is given up
RETRY_ENTRIES_WAIT_S = 0.02  # between two batches of entries that were set aside
OFFLINE_WAIT_S = 2.0  # for the broker to acknowledge `offline` before the connection ends
TOTAL_EVERY_MS = 10_000  # it changes with every report, and brokers with a small window have other messages to take
TWIN_MS = 900_000  # how long the status says that another client took over our client id
BROKEN_MS, BROKEN_MAX = (
    300_000,
    3,
)  # so many short connections in a row hint at a twin
RESPONSES_MAX = 20  # responses that wait; commands beyond it get none, and the collector asks again

Connect = Callable[..., Link]
"""`connect(broker, client_id, will=..., timeout_s=...)`: opens a connection, or raises WorkError."""


class Publisher:
    """Publishes the entries of `outbox`, for one run of one device; connects at the first call that needs it.

    On every connection it publishes `info`, `total` and `status` (retained); `status` offline is its last will, and is
    replaced where it arrives late. It handles `command/resend`, and the verbs in `handlers`. With a prefix in
    `home_assistant` it announces the device there.
    `failure` says why the last connection ended or the last entry was refused, empty while all is well;
    `delivery_failure` is the same with its cause. `acknowledged` counts entries since the start, `reports_acknowledged`
    the reports among them.
    `beside` names a client that publishes beside the device itself (a replay): both stay connected, and the retained
    messages are the device's own. So it retains nothing, replaces no status, and announces nothing to Home Assistant.
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
        beside: str = "",
        info: Info | None = None,
        home_assistant: str = "",
        courier: Courier | None = None,
        handlers: Mapping[str, CommandHandler] | None = None,
        clock: Clock | None = None,
        chance: random.Random | None = None,
        connect: Connect = Connection,
    ) -> None:
        self.failure = ""
        self.acknowledged = 0
        self.reports_acknowledged = 0
        self._cause: Cause = "lost"
        self._broken = 0  # connections in a row that broke soon after CONNACK
        self._refusals: dict[str, str] = {}  # by channel, until the broker accepts a message there
        self._broker = broker
        self._outbox = outbox
        self._site = site
        self._device = device
        self._run = run
        self._root = root
        self._beside = bool(beside)
        names = (root, site, device, *([beside] if beside else []))
        self._client_id = ".".join(names)  # no name holds a dot; some brokers refuse a slash
        self._info = info
        self._courier = courier or Courier()
        self._handlers: dict[str, CommandHandler] = {
            "resend": resend(outbox),
            **(handlers or {}),
        }
        self._clock = clock or SystemClock()
        self._chance = chance or random.Random()  # noqa: S311  # spreads the devices over time, guards nothing
        self._connect = connect
        self._since = rfc3339(self._clock.real_ms())
        self._retained = RetainedMessages()
        self._announcer = HomeAssistantAnnouncer(outbox, site=site, device=device, root=root, prefix=home_assistant)
        self._names_read = False  # of former names, since the connection began
        self._former = FormerNames(outbox, name=f"{site}/{device}", run=run, root=root, prefix=home_assistant)
        self._clearing: deque[Message] = deque()
        self._ends_published: dict[str, int] = {}  # by journal: the last `sent_through` published
        self._journal = ""  # as published in info
        self._twin_at_ms: int | None = None
        self._troubles: dict[str, str] = {}
        self._responses: deque[Message] = deque()
        self._responses_in_flight: set[int] = set()  # tokens
        self._dispatch = Dispatch(outbox, self._courier, name=f"{site}/{device}", root=root, trouble=self.set_trouble)
        self._retains = not beside  # whether the broker keeps, and may keep, messages
        self._sizes: dict[int, int] = {}  # of the packets in flight, by token
        self._largest_transient = 0  # bytes, of the largest packet of this connection that is not acknowledged (QoS 0)
        self._packet_max_found: int | None = None  # of a broker that does not announce it, and ends the connection
        self._too_large: dict[str, int] = {}  # retained messages larger than the broker accepts: size by topic
        self._stuck = False  # nothing is in flight, and nothing may be
        self._revision: int | None = None  # of the outbox, when the total was last taken
        self._total_at_ms = 0
        self._connection: Link | None = None
        self._opened_ms = 0
        self._accepted = False
        self._was_accepted = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def connect(self, *, timeout_s: float = 10.0) -> None:
        """Connect until `online` is acknowledged, or raise WorkError with the reason."""
        self.failure = ""
        deadline_ms = self._clock.monotonic_ms() + timeout_s * 1000
        while not self._accepted or not self._retained.quiet:
            wait_s = (deadline_ms - self._clock.monotonic_ms()) / 1000
            if wait_s <= 0:
                self._lost(f"{self._broker} gave no answer within {timeout_s:g} s", cause="silent")
            else:
                self.step(wait_s=wait_s)
            if self.failure:
                raise WorkError(self.failure)

    def deliver(self, *, timeout_s: float = 30.0) -> int:
        """Publish all that is pending; returns how many entries, once the broker has acknowledged every one.

        Raises WorkError where the broker refuses the connection, refuses all that is left or finds some too large, or
        acknowledges nothing for `timeout_s`; a connection that breaks later is opened again. Unacknowledged entries
        stay pending.
        """
        before = self.acknowledged
        if not self._was_accepted and (self._outbox.pending(1) or self._outbox.addresses(set_aside=True)):
            self.connect(timeout_s=timeout_s)
        deadline_ms = self._clock.monotonic_ms() + timeout_s * 1000
        while self._outbox.pending(1) or self._dispatch.taking_back:
            progress = self.step(wait_s=min(1.0, timeout_s))
            if self._accepted and self.failure and self._stuck and not progress:
                raise WorkError(self.failure)
            if progress or self._dispatch.taking_back:
                deadline_ms = self._clock.monotonic_ms() + timeout_s * 1000
            elif self._clock.monotonic_ms() >= deadline_ms:
                unsent = self._outbox.state().unsent
                reason = self.failure or f"{self._broker} acknowledges nothing"
                raise WorkError(f"gave up after {timeout_s:g} s with {unsent} reports unsent: {reason}")
        if self._outbox.addresses(set_aside=True):
            raise WorkError(self._too_large_for_it())
        return self.acknowledged - before

    def step(self, *, wait_s: float) -> int:
        """Do what is due, then wait up to `wait_s` for the broker; returns how many entries it acknowledged.

        A failing broker or disk raises nothing here: `failure` says what happened, the courier when to try again.
        """
        now_ms = self._clock.monotonic_ms()
        if self._connection is None:
            pause_s = self._courier.retry_wait_ms(now_ms) / 1000
            if pause_s > 0:
                self._clock.sleep(min(pause_s, wait_s))
                return 0
            self._opened_ms = now_ms
            try:
                self._connection = self._open(wait_s)
            except WorkError as error:
                self._lost(
                    str(error), cause=error.failure.cause if isinstance(error, UnreachableError) else "unreachable"
                )
                return 0
        if self._courier.stalled(now_ms):
            self._lost(f"{self._broker} stopped acknowledging", cause="silent")
            return 0
        if not self._accepted and now_ms - self._opened_ms >= ACCEPT_WAIT_MS:
            self._lost(f"{self._broker} took our connection and gave no answer", cause="silent")
            return 0
        if self._twin_at_ms is not None and now_ms - self._twin_at_ms >= TWIN_MS:
            self._twin_at_ms = None
            self.set_trouble("twin", "")
        if self._accepted:
            self._publish_due(self._connection, now_ms)
        if self._connection is None:  # the outbox was replaced
            return 0
        if self._dispatch.taking_back:
            wait_s = min(wait_s, RETRY_ENTRIES_WAIT_S)
        acknowledged = [number for event in self._connection.events(wait_s) if (number := self._handle(event))]
        self._dispatch.acknowledged(acknowledged)
        self.acknowledged += len(acknowledged)
        return len(acknowledged)

    def publish_transient(self, channel: str, payload: bytes, *, retain: bool = False) -> bool:
        """Publish a transient message (`live`, `health`) at QoS 0, ahead of entries; False without a connection."""
        if self._connection is None or not self._accepted:
            return False
        message = Message(self._topic(channel), payload, qos=0, retain=retain)
        if not self._dispatch.fits(message) or self._courier.cautious:
            return False
        self._publish(self._connection, message)
        return True

    def set_trouble(self, what: str, sentence: str) -> None:
        """Set the status to degraded with this reason, until `what` is set again with an empty sentence."""
        if sentence:
            self._troubles[what] = sentence
        else:
            self._troubles.pop(what, None)

    @property
    def connected(self) -> bool:
        """Whether a broker has accepted the connection."""
        return self._accepted

    @property
    def refused_times(self) -> dict[str, int]:
        """How often the broker refused an entry, by kind."""
        return self._courier.refused_times

    @property
    def delivery_failure(self) -> Failure | None:
        """What keeps entries from being delivered, or some of them; None while all is well."""
        if "outbox" in self._troubles:
            return Failure("disk", self._troubles["outbox"])
        if self._accepted:
            if self._refusals:
                return Failure("refused", "; ".join(self._refusals.values()))
            return Failure("too-large", self._troubles["too-large"]) if "too-large" in self._troubles else None
        return Failure(self._cause, self.failure) if self.failure else None

    @property
    def waiting(self) -> bool:
        """Whether entries wait to be sent, or to be acknowledged."""
        return bool(self._dispatch.waiting(self._clock.monotonic_ms()))

    def real_ms(self) -> int:
        """The system's clock, milliseconds UTC."""
        return self._clock.real_ms()

    def monotonic_ms(self) -> int:
        """The monotonic clock, milliseconds."""
        return self._clock.monotonic_ms()

    def close(self) -> None:
        """Publish `offline` and end the connection. Entries in flight stay pending in the outbox."""
        if self._connection is not None and self._accepted:
            self._retained.set(self._topic("status"), self._status("offline", "stopped"))
            self._total_at_ms = 0
            self._update_total(self._clock.monotonic_ms())
            deadline_ms = self._clock.monotonic_ms() + OFFLINE_WAIT_S * 1000
            while self._accepted and not self._retained.quiet:
                wait_s = (deadline_ms - self._clock.monotonic_ms()) / 1000
                if wait_s <= 0:
                    break
                self._publish_retained(self._connection, self._clock.monotonic_ms())
                acknowledged = [n for event in self._connection.events(wait_s) if (n := self._handle(event))]
                self._dispatch.acknowledged(acknowledged)
                self.acknowledged += len(acknowledged)
            self._dispatch.note()
        self._end(graceful=True)

    def _open(self, wait_s: float) -> Link:
        self._note_run()
        will = Message(self._topic("status"), self._status("offline", "connection lost"), retain=self._retains)
        return self._connect(self._broker, self._client_id, will=will, timeout_s=max(1.0, wait_s))

    def _note_run(self) -> None:
        """Note the run before a broker learns of it: its last will may arrive when the device has another name."""
        try:
            self._former.note_run()
        except WorkError as error:
            self.set_trouble("outbox", str(error))

    def _publish_due(self, link: Link, now_ms: int) -> None:
        self._note_run()
        if not self._names_read:
            self._read_names(link)
        self._dispatch.note()
        self._update_total(now_ms)
        self._update_info()
        self._update_refusals()
        self._update_status()
        self._publish_retained(link, now_ms)
        while self._responses:
            message = self._responses.popleft()
            if self._dispatch.fits(message):
                self._responses_in_flight.add(self._publish(link, message))
        while self._clearing:
            message = self._clearing.popleft()
            self._former.published(self._publish(link, message), message)
        busy = self._retained.in_flight + len(self._responses_in_flight) + self._former.in_flight
        due = self._dispatch.due(now_ms, busy=busy)
        if self._dispatch.outdated:
            self._begin_with_another_file()
            return
        self._stuck = not due and not self._courier.in_flight and not self._dispatch.taking_back
        for entry, message in due:
            self._courier.published(self._publish(link, message), entry, now_ms)

    def _publish_retained(self, link: Link, now_ms: int) -> None:
        for message in self._retained.due(now_ms):
            if self._dispatch.fits(message):
                self._retained.published(self._publish(link, message), message)
            else:
                self._retained.skip(message.topic)
                self._too_large[message.topic] = packet_bytes(message)

    def _update_status(self) -> None:
        """Set the retained status; where the reasons are larger than the broker accepts, without them."""
        state: Literal["online", "degraded"] = "degraded" if self._troubles else "online"
        topic, payload = self._topic("status"), self._status(state, "; ".join(self._troubles.values()))
        if not self._dispatch.fits(Message(topic, payload)):
            payload = self._status(state, "")
        self._retained.set(topic, payload)

    def _publish(self, link: Link, message: Message) -> int:
        if message.retain and not self._retains:
            message = replace(message, retain=False)
        token, size = link.publish(message), packet_bytes(message)
        if message.qos:
            self._sizes[token] = size
        else:
            self._largest_transient = max(self._largest_transient, size)
        return token

    def _update_refusals(self) -> None:
        """Update the troubles about refusals; their sentences change only with kinds and reasons."""
        refused = [f"{one.kind} letters: {one.reason}" for one in self._courier.refusals]
        self.set_trouble("refused", f"{self._broker} refuses {'; '.join(refused)}" if refused else "")
        barred = ", ".join(sorted(self._dispatch.barred))
        self.set_trouble("barred", f"{self._broker} refuses {barred} of a former name: set aside" if barred else "")
        try:
            self.set_trouble("too-large", self._too_large_for_it())
        except WorkError:  # it is the trouble `outbox` already
            return

    def _too_large_for_it(self) -> str:
        """A sentence about what is larger than the broker accepts, or empty. WorkError where the outbox fails."""
        if self._dispatch.packet_max is None:
            return ""
        aside = set(self._outbox.addresses(set_aside=True)) - self._dispatch.barred
        named = {f"{kind_of(address)} letters" for address in aside}
        named |= {f"the {kind_of(topic)}" for topic in self._too_large}
        sentence = f"{self._broker} takes packets of {self._dispatch.packet_max} bytes; too large for it:"
        return f"{sentence} {', '.join(sorted(named))}" if named else ""

    def _update_total(self, now_ms: int) -> None:
        if self._outbox.revision == self._revision or now_ms < self._total_at_ms:
            return
        self._total_at_ms = now_ms + TOTAL_EVERY_MS
        revision = self._outbox.revision
        try:
            totals = self._outbox.totals()
        except WorkError as error:
            self.set_trouble("outbox", str(error))
            return
        self._revision = revision
        self.set_trouble("outbox", "")
        for total in totals:
            if not total.ended:
                self._retained.set(self._topic("total"), encode_self(total))
                continue
            published = self._ends_published.get(total.journal) == total.sent_through
            if not published and len(self._responses) < RESPONSES_MAX:
                self._ends_published[total.journal] = total.sent_through
                owner = self._outbox.owner_of(total.journal) or f"{self._site}/{self._device}"
                site, _, device = owner.partition("/")
                self._responses.append(Message(topic_of(site, device, "total", root=self._root), encode_self(total)))

    def _update_info(self) -> None:
        """Publish `info` anew whenever the journal changes."""
        if self._info is not None and self._journal != self._outbox.journal:
            self._journal = self._outbox.journal
            info = msgspec.structs.replace(self._info, journal=self._journal, commands=sorted(self._handlers))
            self._retained.set(self._topic("info"), encode_self(info))

    def _begin_with_another_file(self) -> None:
        """The entries in flight are of a file that is gone; their acknowledgements mean nothing in this one."""
        self._dispatch.begin_with_another_file()
        self._lost("the outbox was deleted or replaced", cause="disk")

    def _handle(self, event: Event) -> int | None:
        """Handle one event; returns the `number` of the entry that it acknowledges, if any."""
        now_ms = self._clock.monotonic_ms()
        match event:
            case Accepted(qos_max=0):
                sentence = "takes messages at QoS 0 only, so it acknowledges nothing; QoS 1 is needed"
                self._lost(f"{self._broker} {sentence}", cause="protocol")
            case Accepted():
                self._begin(event, now_ms)
            case Acknowledged(token):
                self._sizes.pop(token, None)
                entry = self._courier.acknowledged(token, now_ms)
                if entry is not None:
                    self.reports_acknowledged += entry.address.endswith("/report")
                    self._dispatch.taken(entry)
                    self._taken(entry.address)
                    return entry.number
                self._responses_in_flight.discard(token)
                if not self._cleared(token) and (topic := self._retained.acknowledged(token)) is not None:
                    self._taken(topic)
                    self._announced(topic)
            case Refused(token, reason, code):
                self._sizes.pop(token, None)
                self._refused(token, reason, code, now_ms)
            case Received(topic, payload):
                self._receive(topic, payload, now_ms)
            case SubscriptionRefused(reason):
                self.set_trouble("commands", reason)
            case Ended(reason, taken_over, cause, code) if self._connection is not None:
                self._retains = self._retains and code != RETAIN_NOT_SUPPORTED
                if cause == "too-large":
                    largest = max([self._largest_transient, *self._sizes.values()])
                    self._packet_max_found = largest - 1 if largest else None
                self._lost(reason, taken_over=taken_over, cause=cause)
        return None

    def _begin(self, accepted: Accepted, now_ms: int) -> None:
        assert self._connection is not None, "only a connection accepts"
        self._accepted = self._was_accepted = True
        self.failure = ""
        self._refusals.clear()
        self.set_trouble("commands", "")
        self._courier.connected(now_ms, receive_max=accepted.receive_max)
        self._retains = accepted.retains and not self._beside
        limits = [limit for limit in (accepted.packet_max, self._packet_max_found) if limit is not None]
        self._dispatch.packet_max = min(limits, default=None)
        self._dispatch.begin()
        self._too_large.clear()
        self._revision, self._total_at_ms = None, 0
        self._ends_published.clear()
        self._update_info()
        self._names_read = False
        self._retained.connected()
        connection = self._connection
        self._publish_due(connection, now_ms)  # before subscribing: the retained `offline` is replaced by then
        if self._connection is connection:
            connection.listen([self._topic("command/+"), *([] if self._beside else [self._topic("status")])])

    def _read_names(self, link: Link) -> None:
        """Read from the outbox which former names to subscribe to and clear; where it fails, the next step tries
        again."""
        try:
            self._clearing = deque(self._former.begin(self._since))
            if not self._beside:
                self._announcer.begin(self._info, self._retained, fits=self._dispatch.fits)
        except WorkError as error:
            self.set_trouble("outbox", str(error))
            return
        self._names_read = True
        for topics in self._former.topics():
            link.listen(topics, needed=False)

    def _cleared(self, token: int, *, refused: str = "") -> bool:
        """Whether the token is a message under a former name."""
        try:
            known = self._former.acknowledged(token, refused=refused)
        except WorkError as error:
            self.set_trouble("outbox", str(error))
            return True
        self.set_trouble("former name", self._former.failure)
        return known

    def _announced(self, topic: str) -> None:
        try:
            self._announcer.acknowledged(topic, self._info, self._retained)
        except WorkError as error:
            self.set_trouble("outbox", str(error))

    def _refused(self, token: int, reason: str, code: int, now_ms: int) -> None:
        if self._cleared(token, refused=reason):
            return
        topic = self._retained.acknowledged(token)
        entry = self._courier.refused(token, now_ms, code=code, reason=reason)
        if topic is not None:
            ours = parse_topic(topic, root=self._root)
            what = f"the {ours.channel}" if ours else topic
        elif entry is not None:
            what = f"{entry.address.rsplit('/', 1)[-1]} {entry.number}"
            self._dispatch.refused(entry, now_ms)
        else:
            what = "a response"
            self._responses_in_flight.discard(token)
        self.failure = f"{self._broker} refused {what} of {self._site}/{self._device}: {reason}"
        address = topic or (entry.address if entry is not None else "response")
        self._refusals[kind_of(address)] = self.failure

    def _taken(self, address: str) -> None:
        """The broker accepts messages of this channel again."""
        if self._refusals.pop(kind_of(address), None) is not None and not self._refusals:
            self.failure = ""

    def _receive(self, topic: str, payload: bytes, now_ms: int) -> None:
        self._retained.received(topic, payload, now_ms)
        try:
            self._clearing += self._former.received(topic, payload)
        except WorkError as error:
            self.set_trouble("outbox", str(error))
        address = parse_topic(topic, root=self._root)
        if address is None or not address.channel.startswith("command/"):
            return
        verb = address.channel.removeprefix("command/")
        handler = self._handlers.get(verb)
        response = handler(payload) if handler else unknown(verb, list(self._handlers))
        if len(self._responses) < RESPONSES_MAX:
            topic = topic_of(address.site, address.device, "response", root=self._root)
            self._responses.append(Message(topic, encode(response)))

    def _lost(self, reason: str, *, cause: Cause, taken_over: bool = False) -> None:
        if taken_over:
            cause = "taken-over"
        elif cause == "lost" and self._accepted:
            alone = not (self._retained.in_flight or self._responses_in_flight or self._former.in_flight)
            now_ms = self._clock.monotonic_ms()
            if (entry := self._courier.broke(now_ms, alone=alone, suspect=self._dispatch.tried)) is not None:
                self._dispatch.blame(entry, now_ms)
            lasted_ms = self._clock.monotonic_ms() - self._opened_ms
            self._broken = self._broken + 1 if lasted_ms < BROKEN_MS else 1
            if self._broken >= BROKEN_MAX:  # not every broker reports that another client took over the client id
                cause = "taken-over"
                reason += f" ({self._broken} times, soon after it let us in): {TWIN_HINT}"
        else:
            self._broken = 0
        self.failure, self._cause = reason, cause
        if cause == "taken-over":
            self._twin_at_ms = self._clock.monotonic_ms()
            self.set_trouble("twin", reason)
        self._end(graceful=False, taken_over=taken_over)

    def _end(self, *, graceful: bool, taken_over: bool = False) -> None:
        self._accepted = False
        self._retained.lost()
        self._responses.clear()
        self._responses_in_flight.clear()
        self._clearing.clear()
        self._sizes.clear()
        self._largest_transient = 0
        self._courier.lost(self._clock.monotonic_ms(), jitter=self._chance.random(), taken_over=taken_over)
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close(graceful=graceful)

    def _status(self, state: Literal["online", "degraded", "offline"], reason: str) -> bytes:
        return encode_self(Status(state=state, run=self._run, since=self._since, reason=reason))

    def _topic(self, channel: str) -> str:
        return topic_of(self._site, self._device, channel, root=self._root)
