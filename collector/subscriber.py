"""From the broker into the store: nothing is acknowledged before it is on disk.

The thread that calls `run` owns the store and every connection; it commits in batches, then acknowledges
what it committed. The broker is asked to keep the session while we are away (a fixed client id, no clean
start), so a restart, clean or not, loses nothing: what was not acknowledged comes again, and the store knows
what it has. A store that fails is treated like that as well: the connection is given up, and what it brought comes
again. `stop` only sets a flag, so a signal handler may call it; `run` sees it within half a second. `say` may be called
by any thread: the connection is one per user name, so who else has something to publish does it here.

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

from collector.asking import Asking
from collector.clock import Clock, SystemClock
from collector.config import Mqtt
from collector.errors import CollectorError
from collector.ingest import Answered, Glimpse, Received, Refusal, ingest, refuse
from collector.mqtt5 import Arrival, Taken
from collector.store import Hurried, Item, Store, Tally, UnstorableError
from collector.subscription import Connect, Ended, Link, Subscribed, Subscription
from edge.delivery.report import RESEND, encode, topic_of

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
SAYINGS_MAX = 100
"""Messages of others that wait to be published."""
AWAY = "there is no connection to the broker"


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
        connect: Connect = Subscription,
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
        self._asking = Asking(self._chance)
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
        arrivals: list[Arrival] = []
        ended: Ended | None = None
        events = link.events(wait_s, self._batch_max)
        for event in events:
            match event:
                case Arrival():
                    arrivals.append(event)
                case Subscribed(resumed):
                    self.subscriptions += 1
                    self._answer_by_ms = None
                    self._subscribed_at_ms = self._clock.monotonic_ms()
                    self._ask_at_ms = self._subscribed_at_ms + int(ASK_EVERY_S * 1000)
                    self.listening_ms = self._clock.real_ms()
                    _LOG.info("subscribed at %s%s", self._mqtt, ", session resumed" if resumed else "")
                case Taken(number, reason):
                    _tell(self._said.pop(number, None), reason)
                case Ended():
                    ended = event
        if ended is None and self._answer_by_ms is None:
            self._publish(link)
        try:
            if arrivals:
                self._take(link, arrivals)
            if ended is None and self._answer_by_ms is None:
                self._ask_if_it_is_time(link)
                self._rest_of_round(len(events))
        except CollectorError as error:
            self._rest(str(error))
            return
        if ended is not None:
            self._lost(ended)
        elif self._answer_by_ms is not None and self._clock.monotonic_ms() >= self._answer_by_ms:
            self._lost(Ended(f"{self._mqtt} gave no answer within {ANSWER_WAIT_S:g} s"))

    def close(self) -> None:
        """End the connection; the broker keeps the session. The store stays open."""
        self.listening_ms = None
        for said in self._said.values():
            _tell(said, "the connection to the broker was lost")
        self._said.clear()
        self._give_up_sayings()
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

    def _take(self, link: Link, arrivals: Sequence[Arrival]) -> None:
        root = self._mqtt.root
        items: list[Item] = []
        for arrival in arrivals:
            item = ingest(arrival.topic, arrival.payload, root=root, retained=arrival.retained)
            if isinstance(item, Glimpse):
                self._on_glimpse(item)
            elif not isinstance(item, Answered):
                items.append(item)
            elif (gone := self._asking.answered(item.site, item.device, item.response)) is not None:
                items.append(gone)
        tally = self._commit(items) if items else Tally()
        link.acknowledge(arrivals)
        self.tally += tally
        self._on_commit(tally)

    def _commit(self, items: Sequence[Item]) -> Tally:
        """Into the store, all of it; what the store cannot hold becomes a refusal and holds up nothing else."""
        try:
            tally = self._store.commit(items, now_ms=self._clock.real_ms())
        except UnstorableError as error:
            tally = Tally()
            if len(items) > 1:
                for item in items:
                    tally += self._commit([item])
            elif isinstance(item := items[0], Received | Refusal):
                refusal = refuse(item.topic, item.payload, f"the store cannot hold it: {error}")
                tally = self._store.commit([refusal], now_ms=self._clock.real_ms())
            else:
                _LOG.warning("a %s was not taken: %s", type(items[0]).__name__.lower(), error)
        if self._store_failed:
            self._store_failed = False
            self._store_wait_s = 1.0
            _LOG.info("the store works again")
        return tally

    def _ask_if_it_is_time(self, link: Link) -> None:
        """At once where somebody wishes so; a store that fails loses the wish, and people see that none was asked."""
        wishes = [self._wishes.popleft() for _ in range(len(self._wishes))]
        if wishes:
            self._commit(wishes)
        if wishes or self._clock.monotonic_ms() >= self._ask_at_ms:
            self._ask(link)

    def _rest_of_round(self, events: int) -> None:
        if events < self._batch_max:  # else more may be waiting
            self._between()

    def _ask(self, link: Link) -> None:
        """Ask for what is missing. Noted first: whoever dies in between asks later, not at once again."""
        self._ask_at_ms = self._clock.monotonic_ms() + int(ASK_EVERY_S * 1000)
        now_ms = self._clock.real_ms()
        due = self._store.due(now_ms=now_ms, heard_after_ms=now_ms - int(SPOKE_S * 1000), limit=DUE_MAX)
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
        if not self._store_failed:
            _LOG.error("%s; nothing is lost, trying again", reason)
        self._store_failed = True
        self._retry_in(self._store_wait_s)
        self._store_wait_s = min(RETRY_WAIT_S_MAX, 2 * self._store_wait_s)

    def _retry_in(self, wait_s: float) -> None:
        wait_ms = int(1000 * wait_s * self._chance.uniform(0.5, 1.0))
        self._retry_at_ms = self._clock.monotonic_ms() + wait_ms


def _tell(said: "Future[str] | None", result: str) -> None:
    if said is not None and not said.done():
        said.set_result(result)
