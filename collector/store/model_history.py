"""Versions, models and configuration of each device: a row for each change."""

from collector.protocol.device_messages import Info, decode_device_message
from collector.store.dialect import Tables
from edge.wire.names import REPLAY
from edge.wire.report import ReportError

CHANGES_MAX = 1_000


COLUMNS = "version, model, naming, configuration"


def note_change(tables: Tables, device_id: int, payload: bytes, *, now_ms: int) -> None:
    """Store the versions and models of an `info`, if they differ from the last ones."""
    try:
        info = decode_device_message(payload, Info)
    except ReportError:
        return
    if info.run.startswith(REPLAY):
        return
    now = (info.version, info.model, info.naming, info.configuration_sha256)
    last = tables.rows(f"SELECT {COLUMNS} FROM model_change WHERE device_id = ? ORDER BY id DESC LIMIT 1", (device_id,))
    if last and last[0] == now:
        return
    tables.many(
        f"INSERT INTO model_change (device_id, run, since_ms, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(device_id, info.run, now_ms, *now)],
    )
    newest = "SELECT id FROM model_change WHERE device_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?"
    tables.many(
        f"DELETE FROM model_change WHERE device_id = ? AND id <= ({newest})", [(device_id, device_id, CHANGES_MAX)]
    )
