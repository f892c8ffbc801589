"""A recording gives frames with the file's own times, and never passes part of a file as the whole."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import InputError, WorkError
from edge.vision.recording import Recording

WIDTH, HEIGHT = 64, 48
START_MS = 1_500_000_000_000


def grey(value: int) -> np.ndarray:
    """Return a picture of one brightness."""
    return np.full((HEIGHT, WIDTH, 3), value, dtype=np.uint8)


def write_at(path: Path, stamps_ms: list[int]) -> Path:
    """Write pictures with these timestamps; the i-th has brightness 5 i. OpenCV muxes ready-made JPEGs so."""
    writer = cv2.VideoWriter(
        str(path),
        cv2.CAP_FFMPEG,
        cv2.VideoWriter.fourcc(*"MJPG"),
        1000.0,
        (WIDTH, HEIGHT),
        [cv2.VIDEOWRITER_PROP_RAW_VIDEO, 1],
    )
    for i, stamp_ms in enumerate(stamps_ms):
        writer.set(cv2.VIDEOWRITER_PROP_PTS, stamp_ms)
        writer.write(cv2.imencode(".jpg", grey(5 * i))[1])
    writer.release()
    return path


def write_evenly(path: Path, frames: int, codec: str = "MJPG") -> Path:
    """Write pictures at 25 frames/s; the i-th has brightness 5 i, modulo 250."""
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), 25.0, (WIDTH, HEIGHT))
    for i in range(frames):
        writer.write(grey(5 * i % 250))
    writer.release()
    return path


def cut(path: Path, share: float) -> Path:
    """Keep only the first share of the bytes."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


@pytest.mark.parametrize("name", ["clip.mkv", "clip.mov"])
def test_a_variable_rate_keeps_its_pace_and_each_time_its_picture(tmp_path: Path, name: str) -> None:
    stamps_ms = [0, 33, 100, 101, 500, 2000, 2040]
    frames = list(Recording(write_at(tmp_path / name, stamps_ms), START_MS))
    assert [frame.captured_ms - START_MS for frame in frames] == stamps_ms
    assert [round(float(frame.image.mean()) / 5) for frame in frames] == list(range(7))


def test_the_first_frame_is_at_the_stated_start_whatever_its_own_time(tmp_path: Path) -> None:
    recording = Recording(write_at(tmp_path / "clip.mkv", [7000, 7040, 7200]), START_MS)
    assert [frame.captured_ms - START_MS for frame in recording] == [0, 40, 200]


def test_times_strictly_increase_where_the_file_repeats_or_steps_back(tmp_path: Path) -> None:
    recording = Recording(write_at(tmp_path / "clip.mkv", [0, 40, 40, 40, 100, 90, 300]), START_MS)
    assert [frame.captured_ms - START_MS for frame in recording] == [0, 40, 41, 42, 100, 101, 300]


@pytest.mark.parametrize(("name", "codec"), [("clip.avi", "MJPG"), ("clip.mp4", "mp4v"), ("clip.mkv", "MJPG")])
def test_an_even_rate_gives_even_times_in_every_container(tmp_path: Path, name: str, codec: str) -> None:
    recording = Recording(write_evenly(tmp_path / name, 30, codec), START_MS)
    assert (recording.width, recording.height) == (WIDTH, HEIGHT)
    assert recording.frames_per_second == pytest.approx(25)
    assert recording.frame_count == 30
    frames = list(recording)
    assert [frame.captured_ms - START_MS for frame in frames] == [40 * i for i in range(30)]
    kinds = {(frame.image.shape, frame.image.dtype) for frame in frames}
    assert kinds == {((HEIGHT, WIDTH, 3), np.dtype("uint8"))}


def test_a_recording_can_be_read_again_and_pictures_can_be_kept(tmp_path: Path) -> None:
    recording = Recording(write_evenly(tmp_path / "clip.avi", 12))
    first, second = list(recording), list(recording.frames())
    assert [frame.captured_ms for frame in first] == [frame.captured_ms for frame in second]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(first, second, strict=True))
    assert len({float(frame.image.mean()) for frame in first}) == 12


@pytest.mark.parametrize("every", [2, 3, 7, 100])
def test_each_nth_frame_is_the_same_as_in_the_whole(tmp_path: Path, every: int) -> None:
    path = write_at(tmp_path / "clip.mkv", [0, 33, 100, 101, 500, 2000, 2040, 2090])
    whole, some = list(Recording(path)), list(Recording(path, every=every))
    assert [frame.captured_ms for frame in some] == [frame.captured_ms for frame in whole[::every]]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(some, whole[::every], strict=True))


@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.85])
def test_a_file_that_breaks_off_gives_its_frames_and_then_fails(tmp_path: Path, share: float, every: int) -> None:
    recording = Recording(cut(write_evenly(tmp_path / "clip.avi", 100), share), every=every)
    seen: list[int] = []
    with pytest.raises(WorkError, match=r"clip\.avi breaks off after \d+ frames .* header claims 100"):
        seen.extend(frame.captured_ms for frame in recording)  # keeps what came before the failure
    assert seen == [40 * every * i for i in range(len(seen))]
    assert 10 <= len(seen) * every <= 90


def test_a_file_that_lacks_a_frame_or_two_is_whole(tmp_path: Path) -> None:
    assert len(list(Recording(cut(write_evenly(tmp_path / "clip.avi", 100), 0.97)))) >= 95


def test_an_early_stop_is_no_failure(tmp_path: Path) -> None:
    frames = Recording(write_evenly(tmp_path / "clip.avi", 50)).frames()
    assert next(frames).captured_ms == 0
    assert next(frames).captured_ms == 40


def test_an_mp4_without_its_index_is_no_video(tmp_path: Path) -> None:
    path = cut(write_evenly(tmp_path / "clip.mp4", 100, "mp4v"), 0.7)
    with pytest.raises(InputError, match="is not a video"):
        Recording(path)


def test_zero_frames_are_told(tmp_path: Path) -> None:
    path = write_evenly(tmp_path / "clip.avi", 0)
    with pytest.raises(InputError, match=r"clip\.avi"):
        Recording(path)


@pytest.mark.parametrize("content", [b"", b"a story in words\n" * 50, b"\x00" * 5000, b"{}"])
@pytest.mark.parametrize("name", ["clip.mp4", "clip.txt", "clip.avi"])
def test_what_is_not_a_video_is_told(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"{name} (is not a video|holds no frame)"):
        Recording(path)


def test_a_bad_file_makes_no_noise_and_the_environment_stays_clean(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"\x00" * 5000)
    script = (
        "import os, sys; from edge.errors import InputError; from edge.vision.recording import Recording\n"
        "before = dict(os.environ)\n"
        "try: Recording(sys.argv[1])\n"
        "except InputError: print(os.environ == before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_a_missing_file_and_a_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        Recording(tmp_path / "none.mp4")
    with pytest.raises(InputError, match="is a folder"):
        Recording(tmp_path)


def test_every_has_a_bound(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="every is 0; allowed is 1"):
        Recording(tmp_path / "clip.avi", every=0)
