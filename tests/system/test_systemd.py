"""systemd as it runs on a device: a Debian with systemd as PID 1 (systemd-nspawn), our package, the real service.

Slow, and skipped where systemd-nspawn, mmdebstrap or root is absent. The container has no network but its own loopback,
so it also shows that the service needs none to run.
"""

import base64
import platform
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from deploy import deb
from tests.system import machine

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
WHY_NOT = machine.missing("systemd-nspawn", "nsenter", "dpkg-deb")
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), "")
EDGE = "crossing-edge.service"
YAML = """\
site: bridge
device: mast-1
camera: {url: /opt/day.mp4, frames_per_second: 5}
model: {threads: 1}
lines: {deck: {from: [0.331, 0.630], to: [0.638, 0.634], a_to_b: outbound, b_to_a: return}}
report: {every_s: 5}
mqtt: {host: 127.0.0.1, port: 1883, tls: false, username: bridge/mast-1, password_credential: mqtt-password}
"""
AS_THE_SERVICE = ("setpriv", "--reuid=crossing-edge", "--clear-groups", "--regid=crossing-edge")
NEXT = "99.0"
WATCHDOG_S = 15
"""Shorter than the unit's 30, to wait less; the service adds its own 10 s of patience."""


class Container:
    """A booted Debian. `run` starts a command in it. With `keeping`, the root is read-only under a layer in memory, and
    that folder alone is what a partition of its own would be."""

    def __init__(self, root: Path, keeping: Path | None = None) -> None:
        self.root = root
        command = ["systemd-nspawn", "--quiet", "--boot", f"--directory={root}", "--machine=crossing-test"]
        command += ["--register=no", "--keep-unit", "--private-network", "--console=pipe"]
        if keeping is not None:
            command += ["--volatile=overlay", f"--bind={keeping}:/var/lib/crossing"]
        self._log = (root.parent / "console").open("wb")
        self._nspawn = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT)
        self._leader = ""
        self.until(60, self._up, "a container that is up")

    def _up(self) -> bool:
        assert self._nspawn.poll() is None, (self.root.parent / "console").read_text(errors="replace")
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
        self._leader = children[0] if children else ""
        return bool(children) and self.run("systemctl", "is-system-running").strip() in {"running", "degraded"}

    def run(self, *command: str, check: bool = False) -> str:
        """What it said, on both channels; AssertionError if `check` and it failed."""
        entered = [
            "nsenter",
            "--target",
            self._leader,
            "--all",
            "env",
            "-i",
            "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ]
        done = subprocess.run(
            [*entered, *command], check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300
        )
        text = done.stdout.decode(errors="replace")
        assert done.returncode == 0 or not check, (command, done.returncode, text)
        return text

    def show(self, name: str) -> str:
        """A property of the edge unit."""
        return self.run("systemctl", "show", "--value", "--property", name, EDGE).strip()

    def journal(self) -> str:
        return self.run("journalctl", "--boot", "--no-pager", "--output=cat", "--unit", EDGE)

    def until(self, seconds: float, true: Callable[[], bool], what: str) -> None:
        """Look again and again, as nothing here tells when it is so."""
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, f"no {what} within {seconds} s"
            time.sleep(0.2)

    def reports(self) -> int:
        """The number of the newest report in the outbox; asked for as the service, which root would lock out."""
        ask = "import sqlite3; outbox = sqlite3.connect('file:/var/lib/crossing/outbox.sqlite?mode=ro', uri=True); "
        ask += "print(outbox.execute('SELECT seq_next - 1 FROM ledger').fetchone()[0])"
        said = self.run(*AS_THE_SERVICE, "python3", "-c", ask).strip()
        return int(said) if said.isdecimal() else 0

    def start(self, configuration: str = YAML) -> str:
        """The service anew, with frames handled; its process."""
        path = self.root / "etc/crossing/edge.yaml"
        path.write_text(configuration, encoding="utf-8")
        self.run("chgrp", "crossing-edge", "/etc/crossing/edge.yaml", check=True)
        self.run("chmod", "0640", "/etc/crossing/edge.yaml", check=True)
        self.run("systemctl", "restart", EDGE, check=True)
        pid = self.show("MainPID")
        self.until(60, lambda: f"crossing-edge[{pid}]" in self._frames(), "frames")
        return pid

    def until_reported(self, number: int) -> None:
        """The process that runs was given frames, and so many reports are kept."""
        self.until(60, lambda: f"crossing-edge[{self.show('MainPID')}]" in self._frames(), "frames")
        self.until(60, lambda: self.reports() >= number, f"report {number}")

    def until_restarted(self, pid: str) -> None:
        """Another process runs than that."""
        self.until(30, lambda: self.show("MainPID") not in {pid, "0"}, "other process")

    def _frames(self) -> str:
        lines = self.run("journalctl", "--boot", "--no-pager", "--unit", EDGE).splitlines()
        return "\n".join(line for line in lines if "gives frames" in line)

    def stop(self) -> None:
        self.run("systemctl", "poweroff", "--no-block")
        try:
            self._nspawn.wait(15)
        except subprocess.TimeoutExpired:
            self._nspawn.kill()
            self._nspawn.wait()
        self._log.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if WHY_NOT or not ARCHITECTURE:
        pytest.skip(WHY_NOT or f"no package is made for {platform.machine()}")
    made = tmp_path_factory.mktemp("systemd")
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def package(folder: Path) -> Path:
    return deb.build(ARCHITECTURE, "12", None, folder, fast=True)


@pytest.fixture(scope="module")
def newer(folder: Path, package: Path) -> Path:
    """The same package, as if it were the next version."""
    tree, target = folder / "newer", folder / f"crossing-monitor_{NEXT}-1+deb12_{ARCHITECTURE}.deb"
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True)
    control = tree / "DEBIAN/control"
    said = control.read_text(encoding="utf-8")
    old = f"Version: {deb.version_of_the_project()}-"
    assert old in said
    control.write_text(said.replace(old, f"Version: {NEXT}-"), encoding="utf-8")
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", tree, target], check=True)
    return target


def booted(folder: Path) -> Container:
    root = folder / "root"
    root.mkdir(parents=True)
    machine.unpack(machine.system(ARCHITECTURE, "python3-venv,ca-certificates"), root)
    shutil.copy(ROOT / "tests/clips/day.mp4", root / "opt/day.mp4")
    return Container(root)


@pytest.fixture(scope="module")
def device(folder: Path, package: Path) -> Iterator[Container]:
    container = booted(folder / "device")
    try:
        shutil.copy(package, container.root / "root/package.deb")
        container.run("dpkg", "--install", "/root/package.deb", check=True)
        (container.root / "etc/crossing/mqtt-password").write_text("secret-of-mast-1\n", encoding="utf-8")
        faster = container.root / f"etc/systemd/system/{EDGE}.d/test.conf"
        faster.parent.mkdir(parents=True)
        faster.write_text(f"[Service]\nWatchdogSec={WATCHDOG_S}\n", encoding="utf-8")
        container.run("systemctl", "daemon-reload", check=True)
        yield container
    finally:
        container.stop()


def test_without_a_configuration_it_waits_and_does_not_fail(device: Container) -> None:
    device.run("systemctl", "start", EDGE, check=True)
    assert (device.show("ActiveState"), device.show("ConditionResult")) == ("inactive", "no")


def test_the_units_are_understood_to_the_last_key(device: Container) -> None:
    assert device.run("systemd-analyze", "verify", EDGE, "crossing-collector.service") == ""


def test_it_starts_and_says_that_it_is_ready(device: Container) -> None:
    device.start()
    assert device.show("ActiveState") == "active"
    assert device.show("StatusText") == "counting for bridge/mast-1"
    assert device.show("User") == "crossing-edge"


@pytest.mark.parametrize(("unit", "most"), [(EDGE, 1.5), ("crossing-collector.service", 1.5)])
def test_it_is_exposed_by_no_more_than(device: Container, unit: str, most: float) -> None:
    line = device.run("systemd-analyze", "security", "--no-pager", unit, check=True).splitlines()[-1]
    assert float(line.split(":")[1].split()[0]) <= most, line


def test_a_wrong_configuration_ends_it_once_and_says_why(device: Container) -> None:
    device.start()
    (device.root / "etc/crossing/edge.yaml").write_text(YAML.replace("every_s: 5", "every_s: 1"), encoding="utf-8")
    before = int(device.show("NRestarts"))
    device.run("systemctl", "restart", EDGE)
    device.until(20, lambda: device.show("ActiveState") == "failed", "end")
    time.sleep(8)  # longer than RestartSec=
    assert (device.show("ActiveState"), device.show("ExecMainStatus")) == ("failed", "2")
    assert int(device.show("NRestarts")) <= before
    assert "report.every_s is 1" in device.journal()


def test_only_the_service_reads_its_credential(device: Container) -> None:
    pid = device.start()
    mine = "/run/credentials/crossing-edge.service/mqtt-password"
    assert device.run(*AS_THE_SERVICE, "cat", mine) == "secret-of-mast-1\n"
    for user in ("nobody", "crossing-collector"):
        for path in (mine, "/etc/crossing/mqtt-password", "/etc/crossing/edge.yaml"):
            said = device.run("setpriv", f"--reuid={user}", "--clear-groups", "cat", path)
            assert "Permission denied" in said, (user, path, said)
    own = device.run(*AS_THE_SERVICE, "cat", "/etc/crossing/mqtt-password")
    assert "Permission denied" in own
    said = device.run("cat", f"/proc/{pid}/environ", f"/proc/{pid}/cmdline") + device.journal()
    assert "secret-of-mast-1" not in said


def test_the_cameras_password_is_a_credential_too_and_nobody_says_it(device: Container) -> None:
    secret = "secret-of-the-camera"
    (device.root / "etc/crossing/camera-password").write_text(f"{secret}\n", encoding="utf-8")
    _, picture = cv2.imencode(".jpg", np.full((360, 640, 3), 90, np.uint8))
    (device.root / "opt/picture.jpg").write_bytes(picture.tobytes())
    shutil.copy(ROOT / "tests/guarded_camera.py", device.root / "opt")
    camera = ["/usr/bin/python3", "/opt/guarded_camera.py", "8080", "/opt/picture.jpg", "/run/told"]
    device.run("systemd-run", "--unit=camera", *camera, check=True)
    try:
        mine = "http://127.0.0.1:8080/live, username: viewer, password_credential: camera-password,"
        pid = device.start(YAML.replace("/opt/day.mp4,", mine))
        told = device.run("tail", "-n1", "/run/told").strip()
        assert told == f"Basic {base64.b64encode(f'viewer:{secret}'.encode()).decode()}"
        own = device.run(*AS_THE_SERVICE, "cat", "/etc/crossing/camera-password")
        assert "Permission denied" in own
        asked = ["env", "CREDENTIALS_DIRECTORY=/etc/crossing", "crossing-edge", "check", "/etc/crossing/edge.yaml"]
        said = device.run("cat", f"/proc/{pid}/environ", f"/proc/{pid}/cmdline") + device.journal() + device.run(*asked)
        assert "/etc/crossing/edge.yaml is in order" in said
        assert secret not in said
    finally:
        device.run("systemctl", "stop", "camera")


def test_the_collectors_addresses_are_a_credential_and_nobody_says_them(device: Container) -> None:
    unit, urls = "crossing-collector.service", device.root / "etc/crossing-collector/alert-urls"
    mine = f"/run/credentials/{unit}/alert-urls"
    (device.root / "etc/crossing-collector/collector.yaml").write_text(
        "store: /var/lib/crossing-collector/counts.sqlite\nmqtt: {host: 127.0.0.1, port: 1883, tls: false}\n"
        f"alerts: {{tell: {{urls_file: {mine}}}}}\n",
        encoding="utf-8",
    )

    def journal() -> str:
        return device.run("journalctl", "--boot", "--no-pager", "--output=cat", "--unit", unit)

    try:
        device.run("systemctl", "restart", unit)
        device.until(60, lambda: "127.0.0.1:1883" in journal(), "word about the broker, so an empty file is well")
        urls.write_text("duty = mailtos://centre:secret-of-the-mailbox@example.org\n", encoding="utf-8")
        device.run("systemctl", "restart", unit)
        ended = ("systemctl", "show", "--value", "--property=ExecMainStatus", unit)
        device.until(60, lambda: device.run(*ended).strip() == "2", "end, as the package has no Apprise")
        assert "alerts.tell.urls_file needs Apprise" in journal()
        assert "secret-of-the-mailbox" not in journal()
        for user in ("nobody", "crossing-edge", "crossing-collector"):
            said = device.run(
                "setpriv", f"--reuid={user}", "--clear-groups", "cat", "/etc/crossing-collector/alert-urls"
            )
            assert "Permission denied" in said, (user, said)
    finally:
        device.run("systemctl", "stop", unit)
        (device.root / "etc/crossing-collector/collector.yaml").unlink()


def test_it_writes_nowhere_but_to_its_folder_and_tells_nobody(device: Container) -> None:
    pid = device.start()
    inside = f"/proc/{pid}/root"
    assert "outbox" in device.run("ls", "/var/lib/crossing")
    options = device.run("findmnt", "--noheadings", "--output", "OPTIONS", "--tab-file", f"/proc/{pid}/mountinfo", "/")
    assert options.split(",")[0] == "ro", options
    assert device.run("find", f"{inside}/tmp", f"{inside}/var/tmp", "-type", "f") == ""


def test_a_hung_pipeline_is_restarted_by_the_watchdog_and_tells_where_it_hung(device: Container) -> None:
    pid = device.start()
    before = int(device.show("NRestarts"))
    device.run("kill", "-STOP", pid, check=True)
    device.until(WATCHDOG_S + 25, lambda: int(device.show("NRestarts")) == before + 1, "restart")
    device.until(30, lambda: device.show("ActiveState") == "active", "service")
    journal = device.journal()
    assert "Watchdog timeout" in journal
    assert "Current thread" in journal or "most recent call first" in journal
    assert device.show("MainPID") != pid


def test_it_comes_back_after_a_kill(device: Container) -> None:
    pid = device.start()
    before = int(device.show("NRestarts"))
    device.run("kill", "-KILL", pid, check=True)
    device.until(30, lambda: int(device.show("NRestarts")) == before + 1, "restart")
    device.until(30, lambda: device.show("ActiveState") == "active", "service")


def test_it_reloads_and_stays(device: Container) -> None:
    pid = device.start()
    device.run("systemctl", "reload", EDGE, check=True)
    time.sleep(2)
    assert (device.show("MainPID"), device.show("ActiveState")) == (pid, "active")


def test_it_ends_within_five_seconds(device: Container) -> None:
    device.start()
    began = time.monotonic()
    device.run("systemctl", "stop", EDGE, check=True)
    took_s = time.monotonic() - began
    assert (device.show("ActiveState"), device.show("Result"), device.show("ExecMainStatus")) == (
        "inactive",
        "success",
        "0",
    )
    assert took_s < 5.0


def test_an_update_and_the_way_back_keep_configuration_and_outbox(
    device: Container, package: Path, newer: Path
) -> None:
    (device.root / "etc/systemd/journald.conf.d/crossing.conf").write_text("[Journal]\nSystemMaxUse=50M\n")
    pid = device.start()
    device.until_reported(2)
    kept = ("etc/crossing/edge.yaml", "etc/crossing/mqtt-password", "etc/systemd/journald.conf.d/crossing.conf")
    before = {name: (device.root / name).read_bytes() for name in kept}
    for path, version in ((newer, NEXT), (package, deb.version_of_the_project())):
        shutil.copy(path, device.root / "root" / path.name)
        numbered = device.reports()
        device.run("apt-get", "install", "--yes", "--allow-downgrades", f"/root/{path.name}", check=True)
        installed = device.run("dpkg-query", "--show", "--showformat=${Version}", "crossing-monitor", check=True)
        assert installed == f"{version}-1+deb12"
        device.until_restarted(pid)
        pid = device.show("MainPID")
        device.until_reported(numbered + 2)
        assert {name: (device.root / name).read_bytes() for name in kept} == before


def test_who_disabled_a_unit_keeps_it_so_over_an_update(device: Container, package: Path) -> None:
    device.run("systemctl", "disable", "--now", EDGE, check=True)
    shutil.copy(package, device.root / "root" / package.name)
    device.run("apt-get", "install", "--yes", "--reinstall", f"/root/{package.name}", check=True)
    assert device.run("systemctl", "is-enabled", EDGE).strip() == "disabled"
    assert device.show("ActiveState") == "inactive"
    device.run("systemctl", "enable", EDGE, check=True)


def test_removing_the_package_keeps_configuration_and_outbox_and_purging_does_not(device: Container) -> None:
    device.start()
    device.run("apt-get", "remove", "--yes", "crossing-monitor", check=True)
    assert device.show("ActiveState") == "inactive"
    assert (device.root / "etc/crossing/edge.yaml").exists()
    assert (device.root / "etc/crossing/camera-password").exists()
    assert (device.root / "etc/systemd/journald.conf.d/crossing.conf").exists()
    assert list((device.root / "var/lib/crossing").iterdir())
    assert not list((device.root / "usr/lib").glob("crossing-monitor"))
    device.run("apt-get", "purge", "--yes", "crossing-monitor", check=True)
    for gone in ("etc/crossing", "etc/crossing-collector", "etc/systemd/journald.conf.d", "var/lib/crossing"):
        assert not (device.root / gone).exists(), gone


def test_on_a_root_that_forgets_what_was_counted_stays(folder: Path, package: Path) -> None:
    """The root is read-only below, /var/lib/crossing of its own, as the page on installing tells; three starts."""
    once = booted(folder / "overlay")
    try:
        shutil.copy(package, once.root / "root/package.deb")
        once.run("dpkg", "--install", "/root/package.deb", check=True)
        alone = once.root / f"etc/systemd/system/{EDGE}.d/override.conf"
        alone.parent.mkdir(parents=True)
        alone.write_text("[Unit]\nRequiresMountsFor=/var/lib/crossing\n", encoding="utf-8")
        once.start()
    finally:
        once.stop()
    kept = folder / "partition"
    kept.mkdir()
    numbered = 0
    for _ in range(2):
        again = Container(once.root, keeping=kept)
        try:
            assert "/var/lib/crossing" in again.show("RequiresMountsFor")
            again.until_reported(numbered + 2)
            numbered = again.reports()
            assert not (once.root / "etc/marked").exists()
            again.run("touch", "/etc/marked", check=True)
        finally:
            again.stop()
    assert not (once.root / "etc/marked").exists()


@pytest.fixture(scope="module")
def wheelhouse(folder: Path) -> Path:
    """All wheels of the device for Python 3.11, and ours twice: as it is, and as if it were the next version."""
    wheels = folder / "wheels"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(wheels), str(ROOT)], check=True)
    (ours,) = wheels.glob("crossing_monitor-*.whl")
    target = ["--only-binary=:all:", "--platform", deb.PLATFORMS[ARCHITECTURE], "--python-version", "3.11"]
    subprocess.run([*pip, "download", *target, "--dest", str(wheels), f"{ours}[setup]"], check=True)
    old = deb.version_of_the_project()
    with zipfile.ZipFile(ours) as source, zipfile.ZipFile(wheels / ours.name.replace(old, NEXT), "w") as next_one:
        for name in source.namelist():
            content = source.read(name)
            if name.endswith(("/METADATA", "/RECORD")):
                content = content.replace(old.encode(), NEXT.encode())
            if name.endswith("/METADATA"):
                assert f"Version: {NEXT}".encode() in content
            next_one.writestr(name.replace(f"-{old}.", f"-{NEXT}."), content)
    return wheels


@pytest.fixture(scope="module")
def bare(folder: Path, wheelhouse: Path) -> Iterator[Container]:
    """Without the package, with the wheels and what install.sh needs of the checkout."""
    container = booted(folder / "bare")
    try:
        shutil.copytree(wheelhouse, container.root / "root/wheels")
        shutil.copytree(ROOT / "deploy", container.root / "root/deploy")
        yield container
    finally:
        container.stop()


def install(container: Container, version: str) -> str:
    wheel = f"/root/wheels/crossing_monitor-{version}-py3-none-any.whl"
    return container.run("/root/deploy/install.sh", "install", wheel, "--wheelhouse", "/root/wheels", check=True)


def test_without_a_package_it_is_installed_updated_rolled_back_and_removed(bare: Container) -> None:
    old = deb.version_of_the_project()

    def link(name: str) -> str:
        return str((bare.root / "opt/crossing-monitor" / name).readlink())

    assert f"crossing-monitor {old} is installed" in install(bare, old)
    bare.start()
    assert f"crossing-monitor {old} is installed" in install(bare, old)  # again
    assert (link("current"), bare.show("ActiveState")) == (old, "active")
    assert bare.run("systemd-analyze", "verify", EDGE, "crossing-collector.service") == ""
    before = bare.show("MainPID")

    install(bare, NEXT)
    assert (link("current"), link("previous")) == (NEXT, old)
    assert bare.run("crossing-edge", "--version", check=True).split()[-1] == NEXT
    assert (bare.show("ActiveState"), bare.show("MainPID") != before) == ("active", True)

    bare.run("/root/deploy/install.sh", "rollback", check=True)
    assert (link("current"), link("previous")) == (old, NEXT)
    assert bare.run("crossing-edge", "--version", check=True).split()[-1] == old
    assert bare.show("ActiveState") == "active"

    said = bare.run("/root/deploy/install.sh", "install", "/root/nothing.whl")
    assert "/root/nothing.whl does not exist" in said
    assert link("current") == old
    assert not list((bare.root / "opt/crossing-monitor").glob(".new*"))

    bare.run("/root/deploy/install.sh", "remove", check=True)
    assert not (bare.root / "opt/crossing-monitor").exists()
    assert not bare.run("systemctl", "list-unit-files", "--no-legend", "crossing-*").strip()
    assert (bare.root / "etc/crossing/edge.yaml").exists()
    assert list((bare.root / "var/lib/crossing").iterdir())
    install(bare, old)
    assert bare.show("ActiveState") == "active"  # with what was kept
    bare.run("/root/deploy/install.sh", "remove", "--purge", check=True)
    assert not (bare.root / "etc/crossing").exists()
    assert not (bare.root / "var/lib/crossing").exists()
