"""A camera that cannot be opened says why, with its port and without its password."""

import base64
import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from edge.errors import WorkError
from edge.vision.capture import Source, open_capture

SECRET = "my s3cr3t@/:1"
REALM, NONCE = "camera", "abc123"


@contextmanager
def camera(answer: Callable[[str, str], str]) -> Iterator[int]:
    """Its port; `answer` gives the status line and header lines for a request's verb and its Authorization."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _ = server.accept()
                    with client, client.makefile("r", newline="\r\n", encoding="latin-1") as lines:
                        asked = [line.rstrip() for line in iter(lines.readline, "\r\n") if line]
                        told = next((line[15:] for line in asked if line.startswith("Authorization: ")), "")
                        number = next((f"\r\n{line}" for line in asked if line.startswith("CSeq")), "")
                        client.sendall(f"{answer(asked[0], told)}{number}\r\n\r\n".encode())

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def reason_of(source: Source) -> str:
    with pytest.raises(WorkError) as caught:
        open_capture(source)
    return str(caught.value)


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def guarded(asked: str, told: str) -> str:
    """Digest for RTSP, Basic for HTTP; whoever is let in finds nothing."""
    verb, uri, language = asked.split()
    who, what = md5(f"viewer:{REALM}:{SECRET}"), md5(f"{verb}:{uri}")
    right = {
        "RTSP/1.0": f'response="{md5(who + ":" + NONCE + ":" + what)}"',
        "HTTP/1.1": base64.b64encode(f"viewer:{SECRET}".encode()).decode(),
    }[language.replace("HTTP/1.0", "HTTP/1.1")]
    if right in told:
        return f"{language} 404 Not Found"
    offer = f'Digest realm="{REALM}", nonce="{NONCE}"' if language == "RTSP/1.0" else f'Basic realm="{REALM}"'
    return f"{language} 401 Unauthorized\r\nWWW-Authenticate: {offer}"


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_the_password_and_the_path_are_told_apart(scheme: str, capfd: pytest.CaptureFixture[str]) -> None:
    with camera(guarded) as port:
        source = Source(f"{scheme}://127.0.0.1:{port}/live")
        name = f"camera {scheme}://127.0.0.1:{port}/live cannot be opened: 127.0.0.1:{port}"
        assert reason_of(source) == f"{name} wants a user name and a password (401 Unauthorized)"
        wrong = Source(source.address, username="viewer", password="other s3cr3t")
        assert reason_of(wrong) == f"{name} refuses the user name or the password (401 Unauthorized)"
        right = Source(source.address, username="viewer", password=SECRET)
        assert reason_of(right) == f"{name} answers, and has nothing at this path (404 Not Found)"
    assert "s3cr3t" not in "".join(capfd.readouterr())


def test_a_host_that_nobody_knows_is_told() -> None:
    assert reason_of(Source("rtsp://no-such-camera.invalid:8554/live")).startswith(
        "camera rtsp://no-such-camera.invalid:8554/live cannot be opened: no-such-camera.invalid has no address: "
    )


def test_an_answer_that_is_none_is_told() -> None:
    with camera(lambda *_: "SSH-2.0-OpenSSH_9.2") as port:
        assert reason_of(Source(f"rtsp://127.0.0.1:{port}/live")).endswith(
            f"127.0.0.1:{port} answers in no language that a camera speaks"
        )


def test_a_usb_camera_that_is_not_there_is_told_in_silence(capfd: pytest.CaptureFixture[str]) -> None:
    assert reason_of(Source("/dev/video99")).startswith("camera /dev/video99 cannot be opened: it is not there; ")
    assert capfd.readouterr() == ("", "")
