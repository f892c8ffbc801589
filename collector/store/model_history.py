"""What each device last said of its models and its configuration: a row for each change."""

from collector.protocol.device_messages import Info, decode_device_message
from collector.store.dialect import Tables
from edge.wire.names import REPLAY
from edge.wire.report import ReportError

CHANGES_MAX = 1_000


_KNOWN = "version, model, naming, configuration"


def note_change(tables: Tables, device_id: int, payload: bytes, *, now_ms: int) -> None:
    """Keep what an `info` says, if that is new."""
    try:
        info = decode_device_message(payload, Info)
    except ReportError:
        return
    if info.run.startswith(REPLAY):
        return
    said = (info.version, info.model, info.naming, info.configuration_sha256)
    last = tables.rows(f"SELECT {_KNOWN} FROM model_change WHERE device_id = ? ORDER BY id DESC LIMIT 1", (device_id,))
    if last and last[0] == said:
        return
    tables.many(
        f"INSERT INTO model_change (device_id, run, since_ms, {_KNOWN}) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(device_id, info.run, now_ms, *said)],
    )
    newest = "SELECT id FROM model_change WHERE device_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?"
    tables.many(
        f"DELETE FROM model_change WHERE device_id = ? AND id <= ({newest})", [(device_id, device_id, CHANGES_MAX)]
    )
