"""`check --try` opens camera and broker and says what it found; the password is said nowhere."""

import json
import socket
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from collector.mqtt.demo_broker import demo_broker
from edge.cli import main
from tests.guarded_camera import guarded_camera

LINES = "lines: {deck: {from: [0.2, 0.5], to: [0.8, 0.5]}}\n"
SECRET = "my s3cr3t"


def tried(path: Path, text: str, capfd: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    path.write_text(LINES + text, encoding="utf-8")
    code = main(["check", "--try", "--json", str(path)])
    out, err = capfd.readouterr()
    assert "s3cr3t" not in out + err
    return code, json.loads(out)["tried"]


def test_what_works_is_told_with_what_was_found(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _, picture = cv2.imencode(".jpg", np.full((36, 64, 3), 90, np.uint8))
    camera = guarded_camera(0, picture.tobytes(), str)
    threading.Thread(target=camera.serve_forever, daemon=True).start()
    (tmp_path / "password").write_text(SECRET)
    try:
        with demo_broker(users={"mast-1": SECRET}) as port:
            code, found = tried(
                tmp_path / "edge.yaml",
                f"camera: {{url: 'http://127.0.0.1:{camera.server_address[1]}/live', username: viewer,"
                f" password_file: {tmp_path / 'password'}}}\n"
                f"mqtt: {{host: 127.0.0.1, port: {port}, tls: false, username: mast-1,"
                f" password_file: {tmp_path / 'password'}}}\n",
                capfd,
            )
    finally:
        camera.shutdown()
        camera.server_close()
    assert code == 0, found
    assert (found["camera"]["works"], found["camera"]["width"], found["camera"]["height"]) == (True, 64, 36)
    assert found["camera"]["said"].startswith("64 x 36 pixels, the first after ")
    assert found["broker"] == {"works": True, "said": f"broker 127.0.0.1:{port} lets the device in"}


def test_what_does_not_work_is_told_with_its_reason_and_exit_code_1(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as closed:  # bound, and nobody listens
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        code, found = tried(
            tmp_path / "edge.yaml",
            f"camera: {{url: 'rtsp://viewer:{SECRET}@127.0.0.1:{port}/live', open_timeout_s: 1, stall_s: 1}}\n"
            f"mqtt: {{host: 127.0.0.1, port: {port}, tls: false}}\n",
            capfd,
        )
    assert code == 1
    assert found["camera"]["said"] == (
        f"camera rtsp://127.0.0.1:{port}/live cannot be opened: 127.0.0.1:{port} refuses the connection: "
        "nothing listens there; is the port right, and the camera on?"
    )
    assert found["broker"] == {
        "works": False,
        "said": f"broker 127.0.0.1:{port} cannot be reached: Connection refused",
        "cause": "unreachable",
    }


def test_a_password_that_the_broker_refuses_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "password").write_text(f"other {SECRET}")
    with demo_broker(users={"mast-1": SECRET}) as port:
        mqtt = f"host: 127.0.0.1, port: {port}, tls: false, username: mast-1, password_file: {tmp_path}/password"
        code, found = tried(tmp_path / "edge.yaml", f"mqtt: {{{mqtt}}}", capfd)
    assert (code, found["broker"]["works"]) == (1, False)
    assert found["broker"]["cause"] in {"credentials", "rejected"}


def test_for_a_large_picture_a_second_stream_is_recommended(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    video = cv2.VideoWriter(str(tmp_path / "4k.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 25, (3840, 2160))
    for grey in (40, 80, 120):
        video.write(np.full((2160, 3840, 3), grey, np.uint8))
    video.release()
    _, found = tried(tmp_path / "edge.yaml", f"camera: {{url: {tmp_path / '4k.avi'}}}\n", capfd)
    assert found["camera"]["said"].startswith("3840 x 2160 pixels, ")
    assert "a second stream, some 640 to 1280 pixels wide" in found["camera"]["said"]
