"""Metrics for Prometheus: of the subscriber, the devices and the API itself."""

from collections import Counter as Counter_
from collections.abc import Iterator

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
        up = GaugeMetricFamily("crossing_device_up", "1: it says that it is online or degraded", labels=names)
        heard = GaugeMetricFamily("crossing_device_heard_timestamp_seconds", "Its last sign of life", labels=names)
        missing = GaugeMetricFamily("crossing_device_missing_reports", "Reports that have not come", labels=names)
        gone = GaugeMetricFamily("crossing_device_gone_reports", "Reports that it holds no more", labels=names)
        ahead = GaugeMetricFamily("crossing_device_ahead_reports", "Reports ahead of the centre's clock", labels=names)
        early = GaugeMetricFamily("crossing_device_early_reports", "Reports of before 2016", labels=names)
        aside = GaugeMetricFamily("crossing_device_set_aside_reports", "Reports that were set aside", labels=names)
        overlapping = GaugeMetricFamily(
            "crossing_device_overlapping_reports", "Reports set aside: another device had watched it", labels=names
        )
        lost = GaugeMetricFamily(
            "crossing_device_lost_letters", "What a device says it lost unsent", labels=[*names, "kind"]
        )
        forgotten = GaugeMetricFamily(
            "crossing_device_forgotten_reports", "Reports that a device has sent and holds no more", labels=names
        )
        for state in self._metrics.states:
            name = [state.site, state.device]
            up.add_metric(name, float(state.status is not None and state.status.state != "offline"))
            if state.lateness.heard_ms is not None:
                heard.add_metric(name, state.lateness.heard_ms / 1_000)
            if state.total is not None:
                for kind, number in {"report": state.total.dropped, **state.total.letters_lost}.items():
                    lost.add_metric([*name, kind], number)
                if state.total.forgotten is not None:
                    forgotten.add_metric(name, state.total.forgotten)
            missing.add_metric(name, state.missing)
            gone.add_metric(name, state.gone)
            ahead.add_metric(name, state.ahead.number)
            early.add_metric(name, state.early.number)
            aside.add_metric(name, state.set_aside.number)
            overlapping.add_metric(name, state.overlapping.number)
        yield from (up, heard, missing, gone, ahead, early, aside, overlapping, lost, forgotten)
