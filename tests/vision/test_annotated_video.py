"""What is written as annotated video plays in a browser, with and without an `ffmpeg` program."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from edge.vision.annotated_video import AnnotatedVideo
from tests.pages.browser import WAIT_MS, chromium

SIZE = (320, 240)
PLAYED = """source => new Promise((done) => {
  const video = document.createElement("video");
  video.muted = true;
  video.onerror = () => done(video.error.message);
  video.onended = () => done([video.videoWidth, video.videoHeight, Math.round(video.duration * 10) / 10]);
  video.src = source;
  video.play().catch((error) => done(String(error)));
})"""


def write(path: Path) -> str:
    """Half a second; returns the codec."""
    with AnnotatedVideo(path, 10.0, SIZE) as video:
        for number in range(5):
            picture = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
            picture[:, 40 * number : 40 * number + 40] = 255
            video.write(picture)
    return video.codec


def test_it_plays_in_a_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = {}
    if shutil.which("ffmpeg") is not None:
        written["h264.mp4"] = write(tmp_path / "h264.mp4")
    monkeypatch.setenv("PATH", str(tmp_path))  # as on a machine without ffmpeg
    with chromium() as browser:
        for name in ("vp9.mp4", "vp8.webm"):
            written[name] = write(tmp_path / name)
        page = browser.new_page()
        page.set_default_timeout(WAIT_MS)
        (tmp_path / "page.html").write_text("<!doctype html><title>video</title>")
        page.goto((tmp_path / "page.html").as_uri())
        played = {name: page.evaluate(PLAYED, name) for name in written}
    assert played == {name: [*SIZE, 0.5] for name in written}
    assert written.items() >= {"vp9.mp4": "vp09", "vp8.webm": "VP80"}.items()
    assert written.get("h264.mp4", "avc1") in {"avc1", "vp09"}, "H.264 where ffmpeg has it"
