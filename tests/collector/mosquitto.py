"""A real mosquitto of one's own on the loopback, for tests and benchmarks: no accounts, nothing on disk."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.ports import free_port, wait_until_open

_CONFIGURATION = """
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 0
max_queued_bytes 0
max_inflight_messages 0
log_type error
log_dest stderr
"""


def binary() -> str | None:
    """None where it is not installed (Debian: mosquitto)."""
    return shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/sbin")


class Mosquitto:
    """A running broker, which can be killed and started again."""

    def __init__(self, configuration: Path, port: int) -> None:
        self.port = port
        self._configuration = configuration
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        there = binary()
        assert there is not None, "ask `binary` first"
        self._process = subprocess.Popen([there, "-c", str(self._configuration)])
        wait_until_open(self.port, self._process)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def mosquitto() -> Iterator[Mosquitto]:
    """Started on a free port; gone at the end."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="crossing-mosquitto-") as folder:
        configuration = Path(folder) / "mosquitto.conf"
        configuration.write_text(_CONFIGURATION.format(port=port), encoding="utf-8")
        broker = Mosquitto(configuration, port)
        broker.start()
        try:
            yield broker
        finally:
            broker.kill()
