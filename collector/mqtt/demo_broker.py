"""A broker for demonstrations and tests: iotcore on a loopback port, MQTT 5, stopped at the end of the `with` block.

It keeps sessions and retained messages only while it runs, so it is not for production.
"""

import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from iotcore import Broker

_CONFIGURATION = """
id = 0
[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10
[v5.1]
name = "demo"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[v5.1.connections]
connection_timeout_ms = 60000
max_payload_size = 262144
max_inflight_count = 100
dynamic_filters = true
"""

START_S = 60.0
PORTS_TRIED = 3


@contextmanager
def demo_broker(*, port: int = 0, users: Mapping[str, str] | None = None) -> Iterator[int]:
    """Run a broker on 127.0.0.1 and yield its port (0: a free one); `users` maps names to passwords."""
    accounts = ""
    if users:
        accounts = "[v5.1.connections.auth]\n" + "".join(f'{name} = "{word}"\n' for name, word in users.items())
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder) / "broker.toml"
        for left in reversed(range(1 if port else PORTS_TRIED)):
            chosen = port or _free_port()
            configuration.write_text(_CONFIGURATION.format(port=chosen) + accounts, encoding="utf-8")
            broker = Broker(config_path=str(configuration))
            try:
                broker.start(timeout=START_S)
                break
            except (OSError, RuntimeError):  # another process took a free port before the broker did
                if not left:
                    raise
        with broker:
            yield chosen


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
