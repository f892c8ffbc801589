"""The camera's password comes from a file or a credential, reaches the camera, and is said nowhere."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.build.live import open_camera
from edge.cli import main
from edge.clock import SystemClock
from edge.config.advice import warnings_of
from edge.config.loading import load_config, parse_config
from edge.config.schema import Camera, Config
from edge.errors import InputError
from edge.redaction import masked
from edge.vision.capture import Source
from tests.guarded_camera import guarded_camera

SECRET = "p@ss/w:rd 1"  # all that an address cannot hold as it is
LINES = {"deck": {"from": [0.2, 0.5], "to": [0.8, 0.5]}}


@contextmanager
def serving() -> Iterator[tuple[int, list[str]]]:
    """A guarded camera: its port, and what it was told."""
    told: list[str] = []
    _, picture = cv2.imencode(".jpg", np.full((36, 64, 3), 90, np.uint8))
    server = guarded_camera(0, picture.tobytes(), told.append)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1], told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("way", ["password_file", "password_credential"])
def test_it_reaches_the_camera_and_no_log(
    tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    (tmp_path / "camera-password").write_text(f"{SECRET}\n", encoding="utf-8")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    value = {"password_file": str(tmp_path / "camera-password"), "password_credential": "camera-password"}[way]
    with serving() as (port, told):
        raw = {"url": f"http://127.0.0.1:{port}/live", "username": "viewer", way: value}
        config = parse_config({"camera": raw, "lines": LINES})
        assert config.camera is not None
        camera, _ = open_camera(config.camera, SystemClock())
        with camera:
            frame = camera.take(20)
        assert frame is not None
        assert frame.image.shape == (36, 64, 3)
    sent = base64.b64encode(f"viewer:{SECRET}".encode()).decode()
    assert told[-1] == f"Basic {sent}"
    assert SECRET not in caplog.text + repr(camera.state) + repr(config)


def test_a_credential_that_is_not_handed_out_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    camera = Camera(url="rtsp://192.0.2.7/stream2", username="viewer", password_credential="camera-password")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(InputError, match=r"camera\.password_credential camera-password: .*LoadCredential="):
        open_camera(camera, SystemClock())
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(InputError, match=r"the password in .*camera-password cannot be read: .*No such file"):
        open_camera(camera, SystemClock())


def test_an_empty_one_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "camera-password").touch()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    camera = Camera(url="rtsp://192.0.2.7/stream2", username="viewer", password_credential="camera-password")
    open_camera(camera, SystemClock())
    assert "camera-password is empty" in caplog.text


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"password_file": "x"}, "camera has a password and no username; say whose it is"),
        ({"password_credential": "camera-password"}, "camera has a password and no username; say whose it is"),
        (
            {"username": "viewer", "password_file": "x", "password_credential": "y"},
            "camera has a password_file and a password_credential; one of them is allowed",
        ),
        (
            {"username": "viewer", "password_credential": "../shadow"},
            "camera.password_credential is '../shadow'; allowed are 1 to 64 characters of a-z, 0-9 and -",
        ),
    ],
)
def test_one_that_would_be_passed_over_is_refused(keys: dict[str, str], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_config({"camera": {"url": "rtsp://192.0.2.7/stream2", **keys}, "lines": LINES})
    assert str(caught.value) == sentence


ADDRESSES = [
    ("rtsp://viewer:s3cr3t@192.0.2.7:554/stream2", "rtsp://viewer:***@192.0.2.7:554/stream2"),
    ("rtsp://viewer:s3cr3t@x/s3cr3t@192.0.2.7/stream2", "rtsp://viewer:***@192.0.2.7/stream2"),
    ("http://192.0.2.7/live?user=me&password=s3cr3t&channel=1", "http://192.0.2.7/live?user=me&password=***&channel=1"),
    ("http://192.0.2.7/live?user=me&PWD=s3cr3t", "http://192.0.2.7/live?user=me&PWD=***"),
    (
        "rtsp://192.0.2.7/user=me_password=s3cr3t_s3cr3t_channel=1_stream=1.sdp",
        "rtsp://192.0.2.7/user=me_password=***_channel=1_stream=1.sdp",
    ),
    ("http://192.0.2.7/live?api_key=s3cr3t", "http://192.0.2.7/live?api_key=***"),
]


@pytest.mark.parametrize(("address", "shown"), ADDRESSES)
def test_in_an_address_it_is_masked_warned_of_and_not_in_its_name(address: str, shown: str) -> None:
    assert masked(address) == shown
    config = parse_config({"camera": {"url": address}, "lines": LINES})
    assert any("camera.url holds a password" in warning for warning in warnings_of(config))
    assert "s3cr3t" not in Source(address).name + "".join(warnings_of(config))


@pytest.mark.parametrize(
    "address",
    [
        "rtsp://192.0.2.7:554/stream2",
        "rtsp://viewer@192.0.2.7/stream2",
        "/dev/video0",
        "http://x/live?channel=1",
        "csi:0",
    ],
)
def test_an_address_without_one_is_shown_whole(address: str) -> None:
    assert masked(address) == address


def checked(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = main(["check", *arguments])
    out, err = capfd.readouterr()
    return code, out + err


def test_check_says_no_password(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "edge.yaml"
    lines = "lines: {deck: {from: [0.2, 0.5], to: [0.8, 0.5]}}\n"
    path.write_text(f"camera: {{url: 'rtsp://viewer:s3cr3t@192.0.2.7/stream2'}}\n{lines}", encoding="utf-8")
    code, said = checked(capfd, str(path))
    assert (code, "rtsp://viewer:***@192.0.2.7/stream2" in said, "s3cr3t" in said) == (0, True, False)
    code, said = checked(capfd, "--json", str(path))
    assert (code, "s3cr3t" in said) == (0, False)
    assert isinstance(load_config(path), Config)
    for wrong in (
        "camera: 'rtsp://viewer:s3cr3t@192.0.2.7/stream2'\n",
        "camera: {url: ['rtsp://viewer:s3cr3t@192.0.2.7/stream2']}\n",
        "camera: {url: rtsp://viewer:s3cr3t@192.0.2.7/a: b: c}\n",
        "camera:\n  url: rtsp://viewer:s3cr3t@192.0.2.7/a: b\n",
    ):
        path.write_text(wrong + lines, encoding="utf-8")
        code, said = checked(capfd, str(path))
        assert (code, "s3cr3t" in said) == (2, False), said


def test_check_names_a_password_file_that_is_missing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "edge.yaml"
    camera = {"url": "rtsp://192.0.2.7/stream2", "username": "viewer", "password_file": str(tmp_path / "none")}
    path.write_text(json.dumps({"camera": camera, "lines": LINES}), encoding="utf-8")
    code, said = checked(capfd, str(path))
    assert code == 2
    assert f"camera.password_file is '{tmp_path / 'none'}'; a file that exists is allowed" in said
