"""Small films of every kind, made by FFmpeg's program: 20 pictures at 10 frames/s unless told otherwise."""

import shutil
import subprocess
from pathlib import Path

import pytest

FFMPEG = shutil.which("ffmpeg")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "0")
EVENLY = [100 * n for n in range(20)]
STEP_MS = 100


def film(path: Path, *options: str, rate: str = "10", frames: int = 20, sound_s: int = 0, size: str = "64x48") -> Path:
    """Write a film with these options of FFmpeg; with `sound_s`, a soundtrack of that length goes with it."""
    sources = ["-f", "lavfi", "-i", f"testsrc=size={size}:rate={rate}"]
    if sound_s:
        sources += ["-f", "lavfi", "-i", f"sine=sample_rate=44100:duration={sound_s}"]
    run(*sources, "-frames:v", str(frames), "-threads", "1", *options, str(path.absolute()))
    return path


def run(*arguments: str) -> None:
    """Let FFmpeg do this; AssertionError with its words where it cannot, and a skip where there is none."""
    if FFMPEG is None:
        pytest.skip("the ffmpeg program is not installed; it makes these films")
    done = subprocess.run(
        [FFMPEG, "-nostdin", "-y", "-loglevel", "error", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def output(*arguments: str) -> bytes:
    """What FFmpeg writes to a pipe."""
    if FFMPEG is None:
        pytest.skip("the ffmpeg program is not installed; it makes these films")
    command = [FFMPEG, "-nostdin", "-loglevel", "error", *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout


def copied(source: Path, path: Path, *options: str, before: tuple[str, ...] = (), inputs: tuple[str, ...] = ()) -> Path:
    """Put the streams of a film into another file, coded as they are.

    `before` are options of the film, `inputs` are further inputs with theirs.
    """
    run(*before, "-i", str(source.absolute()), *inputs, "-c", "copy", *options, str(path.absolute()))
    return path


def cut(path: Path, share: float) -> Path:
    """Keep only the first share of the bytes."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def unwritten(path: Path, share: float) -> Path:
    """Replace all after the first share of the bytes by zeros, as a power failure leaves a file that was growing."""
    content = path.read_bytes()
    kept = int(len(content) * share)
    path.write_bytes(content[:kept] + bytes(max(len(content) - kept, 8192)))
    return path
