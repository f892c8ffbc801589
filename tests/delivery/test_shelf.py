"""The shelf: counting goes on while the disk does not work, and nothing is lost quietly."""

from pathlib import Path

from reports import NOON_MS, a_report

from edge.delivery.outbox import Outbox
from edge.delivery.shelf import Shelf


def held(outbox: Outbox) -> list[int]:
    return [letter.number for letter in outbox.pending(1_000)]


def test_while_the_disk_works_nothing_waits(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.sqlite") as outbox:
        shelf = Shelf(outbox)
        for _ in range(3):
            shelf.add(a_report, now_ms=NOON_MS)
        assert (shelf.waiting, shelf.failure, held(outbox)) == (0, "", [1, 2, 3])


def test_what_the_disk_does_not_take_waits_in_order_and_is_numbered_when_it_does(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    made: list[tuple[int, int]] = []
    with Outbox(folder / "outbox.sqlite", patient=True) as outbox:
        shelf = Shelf(outbox)
        for which in range(3):
            shelf.add(lambda seq, which=which: made.append((which, seq)) or a_report(seq), now_ms=NOON_MS)
        assert shelf.waiting == 3
        assert "the folder must exist and be writable" in shelf.failure
        folder.mkdir()
        shelf.hand_on(now_ms=NOON_MS)
        assert (shelf.waiting, shelf.failure, held(outbox)) == (0, "", [1, 2, 3])
        assert made == [(0, 1), (1, 2), (2, 3)]


def test_beyond_its_bound_the_oldest_go_and_are_declared_once_the_disk_works(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    with Outbox(folder / "outbox.sqlite", patient=True) as outbox:
        shelf = Shelf(outbox, waiting_max=2)
        for _ in range(5):
            shelf.add(a_report, now_ms=NOON_MS)
        assert (shelf.waiting, shelf.lost) == (2, 3)
        folder.mkdir()
        shelf.hand_on(now_ms=NOON_MS)
        shelf.hand_on(now_ms=NOON_MS)
        assert (held(outbox), outbox.state().dropped, shelf.lost) == ([1, 2], 3, 3)
