"""A person clicks vehicles on the strip, names them by keys, and evaluate reads what is saved."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from edge.cli import main
from edge.offline.evaluate import load_truth
from tests.bright_squares import HEIGHT, WIDTH, Square, write_clip, write_model
from tests.pages.browser import opened, says, served

SQUARES = [Square(2, 10, 4), Square(6, 60, -4), Square(20, 10, 3), Square(30, 110, -3), Square(34, 60, -5)]
LINE = f"0,64,{WIDTH},64"
FRAMES = 80


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "squares.mp4", SQUARES, FRAMES)


def counted(page: Page) -> None:
    says(page, "#strip-said", f"{FRAMES} frames. 5 counted.")


def click(page: Page, frame: int, along: float) -> None:
    box = page.locator("#reel").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + along * box["width"], box["y"] + (frame + 0.5) * box["height"] / FRAMES)


def save(page: Page) -> None:
    page.keyboard.press("Control+s")
    says(page, "#verdict", "Saved to")


def crossings_of(path: Path) -> list[tuple[int, str, str, bool]]:
    return [(one.frame, one.label, one.direction, one.uncertain) for one in load_truth(path).crossings]


def evaluated(capsys: pytest.CaptureFixture[str], truth: Path, model: Path) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["evaluate", str(truth), "--model", str(model), "--json"]) == 0
    total: dict[str, Any] = json.loads(capsys.readouterr().out)["total"]
    return total


def test_what_the_count_suggests_is_accepted_by_one_key_each_and_scores_as_itself(
    browser: Browser, clip: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = clip.with_suffix(".truth.json")
    with (
        served("annotate", clip, "--line", LINE, "--model", model) as address,
        opened(browser, address) as page,
    ):
        counted(page)
        assert page.locator(".mark").count() == 0  # who is not asked for a second opinion gives none
        page.keyboard.press("s")
        expect(page.locator(".mark.suggested")).to_have_count(5)
        for _ in range(5):
            page.keyboard.press("a")
        expect(page.locator(".mark:not(.suggested)")).to_have_count(5)
        save(page)
    score = evaluated(capsys, truth, model)
    assert (score["true"], score["found"], score["f1"], score["class_accuracy"]) == (5, 5, 1.0, 1.0)
    said = json.loads(truth.read_text())
    assert (said["video"], said["frames"], said["line"]) == ("squares.mp4", FRAMES, [[0, 64], [WIDTH, 64]])


def test_a_click_places_and_keys_name_turn_doubt_move_undo_and_remove(
    browser: Browser, clip: Path, model: Path
) -> None:
    truth = clip.with_name("by-hand.json")
    arguments = ("annotate", clip, "--line", f"0,0.5,1,{64 / HEIGHT}", "--model", model, "--out", truth)
    with served(*arguments) as address, opened(browser, address) as page:
        counted(page)
        click(page, 11, 0.1)
        page.keyboard.press("4")  # a bus
        page.keyboard.press("d")
        click(page, 40, 0.5)
        page.keyboard.press("3")
        page.keyboard.press("u")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Shift+ArrowRight")
        says(page, "#where", "Frame 51")
        page.keyboard.press("m")
        page.keyboard.press("Control+z")
        page.keyboard.press("Control+Shift+z")
        click(page, 70, 0.9)
        page.keyboard.press("Delete")
        click(page, 75, 0.9)
        page.keyboard.press("Control+z")
        page.fill("#notes", "fog from 0:05 on")
        page.locator("#strip").focus()
        marks = page.locator(".mark")
        expect(marks).to_have_count(2)
        expect(marks.nth(0)).to_have_attribute("aria-label", re.compile("^Crossing: bus, "))
        expect(marks.nth(1)).to_have_attribute("aria-label", "Crossing: truck, b_to_a, frame 51, uncertain")
        save(page)
    (bus, truck) = crossings_of(truth)
    assert (bus[:2], bus[3]) == ((11, "bus"), False)
    assert truck == (51, "truck", "b_to_a", True)
    assert json.loads(truth.read_text())["notes"] == "fog from 0:05 on"


def test_an_existing_truth_is_opened_again_and_keeps_what_people_wrote(
    browser: Browser, clip: Path, model: Path
) -> None:
    truth = clip.with_suffix(".truth.json")
    document = {
        "video": "squares.mp4",
        "source": "the tests",
        "line": [[0, 64], [WIDTH, 64]],
        "fps": 10.0,
        "frames": FRAMES,
        "crossings": [
            {"frame": 12, "class": "truck", "direction": "a_to_b", "number": 7},
            {"frame": 47, "class": "car", "direction": "b_to_a", "number": 9},
        ],
    }
    truth.write_text(json.dumps(document))
    with served("annotate", clip, "--model", model) as address, opened(browser, address) as page:
        counted(page)
        expect(page.locator(".mark")).to_have_count(2)
        page.keyboard.press("n")
        page.keyboard.press("n")
        page.keyboard.press("2")
        truth.write_text(json.dumps(document | {"source": "somebody else"}))
        page.keyboard.press("Control+s")
        page.click("#conflict-over")
        says(page, "#verdict", "Saved to")
    said = json.loads(truth.read_text())
    assert [(one["class"], one["number"]) for one in said["crossings"]] == [("truck", 7), ("van", 9)]
    assert "somebody else" in clip.with_name("squares.truth.json.bak").read_text()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "no counting line"),
        (["--line", "0,64,400,64"], "outside the picture"),
        (["--line", "1,2"], "2 numbers"),
        (["--out", "other.json"], "is the truth of other.mp4"),
        (["--out", "bent.json", "--line", LINE], "has the line 0,10,160,10"),
        (["--out", "none/x.json", "--line", LINE], "does not exist"),
        (["--out", "text.json", "--line", LINE], "text.json is not a truth file"),
        (["--line", LINE, "--model", "none"], "none"),
    ],
)
def test_what_cannot_be_annotated_is_told_in_one_sentence(
    arguments: list[str], word: str, clip: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clip.parent)
    said = {"video": clip.name, "line": [[0, 10], [160, 10]], "fps": 10, "frames": 80, "crossings": []}
    Path("bent.json").write_text(json.dumps(said))
    Path("other.json").write_text(json.dumps(said | {"video": "other.mp4"}))
    Path("text.json").write_text("hello")
    assert main(["annotate", clip.name, *arguments]) == 2
    (sentence,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("crossing-edge: ")]
    assert word in sentence
