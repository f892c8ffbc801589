"""One picture over HTTP: a conditional request, login, redirects, and bounds on size and time.

Made of the standard library's http.client: that has connections, headers and chunks. What it does not have is here, and
is small: a bound on the whole of a request and not only on each wait, redirects that never take a password elsewhere or
from https to http, and one answer to a login's challenge (login.py). A wrong password is tried once a request, as
cameras lock out whoever tries more.

Its errors name the host and never the user, the password or the query.
"""

import http.client
import re
import socket
import ssl
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import SplitResult, unquote, urljoin, urlsplit, urlunsplit

from edge.errors import WorkError
from edge.redaction import masked
from edge.vision.login import authorization, challenge_of

BYTES_MAX = 20_000_000
REDIRECTS_MAX = 5
CHUNK = 65_536
TYPES = "image/jpeg, image/png;q=0.9, */*;q=0.1"
MOVED = (301, 302, 303, 307, 308)
AGE_S_MAX = 10 * 365 * 86_400


@dataclass(frozen=True, slots=True)
class Address:
    """Where the picture is; `timeout_s` bounds the whole request, `ca_file` replaces the system's authorities."""

    url: str = field(repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    timeout_s: float = 10.0
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class Validators:
    """The validators of a picture, for a conditional request."""

    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is None where the picture is that of before. `age_s`: by the server's own clock, None if it tells none."""

    body: bytes | None
    validators: Validators = Validators()
    age_s: float | None = None
    kind: str = ""
    """The Content-Type."""


class FetchError(WorkError):
    """Why there is no picture, in one sentence; `wait_s` is the server's Retry-After."""

    def __init__(self, message: str, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.wait_s = wait_s


def fetch(address: Address, validators: Validators = Validators()) -> Answer:  # frozen
    """Ask for the picture; FetchError with a sentence where there is none."""
    request = _Request(address, validators, time.monotonic() + address.timeout_s)
    return request.answer()


class _Request:
    """One request with its redirects and login, until a deadline."""

    def __init__(self, address: Address, validators: Validators, until_s: float) -> None:
        self._address = address
        self._until_s = until_s
        self._headers = {"Accept": TYPES, "User-Agent": "crossing-edge", "Cache-Control": "no-cache"}
        if validators.etag:
            self._headers["If-None-Match"] = validators.etag
        if validators.last_modified:
            self._headers["If-Modified-Since"] = validators.last_modified
        self._origin = _origin_of(address.url)
        self._username, self._password = _user_of(address)

    def answer(self) -> Answer:
        url, challenge = self._address.url, ""
        for _ in range(REDIRECTS_MAX + 2):
            name = name_of(url)
            response, body = self._ask(url, self._login(url, challenge))
            if response.status == 401 and not challenge and self._username and _origin_of(url) == self._origin:
                challenge = challenge_of(response.headers.get_all("WWW-Authenticate") or [])
                if not challenge:
                    raise FetchError(
                        f"{name} asks for a login that is neither basic nor digest, the two that are known"
                    )
                continue
            if response.status in MOVED:
                url = self._moved(url, response)
                challenge = ""
                continue
            return self._read(name, response, body, tried=bool(challenge))
        raise FetchError(f"{name_of(self._address.url)} sends on from one address to the next; at most {REDIRECTS_MAX}")

    def _moved(self, url: str, response: http.client.HTTPResponse) -> str:
        to = urljoin(url, response.headers.get("Location", ""))
        if to == url or urlsplit(to).scheme not in ("http", "https"):
            raise FetchError(f"{name_of(url)} sends on ({response.status}) to no http:// or https:// address")
        if url.startswith("https:") and not to.startswith("https:"):
            raise FetchError(f"{name_of(url)} sends on from https to http, which is not followed")
        return to

    def _read(self, name: str, response: http.client.HTTPResponse, body: bytes, *, tried: bool) -> Answer:
        """The picture or the error of the last response."""
        status, headers = response.status, response.headers
        validators = Validators(headers.get("ETag", ""), headers.get("Last-Modified", ""))
        if status == 304:
            return Answer(None, validators)
        if status != 200:
            raise FetchError(f"{name} {_refusal(status, tried=tried)}", _wait_of(headers.get("Retry-After", "")))
        kind = headers.get_content_type() if "Content-Type" in headers else ""
        return Answer(body, validators, _age_of(headers), kind)

    def _ask(self, url: str, login: str) -> tuple[http.client.HTTPResponse, bytes]:
        parts, name = urlsplit(url), name_of(url)
        headers = self._headers | ({"Authorization": login} if login else {})
        left_s = self._until_s - time.monotonic()
        late = f"{name} gave no whole picture within {self._address.timeout_s:g} s"
        if left_s <= 0:
            raise FetchError(late)
        connection = self._connection(parts, left_s)
        guard: threading.Timer | None = None
        try:
            connection.connect()
            # A time-out of a socket bounds each wait; one byte every second would go on for ever.
            guard = threading.Timer(max(self._until_s - time.monotonic(), 0.0), _cut, (connection.sock,))
            guard.daemon = True
            guard.start()
            connection.request("GET", _path_of(parts), headers=headers)
            response = connection.getresponse()
            with closing(response):  # it may hold the socket after the connection dropped it
                return response, self._body(response, name) if response.status == 200 else b""
        except FetchError:
            raise
        except (OSError, http.client.HTTPException, ValueError) as error:
            if time.monotonic() >= self._until_s - 0.01:
                raise FetchError(late) from error
            raise FetchError(f"{name} {_failure(error)}") from error
        finally:
            if guard is not None:
                guard.cancel()
            connection.close()

    def _connection(self, parts: Any, left_s: float) -> http.client.HTTPConnection:
        try:
            if parts.scheme == "http":
                return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=left_s)
            context = ssl.create_default_context(cafile=self._address.ca_file or None)
            return http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=left_s, context=context)
        except (OSError, ValueError, http.client.HTTPException) as error:
            what = f"camera.ca_file {self._address.ca_file}" if isinstance(error, OSError) else "its address"
            raise FetchError(f"{name_of(self._address.url)}: {what} cannot be used: {error}") from error

    def _body(self, response: http.client.HTTPResponse, name: str) -> bytes:
        if response.headers.get_content_type().startswith("multipart/"):
            raise FetchError(f"{name} sends a stream of pictures and no still; leave out camera.every_s to watch it")
        if (response.length or 0) > BYTES_MAX:
            raise FetchError(f"{name} sends {response.length} bytes; allowed are {BYTES_MAX}")
        body = bytearray()
        while chunk := response.read(CHUNK):
            body += chunk
            if len(body) > BYTES_MAX:
                raise FetchError(f"{name} sends more than {BYTES_MAX} bytes, which is no picture of a camera")
        if response.length:  # not all that was announced
            raise http.client.IncompleteRead(bytes(body), response.length)
        return bytes(body)

    def _login(self, url: str, challenge: str) -> str:
        """The Authorization of a request; the password goes to the configured host alone."""
        if not challenge or _origin_of(url) != self._origin:
            return ""
        return authorization(challenge, self._username, self._password, uri=_path_of(urlsplit(url)))


def name_of(url: str) -> str:
    """For people: without user, password and query."""
    parts = urlsplit(masked(url))
    host = parts.hostname or ""
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    return urlunsplit((parts.scheme, f"[{host}]{port}" if ":" in host else host + port, parts.path, "", ""))


def _path_of(parts: SplitResult) -> str:
    """What a request asks for: path and query."""
    return urlunsplit(("", "", parts.path or "/", parts.query, ""))


def _user_of(address: Address) -> tuple[str, str]:
    """As configured, or as it stands in the url."""
    if address.username:
        return address.username, address.password
    parts = urlsplit(address.url)
    return unquote(parts.username or ""), unquote(parts.password or "")


def _origin_of(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _refusal(status: int, *, tried: bool) -> str:
    """Why a server gives no picture."""
    if status == 401:
        if tried:
            return "refuses the user name or the password (401)"
        return "asks for a user name and a password (401); say camera.username and camera.password_file"
    known = {
        403: "does not allow the picture to be fetched (403)",
        404: "has no picture there (404); is camera.url right?",
        410: "has no picture there any more (410)",
        429: "is asked too often (429); raise camera.every_s",
        503: "is not able to answer now (503)",
    }
    if status in known:
        return known[status]
    return f"fails by itself ({status})" if status >= 500 else f"answers {status} and no picture"


def _failure(error: Exception) -> str:  # noqa: PLR0911  # a sentence for each kind
    """Why a request failed."""
    match error:
        case ssl.SSLCertVerificationError():
            why = error.verify_message.rstrip(".")
            return f"has a certificate that cannot be trusted: {why}; camera.ca_file names an authority to trust"
        case ssl.SSLError():
            return f"speaks no TLS that is understood: {error.reason or 'unknown reason'}"
        case socket.gaierror():
            return "cannot be found: its name is not known"
        case ConnectionRefusedError():
            return "refuses the connection"
        case TimeoutError():
            return "does not answer"
        case http.client.IncompleteRead():
            return f"broke off in the middle of a picture, {error.expected} bytes short"
        case http.client.RemoteDisconnected() | ConnectionError():
            return "ended the connection without an answer"
        case http.client.HTTPException():
            return f"speaks no HTTP that is understood: {type(error).__name__}"
        case OSError(strerror=str(strerror)):
            return f"cannot be reached: {strerror}"
    return f"cannot be asked: {type(error).__name__}"


def _wait_of(text: str) -> float:
    """Seconds of a Retry-After; 0 where it says none."""
    return min(float(text), 3600.0) if re.fullmatch("[0-9]{1,9}", text) else 0.0


def _age_of(headers: Any) -> float | None:
    """How long before the answer the picture was made, by the server's own clock: so it may well be wrong."""
    with suppress(ValueError, TypeError, OverflowError):
        made, now = (parsedate_to_datetime(headers[key]) for key in ("Last-Modified", "Date"))
        cached_s = float(headers["Age"]) if re.fullmatch("[0-9]{1,9}", headers.get("Age", "")) else 0.0
        age_s = (now - made).total_seconds() + cached_s
        return min(max(age_s, 0.0), AGE_S_MAX)
    return None


def _cut(sock: socket.socket) -> None:
    """End whatever waits for this socket."""
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
