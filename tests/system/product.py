"""Our own commands with the configurations that make them users of a real broker."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from collector.cli import main
from tests.system.broker import Mosquitto

REPOSITORY = Path(__file__).parents[2]
TAPE = REPOSITORY / "tests" / "golden" / "convoy.tape"
EDGE = "import sys; from edge.cli import main; sys.exit(main(sys.argv[1:]))"
COLLECTOR = "import sys; from collector.cli import main; sys.exit(main(sys.argv[1:]))"


def edge_configuration(folder: Path, mosquitto: Mosquitto, user: str = "bridge/mast-1", **more: Any) -> Path:
    """`edge.yaml` of the device that `user` names."""
    site, device = user.split("/")
    lines = {"deck": {"from": [0.5, 0.2], "to": [0.5, 0.9], "a_to_b": "outbound", "b_to_a": "return"}}
    said = {"site": site, "device": device, "lines": lines, "report": {"every_s": 5}, "mqtt": mosquitto.mqtt(user)}
    return _written(folder / f"{device}.yaml", {**said, **more})


def collector_configuration(folder: Path, mosquitto: Mosquitto, user: str = "collector", **more: Any) -> Path:
    """`collector.yaml` with a SQLite store beside it."""
    return _written(folder / f"{user}.yaml", {"store": f"{user}.sqlite", "mqtt": mosquitto.mqtt(user), **more})


def crossing_edge(*words: str | Path) -> list[str]:
    """The command line of `crossing-edge`, for a process of its own."""
    return [sys.executable, "-c", EDGE, *map(str, words)]


@contextmanager
def collecting(configuration: Path) -> Iterator["subprocess.Popen[str]"]:
    """`crossing-collector run` in a process of its own, subscribed; killed at the end if it still runs."""
    command = [sys.executable, "-c", COLLECTOR, "run", "--config", str(configuration)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as child:
        try:
            said = wait_for(child, "subscribed at")
            assert "subscribed at" in said, said
            yield child
        finally:
            child.kill()


def wait_for(child: "subprocess.Popen[str]", words: str) -> str:
    """Read what the child says until it says `words` or ends."""
    assert child.stderr is not None
    said = ""
    while words not in said and (line := child.stderr.readline()):
        said += line
    return said


def collected(configuration: Path) -> dict[str, dict[str, int]]:
    """direction -> class -> vehicles, as `crossing-collector totals` answers."""
    with redirect_stdout(StringIO()) as answer:
        assert main(["totals", "--config", str(configuration), "--json"]) == 0
    return {total["direction"]: total["counts"] for total in json.loads(answer.getvalue())["totals"]}


def _written(path: Path, configuration: dict[str, Any]) -> Path:
    path.write_text(json.dumps(configuration), encoding="utf-8")  # JSON is YAML
    return path
