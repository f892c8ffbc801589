"""The store in a file: what is not a store is left alone, and what the disk refuses loses nothing."""

import sqlite3
from pathlib import Path

import pytest

from collector.protocol.items import CommitCounts
from collector.queries.totals import LineTotal
from collector.store.interface import StatementError, UnstorableError
from collector.store.sqlite.store import SqliteStore
from edge.errors import CrossingError, InputError, WorkError
from tests.collector.messages import NOON_MS, a_report, received


def test_reading_a_store_that_does_not_exist_makes_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"store .*store\.sqlite does not exist"):
        SqliteStore(tmp_path / "store.sqlite", write=False)
    assert list(tmp_path.iterdir()) == []


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE diary (day TEXT)")
    database.close()
    before = path.read_bytes()
    with pytest.raises(InputError, match="is not a collector's store"):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be taken for one" * 50)
    with pytest.raises(InputError, match=r"store .*notes\.txt is not a collector's store, nor any SQLite file"):
        SqliteStore(path)


class Refusing(sqlite3.Connection):
    """Fails at the statement that begins with these words, as a full disk does."""

    words = ""

    def execute(self, sql: str, *parameters: object) -> sqlite3.Cursor:
        if self.words and sql.startswith(self.words):
            raise sqlite3.OperationalError("database or disk is full")
        return super().execute(sql, *parameters)  # type: ignore[arg-type]


@pytest.mark.parametrize("words", ["BEGIN", "SELECT", "COMMIT"])
def test_a_full_disk_loses_nothing_and_what_comes_again_is_stored(
    tmp_path: Path, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SqliteStore(tmp_path / "store.sqlite", factory=Refusing) as store:
        monkeypatch.setattr(Refusing, "words", words)
        with pytest.raises(CrossingError, match="disk is full") as error:
            store.commit([received(a_report(1))], now_ms=NOON_MS)
        assert not isinstance(error.value, UnstorableError)
        monkeypatch.setattr(Refusing, "words", "")
        assert store.commit([received(a_report(1))], now_ms=NOON_MS) == CommitCounts(stored=1)


def test_a_file_that_cannot_grow_loses_nothing(tmp_path: Path) -> None:
    """SQLite's own limit of the file stands for the disk: the same error, SQLITE_FULL."""
    with SqliteStore(tmp_path / "store.sqlite") as store:
        store.commit([received(a_report(1))], now_ms=NOON_MS)
        ((pages,),) = store._database.execute("PRAGMA page_count")
        store._database.execute(f"PRAGMA max_page_count = {pages}")
        batch = [received(a_report(seq, run=f"run-{seq}")) for seq in range(2, 400)]
        with pytest.raises(CrossingError, match="disk is full") as error:
            store.commit(batch, now_ms=NOON_MS)
        assert type(error.value) is WorkError
        store._database.execute(f"PRAGMA max_page_count = {2 * pages + 1_000}")
        assert store.commit(batch, now_ms=NOON_MS) == CommitCounts(stored=398)


@pytest.mark.parametrize(
    ("breaks", "mends"),
    [
        ("ALTER TABLE journal RENAME TO elsewhere", "ALTER TABLE elsewhere RENAME TO journal"),
        ("ALTER TABLE device RENAME late_ms TO later_ms", "ALTER TABLE device RENAME later_ms TO late_ms"),
        (
            "CREATE TRIGGER few BEFORE INSERT ON report BEGIN SELECT RAISE(ABORT, 'a rule'); END",
            "DROP TRIGGER few",
        ),
        ("PRAGMA query_only = 1", "PRAGMA query_only = 0"),
    ],
)
def test_a_file_that_refuses_our_statements_loses_nothing(tmp_path: Path, breaks: str, mends: str) -> None:
    with SqliteStore(tmp_path / "store.sqlite") as store:
        store.commit([received(a_report(1))], now_ms=NOON_MS)
        store._database.execute(breaks)
        with pytest.raises(StatementError, match="refuses a statement of the collector"):
            store.commit([received(a_report(2))], now_ms=NOON_MS)
        store._database.execute(mends)
        assert store.commit([received(a_report(2))], now_ms=NOON_MS) == CommitCounts(stored=1)


def test_a_number_beyond_64_bits_is_unstorable(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "store.sqlite") as store, pytest.raises(UnstorableError, match="cannot hold it"):
        store.commit([received(a_report(1))], now_ms=2**70)


def test_a_total_knows_its_share() -> None:
    assert LineTotal("s", "d", "l", "out", {"car": 1}, 30, 60).watched_share == 0.5
