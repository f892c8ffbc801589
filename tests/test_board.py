"""What the board says of itself: whatever its files hold, a look ends in numbers or in None, never in an error."""

import os
import socket
from pathlib import Path

import pytest

from edge.device.machine import PROC, THERMAL, THROTTLED, measure
from edge.device.systemd import notify

WRONG = ["", "\n", "n/a", "-", "0x", "1 2e", "- -", "١٢", "\0"]
"""What drivers, containers and half-written files give where a number is expected."""


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """The root of a file system with what a Raspberry Pi tells."""
    write(tmp_path / THERMAL, "48312\n")
    write(tmp_path / THROTTLED, "50005\n")
    write(tmp_path / PROC / "statm", "51200 34667 9000 800 0 20000 0\n")
    for name in ("11", "12"):
        write(tmp_path / PROC / "task" / name / "comm", "edge")
    write(tmp_path / PROC / "fd" / "0", "")
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_a_board_that_tells_everything(board: Path) -> None:
    now = measure(board, root=board)
    assert now.memory_mb == round(34_667 * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)
    assert (now.temperature_c, now.throttling, now.threads, now.files) == (
        48.3,
        ("under-voltage", "throttled"),
        2,
        1,
    )


def test_the_machine_that_runs_the_tests(tmp_path: Path) -> None:
    now = measure(tmp_path)
    assert now.memory_mb is not None
    assert now.memory_mb > 1
    assert now.threads is not None
    assert now.threads >= 1


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize(
    ("name", "field"),
    [(THERMAL, "temperature_c"), (THROTTLED, "throttling"), (PROC / "statm", "memory_mb")],
    ids=["temperature", "throttling", "memory"],
)
def test_a_file_that_holds_no_number_is_none_and_no_error(board: Path, name: Path, field: str, wrong: str) -> None:
    write(board / name, wrong)
    assert getattr(measure(board, root=board), field) is None


@pytest.mark.parametrize("bytes_", [b"\xff\xfe", b"48\xc2"])
def test_a_file_that_holds_no_text_is_none_and_no_error(board: Path, bytes_: bytes) -> None:
    for name in (THERMAL, THROTTLED, PROC / "statm"):
        (board / name).write_bytes(bytes_)
    now = measure(board, root=board)
    assert (now.temperature_c, now.throttling, now.memory_mb) == (None, None, None)


def test_what_is_missing_or_a_folder_where_a_file_should_be_is_none_and_never_zero(board: Path, tmp_path: Path) -> None:
    for name in (THERMAL, THROTTLED, PROC / "statm"):
        (board / name).unlink()
        (board / name).mkdir()
    for root in (board, tmp_path / "nowhere"):
        now = measure(tmp_path / "nowhere", root=root)
        assert (now.temperature_c, now.throttling, now.memory_mb, now.disk_free_mb) == (None, None, None, None)
    assert (now.threads, now.files) == (None, None)


def test_telling_systemd_fails_quietly_where_no_socket_can_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process has no file descriptor left, or the address is none: counting goes on."""
    import resource  # noqa: PLC0415 - not on every system that runs the tests

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        notify("READY=1")
        assert listener.recv(100) == b"READY=1"
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, limit[1]))
        try:
            notify("WATCHDOG=1")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    monkeypatch.setenv("NOTIFY_SOCKET", "/" + "x" * 200)
    notify("WATCHDOG=1")
