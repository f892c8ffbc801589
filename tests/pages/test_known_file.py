"""A file that a page edits is written whole or not at all, and what others wrote is never lost."""

from pathlib import Path

import pytest

from edge.errors import InputError, WorkError
from edge.pages.known_file import KnownFile


def test_what_is_saved_stands_there_and_nothing_beside_it(tmp_path: Path) -> None:
    file = KnownFile(tmp_path / "edge.yaml")
    assert (file.text, file.exists) == ("", False)
    file.save("one\n")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("edge.yaml", "one\n")]


def test_what_another_wrote_is_kept_once_and_our_own_versions_are_not(tmp_path: Path) -> None:
    path = tmp_path / "edge.yaml"
    path.write_text("theirs\n")
    file = KnownFile(path)
    file.save("ours\n")
    file.save("ours again\n")
    assert {one.name: one.read_text() for one in tmp_path.iterdir()} == {
        "edge.yaml": "ours again\n",
        "edge.yaml.bak": "theirs\n",
    }


def test_a_file_that_changed_meanwhile_is_left_alone_unless_told_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "edge.yaml"
    path.write_text("first\n")
    file = KnownFile(path)
    path.write_text("second\n")
    assert file.has_changed()
    with pytest.raises(InputError, match="changed by somebody else"):
        file.save("ours\n")
    assert path.read_text() == "second\n"
    file.save("ours\n", over=True)
    assert (path.read_text(), (tmp_path / "edge.yaml.bak").read_text()) == ("ours\n", "second\n")


def test_what_is_taken_up_again_may_be_saved_over(tmp_path: Path) -> None:
    path = tmp_path / "edge.yaml"
    path.write_text("first\n")
    file = KnownFile(path)
    path.write_text("second\n")
    file.take_up(file.look())
    file.save("third\n")
    assert path.read_text() == "third\n"


def test_permissions_and_links_stay(tmp_path: Path) -> None:
    real, link = tmp_path / "real.yaml", tmp_path / "edge.yaml"
    real.write_text("one\n")
    real.chmod(0o640)
    link.symlink_to(real)
    KnownFile(link).save("two\n")
    assert link.is_symlink()
    assert (real.read_text(), real.stat().st_mode & 0o777) == ("two\n", 0o640)


def test_a_disk_that_refuses_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "edge.yaml"
    path.write_text("one\n")
    file = KnownFile(path)
    (tmp_path / "edge.yaml.bak").mkdir()  # so the backup cannot be written
    with pytest.raises(WorkError, match="cannot be written"):
        file.save("two\n")
    assert path.read_text() == "one\n"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["edge.yaml", "edge.yaml.bak"]


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        KnownFile(tmp_path / "none" / "edge.yaml")
