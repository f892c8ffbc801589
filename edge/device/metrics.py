"""The last `health` and the state of delivery as text for Prometheus, on loopback only, by a server in a thread."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

from edge.delivery.failure import CAUSES, Cause
from edge.errors import InputError
from edge.wire.device_messages import DeviceHealth, LettersHealth

HELP = {
    "uptime_s": "counter",
    "frames_captured": "counter",
    "frames_handled": "counter",
    "frames_inferred": "counter",
    "frames_dropped": "counter",
    "outbox_dropped": "counter",
    "outbox_forgotten": "counter",
    "camera_reopened": "counter",
    "shelf_lost": "counter",
    "unjudged_lost": "counter",
    "convoys_late": "counter",
    "unsaid": "counter",
    "strips": "counter",
}
"""Counters; all else is a gauge."""


class Metrics:
    """Serves `http://127.0.0.1:PORT/metrics` until closed; `show` and `show_delivery` put what is new in place."""

    def __init__(self, port: int) -> None:
        self._health = self._delivery = ""
        metrics = self

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = self.path == "/metrics"
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                self.end_headers()
                text = metrics._health + metrics._delivery
                self.wfile.write(text.encode() if found else b"/metrics is here\n")

            def log_message(self, *_: Any) -> None:
                """Requests are not logged."""

        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), Page)
        except OSError as error:
            raise InputError(f"metrics_port {port} cannot be used: {error.strerror}") from error
        self.port = self._server.server_port
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    def show(self, health: DeviceHealth) -> None:
        """Set the last health."""
        self._health = text_of(health)

    def show_delivery(self, cause: Cause | None, *, connected: bool, unacknowledged_ms: int) -> None:
        """Set why entries are not delivered, and since when no report was acknowledged."""
        self._delivery = delivery_text_of(cause, connected=connected, unacknowledged_ms=unacknowledged_ms)

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def text_of(health: DeviceHealth) -> str:
    """Every number by its name; a sentence becomes 1 where there is one."""
    lines = []
    for name, value in msgspec.to_builtins(health).items():
        match value:
            case bool():
                number: float = int(value)
            case int() | float():
                number = value
            case str() if name in ("camera", "blind", "failure"):
                name, number = f"{name}_trouble", int(bool(value))  # noqa: PLW2901  # 1: see `health` for what it is
            case list():
                number = len(value)
            case dict() if name == "letters":
                lines += _letters_text_of(value)
                continue
            case _:
                continue
        full = f"crossing_{name}"
        lines += [f"# TYPE {full} {HELP.get(name, 'gauge')}", f"{full} {number}"]
    return "\n".join(lines) + "\n"


def _letters_text_of(kinds: dict[str, dict[str, int]]) -> list[str]:
    lines = []
    for name in LettersHealth.__struct_fields__:
        full = f"crossing_letters_{name}"
        lines.append(f"# TYPE {full} {'counter' if name in ('lost', 'lost_before', 'refused') else 'gauge'}")
        lines += [f'{full}{{kind="{kind}"}} {counts[name]}' for kind, counts in kinds.items()]
    return lines


def delivery_text_of(cause: Cause | None, *, connected: bool, unacknowledged_ms: int) -> str:
    """A gauge for each cause, 1 for the present one; all are 0 while nothing is wrong."""
    lines = ["# TYPE crossing_delivery_failure gauge"]
    lines += [f'crossing_delivery_failure{{cause="{one}"}} {int(one == cause)}' for one in CAUSES]
    lines += ["# TYPE crossing_broker_connected gauge", f"crossing_broker_connected {int(connected)}"]
    name = "crossing_report_acknowledged_age_seconds"  # since the start, where there was none
    lines += [f"# TYPE {name} gauge", f"{name} {unacknowledged_ms / 1000:.0f}"]
    return "\n".join(lines) + "\n"
