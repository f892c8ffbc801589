"""From a replay to a page: real `crossing-edge` through a real mosquitto into a running collector, seen in Chromium.

What the page shows is compared with what the replays said that they counted, and with what the broker carried. The page
is never loaded anew: its numbers arrive by themselves.
"""

import json
import subprocess
import time
from collections import Counter
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from collector.api.tokens import TokenFile
from edge.vision.tape import read_tape, write_tape
from edge.wire.report import Report, decode
from tests.dashboard.world import let_in, serving
from tests.system.broker import broker
from tests.system.peer import SUCCESS, Peer, peer
from tests.system.product import REPOSITORY, TAPE, collector_configuration, crossing_edge, edge_configuration

FREE_FLOW = REPOSITORY / "tests" / "golden" / "free-flow.tape"
QUEUED_MS = 50_000
"""So far into the convoy three trucks have crossed, and four stand in the zone."""
ZONES = {"apron": {"polygon": [[0.3, 0.3], [0.95, 0.3], [0.95, 0.95], [0.3, 0.95]], "standing_after_s": 10}}
Shown = dict[str, tuple[int, int]]
"""Out and back, by class."""


def test_pages_show_what_replays_counted_over_a_restart_of_the_broker(browser: Browser, tmp_path: Path) -> None:
    zone = noon_zone()
    begin_ms = int(time.time()) * 1_000 - 300_000
    with broker(tmp_path) as mosquitto:
        told: dict[str, Any] = {"http": {"port": 0, "requests_per_minute": 100_000}, "alerts": {"enabled": False}}
        centre = collector_configuration(tmp_path, mosquitto, **told)
        token = TokenFile(tmp_path / "tokens.json").add("analyst", ["read"], now_ms=0)
        mast_1 = edge_configuration(tmp_path, mosquitto, "bridge/mast-1", time_zone=zone, zones=ZONES)
        mast_2 = edge_configuration(tmp_path, mosquitto, "bridge/mast-2", time_zone=zone)
        queued = replay_of(tape_until(QUEUED_MS, tmp_path), mast_1, begin_ms)
        flowing = [*replay_of(FREE_FLOW, mast_2, begin_ms + 120_000), "--outbox", str(tmp_path / "outbox.sqlite")]
        with serving(centre) as (address, _), let_in(browser, address, token) as tab:
            expect(tab.locator("main")).to_contain_text("No device has reported yet")
            tab.evaluate("window.isStillThis = true")

            with peer(mosquitto, "telegraf") as reader:
                assert reader.accepted == SUCCESS
                reader.subscribe("crossing/v1/bridge/mast-1/report")
                first = counted(queued)
                published = reports_heard(reader, crossings=sum(map(sum, first.values())))
            card = tab.locator("article", has_text="Bridge")
            expect(card.locator(".chip", has_text="Queue apron: 4")).to_be_visible()
            card.get_by_role("link", name="Bridge").click()
            expect(tab.get_by_role("heading", name="Bridge", level=1)).to_be_visible()
            expect_shown(tab, first)
            expect(tab.locator(".figure", has_text="Queue apron").locator(".value")).to_have_text("4")
            a_number_leads_to_its_reports(tab, published)

            mosquitto.stop()
            cut_off = subprocess.run(flowing, check=False, capture_output=True, timeout=60)
            assert cut_off.returncode == 1, "there is no broker"
            mosquitto.start()
            second = counted(flowing)
            expect_shown(tab, added(first, second))
            counted(queued)  # all of it once more, the same reports; and then something new
            newest = counted(replay_of(FREE_FLOW, mast_1, begin_ms + 200_000))
            expect_shown(tab, added(first, second, newest))
            assert tab.evaluate("window.isStillThis"), "the page was never loaded anew"


def noon_zone() -> str:
    """A time zone in which the day neither begins nor ends while this runs. The sign in these names is turned round."""
    return f"Etc/GMT{datetime.now(UTC).hour - 12:+d}"


def tape_until(end_ms: int, folder: Path) -> Path:
    header, frames = read_tape(TAPE)
    path = folder / "queued.tape"
    write_tape(path, header, takewhile(lambda frame: frame.captured_ms < header.start_ms + end_ms, frames))
    return path


def replay_of(tape: Path, configuration: Path, start_ms: int) -> list[str]:
    start = datetime.fromtimestamp(start_ms / 1_000, UTC).isoformat()
    return crossing_edge("replay", tape, "--config", configuration, "--start", start, "--publish", "--json")


def counted(replay: list[str]) -> Shown:
    """What it said that it counted, once all of it is delivered."""
    said = subprocess.run(replay, capture_output=True, check=True, timeout=60).stdout
    classes: dict[str, Any] = json.loads(said)["balance"]["deck"]["classes"]
    return {label: (of["out"], of["back"]) for label, of in classes.items() if label != "all"}


def added(*all_of: Shown) -> Shown:
    return {label: (sum(of[label][0] for of in all_of), sum(of[label][1] for of in all_of)) for label in all_of[0]}


def reports_heard(reader: Peer, *, crossings: int) -> list[Report]:
    """Reports as the broker carried them, up to the one with the last crossing."""
    heard: list[Report] = []
    while sum(sum(sum(of.values()) for of in (one.lines or {})["deck"].values()) for one in heard) < crossings:
        heard.append(decode(reader.hears()[1]))
    return heard


def expect_shown(tab: Page, wanted: Shown) -> None:
    """The page of the site comes to show exactly this, per direction and class, in its figures and in its table."""
    for name, which in (("Out today", 0), ("Back today", 1)):
        total = sum(of[which] for of in wanted.values())
        expect(tab.locator(".figure", has_text=name).locator(".value")).to_have_text(str(total))
    rows = tab.get_by_role("table", name="Classes today").locator("tbody tr")
    expect(rows).to_have_count(len(wanted))
    for label, of in wanted.items():
        values = rows.filter(has=tab.get_by_role("rowheader", name=label, exact=True)).locator(".value")
        expect(values).to_have_text(list(map(str, of)))


def a_number_leads_to_its_reports(tab: Page, published: list[Report]) -> None:
    tab.locator("tr", has=tab.get_by_role("rowheader", name="truck")).locator("button.num").nth(1).click()
    panel = tab.locator("#panel")
    expect(panel.locator("tbody tr").first).to_be_visible()
    rows = [row.locator("th, td").all_inner_texts() for row in panel.locator("tbody tr").all()]
    trucks = [(one.lines or {})["deck"]["return"]["truck"] for one in published]
    assert Counter(row[-1] for row in rows if row[-1] != "0") == Counter(str(n) for n in trucks if n)
    for report, number in zip(published, trucks, strict=True):
        if number:
            panel.get_by_role("button", name=f"{report.run} {report.seq}", exact=True).click()
            expect(panel.locator("pre")).to_contain_text(f'"seq": {report.seq},')
            assert decode(panel.locator("pre").inner_text().encode()) == report
    tab.keyboard.press("Escape")
