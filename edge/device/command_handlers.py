"""Command handlers of the service, beside `resend` and `journal`: `strip`, `snapshot`, `reload`, `verdict`.

They run in the sending thread: they read files of strips and a finished JPEG, set a flag and queue a verdict, and touch
nothing else of the thread that counts. No picture leaves unless the configuration allows it.
"""

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from edge.delivery.commands import UNREADABLE, CommandHandler
from edge.device.strip_store import path_of
from edge.wire.commands import PlainCommand, Response, StripCommand, Verdict, VerdictCommand
from edge.wire.report import ReportError, decode_as
from edge.wire.times import milliseconds_of

JPEG_BYTES_MAX = 45_000
"""In base64 it still fits into the largest message that a collector accepts."""
_Command = TypeVar("_Command", PlainCommand, StripCommand, VerdictCommand)
NOT_ALLOWED = "pictures stay on the device: keep.pictures_leave is false"


def handlers_of(
    *,
    strips: Path,
    snapshot: Callable[[], bytes],
    reload: Callable[[], None],
    apply_verdict: Callable[[Verdict], str],
    pictures_leave: bool,
) -> Mapping[str, CommandHandler]:
    """A function for each verb.

    `snapshot` gives the newest picture as JPEG, empty where there is none yet; `apply_verdict` returns why
    it cannot, else an empty text.
    """

    def strip(payload: bytes) -> Response:
        command = _read(payload, StripCommand)
        if isinstance(command, str):
            return Response(id=UNREADABLE, verb="strip", ok=False, reason=command)
        try:
            picture = path_of(strips, command.line, milliseconds_of(command.start)).read_bytes()
        except ValueError as error:
            return Response(id=command.id, verb="strip", ok=False, reason=str(error)[:200])
        except OSError:
            picture = b""
        missing = f"there is no strip of {command.line} from {command.start[:32]}"
        return _pictured("strip", command.id, picture, missing, allowed=pictures_leave)

    def take_snapshot(payload: bytes) -> Response:
        command = _read(payload, PlainCommand)
        if isinstance(command, str):
            return Response(id=UNREADABLE, verb="snapshot", ok=False, reason=command)
        missing = "the camera has given no picture yet"
        return _pictured("snapshot", command.id, snapshot(), missing, allowed=pictures_leave)

    def reload_configuration(payload: bytes) -> Response:
        command = _read(payload, PlainCommand)
        if isinstance(command, str):
            return Response(id=UNREADABLE, verb="reload", ok=False, reason=command)
        reload()
        return Response(
            id=command.id, verb="reload", ok=True, reason="read again; see status and info for what came of it"
        )

    def verdict(payload: bytes) -> Response:
        command = _read(payload, VerdictCommand)
        if isinstance(command, str):
            return Response(id=UNREADABLE, verb="verdict", ok=False, reason=command)
        reason = apply_verdict(command.verdict)
        return Response(id=command.id, verb="verdict", ok=not reason, reason=reason[:200])

    return {"verdict": verdict, "strip": strip, "snapshot": take_snapshot, "reload": reload_configuration}


def _pictured(verb: str, id_: str, picture: bytes, missing: str, *, allowed: bool) -> Response:
    reason = ""
    if not allowed:
        reason = NOT_ALLOWED
    elif not picture:
        reason = missing
    elif len(picture) > JPEG_BYTES_MAX:
        reason = f"the picture has {len(picture)} bytes, at most {JPEG_BYTES_MAX} can be sent"
    if reason:
        return Response(id=id_, verb=verb, ok=False, reason=reason)
    return Response(id=id_, verb=verb, ok=True, jpeg=base64.b64encode(picture).decode("ascii"))


def _read(payload: bytes, kind: type[_Command]) -> _Command | str:
    try:
        return decode_as(payload, kind)
    except ReportError as error:
        return str(error)[:200]
