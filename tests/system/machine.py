"""Debian root file systems for the proofs with a whole machine: made once by mmdebstrap, kept out of the repository."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

RELEASE = "bookworm"
SOURCES = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))
"""Of this machine, so that packages come from where its own come from."""
SYSTEM = "systemd,systemd-sysv,udev,kmod,dbus,python3,procps,tzdata"
MADE_S_MAX = 1_800
VERSION = 1
"""Raise it when what is in them changes."""


def missing(*programs: str) -> str:
    """Why no such machine can be made here; empty if one can."""
    if os.geteuid() != 0:
        return "only root can make a root file system and start one"
    absent = [program for program in ("mmdebstrap", "tar", *programs) if shutil.which(program) is None]
    if absent:
        return f"not installed: {', '.join(absent)}"
    return "" if _sources() else "this machine names no sources of Debian packages of its own"


def system(architecture: str, more: str = "") -> Path:
    """Return a tar file of Debian with systemd and Python; `more` packages, separated by commas."""
    include = ",".join(filter(None, (SYSTEM, more)))
    return _made(f"{RELEASE}-{architecture}", architecture, "--variant=minbase", f"--include={include}")


def kernel(architecture: str) -> Path:
    """Return a tar file of packages that are unpacked only: the kernel with its modules, a static busybox."""
    packages = f"--include=linux-image-{architecture},busybox-static"
    return _made(f"kernel-{architecture}", architecture, "--variant=extract", packages)


def unpack(tar: Path, folder: Path) -> None:
    """Without device nodes: who boots it makes its own."""
    subprocess.run(["tar", "-xf", str(tar), "-C", str(folder), "--exclude=./dev/*"], check=True)


def _made(name: str, architecture: str, *options: str) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "crossing-monitor"
    tar = cache / f"{name}-{VERSION}.tar"
    if not tar.exists():
        cache.mkdir(parents=True, exist_ok=True)
        print(f"making {tar}, once: some minutes", file=sys.stderr)
        part = tar.with_suffix(".part.tar")
        command = ["mmdebstrap", "--quiet", f"--architectures={architecture}", *options, RELEASE, str(part)]
        environment = os.environ | {"QEMU_CPU": "cortex-a72"}  # the processor of a Raspberry Pi 4, where it is emulated
        subprocess.run([*command, *_sources()], check=True, env=environment, timeout=MADE_S_MAX)
        part.rename(tar)
    return tar


def _sources() -> list[str]:
    return [str(path) for path in SOURCES if path.exists() and RELEASE in path.read_text(encoding="utf-8")]
