"""The sending thread: it owns the publisher, so that no network delays a frame.

The thread that counts queues transient messages and troubles and never waits; reports go through the outbox, whose
calls are transactions under its own lock. `stop` lets the thread send the last entries, publish `offline`, and end.
"""

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable

from edge.delivery.failure import Failure
from edge.delivery.publisher import Publisher
from edge.errors import InputError

log = logging.getLogger(__name__)

STEP_S = 0.25
TASKS_MAX = 1_000
"""Queued tasks; beyond it new ones are dropped and counted: `live` and `health` soon come again."""
FLUSH_S = 2.0
"""How long entries are still sent at the end; the rest goes after the next start."""
STOP_WAIT_S = 4.0
FAILURE_WAIT_S = 10.0


class Sender:
    """Steps a publisher until `stop`; `make_publisher` is called anew for every run. Without one nothing is sent."""

    def __init__(self, make_publisher: Callable[[], Publisher] | None) -> None:
        self.connected = False
        self.failure: Failure | None = None
        """What keeps entries from being delivered; None while all is well, or nothing was tried yet."""
        self.reports_acknowledged = 0
        self.refused = Counter[str]()
        """How often the broker refused an entry since the start, by kind."""
        self.transient_dropped = 0
        """Transient messages dropped because the queue was full."""
        self._make_publisher = make_publisher
        self._tasks: queue.Queue[Callable[[Publisher], object]] = queue.Queue(TASKS_MAX)
        self._renewed = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        if self._make_publisher is not None:
            self._thread.start()

    def publish_transient(self, channel: str, payload: bytes) -> None:
        """Publish a message that may be lost."""
        self._put(lambda publisher: publisher.publish_transient(channel, payload))

    def set_trouble(self, what: str, sentence: str) -> None:
        """Set a reason for being degraded; empty: no more."""
        self._put(lambda publisher: publisher.set_trouble(what, sentence))

    def renew(self) -> None:
        """A new run began: retained messages and the last will must name it."""
        self._renewed.set()

    def stop(self) -> None:
        """Publish `offline` and end, within STOP_WAIT_S."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_WAIT_S)

    def _put(self, task: Callable[[Publisher], object]) -> None:
        if self._make_publisher is None:
            return
        try:
            self._tasks.put_nowait(task)
        except queue.Full:
            self.transient_dropped += 1

    def _run(self) -> None:
        assert self._make_publisher is not None, "only a sender with a broker runs"
        while not self._stopping.is_set():
            self._renewed.clear()
            try:
                with self._make_publisher() as publisher:
                    while not self._stopping.is_set() and not self._renewed.is_set():
                        self._do_tasks(publisher)
                        self._step(publisher)
                    self._do_tasks(publisher)
                    if self._stopping.is_set():
                        _send_last_entries(publisher)
            except InputError as error:  # a file with credentials is missing or wrong; it may be mended
                self._wait_after(Failure("credentials", str(error)))
            except Exception as error:  # the thread's outermost loop: counting goes on
                log.exception("sending failed; trying again")
                self._wait_after(Failure("error", f"sending failed: {error}"))
        self.connected = False

    def _step(self, publisher: Publisher) -> None:
        before, refused = publisher.reports_acknowledged, Counter(publisher.refused_times)
        publisher.step(wait_s=STEP_S)
        self.refused += Counter(publisher.refused_times) - refused
        self.reports_acknowledged += publisher.reports_acknowledged - before
        self.connected = publisher.connected
        if publisher.connected or publisher.delivery_failure is not None:  # else it is still connecting
            self.failure = publisher.delivery_failure

    def _wait_after(self, failure: Failure) -> None:
        self.connected, self.failure = False, failure
        self._stopping.wait(FAILURE_WAIT_S)

    def _do_tasks(self, publisher: Publisher) -> None:
        while not self._tasks.empty():
            self._tasks.get_nowait()(publisher)


def _send_last_entries(publisher: Publisher) -> None:
    """Send the last bucket above all, closed just before the end: a device that is off cannot be asked for it."""
    until_s = time.monotonic() + FLUSH_S
    while publisher.connected and publisher.waiting and time.monotonic() < until_s:
        publisher.step(wait_s=STEP_S)
