"""Whatever the OpenAPI document allows, and what it does not: no error of ours, no answer that is not described."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.collector.api.api_world import ALL, Api, an_api, some_reports

STREAMS = "/live/events"
INJECTIONS = (
    "' OR 1=1 --",
    '"; DROP TABLE report; --',
    "%27%20UNION%20SELECT%20payload%20FROM%20report",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "{{7*7}}",
    "%00",
    "9" * 400,
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, str]]:
    api = an_api(Path(tmp_path_factory.mktemp("schema")), some_reports())
    yield api, api.context.tokens.add("all", ALL, now_ms=0)
    api.context.pool.close()
    api.store.close()


def try_everything(api: Api, token: str, examples: int) -> int:
    """Every operation but the stream, with so many examples each; how many operations."""
    import schemathesis  # noqa: PLC0415  # seconds, which every process would pay that only collects the tests
    from schemathesis.core.result import Ok  # noqa: PLC0415
    from schemathesis.specs.openapi import checks  # noqa: PLC0415

    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", api.app)
    tried = 0
    # what a name is, and what a time is, the document cannot say in full; a wrong one is a 422 or a 404
    left_out = [checks.positive_data_acceptance, checks.negative_data_rejection, checks.unsupported_method]
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), "every operation of the document can be read"
        operation = result.ok()
        if operation.path.endswith(STREAMS):
            continue

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def check(case: "schemathesis.Case[Any]") -> None:
            case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, excluded_checks=left_out)

        check()
        tried += 1
    return tried


def test_everything_that_the_document_allows_is_answered_as_described(world: tuple[Api, str]) -> None:
    assert try_everything(*world, examples=4) > 20


@pytest.mark.slow
def test_the_same_with_many_more_examples(world: tuple[Api, str]) -> None:
    try_everything(*world, examples=300)


def test_no_parameter_is_taken_for_anything_but_a_value(world: tuple[Api, str]) -> None:
    api, _ = world
    client = api.client(*ALL)
    before = client.get("/api/v1/sites/bridge/evidence").json()["reports"]
    for path, methods in api.app.openapi()["paths"].items():
        if path.endswith(STREAMS) or "get" not in methods:
            continue
        for parameter in methods["get"].get("parameters", []):
            for text in INJECTIONS:
                names = {"site": "bridge", "device": "mast-1", "run": "run-1", "seq": "1", "number": "1"}
                query = {}
                if parameter["in"] == "path":
                    names[parameter["name"]] = quote(text, safe="%")
                elif parameter["in"] == "query":
                    query[parameter["name"]] = text
                else:
                    continue
                answer = client.get(path.format(**names), params=query)
                assert answer.status_code in (200, 404, 422), (path, parameter["name"], text, answer.text)
                assert "Traceback" not in answer.text
                if not answer.headers["content-type"].startswith("application/json"):
                    assert "<script" not in answer.text
    assert client.get("/api/v1/sites/bridge/evidence").json()["reports"] == before
