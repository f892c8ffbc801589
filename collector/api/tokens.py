"""Tokens with scopes, in a file that has only their hashes.

A token has 256 random bits, so a plain SHA-256 of it reveals nothing and needs no salt. The file is readable by its
owner only (mode 600), replaced atomically, and changed by one process at a time. A *link* is valid once, for a few
minutes: it logs a browser in without typing a token. A cookie is signed with the hash of its token, so it survives a
restart and becomes invalid with the token.
"""

import fcntl
import hashlib
import hmac
import os
import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal, get_args

import msgspec

from edge.errors import InputError, WorkError
from edge.wire.names import Name

TokenScope = Literal["read", "pictures", "acknowledge", "operate"]
SCOPES: tuple[TokenScope, ...] = get_args(TokenScope)
"""Read counts, devices, reports and alerts; see pictures; acknowledge alerts and say what a vehicle was; have devices
send again."""
LINK_MINUTES = 10
COOKIE_DAYS = 30
TOKENS_MAX = 1_000
LINKS_MAX = 100
_DAY_MS = 86_400_000


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """One token, by its name; `sha256` of its text in hexadecimal."""

    name: Name
    sha256: str
    scopes: tuple[TokenScope, ...]
    created_ms: int


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A login for the first who uses it, with the scopes of the token `name`."""

    name: Name
    sha256: str
    until_ms: int


class _File(msgspec.Struct, frozen=True, kw_only=True):
    version: Literal[1] = 1
    tokens: tuple[Token, ...] = ()
    links: tuple[Link, ...] = ()


class TokenFile:
    """The file at `path`, read again whenever it has changed. May be used by any thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._file = _File()

    def tokens(self) -> tuple[Token, ...]:
        """All tokens, by name."""
        return self._read().tokens

    def bearer(self, text: str) -> Token | None:
        """The token with this text; None if there is none."""
        given, found = _hash_of(text), None
        for token in self._read().tokens:  # all of them, so that the time taken reveals nothing
            if hmac.compare_digest(token.sha256, given):
                found = token
        return found

    def add(self, name: str, scopes: Sequence[TokenScope], *, now_ms: int) -> str:
        """Add a token and return its text, which is not stored. InputError if the name is taken."""
        text = "crossing-" + secrets.token_urlsafe(32)
        with self._changing() as file:
            if any(token.name == name for token in file.tokens):
                raise InputError(f"there is a token {name} already; remove it first, or take another name")
            if len(file.tokens) >= TOKENS_MAX:
                raise InputError(f"there are {TOKENS_MAX} tokens already, and no more are kept")
            wanted = tuple(scope for scope in SCOPES if scope in scopes)
            new = Token(name=name, sha256=_hash_of(text), scopes=wanted, created_ms=now_ms)
            self._write(msgspec.structs.replace(file, tokens=tuple(sorted([*file.tokens, new], key=lambda t: t.name))))
        return text

    def remove(self, name: str) -> None:
        """Remove a token; its links and cookies become invalid. InputError if there is none of that name."""
        with self._changing() as file:
            if all(token.name != name for token in file.tokens):
                raise InputError(f"there is no token {name}; `crossing-collector token list` shows all")
            self._write(
                _File(
                    tokens=tuple(token for token in file.tokens if token.name != name),
                    links=tuple(link for link in file.links if link.name != name),
                )
            )

    def link(self, name: str, *, now_ms: int) -> str:
        """The code of a new link. InputError if there is no such token."""
        code = secrets.token_urlsafe(32)
        with self._changing() as file:
            if all(token.name != name for token in file.tokens):
                raise InputError(f"there is no token {name}; `crossing-collector token list` shows all")
            new = Link(name=name, sha256=_hash_of(code), until_ms=now_ms + LINK_MINUTES * 60_000)
            links = [link for link in file.links if link.until_ms > now_ms][-(LINKS_MAX - 1) :]
            self._write(msgspec.structs.replace(file, links=(*links, new)))
        return code

    def redeem(self, code: str, *, now_ms: int) -> Token | None:
        """The token of a link, which is used up; None if the link is unknown, used or too old."""
        given = _hash_of(code)
        if not any(hmac.compare_digest(link.sha256, given) for link in self._read().links):
            return None
        with self._changing() as file:
            found = [link for link in file.links if hmac.compare_digest(link.sha256, given)]
            if not found:
                return None
            self._write(msgspec.structs.replace(file, links=tuple(link for link in file.links if link not in found)))
            if found[0].until_ms <= now_ms:
                return None
            return next((token for token in file.tokens if token.name == found[0].name), None)

    def cookie(self, token: Token, *, now_ms: int) -> str:
        """The value of a cookie for a token."""
        until_ms = now_ms + COOKIE_DAYS * _DAY_MS
        return f"{token.name}.{until_ms}.{_signature(token, until_ms)}"

    def of_cookie(self, cookie: str, *, now_ms: int) -> Token | None:
        """The token of a cookie; None if it is invalid or has expired."""
        name, _, rest = cookie.partition(".")
        until, _, signature = rest.partition(".")
        if not (until.isascii() and until.isdigit() and len(until) < 16) or int(until) <= now_ms:
            return None
        found = None
        for token in self._read().tokens:
            if token.name == name and hmac.compare_digest(
                _signature(token, int(until)).encode(), signature.encode(errors="replace")
            ):
                found = token
        return found

    def _read(self) -> _File:
        with self._lock:
            try:
                stat = self.path.stat()
            except FileNotFoundError:
                self._stamp, self._file = None, _File()
                return self._file
            except OSError as error:
                raise WorkError(f"http.tokens_file {self.path} cannot be read: {error.strerror}") from error
            stamp = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            if stamp != self._stamp:
                if stat.st_mode & 0o077:
                    raise InputError(f"http.tokens_file {self.path} is open to others; chmod 600 it")
                try:
                    self._file = msgspec.json.decode(self.path.read_bytes(), type=_File)
                except OSError as error:
                    raise WorkError(f"http.tokens_file {self.path} cannot be read: {error.strerror}") from error
                except msgspec.MsgspecError as error:
                    raise InputError(f"http.tokens_file {self.path} is no file of tokens: {error}") from error
                self._stamp = stamp
            return self._file

    @contextmanager
    def _changing(self) -> Iterator[_File]:
        """The content of the file, locked until the end."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.path.with_name(f".{self.path.name}.lock"), os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise InputError(f"http.tokens_file {self.path} cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self._read()
        finally:
            os.close(lock)

    def _write(self, file: _File) -> None:
        new = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}")
        try:
            with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as out:
                out.write(msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n")
                out.flush()
                os.fsync(out.fileno())
            new.replace(self.path)
        except OSError as error:
            with suppress(OSError):
                new.unlink()
            raise InputError(f"http.tokens_file {self.path} cannot be written: {error.strerror}") from error


def _hash_of(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def _signature(token: Token, until_ms: int) -> str:
    signed = f"{token.name}.{until_ms}.{','.join(token.scopes)}".encode()
    return hmac.new(bytes.fromhex(token.sha256), signed, "sha256").hexdigest()
