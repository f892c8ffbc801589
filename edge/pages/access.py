"""Access control of the pages: the token, the host, the origin. Pure.

1. `Host` must be an address, or this machine's own name: another name that resolves to this machine (DNS rebinding) is
   refused. Without `--lan` only loopback is allowed.
2. The token comes once in the URL and from then on in a cookie; it is compared in constant time.
3. A request that changes anything must come from our pages: `Origin` is the `Host`, `Sec-Fetch-Site` says no other, and
   the body is JSON, which a form of a foreign page cannot send.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is refused."""

    status: HTTPStatus
    sentence: str


@dataclass(frozen=True, slots=True)
class Gate:
    """`names` are the host names of this machine, in lower case; `cookie` is the name of the cookie."""

    token: str
    cookie: str
    names: frozenset[str] = frozenset()
    lan: bool = False

    def refusal(self, method: str, headers: Mapping[str, str], token: str) -> Refusal | None:
        """None if the request may be answered; `headers` by their names in lower case, `token` as in the URL or ""."""
        host = headers.get("host", "")
        if not self._is_ours(host):
            return Refusal(HTTPStatus.FORBIDDEN, "this page is not known under that name; use the address printed")
        if not (self._is_token(token) or self._is_token(self._in_cookie(headers.get("cookie", "")))):
            return Refusal(HTTPStatus.FORBIDDEN, "the token is missing or wrong; open the address printed at the start")
        if method == "GET":
            return None
        if (
            headers.get("origin", "") != f"http://{host}"
            or headers.get("sec-fetch-site", "same-origin") != "same-origin"
        ):
            return Refusal(HTTPStatus.FORBIDDEN, "only a page from here may change anything")
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "only JSON is taken")
        return None

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self.token.encode())

    def _in_cookie(self, header: str) -> str:
        try:
            cookie = SimpleCookie(header).get(self.cookie)
        except CookieError:
            return ""
        return cookie.value if cookie is not None else ""

    def _is_ours(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        if name == "localhost":
            return True
        try:
            address = ip_address(name)
        except ValueError:
            return self.lan and name in self.names
        return self.lan or address.is_loopback
