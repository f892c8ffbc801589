"""The page server over real sockets: what it refuses, what it sends along, and that it ends."""

import http.client
import json
import socket
from collections.abc import Iterator

import pytest

from edge.errors import InputError, WorkError
from edge.pages.server import BODY_BYTES_MAX, CONNECTIONS_MAX, Answer, PageServer, Query, answer_json

TOKEN = "s3cret"


def echo(query: Query, body: bytes) -> Answer:
    return answer_json({"query": dict(query), "body": body.decode()})


def fail(query: Query, body: bytes) -> Answer:
    raise {"input": InputError("this is wrong"), "work": WorkError("this broke")}.get(query["how"], KeyError("bug"))


@pytest.fixture
def server() -> Iterator[PageServer]:
    routes = {("GET", "/echo"): echo, ("POST", "/echo"): echo, ("GET", "/fail"): fail}
    with PageServer("setup.html", routes, token=TOKEN) as serving:
        yield serving


def ask(
    server: PageServer, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    host = f"127.0.0.1:{server.port}"
    said = {"Cookie": f"crossing-{server.port}={TOKEN}", "Origin": f"http://{host}", "Content-Type": "application/json"}
    connection.request(method, path, body, said | {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    try:
        return answer.status, dict(answer.headers), answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("path", ["/", "/setup.js", "/pages.css", "/echo", "/nothing", "/?token=", "/?token=wrong"])
def test_every_address_without_the_token_is_refused(server: PageServer, path: str) -> None:
    assert ask(server, "GET", path, Cookie="")[0] == 403


def test_the_token_of_the_address_becomes_a_cookie(server: PageServer) -> None:
    status, headers, _ = ask(server, "GET", f"/?token={TOKEN}", Cookie="")
    assert (status, headers["Location"]) == (303, "/")
    assert headers["Set-Cookie"] == f"crossing-{server.port}={TOKEN}; HttpOnly; SameSite=Strict; Path=/"


def test_a_page_comes_with_headers_that_allow_nothing_foreign_and_keep_nothing(server: PageServer) -> None:
    status, headers, body = ask(server, "GET", "/")
    assert status == 200
    assert b"<title>Set up" in body
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert (headers["X-Frame-Options"], headers["X-Content-Type-Options"]) == ("DENY", "nosniff")
    assert "Server" not in headers or "Python" not in headers["Server"]


def test_our_pages_hold_no_script_and_no_style_of_their_own_and_ask_nobody_else() -> None:
    with PageServer("annotate.html", {}, token=TOKEN) as server:
        files = {path: one.body.decode() for path, one in server._server.site.files.items()}
    for path, text in files.items():
        for word in ("<script>", " style=", " onclick=", "https://", "//cdn", "eval("):
            assert word not in text, (path, word)


def test_a_route_gets_query_and_body(server: PageServer) -> None:
    status, _, body = ask(server, "POST", "/echo?a=1&b=", b'{"x": 1}')
    assert (status, json.loads(body)) == (200, {"query": {"a": "1"}, "body": '{"x": 1}'})


def test_errors_come_with_their_sentence_and_bugs_without(server: PageServer) -> None:
    assert [
        (status, json.loads(body)["error"])
        for status, _, body in (ask(server, "GET", f"/fail?how={how}") for how in ("input", "work"))
    ] == [
        (422, "this is wrong"),
        (500, "this broke"),
    ]
    assert ask(server, "GET", "/fail?how=bug")[0] == 500
    assert ask(server, "GET", "/nothing")[0] == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Length": "x"}, 400),
        ({"Content_Length": "-1"}, 400),
        ({"Content_Length": str(BODY_BYTES_MAX + 1)}, 413),
        ({"Transfer_Encoding": "chunked"}, 411),
    ],
)
def test_what_could_harm_is_refused_before_its_body_is_read(
    server: PageServer, headers: dict[str, str], status: int
) -> None:
    assert ask(server, "POST", "/echo", b"{}", **headers)[0] == status


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE"])
def test_other_methods_are_unknown(server: PageServer, method: str) -> None:
    status, headers, _ = ask(server, method, "/")
    assert (status, headers["X-Frame-Options"]) == (501, "DENY")


def test_more_connections_than_the_bound_are_closed_and_others_served_on(server: PageServer) -> None:
    held = [socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(CONNECTIONS_MAX)]
    one_more = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    assert one_more.recv(1) == b""
    one_more.close()
    for one in held:
        one.close()
    status = 0
    for _ in range(100):  # until the server has noticed
        try:
            status = ask(server, "GET", "/echo")[0]
            break
        except OSError:
            continue
    assert status == 200


def test_a_port_that_is_taken_is_told(server: PageServer) -> None:
    with pytest.raises(InputError, match=f"--port {server.port} cannot be had"):
        PageServer("setup.html", {}, port=server.port)


def test_without_lan_only_loopback_is_bound(server: PageServer) -> None:
    assert server._server.server_address[0] == "127.0.0.1"
