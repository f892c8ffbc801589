"""Command handlers of the service, beside `resend` and `journal`: `strip`, `snapshot`, `reload`, `verdict`.

They run in the sending thread: they read files of strips and a finished JPEG, set a flag and queue a verdict, and touch
nothing else of the thread that counts. No picture leaves unless the configuration allows it.
"""

import base64
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from edge.delivery.commands import CommandHandler, handler_of
from edge.device.strip_store import path_of
from edge.errors import InputError
from edge.wire.commands import PlainCommand, Response, StripCommand, Verdict, VerdictCommand
from edge.wire.times import milliseconds_of

JPEG_BYTES_MAX = 45_000
"""In base64 it still fits into the largest message that a collector accepts."""
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

    def strip(command: StripCommand) -> Response:
        try:
            start_ms = milliseconds_of(command.start)
        except ValueError as error:
            raise InputError(str(error)) from error
        picture = b""
        with suppress(OSError):
            picture = path_of(strips, command.line, start_ms).read_bytes()
        missing = f"there is no strip of {command.line} from {command.start[:32]}"
        return _pictured("strip", command.id, picture, missing, allowed=pictures_leave)

    def take_snapshot(command: PlainCommand) -> Response:
        missing = "the camera has given no picture yet"
        return _pictured("snapshot", command.id, snapshot(), missing, allowed=pictures_leave)

    def reload_configuration(command: PlainCommand) -> Response:
        reload()
        reason = "read again; see status and info for what came of it"
        return Response(id=command.id, verb="reload", ok=True, reason=reason)

    def verdict(command: VerdictCommand) -> Response:
        reason = apply_verdict(command.verdict)
        return Response(id=command.id, verb="verdict", ok=not reason, reason=reason[:200])

    return {
        "verdict": handler_of("verdict", VerdictCommand, verdict),
        "strip": handler_of("strip", StripCommand, strip),
        "snapshot": handler_of("snapshot", PlainCommand, take_snapshot),
        "reload": handler_of("reload", PlainCommand, reload_configuration),
    }


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
