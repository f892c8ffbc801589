"""Takes messages from the broker into the store, and acknowledges each only after its commit.

The thread that calls `run` owns the store and the connection. It commits messages in batches and then acknowledges
them. The broker keeps the session while the collector is away (fixed client id, no clean start) and sends again what
was not acknowledged; the store recognizes what it already has, so a restart or a crash loses nothing. When the store
fails, the connection is closed and everything unacknowledged arrives again. Only a message that can never be stored
(not valid, or with values that the store cannot hold) is recorded as a refusal. When the store rejects one of our
statements, or our own code fails, the batch is split: what can be stored is stored, and the rest stays unacknowledged
and is tried again.

Devices take turns (see `fair_queue`): everything that the broker has sent is read before the next batch is committed,
so no message waits behind the backlog of another device.

`stop` only sets a flag, so a signal handler may call it; `run` returns within half a second. `publish` and
`urge_resend` may be called by any thread. Some brokers allow one connection per user name, so other threads publish
through this one.

`run` repeats `step`. The clock, the random numbers and the connection are passed in, so that a simulation can replace
them.
"""

import logging
import queue
import random
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress

from collector.config import Mqtt
from collector.domain.faults import Faults, sentence_of
from collector.mqtt.connection import Acknowledged, Connect, Connection, Ended, Link, Message, Subscribed
from collector.mqtt.fair_queue import FairQueue
from collector.protocol.intake import (
    DeviceMessage,
    LiveBucket,
    ReceivedAlert,
    ReceivedConvoy,
    ReceivedReport,
    ReceivedResponse,
    Refusal,
    RetainedCleared,
    decode_message,
    refuse,
)
from collector.protocol.items import CommitCounts, Item, ResendUrged
from collector.protocol.resend_planner import ResendPlanner
from collector.store.interface import StatementError, Store, UnstorableError
from collector.store.verdicts import unsent_verdicts
from edge.clock import Clock, SystemClock
from edge.errors import CrossingError, WorkError
from edge.wire.report import encode
from edge.wire.topics import JOURNAL, RESEND, VERDICT, topic_of

_LOG = logging.getLogger(__name__)
ANSWER_WAIT_S = 15.0
"""Time for the broker to accept the connection and the subscriptions."""
STOP_CHECK_S = 0.5
"""How often `run` looks at the flag that `stop` sets."""
RETRY_WAIT_S_MAX = 30.0
STABLE_S = 60.0
"""A connection that lasted this long resets the wait between attempts. A shorter one does not: otherwise two collectors
with one client id would take the session from each other again and again (some brokers just close the connection)."""
ASK_EVERY_S = 5.0
HEARD_WITHIN_S = 900.0
"""Commands go only to devices that were heard within this time."""
WISHES_MAX = 100
"""Urgent requests that wait for the next round; beyond this the oldest is dropped."""
DUE_MAX = 2_000
"""Missing ranges considered in one round of requests."""
COMPARED_MAX = 20
"""Devices asked to compare their journals in one round."""
VERDICTS_MAX = 20
"""Verdicts sent to devices in one round."""
PUBLICATIONS_MAX = 100
"""Messages of other threads that wait to be published; further ones fail at once."""
NOT_CONNECTED = "there is no connection to the broker"
BATCH_BYTES_MAX = 1_000_000
BATCH_BYTES_MIN = 64_000
COMMIT_MS = 300
"""Target duration of a commit, because other messages wait for it: after a slower one the byte limit of a batch is
halved (down to BATCH_BYTES_MIN), after one of less than half of this it is doubled (up to BATCH_BYTES_MAX)."""
WAITING_BYTES_MAX = 16_000_000
"""Bytes of messages that are read and not stored yet; beyond this the others stay with the broker."""
FAILED_PARTS_MAX = 12
"""If so many parts of a split batch fail before any is stored, the store is considered broken."""
CLOCK_STEP_MS = 60_000
"""A change of the real clock against the monotonic clock by this much means that somebody set it."""

STORE = "the store"
Decoded = tuple[Message, Item | None]
"""A message and the item to store of it, if any."""


class Subscriber:
    """Stores what the broker sends until told to stop; `counts` counts what became of all messages.

    `between` is short work on the store, called after each round that left no message waiting.
    """

    def __init__(
        self,
        mqtt: Mqtt,
        store: Store,
        *,
        batch_max: int = 500,
        on_commit: Callable[[CommitCounts], None] = lambda _: None,
        on_glimpse: Callable[[LiveBucket], None] = lambda _: None,
        between: Callable[[], None] = lambda: None,
        clock: Clock | None = None,
        chance: random.Random | None = None,
        connect: Connect = Connection,
        faults: Faults | None = None,
    ) -> None:
        self.counts = CommitCounts()
        self.subscriptions = 0
        """How often the broker has granted our subscriptions."""
        self._mqtt = mqtt
        self._store = store
        self._batch_max = batch_max
        self._on_commit = on_commit
        self._on_glimpse = on_glimpse
        self._between = between
        self._clock: Clock = clock or SystemClock()
        self._chance = chance or random.Random()  # noqa: S311  # spreads load, no secret
        self._connect = connect
        self._faults = faults or Faults()
        self._planner = ResendPlanner(self._chance)
        self._waiting = FairQueue()
        self._batch_bytes = BATCH_BYTES_MIN
        self._held: list[Decoded] = []
        self._held_at_ms = 0
        self._held_wait_s = 1.0
        self._clock_offset_ms = self._clock.real_ms() - self._clock.monotonic_ms()
        self._wishes: deque[ResendUrged] = deque(maxlen=WISHES_MAX)
        self._stopping = False
        self._link: Link | None = None
        self._answer_by_ms: int | None = None
        self._subscribed_at_ms: int | None = None
        self._retry_at_ms = 0
        self._retry_wait_s = 1.0
        self._ask_at_ms = 0
        self._store_failed = False
        self._store_wait_s = 1.0
        self._publications: queue.Queue[tuple[str, bytes, Future[str]]] = queue.Queue(PUBLICATIONS_MAX)
        self._published: dict[int, Future[str]] = {}
        self.listening_ms: int | None = None
        """Real time since which we have been subscribed without a break; None while we are not."""

    def publish(self, topic: str, payload: bytes) -> "Future[str]":
        """Publish with QoS 1, from any thread; the result is "" once the broker has it, else the reason why not."""
        result: Future[str] = Future()
        try:
            self._publications.put_nowait((topic, payload, result))
        except queue.Full:
            result.set_result("too many messages wait for the broker")
        if self._stopping:  # `run` may have returned, and nothing else would answer
            self._fail_publications()
        return result

    def stop(self) -> None:
        """Make `run` commit the batch in hand and return."""
        self._stopping = True

    def urge_resend(self, hurried: ResendUrged) -> None:
        """Request these ranges in the next round, if the device was heard lately; from any thread."""
        self._wishes.append(hurried)

    def run(self) -> None:
        """Subscribe and store until `stop`.

        CrossingError if the first subscription fails: a person is watching, or systemd tries again. Later, a broker
        or a store that fails is tried again until it works.
        """
        try:
            while not self._stopping:
                self.step(STOP_CHECK_S)
        finally:
            self.close()

    def step(self, wait_s: float) -> None:
        """One round: connect if it is time, store what arrives within `wait_s`, request what is missing."""
        link = self._link or self._open(wait_s)
        if link is None:
            self._fail_publications()
            return
        self._check_clock()
        ended = self._read(link, wait_s)
        if ended is None and self._answer_by_ms is None:
            self._publish_queued(link)
        try:
            self._store_batch(link)
            self._retry_held(link)
            if ended is None and self._answer_by_ms is None:
                self._request_if_due(link)
                if not self._waiting.messages:
                    self._run_between()
        except CrossingError as error:
            self._on_store_failure(str(error))
            return
        if ended is not None:
            self._on_connection_lost(ended)
        elif self._answer_by_ms is not None and self._clock.monotonic_ms() >= self._answer_by_ms:
            self._on_connection_lost(Ended(f"{self._mqtt} gave no answer within {ANSWER_WAIT_S:g} s"))

    def _read(self, link: Link, wait_s: float) -> Ended | None:
        """Queue all that the broker has sent, within the limits; returns how the connection ended, if it did."""
        wait_s = 0.0 if self._waiting.messages else wait_s
        while self._waiting.messages < 2 * self._batch_max and self._waiting.bytes < WAITING_BYTES_MAX:
            events = link.events(wait_s, self._batch_max)
            for event in events:
                match event:
                    case Message():
                        self._waiting.add(event)
                    case Subscribed(resumed):
                        self._on_subscribed(resumed=resumed)
                    case Acknowledged(packet_id, refusal):
                        _resolve(self._published.pop(packet_id, None), refusal)
                    case Ended():
                        return event
            if not events:
                break
            wait_s = 0.0
        return None

    def _on_subscribed(self, *, resumed: bool) -> None:
        self.subscriptions += 1
        self._answer_by_ms = None
        self._subscribed_at_ms = self._clock.monotonic_ms()
        self._ask_at_ms = self._subscribed_at_ms + int(ASK_EVERY_S * 1000)
        self.listening_ms = self._clock.real_ms()
        _LOG.info("subscribed at %s%s", self._mqtt, ", session resumed" if resumed else "")

    def _check_clock(self) -> None:
        """If the real clock was set, times of before mean nothing: `listening_ms` starts again."""
        offset_ms = self._clock.real_ms() - self._clock.monotonic_ms()
        if abs(offset_ms - self._clock_offset_ms) >= CLOCK_STEP_MS:
            _LOG.warning("the clock of this machine moved by %d s", (offset_ms - self._clock_offset_ms) // 1000)
            self._clock_offset_ms = offset_ms
            if self.listening_ms is not None:
                self.listening_ms = self._clock.real_ms()

    def close(self) -> None:
        """End the connection; the broker keeps the session. The store stays open."""
        self.listening_ms = None
        for result in self._published.values():
            _resolve(result, "the connection to the broker was lost")
        self._published.clear()
        self._fail_publications()
        self._waiting.clear()
        self._held.clear()
        if self._link is not None:
            link, self._link = self._link, None
            link.close()

    def _open(self, wait_s: float) -> Link | None:
        """Connect if the wait between attempts is over; else wait, at most `wait_s`."""
        left_ms = self._retry_at_ms - self._clock.monotonic_ms()
        if left_ms > 0:
            self._clock.sleep(min(wait_s, left_ms / 1000))
            return None
        try:
            # two batches: the broker sends the next one while this one is committed
            self._link = self._connect(self._mqtt, unacknowledged_max=2 * self._batch_max)
        except CrossingError as error:
            if self.subscriptions == 0:
                raise
            self._on_connection_lost(Ended(str(error)))
            return None
        self._answer_by_ms = self._clock.monotonic_ms() + int(ANSWER_WAIT_S * 1000)
        return self._link

    def _store_batch(self, link: Link) -> None:
        """Store the next batch. CrossingError if the store, or all of the batch, fails."""
        messages = self._waiting.take(self._batch_max, self._batch_bytes)
        batch = [(message, self._item_of(message)) for message in messages]
        if not batch:
            return
        began_ms = self._clock.monotonic_ms()
        if (error := self._commit_batch(link, batch)) is not None:
            self._split(link, batch, error)
        took_ms = self._clock.monotonic_ms() - began_ms
        if took_ms > COMMIT_MS:
            self._batch_bytes = max(BATCH_BYTES_MIN, self._batch_bytes // 2)
        elif took_ms < COMMIT_MS // 2:
            self._batch_bytes = min(BATCH_BYTES_MAX, 2 * self._batch_bytes)

    def _item_of(self, message: Message) -> Item | None:
        item = decode_message(message.topic, message.payload, root=self._mqtt.root, retained=message.retained)
        if isinstance(item, LiveBucket):
            self._on_glimpse(item)
            return None
        if isinstance(item, RetainedCleared):
            return None
        if isinstance(item, ReceivedResponse):
            return self._planner.answered(item.site, item.device, item.response)
        return item

    def _commit_batch(self, link: Link, batch: Sequence[Decoded]) -> Exception | None:
        """Commit, then acknowledge. An error of a statement or of our own code is returned; then nothing was stored."""
        items = [item for _, item in batch if item is not None]
        try:
            counts = self._commit(items) if items else CommitCounts()
        except StatementError as error:
            return error
        except CrossingError:
            raise
        except Exception as error:  # in our own code; the caller counts and logs it
            return error
        link.acknowledge([message for message, _ in batch])
        self.counts += counts
        self._on_commit(counts)
        return None

    def _split(self, link: Link, batch: Sequence[Decoded], error: Exception) -> None:
        """Store what can be stored of a batch that failed, by halves, and hold the rest.

        CrossingError if nothing can be stored, or if too many messages would be held.
        """
        parts = [batch]
        failures: list[tuple[Decoded, Exception]] = []
        failed, stored = 0, False
        while parts:
            part = parts.pop()
            if part is not batch:
                again = self._commit_batch(link, part)
                stored = stored or again is None
                if again is None:
                    continue
                error = again
            failed += 1
            if not stored and failed > FAILED_PARTS_MAX:
                raise _batch_error(error)
            if len(part) == 1:
                failures.append((part[0], error))
            else:
                middle = len(part) // 2
                parts += [part[middle:], part[:middle]]
        if len(self._held) + len(failures) > self._held_max or (len(batch) > 1 and not stored):
            raise _batch_error(error)
        for one, error in failures:
            self._hold(one, error)

    @property
    def _held_max(self) -> int:
        """Messages held at a time. The broker's window is two batches, so most of it stays free for others."""
        return max(1, self._batch_max // 2)

    def _hold(self, one: Decoded, error: Exception) -> None:
        if not self._held:
            self._held_wait_s = 1.0
            self._held_at_ms = self._clock.monotonic_ms() + 1_000
        self._held.append(one)
        self._report_fault(_device_of(one), error)

    def _report_fault(self, device: str, error: Exception) -> None:
        if self._faults.failed("intake", device, sentence_of(error), now_ms=self._clock.real_ms()):
            _LOG.error(
                "a message of %s cannot be stored, stays unacknowledged, and is tried again: %s",
                *(device, sentence_of(error)),
                exc_info=None if isinstance(error, CrossingError) else error,
            )

    def _retry_held(self, link: Link) -> None:
        """Try the messages that failed, each in its own transaction; the wait doubles up to RETRY_WAIT_S_MAX."""
        if not self._held or self._clock.monotonic_ms() < self._held_at_ms:
            return
        held, self._held = self._held, []
        for one in held:
            if (error := self._commit_batch(link, [one])) is not None:
                self._held.append(one)
                self._report_fault(_device_of(one), error)
        failing = {_device_of(one) for one in self._held}
        for device in {_device_of(one) for one in held} - failing:
            if self._faults.works("intake", device):
                _LOG.info("the messages of %s are stored again", device)
        self._held_wait_s = min(RETRY_WAIT_S_MAX, 2 * self._held_wait_s)
        self._held_at_ms = self._clock.monotonic_ms() + int(1000 * self._held_wait_s)

    def _commit(self, items: Sequence[Item]) -> CommitCounts:
        """Commit all items. One with values that the store cannot hold is recorded as a refusal instead."""
        try:
            counts = self._store.commit(items, now_ms=self._clock.real_ms())
        except UnstorableError as error:
            counts = CommitCounts()
            if len(items) > 1:
                for item in items:
                    counts += self._commit([item])
            else:
                refusal = self._refusal_of(items[0], error)
                counts = self._store.commit([refusal], now_ms=self._clock.real_ms())
        if self._store_failed:
            self._store_failed = False
            self._store_wait_s = 1.0
            self._faults.works("intake", STORE)
            _LOG.info("the store works again")
        return counts

    def _refusal_of(self, item: Item, error: UnstorableError) -> Refusal:
        reason = f"the store cannot hold it: {error}"
        match item:
            case ReceivedReport() | Refusal():
                return refuse(item.topic, item.payload, reason)
            case DeviceMessage():
                return refuse(topic_of(item.site, item.device, item.channel, root=self._mqtt.root), b"", reason)
            case ReceivedAlert():
                return refuse(topic_of(item.site, item.device, "alert", root=self._mqtt.root), b"", reason)
            case ReceivedConvoy():
                return refuse(topic_of(item.site, item.device, "convoy", root=self._mqtt.root), b"", reason)
        return refuse(topic_of(item.site, item.device, RESEND, root=self._mqtt.root), b"", reason)

    def _request_if_due(self, link: Link) -> None:
        """Send requests every ASK_EVERY_S, and at once for a wish. If the store fails, the wish is lost."""
        wishes = [self._wishes.popleft() for _ in range(len(self._wishes))]
        if wishes:
            self._commit(wishes)
        if wishes or self._clock.monotonic_ms() >= self._ask_at_ms:
            self._send_requests(link)

    def _run_between(self) -> None:
        """Run `between`. An error of one of its statements or of our own code does not stop the intake."""
        try:
            self._between()
        except Exception as error:
            if isinstance(error, CrossingError) and not isinstance(error, StatementError):
                raise
            if self._faults.failed("upkeep", STORE, sentence_of(error), now_ms=self._clock.real_ms()):
                _LOG.exception("the upkeep of the store failed; reports are taken in all the same")
        else:
            self._faults.works("upkeep", STORE)

    def _send_requests(self, link: Link) -> None:
        """Send resend, journal and verdict commands to devices.

        A resend is recorded in the store before it is published, so that a restart in between does not repeat it.
        """
        self._ask_at_ms = self._clock.monotonic_ms() + int(ASK_EVERY_S * 1000)
        now_ms = self._clock.real_ms()
        heard_after_ms = now_ms - int(HEARD_WITHIN_S * 1000)
        resting = self._planner.resting(now_ms=self._clock.monotonic_ms())
        doubts = self._store.doubts(heard_after_ms=heard_after_ms, limit=COMPARED_MAX, resting=resting)
        for doubt, comparison in self._planner.compare(doubts, now_ms=self._clock.monotonic_ms()):
            link.publish(topic_of(doubt.site, doubt.device, JOURNAL, root=self._mqtt.root), encode(comparison))
        with self._store.reading() as reading:
            verdicts = unsent_verdicts(reading, heard_after_ms=heard_after_ms, limit=VERDICTS_MAX)
        for command in self._planner.tell(verdicts, now_ms=self._clock.monotonic_ms()):
            site, device = command.verdict.site, command.verdict.device
            link.publish(topic_of(site, device, VERDICT, root=self._mqtt.root), encode(command))
        due = self._store.due(now_ms=now_ms, heard_after_ms=heard_after_ms, limit=DUE_MAX)
        for request in self._planner.update(due, now_ms=self._clock.monotonic_ms()) if due else ():
            asked = request.asked
            if self._commit([asked]).asked:  # else another collector has requested it
                topic = topic_of(asked.site, asked.device, RESEND, root=self._mqtt.root)
                link.publish(topic, encode(request.resend))

    def _publish_queued(self, link: Link) -> None:
        """Publish the messages of other threads."""
        with suppress(queue.Empty):
            while True:
                topic, payload, result = self._publications.get_nowait()
                packet_id = link.publish(topic, payload)
                _resolve(self._published.pop(packet_id, None), "the broker never answered")
                self._published[packet_id] = result

    def _fail_publications(self) -> None:
        with suppress(queue.Empty):
            while True:
                _resolve(self._publications.get_nowait()[2], NOT_CONNECTED)

    def _on_connection_lost(self, ended: Ended) -> None:
        """Close the connection and schedule the next attempt. CrossingError if there was no subscription yet."""
        self.close()
        if self.subscriptions == 0:
            raise WorkError(ended.reason)
        at_ms, self._subscribed_at_ms = self._subscribed_at_ms, None
        if at_ms is not None and self._clock.monotonic_ms() - at_ms >= 1000 * STABLE_S:
            self._retry_wait_s = 1.0
        _LOG.warning("%s; trying again", ended.reason)
        self._retry_in(RETRY_WAIT_S_MAX if ended.taken_over else self._retry_wait_s)
        self._retry_wait_s = min(RETRY_WAIT_S_MAX, 2 * self._retry_wait_s)

    def _on_store_failure(self, reason: str) -> None:
        """Close the connection: nothing was acknowledged, so the broker sends it all again on the next one."""
        self.close()
        self._faults.failed("intake", STORE, reason, now_ms=self._clock.real_ms())
        if not self._store_failed:
            _LOG.error("%s; nothing is lost, trying again", reason)
        self._store_failed = True
        self._retry_in(self._store_wait_s)
        self._store_wait_s = min(RETRY_WAIT_S_MAX, 2 * self._store_wait_s)

    def _retry_in(self, wait_s: float) -> None:
        wait_ms = int(1000 * wait_s * self._chance.uniform(0.5, 1.0))
        self._retry_at_ms = self._clock.monotonic_ms() + wait_ms


def _device_of(one: Decoded) -> str:
    """site/device, for messages to people."""
    return "/".join(one[0].topic.split("/")[-3:-1])


def _batch_error(error: Exception) -> CrossingError:
    """The error of a batch of which nothing can be stored."""
    if isinstance(error, CrossingError):
        return error
    _LOG.error("the intake failed", exc_info=error)
    return CrossingError(f"the intake failed: {sentence_of(error)}")


def _resolve(future: "Future[str] | None", result: str) -> None:
    if future is not None and not future.done():
        future.set_result(result)
