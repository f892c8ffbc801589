"""Makes the credentials of a broker and its clients: a certificate authority, certificates and passwords.

    python deploy/broker/credentials.py FOLDER --server broker.example --user bridge/mast-1 --user collector

Three folders come of it, each to be carried whole to where it belongs: `authority` (the key that signs: keep it off
the broker), `broker`, and one per user in `clients`. What exists is kept and never overwritten, so the same command
with one more `--user` adds that user alone. Secrets are files of mode 0600 from their first byte; they pass to
openssl and mosquitto_passwd as files, never as arguments, and nothing prints them.

Needs openssl 3 and mosquitto_passwd, and Python's standard library alone: it runs on the broker's machine as it is.
"""

import argparse
import ipaddress
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

AUTHORITY_DAYS, CERTIFICATE_DAYS = 3650, 825
COMMON_NAME_MAX = 64  # characters, says X.509
PASSWORD_BYTES = 24  # of randomness: nobody types it
NAME = "[a-z0-9-]{1,64}"  # as on the wire
USER = re.compile(f"{NAME}(/{NAME})?")
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


class Refused(Exception):  # noqa: N818  # an answer, not a bug
    """The arguments are wrong, or something would be overwritten; the message is one sentence."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="credentials", description=str(__doc__).splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--server", action="append", default=[], metavar="NAME", help="a name or address of the broker")
    parser.add_argument("--user", action="append", default=[], metavar="NAME", help="site/device, or a service's name")
    given = parser.parse_args(arguments)
    try:
        for line in make(given.folder, servers=given.server, users=given.user):
            print(line)
    except Refused as refusal:
        print(f"credentials: {refusal}", file=sys.stderr)
        return 2
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        print(f"credentials: {' '.join(str(said).split())}", file=sys.stderr)
        return 1
    return 0


def make(folder: Path, *, servers: Sequence[str] = (), users: Sequence[str] = ()) -> Iterator[str]:
    """Make what is missing; yields a line for everything made or kept. Refused before anything is begun, or OSError."""
    for user in users:
        if not USER.fullmatch(user):
            raise Refused(f"user {user!r}: site/device or one name is allowed, of 1 to 64 characters of a-z, 0-9 and -")
    for server in servers:
        if not HOST.fullmatch(server) and not _is_address(server):
            raise Refused(f"server {server!r} is neither a host name nor an address")
    names = ["localhost", "127.0.0.1", *(name for name in servers if name not in {"localhost", "127.0.0.1"})]
    authority, broker = folder / "authority", folder / "broker"
    ca = (authority / "ca.crt", authority / "ca.key")
    with _private():
        for one in (folder, authority, broker, folder / "clients"):
            one.mkdir(parents=True, exist_ok=True)
        yield _certificate(*ca, name="Crossing monitor authority", days=AUTHORITY_DAYS)
        yield _copy(ca[0], broker / "ca.crt")
        yield _certificate(
            broker / "server.crt", broker / "server.key", ca=ca, name="Crossing monitor broker", servers=names
        )
        for user in users:
            home = folder / "clients" / user
            home.mkdir(parents=True, exist_ok=True)
            yield _copy(ca[0], home / "ca.crt")
            if len(user) <= COMMON_NAME_MAX:
                yield _certificate(home / "client.crt", home / "client.key", ca=ca, name=user)
            else:
                yield f"no certificate for {user}: a common name has at most {COMMON_NAME_MAX} characters"
            yield _password(broker / "passwords", home / "password", user)


def _certificate(
    certificate: Path,
    key: Path,
    *,
    name: str,
    ca: tuple[Path, Path] | None = None,
    servers: Sequence[str] = (),
    days: int = CERTIFICATE_DAYS,
) -> str:
    """A key and its certificate, signed by `ca` or by itself."""
    if certificate.exists() or key.exists():
        if not (certificate.exists() and key.exists()):
            raise Refused(f"of {certificate} and {key} one is missing; move the other aside, both will be made anew")
        for server in servers:
            kind = "-checkip" if _is_address(server) else "-checkhost"
            if "does match" not in _openssl("x509", "-in", str(certificate), "-noout", kind, server):
                raise Refused(f"{certificate} is not for {server}; move it and its key aside, they will be made anew")
        return f"kept {certificate}"
    purpose = "extendedKeyUsage=serverAuth" if servers else "extendedKeyUsage=clientAuth"
    of_authority = "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign"
    of_client = f"basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n{purpose}"
    extensions = [of_client if ca else of_authority, "subjectKeyIdentifier=hash"]
    if ca:
        extensions.append("authorityKeyIdentifier=keyid:always")
    if servers:
        kinds = (("IP" if _is_address(server) else "DNS", server) for server in servers)
        extensions.append("subjectAltName=" + ",".join(f"{kind}:{server}" for kind, server in kinds))
    wanted = "\n".join(
        (
            *("[req]", "distinguished_name=who", "x509_extensions=how", "prompt=no"),
            *("[who]", f"CN={name}", "[how]", *extensions),
        )
    )
    with _making(key) as new_key, _making(certificate) as new_certificate:
        _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(new_key))
        signer = ["-CA", str(ca[0]), "-CAkey", str(ca[1])] if ca else []
        _openssl(
            *("req", "-x509", "-new", "-sha256", "-days", str(days), "-set_serial", f"0x{secrets.token_hex(16)}"),
            *("-key", str(new_key), "-out", str(new_certificate), "-config", "/dev/stdin", *signer),
            said=wanted,
        )
    return f"made {certificate}"


def _password(passwords: Path, password: Path, user: str) -> str:
    """A random password for the user, and its hash for the broker."""
    hashes = passwords.read_text(encoding="utf-8") if passwords.exists() else ""
    known = any(line.startswith(f"{user}:") for line in hashes.splitlines())
    if known or password.exists():
        if not (known and password.exists()):
            where = password if password.exists() else passwords
            raise Refused(f"the password of {user} stands in {where} alone; remove it there, it will be made anew")
        return f"kept {password}"
    secret = secrets.token_urlsafe(PASSWORD_BYTES)
    with TemporaryDirectory(dir=passwords.parent) as folder:
        one = Path(folder) / "one"
        one.write_text(f"{user}:{secret}\n", encoding="utf-8")
        # -U hashes the passwords of a file where they stand: so this one is in nobody's list of processes.
        subprocess.run(["mosquitto_passwd", "-U", str(one)], check=True, capture_output=True, text=True)  # noqa: S607
        hashed = one.read_text(encoding="utf-8")
    with _making(passwords) as new_hashes, _making(password) as new_password:
        new_hashes.write_text(hashes + hashed, encoding="utf-8")
        new_password.write_text(f"{secret}\n", encoding="utf-8")
    return f"made {password}"


def _copy(source: Path, target: Path) -> str:
    if target.exists():
        if target.read_bytes() != source.read_bytes():
            raise Refused(f"{target} is of another authority than {source}; move it aside")
        return f"kept {target}"
    with _making(target) as new:
        new.write_bytes(source.read_bytes())
    return f"made {target}"


def _openssl(*arguments: str, said: str = "") -> str:
    command = ["openssl", *arguments]
    return subprocess.run(command, input=said, check=True, capture_output=True, text=True).stdout


def _is_address(server: str) -> bool:
    try:
        ipaddress.ip_address(server)
    except ValueError:
        return False
    return True


@contextmanager
def _making(path: Path) -> Iterator[Path]:
    """A new file, which takes its name only when it is whole."""
    new = path.with_name(f".{path.name}.new")
    try:
        yield new
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


@contextmanager
def _private() -> Iterator[None]:
    """All files made meanwhile are their owner's alone."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


if __name__ == "__main__":
    sys.exit(main())
