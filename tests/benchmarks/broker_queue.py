"""What reports that wait for an absent collector cost the broker that ships: memory, time, the file, a save.

python -m tests.benchmarks.broker_queue [--reports 200000] [--bytes 1000]
"""

import argparse
import os
import tempfile
import threading
import time
from pathlib import Path

from tests.system.broker import broker
from tests.system.peer import SUCCESS, Peer, peer

IN_FLIGHT_MAX = 500
DEVICE = "friendship-bridge/mast-1"


def main() -> None:
    """Measure, and print a line per figure."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--reports", type=int, default=200_000)
    parser.add_argument("--bytes", type=int, default=1_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, broker(Path(folder), users=[DEVICE, "collector"]) as mosquitto:
        with peer(mosquitto, "collector", session=True) as collector:
            assert collector.accepted == SUCCESS
            collector.subscribe("crossing/v1/+/+/report")
        with peer(mosquitto, DEVICE) as device:
            assert device.accepted == SUCCESS
            before = _resident_bytes(mosquitto.pid)
            taken_s = _publish(device, given.reports, os.urandom(given.bytes))
            held = _resident_bytes(mosquitto.pid) - before
            stop, longest_s = threading.Event(), [0.0]
            prober = threading.Thread(target=_probe, args=(device, stop, longest_s))
            prober.start()
            mosquitto.save()
            stop.set()
            prober.join()
        file_bytes = (mosquitto.folder / "saved" / "mosquitto.db").stat().st_size
        print(f"{given.reports} reports of {given.bytes} bytes wait for one session")
        print(f"memory         {held / given.reports:.0f} bytes a report")
        print(f"acknowledged   {given.reports / taken_s:.0f} a second, over TLS, one publisher")
        print(f"file           {file_bytes / 1e6:.0f} MB")
        print(f"longest answer {longest_s[0]:.2f} s while it was saved")


def _publish(device: Peer, reports: int, payload: bytes) -> float:
    began_s = time.monotonic()
    for number in range(reports + IN_FLIGHT_MAX):
        if number < reports:
            device.send(f"crossing/v1/{DEVICE}/report", payload)
        if number >= IN_FLIGHT_MAX:
            assert device.answer() == SUCCESS
    return time.monotonic() - began_s


def _probe(device: Peer, stop: threading.Event, longest_s: list[float]) -> None:
    while not stop.is_set():
        began_s = time.monotonic()
        device.publish(f"crossing/v1/{DEVICE}/live")
        longest_s[0] = max(longest_s[0], time.monotonic() - began_s)


def _resident_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
