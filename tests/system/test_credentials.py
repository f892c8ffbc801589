"""What the script makes can be used, is nobody else's to read, and is never overwritten."""

import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.broker.credentials import Refused, main, make
from tests.system.broker import _program

SCRIPT = Path(__file__).parents[2] / "deploy" / "broker" / "credentials.py"
USER = "bridge/mast-1"


@pytest.fixture(autouse=True)
def _mosquitto_is_there() -> None:
    _program()


def files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_second_run_changes_nothing_and_one_more_user_adds_that_user_alone(tmp_path: Path) -> None:
    assert all(line.startswith("made ") for line in make(tmp_path, servers=["broker.example"], users=[USER]))
    before = files(tmp_path)
    assert all(line.startswith("kept ") for line in make(tmp_path, servers=["broker.example"], users=[USER]))
    assert files(tmp_path) == before
    list(make(tmp_path, users=[USER, "collector"]))
    after = files(tmp_path)
    added = {f"clients/collector/{name}" for name in ("ca.crt", "client.crt", "client.key", "password")}
    assert set(after) == set(before) | added
    assert {name for name in before if after[name] != before[name]} == {"broker/passwords"}
    assert after["broker/passwords"].startswith(before["broker/passwords"])


def test_every_file_is_its_owners_alone_and_no_secret_is_said(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, SCRIPT, tmp_path / "new", "--user", USER], capture_output=True, check=True, umask=0
    )
    made = files(tmp_path / "new")
    assert {(tmp_path / "new" / name).stat().st_mode & 0o777 for name in made} == {0o600}
    secret = made[f"clients/{USER}/password"].strip()
    assert len(secret) >= 32
    assert [name for name, content in made.items() if secret in content] == [f"clients/{USER}/password"]
    assert secret not in said.stdout + said.stderr


def test_no_secret_is_ever_an_argument(tmp_path: Path) -> None:
    """The script runs with stand-ins for both tools that note what they were called with."""
    noted = tmp_path / "noted"
    for tool in ("openssl", "mosquitto_passwd"):
        real = subprocess.run(["which", tool], capture_output=True, text=True, check=True).stdout.strip()
        stand_in = tmp_path / "bin" / tool
        stand_in.parent.mkdir(exist_ok=True)
        stand_in.write_text(f'#!/bin/sh\necho "$0 $*" >> {noted}\nexec {real} "$@"\n')
        stand_in.chmod(0o700)
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    command = [sys.executable, str(SCRIPT), str(tmp_path / "new"), "--user", USER]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PATH": path})
    secret = (tmp_path / "new" / "clients" / USER / "password").read_text().strip()
    assert noted.read_text().count("\n") >= 6
    assert secret not in noted.read_text()


def test_the_server_is_known_by_every_name_given(tmp_path: Path) -> None:
    list(make(tmp_path, servers=["broker.example", "192.0.2.7"]))
    context = ssl.create_default_context(cafile=tmp_path / "authority" / "ca.crt")
    assert len(context.get_ca_certs()) == 1
    shown = subprocess.run(
        ["openssl", "x509", "-noout", "-ext", "subjectAltName", "-in", tmp_path / "broker" / "server.crt"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert shown.stdout.split(":", 1)[1].split() == [
        *("DNS:localhost,", "IP", "Address:127.0.0.1,", "DNS:broker.example,", "IP", "Address:192.0.2.7")
    ]
    command = ["openssl", "verify", "-x509_strict", "-CAfile", str(tmp_path / "broker" / "ca.crt")]
    subprocess.run([*command, str(tmp_path / "broker" / "server.crt")], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("lost", "sentence"),
    [
        ("broker/server.key", "one is missing"),
        ("authority/ca.crt", "one is missing"),
        (f"clients/{USER}/password", r"stands in .*passwords alone"),
        ("broker/passwords", r"stands in .*password alone"),
    ],
)
def test_where_a_half_is_missing_the_other_is_not_overwritten(tmp_path: Path, lost: str, sentence: str) -> None:
    list(make(tmp_path, users=[USER]))
    (tmp_path / lost).unlink()
    before = files(tmp_path)
    with pytest.raises(Refused, match=sentence):
        list(make(tmp_path, users=[USER]))
    assert files(tmp_path) == before


def test_a_certificate_for_other_names_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), "--server", "old.example"]) == 0
    assert main([str(tmp_path), "--server", "new.example"]) == 2
    assert "is not for new.example; move it" in capsys.readouterr().err


@pytest.mark.parametrize("user", ["a/b/c", "Bridge/mast", "bridge/+", "#", "", "bridge/", "x" * 65, "a:b"])
def test_a_user_that_the_acls_could_not_tell_is_refused_before_anything_is_made(tmp_path: Path, user: str) -> None:
    assert main([str(tmp_path / "new"), "--user", USER, "--user", user]) == 2
    assert not (tmp_path / "new").exists()


def test_a_name_too_long_for_a_certificate_has_its_password(tmp_path: Path) -> None:
    user = f"{'s' * 64}/{'d' * 64}"
    assert "no certificate for" in "".join(make(tmp_path, users=[user]))
    assert (tmp_path / "clients" / user / "password").exists()
