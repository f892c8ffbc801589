"""From the broker into the store: nothing is acknowledged before it is on disk.

The thread that calls `run` owns the store and every connection; it commits in batches, then acknowledges
what it committed. The broker is asked to keep the session while we are away (a fixed client id, no clean
start), so a restart, clean or not, loses nothing: what was not acknowledged comes again, and the store knows
what it has. A store that fails is treated like that as well: the connection is given up, and what it brought comes
again. Only what can never be stored (a message that is not valid, values that the store cannot hold) becomes a refusal.
Where the store refuses a statement of ours, or our own code fails, the batch is taken apart: what can be stored is, and
the rest is held unacknowledged and tried again.

Devices take turns (see `fair_queue`): all that the broker hands over is read before the next batch is committed, so a
message never waits behind the backlog of another device.

`stop` only sets a flag, so a signal handler may call it; `run` sees it within half a second. `say` may be called by any
thread: the connection is one per user name, so who else has something to publish does it here.

`run` is `step` again and again. Time, chance and the connection come from outside, so that a simulated world can
stand in for the real one.
"""

import logging
import queue
import random
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress

from collector.clock import Clock, SystemClock
from collector.config import Mqtt
from collector.domain.faults import Faults, sentence_of
from collector.errors import CollectorError
from collector.mqtt.connection import Acknowledged, Connect, Connection, Ended, Link, Message, Subscribed
from collector.mqtt.fair_queue import Turns
from collector.protocol.intake import (
    Answered,
    Called,
    Cleared,
    Followed,
    Glimpse,
    Received,
    Refusal,
    Said,
    ingest,
    refuse,
)
from collector.protocol.items import Hurried, Item, Tally
from collector.protocol.resend_planner import Asking
from collector.store.interface import StatementError, Store, UnstorableError
from collector.store.verdicts import untold
from edge.wire.report import encode
from edge.wire.topics import JOURNAL, RESEND, VERDICT, topic_of

_LOG = logging.getLogger(__name__)
ANSWER_WAIT_S = 15.0  # for the broker to accept the connection and the subscription
LOOK_UP_S = 0.5  # how often the flag of `stop` is looked at
RETRY_WAIT_S_MAX = 30.0
STEADY_S = 60.0
"""After a connection that lasted as long the next attempt comes soon; else two collectors of one id, which some brokers
do not tell from a lost connection, would take the session from each other all the time."""
ASK_EVERY_S = 5.0
SPOKE_S = 900.0
"""A device that was not heard for longer is not asked for anything."""
WISHES_MAX = 100
"""That wait to be noted; beyond it the oldest is forgotten."""
DUE_MAX = 2_000
"""Ranges looked at in one round of asking."""
COMPARED_MAX = 20
"""Devices asked in one round to compare their journals."""
TOLD_MAX = 20
"""Devices told in one round what a person says of a crossing."""
SAYINGS_MAX = 100
"""Messages of others that wait to be published."""
AWAY = "there is no connection to the broker"
BATCH_BYTES_MAX = 1_000_000
BATCH_BYTES_MIN = 64_000
COMMIT_MS = 300
"""Of the messages in one transaction: others wait for it, so it holds fewer bytes after one that took longer than
that, down to the least, and twice as many after one that took less than half of it."""
WAITING_BYTES_MAX = 16_000_000
"""Of messages read and not yet stored; beyond it the broker keeps the others."""
FAILED_PARTS_MAX = 12
"""Parts of a batch that fail before one is stored: then all of it fails, and the store is taken for broken."""
CLOCK_STEP_MS = 60_000
"""A real clock that moves by as much against the monotonic one was set: times noted before say nothing any more."""

STORE = "the store"
Read = tuple[Message, Item | None]
"""A message, and what is to be stored of it."""


class Subscriber:
    """Keeps `store` fed from the broker until told to stop; `tally` is what became of all messages.

    `between`: something short to do with the store after a round that left nothing waiting.
    """

    def __init__(
        self,
        mqtt: Mqtt,
        store: Store,
        *,
        batch_max: int = 500,
        on_commit: Callable[[Tally], None] = lambda _: None,
        on_glimpse: Callable[[Glimpse], None] = lambda _: None,
        between: Callable[[], None] = lambda: None,
        clock: Clock | None = None,
        chance: random.Random | None = None,
        connect: Connect = Connection,
        faults: Faults | None = None,
    ) -> None:
        self.tally = Tally()
        self.subscriptions = 0
        """How often the broker has taken our subscription."""
        self._mqtt = mqtt
        self._store = store
        self._batch_max = batch_max
        self._on_commit = on_commit
        self._on_glimpse = on_glimpse
        self._between = between
        self._clock: Clock = clock or SystemClock()
        self._chance = chance or random.Random()  # noqa: S311  # spreads load, guards nothing
        self._connect = connect
        self._faults = faults or Faults()
        self._asking = Asking(self._chance)
        self._turns = Turns()
        self._batch_bytes = BATCH_BYTES_MIN
        self._held: list[Read] = []
        self._held_at_ms = 0
        self._held_wait_s = 1.0
        self._clock_offset_ms = self._clock.real_ms() - self._clock.monotonic_ms()
        self._wishes: deque[Hurried] = deque(maxlen=WISHES_MAX)
        self._stopping = False
        self._link: Link | None = None
        self._answer_by_ms: int | None = None
        self._subscribed_at_ms: int | None = None
        self._retry_at_ms = 0
        self._retry_wait_s = 1.0
        self._ask_at_ms = 0
        self._store_failed = False
        self._store_wait_s = 1.0
        self._sayings: queue.Queue[tuple[str, bytes, Future[str]]] = queue.Queue(SAYINGS_MAX)
        self._said: dict[int, Future[str]] = {}
        self.listening_ms: int | None = None
        """Since when we listen without a break (real time); None while we do not."""

    def say(self, topic: str, payload: bytes) -> "Future[str]":
        """Publish something (QoS 1); the result is empty once the broker has it, else it says why not."""
        said: Future[str] = Future()
        try:
            self._sayings.put_nowait((topic, payload, said))
        except queue.Full:
            said.set_result("too many messages wait for the broker")
        if self._stopping:  # nobody may be there to take it
            self._give_up_sayings()
        return said

    def stop(self) -> None:
        """Make `run` commit what it has in hand and return."""
        self._stopping = True

    def wish(self, hurried: Hurried) -> None:
        """Ask for these in the next round, if the device has been heard lately; any thread may say so."""
        self._wishes.append(hurried)

    def run(self) -> None:
        """Subscribe and store until `stop`.

        The first subscription must succeed, else CollectorError: a person is watching, or systemd tries
        again. After that a broker or a store that goes away is waited for.
        """
        try:
            while not self._stopping:
                self.step(LOOK_UP_S)
        finally:
            self.close()

    def step(self, wait_s: float) -> None:
        """One round: connect if it is time, take what came within `wait_s`, ask for what is missing."""
        link = self._link or self._open(wait_s)
        if link is None:
            self._give_up_sayings()
            return
        self._notice_clock()
        ended = self._read(link, wait_s)
        if ended is None and self._answer_by_ms is None:
            self._publish(link)
        try:
            self._take(link)
            self._try_held(link)
            if ended is None and self._answer_by_ms is None:
                self._ask_if_it_is_time(link)
                if not self._turns.messages:
                    self._rest_of_round()
        except CollectorError as error:
            self._rest(str(error))
            return
        if ended is not None:
            self._lost(ended)
        elif self._answer_by_ms is not None and self._clock.monotonic_ms() >= self._answer_by_ms:
            self._lost(Ended(f"{self._mqtt} gave no answer within {ANSWER_WAIT_S:g} s"))

    def _read(self, link: Link, wait_s: float) -> Ended | None:
        """All that the broker hands over now, as far as there is room; how the connection ended, if it did."""
        wait_s = 0.0 if self._turns.messages else wait_s
        while self._turns.messages < 2 * self._batch_max and self._turns.bytes < WAITING_BYTES_MAX:
            events = link.events(wait_s, self._batch_max)
            for event in events:
                match event:
                    case Message():
                        self._turns.add(event)
                    case Subscribed(resumed):
                        self._subscribed(resumed=resumed)
                    case Acknowledged(number, reason):
                        _tell(self._said.pop(number, None), reason)
                    case Ended():
                        return event
            if not events:
                break
            wait_s = 0.0
        return None

    def _subscribed(self, *, resumed: bool) -> None:
        self.subscriptions += 1
        self._answer_by_ms = None
        self._subscribed_at_ms = self._clock.monotonic_ms()
        self._ask_at_ms = self._subscribed_at_ms + int(ASK_EVERY_S * 1000)
        self.listening_ms = self._clock.real_ms()
        _LOG.info("subscribed at %s%s", self._mqtt, ", session resumed" if resumed else "")

    def _notice_clock(self) -> None:
        """Where our real clock was set, nobody was heard before by the new time: listening begins anew."""
        offset_ms = self._clock.real_ms() - self._clock.monotonic_ms()
        if abs(offset_ms - self._clock_offset_ms) >= CLOCK_STEP_MS:
            _LOG.warning("the clock of this machine moved by %d s", (offset_ms - self._clock_offset_ms) // 1000)
            self._clock_offset_ms = offset_ms
            if self.listening_ms is not None:
                self.listening_ms = self._clock.real_ms()

    def close(self) -> None:
        """End the connection; the broker keeps the session. The store stays open."""
        self.listening_ms = None
        for said in self._said.values():
            _tell(said, "the connection to the broker was lost")
        self._said.clear()
        self._give_up_sayings()
        self._turns.clear()
        self._held.clear()
        if self._link is not None:
            link, self._link = self._link, None
            link.close()

    def _open(self, wait_s: float) -> Link | None:
        """Connect if it is time for it; else wait."""
        left_ms = self._retry_at_ms - self._clock.monotonic_ms()
        if left_ms > 0:
            self._clock.sleep(min(wait_s, left_ms / 1000))
            return None
        try:
            # twice a batch: the broker sends the next one while this one is committed
            self._link = self._connect(self._mqtt, unacknowledged_max=2 * self._batch_max)
        except CollectorError as error:
            if self.subscriptions == 0:
                raise
            self._lost(Ended(str(error)))
            return None
        self._answer_by_ms = self._clock.monotonic_ms() + int(ANSWER_WAIT_S * 1000)
        return self._link

    def _take(self, link: Link) -> None:
        """The next batch into the store. CollectorError where the store, or all of the batch, fails."""
        batch = [(arrival, self._item(arrival)) for arrival in self._turns.take(self._batch_max, self._batch_bytes)]
        if not batch:
            return
        began_ms = self._clock.monotonic_ms()
        if (error := self._put(link, batch)) is not None:
            self._sift(link, batch, error)
        took_ms = self._clock.monotonic_ms() - began_ms
        if took_ms > COMMIT_MS:
            self._batch_bytes = max(BATCH_BYTES_MIN, self._batch_bytes // 2)
        elif took_ms < COMMIT_MS // 2:
            self._batch_bytes = min(BATCH_BYTES_MAX, 2 * self._batch_bytes)

    def _item(self, arrival: Message) -> Item | None:
        item = ingest(arrival.topic, arrival.payload, root=self._mqtt.root, retained=arrival.retained)
        if isinstance(item, Glimpse):
            self._on_glimpse(item)
            return None
        if isinstance(item, Cleared):
            return None
        if isinstance(item, Answered):
            return self._asking.answered(item.site, item.device, item.response)
        return item

    def _put(self, link: Link, batch: Sequence[Read]) -> Exception | None:
        """Commit, then acknowledge. A failure that is not the store's is returned, and nothing was changed."""
        items = [item for _, item in batch if item is not None]
        try:
            tally = self._commit(items) if items else Tally()
        except StatementError as error:
            return error
        except CollectorError:
            raise
        except Exception as error:  # of our own code; whoever gets it counts it
            return error
        link.acknowledge([arrival for arrival, _ in batch])
        self.tally += tally
        self._on_commit(tally)
        return None

    def _sift(self, link: Link, batch: Sequence[Read], error: Exception) -> None:
        """Store what can be stored of a batch that failed, and hold the rest."""
        parts = [batch]
        failures: list[tuple[Read, Exception]] = []
        failed, stored = 0, False
        while parts:
            part = parts.pop()
            if part is not batch:
                again = self._put(link, part)
                stored = stored or again is None
                if again is None:
                    continue
                error = again
            failed += 1
            if not stored and failed > FAILED_PARTS_MAX:
                raise _whole(error)
            if len(part) == 1:
                failures.append((part[0], error))
            else:
                middle = len(part) // 2
                parts += [part[middle:], part[:middle]]
        if len(self._held) + len(failures) > self._held_max or (len(batch) > 1 and not stored):
            raise _whole(error)
        for one, error in failures:
            self._hold(one, error)

    @property
    def _held_max(self) -> int:
        """So many leave most of what the broker may hand over for others."""
        return max(1, self._batch_max // 2)

    def _hold(self, one: Read, error: Exception) -> None:
        if not self._held:
            self._held_wait_s = 1.0
            self._held_at_ms = self._clock.monotonic_ms() + 1_000
        self._held.append(one)
        self._tell_fault(_who(one), error)

    def _tell_fault(self, who: str, error: Exception) -> None:
        if self._faults.failed("intake", who, sentence_of(error), now_ms=self._clock.real_ms()):
            _LOG.error(
                "a message of %s cannot be stored, stays with the broker, and is tried again: %s",
                *(who, sentence_of(error)),
                exc_info=None if isinstance(error, CollectorError) else error,
            )

    def _try_held(self, link: Link) -> None:
        """Messages that failed before, each by itself, less and less often."""
        if not self._held or self._clock.monotonic_ms() < self._held_at_ms:
            return
        held, self._held = self._held, []
        for one in held:
            if (error := self._put(link, [one])) is not None:
                self._held.append(one)
                self._tell_fault(_who(one), error)
        failing = {_who(one) for one in self._held}
        for who in {_who(one) for one in held} - failing:
            if self._faults.works("intake", who):
                _LOG.info("the messages of %s are stored again", who)
        self._held_wait_s = min(RETRY_WAIT_S_MAX, 2 * self._held_wait_s)
        self._held_at_ms = self._clock.monotonic_ms() + int(1000 * self._held_wait_s)

    def _commit(self, items: Sequence[Item]) -> Tally:
        """Into the store, all of it; values that the store cannot hold become a refusal and hold up nothing else."""
        try:
            tally = self._store.commit(items, now_ms=self._clock.real_ms())
        except UnstorableError as error:
            tally = Tally()
            if len(items) > 1:
                for item in items:
                    tally += self._commit([item])
            else:
                refusal = self._refusal_of(items[0], error)
                tally = self._store.commit([refusal], now_ms=self._clock.real_ms())
        if self._store_failed:
            self._store_failed = False
            self._store_wait_s = 1.0
            self._faults.works("intake", STORE)
            _LOG.info("the store works again")
        return tally

    def _refusal_of(self, item: Item, error: UnstorableError) -> Refusal:
        reason = f"the store cannot hold it: {error}"
        match item:
            case Received() | Refusal():
                return refuse(item.topic, item.payload, reason)
            case Said():
                return refuse(topic_of(item.site, item.device, item.channel, root=self._mqtt.root), b"", reason)
            case Called():
                return refuse(topic_of(item.site, item.device, "alert", root=self._mqtt.root), b"", reason)
            case Followed():
                return refuse(topic_of(item.site, item.device, "convoy", root=self._mqtt.root), b"", reason)
        return refuse(topic_of(item.site, item.device, RESEND, root=self._mqtt.root), b"", reason)

    def _ask_if_it_is_time(self, link: Link) -> None:
        """At once where somebody wishes so; a store that fails loses the wish, and people see that none was asked."""
        wishes = [self._wishes.popleft() for _ in range(len(self._wishes))]
        if wishes:
            self._commit(wishes)
        if wishes or self._clock.monotonic_ms() >= self._ask_at_ms:
            self._ask(link)

    def _rest_of_round(self) -> None:
        """What is beside the intake may fail at a statement or by a fault of ours, and the intake goes on."""
        try:
            self._between()
        except Exception as error:
            if isinstance(error, CollectorError) and not isinstance(error, StatementError):
                raise
            if self._faults.failed("upkeep", STORE, sentence_of(error), now_ms=self._clock.real_ms()):
                _LOG.exception("the upkeep of the store failed; reports are taken in all the same")
        else:
            self._faults.works("upkeep", STORE)

    def _ask(self, link: Link) -> None:
        """Ask for what is missing. Noted first: whoever dies in between asks later, not at once again."""
        self._ask_at_ms = self._clock.monotonic_ms() + int(ASK_EVERY_S * 1000)
        now_ms = self._clock.real_ms()
        heard_after_ms = now_ms - int(SPOKE_S * 1000)
        resting = self._asking.resting(now_ms=self._clock.monotonic_ms())
        doubts = self._store.doubts(heard_after_ms=heard_after_ms, limit=COMPARED_MAX, resting=resting)
        for doubt, command in self._asking.compare(doubts, now_ms=self._clock.monotonic_ms()):
            link.publish(topic_of(doubt.site, doubt.device, JOURNAL, root=self._mqtt.root), encode(command))
        with self._store.reading() as reading:
            said = untold(reading, heard_after_ms=heard_after_ms, limit=TOLD_MAX)
        for told in self._asking.tell(said, now_ms=self._clock.monotonic_ms()):
            site, device = told.verdict.site, told.verdict.device
            link.publish(topic_of(site, device, VERDICT, root=self._mqtt.root), encode(told))
        due = self._store.due(now_ms=now_ms, heard_after_ms=heard_after_ms, limit=DUE_MAX)
        for request in self._asking.update(due, now_ms=self._clock.monotonic_ms()) if due else ():
            asked = request.asked
            if self._commit([asked]).asked:  # else another collector was quicker
                topic = topic_of(asked.site, asked.device, RESEND, root=self._mqtt.root)
                link.publish(topic, encode(request.resend))

    def _publish(self, link: Link) -> None:
        """What others have to say."""
        with suppress(queue.Empty):
            while True:
                topic, payload, said = self._sayings.get_nowait()
                number = link.publish(topic, payload)
                _tell(self._said.pop(number, None), "the broker never answered")
                self._said[number] = said

    def _give_up_sayings(self) -> None:
        with suppress(queue.Empty):
            while True:
                _tell(self._sayings.get_nowait()[2], AWAY)

    def _lost(self, ended: Ended) -> None:
        """Give up the connection and try again, later each time: two of one id would take over from each other."""
        self.close()
        if self.subscriptions == 0:
            raise CollectorError(ended.reason)
        at_ms, self._subscribed_at_ms = self._subscribed_at_ms, None
        if at_ms is not None and self._clock.monotonic_ms() - at_ms >= 1000 * STEADY_S:
            self._retry_wait_s = 1.0
        _LOG.warning("%s; trying again", ended.reason)
        self._retry_in(RETRY_WAIT_S_MAX if ended.taken_over else self._retry_wait_s)
        self._retry_wait_s = min(RETRY_WAIT_S_MAX, 2 * self._retry_wait_s)

    def _rest(self, reason: str) -> None:
        """The store failed: nothing was acknowledged, so what is in hand comes again on the next connection."""
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


def _who(one: Read) -> str:
    """Site and device."""
    return "/".join(one[0].topic.split("/")[-3:-1])


def _whole(error: Exception) -> CollectorError:
    """Of a batch of which nothing can be stored."""
    if isinstance(error, CollectorError):
        return error
    _LOG.error("the intake failed", exc_info=error)
    return CollectorError(f"the intake failed: {sentence_of(error)}")


def _tell(said: "Future[str] | None", result: str) -> None:
    if said is not None and not said.done():
        said.set_result(result)
