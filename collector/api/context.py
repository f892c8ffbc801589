"""What every route is given: where to ask, who may ask, what is known of sites, and how to have a device send again."""

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
    """`urge_resend` hands a range to the subscriber; `stopping` is set when streams must end."""

    http: Http
    port: int
    pool: QueryPool
    board: LiveBoard
    book: TokenFile
    sites: Mapping[str, Site]
    clock: Clock
    urge_resend: Callable[[ResendUrged], None]
    faults: Faults = field(default_factory=Faults)
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def cookie(self) -> str:
        """Its name: browsers do not tell ports apart."""
        return f"crossing-{self.port}"
