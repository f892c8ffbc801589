"""The thread of the alerts: evaluates the rules once a minute and sends messages, with a store connection of its own.

It shares two things with the subscriber: since when that is subscribed, and `publish`. `stop` lets it finish what it is
doing, some seconds at most. A failure is counted, logged once and tried again a minute later; it does not affect the
subscriber. A failure at one site, or in one channel, does not stop the others.
"""

import logging
import threading
from collections.abc import Callable, Sequence

from collector.alerts.channels import Channel
from collector.alerts.delivery import MessageDelivery
from collector.alerts.evaluator import Evaluator
from collector.alerts.observations import Sites
from collector.alerts.settings import AlertSettings
from collector.domain.faults import Faults, sentence_of
from collector.store.interface import Store
from edge.clock import Clock, SystemClock
from edge.errors import CrossingError

_LOG = logging.getLogger(__name__)
LOOK_EVERY_S = 60.0
STOP_WAIT_S = 15.0
ALL_SITES = "all sites"


class AlertThread:
    """Begins with `start`. `failures` counts the rounds that failed."""

    def __init__(
        self,
        open_store: Callable[[], Store],
        settings: AlertSettings,
        sites: Sites,
        *,
        channels: Sequence[Channel],
        holder: str,
        listening: Callable[[], int | None],
        clock: Clock | None = None,
        look_every_s: float = LOOK_EVERY_S,
        faults: Faults | None = None,
    ) -> None:
        self.failures = 0
        self._faults = faults or Faults()
        self._open_store = open_store
        self._settings = settings
        self._sites = sites
        self._channels = channels
        self._holder = holder
        self._listening = listening
        self._clock: Clock = clock or SystemClock()
        self._look_every_s = look_every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)

    def start(self) -> None:
        """Begin; the first evaluation is after a minute, so that messages that waited in the broker have arrived."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the current round and end."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_WAIT_S)
            if self._thread.is_alive():
                _LOG.warning("alerts are still being sent, and are left behind")

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._open_store() as store:
                    self._rounds(store)
            except Exception as error:  # the thread's outermost loop: it must not end unnoticed
                self._failed(sentence_of(error))
                _LOG.debug("alerts", exc_info=not isinstance(error, CrossingError))
            self._stopping.wait(self._look_every_s)

    def _rounds(self, store: Store) -> None:
        watch = Evaluator(
            store,
            self._settings,
            self._sites,
            holder=self._holder,
            listening=self._listening,
            channels=[channel.name for channel in self._channels],
            faults=self._faults,
        )
        postman = MessageDelivery(
            store,
            self._channels,
            per_hour=lambda site: self._settings.rules_of(site).messages_per_hour,
            stopping=self._stopping.is_set,
            faults=self._faults,
        )
        recovered = False
        while not self._stopping.wait(self._look_every_s):
            if watch.look(self._clock.real_ms()):
                if not recovered and (lost := postman.recover(self._clock.real_ms())):
                    _LOG.warning("%d messages were being sent when the collector ended; they are not said again", lost)
                recovered = True
                postman.deliver(self._clock.real_ms())
            if self._faults.works("alerts", ALL_SITES):
                _LOG.info("alerts work again")

    def _failed(self, reason: str) -> None:
        self.failures += 1
        if self._faults.failed("alerts", ALL_SITES, reason, now_ms=self._clock.real_ms()):
            _LOG.error("alerts: %s; trying again every minute", reason)
