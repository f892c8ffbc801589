"""Command handlers of delivery: one function per verb of `command/<verb>`, each returns a response."""

from collections.abc import Callable

import msgspec

from edge.delivery.outbox import Outbox
from edge.errors import CrossingError
from edge.wire.commands import JournalCommand, Resend, Response
from edge.wire.names import RANGES_MAX, Transaction
from edge.wire.report import ReportError, decode_as

RESEND_MAX = 10_000
"""Reports that one command makes pending again."""
UNREADABLE: Transaction = "-"
"""The id of a response to a command whose own id cannot be read."""

CommandHandler = Callable[[bytes], Response]


def resend(payload: bytes, outbox: Outbox) -> Response:
    """Send reports again, and say which are gone."""
    try:
        command = decode_as(payload, Resend)
    except ReportError as error:
        return Response(id=UNREADABLE, verb="resend", ok=False, reason=str(error)[:200])
    journal = command.journal if isinstance(command.journal, str) else ""
    try:
        found = outbox.resend(command.ranges, journal=journal, limit=RESEND_MAX)
    except CrossingError as error:
        return Response(id=command.id, verb="resend", ok=False, reason=str(error)[:200])
    return Response(
        id=command.id,
        verb="resend",
        ok=True,
        journal=journal or outbox.journal,
        resent=found.number,
        gone=list(found.gone[:RANGES_MAX]),  # the rest is in the response to the next resend
        stranger=found.stranger or msgspec.UNSET,
    )


def compare(payload: bytes, outbox: Outbox) -> Response:
    """Compare the collector's knowledge of the journal with ours; begin a new one if a copy of the card used it."""
    try:
        command = decode_as(payload, JournalCommand)
    except ReportError as error:
        return Response(id=UNREADABLE, verb="journal", ok=False, reason=str(error)[:200])
    try:
        begun = outbox.compare(command.journal, high=command.high, known=command.known)
    except CrossingError as error:
        return Response(id=command.id, verb="journal", ok=False, reason=str(error)[:200])
    if begun is None:
        return Response(id=command.id, verb="journal", ok=True, journal=outbox.journal)
    return Response(
        id=command.id,
        verb="journal",
        ok=True,
        reason=outbox.begun_anew[:200],
        journal=begun.journal,
        first=begun.first,
        runs=list(begun.runs),
    )


def unknown(verb: str, known: list[str]) -> Response:
    """The response to an unknown verb."""
    reason = f"no such command; there are {', '.join(sorted(known))}"
    return Response(id=UNREADABLE, verb=verb[:64], ok=False, reason=reason)
