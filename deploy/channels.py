"""The topics of the wire contract, with the struct that goes over each and an example of it."""

from dataclasses import dataclass
from typing import Any

import msgspec

from collector.alerts.site_alert import QOS, ReportSpan, SiteAlert, encode_site_alert, site_alert_topic
from edge.wire.commands import JournalCommand, PlainCommand, Resend, Response, StripCommand, Verdict, VerdictCommand
from edge.wire.device_messages import (
    Alert,
    Convoy,
    ConvoyGaps,
    DeviceHealth,
    Info,
    LineInfo,
    Live,
    Passage,
    Status,
    Total,
    encode_self,
)
from edge.wire.report import Expected, Health, Level, Report, Waits, ZoneReport, encode
from edge.wire.topics import topic_of


@dataclass(frozen=True, slots=True)
class Channel:
    """One topic, and the struct that is published on it."""

    name: str
    says: type[msgspec.Struct]
    what: str
    example: msgspec.Struct
    retained: bool = False
    heard: bool = False
    """The device subscribes to it; else it publishes on it."""
    service: bool = False
    """Only a live service uses it, and no replay."""
    of_site: bool = False
    """The collector publishes on it about a site; else it is a topic of a device."""
    qos: int = 1

    @property
    def key(self) -> str:
        """Its name in documents and of its schema file."""
        return self.name.replace("/", "-")

    @property
    def topic(self) -> str:
        """With {root}, {site} and {device} for what differs."""
        if self.of_site:
            return site_alert_topic("{site}", root="{root}")
        return topic_of("{site}", "{device}", self.name, root="{root}")


_COUNTS = {"deck": {"outbound": {"car": 3, "truck": 7}, "return": {"car": 1, "truck": 0}}}
_JOURNAL, _RUN = "a3f1c2", "replay-512313aeb77bc03a"
CHANNELS = (
    Channel(
        "status",
        Status,
        "Whether the device is there. Its last will says offline in its place.",
        Status(state="online", run=_RUN, since="2026-11-22T06:00:00Z"),
        retained=True,
    ),
    Channel(
        "info",
        Info,
        "What the device watches and which versions it runs; said on every connection.",
        Info(
            run=_RUN,
            journal=_JOURNAL,
            version="0.1.0",
            model="vehicle-nano 0.2 7a161eac4c91",
            naming="vehicle-names 0.4 497813dcb694",
            lines={"deck": LineInfo(a_to_b="outbound", b_to_a="return")},
            zones=["queue"],
            classes=["car", "truck"],
            bucket_ms=60_000,
            time_zone="Asia/Shanghai",
            commands=["resend", "verdict"],
            rare=["bus"],
        ),
        retained=True,
    ),
    Channel(
        "report",
        Report,
        "A closed bucket: everything countable. The same key is the same report, however often it comes.",
        Report(
            site="friendship-bridge",
            device="mast-1",
            run=_RUN,
            seq=1,
            journal=_JOURNAL,
            start="2026-11-22T06:00:00Z",
            width_ms=60_000,
            watched_ms=60_000,
            state="ok",
            lines=_COUNTS,
            zones={
                "queue": ZoneReport(
                    inside=Level(mean=7.52, max=9, end=8),
                    standing=Level(mean=5.1, max=7, end=6),
                    by_class={"car": 2, "truck": 6},
                    left=2,
                    waited=2,
                    wait_ms=Waits(p50=310_000, p90=342_000, max=342_000),
                    expected_ms=Expected(p10=600_000, p50=840_000, p90=1_260_000),
                )
            },
            health=Health(frames=600),
        ),
    ),
    Channel(
        "total",
        Total,
        "All that was counted since the device was installed; never falls, never a 0 that nobody counted.",
        Total(
            journal=_JOURNAL,
            sent_through=1,
            since="2026-11-22T06:00:00Z",
            as_of="2026-11-22T06:01:00Z",
            reports=1,
            watched_ms=60_000,
            dropped=0,
            lines=_COUNTS,
        ),
        retained=True,
    ),
    Channel(
        "crossing",
        Passage,
        "One vehicle over one line, where the configuration asks for it (report.crossings).",
        Passage(
            run=_RUN,
            at="2026-11-22T06:00:31.240Z",
            line="deck",
            direction="outbound",
            label="truck",
            share=0.91,
            along=0.42,
            track=17,
        ),
    ),
    Channel(
        "convoy",
        Convoy,
        "Vehicles of some classes over one line in one direction, one soon after the other; told once it is over.",
        Convoy(
            run=_RUN,
            number=1,
            since="2026-11-22T06:10:04.300Z",
            until="2026-11-22T06:12:31.800Z",
            line="deck",
            direction="outbound",
            vehicles=14,
            by_class={"truck": 14},
            gaps_ms=ConvoyGaps(min=5_200, p50=11_100, max=19_400),
            headway_ms=20_000,
        ),
    ),
    Channel(
        "live",
        Live,
        "The open bucket, a few seconds old: a look, and no count.",
        Live(
            run=_RUN,
            start="2026-11-22T06:01:00Z",
            width_ms=60_000,
            as_of="2026-11-22T06:01:25Z",
            watched_ms=25_000,
            lines=_COUNTS,
            in_view=4,
            standing={"queue": 6},
        ),
        service=True,
        qos=0,
    ),
    Channel(
        "alert",
        Alert,
        "News: a vehicle of a class that was not there for long, a camera that sees nothing or sees again.",
        Alert(
            run=_RUN,
            at="2026-11-22T06:00:31.240Z",
            kind="rare-class",
            reason="the first bus since 2022-10-30T08:12:00Z",
            line="deck",
            direction="outbound",
            label="bus",
            before="2022-10-30T08:12:00Z",
            share=0.998,
            false_per_year=0.6,
        ),
        service=True,
    ),
    Channel(
        "health",
        DeviceHealth,
        "How the device fares, once a minute.",
        DeviceHealth(
            run=_RUN,
            as_of="2026-11-22T06:01:00Z",
            uptime_s=86_400.0,
            frames_captured=864_000,
            frames_handled=863_000,
            frames_inferred=61_000,
            frames_dropped=1_000,
            frames_per_second=9.98,
            inference_ms_p50=61.2,
            inference_ms_p95=74.0,
            cpu_share=1.31,
            memory_mb=142.0,
            threads=9,
            files=24,
            temperature_c=61.5,
            throttling=[],
            disk_free_mb=21_000.0,
            outbox_unsent=0,
            outbox_held=1_440,
            outbox_bytes=953_000,
            outbox_dropped=0,
            shelf_waiting=0,
            shelf_lost=0,
            unsaid=0,
            clock_synced=True,
            clock_offset_ms=3,
            camera="",
            camera_reopened=0,
            camera_abandoned=0,
            blind="",
            strips=1_440,
            failure="",
        ),
        service=True,
        qos=0,
    ),
    Channel(
        "command/resend",
        Resend,
        "Send these reports again.",
        Resend(id="gap-7", journal=_JOURNAL, ranges=[(20, 70)]),
        heard=True,
    ),
    Channel(
        "command/journal",
        JournalCommand,
        "What the collector knows of a journal: a device that did not number all of it begins a new one.",
        JournalCommand(id="journal-3", journal=_JOURNAL, high=70, known=[(51, _RUN), (51, "r-0c1d2e3f4a5b")]),
        heard=True,
        service=True,
    ),
    Channel(
        "command/verdict",
        VerdictCommand,
        "What a person says of a crossing: when its class was last seen may depend on it.",
        VerdictCommand(
            id="verdict-4",
            verdict=Verdict(
                site="friendship-bridge",
                device="mast-1",
                run=_RUN,
                seq=1,
                line="deck",
                direction="outbound",
                at="2026-11-22T06:00:31.240Z",
                label="bus",
                said="no",
                by="Li Wei",
                when="2026-11-22T06:10:00Z",
                alert=7,
            ),
        ),
        heard=True,
        service=True,
    ),
    Channel(
        "command/strip",
        StripCommand,
        "Send the strip of a line and bucket, if pictures may leave the device.",
        StripCommand(id="look-1", line="deck", start="2026-11-22T06:00:00Z"),
        heard=True,
        service=True,
    ),
    Channel(
        "command/snapshot",
        PlainCommand,
        "Send the newest picture, if pictures may leave the device.",
        PlainCommand(id="look-2"),
        heard=True,
        service=True,
    ),
    Channel(
        "command/reload",
        PlainCommand,
        "Read the configuration again.",
        PlainCommand(id="again-1"),
        heard=True,
        service=True,
    ),
    Channel(
        "response",
        Response,
        "What became of a command, by its id.",
        Response(id="gap-7", verb="resend", ok=True, journal=_JOURNAL, resent=51),
    ),
    Channel(
        "site-alert",
        SiteAlert,
        "News of a site, from the collector: something unusual began, or is over, or was not told one by one.",
        SiteAlert(
            id="12",
            event="opened",
            at="2026-11-22T06:02:00Z",
            site="friendship-bridge",
            text="The first bus since 2022-10-30 16:12, outbound over deck (mast-1) at 2026-11-22 14:00: 1484 days"
            " without one, 97% of them watched.",
            alert=7,
            kind="first",
            label="bus",
            since="2026-11-22T06:00:00Z",
            until="2026-11-22T06:00:00Z",
            figures={
                "without_ms": 128_209_680_000,
                "watched_share": 0.97,
                "line": "deck",
                "direction": "outbound",
                "time_zone": "Asia/Shanghai",
            },
            evidence=[ReportSpan(device="mast-1", run=_RUN, first=1, last=1)],
            picture=True,
        ),
        service=True,
        of_site=True,
        qos=QOS,
    ),
)


def payload_of(channel: Channel) -> bytes:
    """The example of a channel as it is sent."""
    example: Any = channel.example
    if isinstance(example, SiteAlert):
        return encode_site_alert(example)
    return (
        encode(example)
        if isinstance(example, Report | Resend | Response | PlainCommand | StripCommand | VerdictCommand)
        else encode_self(example)
    )
