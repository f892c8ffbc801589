"""The state of a running service for the log, the metrics and `crossing-edge status`, updated once a second.

`update` belongs to the thread that counts, and waits for nothing; any thread may call `status`.
"""

import os
from collections import deque
from dataclasses import dataclass
from importlib.metadata import version

import msgspec

from edge.clock import Clock
from edge.config.schema import Config
from edge.delivery.failure import Failure
from edge.delivery.failure_log import DeliveryLog
from edge.delivery.outbox import Outbox
from edge.delivery.sender import Sender
from edge.device.metrics import Metrics
from edge.device.status import (
    BrokerStatus,
    CameraStatus,
    ClockStatus,
    OutboxStatus,
    ServiceStatus,
    Today,
    oldest_of,
    today_of,
)
from edge.errors import WorkError
from edge.vision.camera import CameraState
from edge.wire.device_messages import Live
from edge.wire.times import rfc3339

RATE_UPDATES = 10
"""Updates over which the rate of frames is taken."""


@dataclass(frozen=True, slots=True)
class ServiceState:
    """The state of the service at a moment. `handled` counts frames since the start, `live` is the open interval.

    Of `outbox` only what is known without reading it is set.
    """

    now_ms: int
    config: Config
    run: str
    camera: CameraState
    blind: str
    handled: int
    clock: ClockStatus
    outbox: OutboxStatus
    live: Live | None
    troubles: dict[str, str]


class ServiceView:
    """Keeps the last state."""

    def __init__(self, clock: Clock, outbox: Outbox, sender: Sender, metrics: Metrics | None = None) -> None:
        self._clock = clock
        self._outbox = outbox
        self._sender = sender
        self._metrics = metrics
        self._log = DeliveryLog()
        self._began_ms = clock.monotonic_ms()
        self._state: ServiceState | None = None
        self._handled: deque[tuple[int, int]] = deque(maxlen=RATE_UPDATES)  # when, and how many frames by then
        self._frame_ms: int | None = None
        self._acknowledged = sender.reports_acknowledged
        self._acknowledged_ms: int | None = None

    def update(self, state: ServiceState) -> None:
        """Take the present state."""
        if self._state is not None and state.handled > self._state.handled:
            self._frame_ms = state.now_ms
        self._handled.append((state.now_ms, state.handled))
        self._state = state
        if self._sender.reports_acknowledged != self._acknowledged:
            self._acknowledged, self._acknowledged_ms = self._sender.reports_acknowledged, state.now_ms
        failure, connected = self._failure(state), self._sender.connected
        self._log.update(state.now_ms, failure, connected=connected, unsent=self._unsent)
        if self._metrics is not None:
            since_ms = self._began_ms if self._acknowledged_ms is None else self._acknowledged_ms
            cause = failure.cause if failure else None
            self._metrics.show_delivery(cause, connected=connected, unacknowledged_ms=state.now_ms - since_ms)

    def status(self) -> ServiceStatus | None:
        """The whole status; None before the first update. Reads the reports of today, which may take a while on a slow
        board."""
        state = self._state
        if state is None:
            return None
        now_ms, real_ms = self._clock.monotonic_ms(), self._clock.real_ms()
        failure = self._failure(state)
        uptime_ms, acknowledged_ms, frame_ms = now_ms - self._began_ms, self._acknowledged_ms, self._frame_ms
        mqtt = state.config.mqtt
        return ServiceStatus(
            site=state.config.site,
            device=state.config.device,
            version=version("crossing-monitor"),
            run=state.run,
            process=os.getpid(),
            since=rfc3339(real_ms - uptime_ms),
            uptime_ms=uptime_ms,
            as_of_age_ms=max(now_ms - state.now_ms, 0),
            today=self._today(state, real_ms),
            camera=CameraStatus(
                open=state.camera.open,
                reason=state.camera.reason,
                blind=state.blind,
                frames_per_second=self._rate(),
                last_frame_age_ms=None if frame_ms is None else max(now_ms - frame_ms, 0),
            ),
            clock=state.clock,
            outbox=self._outbox_status(state),
            broker=BrokerStatus(
                address=f"{mqtt.host}:{mqtt.port}" if mqtt is not None else "",
                connected=self._sender.connected,
                cause=failure.cause if failure else "",
                reason=failure.sentence if failure else "",
                report_acknowledged_age_ms=None if acknowledged_ms is None else max(now_ms - acknowledged_ms, 0),
            ),
            troubles={what: sentence for what, sentence in state.troubles.items() if sentence and what != "disk"},
        )

    def _failure(self, state: ServiceState) -> Failure | None:
        if state.outbox.failure:
            return Failure("disk", state.outbox.failure)
        return self._sender.failure

    def _rate(self) -> float:
        points = list(self._handled)
        (from_ms, before), (to_ms, handled) = points[0], points[-1]
        return round(1000 * (handled - before) / (to_ms - from_ms), 2) if to_ms > from_ms else 0.0

    def _today(self, state: ServiceState, real_ms: int) -> Today:
        live = state.live
        try:
            return today_of(self._outbox, state.config.time_zone, real_ms, live=live)
        except WorkError:  # it is a trouble already
            return today_of(None, state.config.time_zone, real_ms, live=live)

    def _outbox_status(self, state: ServiceState) -> OutboxStatus:
        try:
            held, oldest = self._outbox.state(), oldest_of(self._outbox)
        except WorkError as error:
            return msgspec.structs.replace(state.outbox, failure=str(error))
        return msgspec.structs.replace(
            state.outbox,
            unsent=held.unsent,
            oldest=oldest,
            held=held.held,
            forgotten=held.forgotten,
            dropped=held.dropped,
        )

    def _unsent(self) -> int | None:
        try:
            return self._outbox.state().unsent
        except WorkError:
            return None
