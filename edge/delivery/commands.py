"""Command handlers of delivery: one function per verb of `command/<verb>`, each returns a response."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from edge.delivery.outbox import Outbox
from edge.errors import CrossingError
from edge.wire.commands import JournalCommand, PlainCommand, Resend, Response, StripCommand, VerdictCommand
from edge.wire.names import RANGES_MAX, Transaction
from edge.wire.report import ReportError, decode_as

RESEND_MAX = 10_000
"""Reports that one command makes pending again."""
UNREADABLE: Transaction = "-"
"""The id of a response to a command whose own id cannot be read."""

CommandHandler = Callable[[bytes], Response]
_Command = TypeVar("_Command", Resend, JournalCommand, PlainCommand, StripCommand, VerdictCommand)


def handler_of(verb: str, kind: type[_Command], handle: Callable[[_Command], Response]) -> CommandHandler:
    """A handler that decodes a command; what cannot be decoded, or fails, becomes a response with the reason."""

    def handler(payload: bytes) -> Response:
        try:
            command = decode_as(payload, kind)
        except ReportError as error:
            return Response(id=UNREADABLE, verb=verb, ok=False, reason=str(error)[:200])
        try:
            return handle(command)
        except CrossingError as error:
            return Response(id=command.id, verb=verb, ok=False, reason=str(error)[:200])

    return handler


def resend(outbox: Outbox) -> CommandHandler:
    """Sends reports again, and says which are gone."""

    def handle(command: Resend) -> Response:
        journal = command.journal if isinstance(command.journal, str) else ""
        found = outbox.resend(command.ranges, journal=journal, limit=RESEND_MAX)
        return Response(
            id=command.id,
            verb="resend",
            ok=True,
            journal=journal or outbox.journal,
            resent=found.number,
            gone=list(found.gone[:RANGES_MAX]),  # the rest is in the response to the next resend
            stranger=found.stranger or msgspec.UNSET,
        )

    return handler_of("resend", Resend, handle)


def compare(outbox: Outbox) -> CommandHandler:
    """Compares the collector's knowledge of the journal with ours; begins a new one if a copy of the card used it."""

    def handle(command: JournalCommand) -> Response:
        begun = outbox.compare(command.journal, high=command.high, known=command.known)
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

    return handler_of("journal", JournalCommand, handle)


def unknown(verb: str, known: list[str]) -> Response:
    """The response to an unknown verb."""
    reason = f"no such command; there are {', '.join(sorted(known))}"
    return Response(id=UNREADABLE, verb=verb[:64], ok=False, reason=reason)
