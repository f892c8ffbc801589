"""An RTSP server as a process that can be killed, frozen and restarted, and the reading of its pictures.

It runs with the system's Python, for Debian's gst-rtsp-server is bound to that; `absent` says what is missing.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

SERVER = Path(__file__).with_name("stamping_server.py")
PYTHON = "/usr/bin/python3"
BITS = 32
READY_S = 20.0
FRAMES_PER_SECOND = 20
NEEDS = (
    "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import Gst, GstRtspServer; "
    "Gst.init(None); assert all(map(Gst.ElementFactory.find, ('x264enc', 'rtph264pay', 'appsrc', 'rtpbin')))"
)


def absent() -> str:
    """Why there can be no RTSP server here; empty where there can."""
    try:
        asked = subprocess.run([PYTHON, "-c", NEEDS], capture_output=True, timeout=60, check=False)
    except OSError as error:
        return f"{PYTHON}: {error.strerror}"
    missing = "gir1.2-gst-rtsp-server-1.0, python3-gi, gstreamer1.0-plugins-base, -good and -ugly are needed"
    return f"{missing}: {asked.stderr.decode()[-300:].strip()}" if asked.returncode else ""


def made_ms(image: NDArray[np.uint8]) -> int | None:
    """When the picture was made, by the monotonic clock's lower 32 bits; None where the picture is torn."""
    block = image.shape[1] // BITS
    rows = image[: 2 * block, : block * BITS].mean(axis=2)
    cells = rows.reshape(2, block, BITS, block)[:, block // 4 : -block // 4 or None].mean(axis=(1, 3))
    ones = cells > 128
    if not np.array_equal(ones[0], ~ones[1]):
        return None
    return sum(1 << i for i in range(BITS) if ones[0, i])


def lag_ms(stamp_ms: int) -> int:
    """How long ago that was."""
    return (time.monotonic_ns() // 1_000_000 - stamp_ms) % (1 << BITS)


class StampingServer:
    """Use it in a `with` block: it runs from its start to its end, unless it is killed on the way."""

    def __init__(self, address: str = "127.0.0.1", *, namespace: str = "") -> None:
        self.url = ""
        self._address = address
        self._within = ["ip", "netns", "exec", namespace] if namespace else []
        self._port = _free_port()
        self._running: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self, width: int = 320, height: int = 180) -> None:
        """Anew, on the same port; returns once it serves."""
        assert self._running is None, "it was killed before"
        size = [str(width), str(height), str(FRAMES_PER_SECOND)]
        self._running = subprocess.Popen(
            [*self._within, PYTHON, str(SERVER), self._address, str(self._port), *size],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._running.stdout is not None, "it is a pipe"
        assert self._running.stdout.readline() == b"ready\n", "the RTSP server does not start"
        self.url = f"rtsp://{self._address}:{self._port}/cam"

    def kill(self) -> None:
        """SIGKILL: it says goodbye to nobody."""
        if self._running is not None:
            self._running.kill()
            self._running.communicate()
            self._running = None

    def freeze(self) -> None:
        """SIGSTOP: its connections stay open, and nothing comes."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._send(signal.SIGCONT)

    def _send(self, number: signal.Signals) -> None:
        assert self._running is not None, "it runs"
        os.kill(self._running.pid, number)  # `ip netns exec` becomes what it runs: the number is the server's


@dataclass(frozen=True, slots=True)
class Namespace:
    """A network of its own, a cable away."""

    name: str
    address: str


@contextmanager
def lossy_network(loss_percent: int) -> Iterator[Namespace]:
    """A network namespace whose packets to us get lost. PermissionError with the reason where there can be none.

    By nftables at the egress of its end of the cable: few kernels of small machines have netem.
    """
    number = os.getpid() % 250
    name, ours, theirs = f"rtsp-{number}", f"rtsp{number}a", f"rtsp{number}b"
    inside = f"ip netns exec {name}"
    steps = (
        f"ip netns add {name}",
        f"ip link add {ours} type veth peer name {theirs} netns {name}",
        f"ip address add 10.213.{number}.1/30 dev {ours}",
        f"ip link set {ours} up",
        f"{inside} ip address add 10.213.{number}.2/30 dev {theirs}",
        f"{inside} ip link set {theirs} up",
        f"{inside} nft add table netdev loss",
        f"{inside} nft add chain netdev loss out {{ type filter hook egress device {theirs} priority 0 ; }}",
        f"{inside} nft add rule netdev loss out numgen random mod 100 < {loss_percent} counter drop",
    )
    try:
        for step in steps:
            try:
                done = subprocess.run(step.split(), capture_output=True, text=True, check=False)
            except OSError as error:
                raise PermissionError(f"`{step}`: {error.strerror}") from error
            if done.returncode:
                raise PermissionError(f"`{step}`: {done.stderr.strip()}")
        yield Namespace(name, f"10.213.{number}.2")
    finally:
        for undo in (f"ip link del {ours}", f"ip netns del {name}"):  # what was never made cannot be undone
            subprocess.run(["sh", "-c", undo], capture_output=True, check=False)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
