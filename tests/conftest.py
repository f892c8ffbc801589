"""What all tests share."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MEMORY = Path("/dev/shm")
MEMORY_BYTES_MIN = 2_000_000_000
"""What the tests leave there at most, with room to spare."""

# Files of tests live in memory where there is room: what is synced there costs nothing, and tests sync all the time.
if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_BYTES_MIN:
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)
os.environ.pop("COLUMNS", None)  # of the terminal of whoever runs the tests: tables are tested without a width
DEAREST_FIRST = (
    "tests/simulation/test_simulation.py",
    "tests/pages/test_setup_in_browser.py",
    "tests/dashboard/test_dashboard.py",
    "tests/dashboard/test_unwatched_time.py",
    "tests/collector/test_alert_watch.py",
    "tests/counting/test_pipeline.py",
    "tests/test_service.py",
    "tests/test_unseen_films.py",
    "tests/vision/test_scene.py",
    "tests/test_bridge_clips.py",
    "tests/test_still_queue.py",
    "tests/collector/api/test_api_schema.py",
    "tests/test_commands.py",
    "tests/counting/test_occupancy.py",
    "tests/test_replay_outbox.py",
    "tests/test_real_model.py",
    "tests/dashboard/test_replays.py",
    "tests/test_replay_identity.py",
    "tests/test_queue_commands.py",
    "tests/golden/test_net.py",
    "tests/system/test_demonstrations.py",
    "tests/pages/test_naming_in_browser.py",
    "tests/pages/test_annotate_in_browser.py",
    "tests/collector/test_fuzz.py",
    "tests/test_still_day.py",
    "tests/test_clips.py",
)
"""Files that take longest, by name from the root. `make test` gives whole files to its processes, in order: a long file
that begins last is waited for by all of them."""

# A busy machine is slow, not wrong. A change is judged by the same examples everywhere; `make test-all` tries new ones.
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("new", deadline=None)
settings.load_profile("same")


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """One Chromium for all tests of a process; each opens a context of its own in it."""
    from tests.pages.browser import chromium  # noqa: PLC0415  # most processes need none

    with chromium() as one:
        yield one


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the dearest files first; the order is otherwise that of the folders."""
    missing = [name for name in DEAREST_FIRST if not (Path(__file__).parents[1] / name).is_file()]
    assert missing == [], "files in DEAREST_FIRST were moved or removed"
    order = {name: place for place, name in enumerate(DEAREST_FIRST)}
    items.sort(key=lambda item: order.get(item.nodeid.partition("::")[0], len(order)))
