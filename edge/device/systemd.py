"""Notifies systemd (sd_notify): ready, alive, stopping; does nothing where systemd did not start the process."""

import os
import socket
from contextlib import suppress


def notify(message: str) -> None:
    """Send `READY=1`, `WATCHDOG=1`, `STATUS=...`; where no socket can be had, or theirs is gone, nothing is sent."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]  # Linux's abstract names
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
        to.sendto(message.encode(), address)
