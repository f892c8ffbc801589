"""Mosquitto as in production: a real process with the configuration, ACLs, TLS and credentials of deploy/broker.

    with broker(tmp_path, users=("bridge/mast-1", "collector")) as mosquitto:
        edge_yaml["mqtt"] = mosquitto.mqtt("bridge/mast-1")
        mosquitto.kill(); mosquitto.lose_what_was_saved(); mosquitto.start()

On loopback, on one free port over all its lives. Only the port, the paths, the user that it runs as and `settings`
differ from the configuration that ships; a test skips, with its reason, where Mosquitto is not installed.
"""

import os
import pwd
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from deploy.broker.credentials import make
from edge.delivery.connection import Broker
from tests.ports import free_port

SHIPPED = Path(__file__).parents[2] / "deploy" / "broker"
USERS = ("bridge/mast-1", "bridge/mast-2", "collector", "collector-2", "home-assistant", "telegraf")
ANSWER_WAIT_S = 60.0
BY_CERTIFICATE = {"#require_certificate true": "require_certificate true"} | {
    "#use_identity_as_username true": "use_identity_as_username true"
}


class Mosquitto:
    """The broker's process, its files and who may talk to it. It does not run before `start`."""

    def __init__(
        self, folder: Path, users: Sequence[str], replaced: Mapping[str, str], *, certificates: bool = False
    ) -> None:
        self.folder = folder
        self._certificates = certificates
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._saved = folder / "saved"
        self._saved.mkdir(parents=True)
        self.log = folder / "mosquitto.log"
        for _ in make(folder, users=users):
            pass
        shutil.copy(SHIPPED / "acl", folder / "broker" / "acl")
        configuration = (SHIPPED / "mosquitto.conf").read_text(encoding="utf-8")
        here = {
            "listener 8883": f"listener {self.port} 127.0.0.1",
            "/etc/mosquitto/crossing": str(folder / "broker"),
            "/var/lib/mosquitto": str(self._saved),
        }
        for shipped, ours in {**here, **replaced}.items():
            configuration, found = re.subn(rf"{re.escape(shipped)}\b", ours, configuration)
            assert found, f"{shipped!r} is in the configuration that ships"
        # Started by root it would become the user mosquitto, who cannot enter the folders of a test.
        configuration += f"user {pwd.getpwuid(os.getuid()).pw_name}\n"
        self._configuration = folder / "mosquitto.conf"
        self._configuration.write_text(configuration, encoding="utf-8")

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None, "it runs"
        return self._process.pid

    def start(self) -> None:
        """Run it, and return once it answers a TLS handshake."""
        assert self._process is None, "one process at a time"
        with self.log.open("ab") as log:
            command = [_program(), "-c", str(self._configuration)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + ANSWER_WAIT_S
        while not self._answers():
            alive = self._process.poll() is None
            assert alive, self.log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, "the broker does not answer"
            time.sleep(0.02)  # nothing announces that a port is open

    def stop(self) -> None:
        """SIGTERM: it saves what it holds and ends."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: what came since the last save is forgotten."""
        self._end(signal.SIGKILL)

    def lose_what_was_saved(self) -> None:
        """Sessions, queues and what was retained, gone: a new disk."""
        assert self._process is None, "it would save again"
        for file in self._saved.iterdir():
            file.unlink()

    def save(self) -> None:
        """Make it save now what it would save within the minute, and wait until it has."""
        before = self._saved_at_ns()
        os.kill(self.pid, signal.SIGUSR1)
        deadline = time.monotonic() + ANSWER_WAIT_S
        while self._saved_at_ns() == before:
            assert time.monotonic() < deadline, "the broker does not save"
            time.sleep(0.02)

    def present(self, server: str, *, days: int) -> None:
        """Show another certificate from now on: that of `server`, valid for so many days; of -1, it has expired."""
        authority, shown = self.folder / "authority" / "ca", self.folder / "broker" / "server"
        name = ["-subj", "/CN=broker", "-addext", f"subjectAltName=DNS:{server}"]
        request = subprocess.run(
            ["openssl", "req", "-new", "-key", f"{shown}.key", *name], check=True, capture_output=True
        ).stdout
        signed = ["-CA", f"{authority}.crt", "-CAkey", f"{authority}.key", "-copy_extensions", "copyall"]
        command = ["openssl", "x509", "-req", "-days", str(days), *signed, "-out", f"{shown}.crt"]
        subprocess.run(command, input=request, check=True, capture_output=True)
        self.reload()
        made = ssl.PEM_cert_to_DER_cert(Path(f"{shown}.crt").read_text(encoding="utf-8"))
        deadline = time.monotonic() + ANSWER_WAIT_S
        while ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", self.port))) != made:
            assert time.monotonic() < deadline, "the broker does not show it"
            time.sleep(0.02)

    def refuse(self, channel: str) -> None:
        """Let no device write to this channel of its own any more."""
        acl = self.folder / "broker" / "acl"
        before = acl.read_text(encoding="utf-8")
        after = before.replace(f"pattern write crossing/v1/%u/{channel}\n", "")
        assert after != before, f"devices may write to {channel}"
        acl.write_text(after, encoding="utf-8")
        self.reload()

    def reload(self) -> None:
        """SIGHUP: it reads certificates, ACL and passwords again."""
        os.kill(self.pid, signal.SIGHUP)

    def freeze(self) -> None:
        """SIGSTOP: connections stay open and nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def client_file(self, user: str, name: str) -> Path:
        """`password`, `client.crt`, `client.key` or `ca.crt` of a user."""
        return self.folder / "clients" / user / name

    def mqtt(self, user: str) -> dict[str, Any]:
        """The block `mqtt:` of a configuration, the edge's or the collector's, with the user's credentials."""
        files = {"ca_file": "ca.crt"}
        files |= (
            {"certificate_file": "client.crt", "key_file": "client.key"}
            if self._certificates
            else {"password_file": "password"}
        )
        name = {} if self._certificates else {"username": user}
        where = {"host": "localhost", "port": self.port}
        return {**where, **name, **{key: str(self.client_file(user, file)) for key, file in files.items()}}

    def access(self, user: str) -> Broker:
        """The same for a `Publisher`."""
        mqtt = self.mqtt(user)
        given: dict[str, Any] = {key: Path(value) if key.endswith("_file") else value for key, value in mqtt.items()}
        return Broker(**given)

    def _answers(self) -> bool:
        trusting = ssl.create_default_context(cafile=self.folder / "broker" / "ca.crt")
        with (
            suppress(OSError),
            socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_WAIT_S) as plain,
            trusting.wrap_socket(plain, server_hostname="localhost"),
        ):
            return True
        return False

    def _saved_at_ns(self) -> int:
        file = self._saved / "mosquitto.db"
        return file.stat().st_mtime_ns if file.exists() else 0

    def _end(self, number: int) -> None:
        assert self._process is not None, "it runs"
        process, self._process = self._process, None
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)  # a frozen one would not hear SIGTERM
        process.wait(timeout=ANSWER_WAIT_S)


@contextmanager
def broker(
    folder: Path,
    *,
    users: Sequence[str] = USERS,
    settings: Mapping[str, str] | None = None,
    certificates: bool = False,
) -> Iterator[Mosquitto]:
    """A running Mosquitto in a new folder `broker` of `folder`; killed at the end if it still runs.

    `settings` replaces lines of the configuration that ships: {"autosave_interval 60": "autosave_interval 1"}. With
    `certificates`, the clients show theirs instead of a password.
    """
    _program()
    replaced = {**(settings or {}), **(BY_CERTIFICATE if certificates else {})}
    mosquitto = Mosquitto(folder / "broker", users, replaced, certificates=certificates)
    mosquitto.start()
    try:
        yield mosquitto
    finally:
        if mosquitto._process is not None:
            mosquitto.kill()


def _program() -> str:
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")  # not on every user's path
    if found is None or shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto is not installed (apt-get install mosquitto)")
    return found
