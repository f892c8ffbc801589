"""A real command that serves a page, and Debian's Chromium that opens it."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WAIT_MS = 120_000  # a busy machine is slow, not wrong


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser; skips the test where there is none."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def served(*arguments: str | Path) -> Iterator[str]:
    """The address that the command prints; it must end well when it is told to."""
    command = [sys.executable, "-c", "import sys, edge.cli as c; sys.exit(c.main())", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("Open "), process.communicate(timeout=60)
            yield line.split()[1]
        finally:
            process.terminate()
            said = process.communicate(timeout=60)
    assert process.returncode == 0, said


@contextmanager
def opened(browser: Browser, address: str, **looks: Any) -> Iterator[Page]:
    """A page; whatever it complains of in the console fails the test."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **looks})
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: dialog.accept())
    try:
        page.goto(address)
        yield page
    finally:
        context.close()
    # A request that is refused on purpose is told in the page; the browser's own line on it is no fault.
    assert [one for one in complaints if "Failed to load resource" not in one] == []


def says(page: Page, where: str, what: str) -> None:
    """Wait until a part of the page says this."""
    expect(page.locator(where)).to_contain_text(what)
