"""From the broker into the store: nothing is acknowledged before it is on disk.

The thread that calls `run` owns the store and every connection; it commits in batches, then acknowledges
what it committed. The broker is asked to keep the session while we are away (a fixed client id, no clean
start), so a restart, clean or not, loses nothing: what was not acknowledged comes again, and the store knows
what it has. `stop` only sets a flag, so a signal handler may call it; `run` sees it within half a second.
"""

import logging
import random
import time
from collections.abc import Callable

from collector.config import Mqtt
from collector.errors import CollectorError
from collector.ingest import ingest
from collector.store import Store, Tally
from collector.subscription import Arrival, Ended, Subscribed, Subscription

_LOG = logging.getLogger(__name__)
ANSWER_WAIT_S = 15.0  # for the broker to accept the connection and the subscription
LOOK_UP_S = 0.5  # how often the flag of `stop` is looked at
RETRY_WAIT_S_MAX = 30.0


class Subscriber:
    """Keeps `store` fed from the broker until told to stop; `tally` is what became of all messages."""

    def __init__(
        self,
        mqtt: Mqtt,
        store: Store,
        *,
        batch_max: int = 500,
        on_commit: Callable[[Tally], None] = lambda _: None,
    ) -> None:
        self.tally = Tally()
        self._mqtt = mqtt
        self._store = store
        self._batch_max = batch_max
        self._on_commit = on_commit
        self._stopping = False
        self._subscriptions = 0

    def stop(self) -> None:
        """Make `run` commit what it has in hand and return."""
        self._stopping = True

    def run(self) -> None:
        """Subscribe and store until `stop`.

        The first subscription must succeed, else CollectorError: a person is watching, or systemd tries
        again. After that a broker that goes away is waited for.
        """
        retry_wait_s = 1.0
        while not self._stopping:
            before = self._subscriptions
            reason = self._connect_and_serve()
            if self._stopping:
                return
            if self._subscriptions == 0:
                raise CollectorError(reason)
            retry_wait_s = 1.0 if self._subscriptions > before else min(RETRY_WAIT_S_MAX, 2 * retry_wait_s)
            _LOG.warning("%s; trying again", reason)
            self._pause(retry_wait_s * random.uniform(0.5, 1.0))  # noqa: S311  # spreads load, guards nothing

    def _connect_and_serve(self) -> str:
        """One connection from beginning to end; why it ended."""
        try:
            subscription = Subscription(self._mqtt, unacknowledged_max=self._batch_max)
        except CollectorError as error:
            if self._subscriptions == 0:
                raise
            return str(error)
        try:
            return self._serve(subscription)
        finally:
            subscription.close()
            if subscription.dropped:
                _LOG.warning("%d messages of QoS 0 beyond the bound were dropped", subscription.dropped)

    def _serve(self, subscription: Subscription) -> str:
        deadline: float | None = time.monotonic() + ANSWER_WAIT_S
        while not self._stopping:
            arrivals = []
            ended = ""
            for event in subscription.events(LOOK_UP_S, self._batch_max):
                match event:
                    case Arrival():
                        arrivals.append(event)
                    case Subscribed(resumed):
                        self._subscriptions += 1
                        deadline = None
                        _LOG.info("subscribed at %s%s", self._mqtt, ", session resumed" if resumed else "")
                    case Ended(reason):
                        ended = reason
            if arrivals:
                self._take(subscription, arrivals)
            if ended:
                return ended
            if deadline is not None and time.monotonic() >= deadline:
                return f"{self._mqtt} gave no answer within {ANSWER_WAIT_S:g} s"
        return ""

    def _take(self, subscription: Subscription, arrivals: list[Arrival]) -> None:
        batch = [ingest(arrival.topic, arrival.payload, root=self._mqtt.root) for arrival in arrivals]
        tally = self._store.commit(batch, now_ms=time.time_ns() // 1_000_000)
        for arrival in arrivals:
            subscription.acknowledge(arrival)
        self.tally += tally
        self._on_commit(tally)

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._stopping and (left_s := until - time.monotonic()) > 0:
            time.sleep(min(LOOK_UP_S, left_s))
