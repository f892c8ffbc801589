"""Tapes through `crossing-edge replay`: every file that it writes, at every, every second and every third frame."""

import gzip
import hashlib
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from unittest.mock import patch

from edge.cli import main

FOLDER = Path(__file__).parent
PACKED = FOLDER / "tapes"
CLIPS = FOLDER.parents[2] / "shared" / "clips"
CLIP_NAMES = (
    "caltrans_0bf25b2b-818a-4850-8e84-cd18f45605ba.mp4",
    "caltrans_d1f1b830-9e72-4176-a2e6-32c5b9188db1.mp4",
    "iacv_salitona_a.mp4",
    "tfl_a13_625_201709211326.mp4",
)
EVERY = (1, 2, 3)


def names() -> list[str]:
    """Of the tapes that ship."""
    return sorted(path.name.removesuffix(".tape.gz") for path in PACKED.glob("*.tape.gz"))


def replayed(name: str, every: int) -> str:
    """All text that a replay of a tape writes, file by file."""
    with tempfile.TemporaryDirectory(prefix="crossing-golden-") as folder:
        tape = Path(folder) / f"{name}.tape"
        tape.write_bytes(gzip.decompress((PACKED / f"{name}.tape.gz").read_bytes()))
        out = _replay(tape, PACKED / f"{name}.yaml", every, Path(folder) / "out")
        files = sorted(path for path in out.iterdir() if path.suffix in {".csv", ".json", ".jsonl"})
        return "".join(f"== {path.name}\n{path.read_text('utf-8').replace(folder, 'FOLDER')}" for path in files)


def clip_hash(name: str) -> str:
    """SHA-256 of the reports of a clip of ../shared, at every third frame."""
    with tempfile.TemporaryDirectory(prefix="crossing-golden-") as folder:
        config = Path(folder) / "edge.yaml"
        config.write_text("lines: {deck: {from: [0.0, 0.6], to: [1.0, 0.6]}}\n", encoding="utf-8")
        out = _replay(CLIPS / name, config, 3, Path(folder) / "out")
        return hashlib.sha256((out / "reports.jsonl").read_bytes()).hexdigest()


def _replay(video: Path, config: Path, every: int, out: Path) -> Path:
    words = ["replay", str(video), "--config", str(config), "--every", str(every), "--out", str(out)]
    # no picture: it is most of the time
    with patch("edge.offline.results.draw_summary"), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        assert main(words) == 0, "the replay of a golden tape ends well"
    return out
