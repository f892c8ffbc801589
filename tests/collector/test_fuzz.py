"""Some thousands of hostile messages; the full number is `python -m tests.collector.fuzz --cases 200000`."""

from collections.abc import Callable

from collector.store.interface import Store
from tests.collector.fuzz import REFUSALS_MAX, Target, run


def test_hostile_messages_break_no_promise(open_store: Callable[..., Store]) -> None:
    target = Target(open_store(refusals_max=REFUSALS_MAX))
    run(target, 1_500, number=1)
    assert target.stored > 50  # not all of them were nonsense
