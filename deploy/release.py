"""Makes a release of the last commit, in dist: wheel, sources, Debian package, bill of materials, SHA256SUMS.

    python -m deploy.release [--architecture arm64|amd64] [--debian 12|13] [--wheelhouse DIR] [--no-deb] [--out dist]

Wheel and sources are built twice from the files of the commit, with its time as SOURCE_DATE_EPOCH, and must be the same
to the byte. The bill of materials (CycloneDX) is that of the Debian package.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from deploy import deb

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Make one release."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architecture", choices=deb.PLATFORMS, default="arm64")
    parser.add_argument("--debian", choices=deb.PYTHONS, default="12")
    parser.add_argument("--wheelhouse", type=Path, help="take the wheels of the Debian package from this folder alone")
    parser.add_argument("--no-deb", action="store_true", help="wheel, sources and checksums alone")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="crossing-release-") as folder:
        try:
            made = release(Path(folder), given.architecture, given.debian, given.wheelhouse, with_deb=not given.no_deb)
        except subprocess.CalledProcessError as error:
            print(f"{error.cmd[0]} failed; what it said stands above", file=sys.stderr)
            return 1
        except ValueError as error:
            print(error, file=sys.stderr)
            return 1
        given.out.mkdir(parents=True, exist_ok=True)
        kept = [Path(shutil.copy2(path, given.out)) for path in made]
    for path in kept:
        print(path)
    return 0


def release(
    folder: Path, architecture: str, debian: str, wheelhouse: Path | None, *, with_deb: bool = True, root: Path = ROOT
) -> list[Path]:
    """The files of a release, below `folder`; ValueError where two builds differ or the changelog lacks the version."""
    changed = output_of(["git", "status", "--porcelain", "--untracked-files=no"], root)
    if changed:
        raise ValueError(f"a release is made of the last commit, and these files differ from it:\n{changed.rstrip()}")
    source = committed(root, folder / "source")
    version = deb.version_of_the_project()
    if f"\n## {version}" not in (source / "CHANGELOG.md").read_text(encoding="utf-8"):
        raise ValueError(f"CHANGELOG.md has no section `## {version}`: say there what this version brings")
    first, second = built(source, folder / "first"), built(source, folder / "second")
    for one, other in zip(first, second, strict=True):
        if one.read_bytes() != other.read_bytes():
            raise ValueError(f"two builds of {one.name} differ: something in it depends on when or where it is built")
    made = list(first)
    if with_deb:
        wheel = next(path for path in first if path.suffix == ".whl")
        package = deb.build(architecture, debian, wheelhouse, folder, wheel=wheel)
        made += [package, bill_of_materials(package, folder)]
    return [*made, checksums(made, folder)]


def committed(root: Path, target: Path) -> Path:
    """The files of the last commit, in a folder of their own."""
    target.mkdir()
    archive = target.with_suffix(".tar")
    output_of(["git", "archive", "--output", str(archive), "HEAD"], root)
    shutil.unpack_archive(archive, target, filter="data")
    os.environ.setdefault("SOURCE_DATE_EPOCH", output_of(["git", "log", "-1", "--format=%ct"], root).strip())
    return target


def output_of(command: list[str], folder: Path) -> str:
    """What a command says on standard output."""
    return subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout


def built(source: Path, out: Path) -> list[Path]:
    """Wheel and sources, by name."""
    command = [sys.executable, "-m", "build", "--sdist", "--wheel", "--outdir", str(out), str(source)]
    subprocess.run(command, check=True, stdout=sys.stderr)
    return sorted(out.iterdir())


def bill_of_materials(package: Path, folder: Path) -> Path:
    """What the Debian package carries, with versions and licences; the same package gives the same bytes."""
    tree, environment = folder / "tree", folder / "environment"
    subprocess.run(["dpkg-deb", "--extract", str(package), str(tree)], check=True)  # noqa: S607
    venv.create(environment)
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "package.pth").write_text(f"{tree / deb.LIBRARY}\n", encoding="utf-8")
    bill = folder / f"{package.stem}.cdx.json"
    options = ["--output-reproducible", "--output-format", "JSON", "--output-file", str(bill)]
    about = ["--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "application"]
    command = [
        sys.executable,
        "-m",
        "cyclonedx_py",
        "environment",
        *options,
        *about,
        str(environment / "bin" / "python"),
    ]
    subprocess.run(command, check=True, stdout=sys.stderr)
    return bill


def checksums(files: list[Path], folder: Path) -> Path:
    """SHA256SUMS, as `sha256sum --check` reads it."""
    path = folder / "SHA256SUMS"
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in sorted(files)]
    path.write_text("".join(lines), encoding="utf-8")
    return path


if __name__ == "__main__":
    sys.exit(main())
