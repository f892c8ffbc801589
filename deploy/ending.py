"""Ends a demonstration at SIGTERM and SIGHUP as at Ctrl+C, with every process that it started."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

END_S = 15.0
SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def end_at_signals() -> None:
    """From now on these signals leave every `with` block and `finally` in order; a second one does not hurry it."""

    def end(number: int, _: object) -> None:
        for one in SIGNALS:
            signal.signal(one, signal.SIG_IGN)
        sys.exit(128 + number)

    for one in SIGNALS:
        signal.signal(one, end)


@contextmanager
def running(command: Sequence[str], **how: Any) -> Iterator["subprocess.Popen[str]"]:
    """A process that does not outlive the block: SIGTERM, and SIGKILL if that is of no use."""
    process = subprocess.Popen(command, text=True, **how)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
