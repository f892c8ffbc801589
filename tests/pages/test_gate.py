"""Who may ask a page: every rule of edge.pages.access, from the side of who may not."""

import pytest

from edge.pages.access import Gate

TOKEN = "s3cret-token"
HOST = "127.0.0.1:8080"
PAGE = {"host": HOST, "cookie": f"crossing-8080={TOKEN}"}
CHANGE = {**PAGE, "origin": f"http://{HOST}", "content-type": "application/json"}
HERE = Gate(TOKEN, "crossing-8080")
NETWORK = Gate(TOKEN, "crossing-8080", frozenset({"mast-1", "mast-1.local"}), lan=True)


def test_whoever_has_the_token_is_answered_by_url_and_by_cookie() -> None:
    assert HERE.refusal("GET", {"host": HOST}, TOKEN) is None
    assert HERE.refusal("GET", PAGE, "") is None
    assert HERE.refusal("POST", CHANGE, "") is None


@pytest.mark.parametrize("cookie", ["", "crossing-8080=", "crossing-8080=wrong", f"other={TOKEN}", "=;;=", "é=1"])
def test_without_the_token_nothing_is_answered(cookie: str) -> None:
    assert HERE.refusal("GET", {"host": HOST, "cookie": cookie}, "") is not None
    assert HERE.refusal("GET", {"host": HOST, "cookie": cookie}, "wré") is not None


@pytest.mark.parametrize("host", ["localhost", "localhost:9", "127.0.0.1", "[::1]:80", "127.8.8.8:1"])
def test_a_tunnel_may_end_at_any_port_of_loopback(host: str) -> None:
    assert HERE.refusal("GET", {**PAGE, "host": host}, "") is None


@pytest.mark.parametrize(
    "host", ["", "evil.example", "evil.example:8080", "192.0.2.1:8080", "mast-1", "a@b:c:d", "[::1"]
)
def test_a_foreign_name_that_points_here_is_refused(host: str) -> None:
    assert HERE.refusal("GET", {**PAGE, "host": host}, "") is not None


@pytest.mark.parametrize(
    ("host", "ours"), [("192.0.2.1:80", True), ("MAST-1:80", True), ("mast-1.local", True), ("evil.example", False)]
)
def test_on_the_lan_addresses_and_our_own_names_are_ours(host: str, ours: bool) -> None:
    assert (NETWORK.refusal("GET", {**PAGE, "host": host}, "") is None) == ours


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "https://127.0.0.1:8080"},
        {"origin": "http://127.0.0.1:9090"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"content-type": "text/plain"},
        {"content-type": ""},
    ],
)
def test_only_a_page_from_here_may_change_anything(changes: dict[str, str]) -> None:
    assert HERE.refusal("POST", CHANGE | changes, "") is not None
