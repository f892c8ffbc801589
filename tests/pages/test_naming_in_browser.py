"""A person names the vehicles of a recording by one key each, and finds the odd ones in a second round."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from edge.cli import main
from tests.bright_squares import Square, write_clip, write_model
from tests.pages.browser import opened, says, served

SQUARES = [Square(2, 10, 4), Square(6, 60, -4), Square(20, 10, 3), Square(30, 110, -3), Square(34, 60, -5)]
FRAMES = 80


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "squares.mp4", SQUARES, FRAMES)


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def names(path: Path) -> list[str]:
    return [row["class"] for row in rows(path)]


def ready(page: Page) -> None:
    says(page, "#verdict", "5 vehicles.")


def save(page: Page) -> None:
    page.keyboard.press("Control+s")
    says(page, "#verdict", "Saved")


def test_one_key_names_a_vehicle_and_goes_on_and_undo_comes_back(browser: Browser, clip: Path, model: Path) -> None:
    out = clip.with_suffix(".names.jsonl")
    with served("annotate", clip, "--tracks", "--model", model) as address, opened(browser, address) as page:
        ready(page)
        first = page.locator('[aria-selected="true"]').get_attribute("data-track")
        assert first is not None
        for key in "ctvbc":
            page.keyboard.press(key)
        page.keyboard.press("Backspace")
        page.keyboard.press("Backspace")
        expect(page.locator('.vehicle-tile[data-name=""]')).to_have_count(2)
        page.keyboard.press("m")
        page.keyboard.press("u")
        says(page, "#sheet-said", "5 of 5 named")
        page.keyboard.press("Home")
        expect(page.locator('[aria-selected="true"]')).to_have_attribute("data-track", first)
        page.fill("#note", "fairly sure")
        page.keyboard.press("Enter")
        save(page)
    made = rows(out)
    assert [row["class"] for row in made] == ["car", "truck", "van", "minibus", "unsure"]
    assert [row.get("note") for row in made] == ["fairly sure", None, None, None, None]
    for row in made:
        assert list(row)[:5] == ["clip", "track", "frames", "boxes", "class"]
        assert row["clip"] == clip.name
        assert 1 <= len(row["frames"]) == len(row["boxes"]) <= 4
        assert row["frames"] == sorted(row["frames"])
        assert all(0 <= frame < FRAMES for frame in row["frames"])
        assert all(x1 < x2 and y1 < y2 for x1, y1, x2, y2 in row["boxes"])


def test_the_second_round_is_sorted_by_name_and_a_file_that_is_there_is_gone_on_with(
    browser: Browser, clip: Path, model: Path
) -> None:
    out = clip.with_suffix(".names.jsonl")
    elsewhere = {"clip": "other.mp4", "track": 1, "frames": [3], "boxes": [[1, 2, 3, 4]], "class": "bus", "mine": 7}
    out.write_text(json.dumps(elsewhere) + "\n", encoding="utf-8")
    with served("annotate", clip, "--tracks", "--model", model) as address, opened(browser, address) as page:
        ready(page)
        for key in "tctvc":
            page.keyboard.press(key)
        save(page)
    with served("annotate", clip, "--tracks", "--model", model) as address, opened(browser, address) as page:
        ready(page)
        says(page, "#sheet-said", "5 of 5 named")
        page.keyboard.press("r")
        for place, name in enumerate(["car", "car", "van", "truck", "truck"]):
            expect(page.locator(".vehicle-tile").nth(place)).to_have_attribute("data-name", name)
        page.keyboard.press("End")
        page.keyboard.press("b")
        save(page)
    assert rows(out)[0] == elsewhere
    assert names(out)[1:] == ["truck", "car", "bus", "van", "car"]


def test_what_another_wrote_meanwhile_is_not_lost(browser: Browser, clip: Path, model: Path) -> None:
    out = clip.with_suffix(".names.jsonl")
    elsewhere = json.dumps({"clip": "other.mp4", "class": "bus"}) + "\n"
    with served("annotate", clip, "--tracks", "--model", model) as address, opened(browser, address) as page:
        ready(page)
        page.keyboard.press("c")
        out.write_text(elsewhere, encoding="utf-8")
        page.keyboard.press("Control+s")
        expect(page.locator("#conflict")).to_be_visible()
        page.click("#conflict-over")
        says(page, "#verdict", "Saved 1 name")
    assert names(out) == ["bus", "car"]


@pytest.mark.parametrize(
    ("text", "sentence"), [("{}\n", "line 1"), ('{"clip": "a", "class": "car"}\nnone\n', "line 2: no JSON")]
)
def test_a_file_that_holds_no_names_is_refused(
    clip: Path, model: Path, capsys: pytest.CaptureFixture[str], text: str, sentence: str
) -> None:
    out = clip.with_suffix(".names.jsonl")
    out.write_text(text, encoding="utf-8")
    assert main(["annotate", str(clip), "--tracks", "--model", str(model)]) == 2
    assert sentence in capsys.readouterr().err
    assert main(["annotate", str(clip), "--tracks", "--line", "0,0.5,1,0.5"]) == 2
    assert "--line" in capsys.readouterr().err
