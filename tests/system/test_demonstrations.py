"""`make dashboard` and `make demo` leave nothing behind when they are ended: no process and no folder."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.system.product import REPOSITORY

DEADLINE_S = 120.0


DASHBOARD = ["deploy.dashboard", "--days", "0.1", "--port", "0"]


@pytest.mark.parametrize(
    ("words", "begun", "number"),
    [
        (DASHBOARD, "It lets one browser in", signal.SIGTERM),
        (DASHBOARD, "It lets one browser in", signal.SIGHUP),
        (["deploy.demo"], "counting ", signal.SIGTERM),
    ],
)
def test_a_demonstration_leaves_nothing_behind(
    words: list[str], begun: str, number: signal.Signals, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", *words]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(REPOSITORY)}
    with (tmp_path / "said").open("wb") as said:  # not a pipe: a process that is left would keep it open
        child = subprocess.Popen(
            command, stdout=said, stderr=said, env=environment, cwd=REPOSITORY, start_new_session=True
        )
        try:
            wait_for(tmp_path / "said", begun)
            assert len(session(child.pid)) > 1, "it has started others"
            child.send_signal(number)
            child.wait(60)
            assert session(child.pid) == []
            assert [path.name for path in tmp_path.iterdir()] == ["said"]
        finally:
            for pid in [child.pid, *session(child.pid)]:
                if Path(f"/proc/{pid}").exists():
                    os.kill(pid, signal.SIGKILL)
            child.wait()
    assert "Traceback" not in (tmp_path / "said").read_text("utf-8")


STARTED_UNDER_A_SIGNAL = """
import os, signal, subprocess
from deploy.ending import end_at_signals, running

class Popen(subprocess.Popen):
    def __init__(self, *words, **how):
        super().__init__(*words, **how)
        print(self.pid, flush=True)
        os.kill(os.getpid(), signal.SIGTERM)  # it has begun, and nobody holds it yet

subprocess.Popen = Popen
end_at_signals()
with running(["sleep", "600"]):
    print("not ended", flush=True)
"""


def test_a_signal_while_a_process_is_started_leaves_no_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STARTED_UNDER_A_SIGNAL], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    (pid,) = done.stdout.split()
    assert not Path(f"/proc/{pid}").exists()
    assert done.returncode == 128 + signal.SIGTERM, done.stderr


def wait_for(log: Path, words: str) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while words not in log.read_text("utf-8"):
        assert time.monotonic() < deadline_s, log.read_text("utf-8")
        time.sleep(0.1)


def session(leader: int) -> list[int]:
    """The living processes of a session; those that nobody waited for yet do not live."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, session_of, *_ = stat.read_text("utf-8").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(session_of) == leader and state != "Z":
            found.append(int(stat.parent.name))
    return found
