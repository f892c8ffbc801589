"""How fast the pages stand, and their questions are answered: `python -m tests.benchmarks.dashboard --days 30`.

Over a running collector and traffic that `deploy.weeks` makes up. First paint is Chromium's own, with an empty cache;
*stands* is until the page's last question is answered and its charts are drawn.
"""

import argparse
import json
import statistics
import tempfile
import time
import urllib.request
from pathlib import Path

from tests.dashboard.world import PAGES, World, inside, show, world
from tests.pages.browser import chromium, opened

QUESTIONS = (
    "overview",
    "sites/friendship-bridge/counts?interval=hour&by=site&from={day}",
    "sites/friendship-bridge/counts?interval=day&by=site",
    "sites/friendship-bridge/usual",
    "sites/friendship-bridge/balance?from={month}",
    "sites/friendship-bridge/queue?from={day}",
    "sites/friendship-bridge/coverage",
    "devices",
)


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.dashboard")
    parser.add_argument("--days", type=float, default=30.0)
    parser.add_argument("--repeats", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, world(Path(folder), days=given.days) as here:
        print(f"{'question':<75}{'p50 ms':>9}{'p95 ms':>9}")
        for question in QUESTIONS:
            times = [_ask(here, question) for _ in range(given.repeats)]
            p95 = statistics.quantiles(times, n=20)[-1]
            print(f"{question:<75}{statistics.median(times):>9.0f}{p95:>9.0f}")
        with chromium() as browser:
            with opened(browser, here.address) as tab:
                tab.wait_for_selector("#token")
                paint = tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
                print(f"\nfirst paint, nothing kept: {paint:.0f} ms")
            with inside(browser, here) as tab:
                tab.reload()
                tab.wait_for_selector(".card.site")
                paint = tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
                print(f"first paint of the overview, again: {paint:.0f} ms")
                for page in PAGES:
                    show(tab, here, "alerts" if page != "alerts" else "overview")
                    began_s = time.monotonic()
                    show(tab, here, page)
                    print(f"{page} stands: {1_000 * (time.monotonic() - began_s):.0f} ms")


def _ask(here: World, question: str) -> float:
    now_ms = int(time.time() * 1_000)
    address = question.format(day=now_ms - 86_400_000, month=now_ms - 28 * 86_400_000)
    asked = urllib.request.Request(
        f"{here.address}/api/v1/{address}", headers={"Authorization": f"Bearer {here.token}"}
    )
    began_s = time.monotonic()
    with urllib.request.urlopen(asked) as answer:
        json.load(answer)
    return 1_000 * (time.monotonic() - began_s)


if __name__ == "__main__":
    main()
