"""A backup is one state of a store that is in use; after a restore devices are asked for what came later."""

import subprocess
import sys
from pathlib import Path

import pytest

from collector.cli import main
from collector.store.sqlite.store import SqliteStore
from tests.collector.messages import a_report, received
from tests.collector.postgres import Server
from tests.collector.test_identity import NOW_MS, Centre, count, open_outbox


def test_after_a_restore_the_devices_are_asked_for_what_came_after_the_backup(tmp_path: Path) -> None:
    path, backup = tmp_path / "counts.sqlite", tmp_path / "backup.sqlite"
    with open_outbox(tmp_path / "outbox", "j") as outbox:
        with SqliteStore(path) as store:
            centre = Centre(store)
            count(outbox, 3, "r1")
            centre.hear(outbox, lost=[2])
            assert main(["backup", str(backup), "--store", str(path)]) == 0  # it is open, and goes on
            count(outbox, 4, "r1")
            centre.hear(outbox)
            assert main(["restore", str(backup), "--store", str(path), "--replace"]) == 1  # somebody has it open
        assert main(["restore", str(backup), "--store", str(path)]) == 2  # there is one
        assert main(["restore", str(backup), "--store", str(path), "--replace"]) == 0
        with SqliteStore(path) as store:
            centre = Centre(store)
            assert centre.stored() == [("r1", 1), ("r1", 3)]
            centre.ask(outbox)
            assert centre.stored() == [("r1", number) for number in range(1, 8)]
            assert centre.gaps() == []
            assert centre.words() == []
    assert (tmp_path / "counts.sqlite.before-restore-1").exists()
    assert not list(tmp_path.glob("*.part"))


def test_a_backup_overwrites_nothing_and_a_damaged_one_is_not_restored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, backup = tmp_path / "counts.sqlite", tmp_path / "backup.sqlite"
    with SqliteStore(path) as store:
        store.commit([received(a_report(number)) for number in range(1, 200)], now_ms=NOW_MS)
    before = path.read_bytes()
    assert main(["backup", str(backup), "--store", str(path)]) == 0
    assert main(["backup", str(backup), "--store", str(path)]) == 2
    content = bytearray(backup.read_bytes())
    content[20_000:24_000] = b"\xff" * 4_000
    backup.write_bytes(content)
    assert main(["restore", str(backup), "--store", str(path), "--replace"]) == 2
    assert "damaged" in capsys.readouterr().err
    assert main(["restore", str(tmp_path / "none"), "--store", str(path), "--replace"]) == 2
    assert path.read_bytes() == before


@pytest.mark.parametrize("damage", ["middle", "head", "empty"])
def test_a_damaged_store_is_put_aside_unless_it_is_in_use(
    damage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, backup = tmp_path / "counts.sqlite", tmp_path / "backup.sqlite"
    with SqliteStore(path) as store:
        store.commit([received(a_report(number)) for number in range(1, 200)], now_ms=NOW_MS)
        assert main(["backup", str(backup), "--store", str(path)]) == 0
    content = path.read_bytes()
    damages = {"middle": content[:8_192] + b"\xff" * 90_000, "head": b"\xff" * 90_000, "empty": b""}
    with SqliteStore(path):
        with path.open("r+b") as file:  # the same file, that is open
            file.write(damages[damage])
            file.truncate(len(damages[damage]))
        if damage != "empty":
            assert in_a_process("restore", str(backup), "--store", str(path), "--replace") == 1
    path.write_bytes(damages[damage])
    assert main(["restore", str(backup), "--store", str(path), "--replace"]) == 0
    assert reports_in(path) == 199
    assert (tmp_path / "counts.sqlite.before-restore-1").read_bytes() == damages[damage]


def test_the_log_of_a_store_that_is_gone_is_not_applied_to_a_backup(tmp_path: Path) -> None:
    path, backup = tmp_path / "counts.sqlite", tmp_path / "backup.sqlite"
    with SqliteStore(path) as store:
        store.commit([received(a_report(number)) for number in range(1, 200)], now_ms=NOW_MS)
        assert main(["backup", str(backup), "--store", str(path)]) == 0
        store.commit([received(a_report(number)) for number in range(200, 900)], now_ms=NOW_MS)
        log = path.with_name("counts.sqlite-wal").read_bytes()
    path.unlink()
    path.with_name("counts.sqlite-wal").write_bytes(log)
    assert main(["restore", str(backup), "--store", str(path)]) == 0
    assert reports_in(path) == 199


def in_a_process(*arguments: str) -> int:
    command = [sys.executable, "-c", "import sys; from collector.cli import main; sys.exit(main())", *arguments]
    return subprocess.run(command, check=False).returncode


def reports_in(path: Path) -> int:
    with SqliteStore(path) as store, store.reading() as reading:
        return int(reading.rows("SELECT count(*) FROM report", {})[0][0])


def test_of_postgresql_pg_dump_is_named_and_what_it_makes_can_be_restored(
    postgres: Server, postgres_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import psycopg  # noqa: PLC0415

    from collector.store.postgres.store import PostgresStore  # noqa: PLC0415

    assert main(["backup", str(tmp_path / "x"), "--store", postgres_url]) == 2
    assert "pg_dump --format=custom --schema=crossing" in capsys.readouterr().err
    with open_outbox(tmp_path / "outbox", "j") as outbox:
        with PostgresStore(postgres_url) as store:
            centre = Centre(store)
            count(outbox, 3, "r1")
            centre.hear(outbox)
            dump = tmp_path / "dump"
            subprocess.run(
                ["pg_dump", "--format=custom", "--schema=crossing", f"--file={dump}", postgres.url], check=True
            )
            count(outbox, 2, "r1")
            centre.hear(outbox)
        with psycopg.connect(postgres_url, autocommit=True) as database:
            database.execute("DROP SCHEMA crossing CASCADE")
        subprocess.run(["pg_restore", "--exit-on-error", f"--dbname={postgres.url}", dump], check=True)
        with PostgresStore(postgres_url) as store:
            centre = Centre(store)
            assert len(centre.stored()) == 3
            centre.ask(outbox)
            assert len(centre.stored()) == 5
            assert centre.gaps() == []
