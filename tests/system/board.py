"""An emulated 64-bit ARM board with a Debian on its disk, made from parts and watched on its console.

QEMU plays a Cortex-A72 in software, so the seconds that it takes say nothing of a Raspberry Pi. Its network ends at
QEMU: it has an address and no gateway, and 10.0.2.2 is the loopback of this machine.
"""

import shutil
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.system import machine

PROGRAMS = ("qemu-system-aarch64", "mkfs.ext4", "cpio", "depmod", "dpkg-deb")
MODULES_OF_THE_DISK = ("vivid", "virtio_net", "virtio_rng")
MODULES_AT_BOOT = ("virtio_pci", "virtio_blk", "virtio_net", "crc32c_generic", "ext4")
DISK_MB = 2_000
HOST = "10.0.2.2"
"""This machine, as the board sees it."""
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
ExecStart=/bin/bash /root/harness.sh
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyAMA0
TimeoutStartSec=infinity
"""
NETWORK = """\
[Match]
Name=e*
[Network]
Address=10.0.2.15/24
"""


class Board(NamedTuple):
    """What QEMU starts from."""

    disk: Path
    image: Path
    initrd: Path


def make_board(folder: Path, fill: Callable[[Path], None]) -> Board:
    """In `folder`. `fill` puts into the root what is its own, above all `root/harness.sh`, which runs once it is up."""
    root, kernel = folder / "root", folder / "kernel"
    root.mkdir()
    kernel.mkdir()
    machine.unpack(machine.kernel("arm64"), kernel)
    machine.unpack(machine.system("arm64"), root)
    (image,) = (kernel / "boot").glob("vmlinuz-*")
    version = image.name.removeprefix("vmlinuz-")
    subprocess.run(["depmod", "-b", str(kernel), version], check=True, stderr=subprocess.DEVNULL)
    put_modules(kernel, version, root, MODULES_OF_THE_DISK)
    units = root / "etc/systemd/system"
    for path, text in {
        root / "etc/hostname": "board\n",
        root / "etc/systemd/network/80-board.network": NETWORK,
        units / "harness.service": HARNESS_UNIT,
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    wanted = units / "multi-user.target.wants"
    wanted.mkdir(exist_ok=True)
    (wanted / "harness.service").symlink_to("/etc/systemd/system/harness.service")
    (wanted / "systemd-networkd.service").symlink_to("/lib/systemd/system/systemd-networkd.service")
    (units / "serial-getty@ttyAMA0.service").symlink_to("/dev/null")  # the console belongs to the harness
    fill(root)
    disk = folder / "disk.img"
    with disk.open("wb") as file:
        file.truncate(DISK_MB * 1_000_000)
    subprocess.run(["mkfs.ext4", "-q", "-d", str(root), str(disk)], check=True)
    shutil.rmtree(root)
    return Board(disk, image, make_initrd(folder, kernel, version))


def watch(board: Board, processor: Sequence[str], seconds: int, hear: Callable[[str], object]) -> None:
    """Boot it, and give `hear` its console line by line until it switches itself off, at most `seconds`."""
    command = ["qemu-system-aarch64", "-M", "virt,gic-version=3", "-cpu", "cortex-a72", "-m", "1536", *processor]
    command += ["-nodefaults", "-nographic", "-no-reboot", "-serial", "stdio"]
    command += ["-kernel", str(board.image), "-initrd", str(board.initrd)]
    command += ["-append", "console=ttyAMA0 loglevel=4 quiet"]
    command += ["-drive", f"file={board.disk},format=raw,if=none,id=disk", "-device", "virtio-blk-pci,drive=disk"]
    command += ["-device", "virtio-rng-pci", "-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile="]
    running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    limit = threading.Timer(seconds, running.kill)
    limit.start()
    try:
        assert running.stdout is not None, "it was asked for"
        for raw in running.stdout:
            hear(raw.decode(errors="replace").rstrip())
    finally:
        limit.cancel()
        running.kill()
        running.wait()


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
    subprocess.run(["depmod", "-b", str(root), version], check=True, stderr=subprocess.DEVNULL)
