"""The outbox: numbers without holes, nothing forgotten before it was sent, over restarts, kills and broken disks."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.delivery.entry import Entry
from edge.delivery.outbox import Outbox, Progress, Resent
from edge.delivery.outbox_file import SET_ASIDE_MAX
from edge.delivery.outbox_schema import APPLICATION_ID, SCHEMA
from edge.delivery.outbox_totals import KindState, OutboxState
from edge.errors import WorkError
from edge.wire.report import Report, decode, encode
from edge.wire.times import rfc3339
from tests.delivery.reports import MINUTE_MS, NOON_MS, a_report

REPOSITORY = Path(__file__).parents[2]
SIZE = len(encode(a_report(1)))


def fill(outbox: Outbox, reports: int, *, now_ms: int = NOON_MS) -> None:
    for _ in range(reports):
        outbox.append_report(a_report, now_ms=now_ms)


def fill_with(outbox: Outbox, make_report: Callable[[int], Report], reports: int) -> None:
    for _ in range(reports):
        outbox.append_report(make_report, now_ms=NOON_MS)


def unsent(outbox: Outbox) -> list[int]:
    return [letter.number for letter in outbox.pending(1_000)]


def test_what_is_appended_is_pending_until_it_is_sent(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.sqlite") as outbox:
        report = outbox.append_report(a_report, now_ms=NOON_MS)
        assert report == a_report(1)
        assert outbox.pending(10) == [Entry(1, "bridge/mast-1/report", encode(report))]
        outbox.sent([1])
        assert outbox.pending(10) == []


def test_numbers_have_no_holes_over_restarts(tmp_path: Path) -> None:
    for _ in range(5):
        with Outbox(tmp_path / "outbox.sqlite") as outbox:
            fill(outbox, 3)
            outbox.sent([outbox.pending(1)[0].number])
    with Outbox(tmp_path / "outbox.sqlite") as outbox:
        assert unsent(outbox) == list(range(6, 16))
        assert outbox.state().seq_next == 16


def test_a_report_that_could_not_be_made_takes_no_number(tmp_path: Path) -> None:
    def fail(seq: int) -> Report:
        raise ArithmeticError(seq)

    with Outbox(tmp_path / "outbox.sqlite") as outbox:
        with pytest.raises(ArithmeticError):
            outbox.append_report(fail, now_ms=NOON_MS)
        assert outbox.append_report(a_report, now_ms=NOON_MS).seq == 1


def test_pending_is_oldest_first_and_bounded(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.sqlite") as outbox:
        fill(outbox, 5)
        assert [letter.number for letter in outbox.pending(2)] == [1, 2]
        assert [letter.number for letter in outbox.pending(2, after=2)] == [3, 4]


def test_what_was_sent_can_be_sent_again(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.sqlite") as outbox:
        fill(outbox, 5)
        outbox.sent(range(1, 6))
        assert outbox.resend([(2, 3)]) == Resent(2, ())
        assert unsent(outbox) == [2, 3]


def test_what_was_never_numbered_is_neither_resent_nor_gone(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.sqlite") as outbox:
        fill(outbox, 5)
        assert outbox.resend([(4, 9), (90, 99)]) == Resent(2, ())


def test_what_is_held_no_more_is_told_as_gone(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.sqlite", keep_bytes=4 * SIZE) as outbox:
        fill(outbox, 6)
        assert outbox.resend([(1, 3), (6, 6)]) == Resent(2, ((1, 2),))


def test_of_another_journal_everything_is_gone(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.sqlite", name_journal=lambda: "j-1") as outbox:
        fill(outbox, 5)
        assert outbox.resend([(2, 3)], journal="j-0") == Resent(0, ((2, 3),), stranger=True)
        assert outbox.resend([(2, 3)], journal="j-1") == Resent(2, ())


def test_a_resend_beyond_the_limit_says_nothing_of_what_it_left(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.sqlite", keep_bytes=6 * SIZE) as outbox:
        fill(outbox, 8)  # 1 and 2 are dropped
        outbox.sent(range(3, 9))
        assert outbox.resend([(1, 4), (6, 8)], limit=3) == Resent(3, ((1, 2),))
        assert unsent(outbox) == [3, 4, 6]


def test_letters_that_are_no_reports_take_no_sequence_number(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.sqlite") as outbox:
        fill(outbox, 1)
        outbox.append_message("bridge/mast-1/alert", b"{}", run="run-1", now_ms=NOON_MS)
        fill(outbox, 1)
        assert [letter.address for letter in outbox.pending(9)] == [
            "bridge/mast-1/report",
            "bridge/mast-1/alert",
            "bridge/mast-1/report",
        ]
        assert outbox.state().seq_next == 3
        outbox.sent([1, 2, 3])
        assert outbox.resend([(2, 2)]) == Resent(1, ())
        assert unsent(outbox) == [3]


def test_totals_are_of_all_reports_whether_held_or_not_and_survive(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    with Outbox(path, keep_bytes=2 * SIZE) as outbox:
        assert outbox.total() is None, "nobody has counted a zero yet"
        fill(outbox, 2)
    with Outbox(path, keep_bytes=2 * SIZE) as outbox:
        fill(outbox, 3)
        outbox.sent([4])
        total = outbox.total()
        assert total is not None
        assert (total.journal, total.sent_through) == (outbox.journal, 4)
        outbox.sent([5])
        total = outbox.total()
        assert total is not None
        assert total.sent_through == 5
    assert total is not None
    assert total.lines == {"deck": {"outbound": {"car": 5, "truck": 0}, "return": {"car": 0, "truck": 0}}}
    assert (total.reports, total.watched_ms, total.dropped) == (5, 5 * MINUTE_MS, 3)
    assert (total.since, total.as_of) == (rfc3339(NOON_MS + MINUTE_MS), rfc3339(NOON_MS + 6 * MINUTE_MS))


def test_it_is_known_how_far_a_run_was_reported(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.sqlite") as outbox:
        fill(outbox, 3)
        outbox.append_message("bridge/mast-1/crossing", b"{}", run="run-1", now_ms=NOON_MS)
        assert (outbox.progress("run-1"), outbox.progress("run-2")) == (Progress(3, 1), Progress(0, 0))


def test_a_note_survives(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.sqlite") as outbox:
        assert outbox.noted("announced") == ""
        outbox.note("announced", "a b")
        outbox.note("announced", "a c")
    with Outbox(tmp_path / "outbox.sqlite") as outbox:
        assert outbox.noted("announced") == "a c"


def test_an_acknowledgement_of_something_unknown_changes_nothing(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.sqlite") as outbox:
        fill(outbox, 1)
        outbox.sent([77])
        assert unsent(outbox) == [1]


def test_over_the_bound_the_oldest_sent_go_first_then_the_oldest_unsent(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.sqlite", keep_bytes=4 * SIZE) as outbox:
        fill(outbox, 4)
        outbox.sent([2, 3])
        fill(outbox, 2)
        assert (unsent(outbox), outbox.state().forgotten, outbox.state().dropped) == ([1, 4, 5, 6], 2, 0)
        fill(outbox, 1)
        assert unsent(outbox) == [4, 5, 6, 7]
        assert outbox.state() == OutboxState(unsent=4, held=4, bytes_held=4 * SIZE, seq_next=8, forgotten=2, dropped=1)


def test_the_newest_report_is_never_dropped(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.sqlite", keep_bytes=0) as outbox:
        fill(outbox, 3)
        assert unsent(outbox) == [3]


def test_age_pushes_out_what_was_sent_and_nothing_else(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.sqlite", keep_ms=1_000) as outbox:
        fill(outbox, 3)
        outbox.sent([1])
        fill(outbox, 1, now_ms=NOON_MS + 1_001)
        assert unsent(outbox) == [2, 3, 4]
        assert (outbox.state().forgotten, outbox.state().dropped) == (1, 0)


def test_age_is_time_lived_and_goes_on_where_the_process_before_ended(tmp_path: Path) -> None:
    forgotten = []
    for now_ms in (5_000, 90_000_000):  # the clock of another process begins where it likes
        with Outbox(tmp_path / "outbox.sqlite", keep_ms=1_000) as outbox:
            fill(outbox, 1, now_ms=now_ms)
            outbox.sent([1])
            fill(outbox, 1, now_ms=now_ms + 600)
            forgotten.append(outbox.state().forgotten)
    assert forgotten == [0, 1], "after 600 ms and after 1,200 ms"


def test_what_is_lost_is_counted_by_kind_and_a_report_leaves_a_hole(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.sqlite", keep_bytes=2 * SIZE) as outbox:
        outbox.append_message("bridge/mast-1/crossing", b"x" * SIZE, run="run-1", now_ms=NOON_MS)
        fill(outbox, 3)
        outbox.declare_lost({"report": 2, "alert": 1}, notes={"told": "yes"})
        fill(outbox, 1)
        assert (outbox.state().dropped, outbox.state().seq_next, outbox.noted("told")) == (4, 7, "yes")
        assert outbox.kinds() == {
            "alert": KindState(lost=1),
            "crossing": KindState(lost=1),
            "report": KindState(2, 0, 4),
        }
        assert outbox.resend([(1, 6)]) == Resent(2, ((1, 2), (4, 5)))
        total = outbox.total()
        assert total is not None
        assert (total.dropped, total.letters_lost, total.reports) == (4, {"alert": 1, "crossing": 1}, 6)


def test_a_letter_that_is_set_aside_waits_no_more_and_is_gone_until_it_is_taken_back(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.sqlite") as outbox:
        fill(outbox, 3)
        outbox.set_entries_aside([2])
        assert (unsent(outbox), outbox.state().dropped) == ([1, 3], 1)
        assert outbox.kinds() == {"report": KindState(unsent=2, set_aside=1, lost=1)}
        outbox.sent([1])
        total = outbox.total()
        assert total is not None
        assert total.sent_through == 2
        assert outbox.resend([(1, 3)]) == Resent(2, ((2, 2),))
        lane = "bridge/mast-1/report"
        assert outbox.retry_entries(lambda _: True, address=lane, after=2, limit=9) is None
        assert outbox.retry_entries(lambda letter: len(letter.payload) < SIZE, address=lane, after=0, limit=9) == 2
        assert (unsent(outbox), outbox.state().dropped) == ([1, 3], 1)
        assert outbox.retry_entries(lambda letter: len(letter.payload) == SIZE, address=lane, after=1, limit=9) == 2
        assert (unsent(outbox), outbox.state().dropped) == ([1, 2, 3], 0)


def test_letters_are_read_by_address_and_past_those_that_are_to_be_skipped(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.sqlite") as outbox:
        for channel in ("crossing", "alert", "crossing"):
            outbox.append_message(f"bridge/mast-1/{channel}", b"{}", run="run-1", now_ms=NOON_MS)
        fill(outbox, 3)
        assert outbox.addresses() == [f"bridge/mast-1/{channel}" for channel in ("alert", "crossing", "report")]
        reports = outbox.pending(2, address="bridge/mast-1/report", skip={4})
        assert [letter.number for letter in reports] == [5, 6]
        assert outbox.pending(2, address="bridge/mast-1/crossing", after=1) == [
            Entry(3, "bridge/mast-1/crossing", b"{}")
        ]


def test_an_outbox_of_version_1_is_upgraded_with_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(f"BEGIN; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 1; {SCHEMA} COMMIT;")
        old.execute(
            "INSERT INTO ledger (one, journal, number_next, seq_next, bytes_held) VALUES (1, 'j-1', 4, 4, ?)",
            (3 * SIZE,),
        )
        for seq in range(1, 4):
            letter = (seq, seq, "bridge/mast-1/report", encode(a_report(seq)), NOON_MS + seq, seq == 1)
            old.execute("INSERT INTO letter VALUES (?, ?, ?, ?, ?, ?)", letter)
        old.commit()
    with Outbox(path, keep_ms=1_000) as outbox:
        assert outbox.pending(9) == [Entry(seq, "bridge/mast-1/report", encode(a_report(seq))) for seq in (2, 3)]
        fill(outbox, 1, now_ms=77)
        assert (outbox.journal, unsent(outbox), outbox.state().held) == ("j-1", [2, 3, 4], 4)


def test_an_outbox_has_one_owner(tmp_path: Path) -> None:
    with (
        Outbox(tmp_path / "outbox.sqlite"),
        pytest.raises(WorkError, match=r"outbox\.sqlite is in use by another process"),
    ):
        Outbox(tmp_path / "outbox.sqlite")
    Outbox(tmp_path / "outbox.sqlite").close()


@pytest.mark.parametrize(
    "content", [b"this is no database, whatever its name says " * 100, b"SQLite format 3\0" + b"\1" * 5_000]
)
def test_a_corrupt_outbox_is_set_aside_and_a_new_one_begun(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "outbox.sqlite"
    path.write_bytes(content)
    with Outbox(path) as outbox:
        assert outbox.set_aside == tmp_path / "outbox.sqlite.corrupt-1"
        assert outbox.set_aside.read_bytes() == content
        fill(outbox, 1)
        journal = outbox.journal
    path.write_bytes(content)
    with Outbox(path) as outbox:
        assert outbox.set_aside == tmp_path / "outbox.sqlite.corrupt-2"
        assert outbox.journal != journal, "its numbers start at 1 again"


def test_an_outbox_that_is_damaged_while_in_use_is_set_aside_at_the_next_call(tmp_path: Path) -> None:
    class Forgetful(sqlite3.Connection):
        """Reads every page anew, where SQLite would see for long what it has in memory."""

        def execute(self, *statement: Any) -> sqlite3.Cursor:
            super().execute("PRAGMA cache_size = 0")
            super().execute("PRAGMA shrink_memory")
            return super().execute(*statement)

    path = tmp_path / "outbox.sqlite"
    with Outbox(path, connection=Forgetful) as outbox:
        fill(outbox, 400)
        journal = outbox.journal
        outbox._open().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        damaged = bytearray(path.read_bytes())
        for page in range(1, len(damaged) // 4096):
            damaged[4096 * page : 4096 * page + 200] = b"\xff" * 200
        path.write_bytes(damaged)
        with pytest.raises(WorkError, match="malformed; it is set aside at the next call"):
            fill(outbox, 400)
        fill(outbox, 3)
        assert (outbox.state().seq_next, outbox.journal == journal) == (4, False)
        assert outbox.set_aside is not None


def test_corrupt_files_are_set_aside_so_often_and_not_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    for number in range(SET_ASIDE_MAX):
        path.write_bytes(b"%d is no database" % number * 100)
        Outbox(path).close()
    path.write_bytes(b"not this one either" * 100)
    with pytest.raises(WorkError, match=r"8 such files lie beside it already; replace the disk"):
        Outbox(path)
    assert path.read_bytes() == b"not this one either" * 100


def test_another_program_s_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE theirs (x)")
    database.close()
    with pytest.raises(WorkError, match=r"is not an outbox of version 2: name another file"):
        Outbox(path)


def test_a_patient_outbox_waits_for_its_disk(tmp_path: Path) -> None:
    folder = tmp_path / "not mounted yet"
    with Outbox(folder / "outbox.sqlite", patient=True) as outbox:
        with pytest.raises(WorkError, match="the folder must exist"):
            fill(outbox, 1)
        folder.mkdir()
        fill(outbox, 1)
        assert unsent(outbox) == [1]


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorkError, match="the folder must exist"):
        Outbox(tmp_path / "nowhere" / "outbox.sqlite")


def test_a_full_disk_is_one_sentence_and_takes_no_number(tmp_path: Path) -> None:
    class Small(sqlite3.Connection):
        """SQLite's own way to be out of space."""

        pages_max = 1_000_000

        def execute(self, *statement: Any) -> sqlite3.Cursor:
            super().execute(f"PRAGMA max_page_count = {self.pages_max}")
            return super().execute(*statement)

    path = tmp_path / "outbox.sqlite"
    with Outbox(path, connection=Small) as outbox:
        fill(outbox, 2)
        Small.pages_max = 1
        with pytest.raises(WorkError, match=r"cannot be used: .*full; free some space"):
            fill(outbox, 1_000)
        Small.pages_max = 1_000_000
        seqs = unsent(outbox)
        fill(outbox, 1)
        assert unsent(outbox) == [*seqs, len(seqs) + 1] == list(range(1, len(seqs) + 2))


CHILD = """
import sys
from pathlib import Path
from tests.delivery.reports import NOON_MS, a_report
from edge.delivery.outbox import Outbox

outbox = Outbox(Path(sys.argv[1]))
while True:
    seq = outbox.append_report(a_report, now_ms=NOON_MS).seq
    sys.stdout.write(f"appended {seq}\\n")  # in one piece, also where Python does not buffer
    sys.stdout.flush()
    if seq % 3 == 0:
        outbox.sent([seq])
        sys.stdout.write(f"sent {seq}\\n")
        sys.stdout.flush()
"""


def test_sigkill_loses_nothing_that_was_appended_and_forgets_nothing_unsent(tmp_path: Path) -> None:
    appended, sent = 0, set()
    for lines_until_kill in (1, 2, 7, 12):
        with subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path / "outbox.sqlite")],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": f"{REPOSITORY}:{Path(__file__).parent}"},
        ) as child:
            assert child.stdout is not None
            said = [child.stdout.readline() for _ in range(lines_until_kill)]
            child.send_signal(signal.SIGKILL)
            said += child.stdout.readlines()
        for verb, seq in (line.split() for line in said):
            if verb == "appended":
                assert int(seq) == appended + 1 or int(seq) == appended + 2, "one may be committed and not said"
                appended = int(seq)
            else:
                sent.add(int(seq))
    with Outbox(tmp_path / "outbox.sqlite") as outbox:
        held = outbox.state()
        assert held.seq_next - 1 == held.held, "the numbers have no holes"
        assert held.held in (appended, appended + 1)
        pending = set(unsent(outbox))
        assert pending <= set(range(1, held.held + 1)) - sent
        assert pending >= {seq for seq in range(1, held.held + 1) if seq % 3}


def test_the_file_is_synchronous_and_has_a_write_ahead_log(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.sqlite") as outbox:
        assert outbox._open().execute("PRAGMA synchronous").fetchone() == (2,)
        assert outbox._open().execute("PRAGMA journal_mode").fetchone() == ("wal",)
    with sqlite3.connect(tmp_path / "outbox.sqlite") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


def test_reports_of_a_run_whose_clock_was_wrong_are_moved_while_they_wait(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.sqlite") as outbox:
        for _ in range(3):
            outbox.append_report(in_1970, now_ms=NOON_MS)
        outbox.sent([1])
        fill(outbox, 1)
        outbox.correct("run-0", NOON_MS)
        moved = [decode(letter.payload) for letter in outbox.pending(10)]
        assert moved == [a_report(2, run="run-0"), a_report(3, run="run-0"), a_report(4)]
        total = outbox.total()
        assert total is not None
        assert (total.since, total.as_of) == (rfc3339(MINUTE_MS), rfc3339(NOON_MS + 5 * MINUTE_MS))


def in_1970(seq: int, *, run: str = "run-0") -> Report:
    report = msgspec.structs.replace(a_report(seq, run=run), clock_synced=False)
    return msgspec.structs.replace(report, start=rfc3339(seq * MINUTE_MS))


def test_a_correction_is_one_row_however_many_reports_wait(tmp_path: Path) -> None:
    statements: list[str] = []

    class Noting(sqlite3.Connection):
        def execute(self, *statement: Any) -> sqlite3.Cursor:
            statements.append(statement[0])
            return super().execute(*statement)

    written = {}
    for reports in (10, 2_000):
        with Outbox(tmp_path / f"{reports}.sqlite", connection=Noting) as outbox:
            fill_with(outbox, in_1970, reports)
            statements.clear()
            outbox.correct("run-0", NOON_MS)
            written[reports] = len(statements)
            assert decode(outbox.pending(1, after=reports - 1)[0].payload).clock_synced
    assert written[10] == written[2_000]


def test_a_correction_outlives_the_process_and_every_report_is_corrected_once(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.sqlite") as outbox:
        fill_with(outbox, in_1970, 4)
        outbox.sent([1])
        outbox.correct("run-0", NOON_MS)
        outbox.sent([2])
        outbox.correct("run-0", NOON_MS)
    with Outbox(tmp_path / "outbox.sqlite") as outbox:
        fill_with(outbox, lambda seq: in_1970(seq, run="run-0"), 1)  # one that no disk took before
        assert [decode(letter.payload) for letter in outbox.pending(9)] == [a_report(n, run="run-0") for n in (3, 4, 5)]
        outbox.resend([(1, 2)])
        again = [decode(letter.payload) for letter in outbox.pending(2)]
        assert again == [in_1970(1), a_report(2, run="run-0")], "each as it was said before"
        total = outbox.total()
        assert total is not None
        assert total.as_of == rfc3339(NOON_MS + 6 * MINUTE_MS)


def test_a_crossing_of_a_run_whose_clock_was_wrong_is_moved_with_it_and_what_has_no_moment_stays(
    tmp_path: Path,
) -> None:
    with Outbox(tmp_path / "outbox.sqlite") as outbox:
        for run in ("run-0", "run-1"):
            said = f'{{"at":"{rfc3339(MINUTE_MS)}","label":"truck","run":"{run}"}}'.encode()
            outbox.append_message("bridge/mast-1/crossing", said, run=run, now_ms=NOON_MS)
        outbox.append_message("bridge/mast-1/alert", b"no time", run="run-0", now_ms=NOON_MS)
        outbox.correct("run-0", NOON_MS)
        first, second, third = (letter.payload for letter in outbox.pending(10))
        assert first == f'{{"at":"{rfc3339(NOON_MS + MINUTE_MS)}","label":"truck","run":"run-0"}}'.encode()
        assert f'"at":"{rfc3339(MINUTE_MS)}"'.encode() in second
        assert third == b"no time"
