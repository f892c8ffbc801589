"""`crossing-edge status`: how the running service is, and why nothing arrives."""

import json
import os
from pathlib import Path

import msgspec

from edge.config.loading import load_config
from edge.device.status import ServiceStatus, text_of
from edge.device.status_socket import ask
from edge.errors import InputError, WorkError

CONFIG = Path("/etc/crossing/edge.yaml")
"""Of the service that the unit runs."""
UNIT_STATE = Path("/var/lib/crossing")


def run_status(path: Path | None, *, as_json: bool) -> int:
    """Print it; 0 where the service runs and delivers, 1 otherwise. InputError where the configuration is wrong."""
    path = path or CONFIG
    folder = _state_of(path)
    try:
        answer = ask(folder)
    except PermissionError as error:
        raise InputError(f"{folder} is for the user of the service and for root: ask with sudo") from error
    if not answer:
        starts = "the service is starting" if answer is not None else "no service runs"
        sentence = f"{starts}, state folder {folder}"
        print(json.dumps({"running": False, "delivering": False, "reason": sentence}) if as_json else sentence)
        return 1
    try:
        status = msgspec.json.decode(answer, type=ServiceStatus)
    except msgspec.DecodeError as error:
        raise WorkError(f"the service with the state folder {folder} is of another version: {error}") from error
    if as_json:
        fields = msgspec.to_builtins(status) | {"running": True, "delivering": status.delivering}
        print(json.dumps(fields, sort_keys=True))
    else:
        print(text_of(status))
    return 0 if status.delivering else 1


def _state_of(path: Path) -> Path:
    """The folder that `run` uses with this configuration; the unit, not the configuration, names its own."""
    config = load_config(path)
    if config.state:
        return Path(config.state)
    if systemd := os.environ.get("STATE_DIRECTORY", "").split(":")[0]:
        return Path(systemd)
    return UNIT_STATE if path.absolute() == CONFIG else path.absolute().parent / "state"
