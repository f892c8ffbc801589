"""How fast the pages stand, how fast their questions are answered, and how smoothly they move.

    python -m tests.benchmarks.dashboard --days 30              traffic that `deploy.weeks` makes up, 5 devices
    python -m tests.benchmarks.dashboard --store year.sqlite    a year of 50 devices that `tests.benchmarks.views` made

Over a running collector, whose clock stands where the store ends, while its devices report: open buckets every two
seconds, reports every minute. First paint is Chromium's own, with nothing kept; *stands* is until the page's last
question is answered and its charts are drawn; *moves* is what happens in the browser from an action until the page is
still again: how long, the longest task that kept the page from answering, and the longest time between two frames.
"""

import argparse
import sqlite3
import statistics
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from playwright.sync_api import Page

from collector.mqtt.demo_broker import demo_broker
from deploy.dashboard import Fleet
from edge.wire.report import encode
from edge.wire.times import rfc3339
from edge.wire.topics import topic_of
from tests.benchmarks.views import DAY_MS, DEVICES, MINUTE_MS, SITES, a_report, sites_of
from tests.dashboard.world import PAGES, World, configured, inside, serving, show, world
from tests.pages.browser import chromium, opened

QUESTIONS = (
    "overview",
    "devices",
    "sites/{site}/counts?interval=hour&by=site&from={day}",
    "sites/{site}/counts?interval=day&by=site&from={month}",
    "sites/{site}/counts?interval=day&by=site",
    "sites/{site}/counts?interval=hour&by=site",
    "sites/{site}/usual",
    "sites/{site}/balance?from={month}",
    "sites/{site}/queue?from={day}",
    "sites/{site}/coverage?from={month}",
    "sites/{site}/head-to-head?from={week}",
)
WATCH = """
window.asking = 0;
const plain = window.fetch;
window.fetch = (...of) => { asking += 1; return plain(...of).finally(() => { asking -= 1; }); };
window.tasks = [];
new PerformanceObserver((list) => tasks.push(...list.getEntries().map((one) => one.duration)))
  .observe({type: 'longtask', buffered: true});
window.frames_ms = [];
let before = null;
const look = (now) => { if (before !== null) frames_ms.push(now - before); before = now; requestAnimationFrame(look); };
requestAnimationFrame(look);
"""


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.dashboard")
    parser.add_argument("--days", type=float, default=30.0)
    parser.add_argument("--store", type=Path, help="a SQLite file that `tests.benchmarks.views --keep` has filled")
    parser.add_argument("--repeats", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        made = small(Path(folder), given.days) if given.store is None else year(Path(folder), given.store)
        with made as (here, now_ms):
            questions(here, now_ms, given.repeats)
            with opened(browser, here.address) as tab:
                tab.wait_for_selector("#token")
                print(f"\n| page | ms |\n|---|---|\n| first paint, nothing kept | {first_paint(tab):.0f} |")
            with inside(browser, here, viewport={"width": 1360, "height": 860}) as tab:
                tab.reload()
                tab.wait_for_selector(".card.site")
                print(f"| first paint of the overview, again | {first_paint(tab):.0f} |")
                for page in PAGES:
                    took = []
                    for _ in range(3):
                        show(tab, here, "alerts" if page != "alerts" else "overview")
                        took.append(timed(lambda page=page: show(tab, here, page)))  # type: ignore[misc]
                    print(f"| {page} stands | {statistics.median(took):.0f} |")
                moves(tab, here)


def questions(here: World, now_ms: int, repeats: int) -> None:
    print("| question | p50 ms | p95 ms | kB |\n|---|---|---|---|")
    spans = {"day": now_ms - DAY_MS, "week": now_ms - 7 * DAY_MS, "month": now_ms - 28 * DAY_MS}
    for question in QUESTIONS:
        address = f"{here.address}/api/v1/{question.format(site=here.site, **spans)}"
        asked = urllib.request.Request(address, headers={"Authorization": f"Bearer {here.token}"})
        times, size = [], 0
        for _ in range(repeats):
            began_s = time.perf_counter()
            with urllib.request.urlopen(asked) as answer:
                size = len(answer.read())
            times.append(1_000 * (time.perf_counter() - began_s))
        p95 = statistics.quantiles(times, n=20)[-1]
        print(f"| `{question}` | {statistics.median(times):.0f} | {p95:.0f} | {size / 1_000:.0f} |", flush=True)


def moves(tab: Page, here: World) -> None:
    print("\n| moves | ms | longest task, ms | longest frame, ms | elements drawn |\n|---|---|---|---|---|")
    tab.evaluate(WATCH)
    show(tab, here, "history")

    def move(name: str, act: Callable[[], object]) -> None:
        tab.evaluate("tasks.length = frames_ms.length = 0")

        def settle() -> None:
            act()
            until_still(tab)

        took_ms = timed(settle)
        said: dict[str, float] = tab.evaluate(
            "({task: Math.max(0, ...tasks), frame: Math.max(0, ...frames_ms),"
            " many: document.querySelectorAll('.canvas svg *').length})"
        )
        print(f"| {name} | {took_ms:.0f} | {said['task']:.0f} | {said['frame']:.0f} | {said['many']} |", flush=True)

    def press(name: str) -> None:
        tab.get_by_role("button", name=name, exact=True).click()

    def brush(which: int, begin: float, end: float) -> None:
        tab.locator(".canvas").nth(which).scroll_into_view_if_needed()
        box = tab.locator(".canvas").nth(which).bounding_box()
        assert box is not None
        y = box["y"] + box["height"] * 0.5
        tab.mouse.move(box["x"] + box["width"] * begin, y)
        tab.mouse.down()
        tab.mouse.move(box["x"] + box["width"] * end, y, steps=30)
        tab.mouse.up()

    move("history: all", lambda: press("All"))
    move("all by day", lambda: tab.get_by_label("Interval").select_option("day"))
    move("brush half of it on the chart", lambda: brush(0, 0.3, 0.8))
    move("brush a third of it on the strip", lambda: brush(1, 0.2, 0.5))
    move("back to all", lambda: press("All"))
    move("all by hour", lambda: tab.get_by_label("Interval").select_option("hour"))
    move("point along all by hour", lambda: along(tab))
    move("brush half of all by hour", lambda: brush(0, 0.3, 0.8))
    move("earlier", lambda: press("Earlier"))
    show(tab, here, "site")
    tab.wait_for_timeout(3_000)
    move("site: 10 s of live events and renewals", lambda: tab.wait_for_timeout(10_000))
    show(tab, here, "overview")
    tab.wait_for_timeout(3_000)
    move("overview: 10 s of live events and renewals", lambda: tab.wait_for_timeout(10_000))


def along(tab: Page) -> None:
    box = tab.locator(".canvas").first.bounding_box()
    assert box is not None
    for i in range(60):
        tab.mouse.move(box["x"] + box["width"] * (0.2 + i / 100), box["y"] + box["height"] * 0.4)


def until_still(tab: Page) -> None:
    """Until no question has been asked and nothing has changed in the charts for a quarter of a second."""
    tab.evaluate(
        """async () => {
          let last = performance.now();
          const watch = new MutationObserver(() => { last = performance.now(); });
          watch.observe(document.getElementById('main'), {subtree: true, childList: true, attributes: true});
          while (performance.now() - last < 250) {
            await new Promise((done) => setTimeout(done, 20));
            if (asking > 0) last = performance.now();
          }
          watch.disconnect();
        }"""
    )


def timed(act: Callable[[], object]) -> float:
    began_s = time.monotonic()
    act()
    return 1_000 * (time.monotonic() - began_s)


def first_paint(tab: Page) -> float:
    return float(tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))


@contextmanager
def small(folder: Path, days: float) -> Iterator[tuple[World, int]]:
    with world(folder, days=days) as here:
        now_ms = time.time_ns() // 1_000_000
        fleet = Fleet(here.broker, here.traffics, here.traffics[0].end_ms)
        with every(2.0, lambda: fleet.step(time.time_ns() // 1_000_000)):
            yield here, now_ms
        fleet.close()


@contextmanager
def year(folder: Path, store: Path) -> Iterator[tuple[World, int]]:
    """A collector that stands where the store ends, and what 50 devices say."""
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as database:
        newest_ms: int = database.execute("SELECT max(start_ms) FROM report").fetchone()[0]
    ahead_ms = newest_ms + MINUTE_MS - time.time_ns() // 1_000_000
    sites = {
        name: {"time_zone": one.time_zone, "tonnes": dict(one.tonnes), "same_lines": dict(one.same_lines)}
        for name, one in sites_of(SITES).items()
    }
    with demo_broker() as broker:
        configuration, token = configured(folder, store.resolve(), broker, sites)
        with serving(configuration, ahead_ms=ahead_ms) as (address, process):
            here = World(address, token, broker, [], process.terminate, store, site="site-0")
            devices = Devices(broker, ahead_ms)
            with every(2.0, devices.step):
                yield here, time.time_ns() // 1_000_000 + ahead_ms


class Devices:
    """All devices of the year, which go on."""

    def __init__(self, broker: int, ahead_ms: int) -> None:
        self._ahead_ms = ahead_ms
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.connect("127.0.0.1", broker)
        self._client.loop_start()
        self._told_ms = 0
        self._seq = 10_000_000

    def step(self) -> None:
        now_ms = time.time_ns() // 1_000_000 + self._ahead_ms
        start_ms = now_ms - now_ms % MINUTE_MS
        for site, device in ((f"site-{i}", f"mast-{j}") for i in range(SITES) for j in range(DEVICES)):
            self._client.publish(topic_of(site, device, "live"), msgspec.json.encode(_look(start_ms, now_ms)))
            if start_ms != self._told_ms:
                report = a_report(site, device, self._seq, start_ms - MINUTE_MS)
                self._client.publish(topic_of(site, device, "report"), encode(report), qos=1)
        self._told_ms, self._seq = start_ms, self._seq + (start_ms != self._told_ms)


def _look(start_ms: int, now_ms: int) -> dict[str, Any]:
    ways = {way: {"car": now_ms // 2_000 % 4, "truck": now_ms // 3_000 % 3} for way in ("out", "back")}
    return {
        "schema": 1, "run": "run-1", "start": rfc3339(start_ms), "width_ms": MINUTE_MS, "as_of": rfc3339(now_ms),
        "watched_ms": now_ms - start_ms, "lines": {"deck": ways}, "in_view": now_ms // 1_000 % 5,
        "standing": {"queue": now_ms // 5_000 % 6}, "blind": "",
    }  # fmt: skip


@contextmanager
def every(seconds: float, act: Callable[[], object]) -> Iterator[None]:
    """In a thread, for as long as it lasts."""
    over = threading.Event()

    def again() -> None:
        while not over.wait(seconds):
            act()

    thread = threading.Thread(target=again)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


if __name__ == "__main__":
    main()
