"""Mouse, keyboard and finger each set up a line in a real browser, over a real recording that is really counted."""

import http.client
import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from edge.cli import main
from edge.config.loading import load_config
from edge.config.schema import Mqtt
from tests.bright_squares import Square, write_clip, write_model
from tests.pages.browser import opened, says, served

SQUARES = [Square(2, 10, 4), Square(6, 60, -4), Square(20, 10, 3), Square(30, 110, -3), Square(34, 60, -5)]

NONE = "none/edge.yaml"
SLOW_STATE = """
  const ask = window.fetch;
  window.fetch = async (where, ...more) => {
    if (String(where).includes("/state")) await new Promise((go) => setTimeout(go, 1000));
    return ask(where, ...more);
  };
"""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "squares.mp4", SQUARES)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def config(tmp_path: Path, model: Path) -> Path:
    """A configuration whose lines are still to be drawn."""
    path = tmp_path / "edge.yaml"
    path.write_text(f"# by hand\nsite: bridge   # ours\ndevice: mast-1\nmodel: {{name: {model}}}\n")
    return path


def at(page: Page, x: float, y: float) -> tuple[float, float]:
    box = page.locator("#frame").bounding_box()
    assert box is not None
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def drag(page: Page, *places: tuple[float, float]) -> None:
    page.mouse.move(*at(page, *places[0]))
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*at(page, *place), steps=4)
    page.mouse.up()


def save(page: Page) -> None:
    page.click("#save")
    says(page, "#verdict", "Saved to")


def about(*points: tuple[float, float]) -> Any:
    return [pytest.approx(point, abs=0.02) for point in points]


def points_of(path: Path, line: str) -> list[tuple[float, float]]:
    found = load_config(path).lines[line]
    return list(found.points or (found.start, found.end))  # type: ignore[arg-type]


def test_a_mouse_draws_a_line_sees_it_count_and_saves_it(browser: Browser, clip: Path, config: Path) -> None:
    with served("setup", "--config", config, "--video", clip) as address, opened(browser, address) as page:
        says(page, "#verdict", "draw one counting line")
        page.click("#draw-lines")
        drag(page, (0.02, 0.5), (0.5, 0.5), (0.98, 0.5))
        page.fill("#lines-0-name", "deck")
        page.fill("#lines-0-a_to_b", "out of town")
        says(page, "#lines-0-classes", "truck, in")  # counted with the real detector
        says(page, "#drawing .line", "out of town")
        save(page)
        drag(page, (0.98, 0.5), (0.9, 0.7))  # a point, moved
        page.click("#undo")
        page.click("#redo")
        save(page)
    assert points_of(config, "deck") == about((0.02, 0.5), (0.9, 0.7))
    assert load_config(config).lines["deck"].a_to_b == "out of town"
    assert config.read_text().startswith("# by hand\nsite: bridge   # ours\n")
    assert main(["check", str(config)]) == 0


def test_a_keyboard_draws_a_line_and_saves_it(browser: Browser, clip: Path, config: Path) -> None:
    with served("setup", "--config", config, "--video", clip) as address, opened(browser, address) as page:
        page.locator("#draw-lines:enabled").wait_for()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")  # the first button draws a line
        for _ in range(10):
            page.keyboard.press("ArrowLeft")
        page.keyboard.press("Tab")
        for _ in range(4):
            page.keyboard.press("ArrowDown")
        page.keyboard.press("Shift+ArrowDown")
        page.keyboard.press("Insert")
        page.keyboard.press("Control+s")
        says(page, "#verdict", "Saved to")
        label = re.compile("^Point 1 of line line-1, 25% across")
        expect(page.locator(".handle").nth(0)).to_have_attribute("aria-label", label)
        page.locator(".handle").nth(1).focus()
        page.keyboard.press("Delete")
        page.keyboard.press("Control+z")
        page.keyboard.press("Control+Shift+z")
        page.keyboard.press("Control+s")
        says(page, "#verdict", "Saved to")
    assert points_of(config, "line-1") == about((0.25, 0.55), (0.7, 0.571))


def test_a_finger_draws_a_bent_line_and_a_mask_and_saves_them(browser: Browser, clip: Path, config: Path) -> None:
    touch = {"has_touch": True, "is_mobile": True, "viewport": {"width": 420, "height": 860}}
    with served("setup", "--config", config, "--video", clip) as address, opened(browser, address, **touch) as page:
        page.tap("#draw-lines")
        for x, y in ((0.1, 0.5), (0.5, 0.6), (0.9, 0.5)):
            page.touchscreen.tap(*at(page, x, y))
        page.tap("#finish")
        page.tap("#draw-masks")
        for x, y in ((0.0, 0.0), (1.0, 0.0), (1.0, 0.2), (0.0, 0.2)):
            page.touchscreen.tap(*at(page, min(max(x, 0.005), 0.99), y + 0.01))
        page.tap("#finish")
        page.tap("#save")
        says(page, "#verdict", "Saved to")
        room = page.locator("#save").bounding_box()
        assert room is not None
        assert room["height"] >= 44
    assert points_of(config, "line-1") == about((0.1, 0.5), (0.5, 0.6), (0.9, 0.5))
    assert list(load_config(config).masks["mask-1"]) == about((0.0, 0.01), (0.99, 0.01), (0.99, 0.21), (0.0, 0.21))


def test_a_person_says_that_all_lies_right_and_is_believed(browser: Browser, clip: Path, config: Path) -> None:
    """On a slow line, too: before the page knows how things stand nothing can be pressed, and no press is lost."""
    config.write_text(f"{config.read_text()}lines:\n  deck: {{from: [0.0, 0.5], to: [1.0, 0.5]}}  # by hand\n")
    with served("setup", "--config", config, "--video", clip) as address, opened(browser, address) as page:
        page.add_init_script(SLOW_STATE)
        page.reload()
        page.click("#lies-right")
        says(page, "#verdict", "Saved to")
    assert load_config(config).reference == 1
    assert "# by hand" in config.read_text()


def test_a_mask_hides_what_stands_in_it_while_one_watches(browser: Browser, clip: Path, config: Path) -> None:
    whole = "{all: [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]}"
    line = "lines: {deck: {from: [0.0, 0.4], to: [1.0, 0.4]}}\n"
    config.write_text(config.read_text() + line + f"masks: {whole}\n")
    with served("setup", "--config", config, "--video", clip) as address, opened(browser, address) as page:
        says(page, "#verdict", "runs through masks.all")
        says(page, "#lines-0-classes", "none yet, in 3 s")
        assert page.locator(".vehicle").count() == 0
        page.click('[aria-label="Remove all"]')
        page.locator(".vehicle").first.wait_for()
        save(page)
    assert load_config(config).masks == {}


def test_what_check_refuses_is_not_saved_and_told_in_its_words(browser: Browser, clip: Path, config: Path) -> None:
    config.write_text(config.read_text() + "lines: {deck: {from: [0.0, 0.4], to: [1.0, 0.4]}}\n")
    before = config.read_text()
    with served("setup", "--config", config, "--video", clip) as address, opened(browser, address) as page:
        page.fill("#lines-0-name", "The Deck")
        page.click("#save")
        says(page, "#verdict", "lines names 'The Deck'; allowed are 1 to 64 characters of a-z, 0-9 and -")
    assert config.read_text() == before


def test_a_file_changed_meanwhile_is_not_saved_over_unasked(browser: Browser, clip: Path, config: Path) -> None:
    config.write_text(config.read_text() + "lines: {deck: {from: [0.0, 0.4], to: [1.0, 0.4]}}\n")
    with served("setup", "--config", config, "--video", clip) as address, opened(browser, address) as page:
        config.write_text(config.read_text() + "keep: {disk_mb: 300}\n")
        page.fill("#lines-0-a_to_b", "north")
        page.click("#save")
        page.click("#conflict-over")
        says(page, "#verdict", "Saved to")
    said = load_config(config)
    assert (said.lines["deck"].a_to_b, said.keep.disk_mb) == ("north", 300)
    assert "a_to_b" not in config.with_name("edge.yaml.bak").read_text()


def test_a_new_configuration_is_begun(browser: Browser, clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "new.yaml"
    with served("setup", "--config", path, "--video", clip) as address, opened(browser, address) as page:
        page.click("#draw-zones")
        for x, y in ((0.2, 0.3), (0.8, 0.3), (0.8, 0.8), (0.2, 0.3)):
            page.mouse.click(*at(page, x, y))
        save(page)  # a zone alone is enough
        assert (list(load_config(path).lines), list(load_config(path).zones)) == ([], ["zone-1"])
        page.click("#draw-lines")
        drag(page, (0.1, 0.5), (0.9, 0.5))
        page.fill("#site", "friendship-bridge")
        page.keyboard.press("Control+s")
        says(page, "#verdict", "Saved to")
    said = load_config(path)
    assert (said.site, list(said.lines), list(said.zones)) == ("friendship-bridge", ["line-1"], ["zone-1"])


def test_a_new_configuration_gets_its_broker_and_the_time_zone_of_the_browser(
    browser: Browser, clip: Path, tmp_path: Path
) -> None:
    path = tmp_path / "new.yaml"
    arguments = ("setup", "--config", path, "--video", clip)
    with served(*arguments) as address, opened(browser, address, timezone_id="Asia/Shanghai") as page:
        page.click("#draw-lines")
        drag(page, (0.1, 0.5), (0.9, 0.5))
        page.fill("#broker-host", "mqtt://broker.example")
        page.click("#save")
        says(page, "#verdict", "mqtt.host is 'mqtt://broker.example'")
        page.fill("#broker-host", "broker.example")
        page.fill("#broker-port", "")
        page.click("#save")
        says(page, "#verdict", "mqtt.port is 0")
        page.fill("#broker-port", "1883")
        page.uncheck("#broker-tls")
        save(page)
    said = load_config(path)
    assert said.time_zone == "Asia/Shanghai"
    assert said.mqtt == Mqtt(host="broker.example", port=1883, tls=False)
    with (
        served(*arguments, "--broker", "[2001:db8::1]:8884", "--time-zone", "Asia/Seoul") as address,
        opened(browser, address, timezone_id="Asia/Shanghai") as page,
    ):
        save(page)  # what the command line says, and nothing drawn
    said = load_config(path)
    assert said.time_zone == "Asia/Seoul"
    assert said.mqtt == Mqtt(host="2001:db8::1", port=8884, tls=False)


def test_nobody_without_the_token_learns_or_changes_anything(browser: Browser, clip: Path, config: Path) -> None:
    before = config.read_text()
    with served("setup", "--config", config, "--video", clip) as address:
        port = urlsplit(address).port
        for method, path in (("GET", "/"), ("GET", "/sight"), ("GET", "/picture?number=1"), ("POST", "/save")):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            headers = {"Content-Type": "application/json", "Origin": f"http://127.0.0.1:{port}"}
            connection.request(method, path, "{}", headers)
            answer = connection.getresponse()
            assert (answer.status, list(json.loads(answer.read()))) == (403, ["error"]), path
            connection.close()
        with opened(browser, address.partition("?")[0]) as page:
            assert "token is missing" in page.content()
    assert config.read_text() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_either_signal_ends_it_well(number: int, clip: Path, config: Path) -> None:
    command = [sys.executable, "-c", "import sys, edge.cli as c; sys.exit(c.main())"]
    arguments = ["setup", "--config", str(config), "--video", str(clip)]
    with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(3)]
        process.send_signal(number)
        try:
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()
    assert "ssh -L" in said[1]
    assert said[2] == "Ctrl+C ends it.\n"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--config", NONE, "--video", "clip"], "does not exist"),
        (["--config", "edge.yaml"], "names no camera"),
        (["--config", "edge.yaml", "--video", "nothing.mp4"], "nothing.mp4 does not exist"),
        (["--config", "broken.yaml", "--video", "clip"], "broken.yaml: siet is not known"),
        (["--config", "edge.yaml", "--video", "clip", "--time-zone", "Shanghai"], "time_zone is 'Shanghai'"),
        (
            ["--config", "edge.yaml", "--video", "clip", "--broker", "mqtt://a.example"],
            "--broker is 'mqtt://a.example'",
        ),
        (["--config", "edge.yaml", "--video", "clip", "--broker", "a.example:99999"], "--broker is 'a.example:99999'"),
    ],
)
def test_what_cannot_be_set_up_is_told_in_one_sentence(
    arguments: list[str], word: str, clip: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (config.parent / "broken.yaml").write_text("siet: a\n")
    places = {one: str(config.parent / one) for one in (NONE, "edge.yaml", "nothing.mp4", "broken.yaml")}
    assert main(["setup", *((places | {"clip": str(clip)}).get(one, one) for one in arguments)]) == 2
    (sentence,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("crossing-edge: ")]
    assert word in sentence


def test_the_camera_of_the_command_line_is_looked_at_and_saved(browser: Browser, clip: Path, config: Path) -> None:
    with served("setup", "--config", config, "--camera", clip) as address, opened(browser, address) as page:
        page.click("#draw-lines")
        drag(page, (0.1, 0.5), (0.9, 0.5))
        save(page)
    camera = load_config(config).camera
    assert camera is not None
    assert camera.url == str(clip)
    with served("setup", "--config", config) as address, opened(browser, address) as page:
        says(page, "#lines-0-classes", "truck, in")


def test_a_camera_that_is_not_there_is_told_on_the_page(browser: Browser, config: Path) -> None:
    arguments = ("setup", "--config", config, "--camera", "rtsp://127.0.0.1:9/none")
    with served(*arguments) as address, opened(browser, address) as page:
        page.locator("#trouble:visible").wait_for()
        expect(page.locator("#draw-lines")).to_be_disabled()


def test_what_another_wrote_is_taken_up_if_it_is_a_configuration(browser: Browser, clip: Path, config: Path) -> None:
    before = config.read_text()
    config.write_text(before + "lines: {deck: {from: [0.0, 0.4], to: [1.0, 0.4]}}\n")
    with served("setup", "--config", config, "--video", clip) as address, opened(browser, address) as page:
        config.write_text(before + "lines: {deck: {from: [0.0, 0.4], to: 3}}\n")
        page.fill("#lines-0-a_to_b", "north")
        page.click("#save")
        page.click("#conflict-reload")
        says(page, "#verdict", "lines.deck.to is 3")
        expect(page.locator("#lines-0-a_to_b")).to_have_value("north")  # nothing that was drawn is lost
        config.write_text(before + "lines: {ramp: {from: [0.0, 0.4], to: [1.0, 0.4]}}\n")
        page.click("#save")
        page.click("#conflict-reload")
        says(page, "#verdict", "nothing to save")
        expect(page.locator("#lines-0-name")).to_have_value("ramp")


def test_a_judgement_that_comes_late_does_not_hide_why_a_file_was_not_taken_up(
    browser: Browser, clip: Path, config: Path
) -> None:
    before = config.read_text()
    config.write_text(before + "lines: {deck: {from: [0.0, 0.4], to: [1.0, 0.4]}}\n")
    held: list[Route] = []
    with served("setup", "--config", config, "--video", clip) as address, opened(browser, address) as page:
        page.route("**/draft", lambda route: held.append(route))  # noqa: PLW0108 - playwright marks its handlers
        with page.expect_request("**/draft"):
            page.fill("#lines-0-a_to_b", "north")
        config.write_text(before + "lines: {deck: {from: [0.0, 0.4], to: 3}}\n")
        page.click("#save")
        page.click("#conflict-reload")
        says(page, "#verdict", "lines.deck.to is 3")
        with page.expect_response("**/draft") as judged:
            held[0].continue_()
        judged.value.finished()
        page.evaluate("() => new Promise((done) => setTimeout(done))")
        says(page, "#verdict", "lines.deck.to is 3")


def test_a_finger_drags_a_point(browser: Browser, clip: Path, config: Path) -> None:
    config.write_text(config.read_text() + "lines: {deck: {from: [0.1, 0.4], to: [0.9, 0.4]}}\n")
    touch = {"has_touch": True, "is_mobile": True, "viewport": {"width": 420, "height": 860}}
    with served("setup", "--config", config, "--video", clip) as address, opened(browser, address, **touch) as page:
        page.locator("#draw-lines:enabled").wait_for()
        finger = page.context.new_cdp_session(page)
        for kind, place in (
            ("touchStart", (0.12, 0.41)),
            ("touchMove", (0.2, 0.5)),
            ("touchMove", (0.3, 0.7)),
            ("touchEnd", None),
        ):
            x, y = at(page, *place) if place else (0, 0)
            points = [{"x": x, "y": y}] if place else []
            finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        save(page)
    assert points_of(config, "deck") == about((0.3, 0.7), (0.9, 0.4))
