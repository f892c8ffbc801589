"""A backup is one state of a store that is in use; after a restore devices are asked for what came later."""

import subprocess
from pathlib import Path

import pytest
from messages import a_report, received
from postgres import Server
from test_identity import NOW_MS, Centre, count, open_outbox

from collector.cli import main
from collector.sqlite_store import SqliteStore


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


def test_of_postgresql_pg_dump_is_named_and_what_it_makes_can_be_restored(
    postgres: Server, postgres_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import psycopg  # noqa: PLC0415

    from collector.postgres_store import PostgresStore  # noqa: PLC0415

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
