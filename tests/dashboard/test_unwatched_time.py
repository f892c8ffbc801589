"""Time that nobody watched, as it is drawn: a gap in every chart, hatched everywhere, and told as such."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from collector.protocol.intake import ReceivedReport
from collector.store.sqlite.store import SqliteStore
from edge.wire.report import Report, encode
from edge.wire.times import rfc3339
from edge.wire.topics import topic_of
from tests.dashboard.world import World, inside, world

SITE = "mountain-pass"  # its power was cut for 20 hours, 5.1 days ago
HATCHED = "Hatched: nobody watched, in proportion to the time."
FILLED_OVER = """
async (path) => {
  const answer = await (await fetch(`/api/v1/sites/${path}`)).json();
  const rows = answer.series.map((one) => one.all);
  const edges = answer.edges_ms, all = edges.slice(0, -1).map((_, i) => i);
  const chart = document.querySelector("figure.chart .canvas");
  const axis = chart._fullLayout.xaxis, height = chart._fullLayout.yaxis._length;
  const paths = [...chart.querySelectorAll(".js-fill, .barlayer .point path")].filter((one) => {
    if (one.closest(".xy2, .legend")) return false; // the hatching; the legend has coordinates of its own
    const look = getComputedStyle(one);
    return look.fill !== "none" && Number(look.fillOpacity) > 0;
  });
  const isFilled = (i) => {
    const x = axis.l2p((edges[i] + edges[i + 1]) / 2);
    for (let y = 0.5; y < height; y += 1) {
      if (paths.some((one) => one.isPointInFill(new DOMPoint(x, y)))) return true;
    }
    return false;
  };
  const unwatched = all.filter((i) => rows.every((row) => row[i] === null) && edges[i] < answer.now_ms);
  const watched = all.filter((i) => rows.some((row) => row[i] > 1));
  return {
    intervals: all.length, unwatched: unwatched.length, faults: unwatched.filter(isFilled),
    watched: watched.length, seen: watched.filter(isFilled).length,
  };
}
"""
"""Where a filled shape of a chart covers the middle of an interval for which the API says null, from its top down."""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(Path(tmp_path_factory.mktemp("unwatched")), days=6) as made:
        yield made


def history(tab: Page, here: World, interval: str, site: str = SITE) -> tuple[int, int]:
    end_ms = here.traffics[0].end_ms
    from_ms = end_ms - 6 * 86_400_000
    tab.goto(f"{here.address}/#/history/{site}?from={from_ms}&to={end_ms}&interval={interval}")
    expect(tab.locator("main[data-page=history] .head .soft")).to_contain_text("to")
    for chart in tab.locator("figure.chart:visible .canvas").all():
        expect(chart).to_have_attribute("data-drawn", "true")
    return from_ms, end_ms


@pytest.mark.parametrize("interval", ["15min", "hour"])
def test_no_filled_area_lies_over_time_that_nobody_watched(browser: Browser, here: World, interval: str) -> None:
    with inside(browser, here) as tab:
        from_ms, to_ms = history(tab, here, interval)
        path = f"{SITE}/counts?by=site&from={from_ms}&to={to_ms}&interval={interval}&limit=5000"
        found: dict[str, Any] = tab.evaluate(FILLED_OVER, path)
    assert found["unwatched"] >= 19 * (4 if interval == "15min" else 1)
    assert (found["intervals"] > 150) is (interval == "15min"), "with and without the outline of a long span"
    assert found["faults"] == []
    assert found["seen"] > 0.9 * found["watched"], "what was counted is drawn"


def test_a_chart_says_of_an_interval_its_own_share(browser: Browser, here: World) -> None:
    with inside(browser, here) as tab:
        history(tab, here, "15min")
        said = tab.evaluate(
            "[...document.querySelector('figure.chart .canvas').data].filter((one) => one.customdata)"
            ".map((one) => [one.name, one.x.length, one.customdata])"
        )
        assert [(name, n) for name, n, _ in said] == [("north", 576), ("south", 576)]
        for _, _, texts in said:
            assert "nobody watched" in texts
            assert all(
                re.fullmatch(r"nobody watched|to come|[\d,]+, watched \d+ %(, not over yet)?", one) for one in texts
            )


def test_hatching_means_one_thing_on_every_page(browser: Browser, here: World) -> None:
    with inside(browser, here) as tab:
        expect(tab.locator(".head .soft")).to_contain_text(HATCHED)
        cells = tab.evaluate(  # in one piece: the page may draw its cells anew at any moment
            "[...document.querySelectorAll('.strip .cell')].map((one) => [one.className, one.title, one.textContent,"
            " getComputedStyle(one).backgroundImage])"
        )
        for name, title, text, image in cells:
            whole_hatched = image.startswith("repeating-linear-gradient")
            assert whole_hatched is (text == "blind"), (name, title)
            assert ("nobody watched" in title) is (text == "blind"), (name, title)
            if " part" in name:
                assert image.startswith("linear-gradient"), "the part that was watched is filled, the rest is hatched"
        tab.goto(f"{here.address}/#/site/{SITE}")
        expect(tab.locator("main[data-page=site]")).to_contain_text(HATCHED)
        history(tab, here, "hour")
        expect(tab.locator("main")).to_contain_text(HATCHED)
        assert tab.locator(".legendtext", has_text="nobody watched").count() == 1
        tab.goto(f"{here.address}/#/devices")
        legend = tab.locator(".legend")
        expect(legend).to_contain_text("nobody watched: blind")
        expect(legend).to_contain_text("nobody watched: no report")


def test_a_span_is_compared_like_for_like_or_the_page_says_why_not(browser: Browser, here: World) -> None:
    end_ms, day_ms = here.traffics[0].end_ms, 86_400_000
    with inside(browser, here) as tab:
        span = f"from={end_ms - 2 * day_ms}&to={end_ms}&compare=day"
        tab.goto(f"{here.address}/#/history/harbour-gate?{span}")
        under = tab.locator(".figure .under").first
        expect(under).to_contain_text("in the hours that both watched")
        (out, _) = tab.evaluate(
            "async (path) => (await (await fetch(path)).json()).comparison",
            f"/api/v1/sites/harbour-gate/counts?by=site&{span}",
        )
        then, change = round(out["all"]["then"]), abs(100 * out["all"]["change"])
        expect(under).to_contain_text(f"then {then:,}")
        expect(under).to_contain_text(re.compile(rf"[▲▼] {change:.0f}|[▲▼] {int(change)}"))
        span = f"from={end_ms - 5 * day_ms}&to={end_ms - 4 * day_ms}&compare=day"
        tab.goto(f"{here.address}/#/history/{SITE}?{span}")
        expect(under).to_have_text(re.compile(r"not compared: only \d+ % of this time was watched, 80 % is needed"))


def test_the_day_that_is_not_over_is_marked(browser: Browser, here: World) -> None:
    with inside(browser, here) as tab:
        tab.goto(f"{here.address}/#/history/{SITE}")
        tab.get_by_role("button", name="7 days").click()
        tab.get_by_label("Interval").select_option("day")
        expect(tab.locator(".figure .name").first).to_have_text("Out so far")
        expect(tab.locator("table", has_text="Watched").locator("tbody th").first).to_contain_text("not over yet")


USUALLY = """
async ([shares, known]) => {
  const { usually } = await import("/static/usual.js");
  const edges = Array.from({ length: 11 }, (_, i) => i), all = shares.map((share) => (share ? 20 * share : null));
  const of = (x) => shares.map((_, i) => (i < known ? x : null));
  const band = { role: "out", p10: of(9), p50: of(10), p90: of(11) };
  return usually({ share: shares, all }, { bands: [band] }, "out", edges, 10);
}
"""


def test_today_is_held_against_what_is_usual_where_enough_was_watched(browser: Browser, here: World) -> None:
    with inside(browser, here) as tab:
        assert tab.evaluate(USUALLY, [[1] * 10, 10]) == "▲ 100 % above usual"
        assert tab.evaluate(USUALLY, [[0.5] * 4 + [1] * 6, 10]) == "▲ 100 % above usual", "half of an hour, half of it"
        assert tab.evaluate(USUALLY, [[1] * 7 + [0] * 3, 10]) == "not compared with usual: only 70 % was watched"
        few = "not compared: past days were watched for 70 % of these hours"
        assert tab.evaluate(USUALLY, [[1] * 10, 7]) == few


def test_names_that_would_turn_the_page_round_are_spelt_out(browser: Browser, here: World) -> None:
    start = rfc3339(here.traffics[0].end_ms - 900_000)
    lines = {"deck": {"out\u202eward": {"c\u2066ar": 3}, "back": {"c\u2066ar": 1}}}
    report = Report(site="bidi", device="mast-1", run="r", seq=1, start=start, width_ms=900_000, watched_ms=900_000,
                    state="ok", lines=lines)  # fmt: skip
    received = ReceivedReport(topic_of("bidi", "mast-1", "report"), encode(report), report)
    with SqliteStore(here.store) as store:  # an older collector took such names in
        store.commit([received], now_ms=here.traffics[0].end_ms)
    with inside(browser, here) as tab:
        expect(tab.locator("article", has_text="Bidi")).to_be_visible()
        for page in ("site", "history"):
            tab.goto(f"{here.address}/#/{page}/bidi")
            expect(tab.locator(f"main[data-page={page}] h1")).to_be_visible()
            expect(tab.locator("main")).to_contain_text("⟨U+2066⟩")
            expect(tab.locator("figure.chart .canvas").first).to_have_attribute("data-drawn", "true")
            shown = tab.evaluate(
                "document.body.innerText + [...document.querySelectorAll('[title], [aria-label]')]"
                ".map((one) => one.title + one.getAttribute('aria-label')).join()"
            )
            assert not set("\u202e\u2066") & set(shown), page
