"""The pictures of the README: `python -m tests.pages.pictures` drives both pages over the bridge by day.

They are written to docs/setup.png and docs/annotate.png, with few colours, so that they stay small.
"""

import io
import shutil
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import expect

from tests.pages.browser import chromium, opened, served

ROOT = Path(__file__).parents[2]
CLIP = ROOT / "tests" / "clips" / "day.mp4"
WIDTH = 960
COLOURS = 224
CONFIG = """\
site: friendship-bridge
device: mast-1
lines:
  deck: {from: [0.33, 0.63], to: [0.66, 0.635], a_to_b: into town, b_to_a: out of town}
zones:
  queue: {polygon: [[0.43, 0.3], [0.55, 0.3], [0.6, 0.55], [0.38, 0.55]]}
masks:
  rail: [[0.66, 0.3], [0.75, 0.3], [0.99, 0.8], [0.99, 0.99], [0.9, 0.99]]
"""
LINE = "0.33,0.63,0.66,0.635"
VIEW = {"viewport": {"width": 1240, "height": 720}}


def write_setup(folder: Path, docs: Path) -> None:
    """The page of setup, once something was counted in both directions."""
    config = folder / "edge.yaml"
    config.write_text(CONFIG, encoding="utf-8")
    with (
        chromium() as browser,
        served("setup", "--config", config, "--video", CLIP) as address,
        opened(browser, address, **VIEW) as page,
    ):
        for way in ("a_to_b", "b_to_a"):
            expect(page.locator(f"#lines-0-{way}-count")).not_to_have_text("0")
        _write(page.screenshot(), docs / "setup.png")


def write_annotate(folder: Path, docs: Path) -> None:
    """The page of annotate, with what was counted, half of it accepted."""
    clip = folder / "bridge.mp4"
    shutil.copy(CLIP, clip)
    with (
        chromium() as browser,
        served("annotate", clip, "--line", LINE) as address,
        opened(browser, address, **VIEW) as page,
    ):
        expect(page.locator("#strip-said")).to_contain_text("counted.")
        page.keyboard.press("s")
        for _ in range(8):
            page.keyboard.press("a")
        page.keyboard.press("p")
        page.wait_for_timeout(500)  # for the picture
        _write(page.screenshot(), docs / "annotate.png")


def _write(png: bytes, path: Path) -> None:
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    small = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS)
    few = small.quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    assert path.stat().st_size < 200_000, "pictures of the README are small"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        write_setup(Path(temporary), ROOT / "docs")
        write_annotate(Path(temporary), ROOT / "docs")
