"""`crossing-edge status` of a real service, at a real broker: delivering, cut off, killed, started again."""

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main
from tests.bright_squares import write_model
from tests.ports import free_port
from tests.system import film
from tests.system.broker import Mosquitto, broker
from tests.system.product import REPOSITORY, crossing_edge, edge_configuration

DEADLINE_S = 90.0


@contextmanager
def service(configuration: Path, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with (
        log.open("ab") as said,
        subprocess.Popen(crossing_edge("run", "--config", configuration), stderr=said, env=environment) as child,
    ):
        try:
            yield child
        finally:
            child.kill()


def configured(tmp_path: Path, mosquitto: Mosquitto, **more: Any) -> Path:
    camera = {"url": str(film.write(tmp_path / "road.mp4")), "frames_per_second": film.RATE}
    model = {"name": str(write_model(tmp_path)), "threads": 1, "region": "picture"}
    return edge_configuration(tmp_path, mosquitto, camera=camera, model=model, **more)


class Asked:
    """The command, as somebody would type it."""

    def __init__(self, configuration: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._configuration = configuration
        self._capsys = capsys

    def status(self, *words: str) -> tuple[int, str]:
        self._capsys.readouterr()
        code = main(["status", "--config", str(self._configuration), *words])
        return code, self._capsys.readouterr().out

    def wait(self, until: Callable[[int, dict[str, Any]], bool]) -> dict[str, Any]:
        deadline_s = time.monotonic() + DEADLINE_S
        while True:
            code, text = self.status("--json")
            said: dict[str, Any] = json.loads(text)
            if until(code, said):
                return said
            assert time.monotonic() < deadline_s, said
            time.sleep(0.1)  # the service announces nothing


def test_the_status_of_a_service_over_its_life(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with broker(tmp_path, users=("bridge/mast-1",)) as mosquitto:
        port = free_port()
        configuration = configured(tmp_path, mosquitto, metrics_port=port)
        asked = Asked(configuration, capsys)
        assert asked.status() == (1, f"no service runs, state folder {tmp_path / 'state'}\n")

        log = tmp_path / "log"
        with service(configuration, log) as child:
            well = asked.wait(lambda code, said: code == 0 and said["broker"]["report_acknowledged_age_ms"] is not None)
            assert (well["running"], well["delivering"], well["process"]) == (True, True, child.pid)
            assert (well["broker"]["connected"], well["broker"]["cause"]) == (True, "")
            assert (well["camera"]["open"], well["camera"]["reason"]) == (True, "")
            assert well["camera"]["last_frame_age_ms"] < 60_000
            assert set(well["today"]["lines"]["deck"]) == {"outbound", "return"}
            code, text = asked.status()
            assert code == 0
            assert text.startswith("bridge/mast-1: running since 20")
            for words in ("deck outbound: ", "camera:         open, ", f"connected to localhost:{mosquitto.port}"):
                assert words in text

            mosquitto.kill()
            cut_off = asked.wait(lambda code, said: code == 1 and said["broker"]["cause"] == "unreachable")
            assert "cannot be reached: Connection refused" in cut_off["broker"]["reason"]
            asked.wait(lambda _, said: said["outbox"]["unsent"] > 0 and said["outbox"]["oldest"] is not None)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as page:
                metrics = page.read().decode()
            assert 'crossing_delivery_failure{cause="unreachable"} 1' in metrics
            assert 'crossing_delivery_failure{cause="credentials"} 0' in metrics
            assert "crossing_report_acknowledged_age_seconds" in metrics
            assert log.read_text("utf-8").count("cannot be reached: Connection refused") == 1

            child.send_signal(signal.SIGKILL)
            child.wait()
        assert (tmp_path / "state" / "status.sock").exists(), "a killed service cleans nothing up"
        assert asked.status()[0] == 1
        assert json.loads(asked.status("--json")[1])["running"] is False

        mosquitto.start()
        with service(configuration, log) as child:
            again = asked.wait(lambda code, _: code == 0)
            assert again["process"] == child.pid
            child.send_signal(signal.SIGTERM)
            assert child.wait(60) == 0
        assert not (tmp_path / "state" / "status.sock").exists()
        assert "Traceback" not in log.read_text("utf-8")
