"""Whose journal it is: a card put back, a copy, a new outbox, in the store and in words."""

import itertools
import random
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import pytest

from collector.protocol.gaps import YOUNG_MS
from collector.protocol.identity import findings
from collector.protocol.intake import LiveBucket, ReceivedResponse, Refusal, RetainedCleared, decode_message
from collector.protocol.items import CommitCounts, JournalDoubt
from collector.protocol.resend_planner import COMPARE_WAIT_MS_FIRST, ResendPlanner
from collector.queries.devices import devices, gaps
from collector.store.interface import Retention, Store
from collector.store.journals import PRESENT_WITHIN_MS
from edge.delivery.commands import compare, resend
from edge.delivery.outbox import Outbox
from edge.wire.device_messages import Total, encode_self
from edge.wire.report import Report, encode
from edge.wire.times import rfc3339
from tests.collector.messages import MINUTE_MS, NOON_MS, a_report

NOW_MS = 1_795_700_000_000


class Centre:
    """A store, and what it asks of a device whose outbox is at hand."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now_ms = NOW_MS
        self.asking = ResendPlanner(random.Random(1))

    def take(self, channel: str, payload: bytes) -> CommitCounts:
        item = decode_message(f"crossing/v1/bridge/mast-1/{channel}", payload)
        assert not isinstance(item, LiveBucket | RetainedCleared), "something to store"
        if isinstance(item, ReceivedResponse):
            answer = self.asking.answered(item.site, item.device, item.response)
            return self.store.commit([answer] if answer else [], now_ms=self.now_ms)
        return self.store.commit([item], now_ms=self.now_ms)

    def hear(self, outbox: Outbox, *, lost: Iterable[int] = ()) -> None:
        """All that waits, but what the broker loses; then the total."""
        for letter in outbox.pending(1_000):
            if msgspec.json.decode(letter.payload)["seq"] not in lost:
                self.take("report", letter.payload)
            outbox.sent([letter.number])
        for total in outbox.totals():
            self.take("total", encode_self(total))

    def ask(self, outbox: Outbox) -> None:
        """One round of asking, after which the device has answered."""
        self.now_ms += YOUNG_MS + 3 * PRESENT_WITHIN_MS
        self.hear(outbox)
        for doubt, command in self.asking.compare(self.store.doubts(heard_after_ms=0, limit=100), now_ms=self.now_ms):
            assert doubt.journal == command.journal
            self.take("response", encode(compare(outbox)(encode(command))))
        self.hear(outbox)
        self.now_ms += YOUNG_MS + PRESENT_WITHIN_MS
        due = self.store.due(now_ms=self.now_ms, heard_after_ms=0, limit=100)
        for request in self.asking.update(due, now_ms=self.now_ms):
            if self.store.commit([request.asked], now_ms=self.now_ms).asked:
                self.take("response", encode(resend(outbox)(encode(request.resend))))
        self.hear(outbox)

    def stored(self) -> list[tuple[str, int]]:
        with self.store.reading() as reading:
            return sorted(reading.rows("SELECT name, seq FROM report JOIN run ON run.id = run_id", {}))

    def gaps(self) -> list[tuple[str, int, int, bool]]:
        return [(one.journal, one.missing.first, one.missing.last, one.missing.gone) for one in gaps(self.store)]

    def words(self) -> list[str]:
        [state] = devices(self.store)
        return findings(state.device, state.journals, now_ms=self.now_ms)


@pytest.fixture
def centre(store: Store) -> Centre:
    return Centre(store)


MINUTES = itertools.count()


def count(outbox: Outbox, reports: int, run: str) -> None:
    """Each report is of another minute."""
    for _ in range(reports):
        start = rfc3339(NOON_MS + next(MINUTES) * MINUTE_MS)

        def made(seq: int, start: str = start) -> Report:
            return a_report(seq, run=run, journal=outbox.journal, start=start)

        outbox.append_report(made, now_ms=NOW_MS)


def named(prefix: str) -> Callable[[], str]:
    names = iter(range(1, 100))
    return lambda: f"{prefix}-{next(names)}"


def open_outbox(path: Path, prefix: str) -> Outbox:
    return Outbox(path, owner="bridge/mast-1", name_journal=named(prefix))


def put_back(centre: Centre, path: Path, *, before: int, after: int, run: str = "r2", lost: Iterable[int] = ()) -> None:
    """A card of which an older copy lies at `path`: `before` reports are on it, and `after` more were sent since."""
    with open_outbox(path, "j") as outbox:
        count(outbox, before, "r1")
        centre.hear(outbox)
    image = path.read_bytes()
    with open_outbox(path, "x") as outbox:
        count(outbox, after, run)
        centre.hear(outbox, lost=lost)
    path.write_bytes(image)


def test_a_card_put_back_loses_nothing_undeclared_and_counts_nothing_twice(centre: Centre, tmp_path: Path) -> None:
    path = tmp_path / "outbox"
    put_back(centre, path, before=3, after=4, lost=[6])
    with open_outbox(path, "k") as outbox:
        count(outbox, 4, "r3")
        centre.hear(outbox, lost=[5, 6])
        assert "put back from an older copy" in centre.words()[0]
        centre.ask(outbox)
        count(outbox, 1, "r3")
        centre.ask(outbox)
        total = outbox.total()
        assert total is not None
        assert (total.journal, total.first) == ("k-1", 1)
    assert centre.stored() == [
        *[("r1", number) for number in (1, 2, 3)],
        *[("r2", number) for number in (4, 5, 7)],
        *[("r3", number) for number in (4, 5, 6, 7, 8)],
    ]
    assert centre.gaps() == [("j-1", 6, 6, True)]  # what only the other card held


def test_a_card_put_back_tells_by_its_total_where_none_of_its_reports_came(centre: Centre, tmp_path: Path) -> None:
    path = tmp_path / "outbox"
    put_back(centre, path, before=3, after=4)
    with open_outbox(path, "k") as outbox:
        count(outbox, 2, "r3")
        centre.hear(outbox, lost=[4, 5])
        centre.ask(outbox)
        assert outbox.journal == "k-1"
    assert ("r3", 4) in centre.stored()
    assert ("r3", 5) in centre.stored()
    assert centre.gaps() == []


@pytest.mark.parametrize("same_run", [False, True])
@pytest.mark.parametrize("late", [1, 6])
def test_a_late_total_hides_no_numbers_that_a_card_gave_before_it_was_put_back(
    centre: Centre, tmp_path: Path, late: int, same_run: bool
) -> None:
    path, totals = tmp_path / "outbox", {}
    with open_outbox(path, "j") as outbox:
        for number in (1, 2, 3):
            count(outbox, 1, "r1")
            totals[number] = encode_self(outbox.totals()[0])
        centre.hear(outbox)
    image = path.read_bytes()
    with open_outbox(path, "x") as outbox:
        count(outbox, 2, "r1" if same_run else "r2")
        centre.hear(outbox)
    path.write_bytes(image)
    with open_outbox(path, "k") as outbox:
        for number in (4, 5, 6, 7):
            count(outbox, 1, "r3")
            totals[number] = encode_self(outbox.totals()[0])
        centre.take("total", totals[3])
        centre.hear(outbox, lost=[4, 5])
        centre.take("total", totals[late])  # as a broker hands it on again: 2 and 7 are the device's own
        for _ in range(2):
            centre.ask(outbox)
            centre.now_ms += 200_000
        assert outbox.journal == "k-1"
    assert [key for key in centre.stored() if key[0] == "r3"] == [("r3", seq) for seq in (4, 5, 6, 7)]
    assert centre.gaps() == []


def test_a_total_that_counts_a_number_of_the_copy_hides_no_number_before_it(centre: Centre, tmp_path: Path) -> None:
    path = tmp_path / "outbox"
    put_back(centre, path, before=1, after=1, run="r1")
    with open_outbox(path, "k") as outbox:
        count(outbox, 1, "r2")
        late = encode_self(outbox.totals()[0])
        count(outbox, 1, "r2")
        centre.hear(outbox, lost=[2])
        centre.take("total", late)
        for _ in range(2):
            centre.ask(outbox)
            centre.now_ms += 200_000
        assert outbox.journal == "k-1"
    assert centre.stored() == [("r1", 1), ("r1", 2), ("r2", 2), ("r2", 3)]
    assert centre.gaps() == []


def test_a_total_that_is_only_late_changes_nothing(centre: Centre, tmp_path: Path) -> None:
    with open_outbox(tmp_path / "outbox", "j") as outbox:
        count(outbox, 1, "r1")
        late = outbox.total()
        assert late is not None
        count(outbox, 2, "r1")
        centre.hear(outbox)
        centre.take("total", encode_self(late))
        [doubt] = centre.store.doubts(heard_after_ms=0, limit=9)
        assert doubt == JournalDoubt("bridge", "mast-1", "j-1", 3, 2, ("r1",), ((1, "r1"), (3, "r1")))
        centre.ask(outbox)
        assert outbox.journal == "j-1"
        assert centre.store.doubts(heard_after_ms=0, limit=9) == []
        assert centre.words() == []


@pytest.mark.parametrize("kept", [True, False])
def test_the_same_numbers_in_a_former_journal_prove_no_copy(centre: Centre, tmp_path: Path, kept: bool) -> None:
    with open_outbox(tmp_path / "lost", "j") as outbox:
        count(outbox, 1, "r0")
        centre.hear(outbox, lost=[1])
        count(outbox, 1, "r1" if kept else "r0")
        centre.hear(outbox, lost=[] if kept else [2])
        count(outbox, 2, "r1")
        centre.hear(outbox)
    while not kept and centre.store.pack(Retention(messages_days=5), now_ms=NOW_MS + 90 * 86_400_000):
        pass
    with open_outbox(tmp_path / "new", "k") as outbox:
        count(outbox, 1, "r2")
        late = outbox.total()
        assert late is not None
        count(outbox, 2, "r2")
        centre.hear(outbox)
        centre.take("total", encode_self(late))
        [doubt] = centre.store.doubts(heard_after_ms=0, limit=9)
        assert doubt == JournalDoubt("bridge", "mast-1", "k-1", 3, 2, ("r2",), ((1, "r2"), (3, "r2")))
        centre.ask(outbox)
        assert outbox.journal == "k-1"


def test_of_one_device_one_journal_is_compared_at_a_time_and_none_that_was_asked_lately(centre: Centre) -> None:
    for journal in range(5):
        for run in ("r1", "r2"):  # another report under a number that is taken
            report = a_report(7 + journal, run=f"{run}-{journal}", journal=f"j-{journal}")
            centre.take("report", encode(report))
    asked = []
    for _ in range(5):
        doubts = centre.store.doubts(heard_after_ms=0, limit=9, resting=centre.asking.resting(now_ms=centre.now_ms))
        asked += [
            (doubt.journal, doubt.number, doubt.runs)
            for doubt, _ in centre.asking.compare(doubts, now_ms=centre.now_ms)
        ]
        centre.now_ms += 5_000
    assert asked == [(f"j-{i}", 7 + i, (f"r1-{i}", f"r2-{i}")) for i in range(5)]
    assert centre.store.doubts(heard_after_ms=0, limit=9, resting=centre.asking.resting(now_ms=centre.now_ms)) == []
    centre.now_ms += COMPARE_WAIT_MS_FIRST
    assert len(centre.asking.resting(now_ms=centre.now_ms)) == 0


def test_a_new_outbox_is_told_and_what_the_old_one_lacked_is_declared_gone(centre: Centre, tmp_path: Path) -> None:
    with open_outbox(tmp_path / "old", "j") as outbox:
        count(outbox, 4, "r1")
        centre.hear(outbox, lost=[2])
    with open_outbox(tmp_path / "new", "k") as outbox:
        count(outbox, 2, "r2")
        centre.hear(outbox)
        centre.ask(outbox)
    assert centre.gaps() == [("j-1", 2, 2, True)]
    [sentence] = centre.words()
    assert "began journal k-1" in sentence
    assert "j-1, ended at number 4; 1 of its reports did not come" in sentence


def test_two_copies_at_once_are_told_and_each_is_asked_for_its_own(centre: Centre, tmp_path: Path) -> None:
    with open_outbox(tmp_path / "one", "a") as outbox:
        count(outbox, 2, "r0")
        centre.hear(outbox)
    (tmp_path / "two").write_bytes((tmp_path / "one").read_bytes())
    with open_outbox(tmp_path / "one", "b") as one, open_outbox(tmp_path / "two", "c") as two:
        for round_ in range(3):
            for outbox, run in ((one, "r1"), (two, "r2")):
                count(outbox, 1, run)
                centre.hear(outbox, lost=[3] if round_ == 0 and run == "r2" else [])
                centre.ask(outbox)
        centre.now_ms += 61_000
        centre.hear(two)
        for outbox in (one, two, one, two):
            count(outbox, 1, "r1" if outbox is one else "r2")
            centre.now_ms += 61_000
            centre.hear(outbox)
        assert one.journal != two.journal
    assert "Two devices report as mast-1 at once" in centre.words()[0]
    keys = centre.stored()
    assert len(keys) == len(set(keys)) == 2 + 2 * 5
    assert centre.gaps() == []


def test_the_device_that_stays_in_a_journal_is_asked_too_after_its_copy_has_begun_another(
    centre: Centre, tmp_path: Path
) -> None:
    with open_outbox(tmp_path / "one", "a") as outbox:
        count(outbox, 2, "r0")
        centre.hear(outbox)
    (tmp_path / "two").write_bytes((tmp_path / "one").read_bytes())
    with open_outbox(tmp_path / "one", "b") as one, open_outbox(tmp_path / "two", "c") as two:
        count(one, 2, "r1")
        centre.hear(one, lost=[3])
        count(two, 2, "r2")
        centre.hear(two)  # its 3 hides that of the other device
        centre.ask(two)  # only the copy hears the question
        assert (one.journal, two.journal) == ("a-1", "c-1")
        for _ in range(3):
            centre.now_ms += 200_000
            count(one, 1, "r1")
            centre.hear(one)
            centre.ask(one)
        assert one.journal == "b-1"
    assert ("r1", 3) in centre.stored()
    assert centre.gaps() == []


def test_a_journal_in_which_nobody_numbers_any_more_is_asked_about_once(centre: Centre, tmp_path: Path) -> None:
    for run in ("r1", "r2"):  # two devices gave this number, and no total came before both went
        centre.take("report", encode(a_report(1, run=run, journal="a-1")))
    with open_outbox(tmp_path / "one", "b") as outbox:
        assert len(centre.store.doubts(heard_after_ms=0, limit=100)) == 1
        centre.ask(outbox)
        assert outbox.journal == "b-1"
    assert centre.store.doubts(heard_after_ms=0, limit=100) == []


@pytest.mark.parametrize("asked_before", [False, True])
def test_a_late_total_hides_no_proof_that_a_number_was_given_twice(
    centre: Centre, tmp_path: Path, asked_before: bool
) -> None:
    with open_outbox(tmp_path / "one", "a") as outbox:
        count(outbox, 1, "r0")
    (tmp_path / "two").write_bytes((tmp_path / "one").read_bytes())
    with open_outbox(tmp_path / "one", "a") as outbox:
        count(outbox, 2, "r1")
        theirs = outbox.pending(10)
        if not asked_before:
            centre.hear(outbox)
    with open_outbox(tmp_path / "two", "b") as outbox:
        count(outbox, 2, "r2")
        late = encode_self(outbox.totals()[0])
        letters = outbox.pending(10)
        count(outbox, 2, "r2")
        centre.hear(outbox, lost=[2, 3])
        centre.take("total", late)  # as a broker hands it on again: it suggests that 4 is another device's
        answers = []
        if asked_before:
            centre.now_ms += YOUNG_MS + 3 * PRESENT_WITHIN_MS
            doubts = centre.store.doubts(heard_after_ms=0, limit=100)
            answers = [compare(outbox)(encode(one)) for _, one in centre.asking.compare(doubts, now_ms=centre.now_ms)]
            assert [one.journal for one in answers] == ["a-1"]
            for letter in theirs:
                centre.take("report", letter.payload)
        centre.take("report", letters[-1].payload)  # 3, which r1 has
        for answer in answers:
            centre.take("response", encode(answer))
        centre.take("total", late)
        for _ in range(2):
            centre.ask(outbox)
            centre.now_ms += 200_000
        assert outbox.journal == "b-1"
    assert [key for key in centre.stored() if key[0] == "r2"] == [("r2", seq) for seq in (2, 3, 4, 5)]
    assert centre.gaps() == []


def test_another_device_s_word_that_a_report_is_gone_is_not_taken_while_the_owner_is_there(
    centre: Centre, tmp_path: Path
) -> None:
    with open_outbox(tmp_path / "one", "a") as one, open_outbox(tmp_path / "two", "b") as two:
        count(one, 3, "r1")
        centre.hear(one, lost=[2])
        count(two, 1, "r2")
        centre.hear(two)
        centre.now_ms += YOUNG_MS
        due = centre.store.due(now_ms=centre.now_ms, heard_after_ms=0, limit=9)
        [request] = centre.asking.update(due, now_ms=centre.now_ms)
        centre.take("response", encode(resend(two)(encode(request.resend))))
        assert centre.gaps() == [("a-1", 2, 2, False)]


def test_what_a_stranger_called_gone_is_asked_for_again_when_its_owner_is_back(centre: Centre, tmp_path: Path) -> None:
    with open_outbox(tmp_path / "one", "a") as one, open_outbox(tmp_path / "two", "b") as two:
        count(one, 3, "r1")
        centre.hear(one, lost=[2])
        count(two, 1, "r2")
        centre.ask(two)
        assert centre.gaps() == [("a-1", 2, 2, True)]
        centre.ask(one)
        assert centre.gaps() == []


def test_a_former_total_is_no_sign_of_a_second_device(centre: Centre) -> None:
    def total(journal: str, *, ended: bool, last: int = 3) -> bytes:
        return encode_self(
            Total(
                journal=journal,
                sent_through=last,
                last=last,
                ended=ended,
                since="2026-11-22T06:00:00Z",
                as_of="2026-11-22T06:00:00Z",
                reports=3,
                watched_ms=0,
                dropped=0,
                lines={},
            )
        )

    centre.take("total", total("a", ended=False))
    for _ in range(5):
        centre.now_ms += 61_000
        centre.take("total", total("a", ended=True))
        centre.take("total", total("b", ended=False))
    assert "at once" not in centre.words()[0]
    [state] = devices(centre.store)
    assert state.total is not None
    assert state.total.journal == "b"


def test_what_a_device_takes_back_of_a_former_name_is_no_refusal() -> None:
    for channel in ("status", "info", "total"):
        assert decode_message(f"crossing/v1/bridge/mast-1/{channel}", b"") == RetainedCleared("bridge", "mast-1")
    for channel in ("report", "health"):
        assert isinstance(decode_message(f"crossing/v1/bridge/mast-1/{channel}", b""), Refusal)
