"""The service needs its camera and its broker and nobody else: it looks up no name, writes nowhere but in its state
folder, and sends no telemetry, for which ONNX Runtime would use a home and a folder for what is temporary."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.bright_squares import write_model
from tests.system import film
from tests.system.broker import broker
from tests.system.live_device import LINES, LiveDevice
from tests.system.product import REPOSITORY, crossing_edge, wait_for
from tests.system.rtsp import why_not

MUTED = ("CI", "ORT_DISABLE_TELEMETRY")  # under CI it would be quiet anyway
STARTED_S = 60.0
ALONE = "ip link set lo up && exec {python} -m tests.system.soak --minutes 0.5 --rtsp"


@contextmanager
def exposed(home: Path) -> Iterator[dict[str, str]]:
    """An environment in which telemetry would show: nobody mutes it, and its folders are new."""
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if name not in MUTED}
    folders = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"), str(home))
    yield kept | folders | {"PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"}
    assert list(home.rglob("*")) == []


def test_a_run_leaves_nothing_in_the_home_and_the_temporary_folder(tmp_path: Path) -> None:
    configuration = tmp_path / "edge.yaml"
    said = {
        "site": "bridge",
        "device": "mast-1",
        "camera": {"url": str(film.write(tmp_path / "road.mp4"))},
        "model": {"name": str(write_model(tmp_path)), "threads": 1},
        "lines": LINES,
    }
    configuration.write_text(json.dumps(said), encoding="utf-8")
    with (
        exposed(tmp_path / "home") as environment,
        subprocess.Popen(
            crossing_edge("run", "--config", configuration), env=environment, stderr=subprocess.PIPE, text=True
        ) as child,
    ):
        assert "picture 160 x 128" in wait_for(child, "picture 160 x 128")
        threads = {path.read_text(encoding="ascii").strip() for path in Path(f"/proc/{child.pid}/task").glob("*/comm")}
        child.send_signal(signal.SIGTERM)  # it ends after this frame, for which the model is loaded
        assert child.wait(STARTED_S) == 0
    assert not [name for name in threads if re.search("telemetry|1ds|http", name, re.IGNORECASE)]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed (apt-get install strace)")
def test_the_kernel_is_asked_for_nothing_but_the_broker_and_the_state_folder(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    traced = ("strace", "-f", "--seccomp-bpf", "-e", "trace=connect,sendto,sendmsg,sendmmsg,open,openat,creat")
    command = (*traced, "-o", str(trace), *crossing_edge())
    camera = {"url": str(film.write(tmp_path / "road.mp4"))}
    with broker(tmp_path) as mosquitto, exposed(tmp_path / "home") as environment:
        with LiveDevice(tmp_path, mosquitto, camera, command=command, environment=environment) as device:
            assert device.listen(STARTED_S, lambda: len(device.reports) > 2)
            _end_the_traced(device.pid)
        assert device.exit_code == 0
        port = mosquitto.port
    lines = trace.read_text(encoding="utf-8", errors="replace").splitlines()
    asked = "\n".join(lines)
    addresses = set(re.findall(r'(?:inet_addr\(|inet_pton\(AF_INET6, )"([^"]+)"', asked))
    ports = set(re.findall(r"sin6?_port=htons\((\d+)\)", asked))
    assert addresses <= {"127.0.0.1", "::1"}, "the broker, and the ends of a pair of sockets of the client's own"
    assert str(port) in ports
    assert "53" not in ports, "no name is looked up"
    written = {
        match[1]
        for line in lines
        if (match := re.search(r'(?:open|openat|creat)\((?:AT_FDCWD, )?"([^"]+)", [^)]*O_(?:WRONLY|RDWR|CREAT)', line))
    }
    state = str(tmp_path / "state")
    strangers = {path for path in written if not path.startswith((state, "/dev/", "/proc/self/"))}
    assert strangers == set()


def _end_the_traced(tracer: int) -> None:
    """SIGTERM to what strace runs: strace itself ends with it."""
    (child,) = Path(f"/proc/{tracer}/task/{tracer}/children").read_text(encoding="ascii").split()
    os.kill(int(child), signal.SIGTERM)


@pytest.mark.slow
def test_without_any_route_it_counts_and_reports(tmp_path: Path) -> None:
    """The soak in a network namespace that has a loopback and nothing else: camera and broker are in it, too."""
    if missing := why_not():
        pytest.skip(missing)
    made = subprocess.run(["unshare", "--net", "ip", "link", "set", "lo", "up"], capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"there can be no network namespace here: {made.stderr.decode().strip()}")
    routes = subprocess.run(["unshare", "--net", "ip", "route"], capture_output=True, check=True).stdout
    assert routes == b""
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", ALONE.format(python=sys.executable)],
        capture_output=True, text=True, check=False, cwd=REPOSITORY,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
