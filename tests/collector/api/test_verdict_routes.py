"""Who may say what a vehicle was, and what the API answers of it."""

import pytest

from collector.alerts.alert import Figures, Subject
from collector.alerts.lifecycle import AlertLifecycle, ProvenFinding
from collector.alerts.rules.finding import Finding
from collector.alerts.settings import Rules
from collector.domain.scope import Scope
from collector.queries.evidence import evidence
from tests.collector.api.api_world import Api
from tests.collector.messages import MINUTE_MS, NOON_MS

CROSSING = {"site": "bridge", "device": "mast-1", "run": "run-1", "line": "deck", "at": "2026-11-25T12:03:07Z"}


def test_a_token_that_may_take_note_says_what_a_vehicle_was(api: Api) -> None:
    client = api.client("read", "acknowledge")
    said = client.post("/api/v1/verdicts", json={**CROSSING, "said": "bus"})
    assert said.status_code == 200, said.text
    assert (said.json()["seq"], said.json()["truth"]) == (3, "bus")
    assert said.json()["by"].startswith("test-read-acknowledge")
    assert client.post("/api/v1/verdicts", json={**CROSSING, "said": "bus"}).json() == said.json()
    assert client.post("/api/v1/verdicts", json={**CROSSING, "said": "no"}).json()["truth"] is None
    answer = client.get("/api/v1/verdicts", params={"site": "bridge", "history": True}).json()
    assert [one["said"] for one in answer["verdicts"]] == ["no", "bus"]
    assert api.client("read").post("/api/v1/verdicts", json={**CROSSING, "said": "no"}).status_code == 403


def test_what_is_said_of_an_alert_stands_with_it(api: Api) -> None:
    figures: Figures = {"device": "mast-1", "line": "deck", "direction": "outbound"}
    finding = Finding(
        kind="first", subject=Subject(site="bridge", label="bus"), at_ms=NOON_MS + MINUTE_MS, reason="A bus.",
        figures=figures,
    )  # fmt: skip
    with api.store.reading() as reading:
        behind = evidence(reading, Scope(site="bridge"), NOON_MS, NOON_MS + 2 * MINUTE_MS)
    with api.store.writing() as tables:
        AlertLifecycle(tables, "bridge", Rules(), now_ms=NOON_MS).take([ProvenFinding(finding, tuple(behind))])
    client = api.client("read", "acknowledge")
    (one,) = client.get("/api/v1/alerts").json()["alerts"]
    assert one["verdicts"] == []
    assert client.post("/api/v1/verdicts", json={"alert": one["id"], "said": "truck"}).status_code == 200
    (one,) = client.get("/api/v1/alerts").json()["alerts"]
    (verdict,) = one["verdicts"]
    assert (verdict["said"], verdict["label"], verdict["seq"], verdict["alert"]) == ("truck", "bus", 1, one["id"])
    noted = client.post(f"/api/v1/alerts/{one['id']}/acknowledge", json={}).json()
    assert noted["verdicts"] == one["verdicts"]


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ({"said": "no", "alert": 9}, 404, "there is no such alert"),
        ({"said": "no"}, 422, "say which `alert`, or"),
        ({"said": "no", "alert": 1, "line": "deck"}, 422, "an `alert` tells its crossing"),
        ({**CROSSING, "said": "lorry"}, 422, "'lorry' cannot be said of a crossing"),
        ({**CROSSING, "said": "no", "at": "noon"}, 422, "'noon' is not a time such as"),
        ({**CROSSING, "said": "no", "run": "run-9"}, 422, "no report of run run-9 covers"),
    ],
)
def test_what_cannot_be_said_is_answered_in_a_sentence(
    api: Api, body: dict[str, object], status: int, reason: str
) -> None:
    answer = api.client("read", "acknowledge").post("/api/v1/verdicts", json=body)
    assert (answer.status_code, reason in answer.json()["error"]) == (status, True), answer.text
