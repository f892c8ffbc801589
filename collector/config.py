"""The collector's configuration: YAML into frozen structs, or one sentence that says what is wrong."""

import difflib
from pathlib import Path
from typing import Annotated, Any

import msgspec
import yaml

from collector.errors import InputError
from edge.delivery.report import ROOT, Name

Port = Annotated[int, msgspec.Meta(ge=1, le=65_535)]
Text = Annotated[str, msgspec.Meta(min_length=1)]


class Mqtt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the broker is and how to be let in. TLS is on, and verified, unless it is turned off."""

    host: Text
    port: Port = 8883
    tls: bool = True
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    username: str = ""
    password_file: Path | None = None
    root: Name = ROOT
    client_id: Name = "crossing-collector"
    """The broker keeps what is unacknowledged under this name: never change it, share it with nobody."""
    session_hours: Annotated[int, msgspec.Meta(ge=1, le=8_760)] = 168
    """How long the broker is asked to keep it while the collector is away."""

    def __str__(self) -> str:
        return f"broker {self.host}:{self.port}"


class Configuration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of `collector.yaml`."""

    store: Path
    """The SQLite file; a path that is not absolute starts at the folder of the configuration."""
    mqtt: Mqtt
    batch_max: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 500
    """Reports in one transaction, and unacknowledged at a time."""
    refusals_max: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1_000


def load(path: Path) -> Configuration:
    """Read and check a configuration; InputError with the key, the value's fault and what is allowed."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"configuration {path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise InputError(f"configuration {path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(raw, dict):
        raise InputError(f"configuration {path} must hold keys and values, beginning with `store` and `mqtt`")
    _check_keys(raw, Configuration, path, "")
    try:
        configuration = msgspec.convert(raw, Configuration, dec_hook=_path)
    except msgspec.ValidationError as error:
        raise InputError(f"configuration {path}: {str(error).replace('$.', '')}") from error
    folder = path.absolute().parent
    mqtt = configuration.mqtt
    files = {
        name: folder / file
        for name in ("ca_file", "certificate_file", "key_file", "password_file")
        if (file := getattr(mqtt, name)) is not None
    }
    mqtt = msgspec.structs.replace(mqtt, **files)
    return msgspec.structs.replace(configuration, store=folder / configuration.store, mqtt=mqtt)


def _path(kind: type, value: object) -> Path:
    assert kind is Path, "no other type of ours needs a hook"
    if not isinstance(value, str) or not value:
        raise ValueError("Expected the path of a file")
    return Path(value)


def _check_keys(raw: dict[Any, Any], struct: type[msgspec.Struct], path: Path, parent: str) -> None:
    fields = {field.name: field.type for field in msgspec.structs.fields(struct)}
    for key, value in raw.items():
        if key not in fields:
            near = difflib.get_close_matches(str(key), fields, n=1, cutoff=0.0)[0]
            raise InputError(f"configuration {path}: there is no key `{parent}{key}`; did you mean `{parent}{near}`?")
        nested = fields[key]
        if isinstance(value, dict) and isinstance(nested, type) and issubclass(nested, msgspec.Struct):
            _check_keys(value, nested, path, f"{parent}{key}.")
