"""A still camera over real HTTP on loopback: login, redirects, repeated and late pictures, a sentence per failure."""

import ssl
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.vision.clock import FrameClock
from edge.vision.http_picture import Address, FetchError, Validators, fetch
from edge.vision.login import digest_login
from edge.vision.picture_file import decode_picture
from edge.vision.still_camera import StillCamera, StillSource
from tests.still_server import Given, StillServer, basic, digest_is_right, jpeg_of, png_of, serving

NOW_MS = 1_795_600_020_000
SECRET = "s3cret:/@ word"


def picture(number: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(abs(number)).integers(0, 255, (48, 64, 3), np.uint8)


@dataclass
class Clock:
    monotonic: int = 0

    def real_ms(self) -> int:
        return NOW_MS + self.monotonic

    def monotonic_ms(self) -> int:
        return self.monotonic

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing sleeps")


class Watched:
    """A camera that asks every minute, and its server; `minute` lets time go on to the next request."""

    def __init__(self, stack: ExitStack, script: Callable[[int, str], Given], **address: str) -> None:
        self.server: StillServer = stack.enter_context(serving(script))
        self.server.now_ms = NOW_MS
        self.clock = Clock()
        source = StillSource(Address(self.server.url, timeout_s=3.0, **address), 60.0)
        self.camera = StillCamera(source, self.clock, FrameClock(self.clock, synced=lambda: True))

    def ask(self) -> float:
        """Poll at this moment; returns how long the camera waits."""
        self.server.now_ms = self.clock.real_ms()
        return self.camera.poll()

    def minute(self) -> float:
        self.clock.monotonic += 60_000
        return self.ask()

    def taken_s(self) -> float | None:
        """The time of the picture that came, in seconds since the beginning."""
        frame = self.camera.take(0.0)
        return None if frame is None else (frame.captured_ms - NOW_MS) / 1000


@pytest.fixture
def stack() -> object:
    with ExitStack() as stack:
        yield stack


def failure(script: Callable[[int, str], Given], **address: str) -> str:
    with serving(script) as server:
        url = address.pop("url", server.url).replace("HOST", server.url.split("/")[2])
        with pytest.raises(FetchError) as caught:
            fetch(Address(url, timeout_s=3.0, **address))
    return str(caught.value).replace(server.url, "URL")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (Given(status=401), "URL asks for a user name and a password (401); say camera.username"),
        (Given(status=403), "URL does not allow the picture to be fetched (403)"),
        (Given(status=404), "URL has no picture there (404); is camera.url right?"),
        (Given(status=500), "URL fails by itself (500)"),
        (Given(status=418), "URL answers 418 and no picture"),
        (Given(hangs_up=True), "URL ended the connection without an answer"),
        (Given(png_of(picture()), breaks_off=100), "URL broke off in the middle of a picture, 100 bytes short"),
        (Given(b"x", kind="multipart/x-mixed-replace; boundary=a"), "URL sends a stream of pictures and no still"),
        (Given(status=302), "URL sends on (302) to no http:// or https:// address"),
        (Given(status=302, headers={"Location": "file:///etc/passwd"}), "URL sends on (302) to no http://"),
    ],
)
def test_a_server_that_gives_no_picture_is_told_in_one_sentence(given: Given, sentence: str) -> None:
    assert failure(lambda _now, _path: given).startswith(sentence)


def test_redirects_that_go_round_are_followed_a_few_times() -> None:
    paths = iter(range(100))
    sentence = failure(lambda _now, _path: Given(status=302, headers={"Location": f"/{next(paths)}.jpg"}))
    assert sentence == "URL sends on from one address to the next; at most 5"


@pytest.mark.parametrize(
    ("body", "kind", "sentence"),
    [
        (b"", "image/jpeg", "is empty"),
        (b"<!DOCTYPE html><title>Log in</title>", "text/html", "is a web page (HTML) and no picture"),
        (b"GIF89a...", "image/gif", "is a GIF and no picture"),
        (b"{}", "application/json", "is something called application/json and no picture"),
        (jpeg_of(picture())[:-400], "image/jpeg", "is a picture that breaks off after"),
        (png_of(picture())[:-20], "image/png", "is a picture that breaks off after"),
        (jpeg_of(picture())[:100] + b"\xff\xd9", "image/jpeg", "is a picture that"),
    ],
)
def test_what_came_is_told_where_it_is_no_whole_picture(
    body: bytes, kind: str, sentence: str, stack: ExitStack
) -> None:
    watched = Watched(stack, lambda _now, _path: Given(body, kind=kind))
    watched.ask()
    state = watched.camera.state
    assert not state.open
    assert state.reason.startswith(f"camera {watched.server.url}: what came {sentence}")
    assert watched.taken_s() is None


def test_no_pixel_bomb_is_decoded() -> None:
    head = jpeg_of(picture())
    at = head.index(b"\xff\xc0")
    huge = head[: at + 5] + b"\xff\xff\xff\xff" + head[at + 9 :]
    with pytest.raises(Exception, match="is a picture of 65535 x 65535 pixels; allowed are 50000000"):
        decode_picture(huge)


def test_a_server_that_trickles_is_cut_off_in_time() -> None:
    """One byte at a time would never run into the time-out of a socket."""
    with serving(lambda _now, _path: Given(png_of(picture()), trickles_s=0.02)) as server:
        with pytest.raises(FetchError) as caught:
            fetch(Address(server.url, timeout_s=0.3))
        assert str(caught.value) == f"{server.url} gave no whole picture within 0.3 s"


def test_an_unknown_authority_is_told_and_a_refused_connection() -> None:
    assert failure(lambda _now, _path: Given(), url="http://127.0.0.1:9/x.jpg?key=abc").startswith(
        "http://127.0.0.1:9/x.jpg refuses the connection"
    )
    tls = failure(lambda _now, _path: Given(), url="https://HOST/still.jpg")
    assert "speaks no TLS that is understood" in tls
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    from edge.vision.http_picture import _failure  # noqa: PLC0415

    assert _failure(error) == (
        "has a certificate that cannot be trusted: self-signed certificate; camera.ca_file names an authority to trust"
    )


@pytest.mark.parametrize("kind", ["basic", "md5", "sha256"])
def test_a_login_is_answered_and_the_password_is_never_told(kind: str, stack: ExitStack) -> None:
    tried: list[str] = []
    name = {"md5": "MD5", "sha256": "SHA-256"}.get(kind)
    challenge = f'Digest realm="a camera", nonce="n1", qop="auth,auth-int", opaque="o", algorithm={name}'
    asking = 'Basic realm="camera"' if kind == "basic" else challenge

    def script(_now: int, _path: str) -> Given:
        said = watched.server.asked[-1][1].get("Authorization", "")
        tried.append(said)
        right = said == basic("li", SECRET) if kind == "basic" else said and digest_is_right(said, "li", SECRET, kind)
        return Given(png_of(picture())) if right else Given(status=401, headers={"WWW-Authenticate": asking})

    watched = Watched(stack, script, username="li", password=SECRET)
    watched.ask()
    assert watched.camera.state.open
    assert tried[0] == ""  # nothing is said before it is asked for
    wrong = Watched(stack, script, username="li", password="other")
    watched.server = wrong.server
    tried.clear()
    wrong.ask()
    assert wrong.camera.state.reason.endswith("still.jpg refuses the user name or the password (401)")
    assert len(tried) == 2  # a camera locks out whoever tries more
    assert "other" not in wrong.camera.state.reason
    assert SECRET not in repr(watched.camera._source)


def test_the_example_of_rfc_7616_is_answered_as_it_says() -> None:
    said = {
        "realm": "http-auth@example.org",
        "qop": "auth, auth-int",
        "algorithm": "SHA-256",
        "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
    }
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    answer = digest_login(said, "Mufasa", "Circle of Life", "/dir/index.html", cnonce)
    assert "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1" in answer


def test_a_redirect_takes_no_password_to_another_host() -> None:
    with serving(lambda _now, _path: Given(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})) as other:
        to = {"Location": other.url.replace("127.0.0.1", "localhost")}
        sentence = failure(lambda _now, _path: Given(status=302, headers=to), username="li", password=SECRET)
        assert "asks for a user name" in sentence
        assert all("Authorization" not in headers for _, headers in other.asked)


def test_a_redirect_within_the_host_logs_in_there(stack: ExitStack) -> None:
    def script(_now: int, path: str) -> Given:
        if path == "/still.jpg":
            return Given(status=301, headers={"Location": "/new.jpg?a=1"})
        if watched.server.asked[-1][1].get("Authorization") != basic("li", SECRET):
            return Given(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})
        return Given(jpeg_of(picture()), kind="image/jpeg")

    watched = Watched(stack, script, username="li", password=SECRET)
    watched.ask()
    assert watched.camera.state.open
    assert [path for path, _ in watched.server.asked] == ["/still.jpg", "/new.jpg?a=1", "/new.jpg?a=1"]


def test_the_same_picture_vouches_for_nothing_whoever_says_that_it_is_the_same(stack: ExitStack) -> None:
    given = Given(png_of(picture(1)), etag='"one"')
    current = [given]
    watched = Watched(stack, lambda _now, _path: current[0])
    watched.ask()
    assert watched.taken_s() == 0.0
    watched.minute()
    assert watched.server.asked[-1][1]["If-None-Match"] == '"one"'
    assert watched.taken_s() is None  # 304
    current[0] = replace(given, etag="")
    watched.minute()
    assert watched.taken_s() is None  # the same bytes
    assert watched.camera.state.reason == ""
    watched.minute()
    assert watched.camera.state.reason == f"camera {watched.server.url} gives the same picture for the 4th time"
    assert watched.camera.state.open
    current[0] = Given(png_of(picture(2)))
    watched.minute()
    assert watched.taken_s() == 240.0
    assert watched.camera.state.reason == ""


def test_a_late_picture_is_of_when_it_was_made_and_a_stale_one_is_none(stack: ExitStack) -> None:
    made = {"s": -50}
    watched = Watched(stack, lambda _now, _path: Given(png_of(picture(made["s"])), made_ms=NOW_MS + 1000 * made["s"]))
    watched.ask()
    assert watched.taken_s() == -50.0
    made["s"] = 10
    watched.minute()
    assert watched.taken_s() == 10.0
    made["s"] = -300  # a cache that hands out an old one
    watched.minute()
    assert watched.taken_s() is None
    assert watched.camera.state.dropped == 1
    assert watched.camera.state.reason.endswith("gives a picture that is 7 min old")
    made["s"] = 150
    watched.minute()
    assert watched.taken_s() == 150.0


def test_a_last_modified_that_stays_while_pictures_change_is_not_believed(stack: ExitStack) -> None:
    numbers = iter(range(9))
    watched = Watched(stack, lambda _now, _path: Given(png_of(picture(next(numbers))), made_ms=NOW_MS - 86_400_000))
    watched.ask()
    assert watched.taken_s() is None
    watched.minute()
    assert watched.taken_s() == 60.0


def test_a_server_that_is_not_well_is_left_alone_for_longer_and_no_longer_than_five_minutes(stack: ExitStack) -> None:
    given = Given(status=500)
    current = [given]
    watched = Watched(stack, lambda _now, _path: current[0])
    waits = []
    for _ in range(5):
        waits.append(round(watched.ask()))
        watched.clock.monotonic += round(1000 * waits[-1])
    assert waits == [60, 120, 240, 300, 300]
    current[0] = Given(status=503, headers={"Retry-After": "900"})
    assert round(watched.ask()) == 900
    watched.clock.monotonic += 900_000
    current[0] = Given(png_of(picture()))
    assert round(watched.ask()) == 60
    assert watched.camera.state.open


def test_its_own_thread_fetches(stack: ExitStack) -> None:
    watched = Watched(stack, lambda _now, _path: Given(png_of(picture())))
    with watched.camera as camera:
        frame = camera.take(5.0)
    assert frame is not None
    assert frame.image.shape == (48, 64, 3)


def test_validators_are_of_the_last_picture() -> None:
    with serving(lambda now, _path: Given(png_of(picture()), etag='"a"', made_ms=NOW_MS)) as server:
        server.now_ms = NOW_MS + 30_000
        first = fetch(Address(server.url))
        assert (first.age_s, first.kind) == (30.0, "image/png")
        again = fetch(Address(server.url), Validators('"a"', first.validators.last_modified))
    assert again.body is None
