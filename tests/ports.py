"""Ports of loopback for servers that are started after their port is known, or that end and start again on it.

Every test process of this machine takes the next number of one file, below the range from which the kernel gives
ports to clients. A port that was only probed could be taken by another test before its server listens.
"""

import fcntl
import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

FIRST, LAST = 15_000, 32_000
_TAKEN = Path("/tmp") / f"crossing-test-ports-{os.getuid()}"


def free_port() -> int:
    """A port that nobody listens on and that no other test is given until all others were."""
    with _TAKEN.open("a+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        last = int(file.read() or FIRST)
        for step in range(1, LAST - FIRST + 1):
            port = FIRST + (last - FIRST + step) % (LAST - FIRST)
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
            file.truncate(0)
            file.write(str(port))
            return port
    raise OSError(f"every port from {FIRST} to {LAST} is taken")


def wait_until_open(port: int, process: "subprocess.Popen[Any]", *, wait_s: float = 60.0) -> None:
    """Return once something accepts connections at the port; AssertionError where the process ends or none does."""
    deadline_s = time.monotonic() + wait_s
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=wait_s).close()
        except OSError:
            assert process.poll() is None, f"the server of port {port} ended at once"
            assert time.monotonic() < deadline_s, f"the server of port {port} does not listen"
            time.sleep(0.02)  # nothing announces that a port is open
        else:
            return
