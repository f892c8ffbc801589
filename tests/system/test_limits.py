"""A real Mosquitto with a Maximum Packet Size, and a real disk that is full."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest

from edge.delivery.memory_buffer import MemoryBuffer
from edge.delivery.outbox import Outbox
from edge.delivery.outbox_totals import KindState
from edge.delivery.publisher import Publisher
from edge.delivery.waiting_record import WaitingRecord
from edge.wire.device_messages import Info, LineInfo
from edge.wire.report import Level, Report, ZoneReport
from edge.wire.times import rfc3339
from tests.system.broker import broker

REPOSITORY = Path(__file__).parents[2]
INFO = Info(run="run-1", version="0", model="m", lines={"deck": LineInfo()}, classes=["car"], bucket_ms=60_000)


def report(seq: int, *, zones: int = 0) -> Report:
    level = Level(mean=0.0, max=0, end=0)
    found = Report(
        site="bridge",
        device="mast-1",
        run="run-1",
        seq=seq,
        start=rfc3339(1_795_608_000_000 + seq * 60_000),
        width_ms=60_000,
        watched_ms=60_000,
        state="ok",
        lines={"deck": {"out": {"car": 1}, "back": {"car": 0}}},
    )
    large = {f"zone-{n}": ZoneReport(inside=level, standing=level) for n in range(zones)}
    return msgspec.structs.replace(found, zones=large) if zones else found


def test_mosquitto_with_a_packet_size_gets_all_that_fits_on_one_connection(tmp_path: Path) -> None:
    """The announcement does not fit either, and the ACL that ships lets nobody announce single sensors."""
    settings = {"max_packet_size 524288": "max_packet_size 2000"}
    with broker(tmp_path, settings=settings) as mosquitto, Outbox(tmp_path / "outbox.sqlite") as outbox:
        for zones in (0, 30, 0):
            outbox.append_report(partial(report, zones=zones), now_ms=1)
        access = mosquitto.access("bridge/mast-1")
        with Publisher(
            access, outbox, site="bridge", device="mast-1", run="run-1", info=INFO, home_assistant="homeassistant"
        ) as ours:
            for _ in range(400):
                ours.step(wait_s=0.05)
                if not outbox.addresses():
                    break
            assert outbox.kinds() == {"report": KindState(set_aside=1, lost=1)}
            assert (ours.connected, ours.reports_acknowledged) == (True, 2)
        assert mosquitto.log.read_text("utf-8").count("packet too large") == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 400 kB."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root mounts a small file system")
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)], check=False)
    if mounted.returncode:
        pytest.skip("this machine does not let us mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


CHILD = """
import sys, time
from pathlib import Path
from edge.delivery.outbox import Outbox
from edge.delivery.memory_buffer import MemoryBuffer
from edge.delivery.waiting_record import WaitingRecord
from tests.system.test_limits import report

folder = Path(sys.argv[1])
buffer = MemoryBuffer(Outbox(folder / "outbox.sqlite"), record=WaitingRecord(folder / "waiting.record"))
buffer.append_report(report, now_ms=1)
with (folder / "filler").open("wb", buffering=0) as filler:
    try:
        while True:
            filler.write(b"x" * 4096)
    except OSError:
        pass
added = 1
while buffer.waiting < 5:
    buffer.append_report(report, now_ms=1)
    added += 1
print(added, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_what_waits_when_a_process_ends_on_a_full_disk_is_declared_by_the_next(
    small_disk: Path, ending: signal.Signals
) -> None:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", CHILD, str(small_disk)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
        assert child.stdout is not None
        added = json.loads(child.stdout.readline())
        child.send_signal(ending)
    (small_disk / "filler").unlink()
    with Outbox(small_disk / "outbox.sqlite") as outbox:
        record = WaitingRecord(small_disk / "waiting.record")
        buffer = MemoryBuffer(outbox, record=record)
        record.close()
        buffer.hand_on(now_ms=1)
        state = outbox.state()
        assert (state.dropped, state.seq_next - 1, buffer.lost_before["report"]) == (5, added, 5)
        assert outbox.resend([(1, added)]).gone == ((added - 4, added),)
