"""Routes to log a browser in and out, and to get its scopes."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from collector.api.access import Needs, is_from_here, visitor_of
from collector.api.context import Context
from collector.api.models import Credential, Me
from collector.api.pages import charts_address, charts_marks
from collector.api.tokens import COOKIE_DAYS, SCOPES


def routes(context: Context) -> APIRouter:
    """All of them; they need no scope, and a test says which ones these are."""
    router = APIRouter(tags=["session"])

    @router.get("/session")
    async def me(request: Request) -> Me:
        """Who asks, and what they may."""
        visitor = visitor_of(context, request)
        return _me(context, visitor.name if visitor else "", visitor.scopes if visitor else frozenset())

    @router.post("/session")
    async def enter(request: Request, response: Response, credential: Credential) -> Me:
        """A token, or the code of a link, for a cookie."""
        if "origin" in request.headers and not is_from_here(request):
            raise HTTPException(403, "only a page from here may do this")
        now_ms = context.clock.real_ms()
        token = None
        if credential.token:
            token = context.tokens.bearer(credential.token.strip())
        elif credential.code:
            token = context.tokens.redeem(credential.code.strip(), now_ms=now_ms)
        if token is None:
            what = "this token is not known" if credential.token else "this link was used already, or is too old"
            raise HTTPException(401, what, {"WWW-Authenticate": "Bearer"})
        _set_cookie(context, response, context.tokens.cookie(token, now_ms=now_ms), days=COOKIE_DAYS)
        return _me(context, token.name, frozenset(token.scopes))

    @router.delete("/session", dependencies=[Depends(Needs(context, "read"))])
    async def leave(response: Response) -> Me:
        """Forget the cookie."""
        _set_cookie(context, response, "", days=0)
        return _me(context, "", frozenset())

    return router


def _set_cookie(context: Context, response: Response, value: str, *, days: int) -> None:
    """Set the cookie, or delete it if `days` is 0.

    It has no path: browsers then send it only below the folder of this request, which is that of the API wherever a
    proxy puts it. A cookie for the whole host, as earlier versions set it, is deleted.
    """
    secure = context.http.behind_tls or context.http.certificate_file is not None
    given: dict[str, Any] = {"httponly": True, "samesite": "strict", "secure": secure}
    response.set_cookie(context.cookie, value, max_age=days * 86_400, path=None, **given)
    response.delete_cookie(context.cookie, path="/", **given)


def _me(context: Context, name: str, scopes: frozenset[str]) -> Me:
    try:
        ours = version("crossing-monitor")
    except PackageNotFoundError:
        ours = ""
    return Me(
        name=name,
        scopes=[scope for scope in SCOPES if scope in scopes],
        public=context.http.public,
        version=ours,
        charts=charts_address(),
        charts_marks=list(charts_marks()),
    )
