"""Every command of the collector that answers, over one store that is made anew, at a time that stands still."""

import contextlib
import io
import json
import tempfile
from functools import cache
from pathlib import Path
from unittest.mock import patch

import msgspec

from collector.alerts.evaluator import Evaluator
from collector.alerts.settings import AlertSettings, QueueRule
from collector.cli import main
from collector.config import load
from collector.protocol.intake import decode_message
from collector.protocol.items import Item
from collector.store.interface import Store
from collector.store.sqlite.store import SqliteStore
from deploy.channels import CHANNELS, payload_of
from deploy.dashboard import SITES
from deploy.weeks import POSTS, Traffic, fill
from edge.clock import SystemClock
from edge.wire.report import encode
from edge.wire.times import rfc3339
from edge.wire.topics import topic_of
from tests.collector.messages import a_report

NOON_MS = 1_795_608_000_000
HOUR_MS = 3_600_000
NOW_MS = NOON_MS + 3 * HOUR_MS
FACTORS = {"car": {"factor": 1.1, "low": 1.0, "high": 1.2}, "truck": {"factor": None, "low": None, "high": None}}

DAY = ["--from", "2026-11-24", "--to", "2026-11-25"]
BRIDGE = ["--site", "friendship-bridge"]
VERDICT = ["verdicts", "--say", "truck", "--by", "Li Wei", "--at", "2026-11-25T12:03:31Z"]
QUESTIONS: dict[str, list[str]] = {
    "totals": ["totals"],
    "totals-json": ["totals", "--json"],
    "totals-days": ["totals", *BRIDGE, "--from", "2026-11-20", "--interval", "day", "--estimate", "--json"],
    "totals-hours": ["totals", *BRIDGE, "--device", "mast-1", *DAY, "--interval", "hour"],
    "totals-places": ["totals", *BRIDGE, *DAY, "--places", "--load", "--scheme", "tls-2+0", "--json"],
    "totals-daylight": ["totals", *BRIDGE, *DAY, "--daylight"],
    "totals-against": ["totals", *BRIDGE, "--from", "2026-11-24", "--against", "week", "--json"],
    "balance": ["balance", "--from", "2026-11-23"],
    "balance-json": ["balance", "--from", "2026-11-23", "--json"],
    "compare": ["compare", "--from", "2026-11-20"],
    "compare-json": ["compare", "--from", "2026-11-20", "--json"],
    "usual": ["usual", *BRIDGE, "--device", "mast-1", "--date", "2026-11-24", "--weeks", "3"],
    "usual-json": ["usual", *BRIDGE, "--device", "mast-1", "--date", "2026-11-24", "--weeks", "3", "--json"],
    "zones": ["zones"],
    "zones-json": ["zones", "--json"],
    "convoys": ["convoys"],
    "convoys-json": ["convoys", "--json"],
    "devices": ["devices"],
    "devices-json": ["devices", "--json"],
    "ahead": ["ahead"],
    "ahead-json": ["ahead", "--json"],
    "overlaps": ["overlaps"],
    "overlaps-json": ["overlaps", "--json"],
    "gaps": ["gaps"],
    "gaps-json": ["gaps", "--json"],
    "refusals": ["refusals"],
    "refusals-json": ["refusals", "--json"],
    "models-factors": ["models", "--site", "bridge", "--device", "mast-1", "--factors", "factors.json"],
    "models": ["models"],
    "models-json": ["models", "--json"],
    "alerts": ["alerts"],
    "alerts-noted": ["alerts", "--acknowledge", "1", "--by", "Li Wei", "--note", "road works"],
    "alerts-json": ["alerts", "--json"],
    "verdicts-say": [*VERDICT, "--site", "bridge", "--device", "mast-1", "--line", "deck", "--run", "run-1"],
    "verdicts": ["verdicts"],
    "verdicts-json": ["verdicts", "--history", "--json"],
    "verdicts-export": ["verdicts", "--export", "-"],
    "export-csv": ["export", *BRIDGE, *DAY, "--interval", "hour", "--class", "truck"],
    "export-jsonl": ["export", *BRIDGE, *DAY, "--interval", "day", "--format", "jsonl"],
    "export-convoys": ["export", "--convoys"],
    "rollup": ["rollup"],
    "rollup-rebuild": ["rollup", "--rebuild", "--json"],
    "pack": ["pack"],
    "pack-json": ["pack", "--json"],
    "token-list": ["token", "list"],
    "token-list-json": ["token", "list", "--json"],
    "set-aside": ["ahead", "--site", "bridge", "--device", "mast-1", "--set-aside"],
    "take-back": ["ahead", "--site", "bridge", "--device", "mast-1", "--take-back"],
    "backup": ["backup", "copy.sqlite"],
    "restore": ["restore", "copy.sqlite", "--replace"],
    "totals-restored": ["totals"],
}
"""By name, in the order in which they are asked: some change the store."""


@cache
def answers() -> dict[str, str]:
    """What each question is answered: exit code, standard output, standard error."""
    with (
        tempfile.TemporaryDirectory(prefix="crossing-golden-") as name,
        patch.object(SystemClock, "real_ms", lambda _: NOW_MS),
        contextlib.chdir(name),
    ):
        folder = Path(name)
        config = folder / "collector.yaml"
        said = {"store": "counts.sqlite", "mqtt": {"host": "broker"}, "http": {"port": 0}, "sites": SITES}
        config.write_text(json.dumps(said), encoding="utf-8")  # JSON is YAML
        (folder / "factors.json").write_text(
            json.dumps({"from": "nano 1 aaaa", "to": "nano 2 bbbb", "classes": FACTORS}), encoding="utf-8"
        )
        with SqliteStore(folder / "counts.sqlite") as store:
            _fill(store, config)
        _answer(["token", "add", "office", "--scope", "read", "--config", str(config)])
        found = {}
        for key, words in QUESTIONS.items():
            found[key] = _answer([*words, "--config", str(config)]).replace(name, "FOLDER")
        return found


def _answer(words: list[str]) -> str:
    """Answers may be bytes or text; both go to one place, as on a terminal that is no terminal."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8", newline=""), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    out.flush()
    return f"exit code {code}\n{out.buffer.getvalue().decode()}== standard error\n{err.getvalue()}"


def _fill(store: Store, config: Path) -> None:
    """Four weeks of three devices, and of a fourth all that is out of the ordinary."""
    traffics = [Traffic(post, NOON_MS, HOUR_MS) for post in POSTS[:3]]
    fill(store, traffics, days=24)
    store.commit(_unusual(), now_ms=NOON_MS + HOUR_MS)
    store.commit([_item("bridge", "mast-1", "report", encode(a_report(9)))], now_ms=NOON_MS + HOUR_MS)
    store.commit([_item("bridge", "mast-1", "info", _info("run-9", "nano 2 bbbb"))], now_ms=NOON_MS + 2 * HOUR_MS)
    alerts = AlertSettings(queue=QueueRule(vehicles=5, minutes=10))
    watch = Evaluator(store, alerts, load(config).sites, holder="golden", listening=lambda: 0)
    for hours in (1, 2, 3):
        watch.look(NOON_MS + hours * HOUR_MS)


def _unusual() -> list[Item]:
    reports = [a_report(seq) for seq in (1, 2, 3, 6, 7)]
    reports += [a_report(8, start=rfc3339(NOON_MS + 366 * 24 * HOUR_MS), width_ms=60_000)]
    reports += [a_report(seq, run="run-2", journal="other") for seq in (1, 2)]
    items = [_item("bridge", "mast-1", "info", _info("run-1", "nano 1 aaaa"))]
    items += [_item(one.site, one.device, "report", encode(one)) for one in reports]
    items += [_item("bridge", "mast-1", "report", b"{}"), decode_message("crossing/v1/bridge/mast-1/report", b"\xff")]  # type: ignore[list-item]
    for channel in CHANNELS:
        if channel.name in {"status", "total", "alert", "convoy", "health"} and not channel.of_site:
            items.append(_item("bridge", "mast-1", channel.name, payload_of(channel)))
    return items


def _info(run: str, model: str) -> bytes:
    lines = {"deck": {"a_to_b": "outbound", "b_to_a": "return"}}
    words = {"schema": 1, "run": run, "version": "0.1.0", "model": model, "time_zone": "Asia/Shanghai", "lines": lines}
    return msgspec.json.encode({**words, "classes": ["car", "truck"], "bucket_ms": 60_000})


def _item(site: str, device: str, channel: str, payload: bytes) -> Item:
    return decode_message(topic_of(site, device, channel), payload)  # type: ignore[return-value]
