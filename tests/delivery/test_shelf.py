"""The shelf: counting goes on while the disk does not work, and nothing is lost quietly."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from edge.delivery.memory_buffer import SLICE, MemoryBuffer
from edge.delivery.outbox import Outbox
from edge.delivery.waiting_record import Waiting, WaitingRecord
from edge.errors import WorkError
from edge.wire.report import Report, decode
from tests.delivery.reports import NOON_MS, a_report


def held(outbox: Outbox) -> list[int]:
    return [letter.number for letter in outbox.pending(1_000)]


def test_while_the_disk_works_nothing_waits(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.sqlite") as outbox:
        buffer = MemoryBuffer(outbox)
        for _ in range(3):
            buffer.append_report(a_report, now_ms=NOON_MS)
        assert (buffer.waiting, buffer.failure, held(outbox)) == (0, "", [1, 2, 3])


def test_what_the_disk_does_not_take_waits_in_order_and_is_numbered_when_it_does(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    made: list[tuple[int, int]] = []

    def noted(which: int, seq: int) -> Report:
        made.append((which, seq))
        return a_report(seq)

    with Outbox(folder / "outbox.sqlite", patient=True) as outbox:
        buffer = MemoryBuffer(outbox)
        for which in range(3):
            buffer.append_report(partial(noted, which), now_ms=NOON_MS)
        assert buffer.waiting == 3
        assert "the folder must exist and be writable" in buffer.failure
        folder.mkdir()
        buffer.hand_on(now_ms=NOON_MS)
        assert (buffer.waiting, buffer.failure, held(outbox)) == (0, "", [1, 2, 3])
        assert made == [(0, 1), (1, 2), (2, 3)]


def test_beyond_its_bound_the_oldest_go_and_are_declared_once_the_disk_works(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    with Outbox(folder / "outbox.sqlite", patient=True) as outbox:
        buffer = MemoryBuffer(outbox, waiting_max=2)
        for _ in range(5):
            buffer.append_report(a_report, now_ms=NOON_MS)
        assert (buffer.waiting, buffer.lost) == (2, 3)
        folder.mkdir()
        buffer.hand_on(now_ms=NOON_MS)
        buffer.hand_on(now_ms=NOON_MS)
        assert (held(outbox), outbox.state().dropped, buffer.lost) == ([1, 2], 3, 3)
        assert [decode(letter.payload).seq for letter in outbox.pending(9)] == [4, 5], "the lost ones leave a hole"


class Full(Outbox):
    """An outbox whose disk is full while `full`."""

    full = False

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if self.full:
            raise WorkError("database or disk is full")
        with super()._transaction() as database:
            yield database


def test_what_ends_with_a_process_on_a_full_disk_is_declared_by_the_next_one_and_once(tmp_path: Path) -> None:
    record = tmp_path / "waiting.record"
    with Full(tmp_path / "outbox.sqlite") as outbox:
        buffer = MemoryBuffer(outbox, record=WaitingRecord(record))
        buffer.append_report(a_report, now_ms=1)
        outbox.full = True
        for minute in range(3):
            buffer.append_report(a_report, now_ms=2, span_ms=(minute * 60_000, (minute + 1) * 60_000))
        buffer.append_message("bridge/mast-1/alert", b"{}", run="run-1", now_ms=2)
        found = WaitingRecord(record).read()
        assert found is not None
        assert (found.last, found.from_ms, found.until_ms) == ({"report": 3, "alert": 1}, 0, 180_000)
        # The process ends here, by whatever signal; the next one finds the disk still full, and ends as well.
        second = MemoryBuffer(outbox, record=WaitingRecord(record))
        second.append_report(a_report, now_ms=3)
        third = MemoryBuffer(outbox, record=WaitingRecord(record))
        outbox.full = False
        third.append_report(a_report, now_ms=4)
        assert (outbox.state().dropped, outbox.kinds()["alert"].lost, outbox.state().seq_next) == (4, 1, 7)
        assert third.lost_before == {"report": 4, "alert": 1}
        assert outbox.resend([(1, 6)]).gone == ((2, 5),)
        fourth = MemoryBuffer(outbox, record=WaitingRecord(record))
        fourth.append_report(a_report, now_ms=5)
        assert (outbox.state().dropped, outbox.state().seq_next) == (4, 8)


def test_what_got_to_the_disk_before_the_end_is_not_declared_as_lost(tmp_path: Path) -> None:
    record = tmp_path / "waiting.record"
    with Full(tmp_path / "outbox.sqlite") as outbox:
        buffer = MemoryBuffer(outbox, record=WaitingRecord(record))
        outbox.full = True
        for _ in range(3):
            buffer.append_report(a_report, now_ms=2)
        outbox.full = False
        queue = buffer._queue[2:]
        del buffer._queue[2:]
        buffer.hand_on(now_ms=3)  # two of the three, then the end
        assert queue
        WaitingRecord(record).write(Waiting(buffer._life, {"report": 3}))  # as it was before them
        MemoryBuffer(outbox, record=WaitingRecord(record)).hand_on(now_ms=4)
        assert (outbox.state().dropped, outbox.state().seq_next) == (1, 4)


def test_an_alert_waits_with_its_notes_and_other_letters_are_bounded_and_counted(tmp_path: Path) -> None:
    with Full(tmp_path / "outbox.sqlite") as outbox:
        buffer = MemoryBuffer(outbox)
        outbox.full = True
        for number in range(60):
            buffer.append_message(
                "bridge/mast-1/alert", b"%d" % number, run="run-1", now_ms=1, notes={"seen-bus": str(number)}
            )
        buffer.correct("run-1", 5, now_ms=1)
        assert (buffer.entries_waiting["alert"], outbox.noted("seen-bus")) == (50, "")
        outbox.full = False
        while buffer.entries_waiting:
            buffer.hand_on(now_ms=2)
        assert outbox.noted("seen-bus") == "59"
        assert [letter.payload for letter in outbox.pending(99)] == [b"%d" % number for number in range(10, 60)]
        assert (outbox.kinds()["alert"].lost, outbox.state().dropped) == (10, 0)


def test_a_disk_that_works_again_after_a_day_takes_what_waits_in_slices_and_in_order(tmp_path: Path) -> None:
    with Full(tmp_path / "outbox.sqlite") as outbox:
        buffer = MemoryBuffer(outbox, record=WaitingRecord(tmp_path / "waiting.record"))
        outbox.full = True
        for number in range(60):
            buffer.append_message("bridge/mast-1/crossing", b"%d" % number, run="run-1", now_ms=1)
        buffer.note("seen-bus", "1", now_ms=1)
        outbox.full = False
        buffer.hand_on(now_ms=2)
        assert (len(held(outbox)), buffer.entries_waiting["crossing"], outbox.noted("seen-bus")) == (SLICE, 35, "")
        buffer.append_message("bridge/mast-1/crossing", b"60", run="run-1", now_ms=2)
        assert len(held(outbox)) == 2 * SLICE
        buffer.hand_on(now_ms=2)
        assert [letter.payload for letter in outbox.pending(99)] == [b"%d" % number for number in range(61)]
        assert (buffer.entries_waiting.total(), outbox.noted("seen-bus")) == (0, "1")
        found = WaitingRecord(tmp_path / "waiting.record").read()
        assert found is not None
        assert found.last == found.settled == {"crossing": 61}


def test_a_record_is_written_in_place_and_a_torn_slot_leaves_the_other(tmp_path: Path) -> None:
    path = tmp_path / "waiting.record"
    record = WaitingRecord(path)
    assert record.read() is None
    size, inode = path.stat().st_size, path.stat().st_ino
    for number in range(1, 6):
        record.write(Waiting("a", {"report": number}))
    assert (path.stat().st_size, path.stat().st_ino) == (size, inode)
    damaged = bytearray(path.read_bytes())
    place = damaged.index(b'"report":5')
    damaged[place : place + 4] = b"torn"
    path.write_bytes(damaged)
    assert WaitingRecord(path).read() == Waiting("a", {"report": 4})
    assert WaitingRecord(tmp_path / "nowhere" / "waiting.record").read() is None
