"""The pictures of the README: `python -m tests.dashboard.pictures` makes docs/overview.png, site.png and further pages.

Over six weeks of the traffic that `deploy.weeks` makes up, with the open buckets of its devices; few colours keep them
small. What they show depends on the time of day.
"""

import io
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page

from deploy.dashboard import Fleet
from tests.dashboard.world import PAGES, inside, show, world
from tests.pages.browser import chromium

DOCS = Path(__file__).parents[2] / "docs"
COLOURS = 256
WIDTH = 1100
VIEW: dict[str, Any] = {"viewport": {"width": 1360, "height": 860}, "device_scale_factor": 1}
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2}


def main(docs: Path = DOCS) -> None:
    """Each page in light, the site in dark and on a phone."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser, world(Path(folder), days=42) as here:
        fleet = Fleet(here.broker, here.traffics, here.traffics[0].end_ms)
        fleet.step(int(time.time() * 1_000))
        try:
            with inside(browser, here, **VIEW) as tab:
                for page in PAGES:
                    fleet.step(int(time.time() * 1_000))
                    show(tab, here, page)
                    tab.wait_for_timeout(3_000)  # for what is usual, and the open buckets
                    _write(tab, docs / f"{page}.png")
            with inside(browser, here, "site", color_scheme="dark", **VIEW) as tab:
                fleet.step(int(time.time() * 1_000))
                tab.wait_for_timeout(2_000)
                _write(tab, docs / "site-dark.png")
            with inside(browser, here, "site", **PHONE) as tab:
                fleet.step(int(time.time() * 1_000))
                tab.wait_for_timeout(2_000)
                _write(tab, docs / "site-phone.png", width=360)
        finally:
            fleet.close()


def _write(tab: Page, path: Path, *, width: int = WIDTH) -> None:
    picture = Image.open(io.BytesIO(tab.screenshot())).convert("RGB")
    size = (width, round(picture.height * width / picture.width))
    small = picture.resize(size, Image.Resampling.LANCZOS)
    small.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE).save(path, optimize=True)
    assert path.stat().st_size < 200_000, "pictures of the README are small"


if __name__ == "__main__":
    main()
