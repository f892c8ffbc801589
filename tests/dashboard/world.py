"""A collector with its pages, over a store that made-up traffic filled and that real messages go on filling."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from collector.api.tokens import SCOPES, TokenFile
from collector.mqtt.demo_broker import demo_broker
from collector.protocol.intake import ReceivedConvoy, decode_message
from collector.protocol.items import Item
from collector.store.sqlite.store import SqliteStore
from deploy.dashboard import SITES
from deploy.weeks import POSTS, Traffic, fill
from edge.wire.times import rfc3339
from edge.wire.topics import topic_of
from tests.dashboard.noted import note_alerts
from tests.pages.browser import opened

COLLECTOR = """
import sys, time
now_ns = time.time_ns
time.time_ns = lambda: now_ns() + {ahead_ns}
from collector.cli import main
sys.exit(main(sys.argv[1:]))
"""
WIDTH_MS = 900_000
PAGES = {
    "overview": "#/",
    "site": "#/site/{site}",
    "history": "#/history/{site}",
    "devices": "#/devices",
    "alerts": "#/alerts",
}


@dataclass(frozen=True)
class World:
    """Where it is, how to get in, and where its broker is."""

    address: str
    token: str
    broker: int
    traffics: list[Traffic]
    stop: Callable[[], None]
    """Ends the collector."""
    store: Path
    site: str = "friendship-bridge"


def make_store(path: Path, *, days: float, width_ms: int = WIDTH_MS) -> list[Traffic]:
    """Filled up to now, with alerts of several kinds."""
    end_ms = int(time.time() * 1_000) // width_ms * width_ms
    traffics = [Traffic(post, end_ms, width_ms) for post in POSTS]
    with SqliteStore(path, time_zones={post.site: post.time_zone for post in POSTS}) as store:
        fill(store, traffics, days=days)
        note_alerts(store, end_ms)
        store.commit([a_convoy(post.site, post.device, end_ms) for post in POSTS], now_ms=end_ms)
    return traffics


def a_convoy(site: str, device: str, since_ms: int) -> Item:
    """Twelve trucks within two minutes."""
    said = {"run": "r-1", "number": 1, "since": rfc3339(since_ms), "until": rfc3339(since_ms + 120_000), "line": "deck"}
    gaps = {"min": 6_000, "p50": 11_000, "max": 18_000}
    counted = {
        "direction": "outbound",
        "vehicles": 12,
        "by_class": {"truck": 12},
        "gaps_ms": gaps,
        "headway_ms": 20_000,
    }
    item = decode_message(topic_of(site, device, "convoy"), json.dumps({"schema": 1, **said, **counted}).encode())
    assert isinstance(item, ReceivedConvoy), item
    return item


@contextmanager
def world(folder: Path, *, days: float, is_public: bool = False) -> Iterator[World]:
    """All of it, in processes of its own."""
    traffics = make_store(folder / "counts.sqlite", days=days)
    with demo_broker() as broker:
        configuration, token = configured(folder, folder / "counts.sqlite", broker, SITES, is_public=is_public)
        with serving(configuration) as (address, process):
            yield World(address, token, broker, traffics, process.terminate, folder / "counts.sqlite")


def configured(
    folder: Path, store: Path, broker: int, sites: Mapping[str, object], *, is_public: bool = False
) -> tuple[Path, str]:
    """A `collector.yaml`, and a token that may do everything."""
    mqtt = {"host": "127.0.0.1", "port": broker, "tls": False}
    http = {"port": 0, "requests_per_minute": 100_000, "public": is_public}
    said = {"store": str(store), "mqtt": mqtt, "http": http, "sites": sites, "alerts": {"enabled": False}}
    path = folder / "collector.yaml"
    path.write_text(json.dumps(said), encoding="utf-8")  # JSON is YAML
    return path, TokenFile(folder / "tokens.json").add("wall", SCOPES, now_ms=0)


@contextmanager
def serving(configuration: Path, *, ahead_ms: int = 0) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """`crossing-collector run` in a process of its own, subscribed; the address of its pages comes with it.

    Its clock is `ahead_ms` ahead of this machine's.
    """
    command = [
        sys.executable,
        "-c",
        COLLECTOR.format(ahead_ns=ahead_ms * 1_000_000),
        "run",
        "--config",
        str(configuration),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            said, address = "", ""
            while "subscribed at" not in said and (line := process.stderr.readline()):
                said += line
                if "dashboard and API at " in line:
                    address = line.split("API at ")[1].split(",")[0].strip()
            assert address, said
            yield address, process
        finally:
            process.terminate()
            process.wait(60)


@contextmanager
def inside(browser: Browser, world: World, page: str = "overview", **looks: object) -> Iterator[Page]:
    """A page of somebody who got in; charts are drawn when it is yielded."""
    with let_in(browser, world.address, world.token, **looks) as tab:
        expect(tab.locator(".card.site").first).to_be_visible()
        show(tab, world, page)
        yield tab


@contextmanager
def let_in(browser: Browser, address: str, token: str, **looks: object) -> Iterator[Page]:
    """The first page of somebody who shows a token."""
    with opened(browser, address, **looks) as tab:
        tab.fill("#token", token)
        tab.click("button.primary")
        yield tab


def show(tab: Page, world: World, page: str) -> None:
    """Go to a page, and wait until it stands and its charts are drawn."""
    tab.goto(f"{world.address}/{PAGES[page].format(site=world.site)}")
    expect(tab.locator(f"main[data-page={page}] h1")).to_be_visible()
    for chart in tab.locator("figure.chart:visible .canvas").all():
        expect(chart).to_have_attribute("data-drawn", "true")
