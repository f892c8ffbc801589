"""An API over a real store, asked without a network: its clock stands still, and its wishes are kept."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient

from collector.api.app import build, guarded
from collector.api.context import Context
from collector.api.live_board import LiveBoard
from collector.api.query_pool import QueryPool
from collector.api.tokens import SCOPES, TokenFile, TokenScope
from collector.config import Http
from collector.domain.sites import Site
from collector.protocol.intake import DeviceMessage, decode_message
from collector.protocol.items import Item, ResendUrged
from collector.store.interface import Store
from collector.store.opening import open_store
from tests.collector.messages import MINUTE_MS, NOON_MS, a_report, blind, received

HERE = "http://127.0.0.1:8080"
INFO = (
    b'{"schema":1,"run":"run-1","version":"1","model":"m","time_zone":"Asia/Shanghai",'
    b'"lines":{"deck":{"a_to_b":"outbound","b_to_a":"return"}}}'
)
STATUS = b'{"schema":1,"state":"online","run":"run-1","since":"2026-11-25T00:00:00Z"}'
ALL = SCOPES
SITES = {"bridge": Site(latitude=40.0, longitude=124.0, tonnes={"truck": 40.0})}


class StoppedClock:
    """A quarter of an hour after the first of the reports."""

    def __init__(self) -> None:
        self.now_ms = NOON_MS + 15 * MINUTE_MS

    def real_ms(self) -> int:
        return self.now_ms

    def monotonic_ms(self) -> int:
        return self.now_ms

    def sleep(self, seconds: float) -> None:
        self.now_ms += int(1_000 * seconds)


@dataclass
class Api:
    """`client(...)` asks with a token of these scopes; `anyone` without."""

    context: Context
    app: FastAPI
    store: Store
    wishes: list[ResendUrged]
    clients: list[TestClient] = field(default_factory=list)

    def client(self, *scopes: TokenScope) -> TestClient:
        name = "-".join(("test", *scopes, str(len(self.clients))))
        token = self.context.tokens.add(name, scopes, now_ms=self.context.clock.real_ms())
        return self._client({"Authorization": f"Bearer {token}"})

    @property
    def anyone(self) -> TestClient:
        return self._client({})

    def _client(self, headers: dict[str, str]) -> TestClient:
        served: Any = guarded(self.context, self.app)
        client = TestClient(served, base_url=HERE, headers=headers, client=("127.0.0.1", 50_000))
        self.clients.append(client)
        return client


def said(channel: str, payload: bytes, device: str = "mast-1", site: str = "bridge") -> DeviceMessage:
    item = decode_message(f"crossing/v1/{site}/{device}/{channel}", payload)
    assert isinstance(item, DeviceMessage)
    return item


def some_reports() -> Sequence[Item]:
    """Ten minutes: the fourth is blind, the sixth and seventh have not come."""
    reports = [received(blind(seq) if seq == 4 else a_report(seq)) for seq in range(1, 11) if seq not in (6, 7)]
    return [said("info", INFO), said("status", STATUS), *reports]


def an_api(folder: Path, items: Sequence[Item], **http: Any) -> Api:
    path = folder / "store.sqlite"
    store = open_store(path)
    clock = StoppedClock()
    store.commit(items, now_ms=clock.real_ms())
    wishes: list[ResendUrged] = []
    settings = Http(tokens_file=folder / "tokens.json", **{"requests_per_minute": 1_000_000, **http})
    pool = QueryPool(lambda write: open_store(path, write=write), workers=2, seconds_max=10.0)
    board = LiveBoard(clock.real_ms)
    context = Context(settings, 8080, pool, board, TokenFile(settings.tokens_file), SITES, clock, wishes.append)
    return Api(context, build(context), store, wishes)
