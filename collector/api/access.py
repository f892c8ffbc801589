"""Authentication and authorization. Every route names the scope that it needs; a test checks all routes.

1. A program sends its token: `Authorization: Bearer crossing-...`. A browser sends the cookie that it got for a token
   or a link; the cookie is HttpOnly and SameSite=Strict.
2. With a cookie, a request that changes anything must come from our own page: `Origin` equals `Host`, and
   `Sec-Fetch-Site`, if sent, is same-origin. Foreign pages cannot send a token in a header.
3. In public mode everybody may use the routes marked `public`, and no others.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import HTTPException, Request, Security
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from collector.api.context import Context
from collector.api.tokens import Token, TokenScope

CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_BEARER = HTTPBearer(auto_error=False, description="a token of `crossing-collector token add`")
_COOKIE = APIKeyCookie(name="crossing-<port>", auto_error=False, description="what `POST /api/v1/session` sets")


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who sends a request: the name of the token, empty for the public."""

    name: str
    scopes: frozenset[TokenScope]
    token: Token | None = None


def visitor_of(context: Context, request: Request) -> Visitor | None:
    """The visitor with the token or cookie of the request; None without a valid one."""
    kind, _, text = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and text:
        token = context.tokens.bearer(text.strip())
    else:
        cookie = request.cookies.get(context.cookie, "")
        token = context.tokens.of_cookie(cookie, now_ms=context.clock.real_ms()) if cookie else None
        if token is not None and request.method in CHANGING and not is_from_here(request):
            raise HTTPException(403, "only a page from here may change anything")
    return Visitor(token.name, frozenset(token.scopes), token) if token is not None else None


def is_from_here(request: Request) -> bool:
    """Whether our own page sent the request."""
    origin = urlsplit(request.headers.get("origin", ""))
    if origin.scheme not in {"http", "https"} or origin.netloc != request.headers.get("host"):
        return False
    return request.headers.get("sec-fetch-site", "same-origin") == "same-origin"


class Needs:
    """A dependency of a route: the scope that it needs; with `public` it needs none in public mode."""

    def __init__(self, context: Context, scope: TokenScope, *, public: bool = False) -> None:
        self.scope = scope
        self.public = public
        self._context = context

    async def __call__(
        self,
        request: Request,
        _bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)] = None,
        _cookie: Annotated[str | None, Security(_COOKIE)] = None,
    ) -> Visitor:
        """The visitor; HTTPException if the scope is missing."""
        visitor = visitor_of(self._context, request)
        if visitor is not None and self.scope in visitor.scopes:
            return visitor
        if self.public and self._context.http.public:
            return visitor or Visitor("", frozenset())
        if visitor is None:
            raise HTTPException(401, "a token is needed", {"WWW-Authenticate": "Bearer"})
        raise HTTPException(403, f"the token {visitor.name} has no scope {self.scope}")


def needs_of(route: APIRoute) -> list[Needs]:
    """The scopes that a route needs, for the test that every route needs one."""

    def walk(dependant: Dependant) -> Iterator[Any]:
        yield dependant.call
        for one in dependant.dependencies:
            yield from walk(one)

    return [call for call in walk(route.dependant) if isinstance(call, Needs)]
