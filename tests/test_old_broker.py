"""A broker without MQTT 5 is told in one sentence, by the device and by the collector."""

import subprocess
import sys
from pathlib import Path

import pytest

from edge.cli import main
from tests.old_broker import old_broker
from tests.system.product import COLLECTOR, REPOSITORY

TAPE = REPOSITORY / "tests" / "golden" / "convoy.tape"
REFUSED = "it does not speak MQTT 5 (3.1.1 only?), which is needed"
CLOSED = (
    "closed the connection without an answer: does it speak MQTT 5 (3.1.1 is not enough),"
    " and are the user name and the password right?"
)


@pytest.mark.parametrize(("answers", "sentence"), [(True, REFUSED), (False, CLOSED)])
def test_a_replay_tells_that_the_broker_has_no_mqtt_5(
    answers: bool, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with old_broker(answers=answers) as port:
        where = f"127.0.0.1:{port}"
        assert main(["replay", str(TAPE), "--line", "0.5,0.2,0.5,0.9", "--publish", "--broker", where]) == 1
    said = capsys.readouterr().err
    assert f"crossing-edge: broker {where} " in said
    assert said.endswith(f"{sentence}\n")


@pytest.mark.parametrize(("answers", "sentence"), [(True, REFUSED), (False, CLOSED)])
def test_the_collector_tells_that_the_broker_has_no_mqtt_5(answers: bool, sentence: str, tmp_path: Path) -> None:
    with old_broker(answers=answers) as port:
        configuration = tmp_path / "collector.yaml"
        configuration.write_text(f"store: store.sqlite\nmqtt: {{host: 127.0.0.1, port: {port}, tls: false}}\n")
        command = [sys.executable, "-c", COLLECTOR, "run", "--config", str(configuration)]
        ended = subprocess.run(command, check=False, capture_output=True, text=True, cwd=REPOSITORY, timeout=60)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"crossing-collector: broker 127.0.0.1:{port} ")
    assert ended.stderr.endswith(f"{sentence}\n")
    assert ended.stderr.count("\n") == 1
