"""What stands before every route."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.api.guard import BODY_BYTES_MAX, HEADERS, LOGINS_PER_MINUTE
from tests.collector.api.api_world import Api, an_api


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/v1/session", "/api/v1/devices", "/nowhere", "/static/app.js"])
def test_every_answer_bears_the_strict_headers(api: Api, path: str) -> None:
    answer = api.anyone.get(path)
    for name, value in HEADERS.items():
        if name != "Cache-Control" or not path.startswith(("/static", "/")) or path.startswith("/api"):
            assert answer.headers[name] == value or name == "Cache-Control"
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "server" not in answer.headers


def test_answers_of_the_api_are_kept_nowhere(api: Api) -> None:
    assert api.client("read").get("/api/v1/devices").headers["Cache-Control"] == "no-store"


def test_a_refusal_bears_the_headers_too(api: Api) -> None:
    refused = api.anyone.get("/", headers={"Host": "evil.example"})
    assert refused.status_code == 403
    assert refused.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8080", 200),
        ("localhost:9", 200),
        ("[::1]:8080", 200),
        ("192.0.2.7", 200),
        ("counts.example", 200),
        ("evil.example", 403),
        ("", 403),
    ],
)
def test_only_addresses_and_our_own_names_are_answered(tmp_path: Path, host: str, status: int) -> None:
    api = an_api(tmp_path, [], names=["Counts.example"])
    assert api.anyone.get("/healthz", headers={"Host": host}).status_code == status
    api.context.pool.close()
    api.store.close()


def test_nothing_is_uploaded(api: Api) -> None:
    client = api.client("read", "pictures", "acknowledge", "operate")
    where = "/api/v1/devices/bridge/mast-1/resend"
    assert client.post(where, files={"file": b"x"}).status_code == 415
    assert client.post(where, data={"journal": "x"}).status_code == 415
    assert client.post(where, content=b"x" * 10, headers={"Content-Type": "image/jpeg"}).status_code == 415
    too_large = b"[" + b" " * BODY_BYTES_MAX + b"]"
    as_json = {"Content-Type": "application/json"}
    assert client.post(where, content=too_large, headers=as_json).status_code == 413
    assert client.put("/static/app.js", content=b"1", headers=as_json).status_code == 405

    def pieces() -> Iterator[bytes]:
        for _ in range(20):
            yield b" " * 1_000

    assert client.post(where, content=pieces(), headers=as_json).status_code == 413


def test_a_query_is_bounded(api: Api) -> None:
    assert api.client("read").get("/api/v1/devices?after=" + "x" * 5_000).status_code == 414


def test_who_asks_too_often_waits(tmp_path: Path) -> None:
    api = an_api(tmp_path, [], requests_per_minute=10)
    client, other = api.client("read"), api.client("read")
    assert {client.get("/api/v1/session").status_code for _ in range(10)} == {200}
    refused = client.get("/api/v1/session")
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "60"
    assert other.get("/api/v1/session").status_code == 200
    api.context.pool.close()
    api.store.close()


def test_tokens_are_not_guessed_fast(api: Api) -> None:
    client = api.anyone
    answers = [client.post("/api/v1/session", json={"token": str(i)}).status_code for i in range(LOGINS_PER_MINUTE + 1)]
    assert answers == [401] * LOGINS_PER_MINUTE + [429]


@pytest.mark.parametrize("name", ["../app.py", "..%2fapi%2ftokens.py", "%2e%2e/x", "index.html%00", "nothing.js"])
def test_only_files_of_ours_are_served(api: Api, name: str) -> None:
    assert api.anyone.get(f"/static/{name}").status_code == 404


def test_our_files_are_asked_for_again_and_the_library_is_kept(api: Api) -> None:
    client = api.anyone
    page = client.get("/static/app.js")
    assert page.headers["Cache-Control"] == "no-cache"
    again = client.get("/static/app.js", headers={"If-None-Match": page.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    library = client.get(client.get("/api/v1/session").json()["charts"])
    assert "immutable" in library.headers["Cache-Control"]
    assert b"plotly.js" in library.content[:100]
    assert client.get("/vendor/plotly-0.js").status_code == 404
