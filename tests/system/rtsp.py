"""A network camera, everything that can happen to it, and when its pictures were made.

    with RtspServer() as server:
        camera = Camera(Source(server.address), ...)
        server.kill(); server.start((640, 512)); server.freeze(); server.thaw()

It is a process of Debian's Python (rtsp_server.py), on one port over all its lives, on loopback or in a network
namespace a cable away, whose packets can get lost. `why_not` says what is missing.
"""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tests.ports import free_port
from tests.system.road import BITS

PYTHON = "/usr/bin/python3"
SCRIPT = Path(__file__).with_name("rtsp_server.py")
RATE = 10  # pictures a second
SIZES = ((320, 256), (160, 128), (640, 512))
NEEDED = "needs gir1.2-gst-rtsp-server-1.0, python3-gi and GStreamer's base, good, bad and ugly plugins"
CHECK = (
    "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import Gst, GstRtspServer; "
    "Gst.init(None); assert all(map(Gst.ElementFactory.find, ('appsrc', 'x264enc', 'rtph264pay', 'rtpbin')))"
)


def why_not() -> str:
    """Why it cannot run here; empty where it can."""
    try:
        done = subprocess.run([PYTHON, "-c", CHECK], capture_output=True, timeout=60, check=False)
    except OSError:
        return NEEDED
    return NEEDED if done.returncode else ""


class RtspServer:
    """The process; in a `with` block it runs from the beginning to the end, unless it is killed on the way."""

    def __init__(self, address: str = "127.0.0.1", *, namespace: str = "", rate: int = RATE) -> None:
        self._host = address
        self._within = ["ip", "netns", "exec", namespace] if namespace else []
        self._rate = rate
        self._process: subprocess.Popen[bytes] | None = None
        self._port = free_port()
        self.address = f"rtsp://{address}:{self._port}/camera"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self, size: tuple[int, int] = SIZES[0]) -> None:
        """Listens once this returns."""
        assert self._process is None, "it runs already"
        words = [self._host, self._port, *size, self._rate]
        self._process = subprocess.Popen(
            [*self._within, PYTHON, str(SCRIPT), *map(str, words)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdout is not None, "it is a pipe"
        assert self._process.stdout.readline() == b"ready\n", "the RTSP server does not start"

    def kill(self) -> None:
        """As a power cut, but that the kernel still closes its connections."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def freeze(self) -> None:
        """Its connections stay open, and nobody answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on where it was."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "it runs"
        self._process.send_signal(number)  # `ip netns exec` becomes what it runs: the number is the server's


def made_ms(image: NDArray[np.uint8]) -> int | None:
    """When the picture was made, by the monotonic clock's lower BITS bits; None where the picture is torn."""
    block = image.shape[1] // BITS
    rows = image[: 2 * block, : block * BITS].mean(axis=2)
    cells = rows.reshape(2, block, BITS, block)[:, block // 4 : -block // 4 or None].mean(axis=(1, 3))
    ones = cells > 128
    if not np.array_equal(ones[0], ~ones[1]):
        return None
    return sum(1 << i for i in range(BITS) if ones[0, i])


@dataclass(frozen=True, slots=True)
class Network:
    """A network namespace a cable away: its name, and the address at its end."""

    name: str
    address: str
    _device: str

    def lose(self, percent: int) -> None:
        """From now on so many of its packets to us get lost; 0: none."""
        rule = f"numgen random mod 100 < {percent} counter drop"
        flush = f"ip netns exec {self.name} nft flush chain netdev loss out"
        subprocess.run(flush.split(), check=True, capture_output=True)
        if percent:
            add = f"ip netns exec {self.name} nft add rule netdev loss out {rule}"
            subprocess.run(add.split(), check=True, capture_output=True)


@contextmanager
def network() -> Iterator[Network]:
    """One that can lose packets. PermissionError with the reason where there can be none.

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
    )
    try:
        for step in steps:
            try:
                done = subprocess.run(step.split(), capture_output=True, text=True, check=False)
            except OSError as error:
                raise PermissionError(f"`{step}`: {error.strerror}") from error
            if done.returncode:
                raise PermissionError(f"`{step}`: {done.stderr.strip()}")
        yield Network(name, f"10.213.{number}.2", theirs)
    finally:
        for undo in (f"ip link del {ours}", f"ip netns del {name}"):  # what was never made cannot be undone
            subprocess.run(["sh", "-c", undo], capture_output=True, check=False)
