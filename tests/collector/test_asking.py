"""Whom to ask for what: within the limits, one request at a time, and only true answers count."""

import random
from typing import Any

import pytest

from collector.protocol.gaps import Missing
from collector.protocol.items import Gap, ReportsGone, ResendRequested, VerdictAcknowledged
from collector.protocol.resend_planner import (
    ANSWER_WAIT_MS,
    COMPARE_WAIT_MS_FIRST,
    REPORTS_MAX,
    REQUESTS_MAX,
    ResendPlanner,
)
from edge.wire.commands import Response, Verdict
from edge.wire.names import RANGES_MAX


def gap(first: int, last: int, *, device: str = "mast-1", journal: str = "") -> Gap:
    return Gap("bridge", device, journal, Missing(first, last, since_ms=0, due_ms=0))


@pytest.fixture
def asking() -> ResendPlanner:
    return ResendPlanner(random.Random(1))


def test_the_ranges_of_a_device_go_into_one_request(asking: ResendPlanner) -> None:
    (request,) = asking.update([gap(1, 2), gap(5, 9)], now_ms=0)
    assert request.asked == ResendRequested("bridge", "mast-1", "", ((1, 2), (5, 9)))
    assert request.resend.ranges == [(1, 2), (5, 9)]


def test_a_request_is_of_one_journal_and_names_it(asking: ResendPlanner) -> None:
    (request,) = asking.update([gap(1, 2, journal="j1"), gap(5, 9), gap(7, 7, journal="j1")], now_ms=0)
    assert request.asked == ResendRequested("bridge", "mast-1", "j1", ((1, 2), (7, 7)))
    assert request.resend.journal == "j1"


def test_a_request_has_so_many_reports_and_no_more(asking: ResendPlanner) -> None:
    (request,) = asking.update([gap(1, 400), gap(500, 10**9), gap(2 * 10**9, 2 * 10**9)], now_ms=0)
    assert request.asked.ranges == ((1, 400), (500, 500 + REPORTS_MAX - 400 - 1))


def test_a_request_has_so_many_ranges_and_no_more(asking: ResendPlanner) -> None:
    (request,) = asking.update([gap(2 * i, 2 * i) for i in range(1, 300)], now_ms=0)
    assert len(request.resend.ranges) == RANGES_MAX


def test_so_many_devices_are_asked_in_a_round_and_no_more(asking: ResendPlanner) -> None:
    due = [gap(1, 1, device=f"mast-{i}") for i in range(2 * REQUESTS_MAX)]
    first = asking.update(due, now_ms=0)
    second = asking.update(due, now_ms=1)
    assert len(first) == len(second) == REQUESTS_MAX
    assert len({request.asked.device for request in first + second}) == 2 * REQUESTS_MAX


def test_a_device_is_asked_one_thing_at_a_time_until_it_answers_or_the_wait_is_over(asking: ResendPlanner) -> None:
    (request,) = asking.update([gap(1, 1)], now_ms=0)
    assert asking.update([gap(5, 5)], now_ms=ANSWER_WAIT_MS - 1) == []
    assert asking.answered("bridge", "mast-1", Response(id=request.resend.id, verb="resend", ok=True)) is None
    (second,) = asking.update([gap(5, 5)], now_ms=ANSWER_WAIT_MS - 1)
    assert second.resend.id != request.resend.id
    assert len(asking.update([gap(9, 9)], now_ms=3 * ANSWER_WAIT_MS)) == 1


def test_gone_is_what_was_asked_for_and_nothing_else(asking: ResendPlanner) -> None:
    (request,) = asking.update([gap(3, 6, journal="j1"), gap(9, 9, journal="j1")], now_ms=0)
    answer = Response(id=request.resend.id, verb="resend", ok=True, journal="j1", gone=[(1, 4), (6, 100)])
    assert asking.answered("bridge", "mast-1", answer) == ReportsGone(
        "bridge", "mast-1", "j1", ((3, 4), (6, 6), (9, 9))
    )
    assert asking.answered("bridge", "mast-1", answer) is None  # an answer counts once


@pytest.mark.parametrize(
    "changed",
    [{"id": "another"}, {"verb": "strip"}, {"ok": False}, {"journal": "j2"}, {"gone": [(7, 8)]}, {"gone": [(6, 3)]}],
    ids=str,
)
def test_an_answer_that_makes_no_sense_changes_nothing(asking: ResendPlanner, changed: dict[str, object]) -> None:
    (request,) = asking.update([gap(3, 6, journal="j1")], now_ms=0)
    fields: dict[str, Any] = {"verb": "resend", "ok": True, "journal": "j1", "gone": [(3, 6)]}
    answer = Response(**({"id": request.resend.id} | fields | changed))
    assert asking.answered("bridge", "mast-1", answer) is None


def test_nobody_answers_for_another_device(asking: ResendPlanner) -> None:
    (request,) = asking.update([gap(3, 6)], now_ms=0)
    answer = Response(id=request.resend.id, verb="resend", ok=True, gone=[(3, 6)])
    assert asking.answered("bridge", "mast-2", answer) is None
    assert asking.answered("bridge", "mast-1", answer) == ReportsGone("bridge", "mast-1", "", ((3, 6),))


def test_a_device_is_told_what_a_person_says_until_it_answers_less_and_less_often(asking: ResendPlanner) -> None:
    said = Verdict(
        site="bridge", device="mast-1", run="run-1", line="deck", at="2026-11-25T12:00:00Z", label="bus", said="no",
        by="li", when="2026-11-25T12:10:00Z",
    )  # fmt: skip
    (first,) = asking.tell([(7, said)], now_ms=0)
    assert first.verdict == said
    assert asking.tell([(7, said)], now_ms=COMPARE_WAIT_MS_FIRST - 1) == []
    (second,) = asking.tell([(7, said)], now_ms=COMPARE_WAIT_MS_FIRST)
    assert asking.tell([(7, said)], now_ms=3 * COMPARE_WAIT_MS_FIRST - 1) == []
    for answer in (Response(id=first.id, verb="verdict", ok=True), Response(id=second.id, verb="verdict", ok=False)):
        assert asking.answered("bridge", "mast-1", answer) is None
    answer = Response(id=second.id, verb="verdict", ok=True)
    assert asking.answered("bridge", "mast-2", answer) is None, "nobody answers for another device"
    assert asking.answered("bridge", "mast-1", answer) == VerdictAcknowledged("bridge", "mast-1", 7)
