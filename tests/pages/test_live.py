"""A recording played as if live keeps its pace, and whoever is slow misses frames."""

import time
from pathlib import Path

from edge.pages.live import BETWEEN_ROUNDS_MS, PlayedRecording
from edge.vision.recording import Recording
from tests.bright_squares import Square, write_clip


def test_frames_come_when_they_are_due_and_late_takers_get_the_newest(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", [Square(1, 10, 4)], frames=12)  # 10 frames a second
    with PlayedRecording(Recording(clip)) as source:
        first = source.take(1.0)
        assert first is not None
        assert source.take(0.0) is None
        second = source.take(1.0)
        assert second is not None
        assert second.captured_ms == first.captured_ms + 100
        time.sleep(0.45)  # the one pace that a test of pace cannot do without
        later = source.take(1.0)
        assert later is not None
        assert later.captured_ms >= second.captured_ms + 400


def test_it_begins_again_after_a_minute_of_frame_time(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", [], frames=3)
    with PlayedRecording(Recording(clip)) as source:
        times = [frame.captured_ms for frame in (source.take(2.0) for _ in range(5)) if frame is not None]
    assert times == sorted(times)
    assert any(later - sooner >= BETWEEN_ROUNDS_MS for sooner, later in zip(times, times[1:], strict=False))
