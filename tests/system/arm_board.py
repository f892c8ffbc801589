"""An emulated ARM board with the Debian package in it, reporting to a broker of this machine: `make arm-board`.

QEMU plays a 64-bit board with two Cortex-A72 in software, so the seconds printed say nothing of a Raspberry Pi. It has
no way out but one: its 10.0.2.100:1883 is a Mosquitto on loopback here. The board installs the package, counts a looped
video, is hung, is restarted by its watchdog, and counts what the kernel's virtual camera (`vivid`) shows. The
transcript goes to standard output, the summary ends it; exit 0 if everything that is looked for was seen.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from deploy import deb
from tests.system import machine
from tests.system.broker import _free_port

ROOT = Path(__file__).parents[2]
PROGRAMS = ("qemu-system-aarch64", "mkfs.ext4", "cpio", "depmod", "mosquitto", "dpkg-deb")
MODULES_OF_THE_DISK = ("vivid", "virtio_net", "virtio_rng")
MODULES_AT_BOOT = ("virtio_pci", "virtio_blk", "virtio_net", "crc32c_generic", "ext4")
DISK_MB = 2_000
SEEN_S = 60
"""Of which loading the detector takes 20."""
WATCHDOG_S = 60
"""More than the unit's, for a processor that is played by another one."""
SEEN = (
    "board up",
    "installed, dpkg says 0",
    "service active",
    "camera file gives frames",
    "watchdog restarted it",
    "camera vivid gives frames",
    "service stopped",
    "end",
)
EDGE_YAML = """\
site: bridge
device: board
camera: {url: /opt/day.mp4, frames_per_second: 2}
model: {threads: 1}
lines: {deck: {from: [0.331, 0.630], to: [0.638, 0.634], a_to_b: outbound, b_to_a: return}}
report: {every_s: 5}
mqtt: {host: 10.0.2.100, port: 1883, tls: false, username: bridge/board, password_credential: mqtt-password}
"""
INIT = """\
#!/bin/busybox sh
B=/bin/busybox
$B mount -t proc proc /proc; $B mount -t sysfs sys /sys; $B mount -t devtmpfs dev /dev
for module in MODULES; do $B modprobe $module; done
waited=0; while [ ! -b /dev/vda ] && [ $waited -lt 100 ]; do $B sleep 0.1; waited=$((waited + 1)); done
$B mount -t ext4 /dev/vda /root
$B mount --move /dev /root/dev; $B umount /proc /sys
exec $B switch_root /root /lib/systemd/systemd
"""
HARNESS_UNIT = """\
[Unit]
After=multi-user.target systemd-networkd.service
[Service]
Type=oneshot
Environment=SEEN_S={seen_s}
ExecStart=/bin/bash /root/harness.sh
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyAMA0
TimeoutStartSec=infinity
"""
FORWARD = """\
import os, socket, sys, threading
os.set_blocking(0, True)  # else "nothing yet" reads as the end
os.set_blocking(1, True)
broker = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
def up():
    while part := sys.stdin.buffer.raw.read(4096):
        broker.sendall(part)
    broker.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while part := broker.recv(4096):
    sys.stdout.buffer.raw.write(part)
"""


def main() -> int:
    """Make the board, boot it, watch it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deb", type=Path, help="a package that is there already; else one is built")
    parser.add_argument("--seconds", type=int, default=900, help="after so long the board is switched off")
    arguments = parser.parse_args()
    if why := machine.missing(*PROGRAMS):
        print(f"no board can be emulated here: {why}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="crossing-board-") as name:
        folder = Path(name)
        package = arguments.deb or deb.build("arm64", "12", None, folder)
        image, initrd = make_board(folder, package)
        return boot(folder, image, initrd, package, arguments.seconds)


def make_board(folder: Path, package: Path) -> tuple[Path, Path]:
    """Return the kernel's image and the first file system; the disk lies in `folder`."""
    root, kernel = folder / "root", folder / "kernel"
    root.mkdir()
    kernel.mkdir()
    machine.unpack(machine.kernel("arm64"), kernel)
    machine.unpack(machine.system("arm64"), root)
    (image,) = (kernel / "boot").glob("vmlinuz-*")
    version = image.name.removeprefix("vmlinuz-")
    subprocess.run(["depmod", "-b", str(kernel), version], check=True)
    put_modules(kernel, version, root, MODULES_OF_THE_DISK)
    shutil.copy(package, root / "root/crossing-monitor.deb")
    shutil.copy(ROOT / "tests/clips/day.mp4", root / "opt/day.mp4")
    shutil.copy(Path(__file__).with_name("board_harness.sh"), root / "root/harness.sh")
    units = root / "etc/systemd/system"
    for path, text in {
        root / "root/edge.yaml": EDGE_YAML,
        root / "etc/hostname": "board\n",
        root / "etc/systemd/network/80-board.network": "[Match]\nName=e*\n[Network]\nDHCP=yes\n",
        units / "harness.service": HARNESS_UNIT.format(seen_s=SEEN_S),
        units / "crossing-edge.service.d/slow.conf": f"[Service]\nWatchdogSec={WATCHDOG_S}\n",
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    wanted = units / "multi-user.target.wants"
    wanted.mkdir(exist_ok=True)
    (wanted / "harness.service").symlink_to("/etc/systemd/system/harness.service")
    (wanted / "systemd-networkd.service").symlink_to("/lib/systemd/system/systemd-networkd.service")
    (units / "serial-getty@ttyAMA0.service").symlink_to("/dev/null")  # the console belongs to the harness
    with (folder / "disk.img").open("wb") as disk:
        disk.truncate(DISK_MB * 1_000_000)
    subprocess.run(["mkfs.ext4", "-q", "-d", str(root), str(folder / "disk.img")], check=True)
    shutil.rmtree(root)
    return image, make_initrd(folder, kernel, version)


def make_initrd(folder: Path, kernel: Path, version: str) -> Path:
    """Just enough to mount the disk: a busybox, some modules and an init."""
    tree = folder / "initrd"
    for name in ("bin", "proc", "sys", "dev", "root"):
        (tree / name).mkdir(parents=True)
    shutil.copy(
        next(path for path in (kernel / "bin/busybox", kernel / "usr/bin/busybox") if path.exists()), tree / "bin"
    )
    put_modules(kernel, version, tree, MODULES_AT_BOOT)
    (tree / "init").write_text(INIT.replace("MODULES", " ".join(MODULES_AT_BOOT)), encoding="utf-8")
    (tree / "init").chmod(0o755)
    names = "\n".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*")))
    archive = folder / "initrd.cpio"
    with archive.open("wb") as out:
        subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], input=names.encode(), cwd=tree, stdout=out, check=True)
    return archive


def put_modules(kernel: Path, version: str, root: Path, wanted: tuple[str, ...]) -> None:
    """These modules and what they depend on."""
    source = kernel / "lib/modules" / version
    needs = dict(line.split(":") for line in (source / "modules.dep").read_text(encoding="utf-8").splitlines())
    target = root / "lib/modules" / version
    for name in wanted:
        for module, others in needs.items():
            if Path(module).name == f"{name}.ko":
                for one in (module, *others.split()):
                    (target / one).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(source / one, target / one)
    for name in ("modules.builtin", "modules.order"):
        shutil.copy(source / name, target / name)
    subprocess.run(["depmod", "-b", str(root), version], check=True)


class Listener:
    """What the broker heard of the board."""

    def __init__(self, port: int) -> None:
        self.messages: list[tuple[str, Any]] = []
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe("crossing/v1/bridge/board/#", qos=1)
        self._client.on_message = self._hear
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _hear(self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        try:
            self.messages.append((message.topic.split("/", 4)[-1], json.loads(message.payload)))
        except ValueError:
            self.messages.append((message.topic.split("/", 4)[-1], None))  # pictures

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def boot(folder: Path, image: Path, initrd: Path, package: Path, seconds: int) -> int:
    """Until the board switches itself off, at most `seconds`."""
    port = _free_port()
    configuration = folder / "mosquitto.conf"
    configuration.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n", encoding="utf-8")
    (folder / "forward.py").write_text(FORWARD, encoding="utf-8")
    broker = subprocess.Popen(["mosquitto", "-c", str(configuration)], stderr=subprocess.DEVNULL)
    time.sleep(1)
    listener = Listener(port)
    forward = f"guestfwd=tcp:10.0.2.100:1883-cmd:{sys.executable} {folder}/forward.py {port}"
    command = ["qemu-system-aarch64", "-M", "virt,gic-version=3", "-cpu", "cortex-a72", "-smp", "2", "-m", "1536"]
    command += ["-accel", "tcg,thread=multi", "-nodefaults", "-nographic", "-no-reboot", "-serial", "stdio"]
    command += ["-kernel", str(image), "-initrd", str(initrd), "-append", "console=ttyAMA0 loglevel=4 quiet"]
    command += ["-drive", f"file={folder}/disk.img,format=raw,if=none,id=disk", "-device", "virtio-blk-pci,drive=disk"]
    command += ["-device", "virtio-rng-pci", "-netdev", f"user,id=net,restrict=on,{forward}"]
    command += ["-device", "virtio-net-pci,netdev=net,romfile="]
    began = time.monotonic()
    board = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    limit = threading.Timer(seconds, board.kill)
    limit.start()
    transcript = []
    try:
        assert board.stdout is not None, "it was asked for"
        for raw in board.stdout:
            line = raw.decode(errors="replace").rstrip()
            transcript.append(line)
            print(line, flush=True)
    finally:
        limit.cancel()
        board.kill()
        board.wait()
        listener.stop()
        broker.terminate()
        broker.wait()
    return summary(transcript, listener.messages, package, time.monotonic() - began)


def summary(transcript: list[str], messages: list[tuple[str, Any]], package: Path, took_s: float) -> int:
    """Print what was seen and what was not; 0 if nothing is missing."""
    said = [line.partition("=== ")[2] for line in transcript if "=== " in line]
    unseen = [what for what in SEEN if not any(what in line for line in said)]
    reports = [message for channel, message in messages if channel == "report"]
    runs = list(dict.fromkeys(report["run"] for report in reports))
    watched = {run: sum(r["watched_ms"] for r in reports if r["run"] == run) / 1000 for run in runs}
    sequence = [report["seq"] for report in reports]
    print(f"\nSummary, after {took_s:.0f} s; {package.name}, {package.stat().st_size / 1e6:.1f} MB")
    print("\n".join(f"  {line}" for line in said))
    channels = Counter(channel for channel, _ in messages)
    print(f"  broker: {', '.join(f'{count} {channel}' for channel, count in channels.most_common())}; {len(runs)} runs")
    for run in runs:
        states = [report["state"] for report in reports if report["run"] == run]
        print(f"  {run}: {len(states)} reports, {sorted(set(states))}, watched {watched[run]:.1f} s")
    if sequence and sorted(set(sequence)) != list(range(min(sequence), max(sequence) + 1)):
        unseen.append("reports without a gap")
    if sum(seconds > 0 for seconds in watched.values()) < 3:
        unseen.append("reports of three runs that watched: before the hang, after it, and with vivid")
    print(f"  NOT SEEN: {', '.join(unseen)}" if unseen else "  everything that is looked for was seen")
    return 1 if unseen else 0


if __name__ == "__main__":
    sys.exit(main())
