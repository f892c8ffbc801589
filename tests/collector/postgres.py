"""A PostgreSQL of one's own, for tests and benchmarks: a fresh folder, a loopback port, fsync as by default."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.ports import free_port


def binaries() -> Path | None:
    """The folder of `initdb` and `pg_ctl` of PostgreSQL 15 or later; None where it is not installed."""
    found = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if int(path.parent.name) >= 15]
    if found:
        return max(found, key=lambda path: int(path.parent.name))
    there = shutil.which("initdb")
    return Path(there).resolve().parent if there else None


class Server:
    """A running server; `restart` ends every connection."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        self.port = port

    def control(self, *words: str) -> None:
        there = binaries()
        assert there is not None
        log = self.folder / "log"
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder}"
        options += " -c dynamic_shared_memory_type=mmap"  # in its folder: nothing is left in /dev/shm
        _run([str(there / "pg_ctl"), "-D", str(self.folder / "data"), "-w", "-l", str(log), "-o", options, *words])

    def restart(self) -> None:
        self.control("-m", "immediate", "restart")


@contextmanager
def server() -> Iterator[Server]:
    """Made, started, and gone without a trace at the end."""
    there = binaries()
    assert there is not None, "ask `binaries` first"
    with tempfile.TemporaryDirectory(prefix="crossing-postgres-") as name:
        folder = Path(name)
        if (user := _user()) is not None:
            shutil.chown(folder, user)
        _run(
            [
                str(there / "initdb"),
                "-D",
                str(folder / "data"),
                "-U",
                "postgres",
                "--auth=trust",
                "-E",
                "UTF8",
                "--locale=C",
            ]
        )
        running = Server(folder, free_port())
        running.control("start")
        try:
            yield running
        finally:
            running.control("-m", "immediate", "stop")


def _user() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _run(command: list[str]) -> None:
    done = subprocess.run(
        command, user=_user(), cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
