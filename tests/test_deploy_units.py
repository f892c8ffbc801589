"""The units and scripts as far as they can be judged without booting anything; tests/system boots them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[1] / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
SCRIPTS = [DEPLOY / "install.sh", *(DEPLOY / "debian" / name for name in ("preinst", "postinst", "prerm", "postrm"))]
SCRIPTS.append(Path(__file__).parent / "system" / "board_harness.sh")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_little_exposed(unit: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    command = ["systemd-analyze", "security", "--no-pager", "--offline=true", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    score = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)
    assert score is not None
    assert float(score[1]) <= 1.5


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_wrong_configuration_is_not_tried_again_and_all_else_is_for_ever(unit: Path) -> None:
    lines = unit.read_text(encoding="utf-8").splitlines()
    assert {"Restart=always", "RestartPreventExitStatus=2", "StartLimitIntervalSec=0"} <= set(lines)


def test_the_processor_stays_visible_and_telemetry_off() -> None:
    text = (DEPLOY / "systemd/crossing-edge.service").read_text(encoding="utf-8")
    assert "\nProcSubset=" not in text
    assert "\nEnvironment=ORT_DISABLE_TELEMETRY=1\n" in text


@pytest.mark.parametrize(
    ("unit", "folder"), [("crossing-edge", "crossing"), ("crossing-collector", "crossing-collector")]
)
def test_every_credential_has_a_file_for_root_alone_and_is_explained(unit: str, folder: str) -> None:
    """A unit whose credential is missing does not start, so an empty file is made for each."""
    text = (DEPLOY / f"systemd/{unit}.service").read_text(encoding="utf-8")
    named = re.findall(rf"^LoadCredential=([a-z-]+):/etc/{folder}/\1$", text, re.MULTILINE)
    assert named
    assert text.count("LoadCredential=") == len(named)
    made = (DEPLOY / "systemd/tmpfiles.conf").read_text(encoding="utf-8")
    assert re.findall(rf"^f /etc/{folder}/(\S+) +0600 root root -$", made, re.MULTILINE) == named
    page = (DEPLOY / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page or f"/etc/{folder}/{name}`" in page for name in named)


def test_the_collectors_example_finds_its_credentials() -> None:
    unit = (DEPLOY / "systemd/crossing-collector.service").read_text(encoding="utf-8")
    example = (DEPLOY / "collector.example.yaml").read_text(encoding="utf-8")
    found = re.findall(r": /run/credentials/crossing-collector\.service/(\S+)$", example, re.MULTILINE)
    assert sorted(found) == sorted(re.findall(r"^LoadCredential=([a-z-]+):", unit, re.MULTILINE))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_are_clean(script: Path) -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    done = subprocess.run(["shellcheck", str(script)], capture_output=True, text=True, check=False)
    assert done.stdout + done.stderr == ""


def test_the_page_and_the_package_name_every_file_of_the_units() -> None:
    page = (DEPLOY / "README.md").read_text(encoding="utf-8")
    package = (DEPLOY / "deb.py").read_text(encoding="utf-8")
    for path in (DEPLOY / "systemd").iterdir():
        assert f"systemd/{path.name}" in page, path.name
        assert f'"{path.name}"' in package, path.name
