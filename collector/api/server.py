"""Serves the API and the dashboard beside the subscriber, without delaying it.

Threads: uvicorn's loop runs in one of its own, queries of the store run in those of the `QueryPool`. `start` binds the
port in the thread that calls it, so an address in use is reported at once. `stop` ends streams, waits a few seconds for
answers in progress, and closes the stores. Whatever fails here is logged, and the subscriber goes on.
"""

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import uvicorn

from collector.api import pages
from collector.api.app import build, guarded
from collector.api.connections import BURST, IDLE_S, Connections, FewLines, Listener, room_for
from collector.api.context import Context
from collector.api.live_board import LiveBoard
from collector.api.query_pool import QueryPool
from collector.api.tokens import TokenFile
from collector.config import Http
from collector.domain.faults import Faults
from collector.domain.sites import Site
from collector.protocol.items import ResendUrged
from collector.store.interface import Store
from edge.clock import Clock
from edge.errors import CrossingError, InputError

_LOG = logging.getLogger(__name__)
STOP_WAIT_S = 5


class Api:
    """`open_store(write)` opens the store. The subscriber updates `board`; `urge_resend` hands it requested ranges."""

    def __init__(
        self,
        http: Http,
        *,
        open_store: Callable[[bool], Store],
        board: LiveBoard,
        sites: Mapping[str, Site],
        clock: Clock,
        urge_resend: Callable[[ResendUrged], None],
        faults: Faults | None = None,
    ) -> None:
        self._http = http
        self._pool = QueryPool(open_store, workers=http.workers, seconds_max=http.question_s_max)
        self._board = board
        self._sites = sites
        self._clock = clock
        self._urge_resend = urge_resend
        self._faults = faults or Faults()
        self._few_lines = FewLines()
        self._context: Context | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.port = http.port

    @property
    def address(self) -> str:
        """The URL of the pages, for the log."""
        host = f"[{self._http.host}]" if ":" in self._http.host else self._http.host
        scheme = "https" if self._http.certificate_file is not None else "http"
        return f"{scheme}://{host}:{self.port}"

    def start(self) -> None:
        """Listen, and serve in a thread. If that is not possible it is logged, and the subscriber runs without it."""
        try:
            self._listen()
        except CrossingError as error:
            _LOG.error("%s; reports are taken in without the dashboard and the API", error)

    def _listen(self) -> None:
        http = self._http
        try:
            family = socket.AF_INET6 if ":" in http.host else socket.AF_INET
            listener = _listen_at(http.host, http.port, family)
        except OSError as error:
            raise InputError(f"http: {http.host}:{http.port} cannot be listened at: {error.strerror}") from error
        self.port = listener.getsockname()[1]
        context = Context(
            http,
            self.port,
            self._pool,
            self._board,
            TokenFile(http.tokens_file),
            self._sites,
            self._clock,
            self._urge_resend,
            self._faults,
        )
        self._context = context
        try:
            known = context.tokens.tokens()
        except CrossingError:
            listener.close()
            raise
        app = build(context)
        at_most = room_for(http.connections_max)
        listener.at_most = at_most + BURST
        per_address = at_most if http.behind_tls else max(1, at_most // 2)
        connections = Connections(at_most, per_address=per_address, on_full=self._connections_full)
        for name in ("uvicorn.error", "asyncio"):
            logging.getLogger(name).addFilter(self._few_lines)
        self._server = uvicorn.Server(
            uvicorn.Config(
                guarded(context, app),
                log_config=None,
                access_log=False,  # an address may contain private data
                server_header=False,
                lifespan="off",
                ws="none",
                loop="asyncio",
                http=connections.protocol(),
                backlog=BURST,
                timeout_keep_alive=int(IDLE_S),
                timeout_graceful_shutdown=STOP_WAIT_S,
                ssl_certfile=http.certificate_file,
                ssl_keyfile=http.key_file,
            )
        )
        self._thread = threading.Thread(target=self._serve, args=(listener,), name="api", daemon=True)
        self._thread.start()
        threading.Thread(target=pages.warm, name="warm", daemon=True).start()
        _LOG.info("dashboard and API at %s%s", self.address, ", public" if http.public else "")
        if not known and not http.public:
            _LOG.warning("there is no token yet; `crossing-collector token add NAME --scope read` makes one")

    def _connections_full(self) -> None:
        reason = "more connections came than are kept open at a time; those that asked for nothing were closed"
        if self._faults.failed("pages", "connections", reason, now_ms=self._clock.real_ms()):
            _LOG.warning("%s", reason)

    def stop(self) -> None:
        """Stop serving; returns when it has ended."""
        if self._context is not None:
            self._context.stopping.set()
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(STOP_WAIT_S + 5)
        self._pool.close()
        for name in ("uvicorn.error", "asyncio"):
            logging.getLogger(name).removeFilter(self._few_lines)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _serve(self, listener: socket.socket) -> None:
        assert self._server is not None, "it was made before its thread"
        try:
            asyncio.run(self._server.serve(sockets=[listener]))
        except Exception:  # the outermost loop of this thread
            _LOG.exception("the API ended; reports are still taken in")
        finally:
            listener.close()


def _listen_at(host: str, port: int, family: socket.AddressFamily) -> Listener:
    listener = Listener(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
        listener.listen(BURST)
    except BaseException:
        listener.close()
        raise
    return listener
