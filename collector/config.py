"""The collector's configuration: YAML into frozen structs, or InputError with one sentence."""

from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from collector.alerts.settings import AlertSettings, Rules
from collector.domain.limits import Limits
from collector.domain.sites import Site, fault_of
from collector.protocol.intake import LIVE, SUBSCRIBED_CHANNELS
from collector.store.interface import Retention
from collector.store.opening import POSTGRES
from edge.errors import InputError
from edge.typed_yaml import Host, WrongError, convert, read_yaml
from edge.wire.names import SCHEMA, Name
from edge.wire.topics import ROOT

Port = Annotated[int, msgspec.Meta(ge=1, le=65_535)]
Text = Annotated[str, msgspec.Meta(min_length=1)]
CLIENT_ID = "crossing-collector"

_Struct = TypeVar("_Struct", bound=msgspec.Struct)


class Mqtt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The broker and the credentials. TLS is on, and verified, unless it is turned off."""

    host: Host
    port: Port = 8883
    tls: bool = True
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    username: str = ""
    password_file: Path | None = None
    root: Name = ROOT
    client_id: Name = CLIENT_ID
    """The broker keeps unacknowledged messages under this name: it must be unique and not change."""
    session_hours: Annotated[int, msgspec.Meta(ge=1, le=8_760)] = 168
    """How long the broker keeps the session while the collector is not connected."""
    share: Name | None = None
    """Collectors that name the same share divide the reports among them; they need one common store."""

    live: bool = False
    """Subscribe to open buckets as well, every few seconds from each device; `http` turns it on."""

    @property
    def filters(self) -> list[str]:
        """The topic filters. Only reports are shared: every collector needs the responses to its own commands."""
        heard = (*SUBSCRIBED_CHANNELS, LIVE) if self.live else SUBSCRIBED_CHANNELS
        return [self.filter_of(channel, shared=self.share is not None and channel == "report") for channel in heard]

    def filter_of(self, channel: str, *, shared: bool) -> str:
        """The filter for one channel of all devices."""
        return (f"$share/{self.share}/" if shared else "") + f"{self.root}/v{SCHEMA}/+/+/{channel}"

    def __str__(self) -> str:
        return f"broker {self.host}:{self.port}"


class Http(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The dashboard and the API: by default for this computer only, and with a token."""

    host: Host = "127.0.0.1"
    """The address to listen at; use anything but loopback only in a trusted network, or with a certificate."""
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 8080
    """0 takes a free one, which the log names."""
    tokens_file: Path = Path("tokens.json")
    """Made by `crossing-collector token`; contains hashes of tokens only."""
    public: bool = False
    """Counts and coverage, and nothing else, can be read without a token."""
    address: Annotated[str, msgspec.Meta(pattern=r"^(https?://[^\s?#]+)?$(?!\n)")] = ""
    """The address behind a proxy, such as https://counts.example/crossing/."""
    names: list[Host] = []
    """Further host names, such as that of a proxy; addresses and localhost are always allowed."""
    certificate_file: Path | None = None
    key_file: Path | None = None
    behind_tls: bool = False
    """A proxy in front uses TLS: cookies are for https only."""
    requests_per_minute: Annotated[int, msgspec.Meta(ge=10, le=1_000_000)] = 1_200
    """Of one token, or of one address without a token."""
    question_s_max: Annotated[float, msgspec.Meta(gt=0, le=600)] = 10.0
    """For one query of the store."""
    workers: Annotated[int, msgspec.Meta(ge=1, le=64)] = 4
    """Queries at a time."""
    connections_max: Annotated[int, msgspec.Meta(ge=10, le=10_000)] = 400
    """Open at a time, and half as many from one address unless `behind_tls`; fewer where the system allows fewer."""
    watchers_max: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 200
    """Pages that get live updates at a time."""


class Configuration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of `collector.yaml`."""

    store: Text
    """A SQLite file (a path that is not absolute starts at the folder of the configuration), or postgresql://..."""
    store_password_file: Path | None = None
    """Of PostgreSQL; a PGPASSFILE does as well."""
    mqtt: Mqtt
    batch_max: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 500
    """Reports in one transaction, and unacknowledged at a time."""
    refusals_max: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1_000
    pack_after_days: Annotated[int, msgspec.Meta(ge=1, le=3_650)] = 3
    """Whole UTC days after which the messages of a day are packed: the same bytes, in a fortieth of the space."""
    messages_days: Annotated[int, msgspec.Meta(ge=1, le=36_500)] | None = None
    """Days after which messages are deleted, and the numbers stay; None: never."""
    limits: Limits = Limits()
    """Bounds of what each device may add."""
    http: Http | None = None
    """None: no API and no pages."""
    sites: dict[Name, Site] = {}
    """What queries need to know of a site and devices do not report."""
    alerts: AlertSettings = AlertSettings()
    """Rules and notifications."""

    @property
    def retention(self) -> Retention:
        """How long messages are kept."""
        return Retention(self.pack_after_days, self.messages_days)

    @property
    def time_zones(self) -> dict[str, str]:
        """The configured time zones, by site."""
        return {name: site.time_zone for name, site in self.sites.items() if site.time_zone is not None}


def load(path: Path) -> Configuration:
    """Read and check a configuration; InputError names the key, the value and what is allowed."""
    try:
        raw = read_yaml(path.read_text(encoding="utf-8"), f"configuration {path}")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"configuration {path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    except WrongError as error:
        raise InputError(str(error)) from error
    if not isinstance(raw, dict):
        raise InputError(f"configuration {path} must hold keys and values, beginning with `store` and `mqtt`")
    _inherit_rules(raw)
    try:
        configuration = convert(raw, Configuration, dec_hook=_path)
    except WrongError as error:
        raise InputError(f"configuration {path}: {error}") from error
    if "://" in configuration.store and not POSTGRES.match(configuration.store):
        kind = configuration.store.partition("://")[0]
        raise InputError(f"configuration {path}: store is {kind}://...; allowed are a file and postgresql://...")
    _check_share(configuration, path)
    if configuration.messages_days is not None and configuration.messages_days <= configuration.pack_after_days:
        raise InputError(f"configuration {path}: `messages_days` must be more than `pack_after_days`, or null")
    for name, site in configuration.sites.items():
        if fault := fault_of(site):
            raise InputError(f"configuration {path}: sites.{name}: {fault}")
    folder = path.absolute().parent
    mqtt = _beside(folder, configuration.mqtt, "ca_file", "certificate_file", "key_file", "password_file")
    configuration = _beside(folder, configuration, "store_password_file")
    if configuration.http is not None:
        http = _beside(folder, configuration.http, "tokens_file", "certificate_file", "key_file")
        configuration = msgspec.structs.replace(configuration, http=http)
        mqtt = msgspec.structs.replace(mqtt, live=True)
    tell = _beside(folder, configuration.alerts.tell, "urls_file")
    configuration = msgspec.structs.replace(
        configuration, alerts=msgspec.structs.replace(configuration.alerts, tell=tell)
    )
    if not POSTGRES.match(configuration.store):
        configuration = msgspec.structs.replace(configuration, store=str(folder / configuration.store))
    return msgspec.structs.replace(configuration, mqtt=mqtt)


def _inherit_rules(raw: dict[Any, Any]) -> None:
    """Complete the rules of each site under `alerts.sites` by those under `alerts`."""
    alerts = raw.get("alerts")
    if not isinstance(alerts, dict) or not isinstance(alerts.get("sites"), dict):
        return
    names = {field.name for field in msgspec.structs.fields(Rules)}
    general = {key: value for key, value in alerts.items() if key in names}
    for name, own in alerts["sites"].items():
        if isinstance(own, dict):
            alerts["sites"][name] = general | {
                key: general[key] | value if isinstance(value, dict) and isinstance(general.get(key), dict) else value
                for key, value in own.items()
            }


def _check_share(configuration: Configuration, path: Path) -> None:
    if configuration.mqtt.share is None:
        return
    if not POSTGRES.match(configuration.store):
        raise InputError(
            f"configuration {path}: `mqtt.share` needs one common `store`, postgresql://...;"
            " with a file each collector would hold a part of the reports only"
        )
    if configuration.mqtt.client_id == CLIENT_ID:
        raise InputError(f"configuration {path}: `mqtt.share` needs a `mqtt.client_id` of this collector alone")


def _beside(folder: Path, struct: _Struct, *names: str) -> _Struct:
    """Resolve the file names in a struct, relative to the folder of the configuration."""
    files = {name: folder / file for name in names if (file := getattr(struct, name)) is not None}
    return msgspec.structs.replace(struct, **files)


def _path(kind: type, value: object) -> Path:
    assert kind is Path, "no other type of ours needs a hook"
    if not isinstance(value, str) or not value:
        raise ValueError("Expected the path of a file")
    return Path(value)
