# ruff: noqa: T201 - a script prints
"""Hostile messages into ingest and store: whatever comes, nothing fails, nobody writes for another, memory is bounded.

    python -m tests.collector.fuzz --cases 200000

`make test` runs some thousands of the same. A case is a message; they come in batches, as from the broker.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from collector.cli.show_devices import devices_as_json, devices_as_table, gaps_as_json, gaps_as_table
from collector.protocol.gaps import Missing
from collector.protocol.intake import (
    KEPT_BYTES,
    PAYLOAD_BYTES_MAX,
    SUBSCRIBED_CHANNELS,
    DeviceMessage,
    LiveBucket,
    ReceivedAlert,
    ReceivedConvoy,
    ReceivedReport,
    ReceivedResponse,
    Refusal,
    RetainedCleared,
    decode_message,
)
from collector.protocol.items import Gap, Item, ReportsGone
from collector.protocol.resend_planner import ResendPlanner
from collector.queries.devices import devices, gaps
from collector.queries.totals import Selection, totals
from collector.queries.zones import last_zones
from collector.store.device_alerts import DEVICE_ALERTS_MAX, PICTURES_MAX, device_alerts
from collector.store.interface import Store
from collector.store.sqlite.store import SqliteStore
from edge.wire.report import decode
from edge.wire.topics import topic_of

NOW_MS = 1_795_608_000_000
BATCH_MAX = 20
CHUNK = 2_000
REFUSALS_MAX = 100
CONTROL = {chr(i) for i in (*range(32), 127, *range(0xD800, 0xE000))}
GROWTH_KIB_MAX = 65_536 + 32_768  # SQLite's page cache, and a margin for the allocator

REPORT = {
    "clock_synced": True, "health": {"frames": 600, "frames_blind": 0}, "journal": "j1",
    "lines": {"deck": {"outbound": {"car": 3, "truck": 0}, "return": {"car": 1, "truck": 0}}},
    "run": "run-1", "schema": 1, "seq": 1, "start": "2026-11-22T06:00:00Z", "state": "ok",
    "watched_ms": 60_000, "width_ms": 60_000,
    "zones": {"queue": {"inside": {"mean": 1.5, "max": 3, "end": 1}, "standing": {"mean": 0.5, "max": 1, "end": 0}}},
}  # fmt: skip
SAID = {
    "status": {"schema": 1, "state": "online", "run": "run-1", "since": "2026-11-22T06:00:00Z", "reason": ""},
    "info": {"schema": 1, "run": "run-1", "version": "0.1.0", "model": "m", "lines": {}, "classes": [], "bucket_ms": 1},
    "total": {"schema": 1, "journal": "j1", "sent_through": 7, "dropped": 0, "since": "", "as_of": "", "lines": {}},
    "alert": {
        "schema": 1,
        "run": "run-1",
        "at": "2026-11-22T06:00:31.240Z",
        "kind": "rare-class",
        "reason": "the first bus",
        "line": "deck",
        "direction": "outbound",
        "class": "bus",
        "before": "2022-10-30T08:12:00Z",
        "jpeg": "/9j/4AAQ",
    },
    "convoy": {
        "schema": 1,
        "run": "run-1",
        "number": 1,
        "since": "2026-11-22T06:10:00Z",
        "until": "2026-11-22T06:12:00Z",
        "line": "deck",
        "direction": "outbound",
        "vehicles": 6,
        "by_class": {"bus": 1, "truck": 5},
        "gaps_ms": {"min": 5_000, "p50": 9_000, "max": 19_000},
        "headway_ms": 20_000,
        "began": "headway",
        "ended": "unwatched",
    },
    "health": {
        "schema": 1,
        "run": "run-1",
        "as_of": "2026-11-22T06:01:00Z",
        "outbox_unsent": 3,
        "outbox_dropped": 0,
        "clock_synced": True,
        "clock_offset_ms": 3,
        "camera": "",
        "blind": "",
        "failure": "",
    },
    "response": {"id": "1", "verb": "resend", "ok": True, "journal": "j1", "resent": 2, "gone": [[1, 2]]},
}

NAMES = st.sampled_from(["bridge", "tunnel", "mast-1", "mast-2", "mast-3"])
NUMBERS = st.one_of(
    st.integers(-2, 12),
    st.sampled_from(
        [2**31, 2**53 - 1, 2**53, 2**63, 2**64, 10**30, -(2**63), 1e999, -1e999, 0.5, 1e-320, float("nan")]
    ),
)
WORDS = st.one_of(
    NAMES,
    st.text(max_size=8),
    st.sampled_from(["", "\x00", "a\nb", "\x7f", "\ud800", "\u202e", "a" * 65, "ä" * 64, "2026-11-22T06:00:00Z"]),
    st.sampled_from(["1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2026-02-30T00:00:00Z"]),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=8,
)
BYTES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [b"", b"null", b"[]", b"{}", b"\xff\xfe", b"\xed\xa0\x80", b"{" * 500, b"[" * 60_000, b'{"a":' * 9_000]
    ),
    st.just(b" " * (PAYLOAD_BYTES_MAX + 1)),
)


@st.composite
def messages(draw: st.DrawFn) -> tuple[str, bytes]:
    """A topic and a payload: half of them nearly right."""
    channel = draw(st.sampled_from([*SUBSCRIBED_CHANNELS, "report", "report"]))
    site, device = draw(st.sampled_from(["bridge", "tunnel"])), draw(NAMES)
    if channel == "report":
        fields = REPORT | {"site": site, "device": device, "seq": draw(st.integers(1, 2_000))}
        if draw(st.booleans()):
            fields["lines"] = {"deck": {"outbound": {"car": draw(st.integers(0, 9))}}}
    else:
        fields = dict(SAID[channel])
    return draw(_topic(site, device, channel)), draw(_payload(fields))


@st.composite
def _topic(draw: st.DrawFn, site: str, device: str, channel: str) -> str:
    right = topic_of(site, device, channel)
    if draw(st.integers(0, 9)) < 8:
        return right
    return draw(
        st.one_of(
            NAMES.map(lambda other: topic_of(site, other, channel)),
            st.text(max_size=30),
            st.sampled_from(["", "/", "#", "$SYS/broker", right + "/x", right + "\n", right.upper(), "a" * 70_000]),
            st.sampled_from(
                [right.replace("v1", "v2"), right.replace(site, ""), right.replace(site, "+"), "\x00" + right]
            ),
        )
    )


@st.composite
def _payload(draw: st.DrawFn, fields: dict[str, Any]) -> bytes:
    how = draw(st.integers(0, 12))  # above 7: as it should be
    if how == 0:
        return draw(BYTES)
    if 1 <= how <= 4:
        _change(draw, fields)
    text = json.dumps(fields).encode()
    if how == 5:  # a key twice
        return b'{"seq": 5, "device": "mast-3", ' + text[1:]
    if how == 6:  # bytes turned over
        at = draw(st.integers(0, len(text) - 1))
        return text[:at] + draw(st.binary(max_size=3)) + text[at + draw(st.integers(0, 3)) :]
    if how == 7:  # from a newer device
        return json.dumps(fields | {"schema": draw(st.sampled_from([0, 2, 99, "1", None, 1.0])), "new": [1]}).encode()
    return text


def _change(draw: st.DrawFn, fields: dict[str, Any]) -> None:
    """One field becomes something else, is missing, or one more is there; perhaps deep inside."""
    key = draw(st.sampled_from([*fields, "more"]))
    inside = fields.get(key)
    if isinstance(inside, dict) and inside and draw(st.booleans()):
        fields[key] = dict(inside)
        _change(draw, fields[key])
    elif draw(st.integers(0, 4)) == 0:
        fields.pop(key, None)
    else:
        fields[key] = draw(VALUES)


class Target:
    """A store, and a device that was asked for something: everything a message can touch."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.cases = 0
        self.stored = 0
        self._asking = ResendPlanner(random.Random(1))

    def take(self, batch: list[tuple[str, bytes]]) -> None:
        """As the subscriber does it; AssertionError where a promise is broken."""
        asked = [Gap("bridge", "mast-1", "j1", Missing(1, 3, NOW_MS, NOW_MS))]
        self._asking.update(asked, now_ms=self.cases * 60_000)
        items: list[Item] = []
        for topic, payload in batch:
            item = decode_message(topic, payload)
            whose = tuple(topic.split("/")[2:4])
            if isinstance(item, ReceivedReport):
                assert (item.report.site, item.report.device) == whose, "a report counts for its topic's device only"
            elif isinstance(item, DeviceMessage | ReceivedAlert | ReceivedConvoy | ReceivedResponse | RetainedCleared):
                assert (item.site, item.device) == whose, "a device speaks for itself only"
            elif isinstance(item, LiveBucket):
                assert (item.site, item.device) == whose, "a device is shown by itself only"
                continue
            else:
                assert len(item.topic) <= KEPT_BYTES >= len(item.payload), "a refusal is bounded"
                assert len(item.reason) <= KEPT_BYTES
                assert not set(item.reason + item.topic) & CONTROL
            if isinstance(item, RetainedCleared):
                continue
            if not isinstance(item, ReceivedResponse):
                items.append(item)
            elif (gone := self._asking.answered(item.site, item.device, item.response)) is not None:
                assert isinstance(gone, ReportsGone), "only resends were asked for"
                assert (gone.site, gone.device, gone.journal) == ("bridge", "mast-1", "j1"), (
                    "only who was asked answers"
                )
                items.append(gone)
        counts = self.store.commit(items, now_ms=NOW_MS)
        received = sum(isinstance(item, ReceivedReport) for item in items)
        refused = sum(isinstance(item, Refusal) for item in items)
        assert counts.stored + counts.duplicates + counts.refused == received + refused, (
            "every message becomes one thing"
        )
        self.cases += len(batch)
        self.stored += counts.stored

    def check(self) -> None:
        """What is stored is stored under who said it, the refusals are bounded, and every question has an answer."""
        assert len(self.store.refusals()) <= REFUSALS_MAX
        with self.store.reading() as reading:
            rows = reading.rows("SELECT site, device, payload FROM unpacked JOIN device ON device.id = device_id", {})
        for site, device, payload in rows:
            report = decode(payload)
            assert (report.site, report.device) == (site, device), "nobody writes for another"
        assert len(rows) == self.stored
        with self.store.reading() as reading:
            called = device_alerts(reading, limit=100_000)
        of_device = Counter((one.site, one.device) for one in called)
        assert max(of_device.values(), default=0) <= DEVICE_ALERTS_MAX, "what devices call out is bounded"
        pictured = Counter((one.site, one.device) for one in called if one.has_picture)
        assert max(pictured.values(), default=0) <= PICTURES_MAX, "their pictures are"
        totals(self.store, Selection())
        last_zones(self.store)
        for found in (devices(self.store),):
            devices_as_table(found, now_ms=NOW_MS)
            json.dumps(devices_as_json(found, now_ms=NOW_MS))
        gaps_as_table(gaps(self.store))
        json.dumps(gaps_as_json(gaps(self.store)))


def run(target: Target, cases: int, *, number: int) -> None:
    """Go on to so many cases; a batch that breaks a promise is printed."""
    while target.cases < cases:
        _chunk(target, min(cases - target.cases, CHUNK), number=number + target.cases)
        target.check()


def _chunk(target: Target, cases: int, *, number: int) -> None:
    """At most so many more, at least one batch."""

    @seed(number)
    @settings(
        max_examples=-(-cases // BATCH_MAX),
        database=None,
        deadline=None,
        phases=[Phase.generate],  # the store remembers: a smaller batch would meet another store
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(messages(), min_size=BATCH_MAX // 2, max_size=BATCH_MAX))
    def one_batch(batch: list[tuple[str, bytes]]) -> None:
        target.take(batch)

    one_batch()


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz", description="Hostile messages into the collector.")
    parser.add_argument("--cases", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    given_ = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, SqliteStore(Path(folder) / "s", refusals_max=REFUSALS_MAX) as store:
        target = Target(store)
        started, base_kib, step = time.monotonic(), 0, max(1, given_.cases // 10)
        for upto in range(step, given_.cases + step, step):
            run(target, min(upto, given_.cases), number=given_.seed)
            held_kib, most_kib = _memory_kib("VmRSS"), _memory_kib("VmHWM")
            base_kib = base_kib or held_kib
            taken = f"{target.cases:>9,} cases  {target.stored:>7,} stored  {time.monotonic() - started:>5.0f} s"
            print(f"{taken}  {held_kib / 1024:>7.1f} MiB, at most {most_kib / 1024:.1f}", flush=True)
            assert most_kib - base_kib < GROWTH_KIB_MAX, "memory is bounded"
    print("no crash, no foreign write, memory bounded")
    return 0


def _memory_kib(which: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{which}:"):
            return int(line.split()[1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
