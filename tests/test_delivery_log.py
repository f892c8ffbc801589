"""What the log says of a delivery that fails: at each change of the cause, every hour, and when it is over."""

import logging
import re
from pathlib import Path

import pytest

from edge.delivery.failure import CAUSES, Failure
from edge.delivery.failure_log import AGAIN_MS, CALM_MS, DeliveryLog, duration_of

CLOSED = Failure("unreachable", "broker b:8883 cannot be reached: Connection refused")
TWIN = Failure("taken-over", "broker b:8883 let another client take our name over")


def said(caplog: pytest.LogCaptureFixture, moments: list[tuple[int, Failure | None]]) -> list[str]:
    log = DeliveryLog()
    with caplog.at_level(logging.INFO):
        for now_ms, failure in moments:
            log.update(now_ms, failure, connected=failure is None, unsent=lambda: 7)
    return [record.getMessage() for record in caplog.records]


def test_a_cause_is_said_once_and_again_every_hour(caplog: pytest.LogCaptureFixture) -> None:
    assert said(caplog, [(at_ms, CLOSED) for at_ms in range(0, 2 * AGAIN_MS + 1, 1_000)]) == [
        f"delivery: {CLOSED.sentence}",
        f"delivery, for 1 h 0 min: {CLOSED.sentence}; 7 letters wait",
        f"delivery, for 2 h 0 min: {CLOSED.sentence}; 7 letters wait",
    ]


def test_another_cause_is_said_at_once_and_the_end_when_it_is_sure(caplog: pytest.LogCaptureFixture) -> None:
    moments = [(0, CLOSED), (5_000, TWIN), (60_000, TWIN), (61_000, None), (60_000 + CALM_MS, None), (999_999, None)]
    assert said(caplog, moments) == [
        f"delivery: {CLOSED.sentence}",
        f"delivery: {TWIN.sentence}",
        "delivery works again, after 60 s",
    ]


def test_two_clients_that_take_turns_fill_no_log(caplog: pytest.LogCaptureFixture) -> None:
    turns = [(at_ms, TWIN if at_ms // 60_000 % 2 else None) for at_ms in range(0, AGAIN_MS, 1_000)]
    assert said(caplog, turns) == [f"delivery: {TWIN.sentence}"]


@pytest.mark.parametrize(
    ("span_ms", "words"),
    [(0, "0 s"), (119_999, "119 s"), (120_000, "2 min"), (3_600_000, "1 h 0 min"), (49 * 3_600_000, "2 d 1 h")],
)
def test_spans_read_well(span_ms: int, words: str) -> None:
    assert duration_of(span_ms) == words


def test_the_page_for_operators_names_every_cause() -> None:
    page = (Path(__file__).parents[1] / "deploy" / "README.md").read_text("utf-8")
    assert re.findall(r"^\| `([a-z-]+)` \| ", page, re.MULTILINE) == list(CAUSES)
