"""The command `crossing-collector ahead`: reports ahead of the clock or too early, and setting them aside."""

import argparse
import sys
from functools import partial
from typing import Any

from tqdm import tqdm

from collector.cli.answer import print_answer
from collector.cli.show_devices import time_text
from collector.cli.terminal_table import aligned
from collector.domain.plausible_time import EARLIEST_MS
from collector.domain.scope import Scope
from collector.queries.devices import DeviceState, devices
from collector.queries.places import Sites
from collector.queries.tallies import device_ids
from collector.store.ahead import Reports
from collector.store.interface import Store
from edge.clock import SystemClock
from edge.errors import InputError
from edge.wire.times import rfc3339


def show_ahead(store: Store, _sites: Sites, given: argparse.Namespace) -> None:
    """List them, after setting aside or taking back those of the devices named."""
    now_ms = SystemClock().real_ms()
    if given.set_aside and given.take_back:
        raise InputError("--set-aside and --take-back exclude each other")
    if given.before is not None and not (given.set_aside and given.site and given.device):
        raise InputError("--before goes with --set-aside, --site and --device: it is about one clock that was wrong")
    before_ms = EARLIEST_MS if given.before is None else max(EARLIEST_MS, given.before.in_zone("UTC"))
    if given.set_aside or given.take_back:
        changed = 0
        ids = device_ids(store, Scope(site=given.site, device=given.device))
        for device_id in tqdm(ids, unit="device", file=sys.stderr, disable=None):
            if given.set_aside:
                changed += store.set_aside(device_id, now_ms=now_ms, before_ms=before_ms)
            else:
                changed += store.take_back(device_id)
        print(f"{changed} reports {'set aside' if given.set_aside else 'taken back'}", file=sys.stderr)
    found = [
        one
        for one in devices(store, site=given.site, device=given.device, now_ms=now_ms)
        if one.ahead.number or one.early.number or one.set_aside.number
    ]
    print_answer(
        given,
        found,
        partial(_as_json, now_ms=now_ms),
        _as_table,
        nothing="no report is ahead of this computer's clock or before 2016, and none is set aside",
    )


def warn_of_ahead(store: Store, given: argparse.Namespace) -> None:
    """Print on standard error which reports an answer leaves out: those ahead if its end is open, and those too early
    if its beginning is open and there are others."""
    if getattr(given, "to", None) is not None:
        return
    for one in devices(store, site=given.site, device=given.device, now_ms=SystemClock().real_ms()):
        found = []
        if one.ahead.number:
            end = time_text(one.ahead.end_ms) or "a time that no calendar has"
            found.append(
                f"{one.ahead.number} reports are ahead of this computer's clock, up to {end}, and are not counted here"
            )
        if one.early.number and getattr(given, "from_", None) is None:
            begin = time_text(one.early.first_ms) or "a time that no calendar has"
            found.append(
                f"{one.early.number} reports are of before 2016, from {begin}, and are counted where there are no"
                " others"
            )
        for what in found:
            print(f"{one.site}/{one.device}: {what}; see `crossing-collector ahead`", file=sys.stderr)


def _as_table(found: list[DeviceState]) -> str:
    rows = [["site", "device", "state", "reports", "from", "to"]]
    for one in found:
        for state, of in (("ahead", one.ahead), ("too early", one.early), ("set aside", one.set_aside)):
            if of.number:
                times = [time_text(time_ms) or "-" for time_ms in (of.first_ms, of.end_ms)]
                rows.append([one.site, one.device, state, str(of.number), *times])
    return aligned(rows, names=3, shared=1)


def _as_json(found: list[DeviceState], now_ms: int) -> dict[str, Any]:
    return {
        "now": rfc3339(now_ms),
        "devices": [
            {
                "site": one.site,
                "device": one.device,
                "ahead": _reports_as_json(one.ahead),
                "too_early": _reports_as_json(one.early),
                "set_aside": _reports_as_json(one.set_aside),
            }
            for one in found
        ],
    }


def _reports_as_json(of: Reports) -> dict[str, Any] | None:
    if not of.number:
        return None
    return {"reports": of.number, "from": time_text(of.first_ms), "to": time_text(of.end_ms)}
