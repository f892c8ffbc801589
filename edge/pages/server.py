"""A small web server for one person at a time: static files, a few routes, and a token on everything.

Threads: `serve_forever` runs in one of its own, every connection in another (at most `CONNECTIONS_MAX`, more are
closed at once); routes must therefore be thread-safe. `__exit__` ends the first; the others are daemons and time out.
"""

import json
import logging
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from edge.errors import InputError, WorkError
from edge.pages.access import Gate, Refusal

log = logging.getLogger(__name__)

BODY_BYTES_MAX = 1_000_000
CONNECTIONS_MAX = 32
IDLE_S_MAX = 20.0  # of a connection; the longest answer waits for two seconds
KINDS = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response."""

    body: bytes
    kind: str = "application/json"
    status: HTTPStatus = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)


Query = Mapping[str, str]
Route = Callable[[Query, bytes], Answer]
"""From the query and the body to the answer. InputError becomes a 422 and WorkError a 500, with their sentence."""


def answer_json(value: Any, status: HTTPStatus = HTTPStatus.OK) -> Answer:
    """An answer in JSON."""
    return Answer(json.dumps(value).encode(), status=status)


def number_in(query: Query, name: str) -> int:
    """A number from 0 on in the query, -1 if it is absent; InputError if it is none."""
    text = query.get(name, "-1")
    if text != "-1" and not (text.isascii() and text.isdigit() and len(text) < 16):
        raise InputError(f"{name} is {text[:20]!r}; a number is expected")
    return int(text)


class PageServer:
    """Serves `page` (a static file) at /, the other files by name, and `routes` by method and path.

    `port` 0 takes a free one. Raises InputError if the port cannot be had.
    """

    def __init__(
        self, page: str, routes: Mapping[tuple[str, str], Route], *, port: int = 0, lan: bool = False, token: str = ""
    ) -> None:
        try:
            self._server = _Server(("0.0.0.0" if lan else "127.0.0.1", port), _Connection)  # noqa: S104  # on request
        except OSError as error:
            raise InputError(f"--port {port} cannot be had: {error.strerror}; --port 0 takes a free one") from error
        self.port: int = self._server.server_address[1]
        self.token = token or secrets.token_urlsafe(32)
        names = {socket.gethostname().lower(), f"{socket.gethostname().lower()}.local"}
        # Cookies are shared by all ports of a host, so each page has a name of its own.
        gate = Gate(self.token, f"crossing-{self.port}", frozenset(names), lan)
        self._server.site = _Site(gate, _our_files(page), routes)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="pages", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _our_files(page: str) -> dict[str, Answer]:
    found = {
        f"/{one.name}": Answer(one.read_bytes(), KINDS[one.name.rpartition(".")[2]])
        for one in files("edge.pages").joinpath("static").iterdir()
        if one.name.rpartition(".")[2] in KINDS
    }
    return found | {"/": found[f"/{page}"]}


@dataclass(frozen=True, slots=True)
class _Site:
    gate: Gate
    files: Mapping[str, Answer]
    routes: Mapping[tuple[str, str], Route]

    def answer(self, method: str, path: str, query: Query, body: bytes) -> Answer:
        if method == "GET" and path in self.files:
            return self.files[path]
        route = self.routes.get((method, path))
        if route is None:
            return answer_json({"error": f"there is no {method} {path}"}, HTTPStatus.NOT_FOUND)
        try:
            return route(query, body)
        except InputError as error:
            return answer_json({"error": str(error)}, HTTPStatus.UNPROCESSABLE_ENTITY)
        except WorkError as error:
            return answer_json({"error": str(error)}, HTTPStatus.INTERNAL_SERVER_ERROR)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = CONNECTIONS_MAX
    site: _Site

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._free = threading.BoundedSemaphore(CONNECTIONS_MAX)
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take one more connection, or close it."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The outermost frame of a connection's thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that closes a connection is no fault."""
        log.debug("a connection ended badly", exc_info=True)


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "crossing"
    sys_version = ""
    timeout = IDLE_S_MAX
    server: _Server

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query, max_num_fields=16).items()}
        token = query.pop("token", "")
        refusal = self._malformed() or self.server.site.gate.refusal(
            self.command, {name.lower(): value for name, value in self.headers.items()}, token
        )
        if refusal is not None:
            self.close_connection = True  # its body was not read
            self._send(answer_json({"error": refusal.sentence}, refusal.status))
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if token:  # into a cookie, and out of the address, which could be copied or stored
            gate = self.server.site.gate
            cookie = f"{gate.cookie}={gate.token}; HttpOnly; SameSite=Strict; Path=/"
            self._send(Answer(b"", status=HTTPStatus.SEE_OTHER, headers={"Set-Cookie": cookie, "Location": "/"}))
            return
        try:
            answer = self.server.site.answer(self.command, parts.path, query, body)
        except Exception:  # the outermost loop of this thread
            log.exception("%s %s failed", self.command, parts.path)
            answer = answer_json({"error": "this failed; the log has more"}, HTTPStatus.INTERNAL_SERVER_ERROR)
        self._send(answer)

    def _malformed(self) -> Refusal | None:
        """What is wrong with the request itself, checked before access."""
        for name in ("Host", "Origin", "Content-Length", "Content-Type"):
            if len(self.headers.get_all(name, [])) > 1:
                return Refusal(HTTPStatus.BAD_REQUEST, f"{name} is given twice")
        if "Transfer-Encoding" in self.headers:
            return Refusal(HTTPStatus.LENGTH_REQUIRED, "a body needs a length")
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdigit() and len(length) < 16):
            return Refusal(HTTPStatus.BAD_REQUEST, "the length of the body is no number")
        if int(length) > BODY_BYTES_MAX:
            return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {BODY_BYTES_MAX} bytes are taken")
        return None

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in (HEADERS | dict(answer.headers)).items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Give what the library itself refuses (methods, malformed requests) the same headers."""
        self.close_connection = True
        self._send(answer_json({"error": message or HTTPStatus(code).phrase}, HTTPStatus(code)))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's name
        """No request is logged: its address may hold the token."""
