"""Checks before every route: malformed requests, rate limits, and the headers of every response.

1. `Host` must be an address, localhost or a configured name: other names that point here (DNS rebinding) are refused.
2. There are no uploads: a body is JSON of at most BODY_BYTES_MAX, with or without a stated length.
3. Requests per minute are limited, and attempts to log in much more.
4. Content security policy: scripts, styles and pictures from this server only, none inline; no frames; only our own
   files are cached.
"""

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from contextlib import suppress
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

BODY_BYTES_MAX = 16_384
QUERY_BYTES_MAX = 4_096
KNOWN_MAX = 10_000
LOGINS_PER_MINUTE = 20
LOGIN = "/api/v1/session"
HEADERS = {
    "Cache-Control": "no-store",
    # The chart library makes an empty style element, of which this is the hash.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self';"
        " style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=';"
        " img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_App = Callable[[_Scope, _Receive, _Send], Awaitable[None]]


class Guard:
    """An ASGI application around another one. `on_response` gets route, method, status and seconds of each response."""

    def __init__(
        self,
        app: _App,
        *,
        names: Collection[str],
        per_minute: int,
        https: bool,
        on_response: Callable[[str, str, int, float], None],
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._names = {name.lower() for name in names}
        self._headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
        if https:
            self._headers.append((b"strict-transport-security", b"max-age=31536000"))
        self._on_response = on_response
        self._monotonic_s = monotonic_s
        self._pace = _RateLimit(per_minute)
        self._login_pace = _RateLimit(LOGINS_PER_MINUTE)

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Answer or refuse one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s = self._monotonic_s()
        status = 500
        body = _Body(receive)

        async def answer(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if body.is_too_large:
                return  # the response of the application is replaced
            if message["type"] == "http.response.start":
                status = message["status"]
                given = {name.lower() for name, _ in message["headers"]}
                more = [one for one in self._headers if one[0] not in given]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        headers = {name.lower(): value for name, value in scope["headers"]}
        refusal = self._refusal(scope, headers, began_s)
        try:
            if refusal is not None:
                await _refuse(answer, *refusal)
            else:
                with suppress(_TooLargeError):
                    await self._app(scope, body.receive, answer)
                if body.is_too_large and status == 500:
                    body.is_too_large = False
                    await _refuse(answer, 413, f"at most {BODY_BYTES_MAX} bytes are taken")
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._on_response(route, scope["method"], status, self._monotonic_s() - began_s)

    def _refusal(self, scope: _Scope, headers: dict[bytes, bytes], now_s: float) -> tuple[int, str] | None:
        return self._malformed(scope, headers) or self._too_many(scope, headers, now_s)

    def _malformed(self, scope: _Scope, headers: dict[bytes, bytes]) -> tuple[int, str] | None:
        if not self._is_ours(headers.get(b"host", b"").decode("latin-1")):
            return 403, "this page is not known under that name; see `http.names`"
        if len(scope.get("query_string", b"")) > QUERY_BYTES_MAX:
            return 414, f"a query has at most {QUERY_BYTES_MAX} bytes"
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length[:16]) > BODY_BYTES_MAX:
            return 413, f"at most {BODY_BYTES_MAX} bytes are taken"
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        has_body = int(length[:16]) > 0 or b"transfer-encoding" in headers
        if has_body and kind != b"application/json":
            return 415, "only JSON is taken, and nothing is uploaded"
        return None

    def _too_many(self, scope: _Scope, headers: dict[bytes, bytes], now_s: float) -> tuple[int, str] | None:
        client = scope.get("client") or ("", 0)
        if scope["method"] != "GET" and scope["path"] == LOGIN and not self._login_pace.take(client[0], now_s):
            return 429, "too many attempts; wait a minute"
        credential = headers.get(b"authorization") or headers.get(b"cookie") or b""
        who = hashlib.sha256(credential).hexdigest() if credential else ""
        # limited by address as well, so that a new token for each request gains nothing
        if not self._pace.take(client[0] + who[:16], now_s) or not self._pace.take(client[0], now_s, weight=0.25):
            return 429, "too many requests; wait a moment"
        return None

    def _is_ours(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        if name == "localhost" or name in self._names:
            return True
        try:
            ip_address(name)
        except ValueError:
            return False
        return True


class _RateLimit:
    """A token bucket per client, of one minute's requests; beyond KNOWN_MAX the least recent client is forgotten."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # who -> what is left, as of when

    def take(self, who: str, now_s: float, *, weight: float = 1.0) -> bool:
        left, as_of_s = self._left.pop(who, (float(self._per_minute), now_s))
        left = min(float(self._per_minute), left + (now_s - as_of_s) * self._per_minute / 60)
        allowed = left >= weight
        self._left[who] = (left - weight if allowed else left, now_s)
        if len(self._left) > KNOWN_MAX:
            self._left.popitem(last=False)
        return allowed


class _TooLargeError(Exception):
    pass


class _Body:
    """Bounds a body without a stated length as well."""

    def __init__(self, receive: _Receive) -> None:
        self._receive = receive
        self._left = BODY_BYTES_MAX
        self.is_too_large = False

    async def receive(self) -> MutableMapping[str, Any]:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            self.is_too_large = True
            raise _TooLargeError
        return message


async def _refuse(send: _Send, status: int, sentence: str) -> None:
    body = json.dumps({"error": sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 429:
        headers.append((b"retry-after", b"60"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
