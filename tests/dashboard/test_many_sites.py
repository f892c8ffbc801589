"""More sites and devices than a page shows: all of them can be reached, and each page is renewed by itself."""

from pathlib import Path

from playwright.sync_api import Browser, expect

from collector.mqtt.demo_broker import demo_broker
from collector.protocol.intake import DeviceMessage, decode_message
from collector.store.sqlite.store import SqliteStore
from tests.dashboard.world import configured, let_in, serving

SITES = 203
STATUS = b'{"schema":1,"state":"online","run":"run-1","since":"2026-11-25T00:00:00Z"}'


def said_by(site: str) -> DeviceMessage:
    item = decode_message(f"crossing/v1/{site}/mast-1/status", STATUS)
    assert isinstance(item, DeviceMessage)
    return item


def test_every_site_and_device_is_on_some_page(browser: Browser, tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "counts.sqlite") as store:
        store.commit([said_by(f"site-{i:03}") for i in range(SITES)], now_ms=1_795_000_000_000)
    with demo_broker() as broker:
        configuration, token = configured(tmp_path, tmp_path / "counts.sqlite", broker, {})
        with (
            serving(configuration) as (address, _),
            let_in(browser, address, token) as tab,
        ):
            cards, more = tab.locator(".card.site"), tab.get_by_role("navigation", name="More sites")
            for first, last in ((1, 100), (101, 200), (201, SITES)):
                expect(more).to_contain_text(f"{first} to {last} of {SITES} sites")
                expect(cards).to_have_count(last - first + 1)
                expect(cards.first).to_contain_text(f"Site {first - 1:03}")
                if last < SITES:
                    more.get_by_role("link", name="Next sites").click()
            expect(more.get_by_role("link", name="Next sites")).to_have_count(0)
            more.get_by_role("link", name="First sites").click()
            expect(cards.first).to_contain_text("Site 000")
            tab.goto(f"{address}/#/devices?after=site-199%2Fmast-1")
            expect(tab.get_by_role("region", name="Devices").locator("tbody tr")).to_have_count(SITES - 200)
            tab.goto(f"{address}/#/site/site-{SITES - 1}")
            expect(tab.locator("h1")).to_have_text(f"Site {SITES - 1}")
            tab.goto(f"{address}/#/history/site-{SITES - 1}")
            expect(tab.get_by_role("combobox", name="Site").locator("option")).to_have_count(SITES)
