"""A device and a collector of ours, with the credentials that the script made, through the broker that ships."""

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from edge.cli import main
from edge.wire.report import decode
from tests.system.broker import broker
from tests.system.peer import SUCCESS, peer
from tests.system.product import (
    TAPE,
    collected,
    collecting,
    collector_configuration,
    crossing_edge,
    edge_configuration,
    wait_for,
)


def test_what_a_device_counts_is_what_the_collector_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with broker(tmp_path) as mosquitto:
        edge, centre = edge_configuration(tmp_path, mosquitto), collector_configuration(tmp_path, mosquitto)
        with collecting(centre) as child, peer(mosquitto, "telegraf") as reader:
            assert reader.accepted == SUCCESS
            reader.subscribe("crossing/v1/bridge/mast-1/#")
            assert main(["replay", str(TAPE), "--config", str(edge), "--publish", "--json"]) == 0
            counted = json.loads(capsys.readouterr().out)
            heard: dict[str, bytes] = {}
            while json.loads(heard.get("status", b"{}")).get("state") != "offline":
                topic, payload = reader.hears()
                heard[topic.rsplit("/", 1)[-1]] = payload
            assert decode(heard["report"]).site == "bridge"
            wait_until_collected(centre, len(counted["crossings"]))
            child.send_signal(signal.SIGTERM)
            assert "stopped: " in wait_for(child, "stopped: ")


def test_certificates_do_instead_of_passwords(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with broker(tmp_path, certificates=True) as mosquitto:
        edge, centre = edge_configuration(tmp_path, mosquitto), collector_configuration(tmp_path, mosquitto)
        with collecting(centre):
            assert main(["replay", str(TAPE), "--config", str(edge), "--publish", "--json"]) == 0
            wait_until_collected(centre, len(json.loads(capsys.readouterr().out)["crossings"]))


def test_a_device_with_anothers_credentials_is_told_so_and_sends_nothing(tmp_path: Path) -> None:
    with broker(tmp_path) as mosquitto:
        edge = edge_configuration(tmp_path, mosquitto, "bridge/mast-1")
        stolen = edge_configuration(tmp_path, mosquitto, "bridge/mast-2")
        words = json.loads(edge.read_text()) | {"mqtt": mosquitto.mqtt("bridge/mast-2")}
        stolen.write_text(json.dumps(words))
        command = crossing_edge("replay", TAPE, "--config", stolen, "--publish")
        said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert said.returncode == 1
        assert "of bridge/mast-1: Not authorized" in said.stderr


def wait_until_collected(centre: Path, crossings: int, *, deadline_s: float = 60.0) -> None:
    assert crossings > 0
    deadline = time.monotonic() + deadline_s
    while (have := sum(sum(classes.values()) for classes in collected(centre).values())) != crossings:
        assert time.monotonic() < deadline, f"the collector has {have} of {crossings} crossings"
        time.sleep(0.05)  # nothing announces that it is stored
