"""The pages in Chromium, over a running collector: each page, each size, live, by keyboard, and for everybody."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from axe_playwright_python.sync_playwright import Axe
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.publish import single
from playwright.sync_api import Browser, Page, expect

from deploy.dashboard import _look
from edge.wire.report import Expected, Level, Likely, ZoneReport, encode
from edge.wire.topics import topic_of
from tests.dashboard.world import PAGES, World, inside, show, world
from tests.pages.browser import opened

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True}
WALL = {"viewport": {"width": 3840, "height": 2160}}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(Path(tmp_path_factory.mktemp("dashboard")), days=5) as made:
        yield made


def is_wide_as_its_window(tab: Page) -> bool:
    return bool(tab.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_no_page_has_a_serious_finding_of_axe(browser: Browser, here: World, scheme: str) -> None:
    with inside(browser, here, color_scheme=scheme, reduced_motion="reduce") as tab:
        for page in PAGES:
            show(tab, here, page)
            tab.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
            found = Axe().run(tab, options={"resultTypes": ["violations"]}).response["violations"]
            serious = [
                (one["id"], [node["target"] for node in one["nodes"]][:5], one["nodes"][0]["failureSummary"])
                for one in found
                if one["impact"] in ("serious", "critical")
            ]
            assert serious == [], page


@pytest.mark.parametrize("looks", [PHONE, WALL], ids=["phone", "wall"])
def test_every_page_fits_a_phone_and_a_wall(browser: Browser, here: World, looks: dict[str, Any]) -> None:
    with inside(browser, here, **looks) as tab:
        for page in PAGES:
            show(tab, here, page)
            assert is_wide_as_its_window(tab), page


def test_charts_that_are_pointed_at_break_no_policy(browser: Browser, here: World) -> None:
    with inside(browser, here, "site") as tab:  # it fails where the console tells of an error
        tab.get_by_role("combobox", name="Class").select_option("classes")
        for canvas in tab.locator(".canvas:visible").all():  # just after midnight nothing has queued today
            canvas.scroll_into_view_if_needed()
            box = canvas.bounding_box()
            assert box is not None
            tab.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.5, steps=4)
            expect(canvas.locator(".hoverlayer .legend")).to_be_visible()


def test_the_convoys_of_today_stand_on_the_page_of_the_site(browser: Browser, here: World) -> None:
    with inside(browser, here, "site") as tab:
        card = tab.locator("section.card", has=tab.get_by_role("heading", name="Convoys today"))
        expect(card.locator("tbody tr").first).to_contain_text("outbound over deck")
        expect(card.locator("tbody tr").first).to_contain_text("12 trucks")


def test_the_expected_wait_and_who_is_likely_hidden_of_the_last_report_stand_on_the_page_of_the_site(
    browser: Browser, here: World
) -> None:
    traffic = next(one for one in here.traffics if one.post.device == "mast-1")
    report = next(iter(traffic.reports(traffic.end_ms, traffic.end_ms + 1)))
    level = Level(mean=4.0, max=5, end=4)
    expected = Expected(p10=600_000, p50=840_000, p90=1_260_000)
    zones = {
        "customs": ZoneReport(
            inside=level, standing=level, expected_ms=expected, hidden_likely=Likely(mean=1.8, p10=1, p90=3)
        )
    }
    lines = {traffic.post.line: traffic.counts(traffic.end_ms, 1.0)}
    payload = encode(msgspec.structs.replace(report, lines=lines, state="ok", watched_ms=report.width_ms, zones=zones))
    with inside(browser, here, "site") as tab:
        topic = topic_of("friendship-bridge", "mast-1", "report")
        single(topic, payload, qos=1, port=here.broker, protocol=MQTTProtocolVersion.MQTTv5)
        expect(tab.locator(".figures")).to_contain_text("Expected wait in customs14 min80 %: 10 min to 21 min")
        expect(tab.locator(".figures")).to_contain_text(
            "Likely hidden in customs≈ 2an estimate, not counted; 80 %: 1 to 3"
        )


def test_a_number_leads_to_a_raw_report_in_two_clicks(browser: Browser, here: World) -> None:
    with inside(browser, here, "site") as tab:
        tab.locator(".figures button.num").first.click()
        expect(tab.locator("#panel")).to_be_visible()
        tab.locator("#panel button.link").first.click()
        expect(tab.locator("#panel pre")).to_contain_text('"watched_ms"')
        tab.keyboard.press("Escape")
        expect(tab.locator("#panel")).to_be_hidden()


def test_by_keyboard_alone_to_the_reports_and_back(browser: Browser, here: World) -> None:
    with inside(browser, here) as tab:
        number = tab.locator("button.num").first
        number.focus()
        tab.keyboard.press("Enter")
        expect(tab.locator("#panel-title")).to_be_focused()
        tab.keyboard.press("Tab")
        tab.keyboard.press("Escape")
        expect(number).to_be_focused()
        tab.keyboard.press("Shift+Tab")
        expect(tab.locator(".card.site a").first).to_be_focused()


def test_numbers_are_renewed_under_the_focus(browser: Browser, here: World) -> None:
    with inside(browser, here, "site") as tab:
        number = tab.locator(".figures button.num").first
        number.focus()
        before = number.element_handle()
        tab.evaluate("document.dispatchEvent(new CustomEvent('stored'))")
        tab.wait_for_function("one => !one.isConnected", arg=before)
        expect(number).to_be_focused()


def test_an_open_bucket_and_a_new_report_arrive_by_themselves(browser: Browser, here: World) -> None:
    traffic = next(one for one in here.traffics if one.post.device == "gate-1")
    with inside(browser, here) as tab:
        card = tab.locator("article", has_text="Harbour gate")
        now_ms = int(time.time() * 1_000)
        start_ms = now_ms - now_ms % 60_000
        topic = topic_of("harbour-gate", "gate-1", "live")
        for _ in range(20):  # the page may listen a moment later than it stands
            single(topic, _look(traffic, start_ms, now_ms), port=here.broker, protocol=MQTTProtocolVersion.MQTTv5)
            if card.locator(".glance").is_visible():
                break
            tab.wait_for_timeout(500)
        expect(card.locator(".glance")).to_contain_text("now:")
        report = next(iter(traffic.reports(traffic.end_ms, traffic.end_ms + 1)))
        before = card.locator(".num .value").first.inner_text()
        lines = {"barrier": {"out of port": {"truck": 5_000}, "into port": {"truck": 1}}}
        payload = encode(msgspec.structs.replace(report, lines=lines, state="ok", watched_ms=report.width_ms, zones={}))
        topic = topic_of("harbour-gate", "gate-1", "report")
        single(topic, payload, qos=1, port=here.broker, protocol=MQTTProtocolVersion.MQTTv5)
        expect(card.locator(".num .value").first).not_to_have_text(before)
        expect(card.locator(".num .value").first).to_have_text(re.compile(r"[56],\d{3}"))


def test_a_gap_is_asked_for_and_an_alert_is_acknowledged(browser: Browser, here: World) -> None:
    with inside(browser, here, "devices") as tab:
        tab.get_by_role("button", name="Ask again now").first.click()
        expect(tab.locator("#notice")).to_contain_text("asked for 6 reports")
        show(tab, here, "alerts")
        tab.get_by_role("button", name="All", exact=True).click()
        card = tab.locator("article.alert", has_text="first after 31 days")
        card.locator("input").fill("seen by the guard")
        card.get_by_role("button", name="Acknowledge").click()
        expect(card.locator(".taken")).to_contain_text("Noted by wall")
        expect(card.locator(".taken")).to_contain_text("seen by the guard")


def test_a_person_says_what_the_vehicle_of_an_alert_was(browser: Browser, here: World) -> None:
    with inside(browser, here, "alerts") as tab:
        tab.get_by_role("button", name="All", exact=True).click()
        card = tab.locator("article.alert", has_text="first after 31 days")
        expect(card.locator(".verdicts")).to_contain_text("Was it a motorcycle?")
        card.get_by_role("button", name="No", exact=True).click()
        expect(card.locator(".verdict")).to_have_text("wall: no motorcycle")
        card.get_by_label("It was").select_option("bicycle")
        expect(card.locator(".verdict")).to_have_text("wall: a bicycle")
        expect(tab.locator("article.alert", has_text="94 trucks").locator(".verdicts")).to_have_count(0)


def test_history_is_brushed_compared_and_downloaded(browser: Browser, here: World) -> None:
    with inside(browser, here, "history", viewport={"width": 1280, "height": 900}) as tab:
        tab.get_by_role("button", name="7 days").click()
        under = tab.locator(".head .soft")
        expect(under).to_contain_text("Asia/Shanghai (UTC+8)")
        offered = tab.get_by_label("Interval").locator("option").evaluate_all("all => all.map((one) => one.value)")
        assert offered[:3] == ["auto", "15min", "hour"], "of reports of 15 minutes nothing shorter"
        tab.get_by_label("Compare with").select_option("day")
        expect(tab.locator(".figure .under").first).to_have_text(re.compile("both watched|not compared"))
        before = under.inner_text()
        box = tab.locator(".canvas").first.bounding_box()
        assert box is not None
        tab.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.5)
        tab.mouse.down()
        tab.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.5, steps=8)
        tab.mouse.up()
        expect(under).not_to_have_text(before)
        with tab.expect_download() as loading:
            tab.get_by_role("link", name="CSV").click()
        assert loading.value.path().read_text().startswith("site,device,line")


def test_history_marks_where_another_model_names(browser: Browser, here: World) -> None:
    traffic = next(one for one in here.traffics if one.post.device == "mast-1")
    info = json.loads(traffic.info()) | {"run": "run-new", "model": "vehicle-nano 9.9 aaaaaaaaaaaa"}
    topic = topic_of(here.site, "mast-1", "info")
    single(topic, json.dumps(info), qos=1, port=here.broker, protocol=MQTTProtocolVersion.MQTTv5)
    with inside(browser, here, "history") as tab:
        mark = tab.locator(".marks li", has_text="mast-1 names vehicles with vehicle-nano 9.9 aaaaaaaaaaaa")
        for _ in range(20):  # the collector may take it a moment later
            if mark.count():
                break
            tab.wait_for_timeout(500)
            tab.evaluate("document.dispatchEvent(new CustomEvent('stored'))")
        expect(mark).to_have_count(1)
        expect(tab.locator("figure.chart").first.locator(".shapelayer path")).to_have_count(1)


def test_history_tells_queue_and_waits_of_any_span(browser: Browser, here: World) -> None:
    with inside(browser, here, "history") as tab:
        tab.get_by_role("button", name="All", exact=True).click()
        tab.get_by_label("Interval").select_option("month")
        card = tab.locator(".card", has=tab.get_by_role("heading", name="Queue", exact=True))
        expect(card).to_contain_text("the mean of each month")
        card.locator("summary").click()
        expect(card.locator("table")).to_contain_text(re.compile(r"\d min"))
        expect(card.locator("tbody tr").first.locator(".num").first).to_have_text(re.compile(r"^\d"))


def test_a_stranger_sees_a_door_and_a_link_opens_it_once(browser: Browser, here: World) -> None:
    with opened(browser, here.address) as page:
        expect(page.locator("#token")).to_be_visible()
        page.fill("#token", "crossing-guess")
        page.click("button.primary")
        expect(page.locator("form [role=alert]")).to_contain_text("not known")


def test_light_and_dark_are_chosen_and_kept(browser: Browser, here: World) -> None:
    with inside(browser, here) as tab:
        for _ in range(2):
            tab.click("#theme")
        expect(tab.locator("html")).to_have_attribute("data-theme", "dark")
        tab.reload()
        expect(tab.locator("html")).to_have_attribute("data-theme", "dark")
        expect(tab.locator("body")).to_have_css("background-color", "rgb(15, 21, 25)")


def test_history_is_moved_and_zoomed_by_keyboard_and_compared_with_another_site(browser: Browser, here: World) -> None:
    with inside(browser, here, "history") as tab:
        tab.get_by_role("button", name="7 days").click()
        under = tab.locator(".head .soft")
        spans = [under.inner_text()]
        for name in ("Closer", "Closer", "Earlier", "Later", "Wider"):
            tab.get_by_role("button", name=name).focus()
            tab.keyboard.press("Enter")
            expect(under).not_to_have_text(spans[-1])
            spans.append(under.inner_text())
        assert spans[4] == spans[2], "earlier and later again is where it was"
        tab.get_by_label("Compare with").select_option(label="Harbour gate")
        expect(tab.locator(".figure .under").first).to_contain_text("Harbour gate")


def test_a_site_whose_devices_have_not_reported_says_so(browser: Browser, here: World) -> None:
    told = {"schema": 1, "state": "online", "run": "run-1", "since": "2026-11-22T06:00:00Z", "reason": ""}
    topic = topic_of("new-place", "mast-0", "status")
    single(topic, msgspec.json.encode(told), qos=1, port=here.broker, protocol=MQTTProtocolVersion.MQTTv5)
    with inside(browser, here) as tab:
        expect(tab.locator("article", has_text="New place")).to_contain_text("No report has come")
        for page in ("site", "history"):
            tab.goto(f"{here.address}/#/{page}/new-place")
            expect(tab.get_by_text("No report has come from here yet")).to_be_visible()


@pytest.mark.slow
def test_a_page_without_its_collector_says_how_old_its_numbers_are(browser: Browser, tmp_path: Path) -> None:
    with world(tmp_path, days=1) as here, inside(browser, here) as tab:
        expect(tab.locator("#pulse")).to_have_text("live")
        here.stop()
        expect(tab.locator("#pulse")).to_contain_text("no connection, numbers of")
        tab.goto(f"{here.address}/#/site/friendship-bridge")
        expect(tab.get_by_role("alert").first).to_contain_text("the collector does not answer")


@pytest.mark.slow
def test_everybody_sees_counts_of_a_public_collector_and_nothing_else(browser: Browser, tmp_path: Path) -> None:
    with world(tmp_path, days=1, is_public=True) as here, opened(browser, here.address) as tab:
        expect(tab.locator(".card.site").first).to_be_visible()
        assert tab.locator("#nav a").all_inner_texts() == ["Overview", "History"]
        for page in ("overview", "site", "history"):
            show(tab, here, page)
            expect(tab.locator("main .num").first).to_be_visible()
            expect(tab.locator("main button.num")).to_have_count(0)
            expect(tab.locator('main a[href^="#/devices"]')).to_have_count(0)
