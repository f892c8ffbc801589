"""The application: all routes, errors as one sentence, and the guard around everything."""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from collector.api import (
    alert_routes,
    balance_routes,
    convoy_routes,
    counting_routes,
    device_routes,
    evidence_routes,
    export_routes,
    live_routes,
    pages,
    queue_routes,
    service_routes,
    session_routes,
    site_routes,
    verdict_routes,
    watching_routes,
)
from collector.api.answers import UnknownError
from collector.api.context import Context
from collector.api.guard import Guard
from collector.api.metrics import Metrics
from collector.api.models import Problem
from collector.api.query_pool import BusyError
from collector.store.interface import TooLongError
from edge.clock import Clock
from edge.errors import CrossingError, InputError

Asgi = Callable[
    [
        MutableMapping[str, Any],
        Callable[[], Awaitable[MutableMapping[str, Any]]],
        Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ],
    Awaitable[None],
]
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": what}
    for status, what in {
        400: "not a request for us",
        401: "a token is needed",
        403: "the token has not the scope",
        404: "there is no such thing",
        413: "too large",
        414: "the query is too long",
        415: "not JSON",
        422: "a value is wrong",
        429: "too many requests",
        503: "too busy, or the store does not answer in time",
    }.items()
}


PREFIX = "/api/v1"
LOGGED_MS = 60_000
_LOG = logging.getLogger(__name__)


def routers(context: Context, metrics: Metrics) -> list[tuple[str, APIRouter]]:
    """All routers with their prefixes."""
    parts = (
        session_routes,
        site_routes,
        counting_routes,
        balance_routes,
        queue_routes,
        convoy_routes,
        watching_routes,
        evidence_routes,
        device_routes,
        alert_routes,
        verdict_routes,
        live_routes,
        export_routes,
    )
    inner = [(PREFIX, part.routes(context)) for part in parts]
    return [*inner, ("", service_routes.routes(context, metrics)), ("", pages.routes())]


def build(context: Context) -> FastAPI:
    """All routes, without the guard."""
    app = FastAPI(
        title="Crossing monitor",
        description="Counts, coverage, queues, devices and evidence of the collector. In a count, null is not 0:"
        " null means that nobody watched.",
        version="1",
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,  # the usual page of documentation loads scripts from elsewhere
        redoc_url=None,
        responses=_PROBLEMS,
    )
    metrics = Metrics(context.board, context.faults)
    app.state.on_response = metrics.count_response
    for prefix, router in routers(context, metrics):
        app.include_router(router, prefix=prefix)
    app.add_exception_handler(HTTPException, _http_problem)
    app.add_exception_handler(RequestValidationError, _validation_problem)
    app.add_exception_handler(CrossingError, _OurProblems(context.clock))
    return app


def guarded(context: Context, app: FastAPI) -> Asgi:
    """The application with its guard, as it is served."""
    http = context.http
    return Guard(
        app,
        names=[*http.names, *filter(None, [urlsplit(http.address).hostname])],
        per_minute=http.requests_per_minute,
        https=http.behind_tls or http.certificate_file is not None,
        on_response=app.state.on_response,
    )


async def _http_problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), "it is registered for this"
    return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)


async def _validation_problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError), "it is registered for this"
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("query", "path", "body"))
    return JSONResponse({"error": f"{where or 'the body'}: {first['msg']}"[:500]}, 422)


class _OurProblems:
    """Responses for errors of the request and of the collector.

    Messages of the latter name hosts, roles and files: the response does not include them, and the log has them, the
    same one at most every LOGGED_MS.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._logged = "", 0

    async def __call__(self, _request: Request, error: Exception) -> Response:
        if isinstance(error, UnknownError):
            return JSONResponse({"error": str(error)}, 404)
        if isinstance(error, InputError):
            return JSONResponse({"error": str(error)}, 422)
        sentence = str(error)
        if not isinstance(error, BusyError | TooLongError):
            self._log(sentence)
            sentence = "the collector cannot answer at the moment; its log says why"
        return JSONResponse({"error": sentence}, 503, {"Retry-After": "5"})

    def _log(self, sentence: str) -> None:
        logged, logged_ms = self._logged
        now_ms = self._clock.monotonic_ms()
        if sentence != logged or now_ms - logged_ms >= LOGGED_MS:
            self._logged = sentence, now_ms
            _LOG.error("the pages and the API cannot answer: %s", sentence)
