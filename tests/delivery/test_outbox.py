"""The outbox: numbers without holes, nothing forgotten before it was sent, over restarts and kills."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from reports import NOON_MS, a_report

from edge.delivery.letter import Letter
from edge.delivery.outbox import Outbox, OutboxState
from edge.delivery.report import encode
from edge.errors import WorkError

REPOSITORY = Path(__file__).parents[2]
SIZE = len(encode(a_report(1)))


def fill(outbox: Outbox, reports: int, *, now_ms: int = NOON_MS) -> None:
    for _ in range(reports):
        outbox.append(a_report, now_ms=now_ms)


def unsent(outbox: Outbox) -> list[int]:
    return [letter.seq for letter in outbox.pending(1_000)]


def test_what_is_appended_is_pending_until_it_is_sent(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.sqlite") as outbox:
        report = outbox.append(a_report, now_ms=NOON_MS)
        assert report == a_report(1)
        assert outbox.pending(10) == [Letter(1, "bridge/mast-1/report", encode(report))]
        outbox.sent([1])
        assert outbox.pending(10) == []


def test_numbers_have_no_holes_over_restarts(tmp_path: Path) -> None:
    for _ in range(5):
        with Outbox(tmp_path / "outbox.sqlite") as outbox:
            fill(outbox, 3)
            outbox.sent([outbox.pending(1)[0].seq])
    with Outbox(tmp_path / "outbox.sqlite") as outbox:
        assert unsent(outbox) == list(range(6, 16))
        assert outbox.state().seq_next == 16


def test_a_report_that_could_not_be_made_takes_no_number(tmp_path: Path) -> None:
    def fail(seq: int) -> None:
        raise ArithmeticError(seq)

    with Outbox(tmp_path / "outbox.sqlite") as outbox:
        with pytest.raises(ArithmeticError):
            outbox.append(fail, now_ms=NOON_MS)
        assert outbox.append(a_report, now_ms=NOON_MS).seq == 1


def test_pending_is_oldest_first_and_bounded(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.sqlite") as outbox:
        fill(outbox, 5)
        assert [letter.seq for letter in outbox.pending(2)] == [1, 2]
        assert [letter.seq for letter in outbox.pending(2, after=2)] == [3, 4]


def test_what_was_sent_can_be_sent_again(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.sqlite") as outbox:
        fill(outbox, 5)
        outbox.sent(range(1, 6))
        assert outbox.resend(2, 3) == 2
        assert outbox.resend(90, 99) == 0
        assert unsent(outbox) == [2, 3]


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
def test_a_corrupt_outbox_is_named_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "outbox.sqlite"
    path.write_bytes(content)
    with pytest.raises(WorkError, match=r"outbox .*outbox\.sqlite cannot be used"):
        Outbox(path)
    assert path.read_bytes() == content


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorkError, match="the folder must exist"):
        Outbox(tmp_path / "nowhere" / "outbox.sqlite")


def test_a_full_disk_is_one_sentence_and_takes_no_number(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    with Outbox(path) as outbox:
        fill(outbox, 2)
        pages = outbox._database.execute("PRAGMA page_count").fetchone()[0]
        outbox._database.execute(f"PRAGMA max_page_count = {pages}")  # SQLite's own way to be out of space
        with pytest.raises(WorkError, match=r"cannot be used: .*full; free some space"):
            fill(outbox, 1_000)
        outbox._database.execute("PRAGMA max_page_count = 1000000")
        seqs = unsent(outbox)
        fill(outbox, 1)
        assert unsent(outbox) == [*seqs, len(seqs) + 1] == list(range(1, len(seqs) + 2))


CHILD = """
import sys
from pathlib import Path
from reports import NOON_MS, a_report
from edge.delivery.outbox import Outbox

outbox = Outbox(Path(sys.argv[1]))
while True:
    seq = outbox.append(a_report, now_ms=NOON_MS).seq
    print("appended", seq, flush=True)
    if seq % 3 == 0:
        outbox.sent([seq])
        print("sent", seq, flush=True)
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
        assert outbox._database.execute("PRAGMA synchronous").fetchone() == (2,)
        assert outbox._database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    with sqlite3.connect(tmp_path / "outbox.sqlite") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
