"""Metrics for Prometheus: of the subscriber, the devices and the API itself."""

from collections import Counter as Counter_
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from collector.api.live_board import LiveBoard
from collector.domain.faults import Faults
from collector.queries.devices import DeviceState

KIND = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """A registry of its own, without the default metrics of the process."""

    def __init__(self, board: LiveBoard, faults: Faults) -> None:
        self._registry = CollectorRegistry()
        self._states: list[DeviceState] = []
        self._requests = Counter(
            "crossing_http_requests", "Requests answered", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "crossing_http_request_seconds",
            "How long an answer took",
            ["route"],
            registry=self._registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
        )
        self._registry.register(_Intake(board, faults, self))

    def count_response(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a response."""
        method = method if method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} else "other"
        self._requests.labels(method, route, str(status)).inc()
        if not route.endswith("/events"):  # a stream lasts as long as its page is open
            self._seconds.labels(route).observe(seconds)

    def page(self, states: list[DeviceState]) -> bytes:
        """All metrics as text, with the current state of the devices."""
        self._states = states
        return generate_latest(self._registry)

    @property
    def states(self) -> list[DeviceState]:
        """The state of the devices for the current page."""
        return self._states


class _Intake(Collector):
    def __init__(self, board: LiveBoard, faults: Faults, metrics: Metrics) -> None:
        self._board = board
        self._faults = faults
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        counts = self._board.counts
        messages = CounterMetricFamily("crossing_messages", "What became of messages", labels=["became"])
        for became, number in (
            ("stored", counts.stored),
            ("duplicate", counts.duplicates),
            ("refused", counts.refused),
            ("said", counts.said),
            ("asked", counts.asked),
            ("overlapping", counts.overlapping),
        ):
            messages.add_metric([became], number)
        yield messages
        faults = CounterMetricFamily("crossing_faults", "Failures of the collector itself, by part", labels=["part"])
        failing = GaugeMetricFamily("crossing_failing", "What fails now, by part", labels=["part"])
        now = Counter_(fault.part for fault in self._faults.now)
        for part, number in self._faults.counts.items():
            faults.add_metric([part], number)
            failing.add_metric([part], now[part])
        yield from (faults, failing)
        names = ["site", "device"]
        lost = GaugeMetricFamily(
            "crossing_device_lost_letters", "What a device says it lost unsent", labels=[*names, "kind"]
        )
        gauges = [(GaugeMetricFamily(f"crossing_device_{name}", text, labels=names), of) for name, text, of in _DEVICE]
        for state in self._metrics.states:
            for gauge, value_of in gauges:
                if (value := value_of(state)) is not None:
                    gauge.add_metric([state.site, state.device], value)
            if state.total is not None:
                for kind, number in {"report": state.total.dropped, **state.total.letters_lost}.items():
                    lost.add_metric([state.site, state.device, kind], number)
        yield from (*(gauge for gauge, _ in gauges[:-1]), lost, gauges[-1][0])


_DEVICE: tuple[tuple[str, str, Callable[[DeviceState], float | None]], ...] = (
    (
        "up",
        "1: it says that it is online or degraded",
        lambda one: float(one.status is not None and one.status.state != "offline"),
    ),
    (
        "heard_timestamp_seconds",
        "Its last sign of life",
        lambda one: None if one.lateness.heard_ms is None else one.lateness.heard_ms / 1_000,
    ),
    ("missing_reports", "Reports that have not come", lambda one: one.missing),
    ("gone_reports", "Reports that it holds no more", lambda one: one.gone),
    ("ahead_reports", "Reports ahead of the centre's clock", lambda one: one.ahead.number),
    ("early_reports", "Reports of before 2016", lambda one: one.early.number),
    ("set_aside_reports", "Reports that were set aside", lambda one: one.set_aside.number),
    ("overlapping_reports", "Reports set aside: another device had watched it", lambda one: one.overlapping.number),
    (
        "forgotten_reports",
        "Reports that a device has sent and holds no more",
        lambda one: None if one.total is None else one.total.forgotten,
    ),
)
"""Name, help text and value of each gauge of a device; None: it has no value."""
