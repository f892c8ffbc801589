"""The channels of notifications: MQTT, and everything that Apprise supports (webhooks, e-mail and many others).

The URLs of Apprise contain secrets, so they are in a file of their own, and neither they nor the log messages of
Apprise appear in our log: a channel is identified by its name in that file.
"""

import logging
import re
import tempfile
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from pathlib import Path
from typing import Any, Protocol

import msgspec

from collector.alerts.alert import Alert
from collector.alerts.site_alert import Event, ReportSpan, SiteAlert, encode_site_alert, site_alert_topic
from edge.errors import InputError
from edge.wire.names import NAME, NAME_RULE
from edge.wire.times import rfc3339
from edge.wire.topics import ROOT

_LOG = logging.getLogger(__name__)
MQTT = "mqtt"
BROKER_WAIT_S = 15.0
CHANNELS_MAX = 32
URLS_BYTES_MAX = 65_536
_LINE = re.compile(rf"({NAME})\s*=\s*(\S+)")


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """A message about a site. `alert` is None for a digest; `id` is the same if it comes twice."""

    id: str
    site: str
    event: Event
    text: str
    at_ms: int
    """When it was written."""
    alert: Alert | None = None
    jpeg: bytes | None = None

    @property
    def title(self) -> str:
        """A few words for a subject line."""
        if self.alert is None:
            return f"{self.site}: more alerts"
        over = " is over" if self.event == "closed" else ""
        return f"{self.site}: {self.alert.kind} {self._what()}".rstrip() + over

    @property
    def body(self) -> str:
        """The sentence, the number of the alert, and the time zone of its times."""
        if self.alert is None:
            return self.text
        kept = ", with a picture" if self.alert.has_picture else ""
        return f"{self.text}\n\nAlert {self.alert.id}{kept}. Times are those of {self.alert.time_zone}."

    def _what(self) -> str:
        assert self.alert is not None, "there is one"
        subject = self.alert.subject
        return " ".join(word for word in (subject.label, subject.direction, subject.zone, subject.device) if word)


class Channel(Protocol):
    """Used by one thread only."""

    name: str

    def send(self, message: Notification) -> str:
        """Send it, within some seconds; returns an empty text if it was accepted, else why not, without secrets."""


class MqttChannel:
    """On `<root>/v1/<site>/alert`, QoS 1, not retained."""

    name = MQTT

    def __init__(self, publish: Callable[[str, bytes], "Future[str]"], *, root: str = ROOT) -> None:
        self._publish = publish
        self._root = root

    def send(self, message: Notification) -> str:
        """Publish through the subscriber's connection: some brokers allow one connection per user."""
        topic = site_alert_topic(message.site, root=self._root)
        published = self._publish(topic, encode_site_alert(site_alert_of(message)))
        try:
            return published.result(BROKER_WAIT_S)
        except Late:
            published.cancel()
            return f"the broker gave no answer within {BROKER_WAIT_S:g} s"


class AppriseChannel:
    """One URL of the file."""

    def __init__(self, name: str, service: Any, *, pictures: bool) -> None:
        self.name = name
        self._service = service
        self._pictures = pictures

    def send(self, message: Notification) -> str:
        """Send title, text, and the picture if pictures may be sent."""
        kind = "success" if message.event == "closed" else "info" if message.alert is None else "warning"
        words = {"body": message.body, "title": message.title, "notify_type": kind}
        try:
            if message.jpeg is not None and self._pictures and message.event == "opened":
                with tempfile.TemporaryDirectory(prefix="crossing-alert-") as folder:
                    picture = Path(folder) / "picture.jpg"
                    picture.write_bytes(message.jpeg)
                    taken = self._service.notify(**words, attach=str(picture))
            else:
                taken = self._service.notify(**words)
        except Exception as error:  # the services of Apprise may raise anything
            return f"it failed with {type(error).__name__}"
        return "" if taken else "it was not taken"


def site_alert_of(message: Notification) -> SiteAlert:
    """The message on the wire: the sentence for people and its fields for programs, without the picture."""
    digest = SiteAlert(
        id=message.id, event=message.event, at=rfc3339(message.at_ms), site=message.site, text=message.text
    )
    if (alert := message.alert) is None:
        return digest
    subject = alert.subject
    return msgspec.structs.replace(
        digest,
        alert=alert.id,
        kind=alert.kind,
        device=subject.device,
        line=subject.line,
        direction=subject.direction,
        label=subject.label,
        zone=subject.zone,
        since=rfc3339(alert.at_ms),
        until=None if alert.until_ms is None else rfc3339(alert.until_ms),
        figures=alert.figures,
        evidence=[ReportSpan(device=one.device, run=one.run, first=one.first, last=one.last) for one in alert.evidence],
        picture=alert.has_picture,
    )


def read_urls(path: Path) -> dict[str, str]:
    """Read `name = URL` lines, `#` begins a comment. InputError names the line and never the URL."""
    try:
        if path.stat().st_size > URLS_BYTES_MAX:
            raise InputError(f"alerts.tell.urls_file {path} is larger than {URLS_BYTES_MAX} bytes")
        if path.stat().st_mode & 0o007:
            _LOG.warning("alerts.tell.urls_file %s holds secrets, and everybody may read it: chmod o= it", path)
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"alerts.tell.urls_file {path} cannot be read: {error}") from error
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        parts = _LINE.fullmatch(text)
        where = f"alerts.tell.urls_file {path}, line {number}"
        if parts is None:
            raise InputError(f"{where}: it must be `name = URL`, where a name has {NAME_RULE}")
        if parts[1] in found or parts[1] == MQTT:
            raise InputError(f"{where}: the name {parts[1]} is taken")
        found[parts[1]] = parts[2]
    if len(found) > CHANNELS_MAX:
        raise InputError(f"alerts.tell.urls_file {path} names {len(found)} channels, at most {CHANNELS_MAX}")
    return found


def apprise_channels(path: Path, *, pictures: bool) -> list[Channel]:
    """The channels of a file; for an empty file Apprise need not be installed.

    InputError if Apprise is needed and not installed, or does not know a URL.
    """
    urls = read_urls(path)
    if not urls:
        return []
    try:
        import apprise  # noqa: PLC0415  # an extra that few need
    except ModuleNotFoundError as error:
        needs = "alerts.tell.urls_file needs Apprise: pip install 'crossing-monitor[alerts]'"
        raise InputError(f"{needs} ({error})") from error
    apprise_log = logging.getLogger("apprise")
    apprise_log.addHandler(logging.NullHandler())
    apprise_log.propagate = False  # it logs addresses, and sometimes secrets
    found: list[Channel] = []
    for name, url in urls.items():
        service = apprise.Apprise()
        if not service.add(url):
            raise InputError(f"alerts.tell.urls_file {path}: the URL of {name} is none that Apprise knows")
        found.append(AppriseChannel(name, service, pictures=pictures))
    return found
