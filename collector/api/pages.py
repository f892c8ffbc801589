"""The files of the dashboard, our own and those of the chart library, read once and compressed once.

Browsers revalidate our own files each time. The address of the library contains its version, so it is cached for long.
"""

import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter, Request, Response

KINDS = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "webmanifest": "application/manifest+json",
}
COMPRESSED_FROM = 1_024  # bytes


@dataclass(frozen=True, slots=True)
class _File:
    kind: str
    plain: bytes
    small: bytes
    tag: str
    keep: str

    @classmethod
    def of(cls, where: Traversable, keep: str, *, level: int = 9) -> "_File":
        plain = where.read_bytes()
        small = gzip.compress(plain, level, mtime=0) if len(plain) >= COMPRESSED_FROM else b""
        return cls(KINDS[where.name.rpartition(".")[2]], plain, small, hashlib.sha256(plain).hexdigest()[:32], keep)

    def answer(self, request: Request) -> Response:
        tag = f'"{self.tag}"'
        headers = {"ETag": tag, "Cache-Control": self.keep, "Vary": "Accept-Encoding"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        if self.small and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(self.small, headers=headers | {"Content-Encoding": "gzip"}, media_type=self.kind)
        return Response(self.plain, headers=headers, media_type=self.kind)


@lru_cache(maxsize=1)
def _ours() -> Mapping[str, _File]:
    return {
        one.name: _File.of(one, "no-cache")
        for one in files("collector.dashboard").joinpath("static").iterdir()
        if one.name.rpartition(".")[2] in KINDS
    }


@lru_cache(maxsize=1)
def _charts() -> _File:
    where = files("plotly").joinpath("package_data", "plotly.min.js")
    return _File.of(where, "private, max-age=31536000, immutable", level=6)


def charts_address() -> str:
    """The address of the chart library, relative to the page, which a proxy may serve below another path."""
    return f"vendor/plotly-{version('plotly')}.js"


@lru_cache(maxsize=1)
def charts_marks() -> tuple[str, ...]:
    """Ids of style elements that the library would insert for its maps; elements with these ids prevent that."""
    found = re.findall(r'getElementById\("([0-9a-f]{64})"\)', _charts().plain.decode(errors="replace"))
    return tuple(sorted(set(found)))


def warm() -> None:
    """Read and compress everything, so that the first visitor does not wait."""
    _ours()
    charts_marks()


def routes() -> APIRouter:
    """The page and its files, which are public and need no scope."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def page(request: Request) -> Response:
        return _ours()["index.html"].answer(request)

    @router.get("/static/{name}")
    async def file(request: Request, name: str) -> Response:
        found = _ours().get(name)
        return Response(status_code=404) if found is None else found.answer(request)

    @router.get("/vendor/{name}")
    def library(request: Request, name: str) -> Response:  # in a thread: compressing it takes a moment, once
        return _charts().answer(request) if f"vendor/{name}" == charts_address() else Response(status_code=404)

    return router
