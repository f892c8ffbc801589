"""Which devices send under one name, as sentences for people. Pure: the state of the journals is an argument.

A device numbers in one journal at a time and never returns to an older one. So

1. a different report under a number that is in use proves that a copy of the outbox numbers as well: the card was
   restored from an older copy, or two devices run from copies of one card;
2. a total under a journal that is not the newest proves that two devices send at once;
3. a new journal without such proof is a new outbox: the card was written again, or its file was lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from edge.wire.names import REPLAY
from edge.wire.times import rfc3339

AT_ONCE_MS = 900_000
"""Two devices that send totals within this time are online at once."""
PASSING_MS = 60_000
"""Messages of a journal that has ended may still arrive this long after the next one began."""
TOLD_MS = 30 * 86_400_000
"""How long a restored card or a new outbox is reported."""


@dataclass(frozen=True, slots=True)
class JournalState:
    """What is stored of a journal: the times of its first and last total, and of reports under numbers in use."""

    name: str
    first: int
    high: int
    begun_ms: int | None
    told_ms: int | None
    others: int
    other_ms: int | None
    lacking: int = 0
    """Reports that are missing or gone."""


def findings(device: str, journals: Sequence[JournalState], *, now_ms: int, overlapping: int = 0) -> list[str]:
    """Sentences about other devices or outboxes under this name; empty: one device, one outbox.

    `overlapping` reports are set aside because another run of the device had watched the same time.
    """
    own = [one for one in journals if not one.name.startswith(REPLAY)]
    told = sorted((one for one in own if one.begun_ms is not None), key=lambda one: one.begun_ms or 0)
    found = []
    if twins := _at_once(told, now_ms):
        names = " and ".join(one.name for one in twins)
        found.append(
            f"Two devices report as {device} at once (journals {names}): give one of them another name and an empty"
            " state folder."
        )
    for one in own:
        if one.other_ms is not None and now_ms - one.other_ms < TOLD_MS and not twins:
            found.append(
                f"{one.others} other {'report' if one.others == 1 else 'reports'} came under numbers of journal"
                f" {one.name} that were taken, the last at {rfc3339(one.other_ms)}: a card of {device} was put back"
                " from an older copy, or a copy of it runs elsewhere. Each report counts once; what only the other"
                " card held is lost."
            )
    if overlapping:
        found.append(
            f"{overlapping} {'report' if overlapping == 1 else 'reports'} of {device} cover time that another device of"
            " this name had watched, or the same one before its clock was put back: set aside, in no sum;"
            " `crossing-collector overlaps` lists them."
        )
    if len(told) > 1 and not found:
        before, newest = told[-2], told[-1]
        if newest.begun_ms is not None and now_ms - newest.begun_ms < TOLD_MS:
            lacks = f"; {before.lacking} of its reports did not come" if before.lacking else ""
            found.append(
                f"{device} began journal {newest.name} at {rfc3339(newest.begun_ms)}: its outbox is another one since"
                f" then (a new or rewritten card, a deleted file). The one before, {before.name}, ended at number"
                f" {before.high}{lacks}; what it numbered beyond that is not known."
            )
    return found


def newest_sign_ms(journals: Sequence[JournalState], *, now_ms: int, overlapping_ms: int | None = None) -> int | None:
    """When the newest evidence for `findings` arrived; `overlapping_ms`: when a report was last set aside."""
    own = [one for one in journals if not one.name.startswith(REPLAY)]
    told = sorted((one for one in own if one.begun_ms is not None), key=lambda one: one.begun_ms or 0)
    signs = [overlapping_ms, *(one.other_ms for one in own), *(one.begun_ms for one in told[1:])]
    signs += [one.told_ms for one in _at_once(told, now_ms)[:1]]
    return max((one for one in signs if one is not None), default=None)


def _at_once(told: Sequence[JournalState], now_ms: int) -> list[JournalState]:
    """The two newest journals whose totals arrive in turn; empty if there are none."""
    recent = [one for one in told if one.told_ms is not None and now_ms - one.told_ms < AT_ONCE_MS]
    for older, newer in zip(recent, recent[1:], strict=False):
        assert older.told_ms is not None, "recent ones were told"
        assert newer.begun_ms is not None, "those that were told have begun"
        if older.told_ms > newer.begun_ms + PASSING_MS:
            return [older, newer]
    return []
