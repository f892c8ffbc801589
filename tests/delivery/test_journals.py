"""Who a journal belongs to: `(journal, number)` names one report, over copies of the card, other names, lost files."""

import shutil
import sqlite3
from pathlib import Path

import msgspec

from edge.delivery.outbox import Outbox, Resent
from edge.delivery.outbox_journals import Begun
from edge.wire.report import Report, decode
from tests.delivery.reports import NOON_MS, a_report

OUTBOX_1 = """
PRAGMA application_id = 0x43524F42; PRAGMA user_version = 1;
CREATE TABLE letter (number INTEGER PRIMARY KEY, seq INTEGER UNIQUE, address TEXT NOT NULL, payload BLOB NOT NULL,
  stored_ms INTEGER NOT NULL, sent INTEGER NOT NULL DEFAULT 0);
CREATE INDEX letter_unsent ON letter (number) WHERE sent = 0;
CREATE INDEX letter_sent ON letter (number) WHERE sent = 1;
CREATE TABLE ledger (one INTEGER PRIMARY KEY CHECK (one = 1), journal TEXT NOT NULL,
  number_next INTEGER NOT NULL DEFAULT 1, seq_next INTEGER NOT NULL DEFAULT 1, bytes_held INTEGER NOT NULL DEFAULT 0,
  forgotten INTEGER NOT NULL DEFAULT 0, dropped INTEGER NOT NULL DEFAULT 0, since_ms INTEGER, as_of_ms INTEGER,
  watched_ms INTEGER NOT NULL DEFAULT 0);
CREATE TABLE total (line TEXT, direction TEXT, class TEXT, vehicles INTEGER NOT NULL,
  PRIMARY KEY (line, direction, class)) WITHOUT ROWID;
CREATE TABLE run (name TEXT PRIMARY KEY, reports INTEGER NOT NULL, posts INTEGER NOT NULL, last INTEGER NOT NULL)
  WITHOUT ROWID;
CREATE INDEX run_last ON run (last);
CREATE TABLE note (name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO ledger (one, journal, number_next, seq_next) VALUES (1, 'j-old', 4, 4);
"""
"""The outbox of version 1."""


class Card:
    """An outbox in a file that is copied and put back, and the reports of its runs."""

    def __init__(self, path: Path, prefix: str = "j", owner: str = "bridge/mast-1") -> None:
        self.path = path
        self.owner = owner
        self._prefix = prefix
        self._journals = 0

    def open(self) -> Outbox:
        return Outbox(self.path, owner=self.owner, name_journal=self._name)

    def _name(self) -> str:
        self._journals += 1
        return f"{self._prefix}-{self._journals}"

    def copy(self, to: Path) -> None:
        shutil.copy(self.path, to)  # closed, so there is no log beside it


def count(outbox: Outbox, reports: int, run: str) -> list[Report]:
    def made(seq: int) -> Report:
        return msgspec.structs.replace(a_report(seq, run=run), journal=outbox.journal)

    return [outbox.append_report(made, now_ms=NOON_MS) for _ in range(reports)]


def sent_all(outbox: Outbox) -> list[tuple[str, int, str]]:
    """Send what is pending: journal, number and run of each."""
    letters = outbox.pending(1_000)
    outbox.sent([letter.number for letter in letters])
    reports = [decode(letter.payload) for letter in letters]
    return [(str(one.journal), one.seq, one.run) for one in reports]


def test_a_card_put_back_begins_a_new_journal_with_all_that_it_holds(tmp_path: Path) -> None:
    card = Card(tmp_path / "outbox.sqlite")
    with card.open() as outbox:
        count(outbox, 3, "r1")
        sent_all(outbox)
    card.copy(tmp_path / "image")
    with card.open() as outbox:
        count(outbox, 4, "r2")
        sent_all(outbox)
    (tmp_path / "image").rename(card.path)
    with card.open() as outbox:
        count(outbox, 2, "r3")
        sent_all(outbox)  # as j-1, before anybody tells: the collector has 4 and 5 already, of r2
        assert outbox.compare("j-1", high=7, known=[(5, "r2"), (5, "r3")]) == Begun("j-2", 1, ((1, "r1"), (4, "r3")))
        assert "put back from an older copy" in outbox.begun_anew
        assert outbox.compare("j-1", high=7, known=[(5, "r2"), (5, "r3")]) is None  # told twice
        count(outbox, 1, "r3")
        total = outbox.total()
        assert total is not None
        assert (total.journal, total.first, total.last, total.sent_through) == ("j-2", 1, 6, 5)
        assert outbox.resend([(3, 9)], journal="j-2") == Resent(4, ())
        assert sent_all(outbox) == [("j-2", 3, "r1"), ("j-2", 4, "r3"), ("j-2", 5, "r3"), ("j-2", 6, "r3")]
        assert outbox.resend([(2, 7)], journal="j-1") == Resent(0, ((2, 7),), stranger=True)


def test_numbers_beyond_ours_prove_a_copy_and_numbers_like_ours_do_not(tmp_path: Path) -> None:
    card = Card(tmp_path / "outbox.sqlite")
    with card.open() as outbox:
        count(outbox, 3, "r1")
        assert outbox.compare("j-1", high=3, known=[(3, "r1"), (1, "r1")]) is None
        assert outbox.compare("j-0", high=9, known=[]) is None  # of another journal
        assert outbox.compare("j-1", high=9, known=[(3, "r1")]) == Begun("j-2", 1, ((1, "r1"),))
        assert [one.seq for one in count(outbox, 1, "r1")] == [4]


def test_what_the_bounds_pushed_out_does_not_go_over_into_the_new_journal(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    with Outbox(path, keep_bytes=1_000, name_journal=iter(("a", "b")).__next__) as outbox:
        for run in ("r1", "r2", "r3"):
            count(outbox, 2, run)
        held = len(outbox.pending(10))
        begun = outbox.compare("a", high=9, known=[])
        assert begun is not None
        assert 0 < held < 6
        assert (begun.first, begun.runs[-1]) == (7 - held, (5, "r3"))


def test_two_copies_at_once_number_in_journals_of_their_own(tmp_path: Path) -> None:
    one = Card(tmp_path / "one", "a")
    with one.open() as outbox:
        count(outbox, 2, "r0")
        sent_all(outbox)
    one.copy(tmp_path / "two")
    two = Card(tmp_path / "two", "b")
    with one.open() as first, two.open() as second:
        count(first, 2, "r1")
        count(second, 3, "r2")
        known = [(3, "r1"), (3, "r2")]
        assert first.compare("a-1", high=5, known=known) == Begun("a-2", 1, ((1, "r0"), (3, "r1")))
        assert second.compare("a-1", high=5, known=known) == Begun("b-1", 1, ((1, "r0"), (3, "r2")))
        assert sent_all(first) == [("a-2", 3, "r1"), ("a-2", 4, "r1")]
        assert sent_all(second) == [("b-1", 3, "r2"), ("b-1", 4, "r2"), ("b-1", 5, "r2")]


def test_another_name_begins_a_journal_and_the_end_of_the_former_is_told(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    with Card(path, "a").open() as outbox:
        count(outbox, 3, "r1")
        outbox.sent([1, 2])
    with Card(path, "b", "bridge/mast-9").open() as outbox:
        assert (outbox.journal, outbox.begun_anew[:36]) == ("b-1", "this device was bridge/mast-1 before")
        assert [one.seq for one in count(outbox, 2, "r2")] == [1, 2]
        ends = [(one.journal, one.first, one.sent_through, one.last, one.ended) for one in outbox.totals()]
        assert ends == [("a-1", 1, 2, 3, True), ("b-1", 1, 0, 2, False)]
        assert outbox.owner_of("a-1") == "bridge/mast-1"
    with Card(path, "c", "bridge/mast-9").open() as outbox:
        assert (outbox.journal, outbox.begun_anew) == ("b-1", "")  # the next start is none


def test_an_outbox_that_is_deleted_while_it_is_open_begins_anew_and_says_so(tmp_path: Path) -> None:
    card = Card(tmp_path / "outbox.sqlite")
    with card.open() as outbox:
        count(outbox, 5, "r1")
        outbox.sent([1, 2])
        for path in tmp_path.glob("outbox.sqlite*"):
            path.unlink()
        outbox.sent([3, 4], generation=outbox.generation)
        assert [one.seq for one in count(outbox, 2, "r1")] == [1, 2]
        assert "was deleted or replaced" in outbox.begun_anew
        assert outbox.journal == "j-2"
        total = outbox.total()
        assert total is not None
        assert total.dropped == 3  # what was not known to be sent
        outbox.sent([1, 2], generation=outbox.generation - 1)  # acknowledged, of the file that is gone
        assert len(outbox.pending(10)) == 2
        assert outbox.resend([(4, 5)], journal="j-1") == Resent(0, ((4, 5),), stranger=True)


def test_a_file_put_in_the_place_of_the_open_one_gets_a_new_journal(tmp_path: Path) -> None:
    card = Card(tmp_path / "outbox.sqlite")
    with card.open() as outbox:
        count(outbox, 2, "r1")
    card.copy(tmp_path / "image")
    with card.open() as outbox:
        count(outbox, 3, "r2")
        sent_all(outbox)
        (tmp_path / "image").rename(card.path)
        assert [(one.journal, one.seq) for one in count(outbox, 1, "r2")] == [("j-2", 1)]


def test_a_journal_that_is_taken_up_again_goes_on_where_it_ended(tmp_path: Path) -> None:
    with Card(tmp_path / "outbox.sqlite").open() as outbox:
        outbox.use_journal("x", number=1)
        count(outbox, 2, "rx")
        outbox.use_journal("y", number=1)
        count(outbox, 2, "ry")
        outbox.use_journal("x", number=3)
        count(outbox, 2, "rx")
        assert sent_all(outbox) == [
            *[("x", number, "rx") for number in (1, 2)],
            *[("y", number, "ry") for number in (1, 2)],
            *[("x", number, "rx") for number in (3, 4)],
        ]
        assert outbox.resend([(2, 4)], journal="x") == Resent(3, ())
        assert sent_all(outbox) == [("x", 2, "rx"), ("x", 3, "rx"), ("x", 4, "rx")]
        assert outbox.resend([(1, 4)], journal="y") == Resent(2, ((3, 4),))


def test_a_replay_that_begins_again_is_no_copy_and_a_service_does_not_go_on_in_its_journal(tmp_path: Path) -> None:
    card = Card(tmp_path / "outbox.sqlite")
    with Outbox(card.path) as outbox:
        outbox.use_journal("replay-1", number=1)
        count(outbox, 2, "replay-1")
        assert outbox.compare("replay-1", high=7, known=[(1, "replay-1")]) is None
    with card.open() as outbox:
        assert [(one.journal, one.seq) for one in count(outbox, 1, "r1")] == [("j-1", 1)]
        assert outbox.resend([(1, 2)], journal="replay-1") == Resent(2, ())


def test_an_outbox_of_version_1_goes_on_in_its_journal(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    with sqlite3.connect(path) as database:
        database.executescript(OUTBOX_1)
    database.close()
    with Card(path).open() as outbox:
        assert [(one.journal, one.seq) for one in count(outbox, 1, "r1")] == [("j-old", 4)]
        assert outbox.owner_of("j-old") == "bridge/mast-1"
        assert outbox.state().seq_next == 5
