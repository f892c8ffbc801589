"""What every route needs: queries, tokens, sites, the live state, and a way to request missing reports."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from collector.api.live_board import LiveBoard
from collector.api.query_pool import QueryPool
from collector.api.tokens import TokenFile
from collector.config import Http
from collector.domain.faults import Faults
from collector.domain.sites import Site
from collector.protocol.items import ResendUrged
from edge.clock import Clock


@dataclass(frozen=True, slots=True)
class Context:
    """`urge_resend` hands ranges to the subscriber; `stopping` is set when streams must end."""

    http: Http
    port: int
    pool: QueryPool
    board: LiveBoard
    tokens: TokenFile
    sites: Mapping[str, Site]
    clock: Clock
    urge_resend: Callable[[ResendUrged], None]
    faults: Faults = field(default_factory=Faults)
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def cookie(self) -> str:
        """The name of the cookie, with the port, since browsers share cookies between ports."""
        return f"crossing-{self.port}"
