"""The model that ships, on a real clip: the same bytes twice, with the threads of the default configuration."""

from pathlib import Path

import pytest

from edge.cli import main

CLIP = Path(__file__).parents[2] / "shared" / "clips" / "tfl_a13_625_201709280946.mp4"

pytestmark = pytest.mark.skipif(not CLIP.is_file(), reason="the clips of ../shared are not here")


def test_replaying_a_real_video_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        arguments = ["replay", str(CLIP), "--line", "2,205,350,205", "--every", "3", "--bucket", "5"]
        assert main([*arguments, "--out", str(tmp_path / name), "--tape", str(tmp_path / f"{name}.tape")]) == 0
    for file in ("reports.jsonl", "crossings.jsonl", "counts.csv"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    assert (tmp_path / "one.tape").read_bytes() == (tmp_path / "two.tape").read_bytes()
