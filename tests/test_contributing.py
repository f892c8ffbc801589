"""What CONTRIBUTING.md, the checks before a commit and the release promise is there."""

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from deploy import deb, release

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
CHORES = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def test_every_path_that_it_names_is_there() -> None:
    words = {word.rstrip("/") for word in re.findall(r"`([^`\s]+)`", TEXT) if "/" in word}
    links = set(re.findall(r"\]\(([^)#]+)\)", TEXT))
    paths = {path for path in words | links if not path.startswith(".venv")}
    assert len(paths) > 60, "the recipes name their files"
    assert {path for path in paths if not (ROOT / path).exists()} == set()


def test_every_chore_that_it_names_is_one() -> None:
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", TEXT, re.MULTILINE)) <= CHORES


def test_the_checks_before_a_commit_fetch_nothing_and_are_those_of_make_check() -> None:
    given = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [one["repo"] for one in given["repos"]] == ["local"]
    hooks = given["repos"][0]["hooks"]
    assert {hook["language"] for hook in hooks} == {"system"}
    ours = " ".join(hook["entry"] for hook in hooks)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = makefile[makefile.index("\ncheck:") :].split("\n\n")[0]
    for tool in ("ruff check", "ruff format --check", "mypy", "npm run --silent check"):
        assert tool in recipe
        assert tool in ours


def test_the_tools_for_the_scripts_are_pinned_and_all_scripts_are_read() -> None:
    given = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    assert all(re.fullmatch(r"[\d.]+", version) for version in given["devDependencies"].values())
    lock = (ROOT / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in lock, "a lock names no registry"
    folders = {
        str(path.parent.relative_to(ROOT)) for folder in ("edge", "collector") for path in (ROOT / folder).rglob("*.js")
    }
    assert folders == set(re.findall(r"\S+/static", given["scripts"]["check"]))
    types = (ROOT / "tsconfig.json").read_text(encoding="utf-8")
    assert folders == set(re.findall(r'"(\S+/static)/\*\.js"', types))


def test_the_version_stands_in_one_place_and_the_changelog_knows_it() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert deb.version_of_the_project() == version
    assert f"\n## {version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    sources = [path for folder in ("edge", "collector") for path in (ROOT / folder).rglob("*.py")]
    assert [path for path in sources if f'"{version}"' in path.read_text(encoding="utf-8")] == []


def test_checksums_are_read_by_sha256sum(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("b.whl", "a.tar.gz")]
    for file in files:
        file.write_text(file.name)
    release.checksums(files, tmp_path)
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path, check=True, capture_output=True)
    files[0].write_text("changed")
    assert (
        subprocess.run(
            ["sha256sum", "--check", "SHA256SUMS"], cwd=tmp_path, capture_output=True, check=False
        ).returncode
        == 1
    )


@pytest.mark.slow
def test_a_release_is_made_and_two_builds_of_it_are_the_same(tmp_path: Path) -> None:
    pytest.importorskip("build", reason="the extra `release` brings what makes one")
    subprocess.run([sys.executable, "-m", "deploy.release", "--no-deb", "--out", str(tmp_path)], cwd=ROOT, check=True)
    version = deb.version_of_the_project()
    wheel = tmp_path / f"crossing_monitor-{version}-py3-none-any.whl"
    assert {path.name for path in tmp_path.iterdir()} == {
        wheel.name, f"crossing_monitor-{version}.tar.gz", "SHA256SUMS"
    }  # fmt: skip
    names = zipfile.ZipFile(wheel).namelist()
    assert "edge/pages/static/setup.js" in names
    assert not any("node_modules" in name for name in names)


LAST_WITH_A_HOLE = {
    "h11": "0.14.0",  # CVE-2025-43859: chunks that two servers in a row read differently
    "jinja2": "3.1.5",  # CVE-2025-27516
    "onnx": "1.17.0",  # CVE-2025-51480
    "opencv-python-headless": "4.11.0.86",  # CVE-2025-53644: a picture in JPEG may write into the heap
    "requests": "2.32.3",  # CVE-2024-47081: sends credentials of .netrc to others
    "starlette": "0.49.0",  # CVE-2025-62727: a Range header costs quadratic time
    "tqdm": "4.66.2",  # CVE-2024-34062
    "urllib3": "2.6.2",  # CVE-2026-21441: unpacks the bodies of redirects without a bound
}


@pytest.mark.parametrize("name", LAST_WITH_A_HOLE)
def test_no_version_with_a_known_hole_is_allowed(name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    given = [*project["dependencies"], *(one for of in project["optional-dependencies"].values() for one in of)]
    found = [requirement for requirement in map(Requirement, given) if requirement.name == name]
    assert found
    assert [str(one) for one in found if one.specifier.contains(LAST_WITH_A_HOLE[name])] == []
