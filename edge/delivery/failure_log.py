"""Logs why nothing is delivered: when the cause changes, again every hour, and when it is over."""

import logging
from collections.abc import Callable

from edge.delivery.failure import Cause, Failure

log = logging.getLogger(__name__)

AGAIN_MS = 3_600_000
CALM_MS = 120_000
"""How long nothing must be wrong for a failure to be over: two clients of one id alternate every minute."""


class DeliveryLog:
    """`update` it now and then. Times are milliseconds of one clock that never steps."""

    def __init__(self) -> None:
        self._cause: Cause | None = None
        self._since_ms = 0
        self._said_ms = 0
        self._failed_ms = 0

    def update(
        self, now_ms: int, failure: Failure | None, *, connected: bool, unsent: Callable[[], int | None]
    ) -> None:
        """`failure` is what is wrong now; `unsent` returns the number of pending entries, None if not known."""
        if failure is None:
            if connected and self._cause is not None and now_ms - self._failed_ms >= CALM_MS:
                log.info("delivery works again, after %s", duration_of(self._failed_ms - self._since_ms))
                self._cause = None
            return
        self._failed_ms = now_ms
        if self._cause is None:
            self._since_ms = now_ms
        if failure.cause != self._cause:
            log.warning("delivery: %s", failure.sentence)
        elif now_ms - self._said_ms >= AGAIN_MS:
            waiting = unsent()
            more = "" if waiting is None else f"; {waiting} letters wait"
            log.warning("delivery, for %s: %s%s", duration_of(now_ms - self._since_ms), failure.sentence, more)
        else:
            return
        self._cause, self._said_ms = failure.cause, now_ms


def duration_of(span_ms: int) -> str:
    """`12 s`, `5 min`, `3 h 2 min`, `4 d 1 h`."""
    seconds = max(span_ms, 0) // 1000
    if seconds < 120:
        return f"{seconds} s"
    minutes = seconds // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"
