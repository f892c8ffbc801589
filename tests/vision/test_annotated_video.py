"""What is written as annotated video plays in a browser, with and without an `ffmpeg` program."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser

from edge.cli import main
from edge.vision.annotated_video import AnnotatedVideo
from edge.vision.recording import Recording
from tests.pages.browser import opened

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
            video.write(picture, 100 * number)
    return video.codec


def test_it_plays_in_a_browser(browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = {}
    if shutil.which("ffmpeg") is not None:
        written["h264.mp4"] = write(tmp_path / "h264.mp4")
    monkeypatch.setenv("PATH", str(tmp_path))  # as on a machine without ffmpeg
    for name in ("vp9.mp4", "vp9.webm"):
        written[name] = write(tmp_path / name)
    (tmp_path / "page.html").write_text("<!doctype html><title>video</title>")
    with opened(browser, (tmp_path / "page.html").as_uri()) as page:
        played = {name: page.evaluate(PLAYED, name) for name in written}
    assert played == {name: [*SIZE, 0.5] for name in written}
    assert written.items() >= {"vp9.mp4": "vp09", "vp9.webm": "VP90"}.items()
    assert written.get("h264.mp4", "avc1") in {"avc1", "vp09"}, "H.264 where ffmpeg has it"


UNEVEN_MS = [1_000, 1_033, 1_066, 1_500, 1_517, 1_540, 9_000, 9_033]


def write_unevenly(path: Path) -> AnnotatedVideo:
    with AnnotatedVideo(path, 20.0, SIZE) as video:
        for at_ms in UNEVEN_MS:
            video.write(np.full((SIZE[1], SIZE[0], 3), at_ms % 251, np.uint8), at_ms)
    return video


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the ffmpeg program")
@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_pictures_of_a_variable_rate_are_shown_at_their_own_times(tmp_path: Path, name: str) -> None:
    video = write_unevenly(tmp_path / name)
    if video.codec != "avc1":
        pytest.skip("this ffmpeg has no libx264")
    assert [frame.captured_ms for frame in Recording(tmp_path / name)] == [at_ms - 1_000 for at_ms in UNEVEN_MS]
    assert (video.uneven_ms, video.note) == (0, "")


def test_where_pictures_cannot_have_times_of_their_own_it_says_how_far_they_are_off(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    video = write_unevenly(tmp_path / "out.webm")
    assert capfd.readouterr() == ("", ""), "OpenCV says nothing of its own"
    assert [frame.captured_ms for frame in Recording(tmp_path / "out.webm")] == [50 * number for number in range(8)]
    assert video.uneven_ms == 7_700  # the seventh: 8 s after the first, shown after 0.3
    assert "shows the pictures evenly, 20 a second, up to 7.7 s from their own times" in video.note


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the ffmpeg program")
def test_replay_keeps_the_times_of_a_variable_rate(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    if write_unevenly(tmp_path / "in.mkv").codec != "avc1":
        pytest.skip("this ffmpeg has no libx264")
    for name in ("out.mp4", "out.webm"):
        words = ["replay", str(tmp_path / "in.mkv"), "--line", "0.1,0.5,0.9,0.5", "--video", str(tmp_path / name)]
        assert main(words) == 0
        assert ("from their own times" in caplog.text) is (name == "out.webm")
    assert [frame.captured_ms for frame in Recording(tmp_path / "out.mp4")] == [at_ms - 1_000 for at_ms in UNEVEN_MS]
