"""A real HTTP server on loopback that gives a still picture by its own simulated clock; `script` says what and when."""

import base64
import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass
class Given:
    """What the server answers. `made_ms` is told as Last-Modified; `breaks_off`: so many bytes are kept back."""

    body: bytes = b""
    status: int = 200
    made_ms: int | None = None
    etag: str = ""
    kind: str = "image/png"
    headers: dict[str, str] = field(default_factory=dict)
    breaks_off: int = 0
    hangs_up: bool = False
    trickles_s: float = 0.0  # from one byte to the next


@dataclass
class StillServer:
    """`asked` has the path and headers of every request."""

    script: Callable[[int, str], Given]
    now_ms: int = 0
    url: str = ""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append((handler.path, dict(handler.headers)))
        given = self.script(self.now_ms, handler.path)
        if given.hangs_up:
            handler.close_connection = True
            return
        status = given.status
        if status == 200 and given.etag and handler.headers.get("If-None-Match") == given.etag:
            status = 304
        handler.send_response_only(status)
        handler.send_header("Date", formatdate(self.now_ms / 1000, usegmt=True))
        if given.made_ms is not None:
            handler.send_header("Last-Modified", formatdate(given.made_ms / 1000, usegmt=True))
        if given.etag:
            handler.send_header("ETag", given.etag)
        for key, value in given.headers.items():
            handler.send_header(key, value)
        if status == 304:
            handler.end_headers()
            return
        handler.send_header("Content-Type", given.kind)
        handler.send_header("Content-Length", str(len(given.body)))
        handler.end_headers()
        if given.trickles_s:
            with suppress(OSError):
                for at in range(len(given.body)):
                    handler.wfile.write(given.body[at : at + 1])
                    threading.Event().wait(given.trickles_s)
            return
        handler.wfile.write(given.body[: len(given.body) - given.breaks_off])


@contextmanager
def serving(script: Callable[[int, str], Given]) -> Iterator[StillServer]:
    """Serves until the block ends."""
    stills = StillServer(script)

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            stills.answer(self)

        def log_message(self, *_: Any) -> None:
            """A test says what it needs to."""

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        stills.url = f"http://127.0.0.1:{server.server_port}/still.jpg"
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
        thread.start()
        try:
            yield stills
        finally:
            server.shutdown()
            thread.join()


def png_of(image: NDArray[np.uint8], *, level: int = 1) -> bytes:
    _, body = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, level])
    return body.tobytes()


def jpeg_of(image: NDArray[np.uint8]) -> bytes:
    _, body = cv2.imencode(".jpg", image)
    return body.tobytes()


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def digest_is_right(said: str, username: str, password: str, kind: str = "md5") -> bool:
    """By RFC 7616, as a server computes it."""
    given = {key: quoted or plain for key, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', said)}

    def hashed(text: str) -> str:
        return hashlib.new(kind, text.encode()).hexdigest()

    secret, asked = hashed(f"{username}:{given['realm']}:{password}"), hashed(f"GET:{given['uri']}")
    wanted = hashed(":".join([secret, given["nonce"], given["nc"], given["cnonce"], "auth", asked]))
    return given["username"] == username and given["response"] == wanted
