"""The parts of a live run: when the reference picture is taken, kept and taken anew."""

from pathlib import Path

import msgspec
import numpy as np

from edge.build.live import REFERENCES_MAX, LiveParts
from edge.config.schema import Config, Line
from edge.vision.frame import Frame

WIDTH, HEIGHT = 320, 180
CONFIG = Config(lines={"deck": Line(start=(0.0, 0.5), end=(1.0, 0.5))})
NOISE = np.random.default_rng(5)
SCENE = NOISE.integers(20, 220, (HEIGHT // 20, WIDTH // 20), np.uint8).repeat(20, 0).repeat(20, 1)


def look(folder: Path, config: Config, seconds: int, *, shift_px: int = 0) -> str:
    """What is said of the last of so many pictures, one a second, by a watch that begins anew."""
    scene = LiveParts(folder).scene(config, WIDTH, HEIGHT)
    said = ""
    for second in range(seconds):
        seen = np.roll(SCENE, shift_px, axis=1)[..., None].repeat(3, axis=2)
        image = np.clip(seen + NOISE.integers(-3, 4, seen.shape), 0, 255).astype(np.uint8)
        said = scene.update(Frame(1_000 * second, image)).blind
    return said


def references(folder: Path) -> list[Path]:
    return sorted(folder.glob("reference-*.jpg"))


def test_a_reference_is_taken_once_something_could_be_seen_for_long_enough(tmp_path: Path) -> None:
    look(tmp_path, CONFIG, 29)
    assert references(tmp_path) == []
    look(tmp_path, CONFIG, 40)
    assert len(references(tmp_path)) == 1


def test_a_camera_moved_between_two_runs_is_told_until_a_person_says_that_all_lies_right(tmp_path: Path) -> None:
    look(tmp_path, CONFIG, 40)
    assert look(tmp_path, CONFIG, 60, shift_px=16) == "moved"
    right = msgspec.structs.replace(CONFIG, reference=1)
    assert look(tmp_path, right, 60, shift_px=16) == ""
    assert look(tmp_path, right, 60, shift_px=32) == "moved"


def test_references_of_old_drawings_do_not_pile_up(tmp_path: Path) -> None:
    for number in range(REFERENCES_MAX + 3):
        look(tmp_path, msgspec.structs.replace(CONFIG, reference=number), 32)
    assert len(references(tmp_path)) == REFERENCES_MAX


def test_a_disk_that_takes_no_reference_costs_no_count(tmp_path: Path) -> None:
    assert look(tmp_path / "absent", CONFIG, 40) == ""


def test_a_reference_that_cannot_be_asked_for_is_none(tmp_path: Path) -> None:
    assert look(tmp_path / ("x" * 300), CONFIG, 3) == ""


def test_a_full_disk_leaves_no_reference_rather_than_a_part_of_one(tmp_path: Path) -> None:
    look(tmp_path, CONFIG, 40)
    [path] = references(tmp_path)
    path.unlink()
    part = path.with_suffix(".part.jpg")
    part.symlink_to("/dev/full")
    look(tmp_path, CONFIG, 40)
    assert not path.is_symlink()
    part.unlink()
    look(tmp_path, CONFIG, 40)
    assert path.stat().st_size > 5_000
