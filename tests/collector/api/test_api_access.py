"""Who may ask what. The table is that of the routes themselves: one that is new and needs nothing fails here."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute

from collector.api.access import needs_of
from collector.api.app import build, routers
from collector.api.metrics import Metrics
from collector.api.query_pool import QueryPool
from collector.api.tokens import TokenScope
from collector.cli.show_devices import devices_as_table
from collector.queries.devices import devices
from collector.store.interface import Store
from edge.errors import CrossingError, InputError
from tests.collector.api.api_world import ALL, HERE, Api, an_api, said

OPEN = {
    ("GET", "/api/v1/session"),  # who am I
    ("POST", "/api/v1/session"),  # to get in
    ("GET", "/healthz"),
    ("GET", "/"),
    ("GET", "/static/{name}"),
    ("GET", "/vendor/{name}"),
}
PUBLIC = {
    f"/api/v1/{path}"
    for path in (
        "sites",
        "overview",
        "sites/{site}/counts",
        "sites/{site}/usual",
        "sites/{site}/balance",
        "sites/{site}/queue",
        "sites/{site}/convoys",
        "sites/{site}/coverage",
        "sites/{site}/daylight",
        "sites/{site}/export",
        "sites/{site}/models",
    )
}
NAMES = {"site": "bridge", "device": "mast-1", "run": "run-1", "seq": "1", "number": "1"}


def routes_of(api: Api) -> list[tuple[str, str, APIRoute]]:
    """Method, path and route, of all there are."""
    found = [
        (method, prefix + route.path, route)
        for prefix, router in routers(api.context, Metrics(api.context.board, api.context.faults))
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in sorted(route.methods or ())
    ]
    described = {(method.upper(), path) for path, methods in api.app.openapi()["paths"].items() for method in methods}
    assert described <= {(method, path) for method, path, _ in found}, "no route goes past the routers"
    return found


def guarded_routes(folder: Path) -> list[tuple[str, str, TokenScope]]:
    api = an_api(folder, [])
    table = []
    for method, path, route in routes_of(api):
        needs = needs_of(route)
        if (method, path) in OPEN:
            assert not needs, f"{method} {path} is open and needs something"
        else:
            assert len(needs) == 1, f"{method} {path} needs no scope, or more than one"
            table.append((method, path, needs[0].scope))
    api.context.pool.close()
    api.store.close()
    return table


def filled(path: str) -> str:
    return path.format(**NAMES)


def body_of(path: str) -> object:
    if path.endswith("/verdicts"):
        return {"alert": 1, "said": "no"}
    return {"journal": "", "first": 1, "last": 9} if path.endswith("resend") else {} if "acknowledge" in path else None


def test_every_route_is_refused_without_the_scope_that_it_needs(tmp_path: Path, api: Api) -> None:
    (tmp_path / "table").mkdir()
    table = guarded_routes(tmp_path / "table")
    assert len(table) > 20
    everything = api.client(*ALL)
    nobody = api.anyone
    without: dict[TokenScope, object] = {scope: api.client(*(one for one in ALL if one != scope)) for scope in ALL}
    for method, path, scope in table:
        if path.endswith("/events"):
            continue  # a stream that is let in does not end: it is read in test_api_server
        sent: dict[str, Any] = {"json": body_of(path)} if method == "POST" and body_of(path) is not None else {}
        assert nobody.request(method, filled(path), **sent).status_code == 401, (method, path)
        refused = without[scope].request(method, filled(path), **sent)  # type: ignore[attr-defined]
        assert refused.status_code == 403, (method, path)
        assert scope in refused.json()["error"]
        assert everything.request(method, filled(path), **sent).status_code not in (401, 403), (method, path)


def test_streams_are_refused_without_the_scope(api: Api) -> None:
    assert api.anyone.get("/api/v1/live/events").status_code == 401
    assert api.client("pictures").get("/api/v1/live/events").status_code == 403


def test_the_public_reads_counts_and_coverage_and_nothing_else(public_api: Api) -> None:
    for method, path, route in routes_of(public_api):
        if (method, path) in OPEN or path.endswith("/events"):
            continue
        answer = public_api.anyone.request(method, filled(path), json=body_of(path) if method == "POST" else None)
        if path in PUBLIC:
            assert needs_of(route)[0].public
            assert answer.status_code == 200, (path, answer.text)
        else:
            assert answer.status_code == 401, (method, path)


def test_the_public_hears_nothing_of_the_inside_of_devices(public_api: Api) -> None:
    (site,) = public_api.anyone.get("/api/v1/overview").json()["sites"]
    assert [site[key] for key in ("devices", "online", "missing", "last_ms")] == [None] * 4
    (cover,) = public_api.anyone.get("/api/v1/sites/bridge/coverage").json()["covers"]
    assert (cover["missing"], cover["gone"]) == (None, None)
    (site,) = public_api.client("read").get("/api/v1/overview").json()["sites"]
    assert (site["devices"], site["online"], site["missing"]) == (1, 1, 2)


@pytest.mark.parametrize("problem", [CrossingError, InputError])
def test_an_answer_that_the_store_fails_names_no_part_of_the_inside_and_the_log_does(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, problem: type[CrossingError]
) -> None:
    sentence = "store postgresql://counter@db.internal/crossing cannot be used: no password supplied"

    def fail(_write: bool) -> Store:
        raise problem(sentence)

    api = an_api(tmp_path, [], public=True)
    api.context.pool.close()
    context = replace(api.context, pool=QueryPool(fail, workers=1, seconds_max=1.0))
    failing = Api(context, build(context), api.store, [])
    for client in (failing.anyone, failing.client("read")):
        for _ in range(3):
            answer = client.get("/api/v1/sites")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert answer.json() == {"error": "the collector cannot answer at the moment; its log says why"}
    assert [line for line in caplog.messages if sentence in line] == [
        f"the pages and the API cannot answer: {sentence}"
    ]
    context.pool.close()
    api.store.close()


def test_a_token_that_was_removed_lets_nobody_in(api: Api) -> None:
    client = api.client("read")
    assert client.get("/api/v1/devices").status_code == 200
    api.context.tokens.remove("test-read-0")
    assert client.get("/api/v1/devices").status_code == 401


def test_a_browser_gets_a_cookie_for_a_token_and_leaves_again(api: Api) -> None:
    token = api.context.tokens.add("wall", ["read"], now_ms=0)
    browser = api.anyone
    assert browser.get("/api/v1/session").json()["scopes"] == []
    answer = browser.post("/api/v1/session", json={"token": token}, headers={"Origin": HERE})
    assert answer.json()["name"] == "wall"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert token not in cookie
    ours, of_before = answer.headers.get_list("set-cookie")
    assert "path=" not in ours.lower(), "the browser takes the folder of the API"
    assert of_before.lower().startswith(ours.lower().split("=")[0])
    assert "max-age=0; path=/;" in of_before.lower()
    assert browser.get("/api/v1/devices").status_code == 200
    assert browser.delete("/api/v1/session", headers={"Origin": HERE}).status_code == 200
    assert browser.get("/api/v1/devices").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:9"},
        {"Origin": "null"},
        {"Origin": HERE, "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_cookie_changes_nothing_from_a_foreign_page(api: Api, headers: dict[str, str]) -> None:
    token = api.context.tokens.add("wall", ALL, now_ms=0)
    browser = api.anyone
    browser.post("/api/v1/session", json={"token": token}, headers={"Origin": HERE})
    urge_resend = {"journal": "", "first": 6, "last": 7}
    refused = browser.post("/api/v1/devices/bridge/mast-1/resend", json=urge_resend, headers=headers)
    assert refused.status_code == 403
    assert api.wishes == []
    assert (
        browser.post("/api/v1/devices/bridge/mast-1/resend", json=urge_resend, headers={"Origin": HERE}).status_code
        == 202
    )


def test_nobody_logs_a_browser_in_from_a_foreign_page(api: Api) -> None:
    token = api.context.tokens.add("mine", ["read"], now_ms=0)
    answer = api.anyone.post("/api/v1/session", json={"token": token}, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403


def test_a_wrong_token_and_a_wrong_code_let_nobody_in(api: Api) -> None:
    for credential in ({"token": "crossing-guess"}, {"code": "guess"}, {}):
        assert api.anyone.post("/api/v1/session", json=credential).status_code == 401


def test_what_a_device_says_it_lost_is_told(tmp_path: Path) -> None:
    total = b'{"schema":1,"journal":"j1","sent_through":9,"dropped":2,"forgotten":5,"letters_lost":{"alert":3}}'
    api = an_api(tmp_path, [said("total", total)])
    client = api.client("read")
    (device,) = client.get("/api/v1/devices").json()["devices"]
    assert (device["dropped"], device["forgotten"], device["letters_lost"]) == (2, 5, {"alert": 3})
    lines = client.get("/metrics").text.splitlines()
    assert 'crossing_device_lost_letters{device="mast-1",kind="alert",site="bridge"} 3.0' in lines
    assert 'crossing_device_forgotten_reports{device="mast-1",site="bridge"} 5.0' in lines
    assert devices_as_table(devices(api.store), now_ms=0).splitlines()[-1] == (
        "bridge/mast-1: lost unsent: report 2, alert 3; reports sent and held no more: 5"
    )
    api.context.pool.close()
    api.store.close()
