"""Which commands to send to which device, and what the responses mean. Pure; the time is an argument.

One resend request at a time per device: at most RANGES_MAX ranges and REPORTS_MAX reports of one journal, the longest
due first. When a range is requested again is decided by `gaps` and kept in the store.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from collector.protocol.items import (
    Gap,
    JournalCompared,
    JournalDoubt,
    ReportsGone,
    ResendRequested,
    VerdictAcknowledged,
)
from edge.wire.commands import JournalCommand, Resend, Response, Verdict, VerdictCommand
from edge.wire.names import RANGES_MAX

REPORTS_MAX = 1_000
"""In one request; the device sends them beside its new reports."""
REQUESTS_MAX = 50
"""In one round, over all devices."""
ANSWER_WAIT_MS = 60_000
"""After this time without an answer the device may get another request."""
COMPARE_WAIT_MS_FIRST = 60_000
COMPARE_WAIT_MS_MAX = 6 * 3_600_000
"""From one request to compare a journal to the next; doubled each time up to this."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to store, and then to publish."""

    asked: ResendRequested
    resend: Resend


class ResendPlanner:
    """Keeps the commands that are not answered yet. `now_ms` is monotonic in all methods."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._waiting: dict[tuple[str, str], tuple[Request, int]] = {}
        self._comparing: dict[tuple[str, str, str], tuple[str, int, int, JournalDoubt]] = {}
        """By site, device and journal: the id of the command, the next time, the wait after that, what was asked."""
        self._telling: dict[int, tuple[str, tuple[str, str], int, int]] = {}
        """By the id of a verdict: the id of its command, site and device, when to tell it again, the next wait."""

    def update(self, due: Sequence[Gap], *, now_ms: int) -> list[Request]:
        """The resend requests to send now, for gaps that are due, the longest due first."""
        self._waiting = {who: waits for who, waits in self._waiting.items() if waits[1] > now_ms}
        chosen: dict[tuple[str, str], list[Gap]] = {}
        for gap in due:
            who = (gap.site, gap.device)
            if who in self._waiting or (who not in chosen and len(chosen) == REQUESTS_MAX):
                continue
            chosen.setdefault(who, []).append(gap)
        requests = [self._request(gaps) for gaps in chosen.values()]
        for request in requests:
            self._waiting[request.asked.site, request.asked.device] = (request, now_ms + ANSWER_WAIT_MS)
        return requests

    def resting(self, *, now_ms: int) -> set[tuple[str, str, str]]:
        """Journals whose devices were asked to compare them and may not be asked again yet."""
        return {who for who, (_, due_ms, *_) in self._comparing.items() if due_ms > now_ms}

    def compare(self, doubts: Sequence[JournalDoubt], *, now_ms: int) -> list[tuple[JournalDoubt, JournalCommand]]:
        """The commands to send now that ask devices to compare a journal."""
        self._comparing = {
            who: one
            for who, one in self._comparing.items()
            if now_ms < one[1] + COMPARE_WAIT_MS_MAX  # later: the doubt is settled, or the device is offline
        }
        found = []
        for doubt in doubts:
            who = (doubt.site, doubt.device, doubt.journal)
            _, due_ms, wait_ms, _ = self._comparing.get(who, ("", now_ms, COMPARE_WAIT_MS_FIRST, doubt))
            if due_ms <= now_ms:
                number = f"{self._chance.getrandbits(64):016x}"
                next_ms = min(2 * wait_ms, COMPARE_WAIT_MS_MAX)
                self._comparing[who] = (number, now_ms + wait_ms, next_ms, doubt)
                command = JournalCommand(id=number, journal=doubt.journal, high=doubt.high, known=doubt.known)
                found.append((doubt, command))
        return found

    def tell(self, verdicts: Sequence[tuple[int, Verdict]], *, now_ms: int) -> list[VerdictCommand]:
        """The commands to send now, for verdicts (with their ids) that their devices have not acknowledged."""
        self._telling = {id_: self._telling[id_] for id_, _ in verdicts if id_ in self._telling}
        found = []
        for id_, verdict in verdicts:
            who = (verdict.site, verdict.device)
            *_, due_ms, wait_ms = self._telling.get(id_, ("", who, now_ms, COMPARE_WAIT_MS_FIRST))
            if due_ms <= now_ms:
                number = f"{self._chance.getrandbits(64):016x}"
                self._telling[id_] = (number, who, now_ms + wait_ms, min(2 * wait_ms, COMPARE_WAIT_MS_MAX))
                found.append(VerdictCommand(id=number, verdict=verdict))
        return found

    def _heeded(self, site: str, device: str, response: Response) -> VerdictAcknowledged | None:
        for id_, (number, who, _, _) in self._telling.items():
            if response.ok and (number, who) == (response.id, (site, device)):
                return VerdictAcknowledged(site, device, id_)
        return None

    def _compared(self, site: str, device: str, response: Response) -> JournalCompared | None:
        for who, (number, due_ms, _, about) in self._comparing.items():
            if response.ok and who[:2] == (site, device) and number == response.id:
                if isinstance(response.first, int) and isinstance(response.runs, list) and response.journal:
                    return JournalCompared(*who, str(response.journal), response.first, tuple(response.runs))
                present = response.journal == who[2]
                if present:  # the next doubt is another one; where it is not, another device may answer, too
                    self._comparing[who] = (number, due_ms, COMPARE_WAIT_MS_FIRST, about)
                return JournalCompared(*who, about=about, present=present)
        return None

    def answered(
        self, site: str, device: str, response: Response
    ) -> ReportsGone | JournalCompared | VerdictAcknowledged | None:
        """What a response means: reports that are gone, a compared journal, an acknowledged verdict.

        None for a response to anything that this collector did not send.
        """
        if response.verb == "journal":
            return self._compared(site, device, response)
        if response.verb == "verdict":
            return self._heeded(site, device, response)
        request, _ = self._waiting.get((site, device), (None, 0))
        if request is None or (response.id, response.verb) != (request.resend.id, "resend"):
            return None
        del self._waiting[site, device]
        asked = request.asked
        if not response.ok or (response.journal or "") != asked.journal:
            return None
        gone = tuple(
            (max(first, gone_first), min(last, gone_last))
            for first, last in asked.ranges
            for gone_first, gone_last in response.gone
            if max(first, gone_first) <= min(last, gone_last)
        )
        stranger = response.stranger is not msgspec.UNSET and bool(response.stranger)
        return ReportsGone(site, device, asked.journal, gone, stranger) if gone else None

    def _request(self, gaps: Sequence[Gap]) -> Request:
        """A request for the first of the gaps and others of its journal, as many as are allowed."""
        site, device, journal = gaps[0].site, gaps[0].device, gaps[0].journal
        ranges: list[tuple[int, int]] = []
        room = REPORTS_MAX
        for gap in gaps:
            if gap.journal == journal and room > 0 and len(ranges) < RANGES_MAX:
                last = min(gap.missing.last, gap.missing.first + room - 1)
                ranges.append((gap.missing.first, last))
                room -= last - gap.missing.first + 1
        number = f"{self._chance.getrandbits(64):016x}"
        resend = Resend(id=number, ranges=ranges, journal=journal) if journal else Resend(id=number, ranges=ranges)
        return Request(ResendRequested(site, device, journal, tuple(ranges)), resend)
