"""Builds the Debian package, for any architecture on any: wheels are only unpacked, nothing is compiled or run.

    python -m deploy.deb [--architecture arm64|amd64] [--debian 12|13] [--wheelhouse DIR] [--fast] [--out dist]

Wheels come from where pip is configured to look, or from a folder alone. Prints the path of the package.
"""

import argparse
import gzip
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLATFORMS = {"arm64": "manylinux_2_28_aarch64", "amd64": "manylinux_2_28_x86_64"}
PYTHONS = {"12": (3, 11), "13": (3, 13)}
"""Of each release of Debian; Raspberry Pi OS has the same."""
COMMANDS = {"crossing-edge": "edge.cli", "crossing-collector": "collector.cli"}
LIBRARY = "usr/lib/crossing-monitor"
PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
UNNEEDED = (
    "bin",
    "**/tests",
    "**/*.pyi",
    "numpy/distutils",
    "numpy/f2py",
    "numpy/_core/lib",  # static libraries
    "numpy/random/lib",
    "onnxruntime/capi/libonnxruntime.so*",  # for programs in C; Python's own module holds all of it once more
    "onnxruntime/backend",
    "onnxruntime/datasets",
    "onnxruntime/quantization",
    "onnxruntime/tools",
    "onnxruntime/transformers",
    "google",  # protobuf, flatbuffers, packaging: ONNX Runtime asks for them when models are made, not when they run
    "protobuf-*",
    "flatbuffers*",
    "packaging*",
    "tqdm/completion.sh",
    "cv2/data",  # cascades for faces
)
"""What inference and counting never import; tests/system runs the package without it."""
DATE = 1_767_225_600
"""Of all files in the package, so that the same sources give the same bytes: 2026-01-01, in seconds."""


def main() -> int:
    """Build one package."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architecture", choices=PLATFORMS, default="arm64")
    parser.add_argument("--debian", choices=PYTHONS, default="12")
    parser.add_argument("--wheelhouse", type=Path, help="take wheels from this folder alone")
    parser.add_argument("--fast", action="store_true", help="a larger package in less time, for trying things out")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    arguments = parser.parse_args()
    if shutil.which("dpkg-deb") is None:
        print("dpkg-deb is missing; on other systems than Debian it is in the package dpkg", file=sys.stderr)
        return 1
    try:
        package = build(
            arguments.architecture, arguments.debian, arguments.wheelhouse, arguments.out, fast=arguments.fast
        )
    except subprocess.CalledProcessError as error:
        print(f"{error.cmd[0]} failed; what it said stands above", file=sys.stderr)
        return 1
    print(f"{package.stat().st_size / 1e6:.1f} MB", file=sys.stderr)
    print(package)
    return 0


def build(
    architecture: str,
    debian: str,
    wheelhouse: Path | None,
    out: Path,
    *,
    fast: bool = False,
    wheel: Path | None = None,
) -> Path:
    """Return the path of the package, larger if `fast`; CalledProcessError if pip or dpkg-deb fails.

    `wheel`: ours if it is built already.
    """
    out.mkdir(parents=True, exist_ok=True)
    version = f"{version_of_the_project()}-1+deb{debian}"
    with tempfile.TemporaryDirectory(prefix="crossing-deb-") as folder:
        tree = Path(folder) / "tree"
        ready = wheel or our_wheel(Path(folder), wheelhouse)
        put_packages(tree / LIBRARY, ready, architecture, debian, wheelhouse)
        put_files(tree, debian, version)
        put_control(tree, architecture, debian, version)
        settle(tree)
        target = out / f"crossing-monitor_{version}_{architecture}.deb"
        environment = os.environ | {"SOURCE_DATE_EPOCH": str(DATE)}
        compression = ["-Zgzip", "-z1"] if fast else ["-Zxz"]
        options = ["--root-owner-group", *compression, "--build", str(tree), str(target)]
        subprocess.run(["dpkg-deb", *options], check=True, env=environment, stdout=sys.stderr)  # noqa: S607
    return target


def version_of_the_project() -> str:
    """As pyproject.toml states it."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def our_wheel(folder: Path, wheelhouse: Path | None) -> Path:
    """The one of the wheelhouse, or built from here."""
    ready = sorted(wheelhouse.glob("crossing_monitor-*.whl")) if wheelhouse is not None else []
    if ready:
        return ready[-1]
    source = [] if wheelhouse is None else ["--no-index", "--find-links", str(wheelhouse)]
    wheels = folder / "wheels"
    subprocess.run([*PIP, "wheel", *source, "--no-deps", "--wheel-dir", str(wheels), str(ROOT)], check=True)
    (ours,) = wheels.glob("crossing_monitor-*.whl")
    return ours


def put_packages(library: Path, ours: Path, architecture: str, debian: str, wheelhouse: Path | None) -> None:
    """Ours and what it needs, for that machine and Python, without what is never imported."""
    source = [] if wheelhouse is None else ["--no-index", "--find-links", str(wheelhouse)]
    major, minor = PYTHONS[debian]
    target = ["--target", str(library), "--platform", PLATFORMS[architecture], "--implementation", "cp"]
    python = ["--python-version", f"{major}.{minor}", "--only-binary=:all:", "--no-compile"]
    subprocess.run([*PIP, "install", *source, *target, *python, f"{ours}[setup]"], check=True)
    for pattern in UNNEEDED:
        for path in list(library.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    for path in sorted(library.rglob("*"), reverse=True):  # the innermost first
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def put_files(tree: Path, debian: str, version: str) -> None:
    """Commands, units and documents."""
    launcher = (ROOT / "deploy/debian/launcher.in").read_text(encoding="utf-8")
    for command, module in COMMANDS.items():
        write(tree / "usr/bin" / command, launcher.format(command=command, module=module), 0o755)
    units = ROOT / "deploy/systemd"
    places = {
        "crossing-edge.service": "usr/lib/systemd/system/crossing-edge.service",
        "crossing-collector.service": "usr/lib/systemd/system/crossing-collector.service",
        "sysusers.conf": "usr/lib/sysusers.d/crossing-monitor.conf",
        "tmpfiles.conf": "usr/lib/tmpfiles.d/crossing-monitor.conf",
        "journald.conf": "etc/systemd/journald.conf.d/crossing.conf",
        "csi.conf": "usr/share/doc/crossing-monitor/examples/csi.conf",
        "ntp.conf": "usr/share/doc/crossing-monitor/examples/ntp.conf",
    }
    if debian != "12":  # systemd 254 and later
        for unit in ("crossing-edge", "crossing-collector"):
            copy(units / "back-off.conf", tree / f"usr/lib/systemd/system/{unit}.service.d/back-off.conf")
    for source, target in places.items():
        copy(units / source, tree / target)
    documents = tree / "usr/share/doc/crossing-monitor"
    for example in ("edge.example.yaml", "collector.example.yaml"):
        copy(ROOT / "deploy" / example, documents / "examples" / example)
    copy(ROOT / "deploy/README.md", documents / "README.md")
    copy(ROOT / "deploy/debian/copyright", documents / "copyright")
    overrides = ROOT / "deploy/debian/lintian-overrides"
    copy(overrides, tree / "usr/share/lintian/overrides/crossing-monitor")
    news = (ROOT / "CHANGELOG.md").read_bytes()
    compressed(documents / "changelog.gz", news)
    entry = f"crossing-monitor ({version}) stable; urgency=medium\n\n  * See changelog.gz.\n\n"
    signed = " -- The crossing monitor's maintainers <crossing-monitor@example.org>  Thu, 01 Jan 2026 00:00:00 +0000\n"
    compressed(documents / "changelog.Debian.gz", (entry + signed).encode())


def put_control(tree: Path, architecture: str, debian: str, version: str) -> None:
    """What dpkg reads."""
    major, minor = PYTHONS[debian]
    size_kb = sum(-(-path.stat().st_size // 1024) for path in tree.rglob("*") if path.is_file())
    control = (ROOT / "deploy/debian/control.in").read_text(encoding="utf-8")
    control = control.format(
        version=version,
        architecture=architecture,
        installed_kb=size_kb,
        python=f"{major}.{minor}",
        python_next=f"{major}.{minor + 1}",
    )
    write(tree / "DEBIAN/control", control)
    write(tree / "DEBIAN/conffiles", "/etc/systemd/journald.conf.d/crossing.conf\n")
    for script in ("preinst", "postinst", "prerm", "postrm"):
        copy(ROOT / "deploy/debian" / script, tree / "DEBIAN" / script, 0o755)
    shipped = sorted(path for path in tree.rglob("*") if path.is_file() and "DEBIAN" not in path.parts)
    sums = subprocess.run(
        ["md5sum", *(str(path.relative_to(tree)) for path in shipped)],  # noqa: S607
        cwd=tree,
        check=True,
        capture_output=True,
        text=True,
    )
    write(tree / "DEBIAN/md5sums", sums.stdout)


def settle(tree: Path) -> None:
    """Modes and times that do not depend on who built it."""
    for path in [tree, *tree.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)
        elif "DEBIAN" not in path.parts and "bin" not in path.relative_to(tree).parts[:2]:
            path.chmod(0o644)
        os.utime(path, (DATE, DATE), follow_symlinks=False)


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """A file and its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def copy(source: Path, target: Path, mode: int = 0o644) -> None:
    """Of one text."""
    write(target, source.read_text(encoding="utf-8"), mode)


def compressed(path: Path, content: bytes) -> None:
    """Without the time of day in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content, mtime=0))


if __name__ == "__main__":
    sys.exit(main())
