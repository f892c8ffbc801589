"""Ends a demonstration at SIGTERM and SIGHUP as at Ctrl+C, with every process that it started."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

END_S = 15.0
SIGNALS = (signal.SIGTERM, signal.SIGHUP)


_deferring = False
_deferred: list[int] = []


def end_at_signals() -> None:
    """From now on these signals leave every `with` block and `finally` in order; a second one does not hurry it."""
    for one in SIGNALS:
        signal.signal(one, _end)


def _end(number: int, _: object) -> None:
    if _deferring:
        _deferred.append(number)
        return
    for one in SIGNALS:
        signal.signal(one, signal.SIG_IGN)
    sys.exit(128 + number)


@contextmanager
def _deferring_signals() -> Iterator[None]:
    """A signal that comes meanwhile ends the program at the end of the block."""
    global _deferring  # noqa: PLW0603 - signal handlers are the process's, too
    _deferring = True
    try:
        yield
    finally:
        _deferring = False
    if _deferred:
        _end(_deferred[0], None)


@contextmanager
def running(command: Sequence[str], **how: Any) -> Iterator["subprocess.Popen[str]"]:
    """A process that does not outlive the block: SIGTERM, and SIGKILL if that is of no use."""
    process: subprocess.Popen[str] | None = None
    try:
        with _deferring_signals():  # a signal within Popen would lose a process that has begun already
            process = subprocess.Popen(command, text=True, **how)
        yield process
    finally:
        if process is not None:
            process.terminate()
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
